//! A client's circuit: the mirror of [`super::hop`].
//!
//! It grows hop by hop: two cells to the first relay, then a pair of EXTEND messages for each further one, and while an answer is
//! due nothing else is asked. Every way in which a circuit can fail names a [`Strike`] where somebody is to blame for it.
//!
//! The live counts are settled when the circuit is planned: hop i of a path of n gets d + n − i with a random d, so that no hop
//! learns from its own how many come behind it. (ONI-10)
//!
//! Time is the caller's: what is asked has 10 s to be answered ([`Circuit::unanswered`] says whom it counts against).

mod meet;
mod paced;
mod plan;

pub use plan::Plan;

use meet::Meeting;
use paced::Paced;
use thiserror::Error;
use zeroize::Zeroizing;

use super::cipher::Role;
use super::handshake::{Asked, Entropy, HopSecrets, REPLY, Settings, ask};
use super::layers::{Layers, Offsets};
use super::meet::Counts;
use super::message::{Reason, ToClient, ToRelay, WHOLE};
use super::suspicion::{Grave, Strike};
use super::{CELL, Cell, MAX_HOPS, halves, joined, payload, payload_mut};
use crate::crypto::aead::Backend;
use crate::crypto::rng::{Noise, Rng};
use crate::id::RelayId;

/// What a circuit could not be asked just now. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotNow {
    /// An answer is due, or the circuit is over.
    #[error("the circuit waits for an answer, or is over")]
    Busy,
    /// The circuit has no such hop, or may have no further one.
    #[error("the circuit has no such hop")]
    NoSuchHop,
    /// The onion key is a point of low order.
    #[error("the onion key is a point of low order")]
    OnionKey,
}

/// What a backward cell came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing that the caller has to know.
    Nothing,
    /// The relay that was asked is the last hop now.
    Grown,
    /// The payload in the cell is from what the circuit ends in.
    Through,
    /// The circuit waits in its park. (RDV-19)
    Parked,
    /// It is spliced with another. (RDV-22)
    Joined(Counts),
    /// There was nobody to be spliced with, or nobody can tell how. (RDV-20)
    NotJoined,
    /// The last hop keeps the record. (RDV-40)
    Kept,
    /// The record that was asked for stands in the cell: [`found`](super::message::found). (RDV-40)
    Found,
    /// The last hop does not keep the record, or has none. (RDV-40)
    NotHere,
    /// The circuit has this many hops now.
    Truncated {
        /// How many hops are left, at least 1.
        hops: usize,
        /// Why, as that last hop says.
        reason: Reason,
        /// Whom this counts against.
        strike: Option<Strike>,
    },
    /// A cell was missing, or came without the layer of a hop. (PAC-13)
    Gap {
        /// Whom this counts against.
        strike: Option<Strike>,
    },
    /// The circuit is over.
    Over {
        /// Whom this counts against.
        strike: Option<Strike>,
    },
}

/// A circuit.
pub struct Circuit {
    plan: Plan,
    /// The live count that a hop 0 would have.
    live: u8,
    layers: Layers,
    hops: Vec<RelayId>,
    doing: Doing,
    /// Whether anything was said to what the circuit ends in: before that, nothing can come from there.
    has_end: bool,
    /// Whether that is another circuit, or a question.
    meeting: Meeting,
    /// Where its cells go by the clock.
    paced: Option<Box<Paced>>,
    rng: Rng,
}

/// What is under way.
enum Doing {
    Resting,
    /// The first hop was asked; its answer comes in cells without a layer.
    Creating(Box<Request>),
    Extending(Box<Request>),
    /// Everything behind hop `to` is being given up, and with it what was asked of `asked`.
    Truncating {
        to: usize,
        asked: Option<RelayId>,
    },
    Over,
}

/// A request that is not answered yet.
struct Request {
    id: RelayId,
    asked: Asked,
    first: First,
}

/// The first half of an answer.
enum First {
    Due,
    Cell(Cell),
    Part([u8; WHOLE]),
}

impl Circuit {
    /// A circuit without hops.
    pub fn new(plan: Plan, backend: Backend, mut rng: Rng) -> Self {
        Self {
            plan,
            live: plan.draw_live(&mut rng),
            layers: Layers::new(backend, Noise::from(&mut rng)),
            hops: Vec::with_capacity(MAX_HOPS),
            has_end: false,
            meeting: Meeting::None,
            paced: None,
            doing: Doing::Resting,
            rng,
        }
    }

    /// Asks the first hop: two cells for the link to it. (ONI-10)
    ///
    /// # Errors
    /// The circuit has hops or an answer is due; the onion key is none.
    pub fn create(
        &mut self,
        id: &RelayId,
        onion: &[u8; 32],
        out: &mut impl FnMut(&Cell),
    ) -> Result<(), NotNow> {
        if !self.hops.is_empty() {
            return Err(NotNow::Busy);
        }
        let (request, bytes) = self.request(id, onion)?;
        halves(&bytes).iter().for_each(out);
        self.doing = Doing::Creating(request);
        Ok(())
    }

    /// Asks the last hop to add `id`: two cells. (ONI-11)
    ///
    /// # Errors
    /// There is no hop yet, or as many as were planned; an answer is due; the onion key is none.
    pub fn extend(
        &mut self,
        id: &RelayId,
        onion: &[u8; 32],
        out: &mut impl FnMut(&Cell),
    ) -> Result<(), NotNow> {
        let last = self.hops.len();
        if last == 0 {
            return Err(NotNow::NoSuchHop);
        }
        let (request, bytes) = self.request(id, onion)?;
        let (Some(part), Some(rest)) = (bytes.first_chunk(), bytes.last_chunk()) else {
            return Err(NotNow::NoSuchHop);
        };
        self.say(last, ToRelay::Extend1(part), out)?;
        self.say(last, ToRelay::Extend2(rest), out)?;
        self.doing = Doing::Extending(request);
        Ok(())
    }

    /// Gives up what lies behind hop `to`, and what the last hop was asked to add: one cell. (ONI-11)
    ///
    /// # Errors
    /// There is no such hop; this has been asked already, or the circuit is over.
    pub fn truncate(&mut self, to: usize, out: &mut impl FnMut(&Cell)) -> Result<(), NotNow> {
        let asked = match &self.doing {
            Doing::Resting => None,
            Doing::Extending(request) => Some(request.id),
            Doing::Creating(_) | Doing::Truncating { .. } | Doing::Over => {
                return Err(NotNow::Busy);
            }
        };
        self.say(to, ToRelay::Truncate, out)?;
        self.doing = Doing::Truncating { to, asked };
        Ok(())
    }

    /// The relays of the circuit, the one next to the client first.
    pub fn hops(&self) -> &[RelayId] {
        &self.hops
    }

    /// Whether a relay was asked to become a hop and has not answered.
    pub fn is_building(&self) -> bool {
        matches!(self.doing, Doing::Creating(_) | Doing::Extending(_))
    }

    /// Whether the circuit is over.
    pub fn is_over(&self) -> bool {
        matches!(self.doing, Doing::Over)
    }

    /// Whom it counts against when the answer that is due does not come. (ONI-17)
    pub fn unanswered(&self) -> Option<Strike> {
        match &self.doing {
            Doing::Creating(request) | Doing::Extending(request) => Some(Strike {
                pair: (self.hops.last().copied(), request.id),
                grave: Grave::Ended,
            }),
            _ => self.unmet(),
        }
    }

    /// Makes of the payload in `cell` a cell for what the circuit ends in. (ONI-16)
    ///
    /// # Errors
    /// There is no hop yet; an answer is due, or the circuit is over.
    pub fn send(&mut self, cell: &mut Cell) -> Result<(), NotNow> {
        let Doing::Resting = self.doing else {
            return Err(NotNow::Busy);
        };
        self.layers
            .wrap(self.hops.len(), Role::Through, cell)
            .map_err(|_| NotNow::NoSuchHop)?;
        self.has_end = true;
        Ok(())
    }

    /// Takes a backward cell.
    pub fn handle(&mut self, cell: &mut Cell) -> Heard {
        match &mut self.doing {
            Doing::Over => Heard::Nothing,
            Doing::Creating(request) => match request.first {
                First::Due => {
                    request.first = First::Cell(*cell);
                    Heard::Nothing
                }
                _ => self.created(cell),
            },
            _ => match self.layers.peel(cell) {
                Ok((hop, Role::Through)) => self.through(hop),
                Ok((hop, _)) => self.told(hop, cell),
                // The hop that is asked may have answered, and the answer was missed: what comes then is the next hop's.
                Err(broken) if self.is_asking(broken.hop) => Heard::Nothing,
                Err(broken) if self.paced.is_some() => Heard::Gap {
                    strike: self.gap(broken.hop),
                },
                Err(broken) => self.over(self.before(broken.hop)),
            },
        }
    }

    /// The second cell of the first hop's answer.
    fn created(&mut self, second: &Cell) -> Heard {
        let Doing::Creating(request) = core::mem::replace(&mut self.doing, Doing::Over) else {
            return self.over(None);
        };
        let Request { id, asked, first } = *request;
        let reply = match first {
            First::Cell(first) => joined(&first, second),
            _ => None,
        };
        self.grow(id, asked, reply, Offsets::default())
    }

    /// A message of `hop`.
    fn told(&mut self, hop: usize, cell: &Cell) -> Heard {
        match ToClient::parse(payload(cell)) {
            Ok(ToClient::Extended1(part)) => self.extended_half(hop, part),
            Ok(ToClient::Extended2(rest, began)) => self.extended(hop, rest, began),
            Ok(ToClient::Truncated(reason)) => self.truncated(hop, reason),
            Ok(ToClient::Dummy) if self.paced.is_some() => Heard::Nothing,
            Ok(ToClient::Loop(token, missed)) if self.paced.is_some() => {
                self.looped(hop, token, missed)
            }
            Ok(said) if meet::is_answer(&said) => self.met(hop, &said),
            Ok(_) | Err(_) => self.over(self.before(hop)),
        }
    }

    fn extended_half(&mut self, hop: usize, part: &[u8; WHOLE]) -> Heard {
        match &mut self.doing {
            Doing::Extending(request)
                if hop == self.hops.len() && matches!(request.first, First::Due) =>
            {
                request.first = First::Part(*part);
                if let Some(paced) = &mut self.paced {
                    paced.answered();
                }
                Heard::Nothing
            }
            // It crossed TRUNCATE.
            Doing::Truncating { asked: Some(_), .. } if hop == self.hops.len() => Heard::Nothing,
            _ => self.over(self.before(hop)),
        }
    }

    fn extended(&mut self, hop: usize, rest: &[u8], began: u64) -> Heard {
        let Some(offsets) = self.offsets_of_next(began) else {
            return self.over(self.before(hop));
        };
        let last = hop == self.hops.len();
        match core::mem::replace(&mut self.doing, Doing::Over) {
            Doing::Extending(request) if last => {
                let Request { id, asked, first } = *request;
                let First::Part(part) = first else {
                    return self.over(self.before(hop));
                };
                self.grow(id, asked, glued(&part, rest), offsets)
            }
            doing @ Doing::Truncating { asked: Some(_), .. } if last => {
                self.doing = doing;
                Heard::Nothing
            }
            _ => self.over(self.before(hop)),
        }
    }

    /// Adds the hop, if the reply is what it should be.
    fn grow(
        &mut self,
        id: RelayId,
        asked: Asked,
        reply: Option<Box<[u8; REPLY]>>,
        offsets: Offsets,
    ) -> Heard {
        let settings = asked.settings();
        let secrets: Option<HopSecrets> = reply.and_then(|reply| asked.finish(&reply).ok());
        let Some(secrets) = secrets else {
            return self.over(Some(Strike {
                pair: (self.hops.last().copied(), id),
                grave: Grave::Forged,
            }));
        };
        self.layers
            .push_at(secrets, settings.live, settings.start, offsets);
        self.hops.push(id);
        self.doing = Doing::Resting;
        Heard::Grown
    }

    fn truncated(&mut self, hop: usize, reason: Reason) -> Heard {
        if !self.may_say(hop, reason) {
            return self.over(self.before(hop));
        }
        let counts = !matches!(reason, Reason::Asked | Reason::EndOver);
        let strike = match (self.hops.get(hop - 1), self.behind(hop)) {
            (Some(last), Some(next)) if counts => Some(Strike {
                pair: (Some(*last), next),
                grave: Grave::Ended,
            }),
            _ => None,
        };
        if hop < self.hops.len() {
            self.meeting = Meeting::None;
        }
        self.layers.pop_to(hop);
        self.hops.truncate(hop);
        if let Some(paced) = &mut self.paced {
            paced.truncated();
        }
        match &mut self.doing {
            // Its own TRUNCATED is still to come, or crosses this one.
            _ if reason == Reason::EndOver => {}
            Doing::Truncating { to, asked }
                if hop > *to || reason != Reason::Asked && hop == *to =>
            {
                *asked = None;
            }
            doing => *doing = Doing::Resting,
        }
        Heard::Truncated {
            hops: hop,
            reason,
            strike,
        }
    }

    /// Whether `hop` can be the last one now for this reason.
    fn may_say(&self, hop: usize, reason: Reason) -> bool {
        let last = hop == self.hops.len();
        match reason {
            Reason::Asked => matches!(self.doing, Doing::Truncating { to, .. } if to == hop),
            Reason::NextEnded | Reason::Unreachable | Reason::TooMuchQueued => {
                self.behind(hop).is_some()
            }
            Reason::NoSuchRelay | Reason::Full => last && self.behind(hop).is_some(),
            Reason::EndOver => last && (self.has_end || self.may_have_met()),
        }
    }

    /// The relay behind `hop`, or the one that it was asked to add.
    fn behind(&self, hop: usize) -> Option<RelayId> {
        if let Some(next) = self.hops.get(hop) {
            return Some(*next);
        }
        match &self.doing {
            Doing::Extending(request) => Some(request.id),
            Doing::Truncating { asked, .. } => *asked,
            _ => None,
        }
    }

    /// The strike against `hop` and the one before it. (ONI-17)
    fn before(&self, hop: usize) -> Option<Strike> {
        let relay = self.hops.get(hop.checked_sub(1)?)?;
        let neighbour = hop.checked_sub(2).and_then(|before| self.hops.get(before));
        Some(Strike {
            pair: (neighbour.copied(), *relay),
            grave: Grave::Forged,
        })
    }

    /// Ends the circuit and wipes its secrets.
    fn over(&mut self, strike: Option<Strike>) -> Heard {
        self.layers.pop_to(0);
        self.doing = Doing::Over;
        Heard::Over { strike }
    }

    fn say(
        &mut self,
        hop: usize,
        message: ToRelay<'_>,
        out: &mut impl FnMut(&Cell),
    ) -> Result<(), NotNow> {
        let mut cell = Zeroizing::new([0; CELL]);
        message.encode(payload_mut(&mut cell));
        if let Some(paced) = &mut self.paced {
            return paced.wait(hop, payload(&cell));
        }
        self.layers
            .wrap(hop, Role::Message, &mut cell)
            .map_err(|_| NotNow::NoSuchHop)?;
        out(&cell);
        Ok(())
    }

    /// A request to one more hop, with the live count that is its.
    fn request(
        &mut self,
        id: &RelayId,
        onion: &[u8; 32],
    ) -> Result<(Box<Request>, [u8; super::handshake::REQUEST]), NotNow> {
        let Doing::Resting = self.doing else {
            return Err(NotNow::Busy);
        };
        let hop = self.hops.len() + 1;
        if hop > self.plan.total() {
            return Err(NotNow::NoSuchHop);
        }
        let settings = Settings {
            live: self.live - u8::try_from(hop).unwrap_or(self.live),
            class: self.paced.as_ref().map_or(0, |paced| paced.class),
            start: self.rng.below(Settings::STARTS),
        };
        let entropy = Entropy::draw(&mut self.rng);
        let (asked, bytes) = ask(id, onion, settings, entropy).ok_or(NotNow::OnionKey)?;
        let first = First::Due;
        Ok((
            Box::new(Request {
                id: *id,
                asked,
                first,
            }),
            bytes,
        ))
    }
}

/// The reply in two messages.
fn glued(part: &[u8; WHOLE], rest: &[u8]) -> Option<Box<[u8; REPLY]>> {
    let whole: Vec<u8> = part.iter().chain(rest).copied().collect();
    whole.try_into().ok()
}
