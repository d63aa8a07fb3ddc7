//! How much comes through.

use super::network;
use crate::kit::{MS, SECOND};
use crate::mixkit::{Talk, circuits, opens};
use pluribus_mix::pacing::Class;
use pluribus_mix::sim::World;

/// Bytes that come over a stream in each direction in a second, in a network of four relays, of which `late` writes some batches late.
fn rates(class: Class, late: Option<u64>) -> [f64; 2] {
    let (mut world, relays) = network(1, 4, |params| {
        let params = params.with("slots", 3).unwrap();
        params
            .with("epoch", 5)
            .unwrap()
            .with("pool_window", 600)
            .unwrap()
    });
    let client = world.client_with("client", |config| {
        config.mix.as_mut().unwrap().class = class;
    });
    world.publish().unwrap();
    let has_spares = |world: &World| circuits(world, client).spare == 2;
    assert!(
        world.run_until(has_spares, 30 * SECOND),
        "{:?}",
        circuits(&world, client)
    );
    let mut talk = None;
    for relay in &relays {
        let began = Talk::begin(&mut world, client, *relay, 1);
        if opens(&mut world, client, began.conn, 10 * SECOND) {
            talk = Some(began);
            break;
        }
    }
    let mut talk = talk.unwrap();
    world.run_for(5 * SECOND);
    if let Some(one_in) = late {
        for relay in &relays {
            world.dawdle(*relay, one_in, 160 * MS);
        }
    }
    let rate = usize::try_from(class.cells_per_second(50) * 900).unwrap();
    talk.say(&mut world, rate * 50);
    world.run_for(10 * SECOND);
    let there = talk.there.unwrap();
    let came = |world: &World| {
        [(talk.exit, there), (client, talk.conn)]
            .map(|(host, conn)| world.stream_bytes(host, conn, talk.stream).len())
    };
    let before = came(&world);
    world.run_for(30 * SECOND);
    let after = came(&world);
    [0, 1].map(|n| (after[n] - before[n]) as f64 / 30.0)
}

/// Bytes of a stream that a cell bears, where streams have much to say. (VTP-46)
const SHARE: u64 = 812;

/// PAC-3: a stream has what the class of its circuit gives, in both directions at once: nothing is lost to windows, and nothing is said twice.
#[test]
fn a_stream_has_what_its_class_gives() {
    for class in Class::ALL {
        let nominal = (class.cells_per_second(50) * SHARE) as f64;
        for rate in rates(class, None) {
            assert!(
                rate > 0.95 * nominal && rate < 1.01 * nominal,
                "{class}: {rate}"
            );
        }
    }
}

/// PAC-13: where every relay writes one batch in a hundred too late, so that there are gaps everywhere, a stream has nine tenths of its rate at least.
#[test]
fn gaps_cost_little() {
    let whole = rates(Class::Talk, None);
    let gaps = rates(Class::Talk, Some(100));
    for (gaps, whole) in gaps.into_iter().zip(whole) {
        assert!(gaps >= 0.9 * whole, "{gaps} of {whole}");
    }
}
