//! Byte streams inside a connection, as tokio knows bytes.

mod fault;
mod incoming;
mod tray;

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_core::Stream;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use crate::id::VatId;

use super::carry::{Break, Carried};
use super::connection::Held;

pub(super) use incoming::{Incoming, Knock};
use tray::NO_REASON;
pub(super) use tray::{StreamEnd, Tray, Wish};

/// A stream of bytes each way, inside a connection: it outlives broken links as the connection does, and nothing of it is lost or
/// comes twice. (VTP-49, VTP-50, VTP-51)
///
/// Each direction ends by itself: [`shutdown`](tokio::io::AsyncWriteExt::shutdown) ends ours behind what was written, and the peer
/// reads to the end; reading gives 0 bytes when the peer has done likewise. A writer waits while the peer does not read: about half
/// a megabyte lies here, and up to a megabyte at the peer. Other streams and messages go on meanwhile. Nothing has to be flushed.
///
/// A stream that is dropped before it is shut down is reset, and the peer may lose what it has not read. Dropped behind that, what was
/// written still arrives, unless the peer goes on to write: then nobody is there to read, and it is reset too. It is best
/// to read to the end.
///
/// A stream is also a handle of its connection, which does not close as long as there is one.
///
/// # Errors
/// Reading and writing fail with [`ConnectionReset`](io::ErrorKind::ConnectionReset) when the peer has reset the stream
/// ([`MixStream::reset_code`] says with what). When the connection is over, reading fails with
/// [`ConnectionAborted`](io::ErrorKind::ConnectionAborted) behind the last byte that came, unless that is all the peer had to say, and
/// writing with [`NotConnected`](io::ErrorKind::NotConnected). Writing behind a shutdown is
/// [`BrokenPipe`](io::ErrorKind::BrokenPipe).
pub struct MixStream {
    /// Taken from the tray and not yet read.
    piece: Bytes,
    end: StreamEnd,
    head: Bytes,
    peer: VatId,
    /// Behind `end`, so that the stream is left before the connection is.
    _held: Arc<Held>,
}

impl MixStream {
    pub(super) fn new(knock: Knock, peer: VatId, held: Arc<Held>) -> Self {
        Self {
            piece: Bytes::new(),
            end: knock.end,
            head: knock.head,
            peer,
            _held: held,
        }
    }

    /// The vat at the other end.
    #[must_use]
    pub fn peer(&self) -> VatId {
        self.peer
    }

    /// What the stream is for, in the words of the one who opened it; at most 512 bytes. (VTP-49)
    #[must_use]
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Gives the stream up, both ways: what was written and has not been read is lost. The peer sees the code; 0 says
    /// nothing. (VTP-50)
    pub fn reset(self, code: u8) {
        self.end.0.give_up(code);
    }

    /// The code with which the peer has reset the stream, if it has. (VTP-50)
    #[must_use]
    pub fn reset_code(&self) -> Option<u8> {
        self.end.0.reset_code()
    }
}

impl AsyncBufRead for MixStream {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if this.piece.is_empty() {
            this.piece = ready!(this.end.0.poll_take(cx))?;
        }
        Poll::Ready(Ok(&this.piece))
    }

    fn consume(self: Pin<&mut Self>, read: usize) {
        let this = self.get_mut();
        this.piece.advance(read.min(this.piece.len()));
    }
}

impl AsyncRead for MixStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let piece = ready!(self.as_mut().poll_fill_buf(cx))?;
        let (now, _) = piece.split_at(piece.len().min(into.remaining()));
        into.put_slice(now);
        let read = now.len();
        self.consume(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for MixStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.end.0.poll_write(cx, bytes)
    }

    /// What is written is on its way already.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Ends our direction behind what was written, and does not wait for it.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.end.0.finish())
    }
}

impl Carried for MixStream {
    fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<Break> {
        self.end.0.poll_broken(cx)
    }

    fn tear(&mut self) {
        self.end.0.give_up(NO_REASON);
    }
}

impl fmt::Debug for MixStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MixStream(to {})", self.peer)
    }
}

/// The streams that the peer opens, one after the other.
///
/// They wait here until they are taken, and have waited since the connection opened; as many as the endpoint was told
/// ([`Config::stream_backlog`](super::Config::stream_backlog)), and any beyond is reset. If there are several listeners of a connection each stream comes to
/// one of them. When the last one is dropped, the streams that wait are reset, and so is whatever the peer then opens.
///
/// A listener is also a handle of its connection, which does not close as long as there is one.
pub struct MixListener {
    peer: VatId,
    held: Arc<Held>,
}

impl MixListener {
    pub(super) fn new(peer: VatId, held: Arc<Held>) -> Self {
        held.0.listen();
        Self { peer, held }
    }

    /// The next stream; `None` when the connection is over. Loses nothing when cancelled.
    pub async fn accept(&mut self) -> Option<MixStream> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for MixListener {
    type Item = MixStream;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<MixStream>> {
        let knock = ready!(self.held.0.poll_incoming(cx));
        let stream = |knock| MixStream::new(knock, self.peer, Arc::clone(&self.held));
        Poll::Ready(knock.map(stream))
    }
}

impl Drop for MixListener {
    fn drop(&mut self) {
        self.held.0.listen_no_more();
    }
}

impl fmt::Debug for MixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MixListener(to {})", self.peer)
    }
}
