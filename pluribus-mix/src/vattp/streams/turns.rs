//! Who comes next: a queue that one can also leave from the middle.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

/// A stream's place in one [`Turns`], if it stands there.
pub(super) type Place = Option<NonZeroU64>;

/// Streams in the order in which they came. Every call is O(log n).
#[derive(Default)]
pub(super) struct Turns {
    last: u64,
    waiting: BTreeMap<NonZeroU64, u32>,
}

impl Turns {
    /// Puts `stream` at the end, unless it stands here already.
    pub(super) fn join(&mut self, place: &mut Place, stream: u32) {
        if place.is_some() {
            return;
        }
        self.last += 1;
        *place = NonZeroU64::new(self.last);
        if let Some(place) = *place {
            self.waiting.insert(place, stream);
        }
    }

    /// Takes away whoever stands at `place`.
    pub(super) fn leave(&mut self, place: &mut Place) {
        if let Some(place) = place.take() {
            self.waiting.remove(&place);
        }
    }

    /// Who comes next.
    pub(super) fn front(&self) -> Option<u32> {
        self.waiting.values().next().copied()
    }
}
