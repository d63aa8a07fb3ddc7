//! What comes once or not at all. (VTP-52)

use super::frame::Frame;
use core::ops::RangeInclusive;
use std::collections::VecDeque;

/// The most that wait at either end. (VTP-52)
pub const MAX_WAITING: usize = 64;
/// Bytes of a datagram. (VTP-52)
pub const LEN: RangeInclusive<usize> = 1..=Frame::MAX_DATAGRAM;

/// Datagrams of both directions.
#[derive(Default)]
pub struct Datagrams {
    out: VecDeque<Vec<u8>>,
    heard: VecDeque<Vec<u8>>,
}

impl Datagrams {
    /// Queues one of [`LEN`] bytes; of any other length it is lost.
    pub fn send(&mut self, bytes: Vec<u8>) {
        if LEN.contains(&bytes.len()) {
            push(&mut self.out, bytes);
        }
    }

    /// What waits to be said is lost: it was meant for the transport before.
    pub fn begin(&mut self) {
        self.out.clear();
    }

    /// Whether one waits to be said.
    pub fn has_frame(&self) -> bool {
        !self.out.is_empty()
    }

    /// The next to say, if it fits `room`.
    pub fn poll(&mut self, room: usize) -> Option<Vec<u8>> {
        let len = Frame::DATAGRAM_HEAD + self.out.front()?.len();
        if len > room {
            return None;
        }
        self.out.pop_front()
    }

    /// One came.
    pub fn handle(&mut self, bytes: &[u8]) {
        push(&mut self.heard, bytes.to_vec());
    }

    /// Whether one came that was not taken.
    pub fn is_heard(&self) -> bool {
        !self.heard.is_empty()
    }

    /// The next for the runtime.
    pub fn take(&mut self) -> Option<Vec<u8>> {
        self.heard.pop_front()
    }
}

/// Queues one; of too many the oldest is lost.
fn push(queue: &mut VecDeque<Vec<u8>>, bytes: Vec<u8>) {
    if queue.len() == MAX_WAITING {
        queue.pop_front();
    }
    queue.push_back(bytes);
}
