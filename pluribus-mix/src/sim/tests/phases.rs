//! When exits are added, seen against when their clients begin circuits.

use super::super::{HostId, World};
use super::MS;
use crate::ablation::{Check, without};
use crate::directory::Params;
use crate::netlayer::ConnId;
use crate::node::Reach;
use crate::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(8);
const CLIENTS: usize = 10;
/// Sessions that each client has waiting at any time.
const QUEUE: usize = 2;
/// Windows that are left out: the first circuits may be taken at once.
const FIRST: u32 = 2;
const PARTS: usize = 8;

/// A client that always wants more sessions than it has circuits for.
struct Greedy {
    client: HostId,
    own: usize,
    /// When its first window began, and when circuits were begun last.
    first: Option<Instant>,
    window: Instant,
    waiting: Vec<ConnId>,
}

impl Greedy {
    fn looks(&mut self, world: &mut World, exits: &[HostId], opened: &mut Vec<Duration>) {
        let now = world.now();
        let own = world.node(self.client).unwrap().circuits().own;
        if own > self.own {
            self.window = now;
            self.first.get_or_insert(now);
        }
        self.own = own;
        for conn in core::mem::take(&mut self.waiting) {
            if world.is_open(self.client, conn) {
                // The circuit is used up; the next session wants another.
                world.close(self.client, conn);
                if self
                    .first
                    .is_some_and(|first| now >= first + WINDOW * FIRST)
                {
                    opened.push(now.since(self.window));
                }
            } else if world.closed(self.client, conn).is_none() {
                self.waiting.push(conn);
            }
        }
        while self.waiting.len() < QUEUE {
            let exit = exits
                [usize::try_from(now.since(Instant::ZERO).as_millis() / 7).unwrap() % exits.len()];
            match world.session(self.client, exit, Reach::Far) {
                Ok(conn) => self.waiting.push(conn),
                Err(_) => return,
            }
        }
    }
}

/// How long after their clients' last window sessions opened that had to wait, counted in eighths of a window.
fn phases(seed: u64) -> [u32; PARTS] {
    let mut world = World::seeded(seed);
    world.latency_everywhere(5 * MS);
    let params = [
        ("quantum", 300),
        ("jitter", 1),
        ("pool_window", WINDOW.as_secs()),
        ("padding", 0),
    ];
    let paced = Params::default().with("pacing", "constant").unwrap();
    let params = params.into_iter().fold(paced, |params, (name, value)| {
        params.with(name, value).unwrap()
    });
    world.set_params(params);
    let relays = world.relays(["one", "two", "three", "four", "five"]);
    let mut all: Vec<_> = (0..CLIENTS)
        .map(|n| Greedy {
            client: world.client(&format!("client {n}")),
            own: 0,
            first: None,
            window: Instant::ZERO,
            waiting: Vec::new(),
        })
        .collect();
    world.publish().unwrap();
    let mut opened = Vec::new();
    while world.now() < Instant::ZERO + WINDOW * 50 {
        world.run_for(100 * MS);
        world.observer_mut().take_records();
        for it in &mut all {
            it.looks(&mut world, &relays, &mut opened);
        }
    }
    let mut parts = [0; PARTS];
    for after in opened {
        let after = after.as_millis() % WINDOW.as_millis();
        let part = after * PARTS as u128 / WINDOW.as_millis();
        parts[usize::try_from(part).unwrap()] += 1;
    }
    parts
}

/// How far that is from flat, in the measure of Pearson: 7 on average by chance, and above 24.3 once in a thousand times.
fn unevenness(parts: [u32; PARTS]) -> f64 {
    let mean = f64::from(parts.iter().sum::<u32>()) / PARTS as f64;
    parts
        .map(|count| (f64::from(count) - mean).powi(2) / mean)
        .iter()
        .sum()
}

/// PAC-14: when an exit is added for a session that had to wait says nothing about when its client begins circuits. The control: where circuits are
/// taken as soon as they stand, it says when that was.
#[test]
fn who_waits_does_not_tell_when_the_window_was() {
    let rested = phases(1);
    assert!(rested.iter().sum::<u32>() > 300, "{rested:?}");
    assert!(
        unevenness(rested) < 24.3,
        "{rested:?}: {}",
        unevenness(rested)
    );
    let at_once = without(Check::Rested, || phases(1));
    assert!(
        unevenness(at_once) > 500.0,
        "{at_once:?}: {}",
        unevenness(at_once)
    );
}
