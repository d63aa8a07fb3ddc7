//! Sessions with exits: how a client reaches hosts that have never heard of this network.
//!
//! A client that has a session with an exit opens a stream for each thing that it wants, and the stream's head says what
//! (DIR-31): a host and a port, or the directory. The exit says one byte when it has it, and then the stream is what was asked for; or it
//! resets the stream with a code that says why not (DIR-32). So a client pays no round trip beyond the one that TCP costs anyway, and
//! may write before it knows.
//!
//! [`Exit`] is the exit's side, [`connect`] and [`directory`] are the client's. `ask` has what both must agree on,
//! `reach` finds the way to a host.
//!
//! *What an exit decides on.* The policy sees addresses and never names, behind the look-up, and each address by itself: a name that
//! leads to two places, one of them forbidden, leads to the other. (DIR-33)
//!
//! *Breaking.* A transfer that was cut looks cut at both ends: a TCP connection that breaks resets the stream, and a stream
//! that breaks resets the TCP connection. (DIR-34)
//!
//! Nothing here logs a name or an address.

mod ask;
mod client;
mod reach;

use std::fmt;
use std::future::poll_fn;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::locator::Host;

use super::carry::{Carried, Fragile};
use super::connection::Connection;
use super::stream::MixStream;

use ask::{Ask, DONE, Refusal};
use reach::Ways;

pub use client::{ExitFault, connect, directory};
pub use reach::{Resolve, SystemResolver};

/// Whether an exit lets this address and port through. Asked with IPv4 where an IPv6 address only wraps one.
pub type Allows = Arc<dyn Fn(IpAddr, u16) -> bool + Send + Sync>;

/// What clients can make an exit hold. (DIR-35)
#[derive(Clone, Copy, Debug)]
pub struct ExitLimits {
    /// Sockets to hosts, in all sessions. 4096.
    pub sockets: usize,
    /// Streams in one session. 512.
    pub streams: usize,
}

impl Default for ExitLimits {
    fn default() -> Self {
        Self {
            sockets: 4096,
            streams: 512,
        }
    }
}

/// The application of an exit: serves the streams that clients open in their sessions. Cheap to clone; clones share the limits.
#[derive(Clone)]
pub struct Exit {
    ways: Arc<Ways>,
    directory: watch::Receiver<Option<Bytes>>,
    limits: ExitLimits,
}

impl Exit {
    /// An exit that lets through what the policy allows, and tells this directory, as soon as there is one.
    #[must_use]
    pub fn new(allows: Allows, directory: watch::Receiver<Option<Bytes>>) -> Self {
        let limits = ExitLimits::default();
        Self {
            ways: Arc::new(Ways::new(allows, Arc::new(SystemResolver), limits.sockets)),
            directory,
            limits,
        }
    }

    /// With other limits. Forgets what earlier clones hold.
    #[must_use]
    pub fn limits(mut self, limits: ExitLimits) -> Self {
        self.ways = Arc::new(self.ways.with_sockets(limits.sockets));
        self.limits = limits;
        self
    }

    /// Connects to hosts from this address of the machine, where it is of the host's family and neither or both are loopback. Forgets what
    /// earlier clones hold.
    #[must_use]
    pub fn dialling_from(mut self, from: Option<IpAddr>) -> Self {
        self.ways = Arc::new(self.ways.with_from(from, self.limits.sockets));
        self
    }

    /// Looks names up elsewhere than in the system. Forgets what earlier clones hold.
    #[must_use]
    pub fn resolver(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.ways = Arc::new(self.ways.with_resolver(resolver, self.limits.sockets));
        self
    }

    /// How many sockets to hosts there are now, those that are being connected included.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.limits.sockets.saturating_sub(self.ways.free_sockets())
    }

    /// Serves a session until it is over. Dropped, it breaks every stream that it serves.
    pub async fn serve(&self, session: Connection) {
        let mut streams = session.streams();
        // The listener is a handle too; one is enough.
        drop(session);
        let mut served = JoinSet::new();
        loop {
            tokio::select! {
                // First, so that those that have ended do not count.
                biased;
                Some(_) = served.join_next() => {}
                stream = streams.accept() => match stream {
                    None => return,
                    Some(stream) if served.len() >= self.limits.streams => {
                        stream.reset(Refusal::Busy.code());
                    }
                    Some(stream) => drop(served.spawn(self.clone().answer(stream))),
                },
            }
        }
    }

    async fn answer(self, mut stream: MixStream) {
        let answered = match Ask::decode(stream.head()) {
            Some(Ask::Connect(host, port)) => self.connect(&mut stream, host, port).await,
            Some(Ask::Directory) => self.tell(&mut stream).await,
            None => Err(Refusal::Malformed),
        };
        if let Err(why) = answered {
            stream.reset(why.code());
        }
    }

    async fn connect(
        &self,
        stream: &mut MixStream,
        host: Host,
        port: NonZeroU16,
    ) -> Result<(), Refusal> {
        let reached = tokio::select! {
            reached = self.ways.reach(host, port) => reached,
            _ = poll_fn(|cx| stream.poll_broken(cx)) => return Ok(()),
        };
        let (socket, _held) = reached?;
        let socket = Fragile::new(BytesMut::new(), socket);
        if stream.write_all(&[DONE]).await.is_ok() {
            // Whatever broke, both ends see it as stream and socket are dropped.
            let _ = socket.carry(stream).await;
        }
        Ok(())
    }

    async fn tell(&self, stream: &mut MixStream) -> Result<(), Refusal> {
        let directory = self.directory.borrow().clone();
        let directory = directory.ok_or(Refusal::NotFound)?;
        let told = async {
            stream.write_all(&[DONE]).await?;
            stream.write_all(&directory).await?;
            stream.shutdown().await
        };
        // A client that is gone wants no reason.
        let _ = told.await;
        Ok(())
    }
}

impl fmt::Debug for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exit")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
