//! `authority`: one of those who sign the list.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use pluribus_mix::crypto::sign::SigningKey;
use pluribus_mix::directory::{Authority as Core, Param, Params};
use pluribus_mix::locator::Address;
use pluribus_mix::net::directory::Network;
use pluribus_mix::net::party::Authority;
use pluribus_mix::net::{Config, Endpoint, Store, keyfile};
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::control::{Control, consensus};
use super::file::{self, Base, NetworkSection, Text};
use super::{Configured, announce, refused, until_stopped};
use crate::cli::Failure;

const DEFAULT: &str = r#"# An authority: keeps the list of relays, and signs it together with the others.

# Who it is: made by `pluribus-mix keygen authority.key`.
key = "authority.key"
# Where it listens.
listen = "192.0.2.1:9001"
# Where others reach it: host:port. If left out, where it listens.
# at = "authority.example:9001"
# What outlives it: the last slot that it signed for, and the consensus. Nobody else may use this directory.
state = "authority.state"
# How many relays there have to be before there is a first consensus.
min_relays = 3

# The network, the same words for everybody in it. An authority's locator is printed by `pluribus-mix keygen --at`.
[network]
authorities = ["ocapn://25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid.mix?at=192.0.2.1:9001"]
# How many of them must sign. If left out, more than half.
# threshold = 1

# What the network decides for everybody; the same at every authority. These are the defaults.
[params]
# Seconds from one consensus to the next.
interval = 3600
# 1: no two relays of one path in one IPv4 /16 or IPv6 /32. 0 for networks that live in one place.
networks = 1
# How cells are sent: "constant", by the clock, as many whether something is said or not. "none", at once: who watches enough links can tell who
# talks with whom, and everything is cheaper and quicker. All that follows is for "constant".
pacing = "constant"
# Milliseconds of a quantum, the beat of the clock: 5 to 1000.
quantum = 50
# Quanta that a cell rests at a relay at most. More hide the troubles of links, and make everything later.
jitter = 3
# Circuits of a client's link, used or not.
slots = 8
# Seconds between moments when clients begin circuits.
pool_window = 60
# 1: links between relays do not tell how many circuits they have. 0 for networks that live on one machine.
padding = 1
# Seconds between changes of how much a link between relays carries.
epoch = 600
"#;

/// Keep the list of relays, and sign it together with the others.
#[derive(Args)]
pub(crate) struct AuthorityCommand {
    #[command(flatten)]
    configured: Configured,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    key: PathBuf,
    listen: Text<SocketAddr>,
    at: Option<Text<Address>>,
    state: PathBuf,
    min_relays: Option<usize>,
    network: NetworkSection,
    #[serde(default)]
    params: ParamsSection,
}

impl AuthorityCommand {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let Some(path) = &self.configured.config else {
            print!("{DEFAULT}");
            return Ok(());
        };
        let settings: Settings = file::read(path)?;
        let base = Base::of(path);
        let store = base.store(&settings.state)?;
        let control = Control::open(&base.path(&settings.state))?;
        let authority = settings.begin(&base, store).await?;
        let locator = authority.locator().to_string();
        announce(
            self.configured.json,
            &json!({ "locator": locator }),
            &format!("{locator}\n"),
        )?;
        until_stopped(|stop| serve(authority, control, stop)).await
    }
}

impl Settings {
    async fn begin(self, base: &Base, store: Store) -> Result<Authority, Failure> {
        let key_file = base.path(&self.key);
        let params = self.params.params()?;
        let network: Network = self.network.network()?;
        let last_signed = Authority::last_signed(&store).map_err(Failure::failed)?;
        let key = keyfile::load(&key_file).map_err(Failure::failed)?;
        let min_relays = self.min_relays.unwrap_or(3);
        let core = core(key, &network, params, min_relays, last_signed)?;
        let config = Config::from_key_file(&key_file).map_err(Failure::failed)?;
        let mut config = config.listening(self.listen.0);
        if let Some(Text(at)) = self.at {
            config = config.known_at(at);
        }
        let endpoint = Endpoint::bind(config).await.map_err(Failure::to_bind)?;
        Ok(Authority::new(endpoint, network, core, Some(store))?)
    }
}

pub(super) fn core(
    key: SigningKey,
    network: &Network,
    params: Params,
    min_relays: usize,
    last_signed: Option<pluribus_mix::directory::Wall>,
) -> Result<Core, Failure> {
    let authorities = network.authorities().clone();
    Core::new(key, authorities, params, min_relays, last_signed).map_err(refused)
}

/// A parameter that is not known would bind everybody in the network to nothing: most likely it is misspelt.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ParamsSection {
    epoch: Option<u64>,
    interval: Option<u64>,
    jitter: Option<u64>,
    networks: Option<u64>,
    pacing: Option<String>,
    padding: Option<u64>,
    pool_window: Option<u64>,
    quantum: Option<u64>,
    slots: Option<u64>,
}

impl ParamsSection {
    fn params(self) -> Result<Params, Failure> {
        let said = [
            ("epoch", self.epoch.map(Param::from)),
            ("interval", self.interval.map(Param::from)),
            ("jitter", self.jitter.map(Param::from)),
            ("networks", self.networks.map(Param::from)),
            ("pacing", self.pacing.as_deref().map(Param::from)),
            ("padding", self.padding.map(Param::from)),
            ("pool_window", self.pool_window.map(Param::from)),
            ("quantum", self.quantum.map(Param::from)),
            ("slots", self.slots.map(Param::from)),
        ];
        let mut said = said
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        said.try_fold(Params::default(), |params, (name, value)| {
            params.with(name, value)
        })
        .map_err(|why| Failure::usage(format!("[params]: {why}")))
    }
}

async fn serve(
    authority: Authority,
    control: Control,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let authority = Arc::new(authority);
    let state = || {
        let state = authority.state();
        async move {
            json!({
                "role": "authority",
                "relays_known": state.relays,
                "consensus": consensus(state.listed, state.age),
            })
        }
    };
    tokio::select! {
        () = authority.run(stop) => {}
        () = control.serve(state) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_has_every_setting_and_is_accepted() {
        let settings: Settings = toml::from_str(DEFAULT).unwrap();
        let params = settings.params.params();
        let params = params.unwrap_or_else(|_| panic!("refused"));
        let numbers = |it: &Params| {
            let paced = [
                it.quantum(),
                it.jitter(),
                it.slots(),
                it.pool_window(),
                it.epoch(),
            ];
            (
                it.interval(),
                it.networks(),
                it.pacing(),
                it.padding(),
                paced,
            )
        };
        assert_eq!(numbers(&params), numbers(&Params::default()));
        assert!(settings.network.network().is_ok());
        let all: String = DEFAULT
            .replace("# at =", "at =")
            .replace("# threshold =", "threshold =");
        let settings: Settings = toml::from_str(&all).unwrap();
        assert!(settings.at.is_some());
    }
}
