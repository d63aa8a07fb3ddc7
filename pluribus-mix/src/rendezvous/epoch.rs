//! Record epochs: how long a location record and its prekey count. (RDV-32)
//!
//! Clocks differ, and nobody is told which is right. So around a border two epochs count: the vat publishes the next one before it
//! begins, answers to the last one after it has ended, and who looks up tries both.

use crate::crypto::rng::Rng;
use crate::directory::Wall;

/// One record epoch: the time since 1970 in pieces of three hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(pub u64);

impl Epoch {
    /// Seconds of an epoch.
    pub const SECONDS: u64 = 3 * 3600;
    /// Seconds for which an epoch counts before it begins and after it has ended.
    pub const OVERLAP: u64 = 1800;
    /// Seconds before its beginning by which a record is published.
    const READY: u64 = 300;

    /// The epoch at this moment.
    #[must_use]
    pub const fn of(now: Wall) -> Self {
        Self(now.0 / Self::SECONDS)
    }

    /// The first moment of it.
    #[must_use]
    pub const fn start(self) -> Wall {
        Wall(self.0.saturating_mul(Self::SECONDS))
    }

    /// The first moment behind it.
    #[must_use]
    pub const fn end(self) -> Wall {
        self.start().plus(Self::SECONDS)
    }

    /// Whether a record of this epoch is kept and its prekey answered at this moment.
    #[must_use]
    pub fn counts(self, now: Wall) -> bool {
        (self.start().minus(Self::OVERLAP)..self.end().plus(Self::OVERLAP)).contains(&now)
    }

    /// The epochs of which a listed vat has a record out at this moment: this one, and shortly before its end the next.
    pub fn published(now: Wall) -> impl Iterator<Item = Self> {
        let this = Self::of(now);
        let next = Self(this.0.saturating_add(1));
        [this, next]
            .into_iter()
            .filter(move |epoch| epoch.counts(now) && *epoch >= this)
    }

    /// The epochs to be looked up at this moment, in this order: by one's own clock, and near a border the one beyond it.
    pub fn looked_up(now: Wall) -> impl Iterator<Item = Self> {
        let this = Self::of(now);
        let beyond = [this.0.checked_sub(1), this.0.checked_add(1)];
        let beyond = beyond.into_iter().flatten().map(Self);
        core::iter::once(this).chain(beyond.filter(move |epoch| epoch.counts(now)))
    }

    /// When a vat publishes its first record of this epoch: drawn, so that not all do it at once, and that no restart shows.
    #[must_use]
    pub fn first_publication(self, rng: &mut Rng) -> Wall {
        let from = self.start().minus(Self::OVERLAP);
        from.plus(rng.below(Self::OVERLAP - Self::READY))
    }

    /// When a record that was published at `last` is published anew: 45 to 75 min later. Who keeps it may have lost it.
    #[must_use]
    pub fn refresh(last: Wall, rng: &mut Rng) -> Wall {
        last.plus(2700 + rng.below(1801))
    }
}
