//! How long things take, in delays of the link.

use crate::kit::{MS, Puppet, SECOND, at, flight1, joined, moment, wanted};
use pluribus_mix::netlayer::{CloseReason, Event};
use pluribus_mix::sim::{Direction, HostId, Passing, Place, Sight, World};
use pluribus_mix::time::{Duration, Instant};
use std::cell::Cell;
use std::rc::Rc;

/// When the last bytes that have reached `to` did, over links of this latency.
fn last_heard(world: &World, from: HostId, to: HostId, latency: Duration) -> Instant {
    let sent = world.observer().between(from, to);
    let sent = sent.filter(|seen| seen.from == from.into() && seen.length() > 0);
    let came = sent.map(|seen| seen.at + latency);
    came.filter(|came| *came <= world.now()).last().unwrap()
}

fn hears(vat: HostId, count: usize) -> impl FnMut(&World) -> bool {
    move |world| world.messages(vat).count() == count
}

fn ends(vat: HostId) -> impl FnMut(&World) -> bool {
    move |world| {
        world
            .events(vat)
            .iter()
            .any(|event| matches!(event, Event::Closed { .. }))
    }
}

/// VTP-15: what is said while the handshake runs goes with flight 3. With D the delay of the link it is heard 5 D after the dial (the
/// link stands at 2 D, flight 2 is back at 4 D), and the answer 6 D after it; a dialler knows at 6 D that it is through.
#[test]
fn the_first_message_comes_after_five_delays_and_its_answer_after_six() {
    for delay in [10, 80, 1000] {
        let mut world = World::seeded(1);
        let [alice, bob] = world.vats(["alice", "bob"]);
        world.latency(alice, bob, delay * MS);
        let conn = world.say(alice, bob, "early").unwrap();
        assert_eq!(
            moment(&mut world, 20 * SECOND, hears(bob, 1)),
            Instant::ZERO + 5 * delay * MS
        );
        world.say(bob, alice, "answer").unwrap();
        let open = moment(&mut world, 20 * SECOND, |world| world.is_open(alice, conn));
        assert_eq!(open, Instant::ZERO + 6 * delay * MS);
        assert_eq!(moment(&mut world, SECOND, hears(alice, 1)), open);
    }
}

/// VTP-15: on a connection that stands a message takes one delay.
#[test]
fn a_later_message_takes_one_delay() {
    let mut world = World::seeded(2);
    let ([alice, bob], [there, _]) = joined(&mut world);
    let said = world.now();
    world.send(alice, there, "later").unwrap();
    assert_eq!(moment(&mut world, SECOND, hears(bob, 1)), said + 10 * MS);
}

/// VTP-16: whoever dials waits ten seconds for the link, for flight 2 and for GOTOO, each, and no longer.
#[test]
fn a_dialler_waits_ten_seconds_for_each_flight() {
    // How many transmissions of the dialled vat pass before the wire swallows them, and when the wait for the next began.
    for (passing, since) in [(0_u32, 20), (1, 40)] {
        let mut world = World::seeded(3);
        let [alice, bob] = world.vats(["alice", "bob"]);
        let left = Cell::new(i64::from(passing));
        let swallow = move |wire: Passing, bytes| {
            let through = wire.direction == Direction::Out || left.get() > 0;
            left.set(left.get() - i64::from(wire.direction == Direction::Back && left.get() > 0));
            if through { vec![bytes] } else { vec![] }
        };
        world.meddle(alice, bob, Box::new(swallow));
        let conn = world.say(alice, bob, "hello").unwrap();
        let given_up = |world: &World| !world.traces(alice).is_empty();
        assert_eq!(
            moment(&mut world, 60 * SECOND, given_up),
            at(since) + 10 * SECOND
        );
        // What the peer may have heard of is dialled for again, for two minutes.
        world.run_for(passing * 200 * SECOND);
        assert_eq!(world.closed(alice, conn), Some(CloseReason::Unreachable));
    }
    let mut world = World::seeded(3);
    let [alice, bob] = world.vats(["alice", "bob"]);
    world.partition(alice, bob);
    world.dial(alice, bob).unwrap();
    assert_eq!(
        moment(&mut world, 60 * SECOND, ends(alice)),
        at(0) + 10 * SECOND
    );
}

/// VTP-16: whoever is dialled waits ten seconds for flight 1 and ten for flight 3, so that a handshake lasts twenty at most.
#[test]
fn a_handshake_lasts_twenty_seconds_at_most() {
    let mut world = World::seeded(4);
    let bob = world.vat("bob");
    let slow = world.raw_host("slow");
    let asked = wanted(&world, bob, world.address(bob).unwrap());
    let link = world.raw(slow).open(bob);
    world.run_for(9990 * MS);
    world.raw(slow).send(link, flight1(asked, 1).1).unwrap();
    world.run_for(60 * SECOND);
    // It stands at 10 ms; flight 1 comes at the last moment, at 10 s; the end takes 10 ms.
    assert_eq!(world.raw(slow).take(link).len(), 1535);
    assert_eq!(world.raw(slow).lost_at(link), Some(at(20_010)));
}

/// VTP-28, VTP-40: after five seconds of silence a side asks, after three questions and another five seconds it gives the transport up:
/// twenty seconds after it last heard something, on either side. The connection waits 120 s more.
#[test]
fn silence_ends_a_transport_after_twenty_seconds() {
    let mut world = World::seeded(5);
    let ([alice, bob], [there, back]) = joined(&mut world);
    world.say(alice, bob, "the last thing").unwrap();
    assert!(world.run_until_quiet());
    let [hers, his] =
        [(bob, alice), (alice, bob)].map(|(from, to)| last_heard(&world, from, to, 10 * MS));
    assert_ne!(hers, his);
    let before = world.observer().records().len();
    world.partition(alice, bob);
    let first = hers.min(his);
    let earlier = if first == hers { alice } else { bob };
    assert_eq!(
        moment(&mut world, 200 * SECOND, ends(earlier)),
        first + 140 * SECOND
    );
    let later = if earlier == alice { bob } else { alice };
    assert_eq!(
        moment(&mut world, 60 * SECOND, ends(later)),
        hers.max(his) + 140 * SECOND
    );
    assert_eq!(world.closed(alice, there), Some(CloseReason::Unreachable));
    assert_eq!(world.closed(bob, back), Some(CloseReason::Unreachable));
    let asked = |vat| {
        let since = world.observer().records().iter().skip(before);
        let mine = since.filter(move |seen| seen.from == Place::Vat(vat));
        mine.filter(|seen| seen.length() > 0)
            .map(|seen| seen.at)
            .collect::<Vec<_>>()
    };
    assert_eq!(asked(alice), [5, 10, 15].map(|after| hers + after * SECOND));
    assert_eq!(asked(bob), [5, 10, 15].map(|after| his + after * SECOND));
}

/// VTP-28: a silence that ends before the last question is answered ends nothing.
#[test]
fn a_silence_of_nineteen_seconds_ends_nothing() {
    let mut world = World::seeded(6);
    let ([alice, bob], [there, back]) = joined(&mut world);
    world.hold(alice, bob);
    world.run_for(19 * SECOND);
    world.send(alice, there, "patience").unwrap();
    world.release(alice, bob);
    world.run_for(60 * SECOND);
    assert!(world.is_open(alice, there) && world.is_open(bob, back));
    assert_eq!(world.heard_by(bob), ["patience"]);
}

/// VTP-28: where a round trip takes four seconds the periods are sixteen.
#[test]
fn a_slow_link_is_given_four_round_trips() {
    let mut world = World::seeded(7);
    let [alice, bob] = world.vats(["alice", "bob"]);
    world.latency(alice, bob, 2 * SECOND);
    world.say(alice, bob, "hello").unwrap();
    // The first answer to a PING measures the round trip.
    world.run_for(300 * SECOND);
    let heard = last_heard(&world, bob, alice, 2 * SECOND);
    world.partition(alice, bob);
    let over = moment(&mut world, 600 * SECOND, ends(alice));
    assert_eq!(over, heard + (4 * 16 + 120) * SECOND);
}

/// VTP-27: a PING is answered in the same turn: a round trip later its sender has the PONG.
#[test]
fn a_ping_is_answered_at_once() {
    let mut world = World::seeded(8);
    let bob = world.vat("bob");
    let mut puppet = Puppet::joined(&mut world, bob);
    let asked = world.now();
    assert!(puppet.say(&mut world, &[pluribus_mix::vattp::frame::Frame::Ping(5)]));
    world.run_for(20 * MS);
    assert_eq!(puppet.heard(&mut world)[0][0], "Pong(5)");
    let from_bob = world
        .observer()
        .between(bob, puppet.raw)
        .filter(|seen| seen.from == bob.into());
    let answer = from_bob
        .filter(|seen| matches!(seen.sight, Sight::Bytes { .. }))
        .last();
    assert_eq!(answer.unwrap().at, asked + 10 * MS);
}

/// VTP-26: what a runtime has taken is acknowledged within fifty milliseconds.
#[test]
fn an_acknowledgement_waits_fifty_milliseconds() {
    let mut world = World::seeded(9);
    let ([alice, bob], [there, _]) = joined(&mut world);
    let said = world.now();
    world.send(alice, there, "hello").unwrap();
    let acks = Rc::new(Cell::new(None));
    let noted = Rc::clone(&acks);
    let note = move |wire: Passing, bytes| {
        if wire.from == Place::Vat(bob) {
            noted.set(Some(wire.at));
        }
        vec![bytes]
    };
    world.meddle(alice, bob, Box::new(note));
    world.run_for(SECOND);
    assert_eq!(acks.get(), Some(said + 60 * MS));
}
