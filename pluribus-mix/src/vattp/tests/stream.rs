//! Messages, acknowledgements, and whether the peer is there, from a peer that is proven and means ill. (VTP-23, VTP-25 to
//! VTP-28)

use super::puppet::Held;
use super::rig::{End, Stand, ack, open_with_puppet, plain};
use crate::netlayer::MAX_MESSAGE;
use crate::time::{Duration, Instant};
use crate::vattp::Violation;
use crate::vattp::arrival::ACK_WEIGHT;
use crate::vattp::frame::{Frame, Frames};
use crate::vattp::outbound::{FRAME_WEIGHT, WINDOW};
use crate::vattp::ranges::Ranges;

fn msg(number: u64, more: bool, bytes: &[u8]) -> Frame<'_> {
    Frame::Msg {
        more,
        number,
        bytes,
    }
}

/// Both ends, and one verb: the puppet says frames in one record.
struct Scene {
    r: End,
    held: Held,
}

impl Scene {
    fn new() -> Self {
        let (r, held) = open_with_puppet();
        Self { r, held }
    }

    fn say(&mut self, frames: &[Frame<'_>]) -> &mut Self {
        self.r.hear(&self.held.record(&plain(frames)));
        self
    }

    /// A message of so many bytes, in pieces, the first of them with this number.
    fn say_long(&mut self, first: u64, len: usize, piece: usize) -> u64 {
        let body = vec![3; len];
        let mut number = first;
        let pieces = body.chunks(piece).count();
        for (n, bytes) in body.chunks(piece).enumerate() {
            self.say(&[msg(number, n + 1 < pieces, bytes)]);
            number += 1;
        }
        number
    }

    fn is_open(&self) -> bool {
        matches!(self.r.stand(), Stand::Open(_))
    }

    fn broke(&self) -> Violation {
        match self.r.stand() {
            Stand::Broke(_, violation) => violation,
            other => panic!("{other:?}"),
        }
    }

    /// What R says, as records.
    fn hears(&mut self) -> Vec<Vec<u8>> {
        let said = self.r.says();
        let records = super::puppet::items(&said);
        let open = |record: &Vec<u8>| self.held.open(&super::puppet::lp(record));
        records.iter().map(open).collect()
    }

    fn at(&mut self, millis: u64) -> &mut Self {
        self.r.tick(Instant::ZERO + Duration::from_millis(millis));
        self
    }
}

/// What R breaks off for when it hears these frames in one record.
fn broke(frames: &[Frame<'_>]) -> Violation {
    Scene::new().say(frames).broke()
}

/// VTP-23: messages come in the order of their numbers, which begin at 1 and rise by one; there is no 0.
#[test]
fn messages_come_in_the_order_of_their_numbers() {
    assert_eq!(broke(&[msg(0, false, b"x")]), Violation::Number);
    assert_eq!(broke(&[msg(u64::MAX, false, b"x")]), Violation::Number);
    let mut scene = Scene::new();
    scene.say(&[msg(2, false, b"y"), msg(1, true, b"x"), msg(3, false, b"z")]);
    assert_eq!(scene.r.takes(), [&b"xy"[..], b"z"]);
}

/// VTP-25: a message of 1 MiB is heard; one byte more is refused, and nothing of it was heard.
#[test]
fn a_message_beyond_its_bound_is_refused() {
    let mut scene = Scene::new();
    scene.say_long(1, MAX_MESSAGE, 32_000);
    assert!(scene.is_open());
    assert_eq!(scene.r.takes()[0].len(), MAX_MESSAGE);
    let mut scene = Scene::new();
    scene.say_long(1, MAX_MESSAGE + 1, 32_000);
    assert_eq!(scene.broke(), Violation::Message);
    assert!(scene.r.takes().is_empty());
}

/// VTP-25: no piece is empty; an empty message without the flag ends the direction, but not in the middle of a message.
#[test]
fn empty_pieces_are_refused() {
    assert_eq!(broke(&[msg(1, true, b"")]), Violation::Message);
    let within = [msg(1, true, b"x"), msg(2, true, b"")];
    assert_eq!(broke(&within), Violation::Message);
    let last = [msg(1, true, b"x"), msg(2, false, b"")];
    assert_eq!(broke(&last), Violation::Message);
    let mut scene = Scene::new();
    scene.say(&[msg(1, false, b"x"), msg(2, false, b"")]);
    assert_eq!(scene.r.takes(), [&b"x"[..], b""]);
    scene.r.conn.finish();
    assert!(scene.is_open() && scene.r.conn.has_ended());
}

/// VTP-25: after the end nothing numbered is heard; what has no number is.
#[test]
fn a_message_behind_the_end_is_refused() {
    let end = msg(1, false, b"");
    for behind in [msg(2, false, b"x"), msg(2, true, b"x"), msg(2, false, b"")] {
        assert_eq!(broke(&[end, behind]), Violation::AfterEnd, "{behind:?}");
    }
    let mut scene = Scene::new();
    scene.say(&[end, Frame::Ping(3), ack(1)]);
    assert!(scene.is_open());
}

/// VTP-26: an acknowledgement neither goes beyond what was sent nor back; the same may come twice.
#[test]
fn an_impossible_acknowledgement_is_refused() {
    for beyond in [2, 3, u64::MAX] {
        assert_eq!(
            broke(&[ack(beyond)]),
            Violation::Ack,
            "one was sent, not {beyond}"
        );
    }
    assert_eq!(broke(&[ack(1), ack(0)]), Violation::Ack);
    assert!(
        Scene::new()
            .say(&[ack(0), ack(0), ack(1), ack(1)])
            .is_open()
    );
    let mut scene = Scene::new();
    scene.r.conn.send(b"two".to_vec()).unwrap();
    scene.r.conn.send(b"three".to_vec()).unwrap();
    scene.hears();
    assert!(scene.say(&[ack(1), ack(2), ack(2)]).is_open());
    assert_eq!(scene.say(&[ack(1)]).broke(), Violation::Ack);
}

/// VTP-26: a sender of messages that does not wait until they are taken is refused at the window, exactly; a message that is not whole
/// weighs as well.
#[test]
fn more_than_the_window_is_refused() {
    let body = vec![1; 64];
    let fits = u64::try_from(WINDOW / (body.len() + FRAME_WEIGHT)).unwrap();
    let load = |scene: &mut Scene, numbers: core::ops::RangeInclusive<u64>| {
        let numbers: Vec<u64> = numbers.collect();
        for numbers in numbers.chunks(400) {
            let frames: Vec<_> = numbers.iter().map(|n| msg(*n, false, &body)).collect();
            scene.say(&frames);
        }
    };
    let full = || {
        let mut scene = Scene::new();
        load(&mut scene, 1..=fits);
        assert!(scene.is_open());
        scene
    };
    for more in [false, true] {
        assert_eq!(
            full().say(&[msg(fits + 1, more, b"x")]).broke(),
            Violation::Window
        );
    }
    let mut scene = full();
    assert_eq!(scene.r.takes().len(), usize::try_from(fits).unwrap());
    load(&mut scene, fits + 1..=2 * fits);
    assert!(scene.is_open(), "what is taken is not held");
    assert_eq!(
        scene.say(&[msg(2 * fits + 1, false, b"x")]).broke(),
        Violation::Window
    );
}

/// VTP-26: a sender keeps at most the window unacknowledged, and goes on when it is acknowledged.
#[test]
fn a_sender_stops_at_the_window() {
    let mut scene = Scene::new();
    scene.say(&[ack(1)]);
    let mut push = |_: &usize| scene.r.conn.send(vec![5; 1000]).is_ok();
    let pushed = (0..WINDOW).take_while(&mut push).count();
    let weigh = |scene: &mut Scene| {
        let (mut weight, mut last) = (0, 0);
        loop {
            let records = scene.hears();
            if records.is_empty() {
                return (weight, last);
            }
            for record in records {
                let mut frames = Frames::of(&record).unwrap();
                while let Some(frame) = frames.next().unwrap() {
                    if let Frame::Msg { bytes, number, .. } = frame {
                        weight += bytes.len() + FRAME_WEIGHT;
                        last = number;
                    }
                }
            }
        }
    };
    let (weight, last) = weigh(&mut scene);
    assert_eq!(weight, pushed * 1064);
    assert!(weight <= WINDOW && weight + 1064 > WINDOW);
    assert!(scene.r.conn.send(vec![5; 1000]).is_err(), "full");
    scene.say(&[ack(last - 1)]);
    scene.r.conn.send(vec![5; 1000]).unwrap();
    assert_eq!(weigh(&mut scene), (1064, last + 1));
}

/// VTP-26: what has come is acknowledged after 131,072 of weight at once, anything within 50 ms, and so is what is taken.
#[test]
fn what_has_come_is_acknowledged_in_time() {
    let acked = |taken, received| {
        plain(&[Frame::Ack {
            taken,
            received,
            ranges: Ranges::default(),
        }])
    };
    let mut scene = Scene::new();
    scene.at(40).say(&[msg(1, false, b"x"), msg(2, true, b"y")]);
    assert!(scene.at(89).hears().is_empty(), "not due");
    assert_eq!(scene.at(90).hears(), [acked(0, 2)], "50 ms after it came");
    assert_eq!(scene.at(100).r.takes(), [b"x"]);
    assert!(scene.at(149).hears().is_empty(), "not due");
    assert_eq!(
        scene.at(150).hears(),
        [acked(1, 2)],
        "50 ms after it was taken"
    );
    assert!(scene.at(500).hears().is_empty(), "once");

    let mut scene = Scene::new();
    let next = scene.say_long(1, ACK_WEIGHT - 5 * FRAME_WEIGHT - 1, 30_000);
    assert_eq!(next, 6);
    assert!(scene.hears().is_empty(), "one byte is missing");
    scene.say(&[msg(6, false, b"x")]);
    assert_eq!(scene.hears(), [acked(0, 6)]);
    assert_eq!(scene.r.takes().len(), 2);
    assert!(
        scene.hears().is_empty(),
        "by weight as a message it is less"
    );
}

/// VTP-26, VTP-27: every PING is answered in the same turn with its token, in order, and an ACK behind them; sixteen may wait and a seventeenth may not.
#[test]
fn pings_are_answered_and_a_flood_is_refused() {
    let pings = |count: u64| -> Vec<Frame<'_>> { (0..count).map(|n| Frame::Ping(n * 7)).collect() };
    let mut scene = Scene::new();
    scene.say(&pings(16));
    let mut pongs: Vec<_> = (0..16).map(|n| Frame::Pong(n * 7)).collect();
    pongs.push(ack(0));
    assert_eq!(scene.hears(), [plain(&pongs)]);
    scene.say(&pings(16));
    assert_eq!(
        scene.hears(),
        [plain(&pongs)],
        "answered, so there is room again"
    );
    assert_eq!(broke(&pings(17)), Violation::PingFlood);
    scene.say(&pings(9)).say(&pings(7));
    assert!(scene.is_open());
    assert_eq!(
        scene.say(&pings(1)).broke(),
        Violation::PingFlood,
        "over several records"
    );
}

/// VTP-27: a PONG answers a PING that is outstanding, once.
#[test]
fn a_pong_that_nobody_asked_for_is_refused() {
    for token in [0, 1, 2, u64::MAX] {
        assert_eq!(broke(&[Frame::Pong(token)]), Violation::Pong);
    }
    let asked = || {
        let mut scene = Scene::new();
        let said = scene.at(5000).hears().remove(0);
        let Ok(Some(Frame::Ping(token))) = Frames::of(&said).unwrap().next() else {
            panic!("{said:?}");
        };
        (scene, token)
    };
    let (mut scene, token) = asked();
    assert!(scene.say(&[Frame::Pong(token)]).is_open());
    assert_eq!(
        scene.say(&[Frame::Pong(token)]).broke(),
        Violation::Pong,
        "twice"
    );
    let (mut scene, token) = asked();
    assert_eq!(
        scene.say(&[Frame::Pong(token + 1)]).broke(),
        Violation::Pong
    );
}

/// VTP-28: after 5 s without a record R asks, and again every 5 s; 5 s after the third PING the peer is dead, not before.
#[test]
fn a_silent_peer_is_dead_after_three_pings() {
    let mut scene = Scene::new();
    for second in 1..20 {
        let (before, at) = (second * 1000 - 1, second * 1000);
        assert!(scene.at(before).hears().is_empty(), "{before}");
        let asked = scene.at(at).hears().len();
        assert_eq!(asked, usize::from(second % 5 == 0), "{at}");
    }
    assert!(scene.at(19_999).is_open());
    assert_eq!(scene.at(20_000).broke(), Violation::Silence);
    assert!(scene.hears().is_empty());
}

/// VTP-28: any record of the peer counts as a sign of life, and the count begins anew.
#[test]
fn any_record_is_a_sign_of_life() {
    let mut scene = Scene::new();
    for round in 0..4 {
        let start = round * 19_999;
        for second in [5, 10, 15] {
            assert_eq!(scene.at(start + second * 1000).hears().len(), 1);
        }
        assert!(scene.at(start + 19_999).is_open());
        scene.r.hear(&scene.held.record(&[0]));
    }
    let start = 4 * 19_999;
    for second in [5, 10, 15] {
        scene.at(start + second * 1000);
    }
    assert!(scene.at(start + 19_999).is_open());
    assert_eq!(scene.at(start + 20_000).broke(), Violation::Silence);
}

/// VTP-28: where a round trip is long, four of them pass before R asks again.
#[test]
fn a_long_way_is_given_time() {
    let mut scene = Scene::new();
    scene.at(5000).hears();
    scene.at(8000).say(&[Frame::Pong(1)]);
    assert!(scene.at(19_999).hears().is_empty(), "12 s after the answer");
    assert_eq!(scene.at(20_000).hears().len(), 1);
    scene.at(32_000);
    scene.at(44_000);
    assert!(scene.at(55_999).is_open());
    assert_eq!(scene.at(56_000).broke(), Violation::Silence);
}
