//! What a link does with the items that come over it.

use super::meet::Calling;
use super::pairs::PairKey;
use super::{ConnId, Hosted, Seen};
use crate::crypto::rng::Rng;
use crate::rendezvous::Introduction;
use crate::rendezvous::record::Listing;
use crate::rendezvous::splice::Splice;
use crate::time::Instant;
use crate::vattp::cells::{FlightCells, Place, fill_flight};
use crate::vattp::flight::{ANSWER_LEN, GIVEINFO_LEN, GO_LEN, IAM_LEN, IWANT_LEN, REPLYINFO_LEN};
use crate::vattp::frame::{Ending, Frame};
use crate::vattp::initiator::{
    Established, ExpectGoToo, ExpectIam, ExpectReplyInfo, GoToo, Proven,
};
use crate::vattp::introduced::initiator as introduced;
use crate::vattp::pair::PairFields;
use crate::vattp::pipe::{CELL_LEN, Carried, Carrier, RECORD_LEN};
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
    /// Puts the items together that the carrier cut.
    pub(super) items: Items,
    /// Bytes of a handshake that wait to be written.
    pub(super) out: Vec<u8>,
    /// On cells, the index of the next one to send.
    pub(super) index: u64,
    /// On cells, the index of the first one that was sent.
    pub(super) first: Option<u64>,
    /// Until when the awaited flight may take.
    pub(super) deadline: Option<Instant>,
    /// When a timer stands for it.
    pub(super) timer: Option<Instant>,
    /// The driver holds a batch of it.
    pub(super) is_busy: bool,
    /// It stands in the queue of writers.
    pub(super) is_writing: bool,
    /// It is an end of a circuit, and not a link that the driver knows.
    pub(super) is_end: bool,
    /// Its cells go by the clock: they are asked for. (PAC-10)
    pub(super) is_paced: bool,
    /// The seal over its flights, where these go over a splice. (RDV-17)
    pub(super) splice: Option<Box<Splice>>,
    /// Flight 1 as it was said, until it is answered: what was dropped is said again. (RDV-24)
    pub(super) said: Vec<u8>,
    /// What we call with, until it is answered. (RDV-34)
    pub(super) with: Option<Box<Introduction>>,
    /// The same, if it is a record. (RDV-42)
    pub(super) by: Option<Box<Listing>>,
}

/// Who dialled a link.
#[derive(Clone, Copy)]
pub(super) enum Dialler {
    Us,
    Them,
}

/// How items come over a link.
pub(super) enum Items {
    Stream(Splitter),
    Cells(FlightCells),
}

pub(super) enum State {
    /// Asked for; does not stand yet.
    Opening(Box<Intent>),
    /// We dial; the connection waits.
    Dialling(PairKey, Box<Dialling>),
    /// We are dialled.
    Answering(Box<Answering>),
    /// We are called, over a park of ours.
    Called(Box<Calling>),
    /// The peer is proven and this is the transport.
    Live(ConnId, Box<Transport>),
    /// Somebody broke a rule before the proof. (VTP-17)
    Silent(Option<PairKey>),
    /// The last bytes wait to be written.
    Closing,
}

/// What a link is opened for.
pub(super) struct Intent {
    pub(super) key: PairKey,
    pub(super) local: Local,
    pub(super) how: How,
}

/// How somebody is reached.
pub(super) enum How {
    /// By a dial.
    Dial(Wanted),
    /// By a call, with what leads to it.
    Call(Box<Introduction>),
    /// By a call, with its record. (RDV-33)
    Look(Box<Listing>),
}

/// The states of an initiator.
pub(super) enum Dialling {
    Iam(ExpectIam),
    ReplyInfo(ExpectReplyInfo),
    GoToo(ExpectGoToo, Sending),
    /// We call; EARLY is out.
    Called(introduced::ExpectIam),
    CalledReplyInfo(introduced::ExpectReplyInfo),
    Answer(introduced::ExpectAnswer),
}

/// The states of a responder.
pub(super) enum Answering {
    IWant,
    /// We are called by our record: as whom we are asked for. (RDV-33)
    Looked(Box<Hosted>),
    GiveInfo(ExpectGiveInfo),
    Go(ExpectGo),
}

impl Link {
    pub(super) fn new(state: State) -> Self {
        Self {
            state,
            items: Items::Stream(Splitter::default()),
            out: Vec::new(),
            index: 0,
            first: None,
            deadline: None,
            timer: None,
            is_busy: false,
            is_writing: false,
            is_end: false,
            is_paced: false,
            splice: None,
            said: Vec::new(),
            with: None,
            by: None,
        }
    }

    /// From now on it is known what it is made of.
    pub(super) fn carries(&mut self, carrier: Carrier) {
        self.items = match carrier {
            Carrier::Stream => Items::Stream(Splitter::default()),
            Carrier::Cells => Items::Cells(FlightCells::default()),
        };
    }

    /// Cells that go by the clock are asked for: it has nothing to say by itself.
    pub(super) const fn set_paced(&mut self, is_paced: bool) {
        self.is_paced = is_paced;
        self.is_busy = is_paced;
    }

    /// What it is made of.
    pub(super) const fn carrier(&self) -> Carrier {
        match self.items {
            Items::Stream(_) => Carrier::Stream,
            Items::Cells(_) => Carrier::Cells,
        }
    }

    /// The same, for a handshake whose first flights have passed, with where they began. (VTP-43)
    pub(super) fn carried(&self, dialler: Dialler) -> Carried {
        let Items::Cells(cells) = &self.items else {
            return Carried::Stream;
        };
        let (ours, theirs) = (self.first.unwrap_or(0), cells.first().unwrap_or(0));
        match dialler {
            Dialler::Us => Carried::Cells {
                i_to_r: ours,
                r_to_i: theirs,
            },
            Dialler::Them => Carried::Cells {
                i_to_r: theirs,
                r_to_i: ours,
            },
        }
    }

    /// On cells, the index of the last that came of a handshake.
    pub(super) const fn last_came(&self) -> Option<u64> {
        match &self.items {
            Items::Stream(_) => None,
            Items::Cells(cells) => cells.last(),
        }
    }

    /// On cells, the index of the record that is written behind what waits: it begins a fresh cell. (VTP-44)
    pub(super) fn next_index(&mut self) -> Option<u64> {
        if self.carrier() == Carrier::Stream {
            return None;
        }
        fill_flight(&mut self.out);
        let waiting = u64::try_from(self.out.len() / CELL_LEN).unwrap_or(u64::MAX);
        Some(self.index.saturating_add(waiting))
    }

    /// Gives out the next cell of what waits of a handshake, or of last words; whether there is one. (PAC-10)
    pub(super) fn give_cell(&mut self, out: &mut Vec<u8>) -> bool {
        fill_flight(&mut self.out);
        let Some(cell) = self.out.get(..CELL_LEN) else {
            return false;
        };
        out.extend_from_slice(cell);
        self.out.drain(..CELL_LEN);
        self.first.get_or_insert(self.index);
        self.index += 1;
        true
    }

    /// Gives out what waits of a handshake, or of last words.
    pub(super) fn give(&mut self, out: &mut Vec<u8>) {
        if !self.out.is_empty() {
            self.first.get_or_insert(self.index);
        }
        self.index = self.next_index().unwrap_or(0);
        out.append(&mut self.out);
        self.out = Vec::new();
    }

    /// Has a flight said, sealed once more where it goes over a splice. (RDV-17)
    pub(super) fn say_flight(&mut self, flight: &[u8]) -> Result<(), Violation> {
        match &mut self.splice {
            _ if flight.is_empty() => Ok(()),
            Some(splice) => splice.seal(flight, &mut self.out),
            None => {
                self.out.extend_from_slice(flight);
                Ok(())
            }
        }
    }

    /// Holds nothing of what came, and waits for nothing.
    pub(super) fn fall_silent(&mut self, of: Option<PairKey>) {
        self.state = State::Silent(of);
        (self.out, self.said) = (Vec::new(), Vec::new());
        self.carries(self.carrier());
    }
}

impl Dialling {
    /// Lengths that the awaited item can have.
    pub(super) const fn lengths(&self) -> RangeInclusive<usize> {
        match self {
            Self::Iam(_) | Self::Called(_) => IAM_LEN,
            Self::ReplyInfo(_) | Self::CalledReplyInfo(_) => REPLYINFO_LEN,
            Self::GoToo(..) => RECORD_LEN,
            Self::Answer(_) => ANSWER_LEN,
        }
    }

    /// Whether the awaited item is a record.
    pub(super) const fn awaits_record(&self) -> bool {
        matches!(self, Self::GoToo(..))
    }

    /// Where the awaited item stands in its flight. (VTP-44)
    pub(super) const fn place(&self) -> Place {
        match self {
            Self::Iam(_) | Self::Called(_) | Self::CalledReplyInfo(_) => Place::Before,
            Self::ReplyInfo(_) | Self::GoToo(..) | Self::Answer(_) => Place::Last,
        }
    }

    /// Says CLOSE behind GO. (VTP-29)
    pub(super) fn close(
        &mut self,
        index: Option<u64>,
        id: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        let Self::GoToo(_, sending) = self else {
            return Err(Violation::Late);
        };
        let close = Frame::Close {
            reason: Ending::Done,
            id,
        };
        index.map_or(Ok(()), |index| sending.at(index))?;
        sending.last(|out| close.encode(out), out)
    }
}

impl Answering {
    /// Lengths that the awaited item can have.
    pub(super) const fn lengths(&self) -> RangeInclusive<usize> {
        match self {
            Self::IWant | Self::Looked(_) => IWANT_LEN,
            Self::GiveInfo(_) => GIVEINFO_LEN,
            Self::Go(_) => GO_LEN,
        }
    }

    /// Where the awaited item stands in its flight. (VTP-44)
    pub(super) const fn place(&self) -> Place {
        match self {
            Self::GiveInfo(_) => Place::Before,
            Self::IWant | Self::Looked(_) | Self::Go(_) => Place::Last,
        }
    }
}

/// What an item led to on the side that dials.
pub(super) enum Dialled<'r> {
    /// Another item is awaited.
    Next(Box<Dialling>),
    /// R is proven; GO is to be said.
    Proven(Proven),
    /// R has answered GO.
    Answered(Box<Pipe<'r>>),
    /// R has answered our call.
    Met(Box<introduced::Answered>),
}

/// What a handshake ends with on the side that dials.
pub(super) struct Pipe<'r> {
    pub(super) sending: Sending,
    pub(super) established: Established,
    /// What GOTOO says.
    pub(super) fields: PairFields,
    /// What stood behind it.
    pub(super) frames: &'r [u8],
}

impl Dialling {
    /// Handles the awaited item.
    pub(super) fn handle(self, item: &mut [u8]) -> Result<Dialled<'_>, Violation> {
        Ok(match self {
            Self::Iam(state) => Self::ReplyInfo(state.handle(item)?).next(),
            Self::ReplyInfo(state) => Dialled::Proven(state.handle(item)?),
            Self::Called(state) => Self::CalledReplyInfo(state.handle(item)?).next(),
            Self::CalledReplyInfo(state) => Self::Answer(state.handle(item)?).next(),
            Self::Answer(state) => Dialled::Met(Box::new(state.handle(item)?)),
            Self::GoToo(state, sending) => {
                let (established, fields, frames) = state.handle(item)?;
                Dialled::Answered(Box::new(Pipe {
                    sending,
                    established,
                    fields,
                    frames,
                }))
            }
        })
    }

    fn next<'r>(self) -> Dialled<'r> {
        Dialled::Next(Box::new(self))
    }

    /// Handles a cell that may be R's record 0. (VTP-44)
    pub(super) fn handle_cell(self, index: u64, cell: &mut [u8]) -> Result<Dialled<'_>, Violation> {
        let Self::GoToo(state, sending) = self else {
            return Ok(self.next());
        };
        Ok(match state.handle_cell(index, cell)? {
            GoToo::Waits(state) => Self::GoToo(state, sending).next(),
            GoToo::Came(established, fields, frames) => Dialled::Answered(Box::new(Pipe {
                sending,
                established,
                fields,
                frames,
            })),
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
    /// Handles the awaited item; what is said goes to `out`. `seen` are the x_i of those who ask by our name, and by our record.
    pub(super) fn handle(
        self,
        item: &[u8],
        hosted: &Hosted,
        [seen, seen_by_record]: [&mut Seen; 2],
        now: Instant,
        rng: &mut Rng,
        out: &mut Vec<u8>,
    ) -> Result<Answered, Violation> {
        let draw = || responder::Entropy::draw(rng);
        Ok(match self {
            Self::IWant => {
                let next = ExpectIWant.handle(item, hosted, seen, now, draw, out)?;
                Answered::Asked(Self::GiveInfo(next))
            }
            Self::Looked(hosted) => {
                let next = ExpectIWant.handle(item, &hosted, seen_by_record, now, draw, out)?;
                Answered::Asked(Self::GiveInfo(next))
            }
            Self::GiveInfo(state) => Answered::Next(Self::Go(state.handle(item)?)),
            Self::Go(state) => Answered::Accepted(state.handle(item)?),
        })
    }
}
