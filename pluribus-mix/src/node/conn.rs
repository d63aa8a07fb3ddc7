//! What a runtime sees of one connection.

use crate::id::VatId;
use crate::netlayer::{CloseReason, ConnId, Event};
use crate::node::LinkId;
use crate::time::Instant;
use crate::vattp::connection::Connection;
use crate::vattp::inbound::Taken;

/// A connection object: its two directions, the link beneath it, and what its runtime has not been told yet.
pub(super) struct Conn {
    pub(super) it: Connection,
    /// `None` once the connection is over.
    pub(super) link: Option<LinkId>,
    opened: Option<VatId>,
    closed: Option<CloseReason>,
    /// The runtime does not want messages now.
    pub(super) is_held: bool,
    /// It stands in the queue of those that may have something to tell.
    pub(super) is_telling: bool,
}

impl Conn {
    pub(super) fn new(link: LinkId, it: Connection) -> Self {
        Self {
            it,
            link: Some(link),
            opened: None,
            closed: None,
            is_held: false,
            is_telling: false,
        }
    }

    /// The peer is proven.
    pub(super) const fn open(&mut self, peer: VatId) {
        self.opened = Some(peer);
    }

    /// The connection is over; only the first reason counts.
    pub(super) fn end(&mut self, reason: CloseReason) {
        self.link = None;
        self.closed.get_or_insert(reason);
    }

    /// Whether both directions have ended and all is taken and acknowledged. (VTP-29)
    pub(super) fn is_done(&self) -> bool {
        self.it.is_done()
    }

    /// What a link that breaks now means. (VTP-29)
    pub(super) fn reason_if_lost(&self) -> CloseReason {
        if self.it.has_ended() {
            CloseReason::Closed
        } else {
            CloseReason::Unreachable
        }
    }

    /// The next thing to tell. `Closed` is the last and comes behind every message. (VTP-31)
    pub(super) fn poll(&mut self, conn: ConnId, now: Instant) -> Option<Event> {
        if let Some(peer) = self.opened.take() {
            return Some(Event::Opened { conn, peer });
        }
        if self.closed.is_none() && self.it.poll_writable() {
            return Some(Event::Writable { conn });
        }
        if self.is_held && self.it.is_ready() {
            return None;
        }
        match self.it.take(now) {
            Some(Taken::Message(body)) => Some(Event::Message { conn, body }),
            Some(Taken::End) => Some(Event::Ended { conn }),
            None => self.closed.map(|reason| Event::Closed { conn, reason }),
        }
    }
}
