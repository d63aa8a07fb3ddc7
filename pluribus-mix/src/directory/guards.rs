//! The first relays of a client's paths (DIR-22, DIR-23).
//!
//! The first relay knows who the client is. Were it drawn anew for each path, an attacker with a few relays would sooner
//! or later be drawn, and then again. So a client draws three once and stays with them, for better or worse: over restarts,
//! over failures, over days in which one is not listed. Whoever can make a client give up its guards can lead it to their own, so giving one up takes a week, and
//! is never silent.

use serde_json::Value;

use super::canonical::{self, Fields};
use super::path::{Avoid, NoPath, draw};
use super::{Authorities, Consensus, NetworkId, Refused, Wall};
use crate::crypto::rng::Rng;
use crate::id::RelayId;

const WHAT: &str = "guards";
const WEEK: u64 = 7 * 86_400;
/// Seconds that a guard rests at most.
const LONGEST_REST: u64 = 1800;

/// The guards of a client, and how they have done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guards {
    network: NetworkId,
    /// In the order in which they were chosen.
    chosen: Vec<Guard>,
    /// When a guard was last replaced.
    replaced: Option<Wall>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Guard {
    id: RelayId,
    chosen: Wall,
    /// Since when it was found not listed.
    missing: Option<Wall>,
    /// Failures since it last worked.
    failures: u32,
    rests_until: Wall,
}

/// A guard came or went: for the user to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardEvent {
    /// Fewer than three were listed, and this one was drawn.
    Chosen(RelayId),
    /// Warning: this one was not listed for a week and is given up.
    Gone(RelayId),
    /// Warning: this one is suspect and is given up.
    Suspect(RelayId),
}

impl Guards {
    /// How many are in use. (DIR-22)
    pub const PRIMARY: usize = 3;
    /// How many there are at most, with those that are not listed at the time. (DIR-22)
    pub const MOST: usize = 9;
    /// How many bytes the stored form has at most.
    pub const TEXT: usize = 4096;
    const VERSION: u64 = 1;

    /// No guards yet, for a network.
    #[must_use]
    pub fn new(network: NetworkId) -> Self {
        Self {
            network,
            chosen: Vec::new(),
            replaced: None,
        }
    }

    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &RelayId> {
        self.chosen.iter().map(|guard| &guard.id)
    }

    /// Looks at a consensus: gives up whom DIR-22 gives up, and draws others until three are listed.
    ///
    /// To be called for each new consensus and whenever suspicions change; store the guards if anything came of it.
    pub fn refresh(
        &mut self,
        now: Wall,
        consensus: &Consensus,
        avoid: &Avoid<'_>,
        rng: &mut Rng,
    ) -> Vec<GuardEvent> {
        for guard in &mut self.chosen {
            guard.missing = match consensus.relay(&guard.id) {
                Some(_) => None,
                None => guard.missing.or(Some(now)),
            };
        }
        let mut events = self.give_up_gone(now);
        events.extend(self.give_up_suspect(now, avoid));
        while let Some(id) = self.draw_one(consensus, avoid, rng) {
            self.chosen.push(Guard {
                id,
                chosen: now,
                missing: None,
                failures: 0,
                rests_until: Wall(0),
            });
            events.push(GuardEvent::Chosen(id));
        }
        events
    }

    /// The guards to begin a path with, the best first. (DIR-22)
    ///
    /// # Errors
    /// [`NoPath::NoGuard`] or [`NoPath::GuardsRest`].
    pub fn usable(
        &self,
        now: Wall,
        consensus: &Consensus,
        avoid: &Avoid<'_>,
    ) -> Result<Vec<RelayId>, NoPath> {
        let listed = self.chosen.iter();
        let listed = listed.filter(|guard| consensus.relay(&guard.id).is_some());
        let listed = listed.take(Self::PRIMARY);
        let awake = listed.clone().filter(|guard| guard.rests_until <= now);
        let mut awake: Vec<RelayId> = awake.map(|guard| guard.id).collect();
        if awake.is_empty() {
            let until = listed.map(|guard| guard.rests_until).min();
            return Err(until.map_or(NoPath::NoGuard, |until| NoPath::GuardsRest { until }));
        }
        if awake.iter().any(|id| !(avoid.relay)(id)) {
            awake.retain(|id| !(avoid.relay)(id));
        }
        Ok(awake)
    }

    /// A guard could not be reached: it rests. Says until when; `None` if it is no guard.
    pub fn failed(&mut self, now: Wall, id: &RelayId) -> Option<Wall> {
        let guard = self.guard(id)?;
        let rest = 1u64.checked_shl(guard.failures).unwrap_or(LONGEST_REST);
        guard.failures = guard.failures.saturating_add(1).min(32);
        guard.rests_until = now.plus(rest.min(LONGEST_REST));
        Some(guard.rests_until)
    }

    /// A guard was reached: its failures are forgotten.
    pub fn worked(&mut self, id: &RelayId) {
        if let Some(guard) = self.guard(id) {
            guard.failures = 0;
            guard.rests_until = Wall(0);
        }
    }

    /// The stored form. (DIR-23)
    #[must_use]
    pub fn export(&self) -> Vec<u8> {
        let guards = self.chosen.iter().map(Guard::write);
        canonical::write(&canonical::object([
            ("guards", guards.collect()),
            ("network", canonical::bytes(self.network.as_bytes())),
            ("replaced", self.replaced.unwrap_or_default().0.into()),
            ("version", Self::VERSION.into()),
        ]))
    }

    /// Reads the stored form of the guards of this network. (DIR-23)
    ///
    /// # Errors
    /// Not canonical, of another version, of another network, or a field that is wrong.
    pub fn import(authorities: &Authorities, stored: &[u8]) -> Result<Self, Refused> {
        let mut fields = canonical::read(WHAT, stored, Self::TEXT)?;
        let version = fields.number("version")?;
        if version != Self::VERSION {
            return Err(Refused::Version {
                what: WHAT,
                version,
            });
        }
        authorities.check_network(&mut fields)?;
        let replaced = fields.time("replaced")?;
        let chosen: Vec<Guard> = fields
            .list("guards")?
            .into_iter()
            .map(Guard::read)
            .collect::<Result<_, _>>()?;
        let once =
            |(i, guard): (usize, &Guard)| chosen.iter().take(i).all(|other| other.id != guard.id);
        if chosen.len() > Self::MOST || !chosen.iter().enumerate().all(once) {
            return Err(fields.bad("guards", "at most 9, none twice"));
        }
        fields.end()?;
        Ok(Self {
            network: authorities.network(),
            chosen,
            replaced: some_time(replaced),
        })
    }

    fn guard(&mut self, id: &RelayId) -> Option<&mut Guard> {
        self.chosen.iter_mut().find(|guard| guard.id == *id)
    }

    /// Counted from when the client noticed: one that was off for a month may have missed only the guard's restart.
    fn give_up_gone(&mut self, now: Wall) -> Vec<GuardEvent> {
        let gone = |guard: &mut Guard| guard.missing.is_some_and(|since| now.since(since) > WEEK);
        let gone: Vec<_> = self.chosen.extract_if(.., gone).collect();
        if !gone.is_empty() {
            self.replaced = Some(now);
        }
        gone.iter()
            .map(|guard| GuardEvent::Gone(guard.id))
            .collect()
    }

    /// At most one, and that at most weekly.
    fn give_up_suspect(&mut self, now: Wall, avoid: &Avoid<'_>) -> Option<GuardEvent> {
        if self.replaced.is_some_and(|last| now.since(last) < WEEK) {
            return None;
        }
        let at = self
            .chosen
            .iter()
            .position(|guard| (avoid.relay)(&guard.id))?;
        let suspect = self.chosen.remove(at);
        self.replaced = Some(now);
        Some(GuardEvent::Suspect(suspect.id))
    }

    fn draw_one(&self, consensus: &Consensus, avoid: &Avoid<'_>, rng: &mut Rng) -> Option<RelayId> {
        let listed = self.chosen.iter().filter(|guard| guard.missing.is_none());
        if listed.count() >= Self::PRIMARY || self.chosen.len() >= Self::MOST {
            return None;
        }
        let new = consensus.relays().iter().filter(|relay| {
            !(avoid.relay)(&relay.id) && self.names().all(|name| *name != relay.id)
        });
        draw(new, rng).map(|relay| relay.id)
    }
}

impl Guard {
    fn write(&self) -> Value {
        canonical::object([
            ("chosen", self.chosen.0.into()),
            ("failures", self.failures.into()),
            ("id", canonical::name(&self.id)),
            ("missing", self.missing.unwrap_or_default().0.into()),
            ("rests_until", self.rests_until.0.into()),
        ])
    }

    fn read(value: Value) -> Result<Self, Refused> {
        let mut fields = Fields::of(WHAT, value)?;
        let failures = fields.number("failures")?.min(32);
        let guard = Self {
            id: fields.name("id")?,
            chosen: fields.time("chosen")?,
            missing: some_time(fields.time("missing")?),
            failures: u32::try_from(failures).unwrap_or(32),
            rests_until: fields.time("rests_until")?,
        };
        fields.end()?;
        Ok(guard)
    }
}

/// 0 stands for never.
fn some_time(at: Wall) -> Option<Wall> {
    Some(at).filter(|at| *at > Wall(0))
}
