//! `circuit.instructions_per_cell`: what a cell costs the cores of client, guard, middle and exit together, counted and not timed; against the AEAD
//! work that it needs.
//!
//! Valgrind runs this very program with few cells and with more. What lies between the two has no start in it, and is the same on a busy machine
//! as on an idle one. But the processor that valgrind plays has AES-NI, CLMUL and AVX2 and nothing newer: both libraries take their paths for
//! that one, without VAES and AVX-512, and AEAD weighs more than it does where there is more.

use super::super::meter::{Row, waited};
use pluribus_mix::crypto::aead::Backend;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Cells of the two runs.
const FEW: u32 = 100;
const MANY: u32 = 400;
/// How long all runs together may take: on two idle processors it is half of that.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often is looked whether a run is over.
const LOOK: Duration = Duration::from_millis(20);

/// The rows of all backends, or why one is missing: valgrind is not installed, or not quick enough.
pub(super) fn rows() -> impl Iterator<Item = Result<Row, String>> {
    let until = waited() + PATIENCE;
    Backend::ALL.iter().map(move |backend| row(*backend, until))
}

fn row(backend: Backend, until: Duration) -> Result<Row, String> {
    // All at once: who shares a processor counts no more.
    let [few, many, few_alone, many_alone] = [
        Run::start(backend, FEW, &[])?,
        Run::start(backend, MANY, &[])?,
        Run::start(backend, FEW, &["--alone"])?,
        Run::start(backend, MANY, &["--alone"])?,
    ];
    let (few, many) = (few.counted(until)?, many.counted(until)?);
    let (few_alone, many_alone) = (few_alone.counted(until)?, many_alone.counted(until)?);
    let per_cell = |few, many| (many - few) / f64::from(MANY - FEW);
    Ok(Row {
        name: "circuit.instructions_per_cell",
        value: per_cell(few, many),
        unit: "instructions",
        reference: Some(per_cell(few_alone, many_alone)),
        backend: backend.name(),
    })
}

/// `bench cells` under callgrind. Dropped, it ends.
struct Run(Child);

impl Run {
    fn start(backend: Backend, cells: u32, more: &[&str]) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let soft = (backend == Backend::AesGcm).then_some("--soft");
        let run = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(program)
            .args(["bench", "cells", "--cells", &cells.to_string()])
            .args(soft)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        run.map(Self).map_err(|error| format!("valgrind: {error}"))
    }

    /// The instructions that it took.
    fn counted(mut self, until: Duration) -> Result<f64, String> {
        let lost = |error: std::io::Error| format!("valgrind: {error}");
        while self.0.try_wait().map_err(lost)?.is_none() {
            if waited() > until {
                return Err(format!("valgrind took more than {} s", PATIENCE.as_secs()));
            }
            sleep(LOOK);
        }
        let mut said = String::new();
        if let Some(stderr) = &mut self.0.stderr {
            stderr.read_to_string(&mut said).map_err(lost)?;
        }
        collected(&said).ok_or_else(|| "valgrind said no count".to_owned())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // It fails on one that is over.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The count in what callgrind says at its end.
fn collected(said: &str) -> Option<f64> {
    let (_, count) = said.split_once("Collected : ")?;
    let count = count.lines().next()?.trim();
    count.parse::<u64>().ok().map(|count| count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run that failed, or of another tool, gives no count.
    #[test]
    fn the_count_is_what_callgrind_says() {
        let said = "==7== Events    : Ir\n==7== Collected : 66216706\n==7== \n";
        assert_eq!(collected(said), Some(66_216_706.0));
        assert_eq!(collected("==7== Collected : some\n"), None);
        assert_eq!(collected("error: no such file\n"), None);
    }
}
