//! What can be asked of the program.
//!
//! The contract: machines read standard output with `--json`; 0 means done, 1 failed, 2 a command that makes no sense, and
//! whatever went wrong is said in one line on standard error.

mod bench;
mod call;
mod failure;
mod literal;
mod running;
mod serve;
mod soak;
mod story;

use clap::{Parser, Subcommand};

pub(crate) use failure::Failure;

/// Vats that speak OCapN's CapTP. Without a command, three of them that hide from each other tell a story.
///
/// A network comes up in this process, with real TCP connections on loopback. Alice introduces Bob to Carol, who talk while a relay between them is
/// killed. The table in the end says who knows what, as it was found by searching. Exit code 0: everything arrived once and in order, and
/// nobody knows too much; 1: not so; 2: bad usage.
#[derive(Parser)]
#[command(
    name = "vat-demo",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    story: story::Story,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Host the objects that OCapN's test suite asks for, until SIGTERM or SIGINT.
    Serve(serve::Serve),
    /// Send a message to an object, and print the answer.
    Call(call::Call),
    /// Measure what vats cost on this machine.
    Bench(bench::Bench),
    /// Have many vats that hide introduce each other and talk for minutes, while relays die. Exit code 1 if anything is lost, doubled, out of order or not told, or
    /// memory grows.
    Soak(soak::Soak),
}

/// Reads the command line.
pub(crate) fn read() -> Result<Cli, Failure> {
    Cli::try_parse().map_err(Failure::from_usage)
}

/// Does what it says.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    let mut builder = match &cli.command {
        // A network works beside the vats.
        None | Some(Command::Soak(_)) => tokio::runtime::Builder::new_multi_thread(),
        Some(_) => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = builder.enable_all().build().map_err(Failure::failed)?;
    let done = runtime.block_on(async {
        match cli.command {
            None => cli.story.run().await,
            Some(Command::Serve(serve)) => serve.run().await,
            Some(Command::Call(call)) => call.run().await,
            Some(Command::Bench(bench)) => bench.run().await,
            Some(Command::Soak(soak)) => soak.run().await,
        }
    });
    // What still runs ends with the process.
    runtime.shutdown_background();
    done
}
