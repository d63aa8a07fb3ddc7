//! Where a receiver cannot reach the exporter of a gift, the gifter passes on what is said to it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod puppet;

use std::cell::RefCell;
use std::rc::Rc;

use pluribus_mix::time::Duration;
use puppet::{Puppet, Stage, place};
use vat_demo::captp::REMEMBERED;
use vat_demo::captp::certificate::{HandoffGive, KeyForm};
use vat_demo::captp::locator::{Peer, Sturdyref};
use vat_demo::captp::op::{Desc, Import, Op, Position, Target};
use vat_demo::carrier::{Arrival, Introducer};
use vat_demo::value::Value;
use vat_demo::vat::Outcome;

/// A netlayer by which one vat may be out of reach of another.
struct Apart;

impl Introducer for Apart {
    fn offer(&self, exporter: &Peer, _: &Peer) -> Peer {
        exporter.clone()
    }

    fn expect(&self, _: &Peer) {}

    fn may_part(&self) -> bool {
        true
    }
}

/// The id of a gift that is to be passed on, and where the answer is wanted.
type Forward = (Vec<u8>, Position);

/// What this vat says to a gift, and what came of each message.
struct Receiver {
    stage: Stage,
    gifter: Puppet,
    outcomes: Rc<RefCell<Vec<Outcome>>>,
}

impl Receiver {
    /// A vat that was given something of Carol's and says 1, 2 and 3 to it.
    fn new(can_part: bool) -> Self {
        let mut stage = Stage::new();
        if can_part {
            stage.host.introduce_by(Rc::new(Apart));
        }
        let outcomes: Rc<RefCell<Vec<Outcome>>> = Rc::default();
        let told = Rc::clone(&outcomes);
        let caller = stage.host.turn(|turn| {
            turn.spawn_fn(move |turn, args| {
                let Some(Value::Ref(gift)) = args.first() else {
                    return Err("a gift is wanted".into());
                };
                for number in 1..=3 {
                    let told = Rc::clone(&told);
                    let answer = turn.send(gift, [number.into()]);
                    turn.when(&answer, move |_, outcome| {
                        told.borrow_mut().push(outcome.clone());
                        outcome
                    });
                }
                Ok(Value::Undefined)
            })
        });
        stage.host.register(b"caller", &caller);
        let mut gifter = stage.joined("alice", 1);
        let caller = gifter.fetch(&mut stage, b"caller");
        let give = HandoffGive {
            receiver_key: gifter.their_key.unwrap(),
            exporter_location: place("carol"),
            session: gifter.session(),
            gifter_side: gifter.id(),
            gift_id: b"gift".to_vec(),
        };
        let give = give.sign(&gifter.key, KeyForm::Lists);
        let args = vec![Value::Ref(Desc::Give(Box::new(give)))];
        gifter.tell(&mut stage, Target::Export(caller), args);
        Self {
            stage,
            gifter,
            outcomes,
        }
    }

    /// The carrier gives the dial of Carol up.
    fn carol_is_not_reached(&mut self) {
        let (_, conn) = self.stage.script.borrow().dialled.last().cloned().unwrap();
        let reason = "nobody there".to_owned();
        self.stage.arrive(Arrival::Closed { conn, reason });
    }

    /// What the gifter is asked to pass on: the id and the place of the answer, and the messages sent ahead to that.
    fn asked(&mut self) -> (Vec<Forward>, Vec<Value<Desc>>) {
        let heard = self.gifter.hear(&mut self.stage);
        let (mut asked, mut ahead) = (Vec::new(), Vec::new());
        for op in heard {
            let Op::Deliver {
                to, args, resolver, ..
            } = op
            else {
                continue;
            };
            match (to, &args[..], resolver) {
                (
                    Target::Export(0),
                    [verb, Value::Bytes(id)],
                    Some(Import::Object(at) | Import::Promise(at)),
                ) if *verb == Value::symbol("forward-gift") => asked.push((id.clone(), at)),
                (Target::Answer(_), [number], _) => ahead.push(number.clone()),
                _ => {}
            }
        }
        (asked, ahead)
    }

    fn broken(&self) -> Vec<String> {
        let outcomes = self.outcomes.borrow();
        let broken = outcomes.iter().filter_map(|it| it.clone().err());
        broken.map(|problem| format!("{problem:?}")).collect()
    }
}

/// CAP-42: what waited for a gift whose exporter is not reached goes to its gifter, once and in order; without such a netlayer it breaks.
#[test]
fn what_waits_for_a_gift_goes_through_the_gifter() {
    let mut it = Receiver::new(true);
    assert_eq!(it.asked(), (vec![], vec![]), "Carol is looked for");
    it.carol_is_not_reached();
    let (asked, ahead) = it.asked();
    let ids: Vec<_> = asked.iter().map(|(id, _)| id.as_slice()).collect();
    assert_eq!(ids, [b"gift"]);
    assert_eq!(ahead, [1.into(), 2.into(), 3.into()]);
    assert_eq!(it.broken(), [""; 0]);

    let mut control = Receiver::new(false);
    control.carol_is_not_reached();
    assert_eq!(control.asked(), (vec![], vec![]));
    let broken = control.broken();
    assert_eq!(broken.len(), 3);
    assert!(broken.iter().all(|why| why.contains("nobody there")));
}

/// CAP-42: when the session was live, or the gifter has gone, nothing is asked of anybody: it breaks.
#[test]
fn what_may_have_been_said_is_not_said_through_the_gifter() {
    let mut it = Receiver::new(true);
    let mut carol = it.stage.answers_dial("carol", 3, Some("carol"));
    carol.hear(&mut it.stage);
    carol.start(&mut it.stage, "carol");
    assert!(!carol.hear(&mut it.stage).is_empty(), "the withdrawal");
    it.carol_is_not_reached();
    assert_eq!(it.asked(), (vec![], vec![]));
    assert_eq!(it.broken().len(), 3);

    let mut it = Receiver::new(true);
    let (conn, reason) = (it.gifter.conn, "gone".to_owned());
    it.stage.arrive(Arrival::Closed { conn, reason });
    it.carol_is_not_reached();
    let broken = it.broken();
    assert_eq!(broken.len(), 3);
    assert!(broken.iter().all(|why| why.contains("nobody there")));
}

/// This vat has something of Carol's and gives it to Bob.
struct Gifter {
    stage: Stage,
    carol: Puppet,
    bob: Puppet,
    /// Where Carol has it.
    thing: Position,
    gift: Vec<u8>,
}

impl Gifter {
    fn new() -> Self {
        let mut stage = Stage::new();
        stage.host.introduce_by(Rc::new(Apart));
        let (mut carol, mut bob) = (stage.joined("carol", 1), stage.joined("bob", 2));
        let [to_carol, to_bob] = ["carol", "bob"].map(|name| {
            let swissnum = b"thing".to_vec();
            let peer = place(name);
            stage.host.enliven(&Sturdyref { peer, swissnum })
        });
        let things = [&mut carol, &mut bob].map(|puppet| {
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
            let position = puppet.position();
            let thing = Value::Ref(Desc::Import(Import::Object(position)));
            let args = vec![Value::symbol("fulfill"), thing];
            puppet.tell(&mut stage, Target::Export(resolver), args);
            position
        });
        stage
            .host
            .turn(|turn| turn.send_only(&to_bob, [Value::Ref(to_carol)]));
        let heard = bob.hear(&mut stage);
        let give = heard.iter().find_map(|op| match op {
            Op::Deliver { args, .. } => match &args[..] {
                [Value::Ref(Desc::Give(give))] => Some(give.give.gift_id.clone()),
                _ => None,
            },
            _ => None,
        });
        carol.hear(&mut stage);
        Self {
            stage,
            carol,
            bob,
            thing: things[0],
            gift: give.unwrap(),
        }
    }
}

/// Somebody asks to have the gift passed on, and hears this.
fn ask(stage: &mut Stage, who: &mut Puppet, gift: &[u8]) -> (bool, Value<Desc>) {
    let id = Value::Bytes(gift.to_vec());
    let at = who.ask(
        stage,
        Target::Export(0),
        vec![Value::symbol("forward-gift"), id],
    );
    who.answer(stage, at)
}

/// CAP-42: whoever was given something may have it passed on: messages in order, and answers back. It is had once, and by nobody else.
#[test]
fn a_gifter_passes_on_what_its_receiver_says() {
    let mut it = Gifter::new();
    let (is_there, _) = ask(&mut it.stage, &mut it.carol, &it.gift);
    assert!(!is_there, "Carol was given nothing");
    let (is_there, forwarder) = ask(&mut it.stage, &mut it.bob, &it.gift);
    let Value::Ref(Desc::Import(Import::Object(forwarder))) = forwarder else {
        panic!("{forwarder:?}")
    };
    assert!(is_there);
    let (is_there, _) = ask(&mut it.stage, &mut it.bob, &it.gift);
    assert!(!is_there, "once");

    let answers: Vec<_> = (1..=3)
        .map(|number| {
            let args = vec![number.into()];
            it.bob.ask(&mut it.stage, Target::Export(forwarder), args)
        })
        .collect();
    let mut heard = Vec::new();
    for op in it.carol.hear(&mut it.stage) {
        if let Op::Deliver {
            to: Target::Export(to),
            args,
            resolver: Some(Import::Object(resolver) | Import::Promise(resolver)),
            ..
        } = op
        {
            assert_eq!(to, it.thing);
            heard.push((args, resolver));
        }
    }
    let said: Vec<_> = heard.iter().map(|(args, _)| args.clone()).collect();
    assert_eq!(said, [[1.into()], [2.into()], [3.into()]]);
    for ((args, resolver), at) in heard.into_iter().zip(answers) {
        let said = args.into_iter().next().unwrap();
        let args = vec![Value::symbol("fulfill"), said.clone()];
        it.carol.tell(&mut it.stage, Target::Export(resolver), args);
        assert_eq!(it.bob.answer(&mut it.stage, at), (true, said));
    }
}

/// CAP-42: a gifter remembers a gift for 300 s.
#[test]
fn a_gifter_remembers_for_a_while() {
    for (late, remembers) in [(0, true), (1, false)] {
        let mut it = Gifter::new();
        let just = REMEMBERED.saturating_sub(Duration::from_millis(1));
        it.stage.wait(just + Duration::from_millis(late));
        let (is_there, _) = ask(&mut it.stage, &mut it.bob, &it.gift);
        assert_eq!(is_there, remembers);
    }
}
