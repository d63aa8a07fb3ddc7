//! What a connection has to say: messages that wait, and the weight of what is not acknowledged. (VTP-25, VTP-26)

use super::Violation;
use super::frame::Frame;
use crate::netlayer::MAX_MESSAGE;
use std::collections::VecDeque;

/// The most weight unacknowledged, in one direction. (VTP-26)
pub const WINDOW: usize = MAX_MESSAGE + 65_536;
/// What a frame weighs besides its bytes. (VTP-26)
pub const FRAME_WEIGHT: usize = 64;

/// One direction's near end.
pub struct Outbound {
    /// Messages not yet said whole; of the first, `said` bytes are out.
    queue: VecDeque<Vec<u8>>,
    said: usize,
    /// Weight of what is not said.
    waiting: usize,
    /// The number of the next frame.
    next: u64,
    /// Number and weight of what is said and not acknowledged.
    unacked: VecDeque<(u64, usize)>,
    in_flight: usize,
    end: End,
    /// Somebody was sent away and wants to be told.
    refused: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    Wanted,
    Said,
}

impl Default for Outbound {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            said: 0,
            waiting: 0,
            next: 1,
            unacked: VecDeque::new(),
            in_flight: 0,
            end: End::Open,
            refused: false,
        }
    }
}

impl Outbound {
    /// Takes a message of 1 to [`MAX_MESSAGE`] bytes, or hands it back when the queue is full.
    pub fn push(&mut self, message: Vec<u8>) -> Result<(), Vec<u8>> {
        let weight = message.len() + FRAME_WEIGHT;
        let idle = self.waiting + self.in_flight == 0;
        if !idle && self.waiting + self.in_flight + weight > WINDOW {
            self.refused = true;
            return Err(message);
        }
        self.waiting += weight;
        self.queue.push_back(message);
        Ok(())
    }

    /// Ends the direction behind what is queued.
    pub fn finish(&mut self) {
        if self.end == End::Open {
            self.end = End::Wanted;
        }
    }

    /// Whether the direction has been ended from this side, said or not.
    pub fn is_ended(&self) -> bool {
        self.end != End::Open
    }

    /// Whether the end is said and everything acknowledged.
    pub fn is_settled(&self) -> bool {
        self.end == End::Said && self.unacked.is_empty()
    }

    /// Whether there is a frame that may be said now.
    pub fn has_frame(&self) -> bool {
        let wants = !self.queue.is_empty() || self.end == End::Wanted;
        wants && self.in_flight + FRAME_WEIGHT < WINDOW
    }

    /// Appends the next frame to `out` if there is one and it fits `room`; whether it did. A message that would fit a fresh
    /// record whole is not cut to fill this one. And the window cuts nothing: it would cut crumbs, each with the weight of a
    /// frame, until a message that is not whole, and so cannot be taken, fills the window and waits for itself.
    pub fn fill(&mut self, room: usize, fresh: usize, out: &mut Vec<u8>) -> bool {
        let Some(message) = self.queue.front() else {
            return self.say_end(room, out);
        };
        let rest = message.get(self.said..).unwrap_or_default();
        let len = rest.len().min(room.saturating_sub(Frame::MSG_HEAD));
        let whole_later = len < rest.len() && rest.len() <= fresh.saturating_sub(Frame::MSG_HEAD);
        if len == 0 || whole_later || self.in_flight + len + FRAME_WEIGHT > WINDOW {
            return false;
        }
        let (bytes, more) = (rest.get(..len).unwrap_or_default(), len < rest.len());
        let number = self.next;
        Frame::Msg {
            more,
            number,
            bytes,
        }
        .encode(out);
        self.account(len);
        if more {
            self.said += len;
            self.waiting = self.waiting.saturating_sub(len);
        } else {
            self.waiting = self.waiting.saturating_sub(len + FRAME_WEIGHT);
            self.said = 0;
            self.queue.pop_front();
        }
        true
    }

    fn say_end(&mut self, room: usize, out: &mut Vec<u8>) -> bool {
        if self.end != End::Wanted || room < Frame::MSG_HEAD || !self.has_frame() {
            return false;
        }
        let number = self.next;
        Frame::Msg {
            more: false,
            number,
            bytes: b"",
        }
        .encode(out);
        self.account(0);
        self.end = End::Said;
        true
    }

    fn account(&mut self, len: usize) {
        self.unacked.push_back((self.next, len + FRAME_WEIGHT));
        self.in_flight += len + FRAME_WEIGHT;
        self.next += 1;
    }

    /// Takes an acknowledgement: everything up to `taken`. (VTP-26)
    pub fn acknowledge(&mut self, taken: u64) -> Result<(), Violation> {
        let oldest = self
            .unacked
            .front()
            .map_or(self.next, |(number, _)| *number);
        if taken >= self.next || taken.saturating_add(1) < oldest {
            return Err(Violation::Ack);
        }
        while let Some((number, weight)) = self.unacked.front().copied()
            && number <= taken
        {
            self.in_flight = self.in_flight.saturating_sub(weight);
            self.unacked.pop_front();
        }
        Ok(())
    }

    /// Whether somebody who was sent away can come back; says so once.
    pub fn poll_writable(&mut self) -> bool {
        let writable = self.refused && self.waiting + self.in_flight <= WINDOW / 2;
        self.refused &= !writable;
        writable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vattp::pipe::MAX_PLAIN;

    fn say_all(outbound: &mut Outbound) -> Vec<u8> {
        let mut out = Vec::new();
        while outbound.fill(MAX_PLAIN, MAX_PLAIN, &mut out) {}
        out
    }

    /// VTP-26: a peer that takes one small message at a time does not grind the long message behind them to crumbs that
    /// weigh more than the window.
    #[test]
    fn a_long_message_behind_many_short_ones_gets_through() {
        let mut outbound = Outbound::default();
        let short = (WINDOW - MAX_MESSAGE - FRAME_WEIGHT) / (1 + FRAME_WEIGHT);
        for _ in 0..short {
            outbound.push(vec![1]).unwrap();
        }
        outbound.push(vec![2; MAX_MESSAGE]).unwrap();
        say_all(&mut outbound);
        for taken in 1..=u64::try_from(short).unwrap() {
            outbound.acknowledge(taken).unwrap();
            say_all(&mut outbound);
        }
        assert!(
            outbound.queue.is_empty(),
            "all of it is out, for none of it can be taken before"
        );
    }
}
