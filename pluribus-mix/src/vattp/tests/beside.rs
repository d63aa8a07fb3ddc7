//! Messages, streams and datagrams beside each other in one connection. (VTP-29, VTP-47, VTP-52)

use super::reliable::{at, gaps, hear, msg, numbers, open, records};
use super::rig::ack;
use crate::vattp::frame::{Frame, Frames};
use crate::vattp::inbound::Taken;
use crate::vattp::pipe::Carrier;
use crate::vattp::tickets::Purpose;

/// VTP-47: messages and streams take turns, frame by frame.
#[test]
fn messages_and_streams_take_turns() {
    let mut conn = open(Carrier::Stream);
    let stream = conn.streams().open(b"").unwrap();
    records(&mut conn, at(0), Carrier::Stream);
    conn.send(vec![7; 200_000]).unwrap();
    let mut bytes = bytes::Bytes::from(vec![8; 60_000]);
    conn.streams().write(stream, &mut bytes).unwrap();
    let said = records(&mut conn, at(0), Carrier::Stream);
    let mut kinds = Vec::new();
    for record in &said {
        let mut frames = Frames::of(record).unwrap();
        while let Some(frame) = frames.next().unwrap() {
            kinds.push(matches!(frame, Frame::Stream { .. }));
        }
    }
    let streams = kinds.iter().filter(|it| **it).count();
    assert!(streams > 1 && kinds.len() > 2 * streams);
    let turns = kinds.iter().take(2 * streams);
    assert!(
        turns
            .enumerate()
            .all(|(n, it)| *it == (kinds[0] ^ (n % 2 == 1)))
    );
}

/// VTP-52: a datagram has 1 to 800 bytes; 64 wait at either end, then the oldest is lost; none is said twice, or on another
/// transport.
#[test]
fn datagrams_come_once_or_not_at_all() {
    let form = |len: usize| {
        let mut plain = Vec::new();
        Frame::Datagram(&vec![7; len]).encode(&mut plain);
        Frames::of(&plain).unwrap().next().is_ok()
    };
    assert!(!form(0) && form(1) && form(800) && !form(801));
    let mut near = open(Carrier::Cells);
    let mut far = open(Carrier::Cells);
    near.send_datagram(Vec::new());
    near.send_datagram(vec![0; 801]);
    assert!(!near.has_frame());
    (0..70).for_each(|n| near.send_datagram(vec![n; 800]));
    let said = records(&mut near, at(0), Carrier::Cells);
    assert_eq!(said.len(), 64);
    assert!(!near.has_frame() && !near.tick(at(100_000)) && !near.has_frame());
    for record in said.iter().chain(&said[60..]) {
        hear(&mut far, at(0), record).unwrap();
    }
    let heard: Vec<u8> = core::iter::from_fn(|| far.take_datagram())
        .map(|it| it[0])
        .collect();
    assert_eq!(
        heard[..60],
        Vec::from_iter(10..70)[..],
        "the oldest are lost"
    );
    assert_eq!(heard.len(), 64);
    near.send_datagram(vec![1]);
    near.begin(Carrier::Cells);
    near.confirm(1).unwrap();
    assert!(!near.has_frame(), "it was for the transport before");
}

/// VTP-29: a connection is done when the messages of both directions have ended, all is received and taken, and no stream is left.
#[test]
fn a_connection_is_done_when_nothing_is_left() {
    let mut conn = open(Carrier::Stream);
    conn.send(b"x".to_vec()).unwrap();
    conn.finish();
    records(&mut conn, at(0), Carrier::Stream);
    conn.handle(at(0), &msg(1, b"")).unwrap();
    assert!(conn.has_ended() && !conn.is_done());
    assert_eq!(conn.take(at(0)), Some(Taken::End));
    conn.handle(at(0), &gaps(1, 2, &[])).unwrap();
    assert!(!conn.is_done(), "the end is not taken");
    conn.handle(at(0), &ack(2)).unwrap();
    assert!(conn.is_done());
    let stream = conn.streams().open(b"").unwrap();
    let said = numbers(&records(&mut conn, at(0), Carrier::Stream));
    conn.handle(at(0), &gaps(2, said[0], &[])).unwrap();
    assert!(!conn.is_done(), "a stream is left");
    conn.streams().finish(stream).unwrap();
    let said = numbers(&records(&mut conn, at(0), Carrier::Stream));
    let fin = Frame::Stream {
        fin: true,
        number: 2,
        stream,
        bytes: b"",
    };
    conn.handle(at(0), &fin).unwrap();
    while conn.streams().poll_event().is_some() {}
    assert!(
        conn.streams().is_empty() && !conn.is_done(),
        "the peer has not heard our end"
    );
    let last = *said.last().unwrap();
    conn.handle(at(0), &gaps(2, last, &[])).unwrap();
    assert!(conn.is_done());
    assert!(conn.give_ticket(Purpose::Dial, vec![1]));
    assert!(!conn.is_done(), "a ticket is not said");
    records(&mut conn, at(0), Carrier::Stream);
    assert!(!conn.is_done(), "it has not come");
    conn.handle(at(0), &gaps(2, last + 1, &[])).unwrap();
    assert!(conn.is_done());
}
