//! Sessions that go over from one transport to another while the older one is live. (VTP-41, VTP-45)

use super::reliable::{at, gaps, hear, numbers, open, records};
use super::rig::ack;
use crate::vattp::connection::Connection;
use crate::vattp::frame::{Frame, Frames};
use crate::vattp::inbound::Taken;
use crate::vattp::pipe::Carrier;
use std::collections::BTreeMap;

const CELLS: Carrier = Carrier::Cells;

/// One end of a session over a transport that is live.
fn session() -> Connection {
    let mut conn = open(CELLS);
    conn.keep_numbers();
    conn
}

/// The same, which has said a message in this many cells.
fn said(cells: usize) -> (Connection, Vec<Vec<u8>>) {
    let mut conn = session();
    conn.send(vec![7; 800 * cells]).unwrap();
    let said = records(&mut conn, at(0), CELLS);
    assert!(said.len() >= cells);
    (conn, said)
}

/// Every frame by its number.
fn frames(records: &[Vec<u8>]) -> BTreeMap<u64, Vec<u8>> {
    let mut all = BTreeMap::new();
    for record in records {
        let mut frames = Frames::of(record).unwrap();
        while let Some(frame) = frames.next().unwrap() {
            let mut bytes = Vec::new();
            frame.encode(&mut bytes);
            all.extend(frame.number().map(|number| (number, bytes)));
        }
    }
    all
}

/// VTP-45: who goes over says nothing again, and goes on with what is new; when the first ACK has come on the new transport, it says again what of
/// the older one's frames is missing in it, and nothing else. The control: what was begun is said again whole.
#[test]
fn who_goes_over_says_again_what_the_first_ack_does_not_name() {
    let (mut conn, old) = said(10);
    let first = numbers(&old);
    assert!(conn.move_on());
    assert!(!conn.has_frame(), "all of it is on its way");
    conn.send(vec![8; 700]).unwrap();
    let new = numbers(&records(&mut conn, at(1), CELLS));
    assert_eq!(new, [first.len() as u64 + 1]);
    // What comes on the older one meanwhile proves nothing.
    conn.handle(at(2), &gaps(0, 2, &[(1, 1)])).unwrap();
    assert!(!conn.has_frame());
    conn.confirm(3).unwrap();
    assert!(!conn.has_frame());
    conn.handle(at(3), &gaps(0, 5, &[(2, 1)])).unwrap();
    let again = numbers(&records(&mut conn, at(3), CELLS));
    let missing: Vec<u64> = first
        .iter()
        .copied()
        .filter(|n| *n > 5 && *n != 8)
        .collect();
    assert_eq!(again, missing);
    conn.handle(at(4), &ack(5)).unwrap();
    assert!(!conn.has_frame(), "the first one only");

    let (mut conn, old) = said(10);
    conn.begin(CELLS);
    assert_eq!(numbers(&records(&mut conn, at(1), CELLS)), numbers(&old));
}

/// VTP-45: only what was live can be gone on from, and only in a session.
#[test]
fn nobody_goes_on_from_what_was_not_live() {
    let mut conn = open(CELLS);
    assert!(!conn.move_on(), "no session");
    let mut conn = session();
    conn.begin(CELLS);
    assert!(!conn.move_on(), "not answered");
}

/// VTP-45: in a session a frame is the same whenever it is said, so that one that came over the older transport can be told from one that did not. The
/// control: elsewhere frames are cut anew, and bear the same numbers.
#[test]
fn a_frame_of_a_session_is_the_same_whenever_it_is_said() {
    for keeps in [true, false] {
        let mut conn = if keeps { session() } else { open(CELLS) };
        conn.send(vec![7; 300]).unwrap();
        let mut old = records(&mut conn, at(0), CELLS);
        conn.send((0..9000_u32).map(|n| n as u8).collect()).unwrap();
        old.extend(records(&mut conn, at(0), CELLS));
        let old = frames(&old);
        conn.begin(CELLS);
        conn.confirm(2).unwrap();
        // Something small stands before it in its record.
        let mut again = vec![];
        conn.begin_record();
        let mut half = Vec::new();
        while conn.say(at(1), 500, &mut half) {}
        again.push(half);
        again.extend(records(&mut conn, at(1), CELLS));
        again.retain(|record| !record.is_empty());
        let again = frames(&again);
        let same = again
            .iter()
            .all(|(number, frame)| old.get(number) == Some(frame));
        assert_eq!(same, keeps);
        assert_eq!(again.keys().copied().min(), Some(2));
    }
}

/// VTP-45: what a session holds behind a gap is still there when another transport is live: the peer was told that it has come.
#[test]
fn a_session_keeps_what_it_holds() {
    let (_, said) = said(4);
    for keeps in [true, false] {
        let mut far = if keeps { session() } else { open(CELLS) };
        for record in &said[1..] {
            hear(&mut far, at(0), record).unwrap();
        }
        far.begin(CELLS);
        far.go_live();
        hear(&mut far, at(1), &said[0]).unwrap();
        let whole = matches!(far.take(at(1)), Some(Taken::Message(body)) if body.len() == 3200);
        assert_eq!(whole, keeps);
        assert!(
            matches!(far.acknowledge(832), Frame::Ack { received, .. } if (received > 1) == keeps)
        );
    }
}

/// VTP-26: on another transport a session acknowledges at once.
#[test]
fn a_session_acknowledges_at_once_on_another_transport() {
    let mut far = session();
    hear(&mut far, at(0), &said(1).1[0]).unwrap();
    far.acknowledge(832);
    assert!(!far.ack_is_due(at(0)));
    far.go_live();
    assert!(far.ack_is_due(at(0)));
}
