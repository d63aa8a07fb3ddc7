//! Relays and authorities made of small numbers, and documents signed by hand.

use crate::crypto::rng::{Rng, Seed};
use crate::crypto::sign::SigningKey;
use crate::directory::{
    Authorities, Authority, Consensus, Descriptor, Params, Policy, Proposed, Relay, Wall,
};
use crate::id::RelayId;
use data_encoding::BASE64URL_NOPAD;

/// The beginning of a slot of 100 seconds; that of authority 0 of one, two and three.
pub(crate) const NOW: Wall = Wall(1_800_000_000);

pub(crate) fn key(n: u8) -> SigningKey {
    SigningKey::from_seed(&[n; 32])
}

pub(crate) fn id(n: u8) -> RelayId {
    key(n).public().into()
}

pub(crate) fn rng() -> Rng {
    Seed::from_bytes([1; 32]).fork("tests")
}

/// Relay `n`, at 11.n.0.1:9000, with weight 1000 and no exit.
pub(crate) fn relay(n: u8) -> Relay {
    Relay {
        id: id(n),
        onion: [n; 32],
        at: ([11, n, 0, 1], 9000).into(),
        weight: 1000,
        family: vec![],
        exit: None,
    }
}

/// The same as an exit by that policy.
pub(crate) fn exit(n: u8, policy: &str) -> Relay {
    let exit = policy.parse::<Policy>().unwrap().summary();
    Relay { exit, ..relay(n) }
}

pub(crate) fn signed(relay: &Relay, n: u8, published: Wall) -> Vec<u8> {
    let relay = relay.clone();
    Descriptor { relay, published }.sign(&key(n)).unwrap()
}

/// Slots of 100 seconds.
pub(crate) fn params() -> Params {
    Params::default().with("interval", 100).unwrap()
}

/// Authorities with the keys 200, 201, … in the order of their names.
pub(crate) fn authority_keys(n: u8) -> Vec<SigningKey> {
    let mut keys: Vec<SigningKey> = (200..200 + n).map(key).collect();
    keys.sort_by_key(|key| RelayId::from(key.public()));
    keys
}

pub(crate) fn authorities(n: u8, threshold: usize) -> Authorities {
    let keys = authority_keys(n);
    let ids = keys.iter().map(|key| key.public().into());
    Authorities::new(ids, threshold).unwrap()
}

/// Authority `i` of `n`, in the order of names.
pub(crate) fn authority(i: usize, n: u8, threshold: usize) -> Authority {
    let key = authority_keys(n).swap_remove(i);
    // swap_remove moves only what is behind `i`.
    Authority::new(key, authorities(n, threshold), params(), 1, None).unwrap()
}

/// A document of one authority that lists these relays.
pub(crate) fn listing(relays: &[(u8, Relay)], params: &Params, now: Wall) -> Vec<u8> {
    let key = authority_keys(1).remove(0);
    let mut authority = Authority::new(key, authorities(1, 1), params.clone(), 1, None).unwrap();
    for (n, relay) in relays {
        authority.publish(now, &signed(relay, *n, now)).unwrap();
    }
    match authority.propose(now) {
        Some(Proposed::Consensus(signed)) => signed,
        other => panic!("{other:?}"),
    }
}

/// A consensus of these relays, verified.
pub(crate) fn consensus_of(relays: &[(u8, Relay)], params: &Params) -> Consensus {
    let signed = listing(relays, params, NOW);
    authorities(1, 1).verify(NOW, &signed, None).unwrap()
}

/// A consensus of the relays 1 to `n`.
pub(crate) fn consensus(n: u8) -> Consensus {
    let relays: Vec<_> = (1..=n).map(|n| (n, relay(n))).collect();
    consensus_of(&relays, &params())
}

/// The text of a document without its signatures: what stands behind `"name":`.
pub(crate) fn inner(document: &[u8], name: &str) -> String {
    let text = std::str::from_utf8(document).unwrap();
    let text = text.strip_prefix(&format!("{{\"{name}\":")).unwrap();
    text.split_once(",\"signature").unwrap().0.to_owned()
}

/// A descriptor of any text, with a signature that fits.
pub(crate) fn sign_descriptor(inner: &str, key: &SigningKey) -> Vec<u8> {
    let message = format!("pluribus-mix/1 relay descriptor{inner}");
    let signature = BASE64URL_NOPAD.encode(&key.sign(message.as_bytes()));
    format!(r#"{{"descriptor":{inner},"signature":"{signature}"}}"#).into_bytes()
}

/// A consensus of any text, with signatures of these keys that fit.
pub(crate) fn sign_consensus(inner: &str, of: &Authorities, keys: &[&SigningKey]) -> Vec<u8> {
    let mut message = b"pluribus-mix/1 consensus".to_vec();
    message.extend(of.network().as_bytes());
    message.extend(inner.as_bytes());
    let signatures = keys.iter().map(|key| {
        let by = RelayId::from(key.public());
        let signature = BASE64URL_NOPAD.encode(&key.sign(&message));
        format!(r#"{{"by":"{by}","signature":"{signature}"}}"#)
    });
    let signatures: Vec<_> = signatures.collect();
    let signatures = signatures.join(",");
    format!(r#"{{"consensus":{inner},"signatures":[{signatures}]}}"#).into_bytes()
}
