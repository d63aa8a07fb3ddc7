//! Messages heard: pieces put together, and whole ones that wait for the runtime. (VTP-25, VTP-26)
//!
//! Pieces come here in the order of their numbers; see [`super::arrival`] for how.

use super::Violation;
use super::body::FRAME_WEIGHT;
use super::outbound::WINDOW;
use crate::netlayer::MAX_MESSAGE;
use core::mem;
use std::collections::VecDeque;

/// The messages of one direction's far end.
#[derive(Default)]
pub struct Inbound {
    /// The pieces so far of a message that is not whole.
    partial: Vec<u8>,
    /// What is whole and waits for the runtime.
    ready: VecDeque<Heard>,
    /// Weight of the messages begun and not taken.
    untaken: usize,
    ended: bool,
}

struct Heard {
    /// `None` is the end of the direction.
    body: Option<Vec<u8>>,
    /// Of its last piece.
    number: u64,
}

/// What the runtime takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// A whole message.
    Message(Vec<u8>),
    /// The end of the direction.
    End,
}

impl Inbound {
    /// Takes the next piece.
    ///
    /// # Errors
    /// If the peer may not say that: VTP-25, VTP-26.
    pub fn handle(&mut self, more: bool, number: u64, bytes: &[u8]) -> Result<(), Violation> {
        if self.ended {
            return Err(Violation::AfterEnd);
        }
        let is_first = self.partial.is_empty();
        let is_end = bytes.is_empty();
        if is_end && (more || !is_first) {
            return Err(Violation::Message);
        }
        if self.partial.len() + bytes.len() > MAX_MESSAGE {
            return Err(Violation::Message);
        }
        if is_first && !is_end {
            self.untaken += FRAME_WEIGHT;
        }
        self.untaken += bytes.len();
        if self.untaken > WINDOW {
            return Err(Violation::Window);
        }
        self.partial.extend_from_slice(bytes);
        if !more {
            self.ended = is_end;
            let body = mem::take(&mut self.partial);
            let body = (!is_end).then_some(body);
            self.ready.push_back(Heard { body, number });
        }
        Ok(())
    }

    /// The next thing for the runtime, with the number and the weight that are taken with it.
    pub fn take(&mut self) -> Option<(Taken, u64, usize)> {
        let Heard { body, number } = self.ready.pop_front()?;
        let Some(body) = body else {
            return Some((Taken::End, number, FRAME_WEIGHT));
        };
        let weight = body.len() + FRAME_WEIGHT;
        self.untaken = self.untaken.saturating_sub(weight);
        Some((Taken::Message(body), number, weight))
    }

    /// Whether something waits for the runtime.
    pub fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether the direction has ended and its end was taken.
    pub fn is_settled(&self) -> bool {
        self.ended && self.ready.is_empty()
    }

    /// Whether the end has come, taken or not.
    pub const fn is_ended(&self) -> bool {
        self.ended
    }
}
