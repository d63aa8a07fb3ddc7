//! Which circuits are kept in stock: for sessions, for joining, and in our parks. (ONI-18, PAC-14, RDV-26, RDV-27)

use super::super::Mix;
use super::meet::{Aim, Meet, OWN, Park, ParkAt};
use super::paths::Wary;
use super::{FAR, Origin, Reach, Stage};
use crate::directory::Consensus;
use crate::directory::path::NoPath;
use crate::id::RelayId;
use crate::onion::meet::Cookie;
use crate::time::Instant;
use std::collections::BTreeSet;

/// A network of fewer relays is small: it is likely that somebody is to be met at one's own guard.
const SMALL: usize = 32;

/// What spare circuits are for: those for meetings go over lasting hops.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    Sessions,
    Meetings,
}

impl Mix {
    /// Which parks are to be kept from now on. (RDV-26)
    pub(in crate::node) fn set_parks(&mut self, now: Instant, parks: Vec<ParkAt>) {
        self.clock = now;
        let named = parks.into_iter().map(Park::from);
        let old = core::mem::replace(&mut self.client.meets.parks, named.collect());
        let kept = &self.client.meets.parks;
        let gone = old
            .iter()
            .filter(|it| kept.iter().all(|park| park.cookie != it.cookie));
        let gone: Vec<_> = gone.collect();
        let circuits = self.client.circuits.iter();
        let ended = circuits.filter(|(_, it)| gone.iter().any(|park| it.is_for(park)));
        let ended: Vec<_> = ended.map(|(key, _)| key).collect();
        for key in ended {
            self.end_origin(key);
        }
        self.client_due();
    }

    /// How many circuits wait in each of our parks.
    pub(in crate::node) fn parked(&self) -> Vec<(RelayId, usize)> {
        let circuits = || self.client.circuits.iter();
        let waits = |park: &Park| {
            let of = circuits().filter(|(_, it)| it.stage == Stage::Parked && it.is_for(park));
            (park.relay, of.count())
        };
        self.client.meets.parks.iter().map(waits).collect()
    }

    /// Circuits that are to be begun now.
    pub(super) fn missing(&mut self) -> usize {
        let Some(pace) = &self.pace else {
            return self.client.spares.saturating_sub(self.client.spares());
        };
        let (now, window) = (self.clock, pace.rules.window);
        if self.client.window.is_some_and(|next| now < next) {
            return 0;
        }
        let is_first = self.client.window.replace(now + window).is_none();
        // One is kept for who asks the guard itself.
        let room = self.free_slots().saturating_sub(1);
        let room = room.saturating_sub(self.begin_ways(is_first));
        let most = self.client.spares;
        if !self.client.meets.is_any() {
            let room = room.saturating_sub(self.begin_meetings(room, room, is_first));
            return if most > 0 { room } else { 0 };
        }
        let sessions = most.saturating_sub(self.stock(For::Sessions).count());
        room.saturating_sub(self.begin_meetings(room, sessions, is_first))
            .min(sessions)
    }

    /// One of them: by the clock any, so that its age says nothing, else the first.
    pub(super) fn pick(&mut self, spares: &[usize]) -> Option<usize> {
        if self.pace.is_none() {
            return spares.first().copied();
        }
        let drawn = self.client.rng.below(spares.len().max(1) as u64);
        spares.get(usize::try_from(drawn).unwrap_or(0)).copied()
    }

    /// The circuits that our parks miss: where, and with which cookie. (RDV-26)
    fn missing_in_parks(&self) -> Vec<(RelayId, Cookie)> {
        let circuits = || self.client.circuits.iter();
        let each = self.client.meets.each;
        let missing = |park: &Park| {
            let there = circuits().filter(|(_, it)| it.is_for(park)).count();
            vec![(park.relay, park.cookie); each.saturating_sub(there)]
        };
        let all = self.client.meets.parks.iter();
        // One that did not answer is asked again when others have had their turn.
        let answers = |park: &&Park| !self.client.sulking.has(self.clock, &park.relay);
        all.filter(answers).flat_map(missing).collect()
    }

    /// The circuits that are spare, or will be.
    fn stock(&self, used_for: For) -> impl Iterator<Item = &Origin> {
        let lives = |it: &Origin| match it.stage {
            Stage::Waiting | Stage::Asking | Stage::Mending => it.end.is_none(),
            Stage::Spare => self.is_usable(it),
            Stage::Parked | Stage::Used | Stage::Spent => false,
        };
        let serves = move |it: &Origin| match used_for {
            For::Sessions => it.meet.is_none(),
            For::Meetings => it.aims(Aim::Spare),
        };
        let all = self.client.circuits.iter().map(|(_, it)| it);
        all.filter(move |it| lives(it) && serves(it))
    }

    /// Sees to it that our parks have their circuits, and that there are spare ones. Where cells go by the clock, what is missing is
    /// begun in windows. (RDV-26, RDV-27)
    pub(in crate::node::mix) fn tend(&mut self) {
        if !self.client.meets.is_any() {
            return;
        }
        let is_paced = self.pace.is_some();
        for (relay, cookie) in self.missing_in_parks() {
            if is_paced {
                self.park_spare(relay, cookie);
                continue;
            }
            if !self.client.meets.budget.take(self.clock) {
                return;
            }
            // One that is not listed keeps no other from its circuits.
            let _ = self.build_meeting(Aim::Park(cookie), Some(relay), true);
        }
        if is_paced {
            return;
        }
        let missing = self
            .client
            .meets
            .spare
            .saturating_sub(self.stock(For::Meetings).count());
        for _ in 0..missing {
            if !self.client.meets.budget.take(self.clock)
                || self.build_meeting(Aim::Spare, None, true).is_err()
            {
                return;
            }
        }
    }

    /// Relays that sessions wait for and that no spare circuit leads to, for they are hops of them all; each of them once.
    fn unreached(&self, used_for: For) -> Vec<RelayId> {
        let Some(consensus) = &self.consensus else {
            return Vec::new();
        };
        let leads = |relay: &RelayId| {
            self.stock(used_for)
                .any(|it| self.may_follow(consensus, &it.path, relay, Wary::Suspect))
        };
        let waits = self.client.wants.iter().filter(|it| match used_for {
            For::Sessions => it.aim.is_none() && it.reach == Reach::Far,
            For::Meetings => it.aim.is_some(),
        });
        let relays: BTreeSet<_> = waits.map(|want| want.relay).collect();
        relays.into_iter().filter(|relay| !leads(relay)).collect()
    }

    /// Begins a circuit to each relay that a session waits for and none leads to, and says how many these are. Such a relay is the guard, most often:
    /// then the next guard leads there, whose link has slots of its own. (PAC-14, DIR-22)
    fn begin_ways(&mut self, at_once: bool) -> usize {
        let mut begun = 0;
        for relay in self.unreached(For::Sessions) {
            let path = self.path_before(&relay);
            let has_room = |path: &Vec<RelayId>| {
                let guard = path.first();
                let all = self.client.circuits.iter();
                let over_it = all.filter(|(_, it)| it.path.first() == guard).count();
                over_it + 1 < self.slots()
            };
            let built = match path.ok().filter(has_room) {
                Some(path) if self.client.budget.take(self.clock) => {
                    self.begin(path, FAR, None, None, at_once).is_ok()
                }
                _ => false,
            };
            begun += usize::from(built);
        }
        begun
    }

    /// Begins circuits for meetings in a window, and says how many: as many as are missing, then, if room is left behind `sessions` more for those, as
    /// many as there is room for: any of them can be parked, or join. (RDV-27)
    fn begin_meetings(&mut self, room: usize, sessions: usize, at_once: bool) -> usize {
        let parks = self.missing_in_parks();
        let met = parks.iter().map(|(relay, _)| *relay);
        let met: Vec<_> = met.chain(self.unreached(For::Meetings)).collect();
        let wanted = met.len() + self.client.meets.spare;
        let missing = wanted.saturating_sub(self.stock(For::Meetings).count());
        let most = missing.max(room.saturating_sub(sessions)).min(room);
        let mut begun = 0;
        for n in 0..most {
            let meets = met.get(n).copied();
            // For a relay that cannot be reached over our lasting hops nothing is begun.
            let built = self.client.meets.budget.take(self.clock)
                && self.build_meeting(Aim::Spare, meets, at_once).is_ok();
            begun += usize::from(built);
        }
        begun
    }

    /// The guard that the next circuit for a meeting is rather not to begin with: in a small network one of four begins with the next guard, so that
    /// also the first can be met at, and at once. (RDV-25)
    fn guard_to_spare(&self, consensus: &Consensus) -> Option<RelayId> {
        let is_small = self.pace.is_some() && consensus.relays().len() < SMALL;
        let guard = self.first_guard(consensus).filter(|_| is_small)?;
        let all = self.client.circuits.iter().map(|(_, it)| it);
        let all = all.filter(|it| it.meet.is_some() && it.stage != Stage::Spent);
        let (count, over_others) = all.fold((0, 0), |(count, others), it| {
            let is_other = it.path.first() != Some(&guard);
            (count + 1, others + usize::from(is_other))
        });
        (over_others * 4 < count).then_some(guard)
    }

    /// Begins a circuit over the lasting hops, by which this relay could be reached; and to it, if it is to be parked.
    fn build_meeting(
        &mut self,
        aim: Aim,
        meets: Option<RelayId>,
        at_once: bool,
    ) -> Result<(), NoPath> {
        let consensus = self.consensus.clone().ok_or(NoPath::NoGuard)?;
        let rather_not = self.guard_to_spare(&consensus);
        let mut path = self.lasting_path(&consensus, meets.as_ref(), &[], rather_not.as_ref())?;
        if let Aim::Park(_) = aim {
            path.extend(meets);
        }
        self.begin(path, OWN + 1, None, Some(Meet::new(aim)), at_once)
    }
}
