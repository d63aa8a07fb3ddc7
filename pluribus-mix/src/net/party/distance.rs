//! Distance on one machine: what goes to a relay and comes from it arrives later, as if they were far from each other.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep_until};

use super::super::entropy::loopback_address;
use super::super::error::BindError;

/// Pieces that are under way at one time in one direction, and the bytes of one.
const UNDER_WAY: usize = 1024;
const PIECE: usize = 16 << 10;

/// Stands before a relay, at an address of its own, as long as `gates` does. What comes is passed on later by `delay`, each way; a connection itself
/// stands at once.
///
/// # Errors
/// [`BindError::Listen`] or [`BindError::Entropy`].
pub(super) async fn before(
    relay: SocketAddr,
    delay: Duration,
    gates: &mut JoinSet<()>,
) -> Result<SocketAddr, BindError> {
    let at = (loopback_address()?, 0).into();
    let refused = |why| BindError::Listen { at, why };
    let listener = TcpListener::bind(at).await.map_err(refused)?;
    let at = listener.local_addr().map_err(refused)?;
    gates.spawn(async move {
        let mut open = JoinSet::new();
        while let Ok((near, from)) = listener.accept().await {
            open.spawn(async move {
                // Who is not let through dials again.
                let _ = join(near, from, relay, delay).await;
            });
            while open.try_join_next().is_some() {}
        }
    });
    Ok(at)
}

async fn join(
    near: TcpStream,
    from: SocketAddr,
    relay: SocketAddr,
    delay: Duration,
) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    // Relays count what comes from one address.
    socket.bind((from.ip(), 0).into())?;
    let far = socket.connect(relay).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let there = pass_on(near_in, far_out, delay);
    let back = pass_on(far_in, near_out, delay);
    tokio::try_join!(there, back).map(|_| ())
}

/// Passes on what comes, later, and then the end.
async fn pass_on(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    delay: Duration,
) -> io::Result<()> {
    let (put, mut take) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let taking = async move {
        let mut piece = vec![0; PIECE];
        loop {
            let came = from.read(&mut piece).await?;
            let bytes = piece.get(..came).unwrap_or_default().to_vec();
            // The end takes as long as the rest.
            if put.send((now() + delay, bytes)).await.is_err() || came == 0 {
                return Ok(());
            }
        }
    };
    let putting = async move {
        while let Some((due, bytes)) = take.recv().await {
            sleep_until(due).await;
            to.write_all(&bytes).await?;
        }
        to.shutdown().await
    };
    tokio::try_join!(taking, putting).map(|_| ())
}

#[expect(
    clippy::disallowed_methods,
    reason = "it is about the time that passes between two sockets"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_said_arrives_later_each_way_and_whole() {
        let delay = Duration::from_millis(80);
        let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut gates = JoinSet::new();
        let at = relay.local_addr().unwrap();
        let at = before(at, delay, &mut gates).await.unwrap();
        let mut near = TcpStream::connect(at).await.unwrap();
        let (mut far, from) = relay.accept().await.unwrap();
        assert_eq!(from.ip(), near.local_addr().unwrap().ip());
        let words = vec![7; 3 * PIECE + 5];
        let mut heard = vec![0; words.len()];
        for turn in 0..2 {
            let (say, hear) = match turn {
                0 => (&mut near, &mut far),
                _ => (&mut far, &mut near),
            };
            let said = now();
            say.write_all(&words).await.unwrap();
            hear.read_exact(&mut heard).await.unwrap();
            assert!(heard == words && said.elapsed() >= delay);
        }
        let said = now();
        drop(near);
        assert_eq!(far.read(&mut heard).await.unwrap(), 0);
        assert!(said.elapsed() >= delay);
    }
}
