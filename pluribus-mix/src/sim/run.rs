//! The queue of what will happen, and the verbs that let it.
//!
//! What happens first is what is due first; of things due at one moment, what was queued first. Only four kinds are
//! queued: something arrives, a host wakes (because its node asked to be woken, or because its wire is free again), it writes a
//! batch whose moment has come, or a link breaks at a byte that has just been sent.

use super::carry::Arrival;
use super::{Direction, HostId, LinkNo, World};
use crate::node::LinkId;
use crate::time::{Duration, Instant};
use std::collections::BTreeMap;

/// When something is due, and which of those due then it is.
pub(super) type Slot = (Instant, u64);

/// What can happen.
pub(super) enum Happening {
    Arrives(Arrival),
    /// The wire on which this host sent its last batch is free: this way along that link.
    Ready(HostId, LinkNo, Direction),
    /// The host's node asked to be woken.
    Wakes(HostId),
    /// The host writes a batch that waited for its moment.
    Writes(HostId, LinkId, Vec<u8>),
    /// This link breaks, behind what still arrives.
    Snaps(LinkNo, Vec<Arrival>),
}

/// What will happen, in order.
#[derive(Default)]
pub(super) struct Agenda {
    queue: BTreeMap<Slot, Happening>,
    queued: u64,
    /// How many of them are not wake-ups.
    under_way: usize,
}

impl Agenda {
    pub(super) fn arrives(&mut self, at: Instant, arrival: Arrival) {
        self.add(at, Happening::Arrives(arrival));
    }

    pub(super) fn add(&mut self, at: Instant, what: Happening) -> Slot {
        let slot = (at, self.queued);
        self.queued += 1;
        self.under_way += usize::from(!matches!(what, Happening::Wakes(_)));
        self.queue.insert(slot, what);
        slot
    }

    pub(super) fn strike(&mut self, slot: Slot) -> Option<Happening> {
        let what = self.queue.remove(&slot)?;
        self.under_way -= usize::from(!matches!(what, Happening::Wakes(_)));
        Some(what)
    }

    /// Takes out all that is on its way along a link, in order.
    pub(super) fn strike_arrivals(&mut self, link: LinkNo) -> Vec<Arrival> {
        let on_it = |what: &Happening| matches!(what, Happening::Arrives(of) if of.link == link);
        let slots = self.queue.iter().filter(|(_, what)| on_it(what));
        let slots: Vec<_> = slots.map(|(slot, _)| *slot).collect();
        let struck = slots.into_iter().filter_map(|slot| self.strike(slot));
        struck
            .filter_map(|what| match what {
                Happening::Arrives(arrival) => Some(arrival),
                _ => None,
            })
            .collect()
    }

    fn next(&self) -> Option<Slot> {
        self.queue.first_key_value().map(|(slot, _)| *slot)
    }
}

impl World {
    /// The longest silence between two steps that still counts as one piece of work for
    /// [`run_until_quiet`](Self::run_until_quiet): more than a node waits before it acknowledges, less than before it asks
    /// whether the peer is there.
    pub const QUIET: Duration = Duration::from_millis(250);

    /// How many steps [`run_until_quiet`](Self::run_until_quiet) takes before it gives up.
    pub const MOST_STEPS: usize = 2_000_000;

    /// World time; zero at the start. No host need share it: see [`drift`](Self::drift).
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Lets the next thing happen, and moves time to it. False if there is none.
    pub fn step(&mut self) -> bool {
        let Some(slot) = self.agenda.next() else {
            return false;
        };
        self.now = self.now.max(slot.0);
        let what = self.agenda.strike(slot);
        match what.and_then(|what| self.unless_asleep(what)) {
            Some(Happening::Arrives(arrival)) => self.deliver(arrival),
            Some(Happening::Ready(host, link, away)) => self.vat_link_ready(host, (link, away)),
            Some(Happening::Wakes(host)) => self.vat_timeout(host),
            Some(Happening::Writes(host, link, batch)) => self.write_batch(host, link, batch),
            Some(Happening::Snaps(link, arrivals)) => self.snapped(link, arrivals),
            None => {}
        }
        true
    }

    /// Lets everything happen that is due within `time`, and moves time on by all of it.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.steps_until(end) {}
        self.now = end;
    }

    /// Steps until `done` says so, at most for `limit`. Whether it did.
    #[must_use = "false means that it did not come to that"]
    pub fn run_until(&mut self, mut done: impl FnMut(&Self) -> bool, limit: Duration) -> bool {
        let end = self.now + limit;
        loop {
            if done(self) {
                return true;
            }
            if !self.steps_until(end) {
                self.now = end;
                return false;
            }
        }
    }

    /// Steps until the world is quiet: nothing is on its way, and no node wants to be woken within
    /// [`QUIET`](Self::QUIET). What waits behind a [`hold`](Self::hold) is not on its way; pings of idle connections and
    /// deadlines of peers that fell silent are further off, so use [`run_for`](Self::run_for) to see those. False if it
    /// was still busy after [`MOST_STEPS`](Self::MOST_STEPS).
    #[must_use = "false means that the world never came to rest"]
    pub fn run_until_quiet(&mut self) -> bool {
        for _ in 0..Self::MOST_STEPS {
            if self.is_quiet() {
                return true;
            }
            self.step();
        }
        self.is_quiet()
    }

    fn is_quiet(&self) -> bool {
        let soon = self.now + Self::QUIET;
        let next = self.agenda.next();
        self.agenda.under_way == 0 && next.is_none_or(|(at, _)| at > soon)
    }

    fn steps_until(&mut self, end: Instant) -> bool {
        self.agenda.next().is_some_and(|(at, _)| at <= end) && self.step()
    }
}
