//! `tcp-testing-only`: bare TCP, which proves nobody and hides nothing, for tests of interoperation.
//!
//! A connection is one task, which reads and writes at the same time and reports through a bounded channel. A vat that does
//! not poll leaves the channel full, then the sockets.
//!
//! CapTP has no framing of its own over TCP: messages follow each other, and a read may give two or half of one. So the stream is
//! cut where values end. Some peers put the length before each message; that is a [`Framing`] of its own.
//! Peers read carelessly too, so each message is written at once.
//!
//! *Closing* has an odd corner: TCP throws away what is still on its way to the peer when a socket is closed with unread input. So a
//! closed connection is flushed, ended, and then read until the peer has ended it too or has had its time.

mod load;

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

use self::load::Load;
use crate::captp::locator::Peer;
use crate::captp::syrup::Splitter;
use crate::carrier::{Arrival, Carrier, Conn};

/// The name of this transport in locators.
pub const TRANSPORT: &str = "tcp-testing-only";

/// The most connections at a time; more are turned away.
const MOST_CONNECTIONS: usize = 1024;
/// The most messages that wait to be written to a connection.
const MOST_MESSAGES: usize = 1 << 14;
/// Reports on their way to the vat.
const REPORTS: usize = 64;
/// How long a dial may take.
const DIAL: Duration = Duration::from_secs(10);
/// How long a closed connection may take to be flushed, and to be ended by the peer after that.
const FLUSH: Duration = Duration::from_secs(5);
const LINGER: Duration = Duration::from_secs(1);
/// Pause after the operating system could not accept: out of descriptors, most likely.
const BREATH: Duration = Duration::from_millis(100);

/// How messages are told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// By where a value ends.
    #[default]
    None,
    /// Each stands in a Syrup byte string: its length, a colon, and itself.
    Syrup,
}

/// A vat's place in the network of bare TCP. Needs a tokio runtime around it.
///
/// Poll it until there is no arrival, then wait for [`changed`](Self::changed).
pub struct Tcp {
    location: Peer,
    framing: Framing,
    lines: BTreeMap<Conn, Line>,
    last: u64,
    reports: mpsc::Receiver<Report>,
    reporting: mpsc::Sender<Report>,
    /// A report that was waited for.
    next: Option<Report>,
    arrivals: VecDeque<Arrival>,
    tasks: JoinSet<()>,
}

/// A connection. Dropped, it is flushed and ended.
struct Line {
    outbox: mpsc::Sender<Vec<u8>>,
    load: Arc<Load>,
    _held: watch::Sender<()>,
}

/// What tasks tell.
enum Report {
    Accepted(TcpStream),
    Of(Conn, Arrival),
}

/// What the task of a connection has.
struct Talk {
    conn: Conn,
    framing: Framing,
    outbox: mpsc::Receiver<Vec<u8>>,
    load: Arc<Load>,
    held: watch::Receiver<()>,
    reporting: mpsc::Sender<Report>,
}

impl Tcp {
    /// Listens at `at`, under a designator of the vat's choice; port 0 takes any that is free.
    ///
    /// # Errors
    /// What the operating system says.
    pub async fn bind(at: SocketAddr, designator: String, framing: Framing) -> io::Result<Self> {
        let listener = TcpListener::bind(at).await?;
        let bound = listener.local_addr()?;
        let (reporting, reports) = mpsc::channel(REPORTS);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, reporting.clone()));
        Ok(Self {
            location: Peer {
                transport: TRANSPORT.to_owned(),
                designator,
                hints: Some(hints(bound)),
            },
            framing,
            lines: BTreeMap::new(),
            last: 0,
            reports,
            reporting,
            next: None,
            arrivals: VecDeque::new(),
            tasks,
        })
    }

    /// Waits until [`poll`](Carrier::poll) may have something. Loses nothing when cancelled.
    pub async fn changed(&mut self) {
        poll_fn(|cx| self.poll_changed(cx)).await;
    }

    /// The same for those who poll.
    pub fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.next.is_none() && self.arrivals.is_empty() {
            self.next = ready!(self.reports.poll_recv(cx));
        }
        Poll::Ready(())
    }

    /// Ends all connections behind what was sent, and returns when they are flushed.
    pub async fn farewell(mut self) {
        self.lines.clear();
        // Nobody reads reports any more, and nobody is to wait for that.
        self.reports.close();
        // Whoever accepts goes on for ever, and is not waited for.
        let all = async {
            while self.tasks.len() > 1
                && let Some(ended) = self.tasks.join_next().await
            {
                resume_panic(ended);
            }
        };
        let _ = timeout(FLUSH, all).await;
    }

    /// A connection, and what its task needs.
    fn line(&mut self) -> Talk {
        self.last += 1;
        let conn = Conn(self.last);
        let (outbox, to_write) = mpsc::channel(MOST_MESSAGES);
        let (held, while_held) = watch::channel(());
        let load = Arc::new(Load::default());
        let talk = Talk {
            conn,
            framing: self.framing,
            outbox: to_write,
            load: Arc::clone(&load),
            held: while_held,
            reporting: self.reporting.clone(),
        };
        let line = Line {
            outbox,
            load,
            _held: held,
        };
        self.lines.insert(conn, line);
        talk
    }

    fn report(&mut self, report: Report) {
        // Tasks that are done take no room.
        while let Some(ended) = self.tasks.try_join_next() {
            resume_panic(ended);
        }
        match report {
            Report::Accepted(stream) if self.lines.len() < MOST_CONNECTIONS => {
                let talk = self.line();
                let (conn, proven) = (talk.conn, None);
                self.arrivals.push_back(Arrival::Opened { conn, proven });
                self.tasks.spawn(talk.over(stream));
            }
            Report::Accepted(_) => {}
            Report::Of(conn, arrival) => {
                // Nothing is told of a connection that the vat has closed.
                let known = match &arrival {
                    Arrival::Closed { .. } => self.lines.remove(&conn).is_some(),
                    _ => self.lines.contains_key(&conn),
                };
                self.arrivals.extend(known.then_some(arrival));
            }
        }
    }
}

/// Strings, for so peers write them.
fn hints(at: SocketAddr) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("host".to_owned(), at.ip().to_string()),
        ("port".to_owned(), at.port().to_string()),
    ])
}

/// Where to dial. Names are not looked up: this transport is for one machine, or one room.
fn address(peer: &Peer) -> Option<SocketAddr> {
    let hints = peer.hints.as_ref()?;
    let host: IpAddr = hints.get("host")?.parse().ok()?;
    Some(SocketAddr::new(host, hints.get("port")?.parse().ok()?))
}

impl Carrier for Tcp {
    fn location(&self) -> Peer {
        self.location.clone()
    }

    fn connect(&mut self, to: &Peer) -> Result<Conn, String> {
        if to.transport != TRANSPORT {
            return Err(format!("this vat has no transport {}", to.transport));
        }
        let Some(at) = address(to) else {
            return Err("the locator has no host and port as numbers".to_owned());
        };
        if self.lines.len() >= MOST_CONNECTIONS {
            return Err("this vat has as many connections as it may have".to_owned());
        }
        let talk = self.line();
        let conn = talk.conn;
        self.tasks.spawn(talk.dial(at));
        Ok(conn)
    }

    fn send(&mut self, conn: Conn, message: Vec<u8>) -> Result<(), Vec<u8>> {
        // To nobody: the word of its end is on the way.
        let Some(Line { outbox, load, .. }) = self.lines.get(&conn) else {
            return Ok(());
        };
        let length = message.len();
        if !load.takes(length) {
            if load.no_room() {
                self.arrivals.push_back(Arrival::Writable { conn });
            }
            return Err(message);
        }
        match outbox.try_send(message) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(message)) => {
                load.turn_away();
                load.written(length);
                // It may have been emptied meanwhile, and then nobody else will tell.
                if outbox.capacity() > 0 && load.has_room() {
                    self.arrivals.push_back(Arrival::Writable { conn });
                }
                Err(message)
            }
        }
    }

    fn close(&mut self, conn: Conn) {
        self.lines.remove(&conn);
        let of_it = |arrival: &Arrival| arrival.conn() == conn;
        self.arrivals.retain(|arrival| !of_it(arrival));
    }

    fn poll(&mut self) -> Option<Arrival> {
        loop {
            if let Some(arrival) = self.arrivals.pop_front() {
                return Some(arrival);
            }
            let report = self.next.take().or_else(|| self.reports.try_recv().ok())?;
            self.report(report);
        }
    }
}

async fn accept(listener: TcpListener, reporting: mpsc::Sender<Report>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if reporting.send(Report::Accepted(stream)).await.is_err() {
                    return;
                }
            }
            Err(_) => sleep(BREATH).await,
        }
    }
}

/// Why a stream came to an end, in words.
const ENDED: &str = "the other vat has ended the connection";

impl Talk {
    async fn dial(self, at: SocketAddr) {
        let mut held = self.held.clone();
        let dialled = tokio::select! {
            dialled = timeout(DIAL, TcpStream::connect(at)) => dialled,
            _ = held.changed() => return,
        };
        let conn = self.conn;
        let reason = match dialled {
            Ok(Ok(stream)) => {
                let proven = None;
                self.report(Arrival::Opened { conn, proven }).await;
                return self.over(stream).await;
            }
            Ok(Err(error)) => format!("the vat could not be dialled: {}", error.kind()),
            Err(_) => "the vat could not be dialled in time".to_owned(),
        };
        self.report(Arrival::Closed { conn, reason }).await;
    }

    async fn report(&self, arrival: Arrival) {
        // A vat that is gone wants no reports.
        let _ = self.reporting.send(Report::Of(self.conn, arrival)).await;
    }

    /// Carries messages both ways until one side has enough.
    async fn over(self, stream: TcpStream) {
        // Otherwise it is slower, and nothing else.
        let _ = stream.set_nodelay(true);
        let (input, output) = stream.into_split();
        let Self {
            conn,
            framing,
            outbox,
            load,
            mut held,
            reporting,
        } = self;
        let mut reader = Reader {
            conn,
            framing,
            held: held.clone(),
            reporting: reporting.clone(),
        };
        let writer = Writer {
            conn,
            framing,
            load,
            reporting: reporting.clone(),
        };
        let both = async {
            let mut writing = pin!(writer.write(outbox, output));
            let mut reading = pin!(reader.read(input));
            let mut written = false;
            let reason = tokio::select! {
                reason = &mut reading => reason,
                () = &mut writing => {
                    written = true;
                    let rest = timeout(LINGER, reading).await;
                    rest.unwrap_or_else(|_| ENDED.to_owned())
                }
            };
            let closed = Arrival::Closed { conn, reason };
            let _ = reporting.send(Report::Of(conn, closed)).await;
            // The vat lets go of it now, and what waits is written if the peer reads.
            if !written {
                writing.await;
            }
        };
        let too_long = async {
            // Never sent to: it ends with the line.
            let _ = held.changed().await;
            sleep(FLUSH).await;
        };
        tokio::select! {
            () = both => {}
            () = too_long => {}
        }
    }
}

/// A task that has panicked is a fault of ours, and nobody else's.
fn resume_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

struct Reader {
    conn: Conn,
    framing: Framing,
    held: watch::Receiver<()>,
    reporting: mpsc::Sender<Report>,
}

impl Reader {
    /// Reports messages until the stream ends; of a connection that nobody holds, none. Says why it ended.
    async fn read(&mut self, mut input: OwnedReadHalf) -> String {
        let mut splitter = Splitter::new();
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let count = match input.read(&mut buffer).await {
                Ok(0) if splitter.is_inside() => {
                    return "the other vat has ended the connection within a message".to_owned();
                }
                Ok(0) => return ENDED.to_owned(),
                Ok(count) => count,
                Err(error) => return format!("the connection broke: {}", error.kind()),
            };
            if self.held.has_changed().is_err() {
                continue;
            }
            splitter.push(buffer.get(..count).unwrap_or_default());
            while let Some(body) = self.message(&mut splitter) {
                // What can be no message is handed on as an empty one: then the session ends, with a word for the peer.
                let lost = body.is_empty();
                let conn = self.conn;
                let arrival = Arrival::Message { conn, body };
                let _ = self.reporting.send(Report::Of(conn, arrival)).await;
                if lost {
                    splitter = Splitter::new();
                    break;
                }
            }
        }
    }

    fn message(&self, splitter: &mut Splitter) -> Option<Vec<u8>> {
        let mut value = splitter.next().unwrap_or_else(|_| Some(Vec::new()))?;
        if self.framing == Framing::Syrup {
            let digits = value
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            let framed = digits > 0 && value.get(digits) == Some(&b':');
            value.drain(..if framed { digits + 1 } else { value.len() });
        }
        Some(value)
    }
}

struct Writer {
    conn: Conn,
    framing: Framing,
    load: Arc<Load>,
    reporting: mpsc::Sender<Report>,
}

impl Writer {
    /// Writes messages until nobody holds the connection, and ends this direction.
    async fn write(&self, mut outbox: mpsc::Receiver<Vec<u8>>, mut output: OwnedWriteHalf) {
        while let Some(message) = outbox.recv().await {
            let length = message.len();
            let written = match self.framing {
                Framing::None => output.write_all(&message).await,
                Framing::Syrup => {
                    let mut framed = format!("{length}:").into_bytes();
                    framed.extend_from_slice(&message);
                    output.write_all(&framed).await
                }
            };
            if written.is_err() {
                return;
            }
            self.load.written(length);
            if self.load.has_room() {
                let conn = self.conn;
                let room = Report::Of(conn, Arrival::Writable { conn });
                let _ = self.reporting.send(room).await;
            }
        }
        // The peer may be gone; then there is nobody to tell.
        let _ = output.shutdown().await;
    }
}
