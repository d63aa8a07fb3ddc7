//! What a connection has heard: pieces put together, messages that wait to be taken, and the acknowledgement that is
//! due. (VTP-23, VTP-25, VTP-26)

use super::Violation;
use super::outbound::{FRAME_WEIGHT, WINDOW};
use crate::netlayer::MAX_MESSAGE;
use crate::time::{Duration, Instant};
use core::mem;
use std::collections::VecDeque;

/// Weight taken after which an acknowledgement goes out at once. (VTP-26)
pub const ACK_WEIGHT: usize = 131_072;
/// The longest that something taken stays unacknowledged. (VTP-26)
pub const ACK_DELAY: Duration = Duration::from_millis(50);

/// One direction's far end.
pub struct Inbound {
    /// The number of the next frame.
    expect: u64,
    /// The pieces so far of a message that is not whole, and what they weigh.
    partial: Vec<u8>,
    partial_weight: usize,
    /// What is whole and waits for the runtime.
    ready: VecDeque<Heard>,
    /// Weight of all that has come and was not taken.
    held: usize,
    ended: bool,
    /// The last frame taken; weight taken since it was last acknowledged, and until when that may wait.
    taken: u64,
    unsaid: usize,
    due: Option<Instant>,
}

struct Heard {
    /// `None` is the end of the direction.
    body: Option<Vec<u8>>,
    number: u64,
    weight: usize,
}

/// What the runtime takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// A whole message.
    Message(Vec<u8>),
    /// The end of the direction.
    End,
}

impl Default for Inbound {
    fn default() -> Self {
        Self {
            expect: 1,
            partial: Vec::new(),
            partial_weight: 0,
            ready: VecDeque::new(),
            held: 0,
            ended: false,
            taken: 0,
            unsaid: 0,
            due: None,
        }
    }
}

impl Inbound {
    /// Takes a MSG frame; whether something became ready by it.
    pub fn handle(&mut self, more: bool, number: u64, bytes: &[u8]) -> Result<bool, Violation> {
        if self.ended {
            return Err(Violation::AfterEnd);
        }
        if number != self.expect {
            return Err(Violation::Number);
        }
        let is_end = bytes.is_empty();
        if is_end && (more || self.partial_weight > 0) {
            return Err(Violation::Message);
        }
        if self.partial.len() + bytes.len() > MAX_MESSAGE {
            return Err(Violation::Message);
        }
        self.held += bytes.len() + FRAME_WEIGHT;
        if self.held > WINDOW {
            return Err(Violation::Window);
        }
        self.expect += 1;
        self.partial_weight += bytes.len() + FRAME_WEIGHT;
        self.partial.extend_from_slice(bytes);
        if more {
            return Ok(false);
        }
        self.ended = is_end;
        let body = mem::take(&mut self.partial);
        self.ready.push_back(Heard {
            body: (!is_end).then_some(body),
            number,
            weight: mem::take(&mut self.partial_weight),
        });
        Ok(true)
    }

    /// The next thing for the runtime; with this it is taken, and will be acknowledged.
    pub fn take(&mut self, now: Instant) -> Option<Taken> {
        let heard = self.ready.pop_front()?;
        self.held = self.held.saturating_sub(heard.weight);
        self.taken = heard.number;
        self.unsaid += heard.weight;
        self.due.get_or_insert(now + ACK_DELAY);
        Some(heard.body.map_or(Taken::End, Taken::Message))
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

    /// Whether an acknowledgement has to go out by itself now.
    pub fn ack_is_due(&self, now: Instant) -> bool {
        self.unsaid >= ACK_WEIGHT || self.due.is_some_and(|due| due <= now)
    }

    /// When an acknowledgement has to go out by itself.
    pub const fn ack_due(&self) -> Option<Instant> {
        self.due
    }

    /// The acknowledgement to say, if there is anything new in it. It counts as said.
    pub fn acknowledge(&mut self) -> Option<u64> {
        self.due.take()?;
        self.unsaid = 0;
        Some(self.taken)
    }
}
