//! Two nodes in memory with nothing between them: all of the core's path, and no socket.

use super::super::Failure;
use super::meter::broken;
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::crypto::rng::Seed;
use pluribus_mix::crypto::sign::SigningKey;
use pluribus_mix::locator::Address;
use pluribus_mix::netlayer::{ConnId, Event, Netlayer as _};
use pluribus_mix::node::{Carrier, Config, LinkId, LinkRequest, Node, Source};
use pluribus_mix::time::Instant;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Dialler and dialled.
pub(super) struct Rig {
    pub(super) nodes: [Node; 2],
    /// Where a link of one node ends at the other.
    far: [BTreeMap<LinkId, LinkId>; 2],
    buffer: Vec<u8>,
    /// Messages that have come to the dialled node.
    pub(super) heard: usize,
    /// Their bodies, to be sent again: making messages is not what is measured.
    pub(super) spare: Vec<Vec<u8>>,
    /// Connections opened, at either node.
    pub(super) opened: usize,
}

const NOW: Instant = Instant::from_nanos(1);

impl Rig {
    pub(super) fn new(backend: Backend) -> Result<Self, Failure> {
        let address = |host: u8| {
            format!("127.0.0.{host}:1")
                .parse::<Address>()
                .map_err(broken)
        };
        let node = |seed: u8, address: Address, anonymous: bool| {
            let mut config = Config::new(Arc::new(SigningKey::from_seed(&[seed; 32])), 1);
            config.backend = backend;
            config.anonymous = anonymous;
            config.places.push(address);
            Node::new(config, &Seed::from_bytes([seed; 32]))
        };
        Ok(Self {
            // Two vats have one connection; whoever dials under throwaway keys can have many.
            nodes: [node(1, address(1)?, true), node(2, address(2)?, false)],
            far: [BTreeMap::new(), BTreeMap::new()],
            buffer: Vec::new(),
            heard: 0,
            spare: Vec::new(),
            opened: 0,
        })
    }

    /// A connection from the first node to the second.
    pub(super) fn connect(&mut self) -> Result<ConnId, Failure> {
        let [dialler, dialled] = &mut self.nodes;
        let conn = dialler.connect(dialled.locator()).map_err(broken)?;
        let opened = self.opened;
        self.drive();
        (self.opened == opened + 2)
            .then_some(conn)
            .ok_or_else(|| broken("no handshake"))
    }

    /// Carries everything until nothing moves.
    pub(super) fn drive(&mut self) {
        while self.pass(0, 1) | self.pass(1, 0) {}
    }

    fn pass(&mut self, from: usize, to: usize) -> bool {
        let [first, second] = &mut self.nodes;
        let [far_first, far_second] = &mut self.far;
        let (near, far, links, back) = if from < to {
            (first, second, far_first, far_second)
        } else {
            (second, first, far_second, far_first)
        };
        let mut moved = false;
        while let Some(LinkRequest::Open { link, .. }) = near.poll_link(NOW) {
            let other = far.link_accepted(NOW, Source([0; 16]), Carrier::Stream);
            links.insert(link, other);
            back.insert(other, link);
            near.link_opened(NOW, link, Carrier::Stream);
            moved = true;
        }
        while let Some(link) = near.poll_transmit(NOW, &mut self.buffer) {
            if let Some(other) = links.get(&link) {
                far.handle_input(NOW, *other, &mut self.buffer);
            }
            self.buffer.clear();
            near.link_ready(link);
            moved = true;
        }
        while let Some(event) = near.poll_event() {
            moved = true;
            match event {
                Event::Opened { .. } => self.opened += 1,
                Event::Message { body, .. } => {
                    self.heard += 1;
                    self.spare.push(body);
                }
                _ => {}
            }
        }
        moved
    }
}
