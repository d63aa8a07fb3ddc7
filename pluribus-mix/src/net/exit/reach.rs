//! From a host to a socket: look it up, ask the policy about each address, try them. (DIR-33)
//!
//! Addresses are tried in the resolver's order, the two families in turn, each with a head start of 250 ms before the next, so
//! that a family that leads nowhere costs that and not a timeout. The first to answer wins, and the others are given up.
//!
//! *Look-ups that hang.* The system's resolver blocks a thread, and cannot be told to stop. So a look-up holds its place
//! until it returns, wanted or not, and when all places are held the exit is busy.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::locator::Host;

use super::super::dialer::connect;
use super::Allows;
use super::ask::Refusal;

/// How long one address may take to answer, and all of them with the look-up.
const ONE: Duration = Duration::from_secs(5);
const ALL: Duration = Duration::from_secs(15);
/// How long the next address waits for the one before it.
const HEAD_START: Duration = Duration::from_millis(250);
/// How many addresses of a name are tried.
const TRIED: usize = 8;
/// How many names are looked up at once.
const LOOK_UPS: usize = 256;

/// Where an exit looks names up. (DIR-33)
pub trait Resolve: Send + Sync + 'static {
    /// The addresses of a name, best first.
    ///
    /// # Errors
    /// There are none, or nobody who knows answers.
    fn resolve(
        &self,
        name: String,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;
}

/// The resolver of the operating system.
#[derive(Clone, Copy, Debug)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(
        &self,
        name: String,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        Box::pin(async move {
            let found = lookup_host((name, 0)).await?;
            Ok(found.map(|at| at.ip()).collect())
        })
    }
}

/// A socket, and its place among those that there may be.
pub(super) type Reached = (TcpStream, OwnedSemaphorePermit);

/// The ways from an exit to hosts.
pub(super) struct Ways {
    allows: Allows,
    resolver: Arc<dyn Resolve>,
    sockets: Arc<Semaphore>,
    look_ups: Arc<Semaphore>,
    from: Option<IpAddr>,
}

impl Ways {
    pub(super) fn new(allows: Allows, resolver: Arc<dyn Resolve>, sockets: usize) -> Self {
        Self {
            allows,
            resolver,
            sockets: Arc::new(Semaphore::new(sockets)),
            look_ups: Arc::new(Semaphore::new(LOOK_UPS)),
            from: None,
        }
    }

    pub(super) fn with_from(&self, from: Option<IpAddr>, sockets: usize) -> Self {
        let ways = Self::new(
            Arc::clone(&self.allows),
            Arc::clone(&self.resolver),
            sockets,
        );
        Self { from, ..ways }
    }

    pub(super) fn with_sockets(&self, sockets: usize) -> Self {
        self.with_from(self.from, sockets)
    }

    pub(super) fn with_resolver(&self, resolver: Arc<dyn Resolve>, sockets: usize) -> Self {
        let ways = Self::new(Arc::clone(&self.allows), resolver, sockets);
        Self {
            from: self.from,
            ..ways
        }
    }

    pub(super) fn free_sockets(&self) -> usize {
        self.sockets.available_permits()
    }

    /// Connects to a host.
    pub(super) async fn reach(&self, host: Host, port: NonZeroU16) -> Result<Reached, Refusal> {
        let reached = timeout(ALL, async {
            let found = self.look_up(host).await?;
            let allowed = self.allowed(&found, port)?;
            self.first_to_answer(allowed).await
        });
        reached.await.unwrap_or(Err(Refusal::TimedOut))
    }

    async fn look_up(&self, host: Host) -> Result<Vec<IpAddr>, Refusal> {
        let name = match host {
            Host::V4(ip) => return Ok(vec![ip.into()]),
            Host::V6(ip) => return Ok(vec![ip.into()]),
            Host::Name(name) => name,
        };
        let place = Arc::clone(&self.look_ups).try_acquire_owned();
        let place = place.map_err(|_| Refusal::Busy)?;
        let found = self.resolver.resolve(name);
        let found = tokio::spawn(async move {
            let _place = place;
            found.await
        });
        match found.await {
            Ok(Ok(found)) if !found.is_empty() => Ok(found),
            _ => Err(Refusal::NotFound),
        }
    }

    /// Those addresses that the policy allows, the families in turn.
    fn allowed(&self, found: &[IpAddr], port: NonZeroU16) -> Result<Vec<SocketAddr>, Refusal> {
        let port = port.get();
        let allowed = found.iter().map(IpAddr::to_canonical);
        let allowed = allowed.filter(|ip| (self.allows)(*ip, port));
        let allowed: Vec<_> = allowed.map(|ip| SocketAddr::new(ip, port)).collect();
        let Some(first) = allowed.first().copied() else {
            return Err(Refusal::Policy);
        };
        let is_like_first = |at: &SocketAddr| at.is_ipv4() == first.is_ipv4();
        let (like, unlike): (Vec<_>, Vec<_>) = allowed.into_iter().partition(is_like_first);
        let mut unlike = unlike.into_iter();
        let mut turns = Vec::new();
        for at in like {
            turns.push(at);
            turns.extend(unlike.next());
        }
        turns.extend(unlike);
        turns.truncate(TRIED);
        Ok(turns)
    }

    async fn first_to_answer(&self, addresses: Vec<SocketAddr>) -> Result<Reached, Refusal> {
        let mut waiting = addresses.into_iter().peekable();
        let mut tries = JoinSet::new();
        let mut why = Refusal::Busy;
        loop {
            // Those behind the first are tried as far as there are sockets.
            if waiting.peek().is_some()
                && let Ok(held) = Arc::clone(&self.sockets).try_acquire_owned()
                && let Some(at) = waiting.next()
            {
                tries.spawn(attempt(at, self.from, held));
            }
            let next = async {
                let head_start = match waiting.peek() {
                    Some(_) => HEAD_START,
                    None => ALL,
                };
                timeout(head_start, tries.join_next()).await
            };
            match next.await {
                Err(_) => {}
                Ok(None) => return Err(why),
                Ok(Some(Ok(Ok(reached)))) => return Ok(reached),
                Ok(Some(Ok(Err(fault)))) if why != Refusal::Refused => why = fault,
                Ok(Some(_)) => {}
            }
        }
    }
}

async fn attempt(
    at: SocketAddr,
    from: Option<IpAddr>,
    held: OwnedSemaphorePermit,
) -> Result<Reached, Refusal> {
    let from = from.filter(|from| leads_to(*from, at.ip()));
    match timeout(ONE, connect(at, from)).await {
        Ok(Ok(socket)) => {
            // Pieces come whole; waiting for more could only delay them.
            let _ = socket.set_nodelay(true);
            Ok((socket, held))
        }
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => Err(Refusal::Refused),
        Ok(Err(error)) if error.kind() == ErrorKind::TimedOut => Err(Refusal::TimedOut),
        Ok(Err(_)) => Err(Refusal::Unreachable),
        Err(_) => Err(Refusal::TimedOut),
    }
}

/// Whether a connection from the one to the other can be: of one family, and both within this machine or both beyond it.
fn leads_to(from: IpAddr, to: IpAddr) -> bool {
    from.is_ipv4() == to.is_ipv4() && from.is_loopback() == to.is_loopback()
}

#[cfg(test)]
mod tests;
