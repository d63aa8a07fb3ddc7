//! Sessions that want a circuit, and which one they are given. (ONI-18, PAC-14)

use super::super::wire::Wire;
use super::super::{EndOf, Mix, News};
use super::meet::Aim;
use super::paths::Wary;
use super::{FAR, Origin, Reach, Stage};
use crate::id::RelayId;
use crate::netlayer::ConnId;
use crate::node::LinkId;
use crate::node::timers::Who;
use crate::time::{Duration, Instant};
use std::collections::VecDeque;

/// A session that has waited for so long, or for a window, is not particular any more. It is less than who asks for one may wait.
const LONG: Duration = Duration::from_secs(10);

/// A session that wants a circuit.
#[derive(Clone, Copy)]
pub(in crate::node::mix) struct Want {
    pub(in crate::node::mix) end: LinkId,
    pub(super) relay: RelayId,
    pub(super) reach: Reach,
    /// What it is to do there, if it is no session: join a park, or ask. (RDV-24, RDV-40)
    pub(super) aim: Option<Aim>,
    /// Whose it is: a session that goes on over another circuit is the same.
    pub(super) of: Option<ConnId>,
    pub(super) since: Instant,
    pub(super) tries: u32,
}

impl Origin {
    /// Whether it has borne this session before, and has done with that leg: then it may bear another, and nobody else's. (PAC-14)
    fn may_serve_again(&self, want: &Want) -> bool {
        let is_same = self.served.is_some() && self.served == want.of;
        let is_free = self.stage == Stage::Spent && self.leg_ends.is_none();
        is_same && is_free && self.circuit.hops().len() + 1 == FAR && self.circuit.is_resting()
    }
}

impl Mix {
    /// A session wants a circuit to this relay: of this connection, if it is under a key of its own.
    pub(in crate::node) fn open_end(
        &mut self,
        now: Instant,
        end: LinkId,
        (relay, reach): (RelayId, Reach),
        of: Option<ConnId>,
    ) {
        self.clock = now;
        self.client.wants.push_back(Want {
            end,
            relay,
            reach,
            aim: None,
            of,
            since: now,
            tries: 0,
        });
        self.serve_wants();
    }

    /// Looks at those who wait. By the clock none is given a circuit because a window begins: when it is given one would tell when that was. Most
    /// are served when a circuit has rested; for what else may have changed they are looked at, at moments that are drawn. (PAC-14)
    pub(super) fn look_at_wants(&mut self) {
        let Some(window) = self.pace.as_ref().map(|pace| pace.rules.window) else {
            return self.serve_wants();
        };
        let now = self.clock;
        let client = &mut self.client;
        if client.look.is_some_and(|look| look <= now) {
            client.look = None;
            return self.serve_wants();
        }
        let waiting = core::mem::take(&mut client.wants);
        let (near, far): (VecDeque<_>, VecDeque<_>) = waiting
            .into_iter()
            .partition(|want| want.reach == Reach::Near);
        if !far.is_empty() && client.look.is_none() {
            let pause = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
            client.look = Some(now + Duration::from_millis(client.rng.below(pause)));
        }
        client.wants = near;
        self.serve_wants();
        self.client.wants.extend(far);
    }

    /// Gives each session that waits a spare circuit, or builds one for it.
    pub(in crate::node::mix) fn serve_wants(&mut self) {
        for want in core::mem::take(&mut self.client.wants) {
            if self.use_spare(want) {
                continue;
            }
            // By the clock, circuits are begun in windows, and only to the guard itself when somebody wants one.
            let must_wait = want.reach == Reach::Far || self.free_slots() == 0;
            if self.pace.is_some() && must_wait {
                self.client.wants.push_back(want);
                continue;
            }
            if !self.client.budget.take(self.clock) {
                self.client.wants.push_back(want);
                self.timers.set(
                    Who::Pool,
                    &mut self.client.pool,
                    Some(self.clock + super::WINDOW),
                );
            } else if self.build(Some(want), true).is_err() {
                self.news.push_back(News::Lost(want.end));
            }
        }
    }

    /// Extends a spare circuit to the relay wanted, if one fits.
    fn use_spare(&mut self, want: Want) -> bool {
        let Some(consensus) = self.consensus.clone() else {
            return false;
        };
        if let Some(aim) = want.aim {
            return self.meet_over_spare(want, aim);
        }
        if want.reach == Reach::Near {
            return false;
        }
        let wary = self.wary(&want);
        let fits = |it: &Origin| {
            // The link may be gone, and the circuit about to hear of it.
            let stands = self.wires.get(&it.link).is_some_and(Wire::is_live);
            let is_tight = wary == Wary::Forger || self.is_tight(it);
            let may_follow = || self.may_follow(&consensus, &it.path, &want.relay, wary);
            it.meet.is_none() && stands && is_tight && self.is_usable(it) && may_follow()
        };
        let fitting = |wanted: &dyn Fn(&Origin) -> bool| -> Vec<_> {
            let all = self.client.circuits.iter();
            let fit = all.filter(|(_, it)| wanted(it) && fits(it));
            fit.map(|(key, _)| key).collect()
        };
        // One that bore the session before is spared another.
        let mut spares = fitting(&|it| it.may_serve_again(&want));
        if spares.is_empty() {
            spares = fitting(&|it| it.stage == Stage::Spare);
        }
        let Some(key) = self.pick(&spares) else {
            return false;
        };
        let (asked, leg_ends) = (self.clock, self.draw_leg());
        if let Some(it) = self.client.circuits.get_mut(key) {
            it.path.push(want.relay);
            it.end = Some(want);
            it.served = want.of;
            (it.asked, it.leg_ends) = (asked, leg_ends);
            self.ends.insert(want.end, EndOf::Origin(key));
        }
        self.ask(key);
        true
    }

    /// Whether a circuit has no more gaps than may be, or as many as all on its link: what is late with all of them says nothing about one. (PAC-13)
    pub(super) fn is_tight(&self, it: &Origin) -> bool {
        let beside = self.client.circuits.iter().map(|(_, it)| it);
        let mut beside = beside.filter(|other| other.link == it.link && other.lane.is_some());
        !it.circuit.is_leaky() || beside.all(|other| other.circuit.is_leaky())
    }

    /// Over whom a session is not led: who has waited for long, where cells go by the clock, is rather led over suspects than not at all. (PAC-13)
    pub(super) fn wary(&self, want: &Want) -> Wary {
        let window = self.pace.as_ref().map(|pace| pace.rules.window);
        match window.is_some_and(|window| want.since + window.min(LONG) <= self.clock) {
            true => Wary::Forger,
            false => Wary::Suspect,
        }
    }
}
