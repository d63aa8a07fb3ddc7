//! Circuits by which the last relay is asked for a record, at the client and at the relay. (RDV-40)

use super::crossings::Single;
use super::rig::text;
use super::world::{Meeting, World, name};
use crate::crypto::aead::Backend;
use crate::onion::cipher::Role;
use crate::onion::circuit::{Heard, NotNow};
use crate::onion::hop::{Forward, Why};
use crate::onion::meet::{INDEX, RECORD};
use crate::onion::message::{Reason, ToClient, ToRelay, found};
use crate::onion::suspicion::{Grave, Strike};
use crate::onion::{Cell, PAYLOAD, payload};

const KEPT: [u8; RECORD] = [7; RECORD];
const INDEXED: [u8; INDEX] = [8; INDEX];

fn says(world: &mut World, message: ToClient<'_>) {
    let mut said = [0; PAYLOAD];
    message.encode(&mut said);
    world.reply(3, Role::Message, &said);
    world.run();
}

fn keeps(world: &mut World) {
    let out = &mut |cell: &Cell| world.forward[0].push_back(*cell);
    world.circuit.keep(&KEPT, out).unwrap();
    world.run();
}

fn finds(world: &mut World) {
    let out = &mut |cell: &Cell| world.forward[0].push_back(*cell);
    world.circuit.find(&INDEXED, out).unwrap();
    world.run();
}

type Asks = fn(&mut World);

/// RDV-40: the last relay is asked to keep a record or to say which it keeps, and answers.
#[test]
fn a_relay_is_asked_and_answers() {
    let table: [(Asks, Meeting, ToClient<'_>, Heard); 4] = [
        (
            keeps,
            Meeting::Keep(Box::new(KEPT)),
            ToClient::Kept,
            Heard::Kept,
        ),
        (
            keeps,
            Meeting::Keep(Box::new(KEPT)),
            ToClient::NotHere,
            Heard::NotHere,
        ),
        (
            finds,
            Meeting::Find(INDEXED),
            ToClient::Found(&KEPT),
            Heard::Found,
        ),
        (
            finds,
            Meeting::Find(INDEXED),
            ToClient::NotHere,
            Heard::NotHere,
        ),
    ];
    for (asks, asked, says_so, heard) in table {
        let mut world = World::built(4, Backend::default());
        asks(&mut world);
        assert_eq!(world.meetings, [(3, asked)]);
        says(&mut world, says_so);
        assert_eq!(world.heard, [heard]);
        let record = world.texts.first().and_then(found);
        assert_eq!(record, (heard == Heard::Found).then_some(&KEPT));
    }
}

/// RDV-40: a client asks once on a circuit, and where nothing else was said.
#[test]
fn a_circuit_asks_once() {
    let (mut asked, mut ended) = (
        World::built(4, Backend::default()),
        World::built(4, Backend::default()),
    );
    finds(&mut asked);
    ended.send(&text(1));
    for world in [&mut asked, &mut ended] {
        let out = &mut |_: &Cell| panic!("nothing is said");
        assert_eq!(world.circuit.keep(&KEPT, out), Err(NotNow::Busy));
        assert_eq!(world.circuit.find(&INDEXED, out), Err(NotNow::Busy));
        assert_eq!(world.circuit.join([1; 16], out), Err(NotNow::Busy));
    }
}

/// RDV-40: a relay that says what it was not asked, or twice, or sends cells of something else, is struck with the one before it as one that forges;
/// one that is silent, as one that may have had bad luck.
#[test]
fn nonsense_is_struck_and_silence_counts() {
    let nonsense: [(Asks, &[ToClient<'_>]); 9] = [
        (|_| {}, &[ToClient::Kept]),
        (|_| {}, &[ToClient::Found(&KEPT)]),
        (|_| {}, &[ToClient::NotHere]),
        (keeps, &[ToClient::Found(&KEPT)]),
        (keeps, &[ToClient::Kept, ToClient::Kept]),
        (keeps, &[ToClient::Parked]),
        (finds, &[ToClient::Kept]),
        (finds, &[ToClient::NotHere, ToClient::Found(&KEPT)]),
        (finds, &[ToClient::Truncated(Reason::EndOver)]),
    ];
    let pair = (Some(name(3)), name(4));
    let forged = Heard::Over {
        strike: Some(Strike {
            pair,
            grave: Grave::Forged,
        }),
    };
    for (n, (asks, said)) in nonsense.into_iter().enumerate() {
        let mut world = World::built(4, Backend::default());
        asks(&mut world);
        said.iter().for_each(|said| says(&mut world, *said));
        assert_eq!(world.heard.len(), said.len(), "case {n}");
        assert_eq!(world.heard.last(), Some(&forged), "case {n}");
    }
    for asks in [keeps, finds] {
        let mut world = World::built(4, Backend::default());
        asks(&mut world);
        let grave = Grave::Ended;
        assert_eq!(world.circuit.unanswered(), Some(Strike { pair, grave }));
        world.reply(3, Role::Through, &text(1));
        world.run();
        assert_eq!(world.heard, [forged]);
    }
}

/// RDV-40: at a relay a question is asked once on a circuit that serves nothing else; the cell is wiped.
#[test]
fn a_hop_is_asked_once_and_does_nothing_else() {
    let (keep, find) = (ToRelay::Keep(&KEPT), ToRelay::Find(&INDEXED));
    let (park, join) = (ToRelay::Park(&[7; 32]), ToRelay::Join([8; 16], 0));
    let one = ToRelay::Extend1(&[4; 895]);
    for first in [keep, find] {
        for second in [keep, find, park, join, one] {
            let mut single = Single::new();
            let (asked, cell) = single.hear(1, Role::Message, |payload| first.encode(payload));
            match asked {
                Forward::Keep(record) => assert_eq!((first, *record), (keep, KEPT)),
                Forward::Find(index) => assert_eq!((first, index), (find, INDEXED)),
                _ => panic!("it was not asked"),
            }
            assert_eq!(payload(&cell), &[0; PAYLOAD]);
            single.closes(Why::OutOfTurn, |single| single.say(second));
        }
        for meets in [park, join] {
            let mut single = Single::new();
            single.say(meets);
            single.closes(Why::OutOfTurn, |single| single.say(first));
        }
        Single::extended().closes(Why::OutOfTurn, |single| single.say(first));
        let mut session = Single::new();
        session.hear(1, Role::Through, |_| {});
        session.closes(Why::OutOfTurn, |single| single.say(first));
    }
}
