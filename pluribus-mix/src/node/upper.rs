//! The face towards the runtime.

use super::conn::{Dial, Where};
use super::link::State;
use super::pairs::PairKey;
use super::timers::Who;
use super::{LinkId, Netlayer, Node};
use crate::crypto::sign::SigningKey;
use crate::id::VatId;
use crate::locator::Locator;
use crate::netlayer::{
    CloseReason, ConnId, ConnectError, Event, MAX_MESSAGE, SendError, SendFault,
};
use crate::vattp::{Hints, Local};
use std::sync::Arc;

impl Netlayer for Node {
    fn locator(&self) -> &Locator {
        &self.locator
    }

    fn connect(&mut self, to: &Locator) -> Result<ConnId, ConnectError> {
        let peer = to.vat();
        if peer == self.vat_id() {
            return Err(ConnectError::Oneself);
        }
        let Some(at) = to.address().cloned() else {
            // Only a client of a network can go where there is no address.
            return match self.mix {
                Some(_) => self.connect_hidden(to),
                None => Err(ConnectError::NoAddress),
            };
        };
        let local = self.dialler();
        let known = PairKey::with(peer, None);
        if !self.anonymous
            && let Some((conn, it)) = self.conn_of(known)
        {
            // The newest address is the best guess; if nothing leads to the peer now, this may.
            it.dial = Some(Dial {
                at: Where::Address(at),
                local,
            });
            if it.redial_at.is_none() {
                self.dial(known);
            }
            return Ok(conn);
        }
        let at = Where::Address(at);
        self.begin_conn(peer, self.anonymous, Dial { at, local })
    }

    fn send(&mut self, conn: ConnId, message: Vec<u8>) -> Result<(), SendError> {
        let full = self.weight + message.len() > self.max_waiting;
        let fault = match self.conns.get_mut(&conn) {
            _ if message.is_empty() => SendFault::Empty,
            _ if message.len() > MAX_MESSAGE => SendFault::TooLong,
            Some(it) if it.is_over() => SendFault::NoConnection,
            Some(it) if it.talk.is_finished() => SendFault::Ended,
            Some(it) if full => {
                if !core::mem::replace(&mut it.is_starved, true) {
                    self.starved.push_back(conn);
                }
                SendFault::Full
            }
            Some(it) => {
                return match it.talk.send(message) {
                    Ok(()) => {
                        self.count(conn);
                        self.wake_conn(conn);
                        Ok(())
                    }
                    Err(message) => Err(SendError {
                        message,
                        fault: SendFault::Full,
                    }),
                };
            }
            None => SendFault::NoConnection,
        };
        Err(SendError { message, fault })
    }

    fn close(&mut self, conn: ConnId) {
        let Some(it) = self.conns.get(&conn) else {
            return;
        };
        if !it.is_over() {
            if let Some(link) = it.link {
                self.say_close(link, conn);
            }
            self.over(conn, CloseReason::Closed);
        }
        self.drop_conn(conn);
    }

    fn poll_event(&mut self) -> Option<Event> {
        while let Some(id) = self.tellers.pop_front() {
            let Some(conn) = self.conns.get_mut(&id) else {
                continue;
            };
            conn.is_telling = false;
            if core::mem::take(&mut conn.is_fed) {
                self.tell(id);
                return Some(Event::Writable { conn: id });
            }
            let Some(event) = conn.poll(id, self.clock) else {
                continue;
            };
            if let Event::Closed { .. } = event {
                conn.tell_closed();
                if conn.is_finished() {
                    self.drop_conn(id);
                }
            } else {
                self.tell(id);
                self.taken(id);
            }
            return Some(event);
        }
        None
    }
}

impl Node {
    /// Ends our direction of a connection's messages behind what is queued; the other goes on. The peer sees [`Event::Ended`].
    /// Unknown ids are ignored.
    pub fn finish(&mut self, conn: ConnId) {
        if let Some(it) = self.conns.get_mut(&conn) {
            it.talk.finish();
            self.wake_conn(conn);
        }
    }

    /// While a connection is held its messages stay here, within the window of VTP-26, and its peer has to wait.
    /// Other connections go on.
    pub fn hold(&mut self, conn: ConnId, held: bool) {
        if let Some(it) = self.conns.get_mut(&conn) {
            it.is_held = held;
            self.tell(conn);
        }
    }

    /// 32 bytes that both ends of the transport beneath an open connection know and nobody else, or `None` while there is no
    /// such transport. The next transport has others. (VTP-14)
    pub fn exporter(&self, conn: ConnId) -> Option<[u8; 32]> {
        let link = self.conns.get(&conn)?.link?;
        match &self.links.get(&link)?.state {
            State::Live(_, transport) => Some(*transport.exporter().as_bytes()),
            _ => None,
        }
    }

    /// Begins a connection with a vat that we dial, as ourselves or under a throwaway key.
    pub(super) fn begin_conn(
        &mut self,
        peer: VatId,
        anonymous: bool,
        dial: Dial,
    ) -> Result<ConnId, ConnectError> {
        let (conn, key) = self.add_conn(peer, anonymous, dial)?;
        self.dial(key);
        Ok(conn)
    }

    /// The same, without the first dial.
    pub(super) fn add_conn(
        &mut self,
        peer: VatId,
        anonymous: bool,
        dial: Dial,
    ) -> Result<(ConnId, PairKey), ConnectError> {
        let conn = self.fresh_conn();
        let key = PairKey::with(peer, anonymous.then_some(conn));
        if !self.has_room_for(key) {
            return Err(ConnectError::TooMany);
        }
        self.begin_pair(key);
        if let Some(entry) = self.pairs.get_mut(&key) {
            let (pair, ids) = entry.with_numbers(&mut self.ids);
            pair.want(ids);
        }
        self.insert_conn(conn, key, Some(dial));
        Ok((conn, key))
    }

    /// As whom we dial. (VTP-13)
    fn dialler(&mut self) -> Local {
        if self.anonymous {
            return self.throwaway();
        }
        self.hosted.local.clone()
    }

    /// Somebody who has never been, and will be forgotten. (VTP-13)
    pub(super) fn throwaway(&mut self) -> Local {
        Local {
            key: Arc::new(SigningKey::from_seed(&self.rng.draw())),
            incarnation: 0,
            hints: Hints::default(),
            backend: self.hosted.local.backend,
        }
    }

    pub(super) fn fresh_conn(&mut self) -> ConnId {
        self.next_conn += 1;
        ConnId(self.next_conn)
    }

    pub(super) fn fresh_link(&mut self) -> LinkId {
        self.next_link += 1;
        LinkId(self.next_link)
    }

    /// The connection may have something to tell.
    pub(super) fn tell(&mut self, id: ConnId) {
        if let Some(conn) = self.conns.get_mut(&id)
            && !conn.is_telling
        {
            conn.is_telling = true;
            self.tellers.push_back(id);
        }
    }

    /// The runtime has taken something: an acknowledgement may be due, or everything done.
    fn taken(&mut self, conn: ConnId) {
        let Some(it) = self.conns.get(&conn) else {
            return;
        };
        let Some(link) = it.link else { return };
        if it.talk.is_done() && !it.is_over() {
            self.done(link, conn);
        } else if it.talk.ack_is_due(self.clock) {
            self.wake(link);
        } else {
            self.arm(link);
        }
    }

    /// Takes a connection out that nobody holds any more.
    pub(super) fn drop_conn(&mut self, conn: ConnId) {
        if let Some(mut it) = self.conns.remove(&conn) {
            self.timers.clear(Who::Conn(conn), &mut it.timer);
            self.weight = self.weight.saturating_sub(it.counted);
            self.feed();
        }
    }

    /// Brings the sum of all weights up to date after something happened to a connection. (VTP-32)
    pub(super) fn count(&mut self, conn: ConnId) {
        if let Some(it) = self.conns.get_mut(&conn) {
            let weight = if it.is_over() { 0 } else { it.talk.weight() };
            self.weight = (self.weight + weight).saturating_sub(it.counted);
            it.counted = weight;
            self.feed();
        }
    }

    /// Tells those who were sent away that there is room again, once half of it is free. (VTP-32)
    fn feed(&mut self) {
        if self.starved.is_empty() || self.weight > self.max_waiting / 2 {
            return;
        }
        while let Some(conn) = self.starved.pop_front() {
            if let Some(it) = self.conns.get_mut(&conn) {
                it.is_fed = core::mem::take(&mut it.is_starved) && !it.is_over();
                self.tell(conn);
            }
        }
    }
}
