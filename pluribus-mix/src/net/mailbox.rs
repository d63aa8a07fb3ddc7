//! Where an application and the driver meet: two trays and a doorbell.
//!
//! Each connection has a mailbox, shared by its handles and the driver. The application lays messages in the outbox and
//! rings; the driver carries them to the node as far as the node has room, and lays what comes into the inbox. Nobody
//! waits for anybody with the lid open, and the driver never waits at all: so one application that does not read, or one
//! that writes without end, holds up nobody but itself.
//!
//! Both trays are bounded by weight. When the inbox is full the driver tells the node to *hold* the connection: what comes
//! then stays unacknowledged in the node, and the protocol's own window stops the peer. When the application has made
//! room it rings, and the driver releases the connection.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::id::VatId;
use crate::netlayer::{CloseReason, ConnId, MAX_MESSAGE, SendError, SendFault};

use super::error::Cut;

/// A tray that weighs this much takes nothing more.
const FULL: usize = 512 * 1024;
/// A connection held for its full inbox is released when this much is left.
const LOW: usize = 128 * 1024;
/// What a message weighs beyond its bytes.
const ENVELOPE: usize = 64;

/// Tells the driver which connections want it.
#[derive(Default)]
pub(super) struct Doorbell {
    rung: Mutex<BTreeSet<ConnId>>,
    wake: Notify,
}

impl Doorbell {
    fn ring(&self, conn: ConnId) {
        if lock(&self.rung).insert(conn) {
            self.wake.notify_one();
        }
    }

    /// Returns when somebody has rung, or sooner.
    pub(super) async fn heard(&self) {
        self.wake.notified().await;
    }

    /// Who has rung since this was last asked.
    pub(super) fn answer(&self) -> BTreeSet<ConnId> {
        std::mem::take(&mut *lock(&self.rung))
    }
}

/// How far a connection has come.
#[derive(Clone, Copy)]
enum Standing {
    Opening,
    Open,
    Over(CloseReason),
}

/// A message, the end of the peer's direction, or an end before that.
type Received = Result<Option<Vec<u8>>, Cut>;

/// What was proven when the connection opened.
#[derive(Clone, Copy)]
pub(super) struct Proven {
    pub(super) peer: VatId,
    /// Missing when the connection was over as soon as it was open.
    pub(super) exporter: Option<[u8; 32]>,
}

#[derive(Default)]
struct Tray {
    messages: VecDeque<Vec<u8>>,
    weight: usize,
}

impl Tray {
    fn lay(&mut self, message: Vec<u8>) {
        self.weight += message.len() + ENVELOPE;
        self.messages.push_back(message);
    }

    fn lay_back(&mut self, message: Vec<u8>) {
        self.weight += message.len() + ENVELOPE;
        self.messages.push_front(message);
    }

    fn take(&mut self) -> Option<Vec<u8>> {
        let message = self.messages.pop_front()?;
        self.weight -= message.len() + ENVELOPE;
        Some(message)
    }
}

struct Trays {
    standing: Standing,
    proven: Option<Proven>,
    inbox: Tray,
    outbox: Tray,
    hold: Hold,
    /// The node's queue is full.
    blocked: bool,
    speech: Speech,
    /// The peer has ended its direction.
    heard_all: bool,
    /// The application wants no more of this connection.
    abandoned: bool,
}

/// Whether the node holds the connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hold {
    Free,
    /// The inbox was full, and is not yet low.
    Held,
    /// It is low; the driver has still to tell the node.
    Release,
}

/// Our direction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speech {
    Going,
    /// The application has ended it; the driver has still to tell the node.
    Ended,
    Told,
}

/// What the application wants of the driver.
pub(super) enum Wish {
    Nothing,
    /// There is room in the inbox again.
    Release,
    /// Carry this to the node.
    Send(Vec<u8>),
    /// Everything was carried, and the direction ends here.
    Finish,
    /// End the connection at once.
    Close,
}

pub(super) struct Mailbox {
    conn: ConnId,
    bell: Arc<Doorbell>,
    trays: Mutex<Trays>,
    /// Something for the application: a message, an end, an opening.
    arrived: Notify,
    /// Room in the outbox.
    cleared: Notify,
}

/// The application's side.
impl Mailbox {
    pub(super) fn try_send(&self, message: Vec<u8>) -> Result<(), SendError> {
        let mut trays = lock(&self.trays);
        if let Some(fault) = trays.objection(&message) {
            return Err(SendError { message, fault });
        }
        trays.outbox.lay(message);
        drop(trays);
        self.bell.ring(self.conn);
        Ok(())
    }

    pub(super) async fn send(&self, mut message: Vec<u8>) -> Result<(), SendError> {
        loop {
            let mut cleared = std::pin::pin!(self.cleared.notified());
            cleared.as_mut().enable();
            match self.try_send(message) {
                Err(SendError {
                    message: back,
                    fault: SendFault::Full,
                }) => message = back,
                done => return done,
            }
            cleared.await;
        }
    }

    pub(super) async fn recv(&self) -> Received {
        let (received, hold) = self.when(Trays::receive).await;
        if hold == Hold::Release {
            self.bell.ring(self.conn);
        }
        received
    }

    /// A connection that is over already was open nevertheless, and what came over it can be received.
    pub(super) async fn opened(&self) -> Result<Proven, CloseReason> {
        self.when(|trays| match (trays.proven, trays.standing) {
            (Some(proven), _) => Some(Ok(proven)),
            (None, Standing::Over(reason)) => Some(Err(reason)),
            (None, Standing::Opening | Standing::Open) => None,
        })
        .await
    }

    pub(super) async fn closed(&self) -> CloseReason {
        self.when(|trays| match trays.standing {
            Standing::Over(reason) => Some(reason),
            Standing::Opening | Standing::Open => None,
        })
        .await
    }

    pub(super) fn finish(&self) {
        let mut trays = lock(&self.trays);
        if trays.speech == Speech::Going {
            trays.speech = Speech::Ended;
        }
        drop(trays);
        self.cleared.notify_waiters();
        self.bell.ring(self.conn);
    }

    pub(super) fn abandon(&self) {
        lock(&self.trays).abandoned = true;
        self.close(CloseReason::Closed);
        self.bell.ring(self.conn);
    }

    /// Waits until the trays have an answer.
    async fn when<T>(&self, answer: impl Fn(&mut Trays) -> Option<T>) -> T {
        loop {
            let mut arrived = std::pin::pin!(self.arrived.notified());
            arrived.as_mut().enable();
            if let Some(answer) = answer(&mut lock(&self.trays)) {
                return answer;
            }
            arrived.await;
        }
    }
}

/// The driver's side.
impl Mailbox {
    pub(super) fn new(conn: ConnId, bell: Arc<Doorbell>) -> Self {
        let trays = Trays {
            standing: Standing::Opening,
            proven: None,
            inbox: Tray::default(),
            outbox: Tray::default(),
            hold: Hold::Free,
            blocked: false,
            speech: Speech::Going,
            heard_all: false,
            abandoned: false,
        };
        Self {
            conn,
            bell,
            trays: Mutex::new(trays),
            arrived: Notify::new(),
            cleared: Notify::new(),
        }
    }

    pub(super) fn open(&self, proven: Proven) {
        let mut trays = lock(&self.trays);
        trays.proven = Some(proven);
        if matches!(trays.standing, Standing::Opening) {
            trays.standing = Standing::Open;
        }
        drop(trays);
        self.arrived.notify_waiters();
    }

    /// Whether the connection is to be held now.
    #[must_use]
    pub(super) fn deliver(&self, message: Vec<u8>) -> bool {
        let mut trays = lock(&self.trays);
        trays.inbox.lay(message);
        let full = trays.inbox.weight >= FULL;
        if full {
            trays.hold = Hold::Held;
        }
        drop(trays);
        self.arrived.notify_waiters();
        full
    }

    /// The endpoint closes: what is open may end well, what is not is given up.
    pub(super) fn wind_up(&self) {
        let opening = matches!(lock(&self.trays).standing, Standing::Opening);
        if opening {
            self.abandon();
        } else {
            self.finish();
        }
    }

    pub(super) fn end(&self) {
        lock(&self.trays).heard_all = true;
        self.arrived.notify_waiters();
    }

    /// The connection is over; the first reason stays.
    pub(super) fn close(&self, reason: CloseReason) {
        let mut trays = lock(&self.trays);
        if !matches!(trays.standing, Standing::Over(_)) {
            trays.standing = Standing::Over(reason);
        }
        trays.outbox = Tray::default();
        drop(trays);
        self.arrived.notify_waiters();
        self.cleared.notify_waiters();
    }

    pub(super) fn wish(&self) -> Wish {
        let wish = lock(&self.trays).wish();
        if matches!(wish, Wish::Send(_)) {
            self.cleared.notify_waiters();
        }
        wish
    }

    /// The node had no room for it.
    pub(super) fn hand_back(&self, message: Vec<u8>) {
        let mut trays = lock(&self.trays);
        trays.outbox.lay_back(message);
        trays.blocked = true;
    }

    /// The node has room again.
    pub(super) fn unblock(&self) {
        lock(&self.trays).blocked = false;
    }
}

impl Trays {
    /// Why this message cannot be taken, if it cannot. (VTP-32)
    fn objection(&self, message: &[u8]) -> Option<SendFault> {
        let over = matches!(self.standing, Standing::Over(_));
        [
            (message.is_empty(), SendFault::Empty),
            (message.len() > MAX_MESSAGE, SendFault::TooLong),
            (over, SendFault::NoConnection),
            (self.speech != Speech::Going, SendFault::Ended),
            (self.outbox.weight >= FULL, SendFault::Full),
        ]
        .into_iter()
        .find_map(|(objects, fault)| objects.then_some(fault))
    }

    /// What `recv` answers, and whether the driver has now to release the connection.
    fn receive(&mut self) -> Option<(Received, Hold)> {
        let cut = |reason| Some((Err(Cut { reason }), Hold::Free));
        if self.abandoned {
            return cut(CloseReason::Closed);
        }
        if let Some(message) = self.inbox.take() {
            if self.hold == Hold::Held && self.inbox.weight <= LOW {
                self.hold = Hold::Release;
            }
            return Some((Ok(Some(message)), self.hold));
        }
        match self.standing {
            _ if self.heard_all => Some((Ok(None), Hold::Free)),
            Standing::Over(reason) => cut(reason),
            Standing::Opening | Standing::Open => None,
        }
    }

    fn wish(&mut self) -> Wish {
        if self.abandoned {
            return Wish::Close;
        }
        if self.hold == Hold::Release {
            self.hold = Hold::Free;
            return Wish::Release;
        }
        if self.blocked {
            return Wish::Nothing;
        }
        if let Some(message) = self.outbox.take() {
            return Wish::Send(message);
        }
        if self.speech == Speech::Ended {
            self.speech = Speech::Told;
            return Wish::Finish;
        }
        Wish::Nothing
    }
}

/// What a tray holds makes sense at every moment, so a panic elsewhere spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
