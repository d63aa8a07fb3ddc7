//! The driver: one task that owns the node and has no opinions.
//!
//! It waits for whatever comes first: news from a link, a command, a rung doorbell, a deadline. It hands that to the
//! node, and then carries away all the node has to say, in three verbs that repeat until there is nothing more: `events`
//! go to mailboxes, `links` are dialled and closed, batches are `transmit`ted. Nothing in between ever waits, so no link
//! and no application can stop it; whoever gives it work too fast waits at a bounded channel or a full tray.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Sleep, sleep_until};
use tokio_util::sync::DropGuard;

use crate::id::VatId;
use crate::locator::Locator;
use crate::netlayer::{CloseReason, ConnId, ConnectError, Event, Netlayer, SendError, SendFault};
use crate::node::{LinkId, LinkRequest, Node};
use crate::time::Instant;

use super::clock::Clock;
use super::connection::{Connection, Held};
use super::link::{Link, News, Wire, listen};
use super::mailbox::{Doorbell, Mailbox, Proven, Wish};

/// News that may wait for the driver.
const NEWS: usize = 64;
/// How long peers may take to end their direction when the endpoint closes.
const FAREWELL: Duration = Duration::from_secs(3);

/// What an endpoint asks for.
pub(super) enum Command {
    Connect(Locator, oneshot::Sender<Result<Held, ConnectError>>),
    StopListening,
    /// Dropped when all is done.
    Close(oneshot::Sender<()>),
}

pub(super) struct Driver {
    node: Node,
    clock: Clock,
    connect_within: Duration,
    links: BTreeMap<LinkId, Link>,
    desks: BTreeMap<ConnId, Desk>,
    bell: Arc<Doorbell>,
    wire: Wire,
    backlog: mpsc::Sender<Connection>,
    listening: Option<DropGuard>,
    /// The endpoint is closing, and by when it will have.
    closing: Option<Instant>,
    waiting_for_close: Vec<oneshot::Sender<()>>,
}

/// A connection as the driver keeps it. Put away, it leaves nobody waiting, even when the runtime shuts down.
struct Desk(Arc<Mailbox>);

impl Drop for Desk {
    fn drop(&mut self) {
        self.0.close(CloseReason::Closed);
    }
}

impl Driver {
    /// Starts the task. It ends when it was told to close, or when endpoint, connections and links are all gone.
    pub(super) fn start(
        node: Node,
        listener: Option<TcpListener>,
        connect_within: Duration,
        commands: mpsc::Receiver<Command>,
        backlog: mpsc::Sender<Connection>,
    ) {
        let (news_in, news) = mpsc::channel(NEWS);
        let driver = Self {
            node,
            clock: Clock::start(),
            connect_within,
            links: BTreeMap::new(),
            desks: BTreeMap::new(),
            bell: Arc::default(),
            listening: listener.map(|listener| listen(listener, news_in.clone())),
            wire: Wire {
                news: news_in,
                pool: Arc::default(),
            },
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
            listening,
            waiting_for_close,
            ..
        } = self;
        drop((links, wire, listening));
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
                let link = self.node.link_accepted(now, source);
                tracing::debug!(link = link.0, "accepted");
                self.links
                    .insert(link, Link::stand(link, stream, &self.wire));
            }
            News::Opened(link, stream) => {
                // Given up meanwhile, unless it is still in the list.
                if self.links.contains_key(&link) {
                    tracing::debug!(link = link.0, "opened");
                    self.links
                        .insert(link, Link::stand(link, stream, &self.wire));
                    self.node.link_opened(now, link);
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
            Command::Connect(..) if self.closing.is_some() => {}
            Command::Connect(to, answer) => {
                let connecting = self.node.connect(&to).map(|conn| self.open_desk(conn));
                // Dropped by somebody who did not wait, it gives the connection up.
                drop(answer.send(connecting));
            }
            Command::StopListening => self.listening = None,
            Command::Close(done) => {
                self.listening = None;
                self.closing.get_or_insert(self.clock.now() + FAREWELL);
                self.waiting_for_close.push(done);
                for Desk(mailbox) in self.desks.values() {
                    mailbox.wind_up();
                }
            }
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
            self.desks
                .values()
                .for_each(|Desk(mailbox)| mailbox.abandon());
        }
    }

    fn open_desk(&mut self, conn: ConnId) -> Held {
        let mailbox = Arc::new(Mailbox::new(conn, Arc::clone(&self.bell)));
        let held = Held(Arc::clone(&mailbox));
        self.desks.insert(conn, Desk(mailbox));
        held
    }
}

/// What goes out.
impl Driver {
    fn carry(&mut self) {
        for conn in self.bell.answer() {
            self.serve(conn);
        }
        while self.events() | self.links() | self.transmit() {}
        while let Some(trace) = self.node.poll_trace() {
            tracing::debug!(%trace);
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
                    let dialling = Link::dial(link, at, self.connect_within, &self.wire);
                    self.links.insert(link, dialling);
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

    fn tell(&mut self, event: Event) {
        let (Event::Opened { conn, .. }
        | Event::Message { conn, .. }
        | Event::Ended { conn }
        | Event::Writable { conn }
        | Event::Closed { conn, .. }) = event;
        if let Event::Opened { peer, .. } = event {
            return self.welcome(conn, peer);
        }
        let Some(Desk(mailbox)) = self.desks.get(&conn) else {
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
            Event::Closed { reason, .. } => {
                mailbox.close(reason);
                self.desks.remove(&conn);
            }
            Event::Opened { .. } => {}
        }
    }

    fn welcome(&mut self, conn: ConnId, peer: VatId) {
        let exporter = self.node.exporter(conn);
        let proven = Proven { peer, exporter };
        if let Some(Desk(mailbox)) = self.desks.get(&conn) {
            return mailbox.open(proven);
        }
        if self.closing.is_some() {
            return self.node.close(conn);
        }
        let held = self.open_desk(conn);
        held.0.open(proven);
        // Nobody there to accept it, or too many waiting: dropping it closes it.
        if let Err(error) = self.backlog.try_send(Connection::new(held, proven)) {
            tracing::warn!(%error, "turned a connection away");
        }
    }

    /// Does what the application at this connection wants, as far as the node has room.
    fn serve(&mut self, conn: ConnId) {
        let Some(Desk(mailbox)) = self.desks.get(&conn) else {
            return;
        };
        loop {
            match mailbox.wish() {
                Wish::Nothing => return,
                Wish::Release => self.node.hold(conn, false),
                Wish::Send(message) => {
                    // Any other fault: the connection is over, and the event that says so is on its way.
                    let sent = self.node.send(conn, message);
                    if let Err(SendError {
                        message,
                        fault: SendFault::Full,
                    }) = sent
                    {
                        mailbox.hand_back(message);
                    }
                }
                Wish::Finish => self.node.finish(conn),
                Wish::Close => {
                    self.node.close(conn);
                    self.desks.remove(&conn);
                    return;
                }
            }
        }
    }
}

/// A timer that is moved rarely: deadlines mostly move later, and an alarm that rings early is only set again.
struct Alarm {
    clock: Clock,
    sleep: Pin<Box<Sleep>>,
    at: Option<Instant>,
}

impl Alarm {
    fn new(clock: Clock) -> Self {
        let sleep = Box::pin(sleep_until(clock.to_runtime(Instant::ZERO)));
        Self {
            clock,
            sleep,
            at: None,
        }
    }

    fn set(&mut self, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return };
        if self.at.is_none_or(|at| deadline < at) {
            self.at = Some(deadline);
            self.sleep.as_mut().reset(self.clock.to_runtime(deadline));
        }
    }

    async fn rung(&mut self) {
        if self.at.is_none() {
            return std::future::pending().await;
        }
        self.sleep.as_mut().await;
        self.at = None;
    }
}
