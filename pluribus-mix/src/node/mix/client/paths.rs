//! Whom a client's circuits go through: the consensus, the guards, and who is passed over. (ONI-17, DIR-21, DIR-22)

use super::super::{Mix, News};
use super::{Client, FAR, Reach, Want};
use crate::directory::path::{self, Avoid, Last, NoPath, Target};
use crate::directory::{Consensus, Guards, Wall};
use crate::id::RelayId;
use crate::node::Trace;
use crate::onion::suspicion::Suspicion;
use crate::time::Instant;
use std::net::IpAddr;
use std::sync::Arc;

/// Who is not taken into a path. (ONI-17)
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wary {
    /// Suspects, and who did not answer lately.
    Silent,
    /// Suspects.
    Suspect,
    /// Those beside whom something was forged.
    Forger,
}

impl Client {
    /// The time of day.
    pub(super) fn wall(&self, now: Instant) -> Wall {
        let (wall, at) = self.wall;
        wall.plus(now.since(at).as_secs())
    }
}

impl Mix {
    /// Whether a relay can be the next behind these.
    pub(super) fn may_follow(
        &self,
        consensus: &Consensus,
        path: &[RelayId],
        relay: &RelayId,
        wary: Wary,
    ) -> bool {
        let suspicion = &self.client.suspicion;
        let now = self.clock;
        let is_bad = |relay: &RelayId| match wary {
            Wary::Forger => suspicion.is_forger(now, relay),
            Wary::Silent | Wary::Suspect => suspicion.is_suspect(now, relay),
        };
        let is_bad_pair = |a: &RelayId, b: &RelayId| match wary {
            Wary::Forger => suspicion.is_forger_pair(now, a, b),
            Wary::Silent | Wary::Suspect => suspicion.is_suspect_pair(now, a, b),
        };
        let avoid = Avoid {
            relay: &is_bad,
            pair: &is_bad_pair,
        };
        let relay = consensus.relay(relay);
        relay.is_some_and(|relay| path::may_join(consensus, relay, path, &avoid))
    }

    /// Guard, middle, and the relay wanted behind them.
    pub(in crate::node::mix) fn draw_path(
        &mut self,
        consensus: &Consensus,
        want: Option<Want>,
    ) -> Result<Vec<RelayId>, NoPath> {
        let wanted = want.map(|want| want.relay);
        if let Some(Want {
            relay,
            reach: Reach::Near,
            ..
        }) = want
        {
            return Ok(vec![relay]);
        }
        if let Some(relay) = want.filter(|it| it.aim.is_some()).map(|it| it.relay) {
            let mut path = self.lasting_path(consensus, Some(&relay), &[], None)?;
            path.push(relay);
            return Ok(path);
        }
        let (last, hops) = match &wanted {
            Some(relay) => (Last::Relay(relay), FAR),
            None => (Last::Any, FAR - 1),
        };
        self.choose_path(consensus, None, last, hops)
    }

    /// Guard and middle of a path to this relay. (PAC-14)
    pub(super) fn path_before(&mut self, relay: &RelayId) -> Result<Vec<RelayId>, NoPath> {
        let consensus = self.consensus.clone().ok_or(NoPath::NoGuard)?;
        let mut path = self.choose_path(&consensus, None, Last::Relay(relay), FAR)?;
        path.truncate(FAR - 1);
        Ok(path)
    }

    /// Another middle behind this guard. (PAC-14)
    pub(super) fn path_behind(
        &mut self,
        consensus: &Consensus,
        guard: &RelayId,
    ) -> Result<Vec<RelayId>, NoPath> {
        self.choose_path(consensus, Some(guard), Last::Any, FAR - 1)
    }

    /// A path from the first guard that has one, or from this, over relays that nothing is known against if there is one.
    fn choose_path(
        &mut self,
        consensus: &Consensus,
        first: Option<&RelayId>,
        last: Last<'_>,
        hops: usize,
    ) -> Result<Vec<RelayId>, NoPath> {
        let path = self.path_past(consensus, first, last, hops, Wary::Silent);
        let path = path.or_else(|_| self.path_past(consensus, first, last, hops, Wary::Suspect));
        path.or_else(|_| self.path_past(consensus, first, last, hops, Wary::Forger))
    }

    fn path_past(
        &mut self,
        consensus: &Consensus,
        first: Option<&RelayId>,
        last: Last<'_>,
        hops: usize,
        wary: Wary,
    ) -> Result<Vec<RelayId>, NoPath> {
        let (now, client) = (self.clock, &mut self.client);
        let wall = client.wall(now);
        let guards = client.guards.as_ref().ok_or(NoPath::NoGuard)?;
        let (suspicion, sulking) = (&client.suspicion, &client.sulking);
        let is_silent = |relay: &RelayId| sulking.has(now, relay) && last != Last::Relay(relay);
        let is_bad = |relay: &RelayId| match wary {
            Wary::Silent => suspicion.is_suspect(now, relay) || is_silent(relay),
            Wary::Suspect => suspicion.is_suspect(now, relay),
            Wary::Forger => suspicion.is_forger(now, relay),
        };
        let is_bad_pair = |a: &RelayId, b: &RelayId| match wary {
            Wary::Silent | Wary::Suspect => suspicion.is_suspect_pair(now, a, b),
            Wary::Forger => suspicion.is_forger_pair(now, a, b),
        };
        let avoid = Avoid {
            relay: &is_bad,
            pair: &is_bad_pair,
        };
        let rng = &mut client.rng;
        match first {
            Some(first) => path::through(consensus, first, last, hops, &avoid, rng),
            None => path::choose(consensus, guards, wall, last, hops, &avoid, rng),
        }
    }

    /// Whether a relay is not to be taken into a path.
    pub(super) fn is_shunned(&self, wary: Wary, relay: &RelayId) -> bool {
        let (now, suspicion) = (self.clock, &self.client.suspicion);
        match wary {
            Wary::Silent => suspicion.is_suspect(now, relay) || self.client.sulking.has(now, relay),
            Wary::Suspect => suspicion.is_suspect(now, relay),
            Wary::Forger => suspicion.is_forger(now, relay),
        }
    }

    /// Whether two are not to be taken into one.
    pub(super) fn is_shunned_pair(&self, wary: Wary, a: &RelayId, b: &RelayId) -> bool {
        let (now, suspicion) = (self.clock, &self.client.suspicion);
        match wary {
            Wary::Silent | Wary::Suspect => suspicion.is_suspect_pair(now, a, b),
            Wary::Forger => suspicion.is_forger_pair(now, a, b),
        }
    }

    /// A relay that lets this through, by its own word.
    pub(in crate::node) fn choose_exit(
        &mut self,
        port: u16,
        ip: Option<IpAddr>,
    ) -> Result<RelayId, NoPath> {
        let consensus = self.consensus.clone().ok_or(NoPath::NoGuard)?;
        let last = Last::Exit(Target { port, ip });
        let path = self.choose_path(&consensus, None, last, FAR)?;
        path.last().copied().ok_or(NoPath::NoGuard)
    }

    /// The guard that paths begin with now. (DIR-22)
    pub(super) fn first_guard(&self, consensus: &Consensus) -> Option<RelayId> {
        let (client, now) = (&self.client, self.clock);
        let is_bad = |relay: &RelayId| self.is_shunned(Wary::Silent, relay);
        let avoid = Avoid {
            relay: &is_bad,
            pair: &|_, _| false,
        };
        let guards = client.guards.as_ref()?;
        let usable = guards.usable(client.wall(now), consensus, &avoid);
        usable.ok()?.first().copied()
    }

    /// The guard of the moment.
    pub(in crate::node) fn choose_guard(&mut self) -> Result<RelayId, NoPath> {
        let consensus = self.consensus.clone().ok_or(NoPath::NoGuard)?;
        let path = self.choose_path(&consensus, None, Last::Any, 1)?;
        path.first().copied().ok_or(NoPath::NoGuard)
    }

    /// Who the relays are, from now on, and the time of day.
    pub(in crate::node) fn set_consensus(
        &mut self,
        now: Instant,
        wall: Wall,
        consensus: Arc<Consensus>,
    ) {
        self.clock = now;
        match &mut self.relay {
            Some(relay) => relay.records.heed(now, wall, &consensus),
            None => self.heed(now, wall, &consensus),
        }
        self.set_pace(consensus.params());
        self.consensus = Some(consensus);
        self.client_due();
    }

    /// Sees who of the guards is still there.
    fn heed(&mut self, now: Instant, wall: Wall, consensus: &Consensus) {
        let client = &mut self.client;
        client.wall = (wall, now);
        let guards = client.guards.take();
        let mut guards = guards.unwrap_or_else(|| Guards::new(consensus.network()));
        let suspicion = &client.suspicion;
        let is_bad = |relay: &RelayId| suspicion.is_suspect(now, relay);
        let avoid = Avoid {
            relay: &is_bad,
            pair: &|_, _| false,
        };
        for event in guards.refresh(wall, consensus, &avoid, &mut client.rng) {
            self.news.push_back(News::Trace(Trace::Guard(event)));
        }
        client.guards = Some(guards);
    }

    /// Whom this client suspects.
    pub(in crate::node) const fn suspicion(&self) -> &Suspicion {
        &self.client.suspicion
    }

    /// The guards of this client.
    pub(in crate::node) const fn guards(&self) -> Option<&Guards> {
        self.client.guards.as_ref()
    }

    /// The guards that this client had before it was started anew.
    pub(in crate::node) fn set_guards(&mut self, guards: Guards) {
        self.client.guards = Some(guards);
    }
}
