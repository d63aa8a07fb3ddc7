//! `vattp.stream_lossy_MBps`: a byte stream over cells of which one in a hundred is lost, against the same over cells that all
//! arrive.
//!
//! The clock is that of the rig, and waiting costs nothing: the row says what it costs to notice what was lost and to say it
//! again, and not how long that takes.

use super::super::Failure;
use super::cells::{Cells, Loss};
use super::meter::{Row, against};
use pluribus_mix::crypto::aead::Backend;

/// Bytes in one round.
const ROUND: usize = 4 << 20;

/// The row.
pub(super) fn row(backend: Backend, rounds: u32) -> Result<Row, Failure> {
    let mut lossy = Cells::joined(backend, Loss::OneInAHundred)?;
    let mut whole = Cells::joined(backend, Loss::None)?;
    let (carried, reference) = against(rounds, || lossy.carry(ROUND), || whole.carry(ROUND))?;
    let megabytes = ROUND as f64 / 1e6;
    Ok(Row {
        name: "vattp.stream_lossy_MBps",
        value: megabytes / carried,
        unit: "MB/s",
        reference: Some(megabytes / reference),
        backend: backend.name(),
    })
}
