//! Bytes that wait, in the pieces in which they came.
//!
//! Big pieces are kept as they are. Small ones are put together, so that a peer that sends single bytes does not make us
//! keep a piece for each. How much is put together follows what comes between two reads: a stream of cells costs an allocation for
//! many of them, and one that says little holds little.

use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::mem;

/// Pieces from here on are kept as they came.
const BIG: usize = 1024;
/// Small pieces are put together up to this at first.
const CHUNK: u32 = 4096;
/// And up to this where much comes.
const MOST: u32 = 65_536;

/// A queue of bytes. While it is empty it owns nothing.
pub(super) struct Pieces {
    whole: VecDeque<Bytes>,
    /// Behind `whole`, and still growing.
    tail: BytesMut,
    len: usize,
    /// How much small pieces are put together to.
    chunk: u32,
    /// What small pieces have come since it was empty.
    came: u32,
}

impl Default for Pieces {
    fn default() -> Self {
        Self {
            whole: VecDeque::new(),
            tail: BytesMut::new(),
            len: 0,
            chunk: CHUNK,
            came: 0,
        }
    }
}

impl Pieces {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends `bytes`; a big piece is not copied.
    pub(super) fn push(&mut self, bytes: Bytes) {
        if bytes.len() < BIG {
            return self.append(&bytes);
        }
        self.seal();
        self.len += bytes.len();
        self.whole.push_back(bytes);
    }

    /// Appends a copy of `bytes`.
    pub(super) fn copy(&mut self, bytes: &[u8]) {
        if bytes.len() < BIG {
            return self.append(bytes);
        }
        self.push(Bytes::copy_from_slice(bytes));
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.tail.len() + bytes.len() > self.chunk as usize {
            self.seal();
            self.chunk = (self.chunk * 2).min(MOST);
        }
        if self.tail.is_empty() && self.chunk > CHUNK {
            self.tail.reserve(self.chunk as usize);
        }
        self.tail.extend_from_slice(bytes);
        self.len += bytes.len();
        let more = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.came = self.came.saturating_add(more);
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.whole.push_back(mem::take(&mut self.tail).freeze());
        }
    }

    /// The first bytes, at most `max`, as they lie; `None` if that is none.
    pub(super) fn take(&mut self, max: usize) -> Option<Bytes> {
        if max == 0 {
            return None;
        }
        if self.whole.is_empty() {
            self.seal();
        }
        let front = self.whole.front_mut()?;
        let piece = front.split_to(max.min(front.len()));
        if front.is_empty() {
            self.whole.pop_front();
        }
        self.len = self.len.saturating_sub(piece.len());
        if self.is_empty() {
            let is_much = self.came > self.chunk / 4;
            let chunk = if is_much { self.chunk } else { self.chunk / 2 };
            *self = Self {
                chunk: chunk.max(CHUNK),
                ..Self::default()
            };
        }
        Some(piece)
    }

    /// The first bytes, at most `max`, put together from small pieces if need be; shorter than it could be only where that
    /// saves copying and [`CHUNK`] bytes are there.
    pub(super) fn gather(&mut self, max: usize) -> Bytes {
        let first = self.take(max).unwrap_or_default();
        if first.len() >= max.min(CHUNK as usize) || self.is_empty() {
            return first;
        }
        let mut all = BytesMut::with_capacity(max.min(first.len() + self.len));
        all.extend_from_slice(&first);
        while let Some(next) = self.take(max.saturating_sub(all.len())) {
            all.extend_from_slice(&next);
        }
        all.freeze()
    }
}
