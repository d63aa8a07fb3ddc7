//! Messages that wait to be said: one source of numbered bodies. (VTP-25, VTP-26)
//!
//! All that waits here, begun or not, weighs at most what the peer may have not taken. So a message that is begun always fits
//! whole: were it cut to what is left there, a peer that takes one small message at a time would grind a long one behind
//! them to crumbs.

use super::Violation;
use super::body::Body;
pub use super::body::FRAME_WEIGHT;
use super::cut::{max_frame, piece};
use super::frame::Frame;
use super::pipe::Carrier;
use crate::netlayer::MAX_MESSAGE;
use bytes::Bytes;
use core::mem;
use std::collections::VecDeque;

/// The most weight not received, and the most weight of messages not taken, in one direction. (VTP-26)
pub const WINDOW: usize = MAX_MESSAGE + 65_536;

/// The messages of one direction's near end.
pub struct Outbound {
    /// Messages not begun.
    queue: VecDeque<Bytes>,
    /// What is left of the message begun last, if it is not said whole.
    rest: Option<Bytes>,
    /// Weight of what is not begun.
    waiting: usize,
    /// What is begun and not taken, the oldest first, and its weight.
    begun: VecDeque<Begun>,
    untaken: usize,
    /// The last number that the peer has taken.
    taken: u64,
    end: End,
    /// Somebody was sent away and wants to be told.
    refused: bool,
}

/// A message, or the end, that the peer has not taken.
struct Begun {
    /// The number of its last piece, when that is said.
    last: Option<u64>,
    weight: usize,
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
            rest: None,
            waiting: 0,
            begun: VecDeque::new(),
            untaken: 0,
            taken: 0,
            end: End::Open,
            refused: false,
        }
    }
}

impl Outbound {
    /// Takes a message of 1 to [`MAX_MESSAGE`] bytes, or hands it back when the queue is full.
    ///
    /// # Errors
    /// The message, when the queue is full.
    pub fn push(&mut self, message: Vec<u8>) -> Result<(), Vec<u8>> {
        let weight = message.len() + FRAME_WEIGHT;
        if self.weight() + weight > WINDOW {
            self.refused = true;
            return Err(message);
        }
        self.waiting += weight;
        self.queue.push_back(Bytes::from(message));
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

    /// Whether the end is said and everything taken.
    pub fn is_settled(&self) -> bool {
        self.end == End::Said && self.begun.is_empty()
    }

    /// Weight of what waits to be begun or to be taken.
    pub const fn weight(&self) -> usize {
        self.waiting + self.untaken
    }

    /// Whether all is said, and somebody waits for the peer to take something.
    pub fn awaits_taken(&self) -> bool {
        let is_all_said = self.rest.is_none() && self.queue.is_empty();
        let wants = self.refused || self.end == End::Said;
        wants && is_all_said && !self.begun.is_empty()
    }

    /// Whether there is a piece that a fresh record may hold, if so much weight may be said.
    pub fn has_body(&self, carrier: Carrier, open: usize) -> bool {
        let ends = self.end == End::Wanted && self.queue.is_empty() && self.rest.is_none();
        if ends {
            return open >= FRAME_WEIGHT;
        }
        let next = self.rest.as_ref().or_else(|| self.queue.front());
        let len = next.and_then(|rest| {
            let room = max_frame(carrier);
            piece(carrier, Frame::MSG_HEAD, rest.len(), room)
        });
        len.is_some_and(|len| len + FRAME_WEIGHT <= open)
    }

    /// The next piece, if one fits `room` and so much weight may be said. The window cuts nothing: it would cut crumbs.
    pub fn poll_body(&mut self, carrier: Carrier, room: usize, open: usize) -> Option<Body> {
        if self.rest.is_none() && self.queue.is_empty() {
            return self.poll_end(room, open);
        }
        let next = self.rest.as_ref().or_else(|| self.queue.front())?;
        let len = piece(carrier, Frame::MSG_HEAD, next.len(), room)?;
        if len + FRAME_WEIGHT > open {
            return None;
        }
        let mut rest = self.rest.take().or_else(|| self.begin())?;
        let more = len < rest.len();
        let bytes = if more {
            rest.split_to(len)
        } else {
            mem::take(&mut rest)
        };
        self.rest = more.then_some(rest);
        Some(Body::Msg { more, bytes })
    }

    /// Takes the next message out of the queue.
    fn begin(&mut self) -> Option<Bytes> {
        let message = self.queue.pop_front()?;
        let weight = message.len() + FRAME_WEIGHT;
        self.waiting = self.waiting.saturating_sub(weight);
        self.untaken += weight;
        self.begun.push_back(Begun { last: None, weight });
        Some(message)
    }

    fn poll_end(&mut self, room: usize, open: usize) -> Option<Body> {
        if self.end != End::Wanted || room < Frame::MSG_HEAD || open < FRAME_WEIGHT {
            return None;
        }
        self.end = End::Said;
        self.begun.push_back(Begun {
            last: None,
            weight: 0,
        });
        Some(Body::Msg {
            more: false,
            bytes: Bytes::new(),
        })
    }

    /// The last piece of the oldest message that has no last number yet was said under `number`.
    pub fn said_last(&mut self, number: u64) {
        let numbered = self.begun.partition_point(|it| it.last.is_some());
        if let Some(begun) = self.begun.get_mut(numbered) {
            begun.last = Some(number);
        }
    }

    /// Numbers from here on mean nothing any more. (VTP-45)
    pub fn unnumber(&mut self, from: u64) {
        let late = self
            .begun
            .iter_mut()
            .rev()
            .take_while(|it| it.last.is_none_or(|last| last >= from));
        late.for_each(|it| it.last = None);
    }

    /// The peer has taken everything up to here; whether that is news. (VTP-26)
    ///
    /// # Errors
    /// If it said before that it had taken more.
    pub fn acknowledge(&mut self, taken: u64) -> Result<bool, Violation> {
        if taken < self.taken {
            return Err(Violation::Ack);
        }
        let before = mem::replace(&mut self.taken, taken);
        while let Some(begun) = self.begun.front()
            && begun.last.is_some_and(|last| last <= taken)
        {
            self.untaken = self.untaken.saturating_sub(begun.weight);
            self.begun.pop_front();
        }
        Ok(before < taken)
    }

    /// Whether somebody who was sent away can come back; says so once.
    pub fn poll_writable(&mut self) -> bool {
        let writable = self.refused && self.weight() <= WINDOW / 2;
        self.refused &= !writable;
        writable
    }
}
