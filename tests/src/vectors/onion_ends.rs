//! The two ends of a circuit, the client's and those of its relays, and what a case prints of them. (ONI-5 to 8, PAC-9)

use super::{Fields, Wrong, equal, good, same, some};
use pluribus_mix::crypto::aead::{Aead, Backend, Key};
use pluribus_mix::crypto::kdf::{Label, Secret};
use pluribus_mix::crypto::rng::{Noise, Seed};
use pluribus_mix::onion::cipher::{HopCipher, Role, SlotCipher};
use pluribus_mix::onion::handshake::HopSecrets;
use pluribus_mix::onion::layers::{Layers, Offsets};
use pluribus_mix::onion::{CELL, Cell, Payload, SLOT, SLOTS, payload, payload_mut};

/// Cells of an era. (ONI-5)
const ERA: u64 = 1024;

/// The role in a step.
pub(super) fn role(fields: &Fields<'_>) -> Result<Role, Wrong> {
    match fields.text("role")? {
        "relay" => Ok(Role::Relay),
        "message" => Ok(Role::Message),
        "through" => Ok(Role::Through),
        other => Err(Wrong::new(format!("{other} is no role"))),
    }
}

/// One direction of a hop, by hand: the secret of the era, and the counter of the next cell. (ONI-5)
pub(super) struct Chain {
    pub(super) secret: Secret,
    era: u64,
    start: u64,
    pub(super) counter: u64,
}

impl Chain {
    pub(super) fn new(secret: [u8; 32], start: u64) -> Self {
        let secret = Secret::from(secret);
        Self {
            secret,
            era: start / ERA,
            start,
            counter: start,
        }
    }

    /// The counter that the printed layer has is the next one, or that of its index, and the printed key that of its era.
    pub(super) fn next(&mut self, layer: &Fields<'_>, at: Option<u64>) -> Result<u64, Wrong> {
        if let Some(index) = at {
            equal("the index", layer.small("index")?, index)?;
            self.counter = self.start + index;
        }
        let counter = self.counter;
        equal("the counter", layer.u64("counter")?, counter)?;
        while self.era < counter / ERA {
            self.secret = self.secret.expand(Label::HOP_NEXT, b"");
            self.era += 1;
        }
        let key = self.secret.expand(Label::HOP_KEY, b"");
        same("the key", key.as_bytes(), &layer.bytes("key")?)?;
        self.counter += 1;
        Ok(counter)
    }

    pub(super) fn open(
        &self,
        backend: Backend,
        counter: u64,
        aad: [u8; 3],
        layer: &[u8],
    ) -> Option<Vec<u8>> {
        let (tag, sealed) = layer.split_first_chunk::<SLOT>()?;
        let mut sealed = [sealed, tag].concat();
        let key = Key::new(backend, self.secret.expand(Label::HOP_KEY, b"").as_bytes());
        key.open(counter, &aad, &mut sealed)
            .ok()
            .map(|it| it.to_vec())
    }
}

/// Both directions of a hop, and its live count.
pub(super) struct Known {
    pub(super) forward: Chain,
    pub(super) backward: Chain,
    pub(super) live: usize,
}

impl Known {
    /// Where what this hop seals on the way back begins.
    pub(super) fn sealed_from(&self) -> usize {
        (SLOTS - self.live) * SLOT
    }

    /// What a printed cell of this hop says under a role: its live slots and its payload.
    pub(super) fn says(
        &self,
        backend: Backend,
        (counter, role): (u64, Role),
        cell: &Cell,
    ) -> Result<Vec<u8>, Wrong> {
        let (slots, sealed) = cell.split_at(self.sealed_from());
        let tag = slots.get(..SLOT).unwrap_or_default();
        let opened = self.backward.open(
            backend,
            counter,
            [1, 1, role as u8],
            &[tag, sealed].concat(),
        );
        some("the cell does not open under its key", opened)
    }
}

/// Which way a cell goes.
#[derive(Clone, Copy)]
pub(super) enum Way {
    /// Away from the client.
    Forward,
    /// Towards it.
    Backward,
}

/// How far the indices at a hop lie behind those of the first link; without pacing there are none. (PAC-11)
fn offsets(hop: &Fields<'_>) -> Result<Offsets, Wrong> {
    if !hop.has("offsets") {
        return Ok(Offsets::default());
    }
    let offsets = hop.object("offsets")?;
    Ok(Offsets {
        forward: offsets.small("forward")?,
        backward: offsets.small("backward")?,
    })
}

/// The relays' ends and the client's.
pub(super) struct Ends {
    relays: Vec<SlotCipher>,
    pub(super) client: Layers,
    offsets: Vec<Offsets>,
    noise: Seed,
    backend: Backend,
}

impl Ends {
    pub(super) fn new(seed: [u8; 32], backend: Backend) -> Self {
        let noise = Seed::from_bytes(seed);
        Self {
            relays: Vec::new(),
            offsets: Vec::new(),
            client: Layers::new(backend, Noise::from(&mut noise.fork("client"))),
            noise,
            backend,
        }
    }

    pub(super) fn join(&mut self, hop: &Fields<'_>) -> Result<(), Wrong> {
        let secrets = || -> Result<HopSecrets, Wrong> {
            Ok(HopSecrets {
                forward: Secret::from(hop.array::<32>("forward")?),
                backward: Secret::from(hop.array::<32>("backward")?),
            })
        };
        let (live, start) = (hop.small("live")?, hop.u64("start")?);
        let noise = Noise::from(&mut self.noise.fork(&format!("hop {}", self.relays.len())));
        let relay = SlotCipher::new(secrets()?, live, start, self.backend, noise);
        self.relays.push(relay);
        let offsets = offsets(hop)?;
        self.offsets.push(offsets);
        self.client.push_at(secrets()?, live, start, offsets);
        equal("the hops", self.client.len(), self.relays.len())
    }

    pub(super) fn leave(&mut self, hops: usize) {
        self.relays.truncate(hops);
        self.offsets.truncate(hops);
        self.client.pop_to(hops);
    }

    pub(super) fn relay(&mut self, hop: usize) -> Result<&mut SlotCipher, Wrong> {
        let relay = hop.checked_sub(1).and_then(|at| self.relays.get_mut(at));
        some("there is no such hop", relay)
    }

    /// The index at a hop of the cell with this one on the first link. (PAC-11)
    pub(super) fn index(&self, way: Way, hop: usize, index: u64) -> Result<u64, Wrong> {
        let offsets = hop.checked_sub(1).and_then(|at| self.offsets.get(at));
        let offsets = some("there is no such hop", offsets)?;
        let offset = match way {
            Way::Forward => offsets.forward,
            Way::Backward => offsets.backward,
        };
        some("the cell was before that hop", index.checked_sub(offset))
    }

    /// The next cell at the client is the one with this index, where cells have one. (PAC-9)
    pub(super) fn seek_client(&mut self, way: Way, index: Option<u64>) -> Result<(), Wrong> {
        let sought = index.is_none_or(|index| match way {
            Way::Forward => self.client.seek_forward(index),
            Way::Backward => self.client.seek_backward(index),
        });
        some("the client does not go there", sought.then_some(()))
    }

    /// The same at a hop, which has an index of its own.
    pub(super) fn seek_relay(
        &mut self,
        way: Way,
        hop: usize,
        at: Option<u64>,
    ) -> Result<(), Wrong> {
        let Some(at) = at else { return Ok(()) };
        let relay = self.relay(hop)?;
        let sought = match way {
            Way::Forward => relay.seek_forward(at),
            Way::Backward => relay.seek_backward(at),
        };
        some("the relay does not go there", sought.then_some(()))
    }

    /// Our client says this at this hop: what it sends.
    pub(super) fn sent(&mut self, hop: usize, role: Role, said: &Payload) -> Result<Cell, Wrong> {
        let mut cell = [0; CELL];
        *payload_mut(&mut cell) = *said;
        good("the cell", self.client.wrap(hop, role, &mut cell))?;
        Ok(cell)
    }

    /// Our client says this, and our relays hear it.
    pub(super) fn forward(&mut self, hop: usize, role: Role, said: &Payload) -> Result<(), Wrong> {
        self.forward_at(None, (hop, hop), role, said)
    }

    /// The same in the place with this index on the first link, where cells have one; the cell is for hop `hop` and comes to `reaches`.
    pub(super) fn forward_at(
        &mut self,
        index: Option<u64>,
        (hop, reaches): (usize, usize),
        role: Role,
        said: &Payload,
    ) -> Result<(), Wrong> {
        self.seek_client(Way::Forward, index)?;
        let mut cell = self.sent(hop, role, said)?;
        for number in 1..=reaches {
            let here = self.here(Way::Forward, number, index)?;
            self.seek_relay(Way::Forward, number, here)?;
            let found = self.relay(number)?.peel(&mut cell);
            let wanted = if number == hop { role } else { Role::Relay };
            equal("the role of our cell", found, Some(wanted))?;
        }
        match reaches == hop {
            true => same("the payload of our cell", payload(&cell), said),
            false => Ok(()),
        }
    }

    /// The index at a hop, where cells have one.
    pub(super) fn here(
        &self,
        way: Way,
        hop: usize,
        index: Option<u64>,
    ) -> Result<Option<u64>, Wrong> {
        index.map(|index| self.index(way, hop, index)).transpose()
    }

    /// Our relay says this: what leaves it.
    pub(super) fn originated(
        &mut self,
        hop: usize,
        role: Role,
        said: &Payload,
    ) -> Result<Cell, Wrong> {
        let mut cell = [0; CELL];
        *payload_mut(&mut cell) = *said;
        self.relay(hop)?.originate(role, &mut cell);
        Ok(cell)
    }

    /// Our relay says this, and our client hears it.
    pub(super) fn backward(&mut self, hop: usize, role: Role, said: &Payload) -> Result<(), Wrong> {
        self.backward_at(None, hop, role, said)
    }

    /// The same in the place with this index on the first link, where cells have one.
    pub(super) fn backward_at(
        &mut self,
        index: Option<u64>,
        hop: usize,
        role: Role,
        said: &Payload,
    ) -> Result<(), Wrong> {
        let here = self.here(Way::Backward, hop, index)?;
        self.seek_relay(Way::Backward, hop, here)?;
        let mut cell = self.originated(hop, role, said)?;
        self.passed_back(index, hop, &mut cell)?;
        self.seek_client(Way::Backward, index)?;
        self.hears(hop, role, said, cell)
    }

    /// The hops before this one pass a cell on.
    pub(super) fn passed_back(
        &mut self,
        index: Option<u64>,
        hop: usize,
        cell: &mut Cell,
    ) -> Result<(), Wrong> {
        for number in (1..hop).rev() {
            let here = self.here(Way::Backward, number, index)?;
            self.seek_relay(Way::Backward, number, here)?;
            self.relay(number)?.wrap(cell);
        }
        Ok(())
    }

    /// Our client hears this in the cell.
    pub(super) fn hears(
        &mut self,
        hop: usize,
        role: Role,
        said: &Payload,
        mut cell: Cell,
    ) -> Result<(), Wrong> {
        let heard = good("the cell", self.client.peel(&mut cell))?;
        equal("who said it, and as what", heard, (hop, role))?;
        same("the payload heard", payload(&cell), said)
    }
}
