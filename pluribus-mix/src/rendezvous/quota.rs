//! How many introductions one gives, and takes, in an hour. (RDV-8)
//!
//! Every introduction makes somebody build circuits to a relay that somebody else named. Whoever could have that done as often as it
//! likes would learn by and by which relays stand before it. So there is a bucket for each donor and one for the whole vat.

use std::collections::BTreeMap;

use crate::id::VatId;
use crate::time::{Duration, Instant};

/// Introductions in an hour with one donor.
pub const PER_DONOR: u32 = 10;
/// Introductions in an hour in all.
pub const PER_VAT: u32 = 60;
const HOUR: Duration = Duration::from_secs(3600);

/// No introduction before some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many introductions; the next one in {0:?}")]
pub struct TooMany(pub Duration);

/// The buckets of one vat. There are no more of them than the vat's own bucket lets be used within an hour or two.
#[derive(Default)]
pub struct Quota {
    donors: BTreeMap<VatId, Bucket>,
    all: Bucket,
}

impl Quota {
    /// Takes one introduction from the bucket of this donor and from that of all; from neither if one of them is empty.
    ///
    /// # Errors
    /// When the next one can be had.
    pub fn take(&mut self, now: Instant, donor: &VatId) -> Result<(), TooMany> {
        // What is full says nothing.
        self.donors
            .retain(|_, bucket| bucket.used(now) > Duration::ZERO);
        let mut of_donor = self.donors.get(donor).copied().unwrap_or_default();
        let mut all = self.all;
        of_donor.take(now, PER_DONOR)?;
        all.take(now, PER_VAT)?;
        self.donors.insert(*donor, of_donor);
        self.all = all;
        Ok(())
    }

    /// How many donors have a bucket that is not full.
    #[must_use]
    pub fn donors(&self) -> usize {
        self.donors.len()
    }
}

/// So many tokens, which come back evenly over an hour. What is kept is when it will be full again.
#[derive(Clone, Copy, Default)]
struct Bucket {
    full_at: Instant,
}

impl Bucket {
    /// The time until it is full.
    fn used(self, now: Instant) -> Duration {
        self.full_at.since(now)
    }

    fn take(&mut self, now: Instant, most: u32) -> Result<(), TooMany> {
        let (used, one) = (self.used(now), HOUR / most);
        if let Some(over) = (used + one).checked_sub(HOUR)
            && over > Duration::ZERO
        {
            return Err(TooMany(over));
        }
        self.full_at = now + used + one;
        Ok(())
    }
}
