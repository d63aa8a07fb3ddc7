//! One line under the node, a TCP connection or a stream through others: who reads it, who writes it.
//!
//! Each link has two tasks. The reader waits until there is something, takes a buffer, fills it and passes it on. The
//! writer gets whole batches and reports each one written. Both talk to the driver through one bounded channel, so a
//! driver that is busy slows the sockets down and not the memory up.
//!
//! A link that goes by the clock has its writer only until its first batch. Then [`Link::pace`] has that one write out what it has and hand
//! over its half, and the thread of `writer` goes on.
//!
//! Closing has one odd corner: TCP throws away what is still on its way *to* the peer when a socket is closed with unread
//! input. So a closed link is flushed, ended, and then read until the peer has ended it too or has had its time.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream, tcp, unix};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::locator::Address;
use crate::node::{Bound, LinkId, Source};

use super::buffers::Pool;
use super::dialer::{Dialling, Line};
use super::party::SessionStream;
use super::writer::{Open, Relief, Socket, Tie, Writer};

/// How long a closed link may take to say its last.
const LINGER: Duration = Duration::from_secs(3);
/// Pause after the operating system could not accept: out of descriptors, most likely.
const BREATH: Duration = Duration::from_millis(100);
/// One batch is being written while the next is sealed.
const BATCHES: usize = 2;

/// What links tell the driver.
pub(super) enum News {
    /// Somebody came.
    Accepted(TcpStream, Source),
    /// The link asked for stands.
    Opened(LinkId, Line),
    /// Bytes came.
    Input(LinkId, Vec<u8>),
    /// A batch was written; here is its buffer.
    Written(LinkId, Vec<u8>),
    /// No such vat, a reset, or the end of the file.
    Lost(LinkId),
}

/// Where links tell it.
#[derive(Clone)]
pub(super) struct Wire {
    pub(super) news: mpsc::Sender<News>,
    pub(super) pool: Arc<Pool>,
}

/// A link in the driver's hand. Dropped, it is given up or closed.
pub(super) enum Link {
    Dialling {
        _until_dropped: DropGuard,
    },
    Standing {
        batches: mpsc::Sender<Vec<u8>>,
        /// How many more batches the writer can take. The node waits while it is 0.
        room: usize,
        /// For the writer: who goes on when it has written all that.
        relief: oneshot::Sender<Relief>,
        lost: CancellationToken,
        until_dropped: DropGuard,
        peer: Option<SocketAddr>,
    },
    /// Goes by the clock. (PAC-16)
    Paced {
        _open: Open,
        _until_dropped: DropGuard,
        peer: Option<SocketAddr>,
    },
}

impl Link {
    /// Starts to dial.
    pub(super) fn dial(
        id: LinkId,
        at: Address,
        bound: Option<Bound>,
        dialling: Arc<Dialling>,
        wire: &Wire,
    ) -> Self {
        let given_up = CancellationToken::new();
        let _until_dropped = given_up.clone().drop_guard();
        let news = wire.news.clone();
        tokio::spawn(given_up.run_until_cancelled_owned(async move {
            let told = match dialling.dial(&at, bound).await {
                Ok(line) => News::Opened(id, line),
                Err(error) => {
                    tracing::debug!(link = id.0, %error, "not opened");
                    News::Lost(id)
                }
            };
            let _ = news.send(told).await;
        }));
        Self::Dialling { _until_dropped }
    }

    /// Starts to read and write.
    pub(super) fn stand(id: LinkId, line: Line, wire: &Wire) -> Self {
        match line {
            Line::Tcp(stream) => {
                // Batches are whole already: waiting for more could only delay them.
                let _ = stream.set_nodelay(true);
                let peer = stream.peer_addr().ok();
                let (reading, writing) = stream.into_split();
                Self::serve(id, peer, reading, writing, wire)
            }
            Line::Unix(stream) => {
                let (reading, writing) = stream.into_split();
                Self::serve(id, None, reading, writing, wire)
            }
            Line::Mix(stream) => {
                let (reading, writing) = tokio::io::split(stream);
                Self::serve(id, None, reading, writing, wire)
            }
        }
    }

    fn serve<R, W>(
        id: LinkId,
        peer: Option<SocketAddr>,
        reading: R,
        writing: W,
        wire: &Wire,
    ) -> Self
    where
        R: Incoming + Send + 'static,
        W: Outgoing + Send + 'static,
    {
        let (closing, lost) = (CancellationToken::new(), CancellationToken::new());
        let (batches, to_write) = mpsc::channel(BATCHES);
        let (relief, relieved) = oneshot::channel();
        let reader = read(id, reading, wire.clone(), lost.clone(), closing.clone());
        tokio::spawn(reader);
        let writer = write_out(id, writing, to_write, relieved, wire.clone());
        tokio::spawn(in_time(writer, closing.clone()));
        Self::Standing {
            batches,
            room: BATCHES,
            relief,
            lost,
            until_dropped: closing.drop_guard(),
            peer,
        }
    }

    /// Leaves it to the thread, behind what it was given so far. `None` if it does not stand, or the thread cannot begin.
    #[must_use]
    pub(super) fn pace(self, id: LinkId, wire: &Wire, writer: &mut Writer) -> Option<Self> {
        let Self::Standing {
            relief,
            lost,
            until_dropped,
            peer,
            ..
        } = self
        else {
            return None;
        };
        let tie = Tie {
            lost,
            _news: wire.news.clone(),
        };
        let opened = writer.open(id, tie);
        let opened = opened.inspect_err(|error| tracing::error!(%error, "no thread for writing"));
        let (open, next) = opened.ok()?;
        // A writer that is gone has seen the link break, and nobody takes over.
        let _ = relief.send(next);
        Some(Self::Paced {
            _open: open,
            _until_dropped: until_dropped,
            peer,
        })
    }

    /// The address at the other end, if it has one. The system knows it as well, and nobody else is told.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        match self {
            Self::Dialling { .. } => None,
            Self::Standing { peer, .. } | Self::Paced { peer, .. } => *peer,
        }
    }

    /// Whether the thread has it.
    pub(super) fn is_paced(&self) -> bool {
        matches!(self, Self::Paced { .. })
    }

    /// Hands a batch to the writer. Whether it can take another right away.
    #[must_use]
    pub(super) fn transmit(&mut self, batch: Vec<u8>) -> bool {
        let Self::Standing { batches, room, .. } = self else {
            return false;
        };
        *room = room.saturating_sub(1);
        // A writer that is gone has seen the link break; the reader will tell.
        batches.try_send(batch).is_ok() && *room > 0
    }

    /// Whether the node has perhaps more for it than the writer can take.
    pub(super) fn is_brimful(&self) -> bool {
        matches!(self, Self::Standing { room: 0, .. })
    }

    /// A batch was written. Whether the node waits for that.
    #[must_use]
    pub(super) fn written(&mut self) -> bool {
        let was_brimful = self.is_brimful();
        if let Self::Standing { room, .. } = self {
            *room += 1;
        }
        was_brimful
    }
}

/// Accepts until dropped.
pub(super) fn listen(listener: TcpListener, news: mpsc::Sender<News>) -> DropGuard {
    let closed = CancellationToken::new();
    let until_dropped = closed.clone().drop_guard();
    tokio::spawn(closed.run_until_cancelled_owned(async move {
        loop {
            let told = match listener.accept().await {
                Ok((stream, from)) => news.send(News::Accepted(stream, source(from))).await,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept");
                    sleep(BREATH).await;
                    continue;
                }
            };
            if told.is_err() {
                return;
            }
        }
    }));
    until_dropped
}

/// The peer's group for VTP-18: its IPv4 address or its IPv6 /64.
fn source(from: SocketAddr) -> Source {
    Source(match from.ip().to_canonical() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => (ip.to_bits() >> 64 << 64).to_be_bytes(),
    })
}

/// What a link reads from.
trait Incoming: AsyncRead + Unpin {
    /// The next bytes in a buffer of the pool; `None` at the end.
    fn next(&mut self, pool: &Pool) -> impl Future<Output = Option<Vec<u8>>> + Send;
}

/// Sockets say when there is something, and a link that is silent needs no buffer.
macro_rules! sockets {
    ($($half:ty),*) => {$(
        impl Incoming for $half {
            async fn next(&mut self, pool: &Pool) -> Option<Vec<u8>> {
                while self.readable().await.is_ok() {
                    let mut buffer = pool.take();
                    match self.try_read_buf(&mut buffer) {
                        Ok(0) => return None,
                        Ok(_) => return Some(buffer),
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => pool.give(buffer),
                        Err(_) => return None,
                    }
                }
                None
            }
        }
    )*};
}

sockets!(tcp::OwnedReadHalf, unix::OwnedReadHalf);

/// Streams say it too, but only their own end: here a buffer waits.
impl Incoming for ReadHalf<SessionStream> {
    async fn next(&mut self, pool: &Pool) -> Option<Vec<u8>> {
        let mut buffer = pool.take();
        let read = self.read_buf(&mut buffer).await;
        read.is_ok_and(|read| read > 0).then_some(buffer)
    }
}

async fn read<R: Incoming>(
    id: LinkId,
    mut half: R,
    wire: Wire,
    lost: CancellationToken,
    closing: CancellationToken,
) {
    let broken = lost.run_until_cancelled(pass_on(id, &mut half, &wire));
    if closing.run_until_cancelled(broken).await.is_some() {
        let _ = wire.news.send(News::Lost(id)).await;
        return;
    }
    let _ = timeout(LINGER, tokio::io::copy(&mut half, &mut tokio::io::sink())).await;
}

/// Returns at the end of the file or of the link.
async fn pass_on<R: Incoming>(id: LinkId, half: &mut R, wire: &Wire) {
    while let Some(bytes) = half.next(&wire.pool).await {
        if wire.news.send(News::Input(id, bytes)).await.is_err() {
            return;
        }
    }
}

/// What a link writes to.
trait Outgoing: AsyncWrite + Sized + Unpin {
    /// The socket under it, for the thread. `None` if there is none, or there can be no more descriptors.
    fn hand_over(self) -> Option<Socket>;
}

impl Outgoing for tcp::OwnedWriteHalf {
    fn hand_over(self) -> Option<Socket> {
        Socket::of_tcp(self).ok()
    }
}

impl Outgoing for unix::OwnedWriteHalf {
    fn hand_over(self) -> Option<Socket> {
        Socket::of_unix(self).ok()
    }
}

/// What others carry has no moments.
impl Outgoing for WriteHalf<SessionStream> {
    fn hand_over(self) -> Option<Socket> {
        None
    }
}

async fn in_time(writer: impl Future<Output = ()>, closing: CancellationToken) {
    let too_late = async {
        closing.cancelled().await;
        sleep(LINGER).await;
    };
    tokio::select! {
        () = writer => {}
        () = too_late => {}
    }
}

/// Returns when everything was written and ended or handed over, or nothing more can be.
async fn write_out<W: Outgoing>(
    id: LinkId,
    mut half: W,
    mut batches: mpsc::Receiver<Vec<u8>>,
    mut relieved: oneshot::Receiver<Relief>,
    wire: Wire,
) {
    while let Some(batch) = batches.recv().await {
        if half.write_all(&batch).await.is_err() {
            return;
        }
        if wire.news.send(News::Written(id, batch)).await.is_err() {
            return;
        }
    }
    match relieved.try_recv() {
        Ok(relief) => relief.take_over(half.hand_over()),
        Err(_) => drop(half.shutdown().await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_grouped_by_address_or_by_network() {
        // VTP-18
        let group = |text: &str| source(text.parse().unwrap()).0;
        assert_eq!(group("192.0.2.1:1"), group("192.0.2.1:2"));
        assert_eq!(group("192.0.2.1:1"), group("[::ffff:192.0.2.1]:1"));
        assert_ne!(group("192.0.2.1:1"), group("192.0.2.2:1"));
        assert_eq!(group("[2001:db8::1]:1"), group("[2001:db8::ffff:0:0:1]:1"));
        assert_ne!(group("[2001:db8::1]:1"), group("[2001:db8:0:1::1]:1"));
        assert_ne!(group("0.0.0.0:1"), group("[::]:1"));
    }
}
