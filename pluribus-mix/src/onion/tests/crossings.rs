//! What is under way while a circuit changes, and what a client may not say.

use super::rig::{rng, text, twins};
use super::world::{Relay, World, name};
use crate::crypto::aead::Backend;
use crate::crypto::rng::{Noise, Rng};
use crate::onion::cipher::Role;
use crate::onion::circuit::Heard;
use crate::onion::handshake::{Entropy, REQUEST, Refused, Settings, ask};
use crate::onion::hop::{Backward, Forward, Hop, Why};
use crate::onion::layers::Layers;
use crate::onion::message::{Reason, ToClient, ToRelay};
use crate::onion::{CELL, Cell, PAYLOAD, halves, joined, payload, payload_mut};
use crate::wire::{DecodeError, Fault};

fn asked(hops: usize) -> Heard {
    Heard::Truncated {
        hops,
        reason: Reason::Asked,
        strike: None,
    }
}

/// ONI-11, ONI-12: a client gives up what lies behind a hop, uses the circuit to there, and has it grow anew.
#[test]
fn a_circuit_is_cut_and_grows_again() {
    for to in 1..=3 {
        let mut world = World::built(3, Backend::default());
        world.truncate(to);
        world.run();
        assert_eq!(world.heard.pop(), Some(asked(to)));
        assert_eq!(world.circuit.hops().len(), to);
        world.send(&text(1));
        world.run();
        assert_eq!(world.delivered.pop(), Some((to - 1, text(1))));
        (to..3).for_each(|_| world.grow());
        world.send(&text(2));
        world.run();
        assert_eq!(world.delivered.pop(), Some((2, text(2))));
    }
}

/// ONI-11, ONI-12: TRUNCATE may cross any part of an EXTEND and of its answer; the circuit comes out as it was, and can be extended.
#[test]
fn giving_up_an_extension_crosses_its_answer() {
    let mut steps = 0;
    loop {
        let mut world = World::new(3, 0, Backend::default());
        (0..2).for_each(|_| world.grow());
        world.ask().unwrap();
        let done = (0..steps).any(|_| !world.step());
        world.truncate(2);
        world.run();
        assert_eq!(world.heard.pop(), Some(asked(2)), "after {steps} steps");
        assert!(world.heard.iter().all(|heard| *heard == Heard::Grown));
        world.grow();
        if done {
            break;
        }
        steps += 1;
    }
    assert!(steps > 8, "{steps}");
}

/// ONI-12: TRUNCATE crosses the news that what lies behind has ended, at that hop or further out.
#[test]
fn giving_up_crosses_the_end_of_what_is_given_up() {
    for ended in 0..2 {
        let mut world = World::built(3, Backend::default());
        world.end_behind(ended, Reason::NextEnded);
        (0..ended).for_each(|_| assert!(world.step()));
        assert!(world.heard.is_empty(), "still under way");
        world.truncate(1);
        world.run();
        assert_eq!(world.heard.len(), 2);
        let is_cut = |heard: &Heard| matches!(heard, Heard::Truncated { .. });
        assert!(world.heard.iter().all(is_cut), "{:?}", world.heard);
        assert_eq!(world.heard.pop(), Some(asked(1)));
        world.grow();
    }
    let mut world = World::built(3, Backend::default());
    world.truncate(2);
    world.end_behind(0, Reason::NextEnded);
    world.run();
    assert_eq!(
        world.heard.len(),
        1,
        "hop 2 is gone and cannot say anything"
    );
    world.forget_behind(0);
    world.grow();
}

/// ONI-13: a cell that crosses TRUNCATED is dropped, and the circuit stands.
#[test]
fn a_cell_that_crosses_the_end_of_its_way_is_dropped() {
    let mut world = World::built(3, Backend::default());
    world.send(&text(1));
    world.end_behind(0, Reason::NextEnded);
    world.run();
    assert!(world.relays[0].closed.is_none() && world.relays[0].hop.stands());
    let mut late = [0; CELL];
    assert_eq!(world.relays[0].hop.backward(&mut late), Backward::Drop);
    world.send(&text(2));
    world.run();
    assert_eq!(world.delivered, [(0, text(2))]);
}

/// One hop, and a client that can make any cell for it and whatever it believes to lie behind.
pub(super) struct Single {
    client: Layers,
    pub(super) relay: Relay,
    rng: Rng,
}

impl Single {
    pub(super) fn new() -> Self {
        let (mut rng, mut relay) = (rng("single"), Relay::new(1, Backend::default()));
        let settings = Settings {
            live: 1,
            class: 0,
            start: 0,
        };
        let entropy = Entropy::draw(&mut rng);
        let (asked, request) = ask(&relay.id, &relay.answerer.onion(), settings, entropy).unwrap();
        let [mut first, mut second] = halves(&request);
        relay.hop.forward(&mut first, &mut relay.answerer, &mut rng);
        let answer = relay
            .hop
            .forward(&mut second, &mut relay.answerer, &mut rng);
        let Forward::Answer(cells) = answer else {
            panic!("refused");
        };
        let secrets = asked.finish(&joined(&cells[0], &cells[1]).unwrap());
        let mut client = Layers::new(Backend::default(), Noise::from(&mut rng));
        client.push(secrets.ok().unwrap(), 1, 0);
        let [beyond, _] = twins(&mut rng);
        client.push(beyond, 0, 0);
        Self { client, relay, rng }
    }

    pub(super) fn hear(
        &mut self,
        hop: usize,
        role: Role,
        write: impl Fn(&mut [u8; PAYLOAD]),
    ) -> (Forward, Cell) {
        let mut cell = [0; CELL];
        write(payload_mut(&mut cell));
        self.client.wrap(hop, role, &mut cell).unwrap();
        let relay = &mut self.relay;
        let heard = relay
            .hop
            .forward(&mut cell, &mut relay.answerer, &mut self.rng);
        (heard, cell)
    }

    pub(super) fn say(&mut self, message: ToRelay<'_>) -> Forward {
        self.hear(1, Role::Message, |payload| message.encode(payload))
            .0
    }

    /// What the relay says back.
    pub(super) fn heard(&mut self, mut cell: Cell, is: ToClient<'_>) {
        assert_eq!(self.client.peel(&mut cell), Ok((1, Role::Message)));
        assert_eq!(ToClient::parse(payload(&cell)), Ok(is));
    }

    /// With EXTEND 1 and 2 for `id`.
    pub(super) fn extend(&mut self, id: &[u8; 32]) -> (Forward, Cell) {
        let mut part = [4; 895];
        part[..32].copy_from_slice(id);
        assert!(matches!(
            self.say(ToRelay::Extend1(&part)),
            Forward::Nothing
        ));
        self.hear(1, Role::Message, |payload| {
            ToRelay::Extend2(&[5; 388]).encode(payload)
        })
    }

    /// With a next hop.
    pub(super) fn extended() -> Self {
        let mut single = Self::new();
        single.extend(name(2).as_bytes());
        for answered in [Backward::Onward, Backward::Grown] {
            let mut cell = [0; CELL];
            assert_eq!(single.relay.hop.backward(&mut cell), answered);
            assert!(single.client.peel(&mut cell).is_ok());
        }
        single
    }

    pub(super) fn closes(mut self, because: Why, last: impl FnOnce(&mut Self) -> Forward) {
        let Forward::Close(why) = last(&mut self) else {
            panic!("not closed, {because:?} expected");
        };
        assert_eq!(why, because);
        assert!(
            !self.relay.hop.stands() && !self.relay.hop.next_ended(Reason::Full, &mut [0; CELL])
        );
        assert!(matches!(self.say(ToRelay::Truncate), Forward::Nothing));
    }
}

/// ONI-11: the request comes out of EXTEND as it went in, for the relay that it names.
#[test]
fn an_extension_carries_its_request() {
    let mut single = Single::new();
    let (Forward::Extend(id, request), _) = single.extend(name(2).as_bytes()) else {
        panic!("not extended");
    };
    assert_eq!(id, name(2));
    let mut expected = [4; REQUEST];
    expected[..32].copy_from_slice(name(2).as_bytes());
    expected[895..].fill(5);
    assert_eq!(*request, expected);
}

/// ONI-11, ONI-12: an EXTEND to 32 bytes that name no relay is answered as one that nobody knows, and the circuit stands.
#[test]
fn an_extension_to_what_is_no_name_is_answered() {
    let mut single = Single::new();
    let (Forward::Back, cell) = single.extend(&[0; 32]) else {
        panic!("not answered");
    };
    single.heard(cell, ToClient::Truncated(Reason::NoSuchRelay));
    assert!(matches!(
        single.extend(name(2).as_bytes()).0,
        Forward::Extend(..)
    ));
}

/// ONI-11, ONI-13: whatever a client says out of turn closes the circuit.
#[test]
fn whatever_is_said_out_of_turn_closes_the_circuit() {
    let (one, two) = (ToRelay::Extend1(&[4; 895]), ToRelay::Extend2(&[5; 388]));
    let through = |single: &mut Single| single.hear(1, Role::Through, |_| {}).0;
    let onward = |single: &mut Single| single.hear(2, Role::Through, |_| {}).0;
    Single::new().closes(Why::OutOfTurn, |single| single.say(two));
    Single::new().closes(Why::NoSuchWay, onward);
    for (why, last) in [
        (
            Why::OutOfTurn,
            &(|single: &mut Single| single.say(one)) as &dyn Fn(&mut Single) -> Forward,
        ),
        (Why::OutOfTurn, &|single: &mut Single| {
            single.say(ToRelay::Truncate)
        }),
        (Why::NoSuchWay, &through),
        (Why::NoSuchWay, &onward),
    ] {
        let mut half = Single::new();
        half.say(one);
        half.closes(why, last);
    }
    for (why, last) in [
        (
            Why::OutOfTurn,
            &(|single: &mut Single| single.say(one)) as &dyn Fn(&mut Single) -> Forward,
        ),
        (Why::OutOfTurn, &|single: &mut Single| single.say(two)),
        (Why::NoSuchWay, &through),
    ] {
        Single::extended().closes(why, last);
        let mut begun = Single::new();
        begun.extend(name(2).as_bytes());
        begun.closes(why, last);
    }
    let mut begun = Single::new();
    begun.extend(name(2).as_bytes());
    begun.closes(Why::NoSuchWay, onward);
    let unknown = DecodeError::new("type", Fault::OutOfRange);
    Single::new().closes(Why::Message(unknown), |single| {
        single
            .hear(1, Role::Message, |payload| payload.fill(0x81))
            .0
    });
    let zeros = DecodeError::new("zeros", Fault::OutOfRange);
    Single::new().closes(Why::Message(zeros), |single| {
        single
            .hear(1, Role::Message, |payload| {
                (payload[0], payload[895]) = (3, 1)
            })
            .0
    });
}

/// ONI-6, ONI-13: a hop with a next one passes on what is for it; without, it hears what is for its end; BLAME names the cell.
#[test]
fn a_hop_passes_on_hears_and_blames() {
    let mut single = Single::extended();
    let (Forward::Onward, _) = single.hear(2, Role::Through, |_| {}) else {
        panic!("not passed on");
    };
    let (Forward::Truncate, cell) = single.hear(1, Role::Message, |payload| {
        ToRelay::Truncate.encode(payload)
    }) else {
        panic!("not cut");
    };
    single.heard(cell, ToClient::Truncated(Reason::Asked));
    let (Forward::Nothing, _) = single.hear(2, Role::Through, |_| {}) else {
        panic!("it crossed TRUNCATED");
    };
    let (Forward::Through, cell) = single.hear(1, Role::Through, |payload| *payload = text(3))
    else {
        panic!("not heard");
    };
    assert_eq!(*payload(&cell), text(3));
    let mut garbage = [9; CELL];
    let relay = &mut single.relay;
    let heard = relay
        .hop
        .forward(&mut garbage, &mut relay.answerer, &mut single.rng);
    assert!(matches!(heard, Forward::Blame) && !relay.hop.stands());
    single.heard(garbage, ToClient::Blame(6));
}

/// ONI-10: a circuit whose request is refused, or has other than zeros behind it, does not begin.
#[test]
fn a_refused_request_begins_no_circuit() {
    let begun = |spoil: fn(&mut [Cell; 2])| {
        let (mut rng, mut relay) = (rng("refused"), Relay::new(1, Backend::default()));
        let settings = Settings {
            live: 0,
            class: 0,
            start: 0,
        };
        let entropy = Entropy::draw(&mut rng);
        let (_, request) = ask(&relay.id, &relay.answerer.onion(), settings, entropy).unwrap();
        let mut cells = halves(&request);
        spoil(&mut cells);
        let mut hop = Hop::begin();
        assert!(!hop.originate(Role::Through, &mut [0; CELL]), "not yet");
        let [first, second] = &mut cells;
        let waits = hop.forward(first, &mut relay.answerer, &mut rng);
        assert!(matches!(waits, Forward::Nothing) && !hop.stands());
        match hop.forward(second, &mut relay.answerer, &mut rng) {
            Forward::Answer(_) => None,
            Forward::Close(why) => Some(why),
            _ => panic!("neither"),
        }
    };
    assert_eq!(begun(|_| {}), None);
    assert_eq!(begun(|cells| cells[1][1000] = 1), Some(Why::Padding));
    assert_eq!(
        begun(|cells| cells[0][50] ^= 1),
        Some(Why::Handshake(Refused::Sealed))
    );
}
