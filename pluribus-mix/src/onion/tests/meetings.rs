//! Circuits that meet others, at the client and at the relay.

use super::crossings::Single;
use super::rig::{rng, text};
use super::world::{Meeting, Relay, World, name};
use crate::crypto::aead::Backend;
use crate::crypto::rng::{Noise, Rng};
use crate::onion::cipher::Role;
use crate::onion::circuit::{Circuit, Heard, NotNow, Plan};
use crate::onion::hop::{Back, Forward, Hop, Why};
use crate::onion::meet::{Counts, cookie};
use crate::onion::message::{Reason, ToClient, ToRelay};
use crate::onion::suspicion::{Grave, Strike};
use crate::onion::{CELL, Cell, PAYLOAD, payload, payload_mut};
use crate::time::Duration;

const COUNTS: Counts = Counts {
    from: 9,
    forth: 3,
    back: -4,
};
const COOKIE: [u8; 16] = [8; 16];
const SECRET: [u8; 32] = [7; 32];

/// What the relay at the end of four hops says.
fn says(world: &mut World, message: ToClient<'_>) {
    let mut said = [0; PAYLOAD];
    message.encode(&mut said);
    world.reply(3, Role::Message, &said);
    world.run();
}

fn parks(world: &mut World) {
    let out = &mut |cell: &Cell| world.forward[0].push_back(*cell);
    world.circuit.park(&SECRET, out).unwrap();
    world.run();
}

fn joins(world: &mut World) {
    let out = &mut |cell: &Cell| world.forward[0].push_back(*cell);
    world.circuit.join(COOKIE, out).unwrap();
    world.run();
}

fn forged(heard: &Heard) -> bool {
    let pair = (Some(name(3)), name(4));
    let grave = Grave::Forged;
    let strike = Some(Strike { pair, grave });
    *heard == Heard::Over { strike }
}

/// RDV-19: the cookie is that of one relay and one secret.
#[test]
fn a_cookie_is_of_one_relay_and_one_secret() {
    let one = cookie(&name(1), &SECRET);
    assert_eq!(one, cookie(&name(1), &SECRET));
    assert_ne!(one, cookie(&name(2), &SECRET));
    assert_ne!(one, cookie(&name(1), &[6; 32]));
}

/// RDV-19, RDV-22: a circuit is parked, and then carries what comes of the one that joins.
#[test]
fn a_circuit_is_parked_and_joined() {
    let mut world = World::built(4, Backend::default());
    parks(&mut world);
    assert_eq!(world.meetings, [(3, Meeting::Park(SECRET))]);
    says(&mut world, ToClient::Parked);
    says(&mut world, ToClient::Joined(COUNTS.for_callee()));
    world.reply(3, Role::Through, &text(1));
    world.send(&text(2));
    world.run();
    let told = Counts { from: 0, ..COUNTS };
    let heard = [Heard::Parked, Heard::Joined(told), Heard::Through];
    assert_eq!(world.heard, heard);
    assert_eq!(
        (world.texts[0], world.delivered[0]),
        (text(1), (3, text(2)))
    );
}

/// RDV-20, RDV-22: a circuit joins, and sends at once; or there is nobody.
#[test]
fn a_circuit_joins_or_does_not() {
    for (said, heard) in [
        (
            ToClient::Joined(COUNTS.for_dialler()),
            Heard::Joined(Counts {
                from: 9,
                forth: 0,
                back: 0,
            }),
        ),
        (ToClient::NotJoined, Heard::NotJoined),
    ] {
        let mut world = World::built(4, Backend::default());
        joins(&mut world);
        world.send(&text(1));
        world.run();
        assert_eq!(world.meetings, [(3, Meeting::Join(COOKIE))]);
        assert_eq!(world.delivered, [(3, text(1))]);
        says(&mut world, said);
        assert_eq!(world.heard, [heard]);
    }
}

/// RDV-18: a client asks for a meeting once on a circuit, and not where it has said something to what the circuit ends in.
#[test]
fn a_circuit_is_asked_once() {
    let mut busy = World::built(4, Backend::default());
    parks(&mut busy);
    let mut ended = World::built(4, Backend::default());
    ended.send(&text(1));
    let mut empty = World::new(4, 0, Backend::default());
    for (world, why) in [
        (&mut busy, NotNow::Busy),
        (&mut ended, NotNow::Busy),
        (&mut empty, NotNow::NoSuchHop),
    ] {
        let out = &mut |_: &Cell| panic!("nothing is said");
        assert_eq!(world.circuit.park(&SECRET, out), Err(why));
        assert_eq!(world.circuit.join(COOKIE, out), Err(why));
    }
}

/// RDV-18, RDV-22: a hop that says of a meeting what it cannot say then, and one that is not the last, is struck with the one before it.
#[test]
fn nonsense_about_meetings_is_struck() {
    let joined = ToClient::Joined;
    let (dialler, callee) = (COUNTS.for_dialler(), COUNTS.for_callee());
    type Asks = fn(&mut World);
    let nonsense: [(Asks, &[ToClient<'_>]); 11] = [
        (|_| {}, &[ToClient::Parked]),
        (|_| {}, &[joined(dialler)]),
        (|_| {}, &[ToClient::NotJoined]),
        (parks, &[joined(callee)]),
        (parks, &[ToClient::NotJoined]),
        (parks, &[ToClient::Parked, ToClient::Parked]),
        (parks, &[ToClient::Parked, joined(dialler)]),
        (|_| {}, &[ToClient::Truncated(Reason::EndOver)]),
        (joins, &[ToClient::Parked]),
        (joins, &[joined(callee)]),
        (joins, &[joined(dialler), joined(dialler)]),
    ];
    for (n, (asks, said)) in nonsense.into_iter().enumerate() {
        let mut world = World::built(4, Backend::default());
        asks(&mut world);
        said.iter().for_each(|said| says(&mut world, *said));
        assert_eq!(world.heard.len(), said.len(), "case {n}");
        assert!(world.heard.last().is_some_and(forged), "case {n}");
    }
    let mut world = World::built(4, Backend::default());
    parks(&mut world);
    let mut said = [0; PAYLOAD];
    ToClient::Parked.encode(&mut said);
    world.reply(2, Role::Message, &said);
    world.run();
    assert!(matches!(world.heard[..], [Heard::Over { strike: Some(_) }]));
}

/// RDV-22: before JOINED nothing comes from the other end.
#[test]
fn nothing_comes_before_joined() {
    for asks in [parks, joins] {
        let mut world = World::built(4, Backend::default());
        asks(&mut world);
        world.reply(3, Role::Through, &text(1));
        world.run();
        assert!(matches!(&world.heard[..], [heard] if forged(heard)));
    }
}

/// RDV-18: a relay that does not answer PARK or JOIN is struck, with the one before it, as one that may have had bad luck.
#[test]
fn silence_counts() {
    let pair = (Some(name(3)), name(4));
    let grave = Grave::Ended;
    for asks in [parks, joins] {
        let mut world = World::built(4, Backend::default());
        assert_eq!(world.circuit.unanswered(), None);
        asks(&mut world);
        assert_eq!(world.circuit.unanswered(), Some(Strike { pair, grave }));
    }
    let mut world = World::built(4, Backend::default());
    parks(&mut world);
    says(&mut world, ToClient::Parked);
    assert_eq!(world.circuit.unanswered(), None);
}

/// RDV-18: PARK or JOIN twice, behind a cell of a session, before a next hop or with one, with another class, and EXTEND behind either close the circuit.
#[test]
fn a_hop_meets_once_and_does_nothing_else() {
    let (park, join) = (ToRelay::Park(&SECRET), ToRelay::Join(COOKIE, 0));
    let one = ToRelay::Extend1(&[4; 895]);
    for first in [park, join] {
        for second in [park, join, one] {
            let mut single = Single::new();
            let met = single.say(first);
            assert!(matches!(met, Forward::Park(_) | Forward::Join(_)));
            single.closes(Why::OutOfTurn, |single| single.say(second));
        }
        Single::extended().closes(Why::OutOfTurn, |single| single.say(first));
        let mut half = Single::new();
        half.say(one);
        half.closes(Why::OutOfTurn, |single| single.say(first));
        let mut session = Single::new();
        let (heard, _) = session.hear(1, Role::Through, |_| {});
        assert!(matches!(heard, Forward::Through));
        session.closes(Why::OutOfTurn, |single| single.say(first));
    }
    Single::new().closes(Why::OutOfTurn, |single| {
        single.say(ToRelay::Join(COOKIE, 1))
    });
}

/// RDV-19: the secret of a park does not stay where its cell lay.
#[test]
fn the_secret_is_wiped_from_the_cell() {
    let mut single = Single::new();
    let (heard, cell) = single.hear(1, Role::Message, |payload| {
        ToRelay::Park(&SECRET).encode(payload)
    });
    let Forward::Park(secret) = heard else {
        panic!("not parked");
    };
    assert_eq!((*secret, payload(&cell)), (SECRET, &[0; PAYLOAD]));
}

/// RDV-18: TRUNCATE gives a meeting up, and the circuit has served.
#[test]
fn truncate_gives_a_meeting_up() {
    let mut single = Single::new();
    single.say(ToRelay::Join(COOKIE, 0));
    let (heard, cell) = single.hear(1, Role::Message, |payload| {
        ToRelay::Truncate.encode(payload)
    });
    assert!(matches!(heard, Forward::Truncate));
    single.heard(cell, ToClient::Truncated(Reason::Asked));
    single.closes(Why::OutOfTurn, |single| single.say(ToRelay::Park(&SECRET)));
}

/// A circuit of one hop, by the clock, of class 2, and its relay.
fn paced() -> (Circuit, Relay, Rng) {
    let quantum = Duration::from_millis(50);
    let plan = Plan::new(1, 0).unwrap();
    let backend = Backend::default();
    let mut circuit = Circuit::paced(plan, 2, quantum, backend, rng("paced"));
    let mut relay = Relay::new(1, backend);
    relay.hop = Hop::begin_paced(2, backend);
    let (mut rng, mut asked) = (rng("paced relay"), Vec::new());
    let onion = relay.answerer.onion();
    let out = &mut |cell: &Cell| asked.push(*cell);
    circuit.create(&relay.id, &onion, out).unwrap();
    for (n, cell) in (0..).zip(&mut asked) {
        let heard = relay.hop.forward_at(n, cell, &mut relay.answerer, &mut rng);
        if let Forward::Answer(mut cells) = heard {
            let [one, two] = &mut *cells;
            assert_eq!(circuit.handle_at(0, one), Heard::Nothing);
            assert_eq!(circuit.handle_at(1, two), Heard::Grown);
        }
    }
    (circuit, relay, rng)
}

/// RDV-22: by the clock PARKED and JOINED may be lost; JOINED stands for both, and who hears of it by a cell alone cannot count.
#[test]
fn words_of_a_meeting_may_be_lost() {
    let (parked, through) = (Heard::Parked, Heard::Through);
    let (joined, unknown) = (Heard::Joined(COUNTS.for_callee()), Heard::NotJoined);
    let over = Heard::Truncated {
        hops: 1,
        reason: Reason::EndOver,
        strike: None,
    };
    let table: [(bool, &[u64], &[Heard]); 7] = [
        (true, &[], &[parked, joined, through, over]),
        (true, &[0], &[joined, through, over]),
        (true, &[1], &[parked, unknown, over]),
        (true, &[0, 1], &[unknown, over]),
        (true, &[1, 2], &[parked, over]),
        (false, &[0, 1], &[over]),
        (false, &[0, 1, 2], &[over]),
    ];
    for (parks, lost, expected) in table {
        let (mut circuit, mut relay, mut rng) = paced();
        let asked = match parks {
            true => circuit.park(&SECRET, &mut |_| ()),
            false => circuit.join(COOKIE, &mut |_| ()),
        };
        let mut cell = [0; CELL];
        assert!(asked.is_ok() && circuit.fill_at(2, &mut cell, |_, _| false));
        let (hop, answerer) = (&mut relay.hop, &mut relay.answerer);
        match hop.forward_at(2, &mut cell, answerer, &mut rng) {
            Forward::Park(secret) => assert!(parks && *secret == SECRET),
            Forward::Join(cookie) => assert!(!parks && cookie == COOKIE),
            _ => panic!("no meeting"),
        }
        assert!(hop.tell(ToClient::Parked, &mut cell));
        assert!(hop.tell(ToClient::Joined(COUNTS.for_callee()), &mut cell));
        assert_eq!(hop.waiting(), 2);
        let (mut noise, mut heard) = (Noise::from(&mut rng), Vec::new());
        for n in 0..4 {
            if n == 3 {
                assert!(hop.next_ended(Reason::EndOver, &mut [0; CELL]));
            }
            *payload_mut(&mut cell) = text(n);
            let back = hop.back_at(2 + n, true, &mut cell, &mut noise, |_| true);
            assert_eq!(back, Back::Cell);
            if !lost.contains(&n) {
                heard.push(circuit.handle_at(2 + n, &mut cell));
            }
        }
        heard.retain(|heard| *heard != Heard::Nothing);
        assert_eq!(heard, expected, "{parks} {lost:?}");
    }
}
