//! `vattp.idle_connection_bytes`: what a connection holds that says nothing.

use super::super::Failure;
use super::meter::{Row, resident};
use super::rig::Rig;
use pluribus_mix::crypto::aead::Backend;

/// Growth of RSS for `pairs` pairs joined in memory, divided by their ends. The pairs are returned: memory that they gave
/// back would hide what the next row takes.
pub(super) fn row(backend: Backend, pairs: u32) -> Result<(Row, Rig), Failure> {
    let mut rig = Rig::new(backend)?;
    // The first ones pay for tables that do not grow with the number.
    for _ in 0..16 {
        rig.connect()?;
    }
    let before = resident()?;
    for _ in 0..pairs {
        rig.connect()?;
    }
    let grown = resident()?.saturating_sub(before);
    let row = Row {
        name: "vattp.idle_connection_bytes",
        value: grown as f64 / (2.0 * f64::from(pairs)),
        unit: "B",
        reference: None,
        backend: backend.name(),
    };
    Ok((row, rig))
}
