//! A squatter presents somebody's public key, and nobody notices.

use crate::kit::{MS, Noted, absorb, at, flight1, items, join, key, lp, noted, wanted};
use pluribus_mix::crypto::aead::{Backend, Key, seal_item};
use pluribus_mix::crypto::dh::Scalar;
use pluribus_mix::crypto::kdf::{Label, Secret, hash};
use pluribus_mix::crypto::kem::DecapsulationKey;
use pluribus_mix::crypto::rng::Seed;
use pluribus_mix::crypto::sign::SigningKey;
use pluribus_mix::netlayer::Event;
use pluribus_mix::sim::{HostId, RawId, World};
use pluribus_mix::vattp::Violation;
use pluribus_mix::vattp::initiator::Entropy;
use pluribus_mix::vattp::pair::{PairFields, Side};

/// Flight 3 as whoever made flight 1 can seal it: it knows all keys of the handshake and presents any public key, with
/// the signature of the key that it has.
fn flight3(
    one: &[u8],
    two: &[Vec<u8>],
    number: u8,
    presented: &[u8; 32],
    responder: &[u8; 32],
) -> Vec<u8> {
    let entropy = Entropy::draw(&mut Seed::from_bytes([number; 32]).fork("flight 1"));
    let (iam, reply) = (&two[0], &two[1]);
    let h = absorb(hash(&[Label::VATTP.as_bytes(), &[3]]), &one[2..]);
    let h = absorb(h, iam);
    let x_r: [u8; 32] = iam[3..35].try_into().unwrap();
    let dh = Scalar::from_bytes(entropy.x_i).agree(&x_r).unwrap();
    let kem = DecapsulationKey::generate(entropy.kem)
        .0
        .open(iam[35..].try_into().unwrap());
    let hs = Secret::extract(&h, &[&lp(&*dh), &lp(&*kem)]);
    let h = absorb(h, reply);
    let seal = Key::new(Backend::default(), hs.expand(Label::I_HS, &h).as_bytes());
    let fin = hs.expand(Label::I_FIN, &h);

    let head = [&presented[..], &1_u64.to_be_bytes(), &[0; 256]].concat();
    let said = [Label::INITIATOR.as_bytes(), &h, responder, &head].concat();
    let info = [&head[..], &key(number).sign(&said)].concat();
    let give_info = seal_item(&seal, 0, &info).unwrap();
    let h = absorb(h, &give_info);
    let mut go = Vec::new();
    let ours = SigningKey::public(&key(number));
    let side = match ours.as_bytes() == presented {
        true => Side::of_initiator(&ours, 1, &key(201).public()),
        false if presented > responder => Side::Master,
        false => Side::Slave,
    };
    PairFields::go(side, 7, 8).encode(&mut go);
    let tag = fin.mac(&[&h, &go]);
    go.extend(tag);
    [lp(&give_info), lp(&seal_item(&seal, 1, &go).unwrap())].concat()
}

/// One attempt to be `presented` towards `bob`; takes 40 ms of the world if nothing else happens in between.
fn squat(world: &mut World, raw: RawId, bob: HostId, number: u8, presented: &[u8; 32]) {
    let place = world.address(bob).unwrap().clone();
    let (_, one) = flight1(wanted(world, bob, &place), number);
    let link = world.raw(raw).open(bob);
    world.raw(raw).send(link, one.clone()).unwrap();
    world.run_for(20 * MS);
    let two = items(&world.raw(raw).take(link));
    let responder = *world.vat_id(bob).as_bytes();
    let three = flight3(&one, &two, number, presented, &responder);
    world.raw(raw).send(link, three).unwrap();
}

/// What a victim's life looked like.
#[derive(Debug, PartialEq, Eq)]
struct Life {
    wire: Noted,
    heard: Vec<String>,
    answered: Vec<String>,
    told: Vec<Event>,
    bindings: bool,
}

/// Alice talks to Bob on a connection, hangs up, dials again and talks; before, between and meanwhile, `meanwhile` happens.
fn life(mut meanwhile: impl FnMut(&mut World, RawId, HostId, HostId)) -> (Life, World, HostId) {
    let mut world = World::seeded(1);
    let [alice, bob] = world.vats(["alice", "bob"]);
    let raw = world.raw_host("squatter");
    meanwhile(&mut world, raw, alice, bob);
    world.run_for(at(500) - world.now());
    let [first, back] = join(&mut world, alice, bob);
    meanwhile(&mut world, raw, alice, bob);
    world.run_for(at(2000) - world.now());
    world.send(alice, first, "one").unwrap();
    world.send(bob, back, "two").unwrap();
    meanwhile(&mut world, raw, alice, bob);
    world.run_for(at(3000) - world.now());
    assert!(world.is_open(alice, first) && world.is_open(bob, back));
    let second = world.dial(alice, bob).unwrap();
    world.send(alice, second, "three").unwrap();
    meanwhile(&mut world, raw, alice, bob);
    world.run_for(at(30_000) - world.now());
    let life = Life {
        wire: noted(world.observer().between(alice, bob)),
        heard: world.heard_by(bob),
        answered: world.heard_by(alice),
        told: world.events(bob).to_vec(),
        bindings: world.exporter(alice, first) == world.exporter(bob, back),
    };
    (life, world, bob)
}

/// THR-4, VTP-12: whoever presents a vat's public key without its proof changes nothing for that vat: not when its
/// connections open, not when its messages come, not what its peer is told, not what exists already.
#[test]
fn a_squatter_on_somebodys_key_delays_nobody() {
    let (alone, ..) = life(|_, _, _, _| ());
    let mut number = 0;
    let (squatted, world, bob) = life(|world, raw, alice, bob| {
        let victim = *world.vat_id(alice).as_bytes();
        for _ in 0..3 {
            number += 1;
            squat(world, raw, bob, number, &victim);
        }
    });
    assert_eq!(squatted, alone);
    assert_eq!(alone.heard, ["one", "three"]);
    let unproven = |trace: &&_| {
        let text = format!("{trace:?}");
        text.contains(&format!("{:?}", Violation::InitiatorUnproven))
    };
    assert_eq!(world.traces(bob).iter().filter(unproven).count(), 12);
}

/// THR-4: the control: the same flights with a key that the dialler does have make a connection.
#[test]
fn the_same_flights_with_a_key_of_ones_own_are_believed() {
    let mut world = World::seeded(2);
    let bob = world.vat_with("bob", |config| config.identity = key(201).into());
    let raw = world.raw_host("stranger");
    let own = key(9).public();
    squat(&mut world, raw, bob, 9, own.as_bytes());
    world.run_for(100 * MS);
    let peers: Vec<_> = world
        .peers(bob)
        .iter()
        .map(|peer| *peer.as_bytes())
        .collect();
    assert_eq!(peers, [*own.as_bytes()]);
}

/// THR-4: a squatter who also sits at the victim's address and answers dials changes nothing for who is dialled
/// elsewhere, and cannot open a connection in the victim's name.
#[test]
fn a_squatter_on_somebodys_address_is_nobody() {
    let mut world = World::seeded(3);
    let [alice, bob] = world.vats(["alice", "bob"]);
    let raw = world.raw_host("squatter");
    let place = world.address(bob).unwrap().clone();
    world.listen(place, raw);
    let conn = world.dial(alice, bob).unwrap();
    world.run_for(100 * MS);
    let link = world.raw(raw).accepted()[0];
    world.raw(raw).send(link, [7; 1535]).unwrap();
    world.run_for(20_000 * MS);
    assert!(!world.is_open(alice, conn));
    assert_eq!(
        world.events(alice).len(),
        1,
        "only that it could not be reached"
    );
    assert_eq!(world.messages(alice).count(), 0);
}
