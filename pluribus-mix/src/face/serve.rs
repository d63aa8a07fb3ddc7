//! A face at work: programs knock, say where they want to go, and are carried there.
//!
//! ```text
//!   accept ──► half-done ──────────────► seated: dial, answer, carry ──► ended or torn
//!              at most 256, 10 s each;   at most 1024; beyond, refused
//!              beyond, the oldest goes
//! ```
//!
//! *Two counts.* Who has not said what it wants holds one of few places, and not for long; whoever knocks and keeps silent can only
//! push out others that have said nothing either. Who has said it holds a seat as long as it likes. So a program that finds no
//! seat is still told so, in the words of its protocol.
//!
//! *Last words.* A refusal is read only if the socket is not closed with unread input, which TCP turns into a reset. So
//! the socket is ended, and read for a moment.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::net::carry::{Fragile, Socket};

use super::dial::{Dial, Isolation};
use super::door::{Door, Kind};
use super::handshake::{Handshake, MOST_INPUT, Request, Step};
use super::refusal::{DialFault, Refusal};
use super::{http, socks};

/// Pause after the operating system could not accept: out of descriptors, most likely.
const BREATH: Duration = Duration::from_millis(100);
/// How long, and how far, a program that was refused is still listened to.
const LINGER: Duration = Duration::from_secs(1);
const UNHEARD: u64 = 64 * 1024;

/// What is spoken at a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// SOCKS5. (FAC-1)
    Socks,
    /// HTTP CONNECT. (FAC-4)
    Http,
}

impl Protocol {
    fn established(self) -> &'static [u8] {
        match self {
            Self::Socks => socks::ESTABLISHED,
            Self::Http => http::ESTABLISHED,
        }
    }

    fn refusal(self, why: Refusal) -> Vec<u8> {
        match self {
            Self::Socks => socks::refusal(why),
            Self::Http => http::refusal(why),
        }
    }
}

/// What programs can make a face hold. (FAC-7)
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections that are being dialled or carried. 1024.
    pub seats: usize,
    /// Connections that have not said yet what they want. 256.
    pub half_done: usize,
    /// How long one may take to say it. 10 s.
    pub handshake: Duration,
    /// How long a stream may take to stand. 60 s.
    pub dial: Duration,
    /// How long what is carried may go on when the face stops. 5 s.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            seats: 1024,
            half_done: 256,
            handshake: Duration::from_secs(10),
            dial: Duration::from_secs(60),
            grace: Duration::from_secs(5),
        }
    }
}

/// A door with somebody behind it.
#[derive(Debug)]
pub struct Face {
    door: Door,
    protocol: Protocol,
    listener: u16,
    limits: Limits,
}

impl Face {
    /// Speaks a protocol at a door. What comes through faces with different `listener` numbers is kept apart. (FAC-5)
    #[must_use]
    pub fn new(door: Door, protocol: Protocol, listener: u16) -> Self {
        let limits = Limits::default();
        Self {
            door,
            protocol,
            listener,
            limits,
        }
    }

    /// With other limits.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Serves until it is told to stop. Then nobody new comes in, whoever is carried has the time of grace to end, and what is left
    /// is torn.
    pub async fn serve<D: Dial>(self, dial: D, stop: CancellationToken) {
        let host = Arc::new(Host {
            dial,
            protocol: self.protocol,
            listener: self.listener,
            limits: self.limits,
            seats: Arc::new(Semaphore::new(self.limits.seats)),
            hall: Mutex::default(),
            stop,
        });
        match self.door.0 {
            Kind::Tcp(listener) => host.serve(listener).await,
            Kind::Unix(listener, _place) => host.serve(listener).await,
        }
    }
}

trait Listener {
    type Socket: Socket;
    fn next(&self) -> impl Future<Output = io::Result<Self::Socket>> + Send;
}

impl Listener for TcpListener {
    type Socket = TcpStream;
    async fn next(&self) -> io::Result<TcpStream> {
        let (socket, _) = self.accept().await?;
        // Whole pieces are written; waiting for more could only delay them.
        let _ = socket.set_nodelay(true);
        Ok(socket)
    }
}

impl Listener for UnixListener {
    type Socket = UnixStream;
    async fn next(&self) -> io::Result<UnixStream> {
        self.accept().await.map(|(socket, _)| socket)
    }
}

struct Host<D> {
    dial: D,
    protocol: Protocol,
    listener: u16,
    limits: Limits,
    seats: Arc<Semaphore>,
    hall: Mutex<Hall>,
    stop: CancellationToken,
}

/// A program that has said what it wants, and has a seat.
struct Seated {
    request: Request,
    early: BytesMut,
    _seat: OwnedSemaphorePermit,
}

impl<D: Dial> Host<D> {
    async fn serve<L: Listener>(self: Arc<Self>, listener: L) {
        let mut guests = JoinSet::new();
        loop {
            tokio::select! {
                () = self.stop.cancelled() => break,
                Some(_) = guests.join_next() => {}
                knock = listener.next() => match knock {
                    Ok(socket) => drop(guests.spawn(Arc::clone(&self).host(socket))),
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept");
                        sleep(BREATH).await;
                    }
                },
            }
        }
        drop(listener);
        let all_gone = async { while guests.join_next().await.is_some() {} };
        let _ = timeout(self.limits.grace, all_gone).await;
        guests.shutdown().await;
    }

    async fn host<S: Socket>(self: Arc<Self>, mut socket: S) {
        let place = self.enter();
        let seated = timeout(self.limits.handshake, self.seat(&mut socket));
        let Some(Ok(Some(seated))) = place.leave.run_until_cancelled(seated).await else {
            return;
        };
        drop(place);
        let isolation = Isolation::new(self.listener, seated.request.credentials);
        let dialled = self.dial.dial(isolation, seated.request.target);
        let dialled = timeout(self.limits.dial, dialled).await;
        match dialled.unwrap_or(Err(DialFault::TimedOut)) {
            Ok(far) => self.carry(seated.early, socket, far).await,
            Err(fault) => self.refuse(&mut socket, fault.into()).await,
        }
    }

    /// Reads what the program wants and finds it a seat, or tells it why not.
    async fn seat<S: Socket>(&self, socket: &mut S) -> Option<Seated> {
        let mut input = BytesMut::with_capacity(MOST_INPUT);
        let asked = match self.protocol {
            Protocol::Socks => shake(socket, socks::Expect::Methods, &mut input).await,
            Protocol::Http => shake(socket, http::ExpectBlock::default(), &mut input).await,
        };
        let request = match asked.ok()? {
            Ok(request) => request,
            Err(last_words) => {
                dismiss(socket, &last_words).await;
                return None;
            }
        };
        let Ok(_seat) = Arc::clone(&self.seats).try_acquire_owned() else {
            self.refuse(socket, Refusal::Busy).await;
            return None;
        };
        Some(Seated {
            request,
            early: input,
            _seat,
        })
    }

    async fn carry<S: Socket>(&self, early: BytesMut, socket: S, mut far: D::Stream) {
        let mut socket = Fragile::new(early, socket);
        let told = socket.say(self.protocol.established()).await;
        if told.is_ok() {
            // Whatever broke, both ends see it as these two are dropped.
            let _ = socket.carry(&mut far).await;
        }
    }

    async fn refuse<S: Socket>(&self, socket: &mut S, why: Refusal) {
        dismiss(socket, &self.protocol.refusal(why)).await;
    }

    /// Takes a place among those that have not said what they want; the oldest makes room.
    fn enter(&self) -> Place<'_> {
        let mut hall = lock(&self.hall);
        if hall.places.len() >= self.limits.half_done
            && let Some((_, oldest)) = hall.places.pop_first()
        {
            oldest.cancel();
        }
        let number = hall.next;
        hall.next += 1;
        let leave = self.stop.child_token();
        hall.places.insert(number, leave.clone());
        Place {
            hall: &self.hall,
            number,
            leave,
        }
    }
}

/// Those that have not said what they want, in the order in which they came.
#[derive(Default)]
struct Hall {
    next: u64,
    places: BTreeMap<u64, CancellationToken>,
}

struct Place<'a> {
    hall: &'a Mutex<Hall>,
    number: u64,
    leave: CancellationToken,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        lock(self.hall).places.remove(&self.number);
    }
}

fn lock(hall: &Mutex<Hall>) -> MutexGuard<'_, Hall> {
    // Nothing in there can be half changed.
    hall.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Goes through a handshake: what the program wants, or the last words to it. What was read behind it stays in `input`.
async fn shake<S: Socket, H: Handshake>(
    socket: &mut S,
    mut waiting: H,
    input: &mut BytesMut,
) -> io::Result<Result<Request, Vec<u8>>> {
    loop {
        match waiting.advance(input) {
            Step::More(same) => {
                waiting = same;
                let room = MOST_INPUT.saturating_sub(input.len());
                if socket.read_buf(&mut input.limit(room)).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Step::Say(next, words) => {
                waiting = next;
                socket.write_all(words).await?;
            }
            Step::Connect(request) => return Ok(Ok(request)),
            Step::Refuse(last_words) => return Ok(Err(last_words)),
        }
    }
}

/// Says the last words so that they are heard.
async fn dismiss<S: Socket>(socket: &mut S, last_words: &[u8]) {
    let farewell = async {
        socket.write_all(last_words).await?;
        socket.shutdown().await?;
        tokio::io::copy(&mut socket.take(UNHEARD), &mut tokio::io::sink()).await
    };
    let _ = timeout(LINGER, farewell).await;
}
