//! A session that leaves its circuits in time, and one that does not.

use super::super::{HostId, World};
use super::MS;
use crate::ablation::{Check, without};
use crate::directory::Params;
use crate::netlayer::{ConnId, Event};
use crate::node::Reach;
use crate::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const WINDOW: u64 = 6;
const MEASURED: u32 = 40;
/// Bytes of a stream in a cell, and cells in a second.
const NOMINAL: f64 = 812.0 * 50.0;

/// A client with a session to one of five relays.
fn begun() -> (World, [(HostId, ConnId); 2]) {
    let mut world = World::seeded(1);
    world.latency_everywhere(5 * MS);
    let params = [
        ("quantum", 20),
        ("jitter", 5),
        ("pool_window", WINDOW),
        ("slots", 12),
        ("padding", 0),
    ];
    let paced = Params::default().with("pacing", "constant").unwrap();
    let params = params.into_iter().fold(paced, |params, (name, value)| {
        params.with(name, value).unwrap()
    });
    world.set_params(params);
    let relays = world.relays(["one", "two", "three", "four", "five"]);
    let client = world.client("client");
    world.publish().unwrap();
    world.run_for(4 * SECOND);
    for exit in relays {
        let conn = world.session(client, exit, Reach::Far).unwrap();
        if world.run_until(|world| world.is_open(client, conn), 4 * SECOND) {
            world.run_for(SECOND);
            let there = world.events(exit).iter().find_map(|event| match event {
                Event::Opened { conn, .. } => Some(*conn),
                _ => None,
            });
            return (world, [(client, conn), (exit, there.unwrap())]);
        }
    }
    panic!("no relay is an exit for this client");
}

/// Which part of what it could bear went over a session, one way, and the longest time for which nothing came.
fn flow() -> (f64, Duration) {
    let (mut world, [(client, conn), (exit, there)]) = begun();
    let stream = world.open_stream(client, conn, b"much").unwrap();
    world.pour(client, conn, stream, vec![7; 60 * NOMINAL as usize]);
    world.run_for(2 * SECOND);
    let began = world.now();
    let before = world.stream_bytes(exit, there, stream).len();
    let (mut came, mut last, mut longest) = (before, began, Duration::ZERO);
    while world.now() < began + SECOND * MEASURED {
        world.run_for(20 * MS);
        world.observer_mut().take_records();
        let now = world.stream_bytes(exit, there, stream).len();
        if now > came {
            longest = longest.max(world.now().since(last));
            (came, last) = (now, world.now());
        }
    }
    assert_eq!(world.closed(client, conn), None);
    (
        (came - before) as f64 / f64::from(MEASURED) / NOMINAL,
        longest,
    )
}

/// PAC-14, VTP-41: who looks for another circuit while its leg lasts does not stand still when that ends. The control: who does not does.
#[test]
fn a_session_does_not_stand_still_when_its_leg_ends() {
    let (rate, still) = flow();
    assert!(rate > 0.95 && still < 600 * MS, "{rate}, {still:?}");
    let (rate, still) = without(Check::Ahead, flow);
    assert!(rate < 0.9 && still > 1200 * MS, "{rate}, {still:?}");
}

const _: () = assert!(MEASURED as u64 > 3 * 2 * WINDOW, "three legs at least");
