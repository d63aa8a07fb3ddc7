//! An impostor answers a dial in somebody's name, without that vat's key.

use crate::kit::{SECOND, absorb, at, key, lp};
use pluribus_mix::crypto::aead::{Backend, Key, seal_item};
use pluribus_mix::crypto::dh::Scalar;
use pluribus_mix::crypto::kdf::{Label, Secret, hash};
use pluribus_mix::crypto::kem::EncapsulationKey;
use pluribus_mix::crypto::sign::SigningKey;
use pluribus_mix::netlayer::{CloseReason, Event};
use pluribus_mix::sim::World;

/// Flight 2 in the name of `presented`, right in everything but perhaps the signature.
fn flight2(one: &[u8], presented: &[u8; 32], signer: &SigningKey) -> Vec<u8> {
    let x = Scalar::from_bytes([3; 32].into());
    let dh = x.agree(one[7..39].try_into().unwrap()).unwrap();
    let ek = EncapsulationKey::from_bytes(one[39..1223].try_into().unwrap()).unwrap();
    let (ct, kem) = ek.seal([4; 32].into());
    let iam = [&[1, 0, 1][..], &x.public(), &ct[..]].concat();
    let h = absorb(hash(&[Label::VATTP.as_bytes(), &[3]]), &one[2..]);
    let h = absorb(h, &iam);
    let hs = Secret::extract(&h, &[&lp(&*dh), &lp(&*kem)]);
    let seal = Key::new(Backend::default(), hs.expand(Label::R_HS, &h).as_bytes());
    let head = [&presented[..], &1_u64.to_be_bytes(), &[0; 256]].concat();
    let said = [Label::RESPONDER.as_bytes(), &h, &head].concat();
    let mut info = [&head[..], &signer.sign(&said)].concat();
    let fin = hs.expand(Label::R_FIN, &h).mac(&[&h, &info]);
    info.extend(fin);
    [lp(&iam), lp(&seal_item(&seal, 0, &info).unwrap())].concat()
}

/// Alice dials the vat of key 7, whose address an impostor holds, who presents a key and signs with another. How many bytes
/// Alice says in all, and what she is told.
fn answered(presented: u8, signer: u8) -> (usize, Vec<Event>) {
    let mut world = World::seeded(1);
    let alice = world.vat("alice");
    let bob = world.vat_with("bob", |config| config.identity = key(7).into());
    let impostor = world.raw_host("impostor");
    let place = world.address(bob).unwrap().clone();
    world.listen(place, impostor);
    world.say(alice, bob, "for Bob alone").unwrap();
    world.run_for(at(30) - at(0));
    let link = world.raw(impostor).accepted()[0];
    let one = world.raw(impostor).take(link);
    let presented = *key(presented).public().as_bytes();
    let two = flight2(&one, &presented, &key(signer));
    world.raw(impostor).send(link, two).unwrap();
    world.run_for(9 * SECOND);
    assert_eq!(
        world.events(alice),
        [],
        "it waits for the deadline whatever it was"
    );
    world.run_for(20 * SECOND);
    (
        world.observer().volume(alice, impostor),
        world.events(alice).to_vec(),
    )
}

/// VTP-9, VTP-10, VTP-17: who answers in a vat's name without its key, or proves to be another vat, hears nothing behind
/// flight 1: neither who dials nor what is said. The control: with the vat's key flight 3 follows.
#[test]
fn an_impostor_is_told_nothing() {
    for (presented, signer) in [(7, 8), (8, 8), (8, 7)] {
        let (said, told) = answered(presented, signer);
        assert_eq!(said, 1239, "presents {presented}, signs as {signer}");
        let [Event::Closed { reason, .. }] = told[..] else {
            panic!("{told:?}")
        };
        assert_eq!(reason, CloseReason::Unreachable);
    }
    let (said, _) = answered(7, 7);
    assert!(said > 1239 + 378 + 100);
}
