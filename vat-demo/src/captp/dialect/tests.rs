use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::super::certificate::{
    HandoffGive, HandoffReceive, PublicId, SessionId, SessionKey, sign_location,
};
use super::super::locator::{Peer, Sturdyref};
use super::super::op::{Desc, Import, Target};
use super::super::syrup::{Fault, Int};
use super::*;
use crate::value::Value;

fn peer() -> Peer {
    Peer::parse("ocapn://designator.mix?at=a:1&ticket=x").unwrap()
}

fn certificates() -> [Desc; 2] {
    let (gifter, receiver) = (
        SessionKey::from_seed(&[1; 32]),
        SessionKey::from_seed(&[2; 32]),
    );
    let give = HandoffGive {
        receiver_key: receiver.public(),
        exporter_location: peer(),
        session: SessionId([3; 32]),
        gifter_side: PublicId([4; 32]),
        gift_id: vec![5; 32],
    };
    let give = give.sign(&gifter, KeyForm::Lists);
    let receive = HandoffReceive {
        receiving_session: SessionId([6; 32]),
        receiving_side: PublicId([7; 32]),
        handoff_count: 0,
        signed_give: give.clone(),
    };
    let receive = receive.sign(&receiver, KeyForm::Lists);
    [Desc::Give(Box::new(give)), Desc::Receive(Box::new(receive))]
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        any::<u64>().prop_map(Target::Export),
        any::<u64>().prop_map(Target::Answer),
    ]
}

fn import() -> impl Strategy<Value = Import> {
    prop_oneof![
        any::<u64>().prop_map(Import::Object),
        any::<u64>().prop_map(Import::Promise),
    ]
}

fn value() -> impl Strategy<Value = Value<Desc>> {
    let sturdyref = Sturdyref {
        peer: peer(),
        swissnum: b"secret".to_vec(),
    };
    let [give, receive] = certificates();
    let leaf = prop_oneof![
        Just(Value::Undefined),
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i128>().prop_map(|number| Value::Int(Int::from(number))),
        any::<i32>().prop_map(|number| Value::Float(f64::from(number) / 8.0)),
        ".{0,12}".prop_map(Value::Text),
        "[a-z-]{0,12}".prop_map(|name| Value::symbol(&name)),
        vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        ".{0,12}".prop_map(Value::Error),
        target().prop_map(|target| Value::Ref(Desc::Target(target))),
        import().prop_map(|import| Value::Ref(Desc::Import(import))),
        Just(Value::Ref(give)),
        Just(Value::Ref(receive)),
        Just(Value::Sturdyref(Box::new(sturdyref))),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::List),
            btree_map("[a-z]{0,12}", inner.clone(), 0..5).prop_map(Value::Struct),
            ("[a-z]{1,8}", inner).prop_map(|(tag, value)| Value::Tagged(tag, Box::new(value))),
        ]
    })
}

fn op() -> impl Strategy<Value = Op> {
    let key = SessionKey::from_seed(&[1; 32]);
    let start = Op::StartSession {
        version: "1.0".to_owned(),
        key: key.public(),
        location: peer(),
        signature: sign_location(&key, &peer()),
    };
    let position = any::<u64>;
    prop_oneof![
        Just(start),
        (
            target(),
            vec(value(), 0..4),
            prop::option::of(position()),
            import()
        )
            .prop_map(|(to, args, answer, resolver)| Op::Deliver {
                to,
                args,
                answer,
                resolver: Some(resolver),
            }),
        (target(), vec(value(), 0..4)).prop_map(|(to, args)| message(to, args)),
        (target(), import(), any::<bool>()).prop_map(|(to, resolver, partial)| Op::Listen {
            to,
            resolver,
            partial,
        }),
        (target(), ".{0,9}", position()).prop_map(|(of, field, answer)| Op::Get {
            of,
            field,
            answer
        }),
        (target(), position(), position()).prop_map(|(of, index, answer)| Op::Index {
            of,
            index,
            answer
        }),
        (target(), ".{0,9}", position()).prop_map(|(of, tag, answer)| Op::Untag {
            of,
            tag,
            answer
        }),
        vec((position(), position()), 0..5).prop_map(Op::GcExports),
        vec(position(), 0..5).prop_map(Op::GcAnswers),
        ".{0,30}".prop_map(Op::Abort),
    ]
}

/// A message that wants no answer.
fn message(to: Target, args: Vec<Value<Desc>>) -> Op {
    Op::Deliver {
        to,
        args,
        answer: None,
        resolver: None,
    }
}

fn encoded(dialect: &dyn Dialect, op: &Op) -> Vec<u8> {
    let mut out = Vec::new();
    dialect.encode(op, &mut out).unwrap();
    out
}

fn refused(dialect: &mut dyn Dialect, bytes: &[u8]) -> String {
    dialect.decode(bytes).unwrap_err().to_string()
}

proptest! {
    /// CAP-11, CAP-12, CAP-13, CAP-14, CAP-15
    #[test]
    fn an_operation_comes_back_in_either_dialect(op in op()) {
        for dialect in [&mut A as &mut dyn Dialect, &mut B] {
            let bytes = encoded(dialect, &op);
            let back = dialect.decode(&bytes);
            prop_assert_eq!(back.as_ref(), Ok(&op));
            prop_assert_eq!(encoded(dialect, &back.unwrap()), bytes);
        }
    }

    /// CAP-2, CAP-11
    #[test]
    fn whatever_operation_is_taken_would_have_been_written_so(
        op in op(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        for dialect in [&mut A as &mut dyn Dialect, &mut B] {
            let mut bytes = encoded(dialect, &op);
            let place = place.index(bytes.len());
            bytes[place] = byte;
            if let Ok(op) = dialect.decode(&bytes) {
                prop_assert_eq!(encoded(dialect, &op), bytes);
            }
        }
    }

    /// CAP-16
    #[test]
    fn a_session_that_listens_understands_both(op in op()) {
        let (a, b) = (encoded(&A, &op), encoded(&B, &op));
        let mut auto = Auto::new();
        prop_assert_eq!(auto.decode(&a), Ok(op.clone()));
        prop_assert_eq!(auto.known(), a != b);
        prop_assert_eq!(auto.decode(&b), Ok(op.clone()));
        prop_assert_eq!(encoded(&auto, &op), a.clone(), "what was A stays A");
        let mut auto = Auto::new();
        prop_assert_eq!(encoded(&auto, &op), b.clone(), "nothing was heard");
        prop_assert_eq!(auto.decode(&b), Ok(op.clone()));
        prop_assert_eq!(auto.known(), a != b);
        prop_assert_eq!(encoded(&auto, &op), b);
        prop_assert_eq!(auto.decode(&a), Ok(op.clone()));
        prop_assert_eq!(encoded(&auto, &op), a, "what was B may fall to A");
    }
}

/// CAP-14, CAP-15
#[test]
fn no_dialect_takes_the_words_of_the_other() {
    let ops = [
        message(Target::Export(1), vec![Value::Null]),
        Op::GcExports(vec![(1, 2)]),
        Op::GcAnswers(vec![1]),
    ];
    for op in ops {
        let (a, b) = (encoded(&A, &op), encoded(&B, &op));
        assert_eq!(A.decode(&b).unwrap_err().fault, Fault::Dialect);
        assert_eq!(B.decode(&a).unwrap_err().fault, Fault::Dialect);
    }
}

/// CAP-14: the readers of this dialect take no message with an answer that nobody is told
#[test]
fn the_older_dialect_has_no_words_for_an_answer_that_nobody_is_told() {
    let op = Op::Deliver {
        to: Target::Export(0),
        args: Vec::new(),
        answer: Some(1),
        resolver: None,
    };
    let mut out = b"before".to_vec();
    assert_eq!(A.encode(&op, &mut out), Err(EncodeError::Dialect));
    assert_eq!(out, b"before");
    let b = encoded(&B, &op);
    assert_eq!(B.decode(&b), Ok(op));
    assert_eq!(A.decode(&b).unwrap_err().fault, Fault::Dialect);
    let mut auto = Auto::new();
    assert!(auto.decode(&b).is_ok() && auto.known());
    assert_eq!(auto.name(), "B");
}

/// CAP-16
#[test]
fn what_both_dialects_write_alike_gives_nobody_away() {
    let mut auto = Auto::new();
    let op = Op::Abort("x".to_owned());
    auto.decode(&encoded(&A, &op)).unwrap();
    assert!(!auto.known());
    assert_eq!(
        refused(&mut auto, b"<12'op:gc-export[1+]>"),
        "a closing bracket out of place at byte 20"
    );
    assert!(!auto.known(), "what was refused says nothing");
}

/// CAP-3: a message that a peer would refuse is not sent
#[test]
fn an_operation_that_is_too_long_or_too_deep_is_not_written() {
    let nested = |depth| (0..depth).fold(Value::Null, |value, _| Value::List(vec![value]));
    let mut out = Vec::new();
    let deepest = message(Target::Export(1), vec![nested(61)]);
    assert_eq!(B.encode(&deepest, &mut out), Ok(()));
    assert_eq!(B.decode(&out), Ok(deepest));
    let deeper = message(Target::Export(1), vec![nested(62)]);
    assert_eq!(B.encode(&deeper, &mut out), Err(EncodeError::TooDeep));
    let longer = message(Target::Export(1), vec![Value::Bytes(vec![0; 1 << 20])]);
    assert_eq!(B.encode(&longer, &mut out), Err(EncodeError::TooLong));
}

/// CAP-11, CAP-12, CAP-13
#[test]
fn a_bad_operation_is_refused_for_what_is_bad_in_it() {
    let cases: [(&[u8], &str); 16] = [
        (b"<6'op:foo>", "unknown operation at byte 0"),
        (b"<8\"op:abort1\"x>", "expected a symbol at byte 1"),
        (b"<8'op:abort>", "a closing bracket out of place at byte 11"),
        (b"<8'op:abort1\"x1\"y>", "wrong number of fields at byte 14"),
        (b"<8'op:abort1\"x>t", "bytes behind the value at byte 15"),
        (b"<8'op:abort1'x>", "expected text at byte 11"),
        (b"[8'op:abort1\"x]", "expected a record at byte 0"),
        (
            b"<10'op:deliver<11'desc:export0+>[<3'foo>]ff>",
            "unknown record at byte 33",
        ),
        (
            b"<10'op:deliver<11'desc:export0+>[#$]ff>",
            "expected a value that can be passed at byte 33",
        ),
        (
            b"<10'op:deliver<11'desc:export0+>[<4'void0+>]ff>",
            "wrong number of fields at byte 40",
        ),
        (
            b"<10'op:deliver<11'desc:export1->[]ff>",
            "number out of range at byte 29",
        ),
        (
            b"<10'op:deliver<11'desc:export18446744073709551616+>[]ff>",
            "number out of range at byte 29",
        ),
        (
            b"<10'op:deliver<18'desc:import-object0+>[]ff>",
            "expected an export or an answer at byte 14",
        ),
        (
            b"<10'op:deliver<11'desc:export0+>[]f<11'desc:export0+>>",
            "expected an import at byte 35",
        ),
        (
            b"<10'op:deliver<11'desc:export0+>[{2\"aat1\"bt}]ff>",
            "not canonical: dictionary keys out of order at byte 39",
        ),
        (
            b"<13'op:gc-exports[1+][]>",
            "as many deltas as positions expected at byte 21",
        ),
    ];
    for (bytes, reason) in cases {
        assert_eq!(refused(&mut B, bytes), reason, "{}", bytes.escape_ascii());
    }
}
