//! What a runtime sees of one connection, and what the node keeps of it besides.

mod knows;

use super::mix::Reach;
use super::pairs::PairKey;
use crate::id::RelayId;
use crate::id::VatId;
use crate::locator::Address;
use crate::netlayer::{CloseReason, ConnId, Event};
use crate::node::LinkId;
use crate::time::Instant;
use crate::vattp::Local;
use crate::vattp::connection::Connection;
use crate::vattp::inbound::Taken;
use crate::vattp::redial::Redial;

/// A connection object: what is said and heard, the link beneath it, and what its runtime has not been told yet.
pub(super) struct Conn {
    pub(super) key: PairKey,
    pub(super) talk: Connection,
    /// The link that carries what it says: live, or dialled and not yet answered.
    pub(super) link: Option<LinkId>,
    /// Where and as whom to dial; unknown for who has dialled us.
    pub(super) dial: Option<Dial>,
    pub(super) redial: Redial,
    pub(super) redial_at: Option<Instant>,
    /// When it breaks for want of a transport. (VTP-40)
    pub(super) expires: Option<Instant>,
    /// Since when it has a live transport.
    pub(super) live_since: Option<Instant>,
    /// When a timer stands for it.
    pub(super) timer: Option<Instant>,
    /// What of its weight is in the node's sum.
    pub(super) counted: usize,
    /// The node was full and its runtime wants to be told when it is not.
    pub(super) is_starved: bool,
    /// There is room again, and it has not been told.
    pub(super) is_fed: bool,
    opened: Opened,
    closed: Option<CloseReason>,
    /// Its end was told; it is kept for what its streams still hold.
    is_told: bool,
    /// The runtime does not want messages now.
    pub(super) is_held: bool,
    /// It stands in the queue of those that may have something to tell.
    pub(super) is_telling: bool,
    /// It stands in the queue of those whose streams or datagrams may.
    pub(super) is_streaming: bool,
    /// It stands in the queue of those with datagrams.
    pub(super) is_struck: bool,
}

/// Where and as whom a peer is dialled.
#[derive(Clone)]
pub(super) struct Dial {
    pub(super) at: Where,
    pub(super) local: Local,
}

/// Where a peer is dialled.
#[derive(Clone)]
pub(super) enum Where {
    /// At this address.
    Address(Address),
    /// Over a circuit: it is this relay.
    Relay(RelayId, Reach),
    /// At a relay, with what leads there. (RDV-34)
    Meeting,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Opened {
    No,
    ToTell(VatId),
    Told,
}

impl Conn {
    pub(super) fn new(
        key: PairKey,
        talk: Connection,
        dial: Option<Dial>,
        expires: Option<Instant>,
    ) -> Self {
        Self {
            key,
            talk,
            link: None,
            dial,
            redial: Redial::default(),
            redial_at: None,
            expires,
            live_since: None,
            timer: None,
            counted: 0,
            is_starved: false,
            is_fed: false,
            opened: Opened::No,
            closed: None,
            is_told: false,
            is_held: false,
            is_telling: false,
            is_streaming: false,
            is_struck: false,
        }
    }

    /// The peer is proven and has the other end. It is told once, over however many transports.
    pub(super) fn open(&mut self, peer: VatId) {
        if self.opened == Opened::No {
            self.opened = Opened::ToTell(peer);
        }
    }

    /// The connection is over; only the first reason counts.
    pub(super) fn end(&mut self, reason: CloseReason) {
        self.link = None;
        (self.redial_at, self.expires) = (None, None);
        // Both had said all that they would: nothing is lost with it.
        let reason = match reason {
            CloseReason::Gone | CloseReason::Unreachable
                if self.talk.has_ended() && self.talk.streams().is_empty() =>
            {
                CloseReason::Closed
            }
            reason => reason,
        };
        self.closed.get_or_insert(reason);
    }

    /// Whether it is over, told or not.
    pub(super) const fn is_over(&self) -> bool {
        self.closed.is_some()
    }

    /// Its runtime has been told of its end.
    pub(super) const fn tell_closed(&mut self) {
        self.is_told = true;
    }

    /// Whether it is over, its runtime knows, and nothing of its streams can be read or told any more.
    pub(super) fn is_finished(&mut self) -> bool {
        let streams = self.talk.streams();
        self.is_told && streams.held() == 0 && !streams.has_event()
    }

    /// When it wants to be looked at.
    pub(super) fn due(&self) -> Option<Instant> {
        [self.redial_at, self.expires].into_iter().flatten().min()
    }

    /// The next thing to tell. `Closed` is the last and comes behind every message. (VTP-31)
    pub(super) fn poll(&mut self, conn: ConnId, now: Instant) -> Option<Event> {
        if let Opened::ToTell(peer) = self.opened {
            self.opened = Opened::Told;
            return Some(Event::Opened { conn, peer });
        }
        if self.closed.is_none() && self.talk.poll_writable() {
            return Some(Event::Writable { conn });
        }
        if self.is_held && self.talk.is_ready() {
            return None;
        }
        match self.talk.take(now) {
            Some(Taken::Message(body)) => Some(Event::Message { conn, body }),
            Some(Taken::End) => Some(Event::Ended { conn }),
            None => {
                let closed = self.closed.filter(|_| !self.is_told);
                closed.map(|reason| Event::Closed { conn, reason })
            }
        }
    }
}
