//! What was found, for people and for programs.

use super::learn::Guesses;
use super::questions::Question;
use super::stats::{Interval, Scored, auc, mean, over_seeds};
use super::trace::{quantile, sorted};
use pluribus_mix::crypto::rng::Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How far from 0.5 the mean AUC of what must not be told may be.
const MARGIN: f64 = 0.02;
/// What a control has to reach.
const SEEN: f64 = 0.9;

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scene {
    /// The network as it is.
    Network,
    /// One that sends at once.
    Unpaced,
    /// What was seen of the network, with real cells a hundred microseconds later.
    Late,
    /// What was seen of the network, with circuits that live as long as they are used.
    OnDemand,
}

impl Scene {
    fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Unpaced => "control: pacing none",
            Self::Late => "control: real cells 100 µs late",
            Self::OnDemand => "control: circuits on demand",
        }
    }
}

/// One line of the report.
struct Row {
    scene: Scene,
    question: Question,
    auc: f64,
    interval: Interval,
    single: f64,
    shuffled: f64,
    pairs: (usize, usize),
    margin: f64,
}

impl Row {
    fn of(scene: Scene, question: Question, seeds: &[Guesses], rng: &mut Rng) -> Self {
        let learnt: Vec<Vec<Scored>> = seeds.iter().map(|it| it.learnt.clone()).collect();
        let (auc_of_all, interval) = over_seeds(&learnt, rng);
        let all = || learnt.iter().flatten();
        let matches = all().filter(|it| it.is_match).count();
        let pairs = (matches, all().count() - matches);
        Self {
            scene,
            question,
            auc: auc_of_all,
            interval,
            single: mean(seeds.iter().map(|it| auc(&it.single))),
            shuffled: mean(seeds.iter().map(|it| auc(&it.shuffled))),
            pairs,
            margin: MARGIN.max(2.0 * error(pairs)),
        }
    }

    fn holds(&self) -> bool {
        match self.scene {
            Scene::Network => (self.auc - 0.5).abs() <= self.margin,
            _ => self.auc >= SEEN,
        }
    }

    fn verdict(&self) -> String {
        match (self.scene, self.holds()) {
            (Scene::Network, true) => format!("within 0.50 ± {:.2}", self.margin),
            (Scene::Network, false) => format!("TOLD: beyond 0.50 ± {:.2}", self.margin),
            (_, true) => "seen".to_owned(),
            (_, false) => format!("NOT SEEN: below {SEEN}, so the test is blind"),
        }
    }
}

/// The standard error of the AUC of so many matches and others if nothing is told.
fn error((matches, others): (usize, usize)) -> f64 {
    let (m, n) = (matches as f64, others as f64);
    ((m + n + 1.0) / (12.0 * m * n).max(1.0)).sqrt()
}

/// What has been guessed so far, seed by seed, and what else was noted.
#[derive(Default)]
pub(super) struct Report {
    guesses: BTreeMap<(Scene, Question), Vec<Guesses>>,
    /// Microseconds behind the grid, up and down.
    lateness: [Vec<f64>; 2],
    /// CPU seconds of this process, and seconds of the world.
    busy: (f64, f64),
    rows: Vec<Row>,
}

impl Report {
    pub(super) fn add(&mut self, scene: Scene, question: Question, guesses: Guesses) {
        let seeds = self.guesses.entry((scene, question)).or_default();
        seeds.push(guesses);
    }

    pub(super) fn add_lateness(&mut self, lateness: [Vec<f64>; 2]) {
        for (all, more) in self.lateness.iter_mut().zip(lateness) {
            all.extend(more);
        }
    }

    pub(super) fn add_load(&mut self, cpu: f64, seconds: f64) {
        self.busy = (self.busy.0 + cpu, self.busy.1 + seconds);
    }

    /// Draws the conclusions.
    pub(super) fn conclude(&mut self, rng: &mut Rng) {
        let all = self.guesses.iter();
        let rows = all.map(|((scene, question), seeds)| Row::of(*scene, *question, seeds, rng));
        self.rows = rows.collect();
        self.lateness = std::mem::take(&mut self.lateness).map(sorted);
    }

    /// What does not hold, in one line.
    pub(super) fn objection(&self) -> Option<String> {
        let wrong = self.rows.iter().filter(|row| !row.holds());
        let wrong: Vec<_> = wrong
            .map(|row| {
                format!(
                    "{} ({}) {:.3}",
                    row.question.name(),
                    row.scene.name(),
                    row.auc
                )
            })
            .collect();
        (!wrong.is_empty()).then(|| format!("AUC out of bounds: {}", wrong.join(", ")))
    }

    fn percentiles(&self) -> [[f64; 4]; 2] {
        let parts = [0.1, 0.5, 0.99, 1.0];
        [0, 1].map(|way| {
            let way = self.lateness.get(way).map_or(&[][..], Vec::as_slice);
            parts.map(|part| quantile(way, part))
        })
    }

    /// Cores that this process kept busy on average, and the load of the machine in the last minute.
    fn load(&self) -> (f64, f64) {
        let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = text
            .split_whitespace()
            .next()
            .and_then(|it| it.parse().ok());
        (
            self.busy.0 / self.busy.1.max(1e-9),
            load.unwrap_or(f64::NAN),
        )
    }

    pub(super) fn table(&self, pacing: &str) -> String {
        let mut text = format!("pacing {pacing}: AUC of telling (0.5: nothing, 1: everything)\n");
        let mut scene = None;
        for row in &self.rows {
            if scene.replace(row.scene) != Some(row.scene) {
                let _ = writeln!(
                    text,
                    "\n{:<34} {:>5}  {:<14} {:>6} {:>8}  {:>13}",
                    row.scene.name(),
                    "AUC",
                    "95 %",
                    "single",
                    "shuffled",
                    "pairs"
                );
            }
            let Interval(from, to) = row.interval;
            let (matches, others) = row.pairs;
            let _ = writeln!(
                text,
                "  {:<32} {:.3}  [{from:.3}, {to:.3}] {:>6.3} {:>8.3}  {matches:>6}/{others:<6}  {}",
                row.question.name(),
                row.auc,
                row.single,
                row.shuffled,
                row.verdict()
            );
        }
        text.push('\n');
        for question in Question::ALL {
            let _ = writeln!(text, "{:<9} {}", question.name(), question.meaning());
        }
        for (way, [tenth, median, most_of, most]) in ["up", "down"].iter().zip(self.percentiles()) {
            let _ = writeln!(
                text,
                "lateness of batches {way}, µs: 10 % {tenth:.0}, median {median:.0}, 99 % {most_of:.0}, most {most:.0}"
            );
        }
        let (cores, load) = self.load();
        let _ = write!(
            text,
            "this process kept {cores:.2} cores busy; load of the machine {load:.2}"
        );
        text
    }

    pub(super) fn json(&self, pacing: &str) -> Value {
        let row = |row: &Row| {
            json!({
                "scene": row.scene.name(), "question": row.question.name(),
                "auc": row.auc, "interval": [row.interval.0, row.interval.1],
                "single": row.single, "shuffled": row.shuffled,
                "matches": row.pairs.0, "others": row.pairs.1,
                "margin": row.margin, "holds": row.holds(),
            })
        };
        let late = |[tenth, median, most_of, most]: [f64; 4]| json!({ "p10": tenth, "p50": median, "p99": most_of, "most": most });
        let [up, down] = self.percentiles().map(late);
        let (cores, load) = self.load();
        json!({
            "pacing": pacing,
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
            "lateness_us": { "up": up, "down": down },
            "cores": cores, "load": load,
            "holds": self.objection().is_none(),
        })
    }
}
