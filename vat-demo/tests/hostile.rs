//! Peers that do what they must not: each ends its session with a named reason, and leaves nothing behind.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod puppet;

use puppet::{Puppet, Stage, place};
use vat_demo::captp::certificate::{
    HandoffGive, HandoffReceive, KeyForm, SessionKey, SignedReceive,
};
use vat_demo::captp::op::{Desc, Import, Op, Target};
use vat_demo::captp::{ENVELOPE, GREETING, MOST_DIALS, MOST_WAITING, PATIENCE};
use vat_demo::value::Value;

const FORM: KeyForm = KeyForm::Lists;

/// A stage with an echo, and an object that promises and never answers.
fn stage() -> Stage {
    let mut stage = Stage::new();
    let echo = stage
        .host
        .turn(|turn| turn.spawn_fn(|_, args| Ok(Value::List(args))));
    stage.host.register(b"echo", &echo);
    let never = stage.host.turn(|turn| {
        turn.spawn_fn(|turn, _| {
            let (promise, resolver) = turn.promise();
            std::mem::forget(resolver);
            Ok(promise.into())
        })
    });
    stage.host.register(b"never", &never);
    stage
}

/// CAP 21: nothing is heard before `op:start-session`, and that comes once, in its version, signed.
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

/// CAP 22: where the carrier proves who the peer is, nobody claims to be somebody else; and nobody claims to be this vat.
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

/// CAP 25: positions that were never given out, or were given back, end the session.
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

/// CAP 26: nobody gives back more than was sent; what was given back to the last is gone.
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

/// CAP 27: an answer position is used once until it is given back.
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

/// CAP 28: a message is answered once, by an answer.
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

/// CAP 29: what a peer leaves here is bounded, whatever it is, and given back when it no longer waits.
#[test]
fn a_flood_of_what_waits_ends_the_session() {
    let body = Value::Bytes(vec![0; 1 << 16]);
    let (big, most) = (vec![body], MOST_WAITING / ((1 << 16) + ENVELOPE));
    type Flood = fn(&mut Puppet, &mut Stage, u64, u64, &[Value<Desc>]);
    let floods: [Flood; 3] = [
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

/// CAP 29: gifts of one peer have a vat dial a few exporters at a time.
#[test]
fn gifts_do_not_make_a_vat_dial_the_world() {
    let mut stage = stage();
    let mut peer = stage.joined("mallory", 1);
    let echo = peer.fetch(&mut stage, b"echo");
    for number in 0..2 * MOST_DIALS {
        let give = HandoffGive {
            receiver_key: peer.their_key.unwrap(),
            exporter_location: place(&format!("exporter{number}")),
            session: peer.session(),
            gifter_side: peer.id(),
            gift_id: vec![1],
        };
        let give = Value::Ref(Desc::Give(Box::new(give.sign(&peer.key, FORM))));
        peer.tell(&mut stage, Target::Export(echo), vec![give]);
    }
    assert_eq!(stage.script.borrow().dialled.len(), MOST_DIALS);
    // The control: another peer's gifts are not its matter.
    let mut other = stage.joined("alice", 2);
    let echo = other.fetch(&mut stage, b"echo");
    let give = HandoffGive {
        receiver_key: other.their_key.unwrap(),
        exporter_location: place("carol"),
        session: other.session(),
        gifter_side: other.id(),
        gift_id: vec![1],
    };
    let give = Value::Ref(Desc::Give(Box::new(give.sign(&other.key, FORM))));
    other.tell(&mut stage, Target::Export(echo), vec![give]);
    assert_eq!(stage.script.borrow().dialled.len(), MOST_DIALS + 1);
}

/// CAP 5: what is no operation in its one encoding ends the session.
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

/// A gifter and a receiver with their sessions, and a give of the echo, not deposited.
struct Handoff {
    gifter: Puppet,
    receiver: Puppet,
    /// The receiver's key of its session with the gifter.
    between: SessionKey,
    echo: u64,
}

impl Handoff {
    fn new(stage: &mut Stage) -> Self {
        let mut gifter = stage.joined("gifter", 1);
        let receiver = stage.joined("receiver", 2);
        let echo = gifter.fetch(stage, b"echo");
        let between = SessionKey::from_seed(&[3; 32]);
        Self {
            gifter,
            receiver,
            between,
            echo,
        }
    }

    fn give(&self) -> HandoffGive {
        HandoffGive {
            receiver_key: self.between.public(),
            exporter_location: place("victim"),
            session: self.gifter.session(),
            gifter_side: self.gifter.id(),
            gift_id: b"gift".to_vec(),
        }
    }

    fn receive(&self, give: HandoffGive, count: u64) -> HandoffReceive {
        HandoffReceive {
            receiving_session: self.receiver.session(),
            receiving_side: self.receiver.id(),
            handoff_count: count,
            signed_give: give.sign(&self.gifter.key, FORM),
        }
    }

    fn right(&self, count: u64) -> SignedReceive {
        self.receive(self.give(), count).sign(&self.between, FORM)
    }

    fn deposit(&self, stage: &mut Stage) {
        let gift = Value::Ref(Desc::Target(Target::Export(self.echo)));
        let args = vec![
            Value::symbol("deposit-gift"),
            Value::Bytes(b"gift".to_vec()),
            gift,
        ];
        self.gifter.tell(stage, Target::Export(0), args);
    }

    fn withdraw(&mut self, stage: &mut Stage, receive: SignedReceive) -> u64 {
        let receive = Value::Ref(Desc::Receive(Box::new(receive)));
        let args = vec![Value::symbol("withdraw-gift"), receive];
        self.receiver.ask(stage, Target::Export(0), args)
    }
}

/// CAP 31: gift and wish may come in either order; the gifter may be gone by then.
#[test]
fn a_gift_is_withdrawn_once_in_either_order() {
    for (deposit_first, gifter_leaves) in [(true, false), (false, false), (true, true)] {
        let mut stage = stage();
        let mut handoff = Handoff::new(&mut stage);
        if deposit_first {
            handoff.deposit(&mut stage);
        }
        if gifter_leaves {
            handoff
                .gifter
                .say(&mut stage, &Op::Abort("done".to_owned()));
        }
        let right = handoff.right(0);
        let at = handoff.withdraw(&mut stage, right);
        if !deposit_first {
            assert_eq!(handoff.receiver.hear(&mut stage), []);
            handoff.deposit(&mut stage);
        }
        let (given, gift) = handoff.receiver.answer(&mut stage, at);
        assert!(
            given && matches!(gift, Value::Ref(Desc::Import(Import::Object(_)))),
            "{gift:?}"
        );
        assert_eq!(stage.host.sizes().gifts, 0);
    }
}

/// CAP 32: a count is used when it is verified, whichever came first; who uses it again is sent away and has nothing.
#[test]
fn a_wish_is_not_replayed_in_either_order() {
    for deposit_first in [true, false] {
        let mut stage = stage();
        let mut handoff = Handoff::new(&mut stage);
        if deposit_first {
            handoff.deposit(&mut stage);
        }
        let right = handoff.right(0);
        let first = handoff.withdraw(&mut stage, right.clone());
        if deposit_first {
            assert!(handoff.receiver.answer(&mut stage, first).0);
            handoff.deposit(&mut stage);
        }
        let again = handoff.withdraw(&mut stage, right);
        let heard = handoff.receiver.hear(&mut stage);
        let reason = "handoff count 0 was used before";
        let broken = (false, Value::Error(reason.to_owned()));
        assert_eq!(puppet::answer_in(&heard, again), Some(broken));
        assert_eq!(heard.last(), Some(&Op::Abort(reason.to_owned())));
        // The control: another count of hers would have done.
        let mut handoff = Handoff {
            receiver: stage.joined("receiver", 2),
            ..handoff
        };
        let right = handoff.right(1);
        let at = handoff.withdraw(&mut stage, right);
        if !deposit_first {
            handoff.deposit(&mut stage);
        }
        let given = handoff.receiver.answer(&mut stage, at).0;
        assert_eq!(
            given, deposit_first,
            "the first wish waits for it, if there was one"
        );
    }
}

/// CAP 33: a wish is for this session and this side, signed by the receiver that the gifter named.
#[test]
fn a_wish_that_is_not_the_receivers_own_ends_its_session() {
    type Spoil = fn(&Handoff) -> SignedReceive;
    let spoils: [(Spoil, &str); 5] = [
        (
            |handoff| {
                let mut receive = handoff.receive(handoff.give(), 0);
                receive.receiving_session = handoff.gifter.session();
                receive.sign(&handoff.between, FORM)
            },
            "the wish is for another session",
        ),
        (
            |handoff| {
                let mut receive = handoff.receive(handoff.give(), 0);
                receive.receiving_side = handoff.gifter.id();
                receive.sign(&handoff.between, FORM)
            },
            "the wish is for another side of the session",
        ),
        (
            |handoff| {
                handoff
                    .receive(handoff.give(), 0)
                    .sign(&handoff.receiver.key, FORM)
            },
            "the wish is not signed by the receiver of the gift",
        ),
        (
            // Somebody saw the receiver's wish and says it over a session of its own.
            |handoff| {
                let stolen = handoff.receive(handoff.give(), 0);
                stolen.sign(&SessionKey::from_seed(&[9; 32]), FORM)
            },
            "the wish is not signed by the receiver of the gift",
        ),
        (
            |handoff| {
                let mut signed = handoff.right(0);
                signed.receive.handoff_count = 5;
                signed
            },
            "the wish is not signed by the receiver of the gift",
        ),
    ];
    for (spoil, reason) in spoils {
        let mut stage = stage();
        let mut handoff = Handoff::new(&mut stage);
        handoff.deposit(&mut stage);
        let spoilt = spoil(&handoff);
        handoff.withdraw(&mut stage, spoilt);
        handoff.receiver.assert_aborted(&mut stage, reason);
        assert_eq!(
            stage.host.sizes().gifts,
            1,
            "the gift waits for its receiver"
        );
    }
}

/// CAP 34: what the gifter did wrong breaks the wish and leaves the receiver its session.
#[test]
fn a_receiver_does_not_answer_for_its_gifter() {
    type Spoil = fn(&Handoff) -> HandoffReceive;
    let spoils: [Spoil; 4] = [
        |handoff| {
            let mut receive = handoff.receive(handoff.give(), 0);
            receive.signed_give = handoff.give().sign(&handoff.between, FORM);
            receive
        },
        |handoff| {
            let gifter_side = handoff.receiver.id();
            handoff.receive(
                HandoffGive {
                    gifter_side,
                    ..handoff.give()
                },
                0,
            )
        },
        |handoff| {
            let session = handoff.receiver.session();
            handoff.receive(
                HandoffGive {
                    session,
                    ..handoff.give()
                },
                0,
            )
        },
        |handoff| {
            let exporter_location = place("carol");
            handoff.receive(
                HandoffGive {
                    exporter_location,
                    ..handoff.give()
                },
                0,
            )
        },
    ];
    for spoil in spoils {
        let mut stage = stage();
        let mut handoff = Handoff::new(&mut stage);
        handoff.deposit(&mut stage);
        let spoilt = spoil(&handoff).sign(&handoff.between, FORM);
        let at = handoff.withdraw(&mut stage, spoilt);
        assert!(!handoff.receiver.answer(&mut stage, at).0);
        assert_eq!(stage.host.sizes().gifts, 1);
        let right = handoff.right(1);
        let at = handoff.withdraw(&mut stage, right);
        assert!(
            handoff.receiver.answer(&mut stage, at).0,
            "her session goes on"
        );
    }
}

/// CAP 35: a gift and a wish wait for a time and no longer.
#[test]
fn neither_gifts_nor_wishes_wait_for_ever() {
    let mut stage = stage();
    let mut handoff = Handoff::new(&mut stage);
    handoff.deposit(&mut stage);
    stage.wait(PATIENCE);
    assert_eq!(stage.host.sizes().gifts, 0);
    let right = handoff.right(0);
    let at = handoff.withdraw(&mut stage, right);
    assert_eq!(stage.host.sizes().gifts, 1);
    stage.wait(PATIENCE);
    assert!(!handoff.receiver.answer(&mut stage, at).0);
    assert_eq!(stage.host.sizes().gifts, 0);
}

/// CAP 36: who is given a gift for another receiver sends the giver away and dials nobody.
#[test]
fn a_gift_for_somebody_else_is_not_fetched() {
    let mut stage = stage();
    let mut peer = stage.joined("mallory", 1);
    let echo = peer.fetch(&mut stage, b"echo");
    let give = |receiver_key| HandoffGive {
        receiver_key,
        exporter_location: place("carol"),
        session: peer.session(),
        gifter_side: peer.id(),
        gift_id: vec![1],
    };
    // The control: a gift for this vat is.
    let right = give(peer.their_key.unwrap()).sign(&peer.key, FORM);
    let wrong = give(peer.key.public()).sign(&peer.key, FORM);
    peer.tell(
        &mut stage,
        Target::Export(echo),
        vec![Value::Ref(Desc::Give(Box::new(right)))],
    );
    assert_eq!(stage.script.borrow().dialled.len(), 1);
    eprintln!(
        "{:?} {:?}",
        peer.hear(&mut stage),
        stage.script.borrow().closed
    );
    peer.tell(
        &mut stage,
        Target::Export(echo),
        vec![Value::Ref(Desc::Give(Box::new(wrong)))],
    );
    peer.assert_aborted(&mut stage, "the gift is for another receiver");
    assert_eq!(stage.script.borrow().dialled.len(), 1);
}

/// CAP 30: a wish is for the bootstrap object alone; nobody else is shown one.
#[test]
fn a_wish_is_shown_to_no_object() {
    let mut stage = stage();
    let mut handoff = Handoff::new(&mut stage);
    let echo = handoff.receiver.fetch(&mut stage, b"echo");
    let wish = Value::Ref(Desc::Receive(Box::new(handoff.right(0))));
    handoff
        .receiver
        .tell(&mut stage, Target::Export(echo), vec![wish]);
    handoff.receiver.assert_aborted(
        &mut stage,
        "a certificate of a wish stands where a value is wanted",
    );
}
