//! What a client can do to a relay over its link, and what a relay does about it. (ONI-2 to ONI-4, ONI-10 to ONI-15)

use crate::kit::{MS, SECOND};
use crate::mixkit::{Talk, at_once, circuits, no_spares, opens, relays};
use crate::stranger::Stranger;
use pluribus_mix::id::RelayId;
use pluribus_mix::netlayer::ConnectError;
use pluribus_mix::node::{Config, MixConfig, Reach, RelayConfig, Trace};
use pluribus_mix::onion::cipher::Role;
use pluribus_mix::onion::circuit::Heard;
use pluribus_mix::onion::link;
use pluribus_mix::onion::message::Reason;
use pluribus_mix::onion::{CELL, Cell, CircuitId, PAYLOAD, Payload};
use pluribus_mix::sim::{Fault, HostId, World};

/// Cells that a circuit may have waiting in one direction. (ONI-14)
const LONGEST: usize = 1536;

/// Three relays, and a session of an honest client over all of them.
fn scene() -> (World, Vec<HostId>, Talk) {
    let mut world = at_once(3);
    let relays = relays(&mut world, 3);
    let client = world.client_with("client", no_spares);
    world.publish().unwrap();
    let mut talk = Talk::begin(&mut world, client, relays[2], 1);
    assert!(opens(&mut world, client, talk.conn, 5 * SECOND));
    world.run_for(SECOND);
    talk.say(&mut world, 10_000);
    (world, relays, talk)
}

fn cells(of: &[(CircuitId, Cell)]) -> Vec<u8> {
    let mut plain = Vec::new();
    link::begin_record(&mut plain);
    of.iter()
        .for_each(|(id, cell)| link::put_cell(&mut plain, *id, cell));
    plain
}

fn words(n: u8, last: u8) -> Cell {
    let mut cell = [0; CELL];
    (cell[0], cell[CELL - 1]) = (n, last);
    cell
}

/// ONI-2, ONI-3, ONI-4: a record of another shape, an id that cannot be, and words that are none end the link that they came on, and no other.
#[test]
fn what_no_link_says_ends_the_link() {
    let zeros = [0; CELL];
    let theirs = CircuitId((1 << 31) + 5);
    let whole = cells(&[(link::PADDING, zeros)]);
    let cases = [
        ("padding", whole.clone(), true),
        (
            "words for nobody",
            cells(&[(link::WORDS, words(1, 0))]),
            true,
        ),
        ("a tick alone", vec![0; 4], false),
        (
            "another tick",
            [vec![1], whole[1..].to_vec()].concat(),
            false,
        ),
        ("a byte too few", whole[..whole.len() - 1].to_vec(), false),
        ("a byte too many", [whole.clone(), vec![0]].concat(), false),
        ("no words", cells(&[(link::WORDS, words(0, 0))]), false),
        (
            "words and more",
            cells(&[(link::WORDS, words(1, 1))]),
            false,
        ),
        (
            "an id of the relay's half",
            cells(&[(theirs, zeros)]),
            false,
        ),
    ];
    let (mut world, relays, mut talk) = scene();
    for (name, plain, stays) in cases {
        for relay in &relays[..2] {
            let mut stranger = Stranger::joined(&mut world, *relay);
            let before = world.traces(*relay).len();
            stranger.say_plain(&mut world, &plain);
            world.run_for(100 * MS);
            assert_eq!(stranger.is_held(&mut world), stays, "{name}");
            let traces = &world.traces(*relay)[before..];
            let violation = |it: &Trace| matches!(it, Trace::Violation { .. });
            assert_eq!(traces.iter().any(violation), !stays, "{name}");
        }
    }
    talk.comes_whole(&mut world, 10 * SECOND);
}

/// A payload with this first byte and this last.
fn text(first: u8, last: u8) -> Payload {
    let mut text = [0; PAYLOAD];
    (text[0], text[PAYLOAD - 1]) = (first, last);
    text
}

/// ONI-11, ONI-13: a message that a client does not say, or not now, and a cell for a next hop that there never was, close the circuit and
/// leave the link. TRUNCATE, which may be said, closes nothing.
#[test]
fn what_no_client_says_closes_the_circuit() {
    let (mut world, relays, mut talk) = scene();
    let mut stranger = Stranger::joined(&mut world, relays[0]);
    let cases = [
        (Role::Message, text(3, 0), true),
        (Role::Message, text(3, 1), false),
        (Role::Message, text(0, 0), false),
        (Role::Message, text(4, 0), false),
        (Role::Message, text(0x81, 0), false),
        (Role::Message, text(0x83, 0), false),
        (Role::Message, text(0x84, 0), false),
        (Role::Message, text(2, 0), false),
        (Role::Relay, text(3, 0), false),
    ];
    for (role, said, stays) in cases {
        let mut bent = stranger.bent(&mut world, relays[0]);
        let over = stranger.bends(&mut world, &mut bent, role, &said);
        assert_eq!(over.contains(&bent.id), !stays, "{role:?} {}", said[0]);
    }
    // EXTEND 1 and then anything but EXTEND 2.
    let mut bent = stranger.bent(&mut world, relays[0]);
    let over = stranger.bends(&mut world, &mut bent, Role::Message, &text(1, 0));
    assert_eq!(over, []);
    let over = stranger.bends(&mut world, &mut bent, Role::Message, &text(3, 0));
    assert_eq!(over, [bent.id]);
    assert!(stranger.is_held(&mut world));
    talk.comes_whole(&mut world, 10 * SECOND);
}

/// ONI-9, ONI-10, ONI-15: a request that is none is refused with the end of its circuit, a half of one when its time is over; the link stays.
#[test]
fn a_request_that_is_none_ends_its_circuit() {
    let (mut world, relays, mut talk) = scene();
    let relay = relays[0];
    let before = circuits(&world, relay).through;
    let mut stranger = Stranger::joined(&mut world, relay);
    let id = stranger.id();
    stranger.say(&mut world, &[(id, [7; CELL]), (id, [8; CELL])]);
    world.run_for(100 * MS);
    assert_eq!(stranger.ended(&mut world), [id]);
    let half = stranger.id();
    stranger.say(&mut world, &[(half, [7; CELL])]);
    world.run_for(9 * SECOND);
    assert_eq!(stranger.ended(&mut world), []);
    assert_eq!(circuits(&world, relay).through, before + 1);
    world.run_for(2 * SECOND);
    assert_eq!(stranger.ended(&mut world), [half]);
    assert_eq!(circuits(&world, relay).through, before);
    // A cell of a circuit that is over is no new circuit.
    stranger.say(&mut world, &[(id, [7; CELL])]);
    world.run_for(100 * MS);
    assert!(stranger.is_held(&mut world));
    assert_eq!(circuits(&world, relay).through, before);
    talk.comes_whole(&mut world, 10 * SECOND);
}

/// ONI-6, ONI-13: what does not open is answered with BLAME, and the circuit is over, at the relays behind it, too.
#[test]
fn a_cell_that_does_not_open_ends_its_circuit() {
    let (mut world, relays, mut talk) = scene();
    let mut stranger = Stranger::joined(&mut world, relays[0]);
    let before: Vec<_> = relays
        .iter()
        .map(|it| circuits(&world, *it).through)
        .collect();
    let mut own = stranger.circuit(&mut world, &relays);
    stranger.say(&mut world, &[(own.id, [3; CELL])]);
    world.run_for(200 * MS);
    assert!(matches!(
        stranger.heard(&mut world, &mut own),
        Heard::Over { .. }
    ));
    let after: Vec<_> = relays
        .iter()
        .map(|it| circuits(&world, *it).through)
        .collect();
    assert_eq!(before, after);
    assert!(stranger.is_held(&mut world));
    talk.comes_whole(&mut world, 10 * SECOND);
}

/// ONI-11, ONI-12: who cannot be a next hop is refused with its reason: one that nobody lists, the relay itself, one that is dead.
#[test]
fn there_is_no_way_to_nobody_to_oneself_or_to_the_dead() {
    let (mut world, relays, mut talk) = scene();
    let dead = world.relay("dead");
    world.publish().unwrap();
    world.kill(dead);
    let nobody = RelayId::from(crate::kit::key(99).public());
    let (itself, dead) = (world.relay_id(relays[0]), world.relay_id(dead));
    for (relay, expected) in [
        (nobody, Reason::NoSuchRelay),
        (itself, Reason::NoSuchRelay),
        (dead, Reason::Unreachable),
    ] {
        let mut stranger = Stranger::joined(&mut world, relays[0]);
        let mut own = stranger.circuit(&mut world, &relays[..1]);
        let onion = itself.public_key().mapped();
        let heard = stranger.asked_under(&mut world, &mut own, relay, onion);
        let Heard::Truncated {
            hops: 1, reason, ..
        } = heard
        else {
            panic!("{heard:?}");
        };
        assert_eq!(reason, expected);
        // And the circuit is as good as before.
        let next = world.relay_id(relays[1]);
        let heard = stranger.asked(&mut world, &mut own, next, relays[1]);
        assert_eq!(heard, Heard::Grown);
    }
    talk.comes_whole(&mut world, 10 * SECOND);
}

/// ONI-15: a link has 8192 circuits and not one more.
#[test]
fn a_link_has_8192_circuits() {
    let (mut world, relays, mut talk) = scene();
    let relay = relays[0];
    let before = circuits(&world, relay).through;
    let mut stranger = Stranger::joined(&mut world, relay);
    let ids: Vec<_> = (0..8193).map(|_| stranger.id()).collect();
    let halves: Vec<_> = ids.iter().map(|id| (*id, [7; CELL])).collect();
    stranger.say(&mut world, &halves);
    world.run_for(SECOND);
    assert_eq!(circuits(&world, relay).through, before + 8192);
    assert_eq!(stranger.ended(&mut world), ids[8192..]);
    talk.comes_whole(&mut world, 10 * SECOND);
    world.run_for(15 * SECOND);
    assert_eq!(circuits(&world, relay).through, before);
    assert_eq!(stranger.ended(&mut world).len(), 8192);
}

/// ONI-15: a circuit on which nothing comes for 20 minutes is over; its link, which had it, stays until then.
#[test]
fn an_idle_circuit_is_over_after_20_minutes() {
    let mut world = at_once(4);
    let relays = relays(&mut world, 2);
    world.publish().unwrap();
    let mut stranger = Stranger::joined(&mut world, relays[0]);
    let own = stranger.circuit(&mut world, &relays);
    let through = |world: &World| [0, 1].map(|n| circuits(world, relays[n]).through);
    world.run_for(1190 * SECOND);
    assert_eq!(through(&world), [1, 1]);
    assert!(stranger.is_held(&mut world));
    world.run_for(80 * SECOND);
    assert_eq!(through(&world), [0, 0]);
    assert_eq!(stranger.ended(&mut world), [own.id]);
    world.run_for(320 * SECOND);
    assert!(!stranger.is_held(&mut world));
}

/// THR-12, ONI-14: who sends more than the next link takes has its circuit closed at 1536 cells; a session that shares all its links does not notice.
#[test]
fn a_circuit_that_floods_is_closed_alone() {
    let mut world = at_once(3);
    let relays = relays(&mut world, 3);
    let client = world.client_with("client", no_spares);
    world.publish().unwrap();
    let mut talk = Talk::begin(&mut world, client, relays[2], 1);
    assert!(opens(&mut world, client, talk.conn, 5 * SECOND));
    world.run_for(SECOND);
    let guard = *relays
        .iter()
        .find(|it| world.observer().between(client, **it).next().is_some())
        .unwrap();
    let middle = *relays[..2].iter().find(|it| **it != guard).unwrap();
    let mut stranger = Stranger::joined(&mut world, guard);
    let mut own = stranger.circuit(&mut world, &[guard, middle]);
    world.bandwidth(guard, middle, Some(300_000));
    talk.say(&mut world, 100_000);
    let (mut most, mut ended) = (0, false);
    for _ in 0..60 {
        let flood: Vec<_> = (0..100)
            .map(|_| {
                let mut cell = [0; CELL];
                own.circuit.send(&mut cell).unwrap();
                (own.id, cell)
            })
            .collect();
        stranger.say(&mut world, &flood);
        world.run_for(20 * MS);
        most = most.max(circuits(&world, guard).cells);
        ended |= stranger.ended(&mut world).contains(&own.id);
    }
    assert!(ended, "{most} cells");
    assert!((1200..LONGEST + 200).contains(&most), "{most}");
    assert!(stranger.is_held(&mut world));
    talk.comes_whole(&mut world, 30 * SECOND);
    assert_eq!(talk.closed(&world), None);
}

/// THR-12, ONI-14: a client whose wire is slow slows its own session down and nobody else's; what waits for it is bounded, and it comes.
#[test]
fn a_slow_client_is_slow_alone() {
    let mut world = at_once(5);
    let relays = relays(&mut world, 4);
    let [slow, other] = ["slow", "other"].map(|name| world.client_with(name, no_spares));
    world.publish().unwrap();
    let mut talks = [slow, other].map(|client| {
        let talk = Talk::begin(
            &mut world,
            client,
            relays[3],
            if client == slow { 1 } else { 2 },
        );
        assert!(opens(&mut world, client, talk.conn, 5 * SECOND));
        talk
    });
    world.run_for(SECOND);
    for relay in &relays {
        world.bandwidth(slow, *relay, Some(100_000));
    }
    talks
        .iter_mut()
        .for_each(|talk| talk.say(&mut world, 3_000_000));
    let [slow_talk, other_talk] = &mut talks;
    other_talk.comes_whole(&mut world, 5 * SECOND);
    let mut most = 0;
    for _ in 0..400 {
        slow_talk.end(&mut world);
        world.run_for(200 * MS);
        let held = relays.iter().map(|it| circuits(&world, *it).cells);
        most = most.max(held.max().unwrap());
        if slow_talk.is_whole(&world) {
            break;
        }
    }
    assert!(
        slow_talk.is_whole(&world),
        "closed: {:?}",
        slow_talk.closed(&world)
    );
    assert!(most <= LONGEST, "{most}");
}

/// ONI-4, ONI-14: a session that is closed while its cells wait for a slow wire leaves the link, and those who share it, whole.
#[test]
fn an_end_while_cells_wait_leaves_the_link_whole() {
    let mut world = at_once(6);
    let relays = relays(&mut world, 3);
    let client = world.client_with("client", no_spares);
    world.publish().unwrap();
    let mut talks = [1, 2].map(|tag| {
        let talk = Talk::begin(&mut world, client, relays[2], tag);
        assert!(opens(&mut world, client, talk.conn, 5 * SECOND));
        talk
    });
    world.run_for(SECOND);
    let before: usize = relays.iter().map(|it| circuits(&world, *it).links).sum();
    for relay in &relays {
        world.bandwidth(client, *relay, Some(200_000));
    }
    talks
        .iter_mut()
        .for_each(|talk| talk.say(&mut world, 400_000));
    world.run_for(500 * MS);
    let [closed, mut kept] = talks;
    world.close(client, closed.conn);
    world.run_for(5 * SECOND);
    let exporter = world.exporter(client, kept.conn);
    kept.comes_whole(&mut world, 60 * SECOND);
    assert_eq!(
        world.exporter(client, kept.conn),
        exporter,
        "over the same circuit"
    );
    let after: usize = relays.iter().map(|it| circuits(&world, *it).links).sum();
    assert_eq!(before, after);
    let violation = |it: &Trace| matches!(it, Trace::Violation { .. });
    for host in relays.iter().chain([&client]) {
        assert!(!world.traces(*host).iter().any(violation));
    }
}

/// ONI-15, ONI-18: relays that are full send clients to others; where there are no others, the session fails and says so.
#[test]
fn full_relays_send_clients_to_others() {
    let most = |most: usize| {
        move |config: &mut Config| {
            let mix = config.mix.as_mut().unwrap();
            let relay = mix.relay.take().unwrap();
            *mix = MixConfig {
                relay: Some(RelayConfig {
                    max_circuits: most,
                    ..relay
                }),
                ..mix.clone()
            };
        }
    };
    let few = (0..8).map(|seed| (seed, 3));
    for (seed, full) in few.chain([(0, 9)]) {
        let mut world = at_once(seed);
        let room = |n| if n < full { 0 } else { 1000 };
        let relays: Vec<_> = (0..10)
            .map(|n| world.relay_with(&format!("relay {n}"), most(room(n))))
            .collect();
        let client = world.client_with("client", no_spares);
        world.publish().unwrap();
        // The first relay is one of three, so a client all of whose guards are full or the exit itself has no way.
        let guards = world.node(client).unwrap().guards().unwrap();
        let is_of_use = |id: &RelayId| relays[full..9].iter().any(|it| world.relay_id(*it) == *id);
        let has_way = guards.names().any(is_of_use);
        let mut open = 0;
        for _ in 0..5 {
            let conn = world.session(client, relays[9], Reach::Far).unwrap();
            let over =
                |world: &World| world.is_open(client, conn) || world.closed(client, conn).is_some();
            assert!(world.run_until(over, 60 * SECOND));
            open += usize::from(world.is_open(client, conn));
        }
        // What was refused three times in a row is given up, and relays that refused are passed over then.
        assert!(
            if has_way { open >= 4 } else { open == 0 },
            "{seed}: {open}"
        );
    }
}

/// ONI-16, ONI-18: without a consensus there is no session, and the client says so at once; one that learns of it has it.
#[test]
fn without_a_consensus_there_is_no_session() {
    let mut world = at_once(8);
    let relays = relays(&mut world, 4);
    let client = world.client("client");
    let asked = world.session(client, relays[3], Reach::Far);
    assert_eq!(asked, Err(Fault::Connect(ConnectError::NoRelay)));
    world.publish().unwrap();
    let conn = world.session(client, relays[3], Reach::Far).unwrap();
    assert!(opens(&mut world, client, conn, 5 * SECOND));
}
