//! Buffers that go round: from the pool to a reader, to the node, and back.
//!
//! A link that is silent holds no buffer, so ten thousand idle links cost next to nothing.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Room for what the node puts in one batch, about 64 KiB and at most a record more.
const BUFFER: usize = 96 * 1024;
/// More than this many at rest are given back to the allocator.
const KEPT: usize = 32;
/// More bytes than this of batches are not kept.
const KEPT_BYTES: usize = 64 << 20;

#[derive(Default)]
pub(super) struct Pool(Mutex<Vec<Vec<u8>>>);

impl Pool {
    /// An empty buffer with room.
    pub(super) fn take(&self) -> Vec<u8> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| Vec::with_capacity(BUFFER))
    }

    /// Done with this one.
    pub(super) fn give(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT && buffer.capacity() <= 2 * BUFFER {
            kept.push(buffer);
        }
    }
}

/// Buffers for batches that go by the clock. Whoever was given back first is taken first: batches are made and written in about the same order
/// of links, so each gets a buffer that was big enough for it before.
#[derive(Default)]
pub(super) struct Batches(Mutex<Resting>);

#[derive(Default)]
struct Resting {
    buffers: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl Batches {
    /// An empty buffer, perhaps with room.
    pub(super) fn take(&self) -> Vec<u8> {
        let mut resting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = resting.buffers.pop_front().unwrap_or_default();
        resting.bytes -= taken.capacity();
        taken
    }

    /// Done with this one.
    pub(super) fn give(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut resting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.capacity() > 0 && resting.bytes + buffer.capacity() <= KEPT_BYTES {
            resting.bytes += buffer.capacity();
            resting.buffers.push_back(buffer);
        }
    }
}
