//! Traces made up, of which the truth is known: what shows that the test can see, and that it sees nothing where nothing is.

use super::questions::{Asked, Question};
use super::run::{Flow, Life, Moments, Run};
use super::stats::{Scored, auc, mean};
use super::trace::{MILLI, Nanos, Record, SECOND, Spans, Way};
use pluribus_mix::crypto::rng::{Noise, Rng, Seed};

const Q: Nanos = 20 * MILLI;
const SPAN: Nanos = 90 * SECOND;
const FLOWS: usize = 12;
/// From a link to the other end.
const DELAY: Nanos = 160 * MILLI;
const MICRO: Nanos = 1000;

/// Whether links send what they have, or the same in every quantum.
#[derive(Clone, Copy, PartialEq)]
enum Pacing {
    None,
    Constant,
}

struct Maker {
    rng: Rng,
    noise: Noise,
}

impl Maker {
    fn new(seed: u8) -> Self {
        let mut rng = Seed::from_bytes([seed; 32]).fork("synthetic");
        let noise = Noise::from(&mut rng);
        Self { rng, noise }
    }

    fn below(&mut self, bound: Nanos) -> Nanos {
        let mut bytes = [0; 8];
        self.noise.fill(&mut bytes);
        (u64::from_le_bytes(bytes) % bound.unsigned_abs()) as Nanos
    }

    /// Roughly normal, 40 µs, and one in a hundred far out.
    fn jitter(&mut self) -> Nanos {
        let sum: Nanos = (0..6).map(|_| self.below(56 * MICRO)).sum();
        let far = if self.below(100) == 0 {
            self.below(2 * MILLI)
        } else {
            0
        };
        sum + far
    }

    /// Busy for a while, up and down, then quiet for a while.
    fn spans(&mut self) -> [Spans; 2] {
        let (mut up, mut down, mut at) = (Spans::default(), Spans::default(), 0);
        while at < SPAN {
            at += match self.below(3) {
                0 => 80 * Q + self.below(140 * Q),
                _ => 5 * Q + self.below(50 * Q),
            };
            for spans in [&mut up, &mut down] {
                let from = at + self.below(20 * Q);
                spans.add(from, from + 8 * Q + self.below(30 * Q));
            }
            at = up.end().max(down.end()).unwrap_or(at);
        }
        [up, down]
    }

    fn run(&mut self, pacing: Pacing) -> Run {
        Run {
            quantum: Q,
            span: (SECOND, SPAN - SECOND),
            flows: (0..FLOWS).map(|_| self.flow(pacing)).collect(),
        }
    }

    fn flow(&mut self, pacing: Pacing) -> Flow {
        let [real_up, real_down] = self.spans();
        let mut flow = Flow {
            real_up,
            real_down,
            ..Flow::default()
        };
        for way in [Way::Up, Way::Down] {
            // A clock of its own: 0 to 100 millionths slow.
            let (phase, step) = (self.below(Q), Q + self.below(Q / 10_000));
            for n in 0..SPAN / step {
                let grid = phase + n * step;
                let is_real = flow.real(way).has(grid);
                if is_real || pacing == Pacing::Constant {
                    let at = grid + self.jitter();
                    flow.link.push(Record {
                        at,
                        bytes: 8192,
                        way,
                    });
                }
                if is_real {
                    let delay = if way == Way::Up { DELAY } else { -DELAY };
                    let at = grid + delay + self.below(5 * MILLI);
                    flow.host.push(Record {
                        at,
                        bytes: 880,
                        way,
                    });
                }
            }
        }
        flow.link.sort_by_key(|it| it.at);
        flow.host.sort_by_key(|it| it.at);
        self.live(&mut flow);
        flow
    }

    /// Circuits begin at the link's own windows, and sessions take them when they like.
    fn live(&mut self, flow: &mut Flow) {
        let first = self.below(6 * SECOND);
        let began = (0..5).map(|window| first + window * 6 * SECOND).collect();
        let ended = (0..5).map(|_| self.below(SPAN)).collect();
        flow.guard = Moments { began, ended };
        for _ in 0..12 {
            let asked = self.below(SPAN);
            let given_up = asked + SECOND + self.below(3 * SECOND);
            flow.sessions.push((asked, given_up));
            flow.exit.push(Life {
                began: asked + self.below(50 * MILLI),
                ended: None,
            });
        }
    }

    fn guess(&mut self, question: Question, run: &Run) -> Vec<Scored> {
        Asked::of(run, 400).guess(question, &mut self.rng).learnt
    }
}

/// The mean AUC over three seeds.
fn told(question: Question, pacing: Pacing, leak: impl Fn(&Run, &mut Rng) -> Run) -> f64 {
    let seeds = (1..=3).map(|seed| {
        let mut maker = Maker::new(seed);
        let run = maker.run(pacing);
        let run = leak(&run, &mut maker.rng);
        auc(&maker.guess(question, &run))
    });
    mean(seeds)
}

#[test]
fn where_nothing_leaks_nothing_is_seen() {
    for question in Question::ALL {
        let told = told(question, Pacing::Constant, |run, _| run.clone());
        assert!((told - 0.5).abs() < 0.05, "{question:?}: {told}");
    }
}

#[test]
fn what_is_sent_when_there_is_something_is_seen() {
    for question in [Question::Flows, Question::Cells, Question::Activity] {
        let told = told(question, Pacing::None, |run, _| run.clone());
        // Where two flows are quiet at a time nothing tells them apart.
        let least = if question == Question::Flows {
            0.93
        } else {
            0.98
        };
        assert!(told > least, "{question:?}: {told}");
    }
}

#[test]
fn real_cells_that_are_a_hundred_microseconds_late_are_seen() {
    for question in [Question::Flows, Question::Cells, Question::Activity] {
        let late = |run: &Run, _: &mut Rng| run.with_real_cells_late(100 * MICRO);
        let told = told(question, Pacing::Constant, late);
        assert!(told > 0.9, "{question:?}: {told}");
    }
}

#[test]
fn real_cells_that_are_twenty_microseconds_late_are_seen_too() {
    for question in [Question::Flows, Question::Cells, Question::Activity] {
        let late = |run: &Run, _: &mut Rng| run.with_real_cells_late(20 * MICRO);
        let told = told(question, Pacing::Constant, late);
        assert!(told > 0.6, "{question:?}: {told}");
    }
}

#[test]
fn circuits_that_live_as_long_as_they_are_used_are_seen() {
    let on_demand = |run: &Run, rng: &mut Rng| run.with_circuits_on_demand(40 * MILLI, rng);
    let told = told(Question::Lives, Pacing::Constant, on_demand);
    assert!(told > 0.98, "{told}");
}

/// However they begin: who sees the end of a circuit at both of its ends matches it by that alone.
#[test]
fn circuits_whose_ends_are_passed_on_are_seen() {
    let ends = |run: &Run, rng: &mut Rng| {
        let mut leaky = run.clone();
        for flow in &mut leaky.flows {
            let mut below = |span: Nanos| rng.below(span.unsigned_abs()) as Nanos;
            for life in &mut flow.exit {
                let ended = life.began + SECOND + below(10 * SECOND);
                life.ended = Some(ended + below(100 * MILLI));
                flow.guard.ended.push(ended);
            }
        }
        leaky
    };
    let told = told(Question::Lives, Pacing::Constant, ends);
    assert!(told > 0.9, "{told}");
}
