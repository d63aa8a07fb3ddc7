//! Relays that die and freeze under load.

use crate::kit::{MS, SECOND};
use crate::ledger::seeds;
use crate::mixkit::{Talk, at_once, circuits, opens, relays, settled};
use pluribus_mix::crypto::rng::Seed;
use pluribus_mix::netlayer::CloseReason;
use pluribus_mix::node::Reach;
use pluribus_mix::sim::World;
use std::collections::BTreeMap;

/// ONI-4, ONI-12, ONI-16 to ONI-18: every two seconds for two minutes a relay is killed, and comes back some seconds later under a fresh
/// onion key; every stream whose exit lives comes whole.
#[test]
fn streams_survive_a_kill_every_two_seconds() {
    for seed in seeds() {
        let mut world = at_once(seed);
        let mut chance = Seed::from_bytes([7; 32]).fork(&format!("kills {seed}"));
        let relays = relays(&mut world, 10);
        let (exits, others) = relays.split_at(2);
        let clients = ["ann", "ben", "cat"].map(|name| world.client(name));
        world.publish().unwrap();
        world.run_for(2 * SECOND);
        let mut talks = Vec::new();
        for (n, client) in (0..).zip(clients) {
            for (m, exit) in (0..).zip(exits) {
                let talk = Talk::begin(&mut world, client, *exit, 4 * n + 2 * m);
                assert!(opens(&mut world, client, talk.conn, 5 * SECOND));
                let tag = 4 * n + 2 * m + 1;
                talks.push(Talk::on(&mut world, client, *exit, talk.conn, tag));
                talks.push(talk);
            }
        }
        let mut down = BTreeMap::new();
        for half in 0..240 {
            for talk in &mut talks {
                talk.say(&mut world, 3000);
            }
            let up: Vec<_> = others.iter().filter(|it| world.is_up(**it)).collect();
            if half % 4 == 0 {
                let victim = *up[usize::try_from(chance.below(up.len() as u64)).unwrap()];
                world.kill(victim);
                down.insert(victim, half + 4 + chance.below(8));
            }
            for (relay, _) in down.extract_if(.., |_, at| *at <= half) {
                world.restart(relay);
                world.publish().unwrap();
            }
            world.run_for(500 * MS);
        }
        for relay in down.into_keys() {
            world.restart(relay);
        }
        world.publish().unwrap();
        for talk in &mut talks {
            talk.comes_whole(&mut world, 60 * SECOND);
            assert_eq!(talk.closed(&world), None);
        }
    }
}

/// ONI-16: an exit that dies breaks its sessions once and cleanly; those with another exit do not notice.
#[test]
fn an_exit_that_dies_breaks_only_its_own() {
    for seed in seeds() {
        let (mut world, relays, client) = settled(seed, 6);
        let mut talks = [4, 5].map(|n| Talk::begin(&mut world, client, relays[n], n as u64));
        world.run_for(3 * SECOND);
        for talk in &mut talks {
            talk.say(&mut world, 100_000);
        }
        world.run_for(50 * MS);
        world.kill(relays[4]);
        world.run_for(3 * SECOND);
        world.restart(relays[4]);
        world.publish().unwrap();
        world.run_for(130 * SECOND);
        let [lost, mut kept] = talks;
        assert_eq!(lost.closed(&world), Some(CloseReason::Gone));
        kept.comes_whole(&mut world, 10 * SECOND);
    }
}

/// ONI-10, ONI-17, VTP-28: a relay that is frozen answers nothing and closes nothing. Sessions leave it, and come whole before it thaws.
#[test]
fn sessions_leave_a_frozen_relay() {
    for seed in seeds() {
        for frozen in 0..4 {
            let (mut world, relays, client) = settled(seed, 5);
            let exit = relays[4];
            let mut talk = Talk::begin(&mut world, client, exit, 1);
            assert!(opens(&mut world, client, talk.conn, 5 * SECOND));
            world.run_for(SECOND);
            talk.say(&mut world, 50_000);
            world.run_for(20 * MS);
            let others: Vec<_> = relays.iter().copied().chain([client]).collect();
            for other in others.iter().filter(|it| **it != relays[frozen]) {
                world.hold(relays[frozen], *other);
            }
            talk.say(&mut world, 50_000);
            talk.comes_whole(&mut world, 110 * SECOND);
            for other in others.iter().filter(|it| **it != relays[frozen]) {
                world.release(relays[frozen], *other);
            }
            let fresh = world.session(client, exit, Reach::Far).unwrap();
            assert!(opens(&mut world, client, fresh, 30 * SECOND));
            world.run_for(60 * SECOND);
            assert!(circuits(&world, client).spare >= 3);
        }
    }
}

/// ONI-17: who can break a client's links, and does so again and again, makes it suspect nobody and leave no guard.
#[test]
fn who_cuts_the_wire_does_not_choose_the_guard() {
    for seed in seeds() {
        let (mut world, relays, client) = settled(seed, 8);
        let mut talk = Talk::begin(&mut world, client, relays[7], 1);
        assert!(opens(&mut world, client, talk.conn, 5 * SECOND));
        world.run_for(SECOND);
        let guards = |world: &World| {
            let guards = world.node(client).unwrap().guards().unwrap();
            guards.names().copied().collect::<Vec<_>>()
        };
        let before = guards(&world);
        for _ in 0..40 {
            talk.say(&mut world, 2000);
            world.run_for(SECOND);
            relays.iter().for_each(|relay| world.cut(client, *relay));
            world.run_for(11 * SECOND);
        }
        world.publish().unwrap();
        let suspicion = world.node(client).unwrap().suspicion().unwrap();
        let now = world.now();
        let mut names = relays.iter().map(|it| world.relay_id(*it));
        assert!(!names.any(|relay| suspicion.is_suspect(now, &relay)));
        assert_eq!(guards(&world), before);
        talk.comes_whole(&mut world, 10 * SECOND);
    }
}
