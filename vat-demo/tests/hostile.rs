//! Peers that do what they must not: each ends its session with a named reason, and leaves nothing behind.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod puppet;

use std::cell::RefCell;
use std::rc::Rc;

use pluribus_mix::time::Duration;
use puppet::{Puppet, Stage, stage};
use vat_demo::captp::certificate::SessionKey;
use vat_demo::captp::op::{Desc, Import, Op, Target};
use vat_demo::captp::{ENVELOPE, GREETING, MOST_WAITING};
use vat_demo::host::MOST_UNREAD;
use vat_demo::suite;
use vat_demo::value::Value;

/// CAP-17: nothing is heard before `op:start-session`, and that comes once, in its version, signed.
#[test]
fn who_does_not_begin_as_one_begins_is_sent_away() {
    let mut stage = stage();
    let mut peer = stage.connected(1, Some("mallory"));
    peer.tell(&mut stage, Target::Export(0), vec![]);
    peer.assert_aborted(&mut stage, "op:start-session must come first");

    let mut peer = stage.connected(1, Some("mallory"));
    let Op::StartSession {
        key,
        location,
        signature,
        ..
    } = peer.hello("mallory")
    else {
        panic!()
    };
    let version = "1.1".to_owned();
    let other = Op::StartSession {
        version,
        key,
        location: location.clone(),
        signature,
    };
    peer.say(&mut stage, &other);
    peer.assert_aborted(&mut stage, "this side speaks version 1.0 of CapTP");

    let mut peer = stage.connected(1, Some("mallory"));
    let version = "1.0".to_owned();
    let key = SessionKey::from_seed(&[2; 32]).public();
    let other = Op::StartSession {
        version,
        key,
        location,
        signature,
    };
    peer.say(&mut stage, &other);
    peer.assert_aborted(&mut stage, "the signature of the location is wrong");

    let mut peer = stage.joined("mallory", 1);
    peer.start(&mut stage, "mallory");
    peer.assert_aborted(&mut stage, "op:start-session came twice");
    stage.assert_empty();

    let mut peer = stage.connected(1, Some("mallory"));
    peer.hear(&mut stage);
    stage.wait(GREETING);
    peer.assert_aborted(&mut stage, "op:start-session did not come in time");
    stage.assert_empty();
}

/// CAP-18: where the carrier proves who the peer is, nobody claims to be somebody else; and nobody claims to be this vat.
#[test]
fn nobody_claims_the_location_of_another() {
    let mut stage = stage();
    for claimed in ["alice", "victim"] {
        let mut peer = stage.connected(1, Some("mallory"));
        peer.start(&mut stage, claimed);
        peer.assert_aborted(
            &mut stage,
            "the location is not that of the vat that was proven",
        );
    }
    // The control: as herself she is let in.
    stage.joined("mallory", 1);
}

/// CAP-21: positions that were never given out, or were given back, end the session.
#[test]
fn who_names_what_never_was_is_sent_away() {
    let resolver = Import::Object(9);
    let nobody = [
        (
            Op::Deliver {
                to: Target::Export(7),
                args: vec![],
                answer: None,
                resolver: None,
            },
            "there is no export 7",
        ),
        (
            Op::Deliver {
                to: Target::Answer(7),
                args: vec![],
                answer: None,
                resolver: None,
            },
            "there is no answer 7",
        ),
        (
            Op::Listen {
                to: Target::Export(7),
                resolver,
                partial: false,
            },
            "there is no export 7",
        ),
        (
            Op::Get {
                of: Target::Answer(7),
                field: "x".to_owned(),
                answer: 1,
            },
            "there is no answer 7",
        ),
        (Op::GcExports(vec![(7, 1)]), "there is no export 7"),
        (Op::GcAnswers(vec![7]), "there is no answer 7"),
    ];
    for (op, reason) in nobody {
        let mut stage = stage();
        let mut peer = stage.joined("mallory", 1);
        peer.say(&mut stage, &op);
        peer.assert_aborted(&mut stage, reason);
        stage.assert_empty();
    }
    let mut stage = stage();
    let mut peer = stage.joined("mallory", 1);
    let echo = peer.fetch(&mut stage, b"echo");
    let gone = Value::Ref(Desc::Target(Target::Export(88)));
    peer.tell(&mut stage, Target::Export(echo), vec![gone]);
    peer.assert_aborted(&mut stage, "there is no export 88");
    stage.assert_empty();
}

/// CAP-22: nobody gives back more than was sent; what was given back to the last is gone.
#[test]
fn counts_do_not_go_below_zero() {
    let mut stage = stage();
    let mut peer = stage.joined("mallory", 1);
    let echo = peer.fetch(&mut stage, b"echo");
    assert_eq!(peer.fetch(&mut stage, b"echo"), echo);
    peer.say(&mut stage, &Op::GcExports(vec![(echo, 1)]));
    assert_eq!(peer.hear(&mut stage), []);
    assert_eq!(stage.host.sizes().exports, 1);
    peer.say(&mut stage, &Op::GcExports(vec![(echo, 2)]));
    let reason = format!("export {echo} was given back more often than it was sent");
    peer.assert_aborted(&mut stage, &reason);
    stage.assert_empty();

    let mut peer = stage.joined("mallory", 1);
    let echo = peer.fetch(&mut stage, b"echo");
    peer.say(&mut stage, &Op::GcExports(vec![(echo, 1)]));
    assert_eq!(stage.host.sizes().exports, 0);
    peer.tell(&mut stage, Target::Export(echo), vec![]);
    peer.assert_aborted(&mut stage, &format!("there is no export {echo}"));
}

/// CAP-23: an answer position is used once until it is given back.
#[test]
fn an_answer_position_is_not_taken_twice() {
    let mut stage = stage();
    let mut peer = stage.joined("mallory", 1);
    let fetch = |answer| Op::Deliver {
        to: Target::Export(0),
        args: vec![Value::symbol("fetch"), Value::Bytes(b"echo".to_vec())],
        answer: Some(answer),
        resolver: None,
    };
    peer.say(&mut stage, &fetch(3));
    peer.say(&mut stage, &Op::GcAnswers(vec![3]));
    peer.say(&mut stage, &fetch(3));
    assert_eq!(peer.hear(&mut stage), []);
    peer.say(&mut stage, &fetch(3));
    peer.assert_aborted(&mut stage, "answer 3 is in use");
    stage.assert_empty();
}

/// CAP-24: a message is answered once, by an answer.
#[test]
fn who_answers_twice_is_sent_away() {
    for second in [
        vec![Value::symbol("fulfill"), 2.into()],
        vec![Value::symbol("perhaps")],
    ] {
        let mut stage = stage();
        let greeter = stage.host.turn(|turn| {
            turn.spawn_fn(|turn, args| match args.as_slice() {
                [Value::Ref(whom)] => Ok(turn.send(whom, ["Hello".into()]).into()),
                _ => Err("whom?".into()),
            })
        });
        stage.host.register(b"greeter", &greeter);
        let mut peer = stage.joined("mallory", 1);
        let greeter = peer.fetch(&mut stage, b"greeter");
        let me = peer.position();
        let greeted = Value::Ref(Desc::Import(Import::Object(me)));
        let at = peer.ask(&mut stage, Target::Export(greeter), vec![greeted]);
        let heard = peer.hear(&mut stage);
        let resolver = heard.iter().find_map(|op| match op {
            Op::Deliver {
                to: Target::Export(to),
                resolver: Some(Import::Object(at)),
                ..
            } if *to == me => Some(*at),
            _ => None,
        });
        let resolver = Target::Export(resolver.unwrap());
        if second.len() == 2 {
            peer.tell(
                &mut stage,
                resolver,
                vec![Value::symbol("fulfill"), 1.into()],
            );
            assert_eq!(peer.answer(&mut stage, at), (true, 1.into()));
        }
        peer.tell(&mut stage, resolver, second);
        let heard = peer.hear(&mut stage);
        let Some(Op::Abort(reason)) = heard.last() else {
            panic!("{heard:?}")
        };
        assert!(
            reason.contains("answered already") || reason.contains("takes 'fulfill"),
            "{reason}"
        );
        stage.assert_empty();
    }
}

/// CAP-25: what a peer leaves here is bounded, whatever it is, and given back when it no longer waits.
#[test]
fn a_flood_of_what_waits_ends_the_session() {
    let body = Value::Bytes(vec![0; 1 << 16]);
    let (big, most) = (vec![body], MOST_WAITING / ((1 << 16) + ENVELOPE));
    type Flood = fn(&mut Puppet, &mut Stage, u64, u64, &[Value<Desc>]);
    let floods: [Flood; 4] = [
        // Answers that are kept, and are what the peer has said.
        |peer, stage, _, echo, big| {
            let answer = Some(peer.position());
            let op = Op::Deliver {
                to: Target::Export(echo),
                args: big.to_vec(),
                answer,
                resolver: None,
            };
            peer.say(stage, &op);
        },
        // Messages for a promise.
        |peer, stage, _, _, big| peer.tell(stage, Target::Answer(1), big.to_vec()),
        // Questions that are never answered.
        |peer, stage, never, _, big| {
            peer.ask(stage, Target::Export(never), big.to_vec());
        },
        // Listeners, for one resolver.
        |peer, stage, _, _, _| {
            let listen = Op::Listen {
                to: Target::Answer(1),
                resolver: Import::Object(9),
                partial: false,
            };
            for _ in 0..(1 << 16) / ENVELOPE {
                peer.say(stage, &listen);
            }
        },
    ];
    for flood in floods {
        let mut stage = stage();
        let mut peer = stage.joined("mallory", 1);
        let never = peer.fetch(&mut stage, b"never");
        let echo = peer.fetch(&mut stage, b"echo");
        let promised = Op::Deliver {
            to: Target::Export(never),
            args: vec![],
            answer: Some(1),
            resolver: None,
        };
        peer.say(&mut stage, &promised);
        // The control: as much that does not wait.
        for _ in 0..most + 2 {
            peer.tell(&mut stage, Target::Export(echo), big.clone());
        }
        assert_eq!(peer.hear(&mut stage), []);
        for _ in 0..most / 2 {
            flood(&mut peer, &mut stage, never, echo, &big);
        }
        assert_eq!(peer.hear(&mut stage), []);
        for _ in 0..most {
            flood(&mut peer, &mut stage, never, echo, &big);
        }
        peer.assert_aborted(&mut stage, "too many messages that wait");
        stage.assert_empty();
    }
}

/// CAP-5: what is no operation in its one encoding ends the session.
#[test]
fn what_is_malformed_ends_the_session() {
    let deep = [b"[".repeat(70), b"]".repeat(70)].concat();
    let deep = [
        b"<10'op:deliver<11'desc:export0+>[".as_slice(),
        &deep,
        b"]ff>",
    ]
    .concat();
    let malformed: [&[u8]; 7] = [
        b"<10'op:deliver<11'desc:export00+>[]ff>",
        b"<10'op:deliver <11'desc:export0+>[]ff>",
        b"<10'op:deliver<11'desc:export0+>[]ff>t",
        b"<10'op:deliver<11'desc:export0+>[{1\"b1+1\"a2+}]ff>",
        b"<8'op:abort5\"a>",
        b"<10'op:nothing>",
        &deep,
    ];
    for message in malformed {
        let mut stage = stage();
        let mut peer = stage.joined("mallory", 1);
        peer.say_bytes(&mut stage, message.to_vec());
        let heard = peer.hear(&mut stage);
        let Some(Op::Abort(reason)) = heard.last() else {
            panic!("{heard:?}")
        };
        assert!(reason.starts_with("malformed: "), "{reason}");
        stage.assert_empty();
    }
}

/// CAP-25: a peer that does not read is not waited for: its session ends, and what was kept for it goes.
#[test]
fn what_a_peer_does_not_read_is_not_kept() {
    let mut stage = stage();
    let mut peer = stage.joined("mallory", 1);
    let echo = peer.fetch(&mut stage, b"echo");
    stage.script.borrow_mut().is_full = true;
    let body = vec![Value::Bytes(vec![0; 1 << 19])];
    let most = MOST_UNREAD / (1 << 19);
    for _ in 0..most - 1 {
        peer.ask(&mut stage, Target::Export(echo), body.clone());
    }
    assert_eq!(stage.host.sizes().sessions, 1);
    for _ in 0..2 {
        peer.ask(&mut stage, Target::Export(echo), body.clone());
    }
    assert!(stage.script.borrow().closed.contains(&peer.conn));
    stage.assert_empty();
    // The same for the last words of a session that has ended: they wait for a moment.
    let mut peer = stage.connected(1, Some("mallory"));
    peer.say_bytes(&mut stage, b"nonsense".to_vec());
    assert!(!stage.script.borrow().closed.contains(&peer.conn));
    stage.wait(Duration::from_secs(5));
    assert!(stage.script.borrow().closed.contains(&peer.conn));
    assert_eq!(peer.hear(&mut stage), []);
}

/// CAP-24, CAP-33: a peer that gives back a resolver before it has answered is taken at its word: who waits waits no more.
#[test]
fn who_forgets_that_it_is_asked_breaks_the_promise() {
    let mut stage = stage();
    let outcomes = Rc::new(RefCell::new(Vec::new()));
    let heard = Rc::clone(&outcomes);
    let asker = stage.host.turn(|turn| {
        turn.spawn_fn(move |turn, args| {
            let [Value::Ref(whom)] = args.as_slice() else {
                return Err("whom?".into());
            };
            let (answer, heard) = (turn.send(whom, []), Rc::clone(&heard));
            Ok(turn
                .when(&answer, move |_, outcome| {
                    heard.borrow_mut().push(outcome.is_err());
                    outcome
                })
                .into())
        })
    });
    stage.host.register(b"asker", &asker);
    let mut peer = stage.joined("peer", 1);
    let asker = peer.fetch(&mut stage, b"asker");
    let me = Value::Ref(Desc::Import(Import::Object(peer.position())));
    peer.tell(&mut stage, Target::Export(asker), vec![me]);
    let heard = peer.hear(&mut stage);
    let resolver = heard.iter().find_map(|op| match op {
        Op::Deliver {
            resolver: Some(Import::Object(at)),
            ..
        } => Some(*at),
        _ => None,
    });
    peer.say(&mut stage, &Op::GcExports(vec![(resolver.unwrap(), 1)]));
    assert_eq!(*outcomes.borrow(), [true]);
}

/// CAP-25: a circle that a peer has made of a promise and its messages goes with the session.
#[test]
fn a_circle_of_a_peer_does_not_outlive_its_session() {
    let mut stage = Stage::new();
    suite::offer(&mut stage.host);
    let mut peer = stage.joined("mallory", 1);
    let maker = peer.fetch(&mut stage, suite::PROMISE_MAKER.as_bytes());
    let at = peer.ask(&mut stage, Target::Export(maker), vec![]);
    let (true, Value::List(pair)) = peer.answer(&mut stage, at) else {
        panic!()
    };
    let [Value::Ref(Desc::Import(Import::Promise(promise))), _] = pair[..] else {
        panic!("{pair:?}")
    };
    let itself = Value::Ref(Desc::Target(Target::Export(promise)));
    for _ in 0..10 {
        let args = vec![itself.clone(), Value::Bytes(vec![0; 1000])];
        peer.tell(&mut stage, Target::Export(promise), args);
    }
    assert!(stage.host.sizes().left > 10_000);
    peer.say(&mut stage, &Op::Abort("done".to_owned()));
    stage.assert_empty();
    assert_eq!(stage.host.sizes().left, 0);
}
