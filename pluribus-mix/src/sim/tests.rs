//! The world keeps its own promises: first between raw hosts, where no node is in the way, then between vats.

mod cells;
mod cuts;
mod legs;
mod meetings;
mod mix;
mod paced;
mod phases;
mod storm;
mod vats;
mod wires;

use super::{LinkNo, RawId, World};
use crate::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

fn at(ms: u32) -> Instant {
    Instant::ZERO + MS * ms
}

/// Two raw hosts, 10 ms apart, with a link that `a` has opened and that stands at both ends, at 20 ms.
fn linked(seed: u64) -> (World, RawId, RawId, LinkNo) {
    linked_in(seed, |_, _, _| {})
}

/// The same in another weather.
fn linked_in(
    seed: u64,
    weather: impl FnOnce(&mut World, RawId, RawId),
) -> (World, RawId, RawId, LinkNo) {
    let mut world = World::seeded(seed);
    let (a, b) = (world.raw_host("a"), world.raw_host("b"));
    weather(&mut world, a, b);
    let link = world.raw(a).open(b);
    world.run_for(20 * MS);
    (world, a, b, link)
}
