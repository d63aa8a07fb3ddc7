//! One link that sends by the clock, and its circuits' places on it. (PAC-4 to PAC-8)

use super::super::knows::{AllHeld, Held};
use super::super::wire::{Lane, Route, Wire};
use super::{Mix, Rules};
use crate::id::RelayId;
use crate::node::LinkId;
use crate::onion::queue::Cells;
use crate::onion::{Cell, CircuitId};
use crate::pacing::{Class, Intake, Step};
use std::collections::VecDeque;

/// Batches of padding that a client sends before the first circuit, so that it is known how fast the link is.
const RUN_UP: u64 = 4;

/// What a link has besides.
pub(in crate::node::mix) struct Flow {
    pub(in crate::node::mix) kind: Kind,
    /// The number of the batch whose tick is 1; `None` before the first.
    pub(in crate::node::mix) first: Option<u64>,
    /// `None` until a guest has shown its own.
    pub(in crate::node::mix) step: Option<Step>,
    pub(in crate::node::mix) intake: Intake,
    /// The batch in which the last of our circuits on it begins. (ONI-3)
    opened: u64,
    /// Records of the batch that is coming.
    pub(in crate::node::mix) held: Vec<u8>,
}

/// Who is at the other end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::node::mix) enum Kind {
    /// A relay, and we are a client.
    Guard,
    /// A client, whose class shows in its first batch.
    Guest(Option<Class>),
    /// A relay, and so are we.
    Peer(RelayId),
}

impl Flow {
    pub(in crate::node::mix) fn new(kind: Kind, class: Class, rules: &Rules) -> Self {
        let step = match kind {
            Kind::Guard => Some(Step::fixed(cells_of(class, rules))),
            Kind::Guest(_) => None,
            Kind::Peer(_) => Some(rules.step()),
        };
        Self {
            kind,
            first: None,
            step,
            intake: Intake::default(),
            opened: 0,
            held: Vec::new(),
        }
    }

    /// Whom it leads to.
    pub(in crate::node::mix) fn held(&self, out: &mut AllHeld) {
        let Self {
            kind,
            first: _,
            step: _,
            intake: _,
            opened: _,
            // Cells.
            held: _,
        } = self;
        match kind {
            Kind::Peer(relay) => drop(out.insert(Held::Relay(*relay))),
            Kind::Guard | Kind::Guest(_) => {}
        }
    }

    /// Whether a batch may have so many cells. A guest's first says of which class it is. (PAC-8)
    pub(in crate::node::mix) fn admits(
        &mut self,
        cells: usize,
        ours: Class,
        rules: &Rules,
    ) -> bool {
        match self.kind {
            Kind::Peer(_) => true,
            Kind::Guard => cells == cells_of(ours, rules),
            Kind::Guest(Some(class)) => cells == cells_of(class, rules),
            Kind::Guest(None) => {
                let mut all = Class::ALL.into_iter();
                let class = all.find(|class| cells_of(*class, rules) == cells);
                self.kind = Kind::Guest(class);
                self.step = class.map(|_| Step::fixed(cells));
                class.is_some()
            }
        }
    }

    /// The tick of batch `n`.
    pub(in crate::node::mix) fn tick(&mut self, n: u64) -> u32 {
        let first = *self.first.get_or_insert(n);
        u32::try_from(n.saturating_sub(first) + 1).unwrap_or(u32::MAX)
    }

    /// The first batch in which a circuit's cells may begin.
    fn opens(&self, next: u64, whose: Whose) -> u64 {
        let run_up = match (self.kind, self.first) {
            (Kind::Guard, None) => next + RUN_UP,
            (Kind::Guard, Some(first)) => first + RUN_UP,
            _ => 0,
        };
        // A client begins one at a time, for the relays to keep up with.
        let opened = self.opened + u64::from(matches!(self.kind, Kind::Guard));
        match whose {
            Whose::Ours => next.max(run_up).max(opened),
            Whose::Theirs => next,
        }
    }
}

/// Who has opened a circuit on a link.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// We: it does not begin before one that was opened earlier, whose id is lower. (ONI-3)
    Ours,
    /// The peer: what begins is the way back.
    Theirs,
}

/// Cells of a client's link in a quantum. (PAC-8)
fn cells_of(class: Class, rules: &Rules) -> usize {
    usize::try_from(class.step(rules.slots)).unwrap_or(usize::MAX)
}

/// Where the cells of a circuit stand on a link. (PAC-5)
#[derive(Default)]
pub(in crate::node::mix) struct Places {
    pub(in crate::node::mix) class: Class,
    /// Of what comes.
    pub(in crate::node::mix) inward: Option<Inward>,
    /// The number of the batch in which what goes began.
    pub(in crate::node::mix) outward: Option<u64>,
    /// Where the cells in the lane's queue are to stand: batch and place in it.
    pub(in crate::node::mix) marks: VecDeque<(u64, u64)>,
    /// It is over: in its next turn this is said.
    pub(in crate::node::mix) is_ending: bool,
    /// Cells in the batch that is looked at.
    pub(in crate::node::mix) came: u64,
    /// Cells in the batch that is made.
    pub(in crate::node::mix) made: u64,
}

/// Where the cells of a circuit stand that come.
#[derive(Clone, Copy)]
pub(in crate::node::mix) struct Inward {
    /// The tick of the first.
    pub(in crate::node::mix) first: u64,
    /// Quanta that they wait for their turn on the next link. (PAC-11)
    pub(in crate::node::mix) rests: u64,
}

impl Places {
    /// Whether the circuit has its turn in batch `n`.
    fn is_due(&self, n: u64) -> bool {
        let since = self.outward.and_then(|first| n.checked_sub(first));
        since.is_some_and(|since| self.class.is_due(since))
    }

    /// The index of the next cell of batch `n`, and its place. (PAC-5)
    pub(super) fn place(&mut self, n: u64) -> Option<(u64, u64)> {
        let since = n.checked_sub(self.outward?)?;
        let place = self.made;
        self.made += 1;
        Some((self.class.index(since, place), place))
    }

    /// Whether as many cells have come in the batch with this tick as there must be; the next are counted anew. (PAC-7)
    pub(super) fn is_whole(&mut self, tick: u64) -> bool {
        let came = core::mem::take(&mut self.came);
        let Some(inward) = self.inward else {
            return came == 0;
        };
        let since = tick.saturating_sub(inward.first);
        came == if self.class.is_due(since) {
            self.class.burst()
        } else {
            0
        }
    }
}

impl Lane {
    /// Takes the cell that is to stand there, if it has come; those for places that are over are dropped.
    pub(super) fn take(&mut self, cells: &mut Cells, mark: (u64, u64), cell: &mut Cell) -> bool {
        while let Some(first) = self.places.marks.front().copied() {
            if first > mark {
                return false;
            }
            self.places.marks.pop_front();
            if !cells.pop_to(&mut self.queue, cell) {
                return false;
            }
            if first == mark {
                return true;
            }
        }
        false
    }

    fn put(&mut self, cells: &mut Cells, mark: (u64, u64), cell: &Cell) {
        let is_next = self.places.marks.back().is_none_or(|last| *last < mark);
        if is_next && self.route != Route::Over && cells.push(&mut self.queue, cell).is_ok() {
            self.places.marks.push_back(mark);
        }
    }
}

impl Wire {
    /// Whether batches can go out: the handshake is over, and its last bytes are with the driver.
    pub(super) fn may_flow(&self) -> bool {
        let has_step = self.flow.as_ref().is_some_and(|flow| flow.step.is_some());
        has_step && self.is_live() && self.out.is_empty()
    }

    /// Cells that circuits have in batch `n`, or would have if they had begun.
    fn demand(&self, n: u64) -> u64 {
        let turn = |lane: &&Lane| {
            // One that ends still needs a place, for that to be said.
            let first = lane.places.outward;
            first.is_some_and(|first| lane.places.class.is_due(n.abs_diff(first)))
        };
        let due = self.lanes.values().filter(turn);
        due.map(|lane| lane.places.class.burst()).sum()
    }

    /// Writes down whose the places of batch `n` are, in order; the lanes that end are gone then, and what waited on them. Its tick. (PAC-4, PAC-5)
    pub(super) fn plan(
        &mut self,
        n: u64,
        cells: &mut Cells,
        order: &mut Vec<CircuitId>,
    ) -> Option<u32> {
        order.clear();
        let mut over = Vec::new();
        for (id, lane) in &mut self.lanes {
            if !lane.places.is_due(n) {
                continue;
            }
            if lane.places.is_ending {
                over.push(*id);
                continue;
            }
            lane.places.made = 0;
            order.extend((0..lane.places.class.burst()).map(|_| *id));
        }
        for id in over {
            self.forget(cells, id);
            self.ended.push_back(id);
        }
        let flow = self.flow.as_mut()?;
        let tick = flow.tick(n);
        let words = usize::from(!self.ended.is_empty());
        let step = flow.step.as_mut()?.of_batch(tick, order.len() + words);
        if words > 0 && order.len() < step {
            order.push(crate::onion::link::WORDS);
        }
        order.resize(step.max(order.len()), crate::onion::link::PADDING);
        Some(tick)
    }
}

impl Mix {
    /// The batch in which a circuit of this class can begin on a link: one that `fits`, and has room. (PAC-8)
    pub(super) fn room(
        &mut self,
        link: LinkId,
        class: Class,
        whose: Whose,
        fits: impl Fn(u64) -> bool,
    ) -> Option<u64> {
        let next = self.pace.as_ref()?.grid.next();
        let wire = self.wires.get_mut(&link)?;
        let begin = wire.flow.as_ref()?.opens(next, whose);
        let turns = (begin..begin + class.every()).filter(|n| fits(*n));
        let least = turns.map(|n| (wire.demand(n), n)).min();
        let (cells, n) = least?;
        let cells = usize::try_from(cells + class.burst()).unwrap_or(usize::MAX);
        let flow = wire.flow.as_mut()?;
        let step = flow.step.as_mut()?;
        if !step.holds(cells) {
            step.want(cells);
            return None;
        }
        if whose == Whose::Ours {
            flow.opened = n;
        }
        Some(n)
    }

    /// A cell is to stand at this place of a lane, if there still is time. (PAC-6)
    pub(super) fn put_at(
        &mut self,
        (link, circuit): super::super::Lane,
        mark: (u64, u64),
        cell: &Cell,
    ) {
        let next = self.pace.as_ref().map_or(0, |pace| pace.grid.next());
        let lane = self
            .wires
            .get_mut(&link)
            .and_then(|wire| wire.lanes.get_mut(&circuit));
        if let Some(lane) = lane.filter(|_| mark.0 >= next) {
            lane.put(&mut self.cells, mark, cell);
        }
    }
}
