//! All layers of a circuit, at the client: the mirror of [`super::cipher`].
//!
//! Forward, the client must seal for hop k what hop k will receive, and that includes the filler which the hops before it put into
//! the last slots. So it works those out first, hop by hop: each decrypts and moves to the front what the ones before it have
//! filled. Then it seals from hop k inward to hop 1, and the filler comes out by itself. (ONI-7)
//!
//! Backward, it opens from hop 1 on. Where a layer does not open, the hop whose layer it is and the one before it are the pair of
//! which one is at fault. (ONI-8)

use super::cipher::{Direction, Era, Live, Role, Way, put_tag};
use super::handshake::HopSecrets;
use super::{Cell, MAX_HOPS, SLOT, SLOTS};
use crate::crypto::aead::{Backend, Keystream};
use crate::crypto::rng::Noise;

/// The layers of 0 to 8 hops; hop 1 stands next to the client.
pub struct Layers {
    hops: Vec<Layer>,
    backend: Backend,
    noise: Noise,
}

/// How far the indices of a circuit's cells at a hop lie behind those on the first link. (PAC-11)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    /// On the way there.
    pub forward: u64,
    /// On the way back.
    pub backward: u64,
}

/// A cell was to be sent as none can be: to a hop that there is not, or with the role of a cell that is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchHop;

/// The first layer that does not open is that of this hop: it or the one before it is at fault, and the circuit is over.
/// (ONI-8)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The hop, 1 being next to the client; for 1 the link or hop 1 is at fault.
    pub hop: usize,
}

impl Layers {
    /// No layers yet.
    pub fn new(backend: Backend, noise: Noise) -> Self {
        Self {
            hops: Vec::with_capacity(MAX_HOPS),
            backend,
            noise,
        }
    }

    /// Adds the layer of a new last hop; both its counters begin at `start`. Beyond 8 hops nothing is added.
    pub fn push(&mut self, secrets: HopSecrets, live: u8, start: u64) {
        if self.hops.len() < MAX_HOPS {
            self.hops
                .push(Layer::new(secrets, live, start, self.backend));
        }
    }

    /// The same on a circuit whose cells are counted: the index of a cell at the new hop is that on the first link less `offsets`. (PAC-11)
    pub fn push_at(&mut self, secrets: HopSecrets, live: u8, start: u64, offsets: Offsets) {
        self.push(secrets, live, start);
        if let Some(layer) = self.hops.last_mut() {
            layer.offsets = offsets;
        }
    }

    /// How far the last hop's indices lie behind those of the first link.
    pub fn offsets(&self) -> Offsets {
        self.hops
            .last()
            .map_or(Offsets::default(), |layer| layer.offsets)
    }

    /// The next cell forward is the one with this index on the first link. `false` if a layer has been beyond it. (PAC-9)
    pub fn seek_forward(&mut self, index: u64) -> bool {
        self.hops.iter_mut().all(|layer| {
            let at = index.checked_sub(layer.offsets.forward);
            match at.and_then(|at| layer.forward.seek(at)) {
                Some(Era::Next) => layer.refresh(),
                Some(Era::Same) => {}
                None => return false,
            }
            true
        })
    }

    /// The next cell backward is the one with this index on the first link. `false` if a layer has been beyond it. (PAC-9)
    pub fn seek_backward(&mut self, index: u64) -> bool {
        self.hops.iter_mut().all(|layer| {
            let at = index.checked_sub(layer.offsets.backward);
            at.and_then(|at| layer.backward.seek(at)).is_some()
        })
    }

    /// Gives up all hops behind the first `hops`.
    pub fn pop_to(&mut self, hops: usize) {
        self.hops.truncate(hops);
    }

    /// How many hops there are.
    pub fn len(&self) -> usize {
        self.hops.len()
    }

    /// Whether there is no hop.
    pub fn is_empty(&self) -> bool {
        self.hops.is_empty()
    }

    /// Makes of the payload in `cell` the cell to send to hop 1, to be delivered as `role` at hop number `hop`, counted from 1. (ONI-7)
    ///
    /// # Errors
    /// There is no such hop, or the role is [`Role::Relay`]; nothing is counted then.
    pub fn wrap(&mut self, hop: usize, role: Role, cell: &mut Cell) -> Result<(), NoSuchHop> {
        let Some((last, before)) = self
            .hops
            .get_mut(..hop)
            .and_then(<[Layer]>::split_last_mut)
            .filter(|_| role != Role::Relay)
        else {
            return Err(NoSuchHop);
        };
        let (slots, _) = cell.split_at_mut(SLOTS * SLOT);
        foresee(before, last, &mut self.noise, slots);
        last.seal(role, cell);
        for layer in before.iter_mut().rev() {
            cell.copy_within(..(SLOTS - 1) * SLOT, SLOT);
            layer.seal(Role::Relay, cell);
        }
        Ok(())
    }

    /// Opens a backward cell: whose it is, counted from 1, and what for. The payload then stands in the cell. (ONI-8)
    ///
    /// # Errors
    /// A layer did not open; there is no hop at all ([`Broken::hop`] is 1 then).
    pub fn peel(&mut self, cell: &mut Cell) -> Result<(usize, Role), Broken> {
        let hops = self.hops.len();
        for (hop, layer) in (1..).zip(&mut self.hops) {
            let position = if hop == hops {
                Position::Last
            } else {
                Position::Before
            };
            match layer.open(position, cell) {
                None => return Err(Broken { hop }),
                Some(Role::Relay) => {}
                Some(role) => return Ok((hop, role)),
            }
        }
        Err(Broken { hop: hops.max(1) })
    }
}

/// Where a hop stands in its circuit.
#[derive(Clone, Copy)]
enum Position {
    Before,
    Last,
}

/// The layer of one hop.
struct Layer {
    forward: Way,
    keystream: Keystream,
    filler: Keystream,
    backward: Way,
    live: Live,
    /// The role of the backward cell before.
    role: Role,
    offsets: Offsets,
}

impl Layer {
    fn new(secrets: HopSecrets, live: u8, start: u64, backend: Backend) -> Self {
        let forward = Way::new(secrets.forward, Direction::Forward, start, backend);
        Self {
            keystream: forward.keystream(),
            filler: forward.filler(),
            forward,
            backward: Way::new(secrets.backward, Direction::Backward, start, backend),
            live: Live::new(live),
            role: Role::Message,
            offsets: Offsets::default(),
        }
    }

    /// A new era has a new key.
    fn refresh(&mut self) {
        self.keystream = self.forward.keystream();
        self.filler = self.forward.filler();
    }

    fn seal(&mut self, role: Role, cell: &mut Cell) {
        let (slot, sealed) = cell.split_at_mut(SLOT);
        let tag = self.forward.seal(role, sealed);
        put_tag(slot, &tag);
        if self.forward.count() == Era::Next {
            self.refresh();
        }
    }

    /// What the last slots that arrive here, `filled` bytes of them, become by being opened.
    fn decrypt(&self, filled: &mut [u8]) {
        let blocks = filled.len() / SLOT;
        let first = u32::try_from(SLOTS - 1 - blocks).unwrap_or(0);
        self.keystream.apply(self.forward.counter, first, filled);
    }

    fn open(&mut self, position: Position, cell: &mut Cell) -> Option<Role> {
        let from = self.live.sealed_from();
        let roles = likely_first(self.role, position);
        let role = self.backward.open_any(roles, cell, from)?;
        self.role = role;
        self.backward.count();
        if role == Role::Relay && from < SLOTS * SLOT {
            cell.copy_within(from..from + SLOT, 0);
        }
        Some(role)
    }
}

/// The two roles that a hop can have used, the more likely one first. (ONI-8)
fn likely_first(before: Role, position: Position) -> [Role; 2] {
    match (position, before) {
        (Position::Before, Role::Message) => [Role::Message, Role::Relay],
        (Position::Before, _) => [Role::Relay, Role::Message],
        (Position::Last, Role::Message) => [Role::Message, Role::Through],
        (Position::Last, _) => [Role::Through, Role::Message],
    }
}

/// Writes the slots that `last` is to find when it has opened its layer: the fillers of the hops before it stand at the end, as
/// they come out there, and the rest is noise. (ONI-7)
fn foresee(before: &[Layer], last: &Layer, noise: &mut Noise, slots: &mut [u8]) {
    let fillers = before.len() * SLOT;
    let (drawn, filled) = slots.split_at_mut(SLOTS * SLOT - fillers);
    for (hop, layer) in before.iter().enumerate() {
        // `filled` holds at its end what has been filled so far; each hop moves it one to the front.
        let arrived = filled.len() - hop * SLOT;
        layer.decrypt(filled.split_at_mut(arrived).1);
        filled.copy_within(arrived.., arrived - SLOT);
        let (_, new) = filled.split_at_mut(filled.len() - SLOT);
        new.fill(0);
        layer.filler.apply(layer.forward.counter, 0, new);
    }
    last.decrypt(filled);
    noise.fill(drawn);
}
