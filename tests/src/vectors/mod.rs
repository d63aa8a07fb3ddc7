//! The test vectors of `spec/vectors`, and what this implementation makes of them.
//!
//! [`load`] reads a file into [`Case`]s. Each file has a runner, which sets the public API of pluribus-mix or vat-demo to a case and
//! says where it differs; the runners are in [`RUNNERS`], the tests in `tests/tests/vectors`. The files are described in
//! `spec/vectors/README.md`.

pub mod calls;
pub mod captp_certificates;
pub mod captp_ops;
pub mod captp_shown;
pub mod captp_syrup;
pub mod case;
pub mod cells;
pub mod crypto;
pub mod flights;
pub mod frames;
pub mod handshake;
pub mod hop_handshake;
pub mod introduced;
pub mod link_ends;
pub mod links;
pub mod locations;
pub mod locators;
pub mod messages;
pub mod names;
pub mod onion_cells;
mod onion_ends;
pub mod pacing;
pub mod pair;
pub mod receiver;
pub mod records;
pub mod refused;
pub mod rule;
pub mod schedule;
pub mod streams;
pub mod tickets;

pub use case::{Case, Fields};

use crate::house::root;
use data_encoding::HEXLOWER;
use pluribus_mix::crypto::aead::Backend;
use serde_json::Value;
use std::fmt;
use std::fs;

/// Where a vector and the implementation differ, or why it could not be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong(String);

impl Wrong {
    /// With these words.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Sets the implementation to one case.
pub type Run = fn(&Case, Backend) -> Result<(), Wrong>;

/// Each file of vectors, and who runs its cases.
pub const RUNNERS: &[(&str, Run)] = &[
    ("names", names::run),
    ("locators", locators::run),
    ("crypto", crypto::run),
    ("handshake", handshake::run),
    ("handshake_refused", refused::run),
    ("records", records::run),
    ("streams", streams::run),
    ("pair", pair::run),
    ("cells", cells::run),
    ("introduced", introduced::run),
    ("onion_cells", onion_cells::run),
    ("hop_handshake", hop_handshake::run),
    ("links", links::run),
    ("messages", messages::run),
    ("pacing", pacing::run),
    ("paced_cells", onion_cells::run),
    ("tickets", tickets::run),
    ("calls", calls::run),
    ("locations", locations::run),
    ("captp_syrup", captp_syrup::run),
    ("captp_ops", captp_ops::run),
    ("captp_certificates", captp_certificates::run),
];

/// A file of vectors.
#[derive(Debug)]
pub struct File {
    /// The clauses that its cases test.
    pub spec: Vec<String>,
    /// The cases.
    pub cases: Vec<Case>,
}

/// Reads `spec/vectors/<name>.json`.
///
/// # Errors
/// If there is no such file, or it is built otherwise.
pub fn load(name: &str) -> Result<File, Wrong> {
    let path = root().join("spec/vectors").join(format!("{name}.json"));
    let wrong = |what: String| Wrong::new(format!("{}: {what}", path.display()));
    let text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
    let file: Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let list = |field: &str| {
        let list = file.get(field).and_then(Value::as_array);
        list.ok_or_else(|| wrong(format!("there is no list {field}")))
    };
    let spec = list("spec")?.iter().filter_map(Value::as_str);
    Ok(File {
        spec: spec.map(str::to_owned).collect(),
        cases: list("cases")?
            .iter()
            .map(Case::new)
            .collect::<Result<_, _>>()?,
    })
}

/// Two strings of bytes are the same.
///
/// # Errors
/// If they are not; so with the other checks of this module.
pub fn same(what: &str, ours: &[u8], wanted: &[u8]) -> Result<(), Wrong> {
    if ours == wanted {
        return Ok(());
    }
    let at = ours.iter().zip(wanted).take_while(|(a, b)| a == b).count();
    let shown = |bytes: &[u8]| {
        let from = bytes.get(at..).unwrap_or_default();
        HEXLOWER.encode(from.get(..16).unwrap_or(from))
    };
    Err(Wrong::new(format!(
        "{what} differs from byte {at} on: {} of {} bytes, wanted {} of {}",
        shown(ours),
        ours.len(),
        shown(wanted),
        wanted.len()
    )))
}

/// Two values are equal.
pub fn equal<T: PartialEq + fmt::Debug>(what: &str, ours: T, wanted: T) -> Result<(), Wrong> {
    holds(ours == wanted, || {
        format!("{what} is {ours:?}, wanted {wanted:?}")
    })
}

/// A condition holds.
pub fn holds(condition: bool, otherwise: impl FnOnce() -> String) -> Result<(), Wrong> {
    if condition {
        Ok(())
    } else {
        Err(Wrong::new(otherwise()))
    }
}

/// What must be there is there.
pub fn some<T>(what: &str, value: Option<T>) -> Result<T, Wrong> {
    value.ok_or_else(|| Wrong::new(what))
}

/// What must be accepted is accepted.
pub fn good<T, E: fmt::Debug>(what: &str, result: Result<T, E>) -> Result<T, Wrong> {
    result.map_err(|error| Wrong::new(format!("{what} was refused: {error:?}")))
}

/// What must be refused is refused.
pub fn bad<T, E>(what: &str, result: Result<T, E>) -> Result<E, Wrong> {
    match result {
        Ok(_) => Err(Wrong::new(format!("{what} was accepted"))),
        Err(error) => Ok(error),
    }
}
