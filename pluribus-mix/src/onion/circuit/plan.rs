//! How long a circuit is to be. (ONI-10)

use crate::crypto::rng::Rng;
use crate::onion::MAX_HOPS;

/// How long a circuit is to be. (ONI-10)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    hops: u8,
    more: u8,
}

impl Plan {
    /// `hops` hops, to which `more` may be added. `None` for no hops, or more than 8 in all.
    pub fn new(hops: usize, more: usize) -> Option<Self> {
        let fits = hops > 0 && hops.checked_add(more)? <= MAX_HOPS;
        let (hops, more) = (hops.try_into().ok()?, more.try_into().ok()?);
        fits.then_some(Self { hops, more })
    }

    pub(super) fn total(self) -> usize {
        usize::from(self.hops + self.more)
    }

    /// The live count that a hop 0 would have: hop i has i less. (ONI-10)
    pub(super) fn draw_live(self, rng: &mut Rng) -> u8 {
        let choices = MAX_HOPS - self.total() + 1;
        let drawn = rng.below(choices as u64);
        self.hops + self.more + u8::try_from(drawn).unwrap_or(0)
    }
}
