//! The network, and what kills its relays.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use pluribus_mix::directory::{Params, Policy};
use pluribus_mix::net::directory::Network;
use pluribus_mix::net::party::{Local, Relay};
use tokio::task::JoinHandle;
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep};
use tokio_util::sync::CancellationToken;

use super::{Options, Told, below};
use crate::story::Pacing;

/// Seconds from one list of relays to the next: one that came back is used when it stands there.
const INTERVAL: u64 = 2;
/// How often it is tried to bring a relay back to its address.
const TRIES: usize = 50;
const AGAIN: Duration = Duration::from_millis(100);

/// A relay at work.
struct AtWork {
    token: CancellationToken,
    work: JoinHandle<()>,
}

impl AtWork {
    fn begin(relay: Relay, stop: &CancellationToken) -> Self {
        let token = stop.child_token();
        let of_relay = token.clone();
        let work = tokio::spawn(async move { relay.run(of_relay).await });
        Self { token, work }
    }
}

/// An authority and relays.
pub(super) struct Churn {
    local: Local,
    relays: Vec<AtWork>,
    parties: JoinSet<()>,
    stop: CancellationToken,
    kills: Arc<AtomicU32>,
}

fn params(pacing: Pacing) -> Told<Params> {
    let params = Params::local()
        .with("interval", INTERVAL)?
        .with("slots", 24)?;
    Ok(match pacing {
        Pacing::None => params.with("pacing", "none")?,
        Pacing::Constant => params,
    })
}

impl Churn {
    /// Brings the network up, and waits until all relays know each other.
    pub(super) async fn begin(options: &Options) -> Told<Self> {
        let policy = Policy::default();
        let local = Local::begin(params(options.pacing)?, options.relays, &policy).await?;
        let (mut parties, stop) = (JoinSet::new(), CancellationToken::new());
        let (authority, token) = (local.authority().clone(), stop.child_token());
        parties.spawn(async move { authority.run(token).await });
        let relays = local.relays().iter().cloned();
        let relays = relays.map(|relay| AtWork::begin(relay, &stop)).collect();
        local.ready().await;
        Ok(Self {
            local,
            relays,
            parties,
            stop,
            kills: Arc::default(),
        })
    }

    pub(super) fn network(&self) -> &Network {
        self.local.network()
    }

    /// Has something work as long as the network does.
    pub(super) fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.parties.spawn(work);
    }

    /// What tells a party of the network to stop.
    pub(super) fn token(&self) -> CancellationToken {
        self.stop.child_token()
    }

    /// How many relays were killed, as it goes.
    pub(super) fn kills(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.kills)
    }

    /// Kills a relay every so often and brings it back at once, until it is told to stop. It gives itself back, for the network goes on.
    pub(super) async fn churn(mut self, every: Duration, stop: CancellationToken) -> Told<Self> {
        while stop.run_until_cancelled(sleep(every)).await.is_some() {
            let number = below(self.relays.len());
            self.kill(number).await?;
            self.kills.fetch_add(1, Ordering::Relaxed);
        }
        Ok(self)
    }

    async fn kill(&mut self, number: usize) -> Told {
        let dead = self.relays.get_mut(number).ok_or("no relay")?;
        dead.token.cancel();
        (&mut dead.work).await?;
        let mut tries = 0;
        let relay = loop {
            match self.local.restart(number).await {
                Ok(relay) => break relay,
                Err(why) if tries == TRIES => return Err(why.into()),
                Err(_) => tries += 1,
            }
            sleep(AGAIN).await;
        };
        *dead = AtWork::begin(relay, &self.stop);
        Ok(())
    }
}
