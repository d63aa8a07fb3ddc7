//! Whatever the wire does, whole messages come in order, each once.

use crate::kit::{MS, SECOND, join, joined};
use pluribus_mix::crypto::rng::Seed;
use pluribus_mix::netlayer::{ConnId, Event};
use pluribus_mix::sim::{HostId, World};

/// Messages of all kinds of lengths, each unlike the others.
fn messages(seed: u8, count: usize) -> Vec<Vec<u8>> {
    let mut rng = Seed::from_bytes([seed; 32]).fork("messages");
    let mut message = |number: usize| {
        let most = [20, 300, 40_000][number % 3];
        let mut body = vec![seed; usize::try_from(rng.below(most)).unwrap()];
        body.extend(u32::try_from(number).unwrap().to_be_bytes());
        body
    };
    (0..count).map(&mut message).collect()
}

/// What came on a connection; anything else that was told of it besides its opening fails.
fn came(world: &World, vat: HostId, on: ConnId) -> Vec<Vec<u8>> {
    let body = |event: &Event| match event {
        Event::Message { conn, body } if *conn == on => Some(body.clone()),
        Event::Closed { .. } | Event::Ended { .. } => panic!("{event:?}"),
        _ => None,
    };
    world.events(vat).iter().filter_map(body).collect()
}

/// VTP-1, VTP-21, VTP-25, VTP-31: in any chopping, with any jitter, on a narrow wire, both ways at once.
#[test]
fn chopped_late_and_slow_messages_come_whole_in_order_and_once() {
    for seed in 1..=5 {
        let mut world = World::seeded(seed.into());
        let [alice, bob] = world.vats(["alice", "bob"]);
        world.jitter(alice, bob, 50 * MS);
        world.chop(
            alice,
            bob,
            [1500, 700, 100, 3000, 10][usize::from(seed) - 1],
        );
        world.bandwidth(alice, bob, Some(200_000));
        let [there, back] = join(&mut world, alice, bob);
        let (hers, his) = (messages(seed, 40), messages(100 + seed, 40));
        for (her, his) in hers.iter().zip(&his) {
            world.send(alice, there, her.clone()).unwrap();
            world.send(bob, back, his.clone()).unwrap();
            world.run_for(MS);
        }
        assert!(world.run_until_quiet());
        assert!(
            came(&world, bob, back) == hers && came(&world, alice, there) == his,
            "{seed}"
        );
    }
}

/// VTP-15, VTP-31: a handshake that comes byte by byte opens the same connection.
#[test]
fn a_handshake_in_single_bytes_opens_a_connection() {
    let mut world = World::seeded(6);
    let [alice, bob] = world.vats(["alice", "bob"]);
    world.chop_everywhere(1);
    world.say(alice, bob, "b y t e s").unwrap();
    assert!(world.run_until_quiet());
    assert_eq!(world.heard_by(bob), ["b y t e s"]);
}

/// VTP-31: what a long silence of the network held back comes in order and once when it is over.
#[test]
fn what_is_held_back_comes_when_the_silence_is_over() {
    let mut world = World::seeded(7);
    let ([alice, bob], [there, back]) = joined(&mut world);
    let said = messages(7, 30);
    for (number, message) in said.iter().enumerate() {
        match number % 10 {
            3 => world.hold(alice, bob),
            8 => world.release(alice, bob),
            _ => {}
        }
        world.send(alice, there, message.clone()).unwrap();
        world.run_for(900 * MS);
    }
    world.release(alice, bob);
    assert!(world.run_until_quiet());
    assert!(came(&world, bob, back) == said);
}

/// VTP-31, VTP-45: when a link breaks in the middle, what was on its way is said again on the next one: all is heard, whole, in order and
/// once.
#[test]
fn what_a_break_swallowed_is_said_again() {
    for after in [1, 15, 100, 230] {
        let mut world = World::seeded(8);
        let ([alice, bob], [there, back]) = joined(&mut world);
        world.bandwidth(alice, bob, Some(1_000_000));
        let said = messages(8, 40);
        for message in &said {
            world.send(alice, there, message.clone()).unwrap();
        }
        world.run_for(after * MS);
        world.cut(alice, bob);
        let heard = came(&world, bob, back);
        assert!(
            said.starts_with(&heard) && heard.len() < said.len(),
            "{after}"
        );
        world.run_for(10 * SECOND);
        assert!(came(&world, bob, back) == said, "{after}");
    }
}

/// VTP-31, VTP-45: a partition that loses something tears the link and nothing else: what was said meanwhile is heard when it is over.
#[test]
fn a_partition_tears_links_and_no_connection() {
    let mut world = World::seeded(9);
    let ([alice, bob], [there, back]) = joined(&mut world);
    let carol = world.vat("carol");
    let [with_carol, _] = join(&mut world, alice, carol);
    world.partition(alice, bob);
    world.send(alice, there, "delayed").unwrap();
    world.run_for(SECOND);
    assert_eq!(world.heard_by(bob), [""; 0]);
    world.repair(alice, bob);
    world.run_for(20 * SECOND);
    assert!(world.is_open(alice, there) && world.is_open(bob, back));
    assert!(world.is_open(alice, with_carol));
    assert_eq!(world.heard_by(bob), ["delayed"]);
}

/// VTP-30: padding changes lengths and nothing else: the same is heard, and every record is a multiple longer than what
/// it needs.
#[test]
fn padding_changes_nothing_but_lengths() {
    let told = |unit: u16| {
        let mut world = World::seeded(10);
        let [alice, bob] =
            ["alice", "bob"].map(|name| world.vat_with(name, |config| config.tuning.pad_to = unit));
        let [there, _] = join(&mut world, alice, bob);
        let before = world.observer().records().len();
        for message in [
            "a",
            "somewhat longer",
            "and this is longer than the unit, which is sixty-four",
        ] {
            world.send(alice, there, message).unwrap();
            world.run_for(SECOND);
        }
        let lengths = world.observer().records()[before..]
            .iter()
            .map(|seen| seen.length() - 18);
        (world.heard_by(bob), lengths.collect::<Vec<_>>())
    };
    let ((plain, lengths), (padded, multiples)) = (told(1), told(64));
    assert_eq!(plain, padded);
    assert!(lengths.iter().any(|length| length % 64 != 0));
    assert!(
        multiples.iter().all(|length| length % 64 == 0),
        "{multiples:?}"
    );
}
