//! Visits every state of a model, the nearest first, so that what it finds is as short as it can be.

#[expect(
    clippy::disallowed_types,
    reason = "millions of fingerprints; nothing iterates over them"
)]
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What can be explored.
pub(crate) trait Model {
    type State: Clone + Hash;
    type Action: Copy;

    fn start(&self) -> Self::State;

    /// Adds all that can happen next.
    fn actions(&self, state: &Self::State, out: &mut Vec<Self::Action>);

    fn step(&self, state: &mut Self::State, action: Self::Action);

    /// What is wrong with this state, if anything is.
    fn check(&self, state: &Self::State) -> Result<(), String>;

    /// One line about an action that is about to happen.
    fn tell(&self, state: &Self::State, action: Self::Action) -> String;

    /// A few lines about a state.
    fn show(&self, state: &Self::State) -> String;
}

/// How far an exploration came.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extent {
    /// States, each counted once.
    pub(crate) states: usize,
    /// Steps between them.
    pub(crate) steps: usize,
    /// The longest of the shortest ways to a state.
    pub(crate) depth: usize,
    /// Whether nothing was left.
    pub(crate) complete: bool,
}

/// How each state was reached first: from which, and by which of its actions.
#[expect(
    clippy::disallowed_types,
    reason = "millions of fingerprints; nothing iterates over them"
)]
type Ways = HashMap<u64, (u64, u16)>;

/// Every state within `limit`; or the shortest way to a bad one, told line by line.
pub(crate) fn explore<M: Model>(model: &M, limit: usize) -> Result<Extent, String> {
    let start = model.start();
    let first = fingerprint(&start);
    let mut ways = Ways::new();
    ways.insert(first, (first, 0));
    let (mut near, mut far, mut actions) = (vec![start], Vec::new(), Vec::new());
    let mut extent = Extent::default();
    while !near.is_empty() && ways.len() <= limit {
        for state in near.drain(..) {
            let here = fingerprint(&state);
            if let Err(why) = model.check(&state) {
                return Err(story(model, &ways, here, &why));
            }
            actions.clear();
            model.actions(&state, &mut actions);
            extent.steps += actions.len();
            for (n, action) in (0..).zip(&actions) {
                let mut next = state.clone();
                model.step(&mut next, *action);
                ways.entry(fingerprint(&next)).or_insert_with(|| {
                    far.push(next);
                    (here, n)
                });
            }
        }
        core::mem::swap(&mut near, &mut far);
        extent.depth += usize::from(!near.is_empty());
    }
    extent.states = ways.len();
    extent.complete = near.is_empty();
    Ok(extent)
}

fn fingerprint(state: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

/// The way to the state with this fingerprint.
fn story<M: Model>(model: &M, ways: &Ways, to: u64, why: &str) -> String {
    let (mut numbers, mut at) = (Vec::new(), to);
    while let Some((from, n)) = ways.get(&at).filter(|(from, _)| *from != at) {
        numbers.push(*n);
        at = *from;
    }
    let mut lines = vec![format!("after {} steps", numbers.len())];
    let (mut state, mut actions) = (model.start(), Vec::new());
    for n in numbers.iter().rev() {
        actions.clear();
        model.actions(&state, &mut actions);
        let action = actions[usize::from(*n)];
        lines.push(format!("  {}", model.tell(&state, action)));
        model.step(&mut state, action);
    }
    lines.push(model.show(&state));
    lines.push(why.to_owned());
    lines.join("\n")
}
