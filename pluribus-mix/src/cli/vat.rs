//! The arguments that say who we are and where.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::locator::{Address, LocatorError};
use pluribus_mix::net::Config;

use super::Failure;

#[derive(Args)]
pub(crate) struct Vat {
    /// The key file of the vat to be; without it a vat that nobody knows, forgotten in the end.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The library that encrypts: ring or aes-gcm. The bytes are the same.
    #[arg(long, value_parser = backend, default_value = Backend::default().name())]
    backend: Backend,
}

impl Vat {
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        let config = match &self.key {
            Some(file) => Config::from_key_file(file),
            None => Config::fresh(),
        };
        Ok(config.map_err(Failure::failed)?.backend(self.backend))
    }
}

fn backend(name: &str) -> Result<Backend, String> {
    let found = Backend::ALL.iter().find(|backend| backend.name() == name);
    found.copied().ok_or_else(|| {
        let names: Vec<_> = Backend::ALL.iter().map(|backend| backend.name()).collect();
        format!("this build has {}", names.join(" and "))
    })
}

/// Where to listen, as written behind `--at`.
#[derive(Clone)]
pub(crate) enum At {
    /// An address of this machine; its port may be 0.
    Socket(SocketAddr),
    /// A name, which the locator keeps.
    Named(Address),
}

impl FromStr for At {
    type Err = LocatorError;

    fn from_str(text: &str) -> Result<Self, LocatorError> {
        let socket = text.parse().map(Self::Socket);
        socket.or_else(|_| text.parse().map(Self::Named))
    }
}

impl At {
    /// Listens there, or at `bind` while the locator says there.
    pub(crate) async fn listening(
        &self,
        config: Config,
        bind: Option<SocketAddr>,
    ) -> Result<Config, Failure> {
        let place = match self {
            Self::Socket(at) if bind.is_none() => return Ok(config.listening(*at)),
            Self::Socket(at) => Address::try_from(*at).map_err(Failure::usage)?,
            Self::Named(place) => place.clone(),
        };
        let at = match bind {
            Some(at) => at,
            None => resolve(&place).await?,
        };
        Ok(config.listening(at).known_at(place))
    }
}

async fn resolve(place: &Address) -> Result<SocketAddr, Failure> {
    let unknown =
        |why| Failure::failed(format!("{place}: {why}; use the address itself or --bind"));
    let mut found = tokio::net::lookup_host(place.to_string())
        .await
        .map_err(|error| unknown(error.to_string()))?;
    found
        .next()
        .ok_or_else(|| unknown("no such host".to_owned()))
}
