//! onion_cells.json: cells of circuits, at every hop and at the client.
//!
//! What an end draws itself cannot be given to it, so each circuit stands twice. The *printed* one takes the cells of the
//! vector: its relays open them and wrap them as printed, its client opens them. In the *own* one the same things are said by
//! our client and our relays. A relay that opens printed cells as printed opens one of our client for the right payload
//! only if that cell is what the model makes of the slots that were drawn: nothing else in it is free.

use super::{Case, Fields, Wrong, bad, equal, good, holds, same, some};
use pluribus_mix::crypto::aead::{Aead, Backend, Key};
use pluribus_mix::crypto::kdf::{Label, Secret};
use pluribus_mix::crypto::rng::{Noise, Seed};
use pluribus_mix::onion::cipher::{HopCipher, Role, SlotCipher};
use pluribus_mix::onion::handshake::HopSecrets;
use pluribus_mix::onion::layers::{Broken, Layers};
use pluribus_mix::onion::{CELL, Cell, PAYLOAD, Payload, SLOT, SLOTS, payload, payload_mut};

/// Cells of an era. (ONI-5)
const ERA: u64 = 1024;

/// Runs one case.
///
/// # Errors
/// If the implementation differs; so with all here.
pub fn run(case: &Case, backend: Backend) -> Result<(), Wrong> {
    let fields = &case.fields();
    let mut circuit = Circuit::new(fields, backend)?;
    for step in fields.objects("steps")? {
        circuit.step(&step)?;
    }
    match case.kind() {
        "circuit" => Ok(()),
        "forward refused" => circuit.forward_refused(&fields.object("refused")?),
        "backward refused" => circuit.backward_refused(&fields.object("refused")?),
        kind => Err(Wrong::new(format!("unknown kind {kind:?}"))),
    }
}

fn role(fields: &Fields<'_>) -> Result<Role, Wrong> {
    match fields.text("role")? {
        "relay" => Ok(Role::Relay),
        "message" => Ok(Role::Message),
        "through" => Ok(Role::Through),
        other => Err(Wrong::new(format!("{other} is no role"))),
    }
}

/// One direction of a hop, by hand: the secret of the era, and the counter of the next cell. (ONI-5)
struct Chain {
    secret: Secret,
    era: u64,
    counter: u64,
}

impl Chain {
    fn new(secret: [u8; 32], start: u64) -> Self {
        let secret = Secret::from(secret);
        Self {
            secret,
            era: start / ERA,
            counter: start,
        }
    }

    /// The counter that the printed layer has is the next one, and the printed key that of its era.
    fn next(&mut self, layer: &Fields<'_>) -> Result<u64, Wrong> {
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

    fn open(&self, backend: Backend, counter: u64, aad: [u8; 3], layer: &[u8]) -> Option<Vec<u8>> {
        let (tag, sealed) = layer.split_first_chunk::<SLOT>()?;
        let mut sealed = [sealed, tag].concat();
        let key = Key::new(backend, self.secret.expand(Label::HOP_KEY, b"").as_bytes());
        key.open(counter, &aad, &mut sealed)
            .ok()
            .map(|it| it.to_vec())
    }
}

/// Both directions of a hop, and its live count.
struct Known {
    forward: Chain,
    backward: Chain,
    live: usize,
}

impl Known {
    /// Where what this hop seals on the way back begins.
    fn sealed_from(&self) -> usize {
        (SLOTS - self.live) * SLOT
    }

    /// What a printed cell of this hop says under a role: its live slots and its payload.
    fn says(
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

/// The relays' ends and the client's.
struct Ends {
    relays: Vec<SlotCipher>,
    client: Layers,
    noise: Seed,
    backend: Backend,
}

impl Ends {
    fn new(seed: [u8; 32], backend: Backend) -> Self {
        let noise = Seed::from_bytes(seed);
        Self {
            relays: Vec::new(),
            client: Layers::new(backend, Noise::from(&mut noise.fork("client"))),
            noise,
            backend,
        }
    }

    fn join(&mut self, hop: &Fields<'_>) -> Result<(), Wrong> {
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
        self.client.push(secrets()?, live, start);
        equal("the hops", self.client.len(), self.relays.len())
    }

    fn leave(&mut self, hops: usize) {
        self.relays.truncate(hops);
        self.client.pop_to(hops);
    }

    fn relay(&mut self, hop: usize) -> Result<&mut SlotCipher, Wrong> {
        let relay = hop.checked_sub(1).and_then(|at| self.relays.get_mut(at));
        some("there is no such hop", relay)
    }

    /// Our client says this at this hop: what it sends.
    fn sent(&mut self, hop: usize, role: Role, said: &Payload) -> Result<Cell, Wrong> {
        let mut cell = [0; CELL];
        *payload_mut(&mut cell) = *said;
        good("the cell", self.client.wrap(hop, role, &mut cell))?;
        Ok(cell)
    }

    /// Our client says this, and our relays hear it.
    fn forward(&mut self, hop: usize, role: Role, said: &Payload) -> Result<(), Wrong> {
        let mut cell = self.sent(hop, role, said)?;
        for number in 1..=hop {
            let found = self.relay(number)?.peel(&mut cell);
            let wanted = if number == hop { role } else { Role::Relay };
            equal("the role of our cell", found, Some(wanted))?;
        }
        same("the payload of our cell", payload(&cell), said)
    }

    /// Our relay says this: what leaves it.
    fn originated(&mut self, hop: usize, role: Role, said: &Payload) -> Result<Cell, Wrong> {
        let mut cell = [0; CELL];
        *payload_mut(&mut cell) = *said;
        self.relay(hop)?.originate(role, &mut cell);
        Ok(cell)
    }

    /// Our relay says this, and our client hears it.
    fn backward(&mut self, hop: usize, role: Role, said: &Payload) -> Result<(), Wrong> {
        let mut cell = self.originated(hop, role, said)?;
        for number in (1..hop).rev() {
            self.relay(number)?.wrap(&mut cell);
        }
        self.hears(hop, role, said, cell)
    }

    /// Our client hears this in the cell.
    fn hears(
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

/// A circuit, twice, and what a case says of it.
struct Circuit {
    printed: Ends,
    own: Ends,
    known: Vec<Known>,
    backend: Backend,
}

impl Circuit {
    fn new(fields: &Fields<'_>, backend: Backend) -> Result<Self, Wrong> {
        let mut circuit = Self {
            printed: Ends::new([1; 32], backend),
            own: Ends::new([2; 32], backend),
            known: Vec::new(),
            backend,
        };
        for hop in fields.objects("hops")? {
            circuit.join(&hop)?;
        }
        Ok(circuit)
    }

    fn join(&mut self, hop: &Fields<'_>) -> Result<(), Wrong> {
        let start = hop.u64("start")?;
        self.known.push(Known {
            forward: Chain::new(hop.array("forward")?, start),
            backward: Chain::new(hop.array("backward")?, start),
            live: hop.number("live")?,
        });
        self.printed.join(hop)?;
        self.own.join(hop)
    }

    fn known(&mut self, hop: usize) -> Result<&mut Known, Wrong> {
        let known = hop.checked_sub(1).and_then(|at| self.known.get_mut(at));
        some("there is no such hop", known)
    }

    fn step(&mut self, step: &Fields<'_>) -> Result<(), Wrong> {
        match step.text("step")? {
            "forward" => self.forward(step),
            "backward" => self.backward(step),
            "many forward" => self.many(step, Ends::forward, |known| &mut known.forward),
            "many backward" => self.many(step, Ends::backward, |known| &mut known.backward),
            "join" => self.join(&step.object("hop")?),
            "leave" => {
                let hops = step.number("hops")?;
                self.known.truncate(hops);
                self.printed.leave(hops);
                self.own.leave(hops);
                Ok(())
            }
            other => Err(Wrong::new(format!("unknown step {other:?}"))),
        }
    }

    /// Cells that the vector does not print.
    fn many(
        &mut self,
        step: &Fields<'_>,
        say: fn(&mut Ends, usize, Role, &Payload) -> Result<(), Wrong>,
        chain: fn(&mut Known) -> &mut Chain,
    ) -> Result<(), Wrong> {
        let (hop, times) = (step.number("hop")?, step.small::<u32>("times")?);
        for _ in 0..times {
            say(&mut self.printed, hop, Role::Message, &[7; PAYLOAD])?;
            say(&mut self.own, hop, Role::Message, &[7; PAYLOAD])?;
        }
        for number in 1..=hop {
            chain(self.known(number)?).counter += u64::from(times);
        }
        Ok(())
    }

    fn forward(&mut self, step: &Fields<'_>) -> Result<(), Wrong> {
        let (hop, role) = (step.number("hop")?, role(step)?);
        let (said, layers) = (step.array::<PAYLOAD>("payload")?, step.objects("layers")?);
        equal("the layers", layers.len(), hop)?;
        let mut cell: Option<Cell> = None;
        for (number, layer) in (1..).zip(&layers) {
            let mut arrives: Cell = layer.array("cell")?;
            if let Some(cell) = cell {
                same("the cell passed on", &cell, &arrives)?;
            }
            let wanted = if number == hop { role } else { Role::Relay };
            self.arrives(number, layer, wanted, &arrives)?;
            let found = self.printed.relay(number)?.peel(&mut arrives);
            equal("the role", found, Some(wanted))?;
            cell = Some(arrives);
        }
        let cell = some("the cell comes nowhere", cell)?;
        same("the payload", payload(&cell), &said)?;
        let slots = step.bytes("slots")?;
        equal("the slots drawn", slots.len(), (SLOTS - hop) * SLOT)?;
        same(
            "the slots",
            cell.get(..slots.len()).unwrap_or_default(),
            &slots,
        )?;
        // The client of the printed circuit counts the cell.
        self.printed.sent(hop, role, &said)?;
        self.own.forward(hop, role, &said)
    }

    /// A printed layer has the next counter and its keys, and opens under them.
    fn arrives(
        &mut self,
        hop: usize,
        layer: &Fields<'_>,
        role: Role,
        cell: &Cell,
    ) -> Result<(), Wrong> {
        let (backend, ours) = (self.backend, self.printed.relay(hop)?.forward_counter());
        let chain = &mut self.known(hop)?.forward;
        let counter = chain.next(layer)?;
        equal("the relay's counter", ours, counter)?;
        let filler = chain.secret.expand(Label::HOP_FILLER, b"");
        same(
            "the filler key",
            filler.as_bytes(),
            &layer.bytes("filler_key")?,
        )?;
        let opened = chain.open(backend, counter, [1, 0, role as u8], cell);
        some("the cell does not open under its key", opened).map(drop)
    }

    fn backward(&mut self, step: &Fields<'_>) -> Result<(), Wrong> {
        let (hop, role) = (step.number("hop")?, role(step)?);
        let (said, layers) = (step.array::<PAYLOAD>("payload")?, step.objects("layers")?);
        equal("the layers", layers.len(), hop)?;
        let mut cell: Option<Cell> = None;
        for (number, layer) in (1..=hop).rev().zip(&layers) {
            let printed: Cell = layer.array("cell")?;
            let backend = self.backend;
            let known = self.known(number)?;
            let counter = known.backward.next(layer)?;
            let from = known.sealed_from();
            let ours = match cell {
                Some(mut cell) => {
                    self.printed.relay(number)?.wrap(&mut cell);
                    parts("the cell passed on", from, &cell, &printed)?;
                    cell
                }
                None => {
                    let wanted = [step.bytes("live_slots")?, said.to_vec()].concat();
                    let says = known.says(backend, (counter, role), &printed)?;
                    same("the printed cell", &says, &wanted)?;
                    self.originates((number, counter), role, &said)?
                }
            };
            let drawn = ours.get(SLOT..from).unwrap_or_default();
            let theirs = printed.get(SLOT..from).unwrap_or_default();
            let fresh = drawn.is_empty() || drawn != theirs;
            holds(fresh, || "slots were not drawn anew".to_owned())?;
            cell = Some(printed);
        }
        let cell = some("the cell comes from nowhere", cell)?;
        self.printed.hears(hop, role, &said, cell)?;
        self.own.backward(hop, role, &said)
    }

    /// Our relay makes a cell of its own: it says the payload under the printed key.
    fn originates(
        &mut self,
        (hop, counter): (usize, u64),
        role: Role,
        said: &Payload,
    ) -> Result<Cell, Wrong> {
        let (cell, backend) = (self.printed.originated(hop, role, said)?, self.backend);
        let known = self.known(hop)?;
        let says = known.says(backend, (counter, role), &cell)?;
        let ours = says.get(known.live * SLOT..).unwrap_or_default();
        same("our cell", ours, said)?;
        Ok(cell)
    }

    fn forward_refused(&mut self, refused: &Fields<'_>) -> Result<(), Wrong> {
        let relay = self.printed.relay(refused.number("hop")?)?;
        let counter = refused.u64("counter")?;
        equal("the counter", relay.forward_counter(), counter)?;
        let found = relay.peel(&mut refused.array("cell")?);
        equal("the role", found, None)
    }

    fn backward_refused(&mut self, refused: &Fields<'_>) -> Result<(), Wrong> {
        let found = self.printed.client.peel(&mut refused.array("cell")?);
        let broken = bad("the cell", found)?;
        let hop = refused.number("hop")?;
        equal("the layer that does not open", broken, Broken { hop })
    }
}

/// Two cells have the same tag, and the same from `from` on: what is between is drawn.
fn parts(what: &str, from: usize, ours: &Cell, wanted: &Cell) -> Result<(), Wrong> {
    let tag_and_sealed = |cell: &Cell| {
        let (slots, sealed) = cell.split_at(from);
        [slots.get(..SLOT).unwrap_or_default(), sealed].concat()
    };
    same(what, &tag_and_sealed(ours), &tag_and_sealed(wanted))
}
