//! `circuit.core_MB_per_cpu_s`: bytes of a session from the exit to the client through the cores of client, guard, middle and exit, with no
//! socket between them; against the AEAD work that their cells need.

use super::super::super::Failure;
use super::super::meter::{Row, against, broken};
use super::mesh::{Mesh, RELAYS, Way};
use bytes::Bytes;
use pluribus_mix::crypto::aead::{Aead as _, Backend, Key, TAG_LEN};
use pluribus_mix::node::CELL_LEN;
use pluribus_mix::onion::CELL;

/// Bytes in a round.
const ROUND: usize = 8 << 20;
/// Bytes given to the stream at once.
const PIECE: Bytes = Bytes::from_static(&[0x5a; 64 << 10]);
/// How often a cell is sealed, and how often it is opened: for the session, for each hop, for each link.
const PASSES: usize = 1 + RELAYS + RELAYS;

/// The row.
pub(super) fn row(backend: Backend, rounds: u32) -> Result<Row, Failure> {
    let mut mesh = Mesh::new(backend).map_err(broken)?;
    let session = mesh.session().map_err(broken)?;
    let carry = || (mesh.carry(&session, Way::Down, ROUND, &PIECE)).map_err(broken);
    let (carried, reference) = against(rounds, carry, || alone(backend, ROUND / CELL_LEN))?;
    let megabytes = ROUND as f64 / 1e6;
    Ok(Row {
        name: "circuit.core_MB_per_cpu_s",
        value: megabytes / carried,
        unit: "MB/s",
        reference: Some(megabytes / reference),
        backend: backend.name(),
    })
}

/// Seals and opens cells as often as is needed to carry this many.
pub(super) fn alone(backend: Backend, cells: usize) -> Result<(), Failure> {
    let key = Key::new(backend, &[7; 32]);
    let mut buffer = vec![0x5a; CELL + TAG_LEN];
    for counter in 0..(cells * PASSES) as u64 {
        let (text, place) = buffer.split_at_mut(CELL);
        let tag = key.seal(counter, b"", text).map_err(|_| broken("seal"))?;
        place.copy_from_slice(&tag);
        let opened = key.open(counter, b"", &mut buffer);
        opened.map_err(|_| broken("open"))?;
    }
    Ok(())
}

/// Carries this many cells over a circuit and does nothing else: what a profiler is to look at.
pub(super) fn only(backend: Backend, way: Way, cells: usize) -> Result<(), Failure> {
    let mut mesh = Mesh::new(backend).map_err(broken)?;
    let session = mesh.session().map_err(broken)?;
    let carried = mesh.carry(&session, way, cells * CELL_LEN, &PIECE);
    carried.map_err(broken)
}
