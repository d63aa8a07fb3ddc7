//! Circuits that begin here: spare ones, and those that sessions want. (ONI-17, ONI-18)
//!
//! ```text
//! Waiting ─link stands─► Asking ─every hop of its path has answered─► Spare ─a session wants it: one more hop─► Asking ─► Used
//! ```
//!
//! What goes wrong before a session's first cell is tried again over another circuit, twice; what goes wrong later is the session's affair,
//! which dials again.

mod ask;
mod budget;
mod grow;
mod knows;
mod lasting;
mod meet;
mod paths;
mod sulking;
mod tend;
mod wants;

pub(in crate::node) use ask::{Answer, Question};
pub(in crate::node) use meet::ParkAt;
pub(super) use meet::{LEG as MEETING_LEG, Meet, OWN};

use super::super::timers::Who;
use super::{Above, Lane, Mix, News};
use crate::crypto::rng::Rng;
use crate::directory::{Guards, Wall};
use crate::id::RelayId;
use crate::netlayer::ConnId;
use crate::node::LinkId;
use crate::onion::circuit::{Circuit, Heard};
use crate::onion::suspicion::{Grave, Strike, Suspicion};
use crate::onion::{Cell, PAYLOAD};
use crate::time::{Duration, Instant};
use budget::Budget;
use meet::Meets;
use paths::Wary;
use slab::Slab;
use std::collections::VecDeque;
use sulking::Sulking;
pub(super) use wants::Want;

/// What is asked of a hop has so long to be answered.
const ANSWER: Duration = Duration::from_secs(5);
/// A circuit lives between once and twice as long. (ONI-18)
const LIFE: Duration = Duration::from_secs(5 * 60);
/// How often the spare circuits are looked at.
const WINDOW: Duration = Duration::from_secs(1);
/// Relays on the path of a session.
pub(super) const FAR: usize = 3;
/// How often an end is tried.
const TRIES: u32 = 3;

/// How many relays lie between a client and the relay that it wants a session with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Two: what an exit is reached by.
    Far,
    /// None: what a guard is asked for the consensus by.
    Near,
}

/// What a client has besides its links.
pub(super) struct Client {
    pub(super) circuits: Slab<Origin>,
    wants: VecDeque<Want>,
    guards: Option<Guards>,
    /// The time of day at some moment.
    wall: (Wall, Instant),
    pub(super) suspicion: Suspicion,
    sulking: Sulking,
    spares: usize,
    budget: Budget,
    meets: Meets,
    pub(super) rng: Rng,
    pool: Option<Instant>,
    /// When circuits are begun next, where cells go by the clock. (PAC-14)
    window: Option<Instant>,
    /// When those are looked at that wait, where cells go by the clock. (PAC-14)
    look: Option<Instant>,
}

/// A circuit of ours.
pub(super) struct Origin {
    pub(super) circuit: Circuit,
    link: LinkId,
    pub(super) lane: Option<Lane>,
    pub(super) stage: Stage,
    /// The relays that it is to have.
    pub(super) path: Vec<RelayId>,
    pub(super) end: Option<Want>,
    /// If it is for meetings: so are its hops. (RDV-25)
    pub(super) meet: Option<Box<Meet>>,
    /// The cells that begin it, where they wait for their places. (PAC-9)
    pub(super) bare: Vec<Cell>,
    /// When its exit is given up, where cells go by the clock. (PAC-14)
    pub(super) leg_ends: Option<Instant>,
    /// The session that had its last leg, where cells go by the clock: it may have another, and no other session. (PAC-14)
    served: Option<ConnId>,
    /// When its exit was asked, and when the session is to look for another circuit. (PAC-14)
    pub(super) asked: Instant,
    pub(super) leaves: Option<Instant>,
    /// From when on a session may take it, where cells go by the clock. (PAC-14)
    pub(super) rests: Rest,
    /// Cells of its session that have come.
    came: u64,
    pub(super) dies: Instant,
    pub(super) deadline: Option<Instant>,
    timer: Option<Instant>,
}

/// Whether a session may take a circuit that stands. (PAC-14)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// It is drawn for how long not, when it has its hops.
    Undrawn,
    /// Not yet.
    Until(Instant),
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Waiting,
    Asking,
    Spare,
    /// It waits in a park. (RDV-19)
    Parked,
    Used,
    /// What was asked of it failed, and it is to be asked for something else. (PAC-14)
    Mending,
    /// Nothing goes over it any more; it runs on to its end. (PAC-14)
    Spent,
}

impl Client {
    pub(super) fn new(
        spares: usize,
        (meets, each): (usize, usize),
        (most, pause): (u32, Duration),
        rng: Rng,
    ) -> Self {
        Self {
            circuits: Slab::new(),
            wants: VecDeque::new(),
            guards: None,
            wall: (Wall(0), Instant::ZERO),
            suspicion: Suspicion::new(),
            sulking: Sulking::default(),
            spares,
            budget: Budget::new(most, pause),
            meets: Meets::new(meets, each, (most, pause)),
            rng,
            pool: None,
            window: None,
            look: None,
        }
    }

    /// Where the cells of a circuit go out.
    pub(super) fn lane(&self, key: usize) -> Option<Lane> {
        self.circuits.get(key)?.lane
    }

    /// The session does not want a circuit any more.
    pub(super) fn forget_want(&mut self, end: LinkId) {
        self.wants.retain(|want| want.end != end);
    }

    /// How many circuits there are, and how many of them are spare.
    pub(super) fn count(&self) -> (usize, usize) {
        let spare = self
            .circuits
            .iter()
            .filter(|(_, it)| it.stage == Stage::Spare);
        (self.circuits.len(), spare.count())
    }

    /// How many circuits a link bears.
    pub(super) fn borne_by(&self, link: LinkId) -> usize {
        let borne = |it: &Origin| it.link == link;
        self.circuits.iter().filter(|(_, it)| borne(it)).count()
    }

    /// The spare circuits that there are or will be.
    fn spares(&self) -> usize {
        let is_spare = |it: &Origin| it.end.is_none() && it.meet.is_none();
        self.circuits.iter().filter(|(_, it)| is_spare(it)).count()
    }
}

impl Mix {
    /// The pool's moment: wants that had to wait, and spares that are missing.
    pub(super) fn client_due(&mut self) {
        self.timers.clear(Who::Pool, &mut self.client.pool);
        self.client.sulking.expire(self.clock);
        self.look_at_wants();
        self.tend();
        let is_first = self.client.window.is_none();
        for _ in 0..self.missing() {
            if !self.client.budget.take(self.clock) || self.build(None, is_first).is_err() {
                break;
            }
        }
        let keeps = self.client.spares > 0 || self.client.meets.is_any();
        let works = keeps || !self.client.wants.is_empty();
        if works && self.consensus.is_some() {
            let next = self.client.window.unwrap_or(self.clock + WINDOW);
            let next = self.client.look.unwrap_or(next).min(next);
            self.timers
                .set(Who::Pool, &mut self.client.pool, Some(next));
        }
    }

    /// A cell that came on a circuit of ours.
    pub(super) fn origin_cell(&mut self, key: usize, cell: &mut Cell, above: &mut dyn Above) {
        let Some(it) = self.client.circuits.get_mut(key) else {
            return;
        };
        match it.circuit.handle(cell) {
            Heard::Nothing => {}
            Heard::Grown => self.grown(key),
            Heard::Through => {
                let Some(want) = it.end.filter(|_| it.stage == Stage::Used) else {
                    return self.fail_origin(key, None);
                };
                let index = it.number_of(it.came);
                it.came += 1;
                if let Some(payload) = cell.last_chunk_mut::<PAYLOAD>() {
                    above.cell(want.end, index, payload);
                }
            }
            Heard::Truncated { strike, .. } => {
                self.sulk(key);
                self.fail_origin(key, strike);
            }
            heard @ (Heard::Parked | Heard::Joined(_) | Heard::NotJoined) => {
                self.meeting_said(key, heard, above);
            }
            heard @ (Heard::Kept | Heard::Found | Heard::NotHere) => {
                self.keeper_said(key, heard, cell);
            }
            Heard::Over { strike } | Heard::Gap { strike } => self.fail_origin(key, strike),
        }
    }

    /// One cell of a session; the payload stands in its place.
    pub(super) fn origin_send(&mut self, key: usize, cell: &mut Cell) {
        let Some(it) = self.client.circuits.get_mut(key) else {
            return;
        };
        let Some(lane) = it.lane else { return };
        it.has_said(0);
        if it.circuit.send(cell).is_err() || self.push(lane, cell).is_err() {
            self.fail_origin(key, None);
        }
    }

    /// The circuit's lane is gone: its link broke, for which nobody on it need be at fault, or the guard has ended it.
    pub(super) fn origin_lost(&mut self, key: usize) {
        let Some(it) = self.client.circuits.get(key) else {
            return;
        };
        let said_so = self.wires.contains_key(&it.link);
        let Some(guard) = it.path.first().copied().filter(|_| said_so) else {
            return self.fail_origin(key, None);
        };
        self.has_not_answered(guard);
        self.fail_origin(key, Some(lesser(None, guard)));
    }

    /// The relay that was asked would not or could not be a hop: others come first for a while.
    pub(super) fn sulk(&mut self, key: usize) {
        let it = self.client.circuits.get(key);
        let asked = it.and_then(|it| it.path.get(it.circuit.hops().len()));
        if let Some(asked) = asked.copied() {
            self.has_not_answered(asked);
        }
    }

    fn has_not_answered(&mut self, relay: RelayId) {
        let may_be_lost = self.pace.is_some();
        self.client.sulking.note(self.clock, relay, may_be_lost);
    }

    /// A relay behind the guard did not pass on an answer, or had none to pass on.
    fn sulk_at_last(&mut self, key: usize) {
        let it = self.client.circuits.get(key);
        if let Some([_, .., last]) = it.map(|it| it.circuit.hops()) {
            self.has_not_answered(*last);
        }
    }

    /// A circuit is over before its time. (ONI-17)
    pub(super) fn fail_origin(&mut self, key: usize, strike: Option<Strike>) {
        if let Some(strike) = strike {
            self.strike(key, strike);
        }
        let Some(it) = self.client.circuits.get(key) else {
            return;
        };
        let (end, stage) = (it.end, it.stage);
        self.let_go(key);
        let Some(want) = end else { return };
        self.ends.remove(&want.end);
        if stage == Stage::Used || want.tries + 1 >= TRIES {
            self.news.push_back(News::Lost(want.end));
            return;
        }
        self.client.wants.push_back(Want {
            tries: want.tries + 1,
            ..want
        });
        self.serve_wants();
    }

    /// The session has done with the circuit.
    pub(super) fn end_origin(&mut self, key: usize) {
        let it = self.client.circuits.get_mut(key);
        if let Some(it) = it.filter(|it| it.meet.is_some() && it.leg_ends.is_some()) {
            it.end = None;
            return self.end_leg(key);
        }
        self.let_go(key);
    }

    /// Nothing goes over the circuit any more: it ends, or runs on to its end where cells go by the clock.
    fn let_go(&mut self, key: usize) {
        if self.pace.is_some() && self.spend(key) {
            self.arm_origin(key);
        } else {
            self.remove_origin(key);
        }
    }

    fn remove_origin(&mut self, key: usize) -> Option<Origin> {
        let mut it = self.client.circuits.try_remove(key)?;
        self.timers.clear(Who::Origin(key), &mut it.timer);
        if let Some(lane) = it.lane {
            self.end_lane(lane);
        }
        Some(it)
    }

    pub(super) fn arm_origin(&mut self, key: usize) {
        if let Some(it) = self.client.circuits.get_mut(key) {
            let rests = match it.rests {
                Rest::Until(until) => Some(until),
                Rest::Undrawn | Rest::Over => None,
            };
            let due = [it.deadline, it.leg_ends, it.leaves, rests];
            let due = due.into_iter().flatten();
            let due = due.fold(it.dies, Instant::min);
            self.timers.set(Who::Origin(key), &mut it.timer, Some(due));
        }
    }

    /// A circuit's moment has come: a hop did not answer, or its life is over.
    pub(super) fn origin_due(&mut self, key: usize) {
        let now = self.clock;
        let Some(it) = self.client.circuits.get_mut(key) else {
            return;
        };
        it.timer = None;
        if it.deadline.is_some_and(|deadline| deadline <= now) {
            if it.stage == Stage::Mending {
                it.deadline = None;
                return self.mend(key);
            }
            let strike = it.circuit.unanswered();
            self.sulk(key);
            self.sulk_at_last(key);
            return self.fail_origin(key, strike);
        }
        if it.leg_ends.is_some_and(|ends| ends <= now) {
            return self.end_leg(key);
        }
        if it.leaves.take_if(|leaves| *leaves <= now).is_some() {
            let end = it.end.filter(|_| it.stage == Stage::Used);
            self.news.extend(end.map(|want| News::Ending(want.end)));
            return self.arm_origin(key);
        }
        if let Rest::Until(until) = it.rests
            && until <= now
        {
            it.rests = Rest::Over;
            self.arm_origin(key);
            self.tend();
            return self.serve_wants();
        }
        if it.dies <= now {
            self.fail_origin(key, None);
            // By the clock, this is the moment up to which it ran on.
            drop(self.remove_origin(key));
            return;
        }
        self.arm_origin(key);
    }

    /// A link has come to stand: circuits that waited for it begin.
    pub(super) fn client_link_live(&mut self, id: LinkId) {
        if let Some(relay) = self.wires.get(&id).and_then(|wire| wire.relay)
            && let Some(guards) = &mut self.client.guards
        {
            guards.worked(&relay);
        }
        for key in self.origins_waiting(id) {
            self.ask(key);
        }
    }

    /// A link is gone that bore so many circuits of ours: those that waited for it are tried over another.
    pub(super) fn client_link_lost(&mut self, id: LinkId, relay: Option<RelayId>, bore: usize) {
        let waiting = self.origins_waiting(id);
        if let Some(relay) = relay.filter(|_| !waiting.is_empty()) {
            let wall = self.client.wall(self.clock);
            if let Some(guards) = &mut self.client.guards {
                guards.failed(wall, &relay);
            }
        }
        for key in waiting {
            self.fail_origin(key, None);
        }
        // Not with a link that was there for some of them only.
        if bore >= self.client.circuits.len() && self.client.window.take().is_some() {
            // All circuits are begun anew with the link. (PAC-15)
            let soon = self.clock + WINDOW;
            self.timers.clear(Who::Pool, &mut self.client.pool);
            self.timers
                .set(Who::Pool, &mut self.client.pool, Some(soon));
        }
    }

    fn origins_waiting(&self, id: LinkId) -> Vec<usize> {
        let waits = |it: &Origin| it.stage == Stage::Waiting && it.link == id;
        let all = self.client.circuits.iter().filter(|(_, it)| waits(it));
        all.map(|(key, _)| key).collect()
    }
}

/// A strike that may have been bad luck. (ONI-17)
const fn lesser(before: Option<RelayId>, relay: RelayId) -> Strike {
    Strike {
        pair: (before, relay),
        grave: Grave::Ended,
    }
}
