//! Circuits that are built, used and cut, and the blame where they break.

use super::rig::{rng, text};
use super::world::{Closed, Relay, World, name};
use crate::crypto::aead::Backend;
use crate::onion::cipher::Role;
use crate::onion::circuit::{Circuit, Heard, NotNow, Plan};
use crate::onion::handshake::{Entropy, REQUEST};
use crate::onion::message::{Reason, ToClient};
use crate::onion::suspicion::{Grave, Strike};
use crate::onion::{CELL, Cell, MAX_HOPS, PAYLOAD, joined};

fn strike(one: u8, other: u8, grave: Grave) -> Option<Strike> {
    let pair = ((one > 0).then(|| name(one)), name(other));
    Some(Strike { pair, grave })
}

fn over(one: u8, other: u8) -> Heard {
    Heard::Over {
        strike: strike(one, other, Grave::Forged),
    }
}

fn cut(hops: usize, reason: Reason, strike: Option<Strike>) -> Heard {
    Heard::Truncated {
        hops,
        reason,
        strike,
    }
}

/// ONI-9, ONI-10, ONI-11, ONI-12: a circuit grows to any length, hop by hop, and carries cells both ways.
#[test]
fn a_circuit_of_any_length_carries_cells_both_ways() {
    for backend in Backend::ALL {
        for hops in 1..=MAX_HOPS {
            let mut world = World::built(hops, *backend);
            assert!(world.relays[0].hop.has_next() == (hops > 1) && world.relays[0].hop.stands());
            for n in 0..3 {
                world.send(&text(n));
                world.run();
                assert_eq!(world.delivered.pop(), Some((hops - 1, text(n))));
                world.reply(hops - 1, Role::Through, &text(9 + n));
                world.run();
                assert_eq!(world.heard.pop(), Some(Heard::Through));
                assert_eq!(world.texts.pop(), Some(text(9 + n)));
            }
        }
    }
}

/// ONI-15: what a relay holds for a circuit that rests, keys and all, is at most 4 KiB.
#[test]
fn an_idle_circuit_takes_little_memory() {
    for backend in Backend::ALL {
        let world = World::built(3, *backend);
        for relay in &world.relays[..3] {
            let bytes = relay.hop.footprint();
            println!("{}: {bytes} bytes a circuit", backend.name());
            assert!(
                relay.hop.stands() && bytes <= 4096,
                "{} {bytes}",
                backend.name()
            );
        }
    }
}

/// The live count that relay `n` was asked for.
fn live(n: u8, request: &[u8; REQUEST]) -> u8 {
    let mut relay = Relay::new(n, Backend::default());
    let answered = relay
        .answerer
        .answer(request, 0, Entropy::draw(&mut rng("live")));
    answered.ok().unwrap().1.live
}

/// ONI-10: the last hop's live count is anything from m to 8 − n, that of each hop before it is one more, and of each added later one less.
#[test]
fn live_counts_fall_by_one_and_do_not_tell_the_length() {
    for (hops, more) in [(1, 0), (2, 1), (3, 0), (3, 5), (8, 0), (1, 7)] {
        let plan = Plan::new(hops, more).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for n in 0..80 {
            let rng = rng(&format!("plan {n}"));
            let mut circuit = Circuit::new(plan, Backend::default(), rng);
            let mut cells = Vec::new();
            let onion = Relay::new(1, Backend::default()).answerer.onion();
            circuit
                .create(&name(1), &onion, &mut |cell: &Cell| cells.push(*cell))
                .unwrap();
            seen.insert(live(1, &joined(&cells[0], &cells[1]).unwrap()));
        }
        let last = |first: u8| usize::from(first) + 1 - hops;
        let seen: Vec<_> = seen.into_iter().map(last).collect();
        assert_eq!(seen, (more..=8 - hops).collect::<Vec<_>>(), "{hops} {more}");
    }
    let mut world = World::new(2, 2, Backend::default());
    (0..4).for_each(|_| world.grow());
    let lives: Vec<_> = (2..)
        .zip(&world.requests)
        .map(|(n, request)| live(n, request))
        .collect();
    assert!(
        lives.windows(2).all(|pair| pair[0] == pair[1] + 1),
        "{lives:?}"
    );
    assert_eq!(
        world.ask(),
        Err(NotNow::NoSuchHop),
        "as many as were planned"
    );
    assert_eq!(
        Plan::new(0, 1).or(Plan::new(5, 4)).or(Plan::new(9, 0)),
        None
    );
}

/// ONI-10: while an answer is due nothing else is asked, and there is no asking hops that there are not.
#[test]
fn nothing_is_asked_out_of_turn() {
    let mut world = World::new(3, 0, Backend::default());
    let mut cell = [0; CELL];
    let out = &mut |_: &Cell| {};
    let onion = world.relays[1].answerer.onion();
    assert_eq!(world.circuit.send(&mut cell), Err(NotNow::NoSuchHop));
    assert_eq!(
        world.circuit.extend(&name(2), &onion, out),
        Err(NotNow::NoSuchHop)
    );
    assert_eq!(world.circuit.truncate(1, out), Err(NotNow::NoSuchHop));
    assert_eq!(
        world.circuit.create(&name(1), &[0; 32], out),
        Err(NotNow::OnionKey)
    );
    world.ask().unwrap();
    assert!(world.circuit.is_building() && world.circuit.hops().is_empty());
    assert_eq!(world.circuit.send(&mut cell), Err(NotNow::Busy));
    assert_eq!(world.ask(), Err(NotNow::Busy));
    assert_eq!(world.circuit.truncate(1, out), Err(NotNow::Busy));
    world.run();
    assert_eq!(
        world.circuit.create(&name(2), &onion, out),
        Err(NotNow::Busy)
    );
    world.ask().unwrap();
    assert_eq!(world.circuit.send(&mut cell), Err(NotNow::Busy));
    assert_eq!(world.circuit.truncate(2, out), Err(NotNow::NoSuchHop));
    world.run();
    assert_eq!(world.circuit.hops(), [name(1), name(2)]);
    world.truncate(1);
    assert_eq!(world.circuit.truncate(1, out), Err(NotNow::Busy));
    assert_eq!(world.circuit.send(&mut cell), Err(NotNow::Busy));
}

/// ONI-13, ONI-17: a forward cell changed on a link is answered with BLAME by the hop behind it, and the pair at that link is struck.
#[test]
fn a_changed_forward_cell_is_blamed_on_the_link() {
    for (at, pair) in [(0, (0, 1)), (1, (1, 2)), (2, (2, 3))] {
        let mut world = World::built(3, Backend::default());
        world.send(&text(1));
        (0..at).for_each(|_| assert!(world.step()));
        world.forward[at][0][500] ^= 1;
        world.run();
        assert_eq!(world.heard, [over(pair.0, pair.1)]);
        assert_eq!(world.relays[at].closed, Some(Closed::Blamed));
        assert!(world.circuit.is_over() && world.delivered.is_empty());
        let mut cell = [0; CELL];
        assert_eq!(world.circuit.send(&mut cell), Err(NotNow::Busy));
        assert_eq!(world.circuit.handle(&mut cell), Heard::Nothing);
    }
}

/// ONI-8, ONI-17: a backward cell changed on a link strikes the pair at that link.
#[test]
fn a_changed_backward_cell_is_blamed_on_the_link() {
    for (at, pair) in [(0, (0, 1)), (1, (1, 2)), (2, (2, 3))] {
        let mut world = World::built(3, Backend::default());
        world.reply(2, Role::Through, &text(1));
        (at..2).for_each(|_| assert!(world.step()));
        world.backward[at][0][1000] ^= 1;
        world.run();
        assert_eq!(world.heard, [over(pair.0, pair.1)]);
        assert!(world.texts.is_empty());
    }
}

/// ONI-9, ONI-17: an answer that is not that of the relay that was asked ends the circuit and strikes the pair.
#[test]
fn a_changed_answer_is_blamed_on_the_last_hop_and_the_one_asked() {
    for (hops, pair) in [(0, (0, 1)), (1, (1, 2))] {
        for half in 0..2 {
            let mut world = World::new(2, 0, Backend::default());
            (0..hops).for_each(|_| world.grow());
            world.ask().unwrap();
            while world.backward[hops].is_empty() {
                world.step();
            }
            world.backward[hops][half][20] ^= 1;
            world.run();
            assert_eq!(world.heard, [over(pair.0, pair.1)]);
        }
    }
}

/// ONI-10: other than zeros behind an answer are noticed: by the client from hop 1, by the hop before from any other.
#[test]
fn other_than_zeros_behind_an_answer_is_refused() {
    let marked = |hops: usize| {
        let mut world = World::new(2, 0, Backend::default());
        (0..hops).for_each(|_| world.grow());
        world.ask().unwrap();
        while world.backward[hops].is_empty() {
            world.step();
        }
        world.backward[hops][1][CELL - 1] = 1;
        world.run();
        (world.heard.clone(), world.relays[0].closed)
    };
    assert_eq!(marked(0), (vec![over(0, 1)], None));
    let ended = cut(1, Reason::NextEnded, strike(1, 2, Grave::Ended));
    assert_eq!(marked(1), (vec![ended], Some(Closed::Broken)));
}

/// ONI-17: a request without an answer counts against the last hop and the one that was asked.
#[test]
fn a_request_without_an_answer_names_a_pair() {
    let mut world = World::new(2, 0, Backend::default());
    assert_eq!(world.circuit.unanswered(), None);
    world.ask().unwrap();
    assert_eq!(world.circuit.unanswered(), strike(0, 1, Grave::Ended));
    world.run();
    assert_eq!(world.circuit.unanswered(), None);
    world.ask().unwrap();
    assert_eq!(world.circuit.unanswered(), strike(1, 2, Grave::Ended));
}

/// ONI-12, ONI-17: what a hop says of its next one cuts the circuit there, and for some reasons strikes the two.
#[test]
fn what_a_hop_says_of_its_next_one_counts_against_both() {
    for reason in [
        Reason::NextEnded,
        Reason::Unreachable,
        Reason::TooMuchQueued,
    ] {
        let mut world = World::built(3, Backend::default());
        world.end_behind(0, reason);
        world.run();
        assert_eq!(world.heard, [cut(1, reason, strike(1, 2, Grave::Ended))]);
        assert_eq!(world.circuit.hops(), [name(1)]);
        let mut world = World::new(2, 0, Backend::default());
        world.grow();
        world.ask().unwrap();
        world.forward[1].clear();
        while !world.forward[0].is_empty() {
            world.step();
        }
        world.forward[1].clear();
        world.end_behind(0, reason);
        world.run();
        assert_eq!(world.heard, [cut(1, reason, strike(1, 2, Grave::Ended))]);
        world.forget_behind(0);
        world.grow();
    }
}

/// ONI-12, ONI-15: a relay that is full, or knows no such relay, says so, which counts as what only ended; another can be asked.
#[test]
fn a_relay_that_cannot_extend_says_why() {
    let mut world = World::new(2, 0, Backend::default());
    world.grow();
    let onion = world.relays[1].answerer.onion();
    let out = &mut |cell: &Cell| world.forward[0].push_back(*cell);
    world.circuit.extend(&name(77), &onion, out).unwrap();
    world.run();
    let said = cut(1, Reason::NoSuchRelay, strike(1, 77, Grave::Ended));
    assert_eq!(world.heard.pop(), Some(said));
    world.ask().unwrap();
    while !world.forward[0].is_empty() {
        world.step();
    }
    world.forward[1].clear();
    world.end_behind(0, Reason::Full);
    world.run();
    let said = cut(1, Reason::Full, strike(1, 2, Grave::Ended));
    assert_eq!(world.heard.pop(), Some(said));
    world.grow();
}

/// ONI-12: that what a circuit ended in is over takes no hop away, and disturbs nothing that is under way.
#[test]
fn the_end_of_what_a_circuit_ended_in_takes_no_hop() {
    let mut world = World::new(3, 0, Backend::default());
    (0..2).for_each(|_| world.grow());
    world.send(&text(1));
    world.run();
    world.heard.clear();
    world.end_behind(1, Reason::EndOver);
    world.run();
    assert_eq!(world.heard.pop(), Some(cut(2, Reason::EndOver, None)));
    world.ask().unwrap();
    while world.forward[2].is_empty() {
        assert!(world.step());
    }
    world.end_behind(1, Reason::EndOver);
    world.run();
    assert_eq!(world.heard, [cut(2, Reason::EndOver, None), Heard::Grown]);
}

/// ONI-17: what a circuit ends in answers and does not begin. A cell of it, or its end, before anything was said to it was made up by the hop.
#[test]
fn what_was_not_spoken_to_does_not_answer() {
    let mut end = [0; PAYLOAD];
    ToClient::Truncated(Reason::EndOver).encode(&mut end);
    for (role, said) in [(Role::Through, text(1)), (Role::Message, end)] {
        let mut world = World::built(3, Backend::default());
        world.reply(2, role, &said);
        world.run();
        assert_eq!(world.heard, [over(2, 3)]);
        let mut control = World::built(3, Backend::default());
        control.send(&text(1));
        control.reply(2, role, &said);
        control.run();
        assert!(!matches!(control.heard[..], [Heard::Over { .. }]));
    }
}

/// ONI-17: a hop that says what it cannot say then is struck with the one before it.
#[test]
fn a_hop_that_talks_nonsense_is_struck() {
    let truncated = ToClient::Truncated;
    let nonsense: [(usize, ToClient<'_>); 8] = [
        (2, truncated(Reason::Asked)),
        (2, truncated(Reason::NoSuchRelay)),
        (2, truncated(Reason::Full)),
        (2, truncated(Reason::EndOver)),
        (3, truncated(Reason::NextEnded)),
        (3, truncated(Reason::Unreachable)),
        (2, ToClient::Extended1(&[0; 895])),
        (3, ToClient::Extended2(&[0; 284], 0)),
    ];
    let mut payloads = vec![(3, [0; PAYLOAD]), (1, text(1))];
    for (hop, message) in nonsense {
        let mut payload = [0; PAYLOAD];
        message.encode(&mut payload);
        payloads.push((hop, payload));
    }
    for (hop, payload) in payloads {
        let mut world = World::built(3, Backend::default());
        world.reply(hop - 1, Role::Message, &payload);
        world.run();
        let hop = u8::try_from(hop).unwrap();
        assert_eq!(world.heard, [over(hop - 1, hop)], "{:?}", &payload[..2]);
    }
}

/// ONI-12: EXTENDED comes from the hop that was asked, first part first and each once.
#[test]
fn an_answer_comes_in_its_order_from_the_hop_that_was_asked() {
    let (one, two) = (
        ToClient::Extended1(&[7; 895]),
        ToClient::Extended2(&[7; 284], 0),
    );
    for (hop, said) in [
        (1, vec![one]),
        (1, vec![two]),
        (2, vec![two]),
        (2, vec![one, one]),
    ] {
        let mut world = World::new(3, 0, Backend::default());
        (0..2).for_each(|_| world.grow());
        world.ask().unwrap();
        for message in said {
            let mut payload = [0; PAYLOAD];
            message.encode(&mut payload);
            world.reply(hop - 1, Role::Message, &payload);
        }
        world.forward[0].clear();
        world.run();
        let hop = u8::try_from(hop).unwrap();
        assert_eq!(world.heard, [over(hop - 1, hop)]);
    }
}
