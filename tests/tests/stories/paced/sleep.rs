//! Clients that sleep, and clients whose guard dies: they begin anew as they began, and what they did before is nowhere in that.

use super::constant::batch;
use super::network;
use crate::kit::{MS, Noted, SECOND, noted};
use crate::mixkit::{Talk, circuits, opens};
use pluribus_mix::sim::{HostId, Place, Sight, World};
use pluribus_mix::time::{Duration, Instant};

/// Circuits that a client has of its own.
const FULL: usize = 7;
/// More than 1200 quanta, and less than a session waits for another transport.
const NIGHT: Duration = Duration::from_secs(70);

/// Five relays, one client, and perhaps a session of it with a relay that is none of its first two guards.
struct House {
    world: World,
    relays: Vec<HostId>,
    client: HostId,
    talk: Option<Talk>,
}

fn house(pacing: &str, is_busy: bool) -> House {
    let (mut world, relays) = network(5, 5, |params| params.with("pacing", pacing).unwrap());
    let client = world.client("client");
    world.publish().unwrap();
    world.run_for(10 * SECOND);
    let mut house = House {
        world,
        relays,
        client,
        talk: None,
    };
    if is_busy {
        let exit = house.exit();
        let mut talk = Talk::begin(&mut house.world, client, exit, 1);
        assert!(opens(&mut house.world, client, talk.conn, 10 * SECOND));
        house.world.run_for(SECOND);
        talk.say(&mut house.world, 400_000);
        house.talk = Some(talk);
    }
    let until = Instant::ZERO + 30 * SECOND;
    house.world.run_for(until.since(house.world.now()));
    house
}

impl House {
    fn guards(&self) -> Vec<HostId> {
        let guards = self.world.node(self.client).unwrap().guards().unwrap();
        let host = |id| {
            self.relays
                .iter()
                .find(|it| self.world.relay_id(**it) == id)
        };
        guards.names().map(|id| *host(*id).unwrap()).collect()
    }

    fn exit(&self) -> HostId {
        let guards = self.guards();
        let is_free = |it: &&HostId| !guards[..2].contains(it);
        *self.relays.iter().find(is_free).unwrap()
    }

    /// The client sleeps, and with it its clock if that does not count then; and wakes.
    fn sleeps(&mut self, clock_stops: bool) {
        if clock_stops {
            self.world.drift(self.client, -1_000_000);
        }
        self.world.sleep(self.client);
        self.world.run_for(NIGHT);
        self.world.drift(self.client, 0);
        self.world.wake(self.client);
    }

    fn guard_dies(&mut self) {
        let guard = self.guards()[0];
        self.world.kill(guard);
    }

    /// What is seen of the client from now on, for so long.
    fn seen(&mut self, time: Duration) -> Noted {
        let since = self.world.now();
        self.world.run_for(time);
        let records = self.world.observer().records().iter();
        let client = Place::from(self.client);
        noted(records.filter(|it| it.at >= since && [it.from, it.to].contains(&client)))
    }

    /// What was being said comes, and more.
    fn goes_on(&mut self) {
        if let Some(talk) = &mut self.talk {
            talk.say(&mut self.world, 5000);
            talk.comes_whole(&mut self.world, 90 * SECOND);
        }
    }
}

/// The link that was asked for last, and what each end sent over it: the flights and then one batch in each quantum.
fn is_begun(seen: &Noted, client: HostId) -> Place {
    let (from, asked) = seen
        .iter()
        .enumerate()
        .rfind(|(_, it)| it.4 == Sight::Asked)
        .unwrap();
    let guard = asked.3;
    for (one, other) in [(Place::from(client), guard), (guard, Place::from(client))] {
        let sent = seen[from..]
            .iter()
            .filter(|it| (it.2, it.3) == (one, other));
        let sent: Vec<_> = sent
            .filter_map(|it| match it.4 {
                Sight::Bytes { length, .. } => Some((it.0, length)),
                _ => None,
            })
            .collect();
        let flights = sent
            .iter()
            .take_while(|(_, length)| *length != batch(8))
            .count();
        assert!(flights <= 3 && sent.len() > 500);
        for pair in sent[flights..].windows(2) {
            assert_eq!(pair[1].1, batch(8));
            // Its clock may have to catch up. (PAC-2)
            let apart = pair[1].0.since(pair[0].0);
            assert!(apart.abs_diff(50 * MS) <= Duration::from_micros(10));
        }
    }
    guard
}

/// PAC-15: a client that slept for more than 1200 quanta begins anew, whether its clock went on meanwhile or stood still: full batches from the first on,
/// all circuits anew. What is seen of it is the same whether it had a session that said much or none, and the session goes on. The control: without
/// pacing it is not the same.
#[test]
fn a_client_that_wakes_begins_as_it_began() {
    for clock_stops in [false, true] {
        let story = |pacing, is_busy| {
            let mut house = house(pacing, is_busy);
            house.sleeps(clock_stops);
            let seen = house.seen(50 * SECOND);
            (house, seen)
        };
        let (quiet, seen) = story("constant", false);
        let (mut busy, also_seen) = story("constant", true);
        assert_eq!(seen, also_seen);
        for house in [&quiet, &busy] {
            assert_eq!(
                is_begun(&seen, house.client),
                Place::from(house.guards()[0])
            );
            let has = circuits(&house.world, house.client);
            assert_eq!(has.own, FULL);
        }
        assert_eq!(circuits(&quiet.world, quiet.client).spare, FULL);
        busy.goes_on();
        assert_ne!(story("none", false).1, story("none", true).1);
    }
}

/// PAC-15, DIR-22: a client whose guard dies begins anew with the next guard of its list, and what is seen of it is the same whether it had a session that said
/// much or none; the session goes on. The control: without pacing it is not the same.
#[test]
fn a_client_whose_guard_dies_begins_with_the_next() {
    let story = |pacing, is_busy| {
        let mut house = house(pacing, is_busy);
        house.guard_dies();
        let seen = house.seen(50 * SECOND);
        (house, seen)
    };
    let (quiet, seen) = story("constant", false);
    let (mut busy, also_seen) = story("constant", true);
    assert_eq!(seen, also_seen);
    for house in [&quiet, &busy] {
        assert_eq!(
            is_begun(&seen, house.client),
            Place::from(house.guards()[1])
        );
        assert_eq!(circuits(&house.world, house.client).own, FULL);
    }
    busy.goes_on();
    assert_ne!(story("none", false).1, story("none", true).1);
}
