//! Where the links of clients are watched: a wire tap on every way to a guard.
//!
//! The tap stands where clients believe that a relay is, connects onward from the client's own address, and passes on whatever comes. For each direction there is a thread that
//! does nothing but wait in a blocking read, note the time and write: no event loop stands between the moment when bytes are there and the note.
//!
//! *What it cannot see.* It notes when the kernel has woken it, some tens of microseconds behind the moment when the bytes came, and later when the machine is busy: by its noise an observer with a clock in the wire is better.
//! The noise is the same for real cells and for dummies, so it hides a leak and makes none; how small a leak it still sees is what the control with late cells tells, beside each figure.
//! It sees nothing below TCP, and adds its own way to every link, a tenth of a millisecond or so.

use super::trace::{Nanos, Record, Way};
use crate::cli::Failure;
use pluribus_mix::net::loopback_address;
use rustix::process::setpriority_process;
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::{TcpListener, TcpSocket};

/// Bytes that are taken at once: more than a batch has.
const PIECE: usize = 256 << 10;

/// The priority of the threads, as `nice` counts it: where it may be had, a busy machine makes less noise.
const FIRST: i32 = -15;

/// What was seen, by the address of the client.
#[derive(Clone, Default)]
pub(super) struct Seen(Arc<Mutex<BTreeMap<IpAddr, Vec<Record>>>>);

impl Seen {
    /// What was seen of this client, in the order of time.
    pub(super) fn of(&self, client: IpAddr) -> Vec<Record> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut records = all.get(&client).cloned().unwrap_or_default();
        records.sort_by_key(|record| record.at);
        records
    }

    fn note(&self, client: IpAddr, record: Record) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(client).or_default().push(record);
    }
}

/// The time of the world since some moment.
pub(super) fn now() -> Nanos {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Stands before a relay from now on, at an address of its own.
pub(super) async fn before(relay: SocketAddr, seen: Seen) -> Result<SocketAddr, Failure> {
    let ip = loopback_address().map_err(Failure::to_bind)?;
    let listener = TcpListener::bind((ip, 0)).await.map_err(Failure::failed)?;
    let at = listener.local_addr().map_err(Failure::failed)?;
    tokio::spawn(async move {
        while let Ok((client, from)) = listener.accept().await {
            let seen = seen.clone();
            tokio::spawn(async move {
                // A client that is not let through dials again.
                let _ = join(client, from.ip(), relay, seen).await;
            });
        }
    });
    Ok(at)
}

async fn join(
    client: tokio::net::TcpStream,
    from: IpAddr,
    relay: SocketAddr,
    seen: Seen,
) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    // Relays count what comes from one address.
    socket.bind((from, 0).into())?;
    let relay = blocking(socket.connect(relay).await?)?;
    let client = blocking(client)?;
    for (to, read, write) in [
        (Way::Up, client.try_clone()?, relay.try_clone()?),
        (Way::Down, relay, client),
    ] {
        let seen = seen.clone();
        std::thread::Builder::new()
            .name("tap".to_owned())
            .spawn(move || pass_on(read, write, |record| seen.note(from, record), to))?;
    }
    Ok(())
}

fn blocking(stream: tokio::net::TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// Passes on until one side ends.
fn pass_on(mut read: TcpStream, mut write: TcpStream, mut note: impl FnMut(Record), way: Way) {
    let mut buffer = vec![0; PIECE];
    // On Linux a thread has a priority of its own.
    let _ = setpriority_process(None, FIRST);
    while let Ok(bytes @ 1..) = read.read(&mut buffer) {
        let at = now();
        let some = buffer.get(..bytes).unwrap_or_default();
        if write.write_all(some).is_err() {
            break;
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        note(Record { at, bytes, way });
    }
    // Whoever is at the other end of either is told.
    let _ = (
        write.shutdown(Shutdown::Both),
        read.shutdown(Shutdown::Both),
    );
}
