//! A vat on the network: dials other vats and is dialled by them.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::id::VatId;
use crate::locator::{Address, Locator};
use crate::netlayer::Netlayer;
use crate::node::Node;

use super::config::Config;
use super::connection::Connection;
use super::driver::{Command, Driver, Habits};
use super::entropy::fresh_seed;
use super::error::{BindError, DialError};

/// Commands on their way to the driver.
const COMMANDS: usize = 16;

/// A vat on the network.
///
/// When it is dropped nobody new can come; the connections that there are go on. [`Endpoint::close`] ends them too.
pub struct Endpoint {
    locator: Locator,
    local_addr: Option<SocketAddr>,
    commands: mpsc::Sender<Command>,
    backlog: Mutex<mpsc::Receiver<Connection>>,
}

impl Endpoint {
    /// Brings a vat to the network. Runs in the current tokio runtime.
    ///
    /// # Errors
    /// See [`BindError`].
    pub async fn bind(config: Config) -> Result<Self, BindError> {
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
        let node = node(&config, place)?;
        let locator = node.locator().clone();
        let (commands, to_hear) = mpsc::channel(COMMANDS);
        let (incoming, backlog) = mpsc::channel(config.backlog);
        let listener = listener.map(|(listener, _)| listener);
        let habits = Habits {
            connect_within: config.connect_within,
            stream_backlog: config.stream_backlog,
        };
        Driver::start(node, listener, habits, to_hear, incoming);
        let backlog = Mutex::new(backlog);
        Ok(Self {
            locator,
            local_addr,
            commands,
            backlog,
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
        let (answer, answered) = oneshot::channel();
        let command = Command::Connect(to.clone(), answer);
        let gone = |_| DialError::EndpointClosed;
        self.commands
            .send(command)
            .await
            .map_err(|_| DialError::EndpointClosed)?;
        let held = answered.await.map_err(gone)??;
        held.opened().await.map_err(DialError::Failed)
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

fn node(config: &Config, place: Option<Address>) -> Result<Node, BindError> {
    let mut inner = crate::node::Config::new(config.identity.clone(), config.incarnation);
    inner.places = place.into_iter().collect();
    inner.anonymous = config.anonymous;
    inner.backend = config.backend;
    Ok(Node::new(inner, &fresh_seed()?))
}
