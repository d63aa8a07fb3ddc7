//! `relay`: carries cells, and if its rules say so, speaks to the world.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use pluribus_mix::directory::Policy;
use pluribus_mix::id::RelayId;
use pluribus_mix::locator::Address;
use pluribus_mix::net::party::{Keep, Relay, RelayRules};
use pluribus_mix::net::{Config, Endpoint, Store, keyfile};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::control::{Control, circuits, consensus, lateness, pacing};
use super::file::{self, Base, NetworkSection, Text};
use super::{Configured, announce, until_stopped};
use crate::cli::Failure;

const DEFAULT: &str = r#"# A relay: carries the cells of others.

# Who it is: made by `pluribus-mix keygen --relay relay.key`.
key = "relay.key"
# Where it listens.
listen = "192.0.2.2:9002"
# Where others reach it: an IP address and a port. If left out, where it listens.
# at = "198.51.100.2:9002"
# The address of this machine to dial from, hosts included. If left out, the system's choice.
# bind = "192.0.2.2"
# What outlives it: the consensus. Nobody else may use this directory.
state = "relay.state"
# How much it wants to carry, compared with the others: 1 to 1000000.
weight = 100
# Other relays of the same owner; each must name the others.
family = []
# What it lets through to the world: rules, of which the first that matches decides; if none does, nothing. For web and mail:
# exit = ["reject *:25", "accept *:80,443,465,587,993"]
exit = []
# Addresses of its own that nobody may reach through it, besides those named above and the ones that the system dials from.
own = []

# The network, the same words for everybody in it.
[network]
authorities = ["ocapn://25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid.mix?at=192.0.2.1:9001"]
# How many of them must sign. If left out, more than half.
# threshold = 1
"#;

/// Carry the cells of others.
#[derive(Args)]
pub(crate) struct RelayCommand {
    #[command(flatten)]
    configured: Configured,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    key: PathBuf,
    listen: Text<SocketAddr>,
    at: Option<Text<SocketAddr>>,
    bind: Option<Text<IpAddr>>,
    state: PathBuf,
    weight: Option<u32>,
    #[serde(default)]
    family: Vec<Text<RelayId>>,
    #[serde(default)]
    exit: Vec<String>,
    #[serde(default)]
    own: Vec<Text<IpAddr>>,
    network: NetworkSection,
}

impl RelayCommand {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let Some(path) = &self.configured.config else {
            print!("{DEFAULT}");
            return Ok(());
        };
        let settings: Settings = file::read(path)?;
        let base = Base::of(path);
        let store = base.store(&settings.state)?;
        let control = Control::open(&base.path(&settings.state))?;
        let relay = settings.begin(&base, store).await?;
        let name = relay.id().to_string();
        announce(
            self.configured.json,
            &json!({ "relay": name }),
            &format!("{name}\n"),
        )?;
        until_stopped(|stop| serve(relay, control, stop)).await
    }
}

impl Settings {
    async fn begin(self, base: &Base, store: Store) -> Result<Relay, Failure> {
        let key_file = base.path(&self.key);
        let policy = policy(&self.exit)?;
        let network = self.network.network()?;
        let keep = Keep::open(network, Some(store)).map_err(Failure::failed)?;
        let key = Arc::new(keyfile::load(&key_file).map_err(Failure::failed)?);
        let mut config = Config::from_key_file(&key_file).map_err(Failure::failed)?;
        config = config.listening(self.listen.0);
        if let Some(Text(at)) = &self.at {
            config = config.known_at(Address::try_from(*at).map_err(Failure::usage)?);
        }
        let mut own: Vec<IpAddr> = self.own.iter().map(|ip| ip.0).collect();
        own.push(self.listen.0.ip());
        own.extend(self.bind.iter().map(|ip| ip.0));
        own.extend(addresses());
        let from = self.bind.as_ref().map(|it| it.0);
        let rules = |at| RelayRules {
            at,
            from,
            weight: self.weight.unwrap_or(100),
            family: self.family.iter().map(|it| it.0).collect(),
            policy,
            own,
        };
        begin(config, from, key, keep, rules).await
    }
}

/// Brings a relay to the network.
pub(super) async fn begin(
    config: Config,
    from: Option<IpAddr>,
    key: Arc<pluribus_mix::crypto::sign::SigningKey>,
    keep: Keep,
    rules: impl FnOnce(SocketAddr) -> RelayRules,
) -> Result<Relay, Failure> {
    let mut config = config.relay().map_err(Failure::to_bind)?;
    let mut asking = Config::fresh().map_err(Failure::to_bind)?.anonymous();
    if let Some(from) = from {
        config = config.dialling_from(from);
        asking = asking.dialling_from(from);
    }
    let endpoint = Endpoint::bind(config).await.map_err(Failure::to_bind)?;
    let asking = Endpoint::bind(asking).await.map_err(Failure::to_bind)?;
    let at = endpoint.locator().address().and_then(Address::socket_addr);
    let at = at.ok_or(pluribus_mix::net::party::PartyError::NoPlace)?;
    Ok(Relay::new(endpoint, asking, key, rules(at), keep)?)
}

fn policy(rules: &[String]) -> Result<Policy, Failure> {
    if let Some(at) = rules.iter().position(|rule| rule.contains('\n')) {
        return Err(Failure::usage(format!(
            "exit, rule {}: has two lines",
            at + 1
        )));
    }
    let read = rules.join("\n").parse();
    read.map_err(|wrong| Failure::usage(format!("exit: {wrong}")))
}

/// The addresses that the system dials from. Nothing is sent.
fn addresses() -> impl Iterator<Item = IpAddr> {
    let towards = ["192.0.2.1:9", "[2001:db8::1]:9"];
    let froms = ["0.0.0.0:0", "[::]:0"];
    towards.into_iter().zip(froms).filter_map(|(to, from)| {
        let socket = UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip())
    })
}

async fn serve(relay: Relay, control: Control, stop: CancellationToken) -> Result<(), Failure> {
    let state = || state(&relay);
    tokio::select! {
        () = relay.run(stop) => {}
        () = control.serve(state) => {}
    }
    Ok(())
}

async fn state(relay: &Relay) -> Value {
    let Ok(state) = relay.state().await else {
        return json!({ "role": "relay", "stopping": true });
    };
    json!({
        "role": "relay",
        "circuits": circuits(state.circuits),
        "sockets": state.sockets,
        "listed": state.is_listed,
        "consensus": consensus(state.relays, state.age),
        "lateness": lateness(state.lateness),
        "pacing": pacing(state.health.paced),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_has_every_setting_and_is_accepted() {
        let settings: Settings = toml::from_str(DEFAULT).unwrap();
        assert_eq!(settings.weight, Some(100));
        assert!(policy(&settings.exit).is_ok_and(|it| it == Policy::default()));
        assert!(settings.network.network().is_ok());
        let all = DEFAULT
            .replace("\n# at =", "\nat =")
            .replace("\n# bind =", "\nbind =");
        let all = all
            .replace("\nexit = []", "")
            .replace("\n# exit =", "\nexit =");
        let settings: Settings = toml::from_str(&all).unwrap();
        assert!(settings.at.is_some() && settings.bind.is_some());
        assert!(policy(&settings.exit).is_ok_and(|it| it.summary().is_some()));
    }
}
