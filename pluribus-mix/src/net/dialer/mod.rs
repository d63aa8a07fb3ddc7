//! How an endpoint reaches the addresses of others: itself, or through somebody who carries bytes for it.
//!
//! A vat that dials through circuits keeps its address to itself; VatTP runs inside the stream, so whoever carries it learns where it
//! leads, how much is said and when, and nothing else. That holds only if *every* way out is the same one. So there is no second way here: what the
//! carrier cannot reach is not reached, and names go to the carrier as they are and are never looked up on this machine.
//!
//! *Who is seen together.* Each vat dialled has a key of its own, and under throwaway keys each connection; streams of different keys
//! share no circuit. The key is a digest with a secret of the endpoint in it, so two endpoints behind one proxy are kept apart too,
//! and it tells the proxy nothing.

mod socks;

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use zeroize::Zeroizing;

use crate::crypto::kdf;
use crate::locator::Address;
use crate::node::Bound;

use super::entropy::fresh_secret;
use super::error::BindError;
use super::party::{Client, OwnCircuits, SessionStream, Sessions};

/// How long a way of its own, and one through others, may take to stand if nobody says.
const DIRECT: Duration = Duration::from_secs(10);
const CARRIED: Duration = Duration::from_secs(60);

/// How an endpoint reaches others. See [`Config::through`](super::Config::through).
#[derive(Clone, Default)]
pub enum Dialer {
    /// Over TCP connections of its own.
    #[default]
    Direct,
    /// Through a SOCKS5 proxy that takes user and password, at this address.
    Socks(SocketAddr),
    /// Through a SOCKS5 proxy at a socket in the file system.
    SocksUnix(PathBuf),
    /// Through exits of a mix network, by this client, which has to [run](Client::run).
    Mix(Client),
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Direct => "Dialer::Direct",
            Self::Socks(_) => "Dialer::Socks(..)",
            Self::SocksUnix(_) => "Dialer::SocksUnix(..)",
            Self::Mix(_) => "Dialer::Mix(..)",
        })
    }
}

/// What stands in the end.
pub(super) enum Line {
    Tcp(TcpStream),
    Unix(UnixStream),
    Mix(SessionStream),
}

/// Which lines may be seen together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Apart([u8; 32]);

/// Dials for one endpoint.
pub(super) struct Dialling {
    way: Way,
    secret: Zeroizing<[u8; 32]>,
    within: Duration,
}

enum Way {
    Direct(Option<IpAddr>),
    Socks(SocketAddr),
    SocksUnix(PathBuf),
    Mix {
        sessions: Sessions<Apart>,
        _tidied_until_dropped: DropGuard,
    },
    /// To relays of one's own network directly, to all others over one's own circuits.
    Hidden {
        from: Option<IpAddr>,
        circuits: OwnCircuits<Apart>,
        _tidied_until_dropped: DropGuard,
    },
}

impl Dialling {
    /// Dials this way: directly `from` an address, and each within so long. Who hides dials nobody directly but relays. (FAC-11, RDV-38)
    pub(super) fn new(
        dialer: Dialer,
        hides: bool,
        from: Option<IpAddr>,
        within: Option<Duration>,
    ) -> Result<Self, BindError> {
        let usual = match dialer {
            Dialer::Direct if !hides => DIRECT,
            _ => CARRIED,
        };
        let way = match dialer {
            Dialer::Direct if hides => {
                let circuits = OwnCircuits::default();
                let tidied = circuits.clone();
                Way::Hidden {
                    from,
                    circuits,
                    _tidied_until_dropped: until_dropped(async move {
                        tidied.keep_tidy().await;
                    }),
                }
            }
            Dialer::Direct => Way::Direct(from),
            Dialer::Socks(at) => Way::Socks(at),
            Dialer::SocksUnix(at) => Way::SocksUnix(at),
            Dialer::Mix(client) => {
                let sessions = Sessions::new(client);
                let tidied = sessions.clone();
                Way::Mix {
                    sessions,
                    _tidied_until_dropped: until_dropped(async move {
                        tidied.keep_tidy().await;
                    }),
                }
            }
        };
        Ok(Self {
            way,
            secret: fresh_secret()?,
            within: within.unwrap_or(usual),
        })
    }

    /// From now on this client has the circuits of the endpoint. Before, one that hides reaches relays and nobody else.
    pub(super) fn over_circuits_of(&self, client: &Client) {
        if let Way::Hidden { circuits, .. } = &self.way {
            circuits.are_of(client);
        }
    }

    /// How long a line may take to stand.
    pub(super) fn within(&self) -> Duration {
        self.within
    }

    /// The key for lines to this vat, in this connection if it is under a throwaway key; to relays of one's own network without either.
    fn apart(&self, bound: Bound) -> Apart {
        let (vat, conn) = match bound {
            Bound::Relay => (None, None),
            Bound::Vat(vat, conn) => (Some(vat), conn),
        };
        let vat = vat.as_ref().map_or(&[][..], |vat| vat.as_bytes());
        let conn = conn.map(|conn| conn.0.to_be_bytes());
        let conn = conn.as_ref().map_or(&[][..], |conn| conn);
        Apart(kdf::hash(&[self.secret.as_ref(), vat, conn]))
    }

    /// Brings a line to this address, this way or not at all: to a relay of one's own network, or to a vat.
    pub(super) async fn dial(&self, at: &Address, bound: Option<Bound>) -> io::Result<Line> {
        let bound = bound.ok_or(ErrorKind::NotConnected)?;
        let dialled = timeout(self.within, self.attempt(at, bound)).await;
        dialled.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
    }

    async fn attempt(&self, at: &Address, bound: Bound) -> io::Result<Line> {
        let apart = self.apart(bound);
        match &self.way {
            Way::Direct(from) => direct(at, *from).await.map(Line::Tcp),
            Way::Socks(proxy) => {
                let stream = TcpStream::connect(proxy).await?;
                socks::ask(stream, at, &apart.0).await.map(Line::Tcp)
            }
            Way::SocksUnix(proxy) => {
                let stream = UnixStream::connect(proxy).await?;
                socks::ask(stream, at, &apart.0).await.map(Line::Unix)
            }
            Way::Mix { sessions, .. } => over(sessions, apart, at).await,
            Way::Hidden { from, .. } if bound == Bound::Relay => {
                direct(at, *from).await.map(Line::Tcp)
            }
            Way::Hidden { circuits, .. } => {
                let sessions = circuits.sessions().ok_or(ErrorKind::NotConnected)?;
                over(&sessions, apart, at).await
            }
        }
    }
}

/// Works on this until what is given back is dropped.
fn until_dropped(work: impl Future<Output = ()> + Send + 'static) -> DropGuard {
    let over = CancellationToken::new();
    let guard = over.clone().drop_guard();
    tokio::spawn(over.run_until_cancelled_owned(work));
    guard
}

/// A stream to this address, by way of an exit.
async fn over(sessions: &Sessions<Apart>, apart: Apart, at: &Address) -> io::Result<Line> {
    let port = NonZeroU16::new(at.port()).ok_or(ErrorKind::InvalidInput)?;
    let dialled = sessions.dial(apart, at.host(), port).await;
    dialled.map(Line::Mix).map_err(io::Error::other)
}

/// Tries one address after the other.
async fn direct(at: &Address, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let mut last = io::Error::from(ErrorKind::AddrNotAvailable);
    for address in lookup_host(at.to_string()).await? {
        match connect(address, from).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A TCP connection from this address of the machine.
pub(super) async fn connect(to: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let Some(from) = from else {
        return TcpStream::connect(to).await;
    };
    let socket = match to {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.bind((from, 0).into())?;
    socket.connect(to).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::VatId;
    use crate::netlayer::ConnId;

    fn dialling() -> Dialling {
        Dialling::new(Dialer::Direct, false, None, None).unwrap()
    }

    /// FAC-11
    #[test]
    fn each_vat_and_each_throwaway_is_kept_apart() {
        let vat =
            |seed| VatId::from(crate::crypto::sign::SigningKey::from_seed(&[seed; 32]).public());
        let dialling = dialling();
        let one = dialling.apart(Bound::Vat(vat(1), None));
        assert!(one == dialling.apart(Bound::Vat(vat(1), None)));
        for other in [
            dialling.apart(Bound::Vat(vat(2), None)),
            dialling.apart(Bound::Vat(vat(1), Some(ConnId(1)))),
            dialling.apart(Bound::Vat(vat(1), Some(ConnId(2)))),
            dialling.apart(Bound::Relay),
            self::dialling().apart(Bound::Vat(vat(1), None)),
        ] {
            assert!(one != other);
        }
    }
}
