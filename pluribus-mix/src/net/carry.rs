//! Bytes from a socket into a stream and back, and what becomes of the one when the other breaks.
//!
//! Each direction ends by itself, and its end is passed on behind its last byte. What breaks is another matter: whoever reads must
//! not take a part for the whole. So a socket that is dropped before the direction towards it was ended is torn: TCP then
//! says RST and not FIN. That holds too when the task that carries is dropped. A Unix socket knows no such word; there the
//! program sees an end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional_with_sizes};
use tokio::net::{TcpStream, UnixStream};

/// Bytes that are carried at once in each direction: with the 8 KiB that are usual, system calls were a fifth of all work.
const PIECE: usize = 32 << 10;

/// A socket of the operating system.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// Lets the peer see that it is closed in the middle, if that can be said.
    fn tear(&self);
}

impl Socket for TcpStream {
    fn tear(&self) {
        // It fails on a socket that is broken already.
        let _ = self.set_zero_linger();
    }
}

impl Socket for UnixStream {
    fn tear(&self) {}
}

/// A socket that tells its peer when it is dropped in the middle.
pub(crate) struct Fragile<S: Socket> {
    /// Came before the socket was handed over.
    early: BytesMut,
    socket: S,
    is_whole: bool,
}

impl<S: Socket> Fragile<S> {
    /// What came `early` is read first.
    pub(crate) fn new(early: BytesMut, socket: S) -> Self {
        Self {
            early,
            socket,
            is_whole: false,
        }
    }

    /// Carries bytes both ways until both have ended.
    ///
    /// # Errors
    /// One of the two broke.
    pub(crate) async fn carry<F>(mut self, far: &mut F) -> io::Result<()>
    where
        F: AsyncRead + AsyncWrite + Unpin + ?Sized,
    {
        let copied = copy_bidirectional_with_sizes(&mut self, far, PIECE, PIECE).await;
        copied.map(|_| ())
    }
}

impl<S: Socket> Drop for Fragile<S> {
    fn drop(&mut self) {
        if !self.is_whole {
            self.socket.tear();
        }
    }
}

impl<S: Socket> AsyncRead for Fragile<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.early.is_empty() {
            return Pin::new(&mut this.socket).poll_read(cx, into);
        }
        let now = this.early.split_to(this.early.len().min(into.remaining()));
        into.put_slice(now.chunk());
        Poll::Ready(Ok(()))
    }
}

impl<S: Socket> AsyncWrite for Fragile<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.socket).poll_shutdown(cx))?;
        self.is_whole = true;
        Poll::Ready(Ok(()))
    }
}
