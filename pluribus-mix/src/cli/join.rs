//! Standard input and output on one side, a byte stream on the other, as `nc` joins them.
//!
//! The one who dials opens the stream, and the other takes the first that comes; there are no others. Each direction
//! has a thread of its own, because reading a terminal or a pipe cannot be waited for otherwise, and ends by itself: the
//! end of input ends our direction and no more. A thread that waits for input nobody will give is left behind when the
//! program ends.

use std::fs::File;
use std::future::Future;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::thread;

use pluribus_mix::net::{Connection, MixStream};
use pluribus_mix::netlayer::CloseReason;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::runtime::{Builder, Handle};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::Failure;

/// The most that is read at once.
const PIECE: usize = 64 * 1024;
/// What the stream is for.
const HEAD: &[u8] = b"stdio";

/// Runs a command that talks to the network.
pub(crate) fn run(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    let result = runtime.block_on(command);
    // A thread that waits for input still holds a handle.
    runtime.shutdown_background();
    result
}

/// Gives up when the user or the system says so.
pub(crate) async fn or_interrupted<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::failed)?;
    tokio::select! {
        done = work => Ok(done),
        _ = interrupt.recv() => Err(Failure::failed("interrupted")),
        _ = terminate.recv() => Err(Failure::failed("terminated")),
    }
}

/// The stream of one who dials.
pub(crate) async fn open(connection: &Connection) -> Result<MixStream, Failure> {
    let opened = connection.open_stream(HEAD).await;
    opened.map_err(Failure::failed)
}

/// The stream of one who listens.
pub(crate) async fn take(connection: &Connection) -> Result<MixStream, Failure> {
    let taken = connection.streams().accept().await;
    match taken {
        Some(stream) => Ok(stream),
        None => Err(Failure::failed(connection.closed().await)),
    }
}

/// Returns when both directions have ended, or cannot any more.
pub(crate) async fn join(connection: &Connection, stream: MixStream) -> Result<(), Failure> {
    let (from, to) = tokio::io::split(stream);
    let said_all = spawn(to, talk)?;
    let heard_all = spawn(from, hear)?;
    let saying = async {
        tokio::select! {
            biased;
            said = said_all => said,
            // Nobody can say any more what the thread may still read.
            reason = connection.closed() => Err(Failure::failed(format!("before the end of our input: {reason}"))),
        }
    };
    let hearing = async { heard_all.await.inspect_err(|_| connection.close()) };
    let (heard, said) = tokio::join!(hearing, saying);
    heard.and(said)?;
    connection.finish();
    match connection.closed().await {
        CloseReason::Closed => Ok(()),
        broken => Err(Failure::failed(broken)),
    }
}

type Done = Result<(), Failure>;

/// Does the work in a thread, and tells how it went.
fn spawn<H: Send + 'static>(
    half: H,
    work: fn(H, &Handle) -> Done,
) -> Result<impl Future<Output = Done> + use<H>, Failure> {
    let (done, result) = oneshot::channel();
    let runtime = Handle::current();
    let run = move || {
        let _ = done.send(work(half, &runtime));
    };
    thread::Builder::new().spawn(run).map_err(Failure::failed)?;
    Ok(async {
        result
            .await
            .unwrap_or_else(|_| Err(Failure::failed("a thread broke: a bug")))
    })
}

/// Standard input to the stream.
fn talk(mut to: WriteHalf<MixStream>, runtime: &Handle) -> Done {
    let mut input = unbuffered(io::stdin().as_fd())?;
    let broken = |error| Failure::failed(format!("standard input: {error}"));
    let mut piece = vec![0; PIECE];
    loop {
        let length = input.read(&mut piece).map_err(broken)?;
        let Some(read) = piece.get(..length).filter(|read| !read.is_empty()) else {
            return runtime.block_on(to.shutdown()).map_err(Failure::failed);
        };
        runtime
            .block_on(to.write_all(read))
            .map_err(Failure::failed)?;
    }
}

/// The stream to standard output.
fn hear(mut from: ReadHalf<MixStream>, runtime: &Handle) -> Done {
    let mut output = unbuffered(io::stdout().as_fd())?;
    let broken = |error| Failure::failed(format!("standard output: {error}"));
    let mut piece = vec![0; PIECE];
    loop {
        let length = runtime
            .block_on(from.read(&mut piece))
            .map_err(Failure::failed)?;
        let Some(read) = piece.get(..length).filter(|read| !read.is_empty()) else {
            return Ok(());
        };
        output.write_all(read).map_err(broken)?;
    }
}

/// Past the standard library's buffers, which are made for lines.
fn unbuffered(stream: impl AsFd) -> Result<File, Failure> {
    let copy = stream
        .as_fd()
        .try_clone_to_owned()
        .map_err(Failure::failed)?;
    Ok(File::from(copy))
}
