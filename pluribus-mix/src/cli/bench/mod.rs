//! What it costs: figures beside the ceiling that the same machine reaches in the same run.
//!
//! A figure alone says little on a shared machine, so every row that can has a reference measured in alternation with it, and a ratio. Time
//! is the CPU time of this process; of the rounds the quickest counts, for the row and for its reference. Where the wait is what matters
//! it is the time of the world, and of the rounds the one in the middle.

mod cells;
mod circuit;
mod handshake;
mod idle;
mod loopback;
mod lossy;
mod many;
mod meter;
mod pipe;
mod resume;
mod rig;
mod stream;

use super::Failure;
use clap::{Args, Subcommand};
use meter::Row;
use pluribus_mix::crypto::aead::Backend;
use std::io::Write as _;

/// Measure this machine: every figure beside its ceiling in the same run.
#[derive(Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Handshakes, the pipe, streams on loopback, a thousand at once and over lost cells, how soon a broken link is replaced, and what an idle
    /// connection holds.
    Vattp(Vattp),
    /// Circuits of three hops: throughput, echoes, what building one costs and what an idle one holds, with all parties in this process.
    Circuit(circuit::Circuit),
    /// Cells by the clock: what they cost, with three relays on this machine and quanta of 50 ms.
    ///
    /// paced.up_ms: from the start of `up` to its word that it is ready, in quanta of 20 ms.
    ///
    /// paced.cells_per_core_s: cells that clients and relays send or receive for each second of CPU time, everybody's counted.
    ///
    /// paced.lateness_p99_us: how late 99 of 100 batches are written at most, at the party that is latest; beside a quarter of a quantum.
    ///
    /// paced.relay_1000_idle_cpu: CPU milliseconds of relays in each second (1000 are one core) for a thousand circuits of the default class
    /// over which nothing is said; beside the AEAD work of their cells. With .idle behind it, for those of the class idle.
    ///
    /// paced.idle_client_Bps.CLASS: bytes that the link of a client carries in each second and each way while nothing is said.
    Paced(circuit::Paced),
    /// Only push cells from an exit to a client and say nothing, for a profiler.
    Cells(circuit::Cells),
}

/// How the VatTP rows are measured.
#[derive(Args)]
struct Vattp {
    /// One JSON array of rows on standard output instead of a table
    #[arg(long)]
    json: bool,
    /// Rounds of each row; of these the quickest counts, or for waits the one in the middle
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Pairs of connections in the row about idle ones
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pairs: u32,
}

impl Bench {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let (rows, is_json) = match self.what {
            What::Vattp(options) => (options.measure()?, options.json),
            What::Circuit(options) => (options.measure()?, options.json),
            What::Paced(options) => (options.measure()?, options.json),
            What::Cells(options) => return options.run(),
        };
        let text = if is_json {
            meter::json(&rows)
        } else {
            meter::table(&rows)
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{text}")
            .map_err(|error| Failure::failed(format!("standard output: {error}")))
    }
}

impl Vattp {
    fn measure(&self) -> Result<Vec<Row>, Failure> {
        // First, while no other row has left memory behind.
        let (mut rows, mut rigs) = (Vec::new(), Vec::new());
        for backend in Backend::ALL {
            progress(&format!("{} idle pairs, {}", self.pairs, backend.name()));
            let (row, rig) = idle::row(*backend, self.pairs)?;
            rows.push(row);
            rigs.push(rig);
        }
        drop(rigs);
        for backend in Backend::ALL {
            progress(&format!("handshakes, {}", backend.name()));
            rows.push(handshake::row(*backend, self.rounds)?);
            for size in pipe::SIZES {
                progress(&format!("pipe, {size} bytes, {}", backend.name()));
                rows.push(pipe::row(*backend, size, self.rounds)?);
            }
            progress(&format!("stream over loopback, {}", backend.name()));
            rows.push(stream::row(*backend, self.rounds)?);
            progress(&format!("a thousand streams, {}", backend.name()));
            rows.push(many::row(*backend, self.rounds)?);
            progress(&format!("stream over lost cells, {}", backend.name()));
            rows.push(lossy::row(*backend, self.rounds)?);
            progress(&format!("resume, {}", backend.name()));
            rows.push(resume::row(*backend, self.rounds)?);
        }
        Ok(rows)
    }
}

fn progress(what: &str) {
    eprintln!("measuring: {what}");
}
