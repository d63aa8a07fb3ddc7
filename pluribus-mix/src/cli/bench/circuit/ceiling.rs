//! The ceiling: what three hops over loopback TCP cost if nothing is done but the AEAD work and the copying.
//!
//! A client writes batches of cells to the first of three tasks, and each takes a batch in, opens every cell's link seal and its onion layer, seals it
//! for the next link and writes the batch out. There are no circuits, no queues, no flow control and no handshakes, and cells are not even
//! numbered apart. Whatever a relay really does comes on top.

use super::super::super::Failure;
use super::super::loopback::ANYWHERE;
use super::super::meter::broken;
use pluribus_mix::crypto::aead::{Aead as _, Backend, Detached as _, Key, TAG_LEN};
use pluribus_mix::onion::CELL;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// A cell and the tag of its link.
const WIRE: usize = CELL + TAG_LEN;
/// Cells of a batch: 64 KiB.
const BATCH: usize = (64 << 10) / WIRE;
/// Hops.
const HOPS: usize = 3;
/// What a cell carries: all but the tags of three layers.
const PAYLOAD: usize = CELL - HOPS * TAG_LEN;

/// What a relay opens with, and where it sends on to.
struct Keys {
    link: Key,
    onion: Key,
    onward: Option<(TcpStream, Key)>,
}

/// Carries at least `bytes` bytes of payload, in equal parts through so many pipes at once.
pub(super) fn carry(
    runtime: &Runtime,
    backend: Backend,
    bytes: usize,
    pipes: usize,
) -> Result<(), Failure> {
    let batches = bytes.div_ceil(pipes.max(1) * BATCH * PAYLOAD);
    runtime.block_on(async {
        let mut all = JoinSet::new();
        for _ in 0..pipes {
            all.spawn(pipe(backend, batches));
        }
        while let Some(done) = all.join_next().await {
            done.map_err(broken)?.map_err(broken)?;
        }
        Ok(())
    })
}

async fn pipe(backend: Backend, batches: usize) -> std::io::Result<()> {
    let mut tasks = JoinSet::new();
    let (first, mut incoming) = pair().await?;
    tasks.spawn(client(backend, first, batches));
    for hop in 0..HOPS {
        let (mut onward, mut next) = (None, None);
        if hop + 1 < HOPS {
            let (near, far) = pair().await?;
            (onward, next) = (Some(near), Some(far));
        }
        let keys = Keys {
            link: link(backend, hop),
            onion: onion(backend, hop),
            onward: onward.map(|socket| (socket, link(backend, hop + 1))),
        };
        tasks.spawn(relay(
            keys,
            PAYLOAD + (HOPS - 1 - hop) * TAG_LEN,
            incoming,
            batches,
        ));
        let Some(next) = next else { break };
        incoming = next;
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

/// The key of a link, the first being the client's.
fn link(backend: Backend, number: usize) -> Key {
    Key::new(backend, &[u8::try_from(number).unwrap_or(0); 32])
}

/// The key of a hop's layer.
fn onion(backend: Backend, hop: usize) -> Key {
    Key::new(backend, &[0x80 | u8::try_from(hop).unwrap_or(0); 32])
}

/// Both ends of a connection.
async fn pair() -> std::io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind(ANYWHERE).await?;
    let near = TcpStream::connect(listener.local_addr()?).await?;
    let (far, _) = listener.accept().await?;
    near.set_nodelay(true)?;
    Ok((near, far))
}

/// Seals every cell three times, and once for the link.
async fn client(backend: Backend, mut to: TcpStream, batches: usize) -> std::io::Result<()> {
    let mut buffer = vec![0x5a; WIRE * BATCH];
    let layers: Vec<Key> = (0..HOPS).rev().map(|hop| onion(backend, hop)).collect();
    let link = link(backend, 0);
    let mut counter = 0;
    for _ in 0..batches {
        for cell in buffer.as_chunks_mut::<WIRE>().0 {
            for (layer, key) in layers.iter().enumerate() {
                seal(key, counter, cell, PAYLOAD + layer * TAG_LEN)?;
            }
            seal(&link, counter, cell, CELL)?;
            counter += 1;
        }
        to.write_all(&buffer).await?;
    }
    Ok(())
}

/// Opens every cell twice, and seals it once for the next link if there is one.
async fn relay(
    mut keys: Keys,
    layer: usize,
    mut from: TcpStream,
    batches: usize,
) -> std::io::Result<()> {
    let mut buffer = vec![0; WIRE * BATCH];
    let mut counter = 0;
    for _ in 0..batches {
        from.read_exact(&mut buffer).await?;
        for cell in buffer.as_chunks_mut::<WIRE>().0 {
            open(&keys.link, counter, cell, CELL)?;
            open(&keys.onion, counter, cell, layer)?;
            if let Some((_, key)) = &keys.onward {
                seal(key, counter, cell, CELL)?;
            }
            counter += 1;
        }
        if let Some((onward, _)) = &mut keys.onward {
            onward.write_all(&buffer).await?;
        }
    }
    Ok(())
}

/// Seals the first `len` bytes and puts the tag behind them.
fn seal(key: &Key, counter: u64, cell: &mut [u8; WIRE], len: usize) -> std::io::Result<()> {
    let (text, place) = cell.split_at_mut(len);
    let tag = key.seal(counter, b"", text);
    let tag = tag.map_err(|_| std::io::Error::other("a cell was not sealed"))?;
    place.iter_mut().zip(tag).for_each(|(to, byte)| *to = byte);
    Ok(())
}

/// Opens the first `len` bytes with the tag behind them.
fn open(key: &Key, counter: u64, cell: &mut [u8; WIRE], len: usize) -> std::io::Result<()> {
    let (text, rest) = cell.split_at_mut(len);
    let tag = rest.first_chunk::<TAG_LEN>();
    let opened = tag.map(|tag| key.open_detached(counter, b"", tag, text));
    let refused = || std::io::Error::other("a cell was not opened");
    opened.ok_or_else(refused)?.map_err(|_| refused())
}
