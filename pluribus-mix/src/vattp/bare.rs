//! A bare pipe: a handshake of use 1, and behind it records that hold no frames. (ONI-1, ONI-2)
//!
//! Links between relays, and from clients to relays, live and die with their TCP connection: there is no connection object above
//! them, nothing is acknowledged and nothing resumes. So the pair fields say nothing, and what a record holds is its user's affair.
//! Keys change behind every 2²⁰ records, which both ends count: TCP loses none.

use super::flight::{GIVEINFO_LEN, GO_LEN, IAM_LEN, IWANT_LEN, REPLYINFO_LEN};
use super::initiator::{
    self, CannotDial, Established, ExpectGoToo, ExpectIam, ExpectReplyInfo, Proven,
};
use super::pair::{PairFields, Verdict, Word};
use super::pipe::{Carried, Opener, RECORD_LEN, Sealer};
use super::responder::{self, Accepted, ExpectGiveInfo, ExpectGo, ExpectIWant, Hosted};
use super::seen::Seen;
use super::split::{Item, Splitter};
use super::target::Wanted;
use super::{Local, Offers, Peer, Violation};
use crate::crypto::rng::Rng;
use crate::time::Instant;
use core::mem;
use core::ops::RangeInclusive;

/// What stands in GO and GOTOO of a link. (ONI-1)
pub(super) const FIELDS: PairFields = PairFields {
    word: Word {
        verdict: Verdict::Go,
        again: false,
        mine: 1,
        yours: 0,
        go: 1,
        past: 0,
    },
    expect: 1,
    first: 1,
};

/// One end of a link, from the first byte to the last.
///
/// ```text
/// dial ─IWANT─► Iam ─► ReplyInfo ─GIVEINFO,GO─► GoToo ─► Live
/// answer ─► IWant ─IAM,REPLYINFO─► GiveInfo ─► Go ─GOTOO─► Live
/// ```
pub struct Bare {
    step: Step,
    splitter: Splitter,
}

enum Step {
    Iam(ExpectIam),
    ReplyInfo(ExpectReplyInfo),
    GoToo(ExpectGoToo, Sealer),
    IWant,
    GiveInfo(ExpectGiveInfo),
    Go(ExpectGo),
    Live(Sealer, Opener),
    /// A rule was broken; what comes is discarded. (VTP-17)
    Silent,
}

/// What bytes led to.
pub enum Came<'i> {
    /// An item of the handshake, after which another is awaited.
    Item,
    /// IWANT was for us, and the second flight is written.
    Asked,
    /// The peer is proven, and records may be sealed.
    Proven(Peer),
    /// A record.
    Record(Plain<'i>),
}

/// What a record holds, where it lay.
pub struct Plain<'i> {
    item: Item<'i>,
    len: usize,
}

impl Plain<'_> {
    /// The bytes.
    pub fn bytes(&mut self) -> &mut [u8] {
        self.item.get_mut(..self.len).unwrap_or_default()
    }
}

/// What who is dialled knows.
pub struct Answering<'a> {
    /// Who can be asked for.
    pub hosted: &'a Hosted,
    /// The flights that were answered. (VTP-5)
    pub seen: &'a mut Seen,
    /// Where the answer's randomness comes from.
    pub rng: &'a mut Rng,
}

impl Bare {
    /// Writes IWANT to `out`.
    ///
    /// # Errors
    /// If the relay wanted is our own, or its onion key useless.
    pub fn dial(
        wanted: Wanted,
        local: Local,
        rng: &mut Rng,
        out: &mut Vec<u8>,
    ) -> Result<Self, CannotDial> {
        let entropy = initiator::Entropy::draw(rng);
        let iam = initiator::start(wanted, local, Offers::default(), entropy, out)?;
        Ok(Self::at(Step::Iam(iam)))
    }

    /// Waits for IWANT.
    pub fn answer() -> Self {
        Self::at(Step::IWant)
    }

    fn at(step: Step) -> Self {
        Self {
            step,
            splitter: Splitter::default(),
        }
    }

    /// Whether the peer is proven and records can be sealed.
    pub const fn is_live(&self) -> bool {
        matches!(self.step, Step::GoToo(..) | Step::Live(..))
    }

    /// Whether everything that comes is discarded.
    pub const fn is_silent(&self) -> bool {
        matches!(self.step, Step::Silent)
    }

    /// Takes what comes next off the front of `input`; `None` when that holds no whole item. What is said goes to `out`.
    ///
    /// # Errors
    /// Which rule was broken; the end is silent then and discards what comes.
    pub fn next<'i>(
        &mut self,
        input: &mut &'i mut [u8],
        now: Instant,
        answering: Option<Answering<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Came<'i>>, Violation> {
        if self.is_silent() {
            *input = &mut [];
            return Ok(None);
        }
        let came = match self.splitter.next(input, &self.lengths()) {
            Ok(None) => return Ok(None),
            Ok(Some(item)) => self.item(item, now, answering, out),
            Err(violation) => Err(violation),
        };
        if came.is_err() {
            self.step = Step::Silent;
            self.splitter = Splitter::default();
        }
        came.map(Some)
    }

    const fn lengths(&self) -> RangeInclusive<usize> {
        match self.step {
            Step::Iam(_) => IAM_LEN,
            Step::ReplyInfo(_) => REPLYINFO_LEN,
            Step::IWant => IWANT_LEN,
            Step::GiveInfo(_) => GIVEINFO_LEN,
            Step::Go(_) => GO_LEN,
            Step::GoToo(..) | Step::Live(..) | Step::Silent => RECORD_LEN,
        }
    }

    fn item<'i>(
        &mut self,
        mut item: Item<'i>,
        now: Instant,
        answering: Option<Answering<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<Came<'i>, Violation> {
        if let Step::Live(_, opener) = &mut self.step {
            let len = opener.open(&mut item)?.len();
            if opener.is_worn() {
                opener.rekey();
            }
            return Ok(Came::Record(Plain { item, len }));
        }
        let (step, came) = match mem::replace(&mut self.step, Step::Silent) {
            Step::Iam(state) => (Step::ReplyInfo(state.handle(&item)?), Came::Item),
            Step::ReplyInfo(state) => go(state.handle(&item)?, out)?,
            Step::GoToo(state, sealer) => (go_too(state, sealer, &mut item)?, Came::Item),
            Step::IWant => {
                let Some(us) = answering else {
                    return Err(Violation::NotForUs);
                };
                let (hosted, seen, rng) = (us.hosted, us.seen, us.rng);
                let draw = || responder::Entropy::draw(rng);
                let next = ExpectIWant.handle(&item, hosted, seen, now, draw, out)?;
                (Step::GiveInfo(next), Came::Asked)
            }
            Step::GiveInfo(state) => (Step::Go(state.handle(&item)?), Came::Item),
            Step::Go(state) => accept(state.handle(&item)?, out)?,
            Step::Live(..) | Step::Silent => return Err(Violation::Late),
        };
        self.step = step;
        Ok(came)
    }

    /// As if so many records had gone each way.
    #[cfg(test)]
    pub(super) const fn age(&mut self, records: u64) {
        if let Step::Live(sealer, opener) = &mut self.step {
            sealer.age(records);
            opener.age(records);
        }
    }

    /// Appends one record to `out` with what `fill` appends, at most [`super::pipe::MAX_PLAIN`] bytes; nothing if that is nothing.
    ///
    /// # Errors
    /// If the peer is not proven, or it is too much.
    pub fn record(
        &mut self,
        out: &mut Vec<u8>,
        fill: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Violation> {
        let (Step::GoToo(_, sealer) | Step::Live(sealer, _)) = &mut self.step else {
            return Err(Violation::Late);
        };
        let (is_last, start) = (sealer.is_worn(), out.len());
        let begun = sealer.begin(out);
        fill(out);
        sealer.seal(begun, out)?;
        // A record without content is none, and does not count.
        if is_last && out.len() > start {
            sealer.rekey();
        }
        Ok(())
    }
}

/// R is proven: GIVEINFO and GO.
fn go<'i>(proven: Proven, out: &mut Vec<u8>) -> Result<(Step, Came<'i>), Violation> {
    let peer = proven.peer().clone();
    let (next, sealer) = proven.go(&FIELDS, Carried::Stream, out)?;
    Ok((Step::GoToo(next, sealer), Came::Proven(peer)))
}

/// R has answered.
fn go_too(state: ExpectGoToo, sealer: Sealer, item: &mut [u8]) -> Result<Step, Violation> {
    let (established, fields, frames) = state.handle(item)?;
    if fields != FIELDS || !frames.is_empty() {
        return Err(Violation::PairFields);
    }
    Ok(Step::Live(sealer, established.opener))
}

/// I is proven: GOTOO.
fn accept<'i>(accepted: Accepted, out: &mut Vec<u8>) -> Result<(Step, Came<'i>), Violation> {
    if *accepted.fields() != FIELDS {
        return Err(Violation::PairFields);
    }
    let (established, mut sealer) = accepted.go_too(&FIELDS, Carried::Stream);
    let begun = sealer.begin(out);
    sealer.seal(begun, out)?;
    let Established { peer, opener, .. } = established;
    Ok((Step::Live(sealer, opener), Came::Proven(peer)))
}
