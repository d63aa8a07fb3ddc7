//! Sessions over circuits: both ways, over one circuit after the other, and to their end.

use crate::kit::{MS, SECOND};
use crate::ledger::seeds;
use crate::mixkit::{Talk, at_once, circuits, no_spares, opens, relays, settled};
use pluribus_mix::netlayer::{CloseReason, Event};
use pluribus_mix::node::{Circuits, Reach};
use pluribus_mix::sim::{HostId, World};
use pluribus_mix::time::Duration;
use std::collections::BTreeSet;

const NONE: Circuits = Circuits {
    own: 0,
    spare: 0,
    through: 0,
    links: 0,
    cells: 0,
};

fn datagrams(world: &mut World, host: HostId) -> Vec<Vec<u8>> {
    let poll = |world: &mut World| world.with_node(host, |node, _| node.poll_datagram());
    core::iter::from_fn(|| poll(world)?.map(|(_, bytes)| bytes)).collect()
}

/// ONI-2, ONI-6, ONI-8, ONI-16: streams and datagrams go through three relays both ways, in any weather.
#[test]
fn streams_and_datagrams_go_both_ways() {
    for seed in seeds() {
        let (mut world, relays, client) = settled(seed, 5);
        world.jitter_everywhere(20 * MS);
        world.chop_everywhere(2000);
        let mut talk = Talk::begin(&mut world, client, relays[4], 1);
        assert!(opens(&mut world, client, talk.conn, 5 * SECOND));
        world.run_for(SECOND);
        let there = talk.find(&world).unwrap();
        talk.say(&mut world, 150_000);
        for n in 0..20 {
            let sent = world.with_node(client, |node, _| {
                node.send_datagram(talk.conn, vec![n; 800])
            });
            assert_eq!(sent, Some(Ok(())));
            let sent = world.with_node(relays[4], |node, _| {
                node.send_datagram(there, vec![100 + n; 1])
            });
            assert_eq!(sent, Some(Ok(())));
        }
        world.run_for(2 * SECOND);
        let came = datagrams(&mut world, relays[4]);
        assert_eq!(came, (0..20).map(|n| vec![n; 800]).collect::<Vec<_>>());
        let came = datagrams(&mut world, client);
        assert_eq!(came, (100..120).map(|n| vec![n; 1]).collect::<Vec<_>>());
        talk.comes_whole(&mut world, 20 * SECOND);
    }
}

/// ONI-16, ONI-18: a session whose circuit breaks goes on over another, and nothing of its streams is lost.
#[test]
fn a_session_goes_on_over_another_circuit() {
    for seed in seeds() {
        let (mut world, relays, client) = settled(seed, 6);
        let exit = relays[5];
        let mut talk = Talk::begin(&mut world, client, exit, 1);
        assert!(opens(&mut world, client, talk.conn, 5 * SECOND));
        world.run_for(SECOND);
        let mut exporters = BTreeSet::new();
        for round in 0..4 {
            exporters.insert(world.exporter(client, talk.conn));
            talk.say(&mut world, 60_000);
            world.run_for(30 * MS);
            for relay in &relays {
                match round % 2 {
                    0 => world.cut(client, *relay),
                    _ => world.cut(*relay, exit),
                }
            }
            world.run_for(5 * SECOND);
        }
        talk.comes_whole(&mut world, 20 * SECOND);
        assert_eq!(exporters.len(), 4, "each time another transport");
        assert_eq!(talk.closed(&world), None);
    }
}

/// ONI-16, ONI-18, VTP-13: two sessions use two circuits and two keys, and neither key is the client's.
#[test]
fn two_sessions_share_nothing() {
    for seed in seeds() {
        let (mut world, relays, client) = settled(seed, 4);
        let exit = relays[3];
        let before = circuits(&world, client).own;
        let conns = [(); 2].map(|()| world.session(client, exit, Reach::Far).unwrap());
        world.run_for(3 * SECOND);
        assert!(conns.iter().all(|conn| world.is_open(client, *conn)));
        assert_eq!(circuits(&world, client).own, before + 2);
        let peer = |event: &Event| match event {
            Event::Opened { peer, .. } => Some(*peer),
            _ => None,
        };
        let peers: BTreeSet<_> = world.events(exit).iter().filter_map(peer).collect();
        assert_eq!(peers.len(), 2);
        assert!(!peers.contains(&world.vat_id(client)));
    }
}

/// ONI-16: a session over a circuit of one hop meets one relay and nobody else.
#[test]
fn a_near_session_meets_one_relay() {
    let mut world = at_once(1);
    let relays = relays(&mut world, 4);
    let client = world.client_with("client", no_spares);
    world.publish().unwrap();
    let conn = world.session(client, relays[2], Reach::Near).unwrap();
    assert!(opens(&mut world, client, conn, 5 * SECOND));
    let through: Vec<_> = relays
        .iter()
        .map(|it| circuits(&world, *it).through)
        .collect();
    assert_eq!(through, [0, 0, 1, 0]);
    let links: Vec<_> = relays
        .iter()
        .map(|it| circuits(&world, *it).links)
        .collect();
    assert_eq!(links, [0, 0, 1, 0]);
}

/// ONI-18: a circuit lives from 5 to 10 minutes, a time that is drawn, and the session goes on over the next.
#[test]
fn circuits_live_from_five_to_ten_minutes() {
    let mut lives = Vec::new();
    for seed in seeds() {
        let mut world = at_once(seed);
        let relays = relays(&mut world, 5);
        let client = world.client_with("client", no_spares);
        world.publish().unwrap();
        let conn = world.session(client, relays[4], Reach::Far).unwrap();
        assert!(opens(&mut world, client, conn, 5 * SECOND));
        let mut exporter = world.exporter(client, conn);
        for _ in 0..3 {
            let since = world.now();
            assert!(world.run_until(
                |world| {
                    let now = world.exporter(client, conn);
                    now.is_some() && now != exporter
                },
                700 * SECOND
            ));
            exporter = world.exporter(client, conn);
            lives.push(world.now().since(since));
        }
        assert!(world.is_open(client, conn));
        assert_eq!(world.closed(client, conn), None);
    }
    let slack = 2 * SECOND;
    let all = 300 * SECOND - slack..600 * SECOND + slack;
    assert!(lives.iter().all(|life| all.contains(life)), "{lives:?}");
    let distinct: BTreeSet<Duration> = lives.iter().copied().collect();
    assert_eq!(distinct.len(), lives.len());
}

/// Whether nobody in this world has a circuit, a link or a timer.
fn is_empty(world: &World, hosts: &[HostId]) -> bool {
    let node = |host: &HostId| world.node(*host).unwrap();
    hosts
        .iter()
        .all(|host| node(host).circuits() == NONE && node(host).poll_timeout().is_none())
}

/// ONI-4, ONI-15, ONI-16: a session that is closed, at either end, closes its circuit at every relay; links that nobody uses go, too, and then
/// nobody wakes any more.
#[test]
fn a_closed_session_leaves_nothing_behind() {
    for seed in seeds() {
        for closer in [0, 1] {
            let mut world = at_once(seed);
            let mut hosts = relays(&mut world, 5);
            let client = world.client_with("client", no_spares);
            world.publish().unwrap();
            let mut talk = Talk::begin(&mut world, client, hosts[4], 1);
            assert!(opens(&mut world, client, talk.conn, 5 * SECOND));
            world.run_for(SECOND);
            talk.say(&mut world, 50_000);
            world.run_for(2 * SECOND);
            let through = |world: &World, hosts: &[HostId]| -> usize {
                let each = hosts.iter().map(|host| circuits(world, *host).through);
                each.sum()
            };
            assert_eq!(through(&world, &hosts), 3);
            match closer {
                0 => world.close(client, talk.conn),
                _ => world.close(hosts[4], talk.there.unwrap()),
            }
            world.run_for(2 * SECOND);
            assert_eq!(through(&world, &hosts), 0);
            assert_eq!(circuits(&world, client).own, 0);
            hosts.push(client);
            world.run_for(400 * SECOND);
            assert!(is_empty(&world, &hosts), "{closer}");
        }
    }
}

/// ONI-4, ONI-15: the circuits of a client that dies are over at every relay at once.
#[test]
fn a_client_that_dies_leaves_nothing_behind() {
    for seed in seeds() {
        let (mut world, relays, client) = settled(seed, 5);
        let mut talk = Talk::begin(&mut world, client, relays[4], 1);
        assert!(opens(&mut world, client, talk.conn, 5 * SECOND));
        world.run_for(SECOND);
        talk.say(&mut world, 500_000);
        world.run_for(40 * MS);
        world.kill(client);
        world.run_for(SECOND);
        for relay in &relays {
            let left = circuits(&world, *relay);
            assert_eq!((left.through, left.cells), (0, 0));
        }
        world.run_for(400 * SECOND);
        assert!(is_empty(&world, &relays));
        let there = talk.there.unwrap();
        let reason = world.closed(relays[4], there);
        assert_eq!(reason, Some(CloseReason::Unreachable));
    }
}
