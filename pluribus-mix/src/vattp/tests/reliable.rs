//! What a connection keeps, says again and acknowledges, frame by frame; no keys, no links. (VTP-22, VTP-23, VTP-26, VTP-45
//! to VTP-47, VTP-52)

use super::rig::{ack, connection};
use crate::netlayer::MAX_MESSAGE;
use crate::time::{Duration, Instant};
use crate::vattp::Violation;
use crate::vattp::arrival::AHEAD;
use crate::vattp::connection::Connection;
use crate::vattp::frame::{Frame, Frames};
use crate::vattp::inbound::Taken;
use crate::vattp::outbound::{FRAME_WEIGHT, WINDOW};
use crate::vattp::pair::Side;
use crate::vattp::pipe::Carrier;
use crate::vattp::ranges::Ranges;

const MASTER: Side = Side::Master;

pub(super) fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

/// A connection over a transport that is live.
pub(super) fn open(carrier: Carrier) -> Connection {
    let mut conn = connection(MASTER, 1);
    conn.begin(carrier);
    conn.go_live();
    conn.confirm(1).unwrap();
    conn
}

/// What one record says.
pub(super) fn record(conn: &mut Connection, now: Instant, carrier: Carrier) -> Vec<u8> {
    let mut out = Vec::new();
    conn.begin_record();
    loop {
        let room = carrier.max_plain() - out.len();
        if !conn.say(now, room, &mut out) {
            return out;
        }
    }
}

/// All that can be said now, record by record.
pub(super) fn records(conn: &mut Connection, now: Instant, carrier: Carrier) -> Vec<Vec<u8>> {
    let next = || Some(record(conn, now, carrier)).filter(|record| !record.is_empty());
    core::iter::from_fn(next).collect()
}

/// The numbers in some records.
pub(super) fn numbers(records: &[Vec<u8>]) -> Vec<u64> {
    let mut numbers = Vec::new();
    for record in records {
        let mut frames = Frames::of(record).unwrap();
        while let Some(frame) = frames.next().unwrap() {
            numbers.extend(frame.number());
        }
    }
    numbers
}

pub(super) fn hear(conn: &mut Connection, now: Instant, plain: &[u8]) -> Result<(), Violation> {
    let mut frames = Frames::of(plain)?;
    while let Some(frame) = frames.next()? {
        conn.handle(now, &frame)?;
    }
    Ok(())
}

/// One cell for each of so many messages.
fn cells(conn: &mut Connection, count: usize) -> Vec<Vec<u8>> {
    (0..count).for_each(|_| conn.send(vec![7; 800]).unwrap());
    let said = records(conn, at(0), Carrier::Cells);
    assert_eq!(said.len(), count);
    said
}

fn ranges(runs: &[(u16, u16)]) -> Ranges {
    let mut ranges = Ranges::default();
    assert!(runs.iter().all(|(skip, run)| ranges.push(*skip, *run)));
    ranges
}

pub(super) fn gaps(taken: u64, received: u64, runs: &[(u16, u16)]) -> Frame<'static> {
    Frame::Ack {
        taken,
        received,
        ranges: ranges(runs),
    }
}

pub(super) fn msg(number: u64, bytes: &[u8]) -> Frame<'_> {
    Frame::Msg {
        more: false,
        number,
        bytes,
    }
}

/// VTP-22: an ACK has at most 32 ranges, and none with a 0; what is said otherwise is refused.
#[test]
fn an_ack_has_one_form() {
    let form = |count: u8, bytes: &[u8]| {
        let plain = [&[2][..], &[0; 16], &[count], bytes].concat();
        Frames::of(&plain)
            .unwrap()
            .next()
            .is_ok_and(|it| it.is_some())
    };
    assert!(form(0, &[]) && form(1, &[0, 1, 0, 1]) && form(32, &[1; 128]));
    assert!(!form(33, &[1; 132]), "one more");
    assert!(!form(1, &[0, 0, 0, 1]) && !form(1, &[0, 1, 0, 0]), "a 0");
    assert!(!form(2, &[1; 7]), "cut short");
}

/// VTP-26: received and taken never go back, name nothing that was not sent, and taken is not beyond received.
#[test]
fn an_acknowledgement_names_only_what_was_sent() {
    let after = |heard: &[Frame<'_>]| {
        let mut conn = open(Carrier::Cells);
        cells(&mut conn, 5);
        heard.iter().try_for_each(|frame| conn.handle(at(1), frame))
    };
    let fine: [&[Frame<'_>]; 4] = [
        &[gaps(0, 0, &[(4, 1)])],
        &[gaps(0, 1, &[(1, 1), (1, 1)]), gaps(1, 5, &[])],
        &[gaps(0, 2, &[(1, 1)]), gaps(0, 2, &[])],
        &[ack(5), ack(5)],
    ];
    for heard in fine {
        assert_eq!(after(heard), Ok(()), "{heard:?}");
    }
    let refused: [&[Frame<'_>]; 8] = [
        &[ack(6)],
        &[gaps(0, u64::MAX, &[])],
        &[gaps(0, 0, &[(5, 1)])],
        &[gaps(0, 1, &[(1, 1), (1, 2)])],
        &[gaps(0, u64::MAX - 1, &[(1, 1)])],
        &[gaps(2, 1, &[])],
        &[gaps(0, 2, &[]), gaps(0, 1, &[(1, 1)])],
        &[gaps(2, 3, &[]), gaps(1, 3, &[])],
    ];
    for heard in refused {
        assert_eq!(after(heard), Err(Violation::Ack), "{heard:?}");
    }
}

/// VTP-23: a frame ahead of a gap is held, and handled when the gap is filled; the gap is told at once, and again when it changes.
#[test]
fn a_frame_ahead_of_a_gap_waits_and_the_gap_is_told_at_once() {
    let mut conn = open(Carrier::Cells);
    let mut told = |number: u64| {
        conn.handle(at(0), &msg(number, &[number as u8])).unwrap();
        let urgent = conn.ack_is_due(at(0));
        (urgent, urgent.then(|| conn.acknowledge(1000)))
    };
    assert_eq!(told(1), (false, None));
    assert_eq!(told(4), (true, Some(gaps(0, 1, &[(2, 1)]))), "opens");
    assert_eq!(told(5), (false, None), "as it was");
    assert_eq!(told(9), (true, Some(gaps(0, 1, &[(2, 2), (3, 1)]))));
    assert_eq!(told(7), (true, Some(gaps(0, 1, &[(2, 2), (1, 1), (1, 1)]))));
    assert_eq!(told(2), (true, Some(gaps(0, 2, &[(1, 2), (1, 1), (1, 1)]))));
    assert_eq!(
        told(3),
        (true, Some(gaps(0, 5, &[(1, 1), (1, 1)]))),
        "filled"
    );
    let taken = core::iter::from_fn(|| conn.take(at(0)));
    assert!(taken.eq((1..=5).map(|n| Taken::Message(vec![n]))));
}

/// VTP-23: what was handled or is held is not handled again, but acknowledged again.
#[test]
fn what_comes_twice_is_handled_once_and_acknowledged_again() {
    let mut conn = open(Carrier::Cells);
    for number in [1, 3] {
        conn.handle(at(0), &msg(number, b"x")).unwrap();
    }
    let first = conn.acknowledge(1000);
    assert!(!conn.ack_is_due(at(1000)), "it was said");
    for number in [1, 3] {
        conn.handle(at(1000), &msg(number, b"other")).unwrap();
        assert!(!conn.ack_is_due(at(1049)) && conn.ack_is_due(at(1050)));
        assert_eq!(conn.acknowledge(1000), first);
    }
    conn.handle(at(1), &msg(2, b"x")).unwrap();
    let all: Vec<_> = core::iter::from_fn(|| conn.take(at(1))).collect();
    assert_eq!(all, vec![Taken::Message(b"x".to_vec()); 3]);
}

/// VTP-23: a number more than 17,408 ahead of the next is refused, and 0 is none.
#[test]
fn a_frame_far_ahead_is_refused() {
    let heard = |number| open(Carrier::Cells).handle(at(0), &msg(number, b"x"));
    assert_eq!(heard(1 + AHEAD), Ok(()));
    for number in [0, 2 + AHEAD, u64::MAX] {
        assert_eq!(heard(number), Err(Violation::Number));
    }
    let mut conn = open(Carrier::Cells);
    conn.handle(at(0), &msg(1, b"x")).unwrap();
    assert_eq!(conn.handle(at(0), &msg(2 + AHEAD, b"x")), Ok(()));
}

/// VTP-26: what is held ahead of a gap weighs no more than the window.
#[test]
fn more_ahead_of_a_gap_than_the_window_is_refused() {
    let piece = vec![1; 32_000];
    let fits = u64::try_from(WINDOW / (piece.len() + FRAME_WEIGHT)).unwrap();
    let mut conn = open(Carrier::Cells);
    for number in 2..2 + fits {
        conn.handle(at(0), &msg(number, &piece)).unwrap();
        conn.handle(at(0), &msg(number, &piece)).unwrap();
    }
    let beyond = conn.handle(at(0), &msg(2 + fits, &piece));
    assert_eq!(beyond, Err(Violation::Window));
}

/// VTP-45: what is held ahead of a gap is dropped when a transport becomes live: it may come with other numbers.
#[test]
fn what_is_held_is_dropped_when_a_transport_is_live() {
    let mut conn = open(Carrier::Cells);
    conn.handle(at(0), &msg(1, b"1")).unwrap();
    conn.handle(at(0), &msg(3, b"old 3")).unwrap();
    conn.acknowledge(1000);
    conn.begin(Carrier::Stream);
    conn.go_live();
    assert!(conn.ack_is_due(at(0)), "the last one may be lost");
    assert_eq!(conn.acknowledge(1000), gaps(0, 1, &[]));
    conn.handle(at(0), &msg(2, b"2")).unwrap();
    conn.handle(at(0), &msg(3, b"3")).unwrap();
    let all: Vec<_> = core::iter::from_fn(|| conn.take(at(0))).collect();
    let expected: Vec<_> = [b"1", b"2", b"3"]
        .map(|it| Taken::Message(it.to_vec()))
        .into();
    assert_eq!(all, expected);
}

/// VTP-46: on cells a frame is said again when three records behind it have been acknowledged, at once, once, and no other.
#[test]
fn what_three_later_records_overtook_is_said_again() {
    let mut conn = open(Carrier::Cells);
    cells(&mut conn, 6);
    let mut again = |frame: Frame<'_>| {
        conn.handle(at(300), &frame).unwrap();
        numbers(&records(&mut conn, at(300), Carrier::Cells))
    };
    assert_eq!(again(gaps(0, 1, &[])), [0; 0]);
    assert_eq!(again(gaps(0, 1, &[(1, 2)])), [0; 0], "two behind it");
    assert_eq!(again(gaps(0, 1, &[(1, 3)])), [2], "three behind it");
    assert_eq!(
        again(gaps(0, 1, &[(1, 4)])),
        [0; 0],
        "it is under way again"
    );
}

/// VTP-46: after a timeout the two oldest are said again and no more; the wait doubles each time, up to 60 s, and each is
/// stretched by a factor between 1 and 1.5, not always the same.
#[test]
fn a_timeout_says_two_frames_again_and_doubles() {
    let mut stretches = Vec::new();
    for seed in 0..40 {
        let mut conn = connection(MASTER, seed);
        conn.begin(Carrier::Cells);
        conn.confirm(1).unwrap();
        cells(&mut conn, 6);
        let mut since = at(0);
        for once in [1, 2, 4, 8, 16, 32, 60, 60].map(Duration::from_secs) {
            let due = conn.due().unwrap();
            let waited = due.since(since);
            assert!(once <= waited && waited <= once * 3 / 2, "{waited:?}");
            stretches.push(waited.as_nanos() / once.as_millis());
            let early = Instant::from_nanos(due.as_nanos() - 1);
            assert!(!conn.tick(early) && records(&mut conn, early, Carrier::Cells).is_empty());
            assert!(!conn.tick(due), "nobody is asked");
            let again = records(&mut conn, due, Carrier::Cells);
            assert_eq!(numbers(&again), [1, 2]);
            since = due;
        }
    }
    stretches.sort_unstable();
    stretches.dedup();
    assert!(stretches.len() > 100, "{}", stretches.len());
}

/// VTP-46: the wait is srtt + 4 · rttvar + 50 ms, at least 200 ms; an acknowledgement begins it anew, undoubled.
#[test]
fn the_wait_follows_the_round_trip() {
    for (trip, wait) in [(10, 200), (400, 400 + 800 + 50), (2000, 2000 + 4000 + 50)] {
        let mut conn = open(Carrier::Cells);
        cells(&mut conn, 3);
        conn.handle(at(trip), &ack(1)).unwrap();
        let waited = conn.due().unwrap().since(at(trip)).as_millis() as u64;
        assert!((wait..=wait * 3 / 2).contains(&waited), "{trip}: {waited}");
    }
    let mut conn = open(Carrier::Cells);
    cells(&mut conn, 3);
    conn.handle(at(400), &ack(1)).unwrap();
    let due = conn.due().unwrap();
    conn.tick(due);
    records(&mut conn, due, Carrier::Cells);
    // Two were said twice: what is acknowledged now measures nothing.
    let later = due + Duration::from_secs(9);
    conn.handle(later, &ack(2)).unwrap();
    let waited = conn.due().unwrap().since(later).as_millis() as u64;
    assert!((1250..=1875).contains(&waited), "{waited}");
    conn.handle(later, &ack(3)).unwrap();
    assert_eq!(conn.due(), None, "nothing is awaited");
    let mut conn = open(Carrier::Cells);
    cells(&mut conn, 3);
    conn.begin(Carrier::Cells);
    records(&mut conn, at(0), Carrier::Cells);
    conn.confirm(4).unwrap();
    assert!(!conn.tick(at(2000)));
    assert_eq!(conn.due(), None, "all had come");
}

/// VTP-46: on a stream nothing is said again, whatever the time and whatever gaps the peer tells of.
#[test]
fn on_a_stream_nothing_is_said_again() {
    let mut conn = open(Carrier::Stream);
    (0..6).for_each(|_| conn.send(vec![7; 30_000]).unwrap());
    assert_eq!(records(&mut conn, at(0), Carrier::Stream).len(), 6);
    conn.handle(at(1), &gaps(0, 0, &[(1, 5)])).unwrap();
    assert_eq!(conn.due(), None);
    assert!(!conn.tick(at(1_000_000)));
    assert!(!conn.has_frame() && records(&mut conn, at(1_000_000), Carrier::Stream).is_empty());
}

/// VTP-45: on a new transport all is said again from the oldest that is not known to have come; `expect` ends that, and is refused
/// below what was acknowledged and beyond what was sent.
#[test]
fn a_new_transport_says_again_what_has_not_come() {
    let start = || {
        let mut conn = open(Carrier::Stream);
        (0..9).for_each(|_| conn.send(vec![7; 30_000]).unwrap());
        records(&mut conn, at(0), Carrier::Stream);
        conn.handle(at(0), &ack(2)).unwrap();
        assert_eq!(conn.first(), 3);
        conn.begin(Carrier::Stream);
        conn
    };
    for (expect, rest) in [(3, 3..10), (7, 7..10), (10, 10..10)] {
        let mut conn = start();
        conn.confirm(expect).unwrap();
        assert_eq!(conn.first(), expect);
        let said = numbers(&records(&mut conn, at(0), Carrier::Stream));
        assert!(said.into_iter().eq(rest), "{expect}");
    }
    for expect in [0, 1, 2, 11, u64::MAX] {
        assert_eq!(start().confirm(expect), Err(Violation::Resume));
    }
    let mut conn = start();
    assert_eq!(numbers(&[record(&mut conn, at(0), Carrier::Stream)]), [3]);
    conn.confirm(6).unwrap();
    let rest = numbers(&records(&mut conn, at(0), Carrier::Stream));
    assert_eq!(rest, [6, 7, 8, 9], "before `expect` came one was said");
    conn.handle(at(0), &gaps(2, 9, &[])).unwrap();
    assert_eq!(
        conn.weight(),
        7 * 30_064,
        "all has come, and waits to be taken"
    );
}

/// VTP-45, VTP-46: what had come behind a gap may have been dropped by the peer: on the next transport it may be lost again.
#[test]
fn what_came_behind_a_gap_counts_for_its_transport_only() {
    let mut conn = open(Carrier::Cells);
    cells(&mut conn, 5);
    conn.handle(at(0), &gaps(0, 0, &[(1, 3)])).unwrap();
    conn.begin(Carrier::Cells);
    let said = numbers(&records(&mut conn, at(0), Carrier::Cells));
    assert_eq!(said, [1, 2, 3, 4, 5]);
    conn.confirm(1).unwrap();
    conn.tick(at(2000));
    let again = numbers(&records(&mut conn, at(2000), Carrier::Cells));
    assert_eq!(again, [1, 2]);
}

/// VTP-45: a frame that does not fit a cell waits for `expect`, with all behind it; then the rest is cut anew and numbered anew, while
/// what was said on the new transport keeps its number.
#[test]
fn what_does_not_fit_the_carrier_waits_for_expect() {
    let mut conn = open(Carrier::Stream);
    for len in [100, 200, 30_000, 300] {
        conn.send(vec![7; len]).unwrap();
        assert_eq!(
            numbers(&records(&mut conn, at(0), Carrier::Stream)).len(),
            1
        );
    }
    conn.begin(Carrier::Cells);
    assert!(conn.has_frame());
    assert_eq!(numbers(&records(&mut conn, at(0), Carrier::Cells)), [1, 2]);
    assert!(!conn.has_frame(), "the third is too long for a cell");
    conn.confirm(2).unwrap();
    let said = records(&mut conn, at(0), Carrier::Cells);
    assert!(said.iter().all(|cell| cell.len() <= 880));
    let said = numbers(&said);
    assert!(said.len() > 34 && said.iter().copied().eq(3..3 + said.len() as u64));
    let last = *said.last().unwrap();
    conn.handle(at(0), &gaps(last - 1, last, &[])).unwrap();
    assert_eq!(conn.weight(), 364, "the last was not taken");
    conn.handle(at(0), &ack(last)).unwrap();
    assert_eq!(conn.weight(), 0);
}

/// VTP-26: at most the window of frames is said and not received, whatever is taken; and of messages at most the window is begun and
/// not taken, whatever is received.
#[test]
fn two_windows_hold_a_sender() {
    let mut conn = open(Carrier::Cells);
    conn.send(vec![7; MAX_MESSAGE]).unwrap();
    let weigh = |said: &[Vec<u8>]| -> usize {
        said.iter()
            .map(|cell| cell.len() - Frame::MSG_HEAD + FRAME_WEIGHT)
            .sum()
    };
    let said = records(&mut conn, at(0), Carrier::Cells);
    let weight = weigh(&said);
    assert!(weight <= WINDOW && weight + 880 > WINDOW, "{weight}");
    conn.handle(at(0), &gaps(0, 100, &[(1, 200)])).unwrap();
    let more = records(&mut conn, at(0), Carrier::Cells);
    assert_eq!(numbers(&more)[0], 101, "lost");
    assert!(
        weigh(&more[1..]) <= weigh(&said[..100]),
        "what came behind a gap is not received"
    );
    let last = *numbers(&more).last().unwrap();
    conn.handle(at(0), &gaps(0, last, &[])).unwrap();
    conn.send(vec![8; 20_000]).unwrap();
    assert!(conn.send(vec![8; 60_000]).is_err(), "full");
    assert!(numbers(&records(&mut conn, at(0), Carrier::Cells)).len() > 24);
}

/// VTP-45, VTP-46: what waited to be said again on cells when their transport died does not stop the stream that comes after them.
#[test]
fn what_a_timeout_left_unsaid_on_cells_stops_no_stream_behind_them() {
    let mut conn = open(Carrier::Cells);
    conn.send(vec![7; 2000]).unwrap();
    assert!(!records(&mut conn, at(0), Carrier::Cells).is_empty());
    conn.tick(at(5000));
    conn.begin(Carrier::Stream);
    conn.go_live();
    conn.confirm(1).unwrap();
    let said = records(&mut conn, at(5000), Carrier::Stream);
    assert_eq!(numbers(&said), [1, 2, 3], "all of it");
}

/// VTP-46: on cells a frame that has to be said again fits behind PONG, PING and an ACK, however many gaps that could tell of.
#[test]
fn a_frame_said_again_fits_beside_control() {
    let now = Instant::ZERO;
    let mut conn = connection(Side::Master, 1);
    conn.begin(Carrier::Cells);
    conn.confirm(1).unwrap();
    conn.send(vec![7; 5000]).unwrap();
    let mut out = Vec::new();
    for _ in 0..6 {
        conn.begin_record();
        while conn.say(now, 880 - out.len(), &mut out) {}
        out.clear();
    }
    for number in (2..100).step_by(2) {
        let ahead = Frame::Msg {
            more: false,
            number,
            bytes: b"x",
        };
        conn.handle(now, &ahead).unwrap();
    }
    conn.handle(now, &gaps(0, 0, &[(1, 3)])).unwrap();
    Frame::Ping(1).encode(&mut out);
    Frame::Pong(1).encode(&mut out);
    conn.acknowledge(880 - out.len()).encode(&mut out);
    assert!(conn.say(now, 880 - out.len(), &mut out), "{}", out.len());
    assert_eq!(out.len(), 880);
}
