//! Somebody names meeting relays of his to a vat, as often as he likes, and looks who stands before them.

use super::rig::{MS, SECOND, World, unpaced, vat};
use crate::ablation::{Check, without};
use crate::id::RelayId;
use crate::node::Class;
use crate::node::mix::knows::Held;
use crate::time::Duration;
use std::collections::BTreeSet;

const RELAYS: usize = 24;
const VICTIM: usize = RELAYS;
/// How often he has the vat join, and at how many relays.
const JOINS: usize = 1000;
const HIS: usize = 8;

type Relays = BTreeSet<RelayId>;

/// A vat, its second and third hops to meeting relays, and its guards.
struct Scene {
    world: World,
    hops: [Relays; 2],
    guards: Relays,
}

fn hops(world: &mut World) -> [Relays; 2] {
    let mix = &mut world.hosts[VICTIM].mix;
    let consensus = mix.consensus.clone().unwrap();
    let paths = (0..40).map(|_| mix.lasting_path(&consensus, None, &[], None).unwrap());
    let paths: Vec<_> = paths.collect();
    [1, 2].map(|hop| paths.iter().map(|path| path[hop]).collect())
}

fn scene() -> Scene {
    let mut world = World::new(RELAYS, 1, &unpaced(), vat(Class::default()));
    world.run_for(SECOND);
    let guards = world.hosts[VICTIM].mix.guards().unwrap().names();
    let guards = guards.copied().collect();
    let hops = hops(&mut world);
    Scene {
        world,
        hops,
        guards,
    }
}

impl Scene {
    /// Relays that are neither guards nor hops to meeting relays.
    fn others(&self) -> Vec<usize> {
        let [seconds, thirds] = &self.hops;
        let taken = |id: &RelayId| {
            [seconds, thirds, &self.guards]
                .iter()
                .any(|it| it.contains(id))
        };
        let others = (0..RELAYS).filter(|relay| !taken(&self.world.id(*relay)));
        others.take(HIS).collect()
    }

    /// What his relays see beside them while the vat joins at each in its turn, every 100 ms and what is added, his own left out, and which third hops it goes over.
    fn flood(&mut self, his: &[usize], joins: usize, pause: Duration) -> [Relays; 2] {
        let world = &mut self.world;
        let names: Relays = his.iter().map(|relay| world.id(*relay)).collect();
        let (mut beside, mut thirds) = (Relays::new(), Relays::new());
        for (n, relay) in his.iter().cycle().take(joins).enumerate() {
            // Nobody is there: after two seconds the circuit has served.
            world.join(VICTIM, *relay, [u8::try_from(n % 251).unwrap(); 16]);
            for _ in 0..10 {
                world.run_for(10 * MS);
                let circuits = world.hosts[VICTIM].mix.client.circuits.iter();
                let paths = circuits.map(|(_, it)| &it.path);
                let to_him = paths.filter(|path| path.get(3).is_some_and(|it| names.contains(it)));
                thirds.extend(to_him.map(|path| path[2]));
            }
            beside.extend(his.iter().flat_map(|relay| neighbours(world, *relay)));
            world.run_for(pause);
        }
        [beside.difference(&names).copied().collect(), thirds]
    }
}

/// Who stands next to a relay, as its own tables have it. In this world all circuits are the vat's.
fn neighbours(world: &World, relay: usize) -> Relays {
    let knowledge = world.hosts[relay].mix.knowledge(&|_, _| ());
    let held = knowledge.circuits.into_iter().flat_map(|it| it.held);
    let relays = held.filter_map(|held| match held {
        Held::Relay(relay) => Some(relay),
        _ => None,
    });
    relays.collect()
}

/// RDV-25: a thousand calls to relays of his show him two relays, the third hops. Were they drawn anew each time, he would see most of the network,
/// with the guards.
#[test]
fn a_thousand_meetings_show_two_relays() {
    let mut scene = scene();
    let his = scene.others();
    let [beside, thirds] = scene.flood(&his, JOINS, Duration::ZERO);
    assert_eq!(beside, scene.hops[1]);
    assert_eq!((beside.len(), thirds), (2, beside));

    let anew = without(Check::LastingHops, || {
        scene.flood(&his, JOINS / 10, Duration::ZERO)
    });
    assert!(anew[0].len() > 10, "the control: {}", anew[0].len());
}

/// RDV-25: whoever has a third hop too sees the two second hops beside it, and no guard.
#[test]
fn a_third_hop_of_his_sees_no_guard() {
    let mut scene = scene();
    let [seconds, thirds] = scene.hops.clone();
    let mut his = scene.others();
    let third = *thirds.first().unwrap();
    his.extend((0..RELAYS).find(|relay| scene.world.id(*relay) == third));
    let [beside, _] = scene.flood(&his, JOINS / 4, Duration::ZERO);
    let all: Relays = seconds
        .union(&thirds)
        .copied()
        .filter(|it| *it != third)
        .collect();
    assert_eq!(beside, all);
    assert!(beside.is_disjoint(&scene.guards));
}

/// RDV-25, ONI-17: relays of his that answer nothing make the vat suspect them, and not its own third hops: else it would draw others, as often as he likes.
#[test]
fn who_answers_nothing_has_no_hop_replaced() {
    let attack = || {
        let mut scene = scene();
        let his = scene.others();
        his.iter().for_each(|relay| scene.world.kill(*relay));
        let [_, thirds] = scene.flood(&his, JOINS / 4, 1150 * MS);
        (thirds, scene.hops[1].clone(), hops(&mut scene.world))
    };
    let (thirds, before, [_, after]) = attack();
    assert_eq!((&thirds, &after), (&before, &before));
    let (thirds, ..) = without(Check::NamedByOthers, attack);
    assert!(thirds.len() > 3, "the control: {}", thirds.len());
}

/// RDV-25: in any day a vat has four third hops at most, two at a time.
#[test]
fn third_hops_are_four_a_day_at_most() {
    const HOUR: Duration = Duration::from_secs(3600);
    let mut scene = scene();
    let begun = scene.world.now;
    let mut days: Vec<Relays> = Vec::new();
    for hour in 0..24 * 40 {
        scene.world.hosts[VICTIM].mix.clock = begun + HOUR * hour;
        let [_, thirds] = hops(&mut scene.world);
        assert_eq!(thirds.len(), 2);
        days.push(thirds);
    }
    let of_day = |day: &[Relays]| day.iter().flatten().collect::<BTreeSet<_>>().len();
    let most = days.windows(24).map(of_day).max().unwrap();
    assert!((3..=4).contains(&most), "{most}");
}
