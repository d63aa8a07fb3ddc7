//! What may wait in a vat for the sake of its peers.
//!
//! Whatever a peer can leave here (a message for a promise, a question that is not answered, a listener) holds a [`Share`] of
//! what that peer may leave and of what all peers may, and gives it back when it is dropped.

use std::any::Any;
use std::cell::Cell;
use std::rc::Rc;

use super::misdeed::Misdeed;

/// The most that one peer may leave, in weight.
pub const MOST_WAITING: usize = 16 << 20;
/// The most that all peers together may leave, in weight.
pub const MOST_WAITING_IN_ALL: usize = 256 << 20;
/// What anything weighs beyond its bytes.
pub const ENVELOPE: usize = 256;

/// How much is left here. Clones are of the same one.
#[derive(Clone, Default)]
pub(super) struct Scales(Rc<Cell<usize>>);

impl Scales {
    pub(super) fn weight(&self) -> usize {
        self.0.get()
    }
}

/// So much of what may be left here.
pub(super) struct Share {
    of: [Scales; 2],
    weight: usize,
}

impl Share {
    /// A share for something of so many bytes, of one peer's and of all peers' scales.
    pub(super) fn of(one: &Scales, all: &Scales, bytes: usize) -> Result<Rc<dyn Any>, Misdeed> {
        let weight = bytes + ENVELOPE;
        let fits = |scales: &Scales, most| scales.0.get() + weight <= most;
        if !fits(one, MOST_WAITING) || !fits(all, MOST_WAITING_IN_ALL) {
            return Err(Misdeed::TooMuch("messages that wait"));
        }
        let of = [one.clone(), all.clone()];
        for scales in &of {
            scales.0.set(scales.0.get() + weight);
        }
        Ok(Rc::new(Self { of, weight }))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        for scales in &self.of {
            scales.0.set(scales.0.get().saturating_sub(self.weight));
        }
    }
}
