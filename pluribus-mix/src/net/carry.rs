//! Bytes from a socket into a stream and back, and what becomes of the one when the other breaks.
//!
//! Each direction ends by itself, and its end is passed on behind its last byte. What breaks is another matter: whoever reads must
//! not take a part for the whole. So a socket that is dropped before the direction towards it was ended is torn: TCP then
//! says RST and not FIN. That holds too when the task that carries is dropped. A Unix socket knows no such word; there the
//! program sees an end.
//!
//! *Breaking in silence.* A side whose direction has ended is not read any more, and one that waits for the other's room is not
//! either; so reading does not tell of every break. Both are watched besides: a stream says so itself ([`Carried`]), and a socket has
//! a state of error. What a side had said before it broke is carried if it is quick enough, and may be lost as it is when TCP breaks.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, Interest,
    ReadBuf,
};
use tokio::net::{TcpStream, UnixStream, tcp, unix};

/// Bytes that are carried at once in each direction: with the 8 KiB that are usual, system calls were a fifth of all work.
const PIECE: usize = 32 << 10;

/// How a stream is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// In the middle of what the peer had to say.
    Cut,
    /// Behind its end: all that the peer said can be read, and nobody is there to hear.
    BehindEnd,
}

/// A stream that tells when it breaks, also to one who neither reads nor writes.
pub trait Carried: AsyncRead + AsyncWrite {
    /// How it is broken, once it is. Wakes the task that asked last.
    fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<Break>;

    /// Breaks it, so that the peer is told even behind the end of our direction.
    fn tear(&mut self);
}

/// A socket of the operating system.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// What reads, and what writes.
    fn halves(&mut self) -> (Reader<'_>, Writer<'_>);

    /// Lets the peer see that it is closed in the middle, if that can be said.
    fn tear(&self);
}

type Reader<'a> = Box<dyn Near + 'a>;
type Writer<'a> = Box<dyn AsyncWrite + Send + Unpin + 'a>;

/// What reads from a socket.
pub(crate) trait Near: AsyncRead + Send + Sync + Unpin {
    /// Resolves when the socket is in a state of error.
    fn error(&self) -> Pin<Box<dyn Future<Output = io::Error> + Send + '_>>;
}

impl Socket for TcpStream {
    fn halves(&mut self) -> (Reader<'_>, Writer<'_>) {
        let (reader, writer) = self.split();
        (Box::new(reader), Box::new(writer))
    }

    fn tear(&self) {
        // It fails on a socket that is broken already.
        let _ = self.set_zero_linger();
    }
}

impl Near for tcp::ReadHalf<'_> {
    fn error(&self) -> Pin<Box<dyn Future<Output = io::Error> + Send + '_>> {
        Box::pin(async { why(self.ready(Interest::ERROR).await) })
    }
}

impl Socket for UnixStream {
    fn halves(&mut self) -> (Reader<'_>, Writer<'_>) {
        let (reader, writer) = self.split();
        (Box::new(reader), Box::new(writer))
    }

    fn tear(&self) {}
}

impl Near for unix::ReadHalf<'_> {
    fn error(&self) -> Pin<Box<dyn Future<Output = io::Error> + Send + '_>> {
        Box::pin(async { why(self.ready(Interest::ERROR).await) })
    }
}

fn why<T>(ready: io::Result<T>) -> io::Error {
    ready
        .err()
        .unwrap_or_else(|| ErrorKind::ConnectionReset.into())
}

/// A socket that tells its peer when it is dropped in the middle.
pub(crate) struct Fragile<S: Socket> {
    /// Came before the socket was handed over.
    early: BytesMut,
    socket: S,
    /// The peer was told the end.
    is_whole: AtomicBool,
}

impl<S: Socket> Fragile<S> {
    /// What came `early` is carried first.
    pub(crate) fn new(early: BytesMut, socket: S) -> Self {
        Self {
            early,
            socket,
            is_whole: AtomicBool::new(false),
        }
    }

    /// Says something of our own to the peer first.
    pub(crate) async fn say(&mut self, words: &[u8]) -> io::Result<()> {
        self.socket.write_all(words).await
    }

    /// Carries bytes both ways until both have ended.
    ///
    /// # Errors
    /// One of the two broke; the other is broken as this returns, or is when it is dropped.
    pub(crate) async fn carry<F>(mut self, far: &mut F) -> io::Result<()>
    where
        F: Carried + Send + Unpin + ?Sized,
    {
        let carried = self.both_ways(far).await;
        if carried.is_err() {
            far.tear();
        }
        carried
    }

    async fn both_ways<F>(&mut self, far: &mut F) -> io::Result<()>
    where
        F: Carried + Send + Unpin + ?Sized,
    {
        let Self {
            early,
            socket,
            is_whole,
        } = self;
        let (near, mut to_near) = socket.halves();
        let far = Far(Mutex::new(far));
        let has_said_all = AtomicBool::new(false);
        let outwards = async {
            let mut near = AsyncReadExt::chain(early.as_ref(), near);
            copy(&mut near, &mut &far).await?;
            has_said_all.store(true, Ordering::Relaxed);
            let (_, near) = near.into_inner();
            Err::<Infallible, _>(near.error().await)
        };
        let inwards = async {
            copy(&mut &far, &mut to_near).await?;
            is_whole.store(true, Ordering::Relaxed);
            pending::<io::Result<Infallible>>().await
        };
        let over = poll_fn(|cx| {
            let has_heard_all = is_whole.load(Ordering::Relaxed);
            if has_heard_all && has_said_all.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(()));
            }
            match far.lock().poll_broken(cx) {
                Poll::Ready(how) if how == Break::Cut || has_heard_all => {
                    Poll::Ready(Err(ErrorKind::ConnectionReset.into()))
                }
                _ => Poll::Pending,
            }
        });
        // In this order: whether it is over depends on what the other two have just done.
        tokio::select! {
            biased;
            Err(broken) = outwards => Err(broken),
            Err(broken) = inwards => Err(broken),
            over = over => over,
        }
    }
}

impl<S: Socket> Drop for Fragile<S> {
    fn drop(&mut self) {
        if !*self.is_whole.get_mut() {
            self.socket.tear();
        }
    }
}

/// Carries one direction, and its end behind it.
async fn copy<R, W>(from: &mut R, to: &mut W) -> io::Result<()>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut from = BufReader::with_capacity(PIECE, from);
    loop {
        let piece = from.fill_buf().await?;
        if piece.is_empty() {
            return to.shutdown().await;
        }
        let written = to.write(piece).await?;
        if written == 0 {
            return Err(ErrorKind::WriteZero.into());
        }
        from.consume(written);
        to.flush().await?;
    }
}

/// A stream that is read and written by turns, in one task.
struct Far<'a, F: ?Sized>(Mutex<&'a mut F>);

impl<'a, F: ?Sized> Far<'a, F> {
    fn lock(&self) -> MutexGuard<'_, &'a mut F> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Carried + Unpin + ?Sized> AsyncRead for &Far<'_, F> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut **self.lock()).poll_read(cx, into)
    }
}

impl<F: Carried + Unpin + ?Sized> AsyncWrite for &Far<'_, F> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut **self.lock()).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut **self.lock()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut **self.lock()).poll_shutdown(cx)
    }
}
