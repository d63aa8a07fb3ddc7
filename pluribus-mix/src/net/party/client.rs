//! A client at work: its node builds circuits by itself; here it learns who the relays are, and remembers its guards.
//!
//! The first consensus comes from an authority, which learns an address and no name. Every later one comes from a guard over a circuit of one
//! hop, at a time drawn anew each time: guards know the client's address anyhow, and authorities need not learn when it is there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::directory::{Consensus, Wall};
use crate::node::{Circuits, Health, Reach};

use super::super::directory::{AskFault, wall};
use super::super::endpoint::Endpoint;
use super::super::error::EndpointClosed;
use super::super::exit;
use super::super::writer::Lateness;
use super::keep::Keep;
use super::{PartyError, Pause, longest_pause, some_of};

/// How long a guard may take to be reached, and to tell what it knows.
const REACHED: Duration = Duration::from_secs(20);
const TOLD: Duration = Duration::from_secs(60);
/// How often the time of day is looked at.
const LOOK: Duration = Duration::from_secs(60);
/// How often it is looked whether the guards have changed.
const GUARDS: Duration = Duration::from_secs(10);
/// How often it is looked whether the first circuit stands.
const FIRST: Duration = Duration::from_millis(50);

/// A client of a network. Cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Desk>);

/// A client, as long as somebody else has it.
pub(super) struct WeakClient(Weak<Desk>);

impl WeakClient {
    pub(super) fn upgrade(&self) -> Option<Client> {
        self.0.upgrade().map(Client)
    }
}

struct Desk {
    endpoint: Arc<Endpoint>,
    /// From here an authority is asked for the first consensus.
    asking: Endpoint,
    keep: Mutex<Keep>,
    has_consensus: watch::Sender<bool>,
}

/// How a client is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientState {
    /// Circuits and links.
    pub circuits: Circuits,
    /// Guards that are kept.
    pub guards: usize,
    /// Relays in the consensus; `None` while it has none.
    pub relays: Option<usize>,
    /// Seconds since the consensus became valid.
    pub age: Option<u64>,
    /// How late batches were written. (PAC-17)
    pub lateness: Lateness,
    /// What pacing has come to, and how many are suspect. (PAC-17)
    pub health: Health,
}

impl Client {
    /// A client behind this endpoint, which was made for one; the other asks the authorities, under throwaway keys.
    #[must_use]
    pub fn new(endpoint: impl Into<Arc<Endpoint>>, asking: Endpoint, keep: Keep) -> Self {
        let client = Self(Arc::new(Desk {
            endpoint: endpoint.into(),
            asking,
            keep: Mutex::new(keep),
            has_consensus: watch::Sender::new(false),
        }));
        client.endpoint().dialling.over_circuits_of(&client);
        client
    }

    pub(super) fn downgrade(&self) -> WeakClient {
        WeakClient(Arc::downgrade(&self.0))
    }

    /// How it is doing.
    ///
    /// # Errors
    /// [`EndpointClosed`].
    pub async fn state(&self) -> Result<ClientState, EndpointClosed> {
        let circuits = self.0.endpoint.circuits().await?;
        let health = self.0.endpoint.health().await?;
        let guards = self.0.endpoint.guards().await?;
        let current = self.0.keep().current().cloned();
        Ok(ClientState {
            circuits,
            guards: guards.map_or(0, |guards| guards.names().count()),
            relays: current.as_ref().map(|it| it.relays().len()),
            age: current.map(|it| wall().since(it.valid_after())),
            lateness: self.0.endpoint.lateness(),
            health,
        })
    }

    /// The consensus in use.
    #[must_use]
    pub fn consensus(&self) -> Option<Arc<Consensus>> {
        self.0.keep().current().cloned()
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    /// Waits until there is a consensus and a circuit that a session can have: before, relays may not even know each other. Waits for ever
    /// if its endpoint is closed.
    pub async fn ready(&self) {
        let mut has = self.0.has_consensus.subscribe();
        // The sender is ours, and lives as long as we.
        let _ = has.wait_for(|has| *has).await;
        loop {
            match self.0.endpoint.circuits().await {
                Ok(circuits) if circuits.spare > 0 => return,
                Ok(_) => sleep(FIRST).await,
                Err(EndpointClosed) => return std::future::pending().await,
            }
        }
    }

    /// Works until it is told to stop. What was made of its endpoint ends with it.
    pub async fn run(&self, stop: CancellationToken) {
        let desk = &self.0;
        let (guards, kept) = {
            let keep = desk.keep();
            (keep.guards().cloned(), keep.current().cloned())
        };
        if let Some(guards) = guards {
            desk.endpoint.set_guards(guards).await;
        }
        if let Some(kept) = kept {
            desk.use_consensus(&kept).await;
        }
        let mut work = JoinSet::new();
        work.spawn(Arc::clone(desk).learn());
        work.spawn(Arc::clone(desk).remember());
        stop.cancelled().await;
        work.shutdown().await;
        desk.keep_guards().await;
        tokio::join!(desk.endpoint.close(), desk.asking.close());
    }
}

impl Desk {
    /// Asks for the consensus, and again when there should be a newer one.
    async fn learn(self: Arc<Self>) {
        let mut pause = Pause::new();
        self.wait_for_next().await;
        loop {
            match self.fetch().await {
                Ok(consensus) => {
                    self.use_consensus(&consensus).await;
                    self.keep_guards().await;
                    pause = Pause::new();
                    self.wait_for_next().await;
                }
                Err(why) => {
                    let waits = matches!(why, PartyError::Ask(AskFault::NothingNewer));
                    if !waits {
                        tracing::warn!("no new consensus: {why}");
                    }
                    sleep(pause.take(self.longest_pause())).await;
                }
            }
        }
    }

    async fn fetch(&self) -> Result<Arc<Consensus>, PartyError> {
        let current = self.keep().current().cloned();
        match current {
            Some(current) if current.valid_at(wall()).is_ok() => {
                self.fetch_from_guard(&current).await
            }
            _ => self.fetch_from_authority().await,
        }
    }

    async fn fetch_from_authority(&self) -> Result<Arc<Consensus>, PartyError> {
        let (network, floor) = {
            let keep = self.keep();
            (keep.network().clone(), keep.floor().copied())
        };
        let fetched = network.fetch(&self.asking, floor.as_ref()).await?;
        self.keep().take(fetched)
    }

    async fn fetch_from_guard(&self, current: &Consensus) -> Result<Arc<Consensus>, PartyError> {
        let signed = self.ask_guard().await?;
        if signed == *current.signed() {
            return Err(AskFault::NothingNewer.into());
        }
        self.keep().take_signed(&signed)
    }

    async fn ask_guard(&self) -> Result<Vec<u8>, AskFault> {
        let guard = self.endpoint.choose_guard().await;
        let Ok(Ok(guard)) = guard else {
            return Err(AskFault::Unreachable);
        };
        let session = timeout(REACHED, self.endpoint.session(guard, Reach::Near)).await;
        let Ok(Ok(session)) = session else {
            return Err(AskFault::Unreachable);
        };
        let told = timeout(TOLD, exit::directory(&session, Consensus::MOST)).await;
        told.map_err(|_| AskFault::TimedOut)?
            .map_err(|_| AskFault::Cut)
    }

    async fn use_consensus(&self, consensus: &Arc<Consensus>) {
        let given = Arc::clone(consensus);
        self.endpoint.set_consensus(wall(), given).await;
        self.has_consensus.send_replace(true);
    }

    /// Waits for the moment drawn for this consensus, or until it is valid no more. A machine that slept notices within a minute.
    async fn wait_for_next(&self) {
        let due = Wall(wall().0 + self.until_next_consensus().as_secs());
        let is_valid = || {
            let keep = self.keep();
            let current = keep.current();
            current.is_some_and(|it| it.valid_at(wall()).is_ok())
        };
        while wall() < due && is_valid() {
            let left = Duration::from_secs(due.since(wall()));
            sleep(left.min(LOOK)).await;
        }
    }

    /// Until a while behind the moment when relays should have a newer one.
    fn until_next_consensus(&self) -> Duration {
        let keep = self.keep();
        keep.current().map_or(Duration::ZERO, |current| {
            let wait = Duration::from_secs(current.fresh_until().since(wall()));
            let interval = Duration::from_secs(current.params().interval());
            wait + interval / 4 + some_of(interval / 2)
        })
    }

    async fn remember(self: Arc<Self>) {
        loop {
            sleep(GUARDS).await;
            self.keep_guards().await;
        }
    }

    async fn keep_guards(&self) {
        let Ok(Some(guards)) = self.endpoint.guards().await else {
            return;
        };
        if let Err(why) = self.keep().keep_guards(guards) {
            tracing::error!("the guards cannot be kept: {why}");
        }
    }

    fn longest_pause(&self) -> Duration {
        longest_pause(self.keep().current())
    }

    fn keep(&self) -> MutexGuard<'_, Keep> {
        self.keep.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
