//! `vattp.stream_MBps`: a byte stream between two vats on loopback, against the same bytes over TCP alone.

use super::super::Failure;
use super::loopback::{ANYWHERE, dialler, join, listen, runtime};
use super::meter::{Row, against, broken};
use pluribus_mix::crypto::aead::Backend;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Bytes in one round.
const ROUND: usize = 32 << 20;
/// Bytes in one write, and the most that one read takes.
const PIECE: usize = 64 << 10;

/// The row.
pub(super) fn row(backend: Backend, rounds: u32) -> Result<Row, Failure> {
    let runtime = runtime()?;
    let [mut near, mut far] = runtime.block_on(async {
        let listener = listen(backend, None).await?;
        join(&dialler(backend).await?, &listener).await
    })?;
    let (mut bare_near, mut bare_far) = runtime.block_on(bare()).map_err(broken)?;
    let stream = || runtime.block_on(carry(&mut near, &mut far));
    let bare = || runtime.block_on(carry(&mut bare_near, &mut bare_far));
    let (carried, reference) = against(rounds, stream, bare)?;
    let megabytes = ROUND as f64 / 1e6;
    Ok(Row {
        name: "vattp.stream_MBps",
        value: megabytes / carried,
        unit: "MB/s",
        reference: Some(megabytes / reference),
        backend: backend.name(),
    })
}

/// Both ends of a TCP connection.
async fn bare() -> std::io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind(ANYWHERE).await?;
    let near = TcpStream::connect(listener.local_addr()?).await?;
    let (far, _) = listener.accept().await?;
    Ok((near, far))
}

/// One round's bytes from one end to the other.
async fn carry(
    near: &mut (impl AsyncWrite + Unpin),
    far: &mut (impl AsyncRead + Unpin),
) -> Result<(), Failure> {
    let write = async {
        let piece = vec![0x5a; PIECE];
        for _ in 0..ROUND / PIECE {
            near.write_all(&piece).await?;
        }
        near.flush().await
    };
    let read = async {
        let (mut buffer, mut left) = (vec![0; PIECE], ROUND);
        while left > 0 {
            match far.read(&mut buffer).await? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                more => left = left.saturating_sub(more),
            }
        }
        Ok(())
    };
    let (wrote, read) = tokio::join!(write, read);
    wrote.and(read).map_err(broken)
}
