//! A relay at work: its node carries cells by itself; here it serves sessions, says what it is, and learns who the others are.
//!
//! A relay asks authorities and nobody else, from an endpoint of its own under throwaway keys: what it says of itself bears its signature.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::crypto::sign::SigningKey;
use crate::directory::{Consensus, Descriptor, Policy, Relay as Said, Wall};
use crate::id::RelayId;
use crate::node::{Circuits, Health, Knowledge};

use super::super::directory::{AskFault, wall};
use super::super::endpoint::Endpoint;
use super::super::error::EndpointClosed;
use super::super::exit::Exit;
use super::super::writer::Lateness;
use super::keep::Keep;
use super::{PartyError, Pause, longest_pause, some_of};

/// Sessions that are served at once.
const SESSIONS: usize = 16_384;

/// What a relay says of itself, and what it lets through.
#[derive(Clone, Debug)]
pub struct RelayRules {
    /// Where others reach it.
    pub at: SocketAddr,
    /// How often it wants to be drawn, compared with the others. (DIR-3)
    pub weight: u32,
    /// Relays that belong together with it, which have to say so too. (DIR-3)
    pub family: Vec<RelayId>,
    /// What it lets through. (DIR-18)
    pub policy: Policy,
    /// Addresses of its own, besides `at`, that count as private. (DIR-17)
    pub own: Vec<IpAddr>,
    /// Where it connects to hosts from; `None` for the system's choice. See [`Exit::dialling_from`].
    pub from: Option<IpAddr>,
}

/// A relay of a network. Cheap to clone.
#[derive(Clone)]
pub struct Relay(Arc<Station>);

struct Station {
    endpoint: Endpoint,
    /// From here the authorities are asked.
    asking: Arc<Endpoint>,
    said: Said,
    key: Arc<SigningKey>,
    keep: Mutex<Keep>,
    exit: Exit,
    told: watch::Sender<Option<Bytes>>,
}

/// How a relay is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayState {
    /// Circuits and links.
    pub circuits: Circuits,
    /// Sockets to hosts.
    pub sockets: usize,
    /// Whether the consensus lists it, with its onion key of now.
    pub is_listed: bool,
    /// Relays in the consensus; `None` while it has none.
    pub relays: Option<usize>,
    /// Seconds since the consensus became valid.
    pub age: Option<u64>,
    /// How late batches were written. (PAC-17)
    pub lateness: Lateness,
    /// What pacing has come to, and how many are suspect. (PAC-17)
    pub health: Health,
}

impl Relay {
    /// A relay behind this endpoint, which was made for a relay with this key; the other endpoint asks the authorities.
    ///
    /// # Errors
    /// [`PartyError::NoRelay`], or what it would say of itself is refused.
    pub fn new(
        endpoint: Endpoint,
        asking: Endpoint,
        key: Arc<SigningKey>,
        rules: RelayRules,
        keep: Keep,
    ) -> Result<Self, PartyError> {
        let said = Said {
            id: RelayId::from(key.public()),
            onion: endpoint.onion_key().ok_or(PartyError::NoRelay)?,
            at: rules.at,
            weight: rules.weight,
            family: rules.family,
            exit: rules.policy.summary(),
        };
        let told = watch::Sender::new(None);
        let mut own = rules.own;
        own.push(rules.at.ip());
        let policy = rules.policy;
        // What the machine has now counts too: addresses come and go.
        let allows = move |ip, port| {
            let here = is_here(ip).then_some(ip);
            let own: Vec<IpAddr> = own.iter().copied().chain(here).collect();
            policy.allows(ip, port, &own)
        };
        let station = Station {
            exit: Exit::new(Arc::new(allows), told.subscribe()).dialling_from(rules.from),
            endpoint,
            asking: Arc::new(asking),
            said,
            key,
            keep: Mutex::new(keep),
            told,
        };
        // Whatever every authority would refuse is told now.
        station.descriptor()?;
        Ok(Self(Arc::new(station)))
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> RelayId {
        self.0.said.id
    }

    /// How it is doing.
    ///
    /// # Errors
    /// [`EndpointClosed`].
    pub async fn state(&self) -> Result<RelayState, EndpointClosed> {
        let circuits = self.0.endpoint.circuits().await?;
        let health = self.0.endpoint.health().await?;
        let current = self.0.keep().current().cloned();
        Ok(RelayState {
            circuits,
            sockets: self.0.exit.sockets(),
            is_listed: current.as_ref().is_some_and(|it| self.0.is_listed(it)),
            relays: current.as_ref().map(|it| it.relays().len()),
            age: current.map(|it| wall().since(it.valid_after())),
            lateness: self.0.endpoint.lateness(),
            health,
        })
    }

    /// See [`Endpoint::knowledge`].
    ///
    /// # Errors
    /// [`EndpointClosed`].
    #[doc(hidden)]
    pub async fn knowledge(&self) -> Result<Knowledge, EndpointClosed> {
        let mut here = self.0.endpoint.knowledge().await?;
        here.all.extend(self.0.asking.knowledge().await?.all);
        Ok(here)
    }

    /// Waits until there is a consensus.
    pub async fn ready(&self) {
        let mut told = self.0.told.subscribe();
        // The sender is ours, and lives as long as we.
        let _ = told.wait_for(Option::is_some).await;
    }

    /// Works until it is told to stop.
    pub async fn run(&self, stop: CancellationToken) {
        let kept = self.0.keep().current().cloned();
        if let Some(kept) = kept {
            self.0.use_consensus(&kept).await;
        }
        let mut work = JoinSet::new();
        work.spawn(Arc::clone(&self.0).serve());
        work.spawn(Arc::clone(&self.0).publish());
        work.spawn(Arc::clone(&self.0).learn());
        stop.cancelled().await;
        work.shutdown().await;
        tokio::join!(self.0.endpoint.close(), self.0.asking.close());
    }
}

impl Station {
    /// Serves the sessions that end here.
    async fn serve(self: Arc<Self>) {
        let mut served = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                Some(_) = served.join_next() => {}
                session = self.endpoint.accept() => match session {
                    None => return,
                    Some(session) if served.len() >= SESSIONS => session.close(),
                    Some(session) => {
                        let exit = self.exit.clone();
                        served.spawn(async move { exit.serve(session).await });
                    }
                },
            }
        }
    }

    /// Says what it is, before the authorities forget it. (DIR-12, DIR-28)
    async fn publish(self: Arc<Self>) {
        let mut pause = Pause::new();
        loop {
            let published = match self.descriptor() {
                Ok(signed) => self.network().publish(&self.asking, &signed).await,
                Err(why) => {
                    tracing::error!("the descriptor cannot be signed: {why}");
                    return;
                }
            };
            match published {
                Ok(authorities) => {
                    tracing::debug!(authorities, "published");
                    pause = Pause::new();
                    self.until_due(wall()).await;
                }
                Err(why) => {
                    tracing::warn!("not published: {why}");
                    sleep(pause.take(self.longest_pause())).await;
                }
            }
        }
    }

    /// Asks for the consensus, and again when there should be a newer one.
    async fn learn(self: Arc<Self>) {
        let mut pause = Pause::new();
        sleep(self.until_next_consensus()).await;
        loop {
            match self.fetch().await {
                Ok(consensus) => {
                    self.use_consensus(&consensus).await;
                    pause = Pause::new();
                    sleep(self.until_next_consensus()).await;
                }
                Err(why) => {
                    if !matches!(why, PartyError::Ask(AskFault::NothingNewer)) {
                        tracing::debug!("no consensus: {why}");
                    }
                    sleep(pause.take(self.longest_pause())).await;
                }
            }
        }
    }

    async fn fetch(&self) -> Result<Arc<Consensus>, PartyError> {
        let floor = self.keep().floor().copied();
        let network = self.network();
        let fetched = network.fetch(&self.asking, floor.as_ref()).await?;
        self.keep().take(fetched)
    }

    async fn use_consensus(&self, consensus: &Arc<Consensus>) {
        self.endpoint
            .set_consensus(wall(), Arc::clone(consensus))
            .await;
        self.told.send_replace(Some(consensus.signed().clone()));
        if !self.is_listed(consensus) {
            tracing::warn!(
                "this relay is not in the consensus, or with the onion key of before its start"
            );
        }
    }

    fn is_listed(&self, consensus: &Consensus) -> bool {
        let listed = consensus.relay(&self.said.id);
        listed.is_some_and(|listed| listed.onion == self.said.onion)
    }

    fn descriptor(&self) -> Result<Vec<u8>, PartyError> {
        let descriptor = Descriptor {
            relay: self.said.clone(),
            published: wall(),
        };
        Ok(descriptor.sign(&self.key)?)
    }

    /// Half an interval after this moment. How long an interval is can change meanwhile. (DIR-28)
    async fn until_due(&self, published: Wall) {
        let mut told = self.told.subscribe();
        loop {
            let interval = self
                .keep()
                .current()
                .map_or(60, |it| it.params().interval());
            let left = (interval / 2)
                .max(1)
                .saturating_sub(wall().since(published));
            tokio::select! {
                () = sleep(Duration::from_secs(left)) => return,
                _ = told.changed() => {}
            }
        }
    }

    /// Until a while behind the moment when there should be a newer one.
    fn until_next_consensus(&self) -> Duration {
        let keep = self.keep();
        keep.current().map_or(Duration::ZERO, |current| {
            let wait = Duration::from_secs(current.fresh_until().since(wall()));
            let interval = Duration::from_secs(current.params().interval());
            wait + interval / 16 + some_of(interval / 8)
        })
    }

    fn network(&self) -> super::super::directory::Network {
        self.keep().network().clone()
    }

    fn longest_pause(&self) -> Duration {
        longest_pause(self.keep().current())
    }

    fn keep(&self) -> MutexGuard<'_, Keep> {
        self.keep.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an address is one of this machine: then whoever connects to it does so from it. Nothing is sent. (DIR-17)
fn is_here(ip: IpAddr) -> bool {
    let any: SocketAddr = match ip {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let from = std::net::UdpSocket::bind(any).and_then(|socket| {
        socket.connect((ip, 9))?;
        socket.local_addr()
    });
    from.is_ok_and(|from| from.ip() == ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DIR-17: an exit knows its own addresses when it is asked, though nobody has listed them.
    #[test]
    fn an_address_of_this_machine_is_known() {
        assert!(is_here("127.0.0.1".parse().unwrap()));
        assert!(!is_here("192.0.2.1".parse().unwrap()));
        assert!(!is_here("2001:db8::1".parse().unwrap()));
    }
}
