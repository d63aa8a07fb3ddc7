//! Credit, room, turns and bounds.

use super::*;
use std::mem::size_of;

/// VTP-51: a sender stops at 65,536 bytes, and goes on with what its reader frees, half a window at a time.
#[test]
fn a_sender_stops_until_its_reader_reads() {
    let (mut ends, stream) = Ends::with_stream();
    ends.write(MASTER, stream, &[1; 200_000]);
    ends.settle();
    assert_eq!(ends.ends[SLAVE].held(), 65_536);
    assert_eq!(ends.ends[MASTER].weight(), 200_000 - 65_536);
    let mut read = 0;
    while read < 32_767 {
        let bytes = ends.ends[SLAVE].read(stream, 32_767 - read);
        read += bytes.unwrap().unwrap().len();
        assert!(!ends.ends[SLAVE].has_body(), "less than half is free");
    }
    ends.ends[SLAVE].read(stream, 1).unwrap();
    let credit = Body::Credit {
        stream,
        more: 32_768,
    };
    ends.say(SLAVE);
    assert_eq!(ends.wires[SLAVE], [credit]);
    ends.hear(MASTER);
    ends.settle();
    assert_eq!(ends.ends[SLAVE].held(), 65_536);
}

/// VTP-51: a reader that keeps up is granted more, up to 1,048,576 bytes, and one that does not is not.
#[test]
fn a_reader_that_keeps_up_is_granted_more() {
    for (left, open) in [(0, 1_048_576), (1, 65_536)] {
        let mut end = Streams::new(Side::Slave);
        end.handle_open(0, b"").unwrap();
        end.handle_stream(0, false, &[1]).unwrap();
        let mut granted = 65_535;
        for _ in 0..20 {
            end.handle_stream(0, false, &vec![1; granted]).unwrap();
            while end.held() > left {
                end.read(0, end.held() - left).unwrap();
            }
            for body in bodies(&mut end) {
                let Body::Credit { more, .. } = body else {
                    panic!("{body:?}");
                };
                granted = usize::try_from(more).unwrap();
            }
        }
        assert_eq!(granted + left, open);
    }
}

/// VTP-51: all windows of a connection together are at most 8 MiB above their first size, and what a stream had comes free with it.
#[test]
fn what_is_granted_is_bounded_over_all_streams() {
    let mut end = Streams::new(Side::Slave);
    let widest = |end: &mut Streams, stream: u32| {
        end.handle_open(stream, b"").unwrap();
        let mut granted = 65_536;
        for _ in 0..6 {
            end.handle_stream(stream, false, &vec![1; granted]).unwrap();
            while end.read(stream, usize::MAX).unwrap().is_some() {}
            let more = |body| match body {
                Body::Credit { more, .. } => usize::try_from(more).unwrap(),
                _ => 0,
            };
            granted = bodies(end).into_iter().map(more).sum();
        }
        granted
    };
    let first: Vec<_> = (0..10).map(|n| widest(&mut end, 2 * n)).collect();
    let sum: usize = first.iter().map(|granted| granted - 65_536).sum();
    assert_eq!(&first[..8], [1_048_576; 8]);
    assert!(sum <= 8_388_608, "{sum}");
    assert_eq!(widest(&mut end, 20), 65_536);
    end.handle_stream(0, true, b"").unwrap();
    end.reset(2, 1);
    assert_eq!(widest(&mut end, 22), 1_048_576);
    assert_eq!(widest(&mut end, 24), 1_048_576);
}

/// VTP-51: a stream that nobody reads holds up its own credit and nothing else: a thousand others carry all they are given.
#[test]
fn a_stalled_reader_stalls_nobody_else() {
    let (mut ends, stalled) = Ends::with_stream();
    ends.write(MASTER, stalled, &[1; 200_000]);
    let others: Vec<u32> = (0..1000)
        .map(|_| ends.ends[MASTER].open(b"").unwrap())
        .collect();
    for stream in &others {
        ends.write(MASTER, *stream, &[2; 150_000]);
        ends.ends[MASTER].finish(*stream).unwrap();
    }
    let (mut read, mut ended) = (0, 0);
    while ends.ends[MASTER].has_body() {
        let body = ends.ends[MASTER].poll_body(32_768).unwrap();
        handle(&mut ends.ends[SLAVE], &body).unwrap();
        assert!(ends.ends[SLAVE].held() <= 8_388_608 + 1001 * 65_536);
        for event in events(&mut ends.ends[SLAVE]) {
            match event {
                StreamEvent::Readable { stream } if stream != stalled => {
                    read += ends.read(SLAVE, stream).len();
                }
                StreamEvent::Ended { .. } => ended += 1,
                _ => {}
            }
        }
        ends.say(SLAVE);
        ends.hear(MASTER);
    }
    ended += events(&mut ends.ends[SLAVE]).len();
    assert_eq!((read, ended), (150_000_000, 1000));
    assert_eq!(ends.ends[SLAVE].held(), 65_536);
    assert_eq!(ends.ends[MASTER].weight(), 200_000 - 65_536);
}

/// VTP-47: streams that have something to say take turns, piece by piece, and one that joins waits for one round.
#[test]
fn streams_take_turns() {
    let mut end = Streams::new(Side::Master);
    let mut turns = Vec::new();
    for stream in [0, 2, 4] {
        assert_eq!(end.open(b""), Ok(stream));
        end.write(stream, &mut Bytes::from(vec![1; 3000])).unwrap();
    }
    while let Some(body) = end.poll_body(1016) {
        let Body::Stream { stream, .. } = body else {
            continue;
        };
        turns.push(stream);
        if turns.len() == 4 {
            assert_eq!(end.open(b""), Ok(6));
            end.write(6, &mut Bytes::from(vec![1; 1000])).unwrap();
        }
    }
    assert_eq!(turns, [0, 2, 4, 0, 2, 4, 0, 6, 2, 4]);
}

/// VTP-47: a grant does not wait behind the bytes of other streams.
#[test]
fn what_the_peer_waits_for_goes_ahead_of_bytes() {
    let mut end = Streams::new(Side::Slave);
    end.handle_open(0, b"").unwrap();
    end.write(0, &mut Bytes::from(vec![1; 5000])).unwrap();
    end.handle_stream(0, false, &[1; 65_536]).unwrap();
    end.read(0, usize::MAX).unwrap();
    let first = end.poll_body(1016);
    assert!(matches!(first, Some(Body::Credit { .. })), "{first:?}");
}

/// VTP-47: the rest of a record is not filled with a crumb of what would make a piece in the next.
#[test]
fn no_crumbs_are_cut() {
    let mut end = Streams::new(Side::Master);
    end.open(&[1; 512]).unwrap();
    end.write(0, &mut Bytes::from(vec![1; 1000])).unwrap();
    assert_eq!(end.poll_body(LEAST_ROOM - 1), None, "OPEN goes first");
    assert_eq!(end.weight(), 1512);
    end.poll_body(LEAST_ROOM).unwrap();
    assert_eq!(end.poll_body(16 + 255), None);
    assert_eq!(end.poll_body(15), None);
    assert_eq!(end.poll_body(16 + 256).unwrap().frame_len(), 16 + 256);
    assert_eq!(end.poll_body(16 + 704).unwrap().frame_len(), 16 + 704);
    assert_eq!(end.poll_body(16 + 39), None);
    assert_eq!(end.poll_body(16 + 40), Some(piece(0, false, &[1; 40])));
    end.finish(0).unwrap();
    assert_eq!(end.poll_body(16), Some(piece(0, true, b"")));
    assert_eq!(end.weight(), 0);
}

/// VTP-50: RESET and CREDIT wait for room, too.
#[test]
fn nothing_is_said_beyond_the_room() {
    let mut end = Streams::new(Side::Slave);
    end.handle_open(0, b"").unwrap();
    end.handle_open(2, b"").unwrap();
    end.handle_stream(0, false, &[1; 65_536]).unwrap();
    end.read(0, usize::MAX).unwrap();
    assert_eq!(end.poll_body(16), None);
    let credit = end.poll_body(17);
    assert!(matches!(credit, Some(Body::Credit { .. })));
    end.reset(2, 1);
    assert_eq!(end.poll_body(13), None);
    let reset = end.poll_body(14);
    assert!(matches!(reset, Some(Body::Reset { .. })));
}

/// VTP-51: a stream takes 262,144 bytes from its writer, and says once when half of them are said.
#[test]
fn a_writer_is_told_once_when_there_is_room_again() {
    let (mut ends, stream) = Ends::with_stream();
    let end = &mut ends.ends[MASTER];
    let mut bytes = Bytes::from(vec![1; 300_000]);
    assert_eq!(end.write(stream, &mut bytes), Ok(262_144));
    assert_eq!(bytes.len(), 300_000 - 262_144);
    assert_eq!(end.write(stream, &mut bytes), Ok(0));
    assert_eq!(end.weight(), 262_144);
    end.handle_credit(stream, 131_072 - 65_536 - 1).unwrap();
    bodies(end);
    assert_eq!(events(end), [], "less than half was said");
    end.handle_credit(stream, 1).unwrap();
    bodies(end);
    assert_eq!(events(end), [StreamEvent::Writable { stream }]);
    end.handle_credit(stream, 65_536).unwrap();
    bodies(end);
    assert_eq!(events(end), [], "nobody was sent away since");
    assert_eq!(end.write(stream, &mut bytes), Ok(37_856));
}

/// VTP-51: the reader is told of bytes when none had waited, and not of bytes it has already read.
#[test]
fn a_reader_is_told_once_until_it_has_read_everything() {
    let mut end = Streams::new(Side::Slave);
    end.handle_open(0, b"").unwrap();
    end.poll_event();
    let readable = [StreamEvent::Readable { stream: 0 }];
    end.handle_stream(0, false, &[1; 10]).unwrap();
    end.handle_stream(0, false, &[1; 10]).unwrap();
    assert_eq!(events(&mut end), readable);
    end.handle_stream(0, false, &[1; 10]).unwrap();
    assert_eq!(end.read(0, 0), Ok(None));
    assert_eq!(end.read(0, 29).unwrap().unwrap().len(), 29);
    assert_eq!(events(&mut end), [], "one byte still waits");
    end.read(0, 1).unwrap();
    end.handle_stream(0, false, &[1; 10]).unwrap();
    end.read(0, 10).unwrap();
    assert_eq!(events(&mut end), [], "they were read before");
    end.handle_stream(0, false, &[1; 10]).unwrap();
    assert_eq!(events(&mut end), readable);
}

/// VTP-49: a thousand idle streams cost less than 300 kB.
#[test]
fn an_idle_stream_costs_little() {
    // A key and a pointer in the table, of whose nodes half may be empty, and what the allocator adds.
    let slot = 2 * (size_of::<u32>() + size_of::<Box<Stream>>()) + 16;
    let stream = size_of::<Stream>();
    assert!(stream + slot < 300, "{stream} + {slot}");
}
