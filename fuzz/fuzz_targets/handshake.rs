//! Two nodes and a meddler that is driven by the input: never two ends with different keys, never a message that was not
//! sent, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pluribus_mix::crypto::rng::Seed;
use pluribus_mix::crypto::sign::SigningKey;
use pluribus_mix::netlayer::{ConnId, Event, Netlayer};
use pluribus_mix::node::{Carrier, Config, LinkId, LinkRequest, Node, Source};
use pluribus_mix::time::{Duration, Instant};
use std::sync::Arc;

const SAID: [&[u8]; 2] = [b"from the dialler", b"from the dialled"];

fuzz_target!(|data: &[u8]| {
    let mut world = World::new();
    world.carry(data);
    world.check();
});

struct World {
    now: Instant,
    nodes: [Node; 2],
    links: [Option<LinkId>; 2],
    conns: [Option<ConnId>; 2],
    keys: [Option<[u8; 32]>; 2],
    /// Transmissions that a meddler may bring again.
    old: Vec<Vec<u8>>,
}

impl World {
    fn new() -> Self {
        let node = |seed: u8, at: &str| {
            let mut config = Config::new(Arc::new(SigningKey::from_seed(&[seed; 32])), 1);
            config.places.push(at.parse().expect("an address"));
            Node::new(config, &Seed::from_bytes([seed; 32]))
        };
        let mut nodes = [node(1, "127.0.0.1:1"), node(2, "127.0.0.2:2")];
        let to = nodes[1].locator().clone();
        let conn = nodes[0].connect(&to).expect("somebody else");
        nodes[0].send(conn, SAID[0].to_vec()).expect("room");
        let now = Instant::ZERO;
        let Some(LinkRequest::Open { link, .. }) = nodes[0].poll_link(now) else {
            panic!("a link is wanted");
        };
        let other = nodes[1].link_accepted(now, Source([0; 16]), Carrier::Stream);
        nodes[0].link_opened(now, link, Carrier::Stream);
        Self {
            now,
            nodes,
            links: [Some(link), Some(other)],
            conns: [Some(conn), None],
            keys: [None; 2],
            old: Vec::new(),
        }
    }

    /// Four bytes of `data` decide what happens to each transmission; after the last they pass.
    fn carry(&mut self, data: &[u8]) {
        let mut orders = data.chunks_exact(4);
        for _ in 0..64 {
            let mut moved = false;
            for side in 0..2 {
                let mut out = Vec::new();
                while let Some(link) = self.nodes[side].poll_transmit(self.now, &mut out) {
                    moved = true;
                    let bytes = std::mem::take(&mut out);
                    for mut piece in self.meddle(orders.next(), bytes) {
                        if let Some(other) = self.links[1 - side] {
                            self.nodes[1 - side].handle_input(self.now, other, &mut piece);
                        }
                    }
                    self.nodes[side].link_ready(link);
                }
                self.hear(side);
            }
            if !moved {
                break;
            }
        }
        self.now = self.now + Duration::from_secs(11);
        for side in 0..2 {
            self.nodes[side].handle_timeout(self.now);
            self.hear(side);
            assert_eq!(
                self.nodes[side].half_open(),
                0,
                "nothing is half open for ever"
            );
        }
    }

    fn meddle(&mut self, order: Option<&[u8]>, mut bytes: Vec<u8>) -> Vec<Vec<u8>> {
        self.old.push(bytes.clone());
        let Some(&[how, high, low, value]) = order else {
            return vec![bytes];
        };
        let at = usize::from(u16::from_be_bytes([high, low])) % bytes.len();
        match how % 7 {
            0 => bytes[at] ^= value,
            1 => bytes.truncate(at),
            2 => return Vec::new(),
            3 => return vec![bytes.clone(), bytes],
            4 => return vec![bytes.split_off(at), bytes],
            5 => return vec![self.old[at % self.old.len()].clone()],
            _ => {
                let rest = bytes.split_off(at);
                return vec![bytes, rest];
            }
        }
        vec![bytes]
    }

    fn hear(&mut self, side: usize) {
        while let Some(event) = self.nodes[side].poll_event() {
            match event {
                Event::Opened { conn, peer } => {
                    assert_eq!(peer, self.nodes[1 - side].vat_id());
                    self.conns[side] = Some(conn);
                    self.keys[side] = self.nodes[side].exporter(conn);
                    if side == 1 {
                        let _ = self.nodes[1].send(conn, SAID[1].to_vec());
                    }
                }
                Event::Message { body, .. } => assert_eq!(body, SAID[1 - side]),
                _ => {}
            }
        }
    }

    fn check(&self) {
        if let [Some(one), Some(other)] = self.keys {
            assert_eq!(one, other, "both ends open, with different keys");
        }
    }
}
