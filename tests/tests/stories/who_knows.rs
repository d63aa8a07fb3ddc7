//! Who knows whom: no relay holds both ends. (ONI-1, ONI-16)

use crate::kit::{SECOND, bytes_of};
use crate::ledger::seeds;
use crate::mixkit::{Talk, at_once, no_spares, opens, relays};
use pluribus_mix::node::{CircuitHeld, Held, Reach};
use pluribus_mix::sim::{HostId, Place, World};
use std::collections::BTreeSet;

/// What a circuit at a relay leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Lead {
    /// The link of a client.
    Client,
    /// Another relay.
    Relay(HostId),
    /// The other end of a session.
    Session,
}

/// Where the circuits of a relay lead, as its tables have it.
fn leads(world: &World, relays: &[HostId], relay: HostId) -> Vec<BTreeSet<Lead>> {
    let lead = |held: &Held| match held {
        Held::Stranger(_) => Lead::Client,
        Held::Relay(id) => {
            let named = relays.iter().find(|it| world.relay_id(**it) == *id);
            Lead::Relay(*named.unwrap())
        }
        Held::Vat(_) => Lead::Session,
        Held::Address(at) => panic!("an address: {at}"),
        Held::Meeting(_, at) => panic!("a ticket that leads to {at}"),
    };
    let of = |circuit: &CircuitHeld| circuit.held.iter().map(lead).collect();
    let knowledge = world.node(relay).unwrap().knowledge();
    knowledge.circuits.iter().map(of).collect()
}

/// Whether a relay holds who the client is, and with whom it has the session.
fn holds_both_ends(leads: &BTreeSet<Lead>, exit: HostId) -> bool {
    let far = [Lead::Session, Lead::Relay(exit)];
    leads.contains(&Lead::Client) && far.iter().any(|it| leads.contains(it))
}

/// A client with one session and one circuit.
fn one_session(seed: u64, reach: Reach) -> (World, Vec<HostId>, HostId) {
    let mut world = at_once(seed);
    world.observer_mut().keep_bytes(true);
    let relays = relays(&mut world, 5);
    let client = world.client_with("client", no_spares);
    world.publish().unwrap();
    let conn = world.session(client, relays[4], reach).unwrap();
    assert!(opens(&mut world, client, conn, 5 * SECOND));
    let mut talk = Talk::on(&mut world, client, relays[4], conn, 1);
    world.run_for(SECOND);
    talk.say(&mut world, 50_000);
    world.run_for(SECOND);
    (world, relays, client)
}

/// THR-10, ONI-16: the guard knows the client's link and the middle relay, the middle knows guard and exit, the exit knows the middle and
/// the session; nobody knows both ends.
#[test]
fn each_relay_knows_its_neighbours_and_no_more() {
    for seed in seeds() {
        let (world, relays, client) = one_session(seed, Reach::Far);
        let exit = relays[4];
        let mut seen = Vec::new();
        for relay in &relays {
            for leads in leads(&world, &relays, *relay) {
                assert!(!holds_both_ends(&leads, exit), "{leads:?}");
                seen.push((*relay, leads));
            }
        }
        assert_eq!(seen.len(), 3);
        let at = |lead: Lead| {
            seen.iter()
                .find(|(_, leads)| leads.contains(&lead))
                .unwrap()
        };
        let (guard, by_guard) = at(Lead::Client);
        let (_, by_exit) = seen.iter().find(|(relay, _)| *relay == exit).unwrap();
        let mut left = seen
            .iter()
            .filter(|(relay, _)| relay != guard && *relay != exit);
        let (middle, by_middle) = left.next().unwrap();
        let set = |leads: [Lead; 2]| BTreeSet::from(leads);
        assert_eq!(*by_guard, set([Lead::Client, Lead::Relay(*middle)]));
        assert_eq!(*by_middle, set([Lead::Relay(*guard), Lead::Relay(exit)]));
        assert_eq!(*by_exit, set([Lead::Relay(*middle), Lead::Session]));
        // And the client's own name is nowhere but at the client.
        let own = Held::Vat(world.vat_id(client));
        for relay in &relays {
            assert!(!world.node(*relay).unwrap().knowledge().all.contains(&own));
        }
    }
}

/// ONI-16: the control: over a circuit of one hop there is a relay that holds both ends, and the dump shows it.
#[test]
fn a_relay_that_is_guard_and_exit_at_once_is_found_out() {
    let (world, relays, _) = one_session(1, Reach::Near);
    let exit = relays[4];
    let all = leads(&world, &relays, exit);
    assert!(all.iter().any(|leads| holds_both_ends(leads, exit)));
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|it| it == part)
}

/// ONI-1, ONI-2, VTP-13: who watches the client's wire sees one relay, no name of anybody, and records whose lengths are those of whole cells.
#[test]
fn the_clients_wire_shows_its_guard_and_nothing_else() {
    for seed in seeds() {
        let (world, relays, client) = one_session(seed, Reach::Far);
        let ours = |place: Place| place == client.into();
        let records = world.observer().records().iter();
        let wire: Vec<_> = records.filter(|it| ours(it.from) || ours(it.to)).collect();
        let there: BTreeSet<_> = wire
            .iter()
            .map(|it| if ours(it.from) { it.to } else { it.from })
            .collect();
        assert_eq!(there.len(), 1);
        assert_ne!(there.first(), Some(&relays[4].into()));
        for bytes in bytes_of(wire.iter().copied()) {
            for relay in &relays {
                assert!(!holds(&bytes, world.relay_id(*relay).as_bytes()));
            }
            assert!(!holds(&bytes, world.vat_id(client).public_key().as_bytes()));
        }
        for way in [true, false] {
            let sent = wire.iter().filter(|it| ours(it.from) == way).copied();
            let stream = bytes_of(sent).concat();
            let items = crate::kit::items(&stream);
            let records = &items[if way { 3 } else { 2 }..];
            assert!(records.len() > 5);
            // GOTOO is the first record of the way back.
            for record in &records[usize::from(!way)..] {
                assert_eq!((record.len() - 16 - 4) % 1028, 0);
            }
        }
    }
}
