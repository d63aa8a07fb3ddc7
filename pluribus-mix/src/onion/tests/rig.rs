//! A path of hops whose secrets were agreed on beforehand.

use crate::crypto::aead::Backend;
use crate::crypto::kdf::Secret;
use crate::crypto::rng::{Noise, Rng, Seed};
use crate::onion::cipher::{HopCipher, Role, SlotCipher};
use crate::onion::handshake::HopSecrets;
use crate::onion::layers::{Broken, Layers};
use crate::onion::{CELL, Cell, PAYLOAD, Payload, payload, payload_mut};

/// A generator for one test.
pub(super) fn rng(purpose: &str) -> Rng {
    Seed::from_bytes([5; 32]).fork(purpose)
}

/// The same secrets twice, for client and relay.
pub(super) fn twins(rng: &mut Rng) -> [HopSecrets; 2] {
    let (forward, backward) = (*rng.draw(), *rng.draw());
    [(); 2].map(|()| HopSecrets {
        forward: Secret::from(forward),
        backward: Secret::from(backward),
    })
}

/// A client and its hops.
pub(super) struct Path {
    pub(super) client: Layers,
    pub(super) relays: Vec<SlotCipher>,
}

impl Path {
    /// `hops` hops whose last one answers for `live` slots, every counter beginning at `start`.
    pub(super) fn new(hops: usize, live: u8, start: u64, backend: Backend) -> Self {
        Self::with(hops, live, start, backend, |_, live| live)
    }

    /// The same, where a relay makes something else of its live count.
    pub(super) fn with(
        hops: usize,
        live: u8,
        start: u64,
        backend: Backend,
        taken: impl Fn(usize, u8) -> u8,
    ) -> Self {
        let mut rng = rng("path");
        let mut path = Self {
            client: Layers::new(backend, Noise::from(&mut rng)),
            relays: Vec::new(),
        };
        for hop in 0..hops {
            let live = live + u8::try_from(hops - 1 - hop).unwrap();
            let [client, relay] = twins(&mut rng);
            path.client.push(client, live, start);
            let noise = Noise::from(&mut rng);
            let live = taken(hop + 1, live);
            path.relays
                .push(SlotCipher::new(relay, live, start, backend, noise));
        }
        path
    }

    /// The cell that leaves the client with `text` for `hop`.
    pub(super) fn sent(&mut self, hop: usize, role: Role, text: &Payload) -> Cell {
        let mut cell = [0; CELL];
        *payload_mut(&mut cell) = *text;
        self.client.wrap(hop, role, &mut cell).unwrap();
        cell
    }

    /// Lets `cell` go from `hop` on; where it stops, with what role and text. `None`: it was refused there.
    pub(super) fn forward(
        &mut self,
        hop: usize,
        mut cell: Cell,
    ) -> (usize, Option<(Role, Payload)>) {
        for (hop, relay) in (1..).zip(&mut self.relays).skip(hop - 1) {
            match relay.peel(&mut cell) {
                Some(Role::Relay) => {}
                Some(role) => return (hop, Some((role, *payload(&cell)))),
                None => return (hop, None),
            }
        }
        (self.relays.len() + 1, None)
    }

    /// The cell that `hop` makes of `text`, as it leaves it.
    pub(super) fn originated(&mut self, hop: usize, role: Role, text: &Payload) -> Cell {
        let mut cell = [0; CELL];
        *payload_mut(&mut cell) = *text;
        self.relays[hop - 1].originate(role, &mut cell);
        cell
    }

    /// Lets `cell` go from behind `hop`, which it has left, to before `last`.
    pub(super) fn backward(&mut self, hop: usize, last: usize, cell: &mut Cell) {
        for relay in self.relays[last - 1..hop - 1].iter_mut().rev() {
            relay.wrap(cell);
        }
    }

    /// What the client makes of `cell`.
    pub(super) fn heard(&mut self, mut cell: Cell) -> Result<(usize, Role, Payload), Broken> {
        let (hop, role) = self.client.peel(&mut cell)?;
        Ok((hop, role, *payload(&cell)))
    }
}

/// A text that says which it is.
pub(super) fn text(number: u64) -> Payload {
    let mut text = [0x2a; PAYLOAD];
    text[..8].copy_from_slice(&number.to_be_bytes());
    text
}
