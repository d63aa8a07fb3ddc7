//! `circuit.up_ms` and `paced.up_ms`: from the start of `pluribus-mix up` with three relays to its word that everything is ready, where cells go at
//! once and where they go by the clock.

use super::super::super::Failure;
use super::super::meter::{Row, broken, median, waited};
use pluribus_mix::crypto::aead::Backend;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

/// The row of this name and pacing; of all rounds the one in the middle.
pub(super) fn row(name: &'static str, pacing: &str, rounds: u32) -> Result<Row, Failure> {
    let times = (0..rounds).map(|_| once(pacing));
    Ok(Row {
        name,
        value: median(times.collect::<Result<_, _>>()?),
        unit: "ms",
        reference: None,
        backend: Backend::default().name(),
    })
}

/// Starts a network, and ends it when it is ready. Milliseconds between the two.
fn once(pacing: &str) -> Result<f64, Failure> {
    let program = std::env::current_exe().map_err(broken)?;
    let begun = waited();
    let mut child = Command::new(program)
        .args(["up", "--relays", "3", "--json", "--pacing", pacing])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(broken)?;
    let mut line = String::new();
    let told = child.stdout.take().map(BufReader::new);
    let read = told.map(|mut told| told.read_line(&mut line));
    let took = waited().saturating_sub(begun);
    child.kill().and_then(|()| child.wait()).map_err(broken)?;
    match read {
        Some(Ok(bytes)) if bytes > 0 => Ok(took.as_secs_f64() * 1e3),
        _ => Err(broken("`up` did not say that it is ready")),
    }
}
