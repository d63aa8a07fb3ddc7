//! What a hop does differently where cells go by the clock. (PAC-9 to PAC-12)
//!
//! Forward, a cell has its place, and its counter comes from that: one that is missing is skipped, one that does not open is counted and
//! is nothing more. Backward, the caller asks for one cell after the other, and there is always one: what the next relay sent, a message that
//! waits, a cell of what the circuit ends in here, a dummy, or this hop's layer on noise.

use super::{Forward, Hop, Next, Standing, State, Why, answer_rest, parted};
use crate::crypto::rng::{Noise, Rng};
use crate::onion::cipher::{HopCipher, Role};
use crate::onion::handshake::Answerer;
use crate::onion::message::ToClient;
use crate::onion::{Cell, Payload, payload_mut};
use std::collections::VecDeque;

/// Messages of a hop that wait for their turn. (PAC-10)
const WORDS: usize = 4;

/// What a hop on a paced circuit has besides.
#[derive(Default)]
pub(super) struct Paced {
    /// Whether a cell has opened: before, none is missed.
    has_opened: bool,
    /// Forward cells that came and did not open, or did not come.
    missed: u64,
    /// The token of the LOOP that is to be answered.
    pub(super) asked: Option<u64>,
    /// Messages that wait, oldest first.
    words: VecDeque<Box<Payload>>,
    /// The index of the forward cell in whose place the circuit beyond began.
    began: u64,
}

impl Paced {
    pub(super) const fn note(&mut self, opened: bool) {
        self.has_opened |= opened;
        if self.has_opened && !opened {
            self.missed += 1;
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.words.len()
    }

    pub(super) fn wait(&mut self, words: &Payload) {
        if self.words.len() == WORDS {
            self.words.pop_front();
        }
        self.words.push_back(Box::new(*words));
    }
}

/// What goes back in one place. (PAC-10)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    /// The cell, and nothing has changed.
    Cell,
    /// The cell, and with it the circuit has a next hop.
    Grown,
    /// The cell; the next relay's answer is none: end the circuit there and call [`Hop::next_ended`].
    Broken,
}

impl Hop {
    /// Takes the forward cell with this index. As [`Hop::forward`]; messages back wait for [`Hop::back_at`], so that [`Forward::Back`] and
    /// [`Forward::Truncate`] leave nothing in the cell. (PAC-9, PAC-10)
    pub fn forward_at(
        &mut self,
        index: u64,
        cell: &mut Cell,
        answerer: &mut Answerer,
        rng: &mut Rng,
    ) -> Forward {
        match &mut self.state {
            State::Waiting(first) => {
                let wanted = u64::from(first.is_some());
                if index != wanted {
                    self.state = State::Over;
                    return Forward::Close(Why::Missing);
                }
                self.forward(cell, answerer, rng)
            }
            State::Standing(standing) => {
                let before = standing.cipher.forward_counter();
                if !standing.cipher.seek_forward(index) {
                    return Forward::Nothing;
                }
                standing.skipped(before);
                self.forward(cell, answerer, rng)
            }
            State::Over => Forward::Nothing,
        }
    }

    /// The circuit beyond begins in the place of the forward cell with this index. (PAC-11)
    pub fn begins_next(&mut self, index: u64) {
        if let State::Standing(standing) = &mut self.state
            && let Some(paced) = &mut standing.paced
        {
            paced.began = index;
        }
    }

    /// How many of its forward cells were missed.
    #[cfg(test)]
    pub(crate) fn missed(&self) -> u64 {
        let State::Standing(standing) = &self.state else {
            return 0;
        };
        standing.paced.as_ref().map_or(0, |paced| paced.missed)
    }

    /// Makes of `cell` the backward cell with this index, 2 at least. If `came` it holds what the next relay has sent for this place. `end`
    /// writes a cell of what the circuit ends in here, if there is one. On a circuit that does not stand it is noise. (PAC-10)
    pub fn back_at(
        &mut self,
        index: u64,
        came: bool,
        cell: &mut Cell,
        noise: &mut Noise,
        end: impl FnOnce(&mut Payload) -> bool,
    ) -> Back {
        if let State::Standing(standing) = &mut self.state
            && standing.cipher.seek_backward(index)
        {
            return standing.back(came, cell, end);
        }
        noise.fill(cell);
        Back::Cell
    }
}

impl Standing {
    /// Counts what was missing between two forward cells.
    fn skipped(&mut self, before: u64) {
        let skipped = self.cipher.forward_counter() - before;
        if let Some(paced) = &mut self.paced
            && paced.has_opened
        {
            paced.missed += skipped;
        }
    }

    fn back(
        &mut self,
        came: bool,
        cell: &mut Cell,
        end: impl FnOnce(&mut Payload) -> bool,
    ) -> Back {
        if let Some(answered) = self.answered(came, cell) {
            return answered;
        }
        let words = self
            .paced
            .as_mut()
            .and_then(|paced| paced.words.pop_front());
        if let Some(words) = words {
            *payload_mut(cell) = *words;
            self.cipher.originate(Role::Message, cell);
            return Back::Cell;
        }
        if matches!(self.next, Next::Open) {
            if !came {
                self.cipher.noise(cell);
            }
            self.cipher.wrap(cell);
            return Back::Cell;
        }
        if end(payload_mut(cell)) {
            self.cipher.originate(Role::Through, cell);
            return Back::Cell;
        }
        self.idle().encode(payload_mut(cell));
        self.cipher.originate(Role::Message, cell);
        Back::Cell
    }

    /// What a last hop says that has nothing to say. (PAC-12)
    fn idle(&mut self) -> ToClient<'static> {
        let Some(paced) = &mut self.paced else {
            return ToClient::Dummy;
        };
        let missed = paced.missed;
        let asked = paced.asked.take();
        asked.map_or(ToClient::Dummy, |token| ToClient::Loop(token, missed))
    }

    /// Passes the two cells of the next relay's reply on, each in its place. (PAC-11)
    fn answered(&mut self, came: bool, cell: &mut Cell) -> Option<Back> {
        if !matches!(
            (&self.next, came),
            (Next::Begun(_), true) | (Next::Answering(..), _)
        ) {
            return None;
        }
        let (next, back) = match core::mem::replace(&mut self.next, Next::Open) {
            Next::Begun(before) => {
                let (part, rest) = parted(cell);
                self.originate(ToClient::Extended1(&part), cell);
                (Next::Answering(before, Box::new(rest)), Back::Cell)
            }
            Next::Answering(before, kept) => {
                let rest = answer_rest(&kept, cell).filter(|_| came);
                let began = self.paced.as_ref().map_or(0, |paced| paced.began);
                match rest {
                    Some(rest) => {
                        self.originate(ToClient::Extended2(&rest, began), cell);
                        (Next::Open, Back::Grown)
                    }
                    None => {
                        self.originate(ToClient::Dummy, cell);
                        (Next::Last(before), Back::Broken)
                    }
                }
            }
            next => (next, Back::Cell),
        };
        self.next = next;
        Some(back)
    }

    fn originate(&mut self, message: ToClient<'_>, cell: &mut Cell) {
        message.encode(payload_mut(cell));
        self.cipher.originate(Role::Message, cell);
    }
}
