//! The rows on real sockets: throughput of one circuit and of ten, per CPU second, on two threads, and how long an echo takes.

use super::super::super::Failure;
use super::super::meter::{Row, against, broken, waited};
use super::ceiling;
use super::network::{Line, Network, echo, threads};
use pluribus_mix::crypto::aead::{Aead as _, Backend, Key};
use pluribus_mix::node::CELL_LEN;
use pluribus_mix::onion::CELL;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Bytes in a round.
const ROUND: usize = 16 << 20;
/// Circuits at once.
const TEN: usize = 10;
/// Echoes of a measurement, the first of them not counted.
const ECHOES: usize = 2_000;
const COLD: usize = 50;
/// Cells that are sealed to see what two threads give.
const SEALED: u64 = 200_000;

/// Parties in a runtime, with some circuits.
struct Site {
    runtime: Runtime,
    network: Network,
    lines: Vec<Line>,
}

impl Site {
    fn new(backend: Backend, count: usize, lines: usize) -> Result<Self, Failure> {
        let runtime = threads(count)?;
        let network = runtime.block_on(Network::up(backend))?;
        let mut site = Self {
            runtime,
            network,
            lines: Vec::new(),
        };
        for _ in 0..lines {
            let line = site.runtime.block_on(site.network.line())?;
            site.lines.push(line);
        }
        Ok(site)
    }

    /// Carries a round, in equal parts over all lines at once.
    fn pull(&mut self) -> Result<(), Failure> {
        self.carry(ROUND)
    }

    fn carry(&mut self, bytes: usize) -> Result<(), Failure> {
        let each = bytes / self.lines.len().max(1);
        let lines = std::mem::take(&mut self.lines);
        self.lines = self.runtime.block_on(async {
            let mut pulling = JoinSet::new();
            for mut line in lines {
                pulling.spawn(async move { line.pull(each).await.map(|()| line) });
            }
            let mut lines = Vec::new();
            while let Some(done) = pulling.join_next().await {
                lines.push(done.map_err(broken)??);
            }
            Ok::<_, Failure>(lines)
        })?;
        Ok(())
    }
}

/// Seconds that something takes.
fn time(thing: impl FnOnce() -> Result<(), Failure>) -> Result<f64, Failure> {
    let start = waited();
    thing()?;
    Ok(waited().saturating_sub(start).as_secs_f64())
}

/// Seconds of the world of the quickest round of each, taken in turn.
fn quickest(
    rounds: u32,
    mut thing: impl FnMut() -> Result<(), Failure>,
    mut reference: impl FnMut() -> Result<(), Failure>,
) -> Result<(f64, f64), Failure> {
    thing()?;
    reference()?;
    let mut best = (f64::MAX, f64::MAX);
    for _ in 0..rounds {
        best.0 = best.0.min(time(&mut thing)?);
        best.1 = best.1.min(time(&mut reference)?);
    }
    Ok(best)
}

/// `circuit.MB_per_cpu_s`: all parties in one thread, all their CPU time, against the ceiling.
pub(super) fn per_cpu(backend: Backend, rounds: u32) -> Result<Row, Failure> {
    let mut site = Site::new(backend, 0, 1)?;
    let bare = threads(0)?;
    let pull = || site.pull();
    let reference = || ceiling::carry(&bare, backend, ROUND, 1);
    let (carried, reference) = against(rounds, pull, reference)?;
    Ok(megabytes(
        "circuit.MB_per_cpu_s",
        backend,
        carried,
        reference,
    ))
}

/// Carries this many cells over a circuit on loopback and does nothing else: what a profiler is to look at.
pub(super) fn only(backend: Backend, cells: usize) -> Result<(), Failure> {
    Site::new(backend, 0, 1)?.carry(cells * CELL_LEN)
}

/// `circuit.single_MBps` and `circuit.ten_MBps`: two threads, the time of the world, against as many pipes of the ceiling.
pub(super) fn throughput(backend: Backend, rounds: u32) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for (name, lines) in [("circuit.single_MBps", 1), ("circuit.ten_MBps", TEN)] {
        let mut site = Site::new(backend, 2, lines)?;
        let bare = threads(2)?;
        let pull = || site.pull();
        let reference = || ceiling::carry(&bare, backend, ROUND, lines);
        let (carried, reference) = quickest(rounds, pull, reference)?;
        rows.push(megabytes(name, backend, carried, reference));
    }
    Ok(rows)
}

fn megabytes(name: &'static str, backend: Backend, carried: f64, reference: f64) -> Row {
    let megabytes = ROUND as f64 / 1e6;
    Row {
        name,
        value: megabytes / carried,
        unit: "MB/s",
        reference: Some(megabytes / reference),
        backend: backend.name(),
    }
}

/// `circuit.two_core_gain`: ten circuits in a runtime of two threads over the same in one of one, against the gain of sealing alone.
pub(super) fn gain(backend: Backend, rounds: u32) -> Result<Row, Failure> {
    let mut one = Site::new(backend, 1, TEN)?;
    let mut two = Site::new(backend, 2, TEN)?;
    let (slow, quick) = quickest(rounds, || one.pull(), || two.pull())?;
    let (alone, both) = quickest(rounds, || seal(backend, 1), || seal(backend, 2))?;
    Ok(Row {
        name: "circuit.two_core_gain",
        value: slow / quick,
        unit: "x",
        reference: Some(alone / both),
        backend: backend.name(),
    })
}

/// Seals the same number of cells in so many threads.
fn seal(backend: Backend, threads: u64) -> Result<(), Failure> {
    let part = || {
        let key = Key::new(backend, &[7; 32]);
        let mut cell = [0x5a; CELL];
        (0..SEALED / threads).try_for_each(|counter| key.seal(counter, b"", &mut cell).map(drop))
    };
    let sealed = std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads).map(|_| scope.spawn(part)).collect();
        let ends = parts.into_iter().map(|part| part.join());
        ends.filter(|end| matches!(end, Ok(Ok(())))).count()
    });
    let all = sealed as u64 == threads;
    all.then_some(())
        .ok_or_else(|| broken("cells were not sealed"))
}

/// `circuit.echo_p50_us` and `circuit.echo_p99_us`: 64 bytes to the source and back on a circuit that has been used, against the same over plain
/// TCP.
pub(super) fn echoes(backend: Backend) -> Result<[Row; 2], Failure> {
    let mut site = Site::new(backend, 0, 1)?;
    let Some(mut line) = site.lines.pop() else {
        return Err(broken("no line"));
    };
    let (over, bare) = site.runtime.block_on(async {
        let mut bare = site.network.bare().await?;
        let (mut through, mut plain) = (Vec::new(), Vec::new());
        for _ in 0..ECHOES {
            let start = waited();
            line.echo().await?;
            through.push(waited().saturating_sub(start));
            let start = waited();
            echo(&mut bare).await.map_err(broken)?;
            plain.push(waited().saturating_sub(start));
        }
        Ok::<_, Failure>((through, plain))
    })?;
    let row = |name, share| Row {
        name,
        value: quantile(&over, share),
        unit: "us",
        reference: Some(quantile(&bare, share)),
        backend: backend.name(),
    };
    Ok([
        row("circuit.echo_p50_us", 0.5),
        row("circuit.echo_p99_us", 0.99),
    ])
}

/// The time in microseconds within which this share of echoes came.
fn quantile(times: &[Duration], share: f64) -> f64 {
    let mut warm = times.get(COLD..).unwrap_or_default().to_vec();
    warm.sort_unstable();
    let at = (warm.len() as f64 * share) as usize;
    let time = warm.get(at).or(warm.last());
    time.map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
}
