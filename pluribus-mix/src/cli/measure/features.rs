//! What an observer looks at: numbers made of what it has seen, in a window or of a circuit.
//!
//! Counts alone would prove anything safe that sends as much always; so lateness against the grid is looked at in every window, and how both go together with what is seen at the other end,
//! lag by lag.

use super::run::{Life, Moments};
use super::stats::{correlation, deviation, mean};
use super::trace::{Batch, MILLI, Nanos, Record, Rhythm, SECOND, Way, quantile, sorted};

/// Quanta by which the other end may be behind, or before on the way back.
const LAGS: usize = 24;
/// Lags that are taken together.
const NEAR_LAGS: usize = 4;

/// Both directions of a connection.
pub(super) struct Seen {
    quantum: Nanos,
    up: Rhythm,
    down: Rhythm,
}

/// A span of whole quanta.
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub(super) from: Nanos,
    pub(super) quanta: usize,
}

impl Seen {
    /// A link.
    pub(super) fn link(records: &[Record], quantum: Nanos) -> Self {
        let way = |way| Rhythm::of(records, way, quantum);
        let (up, down) = (way(Way::Up), way(Way::Down));
        Self { quantum, up, down }
    }

    /// A connection of an exit, which sends what it has.
    pub(super) fn host(records: &[Record], quantum: Nanos) -> Self {
        let way = |way| Rhythm::without_grid(records, way, quantum);
        let (up, down) = (way(Way::Up), way(Way::Down));
        Self { quantum, up, down }
    }

    pub(super) fn way(&self, way: Way) -> &Rhythm {
        match way {
            Way::Up => &self.up,
            Way::Down => &self.down,
        }
    }

    /// What a window of a link shows by itself.
    pub(super) fn alone(&self, window: Window) -> Vec<f64> {
        let ways = [Way::Up, Way::Down];
        ways.into_iter()
            .flat_map(|way| self.one_way(self.way(way), window))
            .collect()
    }

    fn one_way(&self, rhythm: &Rhythm, window: Window) -> Vec<f64> {
        let until = window.from + self.quantum * window.quanta as Nanos;
        let batches = rhythm.between(window.from, until);
        let bytes: Vec<f64> = batches.iter().map(|it| it.bytes).collect();
        let late: Vec<f64> = batches.iter().map(|it| rhythm.lateness(it)).collect();
        let gaps = batches.iter().zip(batches.iter().skip(1));
        let gaps = sorted(
            gaps.map(|(one, next)| self.quanta(next.at - one.at))
                .collect(),
        );
        let mut out = vec![
            batches.len() as f64,
            bytes.iter().sum::<f64>().ln_1p(),
            deviation(&bytes).ln_1p(),
            quantile(&gaps, 0.0),
            quantile(&gaps, 1.0),
            deviation(&gaps),
            mean(batches.iter().map(|it| it.pieces)),
            mean(batches.iter().map(|it| self.quanta(it.until - it.at))),
            mean(late.iter().copied()),
            deviation(&late),
            correlation(late.iter().zip(late.iter().skip(1))),
            late.first().copied().unwrap_or(0.0),
            late.last().copied().unwrap_or(0.0),
        ];
        out.extend(quantiles(late));
        out.extend(shares(rhythm, batches));
        // Beside its neighbours, so that a slow moment of the whole machine counts less.
        let behind = rhythm.between(until, until + self.quantum * 4);
        let before = rhythm.between(window.from - self.quantum * 4, window.from);
        out.extend(shares(rhythm, &[before, behind].concat()));
        out
    }

    fn quanta(&self, span: Nanos) -> f64 {
        span as f64 / self.quantum as f64
    }

    /// What a window of a link shows together with a connection elsewhere that may be its other end.
    pub(super) fn beside(&self, other: &Self, window: Window) -> Vec<f64> {
        let ways = [Way::Up, Way::Down];
        ways.into_iter()
            .flat_map(|way| self.beside_one_way(other, way, window))
            .collect()
    }

    fn beside_one_way(&self, other: &Self, way: Way, window: Window) -> Vec<f64> {
        let here = self.way(way);
        let bytes = self.series(here, window, |it| it.bytes.ln_1p());
        // Far out is noise, here more than anywhere.
        let late = self.series(here, window, |it| here.lateness(it).clamp(-1.5, 1.5));
        let longer = Window {
            from: match way {
                Way::Up => window.from,
                Way::Down => window.from - self.quantum * LAGS as Nanos,
            },
            quanta: window.quanta + LAGS,
        };
        let mut there = self.series(other.way(way), longer, |it| it.bytes.ln_1p());
        let (mut bytes, mut late) = (bytes, late);
        if way == Way::Down {
            // Then a lag is again by how much the other end is behind.
            for series in [&mut there, &mut bytes, &mut late] {
                series.reverse();
            }
        }
        let mut out = lags(&bytes, &there);
        out.extend(lags(&late, &there));
        let busy = there.iter().filter(|it| **it > 0.0).count() as f64 / there.len() as f64;
        let all = self.way(way).between(
            window.from,
            window.from + self.quantum * window.quanta as Nanos,
        );
        out.extend(shares(here, all).map(|share| (share - 0.5) * (busy - 0.3)));
        let (sent, came): (f64, f64) = (bytes.iter().sum(), there.iter().sum());
        let (first, last) = ends(&bytes);
        let (first_there, last_there) = ends(&there);
        out.extend([
            mean(late.iter().copied()) * (busy - 0.3),
            (sent - came).abs().ln_1p(),
            sent.ln_1p() * (busy - 0.3),
            (first - first_there).abs(),
            (last - last_there).abs(),
            (bursts(&bytes) - bursts(&there)).abs(),
        ]);
        out
    }

    /// A number for each quantum of a window.
    fn series(&self, rhythm: &Rhythm, window: Window, of: impl Fn(&Batch) -> f64) -> Vec<f64> {
        let mut series = vec![0.0; window.quanta];
        let until = window.from + self.quantum * window.quanta as Nanos;
        // By when they are due: the noise of the clock must not move one into the next quantum.
        let slack = self.quantum / 2;
        for batch in rhythm.between(window.from - slack, until + slack) {
            let at = (batch.due() - window.from).div_euclid(self.quantum);
            let slot = usize::try_from(at).ok().and_then(|at| series.get_mut(at));
            slot.into_iter().for_each(|it| *it += of(batch));
        }
        series
    }
}

fn quantiles(late: Vec<f64>) -> [f64; 5] {
    let in_order = sorted(late);
    [0.1, 0.25, 0.5, 0.75, 0.9].map(|part| quantile(&in_order, part))
}

/// What part of some batches is early or late by how much, in usual deviations: however wild the noise is, its middle is steady.
fn shares(rhythm: &Rhythm, batches: &[Batch]) -> [f64; 8] {
    let edges = [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.5];
    edges.map(|edge| {
        let earlier = batches.iter().filter(|it| rhythm.lateness(it) < edge);
        earlier.count() as f64 / batches.len().max(1) as f64
    })
}

/// How a series goes together with a longer one, shifted: at best, and for each few lags on average.
fn lags(series: &[f64], longer: &[f64]) -> Vec<f64> {
    let at = |lag: usize| correlation(series.iter().zip(longer.iter().skip(lag)));
    let all: Vec<f64> = (0..=LAGS).map(at).collect();
    let best = all.iter().copied().fold(-1.0, f64::max);
    let near = all.chunks(NEAR_LAGS).map(|some| mean(some.iter().copied()));
    std::iter::once(best).chain(near).collect()
}

/// Where the first and the last are that are not 0, as a part of the whole.
fn ends(series: &[f64]) -> (f64, f64) {
    let length = series.len() as f64;
    let first = series.iter().position(|it| *it > 0.0);
    let last = series.iter().rposition(|it| *it > 0.0);
    let part = |at: Option<usize>, none: f64| at.map_or(none, |at| at as f64 / length);
    (part(first, 1.0), part(last, 0.0))
}

/// How often it begins to be other than 0.
fn bursts(series: &[f64]) -> f64 {
    let quiet = series.chunk_by(|one, next| (*one > 0.0) == (*next > 0.0));
    quiet
        .filter(|some| some.first().is_some_and(|it| *it > 0.0))
        .count() as f64
}

/// What a circuit at an exit shows together with what begins and ends on a link.
pub(super) fn lives(circuit: &Life, link: &Moments) -> Vec<f64> {
    let beginnings = near(Some(circuit.began), &link.began);
    let ends = near(circuit.ended, &link.ended);
    let both = [ends[0].max(beginnings[0])];
    [&beginnings[..], &ends[..], &both].concat()
}

/// How far the nearest moment is, and the nearest before, in the logarithm of milliseconds; and how many are about it.
fn near(at: Option<Nanos>, moments: &[Nanos]) -> [f64; 4] {
    let far = |span: Option<Nanos>| {
        let span = span.unwrap_or(10 * SECOND).min(10 * SECOND);
        ((span / MILLI) as f64).ln_1p()
    };
    let away = |at: Nanos| moments.iter().map(move |it| at - it);
    let within = |at: Nanos, span: Nanos| away(at).filter(|it| it.abs() < span).count() as f64;
    [
        far(at.and_then(|at| away(at).map(Nanos::abs).min())),
        far(at.and_then(|at| away(at).filter(|it| *it >= 0).min())),
        at.map_or(0.0, |at| within(at, SECOND / 4)),
        at.map_or(0.0, |at| within(at, 2 * SECOND)),
    ]
}
