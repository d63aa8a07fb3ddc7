//! The pairs of a node: whom it knows, and what the rule of `vattp::pair` wants done.

use super::conn::{Conn, Where};
use super::link::{How, Intent, Link, State};
use super::timers::Who;
use super::{LinkId, Node, Request, To};
use crate::crypto::rng::Seed;
use crate::crypto::sign::PublicKey;
use crate::id::VatId;
use crate::netlayer::{CloseReason, ConnId};
use crate::time::{Duration, Instant};
use crate::vattp::connection::Connection;
use crate::vattp::pair::{Effect, Ids, Numbers, Pair, Side, TransportId};
use crate::vattp::redial::Failure;
use crate::vattp::target::Wanted;
use crate::vattp::{Peer, Use};

/// How long an object waits for a transport. (VTP-40)
const PATIENCE: Duration = Duration::from_secs(120);
/// How soon another ticket is tried.
const AGAIN: Duration = Duration::from_millis(100);
/// How long a pair without object is remembered. (VTP-40)
const MEMORY: Duration = Duration::from_secs(20 * 60);

/// A pair: the peer, and under whose names the two meet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PairKey {
    pub(super) peer: VatId,
    names: Names,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Names {
    /// Both under their own.
    Own,
    /// The peer under a throwaway.
    Theirs,
    /// We under a throwaway, made for this connection.
    Ours(ConnId),
}

impl PairKey {
    /// The pair with a vat that we dial, under a throwaway key if that is what `anonymous` names the connection of.
    pub(super) const fn with(peer: VatId, anonymous: Option<ConnId>) -> Self {
        let names = match anonymous {
            Some(conn) => Names::Ours(conn),
            None => Names::Own,
        };
        Self { peer, names }
    }

    /// The connection that our throwaway key was made for.
    pub(super) const fn throwaway(&self) -> Option<ConnId> {
        match self.names {
            Names::Ours(conn) => Some(conn),
            Names::Own | Names::Theirs => None,
        }
    }

    /// The pair with a peer that has dialled us.
    pub(super) fn of_dialler(peer: &Peer) -> Self {
        Self {
            peer: VatId::from(peer.key),
            names: if peer.is_anonymous() {
                Names::Theirs
            } else {
                Names::Own
            },
        }
    }

    /// Our side. (VTP-19)
    pub(super) fn side(&self, ours: &PublicKey) -> Side {
        match self.names {
            Names::Own => Side::of(ours, self.peer.public_key()),
            Names::Theirs => Side::Master,
            Names::Ours(_) => Side::Slave,
        }
    }

    /// Whether both are under their own names.
    pub(super) const fn is_known(&self) -> bool {
        matches!(self.names, Names::Own)
    }

    /// Whether anything of it is worth remembering once it is out of use. (VTP-41)
    const fn is_remembered(&self) -> bool {
        matches!(self.names, Names::Own)
    }
}

/// What a node keeps of a pair.
pub(super) struct Entry {
    pub(super) pair: Pair,
    pub(super) conn: Option<ConnId>,
    /// Where its numbers come from, if not from the vat's own counter: numbers of one counter would tell which throwaway keys are
    /// one vat's. (VTP-41)
    ids: Option<Ids>,
    /// Since when nothing of it is in use.
    idle_since: Option<Instant>,
    /// It stands in the queue of those that were out of use.
    is_queued: bool,
}

impl Entry {
    /// The pair, and where its numbers come from; `of_vat` is the vat's own counter.
    pub(super) fn with_numbers<'n>(
        &'n mut self,
        of_vat: &'n mut Ids,
    ) -> (&'n mut Pair, &'n mut dyn Numbers) {
        (&mut self.pair, self.ids.as_mut().unwrap_or(of_vat))
    }
}

impl Node {
    /// Whether this pair may have a connection: neither pairs nor connections are too many, those included of which the
    /// runtime has not heard the end. (VTP-40)
    pub(super) fn has_room_for(&self, key: PairKey) -> bool {
        let most = self.max_connections;
        let entry = self.pairs.get(&key);
        let is_known = entry.is_some() || self.pairs.len() < most;
        let has_conn = entry.is_some_and(|entry| entry.conn.is_some());
        is_known && (has_conn || self.conns.len() < most)
    }

    /// Begins the pair with this key, if there is none.
    pub(super) fn begin_pair(&mut self, key: PairKey) {
        let side = key.side(&self.hosted.local.key.public());
        // Who dials under a throwaway says the same as everybody who does.
        let forgetful = match key.names {
            Names::Own => self.is_forgetful,
            Names::Theirs => true,
            Names::Ours(_) => false,
        };
        let is_ours = matches!(key.names, Names::Ours(_));
        let rng = &mut self.rng;
        self.pairs.entry(key).or_insert_with(|| Entry {
            pair: if is_ours {
                Pair::new(side, forgetful).moving()
            } else {
                Pair::new(side, forgetful)
            },
            conn: None,
            ids: is_ours.then(|| Ids::new(Seed::from_bytes(*rng.draw()).fork("ids"))),
            idle_since: None,
            is_queued: false,
        });
    }

    /// Whether this link is the live transport of the pair.
    pub(super) fn is_live(&self, key: PairKey, link: LinkId) -> bool {
        let live = self.pairs.get(&key).and_then(|entry| entry.pair.live());
        live == Some(TransportId(link.0))
    }

    /// The connection that a pair has now.
    pub(super) fn conn_of(&mut self, key: PairKey) -> Option<(ConnId, &mut Conn)> {
        let conn = self.pairs.get(&key)?.conn?;
        Some((conn, self.conns.get_mut(&conn)?))
    }

    /// Puts a new connection into its pair.
    pub(super) fn insert_conn(
        &mut self,
        id: ConnId,
        key: PairKey,
        dial: Option<super::conn::Dial>,
    ) {
        let rng = Seed::from_bytes(*self.rng.draw()).fork("connection");
        // A runtime tells no time: where it dials, the wait begins when the driver takes the dial.
        let expires = dial.is_none().then_some(self.clock + self.patience());
        let Some(entry) = self.pairs.get_mut(&key) else {
            return;
        };
        entry.conn = Some(id);
        entry.idle_since = None;
        let mut talk = Connection::new(entry.pair.side(), rng);
        let dials_relay = |dial: &super::conn::Dial| matches!(dial.at, Where::Relay(..));
        if self.is_relay || dial.as_ref().is_some_and(dials_relay) {
            talk.keep_numbers();
        }
        self.conns.insert(id, Conn::new(key, talk, dial, expires));
        self.arm_conn(id);
    }

    /// Does what the rule wants done; a connection that breaks by it ends for this reason.
    pub(super) fn apply(&mut self, key: PairKey, effects: Vec<Effect>, reason: CloseReason) {
        for effect in effects {
            match effect {
                Effect::Made(_) => {
                    let conn = self.fresh_conn();
                    self.insert_conn(conn, key, None);
                }
                Effect::Joined(_) => {
                    if let Some((id, conn)) = self.conn_of(key) {
                        conn.open(key.peer);
                        self.tell(id);
                    }
                }
                Effect::Broke(_) => {
                    if let Some(conn) = self.pairs.get_mut(&key).and_then(|it| it.conn.take()) {
                        self.end(conn, reason);
                    }
                }
                Effect::Close(TransportId(link)) => self.hang_up(LinkId(link)),
            }
        }
        self.rest(key);
    }

    /// Breaks the object of a pair, if it has one.
    pub(super) fn break_off(&mut self, key: PairKey, reason: CloseReason) {
        let mut effects = Vec::new();
        if let Some(entry) = self.pairs.get_mut(&key) {
            entry.pair.break_off(&mut effects);
        }
        self.apply(key, effects, reason);
    }

    /// A transport of a pair has ended, live or not: dial again, or give up. (VTP-48)
    pub(super) fn parted(&mut self, key: PairKey, link: LinkId, failure: Failure) {
        let now = self.clock;
        let expires = now + self.patience();
        let Some(entry) = self.pairs.get_mut(&key) else {
            return;
        };
        entry.pair.lost(TransportId(link.0));
        let (shown, busy) = (entry.pair.is_shown(), entry.pair.is_dialling());
        let is_live = entry.pair.live().is_some();
        let Some(conn) = entry.conn.and_then(|conn| self.conns.get_mut(&conn)) else {
            return self.rest(key);
        };
        if conn.link == Some(link) {
            conn.link = None;
        }
        if is_live {
            return;
        }
        let hides = conn
            .dial
            .as_ref()
            .is_some_and(|dial| matches!(dial.at, Where::Meeting));
        conn.expires.get_or_insert(expires);
        if busy {
            return self.arm_conn_of(key);
        }
        let lived = conn.live_since.take().map(|since| now.since(since));
        let pause = match lived {
            Some(lived) => Some(conn.redial.after_life(lived, &mut self.rng)),
            None => conn.redial.after_failure(failure, shown, &mut self.rng),
        };
        match pause {
            Some(pause) => self.redial_in(key, pause),
            // Another ticket may do, or another record.
            None if hides && (self.is_introduced(&key.peer) || self.looks_up(&key.peer)) => {
                self.redial_in(key, AGAIN);
            }
            None => self.break_off(key, CloseReason::Unreachable),
        }
    }

    pub(super) fn redial_in(&mut self, key: PairKey, pause: Duration) {
        let at = self.clock + pause;
        if let Some((id, conn)) = self.conn_of(key) {
            conn.redial_at = conn.dial.is_some().then_some(at);
            self.arm_conn(id);
        }
        if pause == Duration::ZERO {
            self.dial(key);
        }
    }

    /// Dials, if that makes sense now and it is known where. (VTP-35)
    pub(super) fn dial(&mut self, key: PairKey) {
        let Some(entry) = self.pairs.get(&key) else {
            return;
        };
        if entry.pair.may_dial() && !entry.pair.is_dialling() {
            self.begin_dial(key);
        }
    }

    /// The circuit beneath a session will end: if nothing else is under way, another is asked for beside it. (PAC-14, VTP-41)
    pub(super) fn look_ahead(&mut self, end: LinkId) {
        let Some(State::Live(conn, _)) = self.links.get(&end).map(|link| &link.state) else {
            return;
        };
        let Some(key) = self.conns.get(conn).map(|it| it.key) else {
            return;
        };
        let may_move = |entry: &Entry| entry.pair.may_move() && !entry.pair.is_dialling();
        if self.is_live(key, end) && self.pairs.get(&key).is_some_and(may_move) {
            self.begin_dial(key);
        }
    }

    fn begin_dial(&mut self, key: PairKey) {
        let link = self.fresh_link();
        let Some((_, conn)) = self.conn_of(key) else {
            return;
        };
        conn.redial_at = None;
        let Some(dial) = conn.dial.clone() else {
            return;
        };
        let (how, to) = match self.way(key.peer, dial.at) {
            Ok(way) => way,
            Err(CloseReason::NotFound) => return self.look_up(key),
            Err(reason) => return self.break_off(key, reason),
        };
        let local = dial.local;
        let intent = Intent { key, local, how };
        if let Some(entry) = self.pairs.get_mut(&key) {
            entry.pair.dial(TransportId(link.0));
        }
        let mut it = Link::new(State::Opening(Box::new(intent)));
        it.is_end = !matches!(to, To::Address(_));
        self.links.insert(link, it);
        self.requests.push_back(Request::Open { link, to });
    }

    pub(super) fn is_shown(&self, key: PairKey) -> bool {
        self.pairs.get(&key).is_some_and(|it| it.pair.is_shown())
    }

    /// How a peer is reached, and where: who is to prove itself there, and under which key it can be asked for. (VTP-4, RDV-34)
    ///
    /// # Errors
    /// A relay is not in the consensus; nothing leads to a vat that hides.
    fn way(&mut self, peer: VatId, at: Where) -> Result<(How, To), CloseReason> {
        let key = *peer.public_key();
        Ok(match at {
            Where::Address(at) => {
                let wanted = Wanted {
                    key,
                    prekey: key.mapped(),
                    for_use: Use::Vat,
                    place: at.to_string().into_bytes(),
                };
                (How::Dial(wanted), To::Address(at))
            }
            Where::Relay(relay, reach) => {
                let known = self.consensus.as_ref().and_then(|all| all.relay(&relay));
                let wanted = Wanted {
                    key,
                    prekey: known.ok_or(CloseReason::Unreachable)?.onion,
                    for_use: Use::Exit,
                    place: relay.as_bytes().to_vec(),
                };
                (How::Dial(wanted), To::Relay(relay, reach))
            }
            Where::Meeting => match self.introduction(&peer) {
                Some(with) => {
                    let spot = *with.ticket().spot();
                    (How::Call(Box::new(with)), To::Spot(spot))
                }
                None => {
                    let listing = self.record_of(&peer).ok_or(CloseReason::NotFound)?;
                    (How::Look(Box::new(listing)), To::Spot(listing.spot))
                }
            },
        })
    }

    /// How long an object waits for a transport. (VTP-40)
    pub(super) fn patience(&self) -> Duration {
        PATIENCE + self.until_a_circuit()
    }

    /// The driver has taken a dial: now it is known since when the connection waits. (VTP-40)
    pub(super) fn begin_wait(&mut self, key: PairKey) {
        let expires = self.clock + self.patience();
        if self
            .pairs
            .get(&key)
            .is_some_and(|it| it.pair.live().is_some())
        {
            return;
        }
        if let Some((id, conn)) = self.conn_of(key) {
            conn.expires.get_or_insert(expires);
            self.arm_conn(id);
        }
    }

    fn arm_conn_of(&mut self, key: PairKey) {
        if let Some((id, _)) = self.conn_of(key) {
            self.arm_conn(id);
        }
    }

    /// A connection's moment has come.
    pub(super) fn conn_due(&mut self, id: ConnId) {
        let now = self.clock;
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        conn.timer = None;
        let key = conn.key;
        if conn.expires.is_some_and(|at| at <= now) {
            return self.break_off(key, CloseReason::Unreachable);
        }
        if conn.redial_at.is_some_and(|at| at <= now) {
            conn.redial_at = None;
            self.dial(key);
        }
        self.arm_conn(id);
    }

    /// Sees to it that a connection is looked at in time.
    pub(super) fn arm_conn(&mut self, id: ConnId) {
        if let Some(conn) = self.conns.get_mut(&id) {
            let due = conn.due();
            self.timers.set(Who::Conn(id), &mut conn.timer, due);
        }
    }

    /// A slave was told of a go that may still come: it waits for the handshakes that have begun. (VTP-38)
    pub(super) fn wait_for_go(&mut self, key: PairKey) {
        if self.pairs.get(&key).is_some_and(|it| it.pair.waits()) {
            self.waiting.insert((LinkId(self.next_link), key));
            self.see_who_waits();
        }
    }

    /// Wakes those who wait for handshakes of which none is left. (VTP-38)
    pub(super) fn see_who_waits(&mut self) {
        let oldest = self.half_open.oldest();
        while let Some((mark, key)) = self.waiting.first().copied()
            && oldest.is_none_or(|oldest| mark.0 < oldest)
        {
            self.waiting.remove(&(mark, key));
            if let Some(entry) = self.pairs.get_mut(&key) {
                entry.pair.give_up_waiting();
            }
            // A pause that is not over goes on: a master that says nothing but `dup` is not dialled without end.
            let pauses = |(_, conn): (ConnId, &mut Conn)| conn.redial_at.is_some();
            if !self.conn_of(key).is_some_and(pauses) {
                self.dial(key);
            }
        }
    }

    /// If nothing of a pair is in use any more, it is forgotten, at once or in time. (VTP-40, VTP-41)
    pub(super) fn rest(&mut self, key: PairKey) {
        let now = self.clock;
        let Some(entry) = self.pairs.get_mut(&key) else {
            return;
        };
        if !entry.pair.is_idle() {
            return;
        }
        if !key.is_remembered() {
            self.pairs.remove(&key);
        } else if entry.idle_since.is_none() {
            entry.idle_since = Some(now);
            if !core::mem::replace(&mut entry.is_queued, true) {
                self.resting.push_back((now, key));
            }
        }
    }

    /// Forgets the pairs that have been out of use for long enough. (VTP-40)
    pub(super) fn forget_pairs(&mut self) {
        let now = self.clock;
        while let Some((since, key)) = self.resting.front().copied()
            && since + MEMORY <= now
        {
            self.resting.pop_front();
            let Some(entry) = self.pairs.get_mut(&key) else {
                continue;
            };
            match entry.idle_since {
                Some(idle) if idle + MEMORY <= now => {
                    self.pairs.remove(&key);
                    self.is_forgetful = true;
                }
                // In use since, and out of use again: it stands in the queue once, and waits anew.
                Some(_) => self.resting.push_back((now, key)),
                None => entry.is_queued = false,
            }
        }
    }

    /// When [`Node::forget_pairs`] is wanted.
    pub(super) fn memory_due(&self) -> Option<Instant> {
        self.resting.front().map(|(since, _)| *since + MEMORY)
    }
}
