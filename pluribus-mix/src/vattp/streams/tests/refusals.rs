//! What a peer may not say, and what a runtime may not ask.

use super::*;

/// An end whose peer, the slave, has opened stream 1.
fn with_theirs() -> Streams {
    let mut end = Streams::new(Side::Master);
    end.handle_open(1, b"").unwrap();
    end
}

/// VTP-49: the master's ids are 0, 2, 4 …, the slave's 1, 3, 5 …; no other may be opened.
#[test]
fn an_id_that_is_not_the_next_of_its_opener_is_refused() {
    for (side, first) in [(Side::Master, 1), (Side::Slave, 0)] {
        for wrong in [first + 2, first ^ 1, u32::MAX] {
            let refused = Streams::new(side).handle_open(wrong, b"");
            assert_eq!(refused, Err(Violation::StreamId));
        }
        let mut end = Streams::new(side);
        assert_eq!(end.handle_open(first, b""), Ok(()));
        assert_eq!(end.handle_open(first, b""), Err(Violation::StreamId));
        assert_eq!(end.handle_open(first + 2, b""), Ok(()));
        assert_eq!(end.open(b""), Ok(first ^ 1));
        assert_eq!(end.open(b""), Ok((first ^ 1) + 2));
    }
}

/// VTP-49: no id comes again, so a side that has used all of them opens nothing more.
#[test]
fn ids_do_not_start_over() {
    let mut end = Streams::new(Side::Slave);
    end.next_ours = u64::from(u32::MAX);
    assert_eq!(end.open(b""), Ok(u32::MAX));
    assert_eq!(end.open(b""), Err(StreamFault::TooMany));
    let mut end = Streams::new(Side::Master);
    end.next_theirs = u64::from(u32::MAX);
    assert_eq!(end.handle_open(u32::MAX, b""), Ok(()));
    assert_eq!(end.handle_open(1, b""), Err(Violation::StreamId));
}

/// VTP-49: a head has 512 bytes at most.
#[test]
fn a_head_that_is_too_long_is_refused() {
    let mut end = Streams::new(Side::Master);
    assert_eq!(end.open(&[7; 513]), Err(StreamFault::HeadTooLong));
    assert_eq!(end.open(&[7; 512]), Ok(0));
    assert_eq!(end.handle_open(1, &[7; 513]), Err(Violation::StreamHead));
    assert_eq!(end.handle_open(1, &[7; 512]), Ok(()));
}

/// VTP-49: 1024 streams opened by one side at once; an end counts those that have not ended both ways.
#[test]
fn a_stream_beyond_1024_of_one_side_is_refused() {
    let mut end = Streams::new(Side::Master);
    for n in 0..1024 {
        end.handle_open(2 * n + 1, b"").unwrap();
    }
    let mut other = with_theirs();
    assert_eq!(end.handle_open(2049, b""), Err(Violation::TooManyStreams));
    for n in 0..1024 {
        assert_eq!(end.open(b""), Ok(2 * n), "each side has its own count");
    }
    assert_eq!(end.open(b""), Err(StreamFault::TooMany));
    end.handle_stream(1, true, b"").unwrap();
    end.finish(1).unwrap();
    assert_eq!(
        end.handle_open(2049, b""),
        Err(Violation::TooManyStreams),
        "the end of our direction has not been said"
    );
    bodies(&mut end);
    assert_eq!(end.handle_open(2049, b""), Ok(()));
    assert_eq!(other.open(b""), Ok(0));
}

/// VTP-50: nothing may be said of a stream that was never opened.
#[test]
fn frames_for_a_stream_that_was_never_opened_are_refused() {
    let mut end = with_theirs();
    let unsaid = end.open(b"").unwrap();
    for stream in [unsaid, unsaid + 2, 3, u32::MAX] {
        let none = Err(Violation::NoStream);
        assert_eq!(end.handle_stream(stream, false, b"x"), none);
        assert_eq!(end.handle_credit(stream, 1), none);
        assert_eq!(end.handle_reset(stream, 1), none);
    }
    bodies(&mut end);
    assert_eq!(end.handle_stream(unsaid, false, b"x"), Ok(()));
}

/// VTP-50: behind the end of both directions STREAM is refused, while CREDIT and RESET change nothing.
#[test]
fn a_stream_that_is_gone_takes_no_bytes_but_lets_pass_what_may_have_crossed() {
    let mut end = with_theirs();
    end.handle_stream(1, true, b"unread").unwrap();
    end.finish(1).unwrap();
    bodies(&mut end);
    for kept in [true, false] {
        let violation = [Violation::NoStream, Violation::StreamEnded][usize::from(kept)];
        assert_eq!(end.is_empty(), !kept);
        assert_eq!(end.handle_stream(1, false, b"x"), Err(violation));
        assert_eq!(end.handle_credit(1, u32::MAX), Ok(()));
        assert_eq!(end.handle_reset(1, 1), Ok(()));
        assert_eq!(bodies(&mut end), []);
        if kept {
            assert_eq!(end.read(1, 9).unwrap().unwrap(), "unread");
        }
        events(&mut end);
    }
}

/// VTP-50: nothing of a direction follows its fin or its RESET.
#[test]
fn bytes_behind_the_end_of_a_direction_are_refused() {
    let mut end = with_theirs();
    end.handle_stream(1, true, b"x").unwrap();
    assert_eq!(
        end.handle_stream(1, false, b"x"),
        Err(Violation::StreamEnded)
    );
    assert_eq!(end.handle_stream(1, true, b""), Err(Violation::StreamEnded));
    let mut end = with_theirs();
    end.handle_reset(1, 5).unwrap();
    assert_eq!(end.handle_stream(1, true, b""), Err(Violation::StreamEnded));
}

/// VTP-50: a STREAM without fin has bytes; with fin it may have none.
#[test]
fn a_piece_that_says_nothing_is_refused() {
    let mut end = with_theirs();
    assert_eq!(
        end.handle_stream(1, false, b""),
        Err(Violation::StreamEmpty)
    );
    assert_eq!(end.handle_stream(1, true, b""), Ok(()));
}

/// VTP-51: 65,536 bytes may come and what is granted, not one more; also while they are discarded.
#[test]
fn bytes_beyond_what_was_granted_are_refused() {
    for given_up in [false, true] {
        let mut end = with_theirs();
        if given_up {
            end.reset(1, 1);
        }
        assert_eq!(end.handle_stream(1, false, &[1; 65_000]), Ok(()));
        assert_eq!(
            end.handle_stream(1, false, &[1; 537]),
            Err(Violation::Overdrawn)
        );
        assert_eq!(end.handle_stream(1, false, &[1; 536]), Ok(()));
        assert_eq!(end.handle_stream(1, true, &[1]), Err(Violation::Overdrawn));
    }
}

/// VTP-51: what was granted may come.
#[test]
fn bytes_within_what_was_granted_are_taken() {
    let mut end = with_theirs();
    end.handle_stream(1, false, &[1; 40_000]).unwrap();
    end.read(1, 39_999).unwrap();
    let said = bodies(&mut end);
    let [Body::Credit { stream: 1, more }] = said[..] else {
        panic!("{said:?}");
    };
    let open = usize::try_from(more).unwrap() + 25_536;
    assert_eq!(end.handle_stream(1, false, &vec![1; open]), Ok(()));
    assert_eq!(end.handle_stream(1, false, &[1]), Err(Violation::Overdrawn));
}

/// VTP-51: a grant of nothing, or of more than 1,048,576 bytes open, is refused.
#[test]
fn an_impossible_grant_is_refused() {
    let mut end = with_theirs();
    assert_eq!(end.handle_credit(1, 0), Err(Violation::Grant));
    assert_eq!(end.handle_credit(1, 983_041), Err(Violation::Grant));
    assert_eq!(end.handle_credit(1, u32::MAX), Err(Violation::Grant));
    assert_eq!(end.handle_credit(1, 983_040), Ok(()));
    assert_eq!(end.handle_credit(1, 1), Err(Violation::Grant));
    end.write(1, &mut Bytes::from_static(b"x")).unwrap();
    bodies(&mut end);
    assert_eq!(end.handle_credit(1, 1), Ok(()), "one byte was sent");
}

/// VTP-50: what the runtime may not ask of a stream is turned down by name.
#[test]
fn calls_behind_the_end_are_turned_down() {
    let mut end = with_theirs();
    end.finish(1).unwrap();
    let mut bytes = Bytes::from_static(b"x");
    assert_eq!(end.write(1, &mut bytes), Err(StreamFault::Finished));
    assert_eq!(end.finish(1), Err(StreamFault::Finished));
    for absent in [0, 3] {
        assert_eq!(end.write(absent, &mut bytes), Err(StreamFault::Over));
        assert_eq!(end.finish(absent), Err(StreamFault::Over));
        assert_eq!(end.read(absent, 1), Err(StreamFault::Over));
        end.reset(absent, 1);
    }
    assert_eq!(bytes.len(), 1, "nothing was taken");
    assert_eq!(bodies(&mut end), [piece(1, true, b"")]);
}
