//! How transports begin and end, and what their connections hear of it.

use super::link::{How, Link, State};
use super::pairs::PairKey;
use super::timers::Who;
use super::{LinkId, Node, Request, Trace};
use crate::netlayer::{CloseReason, ConnId};
use crate::vattp::Violation;
use crate::vattp::frame::{Ending, Frames};
use crate::vattp::initiator::Established;
use crate::vattp::redial::Failure;
use crate::vattp::sending::Sending;
use crate::vattp::transport::{Said, Transport};

/// A transport that the rule has made live.
pub(super) struct Standing<'r> {
    /// Our object and the peer's.
    pub(super) mine: u64,
    pub(super) yours: u64,
    pub(super) sending: Sending,
    pub(super) established: Established,
    /// What stood behind GOTOO.
    pub(super) frames: &'r [u8],
}

impl Node {
    /// The transport stands: its connection goes on over it.
    pub(super) fn stand(
        &mut self,
        id: LinkId,
        key: PairKey,
        standing: Standing<'_>,
    ) -> Result<(), Violation> {
        let now = self.clock;
        let (sending, established) = (standing.sending, standing.established);
        let mut transport =
            Transport::new(sending, established, standing.mine, standing.yours, now);
        let Some(conn) = self.pairs.get(&key).and_then(|entry| entry.conn) else {
            return Ok(());
        };
        let (Some(link), Some(it)) = (self.links.get_mut(&id), self.conns.get_mut(&conn)) else {
            return Ok(());
        };
        (it.link, it.live_since) = (Some(id), Some(now));
        (it.expires, it.redial_at) = (None, None);
        let said = transport.take(now, Frames::perhaps(standing.frames), &mut it.talk);
        link.state = State::Live(conn, Box::new(transport));
        link.deadline = None;
        self.wake(id);
        self.said(conn, said)
    }

    /// What a record led to.
    pub(super) fn said(
        &mut self,
        conn: ConnId,
        said: Result<Said, Violation>,
    ) -> Result<(), Violation> {
        match said? {
            Said::GoOn => {}
            Said::Close(Ending::Done) => self.over(conn, CloseReason::Closed),
            Said::Close(Ending::Gone) => self.over(conn, CloseReason::Gone),
        }
        self.count(conn);
        self.tell(conn);
        self.tell_streams(conn);
        self.hear_tickets(conn);
        if let Some(it) = self.conns.get_mut(&conn)
            && it.talk.has_datagram()
            && !core::mem::replace(&mut it.is_struck, true)
        {
            self.struck.push_back(conn);
        }
        Ok(())
    }

    /// A connection is over, for a reason that the peer gave or this side has.
    pub(super) fn over(&mut self, conn: ConnId, reason: CloseReason) {
        if let Some(key) = self.conns.get(&conn).map(|it| it.key) {
            self.break_off(key, reason);
        }
    }

    /// After input: something may have to be written, and the timer may stand wrong.
    pub(super) fn settle(&mut self, id: LinkId) {
        let Some(link) = self.links.get(&id) else {
            return;
        };
        if let State::Live(conn, _) = &link.state {
            let conn = *conn;
            if self.conns.get(&conn).is_some_and(|it| it.talk.is_done()) {
                return self.done(id, conn);
            }
        }
        self.wake(id);
        self.arm(id);
    }

    /// A peer broke a rule. Before the proof: silence (VTP-17). Behind it: a record that does not open, or none for too long,
    /// ends the transport and nothing else, for anybody on the way can do that; what only the peer can say ends
    /// the connection.
    pub(super) fn fail(&mut self, id: LinkId, violation: Violation) {
        let Some(link) = self.links.get_mut(&id) else {
            return self.violated(id, violation);
        };
        match &link.state {
            State::Live(conn, _) => {
                let key = self.conns.get(conn).map(|it| it.key);
                match (violation, key) {
                    (Violation::Record | Violation::Silence | Violation::Length, _) | (_, None) => {
                        self.violated(id, violation);
                        self.depart(id, Failure::Broken);
                    }
                    (_, Some(key)) => self.blame(id, key, violation),
                }
            }
            State::Dialling(key, _) => {
                let key = *key;
                link.fall_silent(Some(key));
                self.violated(id, violation);
            }
            State::Silent(key) => {
                let key = *key;
                link.fall_silent(key);
                self.violated(id, violation);
            }
            State::Called(calling) => {
                let key = calling.key();
                link.fall_silent(key);
                self.violated(id, violation);
            }
            _ => {
                link.fall_silent(None);
                self.violated(id, violation);
            }
        }
    }

    /// A proven peer said what no honest one says.
    pub(super) fn blame(&mut self, id: LinkId, key: PairKey, violation: Violation) {
        self.violated(id, violation);
        self.break_off(key, CloseReason::Misbehaved);
        self.hang_up(id);
    }

    pub(super) fn violated(&mut self, link: LinkId, violation: Violation) {
        self.note(Trace::Violation { link, violation });
    }

    /// Takes a link out of every table.
    fn forget(&mut self, id: LinkId) -> Option<Link> {
        self.is_answered(id);
        let mut link = self.links.remove(&id)?;
        self.timers.clear(Who::Link(id), &mut link.timer);
        Some(link)
    }

    /// A link is half open no more.
    pub(super) fn is_answered(&mut self, id: LinkId) {
        self.half_open.remove(id.0);
        if !self.waiting.is_empty() {
            self.see_who_waits();
        }
    }

    /// Closes a link that the rule has done with. One that still says its last words goes on until they are said.
    pub(super) fn hang_up(&mut self, id: LinkId) {
        if self
            .links
            .get(&id)
            .is_some_and(|link| matches!(link.state, State::Closing))
        {
            return;
        }
        self.close_link(id);
    }

    fn close_link(&mut self, id: LinkId) -> Option<Link> {
        let link = self.forget(id)?;
        let is_end = link.is_end;
        self.requests.push_back(Request::Close { link: id, is_end });
        Some(link)
    }

    /// Closes a link, if it is not gone already, and tells its pair.
    pub(super) fn depart(&mut self, id: LinkId, failure: Failure) {
        let Some(link) = self.forget(id) else {
            return;
        };
        let is_end = link.is_end;
        self.requests.push_back(Request::Close { link: id, is_end });
        let key = match link.state {
            State::Opening(intent) => {
                match intent.how {
                    How::Dial(_) => {}
                    How::Call(with) => self.put_back(with),
                    How::Look(listing) => self.is_as_good(&intent.key.peer, &listing),
                }
                Some(intent.key)
            }
            State::Dialling(key, _) => Some(key),
            State::Silent(key) => key,
            State::Called(calling) => calling.key(),
            State::Live(conn, _) => self.conns.get(&conn).map(|it| it.key),
            State::Answering(_) | State::Closing => None,
        };
        if let Some(key) = key {
            self.parted(key, id, failure);
        }
    }

    /// A connection is over: its runtime hears why, behind all that it was sent.
    pub(super) fn end(&mut self, conn: ConnId, reason: CloseReason) {
        if let Some(it) = self.conns.get_mut(&conn) {
            it.end(reason);
            let mut timer = it.timer.take();
            self.timers.clear(Who::Conn(conn), &mut timer);
            self.count(conn);
            self.tell(conn);
        }
    }

    /// Both directions have ended and all is received and taken: CLOSE. (VTP-29)
    pub(super) fn done(&mut self, link: LinkId, conn: ConnId) {
        // On a dial that is not granted yet nobody might hear it; when it is live, there is time.
        let state = self.links.get(&link).map(|link| &link.state);
        if !matches!(state, Some(State::Live(..))) {
            return;
        }
        self.say_close(link, conn);
        self.over(conn, CloseReason::Closed);
    }

    /// Says CLOSE where somebody can hear it, and closes the link behind it.
    pub(super) fn say_close(&mut self, id: LinkId, conn: ConnId) {
        let now = self.clock;
        let mine = self.object_of(conn).unwrap_or(0);
        let (Some(link), Some(it)) = (self.links.get_mut(&id), self.conns.get_mut(&conn)) else {
            return;
        };
        let index = link.next_index();
        // Sealing refuses only records that are too long; this one is not.
        let said = match &mut link.state {
            State::Live(_, transport) => {
                let named = index.map_or(Ok(()), |index| transport.at(index));
                named.and_then(|()| {
                    transport.close(now, Ending::Done, mine, &mut it.talk, &mut link.out)
                })
            }
            State::Dialling(_, state) => state.close(index, mine, &mut link.out),
            _ => Err(Violation::Late),
        };
        if said.is_ok() {
            self.closing(id);
        }
    }

    fn object_of(&self, conn: ConnId) -> Option<u64> {
        let key = self.conns.get(&conn)?.key;
        self.pairs.get(&key)?.pair.object()
    }

    /// A last record, with what `control` writes, and the end of the link behind it.
    pub(super) fn last_words(
        &mut self,
        id: LinkId,
        mut sending: Sending,
        control: impl FnOnce(&mut Vec<u8>),
    ) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let named = link.next_index().map_or(Ok(()), |index| sending.at(index));
        if named
            .and_then(|()| sending.last(control, &mut link.out))
            .is_ok()
        {
            self.closing(id);
        } else {
            self.hang_up(id);
        }
    }

    /// The link closes when its last bytes are out, or have had their time.
    pub(super) fn closing(&mut self, id: LinkId) {
        self.is_answered(id);
        if let Some(link) = self.links.get_mut(&id) {
            link.state = State::Closing;
            // A runtime that closes tells no time; the driver does, and it is asked next.
            link.deadline = None;
            self.undated.push(id);
            self.wake(id);
        }
    }

    /// The last bytes of a closing link are out.
    pub(super) fn said_all(&mut self, id: LinkId) {
        self.close_link(id);
    }
}
