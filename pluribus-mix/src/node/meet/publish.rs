//! A listed vat's record, and who keeps it. (RDV-32, RDV-41)
//!
//! ```text
//! due ─► Record, for a park where a circuit waits ─► asked of each keeper ─kept─► due anew
//!                                                         └─not─► asked again
//! ```

use super::super::Node;
use super::super::mix::Question;
use super::records::About;
use crate::crypto::rng::Rng;
use crate::directory::{Consensus, Wall};
use crate::id::RelayId;
use crate::rendezvous::epoch::Epoch;
use crate::rendezvous::keepers::keepers;
use crate::rendezvous::listed::Listed;
use crate::rendezvous::{Record, Spot, Terms};
use crate::time::{Duration, Instant};
use crate::vattp::seen::Seen;
use std::collections::BTreeMap;

/// How often it is looked whether circuits wait where the records lead, and how soon whether there is a park at all.
const LOOK: Duration = Duration::from_secs(60);
const SOON: u64 = 1;
/// A keeper that does not keep a record is asked again after this, and twice as long each time up to that.
const AGAIN: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(10 * 60);
/// How long a prekey counts: an epoch and what is before and behind it. (RDV-32)
const PREKEY: Duration = Duration::from_secs(Epoch::SECONDS + 2 * Epoch::OVERLAP);

/// What a listed vat has besides its parks.
pub(super) struct Publishing {
    /// The prekeys.
    pub(super) listed: Listed,
    /// The x_i that were answered with them. (VTP-5)
    pub(super) seen: Seen,
    out: BTreeMap<Epoch, Out>,
    looked: Instant,
}

/// The record of an epoch.
struct Out {
    /// When it is published, or anew.
    due: Wall,
    record: Option<(Record, Spot)>,
    keepers: BTreeMap<RelayId, Keeper>,
    /// Nobody waited where it leads when that was last looked at.
    was_empty: bool,
}

/// How far a keeper is with it.
#[derive(Clone, Copy)]
enum Keeper {
    /// It is asked at this moment, and was in vain so often.
    Due(Instant, u32),
    Asked(u32),
    Keeps,
}

impl Publishing {
    pub(super) fn new() -> Self {
        Self {
            listed: Listed::default(),
            seen: Seen::new(PREKEY),
            out: BTreeMap::new(),
            looked: Instant::ZERO,
        }
    }

    /// Of which epochs there is a record, or is to be.
    #[cfg(test)]
    pub(super) fn epochs(&self) -> Vec<Epoch> {
        self.out.keys().copied().collect()
    }

    /// How many keepers have said that they keep it, of all epochs together.
    pub(super) fn kept(&self) -> usize {
        let keepers = self.out.values().flat_map(|out| out.keepers.values());
        keepers.filter(|it| matches!(it, Keeper::Keeps)).count()
    }

    /// The relays that keep what is ours, or are to.
    pub(super) fn keepers(&self) -> impl Iterator<Item = RelayId> {
        self.out
            .values()
            .flat_map(|out| out.keepers.keys().copied())
    }
}

impl Out {
    /// When the first record of this epoch is due: of that which is, now; of the next, at a moment of its own. (RDV-32)
    fn first(epoch: Epoch, now: Wall, rng: &mut Rng) -> Self {
        let due = match now < epoch.start() {
            true => epoch.first_publication(rng).max(now),
            false => now,
        };
        Self {
            due,
            record: None,
            keepers: BTreeMap::new(),
            was_empty: false,
        }
    }

    /// Who is to keep it by this consensus; those that do go on.
    fn assign(&mut self, consensus: &Consensus, now: Instant) {
        let Some((record, _)) = &self.record else {
            return;
        };
        let relays = consensus.relays().iter().map(|relay| &relay.id);
        let named = keepers(record.index(), relays).into_iter();
        let before = core::mem::take(&mut self.keepers);
        let how = |relay: &RelayId| before.get(relay).copied();
        let all = named.map(|relay| (relay, how(&relay).unwrap_or(Keeper::Due(now, 0))));
        self.keepers = all.collect();
    }
}

impl Node {
    /// Who the relays are has changed.
    pub(in crate::node) fn reassign(&mut self) {
        let now = self.clock;
        if let Some(consensus) = self.consensus.clone() {
            let out = self.meet.publishing.out.values_mut();
            out.for_each(|out| out.assign(&consensus, now));
        }
        self.publish();
        self.arm_records();
    }

    /// Publishes what is due.
    pub(super) fn publish(&mut self) {
        let is_listed = self.meet.config.is_some_and(|config| config.listed);
        let Some(moment) = self.moment().filter(|_| is_listed) else {
            return;
        };
        let (now, wall) = (moment.at, moment.wall);
        let (meet, epochs) = (&mut self.meet, || Epoch::published(wall));
        meet.publishing.listed.forget(wall);
        let is_now = |epoch: &Epoch| epochs().any(|it| it == *epoch);
        meet.publishing.out.retain(|epoch, _| is_now(epoch));
        for epoch in epochs() {
            let out = meet.publishing.out.entry(epoch);
            out.or_insert_with(|| Out::first(epoch, wall, &mut meet.rng));
        }
        self.see_to_parks(now, wall);
        for epoch in epochs() {
            let out = self.meet.publishing.out.get(&epoch);
            if out.is_some_and(|out| out.due <= wall) {
                self.renew(epoch, now, wall);
            }
            self.spread(epoch, now);
        }
    }

    /// A record that leads to a park which is given up, or where nobody has waited for a while, is due anew. (RDV-41)
    fn see_to_parks(&mut self, now: Instant, wall: Wall) {
        let looks = self.meet.publishing.looked + LOOK <= now;
        if looks {
            self.meet.publishing.looked = now;
        }
        let mut out = core::mem::take(&mut self.meet.publishing.out);
        for out in out.values_mut() {
            let Some((_, spot)) = &out.record else {
                continue;
            };
            let cookie = *spot.cookie.as_bytes();
            let is_empty = !self.waits_at(&spot.relay);
            if self.park_at(spot.relay, cookie).is_none() || looks && is_empty && out.was_empty {
                out.due = wall;
            }
            out.was_empty = if looks { is_empty } else { out.was_empty };
        }
        self.meet.publishing.out = out;
    }

    /// Makes a record for a park where a circuit waits, if there is one.
    fn renew(&mut self, epoch: Epoch, now: Instant, wall: Wall) {
        let park = self.draw_park(None).map(|(spot, _)| spot);
        let park = park.filter(|spot| self.waits_at(&spot.relay));
        let (Some(spot), Some(consensus)) = (park, self.consensus.clone()) else {
            if let Some(out) = self.meet.publishing.out.get_mut(&epoch) {
                out.due = wall.plus(SOON);
            }
            return;
        };
        let terms = Terms {
            class: self.mix.as_ref().map(|mix| mix.class()).unwrap_or_default(),
            network: consensus.network(),
        };
        let key = self.hosted.local.key.clone();
        let (meet, rng) = (&mut self.meet.publishing, &mut self.meet.rng);
        let record = meet.listed.record(&key, (spot, terms), epoch, wall, rng);
        if let (Some(record), Some(out)) = (record, meet.out.get_mut(&epoch)) {
            out.due = Epoch::refresh(wall, rng);
            out.record = Some((record, spot));
            (out.keepers, out.was_empty) = (BTreeMap::new(), false);
            out.assign(&consensus, now);
        }
    }

    /// Asks those keepers whose turn it is.
    fn spread(&mut self, epoch: Epoch, now: Instant) {
        let Some(out) = self.meet.publishing.out.get_mut(&epoch) else {
            return;
        };
        let Some((record, _)) = out.record.clone() else {
            return;
        };
        let mut due = Vec::new();
        for (relay, keeper) in &mut out.keepers {
            if let Keeper::Due(at, tries) = *keeper
                && at <= now
            {
                *keeper = Keeper::Asked(tries);
                due.push(*relay);
            }
        }
        for relay in due {
            let question = Question::Keep(Box::new(*record.as_bytes()));
            let about = About::Ours(epoch, relay, record.revision());
            self.ask_keeper(relay, question, about);
        }
    }

    /// A keeper keeps a record, or does not.
    pub(super) fn kept(&mut self, epoch: Epoch, relay: RelayId, revision: u64, is_kept: bool) {
        let now = self.clock;
        let Some(out) = self.meet.publishing.out.get_mut(&epoch) else {
            return;
        };
        let is_same = out
            .record
            .as_ref()
            .is_some_and(|(record, _)| record.revision() == revision);
        if let Some(keeper) = out.keepers.get_mut(&relay)
            && let Keeper::Asked(tries) = *keeper
            && is_same
        {
            let pause = AGAIN.saturating_mul(1 << tries.min(16)).min(LONGEST);
            *keeper = match is_kept {
                true => Keeper::Keeps,
                false => Keeper::Due(now + pause, tries + 1),
            };
        }
    }

    /// When there is something to publish.
    pub(super) fn publishing_due(&self) -> Option<Instant> {
        let moment = self.moment()?;
        let due = |out: &Out| {
            let keepers = out.keepers.values().filter_map(|keeper| match keeper {
                Keeper::Due(at, _) => Some(*at),
                Keeper::Asked(_) | Keeper::Keeps => None,
            });
            let anew = moment.at + Duration::from_secs(out.due.since(moment.wall));
            keepers.fold(anew, Instant::min)
        };
        let out = &self.meet.publishing.out;
        let soonest = out.values().map(due).min()?;
        Some(soonest.min(self.meet.publishing.looked + LOOK))
    }
}
