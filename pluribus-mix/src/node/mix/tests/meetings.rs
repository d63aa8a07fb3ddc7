//! Two clients that meet at a relay, and those that would disturb them.

use super::rig::{MS, SECOND, World, unpaced, vat};
use crate::ablation::{Check, without};
use crate::node::mix::client::Stage;
use crate::node::mix::knows::Held;
use crate::node::{Class, LinkId};
use crate::onion::CELL;
use crate::onion::meet::cookie;
use crate::onion::suspicion::{Grave, Strike};
use crate::time::Duration;
use std::collections::BTreeSet;

/// The hosts: relays 0 to 7, then those who park and those who join.
pub(super) const M: usize = 0;
pub(super) const CALLEE: usize = 8;
pub(super) const DIALLER: usize = 9;
pub(super) const OTHER: usize = 10;
pub(super) const P: [u8; 32] = [0x55; 32];

fn world() -> World {
    World::new(8, 3, &unpaced(), vat(Class::default()))
}

/// A world in which the callee's park has its circuits.
fn parked() -> World {
    let mut world = world();
    world.park(CALLEE, &[(M, P)]);
    world.run_for(SECOND);
    let there = [(world.id(M), 2)];
    assert_eq!(world.hosts[CALLEE].mix.parked(), there);
    assert_eq!(held(&world, M), [1, 2, 0]);
    world
}

/// What a relay holds: parks, circuits that wait in them, JOINs that wait.
pub(super) fn held(world: &World, relay: usize) -> [usize; 3] {
    world.hosts[relay].mix.relay.as_ref().unwrap().parks.held()
}

/// The end that came of the n-th JOIN.
pub(super) fn joined(world: &World, host: usize, n: usize) -> LinkId {
    world.hosts[host].raw.joined[n].2
}

pub(super) fn opens(world: &mut World, host: usize, end: LinkId) {
    let stands = |world: &World| world.hosts[host].raw.opened.contains(&end);
    world.until(30 * SECOND, stands);
}

pub(super) fn is_lost(world: &World, host: usize, end: LinkId) -> bool {
    world.hosts[host].raw.lost.contains(&end)
}

pub(super) fn heard(world: &World, host: usize, end: LinkId) -> Vec<(u64, u64)> {
    let heard = world.hosts[host].raw.heard.get(&end);
    heard.cloned().unwrap_or_default()
}

/// RDV-19, RDV-20, RDV-21: who parks and who joins hear each other, and the relay reads nothing and accepts no session.
#[test]
fn two_clients_meet() {
    let mut world = parked();
    let cookie = cookie(&world.id(M), &P);
    let end = world.join(DIALLER, M, cookie);
    opens(&mut world, DIALLER, end);
    world.say(DIALLER, end, 100..140);
    world.run_for(SECOND);
    let there = joined(&world, CALLEE, 0);
    assert_eq!(
        world.hosts[CALLEE].raw.joined,
        [(world.id(M), cookie, there)]
    );
    let sent: Vec<_> = (0..40).map(|n| (n, 100 + n)).collect();
    assert_eq!(heard(&world, CALLEE, there), sent);
    world.say(CALLEE, there, 500..540);
    world.run_for(SECOND);
    let sent: Vec<_> = (0..40).map(|n| (n, 500 + n)).collect();
    assert_eq!(heard(&world, DIALLER, end), sent);
    let raw = &world.hosts[DIALLER].raw;
    assert!(raw.again.is_empty() && raw.lost.is_empty());
    assert_eq!(world.hosts[M].raw.accepted, 0);
    // The circuit that was taken has been replaced.
    world.run_for(2 * SECOND);
    assert_eq!(held(&world, M), [1, 2, 0]);
}

/// RDV-20, RDV-22, RDV-24: who joins before anybody parks waits; what it says meanwhile is dropped, and it is told to say it again. Its cells are counted
/// with those that were dropped, at both ends alike.
#[test]
fn a_join_waits_for_its_park() {
    let mut world = world();
    let end = world.join(DIALLER, M, cookie(&world.id(M), &P));
    opens(&mut world, DIALLER, end);
    world.say(DIALLER, end, 1..6);
    world.run_for(500 * MS);
    assert_eq!(held(&world, M), [1, 0, 1]);
    world.park(CALLEE, &[(M, P)]);
    world.run_for(SECOND);
    assert_eq!(held(&world, M), [1, 2, 0]);
    assert_eq!(world.hosts[DIALLER].raw.again, [end]);
    world.say(DIALLER, end, 1..6);
    let there = joined(&world, CALLEE, 0);
    world.say(CALLEE, there, 7..9);
    world.run_for(SECOND);
    let again: Vec<_> = (5..10).zip(1..6).collect();
    assert_eq!(heard(&world, CALLEE, there), again);
    assert_eq!(heard(&world, DIALLER, end), [(0, 7), (1, 8)]);
}

/// How long it takes until somebody who joins is told that nobody is there, to 20 ms.
fn refused_after(world: &mut World, relay: usize, cookie: [u8; 16]) -> Duration {
    let end = world.join(DIALLER, relay, cookie);
    opens(world, DIALLER, end);
    let begun = world.now;
    world.until(5 * SECOND, |world| is_lost(world, DIALLER, end));
    Duration::from_nanos(u64::try_from(world.now.since(begun).as_nanos()).unwrap())
}

/// RDV-20: a cookie that nobody parks under is told from a park whose circuits are all taken by nothing.
#[test]
fn an_unknown_cookie_is_like_a_busy_park() {
    let mut world = world();
    world.run_for(SECOND);
    let unknown = refused_after(&mut world, M, [0xee; 16]);
    // The park's circuits are parked, taken, and not replaced: its vat is gone.
    world.park(CALLEE, &[(M, P)]);
    world.run_for(SECOND);
    let name = cookie(&world.id(M), &P);
    let taken: Vec<_> = (0..2).map(|_| world.join(OTHER, M, name)).collect();
    let both = |world: &World| {
        taken
            .iter()
            .all(|end| world.hosts[OTHER].raw.opened.contains(end))
    };
    world.until(SECOND, both);
    world.park(CALLEE, &[]);
    world.run_for(100 * MS);
    assert_eq!(held(&world, M), [0, 0, 0]);
    let before = world.join(OTHER, M, name);
    opens(&mut world, OTHER, before);
    world.run_for(50 * MS);
    assert_eq!(held(&world, M), [1, 0, 1]);
    let busy = refused_after(&mut world, M, name);
    assert_eq!(unknown, busy);
    assert!(
        (2 * SECOND..2 * SECOND + 200 * MS).contains(&busy),
        "{busy:?}"
    );
    assert_eq!(held(&world, M), [0, 0, 0]);
}

/// RDV-20: eight JOINs wait for a cookie; the ninth is refused at once, and the oldest is served first.
#[test]
fn the_ninth_join_is_refused() {
    let mut world = world();
    let name = cookie(&world.id(M), &P);
    let mut ends = Vec::new();
    for n in 0..9 {
        let end = world.join(DIALLER, M, name);
        opens(&mut world, DIALLER, end);
        ends.push(end);
        world.run_for(100 * MS);
        assert_eq!(held(&world, M), [1, 0, (n + 1).min(8)]);
    }
    assert_eq!(world.hosts[DIALLER].raw.lost, ends[8..]);
    world.park(CALLEE, &[(M, P)]);
    world.run_for(300 * MS);
    let oldest = world.hosts[CALLEE].raw.joined.len();
    assert!(oldest >= 2, "{oldest}");
    world.run_for(2 * SECOND);
    let raw = &world.hosts[DIALLER].raw;
    let served = world.hosts[CALLEE].raw.joined.len();
    let lost: BTreeSet<_> = raw.lost.iter().collect();
    let kept: Vec<_> = ends.iter().filter(|end| !lost.contains(end)).collect();
    assert_eq!(kept, ends[..served].iter().collect::<Vec<_>>());
}

/// RDV-19: who knows the cookie of a park, as everybody with a ticket does, cannot park there and take what is for its owner. If parks
/// were opened by their cookies, it could.
#[test]
fn nobody_else_parks_under_a_cookie() {
    let attack = || {
        let mut world = parked();
        let name = cookie(&world.id(M), &P);
        let mut guess = [0; 32];
        guess[..16].copy_from_slice(&name);
        world.park(OTHER, &[(M, guess)]);
        world.run_for(SECOND);
        assert_eq!(world.hosts[OTHER].mix.parked(), [(world.id(M), 2)]);
        let end = world.join(DIALLER, M, name);
        opens(&mut world, DIALLER, end);
        world.run_for(SECOND);
        [CALLEE, OTHER].map(|host| world.hosts[host].raw.joined.len())
    };
    assert_eq!(attack(), [1, 0]);
    assert_eq!(without(Check::ParkSecret, attack), [0, 1]);
}

/// RDV-19: a JOIN that is said again at another relay gives nothing, though the same vat parks there under the same secret.
#[test]
fn a_cookie_is_good_at_one_relay() {
    let mut world = world();
    world.park(CALLEE, &[(M, P), (1, P)]);
    world.run_for(SECOND);
    let there = [(world.id(M), 2), (world.id(1), 2)];
    assert_eq!(world.hosts[CALLEE].mix.parked(), there);
    let stolen = world.join(DIALLER, 1, cookie(&world.id(M), &P));
    let honest = world.join(DIALLER, 1, cookie(&world.id(1), &P));
    world.run_for(4 * SECOND);
    assert!(is_lost(&world, DIALLER, stolen) && !is_lost(&world, DIALLER, honest));
    assert_eq!(world.hosts[CALLEE].raw.joined.len(), 1);
}

/// Two who have met, and their ends.
fn met() -> (World, LinkId, LinkId) {
    let mut world = parked();
    let name = cookie(&world.id(M), &P);
    let end = world.join(DIALLER, M, name);
    opens(&mut world, DIALLER, end);
    world.say(DIALLER, end, [1]);
    world.run_for(SECOND);
    let there = joined(&world, CALLEE, 0);
    assert_eq!(heard(&world, CALLEE, there), [(0, 1)]);
    (world, end, there)
}

/// RDV-23: when one end is over, the other hears of it, behind what was said, and nothing is left of it at the relay.
#[test]
fn either_end_ends_both() {
    for closes in [DIALLER, CALLEE] {
        let (mut world, end, there) = met();
        let (close, other) = match closes {
            DIALLER => (end, (CALLEE, there)),
            _ => (there, (DIALLER, end)),
        };
        let circuits = world.hosts[M].mix.count().through;
        world.say(closes, close, 10..30);
        world.close(closes, close);
        world.run_for(2 * SECOND);
        assert!(is_lost(&world, other.0, other.1));
        let last = heard(&world, other.0, other.1).last().copied();
        assert_eq!(last.map(|(_, text)| text), Some(29));
        assert_eq!(world.hosts[M].mix.count().through, circuits - 2);
        assert_eq!(held(&world, M), [1, 2, 0]);
    }
}

/// RDV-23: so it is when the relay dies, or one on the way.
#[test]
fn a_relay_that_dies_ends_both() {
    for on_the_way in [false, true] {
        let (mut world, end, there) = met();
        let circuits = world.hosts[CALLEE].mix.client.circuits.iter();
        let used = circuits.map(|(_, it)| it).find(|it| it.end.is_some());
        let dies = match on_the_way {
            true => used.unwrap().path[2],
            false => world.id(M),
        };
        let dies = (0..8).find(|relay| world.id(*relay) == dies).unwrap();
        world.kill(dies);
        world.run_for(2 * SECOND);
        assert!(is_lost(&world, CALLEE, there) && is_lost(&world, DIALLER, end));
    }
}

/// RDV-26: a park that is not named any more is given up, and others are kept; what dies is replaced.
#[test]
fn parks_are_kept_and_given_up() {
    let mut world = world();
    world.park(CALLEE, &[(M, P), (1, P)]);
    world.run_for(SECOND);
    world.park(CALLEE, &[(1, P)]);
    world.run_for(SECOND);
    assert_eq!((held(&world, M), held(&world, 1)), ([0; 3], [1, 2, 0]));
    assert_eq!(world.hosts[CALLEE].mix.parked(), [(world.id(1), 2)]);
    // Circuits live for 5 to 10 minutes.
    world.run_for(1200 * SECOND);
    assert_eq!(held(&world, 1), [1, 2, 0]);
}

/// RDV-25: circuits to meeting relays, whichever they are, have two second hops and two third ones, none of them twice, and never the meeting relay itself,
/// be it the guard or one of these.
#[test]
fn lasting_hops_are_few() {
    let mut world = world();
    let parks: Vec<_> = (0..8).map(|relay| (relay, P)).collect();
    world.park(CALLEE, &parks);
    world.run_for(2 * SECOND);
    for relay in 0..8 {
        assert_eq!(held(&world, relay), [1, 2, 0], "at {relay}");
    }
    let circuits = world.hosts[CALLEE].mix.client.circuits.iter();
    let paths: Vec<_> = circuits.map(|(_, it)| it.path.clone()).collect();
    let at = |hop: usize| -> BTreeSet<_> {
        let hops = paths.iter().filter_map(|path| path.get(hop));
        hops.copied().collect()
    };
    assert_eq!((at(1).len(), at(2).len(), at(3).len()), (2, 2, 8));
    assert!(at(1).is_disjoint(&at(2)));
    for path in &paths {
        let apart: BTreeSet<_> = path.iter().collect();
        assert_eq!(apart.len(), path.len());
    }
    // All over one guard but those that meet there.
    let guard = paths.iter().find(|path| path.len() == 3).unwrap()[0];
    let others = paths.iter().filter(|path| path[0] != guard);
    assert!(others.clone().all(|path| path[3] == guard) && others.count() == 2);
}

/// RDV-25: they stay for a day and go within two, or at once when they are suspect.
#[test]
fn lasting_hops_stay_for_a_day() {
    const HOUR: Duration = Duration::from_secs(3600);
    let mut world = world();
    let consensus = world.hosts[CALLEE].mix.consensus.clone().unwrap();
    let begun = world.now;
    let mut names = |after: Duration, suspect: Option<crate::id::RelayId>| {
        let mix = &mut world.hosts[CALLEE].mix;
        mix.clock = begun + after;
        if let Some(relay) = suspect {
            let (pair, grave) = ((None, relay), Grave::Forged);
            mix.client.suspicion.note(mix.clock, Strike { pair, grave });
        }
        let paths = (0..40).map(|_| mix.lasting_path(&consensus, None, &[], None).unwrap());
        let hops: BTreeSet<_> = paths.flat_map(|path| path[1..].to_vec()).collect();
        assert_eq!(hops.len(), 4);
        hops
    };
    let first = names(Duration::ZERO, None);
    assert_eq!(names(24 * HOUR - SECOND, None), first);
    let suspect = *first.iter().next().unwrap();
    let second = names(24 * HOUR - SECOND, Some(suspect));
    assert_eq!(second.intersection(&first).count(), 3);
    assert!(!second.contains(&suspect));
    // Of eight relays three are guards, and the four that stay are drawn from the rest first.
    let mut seen = BTreeSet::new();
    let mut changes = 0;
    let mut before = second;
    for hour in 24..24 * 20 {
        let now = names(hour * HOUR, None);
        changes += usize::from(now != before);
        seen.extend(now.iter().copied());
        before = now;
    }
    // Every second time one of five is drawn again.
    assert!((10..60).contains(&changes), "{changes}");
    assert!(seen.len() > 4);
}

/// RDV-21: what the meeting relay's tables hold of two circuits are the relays before it, and that the circuits belong together.
#[test]
fn the_relay_knows_two_circuits() {
    let (world, ..) = met();
    let mix = &world.hosts[M].mix;
    let before = |host: usize| {
        let circuits = world.hosts[host].mix.client.circuits.iter();
        let used = circuits.map(|(_, it)| it).find(|it| it.end.is_some());
        Held::Relay(used.unwrap().path[2])
    };
    let both = BTreeSet::from([before(CALLEE), before(DIALLER)]);
    let knowledge = mix.knowledge(&|_, _| ());
    let spliced = knowledge.circuits.iter().filter(|it| it.held == both);
    assert!(spliced.count() >= 2);
    let is_relay = |held: &&Held| matches!(held, Held::Relay(_) | Held::Stranger(_));
    assert!(knowledge.all.iter().all(|held| is_relay(&held)));
}

/// RDV-20: a flood of JOINs leaves nothing behind.
#[test]
fn a_flood_of_joins_passes() {
    let mut world = parked();
    for n in 0..200 {
        world.join(DIALLER, M, [n; 16]);
        world.join(OTHER, M, [7; 16]);
        world.run_for(20 * MS);
        let [_, idle, waiting] = held(&world, M);
        assert!(idle == 2 && waiting <= 64, "{waiting}");
    }
    world.run_for(30 * SECOND);
    assert_eq!(held(&world, M), [1, 2, 0]);
    let name = cookie(&world.id(M), &P);
    let end = world.join(DIALLER, M, name);
    opens(&mut world, DIALLER, end);
    world.run_for(SECOND);
    assert_eq!(world.hosts[CALLEE].raw.joined.len(), 1);
}

/// RDV-19, RDV-26: a circuit on which its own client speaks before anybody has joined is closed, and its park has another a minute later.
#[test]
fn who_waits_is_silent() {
    let mut world = parked();
    let mix = &mut world.hosts[CALLEE].mix;
    let parked: Vec<_> = mix.client.circuits.iter().map(|(key, _)| key).collect();
    let waits = |key: &usize| mix.client.circuits[*key].stage == Stage::Parked;
    let parked: Vec<_> = parked.into_iter().filter(waits).collect();
    assert_eq!(parked.len(), 2);
    mix.origin_send(parked[0], &mut [0; CELL]);
    world.until(2 * SECOND, |world| held(world, M) == [1, 1, 0]);
    // To the client it looks as if the relay had given it up.
    world.run_for(65 * SECOND);
    assert_eq!(held(&world, M), [1, 2, 0]);
}

/// RDV-24: a relay that is not listed cannot be met at, and that is said at once.
#[test]
fn there_is_no_meeting_at_a_stranger() {
    let mut world = World::new(8, 3, &unpaced(), vat(Class::default()));
    // A client is no relay.
    let end = world.join(DIALLER, OTHER, [1; 16]);
    world.run_for(MS);
    assert!(is_lost(&world, DIALLER, end));
}
