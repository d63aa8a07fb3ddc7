//! What runs a network: `up`, `authority`, `relay`, `proxy`, and `status`, which asks them.
//!
//! ```text
//! file.rs      TOML files, and what is wrong with them, in one line
//! authority.rs relay.rs proxy.rs   one party as a process
//! up.rs        a whole network in one process
//! control.rs   the socket that `status` asks at
//! ```

mod authority;
mod control;
mod file;
mod proxy;
mod relay;
mod up;

pub(crate) use authority::AuthorityCommand;
pub(crate) use control::Status;
pub(super) use file::Knock;
pub(crate) use proxy::ProxyCommand;
pub(crate) use relay::RelayCommand;
pub(crate) use up::Up;

use std::future::Future;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use pluribus_mix::directory::Refused;
use pluribus_mix::net::party::PartyError;
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Failure;

/// How long a party may take to stop.
const FAREWELL: Duration = Duration::from_millis(2800);

/// What the commands of one party have in common.
#[derive(Args)]
pub(crate) struct Configured {
    /// The file that says what to do.
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "print_default_config"
    )]
    config: Option<PathBuf>,
    /// Print a file with every setting, what it means, and its default.
    #[arg(long, conflicts_with = "config")]
    print_default_config: bool,
    /// Say in JSON when everything is ready.
    #[arg(long)]
    json: bool,
}

/// As many file descriptors as there may be: each stream of a program is one, or two in a network of one process.
fn raise_limits() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // With fewer, fewer are served.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Runs until a signal says stop, then as long as a good end takes.
async fn until_stopped<W>(run: impl FnOnce(CancellationToken) -> W) -> Result<(), Failure>
where
    W: Future<Output = Result<(), Failure>>,
{
    raise_limits();
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::failed)?;
    let stop = CancellationToken::new();
    let running = run(stop.clone());
    tokio::pin!(running);
    tokio::select! {
        ended = &mut running => return ended,
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    stop.cancel();
    // What has not ended by then ends with the process.
    timeout(FAREWELL, running).await.unwrap_or(Ok(()))
}

/// Tells people on standard error or machines on standard output that everything is ready.
fn announce(json: bool, machine: &Value, people: &str) -> Result<(), Failure> {
    let said = if json {
        let line = format!("{machine}\n");
        let mut out = io::stdout();
        out.write_all(line.as_bytes()).and_then(|()| out.flush())
    } else {
        io::stderr().write_all(people.as_bytes())
    };
    said.map_err(Failure::failed)
}

impl From<PartyError> for Failure {
    fn from(why: PartyError) -> Self {
        if why.is_misuse() {
            Self::usage(why)
        } else {
            Self::failed(why)
        }
    }
}

/// A parameter or descriptor that no reader would take.
fn refused(why: Refused) -> Failure {
    Failure::usage(why)
}
