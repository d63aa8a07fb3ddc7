//! Certificates that somebody else may have made: no panic, and none but those that were signed verifies.
//!
//! The input is either an operation as it is, or it changes one that was signed: the place and the new byte, again and again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vat_demo::captp::certificate::{
    HandoffGive, HandoffReceive, KeyForm, PublicId, SessionId, SessionKey, SignedGive,
    SignedReceive, sign_location, verify_location,
};
use vat_demo::captp::dialect::{B, Dialect};
use vat_demo::captp::locator::Peer;
use vat_demo::captp::op::{Desc, Op, Target};
use vat_demo::value::Value;

const FORM: KeyForm = KeyForm::Lists;

fuzz_target!(|data: &[u8]| {
    verified(data);
    for op in signed() {
        let mut bytes = Vec::new();
        assert_eq!(B.encode(&op, &mut bytes), Ok(()));
        assert!(verified(&bytes));
        let good = bytes.clone();
        for change in data.chunks_exact(3) {
            let place = usize::from(u16::from_be_bytes([change[0], change[1]])) % bytes.len();
            bytes[place] = change[2];
        }
        assert!(!verified(&bytes) || is_same_but_for_the_message(&good, &bytes));
    }
});

/// What was signed came through, though the operation around it was changed.
fn is_same_but_for_the_message(good: &[u8], bytes: &[u8]) -> bool {
    let essence = |bytes: &[u8]| match B.decode(bytes) {
        Ok(Op::StartSession {
            key,
            location,
            signature,
            ..
        }) => format!("{key:?} {location:?} {signature:?}"),
        Ok(Op::Deliver { args, .. }) => format!("{args:?}"),
        other => format!("{other:?}"),
    };
    essence(good) == essence(bytes)
}

/// Whether there is a certificate or a location in it, and all that are verify.
fn verified(bytes: &[u8]) -> bool {
    match B.decode(bytes) {
        Ok(Op::StartSession {
            key,
            location,
            signature,
            ..
        }) => verify_location(&key, &location, &signature).is_ok(),
        Ok(Op::Deliver { args, .. }) => match args.as_slice() {
            [Value::Ref(Desc::Give(give))] => is_good_give(give),
            [Value::Ref(Desc::Receive(receive))] => is_good_receive(receive),
            _ => false,
        },
        _ => false,
    }
}

fn is_good_give(give: &SignedGive) -> bool {
    give.verify(&key(1).public(), FORM).is_ok()
}

fn is_good_receive(receive: &SignedReceive) -> bool {
    receive.verify(FORM).is_ok() && is_good_give(&receive.receive.signed_give)
}

fn key(number: u8) -> SessionKey {
    SessionKey::from_seed(&[number; 32])
}

/// One of each that is signed.
fn signed() -> [Op; 3] {
    let location = Peer::parse("ocapn://exporter.mix?at=a").expect("a locator");
    let give = HandoffGive {
        receiver_key: key(2).public(),
        exporter_location: location.clone(),
        session: SessionId([3; 32]),
        gifter_side: PublicId([4; 32]),
        gift_id: vec![5; 32],
    };
    let give = give.sign(&key(1), FORM);
    let receive = HandoffReceive {
        receiving_session: SessionId([6; 32]),
        receiving_side: PublicId([7; 32]),
        handoff_count: 8,
        signed_give: give.clone(),
    };
    let receive = receive.sign(&key(2), FORM);
    let message = |desc| Op::Deliver {
        to: Target::Export(0),
        args: vec![Value::Ref(desc)],
        answer: None,
        resolver: None,
    };
    let start = Op::StartSession {
        version: "1.0".to_owned(),
        key: key(1).public(),
        signature: sign_location(&key(1), &location),
        location,
    };
    [
        start,
        message(Desc::Give(Box::new(give))),
        message(Desc::Receive(Box::new(receive))),
    ]
}
