//! A relay among others that send by the clock, and does not keep to what it should: it leaves out one circuit's cells, or makes noise of some.

use super::super::{HostId, World};
use super::MS;
use crate::ablation::{Check, without};
use crate::directory::Params;
use crate::id::RelayId;
use crate::netlayer::Event;
use crate::node::Reach;
use crate::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// Circuits of a client's own.
const FULL: usize = 7;

/// So many relays and clients, whose spare circuits are all there and last for long.
fn town(seed: u64, relays: usize, clients: usize) -> (World, Vec<HostId>, Vec<HostId>) {
    let mut world = World::seeded(seed);
    world.latency_everywhere(5 * MS);
    let params = Params::default().with("pacing", "constant").unwrap();
    world.set_params(params.with("pool_window", 600).unwrap());
    let relays = (0..relays).map(|n| world.relay(&format!("relay {n}")));
    let relays: Vec<_> = relays.collect();
    let clients = (0..clients).map(|n| world.client(&format!("client {n}")));
    let clients: Vec<_> = clients.collect();
    world.publish().unwrap();
    world.run_for(12 * SECOND);
    for client in &clients {
        assert_eq!(world.node(*client).unwrap().circuits().spare, FULL);
    }
    (world, relays, clients)
}

/// A relay that does wrong, and the neighbour to which it does.
struct Pair {
    rogue: HostId,
    next: HostId,
    ids: [RelayId; 2],
}

/// A town of three relays and six clients in which two relays have dialled each other.
fn crossed() -> (World, Vec<HostId>, Vec<HostId>, Pair) {
    let towns = (1..).map(|seed| town(seed, 3, 6));
    let mut towns = towns.filter_map(|(world, relays, clients)| {
        let pair = pair(&world, &relays, &clients)?;
        Some((world, relays, clients, pair))
    });
    towns.next().unwrap()
}

/// Two relays with two links between them, over which circuits of two clients at least go one way, and of two the other.
fn pair(world: &World, relays: &[HostId], clients: &[HostId]) -> Option<Pair> {
    let all = relays
        .iter()
        .flat_map(|a| relays.iter().map(move |b| (*a, *b)));
    let pairs = all.map(|(rogue, next)| {
        let ids = [rogue, next].map(|relay| world.relay_id(relay));
        Pair { rogue, next, ids }
    });
    let is_shared = |it: &Pair| {
        let [rogue, next] = it.ids;
        let links = world.node(it.rogue).unwrap().links_to(&next);
        links == 2
            && [[rogue, next], [next, rogue]].iter().all(|path| {
                let goes = |client: &&HostId| !gaps(world, **client, path).is_empty();
                clients.iter().filter(goes).count() > 1
            })
    };
    let mut pairs = pairs.filter(is_shared);
    pairs.next()
}

/// The gaps on those circuits of a client that go over these two relays.
fn gaps(world: &World, client: HostId, path: &[RelayId]) -> Vec<usize> {
    let all = world.node(client).unwrap().gaps();
    let over = all.into_iter().filter(|(hops, _)| hops == path);
    over.map(|(_, gaps)| gaps).collect()
}

/// The gaps of all circuits over the link from the rogue to its neighbour, both ways; and how many there are on all others.
fn seen(world: &World, it: &Pair, clients: &[HostId]) -> (Vec<u64>, usize) {
    let [rogue, next] = it.ids;
    // What goes forward is missed where the circuits end, what goes back at the clients.
    let mut on_link = world.node(it.next).unwrap().missed_from(&rogue);
    let mut others = 0;
    for (hops, gaps) in clients
        .iter()
        .flat_map(|it| world.node(*it).unwrap().gaps())
    {
        match hops == [next, rogue] {
            true => on_link.push(u64::try_from(gaps).unwrap()),
            // What the last hop has missed is told in time.
            false if hops == [rogue, next] => {}
            false => others += gaps,
        }
    }
    (on_link, others)
}

/// A story of five batches on each of two links, from which the cells of one circuit are left out.
fn leaves_out() -> (Vec<u64>, usize, u64) {
    let (mut world, _, clients, pair) = crossed();
    world.with_node(pair.rogue, |node, _| node.omit(&pair.ids[1], 20, &[5, 5]));
    world.run_for(10 * SECOND);
    let (on_link, others) = seen(&world, &pair, &clients);
    let short = world.node(pair.next).unwrap().paced().unwrap().short;
    (on_link, others, short)
}

/// PAC-7: a relay that leaves out one circuit's cells leaves out those of each: every circuit of the link, whoever it belongs to and whichever way it goes, has
/// a gap in that quantum and no other has one. The control: without the bulkhead the one circuit has them, and nobody else.
#[test]
fn who_leaves_out_one_circuits_cells_leaves_out_those_of_all() {
    let (on_link, others, short) = leaves_out();
    assert!(on_link.len() >= 8, "{on_link:?}");
    assert!(on_link.iter().all(|gaps| *gaps == 5), "{on_link:?}");
    assert_eq!((others, short), (0, 10));

    let (mut on_link, others, short) = without(Check::Bulkhead, leaves_out);
    on_link.retain(|gaps| *gaps != 0);
    assert_eq!(on_link, [5, 5], "one on each of the two links");
    assert_eq!((others, short), (0, 10));
}

/// What became of a relay that leaves cells out so often.
struct Judged {
    /// Whom relays shun: the neighbour, and all others together.
    shunned: [usize; 2],
    /// Circuits over the two, of clients that were there before, of whom they lead from the one to the other and back; and of those that came then.
    before: [usize; 2],
    after: [usize; 2],
}

fn judged(times: [usize; 2]) -> Judged {
    let (mut world, relays, clients, it) = crossed();
    world.with_node(it.rogue, |node, _| node.omit(&it.ids[1], 10, &times));
    world.run_for(8 * SECOND);
    let late: Vec<_> = (0..6).map(|n| world.client(&format!("late {n}"))).collect();
    world.run_for(SECOND);
    world.publish().unwrap();
    world.run_for(15 * SECOND);
    let shunned = |relay: &HostId| world.node(*relay).unwrap().paced().unwrap().shunned;
    let others = relays.iter().filter(|relay| **relay != it.next);
    let [rogue, next] = it.ids;
    let over = |clients: &[HostId]| {
        [[rogue, next], [next, rogue]].map(|path| {
            let circuits = clients.iter().map(|it| gaps(&world, *it, &path).len());
            circuits.sum()
        })
    };
    for client in clients.iter().chain(&late) {
        assert_eq!(world.node(*client).unwrap().circuits().spare, FULL);
    }
    Judged {
        shunned: [shunned(&it.next), others.map(shunned).sum()],
        before: over(&clients),
        after: over(&late),
    }
}

/// PAC-18: a relay that sent nine short batches within a thousand quanta is shunned by the one it sent them to, and by nobody else: no circuit is
/// begun over the two, whichever of them comes first; clients find others, and the circuits that there were go on. Eight are too few. The control:
/// without the rule circuits are begun as before.
#[test]
fn who_leaves_out_cells_often_is_shunned() {
    let often = judged([5, 4]);
    assert_eq!((often.shunned, often.after), ([1, 0], [0, 0]));
    let seldom = judged([4, 4]);
    assert_eq!(seldom.shunned, [0, 0]);
    assert!(seldom.after.iter().all(|count| *count > 0));
    assert_eq!(seldom.before, often.before);
    assert!(often.before.iter().all(|count| *count > 0));

    let control = without(Check::Shun, || judged([5, 4]));
    assert_eq!(control.shunned, [1, 0]);
    assert!(control.after.iter().all(|count| *count > 0));
}

/// Bytes that a stream of class `talk` has in a second: 812 in each of twenty cells.
const NOMINAL: f64 = 812.0 * 20.0;

/// At which part of the nominal rate a stream comes whole, both ways at once, when the relay in the middle makes noise of one cell in so many each way;
/// and how many of the last 1000 cells were gaps to the client.
fn comes_whole(spoils: Option<u32>) -> (f64, usize) {
    let (mut world, relays, clients) = town(2, 4, 1);
    let client = clients[0];
    let paths = world.node(client).unwrap().gaps();
    let guard = paths[0].0[0];
    let exit = relays.iter().find(|it| world.relay_id(**it) != guard);
    let exit = *exit.unwrap();
    let conn = world.session(client, exit, Reach::Far).unwrap();
    assert!(world.run_until(|world| world.is_open(client, conn), 10 * SECOND));
    let used = world.node(client).unwrap().gaps().into_iter();
    let used = used.map(|(hops, _)| hops).find(|hops| hops.len() == 3);
    let middle = relays
        .iter()
        .find(|it| Some(&world.relay_id(**it)) == used.as_ref().map(|hops| &hops[1]));
    if let Some(one_in) = spoils {
        world.with_node(*middle.unwrap(), |node, _| node.spoil(one_in));
    }
    let stream = world.open_stream(client, conn, b"much").unwrap();
    world.run_for(SECOND);
    let opened = world.events(exit).iter().find_map(|event| match event {
        Event::Opened { conn, .. } => Some(*conn),
        _ => None,
    });
    let ends = [(client, conn), (exit, opened.unwrap())];
    let bytes: Vec<u8> = (0..600_000u32).map(|n| (n >> 8 ^ n) as u8).collect();
    for (host, conn) in ends {
        world.pour(host, conn, stream, bytes.clone());
        world.finish_stream(host, conn, stream);
    }
    let began = world.now();
    let is_whole = |world: &World| {
        ends.iter()
            .all(|(host, conn)| world.stream_ended(*host, *conn, stream))
    };
    assert!(world.run_until(is_whole, 120 * SECOND));
    let took = world.now().since(began).as_secs_f64();
    for (host, conn) in ends {
        assert!(world.stream_bytes(host, conn, stream) == bytes);
    }
    let gaps = world.node(client).unwrap().gaps().into_iter();
    let gaps = gaps.map(|(_, gaps)| gaps).max().unwrap();
    (bytes.len() as f64 / took / NOMINAL, gaps)
}

/// PAC-13: a stream on a circuit one percent of whose cells is noise, each way, comes whole at nine tenths of its nominal rate at least.
#[test]
fn a_stream_comes_whole_through_one_percent_of_noise() {
    let (rate, gaps) = comes_whole(Some(100));
    assert!(rate >= 0.9, "{rate}");
    assert!((4..=20).contains(&gaps), "{gaps}");
    let (rate, gaps) = comes_whole(None);
    assert!(rate >= 0.95 && gaps == 0, "{rate} {gaps}");
}
