//! What circuits cost, in networks that send at once; what the clock costs is measured apart (`paced`).
//!
//! Rows of the cores have all parties in memory (`mesh`), those of throughput and waits on loopback TCP (`network`); in both all parties are in this process,
//! and all CPU time counts, that of the source of the bytes too.

mod builds;
mod ceiling;
mod counted;
mod crowd;
mod flow;
mod mesh;
mod network;
mod paced;
mod socket;
mod up;

use super::super::Failure;
use super::meter::Row;
use super::progress;
use clap::Args;
use mesh::Way;
pub(super) use paced::Paced;
use pluribus_mix::crypto::aead::Backend;

/// How the rows about circuits are measured.
#[derive(Args)]
pub(super) struct Circuit {
    /// One JSON array of rows on standard output instead of a table
    #[arg(long)]
    pub(super) json: bool,
    /// Rounds of each row; of these the quickest counts
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
}

impl Circuit {
    pub(super) fn measure(&self) -> Result<Vec<Row>, Failure> {
        // First, while no other row has left memory behind.
        let (mut rows, mut held) = (Vec::new(), Vec::new());
        for backend in Backend::ALL {
            progress(&format!("idle circuits at relays, {}", backend.name()));
            let (row, builder) = builds::memory(*backend)?;
            rows.push(row);
            held.push(builder);
        }
        drop(held);
        progress("a network that comes up");
        rows.push(up::row("circuit.up_ms", "none", self.rounds)?);
        progress("instructions");
        for row in counted::rows() {
            match row {
                Ok(row) => rows.push(row),
                Err(why) => eprintln!("left out: circuit.instructions_per_cell: {why}"),
            }
        }
        for backend in Backend::ALL {
            let progress = |what: &str| progress(&format!("{what}, {}", backend.name()));
            progress("building circuits");
            rows.push(builds::cpu(*backend, self.rounds)?);
            progress("the cores alone");
            rows.push(flow::row(*backend, self.rounds)?);
            progress("CPU time on loopback");
            rows.push(socket::per_cpu(*backend, self.rounds)?);
            progress("one circuit and ten");
            rows.extend(socket::throughput(*backend, self.rounds)?);
            progress("two threads");
            rows.push(socket::gain(*backend, self.rounds)?);
            progress("echoes");
            rows.extend(socket::echoes(*backend)?);
        }
        Ok(rows)
    }
}

/// What a profiler is to look at.
#[derive(Args)]
pub(super) struct Cells {
    /// How many cells go through
    #[arg(long, default_value_t = 100_000)]
    cells: usize,
    /// Use RustCrypto's AES-GCM
    #[arg(long)]
    soft: bool,
    /// From the client to the exit, and not back
    #[arg(long)]
    up: bool,
    /// Over sockets on loopback, and not in memory
    #[arg(long, conflicts_with = "up")]
    sockets: bool,
    /// Only seal and open them, as often as is needed
    #[arg(long, conflicts_with_all = ["up", "sockets"])]
    alone: bool,
}

impl Cells {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let backend = match self.soft {
            true => Backend::AesGcm,
            false => Backend::default(),
        };
        if self.alone {
            return flow::alone(backend, self.cells);
        }
        if self.sockets {
            return socket::only(backend, self.cells);
        }
        let way = match self.up {
            true => Way::Up,
            false => Way::Down,
        };
        flow::only(backend, way, self.cells)
    }
}
