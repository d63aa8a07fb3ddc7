//! Circuits: a cell goes through several relays, and none of them sees both ends. Spec chapter 4.
//!
//! A *cell* has 1024 bytes wherever it is: eight slots of 16 bytes, then a payload of 896. Each relay of a circuit is a *hop*. Away from the
//! client every hop takes a layer off, towards it every hop puts one on, and each layer is sealed on its own, so that a cell that was
//! tampered with is noticed by the next honest party and blamed on a pair of neighbours of which one did it.
//!
//! The parts are plain values, from the innermost out:
//!
//! - [`handshake`]: client and relay agree on a hop's secrets (ONI-9);
//! - [`cipher`]: one hop's layer at the relay; [`layers`]: all of them at the client (ONI-5 to 8);
//! - [`message`]: what client and hop say to each other inside a payload (ONI-11, 12);
//! - [`circuit`]: a circuit at the client; [`hop`]: the same circuit at one relay (ONI-10 to 13);
//! - [`meet`]: two circuits that are spliced at a relay (RDV-18 to RDV-22);
//! - [`link`]: how cells stand in the records of a link, and whose the circuit ids are (ONI-2 to 4);
//! - [`queue`]: cells that wait (ONI-14); [`suspicion`]: who is not to be neighbours (ONI-17).

pub mod cipher;
pub mod circuit;
pub mod handshake;
pub mod hop;
pub mod layers;
pub mod link;
pub mod meet;
pub mod message;
pub mod queue;
mod seen;
pub mod suspicion;

use crate::ablation::check;

/// Bytes of a cell.
pub const CELL: usize = 1024;
/// Slots at the front of a cell.
pub const SLOTS: usize = 8;
/// Bytes of a slot: one tag.
pub const SLOT: usize = 16;
/// Bytes of a cell behind its slots.
pub const PAYLOAD: usize = CELL - SLOTS * SLOT;
/// Hops that a circuit has at most. (ONI-10)
pub const MAX_HOPS: usize = 8;

/// One cell, on a link or with all its layers off.
pub type Cell = [u8; CELL];
/// What a cell carries behind its slots.
pub type Payload = [u8; PAYLOAD];

/// The number of a circuit on one link. (ONI-3, ONI-4)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CircuitId(pub u32);

impl CircuitId {
    /// The class of a circuit in a network with pacing. (PAC-3)
    pub const fn class(self) -> u8 {
        (self.0 % 4) as u8
    }
}

/// The payload in a cell.
pub fn payload(cell: &Cell) -> &Payload {
    let Some(payload) = cell.last_chunk() else {
        const { assert!(PAYLOAD < CELL) };
        return &[0; PAYLOAD];
    };
    payload
}

/// The payload in a cell, to be written.
pub fn payload_mut(cell: &mut Cell) -> &mut Payload {
    let (_, payload) = cell.split_at_mut(CELL - PAYLOAD);
    #[expect(clippy::expect_used, reason = "what is left has this very length")]
    payload.try_into().expect("CELL less the slots")
}

/// What begins a circuit on a link: a request or a reply in two cells, with zeros behind it. (ONI-10)
pub fn halves<const N: usize>(whole: &[u8; N]) -> [Cell; 2] {
    const { assert!(N <= 2 * CELL) };
    let mut cells = [[0; CELL]; 2];
    let places = cells.iter_mut().flatten();
    places.zip(whole).for_each(|(to, from)| *to = *from);
    cells
}

/// The mirror of [`halves`]; `None` if other than zeros stand behind it. (ONI-10)
pub fn joined<const N: usize>(first: &Cell, second: &Cell) -> Option<Box<[u8; N]>> {
    const { assert!(N >= CELL && N <= 2 * CELL) };
    let (rest, zeros) = second.split_at_checked(N - CELL)?;
    if !check!(HopZeros, zeros.iter().all(|byte| *byte == 0)) {
        return None;
    }
    let mut whole = Box::new([0; N]);
    let bytes = first.iter().chain(rest);
    whole
        .iter_mut()
        .zip(bytes)
        .for_each(|(to, from)| *to = *from);
    Some(whole)
}

#[cfg(test)]
mod tests;
