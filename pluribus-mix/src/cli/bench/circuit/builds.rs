//! `circuit.cpu_ms_per_build` and `circuit.bytes_per_relay`: circuits of three hops, built one after the other by a client that is nothing
//! but a link and a circuit, through the cores of three relays.
//!
//! All that is done counts: the client's part, three relays, the records on three links. The client gives each circuit up as soon as it stands, the
//! relays are not told; so what memory grows by is what circuits take at relays.

use super::super::super::Failure;
use super::super::meter::{Row, against, broken, resident};
use super::mesh::{Broken, Mesh, RELAYS};
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::crypto::dh::Scalar;
use pluribus_mix::crypto::kem::{DecapsulationKey, EncapsulationKey};
use pluribus_mix::crypto::rng::{Rng, Seed};
use pluribus_mix::crypto::sign::SigningKey;
use pluribus_mix::node::{Carrier, LinkId, Source};
use pluribus_mix::onion::circuit::{Circuit, Heard, Plan};
use pluribus_mix::onion::link::{Ids, Record, begin_record, put_cell};
use pluribus_mix::onion::{Cell, CircuitId};
use pluribus_mix::vattp::bare::{Bare, Came};
use pluribus_mix::vattp::target::Wanted;
use pluribus_mix::vattp::{Hints, Local, Use};
use std::sync::Arc;

/// Circuits in a round.
const ROUND: u32 = 50;
/// Circuits that are held at once: a link has at most 8192.
const HELD: u32 = 8_000;

/// CPU of all parties for one circuit, against its public-key work alone.
pub(super) fn cpu(backend: Backend, rounds: u32) -> Result<Row, Failure> {
    let rounds = rounds.min(HELD / ROUND - 1);
    let mut builder = Builder::new(backend).map_err(broken)?;
    let mut rng = Seed::from_bytes([3; 32]).fork("primitives");
    let builds = || (0..ROUND).try_for_each(|_| builder.build().map_err(broken));
    let bare = || {
        let hops = ROUND as usize * RELAYS;
        (0..hops).try_for_each(|_| primitives(&mut rng).ok_or_else(|| broken("primitives")))
    };
    let (build, reference) = against(rounds, builds, bare)?;
    let milliseconds = |seconds: f64| seconds * 1e3 / f64::from(ROUND);
    Ok(Row {
        name: "circuit.cpu_ms_per_build",
        value: milliseconds(build),
        unit: "ms",
        reference: Some(milliseconds(reference)),
        backend: backend.name(),
    })
}

/// Growth of RSS for each circuit at each relay, none of which has a cell waiting. The relays are returned: memory that they gave back would hide what
/// the next row takes.
pub(super) fn memory(backend: Backend) -> Result<(Row, Builder), Failure> {
    let mut builder = Builder::new(backend).map_err(broken)?;
    let first = HELD / 16;
    // The first ones pay for tables that do not grow with the number.
    (0..first).try_for_each(|_| builder.build().map_err(broken))?;
    let before = resident()?;
    (first..HELD).try_for_each(|_| builder.build().map_err(broken))?;
    let grown = resident()?.saturating_sub(before);
    let row = Row {
        name: "circuit.bytes_per_relay",
        value: grown as f64 / (f64::from(HELD - first) * RELAYS as f64),
        unit: "B",
        reference: None,
        backend: backend.name(),
    };
    Ok((row, builder))
}

/// The client.
pub(super) struct Builder {
    mesh: Mesh,
    backend: Backend,
    link: Bare,
    /// The other end, at the first relay.
    far: LinkId,
    ids: Ids,
    rng: Rng,
    out: Vec<u8>,
}

impl Builder {
    fn new(backend: Backend) -> Result<Self, Broken> {
        let mut mesh = Mesh::new(backend)?;
        let mut rng = Seed::from_bytes([0x51; 32]).fork("builder");
        let (id, now) = (mesh.relay_id(0)?, mesh.now);
        let relay = mesh.consensus.relay(&id).ok_or("no such relay")?;
        let wanted = Wanted {
            key: *id.public_key(),
            prekey: relay.onion,
            for_use: Use::Link,
            place: id.as_bytes().to_vec(),
        };
        let local = Local {
            key: Arc::new(SigningKey::from_seed(&rng.draw())),
            incarnation: 0,
            hints: Hints::default(),
            backend,
        };
        let mut out = Vec::new();
        let link = Bare::dial(wanted, local, &mut rng, &mut out)?;
        let guard = mesh.nodes.first_mut().ok_or("no relay")?;
        let far = guard.link_accepted(now, Source([1; 16]), Carrier::Stream);
        let mut builder = Self {
            mesh,
            backend,
            link,
            far,
            ids: Ids::client(),
            rng,
            out,
        };
        while !builder.link.is_live() {
            builder.exchange(|_, _| Ok(()))?;
        }
        Ok(builder)
    }

    /// One circuit, hop by hop.
    fn build(&mut self) -> Result<(), Broken> {
        let id = self.ids.next().ok_or("no circuit id is left")?;
        let plan = Plan::new(RELAYS, 0).ok_or("no plan")?;
        let rng = Seed::from_bytes(*self.rng.draw()).fork("circuit");
        let mut circuit = Circuit::new(plan, self.backend, rng);
        for number in 0..RELAYS {
            self.ask(&mut circuit, id, number)?;
            while circuit.is_building() {
                self.exchange(|_, cell| match circuit.handle(cell) {
                    Heard::Grown | Heard::Nothing => Ok(()),
                    other => Err(format!("{other:?}").into()),
                })?;
            }
        }
        Ok(())
    }

    /// Asks the next relay of a circuit.
    fn ask(&mut self, circuit: &mut Circuit, id: CircuitId, number: usize) -> Result<(), Broken> {
        let name = self.mesh.relay_id(number)?;
        let relay = self.mesh.consensus.relay(&name).ok_or("no such relay")?;
        let mut cells = Vec::new();
        let mut keep = |cell: &Cell| cells.push(*cell);
        if number == 0 {
            circuit.create(&name, &relay.onion, &mut keep)?;
        } else {
            circuit.extend(&name, &relay.onion, &mut keep)?;
        }
        self.link.record(&mut self.out, |out| {
            begin_record(out);
            cells.iter().for_each(|cell| put_cell(out, id, cell));
        })?;
        Ok(())
    }

    /// Says what there is to say, lets the relays work, and takes what came.
    fn exchange(
        &mut self,
        mut cell: impl FnMut(CircuitId, &mut Cell) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        let guard = self.mesh.nodes.first_mut().ok_or("no relay")?;
        guard.handle_input(self.mesh.now, self.far, &mut self.out);
        self.out.clear();
        while self.mesh.pass() {}
        let mut rest = &mut self.mesh.outside[..];
        if rest.is_empty() {
            return Err("nothing came".into());
        }
        while let Some(came) = (self.link).next(&mut rest, self.mesh.now, None, &mut self.out)? {
            if let Came::Record(mut plain) = came {
                for (id, it) in Record::parse(plain.bytes())? {
                    cell(id, it)?;
                }
            }
        }
        self.mesh.outside.clear();
        Ok(())
    }
}

/// What public-key work a hop takes at both ends, and nothing else.
fn primitives(rng: &mut Rng) -> Option<()> {
    let onion = Scalar::from_bytes(rng.draw());
    let onion_public = ONION;
    // The client asks.
    let x = Scalar::from_bytes(rng.draw());
    let (x_public, (kem, ek)) = (x.public(), DecapsulationKey::generate(rng.draw()));
    x.agree(&onion_public)?;
    // The relay answers.
    onion.agree(&x_public)?;
    let (ct, _) = EncapsulationKey::from_bytes(&ek)?.seal(rng.draw());
    let y = Scalar::from_bytes(rng.draw());
    let y_public = y.public();
    y.agree(&x_public)?;
    // The client finishes.
    x.agree(&y_public)?;
    kem.open(&ct);
    Some(())
}

/// Some point: the base point of X25519.
const ONION: [u8; 32] = {
    let mut point = [0; 32];
    point[0] = 9;
    point
};
