//! `up`: a whole network in one process, to try things with, and a proxy that uses it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use pluribus_mix::directory::{BadPolicy, Params, Refused};
use pluribus_mix::face::{Protocol, Reach};
use pluribus_mix::net::party::{Client, Keep, Local};
use pluribus_mix::net::{Store, loopback_address};
use pluribus_mix::pacing::Class;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::control::{Control, circuits, lateness, pacing};
use super::file::{Base, Knock};
use super::proxy::{self, Doors};
use super::{announce, refused, until_stopped};
use crate::cli::Failure;

/// For how long nothing is said while something is missing.
const MOMENT: Duration = Duration::from_secs(1);
/// Seconds from one consensus to the next.
const INTERVAL: u64 = 60;
/// Relays of one process.
const FEWEST: u16 = 3;
const MOST: u16 = 200;
/// Everything, on this machine too.
const POLICY: &str = "accept private:*\naccept *:*";

/// Start a whole network on this machine, and a proxy that uses it.
#[derive(Args)]
pub(crate) struct Up {
    /// How many relays: 3 to 200.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(i64::from(FEWEST)..=i64::from(MOST)))]
    relays: u16,
    /// How cells are sent.
    #[arg(long, value_enum, default_value_t = Pacing::Constant)]
    pacing: Pacing,
    /// How much each circuit carries where cells are sent by the clock, used or not: idle, talk, fast or bulk.
    ///
    /// With the quanta of 20 ms that are usual here, 11, 45, 179 or 717 kB/s each way; with the 50 ms of other networks 4.5, 17.9, 71.7 or 286.7.
    #[arg(long, value_name = "CLASS", default_value_t = Class::default())]
    class: Class,
    /// Where SOCKS5 is spoken.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    socks: SocketAddr,
    /// Where HTTP CONNECT is spoken.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    http: SocketAddr,
    /// A directory for the socket that `status` asks at.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Put the line {"socks":"…","http":"…","relays":[…]} on standard output when everything is ready.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Pacing {
    /// By the clock, as many whether something is said or not.
    Constant,
    /// At once: who sees enough links can tell who talks with whom.
    None,
}

impl Pacing {
    fn params(self) -> Result<Params, Refused> {
        let params = Params::local().with("interval", INTERVAL)?;
        match self {
            Self::Constant => Ok(params),
            Self::None => params.with("pacing", "none"),
        }
    }
}

/// Everybody in a network.
struct Everybody {
    local: Local,
    client: Client,
}

impl Up {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let store = self.state.as_deref().map(Store::open).transpose();
        let store = store.map_err(Failure::failed)?;
        let control = self.state.as_deref().map(Control::open).transpose()?;
        let mut doors = Doors::default();
        let here = Base::here();
        for (at, protocol) in [(self.socks, Protocol::Socks), (self.http, Protocol::Http)] {
            let knock = Knock::Tcp(at);
            doors.open(knock, protocol, Reach::Loopback, &here).await?;
        }
        let everybody = Everybody::begin(self.relays, self.pacing, self.class).await?;
        let served = until_stopped(|stop| everybody.serve(doors, control, self.json, stop)).await;
        drop(store);
        served
    }
}

impl Everybody {
    async fn begin(relays: u16, pacing: Pacing, class: Class) -> Result<Self, Failure> {
        let params = pacing.params().map_err(refused)?;
        let policy = POLICY.parse();
        let policy = policy.map_err(|wrong: BadPolicy| Failure::failed(wrong))?;
        let local = Local::begin(params, relays, &policy).await?;
        let from = loopback_address().map_err(Failure::to_bind)?;
        let keep = Keep::open(local.network().clone(), None).map_err(Failure::failed)?;
        let client = proxy::begin(Some(from.into()), class, keep).await?;
        Ok(Self { local, client })
    }

    async fn serve(
        self,
        doors: Doors,
        control: Option<Control>,
        json: bool,
        stop: CancellationToken,
    ) -> Result<(), Failure> {
        let running = CancellationToken::new();
        let mut parties = JoinSet::new();
        self.local.work(&mut parties, &running);
        let (client, token) = (&self.client, running.clone());
        let kept = async {
            // Sooner it would ask relays that do not know each other, and pass them over for a while.
            if token
                .run_until_cancelled(self.local.ready())
                .await
                .is_some()
            {
                client.run(token).await;
            }
        };
        let work = async {
            // All of the network is here: it is ready soon, or never.
            tokio::select! {
                () = self.client.ready() => self.announce(&doors, json)?,
                () = self.tell_progress() => {}
                () = stop.cancelled() => {}
            }
            doors.serve(&self.client, stop.clone()).await;
            Ok(())
        };
        let told = async {
            match &control {
                Some(control) => control.serve(|| self.state()).await,
                None => std::future::pending().await,
            }
        };
        let working = async {
            let done = tokio::select! {
                done = work => done,
                () = told => Ok(()),
            };
            running.cancel();
            done
        };
        let (done, ()) = tokio::join!(working, kept);
        while parties.join_next().await.is_some() {}
        done
    }

    /// Says what is still missing, for as long as something is, each time that it is something else. Never ends.
    async fn tell_progress(&self) {
        let mut said = String::new();
        loop {
            sleep(MOMENT).await;
            let missing = self.missing().await;
            if missing != said {
                eprintln!("not ready yet: {missing}");
                said = missing;
            }
        }
    }

    /// What has to be there before anything is carried, and is not.
    async fn missing(&self) -> String {
        let mut listed = 0;
        for relay in self.local.relays() {
            let state = relay.state().await;
            listed += usize::from(state.is_ok_and(|state| state.is_listed));
        }
        let all = self.local.relays().len();
        if listed < all {
            return format!("{listed} of {all} relays are listed");
        }
        match self.client.consensus() {
            None => "the client asks who the relays are".to_owned(),
            Some(_) => "the client builds its first circuits".to_owned(),
        }
    }

    fn announce(&self, doors: &Doors, json: bool) -> Result<(), Failure> {
        let mut line = doors.announcement();
        let names: Vec<_> = self
            .local
            .relays()
            .iter()
            .map(|it| it.id().to_string())
            .collect();
        if let Some(fields) = line.as_object_mut() {
            fields.insert("relays".to_owned(), json!(names));
        }
        let words = format!("{} relays\n{}", names.len(), doors.in_words());
        announce(json, &line, &words)
    }

    async fn state(&self) -> Value {
        let mut through = Vec::new();
        for relay in self.local.relays() {
            if let Ok(state) = relay.state().await {
                through.push(json!({
                    "circuits": circuits(state.circuits),
                    "lateness": lateness(state.lateness),
                    "pacing": pacing(state.health.paced),
                }));
            }
        }
        json!({
            "role": "up",
            "client": proxy::state(&self.client).await,
            "relays": through,
        })
    }
}
