//! Vats that hide: tickets lead to them, over relays that know neither.

use crate::kit::{MS, SECOND};
use crate::mixkit::{at_once, relays};
use pluribus_mix::directory::Params;
use pluribus_mix::id::RelayId;
use pluribus_mix::locator::Locator;
use pluribus_mix::netlayer::{Event, Introductions as _};
use pluribus_mix::node::{MeetConfig, MixConfig};
use pluribus_mix::rendezvous::{Bearer, Introduction, Promised};
use pluribus_mix::sim::{HostId, World};
use pluribus_mix::time::Duration;
use std::collections::BTreeSet;

/// A vat without an address, which can be met.
pub(crate) fn hidden(world: &mut World, name: &str) -> HostId {
    hidden_with(world, name, |_| {})
}

pub(crate) fn hidden_with(
    world: &mut World,
    name: &str,
    change: impl Fn(&mut MeetConfig),
) -> HostId {
    world.vat_with(name, |config| {
        config.places = Vec::new();
        config.mix = Some(MixConfig {
            meets: 2,
            ..MixConfig::default()
        });
        let mut meet = MeetConfig::default();
        change(&mut meet);
        config.meet = Some(meet);
    })
}

/// So many relays, and vats that hide, with everybody ready.
fn town<const N: usize>(seed: u64, names: [&str; N]) -> (World, Vec<HostId>, [HostId; N]) {
    let mut world = at_once(seed);
    world.latency_everywhere(10 * MS);
    let relays = relays(&mut world, 16);
    let vats = names.map(|name| hidden(&mut world, name));
    world.publish().unwrap();
    world.run_for(10 * SECOND);
    (world, relays, vats)
}

/// Where `vat` can be met once by `bearer`.
pub(crate) fn ticket(world: &mut World, vat: HostId, bearer: Bearer) -> Locator {
    let told = world.with_node(vat, |node, _| node.ticket_locator(bearer, 600));
    told.unwrap().unwrap()
}

pub(crate) fn hears(world: &mut World, vat: HostId, words: &str, within: Duration) -> bool {
    world.run_until(
        |world| world.heard_by(vat).iter().any(|it| it == words),
        within,
    )
}

/// RDV-10, RDV-14, RDV-36: a ticket leads to a vat without an address; both are proven, first words come with the first flight and are answered with the second, and
/// what is said later comes as well.
#[test]
fn a_ticket_leads_to_a_vat_that_hides() {
    let (mut world, _, [bob, carol]) = town(1, ["bob", "carol"]);
    let bearer = Bearer::Vat(world.vat_id(bob));
    let there = ticket(&mut world, carol, bearer);
    let conn = world.dial_locator(bob, &there).unwrap();
    world.send(bob, conn, "hello").unwrap();
    assert!(hears(&mut world, carol, "hello", 5 * SECOND));
    let peers = [world.vat_id(bob), world.vat_id(carol)];
    let opened = |world: &World, vat: HostId| {
        let events = world.events(vat).iter();
        let peers = events.filter_map(|event| match event {
            Event::Opened { peer, .. } => Some(*peer),
            _ => None,
        });
        peers.collect::<Vec<_>>()
    };
    assert_eq!(opened(&world, carol), [peers[0]]);
    world.say(carol, bob, "and you").unwrap();
    assert!(hears(&mut world, bob, "and you", 5 * SECOND));
    assert_eq!(opened(&world, bob), [peers[1]]);
    for (from, to, words) in [(bob, carol, "more"), (carol, bob, "much more")] {
        world.say(from, to, words).unwrap();
        assert!(hears(&mut world, to, words, 5 * SECOND));
    }
    // Each has given the other two to dial with, and two to hand on.
    world.run_for(3 * SECOND);
    for vat in [bob, carol] {
        let tickets = world.node(vat).unwrap().tickets();
        assert_eq!((tickets.held, tickets.issued), (4, 4));
    }
}

/// Alice, who knows Bob and Carol, hands Bob what leads to Carol.
fn introduced(world: &mut World, [alice, bob, carol]: [HostId; 3]) -> Locator {
    for other in [bob, carol] {
        let bearer = Bearer::Vat(world.vat_id(alice));
        let there = ticket(world, other, bearer);
        let conn = world.dial_locator(alice, &there).unwrap();
        world.send(alice, conn, "I am Alice").unwrap();
        assert!(hears(world, other, "I am Alice", 10 * SECOND));
    }
    // Meanwhile they give her what she needs to introduce them.
    world.run_for(3 * SECOND);
    let (target, receiver) = (Locator::new(world.vat_id(carol)), world.vat_id(bob));
    let hints = world.with_node(alice, |node, _| node.offer(&target, receiver));
    let hints = hints.unwrap();
    assert!(!hints.is_empty(), "Alice holds nothing to hand on");
    let all = hints
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let all: Vec<_> = all.collect();
    all.iter().fold(target, |target, (name, value)| {
        target.with_hint(name, value).unwrap()
    })
}

/// RDV-4, RDV-10, RDV-14, RDV-35: who is introduced reaches the other with its first words sixteen link delays after it was told of it, with circuits that stand
/// already, and is answered eight later.
#[test]
fn an_introduction_hands_over_reachability() {
    let (mut world, _, vats @ [_, bob, carol]) = town(2, ["alice", "bob", "carol"]);
    // Others are there too, so that relays have links to each other.
    for n in 0..24 {
        hidden(&mut world, &format!("somebody {n}"));
    }
    world.publish().unwrap();
    world.run_for(10 * SECOND);
    let there = introduced(&mut world, vats);
    world.run_for(2 * SECOND);
    let told = world.now();
    world.with_node(bob, |node, _| node.expect(&there));
    let conn = world.dial_locator(bob, &there).unwrap();
    world.send(bob, conn, "I am Bob").unwrap();
    assert!(hears(&mut world, carol, "I am Bob", SECOND));
    let first = world.now().since(told);
    world.say(carol, bob, "I am Carol").unwrap();
    assert!(hears(&mut world, bob, "I am Carol", SECOND));
    let reply = world.now().since(told);
    let delays = |span: Duration| span.as_micros() as f64 / 10_000.0;
    println!(
        "first words after {}, reply after {} link delays",
        delays(first),
        delays(reply)
    );
    assert!(delays(first) <= 16.5, "{}", delays(first));
    assert!(delays(reply) <= 24.5, "{}", delays(reply));
}

/// RDV-34: when a relay of the splice dies, the connection goes on over another, as often as it happens; nothing is lost, nothing comes twice.
#[test]
fn a_connection_goes_on_over_another_splice() {
    let (mut world, relays, vats @ [_, bob, carol]) = town(3, ["alice", "bob", "carol"]);
    let there = introduced(&mut world, vats);
    let conn = world.dial_locator(bob, &there).unwrap();
    let mut wanted = Vec::new();
    for round in 0..8 {
        let words = format!("round {round}");
        world.send(bob, conn, words.as_str()).unwrap();
        wanted.push(words);
        world.run_for(2 * SECOND);
        let relay = relays[round % relays.len()];
        world.kill(relay);
        world.run_for(8 * SECOND);
        world.restart(relay);
        world.publish().ok();
        world.run_for(5 * SECOND);
    }
    world.run_for(60 * SECOND);
    let heard: Vec<_> = world
        .heard_by(carol)
        .into_iter()
        .filter(|it| it.starts_with("round"))
        .collect();
    assert_eq!(heard, wanted);
}

/// RDV-27: by the clock it is the same, only that every hop takes its quanta.
#[test]
fn an_introduction_by_the_clock() {
    let mut world = World::seeded(4);
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
    let _relays = relays(&mut world, 8);
    let vats @ [_, bob, carol] = ["alice", "bob", "carol"].map(|name| hidden(&mut world, name));
    world.publish().unwrap();
    world.run_for(20 * SECOND);
    let there = introduced(&mut world, vats);
    world.run_for(2 * SECOND);
    let told = world.now();
    world.with_node(bob, |node, _| node.expect(&there));
    let conn = world.dial_locator(bob, &there).unwrap();
    world.send(bob, conn, "I am Bob").unwrap();
    assert!(hears(&mut world, carol, "I am Bob", 20 * SECOND));
    let first = world.now().since(told);
    world.say(carol, bob, "I am Carol").unwrap();
    assert!(hears(&mut world, bob, "I am Carol", 20 * SECOND));
    let reply = world.now().since(told);
    println!("first words after {first:?}, reply after {reply:?}");
    // Meeting relays are left after a minute or two; all that is said comes once and in order.
    let wanted: Vec<_> = (0..30).map(|n| format!("round {n}")).collect();
    for words in &wanted {
        world.send(bob, conn, words.as_str()).unwrap();
        world.run_for(2 * SECOND);
    }
    let rounds = |world: &World| {
        let heard = world.heard_by(carol).into_iter();
        heard
            .filter(|it| it.starts_with("round"))
            .collect::<Vec<_>>()
    };
    assert!(world.run_until(|world| rounds(world).len() >= 30, 60 * SECOND));
    assert_eq!(rounds(&world), wanted);
}

/// The relays to which so many new tickets lead.
pub(crate) fn meets_at(world: &mut World, vat: HostId, count: usize) -> BTreeSet<RelayId> {
    let bearer = Bearer::Vat(world.vat_id(vat));
    let tickets = (0..count).map(|_| {
        let ticket = world.with_node(vat, |node, _| node.issue_ticket(bearer, 60));
        ticket.unwrap().unwrap().ticket().spot().relay
    });
    tickets.collect()
}

/// RDV-37: a vat that hides keeps parks at three relays; new tickets lead there for an epoch, circuits wait there for two, and at a relay that is listed no more
/// it keeps none.
#[test]
fn parks_are_moved() {
    let mut world = at_once(5);
    let relays = relays(&mut world, 12);
    let carol = hidden_with(&mut world, "carol", |meet| meet.epoch = 600);
    world.publish().unwrap();
    world.run_for(10 * SECOND);
    let parked = |world: &World| world.node(carol).unwrap().tickets().parked;
    let first = meets_at(&mut world, carol, 40);
    assert_eq!((first.len(), parked(&world)), (3, 6));
    world.run_for(610 * SECOND);
    world.publish().unwrap();
    world.run_for(10 * SECOND);
    let second = meets_at(&mut world, carol, 40);
    assert!(second.len() == 3 && second.is_disjoint(&first));
    assert_eq!(parked(&world), 12);
    world.run_for(600 * SECOND);
    world.publish().unwrap();
    world.run_for(10 * SECOND);
    let third = meets_at(&mut world, carol, 40);
    assert!(third.len() == 3 && third.is_disjoint(&second));
    assert_eq!(parked(&world), 12);
    let gone = relays
        .iter()
        .find(|it| third.contains(&world.relay_id(**it)));
    let gone = *gone.unwrap();
    let id = world.relay_id(gone);
    world.kill(gone);
    world.publish().unwrap();
    world.run_for(10 * SECOND);
    let now = meets_at(&mut world, carol, 40);
    assert!(now.len() == 3 && !now.contains(&id));
    assert_eq!(now.intersection(&third).count(), 2);
}

/// RDV-34: the only ticket that there is leads to a relay that is down, and then to an empty park: it is tried again, and leads there in the end.
#[test]
fn a_ticket_that_nobody_was_called_with_is_as_good_as_before() {
    let (mut world, relays, [bob, carol]) = town(6, ["bob", "carol"]);
    let bearer = Bearer::Vat(world.vat_id(bob));
    let there = ticket(&mut world, carol, bearer);
    let network = world.node(carol).unwrap().consensus().unwrap().network();
    let promised = Promised {
        vat: there.vat(),
        network,
        now: world.wall(),
    };
    let introduction = Introduction::from_hints(there.hints(), &promised);
    let at = introduction.unwrap().unwrap().ticket().spot().relay;
    let meets = relays.iter().find(|it| world.relay_id(**it) == at);
    let meets = *meets.unwrap();
    world.kill(meets);
    let conn = world.dial_locator(bob, &there).unwrap();
    world.send(bob, conn, "hello").unwrap();
    world.run_for(15 * SECOND);
    assert!(!world.is_open(bob, conn) && world.closed(bob, conn).is_none());
    world.restart(meets);
    world.publish().unwrap();
    assert!(hears(&mut world, carol, "hello", 90 * SECOND));
    assert!(world.run_until(|world| world.is_open(bob, conn), 5 * SECOND));
}
