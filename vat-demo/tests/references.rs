//! How references and values cross between vats.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod puppet;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use puppet::{Puppet, Stage, answer_in, place, stage};
use vat_demo::captp::locator::Sturdyref;
use vat_demo::captp::op::{Desc, Import, Op, Target};
use vat_demo::value::Value;
use vat_demo::vat::{Outcome, Problem};

/// What the peer is sent when the vat sends `values` to an object of it.
fn sent(stage: &mut Stage, peer: &mut Puppet, values: Vec<Value>) -> Vec<Value<Desc>> {
    let (object, _) = held(stage, peer);
    stage.host.turn(|turn| turn.send_only(&object, values));
    let heard = peer.hear(stage);
    let args = heard.iter().find_map(|op| match op {
        Op::Deliver {
            to: Target::Export(_),
            args,
            resolver: None,
            ..
        } => Some(args.clone()),
        _ => None,
    });
    args.unwrap_or_else(|| panic!("{heard:?}"))
}

/// A reference of the vat to an object of the peer, and its position.
fn held(stage: &mut Stage, peer: &mut Puppet) -> (vat_demo::vat::Ref, u64) {
    let there = place(&peer.name);
    let swissnum = b"object".to_vec();
    let object = stage.host.enliven(&Sturdyref {
        peer: there,
        swissnum,
    });
    let heard = peer.hear(stage);
    let resolver = heard.iter().find_map(|op| match op {
        Op::Deliver {
            to: Target::Export(0),
            resolver: Some(Import::Object(at)),
            ..
        } => Some(*at),
        _ => None,
    });
    let position = peer.position();
    let found = Value::Ref(Desc::Import(Import::Object(position)));
    let fulfill = vec![Value::symbol("fulfill"), found];
    peer.tell(stage, Target::Export(resolver.unwrap()), fulfill);
    peer.hear(stage);
    (object, position)
}

/// CAP-34: a swissnum gives its object, and no other gives anything.
#[test]
fn a_swissnum_opens_one_object() {
    let mut stage = stage();
    let mut peer = stage.joined("peer", 1);
    peer.fetch(&mut stage, b"echo");
    for wrong in [&b"ech"[..], b"echo ", b""] {
        let args = vec![Value::symbol("fetch"), Value::Bytes(wrong.to_vec())];
        let at = peer.ask(&mut stage, Target::Export(0), args);
        let nobody = Value::Error("there is no object of this swissnum".to_owned());
        assert_eq!(peer.answer(&mut stage, at), (false, nobody));
    }
    for wrong in [
        vec![],
        vec![Value::symbol("fetch")],
        vec![Value::Bytes(b"echo".to_vec())],
    ] {
        let at = peer.ask(&mut stage, Target::Export(0), wrong);
        assert!(!peer.answer(&mut stage, at).0);
    }
}

/// CAP-35: a part of an answer can be had before the answer; what is not there breaks.
#[test]
fn parts_of_answers_can_be_asked_for() {
    let mut stage = Stage::new();
    let whole = stage.host.turn(|turn| {
        turn.spawn_fn(|_, _| {
            let list = Value::List(vec!["zero".into(), "one".into()]);
            let tagged = Value::Tagged("tag".to_owned(), Box::new(list));
            Ok(Value::Struct(BTreeMap::from([(
                "field".to_owned(),
                tagged,
            )])))
        })
    });
    stage.host.register(b"whole", &whole);
    for (field, tag, index, right) in [
        ("field", "tag", 1, true),
        ("other", "tag", 1, false),
        ("field", "gat", 1, false),
        ("field", "tag", 2, false),
    ] {
        let mut peer = stage.joined("peer", 1);
        let whole = peer.fetch(&mut stage, b"whole");
        let ask = Op::Deliver {
            to: Target::Export(whole),
            args: vec![],
            answer: Some(1),
            resolver: None,
        };
        let listener = Import::Object(peer.position());
        let field = field.to_owned();
        let tag = tag.to_owned();
        for op in [
            ask,
            Op::Get {
                of: Target::Answer(1),
                field,
                answer: 2,
            },
            Op::Untag {
                of: Target::Answer(2),
                tag,
                answer: 3,
            },
            Op::Index {
                of: Target::Answer(3),
                index,
                answer: 4,
            },
            Op::Listen {
                to: Target::Answer(4),
                resolver: listener,
                partial: false,
            },
        ] {
            peer.say(&mut stage, &op);
        }
        let Import::Object(at) = listener else {
            panic!()
        };
        let (fulfilled, value) = peer.answer(&mut stage, at);
        assert_eq!(fulfilled, right);
        assert!(!right || value == "one".into(), "{value:?}");
        peer.say(&mut stage, &Op::Abort("done".to_owned()));
    }
}

/// CAP-36: what cannot be written breaks, counts nothing, and leaves the session as it was.
#[test]
fn a_message_that_cannot_be_written_breaks() {
    let mut stage = Stage::new();
    let mut peer = stage.joined("peer", 1);
    let (object, _) = held(&mut stage, &mut peer);
    let before = stage.host.sizes();
    let deep = (0..70).fold(Value::Null, |inner, _| Value::List(vec![inner]));
    for wrong in [Value::Bytes(vec![0; 1 << 20]), deep] {
        let outcomes = Rc::new(RefCell::new(Vec::new()));
        let heard = Rc::clone(&outcomes);
        stage.host.turn(|turn| {
            let mine = turn.spawn_fn(|_, _| Ok(Value::Undefined));
            let answer = turn.send(&object, [mine.into(), wrong]);
            turn.when(&answer, move |_, outcome| {
                heard.borrow_mut().push(outcome.is_err());
                outcome
            });
        });
        peer.hear(&mut stage);
        assert_eq!(*outcomes.borrow(), [true]);
    }
    let after = stage.host.sizes();
    // Of each is left what takes the answer to the question that keeps the positions in step, and nothing else.
    assert_eq!(after.exports, before.exports + 2);
    assert_eq!(
        (after.sessions, after.imports),
        (before.sessions, before.imports)
    );
    stage
        .host
        .turn(|turn| turn.send_only(&object, ["still here".into()]));
    let heard = peer.hear(&mut stage);
    let said = heard
        .iter()
        .any(|op| matches!(op, Op::Deliver { args, .. } if args[..] == ["still here".into()]));
    assert!(said, "{heard:?}");
}

/// CAP-40: what a reference is decides how it is written: ours, the peer's own, a promise, and one that has come to something.
#[test]
fn references_are_written_as_what_they_are() {
    let mut stage = Stage::new();
    let mut peer = stage.joined("peer", 1);
    let (theirs, position) = held(&mut stage, &mut peer);
    let (near, pending, to_near, to_data, broken) = stage.host.turn(|turn| {
        let near = turn.spawn_fn(|_, _| Ok(Value::Undefined));
        let (pending, resolver) = turn.promise();
        std::mem::forget(resolver);
        let mut resolved = |outcome: Outcome| {
            let (promise, resolver) = turn.promise();
            turn.resolve(resolver, outcome);
            promise
        };
        let to_near = resolved(Ok((&near).into()));
        let to_data = resolved(Ok(7.into()));
        let broken = resolved(Err(Problem::new("broken")));
        (near, pending, to_near, to_data, broken)
    });
    let values = [&near, &pending, &to_near, &theirs, &to_data, &broken].map(Value::from);
    let args = sent(&mut stage, &mut peer, values.to_vec());
    let [
        Value::Ref(Desc::Import(Import::Object(near))),
        Value::Ref(Desc::Import(Import::Promise(_))),
        Value::Ref(Desc::Import(Import::Object(to_near))),
        Value::Ref(Desc::Target(Target::Export(theirs))),
        Value::Ref(Desc::Import(Import::Promise(to_data))),
        Value::Ref(Desc::Import(Import::Promise(broken))),
    ] = args[..]
    else {
        panic!("{args:?}")
    };
    assert_eq!((near, theirs), (to_near, position));
    for (promise, outcome) in [
        (to_data, (true, 7.into())),
        (broken, (false, Value::Error("broken".to_owned()))),
    ] {
        let at = peer.position();
        let resolver = Import::Object(at);
        let to = Target::Export(promise);
        peer.say(
            &mut stage,
            &Op::Listen {
                to,
                resolver,
                partial: false,
            },
        );
        assert_eq!(answer_in(&peer.hear(&mut stage), at), Some(outcome));
    }
}

/// CAP-40: the promise of a third vat goes as ours, and what it comes to goes as a gift.
#[test]
fn a_promise_of_a_third_vat_is_kept_for_the_peer() {
    let mut stage = Stage::new();
    let mut bob = stage.joined("bob", 1);
    let mut carol = stage.joined("carol", 2);
    let (hers, _) = held(&mut stage, &mut carol);
    let promise = stage
        .host
        .turn(|turn| turn.send(&hers, ["make one".into()]));
    let heard = carol.hear(&mut stage);
    let asked = heard.iter().find_map(|op| match op {
        Op::Deliver {
            resolver: Some(Import::Object(at)),
            ..
        } => Some(*at),
        _ => None,
    });
    let args = sent(&mut stage, &mut bob, vec![promise.into()]);
    let [Value::Ref(Desc::Import(Import::Promise(kept)))] = args[..] else {
        panic!("{args:?}")
    };
    let at = bob.position();
    let resolver = Import::Object(at);
    let to = Target::Export(kept);
    bob.say(
        &mut stage,
        &Op::Listen {
            to,
            resolver,
            partial: false,
        },
    );
    assert_eq!(answer_in(&bob.hear(&mut stage), at), None);
    let made = Value::Ref(Desc::Import(Import::Object(carol.position())));
    let fulfill = vec![Value::symbol("fulfill"), made];
    carol.tell(&mut stage, Target::Export(asked.unwrap()), fulfill);
    let (fulfilled, given) = bob.answer(&mut stage, at);
    assert!(
        fulfilled && matches!(given, Value::Ref(Desc::Give(_))),
        "{given:?}"
    );
}

/// CAP-33: with its session everything that led through it breaks, once, and the peer's exports are free.
#[test]
fn the_end_of_a_session_breaks_what_led_through_it() {
    let mut stage = stage();
    let mut peer = stage.joined("peer", 1);
    peer.fetch(&mut stage, b"echo");
    let (object, _) = held(&mut stage, &mut peer);
    let outcomes = Rc::new(RefCell::new(Vec::new()));
    let heard = Rc::clone(&outcomes);
    stage.host.turn(|turn| {
        let answer = turn.send(&object, ["are you there?".into()]);
        let later = turn.send(&answer, ["and you?".into()]);
        for promise in [answer, later] {
            let heard = Rc::clone(&heard);
            turn.when(&promise, move |_, outcome| {
                heard.borrow_mut().push(outcome.clone());
                outcome
            });
        }
    });
    peer.hear(&mut stage);
    assert_eq!(*outcomes.borrow(), []);
    peer.say(&mut stage, &Op::Abort("good bye".to_owned()));
    let gone = Problem::new("the other vat ended the session: good bye");
    assert_eq!(*outcomes.borrow(), [Err(gone.clone()), Err(gone.clone())]);
    stage.host.turn(|turn| {
        let answer = turn.send(&object, ["hello?".into()]);
        turn.when(&answer, move |_, outcome| {
            heard.borrow_mut().push(outcome.clone());
            outcome
        });
    });
    stage.poll();
    assert_eq!(outcomes.borrow()[2..], [Err(gone)]);
    stage.assert_empty();
}

/// CAP-36: an answer that cannot be written is a break for whoever waits for it.
#[test]
fn an_answer_that_cannot_be_written_breaks() {
    let mut stage = Stage::new();
    let deep = stage.host.turn(|turn| {
        turn.spawn_fn(|_, _| Ok((0..70).fold(Value::Null, |inner, _| Value::List(vec![inner]))))
    });
    stage.host.register(b"deep", &deep);
    let mut peer = stage.joined("peer", 1);
    let deep = peer.fetch(&mut stage, b"deep");
    let at = peer.ask(&mut stage, Target::Export(deep), vec![]);
    assert!(!peer.answer(&mut stage, at).0);
}

/// CAP-21, CAP-41: what the bootstrap object is shown and has no use for came all the same: it is given back, and must be there.
#[test]
fn the_bootstrap_object_gives_back_what_it_is_shown() {
    let mut stage = stage();
    let mut peer = stage.joined("peer", 1);
    let shown = peer.position();
    let me = Value::Ref(Desc::Import(Import::Object(shown)));
    let args = vec![Value::symbol("fetch"), me];
    peer.tell(&mut stage, Target::Export(0), args);
    let heard = peer.hear(&mut stage);
    assert_eq!(heard, [Op::GcExports(vec![(shown, 1)])]);
    let nobody = Value::Ref(Desc::Target(Target::Export(9)));
    peer.tell(&mut stage, Target::Export(0), vec![nobody]);
    peer.assert_aborted(&mut stage, "there is no export 9");
}
