//! Where a stream's application and the driver meet: a mailbox for bytes.
//!
//! Both trays are bounded. The driver takes from the node only what the reader's tray has room for, and the node grants
//! credit for what is taken (VTP-51); so a reader that sleeps stops its own stream at the peer and nothing else. A writer
//! waits when its tray is full; the driver empties it in one go, as far as the node has room.
//!
//! *Leaving.* Dropped before it was shut down, a stream is reset. Dropped behind that, it stays until the peer has ended
//! too, so that what was written is not lost to a RESET (VTP-50); but bytes that the peer then sends nobody will ever read, and they
//! bring the RESET after all.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};

use crate::netlayer::{CloseReason, ConnId};

use super::super::carry::Break;
use super::super::doorbell::{Doorbell, lock};
use super::fault;

/// A reader's tray that weighs this much takes nothing more.
const FULL: usize = 128 * 1024;
/// And takes more again when this much is left.
const LOW: usize = 64 * 1024;
/// What a piece weighs beyond its bytes: a peer that sends single bytes makes no more of them than it could send pieces.
const ENVELOPE: usize = 64;
/// What a writer's tray holds.
const OUTBOX: usize = 128 * 1024;

/// What a dropped stream says to the peer.
pub(super) const NO_REASON: u8 = 0;

/// What the application wants of the driver for a stream.
pub(in super::super) enum Wish {
    Nothing,
    /// There is room for this many bytes.
    Read(usize),
    /// Carry this to the node.
    Write(Bytes),
    /// Everything was carried, and the direction ends here.
    Finish,
    /// Give it up, for this reason.
    Reset(u8),
}

/// Our direction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speech {
    Going,
    /// The application has ended it; the driver has still to tell the node.
    Ended,
    Told,
}

/// What the driver knows of bytes in the node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Dry,
    Flowing,
    /// There may be more, and the tray is full.
    Dammed,
}

/// Why nothing more can be written, and nothing more will come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The peer gave the stream up, with this code.
    Reset(u8),
    /// The connection is over.
    Over(CloseReason),
}

struct Trays {
    inbox: VecDeque<Bytes>,
    weight: usize,
    source: Source,
    /// The peer has ended its direction, and all of it is in the tray or read.
    heard_all: bool,
    outbox: BytesMut,
    /// What the node had no room for; goes before the outbox.
    returned: Bytes,
    /// The node's buffer is full.
    blocked: bool,
    speech: Speech,
    fate: Option<Fate>,
    /// The application has left, with this to say.
    left: Option<u8>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Waits for the stream to break.
    watcher: Option<Waker>,
}

/// The trays of one stream.
pub(in super::super) struct Tray {
    conn: ConnId,
    stream: u32,
    bell: Arc<Doorbell>,
    trays: Mutex<Trays>,
}

/// The application's end of a stream. Dropped, it leaves.
pub(in super::super) struct StreamEnd(pub(in super::super) Arc<Tray>);

impl Drop for StreamEnd {
    fn drop(&mut self) {
        self.0.leave(NO_REASON);
    }
}

/// The application's side.
impl Tray {
    /// The next bytes; none at the end of the peer's direction.
    pub(super) fn poll_take(&self, cx: &Context<'_>) -> Poll<io::Result<Bytes>> {
        let mut trays = lock(&self.trays);
        if let Some(piece) = trays.take() {
            let wanted = trays.undam();
            drop(trays);
            if wanted {
                self.ring();
            }
            return Poll::Ready(Ok(piece));
        }
        match trays.fate {
            _ if trays.heard_all => Poll::Ready(Ok(Bytes::new())),
            Some(fate) => Poll::Ready(Err(fault::reading(fate))),
            None => {
                trays.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Lays down what there is room for.
    pub(super) fn poll_write(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut trays = lock(&self.trays);
        if let Some(fate) = trays.fate {
            return Poll::Ready(Err(fault::writing(fate)));
        }
        if trays.speech != Speech::Going {
            return Poll::Ready(Err(fault::ended()));
        }
        let laid = trays.room().min(bytes.len());
        let Some((now, _)) = bytes.split_at_checked(laid).filter(|_| laid > 0) else {
            if bytes.is_empty() {
                return Poll::Ready(Ok(0));
            }
            trays.writer = Some(cx.waker().clone());
            return Poll::Pending;
        };
        // Otherwise the driver was called for what lies there, or comes when the node has room.
        let first = trays.outbox.is_empty() && !trays.blocked;
        trays.outbox.extend_from_slice(now);
        drop(trays);
        if first {
            self.ring();
        }
        Poll::Ready(Ok(laid))
    }

    /// Ends our direction behind what was written.
    pub(super) fn finish(&self) -> io::Result<()> {
        let mut trays = lock(&self.trays);
        match (trays.fate, trays.speech) {
            (Some(Fate::Reset(_)), _) | (Some(_), Speech::Going) => {
                return trays.fate.map_or(Ok(()), |fate| Err(fault::writing(fate)));
            }
            (_, Speech::Ended | Speech::Told) => return Ok(()),
            (None, Speech::Going) => trays.speech = Speech::Ended,
        }
        let waiting = trays.writer.take();
        drop(trays);
        wake(waiting);
        self.ring();
        Ok(())
    }

    /// The application neither reads nor writes any more; the first reason stays.
    pub(super) fn leave(&self, code: u8) {
        let mut trays = lock(&self.trays);
        if trays.left.is_some() {
            return;
        }
        if !trays.inbox.is_empty() && trays.source == Source::Dry {
            trays.source = Source::Flowing;
        }
        trays.left = Some(code);
        trays.clear_inbox();
        drop(trays);
        self.ring();
    }

    /// Leaves, and takes back what was written.
    pub(super) fn give_up(&self, code: u8) {
        lock(&self.trays).speech = Speech::Going;
        self.leave(code);
    }

    /// How it is broken, once it is.
    pub(super) fn poll_broken(&self, cx: &Context<'_>) -> Poll<Break> {
        let mut trays = lock(&self.trays);
        if trays.fate.is_none() {
            trays.watcher = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(if trays.heard_all {
            Break::BehindEnd
        } else {
            Break::Cut
        })
    }

    /// What the peer said when it gave the stream up.
    pub(super) fn reset_code(&self) -> Option<u8> {
        match lock(&self.trays).fate {
            Some(Fate::Reset(code)) => Some(code),
            Some(Fate::Over(_)) | None => None,
        }
    }

    fn ring(&self) {
        self.bell.ring((self.conn, Some(self.stream)));
    }
}

/// The driver's side.
impl Tray {
    pub(in super::super) fn new(conn: ConnId, stream: u32, bell: Arc<Doorbell>) -> Self {
        let trays = Trays {
            inbox: VecDeque::new(),
            weight: 0,
            source: Source::Dry,
            heard_all: false,
            outbox: BytesMut::new(),
            returned: Bytes::new(),
            blocked: false,
            speech: Speech::Going,
            fate: None,
            left: None,
            reader: None,
            writer: None,
            watcher: None,
        };
        Self {
            conn,
            stream,
            bell,
            trays: Mutex::new(trays),
        }
    }

    pub(in super::super) fn wish(&self) -> Wish {
        let mut trays = lock(&self.trays);
        let wish = trays.wish();
        let waiting = trays.writer.take_if(|_| matches!(wish, Wish::Write(_)));
        drop(trays);
        wake(waiting);
        wish
    }

    /// Bytes have come.
    pub(in super::super) fn readable(&self) {
        let mut trays = lock(&self.trays);
        if trays.source == Source::Dry {
            trays.source = Source::Flowing;
        }
    }

    /// The node has no more for now.
    pub(in super::super) fn dry(&self) {
        lock(&self.trays).source = Source::Dry;
    }

    /// Bytes for the reader. What comes for one that has left is lost.
    pub(in super::super) fn deliver(&self, bytes: Bytes) {
        let mut trays = lock(&self.trays);
        if trays.left.is_some() {
            return;
        }
        trays.weight += bytes.len() + ENVELOPE;
        trays.inbox.push_back(bytes);
        if trays.weight >= FULL {
            trays.source = Source::Dammed;
        }
        let waiting = trays.reader.take();
        drop(trays);
        wake(waiting);
    }

    /// The node had no room for it.
    pub(in super::super) fn hand_back(&self, bytes: Bytes) {
        let mut trays = lock(&self.trays);
        trays.returned = bytes;
        trays.blocked = true;
    }

    /// The node has room again.
    pub(in super::super) fn unblock(&self) {
        lock(&self.trays).blocked = false;
    }

    /// The peer has ended its direction, and all of it was delivered.
    pub(in super::super) fn end(&self) {
        let mut trays = lock(&self.trays);
        trays.heard_all = true;
        let waiting = trays.reader.take();
        drop(trays);
        wake(waiting);
    }

    /// The peer gave it up: what was not read is lost, unless it is all that the peer had to say.
    pub(in super::super) fn reset(&self, code: u8) {
        self.doom(Fate::Reset(code));
    }

    /// The connection is over; what was delivered can be read.
    pub(in super::super) fn over(&self, reason: CloseReason) {
        self.doom(Fate::Over(reason));
    }

    fn doom(&self, fate: Fate) {
        let mut trays = lock(&self.trays);
        if trays.fate.is_some() {
            return;
        }
        trays.fate = Some(fate);
        (trays.outbox, trays.returned) = Default::default();
        if matches!(fate, Fate::Reset(_)) && !trays.heard_all {
            trays.clear_inbox();
        }
        let Trays {
            reader,
            writer,
            watcher,
            ..
        } = &mut *trays;
        let waiting = [reader.take(), writer.take(), watcher.take()];
        drop(trays);
        waiting.into_iter().for_each(wake);
    }

    /// Whether nothing more can happen between driver and application.
    pub(in super::super) fn is_settled(&self) -> bool {
        let trays = lock(&self.trays);
        trays.fate.is_some() || (trays.heard_all && trays.speech == Speech::Told)
    }
}

impl Trays {
    fn take(&mut self) -> Option<Bytes> {
        let piece = self.inbox.pop_front()?;
        self.weight = self.weight.saturating_sub(piece.len() + ENVELOPE);
        Some(piece)
    }

    /// Whether the driver is now to fetch more.
    fn undam(&mut self) -> bool {
        let wanted = self.source == Source::Dammed && self.weight <= LOW;
        if wanted {
            self.source = Source::Flowing;
        }
        wanted
    }

    fn clear_inbox(&mut self) {
        self.inbox = VecDeque::new();
        self.weight = 0;
    }

    fn room(&self) -> usize {
        OUTBOX.saturating_sub(self.outbox.len() + self.returned.len())
    }

    fn wish(&mut self) -> Wish {
        if self.fate.is_some() {
            return Wish::Nothing;
        }
        if let Some(code) = self.left {
            let unread = self.source != Source::Dry && !self.heard_all;
            if unread || self.speech == Speech::Going {
                self.fate = Some(Fate::Over(CloseReason::Closed));
                return Wish::Reset(code);
            }
        } else if self.source == Source::Flowing {
            return Wish::Read(FULL.saturating_sub(self.weight).max(1));
        }
        if self.blocked {
            return Wish::Nothing;
        }
        if !self.returned.is_empty() {
            return Wish::Write(std::mem::take(&mut self.returned));
        }
        if !self.outbox.is_empty() {
            return Wish::Write(self.outbox.split().freeze());
        }
        if self.speech == Speech::Ended {
            self.speech = Speech::Told;
            return Wish::Finish;
        }
        Wish::Nothing
    }
}

fn wake(waiting: Option<Waker>) {
    if let Some(waker) = waiting {
        waker.wake();
    }
}

#[cfg(test)]
mod tests;
