//! Meetings by the clock.

use super::meetings::{CALLEE, DIALLER, M, OTHER, P, heard, held, is_lost, joined, opens};
use super::rig::{MS, SECOND, Seen, World, paced, vat};
use crate::directory::Params;
use crate::node::mix::client::Stage;
use crate::node::{Class, LinkId};
use crate::onion::meet::cookie;
use crate::time::{Duration, Instant};
use std::collections::BTreeSet;

const WINDOW: Duration = Duration::from_secs(10);

/// Where links between relays carry what they must, with the windows above.
fn lean() -> Params {
    let params = paced().with("padding", 0).unwrap();
    params.with("pool_window", 10).unwrap()
}

fn world(params: &Params, class: Class) -> World {
    World::new(8, 3, params, vat(class))
}

/// A world in which the callee's park has its circuits.
fn parked(class: Class) -> World {
    let mut world = world(&lean(), class);
    world.park(CALLEE, &[(M, P)]);
    world.until(60 * SECOND, |world| held(world, M) == [1, 2, 0]);
    world
}

/// Two who have met, and their ends.
fn met(class: Class) -> (World, LinkId, LinkId) {
    let mut world = parked(class);
    let end = world.join(DIALLER, M, cookie(&world.id(M), &P));
    opens(&mut world, DIALLER, end);
    world.say(DIALLER, end, [1]);
    world.until(5 * SECOND, |world| {
        !world.hosts[CALLEE].raw.joined.is_empty()
    });
    let there = joined(&world, CALLEE, 0);
    world.until(5 * SECOND, |world| !heard(world, CALLEE, there).is_empty());
    (world, end, there)
}

fn said(world: &World, host: usize, end: LinkId) -> Vec<(u64, u64)> {
    world.hosts[host].raw.said[&end].clone()
}

/// RDV-21, RDV-22, RDV-28: in every class what the one says is heard by the other under the numbers under which it was said, cell by cell.
#[test]
fn numbers_are_the_same_at_both_ends() {
    for class in Class::ALL {
        let (mut world, end, there) = met(class);
        let count = 12 * class.burst();
        for round in 0..2 {
            // Both at once, and the second time out of step with the first.
            world.run_for(MS * (170 * round));
            world.say(DIALLER, end, (0..count).map(|n| 100 + n));
            world.say(CALLEE, there, (0..count).map(|n| 9000 + n));
            world.run_for(4 * SECOND);
        }
        let there_heard = heard(&world, CALLEE, there);
        assert_eq!(there_heard, said(&world, DIALLER, end), "{class}");
        assert_eq!(heard(&world, DIALLER, end), said(&world, CALLEE, there));
        assert_eq!(there_heard.len() as u64, 1 + 2 * count);
        assert!(world.hosts[DIALLER].raw.again.is_empty());
        assert_eq!(world.hosts[M].raw.accepted, 0);
    }
}

/// Whether a host has a circuit that it could have wait or join at once.
fn is_ready(world: &World, host: usize) -> bool {
    let mix = &world.hosts[host].mix;
    let mut circuits = mix.client.circuits.iter().map(|(_, it)| it);
    circuits.any(|it| {
        let rests = it.stage != Stage::Spare || it.deadline.is_some();
        !rests && mix.is_usable(it) && !it.path.contains(&world.id(M))
    })
}

/// RDV-20, RDV-22, RDV-24, RDV-28: who joins before anybody parks is told to say its flight again, and from the number that it was told on nothing is lost.
#[test]
fn a_join_waits_for_its_park() {
    for class in Class::ALL {
        let mut world = world(&lean(), class);
        let both = |world: &World| [CALLEE, DIALLER].iter().all(|host| is_ready(world, *host));
        world.until(20 * WINDOW, both);
        let end = world.join(DIALLER, M, cookie(&world.id(M), &P));
        opens(&mut world, DIALLER, end);
        let count = 60 * class.burst();
        world.say(DIALLER, end, 0..count);
        world.run_for(600 * MS);
        assert_eq!(held(&world, M), [1, 0, 1], "{class}");
        world.park(CALLEE, &[(M, P)]);
        world.until(5 * SECOND, |world| {
            !world.hosts[CALLEE].raw.joined.is_empty()
        });
        world.until(5 * SECOND, |world| {
            !world.hosts[DIALLER].raw.again.is_empty()
        });
        let circuits = world.hosts[DIALLER].mix.client.circuits.iter();
        let mut used = circuits.filter_map(|(_, it)| it.end.and(it.meet.as_ref()));
        let from = used.next().unwrap().counts.from;
        world.run_for(8 * SECOND);
        assert_eq!(world.hosts[DIALLER].raw.again, [end]);
        let there = joined(&world, CALLEE, 0);
        let (said, heard) = (said(&world, DIALLER, end), heard(&world, CALLEE, there));
        assert_eq!(from, heard[0].0, "{class}");
        assert!(!heard.is_empty() && heard.len() < said.len());
        assert_eq!(heard, said[said.len() - heard.len()..], "{class}");
    }
}

/// RDV-20, RDV-28: circuits of two classes do not meet.
#[test]
fn two_classes_do_not_meet() {
    let mut world = World::new(8, 3, &lean(), |mix| mix.meets = 2);
    world.hosts[DIALLER].mix.class = Class::Fast;
    world.hosts[DIALLER].mix.pace.as_mut().unwrap().class = Class::Fast;
    world.park(CALLEE, &[(M, P)]);
    world.until(60 * SECOND, |world| held(world, M) == [1, 2, 0]);
    let name = cookie(&world.id(M), &P);
    let [fast, same] = [DIALLER, OTHER].map(|host| world.join(host, M, name));
    opens(&mut world, DIALLER, fast);
    opens(&mut world, OTHER, same);
    world.until(5 * SECOND, |world| {
        !world.hosts[CALLEE].raw.joined.is_empty()
    });
    assert!(!is_lost(&world, OTHER, same));
    world.until(5 * SECOND, |world| is_lost(world, DIALLER, fast));
    assert_eq!(world.hosts[CALLEE].raw.joined.len(), 1);
}

/// RDV-23, RDV-27: when one has done with the meeting, when its leg is over, and when the relay dies, the other hears of it; the circuits run on.
#[test]
fn either_end_ends_both() {
    let circuits = |world: &World| [CALLEE, DIALLER].map(|host| world.hosts[host].mix.count().own);
    for closes in [Some(DIALLER), Some(CALLEE), None] {
        let (mut world, end, there) = met(Class::Talk);
        let before = circuits(&world);
        match closes {
            Some(DIALLER) => world.close(DIALLER, end),
            Some(_) => world.close(CALLEE, there),
            None => world.kill(M),
        }
        world.run_for(3 * SECOND);
        assert_eq!(is_lost(&world, CALLEE, there), closes != Some(CALLEE));
        assert_eq!(is_lost(&world, DIALLER, end), closes != Some(DIALLER));
        assert!(closes.is_none() || circuits(&world) >= before);
    }
    let (mut world, end, there) = met(Class::Talk);
    let legs: Vec<_> = [CALLEE, DIALLER]
        .into_iter()
        .flat_map(|host| &world.hosts[host].mix.client.circuits)
        .filter(|(_, it)| it.end.is_some())
        .map(|(_, it)| it.leg_ends.unwrap())
        .collect();
    let first = *legs.iter().min().unwrap();
    let wait = Duration::from_nanos(u64::try_from(first.since(world.now).as_nanos()).unwrap());
    assert!(legs.len() == 2 && wait <= WINDOW * 4);
    world.run_for(Duration::from_nanos(
        u64::try_from((wait - SECOND).as_nanos()).unwrap(),
    ));
    assert!(!is_lost(&world, CALLEE, there) && !is_lost(&world, DIALLER, end));
    world.run_for(3 * SECOND);
    assert!(is_lost(&world, CALLEE, there) && is_lost(&world, DIALLER, end));
}

/// RDV-27: what a window has room for goes to parks first, then to spares for joining, then to those for sessions, as many as are wanted. No leg
/// outlasts its circuit, and none begins just with a window.
#[test]
fn windows_serve_parks_first() {
    let params = lean().with("slots", 6).unwrap();
    let mut world = World::unpublished(8, 1, |mix| (mix.meets, mix.spares) = (2, 2));
    world.park(CALLEE, &[(M, P)]);
    world.publish(&params);
    world.run_for(SECOND);
    let meetings = |world: &World| {
        let circuits = world.hosts[CALLEE].mix.client.circuits.iter();
        let meets: Vec<_> = circuits.map(|(_, it)| it.meet.is_some()).collect();
        (meets.len(), meets.iter().filter(|meets| **meets).count())
    };
    // One of six is for who asks the guard; two for the park, two for joining, one for sessions.
    assert_eq!(meetings(&world), (5, 4));
    let (mut legs, mut begun) = (BTreeSet::new(), Vec::new());
    for _ in 0..1200 {
        world.run_for(200 * MS);
        for (_, it) in &world.hosts[CALLEE].mix.client.circuits {
            let Some(ends) = it.leg_ends.filter(|_| it.meet.is_some()) else {
                continue;
            };
            assert!(ends <= it.dies);
            if legs.insert(ends) {
                assert!((WINDOW - SECOND..2 * WINDOW).contains(&left(world.now, ends)));
                begun.push(world.now);
            }
        }
    }
    assert!(begun.len() > 6, "{begun:?}");
    let phases = begun
        .iter()
        .map(|at| at.as_nanos() % 10_000_000_000 / 1_000_000_000);
    assert!(phases.collect::<BTreeSet<_>>().len() > 3, "{begun:?}");
}

/// RDV-25, RDV-27: whom all spare circuits have for a hop is met over one that is begun for it, with another guard if need be.
#[test]
fn a_guard_is_met_at_over_another() {
    let mut world = world(&lean(), Class::Talk);
    world.until(60 * SECOND, |world| is_ready(world, DIALLER));
    let circuits = world.hosts[DIALLER].mix.client.circuits.iter();
    let guard = circuits.map(|(_, it)| it.path[0]).next().unwrap();
    let guard = (0..8).find(|relay| world.id(*relay) == guard).unwrap();
    let end = world.join(DIALLER, guard, [3; 16]);
    let stands = |world: &World| world.hosts[DIALLER].raw.opened.contains(&end);
    world.until(3 * WINDOW, stands);
    let circuits = world.hosts[DIALLER].mix.client.circuits.iter();
    let used = circuits.map(|(_, it)| it).find(|it| it.end.is_some());
    let path = &used.unwrap().path;
    assert!(path[3] == world.id(guard) && !path[..3].contains(&path[3]));
}

fn left(now: Instant, at: Instant) -> Duration {
    Duration::from_nanos(u64::try_from(at.since(now).as_nanos()).unwrap())
}

/// What is seen of every link while somebody parks, and another joins with this secret or does not, and they talk; and how much of it is heard.
fn watched(params: &Params, secret: Option<[u8; 32]>) -> (Vec<Seen>, usize) {
    let mut world = world(params, Class::Talk);
    world.park(CALLEE, &[(M, P)]);
    world.until(60 * SECOND, |world| held(world, M) == [1, 2, 0]);
    let from = world.seen.len();
    if let Some(secret) = secret {
        let end = world.join(DIALLER, M, cookie(&world.id(M), &secret));
        opens(&mut world, DIALLER, end);
        world.say(DIALLER, end, 0..100);
    }
    world.run_for(SECOND);
    if !world.hosts[CALLEE].raw.joined.is_empty() {
        let there = joined(&world, CALLEE, 0);
        world.say(CALLEE, there, 0..100);
    }
    world.run_for(6 * SECOND);
    let mut seen = world.seen.split_off(from);
    seen.sort_unstable();
    let heard = world.hosts[CALLEE].raw.heard.values().map(Vec::len);
    (seen, heard.sum())
}

/// RDV-28: who watches every link sees the same, cell for cell and moment for moment, whether two circuits are spliced and talk or one waits for nobody. Where
/// links between relays carry no more than they must, it shows that there is one circuit more.
#[test]
fn a_splice_is_not_seen() {
    let (spliced, there) = watched(&paced(), Some(P));
    let (alone, nobody) = watched(&paced(), Some([0; 32]));
    assert!(there > 90 && nobody == 0);
    assert!(spliced.len() > 10_000);
    let differ = spliced.iter().zip(&alone).find(|(one, other)| one != other);
    assert_eq!((differ, spliced.len()), (None, alone.len()));
    let [joins, does_not] = [Some(P), None].map(|secret| watched(&lean(), secret).0);
    assert!(joins.len() > 10_000 && joins != does_not);
}
