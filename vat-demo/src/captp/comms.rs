//! All sessions of a vat.
//!
//! A plain value: what comes from the carrier goes in with the time, and [`Act`]s for the carrier come out. References of objects
//! write down what they want as errands; [`Comms::work`] takes those between turns.
//!
//! ```text
//!   objects ── send ──► references ── errands ──► sessions ── acts ──► carrier
//!   objects ◄─ turns ── exports, answers ◄─────── sessions ◄─ bytes ── carrier
//! ```

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use pluribus_mix::time::{Duration, Instant};

use super::certificate::SessionKey;
use super::dialect::Dialect;
use super::forward::Given;
use super::handoff::Gifts;
use super::link::{Errands, Link, SessionNo, gone};
use super::locator::{Peer, Sturdyref};
use super::misdeed::Misdeed;
use super::op::Op;
use super::registry::Registry;
use super::session::{Counts, Session, Stage};
use super::share::Scales;
use super::tables::Tables;
use crate::carrier::{AsItIs, Conn, Introducer};
use crate::value::Value;
use crate::vat::{Happened, Problem, Ref, Resolver, Turn};

/// How long a peer may take to say `op:start-session`.
pub const GREETING: Duration = Duration::from_secs(20);
/// The most sessions at a time.
pub const MOST_SESSIONS: usize = 1024;

/// What a carrier is to do.
#[derive(Debug, PartialEq)]
pub enum Act {
    /// Find the vat, and say the name of the connection by [`Comms::dialled`].
    Connect(Dial, Peer),
    /// Carry a message.
    Send(Conn, Vec<u8>),
    /// End the connection, behind what was sent.
    Close(Conn),
}

/// A session that wants a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dial(pub(super) SessionNo);

/// A sturdyref to be made live, who waits for it, and the number of what wants it.
type Wanted = (Sturdyref, Resolver, u64);

/// The sessions.
pub struct Comms {
    pub(super) location: Peer,
    dialect: fn() -> Box<dyn Dialect>,
    pub(super) entropy: Box<dyn FnMut() -> [u8; 32]>,
    pub(super) sessions: BTreeMap<SessionNo, Session>,
    pub(super) conns: BTreeMap<Conn, SessionNo>,
    /// The live session with each vat.
    pub(super) live: BTreeMap<Peer, SessionNo>,
    /// The session that this side has begun with each vat and that is not live.
    pub(super) begun: BTreeMap<Peer, SessionNo>,
    pub(super) errands: Errands,
    pub(super) gifts: Gifts,
    pub(super) given: Given,
    pub(super) introducer: Rc<dyn Introducer>,
    pub(super) registry: Registry,
    /// What all peers have left in this vat.
    pub(super) left: Scales,
    wanted: Rc<RefCell<VecDeque<Wanted>>>,
    pub(super) acts: VecDeque<Act>,
    last: u64,
    pub(super) now: Instant,
    /// Sessions have ended for which others may wait.
    some_ended: bool,
    /// The length of the message that is being taken.
    pub(super) bytes: usize,
}

impl Comms {
    /// For a vat at `location`, which speaks what `dialect` gives for each peer. `entropy` gives 32 fresh random bytes at each call.
    #[must_use]
    pub fn new(
        location: Peer,
        dialect: fn() -> Box<dyn Dialect>,
        entropy: Box<dyn FnMut() -> [u8; 32]>,
    ) -> Self {
        Self {
            location,
            dialect,
            entropy,
            sessions: BTreeMap::new(),
            conns: BTreeMap::new(),
            live: BTreeMap::new(),
            begun: BTreeMap::new(),
            errands: Errands::default(),
            gifts: Gifts::default(),
            given: Given::default(),
            introducer: Rc::new(AsItIs),
            registry: Registry::default(),
            left: Scales::default(),
            wanted: Rc::default(),
            acts: VecDeque::new(),
            last: 0,
            now: Instant::default(),
            some_ended: false,
            bytes: 0,
        }
    }

    /// Has `introducer` say where exporters are found, from now on.
    pub fn introduce_by(&mut self, introducer: Rc<dyn Introducer>) {
        self.introducer = introducer;
    }

    /// Lets whoever knows the swissnum have the object.
    pub fn register(&mut self, swissnum: &[u8], object: &Ref) {
        self.registry.register(swissnum, object);
    }

    /// An object that makes sturdyrefs live: takes one, and answers with the reference.
    pub fn enlivener(&mut self, turn: &mut Turn<'_>) -> Ref {
        let wanted = Rc::clone(&self.wanted);
        turn.spawn(
            move |turn: &mut Turn<'_>, args: Vec<Value>| match <[_; 1]>::try_from(args) {
                Ok([Value::Sturdyref(sturdyref)]) => {
                    let (promise, resolver) = turn.promise();
                    let wish = (*sturdyref, resolver, turn.cause());
                    wanted.borrow_mut().push_back(wish);
                    Ok(promise.into())
                }
                _ => Err("an enlivener takes one sturdyref".into()),
            },
        )
    }

    /// The object that a sturdyref leads to: a promise at first.
    pub fn enliven(&mut self, turn: &mut Turn<'_>, sturdyref: &Sturdyref) -> Ref {
        let (promise, resolver) = turn.promise();
        self.look_up(turn, sturdyref, resolver);
        promise
    }

    fn look_up(&mut self, turn: &mut Turn<'_>, sturdyref: &Sturdyref, resolver: Resolver) {
        if sturdyref.peer == self.location {
            let outcome = self.registry.fetch(&sturdyref.swissnum);
            return turn.resolve(resolver, outcome);
        }
        let bootstrap = self.bootstrap_of(turn, &sturdyref.peer);
        let args = [Value::symbol("fetch"), sturdyref.swissnum.clone().into()];
        let answer = turn.send(&bootstrap, args);
        turn.resolve(resolver, Ok(answer.into()));
    }

    /// The bootstrap object of another vat: a promise until there is a session.
    fn bootstrap_of(&mut self, turn: &mut Turn<'_>, peer: &Peer) -> Ref {
        let (promise, resolver) = turn.promise();
        match self.session_with(peer) {
            Ok(session) if session.live().is_some() => {
                let bootstrap = session.bootstrap();
                turn.resolve(resolver, Ok(bootstrap.into()));
            }
            Ok(session) => session.wanted.push(resolver),
            Err(problem) => turn.resolve(resolver, Err(problem)),
        }
        promise
    }

    /// The session with a vat: the live one, one that is begun, or one that begins now.
    pub(super) fn session_with(&mut self, peer: &Peer) -> Result<&mut Session, Problem> {
        let known = self.live.get(peer).or_else(|| self.begun.get(peer));
        let no = match known {
            Some(no) => *no,
            None => {
                let no = self.begin(None, Some(peer.clone()))?;
                self.begun.insert(peer.clone(), no);
                self.acts.push_back(Act::Connect(Dial(no), peer.clone()));
                no
            }
        };
        self.sessions.get_mut(&no).ok_or_else(gone)
    }

    /// A new session: dialled if it has a peer.
    fn begin(&mut self, conn: Option<Conn>, peer: Option<Peer>) -> Result<SessionNo, Problem> {
        if self.sessions.len() >= MOST_SESSIONS {
            return Err("this vat has as many sessions as it may have".into());
        }
        self.last += 1;
        let no = SessionNo(self.last);
        let session = Session {
            no,
            opened: 0,
            conn,
            peer,
            proven: None,
            link: Link::new(no, Rc::clone(&self.errands)),
            key: Rc::new(SessionKey::from_seed(&(self.entropy)())),
            stage: Stage::Dialling,
            dialect: (self.dialect)(),
            undecided: None,
            tables: Tables::new(),
            wanted: Vec::new(),
            gifts: Vec::new(),
            counts: Counts::default(),
            next_count: 0,
            asked_below: 0,
            dropped_imports: Vec::new(),
            dropped_answers: Vec::new(),
            out: Vec::new(),
            early: Vec::new(),
            left: Scales::default(),
            for_gift_of: None,
        };
        self.sessions.insert(no, session);
        Ok(no)
    }

    /// What the carrier said to [`Act::Connect`]: the name of the connection, or why there is none.
    pub fn dialled(&mut self, turn: &mut Turn<'_>, dial: Dial, conn: Result<Conn, String>) {
        let conn = match conn {
            Ok(conn) => conn,
            Err(reason) => return self.end(turn, dial.0, &Problem::new(reason)),
        };
        let Some(there) = self.conns.get(&conn).copied() else {
            self.conns.insert(conn, dial.0);
            if let Some(session) = self.sessions.get_mut(&dial.0) {
                session.conn = Some(conn);
            }
            return;
        };
        // The carrier had this connection already: what waits, waits for the session on it.
        let Some(begun) = self.sessions.remove(&dial.0) else {
            return;
        };
        self.begun.retain(|_, no| *no != dial.0);
        let Some(session) = self.sessions.get_mut(&there) else {
            return;
        };
        session.wanted.extend(begun.wanted);
        session.gifts.extend(begun.gifts);
        if session.live().is_some() {
            self.now_live(turn, there);
        }
    }

    /// A connection is open.
    pub fn opened(&mut self, turn: &mut Turn<'_>, now: Instant, conn: Conn, proven: Option<Peer>) {
        self.now = now;
        let no = match self.conns.get(&conn) {
            Some(no) => *no,
            None => match self.begin(Some(conn), None) {
                Ok(no) => {
                    self.conns.insert(conn, no);
                    no
                }
                Err(_) => return self.acts.push_back(Act::Close(conn)),
            },
        };
        self.greet(turn, no, proven);
    }

    /// A message has come.
    pub fn heard(&mut self, turn: &mut Turn<'_>, now: Instant, conn: Conn, message: &[u8]) {
        self.now = now;
        let Some(no) = self.conns.get(&conn).copied() else {
            return;
        };
        self.bytes = message.len();
        if let Err(misdeed) = self.take_message(turn, no, message) {
            self.abort(turn, no, &misdeed);
        }
    }

    /// A connection is over.
    pub fn closed(&mut self, turn: &mut Turn<'_>, now: Instant, conn: Conn, reason: &str) {
        self.now = now;
        if let Some(no) = self.conns.remove(&conn) {
            if let Some(session) = self.sessions.get_mut(&no) {
                session.conn = None;
            }
            self.end(turn, no, &Problem::new(reason));
        }
    }

    /// The peer does not read what is sent to it, and the connection was closed for that.
    pub fn choked(&mut self, turn: &mut Turn<'_>, conn: Conn) {
        if let Some(no) = self.conns.remove(&conn) {
            if let Some(session) = self.sessions.get_mut(&no) {
                session.conn = None;
            }
            self.end(turn, no, &Problem::new(Misdeed::DoesNotRead.to_string()));
        }
    }

    /// Ends all sessions and says so to the peers.
    pub fn close(&mut self, turn: &mut Turn<'_>) {
        let all: Vec<_> = self.sessions.keys().copied().collect();
        for no in all {
            self.abort(turn, no, &Misdeed::Done);
        }
    }

    /// Does what references have asked for since.
    pub fn work(&mut self, turn: &mut Turn<'_>, now: Instant) {
        self.now = now;
        if std::mem::take(&mut self.some_ended) {
            self.settle_doubled(turn);
        }
        loop {
            let wanted = self.wanted.borrow_mut().pop_front();
            if let Some((sturdyref, resolver, cause)) = wanted {
                turn.because(cause, |turn| self.look_up(turn, &sturdyref, resolver));
                continue;
            }
            let errand = self.errands.borrow_mut().pop_front();
            let Some(errand) = errand else { break };
            self.run_errand(turn, errand);
        }
        self.flush();
    }

    /// Gives back to the peers what nobody here holds any more: seldom, for however much it is, it is hardly more to say.
    pub fn give_back(&mut self) {
        for session in self.sessions.values_mut() {
            session.give_back();
        }
        self.flush();
    }

    /// What the carrier is to do next.
    pub fn poll_act(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// When [`Comms::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let stages = self
            .sessions
            .values()
            .filter_map(|session| match &session.stage {
                Stage::Greeting(until) | Stage::Doubled(until, _) => Some(*until),
                Stage::Dialling | Stage::Live(_) => None,
            });
        let undecided = self.sessions.values().filter_map(Session::undecided_until);
        stages
            .chain(undecided)
            .chain(self.gifts.next_deadline())
            .chain(self.given.next_deadline())
            .min()
    }

    /// Time has gone by.
    pub fn handle_timeout(&mut self, turn: &mut Turn<'_>, now: Instant) {
        self.now = now;
        let due: Vec<_> = self
            .sessions
            .values()
            .filter_map(|session| match &session.stage {
                Stage::Greeting(until) if *until <= now => Some((session.no, Misdeed::Late)),
                Stage::Doubled(until, _) if *until <= now => Some((session.no, Misdeed::Duplicate)),
                _ => None,
            })
            .collect();
        for (no, misdeed) in due {
            self.abort(turn, no, &misdeed);
        }
        for session in self.sessions.values_mut() {
            session.decide(now);
        }
        self.gifts.expire(turn, now);
        self.given.expire(now);
        self.work(turn, now);
    }

    /// Ends a session and says why to the peer.
    pub(super) fn abort(&mut self, turn: &mut Turn<'_>, no: SessionNo, misdeed: &Misdeed) {
        if let Some(session) = self.sessions.get_mut(&no) {
            // Reasons are short; if one could not be written the peer would see the end alone.
            let _ = session.say(&Op::Abort(misdeed.to_string()));
        }
        let problem = Problem::new(format!("the session was aborted: {misdeed}"));
        self.end(turn, no, &problem);
    }

    /// Ends a session: whatever leads to the other vat is broken.
    pub(super) fn end(&mut self, turn: &mut Turn<'_>, no: SessionNo, problem: &Problem) {
        let Some(session) = self.sessions.remove(&no) else {
            return;
        };
        session.link.cut();
        let closed = Happened::Closed { session: no.0 };
        let closed = turn.because(session.opened, |turn| turn.note(closed));
        turn.because(closed, |turn| self.bury(turn, no, session, problem));
    }

    /// What is left of a session that has ended.
    fn bury(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        mut session: Session,
        problem: &Problem,
    ) {
        self.live.retain(|_, live| *live != no);
        self.begun.retain(|_, begun| *begun != no);
        if let Some(conn) = session.conn {
            self.conns.remove(&conn);
            let out = std::mem::take(&mut session.out);
            let sends = out.into_iter().map(|message| Act::Send(conn, message));
            self.acts.extend(sends);
            self.acts.push_back(Act::Close(conn));
        }
        if let Some(live) = session.live() {
            self.gifts.session_ended(turn, live, self.now);
        }
        self.given.session_ended(no);
        for reference in session.tables.imported() {
            turn.sever(&reference, problem);
        }
        // Of these nothing was said to the peer.
        for gift in session.gifts.drain(..) {
            self.ask_gifter(turn, gift, problem);
        }
        let waiting = session.wanted.drain(..);
        let waiting: Vec<_> = waiting.chain(session.tables.resolvers()).collect();
        for resolver in waiting {
            turn.resolve(resolver, Err(problem.clone()));
        }
        self.some_ended = true;
    }

    /// Hands what sessions have said to the carrier.
    fn flush(&mut self) {
        for session in self.sessions.values_mut() {
            if let Some(conn) = session.conn {
                let sends = session
                    .out
                    .drain(..)
                    .map(|message| Act::Send(conn, message));
                self.acts.extend(sends);
            }
        }
    }

    /// How many places the tables of all sessions take: exports, imports, answers. And sessions, and gifts.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        let mut sizes = Sizes {
            sessions: self.sessions.len(),
            gifts: self.gifts.len() + self.given.len(),
            left: self.left.weight(),
            ..Sizes::default()
        };
        for session in self.sessions.values() {
            let [exports, imports, answers] = session.tables.sizes();
            sizes.exports += exports;
            sizes.imports += imports;
            sizes.answers += answers;
        }
        sizes
    }
}

/// How much a vat's sessions hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Sessions, live or not.
    pub sessions: usize,
    /// What peers hold of ours.
    pub exports: usize,
    /// What we hold of peers'.
    pub imports: usize,
    /// Promises of answers that peers may send to.
    pub answers: usize,
    /// Gifts deposited, wishes that wait for one, and gifts that may have to be passed on.
    pub gifts: usize,
    /// What peers have left here, in weight.
    pub left: usize,
}
