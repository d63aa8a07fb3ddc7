//! What is asked of a run, each time in the same way: examples of both kinds from flows to learn from, and from flows held out.

use super::features::{self, Seen, Window};
use super::learn::{Example, Guesses, guess};
use super::run::{Flow, Run};
use super::trace::{Nanos, Way};
use pluribus_mix::crypto::rng::Rng;

/// Quanta from one window in which flows are matched to the next. Each is twice as long: what they share, the intervals know of, for they are over flows.
pub(super) const MATCHED: usize = 60;
/// Quanta of a window in which activity is told, and real cells are told from dummies. The longer one lets the noise of the machine weigh less.
const ACTIVE: usize = 60;
const REAL: usize = 8;
/// Quanta on both sides in which a quiet window is quiet too.
const QUIET: Nanos = 3;
/// Other links that each circuit at an exit is compared with.
const OTHERS: usize = 3;

/// Something that a network must not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Question {
    /// Which link to a guard goes with which connection of an exit.
    Flows,
    /// Whether the cells of some quanta on a link are real or dummies.
    Cells,
    /// Whether somebody is busy behind a link.
    Activity,
    /// Which circuit at an exit goes with which link to a guard, by when circuits begin and end there.
    Lives,
}

impl Question {
    pub(super) const ALL: [Self; 4] = [Self::Flows, Self::Cells, Self::Activity, Self::Lives];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Flows => "flows",
            Self::Cells => "cells",
            Self::Activity => "activity",
            Self::Lives => "lives",
        }
    }

    /// In words.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::Flows => "which guard link goes with which exit connection",
            Self::Cells => "whether the cells of a link are real or dummies",
            Self::Activity => "whether somebody is busy behind a link",
            Self::Lives => "which circuit at an exit goes with which guard link",
        }
    }
}

/// The flows of a run, prepared, and which are held out: the first third is learnt from.
pub(super) struct Asked<'r> {
    run: &'r Run,
    links: Vec<Seen>,
    hosts: Vec<Seen>,
    /// Examples of each kind at most, in each part.
    most: usize,
}

impl<'r> Asked<'r> {
    pub(super) fn of(run: &'r Run, most: usize) -> Self {
        let (flows, quantum) = (run.flows.iter(), run.quantum);
        let hosts = flows.clone().map(|it| Seen::host(&it.host, quantum));
        Self {
            run,
            links: flows.map(|it| Seen::link(&it.link, quantum)).collect(),
            hosts: hosts.collect(),
            most,
        }
    }

    /// The links.
    pub(super) fn links(&self) -> &[Seen] {
        &self.links
    }

    /// Learns from the first third of the flows and guesses the others.
    pub(super) fn guess(&self, question: Question, rng: &mut Rng) -> Guesses {
        let all = self.run.flows.len();
        let (training, held_out) = (0..all.div_ceil(3), all.div_ceil(3)..all);
        let examples = |flows: std::ops::Range<usize>, rng: &mut Rng| {
            let all = match question {
                Question::Flows => self.flows(flows, rng),
                Question::Cells => self.windows(flows, REAL, real_or_dummy),
                Question::Activity => self.windows(flows, ACTIVE, busy_or_idle),
                Question::Lives => self.lives(flows, rng),
            };
            thinned(all, self.most, rng)
        };
        let training = examples(training, rng);
        let held_out = examples(held_out, rng);
        guess(&training, &held_out, rng)
    }

    /// Every link beside the connection that it goes with, and beside another at the same time: so what the whole machine does at a time tells nothing.
    fn flows(&self, flows: std::ops::Range<usize>, rng: &mut Rng) -> Vec<Example> {
        let mut examples = Vec::new();
        let count = flows.len();
        for window in self.all_windows(MATCHED, 2 * MATCHED) {
            // Others at the same time, every time others.
            let turn = 1 + usize::try_from(rng.below(count.max(2) as u64 - 1)).unwrap_or(0);
            for flow in flows.clone() {
                let other = flows.start + (flow - flows.start + turn) % count;
                for (host, is_match) in [(flow, true), (other, false)] {
                    let (Some(link), Some(host)) = (self.links.get(flow), self.hosts.get(host))
                    else {
                        continue;
                    };
                    let features = link.beside(host, window);
                    examples.push(Example {
                        features,
                        is_match,
                        flow,
                    });
                }
            }
        }
        examples
    }

    /// The windows of links that are clearly of one kind or the other.
    fn windows(
        &self,
        flows: std::ops::Range<usize>,
        quanta: usize,
        kind: fn(&Flow, Nanos, (Nanos, Nanos)) -> Option<bool>,
    ) -> Vec<Example> {
        let mut examples = Vec::new();
        for flow in flows {
            let (Some(link), Some(truth)) = (self.links.get(flow), self.run.flows.get(flow)) else {
                continue;
            };
            for window in self.all_windows(quanta, quanta) {
                let span = (window.from, window.from + self.length(quanta));
                if let Some(is_match) = kind(truth, self.run.quantum, span) {
                    let features = link.alone(window);
                    examples.push(Example {
                        features,
                        is_match,
                        flow,
                    });
                }
            }
        }
        examples
    }

    /// Every circuit at an exit beside the link of its client, and beside some others.
    fn lives(&self, flows: std::ops::Range<usize>, rng: &mut Rng) -> Vec<Example> {
        let mut examples = Vec::new();
        let count = flows.len();
        for flow in flows.clone() {
            for life in self.run.flows.get(flow).into_iter().flat_map(|it| &it.exit) {
                let turn = usize::try_from(rng.below(count as u64)).unwrap_or(0);
                let others = (0..count).map(|it| flows.start + (it + turn) % count);
                let others = others.filter(|it| *it != flow).take(OTHERS);
                for link in others.chain([flow]) {
                    let Some(seen) = self.run.flows.get(link) else {
                        continue;
                    };
                    examples.push(Example {
                        features: features::lives(life, &seen.guard),
                        is_match: link == flow,
                        flow,
                    });
                }
            }
        }
        examples
    }

    /// A window of so many quanta after every step of so many.
    fn all_windows(&self, step: usize, quanta: usize) -> impl Iterator<Item = Window> + use<> {
        let (from, until) = self.run.span;
        let (step, length) = (self.length(step), self.length(quanta));
        let begins = (0..).map(move |number| from + number * step);
        let whole = begins.take_while(move |begin| begin + length <= until);
        whole.map(move |from| Window { from, quanta })
    }

    fn length(&self, quanta: usize) -> Nanos {
        self.run.quantum * quanta as Nanos
    }
}

/// Real if what goes up bears something all the time; a dummy if nothing does anywhere near, either way.
fn real_or_dummy(flow: &Flow, quantum: Nanos, (from, until): (Nanos, Nanos)) -> Option<bool> {
    let real = flow.real(Way::Up).part_of(from, until);
    (real > 0.999)
        .then_some(true)
        .or_else(|| is_quiet(flow, quantum, (from, until)).then_some(false))
}

/// Busy if at least half of the time something goes one way or the other; idle if nothing does.
fn busy_or_idle(flow: &Flow, quantum: Nanos, (from, until): (Nanos, Nanos)) -> Option<bool> {
    let busy = [Way::Up, Way::Down].map(|way| flow.real(way).part_of(from, until));
    (busy[0] + busy[1] >= 0.5)
        .then_some(true)
        .or_else(|| is_quiet(flow, quantum, (from, until)).then_some(false))
}

fn is_quiet(flow: &Flow, quantum: Nanos, (from, until): (Nanos, Nanos)) -> bool {
    let (from, until) = (from - QUIET * quantum, until + QUIET * quantum);
    let ways = [Way::Up, Way::Down];
    ways.into_iter()
        .all(|way| flow.real(way).part_of(from, until) == 0.0)
}

/// At most so many of each kind, drawn from all.
fn thinned(mut all: Vec<Example>, most: usize, rng: &mut Rng) -> Vec<Example> {
    for last in (1..all.len()).rev() {
        all.swap(
            last,
            usize::try_from(rng.below(last as u64 + 1)).unwrap_or(0),
        );
    }
    let mut taken = [0; 2];
    all.retain(|it| {
        let [no, yes] = &mut taken;
        let taken = if it.is_match { yes } else { no };
        *taken += 1;
        *taken <= most
    });
    all
}
