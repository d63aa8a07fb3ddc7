//! The hop handshake: done right, and done wrong in every way the clause knows.

use super::rig::rng;
use super::world::name;
use crate::ablation::{Check, without};
use crate::crypto::aead::{Aead, Backend, Key};
use crate::crypto::dh::Scalar;
use crate::crypto::kdf::{Label, Secret, hash};
use crate::crypto::kem::{DecapsulationKey, EncapsulationKey};
use crate::crypto::rng::Rng;
use crate::onion::handshake::{
    Answerer, Asked, Entropy, HopSecrets, REPLY, REQUEST, Refused, Settings, ask,
};

const SETTINGS: Settings = Settings {
    live: 3,
    class: 0,
    start: 0x0123_4567_89ab_cdef,
};

fn client() -> Rng {
    rng("client")
}

fn onion() -> Scalar {
    Scalar::from_bytes(rng("onion").draw())
}

fn answerer() -> Answerer {
    Answerer::new(name(1), onion())
}

fn asked(settings: Settings) -> (Asked, [u8; REQUEST]) {
    let entropy = Entropy::draw(&mut client());
    ask(&name(1), &onion().public(), settings, entropy).unwrap()
}

type Answered = Result<(HopSecrets, Settings, [u8; REPLY]), Refused>;

fn answer(answerer: &mut Answerer, request: &[u8; REQUEST]) -> Answered {
    answerer.answer(request, 0, Entropy::draw(&mut rng("relay")))
}

fn refused(request: &[u8; REQUEST]) -> Refused {
    answer(&mut answerer(), request).err().unwrap()
}

fn same(one: &HopSecrets, other: &HopSecrets) -> bool {
    one.forward.as_bytes() == other.forward.as_bytes()
        && one.backward.as_bytes() == other.backward.as_bytes()
}

/// The request with other settings in it, sealed as its client would.
fn resealed(request: &[u8; REQUEST], plain: [u8; 11]) -> [u8; REQUEST] {
    let x = Scalar::from_bytes(client().draw());
    let (head, _) = request.split_at(1256);
    let with_onion = x.agree(&onion().public()).unwrap();
    let (id, x_and_ek) = (&head[..32], &head[40..]);
    let context = [id, &hash(&[&onion().public()]), x_and_ek].concat();
    let key = Secret::extract(b"pluribus-mix/1 hop settings", &[&*with_onion])
        .expand(Label::HOP_SETTINGS, &context);
    let mut sealed = plain;
    let key = Key::new(Backend::AesGcm, key.as_bytes());
    let tag = key.seal(0, head, &mut sealed).unwrap();
    [head, &sealed, &tag].concat().try_into().unwrap()
}

/// ONI-9: both sides have the same secrets, two different ones, and the relay has the settings.
#[test]
fn client_and_relay_agree() {
    let (asked, request) = asked(SETTINGS);
    let (relay, settings, reply) = answer(&mut answerer(), &request).ok().unwrap();
    assert_eq!(settings, SETTINGS);
    let client = asked.finish(&reply).ok().unwrap();
    assert!(same(&client, &relay));
    assert_ne!(client.forward.as_bytes(), client.backward.as_bytes());
}

/// ONI-9: request, reply and secrets are what the clause says, worked out here from the primitives alone.
#[test]
fn the_handshake_is_what_the_clause_says() {
    let lp = |bytes: &[u8]| {
        let len = u16::try_from(bytes.len()).unwrap().to_be_bytes();
        [&len, bytes].concat()
    };
    let (_, request) = asked(SETTINGS);
    let (id, b) = (name(1), onion().public());
    let mut draws = client();
    let x = Scalar::from_bytes(draws.draw());
    let (kem, ek) = DecapsulationKey::generate(draws.draw());
    assert_eq!(request[..32], *id.as_bytes());
    assert_eq!(request[32..40], hash(&[&b])[..8]);
    assert_eq!(request[40..72], x.public());
    assert_eq!(request[72..1256], *ek);
    let plain = [3, 0, 1, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];
    assert_eq!(resealed(&request, plain), request);

    let (secrets, _, reply) = answer(&mut answerer(), &request).ok().unwrap();
    let (y, ct): ([u8; 32], [u8; 1088]) = (
        reply[..32].try_into().unwrap(),
        reply[32..1120].try_into().unwrap(),
    );
    let mut th = b"pluribus-mix/1 hop transcript".to_vec();
    let parts: [&[u8]; 7] = [
        id.as_bytes(),
        &b,
        &x.public(),
        &*ek,
        &request[1256..],
        &y,
        &ct,
    ];
    for part in parts {
        th.extend(lp(part));
    }
    let th = hash(&[&th]);
    let (fresh, with_onion) = (x.agree(&y).unwrap(), x.agree(&b).unwrap());
    let ikm = [lp(&*fresh), lp(&*with_onion), lp(&*kem.open(&ct))].concat();
    let prk = Secret::extract(&hash(&[b"pluribus-mix/1 hop"]), &[&ikm]);
    let auth = prk.expand(Label::HOP_AUTH, &th).mac(&[&th, b"relay"]);
    assert_eq!(reply[1120..1152], auth);
    let mut back = reply[1152..].to_vec();
    let key = prk.expand(Label::HOP_SETTINGS_BACK, &th);
    let opened = Key::new(Backend::AesGcm, key.as_bytes()).open(0, b"", &mut back);
    assert_eq!(opened.unwrap(), plain);
    let expected = HopSecrets {
        forward: prk.expand(Label::HOP_FORWARD, &th),
        backward: prk.expand(Label::HOP_BACKWARD, &th),
    };
    assert!(same(&secrets, &expected));
}

/// ONI-9: a request with any byte changed is refused.
#[test]
fn a_request_with_any_byte_changed_is_refused() {
    let (_, request) = asked(SETTINGS);
    let mut relay = answerer();
    for at in 0..REQUEST {
        let mut changed = request;
        changed[at] ^= 0x10;
        let refused = answer(&mut relay, &changed).err();
        let expected = match at {
            0..32 => Refused::Id,
            32..40 => Refused::OnionKey,
            _ => Refused::Sealed,
        };
        assert_eq!(refused, Some(expected), "byte {at}");
    }
    assert!(
        answer(&mut relay, &request).is_ok(),
        "none of them was remembered"
    );
}

/// ONI-9: a reply with any byte changed is refused, and it is not said why.
#[test]
fn a_reply_with_any_byte_changed_is_refused() {
    let (_, request) = asked(SETTINGS);
    let (_, _, reply) = answer(&mut answerer(), &request).ok().unwrap();
    for at in 0..REPLY {
        let mut changed = reply;
        changed[at] ^= 0x10;
        let refused = asked(SETTINGS).0.finish(&changed).err();
        assert_eq!(refused, Some(Refused::Unproven), "byte {at}");
    }
    let mut changed = reply;
    changed[1120] ^= 1;
    let believed = without(Check::HopAuth, || asked(SETTINGS).0.finish(&changed));
    assert!(
        believed.is_ok(),
        "the control: AUTH is all that notices this"
    );
}

/// ONI-9: a request for another relay, or for another key of this one, is refused, also where the other relay announces the same key.
#[test]
fn a_request_for_another_is_refused() {
    let entropy = || Entropy::draw(&mut client());
    let (_, for_other) = ask(&name(2), &onion().public(), SETTINGS, entropy()).unwrap();
    assert_eq!(refused(&for_other), Refused::Id);
    let bound = without(Check::HopId, || refused(&for_other));
    assert_eq!(
        bound,
        Refused::Sealed,
        "the name is in the key of the settings as well"
    );
    let other = Scalar::from_bytes(rng("other").draw()).public();
    let (_, for_other) = ask(&name(1), &other, SETTINGS, entropy()).unwrap();
    assert_eq!(refused(&for_other), Refused::OnionKey);
}

/// ONI-9: a request is answered once in the life of the key.
#[test]
fn a_replayed_request_is_refused() {
    let (_, request) = asked(SETTINGS);
    let mut relay = answerer();
    assert!(answer(&mut relay, &request).is_ok());
    assert_eq!(answer(&mut relay, &request).err(), Some(Refused::Seen));
    let resealed = resealed(&request, [1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(answer(&mut relay, &resealed).err(), Some(Refused::Seen));
    let again = without(Check::HopSeen, || answer(&mut relay, &request));
    assert!(again.is_ok(), "the control");
}

/// ONI-9, WIR-5, WIR-6: points of low order and keys that are none are refused, on either side.
#[test]
fn what_is_no_key_is_refused() {
    let (_, request) = asked(SETTINGS);
    let mut low = request;
    low[40..72].fill(0);
    assert_eq!(refused(&low), Refused::LowOrder);
    let entropy = Entropy::draw(&mut client());
    assert!(ask(&name(1), &[0; 32], SETTINGS, entropy).is_none());
    // The client's own key proves the request, so a client can send a broken ek.
    let mut broken = request;
    broken[72..75].fill(0xff);
    let plain = [3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(refused(&resealed(&broken, plain)), Refused::Kem);
    let (_, _, mut reply) = answer(&mut answerer(), &request).ok().unwrap();
    reply[..32].fill(0);
    let refused = without(Check::HopAuth, || asked(SETTINGS).0.finish(&reply).err());
    assert_eq!(refused, Some(Refused::Unproven));
}

/// ONI-9: settings that cannot be are refused by name, though they are sealed as they should be; the last that can be are not.
#[test]
fn settings_that_cannot_be_are_refused() {
    let (_, request) = asked(SETTINGS);
    let of = |live: u8, class: u8, version: u8, start: u64| {
        let mut plain = [live, class, version, 0, 0, 0, 0, 0, 0, 0, 0];
        plain[3..].copy_from_slice(&start.to_be_bytes());
        answer(&mut answerer(), &resealed(&request, plain)).err()
    };
    assert_eq!(of(8, 0, 1, 0), Some(Refused::Live));
    assert_eq!(of(3, 1, 1, 0), Some(Refused::Class));
    assert_eq!(of(3, 0, 2, 0), Some(Refused::Version));
    assert_eq!(of(3, 0, 0, 0), Some(Refused::Version));
    assert_eq!(of(3, 0, 1, 1 << 62), Some(Refused::Start));
    assert_eq!(of(7, 0, 1, (1 << 62) - 1), None);
}

/// ONI-9: a relay that takes other settings than it was asked for is found out.
#[test]
fn settings_that_come_back_changed_are_refused() {
    let (_, request) = asked(SETTINGS);
    let mut relay = rng("relay");
    let y = Scalar::from_bytes(relay.draw());
    let m: [u8; 64] = *relay.draw();
    let ek = EncapsulationKey::from_bytes(request[72..1256].try_into().unwrap()).unwrap();
    let (ct, kem) = ek.seal(zeroize::Zeroizing::new(m[..32].try_into().unwrap()));
    let (_, _, reply) = answer(&mut answerer(), &request).ok().unwrap();
    assert_eq!(reply[32..1120], *ct);
    let x: [u8; 32] = request[40..72].try_into().unwrap();
    let lp = [0, 32];
    let mut th = b"pluribus-mix/1 hop transcript".to_vec();
    for part in [
        &request[..32],
        &onion().public(),
        &x,
        &request[72..1256],
        &request[1256..],
    ] {
        th.extend(u16::try_from(part.len()).unwrap().to_be_bytes());
        th.extend(part);
    }
    th.extend([&lp[..], &y.public(), &[4, 64], &*ct].concat());
    let th = hash(&[&th]);
    let (fresh, with_onion) = (y.agree(&x).unwrap(), onion().agree(&x).unwrap());
    let ikm: [&[u8]; 6] = [&lp, &*fresh, &lp, &*with_onion, &lp, &*kem];
    let prk = Secret::extract(&hash(&[b"pluribus-mix/1 hop"]), &ikm);
    let mut back = [2, 0, 1, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];
    let key = prk.expand(Label::HOP_SETTINGS_BACK, &th);
    let tag = Key::new(Backend::AesGcm, key.as_bytes()).seal(0, b"", &mut back);
    let forged: Vec<u8> = [&reply[..1152], &back, &tag.unwrap()].concat();
    let forged: [u8; REPLY] = forged.try_into().unwrap();
    assert_eq!(
        asked(SETTINGS).0.finish(&forged).err(),
        Some(Refused::Unproven)
    );
    let believed = without(Check::SettingsBack, || asked(SETTINGS).0.finish(&forged));
    assert!(believed.is_ok(), "the control");
}

/// ONI-9: the key before the newest is still answered for, older ones are not.
#[test]
fn an_onion_key_is_answered_for_until_the_one_after_the_next() {
    let other = |n: &str| Scalar::from_bytes(rng(n).draw());
    let fresh = |n: &str| {
        let entropy = Entropy::draw(&mut rng(n));
        ask(&name(1), &onion().public(), SETTINGS, entropy)
            .unwrap()
            .1
    };
    let mut relay = answerer();
    relay.rotate(other("second"));
    assert_eq!(relay.onion(), other("second").public());
    let first = fresh("a");
    assert!(answer(&mut relay, &first).is_ok());
    assert_eq!(answer(&mut relay, &first).err(), Some(Refused::Seen));
    relay.rotate(other("third"));
    assert_eq!(
        answer(&mut relay, &fresh("b")).err(),
        Some(Refused::OnionKey)
    );
    let mut relay = answerer();
    relay.rotate(other("second"));
    relay.forget_old();
    assert_eq!(
        answer(&mut relay, &fresh("c")).err(),
        Some(Refused::OnionKey)
    );
}
