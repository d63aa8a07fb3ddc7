//! Bytes that wait, in the pieces in which they came.
//!
//! Big pieces are kept as they are. Small ones are put together, so that a peer that sends single bytes does not make us
//! keep a piece for each.

use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::mem;

/// Pieces from here on are kept as they came.
const BIG: usize = 1024;
/// Small pieces are put together up to this.
const CHUNK: usize = 4096;

/// A queue of bytes. While it is empty it owns nothing.
#[derive(Default)]
pub(super) struct Pieces {
    whole: VecDeque<Bytes>,
    /// Behind `whole`, and still growing.
    tail: BytesMut,
    len: usize,
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
        if self.tail.len() + bytes.len() > CHUNK {
            self.seal();
        }
        self.tail.extend_from_slice(bytes);
        self.len += bytes.len();
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
            *self = Self::default();
        }
        Some(piece)
    }

    /// The first bytes, at most `max`, put together from small pieces if need be; shorter than it could be only where that
    /// saves copying and [`CHUNK`] bytes are there.
    pub(super) fn gather(&mut self, max: usize) -> Bytes {
        let first = self.take(max).unwrap_or_default();
        if first.len() >= max.min(CHUNK) || self.is_empty() {
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
