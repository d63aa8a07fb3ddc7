//! What a carrier has to say about introductions reaches the receiver, and nobody takes it for who the exporter is.

#![allow(clippy::panic, reason = "tests")]

mod puppet;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use puppet::{Stage, place};
use vat_demo::captp::certificate::HandoffGive;
use vat_demo::captp::locator::{Peer, Sturdyref};
use vat_demo::captp::op::{Desc, Import, Op, Target};
use vat_demo::carrier::Introducer;
use vat_demo::value::Value;

#[derive(Default)]
struct Tickets {
    expected: RefCell<Vec<Peer>>,
}

fn with_ticket(peer: &Peer, ticket: &str) -> Peer {
    let hints = BTreeMap::from([("ticket".to_owned(), ticket.to_owned())]);
    Peer {
        hints: Some(hints),
        ..peer.clone()
    }
}

impl Introducer for Tickets {
    fn offer(&self, exporter: &Peer, receiver: &Peer) -> Peer {
        with_ticket(exporter, &receiver.designator)
    }

    fn expect(&self, exporter: &Peer) {
        self.expected.borrow_mut().push(exporter.clone());
    }
}

/// CAP-27: the location in a give is the exporter's, with the hints that the gifter's carrier has for this receiver.
#[test]
fn a_give_says_what_the_carrier_has_for_the_receiver() {
    let mut stage = Stage::new();
    stage.host.introduce_by(Rc::new(Tickets::default()));
    let mut carol = stage.joined("carol", 1);
    let mut bob = stage.joined("bob", 2);
    let [to_carol, to_bob] = ["carol", "bob"].map(|name| {
        let swissnum = b"thing".to_vec();
        let peer = place(name);
        stage.host.enliven(&Sturdyref { peer, swissnum })
    });
    for puppet in [&mut carol, &mut bob] {
        let heard = puppet.hear(&mut stage);
        let [
            Op::Deliver {
                resolver: Some(Import::Object(resolver)),
                ..
            },
        ] = heard[..]
        else {
            panic!("{heard:?}")
        };
        let thing = Value::Ref(Desc::Import(Import::Object(puppet.position())));
        let args = vec![Value::symbol("fulfill"), thing];
        puppet.tell(&mut stage, Target::Export(resolver), args);
    }
    stage
        .host
        .turn(|turn| turn.send_only(&to_bob, [Value::Ref(to_carol)]));
    let heard = bob.hear(&mut stage);
    let give = heard.iter().find_map(|op| match op {
        Op::Deliver { args, .. } => match &args[..] {
            [Value::Ref(Desc::Give(give))] => Some(give.give.clone()),
            _ => None,
        },
        _ => None,
    });
    let Some(give) = give else {
        panic!("{heard:?}")
    };
    assert_eq!(give.exporter_location, place("carol"));
    let hints = with_ticket(&place("carol"), "bob").hints;
    assert_eq!(give.exporter_location.hints, hints);
}

/// CAP-32: the carrier hears of a gift before it is asked to dial the exporter, with the hints that the gifter gave.
#[test]
fn the_carrier_expects_an_exporter_before_it_dials() {
    let mut stage = Stage::new();
    let tickets = Rc::new(Tickets::default());
    stage
        .host
        .introduce_by(Rc::clone(&tickets) as Rc<dyn Introducer>);
    let echo = stage
        .host
        .turn(|turn| turn.spawn_fn(|_, args| Ok(Value::List(args))));
    stage.host.register(b"echo", &echo);
    let mut peer = stage.joined("alice", 1);
    let echo = peer.fetch(&mut stage, b"echo");
    let Some(receiver_key) = peer.their_key else {
        panic!()
    };
    let give = HandoffGive {
        receiver_key,
        exporter_location: with_ticket(&place("carol"), "victim"),
        session: peer.session(),
        gifter_side: peer.id(),
        gift_id: vec![1],
    };
    let give = give.sign(&peer.key, vat_demo::captp::certificate::KeyForm::Lists);
    peer.tell(
        &mut stage,
        Target::Export(echo),
        vec![Value::Ref(Desc::Give(Box::new(give)))],
    );
    let hints = with_ticket(&place("carol"), "victim").hints;
    let expected = tickets.expected.borrow();
    assert_eq!(
        expected.iter().map(|peer| &peer.hints).collect::<Vec<_>>(),
        [&hints]
    );
    let dialled = &stage.script.borrow().dialled;
    assert_eq!(
        dialled
            .iter()
            .map(|(peer, _)| &peer.hints)
            .collect::<Vec<_>>(),
        [&hints]
    );
}
