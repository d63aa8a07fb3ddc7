//! Vats that hide and let themselves be found by who knows their VatId.

use crate::kit::{MS, SECOND};
use crate::meeting::{hears, hidden, hidden_with, meets_at};
use crate::mixkit::{at_once, relays};
use pluribus_mix::directory::Params;
use pluribus_mix::id::RelayId;
use pluribus_mix::locator::Locator;
use pluribus_mix::netlayer::{CloseReason, ConnId};
use pluribus_mix::rendezvous::Bearer;
use pluribus_mix::sim::{HostId, Place, World};
use pluribus_mix::time::{Duration, Instant};
use std::collections::BTreeSet;

/// A vat without an address, which publishes where it can be met.
fn listed(world: &mut World, name: &str) -> HostId {
    hidden_with(world, name, |meet| meet.listed = true)
}

/// So many relays, Bob, who hides, and Carol, who is listed or not, with everybody ready.
fn town(seed: u64, is_listed: bool) -> (World, Vec<HostId>, [HostId; 2]) {
    let mut world = at_once(seed);
    world.latency_everywhere(10 * MS);
    let relays = relays(&mut world, 16);
    let bob = hidden(&mut world, "bob");
    let carol = match is_listed {
        true => listed(&mut world, "carol"),
        false => hidden(&mut world, "carol"),
    };
    world.publish().unwrap();
    world.run_for(10 * SECOND);
    (world, relays, [bob, carol])
}

/// Bob knows who Carol is and no more.
fn dials(world: &mut World, bob: HostId, carol: HostId) -> ConnId {
    let there = Locator::new(world.vat_id(carol));
    world.dial_locator(bob, &there).unwrap()
}

/// How many records a relay keeps; none while it is down.
fn records(world: &World, relay: HostId) -> usize {
    world.node(relay).map_or(0, |node| node.records())
}

/// How many records the relays keep.
fn kept(world: &World, relays: &[HostId]) -> usize {
    relays.iter().map(|relay| records(world, *relay)).sum()
}

/// The relays that keep some.
fn keepers(world: &World, relays: &[HostId]) -> BTreeSet<HostId> {
    let all = relays.iter().copied();
    all.filter(|relay| records(world, *relay) > 0).collect()
}

/// Whether somebody new finds Carol within so long.
fn is_found(world: &mut World, carol: HostId, by: &str, within: Duration) -> bool {
    let by_whom = hidden(world, by);
    world.publish().unwrap();
    world.run_for(5 * SECOND);
    let conn = dials(world, by_whom, carol);
    world.run_until(|world| world.is_open(by_whom, conn), within)
}

/// RDV-33, RDV-40, RDV-41, RDV-42: who knows the VatId of a listed vat finds it: with circuits that stand already its first words are there 48 link delays after it
/// has dialled, 16 of them for the look-up, and are answered eight later.
#[test]
fn a_listed_vat_is_found_by_its_name() {
    let (mut world, relays, [bob, carol]) = town(1, true);
    // Others are there too, so that relays have links to each other.
    for n in 0..24 {
        hidden(&mut world, &format!("somebody {n}"));
    }
    world.publish().unwrap();
    world.run_for(10 * SECOND);
    assert_eq!(kept(&world, &relays), 3);
    let dialled = world.now();
    let conn = dials(&mut world, bob, carol);
    world.send(bob, conn, "I am Bob").unwrap();
    assert!(hears(&mut world, carol, "I am Bob", 2 * SECOND));
    let first = world.now().since(dialled);
    world.say(carol, bob, "I am Carol").unwrap();
    assert!(hears(&mut world, bob, "I am Carol", SECOND));
    let reply = world.now().since(dialled);
    let delays = |span: Duration| span.as_micros() as f64 / 10_000.0;
    println!(
        "by its record: first words after {}, reply after {} link delays",
        delays(first),
        delays(reply)
    );
    assert!(delays(first) <= 48.5, "{}", delays(first));
    assert!(delays(reply) <= 56.5, "{}", delays(reply));
    // From now on they have tickets.
    world.run_for(3 * SECOND);
    for vat in [bob, carol] {
        let tickets = world.node(vat).unwrap().tickets();
        assert_eq!((tickets.held, tickets.issued), (4, 4));
    }
}

/// RDV-41, RDV-42: who is not listed publishes nothing, and is not found.
#[test]
fn who_is_not_listed_is_not_found() {
    for is_listed in [false, true] {
        let (mut world, relays, [bob, carol]) = town(2, is_listed);
        assert_eq!(kept(&world, &relays), if is_listed { 3 } else { 0 });
        let conn = dials(&mut world, bob, carol);
        world.run_for(5 * SECOND);
        let closed = world.closed(bob, conn);
        assert_eq!(closed, (!is_listed).then_some(CloseReason::NotFound));
        assert_eq!(world.is_open(bob, conn), is_listed);
    }
}

/// RDV-33, RDV-42: many come at once to a vat that has two circuits in each park, and all of them meet it.
#[test]
fn many_come_at_once() {
    let (mut world, _, [_, carol]) = town(16, true);
    let names: Vec<_> = (0..12).map(|n| format!("guest {n}")).collect();
    let guests: Vec<_> = names.iter().map(|name| hidden(&mut world, name)).collect();
    world.publish().unwrap();
    world.run_for(10 * SECOND);
    let conns: Vec<_> = guests
        .iter()
        .map(|it| dials(&mut world, *it, carol))
        .collect();
    let all_met = |world: &World| {
        let mut both = guests.iter().zip(&conns);
        both.all(|(guest, conn)| world.is_open(*guest, *conn))
    };
    assert!(world.run_until(all_met, 60 * SECOND));
}

/// RDV-39, RDV-42: with two of three keepers gone the third is enough; with all three gone nothing is found.
#[test]
fn one_keeper_is_enough() {
    let (mut world, relays, [_, carol]) = town(3, true);
    let all: Vec<_> = keepers(&world, &relays).into_iter().collect();
    assert_eq!(all.len(), 3);
    // Who asks knows of none that is gone.
    let [asks, asks_again] = ["dave", "erin"].map(|name| hidden(&mut world, name));
    world.publish().unwrap();
    world.run_for(5 * SECOND);
    world.kill(all[0]);
    world.kill(all[1]);
    let conn = dials(&mut world, asks, carol);
    assert!(world.run_until(|world| world.is_open(asks, conn), 60 * SECOND));
    world.kill(all[2]);
    let conn = dials(&mut world, asks_again, carol);
    world.run_for(60 * SECOND);
    assert_eq!(world.closed(asks_again, conn), Some(CloseReason::NotFound));
}

/// RDV-41: where a keeper is gone, another relay is one by the next consensus, and has the record at once.
#[test]
fn a_new_keeper_has_the_record_at_once() {
    let (mut world, relays, [_, carol]) = town(15, true);
    let gone = *keepers(&world, &relays).first().unwrap();
    world.kill(gone);
    world.run_for(60 * SECOND);
    assert_eq!(kept(&world, &relays), 2);
    world.publish().unwrap();
    world.run_for(10 * SECOND);
    assert_eq!(kept(&world, &relays), 3);
    assert_eq!(world.node(carol).unwrap().tickets().kept, 3);
}

/// RDV-31, RDV-32, RDV-41: over the border of an epoch Carol is found all the time: half an hour before it there are records of both, half an hour behind it those of the old one are
/// gone. A keeper that has lost a record has it again before long.
#[test]
fn records_are_renewed() {
    let mut world = at_once(4);
    let relays = relays(&mut world, 12);
    let carol = listed(&mut world, "carol");
    world.publish().unwrap();
    world.run_for(10 * SECOND);
    // The world begins an hour before the border.
    let table = [(1700, 3), (3400, 6), (3700, 6), (5600, 3)];
    for (at, count) in table {
        let left = Duration::from_secs(at).saturating_sub(world.now().since(Instant::ZERO));
        world.run_for(left);
        assert!(is_found(
            &mut world,
            carol,
            &format!("somebody at {at}"),
            20 * SECOND
        ));
        assert_eq!(kept(&world, &relays), count, "{at}");
    }
    let forgetful = *keepers(&world, &relays).first().unwrap();
    world.restart(forgetful);
    world.publish().unwrap();
    assert_eq!(kept(&world, &relays), 2);
    for _ in 0..5 {
        world.run_for(15 * 60 * SECOND);
        world.publish().unwrap();
    }
    assert_eq!((kept(&world, &relays), records(&world, forgetful)), (3, 1));
}

/// RDV-41: where its park is gone, the record leads to another before long.
#[test]
fn a_record_leads_where_somebody_waits() {
    let mut world = at_once(5);
    let relays = relays(&mut world, 12);
    let carol = listed(&mut world, "carol");
    world.publish().unwrap();
    world.run_for(10 * SECOND);
    let all = keepers(&world, &relays);
    let others: Vec<_> = relays.iter().filter(|it| !all.contains(it)).collect();
    // One after the other is listed no more, those of the parks among them.
    for (n, relay) in others.into_iter().enumerate().take(6) {
        world.kill(*relay);
        world.run_for(150 * SECOND);
        world.publish().unwrap();
        world.run_for(20 * SECOND);
        let name = format!("somebody {n}");
        assert!(is_found(&mut world, carol, &name, 30 * SECOND), "{n}");
    }
}

/// RDV-40, THR-10: nobody has a link to a keeper: what is published and looked up goes over circuits, and a keeper holds neither who published nor who asked.
#[test]
fn nobody_goes_to_a_keeper_directly() {
    let mut tried = 0;
    for seed in 6..12 {
        let (mut world, relays, [bob, carol]) = town(seed, true);
        let all = keepers(&world, &relays);
        assert_eq!(all.len(), 3);
        let conn = dials(&mut world, bob, carol);
        assert!(world.run_until(|world| world.is_open(bob, conn), 5 * SECOND));
        for vat in [bob, carol] {
            let ours = Place::from(vat);
            let seen = world.observer().records().iter();
            let seen = seen.filter(|it| it.from == ours || it.to == ours);
            let there: BTreeSet<_> = seen
                .map(|it| if it.from == ours { it.to } else { it.from })
                .collect();
            assert!(!there.is_empty() && there.len() <= 2, "guards: {there:?}");
            // One's guard may keep what one publishes: then another leads there.
            let far = all.iter().filter(|it| !there.contains(&Place::from(**it)));
            tried += far.count();
            let name = pluribus_mix::node::Held::Vat(world.vat_id(vat));
            for keeper in &all {
                let knows = world.node(*keeper).unwrap().knowledge();
                assert!(!knows.all.contains(&name));
            }
        }
    }
    assert!(tried >= 24, "{tried}");
}

/// RDV-34, RDV-42, VTP-40: two who have no tickets left go on by the record when the relay between them is gone. Who is not listed is lost.
#[test]
fn a_connection_without_tickets_goes_on_by_the_record() {
    for is_listed in [true, false] {
        let (mut world, relays, [bob, carol]) = town(13, is_listed);
        let bearer = Bearer::Vat(world.vat_id(bob));
        let there = world.with_node(carol, |node, _| node.ticket_locator(bearer, 60));
        let there = there.unwrap().unwrap();
        let conn = world.dial_locator(bob, &there).unwrap();
        world.send(bob, conn, "hello").unwrap();
        assert!(hears(&mut world, carol, "hello", 5 * SECOND));
        world.run_for(5 * SECOND);
        // Wherever they can be met, and meet, is gone.
        let parks = [bob, carol].map(|vat| meets_at(&mut world, vat, 40));
        let is_park = |relay: RelayId| parks.iter().any(|parks| parks.contains(&relay));
        for relay in &relays {
            if is_park(world.relay_id(*relay)) {
                world.kill(*relay);
            }
        }
        world.publish().unwrap();
        world.send(bob, conn, "still there?").unwrap();
        let heard = hears(&mut world, carol, "still there?", 180 * SECOND);
        assert_eq!(heard, is_listed);
        let closed = world.closed(bob, conn);
        assert_eq!(closed, (!is_listed).then_some(CloseReason::Unreachable));
    }
}

/// RDV-27, RDV-40: by the clock it is the same, only that every hop takes its quanta.
#[test]
fn a_listed_vat_is_found_by_the_clock() {
    let mut world = World::seeded(14);
    world.latency_everywhere(5 * MS);
    let numbers = [
        ("quantum", 20),
        ("jitter", 3),
        ("slots", 24),
        ("pool_window", 60),
    ];
    let params = Params::default().with("pacing", "constant").unwrap();
    let params = numbers.into_iter().fold(params, |params, (name, value)| {
        params.with(name, value).unwrap()
    });
    world.set_params(params);
    let relays = relays(&mut world, 8);
    let (bob, carol) = (hidden(&mut world, "bob"), listed(&mut world, "carol"));
    world.publish().unwrap();
    let is_kept = |world: &World| kept(world, &relays) == 3;
    assert!(world.run_until(is_kept, 240 * SECOND));
    let dialled = world.now();
    let conn = dials(&mut world, bob, carol);
    world.send(bob, conn, "I am Bob").unwrap();
    assert!(hears(&mut world, carol, "I am Bob", 150 * SECOND));
    println!("first words after {:?}", world.now().since(dialled));
    world.say(carol, bob, "I am Carol").unwrap();
    assert!(hears(&mut world, bob, "I am Carol", 20 * SECOND));
}
