//! A vat whose peers are written by hand: a carrier that does as it is told, and peers that say what they like.

#![allow(
    dead_code,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "each test file uses a part of these helpers of tests"
)]

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use pluribus_mix::time::{Duration, Instant};
use vat_demo::captp::certificate::{
    KeyForm, PublicId, PublicKey, SessionId, SessionKey, sign_location,
};
use vat_demo::captp::dialect::{B, Dialect};
use vat_demo::captp::locator::Peer;
use vat_demo::captp::op::{Desc, Import, Op, Position, Target};
use vat_demo::carrier::{Arrival, Carrier, Conn};
use vat_demo::host::Host;
use vat_demo::value::Value;

/// What the carrier is to tell, and what it was told to do.
#[derive(Default)]
pub(crate) struct Script {
    arrivals: VecDeque<Arrival>,
    sent: BTreeMap<Conn, VecDeque<Vec<u8>>>,
    pub(crate) dialled: Vec<(Peer, Conn)>,
    pub(crate) closed: Vec<Conn>,
    /// Whether it takes no messages.
    pub(crate) is_full: bool,
    next: u64,
}

struct Scripted(Rc<RefCell<Script>>);

impl Carrier for Scripted {
    fn location(&self) -> Peer {
        place("victim")
    }

    fn connect(&mut self, to: &Peer) -> Result<Conn, String> {
        let mut script = self.0.borrow_mut();
        let conn = script.fresh();
        script.dialled.push((to.clone(), conn));
        Ok(conn)
    }

    fn send(&mut self, conn: Conn, message: Vec<u8>) -> Result<(), Vec<u8>> {
        let mut script = self.0.borrow_mut();
        if script.is_full {
            return Err(message);
        }
        script.sent.entry(conn).or_default().push_back(message);
        Ok(())
    }

    fn close(&mut self, conn: Conn) {
        self.0.borrow_mut().closed.push(conn);
    }

    fn poll(&mut self) -> Option<Arrival> {
        self.0.borrow_mut().arrivals.pop_front()
    }
}

impl Script {
    fn fresh(&mut self) -> Conn {
        self.next += 1;
        Conn(self.next)
    }
}

pub(crate) fn place(name: &str) -> Peer {
    Peer {
        transport: "script".to_owned(),
        designator: name.to_owned(),
        hints: None,
    }
}

/// The vat under test, and its script.
pub(crate) struct Stage {
    pub(crate) host: Host,
    pub(crate) script: Rc<RefCell<Script>>,
    pub(crate) now: Instant,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::speaking(|| Box::new(B))
    }

    pub(crate) fn speaking(dialect: fn() -> Box<dyn Dialect>) -> Self {
        let script = Rc::new(RefCell::new(Script::default()));
        // Other seeds than the puppets have.
        let mut last = 100_u8;
        let entropy = move || {
            last = last.wrapping_add(1);
            [last; 32]
        };
        let carrier = Box::new(Scripted(Rc::clone(&script)));
        let host = Host::new(carrier, dialect, Box::new(entropy));
        let now = Instant::ZERO;
        Self { host, script, now }
    }

    pub(crate) fn poll(&mut self) {
        self.host.poll(self.now);
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        self.poll();
    }

    pub(crate) fn arrive(&mut self, arrival: Arrival) {
        self.script.borrow_mut().arrivals.push_back(arrival);
        self.poll();
    }

    /// A peer connects, and the carrier proves it if it can.
    pub(crate) fn connected(&mut self, seed: u8, proven: Option<&str>) -> Puppet {
        let conn = self.script.borrow_mut().fresh();
        self.puppet(conn, seed, proven)
    }

    /// The peer that the vat has dialled answers.
    pub(crate) fn answers_dial(&mut self, name: &str, seed: u8, proven: Option<&str>) -> Puppet {
        let wanted = place(name);
        let dialled = self.script.borrow().dialled.clone();
        let (_, conn) = *dialled.iter().find(|(to, _)| *to == wanted).unwrap();
        self.puppet(conn, seed, proven)
    }

    fn puppet(&mut self, conn: Conn, seed: u8, proven: Option<&str>) -> Puppet {
        let proven = proven.map(place);
        self.arrive(Arrival::Opened { conn, proven });
        Puppet {
            conn,
            key: SessionKey::from_seed(&[seed; 32]),
            their_key: None,
            name: String::new(),
            speaks: Box::new(B),
            next: 1,
        }
    }

    /// A peer with a live session.
    pub(crate) fn joined(&mut self, name: &str, seed: u8) -> Puppet {
        let mut puppet = self.connected(seed, Some(name));
        puppet.name = name.to_owned();
        puppet.hear(self);
        puppet.start(self, name);
        assert_eq!(puppet.hear(self), []);
        puppet
    }

    /// Nothing is left of anybody.
    pub(crate) fn assert_empty(&self) {
        let sizes = self.host.sizes();
        let tables = [sizes.sessions, sizes.exports, sizes.imports, sizes.answers];
        assert_eq!((tables, sizes.gifts), ([0; 4], 0), "{sizes:?}");
    }
}

/// A peer that says what a test has it say.
pub(crate) struct Puppet {
    pub(crate) conn: Conn,
    pub(crate) key: SessionKey,
    pub(crate) their_key: Option<PublicKey>,
    /// Under which it has joined.
    pub(crate) name: String,
    pub(crate) speaks: Box<dyn Dialect>,
    next: Position,
}

impl Puppet {
    pub(crate) fn say(&self, stage: &mut Stage, op: &Op) {
        let mut body = Vec::new();
        self.speaks.encode(op, &mut body).unwrap();
        self.say_bytes(stage, body);
    }

    pub(crate) fn say_bytes(&self, stage: &mut Stage, body: Vec<u8>) {
        let conn = self.conn;
        stage.arrive(Arrival::Message { conn, body });
    }

    /// What the vat has said since.
    pub(crate) fn hear(&mut self, stage: &mut Stage) -> Vec<Op> {
        stage.poll();
        let heard = stage.script.borrow_mut().sent.remove(&self.conn);
        let ops = heard.into_iter().flatten();
        let ops: Vec<_> = ops
            .map(|message| self.speaks.decode(&message).unwrap())
            .collect();
        for op in &ops {
            if let Op::StartSession { key, .. } = op {
                self.their_key = Some(*key);
            }
        }
        ops
    }

    pub(crate) fn start(&self, stage: &mut Stage, name: &str) {
        self.say(stage, &self.hello(name));
    }

    pub(crate) fn hello(&self, name: &str) -> Op {
        Op::StartSession {
            version: "1.0".to_owned(),
            key: self.key.public(),
            location: place(name),
            signature: sign_location(&self.key, &place(name)),
        }
    }

    pub(crate) fn id(&self) -> PublicId {
        self.key.public().id(KeyForm::Lists)
    }

    pub(crate) fn session(&self) -> SessionId {
        SessionId::of(self.id(), self.their_key.unwrap().id(KeyForm::Lists))
    }

    pub(crate) fn position(&mut self) -> Position {
        self.next += 1;
        self.next
    }

    /// Sends a message to an export of the vat; the answer comes to the position returned.
    pub(crate) fn ask(
        &mut self,
        stage: &mut Stage,
        to: Target,
        args: Vec<Value<Desc>>,
    ) -> Position {
        let position = self.position();
        self.say(
            stage,
            &Op::Deliver {
                to,
                args,
                answer: None,
                resolver: Some(Import::Object(position)),
            },
        );
        position
    }

    /// Sends a message and wants no answer.
    pub(crate) fn tell(&self, stage: &mut Stage, to: Target, args: Vec<Value<Desc>>) {
        self.say(
            stage,
            &Op::Deliver {
                to,
                args,
                answer: None,
                resolver: None,
            },
        );
    }

    /// What the vat answered there: the value or the reason, and whether it is a value.
    pub(crate) fn answer(&mut self, stage: &mut Stage, at: Position) -> (bool, Value<Desc>) {
        let heard = self.hear(stage);
        answer_in(&heard, at).unwrap_or_else(|| panic!("no answer at {at} in {heard:?}"))
    }

    pub(crate) fn fetch(&mut self, stage: &mut Stage, swissnum: &[u8]) -> Position {
        let args = vec![Value::symbol("fetch"), Value::Bytes(swissnum.to_vec())];
        let at = self.ask(stage, Target::Export(0), args);
        match self.answer(stage, at) {
            (true, Value::Ref(Desc::Import(Import::Object(position)))) => position,
            other => panic!("{other:?}"),
        }
    }

    /// The vat has ended the session for this reason, and holds nothing of it.
    pub(crate) fn assert_aborted(&mut self, stage: &mut Stage, reason: &str) {
        let heard = self.hear(stage);
        assert_eq!(
            heard.last(),
            Some(&Op::Abort(reason.to_owned())),
            "{heard:?}"
        );
        assert!(stage.script.borrow().closed.contains(&self.conn));
    }
}

pub(crate) fn answer_in(heard: &[Op], at: Position) -> Option<(bool, Value<Desc>)> {
    heard.iter().find_map(|op| match op {
        Op::Deliver { to, args, .. } if *to == Target::Export(at) => {
            let fulfilled = args[0] == Value::symbol("fulfill");
            Some((fulfilled, args[1].clone()))
        }
        _ => None,
    })
}

/// A stage with an echo, and an object that promises and never answers.
pub(crate) fn stage() -> Stage {
    let mut stage = Stage::new();
    let echo = stage
        .host
        .turn(|turn| turn.spawn_fn(|_, args| Ok(Value::List(args))));
    stage.host.register(b"echo", &echo);
    let never = stage.host.turn(|turn| {
        turn.spawn_fn(|turn, _| {
            let (promise, resolver) = turn.promise();
            std::mem::forget(resolver);
            Ok(promise.into())
        })
    });
    stage.host.register(b"never", &never);
    stage
}
