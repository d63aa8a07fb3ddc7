use super::*;

const LISTS: KeyForm = KeyForm::Lists;

fn key(number: u8) -> SessionKey {
    SessionKey::from_seed(&[number; 32])
}

fn peer(hint: &str) -> Peer {
    Peer::parse(&format!("ocapn://x.mix?at={hint}")).unwrap()
}

fn give(receiver: &SessionKey) -> HandoffGive {
    HandoffGive {
        receiver_key: receiver.public(),
        exporter_location: peer("a"),
        session: SessionId([1; 32]),
        gifter_side: PublicId([2; 32]),
        gift_id: vec![3; 32],
    }
}

fn receive(receiver: &SessionKey) -> HandoffReceive {
    HandoffReceive {
        receiving_session: SessionId([4; 32]),
        receiving_side: PublicId([5; 32]),
        handoff_count: 6,
        signed_give: give(receiver).sign(&key(9), LISTS),
    }
}

/// CAP-8
#[test]
fn an_id_is_of_the_key_as_its_dialect_writes_it() {
    let key = key(1).public();
    assert_ne!(key.id(KeyForm::Lists), key.id(KeyForm::Raw));
    let (one, two) = (PublicId([1; 32]), PublicId([2; 32]));
    assert_eq!(SessionId::of(one, two), SessionId::of(two, one));
    assert_ne!(SessionId::of(one, two), SessionId::of(one, one));
}

/// CAP-10: the hints are part of what is signed, though not of who the peer is
#[test]
fn a_location_is_signed_with_its_hints_by_one_key() {
    let signature = sign_location(&key(1), &peer("a"));
    let public = key(1).public();
    assert_eq!(verify_location(&public, &peer("a"), &signature), Ok(()));
    assert_eq!(
        verify_location(&public, &peer("b"), &signature),
        Err(BadSignature)
    );
    assert_eq!(
        verify_location(&key(2).public(), &peer("a"), &signature),
        Err(BadSignature)
    );
}

/// CAP-10: what is signed is the record `my-location`, so that it is of no use elsewhere
#[test]
fn a_signature_of_the_bare_location_is_refused() {
    let bare = encoded(|to| peer("a").write(to));
    let signature = key(1).sign(&bare);
    assert_eq!(
        verify_location(&key(1).public(), &peer("a"), &signature),
        Err(BadSignature)
    );
}

/// CAP-10
#[test]
fn a_give_is_good_as_it_was_signed_and_no_otherwise() {
    let gifter = key(9);
    let good = give(&key(7)).sign(&gifter, LISTS);
    assert_eq!(good.verify(&gifter.public(), LISTS), Ok(()));
    let wrong = |change: &dyn Fn(&mut SignedGive)| {
        let mut changed = good.clone();
        change(&mut changed);
        assert_eq!(changed.verify(&gifter.public(), LISTS), Err(BadSignature));
    };
    wrong(&|it| it.give.receiver_key = key(8).public());
    wrong(&|it| it.give.exporter_location = peer("b"));
    wrong(&|it| it.give.exporter_location.transport.push('x'));
    wrong(&|it| it.give.session.0[0] ^= 1);
    wrong(&|it| it.give.gifter_side.0[31] ^= 1);
    wrong(&|it| it.give.gift_id.push(0));
    wrong(&|it| it.signature.0[0] ^= 1);
    wrong(&|it| it.signature.0[63] ^= 1);
    assert_eq!(good.verify(&key(8).public(), LISTS), Err(BadSignature));
    assert_eq!(
        good.verify(&gifter.public(), KeyForm::Raw),
        Err(BadSignature)
    );
}

/// CAP-10: by the key in the give, not by any that comes with the wish
#[test]
fn a_wish_is_good_if_the_one_that_was_meant_has_signed_it() {
    let receiver = key(7);
    let good = receive(&receiver).sign(&receiver, LISTS);
    assert_eq!(good.verify(LISTS), Ok(()));
    let wrong = |change: &dyn Fn(&mut SignedReceive)| {
        let mut changed = good.clone();
        change(&mut changed);
        assert_eq!(changed.verify(LISTS), Err(BadSignature));
    };
    wrong(&|it| it.receive.receiving_session.0[0] ^= 1);
    wrong(&|it| it.receive.receiving_side.0[0] ^= 1);
    wrong(&|it| it.receive.handoff_count += 1);
    wrong(&|it| it.receive.signed_give.signature.0[1] ^= 1);
    wrong(&|it| it.receive.signed_give.give.receiver_key = key(8).public());
    wrong(&|it| it.signature.0[1] ^= 1);
    let thief = receive(&receiver).sign(&key(8), LISTS);
    assert_eq!(thief.verify(LISTS), Err(BadSignature));
}

/// CAP-10: under the point of order one, everything is signed by everybody
#[test]
fn a_key_that_anybody_can_sign_for_verifies_nothing() {
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    let lenient = VerifyingKey::from_bytes(&neutral).unwrap();
    let parsed = ed25519_dalek::Signature::from_bytes(&signature);
    let bytes = my_location(&peer("a"));
    assert!(ed25519_dalek::Verifier::verify(&lenient, &bytes, &parsed).is_ok());
    assert_eq!(
        verify_location(&PublicKey(neutral), &peer("a"), &Signature(signature)),
        Err(BadSignature)
    );
}

/// CAP-7
#[test]
fn keys_and_signatures_come_back_in_either_form() {
    let signature = key(1).sign(b"x");
    for form in [KeyForm::Lists, KeyForm::Raw] {
        let bytes = encoded(|to| {
            key(1).public().write(form, to);
            signature.write(form, to);
        });
        let mut from = Reader::new(&bytes).unwrap();
        assert_eq!(PublicKey::read(form, &mut from), Ok(key(1).public()));
        assert_eq!(Signature::read(form, &mut from), Ok(signature));
        assert_eq!(from.finish(), Ok(()));
    }
}
