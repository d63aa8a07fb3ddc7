//! How streams begin and end.

use super::*;

/// VTP-49: the peer hears of a stream with its head before it hears of the bytes.
#[test]
fn a_stream_is_opened_before_its_bytes() {
    let mut ends = Ends::new();
    let first = ends.ends[MASTER].open(b"one").unwrap();
    let second = ends.ends[MASTER].open(b"two").unwrap();
    ends.write(MASTER, second, b"to two");
    ends.write(MASTER, first, b"to one");
    ends.settle();
    let told = events(&mut ends.ends[SLAVE]);
    let readable = |stream| StreamEvent::Readable { stream };
    let expected = [
        opened(first, b"one"),
        readable(first),
        opened(second, b"two"),
        readable(second),
    ];
    assert_eq!(told, expected);
    assert_eq!(ends.read(SLAVE, first), b"to one");
    assert_eq!(ends.read(SLAVE, second), b"to two");
}

/// VTP-50: a direction ends with fin behind its bytes, and the other goes on; with both the stream is gone.
#[test]
fn each_direction_ends_for_itself() {
    let (mut ends, stream) = Ends::with_stream();
    ends.write(MASTER, stream, b"question");
    ends.ends[MASTER].finish(stream).unwrap();
    ends.settle();
    assert_eq!(
        events(&mut ends.ends[SLAVE]),
        [StreamEvent::Readable { stream }]
    );
    assert_eq!(ends.ends[SLAVE].read(stream, 4).unwrap().unwrap(), "ques");
    assert_eq!(
        events(&mut ends.ends[SLAVE]),
        [],
        "the end is told behind the last byte"
    );
    assert_eq!(ends.read(SLAVE, stream), b"tion");
    assert_eq!(
        events(&mut ends.ends[SLAVE]),
        [StreamEvent::Ended { stream }]
    );
    assert_eq!(ends.ends[SLAVE].read(stream, 1), Ok(None));
    ends.write(SLAVE, stream, b"answer");
    ends.settle();
    assert_eq!(ends.read(MASTER, stream), b"answer");
    ends.ends[SLAVE].finish(stream).unwrap();
    ends.settle();
    assert_eq!(
        events(&mut ends.ends[MASTER]),
        [StreamEvent::Ended { stream }]
    );
    assert!(ends.is_empty());
}

/// VTP-50: what waited at both ends is dropped with RESET, both ends end, and only the other end's runtime is told.
#[test]
fn whoever_gives_up_ends_both_directions() {
    let (mut ends, stream) = Ends::with_stream();
    ends.write(SLAVE, stream, b"unread");
    ends.settle();
    ends.write(MASTER, stream, b"unsaid");
    ends.write(SLAVE, stream, b"unsaid too");
    ends.ends[MASTER].reset(stream, 9);
    assert_eq!(ends.ends[MASTER].weight() + ends.ends[MASTER].held(), 0);
    ends.say(MASTER);
    assert_eq!(ends.wires[MASTER], [Body::Reset { stream, code: 9 }]);
    ends.hear(SLAVE);
    ends.say(SLAVE);
    assert_eq!(ends.wires[SLAVE], [Body::Reset { stream, code: 0 }]);
    assert!(!ends.ends[MASTER].is_empty(), "bytes may still come");
    ends.hear(MASTER);
    let told = [StreamEvent::Reset { stream, code: 9 }];
    assert_eq!(events(&mut ends.ends[SLAVE]), told);
    assert_eq!(events(&mut ends.ends[MASTER]), []);
    assert!(ends.is_empty());
}

/// VTP-50: after RESET, from either side, the runtime has no such stream.
#[test]
fn a_stream_given_up_is_over_for_both_runtimes() {
    let (mut ends, stream) = Ends::with_stream();
    ends.ends[MASTER].reset(stream, 9);
    ends.say(MASTER);
    ends.hear(SLAVE);
    for end in &mut ends.ends {
        assert_eq!(end.read(stream, 1), Err(StreamFault::Over));
        assert_eq!(end.finish(stream), Err(StreamFault::Over));
        let mut bytes = Bytes::from_static(b"x");
        assert_eq!(end.write(stream, &mut bytes), Err(StreamFault::Over));
    }
}

/// VTP-50: bytes under way behind our RESET are discarded until the peer's direction has ended.
#[test]
fn bytes_that_still_come_are_discarded() {
    let (mut ends, stream) = Ends::with_stream();
    ends.write(SLAVE, stream, &[1; 1000]);
    ends.say(SLAVE);
    ends.ends[MASTER].reset(stream, 9);
    ends.say(MASTER);
    ends.hear(MASTER);
    assert_eq!(ends.ends[MASTER].held(), 0);
    ends.ends[SLAVE].finish(stream).unwrap();
    ends.say(SLAVE);
    ends.hear(MASTER);
    assert_eq!(events(&mut ends.ends[MASTER]), []);
    assert!(ends.ends[MASTER].is_empty(), "fin ended the last direction");
    ends.hear(SLAVE);
    assert_eq!(
        events(&mut ends.ends[SLAVE]),
        [StreamEvent::Reset { stream, code: 9 }]
    );
    assert_eq!(
        bodies(&mut ends.ends[SLAVE]),
        [],
        "who has ended its direction does not answer"
    );
    assert!(ends.is_empty());
}

/// VTP-50: RESETs that cross answer each other.
#[test]
fn two_resets_that_cross_end_the_stream() {
    let (mut ends, stream) = Ends::with_stream();
    for end in [MASTER, SLAVE] {
        ends.ends[end].reset(stream, 9);
        ends.say(end);
    }
    for end in [MASTER, SLAVE] {
        ends.hear(end);
        assert_eq!(events(&mut ends.ends[end]), []);
        assert_eq!(bodies(&mut ends.ends[end]), []);
    }
    assert!(ends.is_empty());
}

/// VTP-50: RESET behind one's own fin says that one does not read; it may cross the fin that ends the stream.
#[test]
fn a_reset_behind_fin_stops_the_other_direction() {
    for crossing in [false, true] {
        let (mut ends, stream) = Ends::with_stream();
        ends.ends[MASTER].finish(stream).unwrap();
        ends.settle();
        assert_eq!(
            events(&mut ends.ends[SLAVE]),
            [StreamEvent::Ended { stream }]
        );
        if crossing {
            ends.ends[SLAVE].finish(stream).unwrap();
            ends.say(SLAVE);
        }
        ends.ends[MASTER].reset(stream, 9);
        ends.say(MASTER);
        ends.hear(SLAVE);
        let told = [StreamEvent::Reset { stream, code: 9 }];
        let told = if crossing { &[] } else { &told[..] };
        assert_eq!(events(&mut ends.ends[SLAVE]), told);
        ends.settle();
        assert!(ends.is_empty());
    }
}

/// VTP-50: RESET is told also to a runtime that has heard the end of the peer's direction, and stands in nobody's way.
#[test]
fn a_reset_behind_fin_is_told_after_it_was_answered() {
    let (mut ends, stream) = Ends::with_stream();
    ends.ends[MASTER].finish(stream).unwrap();
    ends.settle();
    ends.ends[SLAVE].poll_event().unwrap();
    ends.ends[MASTER].reset(stream, 9);
    let next = ends.ends[MASTER].open(b"").unwrap();
    ends.settle();
    let told = [StreamEvent::Reset { stream, code: 9 }, opened(next, b"")];
    assert_eq!(events(&mut ends.ends[SLAVE]), told);
}

/// VTP-50: a RESET that waits while both directions end by fin has nothing left to stop.
#[test]
fn a_reset_that_has_nothing_to_stop_is_not_said() {
    let (mut ends, stream) = Ends::with_stream();
    ends.ends[MASTER].finish(stream).unwrap();
    ends.settle();
    ends.ends[SLAVE].finish(stream).unwrap();
    ends.say(SLAVE);
    ends.ends[MASTER].reset(stream, 9);
    ends.hear(MASTER);
    assert!(ends.ends[MASTER].is_empty());
    assert!(!ends.ends[MASTER].has_body());
}

/// VTP-50: giving up twice, or what the peer gave up, is said once.
#[test]
fn one_reset_is_said_for_a_stream() {
    let (mut ends, stream) = Ends::with_stream();
    for _ in 0..2 {
        ends.ends[MASTER].reset(stream, 9);
        let said = bodies(&mut ends.ends[MASTER]);
        ends.wires[MASTER].extend(said);
        ends.ends[MASTER].reset(stream, 9);
    }
    assert_eq!(ends.wires[MASTER].len(), 1);
    ends.hear(SLAVE);
    ends.ends[SLAVE].reset(stream, 7);
    assert_eq!(bodies(&mut ends.ends[SLAVE]).len(), 1);
    assert_eq!(
        events(&mut ends.ends[SLAVE]),
        [],
        "who gave up is told nothing"
    );
    assert!(ends.ends[SLAVE].is_empty());
}

/// VTP-49, VTP-50: the id of a stream that was given up unsaid is used up all the same; its runtime is not told of what ended before it
/// looked.
#[test]
fn a_stream_given_up_before_it_was_said_is_opened_and_reset() {
    let mut ends = Ends::new();
    let stream = ends.ends[MASTER].open(b"no").unwrap();
    ends.write(MASTER, stream, b"unsaid");
    ends.ends[MASTER].reset(stream, 9);
    ends.say(MASTER);
    let said = Vec::from(ends.wires[MASTER].clone());
    let head = Bytes::from_static(b"no");
    let expected = [Body::Open { stream, head }, Body::Reset { stream, code: 9 }];
    assert_eq!(said, expected);
    ends.settle();
    assert_eq!(events(&mut ends.ends[SLAVE]), []);
    assert!(ends.is_empty());
    assert_eq!(ends.ends[MASTER].open(b""), Ok(stream + 2));
}

/// VTP-49: a side that ends a stream and opens another at its bound is refused by nobody, wherever frames and runtimes linger.
#[test]
fn both_ends_count_alike() {
    let mut ends = Ends::new();
    let mut open: VecDeque<u32> = (0..1024)
        .map(|_| ends.ends[MASTER].open(b"").unwrap())
        .collect();
    ends.settle();
    for _ in 0..600 {
        let (oldest, next) = (open.pop_front().unwrap(), open[0]);
        ends.ends[MASTER].finish(oldest).unwrap();
        ends.ends[SLAVE].finish(oldest).unwrap();
        ends.ends[SLAVE].reset(next, 1);
        ends.say(SLAVE);
        ends.hear(MASTER);
        events(&mut ends.ends[MASTER]);
        assert_eq!(ends.ends[MASTER].open(b""), Err(StreamFault::TooMany));
        ends.say(MASTER);
        open.pop_front();
        for _ in 0..2 {
            open.push_back(ends.ends[MASTER].open(b"").unwrap());
        }
        assert_eq!(ends.ends[MASTER].open(b""), Err(StreamFault::TooMany));
        ends.say(MASTER);
        ends.hear(SLAVE);
        events(&mut ends.ends[SLAVE]);
    }
}

/// VTP-50: streams that are gone wait for their reader, 256 of them; then an OPEN is answered with RESET until one is read.
#[test]
fn gone_streams_that_nobody_reads_are_bounded() {
    let mut end = Streams::new(Side::Slave);
    let gone = |end: &mut Streams, stream: u32| {
        end.handle_open(stream, b"").unwrap();
        let opened = end.poll_event().is_some();
        let _ = end.finish(stream);
        end.handle_stream(stream, true, &[1; 100]).unwrap();
        bodies(end);
        opened
    };
    for n in 0..256 {
        assert!(gone(&mut end, 2 * n));
    }
    events(&mut end);
    assert_eq!(end.handle_open(512, b""), Ok(()));
    assert_eq!(events(&mut end), []);
    let code = NO_REASON;
    assert_eq!(bodies(&mut end), [Body::Reset { stream: 512, code }]);
    assert_eq!(end.handle_stream(512, true, &[1; 100]), Ok(()));
    assert!(!gone(&mut end, 514), "still no room");
    assert_eq!(end.held(), 25_600);
    end.read(0, 100).unwrap();
    assert_eq!(events(&mut end), [StreamEvent::Ended { stream: 0 }]);
    assert!(gone(&mut end, 516), "one was read to its end");
}
