//! Networks that send by the clock: what is seen from outside, and what comes through.

mod constant;
mod hostile;
mod legs;
mod pool;

mod rates;
mod sleep;
mod weather;

use crate::kit::{MS, SECOND};
use crate::mixkit::{Talk, opens, relays};
use pluribus_mix::directory::Params;
use pluribus_mix::sim::{HostId, World};

/// A network of so many relays with constant pacing.
fn network(seed: u64, count: usize, change: impl FnOnce(Params) -> Params) -> (World, Vec<HostId>) {
    let mut world = World::seeded(seed);
    world.latency_everywhere(5 * MS);
    // Nothing is said about pacing: it is what there is.
    world.set_params(change(Params::default()));
    let relays = relays(&mut world, count);
    (world, relays)
}

/// PAC-10, PAC-11: streams go through three relays both ways.
#[test]
fn streams_go_both_ways_by_the_clock() {
    let (mut world, relays) = network(1, 5, |params| params);
    let client = world.client("client");
    world.publish().unwrap();
    world.run_for(3 * SECOND);
    let mut talk = Talk::begin(&mut world, client, relays[4], 1);
    assert!(opens(&mut world, client, talk.conn, 10 * SECOND));
    talk.say(&mut world, 20_000);
    world.run_for(2 * SECOND);
    talk.say(&mut world, 20_000);
    talk.comes_whole(&mut world, 40 * SECOND);
}
