//! A learner that anybody can check: logistic regression on standardised features, by Newton's method, and beside it the best single feature.
//!
//! It learns from flows that it is not asked about later, and only from them: what is standard, which feature is best and which way round are learnt there too.

use super::stats::{Scored, auc, deviation, mean};
use pluribus_mix::crypto::rng::Rng;

/// How much a weight costs: with hundreds of examples of noise, none becomes large.
const RIDGE: f64 = 3.0;
/// Steps of Newton's method, and steps to solve each.
const NEWTON: u32 = 12;
const SOLVE: u32 = 40;
/// Deviations beyond which a feature says no more.
const FAR: f64 = 5.0;

/// Something seen, and what it is in truth.
#[derive(Clone, Debug)]
pub(super) struct Example {
    pub(super) features: Vec<f64>,
    pub(super) is_match: bool,
    /// The flow that it comes from.
    pub(super) flow: usize,
}

/// What was guessed of the flows held out.
pub(super) struct Guesses {
    /// By all features together.
    pub(super) learnt: Vec<Scored>,
    /// By the one that was best where it was learnt.
    pub(super) single: Vec<Scored>,
    /// By all features, where all labels were dealt out anew: has to be no better than guessing.
    pub(super) shuffled: Vec<Scored>,
}

/// Learns from some and guesses the others.
pub(super) fn guess(training: &[Example], held_out: &[Example], rng: &mut Rng) -> Guesses {
    let standard = Standard::of(training);
    let (x, asked) = (standard.all(training), standard.all(held_out));
    let truth: Vec<bool> = training.iter().map(|it| it.is_match).collect();
    let weights = fit(&x, &truth);
    let (best, sign) = best_single(&x, &truth);
    let by_chance = fit(&x, &dealt_anew(truth, rng));
    let labels: Vec<bool> = held_out.iter().map(|it| it.is_match).collect();
    let dealt = dealt_anew(labels.clone(), rng);
    let scored = |labels: &[bool], score: &dyn Fn(&[f64]) -> f64| {
        let rows = asked.iter().zip(held_out).zip(labels);
        let guesses = rows.map(|((row, example), is_match)| Scored {
            score: score(row),
            is_match: *is_match,
            flow: example.flow,
        });
        guesses.collect()
    };
    Guesses {
        learnt: scored(&labels, &|row| dot(row, &weights)),
        single: scored(&labels, &|row| sign * row.get(best).copied().unwrap_or(0.0)),
        shuffled: scored(&dealt, &|row| dot(row, &by_chance)),
    }
}

/// Mean and deviation of every feature.
struct Standard(Vec<(f64, f64)>);

impl Standard {
    fn of(examples: &[Example]) -> Self {
        let features = examples.first().map_or(0, |it| it.features.len());
        let of_feature = |at: usize| {
            let column: Vec<f64> = examples
                .iter()
                .filter_map(|it| it.features.get(at).copied())
                .collect();
            (mean(column.iter().copied()), deviation(&column).max(1e-9))
        };
        Self((0..features).map(of_feature).collect())
    }

    /// The examples with a constant before their features.
    fn all(&self, examples: &[Example]) -> Vec<Vec<f64>> {
        let row = |example: &Example| {
            let features = example.features.iter().zip(&self.0);
            let standard = features.map(|(it, (mean, dev))| ((it - mean) / dev).clamp(-FAR, FAR));
            std::iter::once(1.0).chain(standard).collect()
        };
        examples.iter().map(row).collect()
    }
}

/// The weights under which the truth is most likely.
fn fit(x: &[Vec<f64>], truth: &[bool]) -> Vec<f64> {
    let mut weights = vec![0.0; x.first().map_or(0, Vec::len)];
    for _ in 0..NEWTON {
        let chance: Vec<f64> = x
            .iter()
            .map(|row| 1.0 / (1.0 + (-dot(row, &weights)).exp()))
            .collect();
        let wrong = chance
            .iter()
            .zip(truth)
            .map(|(p, is)| p - f64::from(u8::from(*is)));
        let mut slope = spread(x, wrong, weights.len());
        add(&mut slope, RIDGE, &weights);
        let curve: Vec<f64> = chance.iter().map(|p| p * (1.0 - p)).collect();
        let step = solve(x, &curve, &slope);
        add(&mut weights, -1.0, &step);
        if dot(&step, &step) < 1e-8 {
            break;
        }
    }
    weights
}

/// Solves (Xᵀ·curve·X + ridge) · s = goal for s by conjugate gradients.
fn solve(x: &[Vec<f64>], curve: &[f64], goal: &[f64]) -> Vec<f64> {
    let apply = |v: &[f64]| {
        let bent = x.iter().zip(curve).map(|(row, bend)| bend * dot(row, v));
        let mut out = spread(x, bent, v.len());
        add(&mut out, RIDGE, v);
        out
    };
    let (mut solution, mut rest) = (vec![0.0; goal.len()], goal.to_vec());
    let mut direction = rest.clone();
    let mut size = dot(&rest, &rest);
    for _ in 0..SOLVE {
        if size < 1e-12 {
            break;
        }
        let applied = apply(&direction);
        let far = size / dot(&direction, &applied);
        add(&mut solution, far, &direction);
        add(&mut rest, -far, &applied);
        let left = dot(&rest, &rest);
        let turned = direction
            .iter()
            .zip(&rest)
            .map(|(d, r)| r + left / size * d);
        direction = turned.collect();
        size = left;
    }
    solution
}

/// The feature that tells most by itself, and its sign.
fn best_single(x: &[Vec<f64>], truth: &[bool]) -> (usize, f64) {
    let told = |at: usize| {
        let guesses = x.iter().zip(truth).map(|(row, is)| Scored {
            score: row.get(at).copied().unwrap_or(0.0),
            is_match: *is,
            flow: 0,
        });
        auc(&guesses.collect::<Vec<_>>()) - 0.5
    };
    let all = (1..x.first().map_or(1, Vec::len)).map(|at| (at, told(at)));
    let best = all.max_by(|one, other| one.1.abs().total_cmp(&other.1.abs()));
    best.map_or((0, 1.0), |(at, told)| (at, told.signum()))
}

fn dealt_anew(mut truth: Vec<bool>, rng: &mut Rng) -> Vec<bool> {
    for last in (1..truth.len()).rev() {
        let with = usize::try_from(rng.below(last as u64 + 1)).unwrap_or(0);
        truth.swap(last, with);
    }
    truth
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], times: f64, what: &[f64]) {
    to.iter_mut()
        .zip(what)
        .for_each(|(to, it)| *to += times * it);
}

/// Xᵀ · values.
fn spread(x: &[Vec<f64>], values: impl Iterator<Item = f64>, width: usize) -> Vec<f64> {
    let mut out = vec![0.0; width];
    for (row, value) in x.iter().zip(values) {
        add(&mut out, value, row);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use pluribus_mix::crypto::rng::Seed;

    /// Examples whose third and fourth feature tell something together, and little alone.
    fn examples(count: usize, tells: f64, rng: &mut Rng) -> Vec<Example> {
        let mut noise = || rng.below(2000) as f64 / 1000.0 - 1.0;
        let example = |number: usize| {
            let is_match = number.is_multiple_of(2);
            let (common, sign) = (10.0 * noise(), if is_match { 1.0 } else { -1.0 });
            let told = [noise(), noise(), common + tells * sign + noise(), common];
            Example {
                features: [told, [noise(), 7.0, noise(), noise()]].concat(),
                is_match,
                flow: number / 10,
            }
        };
        (0..count).map(example).collect()
    }

    #[test]
    fn what_can_be_told_is_learnt_and_what_cannot_is_not() {
        let mut rng = Seed::from_bytes([2; 32]).fork("test");
        for (tells, from, to) in [(1.0, 0.95, 1.0), (0.0, 0.45, 0.55)] {
            let training = examples(400, tells, &mut rng);
            let held_out = examples(800, tells, &mut rng);
            let guesses = guess(&training, &held_out, &mut rng);
            let learnt = auc(&guesses.learnt);
            assert!((from..=to).contains(&learnt), "{tells}: {learnt}");
            let shuffled = auc(&guesses.shuffled);
            assert!((0.44..=0.56).contains(&shuffled), "{tells}: {shuffled}");
            // Alone the features tell little.
            assert!(auc(&guesses.single) < 0.65);
        }
    }
}
