//! The leak test: whether somebody who watches both ends of a network can tell who talks with whom.
//!
//! A network is brought up in this process, on loopback, with real parties; clients do what programs do; and what is seen on their links to their guards and at the other end is
//! given to a learner that knows the truth about a third of the flows and guesses the others. What it reaches is an AUC (`stats`), and 0.5 is guessing. But 0.5 says
//! nothing by itself: a test that cannot see finds nothing. So the same test looks at the same traces with a leak put in, and at a network that sends at once, and has to see both.
//!
//! ```text
//! network.rs   who takes part             tap.rs        where links are watched, and how finely
//! workload.rs  what they do               run.rs        what was seen, what was true, leaks put in
//! trace.rs     batches, and the grid      features.rs   what an observer looks at
//! questions.rs what is asked              learn.rs stats.rs report.rs
//! ```
//!
//! *What it does not show.* It is one machine, minutes and some dozens of clients: nothing of months, of who is online, or of an active attacker. The
//! observer has the noise of `tap.rs`. It is a test, not a proof: other features may tell what these do not.

mod features;
mod learn;
mod network;
mod questions;
mod report;
mod run;
mod stats;
#[cfg(test)]
mod synthetic;
mod tap;
mod trace;
mod workload;

use super::Failure;
use clap::{Args, ValueEnum};
use network::Network;
use pluribus_mix::crypto::rng::Seed;
use pluribus_mix::directory::Params;
use questions::{Asked, MATCHED, Question};
use report::{Report, Scene};
use run::Run;
use rustix::time::{ClockId, clock_gettime};
use std::io::Write as _;
use std::time::Duration;
use tap::{Seen, now};
use trace::{MILLI, Nanos, Way};
use workload::Plan;

/// By how much the control writes real cells later.
const LATE: Nanos = MILLI / 10;
/// Within what a circuit on demand begins and ends at both ends.
const PASSED_ON: Nanos = 100 * MILLI;
/// Before anything is watched, and while sessions come and go.
const SETTLE: Duration = Duration::from_secs(12);
const LIVES: Duration = Duration::from_secs(20);
/// Sessions of each client that come and go: no more than there are spare circuits for.
const SESSIONS: usize = 3;

/// See whether who watches both ends of a local network can match flows, beside controls in which it must.
#[derive(Args)]
pub(crate) struct Measure {
    /// How cells are sent
    #[arg(long, value_enum, default_value_t = Pacing::Constant)]
    pacing: Pacing,
    /// How often everything is done anew, each time with other flows
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=100))]
    seeds: u8,
    /// Pairs of each kind that are guessed in every seed, at least where flows are matched: 1600 for an error of 0.02
    #[arg(long, value_name = "N", default_value_t = 1600, value_parser = clap::value_parser!(u32).range(40..=100_000))]
    pairs: u32,
    /// Clients; from a third of them it is learnt, the others are guessed
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u16).range(6..=100))]
    clients: u16,
    /// What has to be seen beside: a network that sends at once, real cells 100 µs later than dummies, circuits built on demand
    #[arg(long, value_enum, default_value_t = Control::All)]
    control: Control,
    /// Put one JSON object on standard output instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Pacing {
    /// So many in every quantum, real or not.
    Constant,
    /// At once.
    None,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Control {
    /// A network that sends at once.
    None,
    /// Real cells later.
    Late,
    /// Circuits on demand.
    OnDemand,
    /// All of them.
    All,
}

impl Control {
    fn includes(self, other: Self) -> bool {
        self == Self::All || self == other
    }
}

impl Pacing {
    fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::None => "none",
        }
    }

    /// As in the networks of `up`.
    fn params(self) -> Result<Params, Failure> {
        let params = Params::local().with("pacing", self.name());
        params.map_err(Failure::usage)
    }
}

impl Measure {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let mut report = Report::default();
        for number in 1..=self.seeds {
            self.progress(&format!("seed {number} of {}", self.seeds));
            self.seed(number, &mut report)?;
        }
        if self.pacing == Pacing::Constant && self.control.includes(Control::None) {
            self.progress("control: a network that sends at once");
            self.unpaced(&mut report)?;
        }
        self.progress("conclusions");
        report.conclude(&mut Seed::from_bytes([0; 32]).fork("flows drawn again"));
        let text = match self.json {
            true => report.json(self.pacing.name()).to_string(),
            false => report.table(self.pacing.name()),
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{text}")
            .map_err(|error| Failure::failed(format!("standard output: {error}")))?;
        report
            .objection()
            .map_or(Ok(()), |why| Err(Failure::failed(why)))
    }

    /// The network as it is, and what was seen of it with leaks put in.
    fn seed(&self, number: u8, report: &mut Report) -> Result<(), Failure> {
        let seed = Seed::from_bytes([number; 32]);
        let began = (cpu(), now());
        let run = self.watch(self.pacing, self.pairs, &seed)?;
        report.add_load(cpu() - began.0, (now() - began.1) as f64 / 1e9);
        self.progress("learning and guessing");
        let asked = self.ask(Scene::Network, self.pacing, &run, &seed, report);
        report.add_lateness([Way::Up, Way::Down].map(|way| {
            let links = asked.links().iter();
            links
                .flat_map(|link| link.way(way).all_lateness())
                .collect()
        }));
        if self.pacing == Pacing::None {
            return Ok(());
        }
        if self.control.includes(Control::Late) {
            let late = run.with_real_cells_late(LATE);
            self.ask(Scene::Late, self.pacing, &late, &seed, report);
        }
        if self.control.includes(Control::OnDemand) {
            let mut rng = seed.fork("on demand");
            let on_demand = run.with_circuits_on_demand(PASSED_ON, &mut rng);
            self.ask(Scene::OnDemand, self.pacing, &on_demand, &seed, report);
        }
        Ok(())
    }

    /// A network that sends at once, once and with half of the pairs: what it tells is told soon.
    fn unpaced(&self, report: &mut Report) -> Result<(), Failure> {
        let seed = Seed::from_bytes([0xff; 32]);
        let run = self.watch(Pacing::None, self.pairs / 2, &seed)?;
        self.ask(Scene::Unpaced, Pacing::None, &run, &seed, report);
        Ok(())
    }

    fn watch(&self, pacing: Pacing, pairs: u32, seed: &Seed) -> Result<Run, Failure> {
        let clients = usize::from(self.clients);
        let held_out = self.clients - self.clients.div_ceil(3);
        let windows = pairs.div_ceil(u32::from(held_out));
        let quantum = pacing.params()?.quantum();
        let window = Duration::from_millis(quantum) * u32::try_from(MATCHED).unwrap_or(0);
        let plan = Plan {
            quantum: Nanos::try_from(quantum).unwrap_or(0) * MILLI,
            settle: SETTLE,
            // Two more, for the last is twice as long, and what is cut off.
            traffic: window * (windows + 2),
            lives: LIVES,
            sessions: SESSIONS,
        };
        let length = plan.settle + plan.traffic + plan.lives;
        self.progress(&format!(
            "watching {clients} clients for {} s",
            length.as_secs()
        ));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(Failure::failed)?;
        let watched = runtime.block_on(async {
            let seen = Seen::default();
            let network = Network::up(clients, pacing.params()?, &seen).await?;
            workload::run(network, plan, seed, &seen).await
        });
        runtime.shutdown_timeout(Duration::from_secs(3));
        watched
    }

    fn ask<'r>(
        &self,
        scene: Scene,
        pacing: Pacing,
        run: &'r Run,
        seed: &Seed,
        report: &mut Report,
    ) -> Asked<'r> {
        let most = usize::try_from(self.pairs).unwrap_or(usize::MAX);
        let asked = Asked::of(run, most);
        let mut rng = seed.fork("questions");
        for question in Question::ALL {
            let is_asked = match (scene, question) {
                (Scene::OnDemand, _) => question == Question::Lives,
                (Scene::Late, _) => question != Question::Lives,
                // Without pacing there are no dummies.
                (_, Question::Cells) => pacing == Pacing::Constant,
                _ => true,
            };
            if is_asked {
                report.add(scene, question, asked.guess(question, &mut rng));
            }
        }
        asked
    }

    fn progress(&self, what: &str) {
        eprintln!("measuring: {what}");
    }
}

/// CPU seconds that this process has used.
fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
