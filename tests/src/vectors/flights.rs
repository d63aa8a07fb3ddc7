//! The states of both roles, driven by whole flights.

use super::{Wrong, holds};
use core::ops::RangeInclusive;
use pluribus_mix::crypto::sign::PublicKey;
use pluribus_mix::time::Instant;
use pluribus_mix::vattp::Violation;
use pluribus_mix::vattp::flight::{GIVEINFO_LEN, GO_LEN, IAM_LEN, IWANT_LEN, REPLYINFO_LEN};
use pluribus_mix::vattp::frame::Frames;
use pluribus_mix::vattp::initiator::{Established, ExpectGoToo, ExpectIam, Proven};
use pluribus_mix::vattp::pair::{PairFields, Side, Within};
use pluribus_mix::vattp::pipe::RECORD_LEN;
use pluribus_mix::vattp::responder::{Accepted, Entropy, ExpectGiveInfo, ExpectIWant, Hosted};
use pluribus_mix::vattp::seen::Seen;
use pluribus_mix::vattp::split::{Item, Splitter};

/// Why a flight was not taken.
#[derive(Debug)]
pub enum Stop {
    /// A state refused it.
    Refused {
        /// The state.
        state: &'static str,
        /// The rule that was broken.
        violation: Violation,
    },
    /// The case cannot be tried.
    Wrong(Wrong),
}

impl From<Wrong> for Stop {
    fn from(wrong: Wrong) -> Self {
        Self::Wrong(wrong)
    }
}

/// Says which state refused.
pub(super) fn at(state: &'static str) -> impl Fn(Violation) -> Stop {
    move |violation| Stop::Refused { state, violation }
}

/// The lengths of what each state waits for, as chapters 3 and 6 have them. (VTP-1, VTP-21, RDV-10, RDV-14)
const LENGTHS: &[(&str, RangeInclusive<usize>)] = &[
    ("ExpectIWant", 1237..=1282),
    ("ExpectIam", 1123..=1123),
    ("ExpectReplyInfo", 408..=408),
    ("ExpectGiveInfo", 376..=376),
    ("ExpectGo", 98..=98),
    ("ExpectGoToo", 17..=32_768),
    ("ExpectEarly", 187..=4763),
    ("ExpectAnswer", 66..=4162),
];

/// The next item of a flight.
pub(super) fn item<'i>(
    state: &'static str,
    rest: &mut &'i mut [u8],
    lengths: &RangeInclusive<usize>,
) -> Result<Item<'i>, Stop> {
    let known = LENGTHS
        .iter()
        .any(|known| known == &(state, lengths.clone()));
    holds(known, || format!("{state} waits for {lengths:?} bytes"))?;
    let mut length: Vec<u8> = rest.iter().copied().take(2).collect();
    match Splitter::default().next(rest, lengths) {
        Ok(Some(item)) => Ok(item),
        Ok(None) => Err(Wrong::new("the flight ends early").into()),
        Err(violation) => {
            // The two bytes of the length are enough.
            let alone = Splitter::default().next(&mut &mut *length, lengths);
            let early = alone.is_err_and(|early| early == violation);
            Err(if early {
                at(state)(violation)
            } else {
                Wrong::new("a length is not refused as soon as it is there").into()
            })
        }
    }
}

/// Nothing is left of the flight.
pub(super) fn end(rest: &[u8]) -> Result<(), Stop> {
    let over = rest.is_empty();
    over.then_some(())
        .ok_or(Wrong::new("bytes behind the flight").into())
}

/// The responder takes flight 1 and writes flight 2 to `out`.
///
/// # Errors
/// If it refuses; so with the other flights.
pub fn iwant(
    hosted: &Hosted,
    seen: &mut Seen,
    entropy: Entropy,
    flight: &mut [u8],
    out: &mut Vec<u8>,
) -> Result<ExpectGiveInfo, Stop> {
    let (state, mut rest) = ("ExpectIWant", flight);
    let item = item(state, &mut rest, &IWANT_LEN)?;
    let next = ExpectIWant
        .handle(&item, hosted, seen, Instant::ZERO, || entropy, out)
        .map_err(at(state))?;
    end(rest)?;
    Ok(next)
}

/// The initiator takes flight 2.
pub fn iam_replyinfo(expect: ExpectIam, flight: &mut [u8]) -> Result<Proven, Stop> {
    let (state, mut rest) = ("ExpectIam", flight);
    let iam = item(state, &mut rest, &IAM_LEN)?;
    let expect = expect.handle(&iam).map_err(at(state))?;
    let state = "ExpectReplyInfo";
    let replyinfo = item(state, &mut rest, &REPLYINFO_LEN)?;
    let proven = expect.handle(&replyinfo).map_err(at(state))?;
    end(rest)?;
    Ok(proven)
}

/// The responder `ours` takes flight 3; the records behind it are left over.
pub fn giveinfo_go<'i>(
    expect: ExpectGiveInfo,
    ours: &PublicKey,
    flight: &'i mut [u8],
) -> Result<(Accepted, &'i mut [u8]), Stop> {
    let (state, mut rest) = ("ExpectGiveInfo", flight);
    let giveinfo = item(state, &mut rest, &GIVEINFO_LEN)?;
    let expect = expect.handle(&giveinfo).map_err(at(state))?;
    let state = "ExpectGo";
    let go = item(state, &mut rest, &GO_LEN)?;
    let accepted = expect.handle(&go).map_err(at(state))?;
    let theirs = Side::of_dialler(accepted.peer(), ours);
    let checked = accepted.fields().check(Within::Go, theirs);
    checked.map_err(at(state))?;
    Ok((accepted, rest))
}

/// The initiator on `side` takes flight 4, and gives the bytes of the frames in it.
pub fn gotoo(
    expect: ExpectGoToo,
    side: Side,
    flight: &mut [u8],
) -> Result<(Established, PairFields, Vec<u8>), Stop> {
    let (state, mut rest) = ("ExpectGoToo", flight);
    let mut record = item(state, &mut rest, &RECORD_LEN)?;
    let (established, fields, bytes) = expect.handle(&mut record).map_err(at(state))?;
    let checked = fields.check(Within::GoToo, side.other());
    checked.map_err(at(state))?;
    let mut frames = Frames::perhaps(bytes);
    while frames.next().map_err(at(state))?.is_some() {}
    let bytes = bytes.to_vec();
    end(rest)?;
    Ok((established, fields, bytes))
}
