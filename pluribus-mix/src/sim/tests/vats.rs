//! Vats: what they say to each other, how they die and come back, and that it is the same every time.

use super::MS;
use crate::netlayer::{CloseReason, ConnId, ConnectError, Event};
use crate::sim::talk::Runtime;
use crate::sim::{Fault, HostId, World};
use crate::time::Instant;

/// Two vats on a bad line.
fn rough(seed: u64) -> (World, HostId, HostId) {
    let mut world = World::seeded(seed);
    let [alice, bob] = world.vats(["alice", "bob"]);
    world.jitter(alice, bob, 30 * MS);
    world.chop(alice, bob, 100);
    (world, alice, bob)
}

fn numbered(count: u32) -> Vec<String> {
    (0..count)
        .map(|number| format!("message {number}"))
        .collect()
}

#[test]
fn two_vats_talk_both_ways_in_order_on_a_bad_line() {
    let (mut world, alice, bob) = rough(1);
    let conn = world.dial(alice, bob).unwrap();
    for message in numbered(50) {
        world.send(alice, conn, message).unwrap();
    }
    assert!(world.run_until_quiet());
    assert_eq!(world.heard_by(bob), numbered(50));
    let back = world.connection(bob, alice).unwrap();
    let long = vec![7; 1 << 20];
    world.send(bob, back, long.clone()).unwrap();
    world.send(bob, back, *b"done").unwrap();
    assert!(world.run_until_quiet());
    let heard: Vec<_> = world.messages(alice).collect();
    assert_eq!(heard, [&long[..], b"done"]);
    assert_eq!(world.peers(alice), [world.vat_id(bob)]);
    assert_eq!(world.peers(bob), [world.vat_id(alice)]);
    assert!(world.exporter(alice, conn).is_some());
    assert_eq!(world.exporter(alice, conn), world.exporter(bob, back));
    assert!(world.traces(alice).is_empty() && world.traces(bob).is_empty());
}

/// Nothing that comes to a vat that sleeps is heard before it wakes, nor is anything done that it wanted to do; then all of it is, in order.
#[test]
fn a_vat_that_sleeps_hears_and_does_all_when_it_wakes() {
    let mut world = World::seeded(2);
    let [alice, bob] = world.vats(["alice", "bob"]);
    let conn = world.dial(alice, bob).unwrap();
    world.run_for(1000 * MS);
    world.sleep(bob);
    for message in numbered(5) {
        world.send(alice, conn, message).unwrap();
        world.run_for(100 * MS);
    }
    let silent_since = world.now();
    world.run_for(1000 * MS);
    assert!(world.heard_by(bob).is_empty());
    let said = |world: &World| {
        let records = world.observer().records().iter();
        records
            .filter(|it| it.at >= silent_since && it.from == bob.into())
            .count()
    };
    assert_eq!(said(&world), 0);
    world.wake(bob);
    world.run_for(300 * MS);
    assert_eq!(world.heard_by(bob), numbered(5));
    assert!(said(&world) > 0);
}

#[test]
fn the_same_seed_gives_the_same_transcript() {
    let told = |seed| {
        let (mut world, alice, bob) = rough(seed);
        world.say(alice, bob, "hello").unwrap();
        world.say(bob, alice, "hello").unwrap();
        assert!(world.run_until_quiet());
        world.kill(alice);
        world.run_for(10_000 * MS);
        world.restart(alice);
        world.say(alice, bob, "again").unwrap();
        assert!(world.run_until_quiet());
        (
            world.observer().transcript_hash(),
            world.observer().records().to_vec(),
        )
    };
    let (once, again, other) = (told(2), told(2), told(3));
    assert_eq!(once, again);
    assert_ne!(once.0, other.0);
}

#[test]
fn another_host_changes_nobodys_key_or_address() {
    let mut world = World::seeded(4);
    let [alice, bob] = world.vats(["alice", "bob"]);
    let mut larger = World::seeded(4);
    let [_, second, first] = larger.vats(["zoe", "bob", "alice"]);
    assert_eq!(world.locator(alice), larger.locator(first));
    assert_eq!(world.address(bob), larger.address(second));
    let twin = world.vat("alice");
    assert_eq!(world.name(twin), "alice 2");
    assert_ne!(world.vat_id(twin), world.vat_id(alice));
}

#[test]
fn a_killed_vat_is_missed_after_one_latency_and_refuses() {
    let mut world = World::seeded(5);
    let [alice, bob] = world.vats(["alice", "bob"]);
    let conn = world.say(alice, bob, "hello").unwrap();
    assert!(world.run_until_quiet());
    let (death, before) = (world.now(), world.observer().records().len());
    world.kill(bob);
    // Who misses a link dials again.
    let dials = |world: &World| {
        let since = world.observer().records().iter().skip(before);
        since.filter(|seen| seen.from == alice.into()).count() > 0
    };
    assert!(world.run_until(dials, 100 * MS));
    assert_eq!(world.now(), death + 10 * MS);
    assert_eq!(world.dial(bob, alice), Err(Fault::Down));
    world.run_for(200 * 1000 * MS);
    assert_eq!(world.closed(alice, conn), Some(CloseReason::Unreachable));
    let knock = world.dial(alice, bob).unwrap();
    assert!(world.run_until_quiet());
    assert_eq!(world.closed(alice, knock), Some(CloseReason::Unreachable));
}

#[test]
fn a_restarted_vat_is_another_incarnation_of_the_same() {
    let (mut world, alice, bob) = rough(6);
    world.say(alice, bob, "one").unwrap();
    assert!(world.run_until_quiet());
    let (id, incarnation) = (world.vat_id(bob), world.incarnation(bob));
    world.restart(bob);
    assert!(world.run_until_quiet());
    assert_eq!(world.peers(alice), []);
    world.say(alice, bob, "two").unwrap();
    assert!(world.run_until_quiet());
    world.restart(alice);
    assert!(world.run_until_quiet());
    world.say(alice, bob, "three").unwrap();
    assert!(world.run_until_quiet());
    assert_eq!(world.heard_by(bob), ["one", "two", "three"]);
    assert_eq!(
        (world.vat_id(bob), world.incarnation(bob)),
        (id, incarnation + 1)
    );
    assert_eq!(world.node(bob).unwrap().vat_id(), id);
}

#[test]
fn a_death_behind_a_partition_is_news_only_after_the_repair() {
    let mut world = World::seeded(7);
    let [alice, bob] = world.vats(["alice", "bob"]);
    let conn = world.say(alice, bob, "hello").unwrap();
    assert!(world.run_until_quiet());
    world.partition(alice, bob);
    world.kill(bob);
    let before = world.observer().records().len();
    let told = |world: &World| {
        let since = world.observer().records().iter().skip(before);
        since.filter(|seen| seen.from == alice.into()).count() > 0
    };
    world.run_for(1000 * MS);
    assert!(!told(&world));
    world.repair(alice, bob);
    world.run_for(10 * MS);
    assert!(told(&world), "she dials again");
    world.run_for(200 * 1000 * MS);
    assert_eq!(world.closed(alice, conn), Some(CloseReason::Unreachable));
}

#[test]
fn a_held_message_comes_after_the_release() {
    let mut world = World::seeded(8);
    let [alice, bob] = world.vats(["alice", "bob"]);
    world.say(alice, bob, "one").unwrap();
    assert!(world.run_until_quiet());
    world.hold(alice, bob);
    world.say(alice, bob, "two").unwrap();
    world.run_for(1000 * MS);
    assert_eq!(world.heard_by(bob), ["one"]);
    world.release(alice, bob);
    assert!(world.run_until_quiet());
    assert_eq!(world.heard_by(bob), ["one", "two"]);
}

#[test]
fn a_fast_clock_makes_a_deadline_come_early() {
    let waited = |ppm| {
        let mut world = World::seeded(9);
        let vat = world.vat_with("bob", |config| config.flight_deadline = 1000 * MS);
        world.drift(vat, ppm);
        let prober = world.raw_host("prober");
        let link = world.raw(prober).open(vat);
        world.run_for(20_000 * MS);
        // The link stands for the vat at 10 ms, and the end of it takes 10 ms to the prober.
        world
            .raw(prober)
            .lost_at(link)
            .unwrap()
            .since(Instant::ZERO + 20 * MS)
    };
    assert_eq!(waited(0), 1000 * MS);
    assert_eq!(waited(250_000), 800 * MS);
    assert_eq!(waited(-500_000), 2000 * MS);
}

#[test]
fn a_stalled_runtime_takes_nothing_until_it_sips() {
    let mut world = World::seeded(10);
    let [alice, bob] = world.vats(["alice", "bob"]);
    world.stall(bob);
    let conn = world.dial(alice, bob).unwrap();
    for message in numbered(5) {
        world.send(alice, conn, message).unwrap();
    }
    assert!(world.run_until_quiet());
    assert_eq!(world.events(bob), []);
    assert_eq!(world.sip(bob, 3), 3);
    assert!(matches!(world.events(bob), [Event::Opened { .. }, _, _]));
    assert_eq!(world.heard_by(bob), numbered(2));
    world.unstall(bob);
    assert_eq!(world.heard_by(bob), numbered(5));
    assert_eq!(world.take_events(bob).len(), 6);
    assert_eq!(world.take_events(bob), []);
}

#[test]
fn idle_vats_are_quiet_and_stay_connected() {
    let mut world = World::seeded(11);
    let [alice, bob] = world.vats(["alice", "bob"]);
    let conn = world.say(alice, bob, "hello").unwrap();
    assert!(world.run_until_quiet());
    assert!(world.now().since(Instant::ZERO) < 1000 * MS);
    let volume = world.observer().volume(bob, alice);
    world.run_for(60_000 * MS);
    assert!(
        world.observer().volume(bob, alice) > volume,
        "it has not even pinged"
    );
    assert!(world.is_open(alice, conn));
}

#[test]
fn a_vat_without_a_place_cannot_be_dialled_and_nobody_dials_himself() {
    let mut world = World::seeded(12);
    let alice = world.vat("alice");
    let hidden = world.vat_with("hidden", |config| config.places.clear());
    let refused = |error| Err(Fault::Connect(error));
    assert_eq!(world.dial(alice, hidden), refused(ConnectError::NoAddress));
    assert_eq!(world.dial(alice, alice), refused(ConnectError::Oneself));
    world.say(hidden, alice, "I can call you").unwrap();
    assert!(world.run_until_quiet());
    assert_eq!(world.heard_by(alice), ["I can call you"]);
}

#[test]
fn a_narrow_wire_slows_a_vat_and_loses_nothing() {
    let mut world = World::seeded(13);
    let [alice, bob] = world.vats(["alice", "bob"]);
    world.bandwidth(alice, bob, Some(100_000));
    world.say(alice, bob, vec![1; 500_000]).unwrap();
    assert!(world.run_until_quiet());
    assert_eq!(
        world.messages(bob).map(<[u8]>::len).collect::<Vec<_>>(),
        [500_000]
    );
    let took = world.now().since(Instant::ZERO);
    assert!((5000 * MS..7000 * MS).contains(&took), "{took:?}");
}

#[test]
fn a_dial_that_names_a_connection_that_is_open_leaves_it_open() {
    let mut world = World::seeded(14);
    let bob = world.vat("bob");
    let (conn, peer) = (ConnId(7), world.vat_id(bob));
    let mut runtime = Runtime::default();
    runtime.dialled(conn, peer);
    assert!(!runtime.is_open(conn));
    runtime.hear(Event::Opened { conn, peer });
    runtime.dialled(conn, peer);
    assert!(runtime.is_open(conn));
}
