//! Stalls, clocks that part, and writers that are late now and then.

use super::constant::batch;
use super::network;
use crate::kit::{MS, SECOND, noted};
use crate::mixkit::{Talk, circuits, opens};
use pluribus_mix::node::Trace;
use pluribus_mix::sim::{Direction, HostId, LinkNo, Record, World};
use pluribus_mix::time::{Duration, Instant};
use pluribus_mix::vattp::Violation;
use std::collections::BTreeMap;

/// Nobody has broken a rule. A session that waits for a circuit, or whose handshake lost a cell to a stall, is late, and that is no fault of anybody's.
fn all_is_well(world: &World, hosts: &[HostId]) {
    for host in hosts {
        let traces = world.traces(*host).iter();
        let violations: Vec<_> = traces
            .filter_map(|trace| match trace {
                Trace::Violation { violation, .. } => Some(*violation),
                _ => None,
            })
            .filter(|violation| *violation != Violation::Late)
            .collect();
        assert!(
            violations.is_empty(),
            "{}: {violations:?}",
            world.name(*host)
        );
    }
}

/// What each link carried, each way: when last, how many batches, and of what length.
#[derive(Default)]
struct Counts(BTreeMap<(LinkNo, Direction), (Instant, u64, usize)>);

impl Counts {
    /// Adds what was seen. All batches of a link are as long as its first, and come a quantum apart, give or take `slack`.
    fn add(&mut self, records: &[Record], quantum: Duration, slack: Duration) {
        for record in records {
            let length = record.length();
            if ![batch(8), batch(64)].contains(&length) {
                // A link that begins.
                continue;
            }
            let way = (record.link, record.direction);
            let first = (record.at, 0, length);
            let (last, count, wanted) = self.0.entry(way).or_insert(first);
            assert_eq!(length, *wanted, "{record:?}");
            if *count > 0 {
                let apart = record.at.since(*last);
                assert!(
                    apart <= quantum + slack && apart + slack >= quantum,
                    "{apart:?} {record:?}"
                );
            }
            (*last, *count) = (record.at, *count + 1);
        }
    }
}

/// A city of four relays whose clocks drift, one client that talks and one that does not.
struct City {
    world: World,
    relays: Vec<HostId>,
    talks: HostId,
    rests: HostId,
}

fn city() -> City {
    let (mut world, relays) = network(5, 4, |params| params);
    let [talks, rests] = ["talks", "rests"].map(|name| world.client(name));
    world.publish().unwrap();
    for (n, host) in relays.iter().chain([&talks, &rests]).enumerate() {
        world.drift(*host, [40, -40, 20, -20, 40, -40][n]);
        world.dawdle(*host, 1000, 100 * MS);
    }
    world.run_for(30 * SECOND);
    City {
        world,
        relays,
        talks,
        rests,
    }
}

/// So many minutes of drift, late writes and a stall a minute; something is said all the time.
fn lives_through(minutes: u64) {
    let City {
        mut world,
        relays,
        talks,
        rests,
    } = city();
    let hosts = [&relays[..], &[talks, rests]].concat();
    let mut counts = Counts::default();
    world.observer_mut().take_records();
    let mut talk = Talk::begin(&mut world, talks, relays[3], 1);
    assert!(opens(&mut world, talks, talk.conn, 10 * SECOND));
    for minute in 0..minutes {
        talk.say(&mut world, 2000);
        world.run_for(20 * SECOND);
        let links = [(0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3)];
        let (a, b) = links[usize::try_from(minute).unwrap() % links.len()];
        world.hold(relays[a], relays[b]);
        world.run_for(200 * MS);
        world.release(relays[a], relays[b]);
        talk.say(&mut world, 2000);
        world.run_for(40 * SECOND - 200 * MS);
        // What is written late comes with what follows.
        counts.add(&world.observer_mut().take_records(), 50 * MS, 101 * MS);
        all_is_well(&world, &hosts);
        let rested = circuits(&world, rests);
        // Each of them is as good as on its first day.
        assert_eq!(rested.own, rested.spare, "minute {minute}");
        for relay in &relays {
            let held = circuits(&world, *relay);
            // J + 13 batches may wait, each way; of links that nothing held up when they began no more than J + 3 do. (PAC-6)
            assert!(held.cells <= 2 * 6 * held.through, "{held:?}");
            let paced = world.node(*relay).unwrap().paced().unwrap();
            assert_eq!((paced.short, paced.shunned), (0, 0));
        }
        assert_eq!(talk.closed(&world), None);
    }
    talk.comes_whole(&mut world, 60 * SECOND);
}

/// PAC-2, PAC-6, PAC-7, PAC-14, PAC-16, PAC-18: through stalls of 200 ms between relays, one a minute, clocks that part by 40 millionths, and one batch in a thousand that is
/// written 100 ms late, no count changes, no circuit ends before its time, no session ends, every byte comes, and no relay shuns another.
#[test]
fn it_lives_through_stalls_drift_and_late_writes() {
    lives_through(3);
}

/// The same for six hours. It takes long: `cargo test --release -p conformance --test stories -- --ignored six_hours`.
#[test]
#[ignore = "takes an hour"]
fn it_lives_through_six_hours() {
    lives_through(360);
}

/// PAC-2: a relay keeps pace with the other relays however many clients it has, and learns nothing from these: they only follow.
#[test]
fn a_guard_keeps_pace_with_relays_and_not_with_its_clients() {
    let (mut world, relays) = network(7, 3, |params| params);
    for n in 0..8 {
        world.client(&format!("client {n}"));
    }
    world.publish().unwrap();
    world.run_for(30 * SECOND);
    let links = |relay: &&HostId| circuits(&world, **relay).links;
    let guard = *relays.iter().max_by_key(links).unwrap();
    assert!(circuits(&world, guard).links > 5);
    world.drift(guard, 150);
    world.run_for(120 * SECOND);
    for relay in &relays {
        // By the world's clock.
        let drift = if *relay == guard { 150 } else { 0 };
        let pace = world.node(*relay).unwrap().paced().unwrap().slew + drift;
        let of_guard = world.node(guard).unwrap().paced().unwrap().slew + 150;
        assert!((pace - of_guard).abs() <= 5, "{pace} and {of_guard}");
    }
}

/// PAC-6, PAC-7: a stall of 200 ms between two relays is seen on no other link, and not on that one either: what is sent is sent by the clock of who
/// sends it.
#[test]
fn a_stall_shows_nowhere() {
    let story = |stalls: bool| {
        let (mut world, relays) = network(6, 4, |params| params.with("pool_window", 5).unwrap());
        let client = world.client("client");
        world.publish().unwrap();
        world.run_for(10 * SECOND);
        let mut late = 0;
        for (a, b) in [(0, 1), (1, 2), (2, 3), (3, 0)] {
            if stalls {
                world.hold(relays[a], relays[b]);
            }
            world.run_for(200 * MS);
            world.release(relays[a], relays[b]);
            world.run_for(5 * SECOND);
        }
        for relay in &relays {
            late += world.node(*relay).unwrap().paced().unwrap().late;
        }
        assert_eq!(circuits(&world, client).own, 7);
        assert_eq!(late > 0, stalls);
        // What is late is nobody's deed.
        let shunned = |relay: &HostId| world.node(*relay).unwrap().paced().unwrap().shunned;
        assert!(relays.iter().all(|relay| shunned(relay) == 0));
        noted(world.observer().records())
    };
    assert_eq!(story(true), story(false));
}
