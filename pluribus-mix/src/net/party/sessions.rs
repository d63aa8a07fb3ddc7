//! Streams to hosts: which session each goes over.
//!
//! Streams of one isolation key share a session, and so a circuit and an exit, as long as that exit can let them through; streams of different
//! keys never share one. A session takes new streams for ten minutes, or until none was asked for in three; then it is forgotten here, and ends a
//! minute behind the last of its streams, so that their last bytes arrive. So an exit sees a while of one key and not all of it.
//!
//! An exit that says no by its policy, or cannot be had, is not the last word: another is asked, three in all.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{sleep, timeout};

use crate::directory::{NoPath, Wall};
use crate::id::RelayId;
use crate::locator::Host;
use crate::node::Reach;

use super::super::carry::{Break, Carried};
use super::super::connection::Connection;
use super::super::directory::wall;
use super::super::exit::{self, ExitFault};
use super::super::stream::MixStream;
use super::Client;
use super::client::WeakClient;
use super::shelf::Shelf;

/// How long a session may take to stand, and an exit to reach a host.
const STANDING: Duration = Duration::from_secs(20);
const REACHING: Duration = Duration::from_secs(25);
/// Seconds for which a session takes new streams, and for which it waits for the next.
const LIFE: u64 = 600;
const IDLE: u64 = 180;
/// How long a session that nobody holds may take to say its last.
const LINGER: Duration = Duration::from_secs(60);
/// How often sessions are looked through.
const TIDY: Duration = Duration::from_secs(30);
/// Exits that are asked for one stream.
const EXITS: usize = 3;
/// How often an exit is drawn that is none of those asked already.
const DRAWS: usize = 8;
/// Keys that are remembered; beyond, the one that was not used for longest is forgotten.
const KEYS: usize = 4096;

/// Why there is no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SessionFault {
    /// There is no consensus yet, or no way to any relay.
    #[error("there is no network: no consensus, or no relay can be reached")]
    NoNetwork,
    /// No exit says that it lets this through.
    #[error("no exit lets this through")]
    NoExit,
    /// No exit could be reached.
    #[error("no exit could be reached in time")]
    TimedOut,
    /// What the last exit that was asked said.
    #[error(transparent)]
    Exit(#[from] ExitFault),
}

/// The sessions of a client. Cheap to clone.
pub struct Sessions<K> {
    client: Client,
    shelves: Shelves<K>,
}

impl<K> Clone for Sessions<K> {
    fn clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            shelves: Arc::clone(&self.shelves),
        }
    }
}

/// The sessions over an endpoint's own circuits, once it is a client's: it does not keep that alive.
pub(in super::super) struct OwnCircuits<K> {
    client: Arc<OnceLock<WeakClient>>,
    shelves: Shelves<K>,
}

type Shelves<K> = Arc<Mutex<BTreeMap<K, Row>>>;

impl<K> Default for OwnCircuits<K> {
    fn default() -> Self {
        let (client, shelves) = Default::default();
        Self { client, shelves }
    }
}

impl<K> Clone for OwnCircuits<K> {
    fn clone(&self) -> Self {
        Self {
            client: Arc::clone(&self.client),
            shelves: Arc::clone(&self.shelves),
        }
    }
}

impl<K: Ord + Copy> OwnCircuits<K> {
    /// The circuits are those of this client's endpoint.
    pub(in super::super) fn are_of(&self, client: &Client) {
        // An endpoint is one client's.
        let _ = self.client.set(client.downgrade());
    }

    /// The sessions, while there is a client.
    pub(in super::super) fn sessions(&self) -> Option<Sessions<K>> {
        let client = self.client.get()?.upgrade()?;
        let shelves = Arc::clone(&self.shelves);
        Some(Sessions { client, shelves })
    }

    /// Forgets again and again what is not used any more.
    pub(in super::super) async fn keep_tidy(&self) {
        loop {
            sleep(TIDY).await;
            if let Some(sessions) = self.sessions() {
                sessions.tidy();
            }
        }
    }
}

/// The sessions of one key.
struct Row {
    shelf: Arc<Shelf<Session>>,
    used: Wall,
}

/// An exit, and a session with it if it could be reached.
type Found = (RelayId, Option<Arc<Lingering>>);

struct Session {
    exit: RelayId,
    connection: Arc<Lingering>,
    made: Wall,
    used: Wall,
}

impl<K: Ord + Copy> Sessions<K> {
    /// Sessions over the circuits of this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        let shelves = Arc::default();
        Self { client, shelves }
    }

    /// Opens a stream to a host, by way of an exit. Gives up when dropped.
    ///
    /// # Errors
    /// See [`SessionFault`].
    pub async fn dial(
        &self,
        key: K,
        host: &Host,
        port: NonZeroU16,
    ) -> Result<SessionStream, SessionFault> {
        let consensus = self.client.consensus();
        if consensus.is_none_or(|it| it.valid_at(wall()).is_err()) {
            return Err(SessionFault::NoNetwork);
        }
        let shelf = self.shelf(key);
        let ip = match host {
            Host::V4(ip) => Some(IpAddr::V4(*ip)),
            Host::V6(ip) => Some(IpAddr::V6(*ip)),
            Host::Name(_) => None,
        };
        let mut asked = Vec::new();
        let mut why = SessionFault::NoExit;
        while asked.len() < EXITS {
            let found = self.session(&shelf, port.get(), ip, &asked).await;
            let (exit, session) = match found {
                Ok(found) => found,
                // The word of an exit says more than that there is no other.
                Err(SessionFault::NoExit) if !asked.is_empty() => break,
                Err(fault) => return Err(fault),
            };
            asked.push(exit);
            let Some(session) = session else {
                why = SessionFault::TimedOut;
                continue;
            };
            match timeout(REACHING, exit::connect(&session.0, host, port)).await {
                Ok(Ok(stream)) => {
                    return Ok(SessionStream {
                        stream,
                        _session: session,
                    });
                }
                Ok(Err(fault)) if !is_of_exit(fault) => return Err(fault.into()),
                Ok(Err(fault)) => why = fault.into(),
                Err(_) => why = SessionFault::TimedOut,
            }
            if why != SessionFault::Exit(ExitFault::Policy) {
                shelf.things().retain(|session| session.exit != exit);
            }
        }
        Err(why)
    }

    /// Forgets again and again what is not used any more.
    pub async fn keep_tidy(&self) {
        loop {
            sleep(TIDY).await;
            self.tidy();
        }
    }

    fn tidy(&self) {
        let now = wall();
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        shelves.retain(|_, row| {
            let mut sessions = row.shelf.things();
            sessions.retain(|session| session.takes_more(now));
            !sessions.is_empty() || now.since(row.used) < IDLE
        });
    }

    fn shelf(&self, key: K) -> Arc<Shelf<Session>> {
        let now = wall();
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        if shelves.len() >= KEYS && !shelves.contains_key(&key) {
            let oldest = shelves.iter().min_by_key(|(_, row)| row.used);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                shelves.remove(&oldest);
            }
        }
        let row = shelves.entry(key).or_insert_with(|| Row {
            shelf: Arc::default(),
            used: now,
        });
        row.used = now;
        Arc::clone(&row.shelf)
    }

    /// A session with an exit that may let this through and was not asked yet: one that there is, or a new one; only the exit's name if it
    /// could not be reached.
    async fn session(
        &self,
        shelf: &Shelf<Session>,
        port: u16,
        ip: Option<IpAddr>,
        asked: &[RelayId],
    ) -> Result<Found, SessionFault> {
        let find = |sessions: &mut Vec<Session>| {
            let now = wall();
            sessions.retain(|session| session.takes_more(now));
            let fits = |session: &&mut Session| {
                !asked.contains(&session.exit) && self.allows(&session.exit, port, ip)
            };
            let session = sessions.iter_mut().find(fits)?;
            session.used = now;
            Some(Ok((session.exit, Some(Arc::clone(&session.connection)))))
        };
        let make = async |shelf: &Shelf<Session>| {
            let exit = self.draw(port, ip, asked).await?;
            let made = self.make(exit).await;
            if let Some(connection) = &made {
                let now = wall();
                shelf.things().push(Session {
                    exit,
                    connection: Arc::clone(connection),
                    made: now,
                    used: now,
                });
            }
            Ok((exit, made))
        };
        shelf.find_or_make(find, make).await
    }

    async fn make(&self, exit: RelayId) -> Option<Arc<Lingering>> {
        let made = self.client.endpoint().session(exit, Reach::Far);
        let made = timeout(STANDING, made).await.ok()?.ok()?;
        Some(Arc::new(Lingering(made)))
    }

    /// Whether the exit says so of itself.
    fn allows(&self, exit: &RelayId, port: u16, ip: Option<IpAddr>) -> bool {
        let consensus = self.client.consensus();
        let relay = consensus.as_ref().and_then(|it| it.relay(exit));
        let says = relay.and_then(|relay| relay.exit.as_ref());
        says.is_some_and(|says| says.may_allow(port, ip))
    }

    async fn draw(
        &self,
        port: u16,
        ip: Option<IpAddr>,
        asked: &[RelayId],
    ) -> Result<RelayId, SessionFault> {
        for _ in 0..DRAWS {
            let drawn = self.client.endpoint().choose_exit(port, ip).await;
            match drawn.map_err(|_| SessionFault::NoNetwork)? {
                Ok(exit) if asked.contains(&exit) => {}
                Ok(exit) => return Ok(exit),
                Err(NoPath::NoExit { .. }) => return Err(SessionFault::NoExit),
                Err(_) => return Err(SessionFault::NoNetwork),
            }
        }
        Err(SessionFault::NoExit)
    }
}

impl Session {
    fn takes_more(&self, now: Wall) -> bool {
        let is_young = now.since(self.made) < LIFE && now.since(self.used) < IDLE;
        is_young && !self.connection.0.is_over()
    }
}

/// A connection that is kept for a while when nobody holds it any more: what a stream was given last is still on its way then, and would be
/// lost with it.
struct Lingering(Connection);

impl Drop for Lingering {
    fn drop(&mut self) {
        let connection = self.0.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current()
            && !connection.is_over()
        {
            runtime.spawn(async move {
                let _ = timeout(LINGER, connection.closed()).await;
            });
        }
    }
}

/// A stream to a host.
pub struct SessionStream {
    stream: MixStream,
    _session: Arc<Lingering>,
}

impl AsyncRead for SessionStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for SessionStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Carried for SessionStream {
    fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<Break> {
        self.stream.poll_broken(cx)
    }

    fn tear(&mut self) {
        self.stream.tear();
    }
}

/// Whether another exit may do better.
fn is_of_exit(fault: ExitFault) -> bool {
    !matches!(
        fault,
        ExitFault::NotFound | ExitFault::Unreachable | ExitFault::Refused | ExitFault::TimedOut
    )
}

#[cfg(test)]
mod tests {
    use crate::crypto::sign::SigningKey;
    use crate::id::VatId;
    use crate::locator::Locator;

    use super::super::super::config::Config;
    use super::super::super::directory::Network;
    use super::super::super::endpoint::Endpoint;
    use super::super::Keep;
    use super::*;

    async fn sessions() -> Sessions<u32> {
        let authority = VatId::from(SigningKey::from_seed(&[1; 32]).public());
        let locator = Locator::new(authority).at("192.0.2.1:9001".parse().unwrap());
        let network = Network::new(vec![locator], 1).unwrap();
        let endpoint = Endpoint::bind(Config::fresh().unwrap().mix_client()).await;
        let asking = Endpoint::bind(Config::fresh().unwrap().anonymous()).await;
        let keep = Keep::open(network, None).unwrap();
        Sessions::new(Client::new(endpoint.unwrap(), asking.unwrap(), keep))
    }

    /// FAC-5
    #[tokio::test]
    async fn different_keys_never_share_a_session() {
        let sessions = sessions().await;
        let (one, other) = (sessions.shelf(1), sessions.shelf(2));
        assert!(!Arc::ptr_eq(&one, &other));
        assert!(Arc::ptr_eq(&one, &sessions.shelf(1)));
    }

    #[tokio::test]
    async fn keys_are_forgotten_and_bounded() {
        let sessions = sessions().await;
        for key in 0..2 * u32::try_from(KEYS).unwrap() {
            sessions.shelf(key);
        }
        assert_eq!(sessions.shelves.lock().unwrap().len(), KEYS);
        for shelf in sessions.shelves.lock().unwrap().values_mut() {
            shelf.used = Wall(0);
        }
        sessions.shelf(1);
        sessions.tidy();
        assert_eq!(sessions.shelves.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn without_a_consensus_there_is_no_network() {
        let sessions = sessions().await;
        let port = NonZeroU16::new(80).unwrap();
        let host = Host::Name("host.example".to_owned());
        let refused = sessions.dial(1, &host, port).await.err();
        assert_eq!(refused, Some(SessionFault::NoNetwork));
    }
}
