//! Links that send by the clock. Spec chapter 5.
//!
//! ```text
//! batch.rs   what goes out: every link's batch of a quantum, place by place
//! heard.rs   what comes in: batches, looked at when they are complete
//! hops.rs    the places of circuits that go through us, or end here
//! origins.rs the places of circuits that begin here
//! splice.rs  the places of circuits that meet here
//! flow.rs    one link, and its circuits' places on it
//! ```
//!
//! Half a quantum before a batch is to go out it is *made*: the node goes through the places of each link and asks whom they belong to. Nobody
//! sends anything here; everybody is asked, and always has something.

mod batch;
mod flow;
mod heard;
mod hops;
#[cfg(test)]
mod misdeeds;
mod origins;
mod splice;

use flow::Whose;
pub(super) use flow::{Flow, Inward, Kind, Places};

use super::super::timers::Who;
use super::Mix;
use crate::crypto::rng::Noise;
use crate::directory::{Pacing, Padding, Params};
use crate::node::LinkId;
use crate::onion::CircuitId;
use crate::pacing::{Class, Grid, Step};
use crate::time::{Duration, Instant};

/// What a network has settled about pacing. (DIR-7)
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) quantum: Duration,
    pub(super) jitter: u64,
    /// Quanta of an epoch.
    epoch: u32,
    padding: Padding,
    pub(super) slots: u64,
    pub(super) window: Duration,
}

impl Rules {
    /// `None` without pacing.
    fn of(params: &Params) -> Option<Self> {
        if params.pacing() == Pacing::None {
            return None;
        }
        let epoch = (params.epoch() * 1000).div_ceil(params.quantum().max(1));
        Some(Self {
            quantum: Duration::from_millis(params.quantum()),
            jitter: params.jitter(),
            epoch: u32::try_from(epoch).unwrap_or(u32::MAX),
            padding: params.padding(),
            slots: params.slots(),
            window: Duration::from_secs(params.pool_window()),
        })
    }

    /// The step of a link between relays. (PAC-8)
    fn step(&self) -> Step {
        match self.padding {
            Padding::None => Step::loose(),
            Padding::Full => Step::stepped(self.epoch),
        }
    }
}

/// What a node has besides where cells go by the clock.
pub(super) struct Pace {
    pub(super) rules: Rules,
    pub(super) grid: Grid,
    /// Of circuits that begin here.
    pub(super) class: Class,
    timer: Option<Instant>,
    making: Making,
    scratch: Scratch,
    noise: Noise,
    /// Circuits through us that wait for room on the link onward.
    waiting: Vec<usize>,
    pub(super) count: Count,
    #[cfg(test)]
    misdeeds: misdeeds::Misdeeds,
}

/// The quantum whose batches are being made.
#[derive(Default)]
struct Making {
    number: u64,
    due: Instant,
    links: Vec<LinkId>,
}

/// Buffers for the batch that is being made: nothing is allocated for one.
#[derive(Default)]
struct Scratch {
    /// Whose its places are.
    order: Vec<CircuitId>,
    /// Its cells, each behind the id of its circuit.
    entries: Vec<u8>,
    /// What its order is drawn from.
    shuffle: Vec<u8>,
}

/// What went wrong so far.
#[derive(Clone, Copy, Default)]
pub(super) struct Count {
    /// Batches that were late or left out, on links with circuits.
    pub(super) late: u64,
    /// Batches in which a cell was missing or too many.
    pub(super) short: u64,
}

impl Mix {
    /// The network's parameters, from now on. Where they change, everything begins anew. (PAC-1)
    pub(super) fn set_pace(&mut self, params: &Params) {
        let rules = Rules::of(params);
        if rules == self.pace.as_ref().map(|pace| pace.rules) && rules.is_some() {
            return;
        }
        let is_change = self.pace.is_some();
        if let Some(mut pace) = self.pace.take() {
            self.timers.clear(Who::Beat, &mut pace.timer);
        }
        if is_change || rules.is_some() {
            let links: Vec<_> = self.wires.keys().copied().collect();
            links.into_iter().for_each(|link| self.close_wire(link));
        }
        let Some(rules) = rules else { return };
        let pace = Pace {
            rules,
            grid: Grid::new(self.clock, rules.quantum),
            class: self.class,
            timer: None,
            making: Making::default(),
            scratch: Scratch::default(),
            noise: Noise::from(&mut self.rng),
            waiting: Vec::new(),
            count: Count::default(),
            #[cfg(test)]
            misdeeds: misdeeds::Misdeeds::default(),
        };
        self.pace = Some(Box::new(pace));
        self.arm_beat();
    }

    fn arm_beat(&mut self) {
        if let Some(pace) = &mut self.pace {
            let due = pace.grid.make_at();
            self.timers.set(Who::Beat, &mut pace.timer, Some(due));
        }
    }

    /// What comes now is not judged by a quantum that is over: a node that was held up hears before its timer strikes. (PAC-6)
    pub(super) fn catch_up(&mut self) {
        let now = self.clock;
        if self
            .pace
            .as_ref()
            .is_some_and(|pace| pace.grid.make_at() <= now)
        {
            self.beat();
        }
    }

    /// It is time to make the batches of a quantum. (PAC-1)
    pub(super) fn beat(&mut self) {
        self.ask_waiting();
        let now = self.clock;
        let Some(pace) = &mut self.pace else { return };
        self.timers.clear(Who::Beat, &mut pace.timer);
        pace.steer(self.wires.values().filter_map(|wire| wire.flow.as_deref()));
        let Pace { grid, making, .. } = &mut **pace;
        if let Some((number, due)) = grid.take(now) {
            (making.number, making.due) = (number, due);
            let ready = self.wires.iter().filter(|(_, wire)| wire.may_flow());
            making.links.clear();
            // The last is made first.
            making.links.extend(ready.map(|(link, _)| *link).rev());
        }
        self.arm_beat();
    }

    /// Circuits that found no room before. (PAC-8)
    fn ask_waiting(&mut self) {
        let Some(pace) = &mut self.pace else { return };
        for key in core::mem::take(&mut pace.waiting) {
            self.ask_next(key);
        }
    }
}

impl Pace {
    /// Keeps pace with the relays next to us. Clients follow, so they only say what we do. (PAC-2)
    fn steer<'f>(&mut self, flows: impl Iterator<Item = &'f Flow>) {
        let of_relays = flows.filter(|flow| !matches!(flow.kind, Kind::Guest(_)));
        let mut all: Vec<_> = of_relays.filter_map(|flow| flow.intake.earlier()).collect();
        if all.is_empty() {
            return;
        }
        let middle = all.len() / 2;
        let (_, median, _) = all.select_nth_unstable(middle);
        self.grid.steer(*median);
    }
}
