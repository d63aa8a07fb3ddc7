//! `listen` and `dial`: standard input and output, joined with a vat far away.

use std::io::{self, Write};
use std::net::SocketAddr;

use clap::Args;
use pluribus_mix::locator::Locator;
use pluribus_mix::net::{Connection, Dialer, Endpoint};
use serde_json::json;

use super::Failure;
use super::join::{join, open, or_interrupted, take};
use super::operator::Knock;
use super::vat::{At, Vat};

/// Who waits, and where.
#[derive(Args)]
pub(crate) struct Listen {
    #[command(flatten)]
    vat: Vat,
    /// Where others find us: host:port. With an address, port 0 takes any that is free.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    at: At,
    /// Listen at this address where --at is not one of this machine.
    #[arg(long, value_name = "ADDRESS:PORT", requires = "at")]
    bind: Option<SocketAddr>,
    /// Put the line {"locator":"…"} first on standard output; the bytes follow.
    #[arg(long)]
    json: bool,
}

/// Who calls whom.
#[derive(Args)]
pub(crate) struct Dial {
    /// The vat: ocapn://….mix?at=host:port, as its listen printed it.
    locator: Locator,
    #[command(flatten)]
    vat: Vat,
    /// Under a key made for this one connection, so that nobody learns who calls.
    #[arg(long, conflicts_with = "key")]
    anonymous: bool,
    /// Through the circuits of the proxy at this door, SOCKS5, and in no other way: its exit sees where the vat is, and that VatTP is
    /// spoken; the vat sees the exit. The exit also looks up the name of the host, if it is one.
    #[arg(long, value_name = "ADDRESS:PORT|unix:PATH")]
    socks: Option<Knock>,
}

impl Listen {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let config = self.at.listening(self.vat.config()?, self.bind).await?;
        let endpoint = Endpoint::bind(config).await.map_err(Failure::to_bind)?;
        self.announce(endpoint.locator()).map_err(Failure::failed)?;
        let accepted = or_interrupted(endpoint.accept()).await?;
        let connection = accepted.ok_or_else(|| Failure::failed("stopped listening"))?;
        eprintln!("joined by {}", connection.peer());
        let joining = async { join(&connection, take(&connection).await?).await };
        let joined = or_interrupted(async {
            tokio::select! {
                joined = joining => joined,
                () = turn_away(&endpoint) => Err(Failure::failed("stopped listening")),
            }
        });
        finish(&endpoint, &connection, joined.await).await
    }

    /// In one piece: whoever waits for the locator finds all of it.
    fn announce(&self, locator: &Locator) -> io::Result<()> {
        if self.json {
            let line = format!("{}\n", json!({ "locator": locator.to_string() }));
            io::stdout().write_all(line.as_bytes())?;
            return io::stdout().flush();
        }
        io::stderr().write_all(format!("{locator}\n").as_bytes())
    }
}

impl Dial {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let config = self.vat.config()?;
        let config = if self.anonymous {
            config.anonymous()
        } else {
            config
        };
        let config = match self.socks {
            None => config,
            Some(Knock::Tcp(at)) => config.through(Dialer::Socks(at)),
            Some(Knock::Unix(path)) => config.through(Dialer::SocksUnix(path)),
        };
        let endpoint = Endpoint::bind(config).await.map_err(Failure::to_bind)?;
        let connected = or_interrupted(endpoint.connect(&self.locator)).await?;
        let connection = connected.map_err(Failure::to_dial)?;
        let joining = async { join(&connection, open(&connection).await?).await };
        let joined = or_interrupted(joining).await;
        finish(&endpoint, &connection, joined).await
    }
}

/// One vat is joined, and has to find its way back when a link breaks; others have no place.
async fn turn_away(endpoint: &Endpoint) {
    while let Some(other) = endpoint.accept().await {
        other.close();
    }
}

async fn finish(
    endpoint: &Endpoint,
    connection: &Connection,
    joined: Result<Result<(), Failure>, Failure>,
) -> Result<(), Failure> {
    connection.close();
    endpoint.close().await;
    joined?
}
