//! Links: a handshake of use 1 and bare records, over any chopping, and what a link refuses. (ONI-1, ONI-2)

use super::puppet::items;
use super::rig::{R, hosted, key, local, wanted};
use crate::crypto::rng::{Rng, Seed};
use crate::time::{Duration, Instant};
use crate::vattp::bare::{Answering, Bare, Came};
use crate::vattp::frame::Frame;
use crate::vattp::initiator;
use crate::vattp::pair::PairFields;
use crate::vattp::pipe::{Carried, MAX_RECORDS};
use crate::vattp::responder::{self, ExpectIWant, Hosted};
use crate::vattp::seen::Seen;
use crate::vattp::{Local, Offers, Use, Violation};
use crate::wire::Put;

/// One end of a link, and what it has been told.
pub(crate) struct Side {
    pub(crate) bare: Bare,
    hosted: Hosted,
    seen: Seen,
    rng: Rng,
    /// What it has to say.
    pub(crate) out: Vec<u8>,
    /// Who the peer has proven to be, once.
    proven: Vec<[u8; 32]>,
    records: Vec<Vec<u8>>,
}

impl Side {
    fn of(bare: Bare, out: Vec<u8>, name: &str) -> Self {
        Self {
            bare,
            hosted: hosted(Use::Link),
            seen: Seen::new(Duration::from_secs(60)),
            rng: rng(name),
            out,
            proven: Vec::new(),
            records: Vec::new(),
        }
    }

    fn dials(local: Local) -> Self {
        let mut out = Vec::new();
        let bare = Bare::dial(wanted(Use::Link), local, &mut rng("dials"), &mut out).unwrap();
        Self::of(bare, out, "dials")
    }

    fn answers() -> Self {
        Self::of(Bare::answer(), Vec::new(), "answers")
    }

    /// Takes these bytes in pieces of so many.
    fn hear(&mut self, bytes: &[u8], chop: usize) -> Result<(), Violation> {
        for piece in bytes.chunks(chop) {
            let mut piece = piece.to_vec();
            let mut rest = &mut piece[..];
            loop {
                let answering = Answering {
                    hosted: &self.hosted,
                    seen: &mut self.seen,
                    rng: &mut self.rng,
                };
                let now = Instant::ZERO;
                match self
                    .bare
                    .next(&mut rest, now, Some(answering), &mut self.out)?
                {
                    None => break,
                    Some(Came::Proven(peer)) => self.proven.push(*peer.key.as_bytes()),
                    Some(Came::Record(mut plain)) => self.records.push(plain.bytes().to_vec()),
                    Some(Came::Item | Came::Asked) => {}
                }
            }
        }
        Ok(())
    }

    fn says(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.out)
    }

    fn record(&mut self, text: &[u8]) -> Result<(), Violation> {
        self.bare
            .record(&mut self.out, |out| out.extend_from_slice(text))
    }
}

fn rng(name: &str) -> Rng {
    Seed::from_bytes([3; 32]).fork(name)
}

/// Two ends of a link that stands, the one that dialled first.
pub(crate) fn joined(chop: usize) -> [Side; 2] {
    let (mut one, mut two) = (Side::dials(local(1)), Side::answers());
    for _ in 0..2 {
        two.hear(&one.says(), chop).unwrap();
        one.hear(&two.says(), chop).unwrap();
    }
    assert!(one.bare.is_live() && two.bare.is_live());
    [one, two]
}

/// ONI-1, ONI-2: whatever pieces it comes in, both are proven once, and records come as they were sealed, either way.
#[test]
fn a_link_comes_to_stand_in_any_pieces() {
    for chop in [1, 7, 100, 1216, 100_000] {
        let [mut one, mut two] = joined(chop);
        assert_eq!(one.proven, [*key(R).public().as_bytes()]);
        assert_eq!(two.proven, [*key(1).public().as_bytes()]);
        for n in 0..5 {
            one.record(&[n; 700]).unwrap();
            two.record(&[n + 100; 1]).unwrap();
        }
        two.hear(&one.says(), chop).unwrap();
        one.hear(&two.says(), chop).unwrap();
        assert_eq!(
            two.records,
            (0..5).map(|n| vec![n; 700]).collect::<Vec<_>>()
        );
        assert_eq!(
            one.records,
            (100..105).map(|n| vec![n; 1]).collect::<Vec<_>>()
        );
    }
}

/// ONI-2: who dialled may seal records behind GO at once; nobody before it is proven.
#[test]
fn records_wait_for_the_proof() {
    let (mut one, mut two) = (Side::dials(local(1)), Side::answers());
    assert_eq!(one.record(b"early"), Err(Violation::Late));
    assert_eq!(two.record(b"early"), Err(Violation::Late));
    two.hear(&one.says(), 99).unwrap();
    assert_eq!(two.record(b"early"), Err(Violation::Late));
    one.hear(&two.says(), 99).unwrap();
    one.record(b"behind GO").unwrap();
    two.hear(&one.says(), 99).unwrap();
    assert_eq!(two.records, [b"behind GO".to_vec()]);
}

/// ONI-2, VTP-24: the key changes behind 2²⁰ records, which both sides count, and a side that does not change it is not understood.
#[test]
fn the_key_changes_behind_2_20_records() {
    let [mut one, mut two] = joined(5000);
    one.bare.age(MAX_RECORDS - 2);
    two.bare.age(MAX_RECORDS - 2);
    for n in 0..6 {
        one.record(&[n; 9]).unwrap();
        two.record(&[n; 9]).unwrap();
    }
    two.hear(&one.says(), 100).unwrap();
    one.hear(&two.says(), 100).unwrap();
    assert_eq!((one.records.len(), two.records.len()), (6, 6));

    let [mut one, mut two] = joined(5000);
    one.bare.age(MAX_RECORDS - 2);
    for n in 0..3 {
        one.record(&[n; 9]).unwrap();
    }
    assert_eq!(two.hear(&one.says(), 100), Err(Violation::Record));
    assert!(two.records.is_empty());
}

/// ONI-2, VTP-24: a record of nothing is none, and the key does not change for it.
#[test]
fn a_record_of_nothing_is_none() {
    let [mut one, mut two] = joined(5000);
    one.bare.age(MAX_RECORDS - 1);
    two.bare.age(MAX_RECORDS - 1);
    one.record(b"").unwrap();
    assert!(one.out.is_empty());
    one.record(b"the last").unwrap();
    one.record(b"the first").unwrap();
    two.hear(&one.says(), 100).unwrap();
    assert_eq!(two.records, [b"the last".to_vec(), b"the first".to_vec()]);
}

/// VTP-17, VTP-21: behind a violation an end is silent: it says nothing and takes nothing, whatever comes.
#[test]
fn behind_a_violation_there_is_silence() {
    for bad in 0..3 {
        let (mut one, mut two) = (Side::dials(local(1)), Side::answers());
        let mut flight = one.says();
        match bad {
            0 => flight = vec![0; 4],
            1 => *flight.last_mut().unwrap() ^= 1,
            _ => flight = [flight.clone(), vec![0xff; 2]].concat(),
        }
        assert!(two.hear(&flight, 5000).is_err(), "{bad}");
        assert!(two.bare.is_silent());
        two.says();
        let fresh = Side::dials(local(1)).says();
        two.hear(&fresh, 5000).unwrap();
        assert!(two.says().is_empty() && two.bare.is_silent());
        assert_eq!(two.record(b"now"), Err(Violation::Late));
    }
    let [mut one, mut two] = joined(5000);
    one.record(b"a record").unwrap();
    let mut bytes = one.says();
    bytes[5] ^= 4;
    assert_eq!(two.hear(&bytes, 5000), Err(Violation::Record));
    one.record(b"another").unwrap();
    two.hear(&one.says(), 5000).unwrap();
    assert!(two.records.is_empty() && two.bare.is_silent());
}

/// VTP-4, ONI-1: a flight for a session or a vat is no flight for a link, and who hosts nobody answers nobody.
#[test]
fn only_links_are_answered() {
    for (for_use, fits) in [(Use::Link, true), (Use::Exit, false), (Use::Vat, false)] {
        let mut out = Vec::new();
        Bare::dial(wanted(for_use), local(1), &mut rng("asks"), &mut out).unwrap();
        let mut two = Side::answers();
        let heard = two.hear(&out, 5000);
        assert_eq!(heard.is_ok(), fits, "{for_use:?}: {heard:?}");
        assert_eq!(two.says().is_empty(), !fits);
    }
    let mut flight = Side::dials(local(1)).says();
    let mut nobody = Bare::answer();
    let (mut rest, mut out) = (&mut flight[..], Vec::new());
    let heard = nobody.next(&mut rest, Instant::ZERO, None, &mut out);
    assert_eq!(heard.err(), Some(Violation::NotForUs));
    assert!(out.is_empty());
}

/// The pair fields of a link, one of them changed.
fn changed(which: usize) -> PairFields {
    let mut fields = crate::vattp::bare::FIELDS;
    match which {
        0 => {}
        1 => fields.word.again = true,
        2 => fields.word.mine = 2,
        3 => fields.word.yours = 1,
        4 => fields.word.go = 2,
        5 => fields.word.past = 1,
        6 => fields.expect = 2,
        _ => fields.first = 2,
    }
    fields
}

/// ONI-1: GO with any other pair field is refused.
#[test]
fn go_says_what_a_link_says() {
    for which in 0..8 {
        let mut two = Side::answers();
        let entropy = initiator::Entropy::draw(&mut rng("dials"));
        let mut out = Vec::new();
        let offers = Offers::default();
        let asks =
            initiator::start(wanted(Use::Link), local(1), offers, entropy, &mut out).unwrap();
        two.hear(&out, 5000).unwrap();
        let answer = items(&two.says());
        let proven = asks.handle(&answer[0]).unwrap().handle(&answer[1]).unwrap();
        let mut out = Vec::new();
        proven
            .go(&changed(which), Carried::Stream, &mut out)
            .unwrap();
        let heard = two.hear(&out, 5000);
        assert_eq!(heard.is_ok(), which == 0, "{which}: {heard:?}");
        assert_eq!(two.says().is_empty(), which != 0);
    }
}

/// ONI-1: GOTOO with any other pair field, or with a frame behind them, is refused.
#[test]
fn go_too_says_what_a_link_says() {
    for (which, frame) in (0..8).map(|n| (n, false)).chain([(0, true)]) {
        let mut one = Side::dials(local(1));
        let (hosted, mut seen) = (hosted(Use::Link), Seen::new(Duration::from_secs(60)));
        let mut out = Vec::new();
        let flight = items(&one.says());
        let draw = || responder::Entropy::draw(&mut rng("answers"));
        let next = ExpectIWant
            .handle(
                &flight[0],
                &hosted,
                &mut seen,
                Instant::ZERO,
                draw,
                &mut out,
            )
            .unwrap();
        one.hear(&out, 5000).unwrap();
        let flight = items(&one.says());
        let accepted = next.handle(&flight[0]).unwrap().handle(&flight[1]).unwrap();
        let (_, mut sealer) = accepted.go_too(&changed(which), Carried::Stream);
        let mut out = Vec::new();
        let begun = sealer.begin(&mut out);
        if frame {
            Frame::Ping(1).encode(&mut out);
        }
        sealer.seal(begun, &mut out).unwrap();
        let heard = one.hear(&out, 5000);
        assert_eq!(
            heard.is_ok(),
            (which, frame) == (0, false),
            "{which}: {heard:?}"
        );
        let mut junk = Vec::new();
        junk.put_u32(0);
        assert_eq!(one.record(&junk).is_ok(), (which, frame) == (0, false));
    }
}
