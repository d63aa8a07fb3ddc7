//! Introductions to others that a vat holds. (RDV-34)
//!
//! Each is good for one use, so a vat that wants to reach another at any time holds some of its; those that it was given
//! to hand on it never uses up itself.

use std::collections::{BTreeMap, VecDeque};

use super::Introduction;
use crate::directory::Wall;
use crate::id::{RelayId, VatId};
use crate::vattp::tickets::Purpose;

/// Introductions, by the vat that they lead to.
#[derive(Default)]
pub struct Wallet {
    pockets: BTreeMap<(VatId, Purpose), VecDeque<Introduction>>,
}

impl Wallet {
    /// How many are kept for one vat and purpose.
    pub const EACH: usize = 8;
    /// For how many vats and purposes.
    pub const POCKETS: usize = 2048;

    /// Keeps an introduction. `false` if it is known already, or there is no room.
    pub fn put(&mut self, purpose: Purpose, introduction: Introduction) -> bool {
        let key = (introduction.ticket().vat(), purpose);
        if !self.pockets.contains_key(&key) && self.pockets.len() >= Self::POCKETS {
            return false;
        }
        let pocket = self.pockets.entry(key).or_default();
        let id = introduction.ticket().id();
        let is_known = pocket.iter().any(|it| it.ticket().id() == id);
        let fits = !is_known && pocket.len() < Self::EACH;
        if fits {
            pocket.push_back(introduction);
        }
        fits
    }

    /// Takes the one for this vat and purpose that has been here for longest; it is not given out again. One that was of no use may be put back: then
    /// others come first. (RDV-34)
    pub fn take(&mut self, vat: &VatId, purpose: Purpose, now: Wall) -> Option<Introduction> {
        self.take_rather(vat, purpose, now, |_| true)
    }

    /// As [`Wallet::take`], but rather one to a relay that is good at the moment.
    pub fn take_rather(
        &mut self,
        vat: &VatId,
        purpose: Purpose,
        now: Wall,
        is_good: impl Fn(&RelayId) -> bool,
    ) -> Option<Introduction> {
        self.expire(now);
        let key = (*vat, purpose);
        let pocket = self.pockets.get_mut(&key)?;
        let good = pocket
            .iter()
            .position(|it| is_good(&it.ticket().spot().relay));
        let taken = pocket.remove(good.unwrap_or(0));
        if pocket.is_empty() {
            self.pockets.remove(&key);
        }
        taken
    }

    /// How many there are for this vat and purpose whose time is not over.
    #[must_use]
    pub fn count(&self, vat: &VatId, purpose: Purpose, now: Wall) -> usize {
        let pocket = self.pockets.get(&(*vat, purpose)).into_iter().flatten();
        pocket.filter(|it| now < it.expiry()).count()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pockets.values().map(VecDeque::len).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pockets.is_empty()
    }

    /// Drops what is out of date.
    pub fn expire(&mut self, now: Wall) {
        self.pockets.retain(|_, pocket| {
            pocket.retain(|it| now < it.expiry());
            !pocket.is_empty()
        });
    }

    /// The vats that there is something for.
    pub fn vats(&self) -> impl Iterator<Item = VatId> {
        self.pockets.keys().map(|(vat, _)| *vat)
    }

    /// The relays at which the vats can be met that it leads to.
    pub fn relays(&self) -> impl Iterator<Item = (VatId, RelayId)> {
        let all = self.pockets.iter();
        all.flat_map(|((vat, _), pocket)| pocket.iter().map(|it| (*vat, it.ticket().spot().relay)))
    }
}
