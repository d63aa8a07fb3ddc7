//! Circuits that begin here, by the clock. (PAC-9 to PAC-15)
//!
//! Nothing that happens to a circuit, or to what goes over it, changes when it ends: it runs on as a dummy. And nothing that is seen at its far end
//! says when it began or will end at its near one: the exit is added when a session wants it and given up at a moment drawn then,
//! which the circuit always outlives. (PAC-14)

use super::super::client::{FAR, MEETING_LEG, OWN, Origin, Rest, Stage};
use super::super::wire::Route;
use super::super::{Above, Mix, News};
use super::Whose;
use crate::ablation::{check, defend};
use crate::node::LinkId;
use crate::onion::circuit::Heard;
use crate::onion::message::Reason;
use crate::onion::{Cell, PAYLOAD};
use crate::time::{Duration, Instant};

/// A circuit lives between so many windows and twice as many. (PAC-14)
const LIFE: u32 = 5;
/// An exit serves between so many windows and twice as many. (PAC-14)
const LEG: u32 = 1;

/// A session looks for another circuit so many times earlier than its leg ends as adding the exit took, and up to half as much again: adding another
/// takes as long, and each of the two round trips of a handshake there not longer. (PAC-14)
const AHEAD: u32 = 3;

/// How long a circuit waits before it is given another second hop.
const PAUSE: Duration = Duration::from_secs(1);

const _: () = assert!(2 * LEG < LIFE);

impl Origin {
    /// What was asked for has failed: the circuit is still as good as the hops that it has. (PAC-14)
    fn fall_back(&mut self, now: Instant) {
        let hops = self.circuit.hops().len();
        if hops == 0 {
            return;
        }
        self.path.truncate(hops);
        self.leg_ends = None;
        self.stage = Stage::Mending;
        if self.circuit.is_building() {
            // TRUNCATED brings it back here.
            let _ = self.circuit.truncate(hops, &mut |_| ());
        } else if hops + 1 >= FAR {
            self.stage = Stage::Spare;
        } else {
            self.deadline = Some(now + PAUSE);
        }
    }
}

impl Mix {
    /// When a circuit that is begun now is to end.
    pub(in crate::node::mix) fn draw_life(&mut self) -> Option<Duration> {
        self.draw_windows(LIFE)
    }

    /// When an exit that is added now is to be given up.
    pub(in crate::node::mix) fn draw_leg(&mut self) -> Option<Instant> {
        Some(self.clock + self.draw_windows(LEG)?)
    }

    /// Until when a circuit rests that has just got its hops: a whole window, however long the hops took, so that where in the client's
    /// windows it is taken then is anywhere alike.
    pub(in crate::node::mix) fn draw_rest(&mut self) -> Option<Instant> {
        let window = self.pace.as_ref()?.rules.window;
        Some(self.clock + self.draw_below(window))
    }

    /// When a session whose exit has just been added is to look for another circuit: while half of its leg is left, at the earliest.
    pub(in crate::node::mix) fn draw_leaving(&mut self, key: usize) {
        let now = self.clock;
        let Some(it) = self.client.circuits.get(key) else {
            return;
        };
        let Some(ends) = it.leg_ends.filter(|_| it.stage == Stage::Used) else {
            return;
        };
        let (leg, least) = (ends.since(it.asked), now.since(it.asked) * AHEAD);
        let ahead = (least + self.draw_below(least / 2)).min(leg / 2);
        if let Some(it) = self.client.circuits.get_mut(key) {
            let leaves = now + ends.since(now).saturating_sub(ahead);
            defend!(Ahead, it.leaves = Some(leaves));
        }
        self.arm_origin(key);
    }

    /// Between so many windows and twice as many; `None` without pacing.
    pub(in crate::node::mix) fn draw_windows(&mut self, windows: u32) -> Option<Duration> {
        let least = self.pace.as_ref()?.rules.window * windows;
        Some(least + self.draw_below(least))
    }

    fn draw_below(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.client.rng.below(most))
    }

    /// Whether a session may take this circuit: it has rested, and outlives every exit that could be added now. (PAC-13, PAC-14)
    pub(in crate::node::mix) fn is_usable(&self, it: &Origin) -> bool {
        let usable = |window: Duration| {
            let rested = check!(Rested, it.rests == Rest::Over);
            let leg = if it.meet.is_some() { MEETING_LEG } else { LEG };
            rested && it.dies >= self.clock + window * (2 * leg)
        };
        let window = self.pace.as_ref().map(|pace| pace.rules.window);
        window.is_none_or(usable)
    }

    /// The circuits that may run on one link of a client. (PAC-14)
    pub(in crate::node::mix) fn slots(&self) -> usize {
        let slots = self.pace.as_ref().map_or(0, |pace| pace.rules.slots);
        usize::try_from(slots).unwrap_or(usize::MAX)
    }

    /// The circuits that may still be begun. (PAC-14)
    pub(in crate::node::mix) fn free_slots(&self) -> usize {
        self.slots().saturating_sub(self.client.circuits.len())
    }

    /// Gives a circuit its place on a link. Whether there is one.
    pub(in crate::node::mix) fn open_origin(&mut self, key: usize, link: LinkId) -> bool {
        let Some(class) = self.pace.as_ref().map(|pace| pace.class) else {
            return false;
        };
        let begin = self.room(link, class, Whose::Ours, |_| true);
        let circuit = self
            .wires
            .get_mut(&link)
            .and_then(|wire| wire.ids.next_of(class as u8));
        let (Some(begin), Some(circuit)) = (begin, circuit) else {
            return false;
        };
        if let Some(wire) = self.wires.get_mut(&link) {
            wire.open(circuit, Route::Origin(key));
            if let Some(lane) = wire.lane(circuit) {
                lane.places.outward = Some(begin);
            }
        }
        if let Some(it) = self.client.circuits.get_mut(key) {
            it.lane = Some((link, circuit));
        }
        true
    }

    /// Writes the forward cell with this index; `false` if it is to be noise. (PAC-12)
    pub(super) fn origin_fill(
        &mut self,
        key: usize,
        index: u64,
        cell: &mut Cell,
        above: &mut dyn Above,
    ) -> bool {
        let Some(it) = self.client.circuits.get_mut(key) else {
            return false;
        };
        let bare = usize::try_from(index)
            .ok()
            .and_then(|index| it.bare.get(index));
        if let Some(bare) = bare {
            cell.copy_from_slice(bare);
            return true;
        }
        it.bare = Vec::new();
        let end = it.end.filter(|_| it.stage == Stage::Used);
        let (ahead, mut said) = (it.ahead(), None);
        let bears = it.circuit.fill_at(index, cell, |at, payload| {
            let number = at.wrapping_add_signed(ahead);
            let has = end.is_some_and(|want| above.pull(want.end, number, payload));
            said = has.then_some(number);
            has
        });
        if let Some(number) = said {
            it.has_said(number);
        }
        bears
    }

    /// A cell that came on a circuit of ours, with its index.
    pub(super) fn origin_at(
        &mut self,
        key: usize,
        index: u64,
        cell: &mut Cell,
        above: &mut dyn Above,
    ) {
        let Some(it) = self.client.circuits.get_mut(key) else {
            return;
        };
        match it.circuit.handle_at(index, cell) {
            Heard::Nothing => {}
            Heard::Grown => self.grown(key),
            Heard::Through => {
                let index = it.number_of(it.circuit.end_index());
                if let Some(want) = it.end.filter(|_| it.stage == Stage::Used)
                    && let Some(payload) = cell.last_chunk_mut::<PAYLOAD>()
                {
                    above.cell(want.end, index, payload);
                }
            }
            Heard::Gap { strike } => {
                if let Some(strike) = strike {
                    self.strike(key, strike);
                }
            }
            heard @ (Heard::Parked | Heard::Joined(_) | Heard::NotJoined) => {
                self.meeting_said(key, heard, above);
            }
            heard @ (Heard::Kept | Heard::Found | Heard::NotHere) => {
                self.keeper_said(key, heard, cell);
            }
            Heard::Truncated {
                reason: Reason::EndOver,
                ..
            } => self.fail_origin(key, None),
            Heard::Truncated { strike, reason, .. } => {
                // The exit is gone, or what lay before it.
                it.leg_ends = None;
                if it.stage == Stage::Asking || reason == Reason::NextEnded {
                    self.sulk(key);
                }
                if let Some(it) = self.client.circuits.get_mut(key) {
                    it.path.truncate(it.circuit.hops().len());
                }
                self.fail_origin(key, strike);
                // It may be spare again.
                self.meet_again(key);
                self.serve_wants();
            }
            Heard::Over { strike } => self.fail_origin(key, strike),
        }
    }

    /// The circuit serves nobody any more, and runs on to its end. `false` if it has no place on a link: then it can go at once. (PAC-14)
    pub(in crate::node::mix) fn spend(&mut self, key: usize) -> bool {
        let wires = &self.wires;
        let Some(it) = self.client.circuits.get_mut(key) else {
            return false;
        };
        let stands = it.lane.is_some_and(|(link, circuit)| {
            wires
                .get(&link)
                .is_some_and(|wire| wire.route(circuit).is_some())
        });
        if stands {
            let was_building = matches!(it.stage, Stage::Asking | Stage::Mending);
            // What has served nobody is as good as the hops that are left; what is for meetings, also if it has.
            let has_lost = match it.meet {
                Some(_) => it.circuit.hops().len() < OWN,
                None => it.stage == Stage::Spare,
            };
            (it.stage, it.deadline, it.end) = (Stage::Spent, None, None);
            it.leaves = None;
            if (was_building || has_lost) && !it.circuit.is_over() {
                match it.meet {
                    Some(_) => it.meets_nobody(self.clock, PAUSE),
                    None => it.fall_back(self.clock),
                }
            }
        }
        stands
    }

    /// A circuit that lost its second hop while it was being built gets another. (PAC-14)
    pub(in crate::node::mix) fn mend(&mut self, key: usize) {
        let path = self
            .consensus
            .clone()
            .and_then(|consensus| self.mended(key, &consensus).ok());
        let now = self.clock;
        let Some(it) = self.client.circuits.get_mut(key) else {
            return;
        };
        match path {
            Some(path) => {
                it.path = path;
                self.ask(key);
            }
            None => {
                it.deadline = Some(now + PAUSE);
                self.arm_origin(key);
            }
        }
    }

    /// An exit's time is over: it is given up, and the circuit before it runs on. (PAC-14)
    pub(in crate::node::mix) fn end_leg(&mut self, key: usize) {
        let Some(it) = self.client.circuits.get_mut(key) else {
            return;
        };
        it.leg_ends = None;
        let hops = it.circuit.hops().len();
        let keep = match it.meet {
            Some(_) => hops.min(OWN),
            None => hops.saturating_sub(1),
        };
        if keep > 0 {
            // What is being asked for is given up with it.
            let _ = it.circuit.truncate(keep, &mut |_| ());
        }
        if let Some(want) = it.end {
            self.ends.remove(&want.end);
            self.news.push_back(News::Lost(want.end));
        }
        self.spend(key);
        self.arm_origin(key);
    }
}
