//! onion_cells.json and paced_cells.json: cells of circuits, at every hop and at the client.
//!
//! What an end draws itself cannot be given to it, so each circuit stands twice. The *printed* one takes the cells of the
//! vector: its relays open them and wrap them as printed, its client opens them. In the *own* one the same things are said by
//! our client and our relays. A relay that opens printed cells as printed opens one of our client for the right payload
//! only if that cell is what the model makes of the slots that were drawn: nothing else in it is free.
//!
//! With pacing a step has an index, that of its cell on the first link, and a cell need not come all the way. (PAC-9, PAC-11)

use super::onion_ends::{Chain, Ends, Known, Way, role};
use super::{Case, Fields, Wrong, bad, equal, holds, same, some};
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::crypto::kdf::Label;
use pluribus_mix::onion::cipher::{HopCipher, Role};
use pluribus_mix::onion::layers::Broken;
use pluribus_mix::onion::{CELL, Cell, PAYLOAD, Payload, SLOT, SLOTS, payload};

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

/// The index in a step, where cells have one. (PAC-9)
fn index(step: &Fields<'_>) -> Result<Option<u64>, Wrong> {
    let index = step.has("index").then(|| step.small("index"));
    index.transpose()
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
            "gap" => self.gap(step),
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
        let index = index(step)?;
        let reaches = match step.has("reaches") {
            true => step.number("reaches")?,
            false => hop,
        };
        equal("the layers", layers.len(), reaches)?;
        let mut cell: Option<Cell> = None;
        for (number, layer) in (1..).zip(&layers) {
            let mut arrives: Cell = layer.array("cell")?;
            if let Some(cell) = cell {
                same("the cell passed on", &cell, &arrives)?;
            }
            let wanted = if number == hop { role } else { Role::Relay };
            let here = self.printed.here(Way::Forward, number, index)?;
            self.printed.seek_relay(Way::Forward, number, here)?;
            self.arrives((number, here), layer, wanted, &arrives)?;
            let found = self.printed.relay(number)?.peel(&mut arrives);
            equal("the role", found, Some(wanted))?;
            cell = Some(arrives);
        }
        let slots = step.bytes("slots")?;
        equal("the slots drawn", slots.len(), (SLOTS - hop) * SLOT)?;
        if let Some(cell) = cell.filter(|_| reaches == hop) {
            same("the payload", payload(&cell), &said)?;
            let drawn = cell.get(..slots.len()).unwrap_or_default();
            same("the slots", drawn, &slots)?;
        }
        // The client of the printed circuit counts the cell.
        self.printed.seek_client(Way::Forward, index)?;
        self.printed.sent(hop, role, &said)?;
        self.own.forward_at(index, (hop, reaches), role, &said)
    }

    /// A printed layer has the next counter and its keys, and opens under them.
    fn arrives(
        &mut self,
        (hop, here): (usize, Option<u64>),
        layer: &Fields<'_>,
        role: Role,
        cell: &Cell,
    ) -> Result<(), Wrong> {
        let (backend, ours) = (self.backend, self.printed.relay(hop)?.forward_counter());
        let chain = &mut self.known(hop)?.forward;
        let counter = chain.next(layer, here)?;
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
        let (said, index) = (step.array::<PAYLOAD>("payload")?, index(step)?);
        let wanted = [step.bytes("live_slots")?, said.to_vec()].concat();
        let cell = self.leaves(step, hop, |circuit, counter, printed| {
            let backend = circuit.backend;
            let says = circuit
                .known(hop)?
                .says(backend, (counter, role), printed)?;
            same("the printed cell", &says, &wanted)?;
            circuit.originates((hop, counter), role, &said)
        })?;
        self.printed.seek_client(Way::Backward, index)?;
        self.printed.hears(hop, role, &said, cell)?;
        self.own.backward_at(index, hop, role, &said)
    }

    /// Nothing came to this hop: it puts its layer on noise, and the client finds that of the hop behind it broken. (PAC-10, PAC-13)
    fn gap(&mut self, step: &Fields<'_>) -> Result<(), Wrong> {
        let (hop, index) = (step.number("hop")?, index(step)?);
        let noise: Cell = step.array("noise")?;
        let mut cell = self.leaves(step, hop, |circuit, _, printed| {
            let from = circuit.known(hop)?.sealed_from();
            let mut cell = noise;
            circuit.printed.relay(hop)?.wrap(&mut cell);
            parts("the layer on noise", from, &cell, printed)?;
            Ok(cell)
        })?;
        let broken = Broken {
            hop: step.number("broken")?,
        };
        self.printed.seek_client(Way::Backward, index)?;
        let found = bad("the printed gap", self.printed.client.peel(&mut cell))?;
        equal("whose layer is missing", found, broken)?;
        let here = self.own.here(Way::Backward, hop, index)?;
        self.own.seek_relay(Way::Backward, hop, here)?;
        let mut cell = [0; CELL];
        self.own.relay(hop)?.noise(&mut cell);
        self.own.relay(hop)?.wrap(&mut cell);
        self.own.passed_back(index, hop, &mut cell)?;
        self.own.seek_client(Way::Backward, index)?;
        let found = bad("our gap", self.own.client.peel(&mut cell))?;
        equal("whose layer is missing in ours", found, broken)
    }

    /// The layers of a cell on the way back, as printed; `first` is what our relay at `hop` makes of the first, under the counter printed. What comes to the client.
    fn leaves(
        &mut self,
        step: &Fields<'_>,
        hop: usize,
        first: impl Fn(&mut Self, u64, &Cell) -> Result<Cell, Wrong>,
    ) -> Result<Cell, Wrong> {
        let (layers, index) = (step.objects("layers")?, index(step)?);
        equal("the layers", layers.len(), hop)?;
        let mut cell: Option<Cell> = None;
        for (number, layer) in (1..=hop).rev().zip(&layers) {
            let printed: Cell = layer.array("cell")?;
            let here = self.printed.here(Way::Backward, number, index)?;
            self.printed.seek_relay(Way::Backward, number, here)?;
            let known = self.known(number)?;
            let counter = known.backward.next(layer, here)?;
            let from = known.sealed_from();
            let ours = match cell {
                Some(mut cell) => {
                    self.printed.relay(number)?.wrap(&mut cell);
                    parts("the cell passed on", from, &cell, &printed)?;
                    cell
                }
                None => first(self, counter, &printed)?,
            };
            let drawn = ours.get(SLOT..from).unwrap_or_default();
            let theirs = printed.get(SLOT..from).unwrap_or_default();
            let fresh = drawn.is_empty() || drawn != theirs;
            holds(fresh, || "slots were not drawn anew".to_owned())?;
            cell = Some(printed);
        }
        some("the cell comes from nowhere", cell)
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
        let hop = refused.number("hop")?;
        self.printed
            .seek_relay(Way::Forward, hop, index(refused)?)?;
        let relay = self.printed.relay(hop)?;
        let counter = refused.u64("counter")?;
        equal("the counter", relay.forward_counter(), counter)?;
        let found = relay.peel(&mut refused.array("cell")?);
        equal("the role", found, None)
    }

    fn backward_refused(&mut self, refused: &Fields<'_>) -> Result<(), Wrong> {
        self.printed.seek_client(Way::Backward, index(refused)?)?;
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
