//! What an observer of a link writes down, and the beat that it hears in it.
//!
//! A link that is paced is written once a quantum. The observer knows the quantum, for the network tells it to everybody, but not when it begins,
//! and the sender's clock is neither fast nor steady (PAC-2 lets it slew). So the grid is fitted where it is used: every batch gets the number
//! of its quantum, and how late it is against the line through the medians of the hundred batches before it and the hundred behind. What a sender does later with real cells than with dummies stands
//! out from its neighbours however the clocks drift.

/// Nanoseconds of a clock that all of this process shares.
pub(super) type Nanos = i64;

/// Nanoseconds of a millisecond, and of a second.
pub(super) const MILLI: Nanos = 1_000_000;
pub(super) const SECOND: Nanos = 1_000 * MILLI;

/// Batches on either side from which the grid is fitted.
const NEAR: usize = 100;
/// At every so many batches it is fitted, and straight in between.
const STRIDE: usize = 20;

/// A direction of a link, as its client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From the client, or to the host.
    Up,
    /// To the client, or from the host.
    Down,
}

/// Bytes that were seen at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) at: Nanos,
    pub(super) bytes: u32,
    pub(super) way: Way,
}

/// What was written together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch {
    /// When its first byte was seen.
    pub(super) at: Nanos,
    /// When its last was seen.
    pub(super) until: Nanos,
    pub(super) bytes: f64,
    /// In how many pieces it was seen.
    pub(super) pieces: f64,
    /// Nanoseconds behind the grid.
    pub(super) late: f64,
}

impl Batch {
    /// When it should have been seen.
    pub(super) fn due(&self) -> Nanos {
        self.at - self.late as Nanos
    }
}

/// One direction of a link as batches, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Rhythm {
    batches: Vec<Batch>,
    /// How far lateness usually is from its median, in nanoseconds.
    spread: f64,
}

impl Rhythm {
    /// What goes this way, batch by batch, with how late each is against a grid of quanta.
    pub(super) fn of(records: &[Record], way: Way, quantum: Nanos) -> Self {
        let mut batches = Self::without_grid(records, way, quantum).batches;
        fit(&mut batches, quantum);
        let lateness = batches.iter().map(|it| it.late.abs()).collect();
        Self {
            batches,
            spread: quantile(sorted(lateness), 0.5).max(1.0),
        }
    }

    /// What goes this way, batch by batch, where nothing is sent by the clock.
    pub(super) fn without_grid(records: &[Record], way: Way, quantum: Nanos) -> Self {
        let mut batches: Vec<Batch> = Vec::new();
        for record in records.iter().filter(|record| record.way == way) {
            let bytes = f64::from(record.bytes);
            match batches.last_mut() {
                Some(last) if record.at - last.at < quantum / 4 => {
                    last.until = record.at;
                    last.bytes += bytes;
                    last.pieces += 1.0;
                }
                _ => batches.push(Batch {
                    at: record.at,
                    until: record.at,
                    bytes,
                    pieces: 1.0,
                    late: 0.0,
                }),
            }
        }
        let spread = 1.0;
        Self { batches, spread }
    }

    /// The batches that should have been seen from one moment on and before another.
    pub(super) fn between(&self, from: Nanos, until: Nanos) -> &[Batch] {
        let begin = self.batches.partition_point(|it| it.at < from);
        let end = self.batches.partition_point(|it| it.at < until);
        self.batches.get(begin..end).unwrap_or_default()
    }

    /// How late a batch is, in usual deviations; what is far out counts as four.
    pub(super) fn lateness(&self, batch: &Batch) -> f64 {
        (batch.late / self.spread).clamp(-4.0, 4.0)
    }

    /// Microseconds of lateness of every batch, in rising order.
    pub(super) fn all_lateness(&self) -> Vec<f64> {
        sorted(self.batches.iter().map(|it| it.late / 1000.0).collect())
    }
}

/// Gives each batch its lateness.
fn fit(batches: &mut [Batch], quantum: Nanos) {
    let offsets = offsets(batches, quantum);
    let knots: Vec<(usize, f64)> = (0..batches.len())
        .step_by(STRIDE)
        .map(|at| (at, around(&offsets, at)))
        .collect();
    for (number, (batch, offset)) in batches.iter_mut().zip(&offsets).enumerate() {
        let knot = number / STRIDE;
        let Some((at, here)) = knots.get(knot) else {
            continue;
        };
        let next = knots.get(knot + 1).map_or(*here, |(_, there)| *there);
        let part = (number - at) as f64 / STRIDE as f64;
        batch.late = offset - (here + (next - here) * part);
    }
}

/// How far each batch is from a grid of exact quanta that begins with the first, in nanoseconds. The grid is followed slowly, so that one batch that is later than half a
/// quantum does not move all that follow by one.
fn offsets(batches: &[Batch], quantum: Nanos) -> Vec<f64> {
    let Some(first) = batches.first() else {
        return Vec::new();
    };
    let (step, mut anchor) = (quantum as f64, 0.0);
    let offset = |batch: &Batch| {
        let since = (batch.at - first.at) as f64;
        let number = ((since - anchor) / step).round();
        let offset = since - number * step;
        anchor += (offset - anchor).clamp(-step / 100.0, step / 100.0) * 0.1;
        offset
    };
    batches.iter().map(offset).collect()
}

/// Where the grid is for one of them: on the line through the medians of the hundred before and the hundred behind.
fn around(offsets: &[f64], at: usize) -> f64 {
    let until = (at + NEAR).max(2 * NEAR).min(offsets.len());
    let from = until.saturating_sub(2 * NEAR);
    let middle = from.midpoint(until);
    let median = |from: usize, until: usize| {
        let some = offsets.get(from..until).unwrap_or_default();
        quantile(sorted(some.to_vec()), 0.5)
    };
    let (before, behind) = (median(from, middle), median(middle, until));
    let half = (until - from) as f64 / 2.0;
    let here = at as f64 - (from as f64 + half / 2.0);
    before + (behind - before) * here / half.max(1.0)
}

/// The same numbers in rising order.
pub(super) fn sorted(mut all: Vec<f64>) -> Vec<f64> {
    all.sort_unstable_by(f64::total_cmp);
    all
}

/// The number below which this part of them lies; 0 of none.
pub(super) fn quantile(sorted: impl AsRef<[f64]>, part: f64) -> f64 {
    let sorted = sorted.as_ref();
    let at = (sorted.len().saturating_sub(1) as f64 * part).round();
    sorted.get(at as usize).copied().unwrap_or(0.0)
}

/// The spans in which cells of one direction bore something, in order and apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Spans(Vec<(Nanos, Nanos)>);

impl Spans {
    /// Adds one that begins no earlier than the last did.
    pub(super) fn add(&mut self, from: Nanos, until: Nanos) {
        match self.0.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(until),
            _ => self.0.push((from, until)),
        }
    }

    /// Where the last ends.
    #[cfg(test)]
    pub(super) fn end(&self) -> Option<Nanos> {
        self.0.last().map(|last| last.1)
    }

    /// How much of this span they cover, from 0 to 1.
    pub(super) fn part_of(&self, from: Nanos, until: Nanos) -> f64 {
        let begin = self.0.partition_point(|span| span.1 <= from);
        let rest = self.0.get(begin..).unwrap_or_default().iter();
        let covered = rest
            .take_while(|span| span.0 < until)
            .map(|span| span.1.min(until) - span.0.max(from));
        covered.sum::<Nanos>() as f64 / (until - from).max(1) as f64
    }

    /// Whether this moment is in one of them.
    pub(super) fn has(&self, at: Nanos) -> bool {
        self.part_of(at, at + 1) > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const Q: Nanos = 20 * MILLI;

    fn up(at: Nanos) -> Record {
        let (bytes, way) = (8192, Way::Up);
        Record { at, bytes, way }
    }

    #[test]
    fn lateness_is_told_from_a_clock_that_drifts() {
        // 200 millionths fast; every tenth batch 50 µs late, one batch very late, and one left out.
        let record = |n: Nanos| {
            let late = match n {
                505 => 13 * MILLI,
                n if n % 10 == 0 => 50_000,
                _ => 0,
            };
            up(7 * SECOND + n * (Q - Q / 5000) + late)
        };
        let records: Vec<_> = (0..4000).filter(|n| *n != 700).map(record).collect();
        let rhythm = Rhythm::of(&records, Way::Up, Q);
        assert_eq!(rhythm.batches.len(), 3999);
        for batch in rhythm.batches.iter().skip(100).take(3800) {
            let late = match (batch.at - 7 * SECOND) / (Q - Q / 5000) {
                505 => continue,
                n if n % 10 == 0 => 50_000.0,
                _ => 0.0,
            };
            assert!((batch.late - late).abs() < 15_000.0, "{batch:?} {late}");
        }
    }

    #[test]
    fn pieces_of_a_batch_are_one_and_the_ways_are_apart() {
        let down = Record {
            way: Way::Down,
            ..up(3)
        };
        let records = [up(0), up(10), down, up(Q), up(2 * Q + 5), up(2 * Q + 6)];
        let rhythm = Rhythm::of(&records, Way::Up, Q);
        let pieces: Vec<_> = rhythm.batches.iter().map(|it| it.pieces as u32).collect();
        assert_eq!(pieces, [2, 1, 2]);
        assert_eq!(rhythm.between(Q, 2 * Q).len(), 1);
    }

    #[test]
    fn spans_tell_how_much_they_cover() {
        let mut spans = Spans::default();
        for (from, until) in [(10, 20), (15, 30), (50, 60)] {
            spans.add(from, until);
        }
        assert_eq!(spans.0, [(10, 30), (50, 60)]);
        assert!((spans.part_of(20, 60) - 0.5).abs() < 1e-9);
        assert!(spans.has(29) && !spans.has(30) && !spans.has(49));
        assert_eq!(spans.part_of(30, 50), 0.0);
    }
}
