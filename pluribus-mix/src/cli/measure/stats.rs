//! How well scores tell two kinds apart, and how sure that is.
//!
//! AUC is the chance that a match scores higher than what is none: 0.5 is guessing, 1 is certainty. An estimate near 0.5 says nothing without its
//! error; and pairs of one flow stand and fall together, so the error is found by drawing whole flows again (a cluster bootstrap), over all seeds. What is claimed is an
//! interval, never that a difference was not significant.

use super::trace::{quantile, sorted};
use pluribus_mix::crypto::rng::Rng;

/// How often flows are drawn again.
const DRAWS: u32 = 400;

/// One guess.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scored {
    pub(super) score: f64,
    /// What it is in truth.
    pub(super) is_match: bool,
    /// The flow that it comes from.
    pub(super) flow: usize,
}

/// From and to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Interval(pub(super) f64, pub(super) f64);

/// The AUC of guesses, by ranks; 0.5 if one kind is missing.
pub(super) fn auc(guesses: &[Scored]) -> f64 {
    weighted_auc(&in_order(guesses.to_vec()), |_| 1.0)
}

fn in_order(mut guesses: Vec<Scored>) -> Vec<Scored> {
    guesses.sort_unstable_by(|one, other| one.score.total_cmp(&other.score));
    guesses
}

/// The AUC where each flow counts so many times.
fn weighted_auc(sorted: &[Scored], weight: impl Fn(usize) -> f64) -> f64 {
    let (mut below, mut matches, mut won) = (0.0, 0.0, 0.0);
    for tied in sorted.chunk_by(|one, next| one.score == next.score) {
        let of = |is_match: bool| -> f64 {
            let kind = tied.iter().filter(|it| it.is_match == is_match);
            kind.map(|it| weight(it.flow)).sum()
        };
        let (yes, no) = (of(true), of(false));
        won += yes * (below + no / 2.0);
        (below, matches) = (below + no, matches + yes);
    }
    if below * matches > 0.0 {
        won / (below * matches)
    } else {
        0.5
    }
}

/// The mean of the AUCs of several seeds, and where it lies with 95 %.
pub(super) fn over_seeds(seeds: &[Vec<Scored>], rng: &mut Rng) -> (f64, Interval) {
    let seeds: Vec<_> = seeds.iter().map(|it| in_order(it.clone())).collect();
    let mean = mean(seeds.iter().map(|it| weighted_auc(it, |_| 1.0)));
    let drawn = (0..DRAWS).map(|_| self::mean(seeds.iter().map(|it| drawn_again(it, rng))));
    let drawn = sorted(drawn.collect());
    let interval = Interval(quantile(&drawn, 0.025), quantile(&drawn, 0.975));
    (mean, interval)
}

/// The AUC of one seed with as many flows as it has, drawn from them with repetition.
fn drawn_again(sorted: &[Scored], rng: &mut Rng) -> f64 {
    let flows = sorted.iter().map(|it| it.flow + 1).max().unwrap_or(0);
    let mut there = vec![false; flows];
    for guess in sorted {
        there
            .get_mut(guess.flow)
            .into_iter()
            .for_each(|it| *it = true);
    }
    let present: Vec<usize> = (0..flows)
        .filter(|flow| there.get(*flow) == Some(&true))
        .collect();
    let mut weights = vec![0.0; flows];
    for _ in &present {
        let drawn = usize::try_from(rng.below(present.len() as u64)).unwrap_or(0);
        let weight = present.get(drawn).and_then(|flow| weights.get_mut(*flow));
        weight.into_iter().for_each(|it: &mut f64| *it += 1.0);
    }
    weighted_auc(sorted, |flow| weights.get(flow).copied().unwrap_or(0.0))
}

/// The middle of some numbers; 0 of none.
pub(super) fn mean(all: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = all.fold((0.0, 0.0), |(sum, count), it| (sum + it, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

/// How far numbers are from their mean.
pub(super) fn deviation(all: &[f64]) -> f64 {
    let middle = mean(all.iter().copied());
    mean(all.iter().map(|it| (it - middle).powi(2))).sqrt()
}

/// How two series go together, from −1 to 1; 0 if one does not move.
pub(super) fn correlation<'a>(pairs: impl Iterator<Item = (&'a f64, &'a f64)>) -> f64 {
    let (mut n, mut x, mut y, mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for (a, b) in pairs {
        (n, x, y) = (n + 1.0, x + a, y + b);
        (xx, yy, xy) = (xx + a * a, yy + b * b, xy + a * b);
    }
    let moved = (xx - x * x / n) * (yy - y * y / n);
    if n > 2.0 && moved > 1e-9 {
        (xy - x * y / n) / moved.sqrt()
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pluribus_mix::crypto::rng::Seed;

    fn guesses(scores: &[(f64, bool)]) -> Vec<Scored> {
        let guess = |(flow, (score, is_match)): (usize, &(f64, bool))| Scored {
            score: *score,
            is_match: *is_match,
            flow,
        };
        scores.iter().enumerate().map(guess).collect()
    }

    #[test]
    fn auc_counts_the_pairs_in_order_and_half_of_the_ties() {
        let all = [(0.1, false), (0.4, true), (0.4, false), (0.9, true)];
        assert!((auc(&guesses(&all)) - 3.5 / 4.0).abs() < 1e-12);
        assert!((auc(&guesses(&all[..1])) - 0.5).abs() < 1e-12);
        let upside_down = all.map(|(score, is)| (-score, is));
        assert!((auc(&guesses(&upside_down)) - 0.5 / 4.0).abs() < 1e-12);
    }

    /// Pairs of one flow that agree say no more than one of them: the interval must not shrink by repeating them.
    #[test]
    fn the_interval_knows_that_pairs_of_a_flow_stand_and_fall_together() {
        let mut rng = Seed::from_bytes([1; 32]).fork("test");
        let mut flows = Vec::new();
        for flow in 0..40 {
            for is_match in [true, false] {
                let score = rng.below(1000) as f64;
                flows.push(Scored {
                    score,
                    is_match,
                    flow,
                });
            }
        }
        let many: Vec<_> = std::iter::repeat_n(flows.clone(), 20).flatten().collect();
        let width = |of: Vec<Scored>, rng: &mut _| {
            let (_, Interval(from, to)) = over_seeds(&[of], rng);
            to - from
        };
        let (once, often) = (width(flows, &mut rng), width(many, &mut rng));
        assert!((once / often - 1.0).abs() < 0.2, "{once} {often}");
        assert!(once > 0.15, "{once}");
    }

    #[test]
    fn series_that_go_together_are_told() {
        let (one, other) = ([1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0]);
        assert!((correlation(one.iter().zip(&other)) - 1.0).abs() < 1e-9);
        assert_eq!(correlation(one.iter().zip(&[5.0; 4])), 0.0);
    }
}
