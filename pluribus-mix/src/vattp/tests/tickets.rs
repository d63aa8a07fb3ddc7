//! Tickets beside everything else in a connection. (VTP-45, VTP-47, VTP-53, VTP-54)

use super::reliable::{at, gaps, hear, msg, numbers, open, records};
use super::rig::plain;
use crate::vattp::Violation;
use crate::vattp::connection::Connection;
use crate::vattp::frame::{Frame, Frames};
use crate::vattp::pipe::Carrier;
use crate::vattp::tickets::{Heard, MAX_WAITING, Purpose};

fn want(number: u64) -> Frame<'static> {
    Frame::WantTickets {
        number,
        purpose: Purpose::HandOn,
        count: 3,
    }
}

fn taken(conn: &mut Connection) -> Vec<Heard> {
    core::iter::from_fn(|| conn.take_tickets()).collect()
}

/// VTP-53: what is asked for and given arrives as it was said, in order; no other count or length is queued, none other is read.
#[test]
fn tickets_are_asked_for_and_given() {
    let (mut near, mut far) = (open(Carrier::Cells), open(Carrier::Cells));
    for (count, fits) in [(0, false), (1, true), (8, true), (9, false), (255, false)] {
        assert_eq!(near.want_tickets(Purpose::Dial, count), fits, "{count}");
    }
    for (len, fits) in [(0, false), (1, true), (400, true), (401, false)] {
        let queued = near.give_ticket(Purpose::HandOn, vec![7; len]);
        assert_eq!(queued, fits, "{len}");
    }
    for record in records(&mut near, at(0), Carrier::Cells) {
        hear(&mut far, at(0), &record).unwrap();
    }
    assert!(far.has_tickets());
    let expected = [
        Heard::Want(Purpose::Dial, 1),
        Heard::Want(Purpose::Dial, 8),
        Heard::Give(Purpose::HandOn, vec![7]),
        Heard::Give(Purpose::HandOn, vec![7; 400]),
    ];
    assert_eq!(taken(&mut far), expected);
    assert!(!far.has_tickets());

    let give = Frame::GiveTicket {
        number: 1,
        purpose: Purpose::Dial,
        ticket: &[7; 400],
    };
    let is_read = |bytes: &[u8]| Frames::of(bytes).unwrap().next().is_ok();
    let (asks, gives) = (plain(&[want(1)]), plain(&[give]));
    assert!(is_read(&asks) && is_read(&gives));
    for (whole, at, wrong) in [
        (&asks, 9, 2),
        (&asks, 10, 0),
        (&asks, 10, 3),
        (&asks, 11, 0),
        (&asks, 11, 9),
        (&gives, 9, 2),
        (&gives, 10, 0),
        (&gives, 10, 3),
    ] {
        let mut bytes = whole.clone();
        bytes[at] = wrong;
        assert!(!is_read(&bytes), "{at} {wrong}");
    }
    let empty = [&gives[..11], &[0, 0]].concat();
    let long = [&gives[..11], &[1, 145], &[7; 401]].concat();
    assert!(!is_read(&empty) && !is_read(&long));
}

/// VTP-54: sixteen are on the way and sixteen wait behind them, no more; what has come makes room, and is handed on.
#[test]
fn no_more_than_sixteen_are_on_the_way() {
    let mut conn = open(Carrier::Cells);
    let queue = |conn: &mut Connection| {
        let all = core::iter::repeat_with(|| conn.want_tickets(Purpose::Dial, 1));
        all.take_while(|queued| *queued).count()
    };
    let said = |conn: &mut Connection| numbers(&records(conn, at(0), Carrier::Cells));
    assert_eq!(queue(&mut conn), MAX_WAITING);
    assert_eq!(said(&mut conn), Vec::from_iter(1..=16));
    assert_eq!(queue(&mut conn), MAX_WAITING);
    assert!(!conn.has_frame() && !conn.is_done());
    assert!(said(&mut conn).is_empty());
    conn.handle(at(1), &gaps(0, 3, &[(1, 9)])).unwrap();
    assert_eq!(said(&mut conn), [17, 18, 19], "as many as have come");
    conn.send(b"x".to_vec()).unwrap();
    assert_eq!(said(&mut conn), [20], "nothing else waits for them");
}

/// VTP-54: a seventeenth that waits is refused, wherever it was held before; where they are taken none is.
#[test]
fn a_seventeenth_that_waits_is_refused() {
    for takes in [false, true] {
        let mut conn = open(Carrier::Cells);
        for number in 1..=16 {
            conn.handle(at(0), &want(number)).unwrap();
        }
        if takes {
            assert_eq!(taken(&mut conn).len(), 16);
        }
        let last = conn.handle(at(0), &want(17));
        assert_eq!(last.is_ok(), takes);
        assert!(takes || last == Err(Violation::Tickets));
    }
    let mut conn = open(Carrier::Cells);
    for number in 2..=17 {
        conn.handle(at(0), &want(number)).unwrap();
    }
    conn.handle(at(0), &msg(1, b"the gap")).unwrap();
    assert_eq!(taken(&mut conn).len(), 16);
    for number in 19..=35 {
        conn.handle(at(0), &want(number)).unwrap();
    }
    let filled = conn.handle(at(0), &msg(18, b"the gap"));
    assert_eq!(
        filled,
        Err(Violation::Tickets),
        "no honest sender does that"
    );
}

/// VTP-45, VTP-54: on another transport they are said again, those that have not come are numbered anew, and count as before.
#[test]
fn tickets_outlive_their_transport() {
    let mut conn = open(Carrier::Stream);
    for byte in 0..16 {
        assert!(conn.give_ticket(Purpose::Dial, vec![byte; 300]));
    }
    records(&mut conn, at(0), Carrier::Stream);
    conn.begin(Carrier::Cells);
    let mut out = Vec::new();
    conn.begin_record();
    assert!(conn.say(at(1), 880, &mut out) && conn.say(at(1), 880 - out.len(), &mut out));
    conn.go_live();
    conn.confirm(7).unwrap();
    assert!(conn.want_tickets(Purpose::Dial, 8));
    for byte in 16..31 {
        assert!(conn.give_ticket(Purpose::Dial, vec![byte; 300]));
    }
    let mut far = open(Carrier::Cells);
    (1..7).for_each(|number| far.handle(at(1), &want(number)).unwrap());
    taken(&mut far);
    let said = records(&mut conn, at(1), Carrier::Cells);
    assert_eq!(numbers(&said), Vec::from_iter(7..=22), "ten again, six new");
    for record in &said {
        hear(&mut far, at(1), record).unwrap();
    }
    let heard = taken(&mut far);
    let gives =
        |bytes: core::ops::Range<u8>| bytes.map(|byte| Heard::Give(Purpose::Dial, vec![byte; 300]));
    let expected: Vec<_> = gives(6..16)
        .chain([Heard::Want(Purpose::Dial, 8)])
        .chain(gives(16..21))
        .collect();
    assert_eq!(heard, expected);
    assert!(!conn.has_frame(), "sixteen are on the way");
    conn.handle(at(2), &gaps(0, 22, &[])).unwrap();
    assert_eq!(records(&mut conn, at(2), Carrier::Cells).len(), 5);
}

/// VTP-45, VTP-54: a message before them that is cut anew gives them other numbers, and those are what comes.
#[test]
fn tickets_that_are_numbered_anew_are_known_by_their_new_numbers() {
    let mut conn = open(Carrier::Stream);
    let want = |conn: &mut Connection| {
        (0..16).for_each(|_| assert!(conn.want_tickets(Purpose::Dial, 1)));
    };
    conn.send(vec![7; 5000]).unwrap();
    want(&mut conn);
    let said = numbers(&records(&mut conn, at(0), Carrier::Stream));
    assert_eq!(said, Vec::from_iter(1..=17));
    conn.begin(Carrier::Cells);
    conn.go_live();
    conn.confirm(1).unwrap();
    let again = numbers(&records(&mut conn, at(1), Carrier::Cells));
    assert_eq!(again, Vec::from_iter(1..=23), "seven pieces now");
    want(&mut conn);
    conn.handle(at(2), &gaps(0, 17, &[])).unwrap();
    let new = numbers(&records(&mut conn, at(2), Carrier::Cells));
    assert_eq!(new, Vec::from_iter(24..=33), "ten have come");
}

/// VTP-47: what is said of tickets passes between the pieces of a long message.
#[test]
fn tickets_take_their_turn() {
    let mut conn = open(Carrier::Cells);
    conn.send(vec![7; 100_000]).unwrap();
    assert!(conn.give_ticket(Purpose::Dial, vec![8; 400]));
    let said = records(&mut conn, at(0), Carrier::Cells);
    let place = said.iter().position(|it| it.starts_with(&[0x0b]));
    assert!(place.is_some_and(|place| place <= 1), "{place:?}");
    assert!(said.len() > 100);
}
