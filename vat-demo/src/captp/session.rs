//! One session: two vats, two keys, and the tables between them.

use std::any::Any;
use std::collections::BTreeSet;
use std::rc::Rc;

use super::certificate::{PublicId, PublicKey, SessionId, SessionKey, SignedGive};
use super::dialect::Dialect;
use super::link::{Link, SessionNo};
use super::locator::Peer;
use super::misdeed::Misdeed;
use super::op::{Op, Position};
use super::share::Scales;
use super::syrup::EncodeError;
use super::tables::Tables;
use crate::carrier::Conn;
use crate::vat::Resolver;
use pluribus_mix::time::{Duration, Instant};

/// How many handoff counts may be used ahead of the lowest unused one.
const COUNTS_AHEAD: usize = 1024;
/// How long a peer's dialect may stay unknown.
pub(super) const UNDECIDED: Duration = Duration::from_secs(10);
/// The length of most operations, or less, so that a buffer for one need not grow.
const USUAL: usize = 112;
/// The most operations kept that came too early.
const MOST_EARLY: usize = 256;

/// A session, from the first thought of it to its end.
pub(super) struct Session {
    pub(super) no: SessionNo,
    /// The number of its opening in the trace, once it is live.
    pub(super) opened: u64,
    /// What carries it, once the carrier has named that.
    pub(super) conn: Option<Conn>,
    /// Where the peer is: whom we dialled, or what it said of itself.
    pub(super) peer: Option<Peer>,
    /// Who the carrier has proven the peer to be.
    pub(super) proven: Option<Peer>,
    pub(super) link: Rc<Link>,
    pub(super) key: Rc<SessionKey>,
    pub(super) stage: Stage,
    pub(super) dialect: Box<dyn Dialect>,
    /// Until when garbage is kept, if the dialect shows no earlier.
    pub(super) undecided: Option<Instant>,
    pub(super) tables: Tables,
    /// Who waits for the peer's bootstrap object.
    pub(super) wanted: Vec<Resolver>,
    /// Gifts to be had from the peer.
    pub(super) gifts: Vec<Gift>,
    pub(super) counts: Counts,
    pub(super) next_count: u64,
    /// The answers below this have been asked for on the wire.
    pub(super) asked_below: Position,
    /// What is given back with the next operation.
    pub(super) dropped_imports: Vec<(Position, u64)>,
    pub(super) dropped_answers: Vec<Position>,
    /// Operations to send, written.
    pub(super) out: Vec<Vec<u8>>,
    /// Operations that came before the session was live; see [`Stage::Doubled`].
    pub(super) early: Vec<(Op, Rc<dyn Any>)>,
    /// What the peer has left in this vat.
    pub(super) left: Scales,
    /// Whose gift this side has dialled for.
    pub(super) for_gift_of: Option<SessionNo>,
}

/// How far a session has come.
pub(super) enum Stage {
    /// The carrier looks for the peer.
    Dialling,
    /// We have said `op:start-session` and wait for the peer's, until then.
    Greeting(Instant),
    /// The peer's has come while an older session with it seems alive: we wait a moment for the end of that.
    Doubled(Instant, Started),
    Live(Live),
}

/// What the peer said in `op:start-session`, verified.
#[derive(Clone)]
pub(super) struct Started {
    pub(super) location: Peer,
    pub(super) key: PublicKey,
}

/// What a live session is known by.
pub(super) struct Live {
    pub(super) id: SessionId,
    pub(super) our_side: PublicId,
    pub(super) their_side: PublicId,
    pub(super) their_key: PublicKey,
}

/// A gift that was given to us and is with the peer.
pub(super) struct Gift {
    pub(super) give: SignedGive,
    /// The session over which it was given.
    pub(super) gifter: SessionNo,
    /// Our key of the session over which it was given.
    pub(super) receiver: Rc<SessionKey>,
    pub(super) resolver: Resolver,
    /// Of what the gifter may leave here.
    pub(super) _share: Rc<dyn Any>,
}

impl Session {
    /// Says something, as the dialect has it.
    ///
    /// # Errors
    /// If it cannot be written: too long, too deep.
    pub(super) fn say(&mut self, op: &Op) -> Result<(), EncodeError> {
        let mut written = Vec::with_capacity(USUAL);
        self.dialect.encode(op, &mut written)?;
        self.out.push(written);
        Ok(())
    }

    /// Keeps an operation that came too early.
    pub(super) fn keep_for_later(&mut self, op: Op, share: Rc<dyn Any>) -> Result<(), Misdeed> {
        if self.early.len() >= MOST_EARLY {
            return Err(Misdeed::TooMuch("operations before the session is live"));
        }
        self.early.push((op, share));
        Ok(())
    }

    /// Until when the dialect may stay unknown.
    pub(super) fn undecided_until(&self) -> Option<Instant> {
        self.undecided.filter(|_| !self.dialect.known())
    }

    /// Takes the peer to speak what new peers speak, when it has not shown otherwise for long.
    pub(super) fn decide(&mut self, now: Instant) {
        if self.undecided_until().is_some_and(|until| until <= now) {
            self.undecided = None;
            self.dialect.assume();
        }
    }

    pub(super) fn live(&self) -> Option<&Live> {
        match &self.stage {
            Stage::Live(live) => Some(live),
            _ => None,
        }
    }
}

/// Which handoff counts a peer has used. Bounded: all below a mark, and some above it.
#[derive(Default)]
pub(super) struct Counts {
    /// Every count below is used.
    below: u64,
    above: BTreeSet<u64>,
}

impl Counts {
    /// Takes a count for used.
    pub(super) fn take(&mut self, count: u64) -> Result<(), Misdeed> {
        if count < self.below || !self.above.insert(count) {
            return Err(Misdeed::CountUsed(count));
        }
        while self.above.remove(&self.below) {
            self.below += 1;
        }
        if self.above.len() > COUNTS_AHEAD {
            return Err(Misdeed::TooMuch("handoff counts out of order"));
        }
        Ok(())
    }
}
