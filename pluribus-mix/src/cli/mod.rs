//! What can be asked of the program.
//!
//! The contract: people read standard error, machines read standard output with `--json`; 0 means done, 1 failed, 2 a
//! command that makes no sense, and whatever went wrong is said in one line.

mod bench;
mod failure;
mod join;
mod keygen;
mod listen;
mod measure;
mod operator;
mod vat;

use clap::{Parser, Subcommand};
use tracing_subscriber::filter::LevelFilter;

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
    /// Start a whole network on this machine, and a proxy that uses it.
    Up(operator::Up),
    /// Be an authority: keep the list of relays, and sign it together with the others.
    Authority(operator::AuthorityCommand),
    /// Be a relay: carry the cells of others.
    Relay(operator::RelayCommand),
    /// Let programs speak through circuits: SOCKS5 and HTTP CONNECT.
    Proxy(operator::ProxyCommand),
    /// Ask a running authority, relay or proxy how it is doing.
    Status(operator::Status),
    /// Measure this machine, every figure beside its ceiling in the same run.
    Bench(bench::Bench),
    /// See whether who watches both ends of a local network can match flows, beside controls in which it must.
    Measure(measure::Measure),
}

/// Reads the command line.
pub(crate) fn read() -> Result<Command, Failure> {
    Ok(Cli::try_parse().map_err(Failure::from_usage)?.command)
}

/// Does what it says.
pub(crate) fn run(command: Command) -> Result<(), Failure> {
    let log = tracing_subscriber::EnvFilter::builder()
        .with_env_var("PLURIBUS_LOG")
        .with_default_directive(command.talk().into())
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(log)
        .with_target(false)
        .with_writer(std::io::stderr)
        .init();
    match command {
        Command::Keygen(keygen) => keygen.run(),
        Command::Listen(listen) => join::run(listen.run()),
        Command::Dial(dial) => join::run(dial.run()),
        Command::Up(up) => join::run(up.run()),
        Command::Authority(authority) => join::run(authority.run()),
        Command::Relay(relay) => join::run(relay.run()),
        Command::Proxy(proxy) => join::run(proxy.run()),
        Command::Status(status) => status.run(),
        Command::Bench(bench) => bench.run(),
        Command::Measure(measure) => measure.run(),
    }
}

impl Command {
    /// What is logged if nobody says otherwise: those that run for long say what happens to them.
    fn talk(&self) -> LevelFilter {
        match self {
            Self::Up(_) | Self::Authority(_) | Self::Relay(_) | Self::Proxy(_) => LevelFilter::INFO,
            _ => LevelFilter::ERROR,
        }
    }
}
