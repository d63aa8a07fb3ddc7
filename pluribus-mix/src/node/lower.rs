//! The face towards the links.

use super::conn::Conn;
use super::link::{Answered, Answering, Dialled, Dialling, Link, Pipe, State};
use super::{LinkId, LinkRequest, Node, Source, Trace};
use crate::id::VatId;
use crate::netlayer::{CloseReason, ConnId};
use crate::time::{Duration, Instant};
use crate::vattp::connection::Connection;
use crate::vattp::frame::{Ending, Frames};
use crate::vattp::initiator::{self, Proven};
use crate::vattp::pair::{PairFields, Side};
use crate::vattp::pipe::{Carried, Carrier, RECORD_LEN};
use crate::vattp::responder::Accepted;
use crate::vattp::sending::Sending;
use crate::vattp::transport::{Said, Transport};
use crate::vattp::{Offers, Violation};
use core::mem;

impl Node {
    /// A link that a peer has opened to us. `source` says from where, as far as it counts (VTP-18).
    pub fn link_accepted(&mut self, now: Instant, source: Source) -> LinkId {
        self.clock = now;
        let id = self.fresh_link();
        let mut link = Link::new(State::Answering(Box::new(Answering::IWant)));
        link.deadline = Some(now + self.flight_deadline);
        self.links.insert(id, link);
        self.arm(id);
        if let Some(gives_way) = self.half_open.admit(id.0, source, &mut self.rng) {
            self.violated(LinkId(gives_way), Violation::GaveWay);
            self.drop_link(LinkId(gives_way), CloseReason::Unreachable);
        }
        id
    }

    /// A link that was asked for stands.
    pub fn link_opened(&mut self, now: Instant, id: LinkId) {
        self.clock = now;
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let State::Opening(intent) = mem::replace(&mut link.state, State::Silent(None)) else {
            return;
        };
        let entropy = initiator::Entropy::draw(&mut self.rng);
        let (conn, offers) = (intent.conn, Offers::default());
        match initiator::start(intent.wanted, intent.local, offers, entropy, &mut link.out) {
            Ok(next) => {
                link.state = State::Dialling(conn, Box::new(Dialling::Iam(next)));
                link.deadline = Some(now + self.flight_deadline);
                self.arm(id);
                self.wake(id);
            }
            Err(_) => {
                link.state = State::Silent(Some(conn));
                self.drop_link(id, CloseReason::Refused);
            }
        }
    }

    /// The link is gone, or never came to stand. Unknown ids are ignored.
    pub fn link_lost(&mut self, now: Instant, id: LinkId) {
        self.clock = now;
        let Some(link) = self.forget(id) else {
            return;
        };
        if let Some(conn) = link.conn() {
            let reason = self.conns.get(&conn).map(Conn::reason_if_lost);
            self.end(conn, reason.unwrap_or(CloseReason::Unreachable));
        }
    }

    /// Bytes that came over the link, in order, in any chopping. They are opened where they lie: afterwards the buffer's
    /// content is undefined.
    pub fn handle_input(&mut self, now: Instant, id: LinkId, bytes: &mut [u8]) {
        self.clock = now;
        let mut rest = bytes;
        while let Some(link) = self.links.get_mut(&id) {
            let lengths = match &link.state {
                State::Dialling(_, state) => state.lengths(),
                State::Answering(state) => state.lengths(),
                State::Live(..) => RECORD_LEN,
                State::Opening(_) | State::Silent(_) | State::Closing => return,
            };
            match link.splitter.next(&mut rest, &lengths) {
                Ok(Some(mut item)) => self.item(now, id, &mut item),
                Ok(None) => break,
                Err(violation) => self.fail(id, violation),
            }
        }
        self.settle(id);
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.clock = now;
        let later = self
            .timers
            .split_off(&(now + Duration::from_nanos(1), LinkId(0)));
        for (_, id) in mem::replace(&mut self.timers, later) {
            let Some(link) = self.links.get_mut(&id) else {
                continue;
            };
            link.timer = None;
            if link.deadline.is_some_and(|deadline| deadline <= now) {
                if !matches!(link.state, State::Silent(_) | State::Closing) {
                    self.violated(id, Violation::Late);
                }
                self.drop_link(id, CloseReason::Unreachable);
                continue;
            }
            if let State::Live(conn, transport) = &mut link.state
                && let Some(conn) = self.conns.get_mut(conn)
                && let Err(violation) = transport.tick(now, &mut conn.it)
            {
                self.fail(id, violation);
                continue;
            }
            self.wake(id);
            self.arm(id);
        }
    }

    /// When [`Node::handle_timeout`] is wanted next. May be earlier than needed, never later.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.first().map(|(due, _)| *due)
    }

    /// Appends bytes to `out`, about 64 KiB at most, for the link returned. That link is then busy: nothing more is given
    /// for it until [`Node::link_ready`].
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<LinkId> {
        self.clock = now;
        while let Some(id) = self.writers.pop_front() {
            let Some(link) = self.links.get_mut(&id) else {
                continue;
            };
            link.is_writing = false;
            if link.is_busy {
                continue;
            }
            let before = out.len();
            out.append(&mut link.out);
            if link.out.capacity() > 0 {
                link.out = Vec::new();
            }
            self.fill(now, id, out);
            if out.len() > before {
                if let Some(link) = self.links.get_mut(&id) {
                    link.is_busy = true;
                }
                return Some(id);
            }
        }
        None
    }

    /// The driver has written the last batch of this link and can take another.
    pub fn link_ready(&mut self, id: LinkId) {
        if let Some(link) = self.links.get_mut(&id) {
            link.is_busy = false;
            self.wake(id);
            self.arm(id);
        }
    }

    /// What is to be done with links.
    pub fn poll_link(&mut self, now: Instant) -> Option<LinkRequest> {
        self.clock = now;
        while let Some(request) = self.requests.pop_front() {
            let LinkRequest::Open { link: id, .. } = request else {
                return Some(request);
            };
            // Unless it was given up before anybody began to open it.
            if let Some(link) = self.links.get_mut(&id) {
                link.deadline = Some(now + self.flight_deadline);
                self.arm(id);
                return Some(request);
            }
        }
        None
    }

    /// One whole item.
    fn item(&mut self, now: Instant, id: LinkId, item: &mut [u8]) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let handled = match mem::replace(&mut link.state, State::Silent(None)) {
            State::Live(conn, mut transport) => {
                let Some(it) = self.conns.get_mut(&conn) else {
                    return self.drop_link(id, CloseReason::Closed);
                };
                let said = transport.handle(now, item, &mut it.it);
                link.state = State::Live(conn, transport);
                self.said(id, conn, said)
            }
            State::Dialling(conn, state) => {
                link.state = State::Silent(Some(conn));
                match state.handle(item) {
                    Ok(dialled) => self.dialled(now, id, conn, dialled),
                    Err(violation) => Err(violation),
                }
            }
            State::Answering(state) => {
                let (hosted, seen, rng) = (&self.hosted, &mut self.seen, &mut self.rng);
                match state.handle(item, hosted, seen, now, rng, &mut link.out) {
                    Ok(answered) => self.answered(now, id, answered),
                    Err(violation) => Err(violation),
                }
            }
            state @ (State::Opening(_) | State::Silent(_) | State::Closing) => {
                link.state = state;
                Ok(())
            }
        };
        if let Err(violation) = handled {
            self.fail(id, violation);
        }
    }

    fn dialled(
        &mut self,
        now: Instant,
        id: LinkId,
        conn: ConnId,
        dialled: Dialled<'_>,
    ) -> Result<(), Violation> {
        let next = match dialled {
            Dialled::Next(next) => next,
            Dialled::Proven(proven) => self.go(now, id, proven)?,
            Dialled::Answered(pipe) => return self.live(now, id, conn, *pipe),
        };
        if let Some(link) = self.links.get_mut(&id) {
            link.state = State::Dialling(conn, Box::new(next));
        }
        Ok(())
    }

    /// R is proven: GIVEINFO and GO. GOTOO has as long as the flight before it had.
    fn go(&mut self, now: Instant, id: LinkId, proven: Proven) -> Result<Dialling, Violation> {
        let (mine, go) = (self.ids.draw(), self.ids.draw());
        let fields = PairFields::go(proven.side(), mine, go);
        let link = self.links.get_mut(&id).ok_or(Violation::Late)?;
        let (next, sealer) = proven.go(&fields, Carried::Stream, &mut link.out)?;
        link.deadline = Some(now + self.flight_deadline);
        let sending = Sending::new(sealer, self.tuning, now);
        if let Some(State::Live(conn, _) | State::Dialling(conn, _) | State::Silent(Some(conn))) =
            self.links.get(&id).map(|link| &link.state)
            && let Some(conn) = self.conns.get_mut(conn)
        {
            conn.it.begin(Carrier::Stream);
        }
        Ok(Dialling::GoToo(next, sending, fields))
    }

    fn answered(&mut self, now: Instant, id: LinkId, answered: Answered) -> Result<(), Violation> {
        let next = match answered {
            Answered::Next(next) => next,
            Answered::Asked(next) => {
                self.half_open.passed(id.0);
                next
            }
            Answered::Accepted(accepted) => return self.accept(now, id, accepted),
        };
        let Some(link) = self.links.get_mut(&id) else {
            return Ok(());
        };
        if matches!(next, Answering::GiveInfo(_)) {
            link.deadline = Some(now + self.flight_deadline);
        }
        link.state = State::Answering(Box::new(next));
        self.wake(id);
        Ok(())
    }

    /// I is proven: a connection, and GOTOO.
    fn accept(&mut self, now: Instant, id: LinkId, accepted: Accepted) -> Result<(), Violation> {
        let theirs = Side::of_dialler(accepted.peer(), &self.hosted.local.key.public());
        accepted.fields().check_go(theirs)?;
        if self.conns.len() >= self.max_connections {
            self.note(Trace::TurnedAway { link: id });
            return Ok(());
        }
        self.half_open.remove(id.0);
        let (mine, go) = (self.ids.draw(), self.ids.draw());
        let yours = accepted.fields().mine;
        let fields = PairFields::go_too(theirs.other(), mine, go, accepted.fields());
        let (established, sealer) = accepted.go_too(&fields, Carried::Stream);
        let pipe = Pipe {
            sending: Sending::new(sealer, self.tuning, now),
            established,
            mine,
            yours,
            frames: Frames::perhaps(&[]),
        };
        let conn = self.fresh_conn();
        let mut it = Connection::new(theirs.other(), self.conn_rng());
        it.begin(Carrier::Stream);
        self.conns.insert(conn, Conn::new(id, it));
        self.live(now, id, conn, pipe)
    }

    /// The connection is open.
    fn live(
        &mut self,
        now: Instant,
        id: LinkId,
        conn: ConnId,
        pipe: Pipe<'_>,
    ) -> Result<(), Violation> {
        let peer = VatId::from(pipe.established.peer.key);
        let (sending, established) = (pipe.sending, pipe.established);
        let mut transport = Transport::new(sending, established, pipe.mine, pipe.yours, now);
        let (Some(link), Some(it)) = (self.links.get_mut(&id), self.conns.get_mut(&conn)) else {
            return Ok(());
        };
        it.open(peer);
        it.it.go_live();
        it.it.confirm(1)?;
        let said = transport.take(now, pipe.frames, &mut it.it);
        link.state = State::Live(conn, Box::new(transport));
        link.deadline = None;
        self.tell(conn);
        self.said(id, conn, said)
    }

    /// What a record led to.
    fn said(
        &mut self,
        id: LinkId,
        conn: ConnId,
        said: Result<Said, Violation>,
    ) -> Result<(), Violation> {
        if let Said::Close(_) = said? {
            self.drop_link(id, CloseReason::Closed);
        }
        self.tell(conn);
        Ok(())
    }

    /// After input: something may have to be written, and the timer may stand wrong.
    fn settle(&mut self, id: LinkId) {
        let Some(link) = self.links.get(&id) else {
            return;
        };
        if let State::Live(conn, _) = &link.state {
            let conn = *conn;
            if self.conns.get(&conn).is_some_and(Conn::is_done) {
                return self.done(id, conn);
            }
        }
        self.wake(id);
        self.arm(id);
    }

    /// A peer broke a rule: before the proof silence (VTP-17), after it the end (VTP-21).
    fn fail(&mut self, id: LinkId, violation: Violation) {
        self.violated(id, violation);
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        if let State::Live(..) = link.state {
            let reason = match violation {
                Violation::Record | Violation::Silence => CloseReason::Unreachable,
                _ => CloseReason::Misbehaved,
            };
            self.drop_link(id, reason);
            return;
        }
        link.state = State::Silent(link.conn());
        link.out = Vec::new();
        link.splitter = Default::default();
    }

    fn violated(&mut self, link: LinkId, violation: Violation) {
        self.note(Trace::Violation { link, violation });
    }

    /// Takes a link out of every table.
    fn forget(&mut self, id: LinkId) -> Option<Link> {
        self.half_open.remove(id.0);
        let link = self.links.remove(&id)?;
        if let Some(timer) = link.timer {
            self.timers.remove(&(timer, id));
        }
        Some(link)
    }

    /// Closes a link and ends the connection on it.
    fn drop_link(&mut self, id: LinkId, reason: CloseReason) {
        if let Some(link) = self.forget(id) {
            self.requests.push_back(LinkRequest::Close { link: id });
            if let Some(conn) = link.conn() {
                self.end(conn, reason);
            }
        }
    }

    fn end(&mut self, conn: ConnId, reason: CloseReason) {
        if let Some(it) = self.conns.get_mut(&conn) {
            it.end(reason);
            self.tell(conn);
        }
    }

    /// Both directions have ended and all is acknowledged: CLOSE. (VTP-29)
    pub(super) fn done(&mut self, link: LinkId, conn: ConnId) {
        self.say_close(link, conn);
        self.end(conn, CloseReason::Closed);
    }

    /// Says CLOSE where somebody can hear it, and closes the link behind it.
    pub(super) fn say_close(&mut self, id: LinkId, conn: ConnId) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let (State::Live(_, transport), Some(it)) = (&mut link.state, self.conns.get_mut(&conn))
        else {
            self.forget(id);
            self.requests.push_back(LinkRequest::Close { link: id });
            return;
        };
        // Sealing refuses only records that are too long; this one is not.
        let _ = transport.close(
            self.clock,
            Ending::Done,
            transport.mine(),
            &mut it.it,
            &mut link.out,
        );
        link.state = State::Closing;
        link.deadline = Some(self.clock + self.flight_deadline);
        self.wake(id);
        self.arm(id);
    }

    /// Writes what the connection on a link has to say.
    fn fill(&mut self, now: Instant, id: LinkId, out: &mut Vec<u8>) {
        let Some(Link { state, .. }) = self.links.get_mut(&id) else {
            return;
        };
        let (sealed, conn) = match state {
            State::Live(conn, transport) => {
                let Some(it) = self.conns.get_mut(conn) else {
                    return;
                };
                (transport.fill(now, &mut it.it, out), *conn)
            }
            State::Dialling(conn, state) => {
                let it = self.conns.get_mut(conn);
                let (Dialling::GoToo(_, sending, _), Some(it)) = (&mut **state, it) else {
                    return;
                };
                (sending.fill(now, &mut it.it, out), *conn)
            }
            State::Closing => return self.drop_link(id, CloseReason::Closed),
            _ => return,
        };
        if let Err(violation) = sealed {
            self.fail(id, violation);
        }
        self.tell(conn);
    }

    /// The link may have something to write.
    pub(super) fn wake(&mut self, id: LinkId) {
        if let Some(link) = self.links.get_mut(&id)
            && !link.is_writing
            && !link.is_busy
        {
            link.is_writing = true;
            self.writers.push_back(id);
        }
    }

    /// Sees to it that a timer stands for the link, not later than it wants one.
    pub(super) fn arm(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let due = match (&link.state, link.deadline) {
            (State::Live(conn, transport), _) => {
                let Some(it) = self.conns.get(conn) else {
                    return;
                };
                // A busy link can say nothing: what is due waits for `link_ready`.
                transport.due(&it.it, !link.is_busy)
            }
            (_, Some(deadline)) => deadline,
            (_, None) => return,
        };
        if link.timer.is_some_and(|timer| timer <= due) {
            return;
        }
        if let Some(timer) = link.timer.replace(due) {
            self.timers.remove(&(timer, id));
        }
        self.timers.insert((due, id));
    }
}
