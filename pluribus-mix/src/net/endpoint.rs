//! A vat on the network: dials other vats and is dialled by them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::crypto::sign::SigningKey;
use crate::directory::{Consensus, Guards, NoPath, Wall};
use crate::id::{RelayId, VatId};
use crate::locator::{Address, Locator};
use crate::netlayer::Netlayer;
use crate::node::{Circuits, Health, Knowledge, MixConfig, Node, Reach};

use super::config::Config;
use super::connection::Connection;
use super::dialer::Dialling;
use super::driver::{Command, Driver, Habits};
use super::entropy::fresh_seed;
use super::error::{BindError, DialError, EndpointClosed};
use super::writer::{Lateness, Record};

/// Commands on their way to the driver.
const COMMANDS: usize = 16;

/// A vat on the network.
///
/// When it is dropped nobody new can come; the connections that there are go on. [`Endpoint::close`] ends them too.
pub struct Endpoint {
    locator: Locator,
    local_addr: Option<SocketAddr>,
    onion: Option<[u8; 32]>,
    identity: Arc<SigningKey>,
    is_hidden: bool,
    pub(super) dialling: Arc<Dialling>,
    pub(super) commands: mpsc::Sender<Command>,
    backlog: Mutex<mpsc::Receiver<Connection>>,
    record: Arc<Record>,
}

impl Endpoint {
    /// Brings a vat to the network. Runs in the current tokio runtime.
    ///
    /// # Errors
    /// See [`BindError`].
    pub async fn bind(config: Config) -> Result<Self, BindError> {
        let is_hidden = config.meet.is_some();
        let (dialer, within) = (config.dialer.clone(), config.connect_within);
        let dialling = Dialling::new(dialer, is_hidden, config.from, within)?;
        let listener = match config.listen {
            Some(at) => Some(listen(at).await?),
            None => None,
        };
        let local_addr = listener.as_ref().map(|(_, at)| *at);
        let place = match (&config.place, local_addr) {
            (Some(place), _) => Some(place.clone()),
            (None, Some(at)) => Some(place_of(at)?),
            (None, None) => None,
        };
        let node = node(&config, place, dialling.within())?;
        let locator = node.locator().clone();
        let (commands, to_hear) = mpsc::channel(COMMANDS);
        let (incoming, backlog) = mpsc::channel(config.backlog);
        let listener = listener.map(|(listener, _)| listener);
        let record = Arc::<Record>::default();
        let dialling = Arc::new(dialling);
        let habits = Habits {
            dialling: Arc::clone(&dialling),
            stream_backlog: config.stream_backlog,
            record: Arc::clone(&record),
        };
        let relay = config.mix.as_ref().and_then(|mix| mix.relay.as_ref());
        let onion = relay.map(crate::node::RelayConfig::public);
        Driver::start(node, listener, habits, to_hear, incoming);
        let backlog = Mutex::new(backlog);
        Ok(Self {
            locator,
            local_addr,
            onion,
            identity: config.identity,
            is_hidden,
            dialling,
            commands,
            backlog,
            record,
        })
    }

    /// Connects to a vat: resolves when it has proven to be the one asked for. Gives up when cancelled.
    ///
    /// If there is a connection with this vat already, whoever began it, this is one more handle of it (VTP-33). An
    /// [anonymous](Config::anonymous) endpoint is somebody else each time, and has a new one.
    ///
    /// # Errors
    /// See [`DialError`].
    pub async fn connect(&self, to: &Locator) -> Result<Connection, DialError> {
        let held = self
            .ask(|answer| Command::Connect(to.clone(), answer))
            .await??;
        held.opened().await.map_err(DialError::Failed)
    }

    /// Begins a session with a relay over a circuit of its own, under a key made for it, and resolves when the relay is proven. Gives up when
    /// cancelled. The session goes on over other circuits when one breaks. (ONI-16)
    ///
    /// # Errors
    /// See [`DialError`].
    pub async fn session(&self, relay: RelayId, reach: Reach) -> Result<Connection, DialError> {
        let held = self
            .ask(|answer| Command::Session(relay, reach, answer))
            .await??;
        held.opened().await.map_err(DialError::Failed)
    }

    /// Who the relays are, from now on; `wall` is the time of day. For relays and clients of a mix network.
    pub async fn set_consensus(&self, wall: Wall, consensus: Arc<Consensus>) {
        let command = Command::Consensus(wall, consensus);
        // A closed endpoint needs none.
        let _ = self.commands.send(command).await;
    }

    /// An exit that may let this through, by its own word, drawn by weight. (DIR-21)
    ///
    /// # Errors
    /// [`EndpointClosed`], and why there is none.
    pub async fn choose_exit(
        &self,
        port: u16,
        at: Option<IpAddr>,
    ) -> Result<Result<RelayId, NoPath>, EndpointClosed> {
        self.ask(|answer| Command::ChooseExit(port, at, answer))
            .await
    }

    /// A guard, to be asked for the consensus over a circuit of one hop. (DIR-22)
    ///
    /// # Errors
    /// [`EndpointClosed`], and why there is none.
    pub async fn choose_guard(&self) -> Result<Result<RelayId, NoPath>, EndpointClosed> {
        self.ask(Command::ChooseGuard).await
    }

    /// The guards as they are now, to be kept; `None` before the first consensus. (DIR-23)
    ///
    /// # Errors
    /// [`EndpointClosed`].
    pub async fn guards(&self) -> Result<Option<Guards>, EndpointClosed> {
        self.ask(Command::Guards).await
    }

    /// The guards that were kept; to be told before the first consensus. (DIR-23)
    pub async fn set_guards(&self, guards: Guards) {
        // A closed endpoint needs none.
        let _ = self.commands.send(Command::SetGuards(guards)).await;
    }

    /// How many circuits there are, and what they use.
    ///
    /// # Errors
    /// [`EndpointClosed`].
    pub async fn circuits(&self) -> Result<Circuits, EndpointClosed> {
        self.ask(Command::Circuits).await
    }

    /// What pacing has come to, and how many are suspect. (PAC-17)
    ///
    /// # Errors
    /// [`EndpointClosed`].
    pub async fn health(&self) -> Result<Health, EndpointClosed> {
        self.ask(Command::Health).await
    }

    /// How late its batches were written so far, where cells go by the clock; all zeros elsewhere. (PAC-17)
    #[must_use]
    pub fn lateness(&self) -> Lateness {
        self.record.so_far()
    }

    /// Whom its tables and sockets lead to: for tests, and for operators who audit. It pairs names with addresses, and belongs in no log.
    ///
    /// # Errors
    /// [`EndpointClosed`].
    #[doc(hidden)]
    pub async fn knowledge(&self) -> Result<Knowledge, EndpointClosed> {
        self.ask(Command::Knowledge).await
    }

    /// The onion key of a relay, for its descriptor.
    #[must_use]
    pub fn onion_key(&self) -> Option<[u8; 32]> {
        self.onion
    }

    pub(super) async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, EndpointClosed> {
        let (answer, answered) = oneshot::channel();
        let sent = self.commands.send(question(answer)).await;
        sent.map_err(|_| EndpointClosed)?;
        answered.await.map_err(|_| EndpointClosed)
    }

    /// The connection with the next vat that has dialled us and proven who it is; `None` when no more can come.
    ///
    /// Each connection comes once, over however many links. One that was also asked for here, by
    /// [`connect`](Self::connect) before the peer was proven, does not come.
    pub async fn accept(&self) -> Option<Connection> {
        self.backlog.lock().await.recv().await
    }

    /// Stops listening. Whoever waits for [`accept`](Self::accept) already is still served; connections go on, but a peer
    /// that we cannot dial has no way back when its link breaks.
    pub async fn stop_listening(&self) {
        let _ = self.commands.send(Command::StopListening).await;
    }

    /// Whether it is met with tickets.
    pub(super) const fn is_hidden(&self) -> bool {
        self.is_hidden
    }

    /// What this vat signs with.
    pub(super) fn identity(&self) -> &SigningKey {
        &self.identity
    }

    /// Where this vat can be found; without an address when it does not listen.
    #[must_use]
    pub fn locator(&self) -> &Locator {
        &self.locator
    }

    /// Who this vat is.
    #[must_use]
    pub fn vat_id(&self) -> VatId {
        self.locator.vat()
    }

    /// The address listened at, with the port that was free.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.local_addr
    }

    /// Ends everything: no one new, every direction of ours ended after what was sent, some seconds for the peers to do
    /// likewise, then an end to whatever is left. Returns when the last link is flushed.
    pub async fn close(&self) {
        let (done, all_done) = oneshot::channel();
        if self.commands.send(Command::Close(done)).await.is_ok() {
            // The driver drops it when it ends.
            let _ = all_done.await;
        }
    }
}

async fn listen(at: SocketAddr) -> Result<(TcpListener, SocketAddr), BindError> {
    let refused = |why| BindError::Listen { at, why };
    let listener = TcpListener::bind(at).await.map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    Ok((listener, bound))
}

fn place_of(bound: SocketAddr) -> Result<Address, BindError> {
    if bound.ip().to_canonical().is_unspecified() {
        return Err(BindError::NoPlace(bound));
    }
    Address::try_from(bound).map_err(|_| BindError::NoPlace(bound))
}

fn node(config: &Config, place: Option<Address>, within: Duration) -> Result<Node, BindError> {
    let mut inner = crate::node::Config::new(config.identity.clone(), config.incarnation);
    inner.places = place.into_iter().collect();
    inner.anonymous = config.anonymous;
    inner.backend = config.backend;
    inner.link_deadline = within;
    inner.meet = config.meet;
    inner.mix = config.mix.clone().map(|mix| MixConfig {
        class: config.class,
        ..mix
    });
    Ok(Node::new(inner, &fresh_seed()?))
}
