//! Any bytes, any calls, in any order: a node may refuse them and never panics.

use crate::kit::{MS, SECOND, key};
use pluribus_mix::crypto::rng::Seed;
use pluribus_mix::netlayer::{ConnId, Netlayer};
use pluribus_mix::node::{Carrier, Config, LinkId, LinkRequest, Node, Source};
use pluribus_mix::sim::World;
use pluribus_mix::time::{Duration, Instant};
use proptest::prelude::*;

/// One call from below or above.
#[derive(Clone, Debug)]
enum Call {
    Accepted(u8),
    Opened(u64),
    Lost(u64),
    Input(u64, Vec<u8>),
    /// Bytes behind a length that a flight can have.
    Item(u64, u16, u8),
    Timeout,
    Ready(u64),
    Connect(u8),
    Send(u64, usize),
    Close(u64),
    Finish(u64),
    Hold(u64, bool),
    Passes(u64),
    Poll,
}

fn call() -> impl Strategy<Value = Call> {
    let id = 0..8_u64;
    let lengths = prop_oneof![
        Just(1237),
        Just(1240),
        Just(1123),
        Just(408),
        Just(376),
        Just(98),
        any::<u16>()
    ];
    prop_oneof![
        any::<u8>().prop_map(Call::Accepted),
        id.clone().prop_map(Call::Opened),
        id.clone().prop_map(Call::Lost),
        (id.clone(), prop::collection::vec(any::<u8>(), 0..3000))
            .prop_map(|(id, bytes)| Call::Input(id, bytes)),
        (id.clone(), lengths, any::<u8>()).prop_map(|(id, len, fill)| Call::Item(id, len, fill)),
        Just(Call::Timeout),
        id.clone().prop_map(Call::Ready),
        (1..4_u8).prop_map(Call::Connect),
        (id.clone(), 0..2_000_000_usize).prop_map(|(id, len)| Call::Send(id, len)),
        id.clone().prop_map(Call::Close),
        id.clone().prop_map(Call::Finish),
        (id, any::<bool>()).prop_map(|(id, held)| Call::Hold(id, held)),
        (0..20_000_u64).prop_map(Call::Passes),
        Just(Call::Poll),
    ]
}

fn node(number: u8) -> Node {
    let mut config = Config::new(key(number).into(), 1);
    config
        .places
        .push(format!("127.0.0.1:{number}").parse().unwrap());
    config.half_open = 3;
    config.max_connections = 4;
    Node::new(config, &Seed::from_bytes([number; 32]))
}

fn make(call: Call, node: &mut Node, now: &mut Instant) {
    match call {
        Call::Accepted(from) => _ = node.link_accepted(*now, Source([from; 16]), Carrier::Stream),
        Call::Opened(link) => node.link_opened(*now, LinkId(link), Carrier::Stream),
        Call::Lost(link) => node.link_lost(*now, LinkId(link)),
        Call::Input(link, mut bytes) => node.handle_input(*now, LinkId(link), &mut bytes),
        Call::Item(link, len, fill) => {
            let mut bytes = vec![fill; 2 + usize::from(len)];
            bytes[..2].copy_from_slice(&len.to_be_bytes());
            node.handle_input(*now, LinkId(link), &mut bytes);
        }
        Call::Timeout => node.handle_timeout(*now),
        Call::Ready(link) => node.link_ready(LinkId(link)),
        Call::Connect(to) => {
            let to = self::node(to).locator().clone();
            let _ = node.connect(&to);
        }
        Call::Send(conn, len) => _ = node.send(ConnId(conn), vec![1; len]),
        Call::Close(conn) => node.close(ConnId(conn)),
        Call::Finish(conn) => node.finish(ConnId(conn)),
        Call::Hold(conn, held) => node.hold(ConnId(conn), held),
        Call::Passes(ms) => *now = *now + Duration::from_millis(ms),
        Call::Poll => poll(node, *now),
    }
}

/// Fetches all there is, as a driver does.
fn poll(node: &mut Node, now: Instant) {
    let mut out = Vec::new();
    while let Some(link) = node.poll_transmit(now, &mut out) {
        node.link_ready(link);
    }
    while let Some(request) = node.poll_link(now) {
        let (LinkRequest::Open { link, .. } | LinkRequest::Close { link }) = request;
        assert!(link.0 > 0);
    }
    while node.poll_event().is_some() {}
    while node.poll_trace().is_some() {}
    let _ = node.poll_timeout();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// THR-8: any calls with any bytes in any order; afterwards the node still keeps its bounds.
    #[test]
    fn any_calls_in_any_order_are_borne(calls in prop::collection::vec(call(), 1..60)) {
        let (mut node, mut now) = (node(1), Instant::ZERO);
        for call in calls {
            make(call, &mut node, &mut now);
        }
        poll(&mut node, now);
        prop_assert!(node.half_open() <= 3);
    }

    /// THR-8: whatever a meddler makes of the bytes between two vats, at whatever point, they bear it; and when it is gone
    /// they can talk.
    #[test]
    fn any_meddling_is_borne(
        place in 0..12_usize, offset in 0..2000_usize, deed in 0..6_u8, byte in any::<u8>(), seed in any::<u64>(),
    ) {
        let mut world = World::seeded(seed);
        let [alice, bob] = world.vats(["alice", "bob"]);
        let mut passed = 0;
        world.meddle(alice, bob, Box::new(move |_, mut bytes| {
            passed += 1;
            if passed <= place {
                return vec![bytes];
            }
            let at = offset % bytes.len();
            match deed {
                0 => bytes[at] ^= byte | 1,
                1 => bytes.truncate(at),
                2 => bytes.insert(at, byte),
                3 => _ = bytes.remove(at),
                4 => return vec![bytes.clone(), bytes],
                _ => bytes.fill(byte),
            }
            vec![bytes]
        }));
        let _ = world.say(alice, bob, vec![byte; 40_000]);
        world.run_for(100 * MS);
        if let Some(back) = world.connection(bob, alice) {
            let _ = world.send(bob, back, "hello");
            world.finish(bob, back);
        }
        world.run_for(40 * SECOND);
        world.unmeddle(alice, bob);
        let conn = world.dial(alice, bob).unwrap();
        world.send(alice, conn, "plain").unwrap();
        // What still waits for the end of a spoilt transport comes first.
        world.run_for(60 * SECOND);
        let heard = world.heard_by(bob);
        prop_assert_eq!(heard.last().map(String::as_str), Some("plain"));
    }
}
