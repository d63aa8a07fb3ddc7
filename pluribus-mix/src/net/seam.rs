//! An endpoint in the form that a vat runtime asks for: the [`Netlayer`].
//!
//! A runtime calls and never waits; an [`Endpoint`] is waited for. Between the two stands a table of connections by number.
//! Each connection that is open has a task that receives from it, one more dials or tells of new room where that is
//! wanted, and all of them report through one bounded channel:
//!
//! ```text
//!   runtime ── send, close ─────────────────────────► Connection
//!   runtime ◄─ poll_event ◄── table ◄── reports ◄──── a task each
//! ```
//!
//! A runtime that does not poll leaves the channel full, then the mailboxes, then the window of the peer.
//!
//! *Closing* has an odd corner. A runtime ends a connection behind its last words, and these shall arrive. So what is closed
//! is [finished](Connection::finish) and given a moment to end well. Should the runtime want a new connection with that vat
//! meanwhile, the old one ends at once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::timeout;

use crate::id::VatId;
use crate::locator::Locator;
use crate::netlayer::{
    CloseReason, ConnId, ConnectError, Event, MAX_MESSAGE, Netlayer, SendError, SendFault,
};

use super::connection::Connection;
use super::endpoint::Endpoint;
use super::error::DialError;
use super::introductions::Stock;

/// Reports on their way to the runtime.
const REPORTS: usize = 16;
/// The most connections at a time; who dials us beyond that is turned away.
const MOST_CONNECTIONS: usize = 1024;
/// The most bytes that wait for a connection to open.
const MOST_EARLY: usize = 512 * 1024;
/// What a message weighs beyond its bytes.
const ENVELOPE: usize = 64;
/// How long a closed connection may take for its last words.
const FAREWELL: Duration = Duration::from_secs(5);

/// An [`Endpoint`] as a [`Netlayer`]: made by [`Endpoint::into_netlayer`].
///
/// Poll it until there is no event, then wait for [`changed`](Self::changed). Dropped, it ends all its connections at once; for a
/// better end there is [`farewell`](Self::farewell).
pub struct Seam {
    locator: Locator,
    endpoint: Arc<Endpoint>,
    conns: BTreeMap<ConnId, Line>,
    by_peer: BTreeMap<VatId, ConnId>,
    /// Whose trays were full, so that there is a task that waits for room.
    full: BTreeSet<ConnId>,
    /// Connections that were closed and are to have their last words.
    leaving: BTreeMap<VatId, Connection>,
    /// Connections of vats with which there is one that is about to end: two vats have one.
    next_of: BTreeMap<VatId, Connection>,
    last: u64,
    reports: mpsc::Receiver<Report>,
    reporting: mpsc::Sender<Report>,
    /// A report that was waited for.
    next: Option<Report>,
    /// What one report makes beyond one event.
    events: VecDeque<Event>,
    tasks: JoinSet<()>,
    stock: Stock,
}

/// A connection in the table.
enum Line {
    Dialling(Early),
    Open(Connection),
}

/// A connection that was asked for.
struct Early {
    /// What was sent meanwhile, and its weight.
    messages: VecDeque<Vec<u8>>,
    weight: usize,
    dial: AbortHandle,
}

/// What tasks tell.
enum Report {
    Accepted(Connection),
    Dialled(ConnId, Result<Connection, DialError>),
    Message(ConnId, Vec<u8>),
    Ended(ConnId),
    Writable(ConnId),
    Closed(ConnId, CloseReason),
}

impl Endpoint {
    /// This endpoint for a vat runtime that knows nothing but [`Netlayer`]. Whoever has dialled and was not accepted yet comes as
    /// an event. Call it within a tokio runtime.
    #[must_use]
    pub fn into_netlayer(self) -> Seam {
        Arc::new(self).netlayer()
    }

    /// The same where others have to do with the endpoint too, as a [`Client`](super::party::Client) has that keeps the consensus. There can be one.
    #[must_use]
    pub fn netlayer(self: Arc<Self>) -> Seam {
        let (reporting, reports) = mpsc::channel(REPORTS);
        let locator = self.locator().clone();
        let endpoint = self;
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(Arc::clone(&endpoint), reporting.clone()));
        Seam {
            locator,
            endpoint,
            conns: BTreeMap::new(),
            by_peer: BTreeMap::new(),
            full: BTreeSet::new(),
            leaving: BTreeMap::new(),
            next_of: BTreeMap::new(),
            last: 0,
            reports,
            reporting,
            next: None,
            events: VecDeque::new(),
            tasks,
            stock: Stock::default(),
        }
    }
}

impl Seam {
    /// Waits until [`poll_event`](Netlayer::poll_event) may have something. Loses nothing when cancelled.
    pub async fn changed(&mut self) {
        poll_fn(|cx| self.poll_changed(cx)).await;
    }

    /// The same for those who poll.
    pub fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.next.is_none() && self.events.is_empty() {
            self.next = ready!(self.reports.poll_recv(cx));
        }
        Poll::Ready(())
    }

    /// Ends everything after what was sent; see [`Endpoint::close`].
    pub async fn farewell(self) {
        self.endpoint.close().await;
    }

    /// How many introductions to this vat there are to hand on.
    #[must_use]
    pub fn introductions_to(&self, vat: &VatId) -> usize {
        self.stock.count(vat)
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(super) const fn stock(&self) -> &Stock {
        &self.stock
    }

    /// Sees to it that there is something to introduce this peer with.
    pub(super) fn stock_up(&mut self, peer: VatId) {
        let fill = self.stock.clone().fill(Arc::clone(&self.endpoint), peer);
        self.tasks.spawn(fill);
    }

    fn number(&mut self) -> ConnId {
        self.last += 1;
        ConnId(self.last)
    }

    /// Whether a connection can be added.
    fn has_room(&mut self) -> bool {
        self.leaving.retain(|_, connection| !connection.is_over());
        self.conns.len() + self.leaving.len() < MOST_CONNECTIONS
    }

    fn report(&mut self, report: Report) {
        // Tasks that are done take no room, nor does what has had its last words.
        while let Some(ended) = self.tasks.try_join_next() {
            resume_panic(ended);
        }
        self.leaving.retain(|_, connection| !connection.is_over());
        match report {
            Report::Accepted(connection) => self.accepted(connection),
            Report::Dialled(conn, outcome) => self.dialled(conn, outcome),
            Report::Message(conn, body) => self.tell(conn, Event::Message { conn, body }),
            Report::Ended(conn) => self.tell(conn, Event::Ended { conn }),
            Report::Writable(conn) => {
                self.full.remove(&conn);
                self.tell(conn, Event::Writable { conn });
            }
            Report::Closed(conn, reason) => self.over(conn, reason),
        }
    }

    /// Nothing is told of a connection that the runtime has closed.
    fn tell(&mut self, conn: ConnId, event: Event) {
        if self.conns.contains_key(&conn) {
            self.events.push_back(event);
        }
    }

    fn accepted(&mut self, connection: Connection) {
        let peer = connection.peer();
        match self.by_peer.get(&peer).copied() {
            // One more handle of what is open already, or what we dial at this moment.
            Some(conn) if self.is_same(conn, &connection) => {}
            Some(conn) if self.is_dialling(conn) => self.open(conn, connection),
            // The peer has begun again, and the end of the old one is on its way here.
            Some(_) => {
                if let Some(older) = self.next_of.insert(peer, connection) {
                    older.close();
                }
            }
            None => self.welcome(connection),
        }
    }

    fn welcome(&mut self, connection: Connection) {
        if self.has_room() {
            let conn = self.number();
            self.open(conn, connection);
        } else {
            connection.close();
        }
    }

    fn dialled(&mut self, conn: ConnId, outcome: Result<Connection, DialError>) {
        // Closed meanwhile, or opened by the other side: then this is a handle too many.
        if !self.is_dialling(conn) {
            return;
        }
        match outcome {
            Ok(connection) => self.open(conn, connection),
            Err(DialError::Failed(reason)) => self.over(conn, reason),
            Err(DialError::Locator(_)) => self.over(conn, CloseReason::Unreachable),
            Err(DialError::EndpointClosed) => self.over(conn, CloseReason::Closed),
        }
    }

    fn is_dialling(&self, conn: ConnId) -> bool {
        matches!(self.conns.get(&conn), Some(Line::Dialling(_)))
    }

    fn is_same(&self, conn: ConnId, other: &Connection) -> bool {
        matches!(self.conns.get(&conn), Some(Line::Open(connection)) if connection.is_same(other))
    }

    fn open(&mut self, conn: ConnId, connection: Connection) {
        let peer = connection.peer();
        self.by_peer.insert(peer, conn);
        self.events.push_back(Event::Opened { conn, peer });
        if self.endpoint.is_hidden() {
            self.stock_up(peer);
        }
        let early = match self.conns.insert(conn, Line::Open(connection.clone())) {
            Some(Line::Dialling(early)) => early.messages,
            _ => VecDeque::new(),
        };
        let reporting = self.reporting.clone();
        self.tasks
            .spawn(receive(conn, connection.clone(), reporting));
        if early.is_empty() {
            return;
        }
        // No more than a tray holds beyond its bound.
        for message in early {
            // It is over, and the report that says so is on its way.
            let _ = connection.try_send(message);
        }
        self.events.push_back(Event::Writable { conn });
    }

    fn over(&mut self, conn: ConnId, reason: CloseReason) {
        if let Some(line) = self.forget(conn) {
            self.events.push_back(Event::Closed { conn, reason });
            self.follow(&line);
        }
    }

    /// A connection has ended; the next one with its peer may be here.
    fn follow(&mut self, ended: &Line) {
        if let Line::Open(ended) = ended
            && let Some(next) = self.next_of.remove(&ended.peer())
        {
            self.welcome(next);
        }
    }

    fn forget(&mut self, conn: ConnId) -> Option<Line> {
        self.by_peer.retain(|_, known| *known != conn);
        self.conns.remove(&conn)
    }
}

impl Netlayer for Seam {
    fn locator(&self) -> &Locator {
        &self.locator
    }

    fn connect(&mut self, to: &Locator) -> Result<ConnId, ConnectError> {
        let peer = to.vat();
        if peer == self.locator.vat() {
            return Err(ConnectError::Oneself);
        }
        if let Some(conn) = self.by_peer.get(&peer) {
            return Ok(*conn);
        }
        if let Some(leaving) = self.leaving.remove(&peer) {
            leaving.close();
        }
        if !self.has_room() {
            return Err(ConnectError::TooMany);
        }
        let conn = self.number();
        self.by_peer.insert(peer, conn);
        let endpoint = Arc::clone(&self.endpoint);
        let (to, reporting) = (to.clone(), self.reporting.clone());
        let dial = self.tasks.spawn(async move {
            let outcome = endpoint.connect(&to).await;
            let _ = reporting.send(Report::Dialled(conn, outcome)).await;
        });
        let early = Early {
            messages: VecDeque::new(),
            weight: 0,
            dial,
        };
        self.conns.insert(conn, Line::Dialling(early));
        Ok(conn)
    }

    fn send(&mut self, conn: ConnId, message: Vec<u8>) -> Result<(), SendError> {
        let refused = |message, fault| Err(SendError { message, fault });
        match self.conns.get_mut(&conn) {
            None => refused(message, SendFault::NoConnection),
            Some(Line::Open(connection)) => {
                let sent = connection.try_send(message);
                let full = matches!(&sent, Err(error) if error.fault == SendFault::Full);
                if full && self.full.insert(conn) {
                    let reporting = self.reporting.clone();
                    let room = tell_of_room(conn, connection.clone(), reporting);
                    self.tasks.spawn(room);
                }
                sent
            }
            Some(Line::Dialling(_)) if message.is_empty() => refused(message, SendFault::Empty),
            Some(Line::Dialling(_)) if message.len() > MAX_MESSAGE => {
                refused(message, SendFault::TooLong)
            }
            // `Writable` comes when it is open.
            Some(Line::Dialling(early)) if early.weight >= MOST_EARLY => {
                refused(message, SendFault::Full)
            }
            Some(Line::Dialling(early)) => {
                early.weight += message.len() + ENVELOPE;
                early.messages.push_back(message);
                Ok(())
            }
        }
    }

    fn close(&mut self, conn: ConnId) {
        self.events.retain(|event| event.conn() != conn);
        let Some(line) = self.forget(conn) else {
            return;
        };
        match &line {
            Line::Open(connection) => {
                connection.finish();
                self.leaving.insert(connection.peer(), connection.clone());
                self.tasks.spawn(leave(connection.clone()));
            }
            // Nobody is shown who we are who is not wanted any more.
            Line::Dialling(early) => early.dial.abort(),
        }
        self.follow(&line);
    }

    fn poll_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            let report = self.next.take().or_else(|| self.reports.try_recv().ok())?;
            self.report(report);
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

async fn accept(endpoint: Arc<Endpoint>, reporting: mpsc::Sender<Report>) {
    while let Some(connection) = endpoint.accept().await {
        if reporting.send(Report::Accepted(connection)).await.is_err() {
            return;
        }
    }
}

async fn receive(conn: ConnId, connection: Connection, reporting: mpsc::Sender<Report>) {
    while let Ok(received) = connection.recv().await {
        let (report, ended) = match received {
            Some(body) => (Report::Message(conn, body), false),
            None => (Report::Ended(conn), true),
        };
        if reporting.send(report).await.is_err() {
            return;
        }
        if ended {
            break;
        }
    }
    let reason = connection.closed().await;
    let _ = reporting.send(Report::Closed(conn, reason)).await;
}

async fn tell_of_room(conn: ConnId, connection: Connection, reporting: mpsc::Sender<Report>) {
    connection.room().await;
    let _ = reporting.send(Report::Writable(conn)).await;
}

/// The peer takes what it was sent, ends its direction too, and the connection is over.
async fn leave(connection: Connection) {
    let heard_out = async {
        while let Ok(Some(_)) = connection.recv().await {}
        connection.closed().await;
    };
    let _ = timeout(FAREWELL, heard_out).await;
    connection.close();
}
