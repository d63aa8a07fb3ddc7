//! What can be asked of the program.
//!
//! The contract: people read standard error, machines read standard output with `--json`; 0 means done, 1 failed, 2 a
//! command that makes no sense, and whatever went wrong is said in one line.

mod bench;
mod failure;
mod join;
mod keygen;
mod listen;
mod vat;

use clap::{Parser, Subcommand};

pub(crate) use failure::Failure;

/// Finds a vat by who it is, proves it, and keeps what is said private and in order.
#[derive(Parser)]
#[command(name = "pluribus-mix", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// One thing to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a key: a new vat. Its name is printed.
    Keygen(keygen::Keygen),
    /// Wait for a vat and join it with standard input and output.
    Listen(listen::Listen),
    /// Connect to a vat and join it with standard input and output.
    Dial(listen::Dial),
    /// Measure this machine, every figure beside its ceiling in the same run.
    Bench(bench::Bench),
}

/// Reads the command line.
pub(crate) fn read() -> Result<Command, Failure> {
    Ok(Cli::try_parse().map_err(Failure::from_usage)?.command)
}

/// Does what it says.
pub(crate) fn run(command: Command) -> Result<(), Failure> {
    let log = tracing_subscriber::EnvFilter::from_env("PLURIBUS_LOG");
    tracing_subscriber::fmt()
        .with_env_filter(log)
        .with_writer(std::io::stderr)
        .init();
    match command {
        Command::Keygen(keygen) => keygen.run(),
        Command::Listen(listen) => join::run(listen.run()),
        Command::Dial(dial) => join::run(dial.run()),
        Command::Bench(bench) => bench.run(),
    }
}
