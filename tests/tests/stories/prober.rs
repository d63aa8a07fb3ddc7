//! A prober that lacks VatId or place learns nothing but how long a silence lasts.

use crate::kit::{MS, Noted, SECOND, at, bytes_of, flight1, noted, wanted};
use pluribus_mix::crypto::rng::Seed;
use pluribus_mix::sim::{HostId, RawId, Sight, World};
use pluribus_mix::time::Instant;
use pluribus_mix::vattp::Use;
use pluribus_mix::vattp::target::Wanted;

/// A world in which Bob has been dialled once, and what a prober may know of it.
struct Scene {
    world: World,
    bob: HostId,
    carol: HostId,
    prober: RawId,
    /// The flight 1 that Bob has answered.
    genuine: Vec<u8>,
}

fn scene() -> Scene {
    let mut world = World::seeded(1);
    let [alice, bob, carol] = world.vats(["alice", "bob", "carol"]);
    let prober = world.raw_host("prober");
    world.observer_mut().keep_bytes(true);
    world.say(alice, bob, "hello").unwrap();
    world.run_for(SECOND);
    let genuine = bytes_of(world.observer().between(alice, bob)).remove(0);
    assert_eq!(genuine.len(), 1239);
    Scene {
        world,
        bob,
        carol,
        prober,
        genuine,
    }
}

impl Scene {
    fn asking_bob(&self) -> Wanted {
        wanted(&self.world, self.bob, self.world.address(self.bob).unwrap())
    }

    /// What the prober sends.
    fn flight(&self, wanted: Wanted) -> Vec<u8> {
        flight1(wanted, 50).1
    }

    /// Sends `bytes` over a new link, this long after it was asked for, and writes down what comes back until nothing can
    /// come any more; and when the prober sees the end.
    fn probe(mut self, wait: u32, bytes: &[u8]) -> (Noted, Option<Instant>) {
        let (world, prober, bob) = (&mut self.world, self.prober, self.bob);
        let link = world.raw(prober).open(bob);
        world.run_for(wait * MS);
        for piece in bytes.chunks(10_000) {
            let _ = world.raw(prober).send(link, piece);
            world.run_for(MS);
        }
        world.run_for(60 * SECOND);
        let seen = world.observer().between(prober, bob);
        let answers = seen.filter(|record| record.from == bob.into());
        (noted(answers), world.raw(prober).lost_at(link))
    }
}

/// All that a prober can send that lacks the VatId or the place.
fn probes() -> Vec<(&'static str, u32, Vec<u8>)> {
    let scene = scene();
    let (world, bob, carol) = (&scene.world, scene.bob, scene.carol);
    let bobs = world.address(bob).unwrap();
    let flight = |change: fn(&mut Wanted)| {
        let mut asked = scene.asking_bob();
        change(&mut asked);
        scene.flight(asked)
    };
    let elsewhere = flight(|asked| asked.place = b"127.0.0.1:1".to_vec());
    let nowhere = flight(|asked| asked.place.clear());
    let other_use = flight(|asked| asked.for_use = Use::Link);
    let other_key = flight(|asked| asked.prekey = [9; 32]);
    let mut low_order = flight(|_| ());
    low_order[7..39].fill(0);
    let mut other_target = flight(|_| ());
    *other_target.last_mut().unwrap() ^= 1;
    let mut no_suite = flight(|asked| asked.place.clear());
    no_suite[6] = 9;
    let mut random = Seed::from_bytes([4; 32])
        .fork("random")
        .draw::<1239>()
        .to_vec();
    let noise = random.clone();
    random[..2].copy_from_slice(&1237_u16.to_be_bytes());
    let twice = [elsewhere.clone(), elsewhere.clone()].concat();
    vec![
        ("nothing", 0, vec![]),
        ("noise", 0, noise),
        ("noise of the right length", 0, random),
        ("an impossible length", 0, vec![0, 0]),
        ("one byte", 0, vec![4]),
        ("half a flight", 0, elsewhere[..600].to_vec()),
        (
            "another vat at Bob's place",
            0,
            scene.flight(wanted(world, carol, bobs)),
        ),
        ("Bob elsewhere", 0, elsewhere.clone()),
        ("Bob nowhere", 0, nowhere),
        ("Bob as a relay", 0, other_use),
        ("Bob under another key", 0, other_key),
        ("a target off by a bit", 0, other_target),
        ("a key of low order", 0, low_order),
        ("a suite that nobody has", 0, no_suite),
        ("what Bob answered before", 0, scene.genuine.clone()),
        ("Bob elsewhere, twice", 0, twice),
        ("a megabyte", 0, vec![5; 1 << 20]),
        ("Bob elsewhere, late", 5000, elsewhere.clone()),
        ("Bob elsewhere, too late", 30_000, elsewhere),
    ]
}

/// THR-3, VTP-4, VTP-5, VTP-16, VTP-17: who lacks the VatId or the place is answered with nothing, and the link closes
/// ten seconds after it stood, whatever was sent and whenever: a prober cannot tell one failure from another, nor from a
/// vat that is not there.
#[test]
fn a_prober_sees_the_same_silence_whatever_it_sends() {
    // Asked for at 1 s, it stands for Bob ten milliseconds later.
    let (stood, closed) = (at(1010), at(1010) + 10 * SECOND);
    for (name, wait, bytes) in probes() {
        let (seen, lost) = scene().probe(wait, &bytes);
        let seen: Vec<_> = seen
            .into_iter()
            .map(|(at, .., sight)| (at, sight))
            .collect();
        assert_eq!(
            seen,
            [(stood, Sight::Stands), (closed, Sight::Over)],
            "{name}"
        );
        assert_eq!(lost, Some(closed + 10 * MS), "{name}");
    }
}

/// THR-3: the control: who knows VatId and place is answered at once.
#[test]
fn a_prober_that_knows_vat_and_place_is_answered() {
    let scene = scene();
    let right = scene.flight(scene.asking_bob());
    let (seen, _) = scene.probe(0, &right);
    let answer = Sight::Bytes {
        length: 2 + 1123 + 2 + 408,
        bytes: None,
    };
    let lengths: Vec<_> = seen
        .into_iter()
        .map(|(at, .., sight)| match sight {
            Sight::Bytes { length, .. } => (
                at,
                Sight::Bytes {
                    length,
                    bytes: None,
                },
            ),
            sight => (at, sight),
        })
        .collect();
    let closed = at(1010) + 10 * SECOND;
    assert_eq!(
        lengths,
        [
            (at(1010), Sight::Stands),
            (at(1010), answer),
            (closed, Sight::Over)
        ]
    );
}

/// THR-3, VTP-17: a silent vat says the same to everybody, and to its own operator what was wrong.
#[test]
fn what_was_wrong_stands_in_the_trace_alone() {
    let scene = scene();
    let bob = scene.bob;
    let (mut world, prober, genuine) = (scene.world, scene.prober, scene.genuine);
    let link = world.raw(prober).open(bob);
    world.raw(prober).send(link, genuine).unwrap();
    let before = world.observer().volume(bob, prober);
    world.run_for(SECOND);
    let trace: Vec<_> = world.traces(bob).iter().map(ToString::to_string).collect();
    assert_eq!(trace, ["link 2: a flight 1 that was answered before"]);
    assert_eq!(world.observer().volume(bob, prober), before);
}
