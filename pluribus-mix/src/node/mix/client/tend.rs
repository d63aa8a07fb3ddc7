//! Which circuits are kept in stock: for sessions, for joining, and in our parks. (ONI-18, PAC-14, RDV-26, RDV-27)

use super::super::Mix;
use super::meet::{Aim, Meet, OWN, Park, ParkAt};
use super::paths::Wary;
use super::{Origin, Stage};
use crate::directory::path::NoPath;
use crate::id::RelayId;
use crate::onion::meet::Cookie;
use crate::time::Instant;

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
        let room = room - self.begin_meetings(room, is_first);
        match self.client.spares {
            0 => 0,
            // What our parks are going to need is not filled with what can do nothing else. (RDV-27)
            most if self.client.meets.is_any() => {
                room.min(most.saturating_sub(self.session_spares()))
            }
            _ => room,
        }
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
        let answers = |park: &&Park| !self.client.sulking.contains_key(&park.relay);
        all.filter(answers).flat_map(missing).collect()
    }

    /// Whether a circuit is spare for meetings, or will be.
    fn is_meeting_spare(&self, it: &Origin) -> bool {
        let lives = match it.stage {
            Stage::Waiting | Stage::Asking | Stage::Mending => true,
            Stage::Spare => self.is_usable(it),
            Stage::Parked | Stage::Used | Stage::Spent => false,
        };
        lives && it.aims(Aim::Spare)
    }

    fn meeting_spares(&self) -> usize {
        let all = self.client.circuits.iter();
        all.filter(|(_, it)| self.is_meeting_spare(it)).count()
    }

    /// Spare circuits for sessions that there are or will be, where cells go by the clock.
    pub(super) fn session_spares(&self) -> usize {
        let all = self.client.circuits.iter();
        let spare = |it: &Origin| {
            let lives = match it.stage {
                Stage::Waiting | Stage::Asking | Stage::Mending => it.end.is_none(),
                Stage::Spare => self.is_usable(it),
                Stage::Parked | Stage::Used | Stage::Spent => false,
            };
            lives && it.meet.is_none()
        };
        all.filter(|(_, it)| spare(it)).count()
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
            .saturating_sub(self.meeting_spares());
        for _ in 0..missing {
            if !self.client.meets.budget.take(self.clock)
                || self.build_meeting(Aim::Spare, None, true).is_err()
            {
                return;
            }
        }
    }

    /// Relays that sessions wait to meet at, and that no spare circuit leads to: they are hops of them all.
    fn unreachable(&self) -> Vec<RelayId> {
        let Some(consensus) = &self.consensus else {
            return Vec::new();
        };
        let spares = self.client.circuits.iter().map(|(_, it)| it);
        let spares: Vec<_> = spares.filter(|it| self.is_meeting_spare(it)).collect();
        let leads = |relay: &RelayId| {
            spares
                .iter()
                .any(|it| self.may_follow(consensus, &it.path, relay, Wary::Suspect))
        };
        let wants = self.client.wants.iter().filter(|it| it.join.is_some());
        let relays = wants.map(|want| want.relay);
        relays.filter(|relay| !leads(relay)).collect()
    }

    /// Begins as many circuits for meetings as are missing, at most so many, and says how many these are. (RDV-27)
    pub(super) fn begin_meetings(&mut self, room: usize, at_once: bool) -> usize {
        let parks = self.missing_in_parks();
        let met = parks.iter().map(|(relay, _)| *relay);
        let met: Vec<_> = met.chain(self.unreachable()).collect();
        let wanted = met.len() + self.client.meets.spare;
        let missing = wanted.saturating_sub(self.meeting_spares()).min(room);
        let mut begun = 0;
        for n in 0..missing {
            let meets = met.get(n).copied();
            // For a relay that cannot be reached over our lasting hops nothing is begun.
            let built = self.client.meets.budget.take(self.clock)
                && self.build_meeting(Aim::Spare, meets, at_once).is_ok();
            begun += usize::from(built);
        }
        begun
    }

    /// Begins a circuit over the lasting hops, by which this relay could be reached; and to it, if it is to be parked.
    fn build_meeting(
        &mut self,
        aim: Aim,
        meets: Option<RelayId>,
        at_once: bool,
    ) -> Result<(), NoPath> {
        let consensus = self.consensus.clone().ok_or(NoPath::NoGuard)?;
        let mut path = self.lasting_path(&consensus, meets.as_ref(), &[])?;
        if let Aim::Park(_) = aim {
            path.extend(meets);
        }
        self.begin(path, OWN + 1, None, Some(Meet::new(aim)), at_once)
    }
}
