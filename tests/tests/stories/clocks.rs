//! Two clocks that run apart, and nothing that compares them.

use crate::kit::{SECOND, join};
use pluribus_mix::netlayer::Event;
use pluribus_mix::sim::{HostId, Record, World};
use pluribus_mix::time::Duration;

const HOURS: u32 = 6;
const MINUTES: u32 = HOURS * 60;

/// Bytes of what a record with this message alone takes on the wire.
fn record(message: &str) -> usize {
    2 + 12 + message.len() + 16
}

/// How many records of `from` with `message` and nothing else came, and how many of them with REKEY, a byte longer.
fn records(world: &World, from: HostId, to: HostId, message: &str) -> (usize, usize) {
    let sent = world
        .observer()
        .between(from, to)
        .filter(|record| record.from == from.into());
    let lengths: Vec<_> = sent.map(Record::length).collect();
    let of = |wanted: usize| lengths.iter().filter(|length| **length == wanted).count();
    (of(record(message)), of(record(message) + 1))
}

fn message(name: &str, minute: u32) -> String {
    format!("{name}, minute {minute:03}")
}

/// Six hours, a message a minute each way, with clocks that gain and lose so many parts in a million.
fn talk(gains: [i32; 2], rekey_after: Duration) -> (World, [HostId; 2]) {
    let mut world = World::seeded(1);
    let vats = ["alice", "bob"]
        .map(|name| world.vat_with(name, |config| config.tuning.rekey_after = rekey_after));
    let [alice, bob] = vats;
    world.drift(alice, gains[0]);
    world.drift(bob, gains[1]);
    let [there, back] = join(&mut world, alice, bob);
    for minute in 0..MINUTES {
        world.send(alice, there, message("alice", minute)).unwrap();
        world.send(bob, back, message("bobby", minute)).unwrap();
        world.run_for(60 * SECOND);
    }
    assert!(world.is_open(alice, there) && world.is_open(bob, back));
    (world, vats)
}

fn all(name: &str) -> Vec<String> {
    (0..MINUTES).map(|minute| message(name, minute)).collect()
}

/// THR-9, VTP-24, VTP-28: clocks that run a hundred parts in a million apart, and then one that runs at half the speed
/// of the other, agree on every key and every message for hours, though each changes its key when its own clock says so.
#[test]
fn clocks_that_run_apart_agree_on_everything() {
    for gains in [[50, -50], [-100, 0], [0, -500_000]] {
        let (world, [alice, bob]) = talk(gains, 600 * SECOND);
        assert_eq!(world.heard_by(bob), all("alice"), "{gains:?}");
        assert_eq!(world.heard_by(alice), all("bobby"), "{gains:?}");
        assert!(world.traces(alice).is_empty() && world.traces(bob).is_empty());
        let ends = |event: &&Event| matches!(event, Event::Closed { .. } | Event::Ended { .. });
        assert_eq!(world.events(alice).iter().find(ends), None);
    }
}

/// VTP-24: a key is used as long as its sender's clock says, and the directions change theirs apart.
#[test]
fn each_side_changes_its_key_by_its_own_clock() {
    let (world, [alice, bob]) = talk([0, -500_000], 600 * SECOND);
    let (_, hers) = records(&world, alice, bob, &message("alice", 0));
    let (_, his) = records(&world, bob, alice, &message("bobby", 0));
    // Every ten minutes of a true clock, of a slow one every twenty; some changes go with other frames than a message.
    assert!((25..=36).contains(&hers), "{hers}");
    assert!((12..=18).contains(&his), "{his}");
    let (world, [alice, bob]) = talk([0, 0], 24 * HOURS * 600 * SECOND);
    assert_eq!(
        records(&world, alice, bob, &message("alice", 0)).1,
        0,
        "the control"
    );
}
