//! One hop's layer, at the relay.
//!
//! Forward, a hop opens `slots 1..7 ‖ payload` with the tag in slot 0, moves every slot one to the front and fills the last with bytes
//! that only it and the client can work out: so the next hop finds its tag in slot 0, and all slots look alike. Backward, it
//! moves the tag that it received behind the slots it does not answer for and seals what stands from there on:
//!
//! ```text
//! live count 3:   │ tag │ noise │ noise │ noise │ noise │ tag of the next hop │ … │ … │ payload │
//!                   slot 0                                └──────────── sealed ───────────────┘
//! ```
//!
//! A hop authenticates just the slots that no later hop throws away. Were it to answer for others too, whoever changes one of
//! those would make an honest hop's layer fail. (ONI-8)
//!
//! The keys of a direction change every 1024 cells, and those that are over cannot be worked out again. (ONI-5)

use super::handshake::HopSecrets;
use super::{CELL, Cell, MAX_HOPS, SLOT, SLOTS};
use crate::crypto::aead::{Aead, Backend, Detached, Key, Keystream};
use crate::crypto::kdf::{Label, Secret};
use crate::crypto::rng::Noise;

/// Cells that one key seals. (ONI-5)
pub const ERA: u64 = 1024;
/// Eras that a cell may lie ahead. (PAC-9)
const AHEAD: u64 = 64;

/// What a layer's content is for. (ONI-6, ONI-8)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Role {
    /// For the next hop, or from it.
    Relay = 0,
    /// A message for this hop, or of it.
    Message = 1,
    /// For what the circuit ends in here, or of it.
    Through = 2,
}

/// A hop's layer at the relay. Another cipher, one that treats the cell as a single block, would fit behind this.
pub trait HopCipher: Send {
    /// Forward: takes this hop's layer off in place and counts the cell. `None`: it opens under no role, and the buffer's
    /// content is undefined. (ONI-6)
    fn peel(&mut self, cell: &mut Cell) -> Option<Role>;

    /// The counter that the next forward cell has.
    fn forward_counter(&self) -> u64;

    /// The next forward cell is the one with this index; those before it are lost. `false`, and nothing is changed, for one that was
    /// before or lies too far ahead. (PAC-9)
    fn seek_forward(&mut self, index: u64) -> bool;

    /// The same backward. (PAC-9)
    fn seek_backward(&mut self, index: u64) -> bool;

    /// Overwrites a cell with noise.
    fn noise(&mut self, cell: &mut Cell);

    /// Backward: puts this hop's layer onto a cell of the next hop. (ONI-8)
    fn wrap(&mut self, cell: &mut Cell);

    /// Backward: makes a cell of this hop's own from the payload in it. (ONI-8)
    fn originate(&mut self, role: Role, cell: &mut Cell);
}

/// The layer of ONI-5 to 8.
pub struct SlotCipher {
    forward: Way,
    filler: Keystream,
    backward: Way,
    noise: Noise,
    live: Live,
    /// The role of the cell before, which the next most likely has as well.
    role: Role,
}

impl SlotCipher {
    /// The layer with these secrets; both counters begin at `start`. A live count above 7 counts as 7.
    pub fn new(secrets: HopSecrets, live: u8, start: u64, backend: Backend, noise: Noise) -> Self {
        let forward = Way::new(secrets.forward, Direction::Forward, start, backend);
        Self {
            filler: forward.filler(),
            forward,
            backward: Way::new(secrets.backward, Direction::Backward, start, backend),
            noise,
            live: Live::new(live),
            role: Role::Message,
        }
    }

    fn seal(&mut self, role: Role, cell: &mut Cell) {
        let (slots, sealed) = cell.split_at_mut(self.live.sealed_from());
        let tag = self.backward.seal(role, sealed);
        put_tag(slots, &tag);
        self.backward.count();
    }
}

impl HopCipher for SlotCipher {
    fn peel(&mut self, cell: &mut Cell) -> Option<Role> {
        let opened = self.forward.open_any(likely_first(self.role), cell, SLOT);
        if let Some(role) = opened {
            self.role = role;
            cell.copy_within(SLOT..SLOTS * SLOT, 0);
            let (_, last) = cell.split_at_mut((SLOTS - 1) * SLOT);
            let (last, _) = last.split_at_mut(SLOT);
            last.fill(0);
            self.filler.apply(self.forward.counter, 0, last);
        }
        if self.forward.count() == Era::Next {
            self.filler = self.forward.filler();
        }
        opened
    }

    fn forward_counter(&self) -> u64 {
        self.forward.counter
    }

    fn seek_forward(&mut self, index: u64) -> bool {
        match self.forward.seek(index) {
            Some(Era::Next) => self.filler = self.forward.filler(),
            Some(Era::Same) => {}
            None => return false,
        }
        true
    }

    fn seek_backward(&mut self, index: u64) -> bool {
        self.backward.seek(index).is_some()
    }

    fn noise(&mut self, cell: &mut Cell) {
        self.noise.fill(cell);
    }

    fn wrap(&mut self, cell: &mut Cell) {
        let from = self.live.sealed_from();
        if from < SLOTS * SLOT {
            cell.copy_within(..SLOT, from);
        }
        let (slots, _) = cell.split_at_mut(from);
        self.noise.fill(slots);
        self.seal(Role::Relay, cell);
    }

    fn originate(&mut self, role: Role, cell: &mut Cell) {
        let (slots, _) = cell.split_at_mut(SLOTS * SLOT);
        self.noise.fill(slots);
        self.seal(role, cell);
    }
}

/// How many slots a hop answers for on the way back: 0 to 7. (ONI-8)
#[derive(Clone, Copy)]
pub(super) struct Live(u8);

impl Live {
    /// The most a hop can answer for: slot 0 bears its own tag.
    pub(super) const MAX: u8 = (MAX_HOPS - 1) as u8;

    pub(super) fn new(count: u8) -> Self {
        Self(count.min(Self::MAX))
    }

    /// Where in a cell begins what is sealed: 16 to 128.
    pub(super) fn sealed_from(self) -> usize {
        (SLOTS - usize::from(self.0)) * SLOT
    }
}

/// Which way a cell goes. (ONI-6, ONI-8)
#[derive(Clone, Copy)]
pub(super) enum Direction {
    Forward = 0,
    Backward = 1,
}

/// Whether a cell was the last of its era.
#[derive(PartialEq, Eq)]
pub(super) enum Era {
    Same,
    Next,
}

/// One direction of a hop: the secret and the key of this era, and the counter of the next cell.
pub(super) struct Way {
    secret: Secret,
    key: Key,
    /// What the cell with index 0 has. (PAC-9)
    start: u64,
    pub(super) counter: u64,
    direction: Direction,
}

impl Way {
    pub(super) fn new(secret: Secret, direction: Direction, start: u64, backend: Backend) -> Self {
        Self {
            key: Key::new(backend, secret.expand(Label::HOP_KEY, b"").as_bytes()),
            secret,
            start,
            counter: start,
            direction,
        }
    }

    /// Passes on to the cell with this index; secrets and keys of eras before its are wiped. `None`, and nothing is changed, if it lies
    /// behind or too far ahead. (PAC-9)
    pub(super) fn seek(&mut self, index: u64) -> Option<Era> {
        let counter = self.start.checked_add(index)?;
        if counter < self.counter {
            return None;
        }
        let eras = counter / ERA - self.counter / ERA;
        if eras > AHEAD {
            return None;
        }
        for _ in 0..eras {
            self.age();
        }
        self.counter = counter;
        Some(if eras > 0 { Era::Next } else { Era::Same })
    }

    /// Goes to the next era's secret and key.
    fn age(&mut self) {
        let next = self.secret.expand(Label::HOP_NEXT, b"");
        self.key = Key::new(
            self.key.backend(),
            next.expand(Label::HOP_KEY, b"").as_bytes(),
        );
        self.secret = next;
    }

    /// What this era's filler is drawn from.
    pub(super) fn filler(&self) -> Keystream {
        Keystream::new(self.secret.expand(Label::HOP_FILLER, b"").as_bytes())
    }

    /// What this era's key XORs onto a text.
    pub(super) fn keystream(&self) -> Keystream {
        Keystream::new(self.secret.expand(Label::HOP_KEY, b"").as_bytes())
    }

    /// Passes on to the next counter; behind the last of an era the old secret and key are wiped.
    pub(super) fn count(&mut self) -> Era {
        self.counter += 1;
        if !self.counter.is_multiple_of(ERA) {
            return Era::Same;
        }
        self.age();
        Era::Next
    }

    #[expect(
        clippy::expect_used,
        reason = "GCM refuses only what is longer than 64 GiB"
    )]
    pub(super) fn seal(&self, role: Role, text: &mut [u8]) -> [u8; SLOT] {
        self.key
            .seal(self.counter, &self.aad(role), text)
            .expect("a cell is short")
    }

    /// Opens what stands in `cell` from `from` on, with the tag in slot 0, under the first of `roles` that fits.
    pub(super) fn open_any(
        &self,
        roles: impl IntoIterator<Item = Role>,
        cell: &mut Cell,
        from: usize,
    ) -> Option<Role> {
        // A backend may overwrite what it could not open.
        let untouched = *cell;
        let mut first = true;
        for role in roles {
            if !core::mem::take(&mut first) {
                cell.copy_from_slice(&untouched);
            }
            if self.open(role, cell, from) {
                return Some(role);
            }
        }
        None
    }

    fn open(&self, role: Role, cell: &mut Cell, from: usize) -> bool {
        let (slots, text) = cell.split_at_mut(from);
        let Some(tag) = slots.first_chunk::<SLOT>() else {
            return false;
        };
        self.key
            .open_detached(self.counter, &self.aad(role), tag, text)
            .is_ok()
    }

    fn aad(&self, role: Role) -> [u8; 3] {
        [VERSION, self.direction as u8, role as u8]
    }
}

/// The version of cells. (ONI-6)
const VERSION: u8 = 1;

/// All roles, `role` first.
fn likely_first(role: Role) -> [Role; 3] {
    match role {
        Role::Relay => [role, Role::Message, Role::Through],
        Role::Message => [role, Role::Relay, Role::Through],
        Role::Through => [role, Role::Relay, Role::Message],
    }
}

/// Puts a tag into slot 0 of what begins with a cell's slots.
pub(super) fn put_tag(slots: &mut [u8], tag: &[u8; SLOT]) {
    slots
        .iter_mut()
        .zip(tag)
        .for_each(|(byte, new)| *byte = *new);
}

const _: () = assert!(CELL - SLOTS * SLOT == super::PAYLOAD && SLOTS == MAX_HOPS);

#[cfg(test)]
impl SlotCipher {
    /// Bytes that its keys take beside it.
    pub(super) fn keys(&self) -> usize {
        let ways = self.forward.key.heap() + self.backward.key.heap();
        ways + self.filler.heap() + self.noise.heap()
    }
}
