//! A connection to a proven vat, as an application holds it.

use std::fmt;
use std::sync::Arc;

use crate::id::VatId;
use crate::netlayer::{CloseReason, SendError};

use super::error::Cut;
use super::mailbox::{Mailbox, Proven};

/// A connection to a vat that has proven who it is. Cheap to clone, to share and to send.
///
/// When the last clone is dropped the connection ends at once, as with [`Connection::close`]. To be sure that everything
/// has arrived, [`finish`](Connection::finish) and wait for [`closed`](Connection::closed).
#[derive(Clone)]
pub struct Connection {
    held: Arc<Held>,
    proven: Proven,
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
    pub(super) async fn opened(self) -> Result<Connection, CloseReason> {
        let proven = self.0.opened().await?;
        Ok(Connection::new(self, proven))
    }
}

impl Connection {
    pub(super) fn new(held: Held, proven: Proven) -> Self {
        let held = Arc::new(held);
        Self { held, proven }
    }

    /// The vat at the other end.
    #[must_use]
    pub fn peer(&self) -> VatId {
        self.proven.peer
    }

    /// A value that both ends know and nobody else: binds whatever else is negotiated to this connection (VTP-14).
    /// `None` for a connection that was over as soon as it was open.
    #[must_use]
    pub fn exporter(&self) -> Option<[u8; 32]> {
        self.proven.exporter
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

    /// The next message; `None` when the peer has ended its direction. Loses nothing when cancelled.
    ///
    /// As long as messages are not received, the peer is kept from sending more than a window of them.
    ///
    /// # Errors
    /// [`Cut`] when the connection ended otherwise. What had come before is received first.
    pub async fn recv(&self) -> Result<Option<Vec<u8>>, Cut> {
        self.held.0.recv().await
    }

    /// Ends this side's direction after what was sent. The other goes on.
    pub fn finish(&self) {
        self.held.0.finish();
    }

    /// Ends both directions at once; what was not yet sent or received is lost.
    pub fn close(&self) {
        self.held.0.abandon();
    }

    /// Waits for the end, and says why. [`CloseReason::Closed`] after both directions were ended means that everything
    /// sent was taken at the other side.
    pub async fn closed(&self) -> CloseReason {
        self.held.0.closed().await
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection(to {})", self.peer())
    }
}
