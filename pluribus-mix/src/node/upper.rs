//! The face towards the runtime.

use super::conn::Conn;
use super::link::{Intent, Link, State};
use super::{LinkId, LinkRequest, Netlayer, Node};
use crate::crypto::rng::{Rng, Seed};
use crate::crypto::sign::SigningKey;
use crate::locator::Locator;
use crate::netlayer::{ConnId, ConnectError, Event, MAX_MESSAGE, SendError, SendFault};
use crate::vattp::connection::Connection;
use crate::vattp::pair::Side;
use crate::vattp::target::Wanted;
use crate::vattp::{Hints, Local, Use};
use std::sync::Arc;

impl Netlayer for Node {
    fn locator(&self) -> &Locator {
        &self.locator
    }

    fn connect(&mut self, to: &Locator) -> Result<ConnId, ConnectError> {
        if to.vat() == self.vat_id() {
            return Err(ConnectError::Oneself);
        }
        let at = to.address().ok_or(ConnectError::NoAddress)?.clone();
        if self.conns.len() >= self.max_connections {
            return Err(ConnectError::TooMany);
        }
        let conn = self.fresh_conn();
        let link = self.fresh_link();
        let ours = self.dialler();
        let side = Side::of_initiator(&ours.key.public(), ours.incarnation, to.vat().public_key());
        let it = Connection::new(side, self.conn_rng());
        let key = *to.vat().public_key();
        let intent = Intent {
            conn,
            local: ours,
            wanted: Wanted {
                key,
                prekey: key.mapped(),
                for_use: Use::Vat,
                place: at.to_string().into_bytes(),
            },
        };
        self.links
            .insert(link, Link::new(State::Opening(Box::new(intent))));
        self.conns.insert(conn, Conn::new(link, it));
        self.requests.push_back(LinkRequest::Open { link, at });
        Ok(conn)
    }

    fn send(&mut self, conn: ConnId, message: Vec<u8>) -> Result<(), SendError> {
        let fault = match self.conns.get_mut(&conn) {
            _ if message.is_empty() => SendFault::Empty,
            _ if message.len() > MAX_MESSAGE => SendFault::TooLong,
            Some(Conn {
                link: Some(link),
                it,
                ..
            }) if !it.is_finished() => {
                let link = *link;
                return match it.send(message) {
                    Ok(()) => {
                        self.wake(link);
                        Ok(())
                    }
                    Err(message) => Err(SendError {
                        message,
                        fault: SendFault::Full,
                    }),
                };
            }
            Some(Conn { link: Some(_), .. }) => SendFault::Ended,
            _ => SendFault::NoConnection,
        };
        Err(SendError { message, fault })
    }

    fn close(&mut self, conn: ConnId) {
        if let Some(gone) = self.conns.get_mut(&conn)
            && let Some(link) = gone.link.take()
        {
            self.say_close(link, conn);
        }
        self.conns.remove(&conn);
    }

    fn poll_event(&mut self) -> Option<Event> {
        while let Some(id) = self.tellers.pop_front() {
            let Some(conn) = self.conns.get_mut(&id) else {
                continue;
            };
            conn.is_telling = false;
            let Some(event) = conn.poll(id, self.clock) else {
                continue;
            };
            let link = conn.link;
            if let Event::Closed { .. } = event {
                self.conns.remove(&id);
            } else {
                self.tell(id);
            }
            if let Some(link) = link {
                self.taken(link, id);
            }
            return Some(event);
        }
        None
    }
}

impl Node {
    /// Ends our direction of a connection behind what is queued; the other goes on. The peer sees [`Event::Ended`].
    /// Unknown ids are ignored.
    pub fn finish(&mut self, conn: ConnId) {
        let Some(Conn {
            it,
            link: Some(link),
            ..
        }) = self.conns.get_mut(&conn)
        else {
            return;
        };
        it.finish();
        let link = *link;
        self.wake(link);
    }

    /// While a connection is held its messages stay here, within the window of VTP-26, and its peer has to wait.
    /// Other connections go on.
    pub fn hold(&mut self, conn: ConnId, held: bool) {
        if let Some(it) = self.conns.get_mut(&conn) {
            it.is_held = held;
            self.tell(conn);
        }
    }

    /// 32 bytes that both ends of an open connection know and nobody else. (VTP-14)
    pub fn exporter(&self, conn: ConnId) -> Option<[u8; 32]> {
        let link = self.conns.get(&conn)?.link?;
        match &self.links.get(&link)?.state {
            State::Live(_, transport) => Some(*transport.exporter().as_bytes()),
            _ => None,
        }
    }

    /// As whom we dial. (VTP-13)
    fn dialler(&mut self) -> Local {
        if !self.anonymous {
            return self.hosted.local.clone();
        }
        Local {
            key: Arc::new(SigningKey::from_seed(&self.rng.draw())),
            incarnation: 0,
            hints: Hints::default(),
            backend: self.hosted.local.backend,
        }
    }

    /// Chance for one connection.
    pub(super) fn conn_rng(&mut self) -> Rng {
        Seed::from_bytes(*self.rng.draw()).fork("connection")
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
    fn taken(&mut self, link: LinkId, conn: ConnId) {
        let Some(it) = self.conns.get(&conn) else {
            return;
        };
        if it.is_done() {
            self.done(link, conn);
        } else if it.it.ack_is_due(self.clock) {
            self.wake(link);
        } else {
            self.arm(link);
        }
    }
}
