//! `vattp.streams_asleep_MBps`: a thousand byte streams in one connection of which nobody reads one, against the same number with all
//! readers awake. (VTP-51)

use super::super::Failure;
use super::loopback::{dialler, listen, runtime};
use super::meter::{Row, against, broken};
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::net::{Endpoint, MixStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Streams that carry something in a round.
const STREAMS: usize = 999;
/// Bytes on each of them in a round.
const EACH: usize = 32 << 10;
/// Bytes that wait for the reader who sleeps: more than a stream takes.
const ASLEEP: usize = 2 << 20;

/// A connection with streams in it; the ends that write, and those that read.
struct Many {
    near: Vec<MixStream>,
    far: Vec<MixStream>,
    /// The end that nobody reads.
    _asleep: Option<MixStream>,
    _endpoints: [Endpoint; 2],
}

/// The row.
pub(super) fn row(backend: Backend, rounds: u32) -> Result<Row, Failure> {
    let runtime = runtime()?;
    let mut asleep = runtime.block_on(Many::open(backend, true))?;
    let mut awake = runtime.block_on(Many::open(backend, false))?;
    let one = || asleep.carry(&runtime);
    let other = || awake.carry(&runtime);
    let (carried, reference) = against(rounds, one, other)?;
    let megabytes = (STREAMS * EACH) as f64 / 1e6;
    Ok(Row {
        name: "vattp.streams_asleep_MBps",
        value: megabytes / carried,
        unit: "MB/s",
        reference: Some(megabytes / reference),
        backend: backend.name(),
    })
}

impl Many {
    /// Opens a connection and its streams; one more if somebody is to sleep, filled as far as it goes.
    async fn open(backend: Backend, with_sleeper: bool) -> Result<Self, Failure> {
        let listener = listen(backend, None).await?;
        let dialler = dialler(backend).await?;
        let dialled = dialler.connect(listener.locator()).await;
        let ours = dialled.map_err(Failure::to_dial)?;
        let theirs = listener.accept().await.ok_or_else(|| broken("accept"))?;
        let mut coming = theirs.streams();
        let (mut near, mut far) = (Vec::new(), Vec::new());
        for _ in 0..STREAMS {
            near.push(ours.open_stream(b"bench").await.map_err(broken)?);
            far.push(coming.accept().await.ok_or_else(|| broken("no stream"))?);
        }
        let mut sleeper = None;
        if with_sleeper {
            let mut full = ours.open_stream(b"asleep").await.map_err(broken)?;
            sleeper = coming.accept().await;
            // It waits for room until the runtime is dropped.
            tokio::spawn(async move { full.write_all(&vec![0x5a; ASLEEP]).await });
        }
        Ok(Self {
            near,
            far,
            _asleep: sleeper,
            _endpoints: [dialler, listener],
        })
    }

    /// One round: every stream carries its bytes, all at once.
    fn carry(&mut self, runtime: &Runtime) -> Result<(), Failure> {
        let (near, far) = (
            std::mem::take(&mut self.near),
            std::mem::take(&mut self.far),
        );
        runtime.block_on(async {
            let (mut writing, mut reading) = (JoinSet::new(), JoinSet::new());
            for mut stream in near {
                writing.spawn(async move {
                    stream.write_all(&[0x5a; EACH]).await?;
                    stream.flush().await.map(|()| stream)
                });
            }
            for mut stream in far {
                reading.spawn(async move {
                    let mut bytes = vec![0; EACH];
                    stream.read_exact(&mut bytes).await.map(|_| stream)
                });
            }
            self.near = all(writing).await?;
            self.far = all(reading).await?;
            Ok(())
        })
    }
}

/// The streams, when all of them are through.
async fn all(mut tasks: JoinSet<std::io::Result<MixStream>>) -> Result<Vec<MixStream>, Failure> {
    let mut streams = Vec::new();
    while let Some(done) = tasks.join_next().await {
        streams.push(done.map_err(broken)?.map_err(broken)?);
    }
    Ok(streams)
}
