//! `vattp.resume_ms`: from the reset of the link beneath a stream to the first new byte over the next one, against a first dial and
//! its first byte.
//!
//! Both go through the same proxy, which costs each as much. What is measured is a wait, so the time is that of the world, and of
//! all rounds the one in the middle counts. A link lives for a while before it is reset: one that breaks at once is not
//! dialled again at once (VTP-48), and that pause would be all that is seen.

use super::super::Failure;
use super::loopback::{ANYWHERE, dialler, join, listen, runtime};
use super::meter::{Row, broken, median, waited};
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::locator::Address;
use pluribus_mix::net::{Endpoint, MixStream};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// How long a link lives.
const LIFE: Duration = Duration::from_millis(150);
/// Beyond this the bench is broken.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes that may be on the way when the link is reset.
const UNDER_WAY: usize = 16 << 10;

/// Links of the proxy.
type Links = UnboundedReceiver<JoinHandle<()>>;

/// The row.
pub(super) fn row(backend: Backend, rounds: u32) -> Result<Row, Failure> {
    let (resume, dial) = runtime()?.block_on(measure(backend, rounds))?;
    Ok(Row {
        name: "vattp.resume_ms",
        value: resume,
        unit: "ms",
        reference: Some(dial),
        backend: backend.name(),
    })
}

/// Milliseconds of a resumption and of a dial.
async fn measure(backend: Backend, rounds: u32) -> Result<(f64, f64), Failure> {
    let door = TcpListener::bind(ANYWHERE).await.map_err(broken)?;
    let place = door.local_addr().map_err(broken)?;
    let place = Address::try_from(place).map_err(broken)?;
    let listener = listen(backend, Some(place)).await?;
    let target = listener.local_addr().ok_or_else(|| broken("no address"))?;
    let (tell, mut links) = unbounded_channel();
    tokio::spawn(lead(door, target, tell));
    let home = dialler(backend).await?;
    let mut stream = join(&home, &listener).await?;
    let (mut resumes, mut dials) = (Vec::new(), Vec::new());
    let mut link = newest(&mut links).await?;
    for _ in 0..rounds {
        let resume = timeout(PATIENCE, resumed(&mut stream, link));
        resumes.push(resume.await.map_err(broken)??);
        let next = newest(&mut links).await?;
        let dial = timeout(PATIENCE, dialled(backend, &listener));
        dials.push(dial.await.map_err(broken)??);
        // That of the dial; the stream goes on over the other.
        newest(&mut links).await?;
        link = next;
    }
    Ok((median(resumes), median(dials)))
}

/// The link that came last, of at least one.
async fn newest(links: &mut Links) -> Result<JoinHandle<()>, Failure> {
    let mut newest = links.recv().await;
    while let Ok(newer) = links.try_recv() {
        newest = Some(newer);
    }
    newest.ok_or_else(|| broken("the proxy is gone"))
}

/// From the reset of the link to the first byte that was written behind it, while others are under way.
async fn resumed([near, far]: &mut [MixStream; 2], link: JoinHandle<()>) -> Result<f64, Failure> {
    sleep(LIFE).await;
    near.write_all(&[1; UNDER_WAY]).await.map_err(broken)?;
    let reset = waited();
    link.abort();
    // Its sockets are closed when it has ended.
    let _ = link.await;
    near.write_all(&[2]).await.map_err(broken)?;
    let mut heard = [0; UNDER_WAY + 1];
    far.read_exact(&mut heard).await.map_err(broken)?;
    let took = waited().saturating_sub(reset);
    if heard.last() != Some(&2) {
        return Err(broken("other bytes came"));
    }
    Ok(took.as_secs_f64() * 1e3)
}

/// From nothing to the first byte, for a vat that the listener has never seen.
async fn dialled(backend: Backend, listener: &Endpoint) -> Result<f64, Failure> {
    let stranger = dialler(backend).await?;
    let begun = waited();
    let [mut near, mut far] = join(&stranger, listener).await?;
    near.write_all(&[1]).await.map_err(broken)?;
    far.read_exact(&mut [0]).await.map_err(broken)?;
    Ok(waited().saturating_sub(begun).as_secs_f64() * 1e3)
}

/// A proxy that leads to `target` and tells of each link. Whoever aborts one resets it at both ends.
async fn lead(door: TcpListener, target: SocketAddr, tell: UnboundedSender<JoinHandle<()>>) {
    while let Ok((near, _)) = door.accept().await {
        let link = tokio::spawn(async move {
            // A link that could not be made, and one that broke, are over either way.
            let _ = carry(near, target).await;
        });
        if tell.send(link).is_err() {
            return;
        }
    }
}

async fn carry(mut near: TcpStream, target: SocketAddr) -> std::io::Result<()> {
    let mut far = TcpStream::connect(target).await?;
    for socket in [&near, &far] {
        socket.set_nodelay(true)?;
        // Dropped is reset, and what is in the buffers of the system is lost.
        socket.set_zero_linger()?;
    }
    copy_bidirectional(&mut near, &mut far).await?;
    Ok(())
}
