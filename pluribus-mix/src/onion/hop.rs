//! One circuit at one relay.
//!
//! ```text
//!            two cells of request            EXTEND 1, EXTEND 2               two cells of reply
//!   Waiting ─────────────────────→ Last ─────────────────────────→ Begun ─────────────────────────→ Open
//!                                    ↑        Half in between        │                                │
//!                                    └───────────────────────────────┴────────────────────────────────┘
//!                                        TRUNCATE, or the next relay ended it: TRUNCATED is sent back
//! ```
//!
//! A relay learns of a circuit whom it got it from and whom it goes to, nothing else. What the client says to this hop is
//! obeyed at once or closes the circuit; nothing is passed over. ([`super::message`])
//!
//! Timers, links and queues are the caller's. (ONI-14, ONI-15)

mod meet;
mod paced;

pub use paced::Back;

use super::cipher::{HopCipher, Role, SlotCipher};
use super::handshake::{Answerer, Entropy, HopSecrets, REPLY, REQUEST, Refused, Settings};
use super::meet::{Cookie, INDEX, RECORD, SECRET};
use super::message::{REPLY_REST, REQUEST_REST, Reason, ToClient, ToRelay, WHOLE};
use super::{CELL, Cell, halves, joined, payload, payload_mut};
use crate::ablation::check;
use crate::crypto::aead::Backend;
use crate::crypto::rng::{Noise, Rng};
use crate::id::RelayId;
use crate::wire::DecodeError;
use meet::Serves;
use paced::Paced;
use zeroize::Zeroizing;

/// A circuit at a relay. Idle, with its keys, it takes less than 4 KiB.
pub struct Hop {
    backend: Backend,
    /// Of a circuit whose cells are counted by the clock. (PAC-3)
    class: Option<u8>,
    state: State,
}

enum State {
    /// For the first cell of the request, or for the second.
    Waiting(Option<Box<Cell>>),
    Standing(Box<Standing>),
    /// Closed from within; the caller is about to drop it.
    Over,
}

/// What a forward cell came to; what stands in the cell then is said at each. (ONI-6)
pub enum Forward {
    /// Nothing to do.
    Nothing,
    /// The circuit stands: these two cells go back, as they are.
    Answer(Box<[Cell; 2]>),
    /// The cell goes to the next hop.
    Onward,
    /// The payload is for what the circuit ends in here.
    Through,
    /// The circuit is to be begun at this relay with this request, in two cells ([`halves`]). Should that fail, call [`Hop::next_ended`].
    Extend(RelayId, Box<[u8; REQUEST]>),
    /// The circuit is over at the next relay, if there is one, and so is a meeting here; and the cell, TRUNCATED, goes back.
    Truncate,
    /// The circuit waits in the park of this secret from now on; say so with [`Hop::tell`]. (RDV-19)
    Park(Zeroizing<[u8; SECRET]>),
    /// The circuit wants to meet one of the park of this cookie. (RDV-20)
    Join(Cookie),
    /// This record is to be kept; say with [`Hop::tell`] whether it is. (RDV-40)
    Keep(Box<[u8; RECORD]>),
    /// The record under this index is asked for; say it with [`Hop::tell`]. (RDV-40)
    Find([u8; INDEX]),
    /// The cell, a message, goes back; nothing else changes.
    Back,
    /// The cell, BLAME, goes back, and behind it the circuit is over both ways. (ONI-13)
    Blame,
    /// The circuit is over both ways.
    Close(Why),
}

/// Why a relay closes a circuit. Nobody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The handshake was refused. (ONI-9)
    Handshake(Refused),
    /// Other than zeros behind a request. (ONI-10)
    Padding,
    /// A cell of the request is missing. (PAC-9)
    Missing,
    /// What was said to this hop is no message. (ONI-11)
    Message(DecodeError),
    /// A message that may not come now. (ONI-11)
    OutOfTurn,
    /// A cell for a next hop that there never was, or for an end that cannot be here. (ONI-13)
    NoSuchWay,
}

/// What a cell of the next relay came to. (ONI-8, ONI-12)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backward {
    /// The cell goes back.
    Onward,
    /// The cell goes back, and with it the circuit has a next hop; it was begun and is answered.
    Grown,
    /// Nothing goes back: the cell crossed the end of what lies beyond.
    Drop,
    /// The next relay's answer is none: end the circuit there and call [`Hop::next_ended`].
    Broken,
}

/// What lies beyond a hop.
enum Next {
    /// Nothing.
    Last(Before),
    /// EXTEND 1 has come; EXTEND 2 must be next.
    Half(Before, Box<[u8; WHOLE]>),
    /// The request is with the next relay.
    Begun(Before),
    /// The first of its two cells has come; this is what EXTENDED 1 had no room for.
    Answering(Before, Box<[u8; CELL - WHOLE]>),
    /// A next hop.
    Open,
}

/// Whether something lay beyond before, so that cells to it may still be under way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Something,
}

struct Standing {
    cipher: SlotCipher,
    /// Without pacing 0.
    class: u8,
    next: Next,
    serves: Serves,
    paced: Option<Box<Paced>>,
}

impl Hop {
    /// A circuit of which nothing has come yet.
    pub fn begin() -> Self {
        Self::begin_with(Backend::default())
    }

    /// A circuit of which nothing has come yet, sealed with this backend.
    pub fn begin_with(backend: Backend) -> Self {
        Self {
            backend,
            class: None,
            state: State::Waiting(None),
        }
    }

    /// A circuit of this class of which nothing has come yet, whose cells go by the clock. (PAC-3)
    pub fn begin_paced(class: u8, backend: Backend) -> Self {
        Self {
            backend,
            class: Some(class),
            state: State::Waiting(None),
        }
    }

    /// Whether the request has been answered.
    pub fn stands(&self) -> bool {
        matches!(self.state, State::Standing(_))
    }

    /// Whether there is a next hop that has answered.
    pub fn has_next(&self) -> bool {
        match &self.state {
            State::Standing(standing) => matches!(standing.next, Next::Open),
            _ => false,
        }
    }

    /// Takes a cell from the side of the client. (ONI-6, ONI-10, ONI-11, ONI-13)
    pub fn forward(&mut self, cell: &mut Cell, answerer: &mut Answerer, rng: &mut Rng) -> Forward {
        let heard = match &mut self.state {
            State::Waiting(first @ None) => {
                *first = Some(Box::new(*cell));
                Forward::Nothing
            }
            State::Waiting(Some(first)) => match accept(first, cell, self.class, answerer, rng) {
                Ok((secrets, settings, reply)) => {
                    self.state = self.standing(secrets, settings, Noise::from(rng));
                    Forward::Answer(Box::new(halves(&reply)))
                }
                Err(why) => Forward::Close(why),
            },
            State::Standing(standing) => standing.forward(cell),
            State::Over => Forward::Nothing,
        };
        if matches!(heard, Forward::Blame | Forward::Close(_)) {
            self.state = State::Over;
        }
        heard
    }

    /// Takes a cell from the next relay. (ONI-8, ONI-12)
    pub fn backward(&mut self, cell: &mut Cell) -> Backward {
        match &mut self.state {
            State::Standing(standing) => standing.backward(cell),
            _ => Backward::Drop,
        }
    }

    /// Makes of the payload in `cell` a cell of this hop's own, to send back. Only on a circuit that [stands](Self::stands);
    /// `false` otherwise. (ONI-8)
    pub fn originate(&mut self, role: Role, cell: &mut Cell) -> bool {
        let State::Standing(standing) = &mut self.state else {
            return false;
        };
        standing.cipher.originate(role, cell);
        true
    }

    /// What lay beyond is over, or could not be begun, or what the circuit ended in here is over: `cell` becomes TRUNCATED with this reason, to send back. `false` if the circuit
    /// does not [stand](Self::stands). (ONI-12)
    pub fn next_ended(&mut self, reason: Reason, cell: &mut Cell) -> bool {
        let State::Standing(standing) = &mut self.state else {
            return false;
        };
        if reason != Reason::EndOver {
            standing.end_next();
        }
        standing.say(ToClient::Truncated(reason), cell);
        true
    }

    fn standing(&self, secrets: HopSecrets, settings: Settings, noise: Noise) -> State {
        let Settings { live, start, .. } = settings;
        State::Standing(Box::new(Standing {
            cipher: SlotCipher::new(secrets, live, start, self.backend, noise),
            class: self.class.unwrap_or(0),
            next: Next::Last(Before::Nothing),
            serves: Serves::Nothing,
            paced: self.class.map(|_| Box::default()),
        }))
    }
}

/// Answers the request in two cells. (ONI-9, ONI-10)
fn accept(
    first: &Cell,
    second: &Cell,
    class: Option<u8>,
    answerer: &mut Answerer,
    rng: &mut Rng,
) -> Result<(HopSecrets, Settings, [u8; REPLY]), Why> {
    let request = joined(first, second).ok_or(Why::Padding)?;
    answerer
        .answer(&request, class.unwrap_or(0), Entropy::draw(rng))
        .map_err(Why::Handshake)
}

impl Standing {
    fn forward(&mut self, cell: &mut Cell) -> Forward {
        let counter = self.cipher.forward_counter();
        let opened = self.cipher.peel(cell);
        if let Some(paced) = &mut self.paced {
            paced.note(opened.is_some());
        }
        let Some(role) = opened else {
            if self.paced.is_some() {
                return Forward::Nothing;
            }
            self.say(ToClient::Blame(counter), cell);
            return Forward::Blame;
        };
        match (role, &self.next) {
            (Role::Relay, Next::Open) => Forward::Onward,
            // It crossed TRUNCATED.
            (Role::Relay, Next::Last(Before::Something)) => Forward::Nothing,
            (Role::Through, Next::Last(_)) => {
                self.serves.through();
                Forward::Through
            }
            (Role::Relay | Role::Through, _) => Forward::Close(Why::NoSuchWay),
            (Role::Message, _) => self.obey(cell),
        }
    }

    fn obey(&mut self, cell: &mut Cell) -> Forward {
        let next = core::mem::replace(&mut self.next, Next::Open);
        match (ToRelay::parse(payload(cell)), next) {
            (Ok(ToRelay::Extend1(part)), Next::Last(before)) if self.serves != Serves::Meeting => {
                self.next = Next::Half(before, Box::new(*part));
                Forward::Nothing
            }
            (Ok(ToRelay::Extend2(rest)), Next::Half(before, part)) => {
                self.next = Next::Last(before);
                let request = glued::<REQUEST, REQUEST_REST>(&part, rest);
                self.extend(before, request, cell)
            }
            (Ok(ToRelay::Truncate), next) if !matches!(next, Next::Half(..)) => {
                self.next = next;
                self.end_next();
                self.say(ToClient::Truncated(Reason::Asked), cell);
                Forward::Truncate
            }
            (Ok(ToRelay::Dummy), next) if self.paced.is_some() => {
                self.next = next;
                Forward::Nothing
            }
            (Ok(ToRelay::Loop(token)), next @ (Next::Last(_) | Next::Begun(_)))
                if self.paced.is_some() =>
            {
                self.next = next;
                if let Some(paced) = &mut self.paced {
                    paced.asked = Some(token);
                }
                Forward::Nothing
            }
            (
                Ok(
                    said @ (ToRelay::Park(_)
                    | ToRelay::Join(..)
                    | ToRelay::Keep(_)
                    | ToRelay::Find(_)),
                ),
                next @ Next::Last(_),
            ) => {
                self.next = next;
                let wanted = self.meet(&said);
                payload_mut(cell).fill(0);
                wanted
            }
            (Ok(_), _) => Forward::Close(Why::OutOfTurn),
            (Err(error), _) => Forward::Close(Why::Message(error)),
        }
    }

    fn extend(&mut self, before: Before, request: Box<[u8; REQUEST]>, cell: &mut Cell) -> Forward {
        let id = request.first_chunk().map(RelayId::from_bytes);
        let Some(Ok(id)) = id else {
            self.say(ToClient::Truncated(Reason::NoSuchRelay), cell);
            return Forward::Back;
        };
        self.next = Next::Begun(before);
        Forward::Extend(id, request)
    }

    fn backward(&mut self, cell: &mut Cell) -> Backward {
        match core::mem::replace(&mut self.next, Next::Open) {
            Next::Open => {
                self.cipher.wrap(cell);
                Backward::Onward
            }
            Next::Begun(before) => {
                let (part, rest) = parted(cell);
                self.next = Next::Answering(before, Box::new(rest));
                self.say(ToClient::Extended1(&part), cell);
                Backward::Onward
            }
            Next::Answering(before, kept) => match answer_rest(&kept, cell) {
                Some(rest) => {
                    self.say(ToClient::Extended2(&rest, 0), cell);
                    Backward::Grown
                }
                None => {
                    self.next = Next::Last(before);
                    Backward::Broken
                }
            },
            next @ (Next::Last(_) | Next::Half(..)) => {
                self.next = next;
                Backward::Drop
            }
        }
    }

    fn end_next(&mut self) {
        let before = match &self.next {
            Next::Open => Before::Something,
            Next::Last(before)
            | Next::Half(before, _)
            | Next::Begun(before)
            | Next::Answering(before, _) => *before,
        };
        self.next = Next::Last(before);
    }

    /// Makes a message of `cell`; on a paced circuit it waits for its turn instead.
    fn say(&mut self, message: ToClient<'_>, cell: &mut Cell) {
        message.encode(payload_mut(cell));
        match &mut self.paced {
            Some(paced) => paced.wait(payload(cell)),
            None => self.cipher.originate(Role::Message, cell),
        }
    }
}

/// Two parts in one piece.
fn glued<const N: usize, const R: usize>(part: &[u8; WHOLE], rest: &[u8; R]) -> Box<[u8; N]> {
    const { assert!(WHOLE + R == N) };
    let mut whole = Box::new([0; N]);
    let bytes = part.iter().chain(rest);
    whole
        .iter_mut()
        .zip(bytes)
        .for_each(|(to, from)| *to = *from);
    whole
}

/// The first cell of a reply: what EXTENDED 1 carries, and what it has no room for.
fn parted(cell: &Cell) -> ([u8; WHOLE], [u8; CELL - WHOLE]) {
    let (mut part, mut rest) = ([0; WHOLE], [0; CELL - WHOLE]);
    let places = part.iter_mut().chain(&mut rest);
    places.zip(cell).for_each(|(to, from)| *to = *from);
    (part, rest)
}

/// What EXTENDED 2 carries: what the first cell left over and the second has; `None` if other than zeros stand behind.
fn answer_rest(kept: &[u8; CELL - WHOLE], second: &Cell) -> Option<[u8; REPLY_REST]> {
    let (reply, zeros) = second.split_at_checked(REPLY - CELL)?;
    if !check!(HopZeros, zeros.iter().all(|byte| *byte == 0)) {
        return None;
    }
    let mut rest = [0; REPLY_REST];
    let bytes = kept.iter().chain(reply);
    rest.iter_mut()
        .zip(bytes)
        .for_each(|(to, from)| *to = *from);
    Some(rest)
}

#[cfg(test)]
impl Hop {
    /// Bytes that it takes, with all that it owns.
    pub(super) fn footprint(&self) -> usize {
        let State::Standing(standing) = &self.state else {
            return size_of::<Self>();
        };
        size_of::<Self>() + size_of_val(&**standing) + standing.cipher.keys()
    }
}
