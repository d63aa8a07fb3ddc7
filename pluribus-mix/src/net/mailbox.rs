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

//!
//! Streams have trays of their own (`stream`); here they are asked for and wait to be taken.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};

use crate::id::VatId;
use crate::netlayer::{CloseReason, ConnId, MAX_MESSAGE, SendError, SendFault};
use crate::node::StreamFault;

use super::datagrams::Datagrams;
use super::doorbell::{Doorbell, lock};
use super::error::Cut;
use super::stream::{Incoming, Knock};

/// A tray that weighs this much takes nothing more.
const FULL: usize = 512 * 1024;
/// A connection held for its full inbox is released when this much is left.
const LOW: usize = 128 * 1024;
/// What a message weighs beyond its bytes.
const ENVELOPE: usize = 64;

/// How far a connection has come.
#[derive(Clone, Copy)]
enum Standing {
    Opening,
    Open,
    Over(CloseReason),
}

/// A message, the end of the peer's direction, or an end before that.
type Received = Result<Option<Vec<u8>>, Cut>;

/// What a caller waits for.
pub(super) type Answer<T> = oneshot::Sender<T>;

/// Something that only the node knows.
pub(super) enum Question {
    /// A new stream, for what the head says.
    Open(Bytes, Answer<Result<Knock, StreamFault>>),
    /// The exporter of the transport of the moment.
    Exporter(Answer<Option<[u8; 32]>>),
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
    /// Who has proven to be there.
    peer: Option<VatId>,
    inbox: Tray,
    outbox: Tray,
    datagrams_in: Datagrams,
    datagrams_out: Datagrams,
    questions: VecDeque<Question>,
    incoming: Incoming,
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
    Ask(Question),
    Datagram(Vec<u8>),
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
        self.ring();
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

    /// Waits until a message is taken, or will never be.
    pub(super) async fn room(&self) {
        loop {
            let mut cleared = std::pin::pin!(self.cleared.notified());
            cleared.as_mut().enable();
            let objection = lock(&self.trays).objection(&[0]);
            if objection != Some(SendFault::Full) {
                return;
            }
            cleared.await;
        }
    }

    pub(super) async fn recv(&self) -> Received {
        let (received, hold) = self.when(Trays::receive).await;
        if hold == Hold::Release {
            self.ring();
        }
        received
    }

    /// A connection that is over already was open nevertheless, and what came over it can be received.
    pub(super) async fn opened(&self) -> Result<VatId, CloseReason> {
        self.when(|trays| match (trays.peer, trays.standing) {
            (Some(peer), _) => Some(Ok(peer)),
            (None, Standing::Over(reason)) => Some(Err(reason)),
            (None, Standing::Opening | Standing::Open) => None,
        })
        .await
    }

    pub(super) async fn closed(&self) -> CloseReason {
        self.when(Trays::over).await
    }

    /// Asks the driver; without an answer the connection is over.
    pub(super) async fn ask<T>(&self, question: impl FnOnce(Answer<T>) -> Question) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.put(question(answer));
        answered.await.ok()
    }

    /// Behind the end a question is dropped, which answers it.
    fn put(&self, question: Question) {
        let mut trays = lock(&self.trays);
        if trays.over().is_some() {
            return;
        }
        trays.questions.push_back(question);
        drop(trays);
        self.ring();
    }

    /// Whether it could be sent at all.
    pub(super) fn send_datagram(&self, bytes: &[u8]) -> Result<(), CloseReason> {
        let mut trays = lock(&self.trays);
        if let Some(reason) = trays.over() {
            return Err(reason);
        }
        trays.datagrams_out.lay(bytes.to_vec());
        drop(trays);
        self.ring();
        Ok(())
    }

    pub(super) async fn recv_datagram(&self) -> Result<Vec<u8>, CloseReason> {
        self.when(|trays| match (trays.datagrams_in.take(), trays.over()) {
            (Some(datagram), _) => Some(Ok(datagram)),
            (None, Some(reason)) => Some(Err(reason)),
            (None, None) => None,
        })
        .await
    }

    pub(super) fn listen(&self) {
        lock(&self.trays).incoming.listen();
    }

    pub(super) fn listen_no_more(&self) {
        let refused = lock(&self.trays).incoming.leave();
        // With the trays unlocked: each of them rings.
        drop(refused);
    }

    pub(super) fn poll_incoming(&self, cx: &Context<'_>) -> Poll<Option<Knock>> {
        let mut trays = lock(&self.trays);
        let is_over = trays.over().is_some();
        trays.incoming.poll(cx, is_over)
    }

    fn ring(&self) {
        self.bell.ring((self.conn, None));
    }

    pub(super) fn finish(&self) {
        let mut trays = lock(&self.trays);
        if trays.speech == Speech::Going {
            trays.speech = Speech::Ended;
        }
        drop(trays);
        self.cleared.notify_waiters();
        self.ring();
    }

    pub(super) fn abandon(&self) {
        lock(&self.trays).abandoned = true;
        self.close(CloseReason::Closed);
        self.ring();
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
    /// `streams` of the peer may wait to be taken.
    pub(super) fn new(conn: ConnId, bell: Arc<Doorbell>, streams: usize) -> Self {
        let trays = Trays {
            standing: Standing::Opening,
            peer: None,
            inbox: Tray::default(),
            outbox: Tray::default(),
            datagrams_in: Datagrams::default(),
            datagrams_out: Datagrams::default(),
            questions: VecDeque::new(),
            incoming: Incoming::new(streams),
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

    pub(super) fn open(&self, peer: VatId) {
        let mut trays = lock(&self.trays);
        trays.peer = Some(peer);
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

    pub(super) fn deliver_datagram(&self, datagram: Vec<u8>) {
        lock(&self.trays).datagrams_in.lay(datagram);
        self.arrived.notify_waiters();
    }

    /// The peer has opened a stream. It comes back if nobody wants it.
    pub(super) fn admit(&self, knock: Knock) -> Result<(), Knock> {
        let mut trays = lock(&self.trays);
        trays.incoming.admit(knock)?;
        let waiting = trays.incoming.wakers();
        drop(trays);
        waiting.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// Whether the application can still use it.
    pub(super) fn is_over(&self) -> bool {
        lock(&self.trays).over().is_some()
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
        trays.datagrams_out = Datagrams::default();
        let unanswered = std::mem::take(&mut trays.questions);
        let waiting = trays.incoming.wakers();
        drop(trays);
        drop(unanswered);
        waiting.into_iter().for_each(Waker::wake);
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
    /// Why the connection is over, if it is.
    fn over(&mut self) -> Option<CloseReason> {
        match self.standing {
            Standing::Over(reason) => Some(reason),
            Standing::Opening | Standing::Open => None,
        }
    }

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
        if let Some(question) = self.questions.pop_front() {
            return Wish::Ask(question);
        }
        if let Some(datagram) = self.datagrams_out.take() {
            return Wish::Datagram(datagram);
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

#[cfg(test)]
mod tests;
