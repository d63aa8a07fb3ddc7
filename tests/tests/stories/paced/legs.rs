//! A session that goes over from circuit to circuit, and what that costs.

use super::network;
use crate::kit::{MS, SECOND};
use crate::mixkit::{Talk, circuits, content, opens};
use pluribus_mix::pacing::Class;
use pluribus_mix::sim::HostId;

/// Bytes of a stream that a cell bears, where streams have much to say. (VTP-46)
const SHARE: u64 = 812;
/// Milliseconds of a quantum.
const QUANTUM: u64 = 20;
/// Transports that are to be left while it is measured.
const LEGS: u32 = 6;

/// Bytes of a stream in a second. (PAC-3)
fn nominal(class: Class) -> f64 {
    // Of a quantum of 1 ms, which divides evenly.
    (class.cells_per_second(1) * SHARE) as f64 / QUANTUM as f64
}

/// Bytes that came each way in a second over a session that has left so many transports meanwhile, with windows of 6 s.
fn rates(class: Class) -> [f64; 2] {
    let params = [
        ("quantum", QUANTUM),
        ("jitter", 5),
        ("pool_window", 6),
        ("slots", 12),
        ("padding", 0),
    ];
    let (mut world, relays) = network(1, 5, |paced| {
        let with = |params: pluribus_mix::directory::Params, (name, value): (&str, u64)| {
            params.with(name, value).unwrap()
        };
        params.into_iter().fold(paced, with)
    });
    let client = world.client_with("client", |config| {
        config.mix.as_mut().unwrap().class = class;
    });
    world.publish().unwrap();
    assert!(world.run_until(|world| circuits(world, client).spare == 11, 5 * SECOND));
    let mut talk = relays
        .iter()
        .find_map(|relay| {
            let talk = Talk::begin(&mut world, client, *relay, 1);
            if opens(&mut world, client, talk.conn, 5 * SECOND) {
                return Some(talk);
            }
            // Else it would want circuits later.
            world.close(client, talk.conn);
            None
        })
        .unwrap();
    world.run_for(SECOND);
    talk.say(&mut world, 80 * nominal(class) as usize);
    world.run_for(3 * SECOND);

    let ends: [(HostId, _); 2] = [(talk.exit, talk.there.unwrap()), (client, talk.conn)];
    let came = |world: &pluribus_mix::sim::World| {
        ends.map(|(host, conn)| world.stream_bytes(host, conn, talk.stream).len())
    };
    let (began, before) = (world.now(), came(&world));
    let (mut over, mut left) = (world.exporter(client, talk.conn), 0);
    while left < LEGS && world.now().since(began) < 70 * SECOND {
        world.run_for(50 * MS);
        world.observer_mut().take_records();
        let now = world.exporter(client, talk.conn);
        left += u32::from(now.is_some() && now != over);
        over = now.or(over);
    }
    assert_eq!(left, LEGS);
    let (took, after) = (world.now().since(began).as_secs_f64(), came(&world));
    for ((host, conn), way) in ends.into_iter().zip(["there", "back"]) {
        let came = world.stream_bytes(host, conn, talk.stream);
        assert!(came == content(1, way, came.len()), "{class}: {way}");
    }
    [0, 1].map(|n| (after[n] - before[n]) as f64 / took)
}

/// PAC-14, VTP-41, VTP-45: a session has left each circuit before its leg ends: over many of them a stream has what its class gives, both ways, and every byte
/// comes once and in order.
#[test]
fn a_session_goes_from_leg_to_leg_at_full_rate() {
    for class in Class::ALL {
        let nominal = nominal(class);
        let rates = rates(class);
        println!("{class}: {:?}", rates.map(|rate| rate / nominal));
        for rate in rates {
            assert!(
                rate > 0.95 * nominal && rate < 1.02 * nominal,
                "{class}: {rate}"
            );
        }
    }
}
