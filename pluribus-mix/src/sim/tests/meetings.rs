//! With the eyes of a meeting relay: what it sees of calls when it has opened its own layer, and what it can do with that.

use super::MS;
use crate::directory::Params;
use crate::node::{MeetConfig, MixConfig};
use crate::sim::{HostId, World};
use crate::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// What a cell carries from one end to the other.
type Payload = [u8; 896];

const SECOND: Duration = Duration::from_secs(1);

/// Relays, and vats that hide; every relay is a meeting relay of everybody.
fn town<const N: usize>(names: [&str; N]) -> (World, Vec<HostId>, [HostId; N]) {
    let mut world = World::seeded(12);
    world.set_params(Params::default().with("pacing", "none").unwrap());
    world.latency_everywhere(10 * MS);
    let relays: Vec<_> = (0..8).map(|n| world.relay(&format!("relay {n}"))).collect();
    let vats = names.map(|name| {
        world.vat_with(name, |config| {
            config.places = Vec::new();
            config.mix = Some(MixConfig {
                meets: 2,
                ..MixConfig::default()
            });
            config.meet = Some(MeetConfig {
                parks: 8,
                ..MeetConfig::default()
            });
        })
    });
    world.publish().unwrap();
    world.run_for(10 * SECOND);
    (world, relays, vats)
}

fn hears(world: &mut World, vat: HostId, words: &str) {
    let has = |world: &World| world.heard_by(vat).iter().any(|it| it == words);
    assert!(world.run_until(has, 60 * SECOND), "{words}");
}

fn dial(world: &mut World, from: HostId, to: HostId, words: &str) {
    let ticket = world.with_node(to, |node, _| node.open_locator());
    let conn = world.dial_locator(from, &ticket.unwrap());
    world.send(from, conn.unwrap(), words).unwrap();
    hears(world, to, words);
}

/// The splices that a relay has seen, each with its cells: which way they went, from whoever spoke first, and what they were.
fn splices(world: &World, relay: HostId) -> Vec<Vec<(bool, Payload)>> {
    let mut all: BTreeMap<_, Vec<(bool, Payload)>> = BTreeMap::new();
    let mut first = BTreeMap::new();
    for passed in world.node(relay).unwrap().passed() {
        let pair = (passed.from.min(passed.to), passed.from.max(passed.to));
        let begins = *first.entry(pair).or_insert(passed.from);
        let cells = all.entry(pair).or_default();
        cells.push((begins == passed.from, passed.payload));
    }
    all.into_values().collect()
}

/// How an opening goes: the cells of three flights.
const OPENING: [bool; 5] = [true, true, false, false, true];

fn opening(splice: &[(bool, Payload)]) -> Vec<bool> {
    splice.iter().take(5).map(|(forth, _)| *forth).collect()
}

/// RDV-17, RDV-21: whoever is called and by whom, for the first time or again when a splice was lost, the meeting relay sees an opening of the same cells in the
/// same order: all that is in clear are 48 bytes, which are never the same. What differs is how much is said: long first words take more cells.
#[test]
fn openings_have_one_shape() {
    let names = ["bob", "carol", "dave"];
    let (mut world, relays, [bob, carol, dave]) = town(names);
    let mut seen: Vec<Vec<(bool, Payload)>> = Vec::new();
    dial(&mut world, bob, carol, "hello");
    dial(&mut world, dave, carol, "good day");
    dial(&mut world, bob, dave, "good morning");
    world.run_for(3 * SECOND);
    let first: Vec<_> = relays.iter().flat_map(|it| splices(&world, *it)).collect();
    assert_eq!(first.len(), 3);
    seen.extend(first);
    // Their meeting relays die one after the other, and they call each other again.
    for (round, relay) in relays.iter().enumerate() {
        let used = !splices(&world, *relay).is_empty();
        if !used {
            continue;
        }
        world.kill(*relay);
        for (from, to) in [(bob, carol), (dave, carol), (bob, dave)] {
            let words = format!("again {round}");
            world.say(from, to, words.as_str()).unwrap();
            world.run_for(5 * SECOND);
            hears(&mut world, to, &words);
        }
        let alive = relays.iter().filter(|it| world.is_up(**it));
        let again = alive.flat_map(|it| splices(&world, *it));
        seen.extend(again);
        world.restart(*relay);
        world.publish().ok();
        world.run_for(10 * SECOND);
    }
    // Some were cut short by a death.
    assert!(seen.iter().all(|it| OPENING.starts_with(&opening(it))));
    let whole = seen.iter().filter(|it| opening(it) == OPENING);
    let whole: BTreeSet<_> = whole.map(|it| it[0].1[..48].to_vec()).collect();
    assert!(whole.len() >= 6, "{}", whole.len());
    let heads: BTreeSet<_> = seen.iter().map(|it| it[0].1[..48].to_vec()).collect();
    assert!(heads.len() >= 5, "{}", heads.len());
    // No name of anybody stands anywhere.
    let vats = [bob, carol, dave].map(|vat| world.vat_id(vat));
    let names: Vec<_> = vats
        .iter()
        .flat_map(|vat| {
            let mapped = vat.public_key().mapped().to_vec();
            [
                vat.as_bytes().to_vec(),
                vat.to_string().into_bytes(),
                mapped,
            ]
        })
        .collect();
    let holds = |payload: &Payload| {
        names
            .iter()
            .any(|name| payload.windows(name.len()).any(|it| it == &name[..]))
    };
    let mut cells = seen.iter().flatten();
    assert!(!cells.any(|(_, payload)| holds(payload)));
    let mut planted = seen[0][0].1;
    planted[300..332].copy_from_slice(vats[1].as_bytes());
    assert!(holds(&planted), "the control");
    // The control: how much is said is seen.
    let (mut world, relays, [bob, carol]) = town(["bob", "carol"]);
    dial(&mut world, bob, carol, &"long ".repeat(400));
    let long = relays.iter().flat_map(|it| splices(&world, *it)).next();
    assert_ne!(opening(&long.unwrap()), OPENING);
}

/// RDV-9, RDV-11, VTP-5: a meeting relay that plays a recorded flight 1 once more has no answer, and nothing is heard: not where it was answered, not at another
/// park of the same vat, not with another vat, and not where it is played before it was ever said. What it plays first, there, is answered.
#[test]
fn a_meeting_relay_that_plays_a_flight_again_hears_nothing() {
    let (mut world, relays, [carol, dave]) = town(["carol", "dave"]);
    let [m, other] = [relays[0], relays[1]];
    let mut call_at = |vat: HostId, relay: HostId| {
        let at = world.relay_id(relay);
        world.with_node(vat, |node, _| node.call_at(at)).unwrap()
    };
    let here = call_at(carol, m);
    let elsewhere = call_at(carol, other);
    let of_dave = call_at(dave, m);
    let mut play = |relay: HostId, cookie: &[u8; 16], cells: &[Payload]| {
        let played = world.with_node(relay, |node, _| node.play(cookie, cells));
        world.run_for(SECOND);
        let came = world.node(relay).unwrap().came(played.unwrap());
        let heard = [carol, dave].map(|vat| world.heard_by(vat));
        // Its deadline passes, and the circuit is replaced.
        world.run_for(15 * SECOND);
        (came, heard)
    };
    let call = here.flight(1);
    let nothing = || [Vec::new(), Vec::new()];
    // Carried elsewhere before it is answered.
    assert_eq!(play(other, &elsewhere.cookie, &call), (Some(0), nothing()));
    assert_eq!(play(m, &of_dave.cookie, &call), (Some(0), nothing()));
    // It costs the ticket nothing; this is the control.
    let heard = [vec!["call 1".to_owned()], Vec::new()];
    assert_eq!(play(m, &here.cookie, &call), (Some(2), heard.clone()));
    for (relay, at) in [(m, &here), (other, &elsewhere), (m, &of_dave)] {
        assert_eq!(play(relay, &at.cookie, &call), (Some(0), heard.clone()));
    }
    // Another use of a spent ticket, by whoever read it.
    let again = here.flight(2);
    assert_eq!(play(m, &here.cookie, &again), (Some(0), heard.clone()));
    let (came, heard) = play(other, &elsewhere.cookie, &elsewhere.flight(3));
    assert_eq!(came, Some(2), "the control");
    assert_eq!(heard[0], ["call 1", "call 3"]);
}
