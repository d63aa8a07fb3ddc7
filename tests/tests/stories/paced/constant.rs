//! What is said, and by whom, is nowhere in what a watcher of every wire notes.

use super::network;
use crate::kit::{MS, SECOND};
use crate::mixkit::{Talk, opens};
use pluribus_mix::directory::Params;
use pluribus_mix::netlayer::ConnId;
use pluribus_mix::node::Reach;
use pluribus_mix::sim::{Direction, HostId, LinkNo, Place, Sight, World};
use pluribus_mix::time::{Duration, Instant};
use std::collections::BTreeMap;

/// Bytes of a cell with its circuit.
const ENTRY: usize = 1028;
/// Cells of one record, and what a record has besides them: length, tick and tag.
const CELLS: usize = 31;
const RECORD: usize = 2 + 4 + 16;

/// Bytes of a batch of so many cells.
pub(super) const fn batch(cells: usize) -> usize {
    cells * ENTRY + cells.div_ceil(CELLS) * RECORD
}

/// What was seen since, in an order that is the same whoever was asked first.
type Seen = Vec<(Instant, LinkNo, Direction, Place, Place, Sight)>;

fn seen(world: &World, since: Instant) -> Seen {
    let records = world.observer().records().iter();
    let records = records.filter(|record| record.at >= since);
    let mut seen: Seen = records
        .map(|it| {
            (
                it.at,
                it.link,
                it.direction,
                it.from,
                it.to,
                it.sight.clone(),
            )
        })
        .collect();
    seen.sort_by_key(|(at, link, direction, ..)| (*at, *link, *direction));
    seen
}

/// The moments and lengths of what went each way over each link.
fn batches(seen: &Seen) -> BTreeMap<(LinkNo, Direction), Vec<(Instant, usize)>> {
    let mut batches: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (at, link, direction, _, _, sight) in seen {
        let Sight::Bytes { length, .. } = sight else {
            panic!("{sight:?} at {at:?}");
        };
        batches
            .entry((*link, *direction))
            .or_default()
            .push((*at, *length));
    }
    batches
}

/// Every link, both ways, carried one batch of these bytes in every quantum, and nothing else.
fn is_constant(seen: &Seen, quantum: Duration, wanted: impl Fn(Place, Place) -> usize) {
    let ends: BTreeMap<_, _> = seen
        .iter()
        .map(|(_, link, direction, from, to, _)| ((*link, *direction), (*from, *to)))
        .collect();
    let from = seen.first().unwrap().0;
    let until = seen.last().unwrap().0;
    for (way, batches) in batches(seen) {
        let (a, b) = ends[&way];
        let mut expected = batches[0].0;
        assert!(expected < from + quantum, "{way:?}");
        for (at, length) in batches {
            assert_eq!((at, length), (expected, wanted(a, b)), "{way:?}");
            expected = at + quantum;
        }
        assert!(expected > until, "{way:?}");
    }
}

/// Relays that all have links with each other, and clients among them; windows of four seconds, so that circuits come, go and lose their
/// exits all the time.
struct Town {
    world: World,
    relays: Vec<HostId>,
    clients: Vec<HostId>,
    since: Instant,
}

fn town(change: impl FnOnce(Params) -> Params) -> Town {
    let change = |params: Params| change(params.with("pool_window", 4).unwrap());
    let (mut world, relays) = network(3, 4, change);
    let clients: Vec<_> = (0..4)
        .map(|n| world.client(&format!("client {n}")))
        .collect();
    world.publish().unwrap();
    world.run_for(6 * SECOND);
    let pairs = clients
        .iter()
        .flat_map(|client| relays.iter().map(|relay| (*client, *relay)));
    let conns: Vec<_> = pairs
        .map(|(client, relay)| (client, world.session(client, relay, Reach::Far).unwrap()))
        .collect();
    world.run_for(10 * SECOND);
    for (client, conn) in conns {
        world.close(client, conn);
    }
    world.run_for(8 * SECOND);
    let since = world.now();
    Town {
        world,
        relays,
        clients,
        since,
    }
}

impl Town {
    /// What is seen while somebody does something, and then until the time is over.
    fn sees(mut self, deed: impl FnOnce(&mut World, &[HostId], &[HostId])) -> Seen {
        deed(&mut self.world, &self.clients, &self.relays);
        let over = self.since + 60 * SECOND;
        assert!(self.world.now() <= over, "it took too long");
        self.world.run_for(over.since(self.world.now()));
        seen(&self.world, self.since)
    }
}

fn as_it_is(params: Params) -> Params {
    params
}

fn unpaced(params: Params) -> Params {
    params.with("pacing", "none").unwrap()
}

fn silence(_: &mut World, _: &[HostId], _: &[HostId]) {}

/// A client and an exit say much to each other, for longer than the circuit that they begin with can have its exit.
fn chatter(world: &mut World, client: HostId, exit: HostId, tag: u64) {
    let mut talk = Talk::begin(world, client, exit, tag);
    assert!(opens(world, client, talk.conn, 20 * SECOND));
    world.run_for(SECOND);
    talk.say(world, 60_000);
    world.run_for(14 * SECOND);
    talk.say(world, 1000);
    talk.comes_whole(world, 20 * SECOND);
    world.close(client, talk.conn);
}

/// A session with a stream on which nothing is said.
fn idleness(world: &mut World, client: HostId, exit: HostId) {
    let mut talk = Talk::begin(world, client, exit, 1);
    assert!(opens(world, client, talk.conn, 20 * SECOND));
    world.run_for(20 * SECOND);
    talk.comes_whole(world, 20 * SECOND);
    world.close(client, talk.conn);
}

/// Much is said now and then, for longer than the circuit that it begins with can have its exit.
fn bursts(world: &mut World, client: HostId, exit: HostId) {
    chatter(world, client, exit, 1);
}

/// Both ends write as much as goes, all the time.
fn bulk(world: &mut World, client: HostId, exit: HostId) {
    let mut talk = Talk::begin(world, client, exit, 1);
    assert!(opens(world, client, talk.conn, 20 * SECOND));
    world.run_for(SECOND);
    talk.say(world, 1_000_000);
    world.run_for(30 * SECOND);
    assert!(!talk.is_whole(world));
    let there = talk.find(world).unwrap();
    for (host, conn) in [(client, talk.conn), (exit, there)] {
        assert!(world.stream_bytes(host, conn, talk.stream).len() > 100_000);
    }
    world.close(client, talk.conn);
}

/// How the exit calls the session, once the stream has come there: sessions move all the time.
fn arrives(world: &mut World, talk: &mut Talk) -> ConnId {
    assert!(world.run_until(|world| talk.find(world).is_some(), 10 * SECOND));
    talk.there.unwrap()
}

/// The exit refuses every stream that it is asked for, and the client asks again.
fn refusals(world: &mut World, client: HostId, exit: HostId) {
    let conn = world.session(client, exit, Reach::Far).unwrap();
    assert!(opens(world, client, conn, 20 * SECOND));
    for tag in 0..6 {
        let mut talk = Talk::on(world, client, exit, conn, tag);
        talk.say(world, 2000);
        let there = arrives(world, &mut talk);
        world.reset_stream(exit, there, talk.stream, 3);
        let is_refused = |world: &World| world.stream_reset(client, conn, talk.stream) == Some(3);
        assert!(world.run_until(is_refused, 10 * SECOND));
    }
    world.close(client, conn);
}

/// Streams are broken off in the middle of what is said, now by the client and now by the exit.
fn resets(world: &mut World, client: HostId, exit: HostId) {
    let conn = world.session(client, exit, Reach::Far).unwrap();
    assert!(opens(world, client, conn, 20 * SECOND));
    for tag in 0..6 {
        let mut talk = Talk::on(world, client, exit, conn, tag);
        talk.say(world, 2000);
        let there = arrives(world, &mut talk);
        talk.say(world, 30_000);
        world.run_for(SECOND);
        match tag % 2 {
            0 => world.reset_stream(exit, there, talk.stream, 1),
            _ => world.reset_stream(client, conn, talk.stream, 1),
        }
    }
    world.run_for(SECOND);
    world.close(client, conn);
}

/// What one client does with one exit.
type Deed = fn(&mut World, HostId, HostId);

const DEEDS: [(&str, Deed); 5] = [
    ("idleness", idleness),
    ("bursts", bursts),
    ("bulk", bulk),
    ("refusals", refusals),
    ("resets", resets),
];

/// A client says a word now and then, on streams that it opens, ends and breaks off, in sessions that it begins and ends, and asks for some
/// that cannot be had.
fn fidgets(world: &mut World, client: HostId, relays: &[HostId]) {
    for (n, exit) in relays.iter().cycle().take(8).enumerate() {
        let n = u64::try_from(n).unwrap();
        let Ok(conn) = world.session(client, *exit, Reach::Far) else {
            continue;
        };
        opens(world, client, conn, 2 * SECOND);
        for tag in 0..3 {
            let mut talk = Talk::on(world, client, *exit, conn, 10 * n + tag);
            talk.say(world, 300);
            world.run_for(500 * MS);
            match tag {
                0 => world.reset_stream(client, conn, talk.stream, 1),
                1 => talk.end(world),
                _ => {}
            }
        }
        world.close(client, conn);
        world.run_for(700 * MS);
    }
}

/// PAC-1, PAC-4, PAC-8: every link carries in every quantum the same bytes: a client's a cell for each slot, a relay's its step, with what
/// records need.
#[test]
fn every_link_carries_the_same_in_every_quantum() {
    let town = town(as_it_is);
    let relays = town.relays.clone();
    let is_relay = |place: Place| relays.iter().any(|relay| Place::from(*relay) == place);
    let seen = town.sees(|world, clients, relays| chatter(world, clients[0], relays[1], 1));
    is_constant(&seen, 50 * MS, |from, to| {
        batch(if is_relay(from) && is_relay(to) {
            64
        } else {
            8
        })
    });
    // Those of four clients, and one at least between any two of four relays.
    assert!(batches(&seen).len() >= 2 * (4 + 6));
}

/// What is seen while this client does this.
fn done_by(who: usize, deed: Deed, change: impl FnOnce(Params) -> Params) -> Seen {
    town(change).sees(|world, clients, relays| deed(world, clients[who], relays[0]))
}

/// THR-13, PAC-5, PAC-8, PAC-12, PAC-14: whether nothing is said or as much as goes, in bursts or all the time, by which of two clients, and whether streams
/// are opened, ended, broken off or refused, sessions moved to another circuit and ended, exits added and given up: it is nowhere in what is seen, not in a
/// count and not in a moment.
#[test]
fn nothing_that_is_said_or_done_shows() {
    let quiet = town(as_it_is).sees(silence);
    for (name, deed) in DEEDS {
        assert!(done_by(0, deed, as_it_is) == quiet, "{name}");
    }
    for deed in [bursts as Deed, bulk] {
        assert!(done_by(1, deed, as_it_is) == quiet);
    }
    let fidgeted = town(as_it_is).sees(|world, clients, relays| fidgets(world, clients[2], relays));
    assert!(fidgeted == quiet);
}

/// PAC-8: the control: without pacing all of it shows, and who does it.
#[test]
fn without_pacing_all_of_it_shows() {
    let quiet = town(unpaced).sees(silence);
    for (name, deed) in DEEDS {
        let [one, other] = [0, 1].map(|who| done_by(who, deed, unpaced));
        assert!(one != quiet && other != quiet && one != other, "{name}");
    }
    let fidgeted = town(unpaced).sees(|world, clients, relays| fidgets(world, clients[2], relays));
    assert!(fidgeted != quiet);
}

/// PAC-8, PAC-14: when a relay dies, and with it parts of circuits everywhere, its own links end, and no other link carries more or less.
#[test]
fn a_relay_that_dies_shows_on_its_own_links_only() {
    let quiet = town(as_it_is).sees(silence);
    let dead = Place::from(town(as_it_is).relays[0]);
    let others = |seen: Seen| -> Seen {
        let is_other = |from: Place, to: Place| from != dead && to != dead;
        seen.into_iter()
            .filter(|(_, _, _, from, to, _)| is_other(*from, *to))
            .collect()
    };
    let killed = town(as_it_is).sees(|world, clients, relays| {
        let mut talk = Talk::begin(world, clients[0], relays[1], 1);
        assert!(opens(world, clients[0], talk.conn, 16 * SECOND));
        talk.say(world, 30_000);
        world.run_for(SECOND);
        world.kill(relays[0]);
        talk.comes_whole(world, 30 * SECOND);
    });
    assert_ne!(killed, quiet);
    assert_eq!(others(killed), others(quiet));
}
