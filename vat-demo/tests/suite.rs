//! What OCapN's public test suite asks, written from the draft: a peer that a script plays, and the suite's five objects. The
//! rest of what it asks, how sessions begin and what an exporter checks, stands in `crossing.rs` and `hostile.rs`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod puppet;

use puppet::{Puppet, Stage, answer_in, place};
use vat_demo::captp::certificate::{HandoffGive, KeyForm, PublicId, SessionId, SessionKey};
use vat_demo::captp::dialect::{A, Auto, B, Dialect};
use vat_demo::captp::locator::Sturdyref;
use vat_demo::captp::op::{Desc, Import, Op, Position, Target};
use vat_demo::suite;
use vat_demo::value::Value;

type Speech = fn() -> Box<dyn Dialect>;

fn a() -> Box<dyn Dialect> {
    Box::new(A)
}

fn b() -> Box<dyn Dialect> {
    Box::new(B)
}

fn auto() -> Box<dyn Dialect> {
    Box::new(Auto::new())
}

/// Has a peer join that speaks as the test wants.
type Join<'a> = &'a dyn Fn(&mut Stage, &str, u8) -> Puppet;

/// The test with a vat and a peer in each dialect, and with a vat that finds out.
fn in_every_dialect(test: fn(&mut Stage, Join<'_>)) {
    let pairs: [(Speech, Speech); 4] = [(a, a), (b, b), (auto, a), (auto, b)];
    for (ours, theirs) in pairs {
        let mut stage = Stage::speaking(ours);
        suite::offer(&mut stage.host);
        test(&mut stage, &|stage, name, seed| {
            let mut peer = stage.joined(name, seed);
            peer.speaks = theirs();
            peer
        });
    }
}

fn fetch(peer: &mut Puppet, stage: &mut Stage, swissnum: &str) -> Target {
    Target::Export(peer.fetch(stage, swissnum.as_bytes()))
}

fn mine(peer: &mut Puppet) -> (Position, Value<Desc>) {
    let position = peer.position();
    let desc = Desc::Import(Import::Object(position));
    (position, Value::Ref(desc))
}

/// What is said, its answer position, and where its answer is to go.
type Told = (Vec<Value<Desc>>, Option<Position>, Option<Position>);

/// A message for the peer's object at `to`, and where its answer is to go.
fn message_to(heard: &[Op], to: Position) -> Option<Told> {
    heard.iter().find_map(|op| match op {
        Op::Deliver {
            to: Target::Export(at),
            args,
            answer,
            resolver,
        } if *at == to => {
            let resolver = resolver.map(|(Import::Object(at) | Import::Promise(at))| at);
            Some((args.clone(), *answer, resolver))
        }
        _ => None,
    })
}

/// How often the peer was given back what it exports there.
fn given_back(heard: &[Op], position: Position) -> u64 {
    let given = heard.iter().flat_map(|op| match op {
        Op::GcExports(given) => given.clone(),
        _ => Vec::new(),
    });
    given
        .filter(|(at, _)| *at == position)
        .map(|(_, count)| count)
        .sum()
}

/// CAP-17: who aborts before it has begun has no session.
#[test]
fn an_abort_comes_before_a_session() {
    let mut stage = Stage::new();
    let peer = stage.connected(1, None);
    peer.say(&mut stage, &Op::Abort("changed my mind".to_owned()));
    peer.start(&mut stage, "peer");
    assert!(stage.script.borrow().closed.contains(&peer.conn));
    stage.assert_empty();
}

/// CAP-14, CAP-15: a message that wants no answer is handled, and the object's own message comes.
#[test]
fn a_message_without_an_answer_is_handled() {
    in_every_dialect(|stage, join| {
        let mut peer = join(stage, "peer", 1);
        let greeter = fetch(&mut peer, stage, suite::GREETER);
        let (me, reference) = mine(&mut peer);
        peer.tell(stage, greeter, vec![reference]);
        let (args, ..) = message_to(&peer.hear(stage), me).unwrap();
        assert_eq!(args, ["Hello".into()]);
    });
}

/// CAP-11, CAP-12: an answer comes to its resolver, with every kind of data as it went.
#[test]
fn an_answer_comes_to_its_resolver() {
    in_every_dialect(|stage, join| {
        let mut peer = join(stage, "peer", 1);
        let echo = fetch(&mut peer, stage, suite::ECHO);
        let said = vec![
            "foo".into(),
            1.into(),
            false.into(),
            Value::Bytes(b"bar".to_vec()),
            Value::List(vec!["baz".into()]),
        ];
        let at = peer.ask(stage, echo, said.clone());
        assert_eq!(peer.answer(stage, at), (true, Value::List(said)));
    });
}

/// Sends to the car factory builder, to its answer and to the answer of that, without waiting.
fn pipelined(stage: &mut Stage, peer: &mut Puppet, order: Vec<Value<Desc>>) -> (bool, Value<Desc>) {
    let ask = |stage: &mut Stage, peer: &mut Puppet, to, args, answer| {
        let resolver = peer.position();
        let op = Op::Deliver {
            to,
            args,
            answer: Some(answer),
            resolver: Some(Import::Object(resolver)),
        };
        peer.say(stage, &op);
        resolver
    };
    let swissnum = Value::Bytes(suite::CAR_FACTORY_BUILDER.as_bytes().to_vec());
    let fetch = vec![Value::symbol("fetch"), swissnum];
    ask(stage, peer, Target::Export(0), fetch, 0);
    ask(stage, peer, Target::Answer(0), vec![], 1);
    ask(stage, peer, Target::Answer(1), vec![Value::List(order)], 2);
    let last = ask(stage, peer, Target::Answer(2), vec![], 3);
    peer.answer(stage, last)
}

/// CAP-37: messages can be sent to answers that have not come, and a break is passed on.
#[test]
fn messages_go_ahead_to_answers() {
    in_every_dialect(|stage, join| {
        let mut peer = join(stage, "peer", 1);
        let order = ["red", "zoomracer"].map(Value::symbol);
        let vroom = "Vroom! I am a red zoomracer car!";
        assert_eq!(
            pipelined(stage, &mut peer, order.to_vec()),
            (true, vroom.into())
        );
        let mut other = join(stage, "other", 2);
        let wrong = (1..=5).map(Value::from).collect();
        assert!(!pipelined(stage, &mut other, wrong).0);
    });
}

/// CAP-41: what an object does not keep is given back as often as it came, in one message or several.
#[test]
fn what_is_not_kept_is_given_back() {
    in_every_dialect(|stage, join| {
        let mut peer = join(stage, "peer", 1);
        let echo = fetch(&mut peer, stage, suite::ECHO);
        for (messages, times) in [(1, 1), (1, 4), (4, 1)] {
            let (me, reference) = mine(&mut peer);
            for _ in 0..messages {
                peer.tell(stage, echo, vec![reference.clone(); times]);
            }
            assert_eq!(
                given_back(&peer.hear(stage), me),
                4.min(messages * times as u64)
            );
        }
    });
}

/// CAP-41: an answer that nobody waits for is given back when it has come.
#[test]
fn an_answer_that_nobody_holds_is_given_back() {
    in_every_dialect(|stage, join| {
        let mut peer = join(stage, "peer", 1);
        let greeter = fetch(&mut peer, stage, suite::GREETER);
        let (me, reference) = mine(&mut peer);
        peer.tell(stage, greeter, vec![reference]);
        let (_, answer, resolver) = message_to(&peer.hear(stage), me).unwrap();
        let heard = vec![Value::symbol("fulfill"), "Hello".into()];
        peer.tell(stage, Target::Export(resolver.unwrap()), heard);
        let given_back = Op::GcAnswers(vec![answer.unwrap()]);
        assert!(peer.hear(stage).contains(&given_back));
    });
}

/// CAP-39: who listens hears what a promise came to, before and after it did, whole or broken.
#[test]
fn who_listens_hears_what_a_promise_comes_to() {
    for (listens_first, verb) in [(true, "fulfill"), (true, "break"), (false, "fulfill")] {
        let mut stage = Stage::new();
        suite::offer(&mut stage.host);
        let mut peer = stage.joined("peer", 1);
        let maker = fetch(&mut peer, &mut stage, suite::PROMISE_MAKER);
        let at = peer.ask(&mut stage, maker, vec![]);
        let (true, Value::List(pair)) = peer.answer(&mut stage, at) else {
            panic!()
        };
        let [
            Value::Ref(Desc::Import(Import::Promise(promise))),
            Value::Ref(Desc::Import(Import::Object(resolver))),
        ] = pair[..]
        else {
            panic!("{pair:?}")
        };
        let listener = peer.position();
        let listen = Op::Listen {
            to: Target::Export(promise),
            resolver: Import::Object(listener),
            partial: false,
        };
        let outcome = vec![Value::symbol(verb), Value::symbol("ok")];
        if listens_first {
            peer.say(&mut stage, &listen);
            assert_eq!(answer_in(&peer.hear(&mut stage), listener), None);
        }
        peer.tell(&mut stage, Target::Export(resolver), outcome);
        if !listens_first {
            peer.say(&mut stage, &listen);
        }
        let heard = peer.answer(&mut stage, listener);
        assert_eq!(heard, (verb == "fulfill", Value::symbol("ok")));
    }
}

/// CAP-32, CAP-29: a receiver dials the exporter, or uses the session there is, and shows it a wish that it has signed.
#[test]
fn a_receiver_fetches_what_it_is_given() {
    in_every_dialect(|stage, join| {
        for prior in [false, true] {
            let mut gifter = join(stage, "gifter", 1);
            let greeter = fetch(&mut gifter, stage, suite::GREETER);
            let exporter = prior.then(|| join(stage, "exporter", 2));
            let receiver_key = gifter.their_key.unwrap();
            let give = HandoffGive {
                receiver_key,
                exporter_location: place("exporter"),
                session: SessionId([4; 32]),
                gifter_side: PublicId([5; 32]),
                gift_id: b"my-gift".to_vec(),
            };
            let give = give.sign(&SessionKey::from_seed(&[6; 32]), KeyForm::Lists);
            let gift = Value::Ref(Desc::Give(Box::new(give.clone())));
            gifter.tell(stage, greeter, vec![gift]);
            let mut exporter = exporter.unwrap_or_else(|| {
                let mut exporter = stage.answers_dial("exporter", 2, None);
                exporter.hear(stage);
                exporter.start(stage, "exporter");
                exporter
            });
            let heard = exporter.hear(stage);
            let Some((args, answer, _)) = message_to(&heard, 0) else {
                panic!("{heard:?}")
            };
            let [verb, Value::Ref(Desc::Receive(signed))] = &args[..] else {
                panic!("{args:?}")
            };
            assert_eq!(*verb, Value::symbol("withdraw-gift"));
            assert_eq!(signed.receive.signed_give, give);
            assert_eq!(signed.receive.receiving_session, exporter.session());
            assert_eq!(signed.receive.handoff_count, 0);
            signed.verify(KeyForm::Lists).unwrap();
            // The greeting has gone ahead to the answer of the wish.
            let ahead = heard.iter().any(|op| {
                matches!(op, Op::Deliver { to: Target::Answer(to), .. } if Some(*to) == answer)
            });
            assert!(ahead, "{heard:?}");
            for peer in [gifter, exporter] {
                peer.say(stage, &Op::Abort("session closed".to_owned()));
            }
            stage.script.borrow_mut().dialled.clear();
        }
    });
}

/// CAP-27: a gifter deposits what it gives, and says where it is to be had.
#[test]
fn a_gifter_deposits_what_it_gives() {
    in_every_dialect(|stage, join| {
        let mut receiver = join(stage, "receiver", 1);
        let mut exporter = join(stage, "exporter", 2);
        let enlivener = fetch(&mut receiver, stage, suite::ENLIVENER);
        let wanted = Sturdyref {
            peer: place("exporter"),
            swissnum: b"something".to_vec(),
        };
        let at = receiver.ask(stage, enlivener, vec![Value::Sturdyref(Box::new(wanted))]);
        let heard = exporter.hear(stage);
        let (args, _, resolver) = message_to(&heard, 0).unwrap();
        assert_eq!(
            args,
            [Value::symbol("fetch"), Value::Bytes(b"something".to_vec())]
        );
        let (there, thing) = mine(&mut exporter);
        let found = vec![Value::symbol("fulfill"), thing];
        exporter.tell(stage, Target::Export(resolver.unwrap()), found);
        let (args, ..) = message_to(&exporter.hear(stage), 0).unwrap();
        let [verb, Value::Bytes(id), deposited] = &args[..] else {
            panic!("{args:?}")
        };
        assert_eq!(*verb, Value::symbol("deposit-gift"));
        assert_eq!(*deposited, Value::Ref(Desc::Target(Target::Export(there))));
        assert_eq!(id.len(), 32);
        let (true, Value::Ref(Desc::Give(give))) = receiver.answer(stage, at) else {
            panic!()
        };
        assert_eq!(give.give.receiver_key, receiver.key.public());
        assert_eq!(give.give.exporter_location, place("exporter"));
        assert_eq!(give.give.session, exporter.session());
        assert_eq!(
            give.give.gifter_side,
            exporter.their_key.unwrap().id(KeyForm::Lists)
        );
        assert_eq!(give.give.gift_id, *id);
        give.verify(&exporter.their_key.unwrap(), KeyForm::Lists)
            .unwrap();
    });
}
