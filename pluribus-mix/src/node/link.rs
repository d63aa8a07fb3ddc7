//! What a link does with the items that come over it.

use super::{ConnId, Hosted, Seen};
use crate::crypto::rng::Rng;
use crate::time::Instant;
use crate::vattp::flight::{GIVEINFO_LEN, GO_LEN, IAM_LEN, IWANT_LEN, REPLYINFO_LEN};
use crate::vattp::frame::Frames;
use crate::vattp::initiator::{Established, ExpectGoToo, ExpectIam, ExpectReplyInfo, Proven};
use crate::vattp::pair::PairFields;
use crate::vattp::pipe::RECORD_LEN;
use crate::vattp::responder::{self, Accepted, ExpectGiveInfo, ExpectGo, ExpectIWant};
use crate::vattp::sending::Sending;
use crate::vattp::split::Splitter;
use crate::vattp::target::Wanted;
use crate::vattp::transport::Transport;
use crate::vattp::{Local, Violation};
use core::ops::RangeInclusive;

/// One link and how far it has come.
///
/// ```text
/// asked for ─► Opening ─► Dialling ──proof──► Live ─► (gone)
/// accepted ───────────► Answering ──proof──► Live ─► (gone)
///              Dialling, Answering ─violation─► Silent ─deadline─► (gone)
/// ```
pub(super) struct Link {
    pub(super) state: State,
    pub(super) splitter: Splitter,
    /// Bytes of a handshake that wait to be written.
    pub(super) out: Vec<u8>,
    /// Until when the awaited flight may take.
    pub(super) deadline: Option<Instant>,
    /// When a timer stands for it.
    pub(super) timer: Option<Instant>,
    /// The driver holds a batch of it.
    pub(super) is_busy: bool,
    /// It stands in the queue of writers.
    pub(super) is_writing: bool,
}

pub(super) enum State {
    /// Asked for; does not stand yet.
    Opening(Box<Intent>),
    /// We dial; the connection waits.
    Dialling(ConnId, Box<Dialling>),
    /// We are dialled.
    Answering(Box<Answering>),
    /// The peer is proven.
    Live(ConnId, Box<Transport>),
    /// Somebody broke a rule before the proof. (VTP-17)
    Silent(Option<ConnId>),
    /// The last bytes wait to be written.
    Closing,
}

/// What a link is opened for.
pub(super) struct Intent {
    pub(super) conn: ConnId,
    pub(super) wanted: Wanted,
    pub(super) local: Local,
}

/// The states of an initiator.
pub(super) enum Dialling {
    Iam(ExpectIam),
    ReplyInfo(ExpectReplyInfo),
    GoToo(ExpectGoToo, Sending, PairFields),
}

/// The states of a responder.
pub(super) enum Answering {
    IWant,
    GiveInfo(ExpectGiveInfo),
    Go(ExpectGo),
}

impl Link {
    pub(super) fn new(state: State) -> Self {
        Self {
            state,
            splitter: Splitter::default(),
            out: Vec::new(),
            deadline: None,
            timer: None,
            is_busy: false,
            is_writing: false,
        }
    }

    /// The connection that hangs on it.
    pub(super) fn conn(&self) -> Option<ConnId> {
        match &self.state {
            State::Opening(intent) => Some(intent.conn),
            State::Dialling(conn, _) | State::Live(conn, _) => Some(*conn),
            State::Answering(_) | State::Closing => None,
            State::Silent(conn) => *conn,
        }
    }
}

impl Dialling {
    /// Lengths that the awaited item can have.
    pub(super) const fn lengths(&self) -> RangeInclusive<usize> {
        match self {
            Self::Iam(_) => IAM_LEN,
            Self::ReplyInfo(_) => REPLYINFO_LEN,
            Self::GoToo(..) => RECORD_LEN,
        }
    }
}

impl Answering {
    /// Lengths that the awaited item can have.
    pub(super) const fn lengths(&self) -> RangeInclusive<usize> {
        match self {
            Self::IWant => IWANT_LEN,
            Self::GiveInfo(_) => GIVEINFO_LEN,
            Self::Go(_) => GO_LEN,
        }
    }
}

/// What an item led to on the side that dials.
pub(super) enum Dialled<'r> {
    /// Another item is awaited.
    Next(Dialling),
    /// R is proven; GO is to be said.
    Proven(Proven),
    /// R has answered GO.
    Answered(Box<Pipe<'r>>),
}

/// What a handshake ends with.
pub(super) struct Pipe<'r> {
    pub(super) sending: Sending,
    pub(super) established: Established,
    /// Our connection object and the peer's.
    pub(super) mine: u64,
    pub(super) yours: u64,
    /// What stood behind GOTOO.
    pub(super) frames: Frames<'r>,
}

impl Dialling {
    /// Handles the awaited item.
    pub(super) fn handle(self, item: &mut [u8]) -> Result<Dialled<'_>, Violation> {
        Ok(match self {
            Self::Iam(state) => Dialled::Next(Self::ReplyInfo(state.handle(item)?)),
            Self::ReplyInfo(state) => Dialled::Proven(state.handle(item)?),
            Self::GoToo(state, sending, said) => {
                let (established, fields, frames) = state.handle(item)?;
                fields.check_go_too(said.side().other(), &said)?;
                Dialled::Answered(Box::new(Pipe {
                    sending,
                    established,
                    mine: said.mine,
                    yours: fields.mine,
                    frames: Frames::perhaps(frames),
                }))
            }
        })
    }
}

/// What an item led to on the side that is dialled.
pub(super) enum Answered {
    /// IWANT was for us and flight 2 is written.
    Asked(Answering),
    /// Another item is awaited.
    Next(Answering),
    /// I is proven; GOTOO is to be said.
    Accepted(Accepted),
}

impl Answering {
    /// Handles the awaited item; what is said goes to `out`.
    pub(super) fn handle(
        self,
        item: &[u8],
        hosted: &Hosted,
        seen: &mut Seen,
        now: Instant,
        rng: &mut Rng,
        out: &mut Vec<u8>,
    ) -> Result<Answered, Violation> {
        Ok(match self {
            Self::IWant => {
                let draw = || responder::Entropy::draw(rng);
                let next = ExpectIWant.handle(item, hosted, seen, now, draw, out)?;
                Answered::Asked(Self::GiveInfo(next))
            }
            Self::GiveInfo(state) => Answered::Next(Self::Go(state.handle(item)?)),
            Self::Go(state) => Answered::Accepted(state.handle(item)?),
        })
    }
}
