//! `proxy`: programs that exist speak through circuits.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use pluribus_mix::face::{Door, Face, Limits, Protocol, Reach};
use pluribus_mix::net::party::{Client, Keep, Sessions};
use pluribus_mix::net::{Config, Endpoint};
use pluribus_mix::pacing::Class;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::control::{Control, circuits, consensus, lateness, pacing};
use super::file::{self, Base, Knock, NetworkSection, Text};
use super::{Configured, announce, until_stopped};
use crate::cli::Failure;

const DEFAULT: &str = r#"# A proxy: programs that can use SOCKS5 or HTTP CONNECT speak through circuits.

# Where programs knock: ADDRESS:PORT, or unix:PATH. Port 0 takes any that is free. What comes through different doors never shares a circuit, nor
# what shows different user names or passwords; any are accepted.
socks = ["127.0.0.1:9050"]
http = ["127.0.0.1:8118"]
# Whether addresses are allowed above that other machines reach. Whoever reaches one speaks as you.
expose = false
# The address of this machine to dial from. If left out, the system's choice.
# bind = "192.0.2.3"
# In a network that sends by the clock, how much each circuit carries, used or not, in kB/s if a quantum has 50 ms: "idle" 4.5, "talk" 17.9,
# "fast" 71.7, "bulk" 286.7. Shorter quanta make it more. The whole link costs so much for each of its slots, both ways, all the time; which class
# it is can be seen.
class = "talk"
# What outlives it: the consensus, and the guards. Nobody else may use this directory.
state = "proxy.state"
# A signed consensus to begin with, instead of asking an authority.
# consensus = "consensus.json"

# The network, the same words for everybody in it.
[network]
authorities = ["ocapn://25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid.mix?at=192.0.2.1:9001"]
# How many of them must sign. If left out, more than half.
# threshold = 1
"#;

/// How long what is carried may go on when the program stops.
const GRACE: Duration = Duration::from_millis(800);

/// Let programs speak through circuits: SOCKS5 and HTTP CONNECT.
#[derive(Args)]
pub(crate) struct ProxyCommand {
    #[command(flatten)]
    configured: Configured,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default)]
    socks: Vec<Text<Knock>>,
    #[serde(default)]
    http: Vec<Text<Knock>>,
    #[serde(default)]
    expose: bool,
    bind: Option<Text<IpAddr>>,
    class: Option<Text<Class>>,
    state: PathBuf,
    consensus: Option<PathBuf>,
    network: NetworkSection,
}

impl ProxyCommand {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let Some(path) = &self.configured.config else {
            print!("{DEFAULT}");
            return Ok(());
        };
        let settings: Settings = file::read(path)?;
        let base = Base::of(path);
        let store = base.store(&settings.state)?;
        let control = Control::open(&base.path(&settings.state))?;
        let network = settings.network.network()?;
        let mut keep = Keep::open(network, Some(store)).map_err(Failure::failed)?;
        if let Some(file) = &settings.consensus {
            let file = base.path(file);
            let taken = keep.take_file(&file);
            taken.map_err(|why| Failure::failed(format!("{}: {why}", file.display())))?;
        }
        let mut doors = Doors::default();
        let reach = if settings.expose {
            Reach::Exposed
        } else {
            Reach::Loopback
        };
        for (knocks, protocol) in [
            (settings.socks, Protocol::Socks),
            (settings.http, Protocol::Http),
        ] {
            for Text(knock) in knocks {
                doors.open(knock, protocol, reach, &base).await?;
            }
        }
        let class = settings.class.map(|it| it.0).unwrap_or_default();
        let client = begin(settings.bind.map(|it| it.0), class, keep).await?;
        let json = self.configured.json;
        until_stopped(|stop| serve(client, doors, control, json, stop)).await
    }
}

/// Faces, and where programs find them.
#[derive(Default)]
pub(super) struct Doors {
    faces: Vec<Face>,
    socks: Vec<SocketAddr>,
    http: Vec<SocketAddr>,
}

impl Doors {
    pub(super) async fn open(
        &mut self,
        knock: Knock,
        protocol: Protocol,
        reach: Reach,
        base: &Base,
    ) -> Result<(), Failure> {
        let door = match knock {
            Knock::Tcp(at) => Door::tcp(at, reach).await,
            Knock::Unix(path) => Door::unix(&base.path(&path)),
        };
        let door = door.map_err(|why| match why {
            pluribus_mix::face::DoorError::Exposed(_) => Failure::usage(why),
            other => Failure::failed(other),
        })?;
        let addresses = match protocol {
            Protocol::Socks => &mut self.socks,
            Protocol::Http => &mut self.http,
        };
        addresses.extend(door.local_addr());
        let listener = u16::try_from(self.faces.len()).unwrap_or(u16::MAX);
        let limits = Limits {
            grace: GRACE,
            ..Limits::default()
        };
        self.faces
            .push(Face::new(door, protocol, listener).limits(limits));
        Ok(())
    }

    /// What is announced: the first address of each kind.
    pub(super) fn announcement(&self) -> Value {
        let first = |of: &[SocketAddr]| of.first().map(ToString::to_string);
        json!({ "socks": first(&self.socks), "http": first(&self.http) })
    }

    /// The same for people.
    pub(super) fn in_words(&self) -> String {
        let lines = [("SOCKS5", &self.socks), ("HTTP CONNECT", &self.http)];
        let lines = lines.into_iter().flat_map(|(name, of)| {
            let line = move |at| format!("{name} at {at}\n");
            of.iter().map(line)
        });
        lines.collect()
    }

    /// Serves until told to stop.
    pub(super) async fn serve(self, client: &Client, stop: CancellationToken) {
        let sessions = Sessions::new(client.clone());
        let mut faces = JoinSet::new();
        for face in self.faces {
            faces.spawn(face.serve(sessions.clone(), stop.clone()));
        }
        tokio::select! {
            () = async { while faces.join_next().await.is_some() {} } => {}
            () = sessions.keep_tidy() => {}
        }
    }
}

/// Brings a client to the network.
pub(super) async fn begin(
    from: Option<IpAddr>,
    class: Class,
    keep: Keep,
) -> Result<Client, Failure> {
    let config = Config::fresh().map_err(Failure::to_bind)?;
    let mut config = config.mix_client().class(class);
    let mut asking = Config::fresh().map_err(Failure::to_bind)?.anonymous();
    if let Some(from) = from {
        config = config.dialling_from(from);
        asking = asking.dialling_from(from);
    }
    let endpoint = Endpoint::bind(config).await.map_err(Failure::to_bind)?;
    let asking = Endpoint::bind(asking).await.map_err(Failure::to_bind)?;
    Ok(Client::new(endpoint, asking, keep))
}

async fn serve(
    client: Client,
    doors: Doors,
    control: Control,
    json: bool,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let running = CancellationToken::new();
    let (announcement, words) = (doors.announcement(), doors.in_words());
    let announced = async {
        tokio::select! {
            () = client.ready() => announce(json, &announcement, &words),
            () = stop.cancelled() => Ok(()),
        }
    };
    let work = async {
        // Whoever comes before there is a network is told so.
        let (announced, ()) = tokio::join!(announced, doors.serve(&client, stop.clone()));
        announced?;
        stop.cancelled().await;
        Ok(())
    };
    let work = async {
        let done = work.await;
        // What programs still had to say is said; now the circuits may go.
        running.cancel();
        done
    };
    let state = || state(&client);
    tokio::select! {
        (done, ()) = async { tokio::join!(work, client.run(running.clone())) } => done,
        () = control.serve(state) => Ok(()),
    }
}

pub(super) async fn state(client: &Client) -> Value {
    let Ok(state) = client.state().await else {
        return json!({ "role": "proxy", "stopping": true });
    };
    let paced = state.health.paced;
    json!({
        "role": "proxy",
        "circuits": circuits(state.circuits),
        "guards": state.guards,
        "consensus": consensus(state.relays, state.age),
        "lateness": lateness(state.lateness),
        "pacing": pacing(paced),
        "free_slots": paced.map(|it| it.free_slots),
        "suspect_pairs": state.health.suspects,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_has_every_setting_and_is_accepted() {
        let settings: Settings = toml::from_str(DEFAULT).unwrap();
        assert_eq!((settings.socks.len(), settings.http.len()), (1, 1));
        assert!(settings.network.network().is_ok());
        assert_eq!(settings.class.map(|it| it.0), Some(Class::default()));
        let all = DEFAULT.replace("\n# bind =", "\nbind =");
        let all = all.replace("\n# consensus =", "\nconsensus =");
        let settings: Settings = toml::from_str(&all).unwrap();
        assert!(settings.consensus.is_some() && settings.bind.is_some());
    }
}
