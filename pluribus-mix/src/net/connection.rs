//! A connection to a proven vat, as an application holds it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::id::VatId;
use crate::netlayer::{CloseReason, SendError};
use crate::node::StreamFault;

use super::datagrams::MAX_DATAGRAM;
use super::error::{Cut, DatagramError, OpenError};
use super::mailbox::{Mailbox, Question};
use super::stream::{MixListener, MixStream};

/// A connection to a vat that has proven who it is. Cheap to clone, to share and to send.
///
/// There is one connection between two vats, whoever asked for it and however often (VTP-33): what
/// [`Endpoint::connect`](super::Endpoint::connect) and [`Endpoint::accept`](super::Endpoint::accept) give are handles of it. It goes on over other links when one
/// breaks, and nothing is lost with a link; only when there is no way to the peer for two minutes it is
/// [`Unreachable`](CloseReason::Unreachable) (VTP-40).
///
/// Inside it there are messages, any number of byte streams beside them, and datagrams:
///
/// ```no_run
/// # use pluribus_mix::net::{Connection, MixStream};
/// # use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// # type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;
/// async fn fetch(connection: &Connection) -> Result<Vec<u8>> {
///     let mut stream = connection.open_stream(b"file/42").await?;
///     stream.shutdown().await?; // nothing more to say
///     let mut file = Vec::new();
///     stream.read_to_end(&mut file).await?;
///     Ok(file)
/// }
///
/// async fn serve(connection: &Connection) -> Result {
///     let mut streams = connection.streams();
///     while let Some(mut stream) = streams.accept().await {
///         println!("{} wants {:?}", stream.peer(), stream.head());
///         stream.write_all(b"all that there is").await?;
///         stream.shutdown().await?;
///     }
///     Ok(())
/// }
/// ```
///
/// When the last handle is dropped, be it a clone, a stream or a [`MixListener`], the connection ends at once, as with
/// [`Connection::close`]. To be sure that everything has arrived, shut every stream down, [`finish`](Connection::finish) and
/// wait for [`closed`](Connection::closed).
#[derive(Clone)]
pub struct Connection {
    held: Arc<Held>,
    peer: VatId,
}

/// Ends the connection when nobody holds it any more. Before it is open, that is the way to give up.
pub(super) struct Held(pub(super) Arc<Mailbox>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl Held {
    /// Waits for the peer's proof.
    pub(super) async fn opened(self: Arc<Self>) -> Result<Connection, CloseReason> {
        let peer = self.0.opened().await?;
        Ok(Connection::new(self, peer))
    }
}

impl Connection {
    pub(super) fn new(held: Arc<Held>, peer: VatId) -> Self {
        Self { held, peer }
    }

    /// The vat at the other end.
    #[must_use]
    pub fn peer(&self) -> VatId {
        self.peer
    }

    /// A value that both ends of the transport of the moment know and nobody else: binds whatever else is negotiated to it
    /// (VTP-14). The next transport has another, and while there is none it is `None`; two ends that find theirs to differ
    /// ask again.
    pub async fn exporter(&self) -> Option<[u8; 32]> {
        self.held.0.ask(Question::Exporter).await.flatten()
    }

    /// Opens a byte stream; `head`, of at most 512 bytes, tells the peer what it is for. One may write at once. (VTP-49)
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open_stream(&self, head: &[u8]) -> Result<MixStream, OpenError> {
        let head = Bytes::copy_from_slice(head);
        let open = |answer| Question::Open(head, answer);
        match self.held.0.ask(open).await {
            Some(Ok(knock)) => Ok(MixStream::new(knock, self.peer, Arc::clone(&self.held))),
            Some(Err(StreamFault::HeadTooLong)) => Err(OpenError::HeadTooLong),
            Some(Err(StreamFault::TooMany)) => Err(OpenError::TooMany),
            // The word of its end is on the way.
            Some(Err(StreamFault::Over | StreamFault::Finished)) | None => {
                Err(OpenError::Over(self.closed().await))
            }
        }
    }

    /// The streams that the peer opens, from the first on that nobody has taken.
    #[must_use]
    pub fn streams(&self) -> MixListener {
        MixListener::new(self.peer, Arc::clone(&self.held))
    }

    /// Sends 1 to 800 bytes that come once or not at all, in no order with anything else. At most 64 wait; then the
    /// oldest is lost. (VTP-52)
    ///
    /// # Errors
    /// See [`DatagramError`].
    pub fn send_datagram(&self, bytes: &[u8]) -> Result<(), DatagramError> {
        if !(1..=MAX_DATAGRAM).contains(&bytes.len()) {
            return Err(DatagramError::Length);
        }
        let sent = self.held.0.send_datagram(bytes);
        sent.map_err(DatagramError::Over)
    }

    /// The next datagram. At most 64 wait to be received; then the oldest is lost. (VTP-52)
    ///
    /// # Errors
    /// Why the connection is over; what had come before is received first.
    pub async fn recv_datagram(&self) -> Result<Vec<u8>, CloseReason> {
        self.held.0.recv_datagram().await
    }

    /// Queues one message, and waits while the queue is full.
    ///
    /// # Errors
    /// Hands the message back with the reason. Never [`Full`](crate::netlayer::SendFault::Full).
    pub async fn send(&self, message: Vec<u8>) -> Result<(), SendError> {
        self.held.0.send(message).await
    }

    /// Queues one message if there is room for it now.
    ///
    /// # Errors
    /// Hands the message back with the reason.
    pub fn try_send(&self, message: Vec<u8>) -> Result<(), SendError> {
        self.held.0.try_send(message)
    }

    /// Waits until [`try_send`](Self::try_send) has room again, or the connection is over.
    pub(super) async fn room(&self) {
        self.held.0.room().await;
    }

    /// Whether both are handles of one connection.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.held, &other.held)
    }

    /// The next message; `None` when the peer has ended its direction. Loses nothing when cancelled.
    ///
    /// As long as messages are not received, the peer is kept from sending more than a window of them.
    ///
    /// # Errors
    /// [`Cut`] when the connection ended otherwise. What had come before is received first.
    pub async fn recv(&self) -> Result<Option<Vec<u8>>, Cut> {
        self.held.0.recv().await
    }

    /// Ends this side's messages after what was sent. The other direction goes on, and so do streams.
    pub fn finish(&self) {
        self.held.0.finish();
    }

    /// Ends both directions at once; what was not yet sent or received is lost.
    pub fn close(&self) {
        self.held.0.abandon();
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.held.0.is_over()
    }

    /// Waits for the end, and says why. When both sides have [finished](Self::finish) and every stream was shut down at both ends and read
    /// here to the end, [`CloseReason::Closed`] comes by itself, and means that every message sent was taken and every byte
    /// written has arrived at the other side.
    pub async fn closed(&self) -> CloseReason {
        self.held.0.closed().await
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection(to {})", self.peer())
    }
}
