//! The driver: one task that owns the node and has no opinions.
//!
//! It waits for whatever comes first: news from a link, a command, a rung doorbell, a deadline. It hands that to the
//! node, and then carries away all the node has to say, in six verbs that repeat until there is nothing more: `events`
//! and `streams` go to mailboxes, the connections that are over `part`, `links` are dialled and closed, batches are
//! `transmit`ted, or handed on with their moment if they are `paced`. Nothing in between ever waits, so no link and no application can stop it; whoever gives it work too fast
//! waits at a bounded channel or a full tray.

mod alarm;
mod desk;
mod knows;
mod streams;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::DropGuard;

use crate::directory::{Consensus, GuardEvent, Guards, NoPath, Wall};
use crate::id::{RelayId, VatId};
use crate::locator::Locator;
use crate::netlayer::{CloseReason, ConnId, ConnectError, Event, Introductions as _, Netlayer};
use crate::node::{
    CannotTell, Carrier, Circuits, Health, Knowledge, LinkId, LinkRequest, Node, Reach, Tickets,
    Trace,
};
use crate::rendezvous::{Bearer, Introduction};
use crate::time::Instant;

use super::clock::Clock;
use super::connection::{Connection, Held};
use super::dialer::{Dialling, Line};
use super::doorbell::Doorbell;
use super::link::{Link, News, Wire, listen};
use super::mailbox::Mailbox;
use super::writer::{Bounds, Record, Writer};
use alarm::Alarm;
use desk::Desk;

/// News that may wait for the driver.
const NEWS: usize = 64;
/// How long peers may take to end their direction when the endpoint closes.
const FAREWELL: Duration = Duration::from_secs(3);

/// What an endpoint asks for.
pub(super) enum Command {
    Connect(Locator, oneshot::Sender<Result<Arc<Held>, ConnectError>>),
    Session(
        RelayId,
        Reach,
        oneshot::Sender<Result<Arc<Held>, ConnectError>>,
    ),
    Consensus(Wall, Arc<Consensus>),
    ChooseExit(
        u16,
        Option<IpAddr>,
        oneshot::Sender<Result<RelayId, NoPath>>,
    ),
    ChooseGuard(oneshot::Sender<Result<RelayId, NoPath>>),
    Guards(oneshot::Sender<Option<Guards>>),
    SetGuards(Guards),
    Circuits(oneshot::Sender<Circuits>),
    Ticket(Bearer, u64, oneshot::Sender<Result<Locator, CannotTell>>),
    HandOn(VatId, oneshot::Sender<Option<Introduction>>),
    Expect(Locator),
    Tickets(oneshot::Sender<Tickets>),
    Health(oneshot::Sender<Health>),
    Knowledge(oneshot::Sender<Knowledge>),
    StopListening,
    /// Dropped when all is done.
    Close(oneshot::Sender<()>),
}

/// How an endpoint behaves.
pub(super) struct Habits {
    /// How links are dialled.
    pub(super) dialling: Arc<Dialling>,
    /// How many streams of a connection may wait to be taken.
    pub(super) stream_backlog: usize,
    /// Where it is noted how late batches are written.
    pub(super) record: Arc<Record>,
}

pub(super) struct Driver {
    node: Node,
    clock: Clock,
    habits: Habits,
    links: BTreeMap<LinkId, Link>,
    desks: BTreeMap<ConnId, Desk>,
    /// Connections that are over and still have their desks.
    parting: Vec<(ConnId, CloseReason)>,
    bell: Arc<Doorbell>,
    wire: Wire,
    writer: Writer,
    /// What the next batch is written to.
    blank: Vec<u8>,
    backlog: mpsc::Sender<Connection>,
    listening: Option<DropGuard>,
    /// The endpoint is closing, and by when it will have.
    closing: Option<Instant>,
    waiting_for_close: Vec<oneshot::Sender<()>>,
}

impl Driver {
    /// Starts the task. It ends when it was told to close, or when endpoint, connections and links are all gone.
    pub(super) fn start(
        node: Node,
        listener: Option<TcpListener>,
        habits: Habits,
        commands: mpsc::Receiver<Command>,
        backlog: mpsc::Sender<Connection>,
    ) {
        let (news_in, news) = mpsc::channel(NEWS);
        let clock = Clock::start();
        let record = Arc::clone(&habits.record);
        let driver = Self {
            node,
            clock,
            habits,
            links: BTreeMap::new(),
            desks: BTreeMap::new(),
            parting: Vec::new(),
            bell: Arc::default(),
            listening: listener.map(|listener| listen(listener, news_in.clone())),
            wire: Wire {
                news: news_in,
                pool: Arc::default(),
            },
            writer: Writer::new(clock, record, Bounds::default()),
            blank: Vec::new(),
            backlog,
            closing: None,
            waiting_for_close: Vec::new(),
        };
        tokio::spawn(driver.run(commands, news));
    }

    async fn run(mut self, mut commands: mpsc::Receiver<Command>, mut news: mpsc::Receiver<News>) {
        let mut heard = Vec::with_capacity(NEWS);
        let mut orphaned = false;
        let mut alarm = Alarm::new(self.clock);
        while !self.is_done(orphaned) {
            alarm.set(self.next_deadline());
            tokio::select! {
                _ = news.recv_many(&mut heard, NEWS) => heard.drain(..).for_each(|news| self.hear(news)),
                () = self.bell.heard() => {}
                command = commands.recv(), if !orphaned => match command {
                    Some(command) => self.obey(command),
                    None => (orphaned, self.listening) = (true, None),
                },
                () = alarm.rung() => self.strike(),
            }
            self.carry();
        }
        self.farewell(news).await;
    }

    /// Closed, and the last words of every connection with its link's writer; or nobody left to work for.
    fn is_done(&self, orphaned: bool) -> bool {
        let said_all = match self.closing {
            Some(deadline) => {
                deadline <= self.clock.now() || !self.links.values().any(Link::is_brimful)
            }
            None => orphaned && self.links.is_empty(),
        };
        said_all && self.desks.is_empty()
    }

    fn next_deadline(&self) -> Option<Instant> {
        [self.node.poll_timeout(), self.closing]
            .into_iter()
            .flatten()
            .min()
    }

    /// Flushes and closes every link, and returns when all have hung up.
    async fn farewell(self, mut news: mpsc::Receiver<News>) {
        let Self {
            links,
            wire,
            writer,
            listening,
            waiting_for_close,
            ..
        } = self;
        drop((links, wire, writer, listening));
        while news.recv().await.is_some() {}
        drop(waiting_for_close);
    }
}

/// What comes in.
impl Driver {
    fn hear(&mut self, news: News) {
        let now = self.clock.now();
        match news {
            News::Input(link, mut bytes) => {
                self.node.handle_input(now, link, &mut bytes);
                self.wire.pool.give(bytes);
            }
            News::Written(link, batch) => {
                self.wire.pool.give(batch);
                if self.links.get_mut(&link).is_some_and(Link::written) {
                    self.node.link_ready(link);
                }
            }
            News::Accepted(stream, source) => {
                let link = self.node.link_accepted(now, source, Carrier::Stream);
                tracing::debug!(link = link.0, "accepted");
                self.links
                    .insert(link, Link::stand(link, Line::Tcp(stream), &self.wire));
            }
            News::Opened(link, line) => {
                // Given up meanwhile, unless it is still in the list.
                if self.links.contains_key(&link) {
                    tracing::debug!(link = link.0, "opened");
                    self.links.insert(link, Link::stand(link, line, &self.wire));
                    self.node.link_opened(now, link, Carrier::Stream);
                }
            }
            News::Lost(link) => {
                tracing::debug!(link = link.0, "lost");
                self.links.remove(&link);
                self.node.link_lost(now, link);
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            // Unanswered, it learns that the endpoint is closed.
            Command::Connect(..) | Command::Session(..) if self.closing.is_some() => {}
            Command::Connect(to, answer) => {
                // Dropped by somebody who did not wait, the last handle gives the connection up.
                drop(answer.send(self.connect(&to)));
            }
            Command::Session(relay, reach, answer) => {
                let conn = self.node.connect_relay(relay, reach);
                drop(answer.send(conn.map(|conn| self.open_desk(conn))));
            }
            Command::Consensus(wall, consensus) => {
                self.node.set_consensus(self.clock.now(), wall, consensus);
            }
            Command::SetGuards(guards) => self.node.set_guards(guards),
            Command::ChooseExit(..)
            | Command::ChooseGuard(_)
            | Command::Guards(_)
            | Command::Circuits(_)
            | Command::Ticket(..)
            | Command::HandOn(..)
            | Command::Expect(_)
            | Command::Tickets(_)
            | Command::Health(_)
            | Command::Knowledge(_) => self.tell_of_mix(command),
            Command::StopListening => self.listening = None,
            Command::Close(done) => {
                self.listening = None;
                self.closing.get_or_insert(self.clock.now() + FAREWELL);
                self.waiting_for_close.push(done);
                for desk in self.desks.values() {
                    desk.mailbox.wind_up();
                }
            }
        }
    }

    /// Answers; whoever does not wait for it any more is not missed.
    fn tell_of_mix(&mut self, command: Command) {
        match command {
            Command::ChooseExit(port, at, answer) => {
                let _ = answer.send(self.node.choose_exit(port, at));
            }
            Command::ChooseGuard(answer) => {
                let _ = answer.send(self.node.choose_guard());
            }
            Command::Guards(answer) => {
                let _ = answer.send(self.node.guards().cloned());
            }
            Command::Circuits(answer) => {
                let _ = answer.send(self.node.circuits());
            }
            Command::Ticket(bearer, life, answer) => {
                let _ = answer.send(self.node.ticket_locator(bearer, life));
            }
            Command::HandOn(vat, answer) => {
                let _ = answer.send(self.node.introduction_to(vat));
            }
            Command::Expect(target) => self.node.expect(&target),
            Command::Tickets(answer) => {
                let _ = answer.send(self.node.tickets());
            }
            Command::Health(answer) => {
                let _ = answer.send(self.node.health(self.clock.now()));
            }
            Command::Knowledge(answer) => {
                let _ = answer.send(self.knowledge());
            }
            _ => {}
        }
    }

    /// A deadline has passed, or the alarm was early.
    fn strike(&mut self) {
        let now = self.clock.now();
        if self
            .node
            .poll_timeout()
            .is_some_and(|deadline| deadline <= now)
        {
            self.node.handle_timeout(now);
        }
        if self.closing.is_some_and(|deadline| deadline <= now) {
            self.desks.values().for_each(|desk| desk.mailbox.abandon());
        }
    }

    /// A handle of the connection with this vat.
    fn connect(&mut self, to: &Locator) -> Result<Arc<Held>, ConnectError> {
        let conn = self.node.connect(to)?;
        let Some(desk) = self.desks.get(&conn) else {
            return Ok(self.open_desk(conn));
        };
        if let Some(held) = desk.handle() {
            return Ok(held);
        }
        // Let go of a moment ago, and nobody has served it since.
        self.hang_up(conn);
        let conn = self.node.connect(to)?;
        Ok(self.open_desk(conn))
    }

    fn open_desk(&mut self, conn: ConnId) -> Arc<Held> {
        let bell = Arc::clone(&self.bell);
        let mailbox = Arc::new(Mailbox::new(conn, bell, self.habits.stream_backlog));
        let held = Arc::new(Held(Arc::clone(&mailbox)));
        self.desks.insert(conn, Desk::new(mailbox, &held));
        held
    }

    /// Ends a connection that nobody here wants any more.
    fn hang_up(&mut self, conn: ConnId) {
        self.node.close(conn);
        self.desks.remove(&conn);
    }
}

/// What goes out.
impl Driver {
    fn carry(&mut self) {
        for (conn, stream) in self.bell.answer() {
            match stream {
                Some(stream) => self.serve_stream(conn, stream),
                None => self.serve(conn),
            }
        }
        self.events();
        self.datagrams();
        // In this order: what a stream tells is for a connection that was told of.
        while self.events()
            | self.streams()
            | self.part()
            | self.links()
            | self.transmit()
            | self.paced()
        {}
        while let Some(trace) = self.node.poll_trace() {
            match trace {
                Trace::Guard(GuardEvent::Gone(_) | GuardEvent::Suspect(_)) => {
                    tracing::warn!("{trace}");
                }
                _ => tracing::debug!(%trace),
            }
        }
    }

    fn events(&mut self) -> bool {
        let mut any = false;
        while let Some(event) = self.node.poll_event() {
            any = true;
            self.tell(event);
        }
        any
    }

    fn links(&mut self) -> bool {
        let mut any = false;
        while let Some(request) = self.node.poll_link(self.clock.now()) {
            any = true;
            match request {
                LinkRequest::Open { link, at } => {
                    let dialling = Arc::clone(&self.habits.dialling);
                    let bound = self.node.bound_for(link);
                    let link_there = Link::dial(link, at, bound, dialling, &self.wire);
                    self.links.insert(link, link_there);
                }
                LinkRequest::Close { link } => drop(self.links.remove(&link)),
            }
        }
        any
    }

    fn transmit(&mut self) -> bool {
        let mut any = false;
        let mut batch = self.wire.pool.take();
        while let Some(link) = self.node.poll_transmit(self.clock.now(), &mut batch) {
            any = true;
            let full = std::mem::replace(&mut batch, self.wire.pool.take());
            if self
                .links
                .get_mut(&link)
                .is_some_and(|link| link.transmit(full))
            {
                self.node.link_ready(link);
            }
        }
        self.wire.pool.give(batch);
        any
    }

    /// Hands the batches of the coming quantum to the thread, with their moment. (PAC-1)
    fn paced(&mut self) -> bool {
        let mut round = Vec::new();
        let now = self.clock.now();
        while let Some(batch) = self.node.poll_batch(now, &mut self.blank) {
            let bytes = std::mem::replace(&mut self.blank, self.writer.buffer());
            if self.pace(batch.link) {
                round.push((batch, bytes));
            } else {
                self.node.link_lost(now, batch.link);
            }
        }
        let any = !round.is_empty();
        if any {
            self.writer.write(round);
        }
        any
    }

    /// Whether the thread has this link, or could be given it.
    fn pace(&mut self, id: LinkId) -> bool {
        if self.links.get(&id).is_some_and(Link::is_paced) {
            return true;
        }
        let link = self.links.remove(&id);
        let paced = link.and_then(|link| link.pace(id, &self.wire, &mut self.writer));
        paced.is_some_and(|link| self.links.insert(id, link).is_none())
    }

    fn tell(&mut self, event: Event) {
        let (Event::Opened { conn, .. }
        | Event::Message { conn, .. }
        | Event::Ended { conn }
        | Event::Writable { conn }
        | Event::Closed { conn, .. }) = event;
        if let Event::Opened { peer, .. } = event {
            return self.welcome(conn, peer);
        }
        let Some(Desk { mailbox, .. }) = self.desks.get(&conn) else {
            return;
        };
        match event {
            Event::Message { body, .. } => {
                if mailbox.deliver(body) {
                    self.node.hold(conn, true);
                }
            }
            Event::Ended { .. } => mailbox.end(),
            Event::Writable { .. } => {
                mailbox.unblock();
                self.serve(conn);
            }
            Event::Closed { reason, .. } => self.parting.push((conn, reason)),
            Event::Opened { .. } => {}
        }
    }

    fn welcome(&mut self, conn: ConnId, peer: VatId) {
        if let Some(Desk { mailbox, .. }) = self.desks.get(&conn) {
            return mailbox.open(peer);
        }
        if self.closing.is_some() {
            return self.node.close(conn);
        }
        let held = self.open_desk(conn);
        held.0.open(peer);
        // Nobody there to accept it, or too many waiting: dropping it closes it.
        if let Err(error) = self.backlog.try_send(Connection::new(held, peer)) {
            tracing::warn!(%error, "turned a connection away");
        }
    }
}
