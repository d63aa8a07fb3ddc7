//! What lies behind a face in these tests.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use pluribus_mix::net::{Break, Carried};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A TCP stream that resets when it is dropped before it was shut down, as a stream through circuits does.
pub(crate) struct Torn {
    stream: TcpStream,
    is_whole: bool,
}

impl Torn {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            is_whole: false,
        }
    }
}

/// It does not watch itself; what is told it passes on.
impl Carried for Torn {
    fn poll_broken(&mut self, _: &mut Context<'_>) -> Poll<Break> {
        Poll::Pending
    }

    fn tear(&mut self) {
        self.is_whole = false;
    }
}

impl Drop for Torn {
    fn drop(&mut self) {
        if !self.is_whole {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Torn {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Torn {
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
        self.is_whole = true;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
