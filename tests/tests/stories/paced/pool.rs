//! A client's circuits: when they are begun and end, whom they avoid, and what becomes of sessions on them.

use super::constant::batch;
use super::network;
use crate::kit::{MS, SECOND};
use crate::mixkit::{Talk, circuits, opens};
use pluribus_mix::netlayer::ConnId;
use pluribus_mix::node::Reach;
use pluribus_mix::pacing::Class;
use pluribus_mix::sim::{HostId, Place, Sight, World};
use pluribus_mix::time::{Duration, Instant};

/// Circuits that a client of eight slots has of its own: one slot is for who asks the guard itself.
const FULL: usize = 7;
const WINDOW: Duration = Duration::from_secs(5);

/// Five relays and a client, with windows of five seconds, at the moment when its first circuits are begun.
fn begun(seed: u64) -> (World, Vec<HostId>, HostId) {
    let (mut world, relays) = network(seed, 5, |params| params.with("pool_window", 5).unwrap());
    let client = world.client("client");
    world.publish().unwrap();
    let has_begun = |world: &World| circuits(world, client).own > 0;
    assert!(world.run_until(has_begun, 5 * SECOND));
    (world, relays, client)
}

/// When circuits were begun and when they ended, from the first that were; `deed` is done now and then.
fn births_and_deaths(
    world: &mut World,
    client: HostId,
    windows: u32,
    mut deed: impl FnMut(&mut World, u64),
) -> (Vec<Duration>, Vec<Duration>) {
    let began = world.now();
    let (mut births, mut deaths) = (vec![], vec![]);
    let mut had = circuits(world, client).own;
    let mut turn = 0;
    while world.now().since(began) < WINDOW * windows {
        world.run_for(20 * MS);
        turn += 1;
        deed(world, turn);
        let has = circuits(world, client).own;
        assert!(has <= FULL);
        let at = world.now().since(began);
        births.extend((had..has).map(|_| at));
        deaths.extend((has..had).map(|_| at));
        had = has;
    }
    (births, deaths)
}

/// PAC-14: circuits are begun at the multiples of a window, in all slots that are free then, and each lives for five to ten windows, whatever happens on it: sessions
/// begin and end, and a relay dies.
#[test]
fn circuits_are_begun_in_windows_and_live_as_long_as_was_drawn() {
    let (mut world, relays, client) = begun(7);
    assert_eq!(circuits(&world, client).own, FULL);
    let mut conn = None;
    let (births, deaths) =
        births_and_deaths(&mut world, client, 15, |world, turn| match turn % 250 {
            60 => {
                conn = world
                    .session(
                        client,
                        relays[usize::try_from(turn / 250).unwrap() % 5],
                        Reach::Far,
                    )
                    .ok()
            }
            200 => {
                if let Some(conn) = conn.take() {
                    world.close(client, conn);
                }
            }
            _ => {}
        });
    let is_at_a_window = |at: &Duration| at.as_millis() % WINDOW.as_millis() <= 40;
    assert!(births.iter().all(is_at_a_window), "{births:?}");
    assert!(deaths.iter().all(|at| *at >= WINDOW * 5), "{deaths:?}");
    assert!(
        deaths
            .iter()
            .filter(|at| **at <= WINDOW * 10 + 40 * MS)
            .count()
            >= FULL,
        "{deaths:?}"
    );
    assert!(deaths.iter().any(|at| !is_at_a_window(at)));
    for window in 6..14 {
        let until = WINDOW * window + 40 * MS;
        let count = |all: &[Duration]| all.iter().filter(|at| **at <= until).count();
        // One that ended just now has its slot filled in the next window.
        let fresh = deaths
            .iter()
            .filter(|at| **at + 60 * MS > until && **at <= until)
            .count();
        assert!(count(&births) + fresh >= count(&deaths), "window {window}");
    }
}

/// PAC-14: a session goes on over other circuits when its exit is given up, many times over, and nothing is lost.
#[test]
fn a_session_moves_when_its_exit_is_given_up() {
    let (mut world, relays, client) = begun(8);
    world.run_for(3 * SECOND);
    let mut talk = relays.iter().find_map(|relay| {
        let talk = Talk::begin(&mut world, client, *relay, 1);
        opens(&mut world, client, talk.conn, 3 * SECOND).then_some(talk)
    });
    let talk = talk.as_mut().unwrap();
    for _ in 0..50 {
        talk.say(&mut world, 5000);
        world.run_for(SECOND);
        assert_eq!(talk.closed(&world), None);
    }
    talk.comes_whole(&mut world, 60 * SECOND);
}

/// PAC-15: a client that is started again sends full batches from the first on, as it did the first time, and has all its circuits anew.
#[test]
fn a_client_that_is_started_again_begins_as_it_began() {
    let (mut world, relays, client) = begun(9);
    let batches = |world: &World, since: Instant| -> Vec<usize> {
        let from = Place::from(client);
        let records = world.observer().records().iter();
        let mine = records.filter(|it| it.at > since && it.from == from);
        mine.filter_map(|it| match it.sight {
            Sight::Bytes { length, .. } => Some(length),
            _ => None,
        })
        .collect()
    };
    world.run_for(10 * SECOND);
    let first = batches(&world, Instant::ZERO);
    world.restart(client);
    let since = world.now();
    world.publish().unwrap();
    world.run_for(10 * SECOND);
    let again = batches(&world, since);
    // The flights of the link come first.
    for sent in [&first, &again] {
        let flights = sent.iter().take_while(|sent| **sent != batch(8)).count();
        assert!(
            flights <= 3 && sent[flights..].iter().all(|sent| *sent == batch(8)),
            "{sent:?}"
        );
    }
    assert_eq!(circuits(&world, client).spare, FULL);
    assert!(
        relays
            .iter()
            .all(|relay| circuits(&world, *relay).through <= FULL)
    );
}

/// PAC-2: a node whose clock differs by 150 millionths follows its guard, and nothing of it is late; one whose clock differs by more than can be
/// followed is late by and by.
#[test]
fn clocks_that_part_are_followed() {
    for (ppm, is_followed) in [(150, true), (-150, true), (4000, false), (-4000, false)] {
        let (mut world, relays, client) = begun(10);
        world.run_for(2 * SECOND);
        world.drift(client, ppm);
        world.run_for(50 * SECOND);
        let paced = |host: HostId| world.node(host).unwrap().paced().unwrap();
        let late: u64 = relays.iter().map(|relay| paced(*relay).late).sum();
        let late = late + paced(client).late;
        assert_eq!(late == 0, is_followed, "{ppm}: {late}");
        let slew = i64::from(ppm).clamp(-200, 200);
        assert!(
            (paced(client).slew + slew).abs() <= 15,
            "{ppm}: {}",
            paced(client).slew
        );
    }
}

/// PAC-13: a relay that is late in one quantum of twenty is beside nobody's guard after a while; one that is in time stays in use.
#[test]
fn a_relay_with_gaps_is_avoided() {
    for is_late in [false, true] {
        let (mut world, relays, _) = begun(11);
        world.run_for(3 * SECOND);
        let guard = relays
            .iter()
            .position(|relay| circuits(&world, *relay).through == FULL)
            .unwrap();
        let other = (guard + 1) % relays.len();
        if is_late {
            world.dawdle(relays[other], 20, 160 * MS);
        }
        world.run_for(WINDOW * 20);
        let mut most = 0;
        for _ in 0..20 {
            world.run_for(WINDOW / 2);
            most = most.max(circuits(&world, relays[other]).through);
        }
        assert_eq!(most == 0, is_late);
    }
}

/// PAC-8: what links between relays carry changes at multiples of the epoch only, to a power of two, and circuits for which there is no room wait till then.
#[test]
fn circuits_beyond_the_step_wait_for_the_epoch() {
    let (mut world, relays) = network(12, 3, |params| params.with("epoch", 4).unwrap());
    let client = world.client_with("client", |config| {
        config.mix.as_mut().unwrap().class = Class::Bulk
    });
    world.publish().unwrap();
    world.run_for(40 * SECOND);
    assert_eq!(circuits(&world, client).spare, FULL);
    let is_relay = |place: Place| relays.iter().any(|relay| Place::from(*relay) == place);
    let mut all = std::collections::BTreeMap::<_, Vec<usize>>::new();
    for it in world.observer().records() {
        if is_relay(it.from) && is_relay(it.to) && it.length() >= batch(64) {
            all.entry((it.link, it.direction))
                .or_default()
                .push(it.length());
        }
    }
    let steps: Vec<_> = (6..12).map(|n| batch(1 << n)).collect();
    let mut grew = 0;
    for lengths in all.values() {
        assert!(
            lengths.iter().all(|length| steps.contains(length)),
            "{lengths:?}"
        );
        for (tick, pair) in (2..).zip(lengths.windows(2)) {
            assert!(pair[0] == pair[1] || tick % 80 == 0, "{tick}: {pair:?}");
            grew += usize::from(pair[0] < pair[1]);
        }
    }
    assert!(grew > 0);
}

const FAR: Reach = Reach::Far;

/// Four relays, and a client with so many slots, of which one is for who asks the guard itself.
fn few_circuits(seed: u64, slots: u64) -> (World, Vec<HostId>, HostId) {
    let (mut world, relays) = network(seed, 4, |params| {
        let params = params.with("pool_window", 5).unwrap();
        params.with("slots", slots).unwrap()
    });
    let client = world.client("client");
    world.publish().unwrap();
    world.run_for(4 * SECOND);
    (world, relays, client)
}

/// A session to the first of these relays that can be reached.
fn any_session(world: &mut World, client: HostId, exits: &[HostId]) -> Option<(HostId, ConnId)> {
    exits.iter().find_map(|exit| {
        let conn = world.session(client, *exit, FAR).ok()?;
        let opens = world.run_until(|world| world.is_open(client, conn), 4 * SECOND);
        if !opens {
            world.close(client, conn);
        }
        opens.then_some((*exit, conn))
    })
}

/// PAC-5, ONI-14: what waits at relays for a circuit goes with it: when the last has ended, nothing is held.
#[test]
fn nothing_of_a_circuit_that_has_ended_is_held() {
    let (mut world, exits, client) = few_circuits(3, 8);
    for exit in &exits {
        world.session(client, *exit, FAR).unwrap();
    }
    let ended = |world: &World| circuits(world, client).own < 7;
    assert!(world.run_until(ended, WINDOW * 10));
    world.run_for(WINDOW * 10);
    world.kill(client);
    world.run_for(10 * SECOND);
    for relay in &exits {
        let left = circuits(&world, *relay);
        assert_eq!((left.through, left.cells), (0, 0));
    }
}

/// PAC-14: a session lives on over the circuits that it had, by turns, while nobody begins another.
#[test]
fn a_session_comes_back_to_circuits_that_it_had() {
    let (mut world, exits, client) = few_circuits(13, 3);
    let (_, conn) = any_session(&mut world, client, &exits).unwrap();
    // The third leg is on the first circuit again: nobody has begun another.
    let mut over = std::collections::BTreeSet::new();
    while over.len() < 3 {
        world.run_for(100 * MS);
        over.extend(world.exporter(client, conn));
        assert_eq!(circuits(&world, client).own, 2, "none has ended");
    }
}

/// PAC-14: what a session has done with is no other session's, however long it lasts: another waits until a circuit is begun anew.
#[test]
fn a_circuit_that_has_served_is_no_other_sessions() {
    let (mut world, exits, client) = few_circuits(18, 2);
    let (_, conn) = any_session(&mut world, client, &exits).unwrap();
    world.close(client, conn);
    // Another guard leads to the guard.
    let guards = written_to(&world, client, &exits, Instant::ZERO);
    let others = exits.iter().filter(|exit| !guards.contains(exit));
    let others = others.map(|exit| world.session(client, *exit, FAR).unwrap());
    let others: Vec<_> = others.collect();
    let mut opened = false;
    let began = world.now();
    while circuits(&world, client).own == 1 {
        world.run_for(100 * MS);
        opened |= others.iter().any(|conn| world.is_open(client, *conn));
    }
    // Longer than it takes until the leg is over and another could be had.
    assert!(world.now().since(began) > WINDOW * 5 && !opened);
}

/// PAC-13: where there is no other way than over a pair that is suspect, a session waits for a while, and then goes that way rather than none.
#[test]
fn a_session_goes_over_suspects_when_there_is_nobody_else() {
    let (mut world, relays) = network(15, 3, |params| params.with("pool_window", 5).unwrap());
    let client = world.client("client");
    world.publish().unwrap();
    world.run_for(4 * SECOND);
    let (exit, _) = any_session(&mut world, client, &relays).unwrap();
    world.dawdle(exit, 20, 160 * MS);
    world.run_for(WINDOW * 6);
    let suspects = world.with_node(client, |node, now| node.health(now).suspects);
    assert!(suspects.unwrap() > 0);
    world.dawdle(exit, u64::MAX, MS);
    let again = world.session(client, exit, FAR).unwrap();
    assert!(world.run_until(|world| world.is_open(client, again), WINDOW * 5));
}

/// The relays that somebody has written to since a moment.
fn written_to(world: &World, client: HostId, relays: &[HostId], since: Instant) -> Vec<HostId> {
    let records = world.observer().records().iter();
    let mine = records.filter(|it| it.at >= since && it.from == Place::from(client));
    let places: Vec<_> = mine.map(|it| it.to).collect();
    let is_one = |relay: &HostId| places.contains(&Place::from(*relay));
    relays.iter().copied().filter(is_one).collect()
}

/// PAC-14, DIR-22: a relay that no spare circuit leads to, for it is the guard of them all, is reached over the next guard, by a circuit that is begun in a window though all
/// slots are taken; and when that guard is gone, circuits still are begun in windows.
#[test]
fn the_guard_itself_is_reached_over_the_next() {
    let (mut world, relays, client) = begun(16);
    let began = world.now();
    world.run_for(3 * SECOND);
    let [guard] = written_to(&world, client, &relays, began)[..] else {
        panic!("more than one guard");
    };
    let conn = world.session(client, guard, FAR).unwrap();
    let (mut births, mut next) = (vec![], None);
    while world.now().since(began) < WINDOW * 10 {
        let had = circuits(&world, client).own;
        world.run_for(20 * MS);
        let has = circuits(&world, client).own;
        births.extend((had..has).map(|_| world.now().since(began)));
        if next.is_none() && world.is_open(client, conn) {
            assert_eq!(births.len(), 1);
            next = written_to(&world, client, &relays, began)
                .into_iter()
                .find(|relay| *relay != guard);
            world.kill(next.unwrap());
        }
    }
    assert!(next.is_some() && births.len() > 1);
    let is_at_a_window = |at: &Duration| at.as_millis() % WINDOW.as_millis() <= 40;
    assert!(births.iter().all(is_at_a_window), "{births:?}");
}
