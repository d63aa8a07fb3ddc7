//! Operations at a live session: a peer that says anything, and objects of the vat that do anything with what they are given.
//!
//! The first bytes say how the session begins; then every step is something the peer says (an operation, one that was changed, or
//! nonsense), or that the vat does, or that happens to the link. A second set of tables (`rules.rs`) knows what may be said. So after
//! each step:
//!
//! - what is wrong ends the session, with that reason, and nothing else does;
//! - what the vat says is right by the same tables, and nobody is answered more often than they have asked;
//! - the vat has as many exports, imports and answers as the tables have;
//! - what the peer has left here is not more than it may leave.
//!
//! In the end everybody who waits was told once, and nothing is left.
#![no_main]

#[path = "captp_session/judge.rs"]
mod judge;
#[path = "captp_session/rules.rs"]
mod rules;
#[path = "captp_session/stage.rs"]
mod stage;
#[path = "captp_session/words.rs"]
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use judge::Verdict;
use libfuzzer_sys::fuzz_target;
use pluribus_mix::time::{Duration, Instant};
use rules::{Side, is_outcome, references};
use stage::{NAMES, Stage, place};
use vat_demo::captp::certificate::{KeyForm, PublicKey, SessionKey, sign_location};
use vat_demo::captp::dialect::{A, Auto, B, Dialect};
use vat_demo::captp::locator::Sturdyref;
use vat_demo::captp::op::{Desc, Import, Op, Position, Target};
use vat_demo::captp::{MOST_WAITING, PATIENCE};
use vat_demo::carrier::{Arrival, Conn};
use vat_demo::value::Value;
use words::{Input, Peer, Words};

/// The most steps of one input.
const MOST_STEPS: usize = 150;
/// The most positions of a table. (CAP-25)
const MOST: usize = 65_536;
/// When a vat takes a peer to speak what new peers speak.
const UNDECIDED: Duration = Duration::from_secs(10);

type Speaks = fn() -> Box<dyn Dialect>;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data.iter());
    let speaks: Speaks = match input.next() % 4 {
        0 => || Box::new(A),
        1 | 2 => || Box::new(B),
        _ => || Box::new(Auto::new()),
    };
    let mut stage = Stage::new(speaks);
    for number in 0..3 {
        if number > 0 && input.is_over() {
            break;
        }
        let mut session = Session::begin(stage, speaks(), number, &mut input);
        for _ in 0..MOST_STEPS {
            if session.is_over || input.is_over() {
                break;
            }
            session.step(&mut input);
        }
        stage = session.finish();
    }
    stage.drop_all();
    // What was not deposited, and what was not withdrawn.
    stage.wait(PATIENCE);
    stage.drop_all();
    let sizes = stage.host.sizes();
    assert_eq!((sizes.gifts, sizes.left), (0, 0), "{sizes:?}");
    stage.assert_told();
});

/// A live session with a peer that says what the input says.
struct Session {
    stage: Stage,
    conn: Conn,
    /// What the vat knows of the peer's dialect: it hears what the vat hears.
    mirror: Box<dyn Dialect>,
    /// What the peer speaks.
    speaks: Box<dyn Dialect>,
    since: Instant,
    peer: Peer,
    /// What the vat has given out, and what the peer has.
    theirs: Side,
    ours: Side,
    /// How often an answer was asked for at each place of ours, and not given.
    owed: BTreeMap<Position, u64>,
    /// Places that objects may hold too.
    shown: BTreeSet<Position>,
    counts: BTreeSet<u64>,
    /// The name of what will be told there.
    fetched: BTreeMap<Position, u8>,
    /// What was left here before.
    left: usize,
    is_over: bool,
}

impl Session {
    fn begin(
        mut stage: Stage,
        mirror: Box<dyn Dialect>,
        number: usize,
        input: &mut Input<'_>,
    ) -> Self {
        let how = input.next();
        let proven = (how & 1 == 0).then(|| place("peer"));
        let seed = |dial: usize| &HELLOS[number * 2 + dial];
        let left = stage.host.sizes().left;
        let open = |stage: &mut Stage, conn| {
            let proven = proven.clone();
            stage.arrive(Arrival::Opened { conn, proven });
            hello_of(stage, conn)
        };
        let dialled = |stage: &mut Stage| {
            let (peer, swissnum) = (place("peer"), b"x".to_vec());
            let far = stage.host.enliven(&Sturdyref { peer, swissnum });
            stage.pocket.borrow_mut().references.push(far);
            stage.settle();
            let script = stage.script.borrow();
            let ours = |(to, _): &&_| *to == place("peer");
            script.dialled.iter().rfind(ours).expect("it dials").1
        };
        let (conn, key, their_key) = match how / 2 % 3 {
            0 => {
                let conn = stage.script.borrow_mut().fresh();
                let theirs = open(&mut stage, conn);
                (conn, seed(0), theirs)
            }
            1 => {
                let conn = dialled(&mut stage);
                let theirs = open(&mut stage, conn);
                (conn, seed(0), theirs)
            }
            _ => {
                let dial = dialled(&mut stage);
                let in_it = open(&mut stage, dial);
                let conn = stage.script.borrow_mut().fresh();
                let theirs = open(&mut stage, conn);
                let lower = in_it.id(KeyForm::Lists) > seed(1).0.public().id(KeyForm::Lists);
                let (stays, goes, ours, theirs) = match lower {
                    true => (dial, conn, seed(0), in_it),
                    false => (conn, dial, seed(1), theirs),
                };
                greet(&mut stage, conn, &seed(1).1);
                if lower {
                    greet(&mut stage, dial, &seed(0).1);
                }
                let end = stage.script.borrow_mut().sent.remove(&goes);
                assert_eq!(end.map(|said| said.len()), Some(1), "one word about it");
                assert!(
                    stage.script.borrow().closed.contains(&goes),
                    "the lower goes"
                );
                (stays, ours, theirs)
            }
        };
        if how / 2 % 3 < 2 {
            greet(&mut stage, conn, &key.1);
        }
        let speaks: Box<dyn Dialect> = match mirror.name() {
            "A" => Box::new(A),
            "B" => Box::new(B),
            _ if how & 64 == 0 => Box::new(A),
            _ => Box::new(B),
        };
        let peer = Peer {
            key: &key.0,
            their_key,
            next: 0,
            next_count: 0,
            names: BTreeMap::new(),
        };
        let since = stage.now;
        let mut session = Self {
            stage,
            conn,
            mirror,
            speaks,
            since,
            peer,
            theirs: Side::default(),
            ours: Side::default(),
            owed: BTreeMap::new(),
            shown: BTreeSet::new(),
            counts: BTreeSet::new(),
            fetched: BTreeMap::new(),
            left,
            is_over: false,
        };
        session.hear(&Verdict::default());
        if how < 192 {
            for name in NAMES {
                session.fetch(*name);
            }
        }
        session
    }

    fn fetch(&mut self, name: u8) {
        self.peer.next += 1;
        let at = self.peer.next;
        self.fetched.insert(at, name);
        let op = Op::Deliver {
            to: Target::Export(0),
            args: vec![Value::symbol("fetch"), Value::Bytes(vec![name])],
            answer: None,
            resolver: Some(Import::Object(at)),
        };
        let bytes = self.written(&op).expect("it can be written");
        self.say(bytes);
    }

    fn written(&self, op: &Op) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let written = self.speaks.encode(op, &mut bytes);
        written.ok().map(|()| bytes)
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.next() % 32 {
            kind @ 0..=19 => {
                let mut words = Words {
                    input,
                    peer: &mut self.peer,
                    theirs: &self.theirs,
                    ours: &self.ours,
                };
                let op = words.op();
                let Some(mut bytes) = self.written(&op) else {
                    return;
                };
                if kind == 19 {
                    for _ in 0..1 + input.below(3) {
                        let at = usize::from(input.next()) * 256 + usize::from(input.next());
                        let at = at % bytes.len();
                        match input.next() % 4 {
                            0 => bytes.truncate(at.max(1)),
                            1 => bytes.insert(at, input.next()),
                            _ => bytes[at] = input.next(),
                        }
                    }
                }
                self.say(bytes);
            }
            20 => {
                let most = input.below(64);
                let bytes = input.take(most);
                self.say(bytes);
            }
            21..=29 => {
                let (how, which) = (input.next(), [input.next(), input.next()]);
                self.stage.deed(how, which);
                self.hear(&Verdict::default());
            }
            30 => {
                let time = [1, 2_000, 11_000, 200_000][input.below(4)];
                self.stage.wait(Duration::from_millis(time));
                if self.since + UNDECIDED <= self.stage.now {
                    self.mirror.assume();
                }
                self.hear(&Verdict::default());
            }
            _ => self.hang_up(input),
        }
    }

    /// A link breaks: this one, or one that was dialled for a gift.
    fn hang_up(&mut self, input: &mut Input<'_>) {
        if input.next() % 4 > 0 {
            self.break_dials();
            return self.hear(&Verdict::default());
        }
        self.cut();
    }

    fn cut(&mut self) {
        self.is_over = true;
        let reason = "cut".to_owned();
        let conn = self.conn;
        self.stage.arrive(Arrival::Closed { conn, reason });
    }

    fn break_dials(&mut self) {
        let dialled = std::mem::take(&mut self.stage.script.borrow_mut().dialled);
        for (_, conn) in dialled.into_iter().filter(|(_, conn)| *conn != self.conn) {
            let reason = "nobody is there".to_owned();
            self.stage.arrive(Arrival::Closed { conn, reason });
        }
    }

    /// The peer says something.
    fn say(&mut self, bytes: Vec<u8>) {
        let read = self.mirror.decode(&bytes);
        let left = self.stage.host.sizes().left;
        let verdict = match &read {
            Ok(op) => {
                let mut again = Vec::new();
                // An unknown dialect reads both, and writes what is the same in both.
                let written = match self.mirror.known() {
                    true => self.mirror.encode(op, &mut again),
                    false => B.encode(op, &mut again),
                };
                assert_eq!((written, &again), (Ok(()), &bytes));
                self.judge(op, bytes.len(), left)
            }
            Err(error) => Verdict {
                wrong: vec![format!("malformed: {error}")],
                heavy: false,
            },
        };
        let conn = self.conn;
        self.stage.arrive(Arrival::Message { conn, body: bytes });
        if let Ok(Op::Abort(_)) = read {
            self.is_over = true;
            assert_eq!(self.stage.script.borrow_mut().sent.remove(&conn), None);
            return;
        }
        self.hear(&verdict);
    }

    fn note_asked(&mut self, op: &Op) {
        if let Op::Deliver {
            resolver: Some(resolver),
            ..
        }
        | Op::Listen { resolver, .. } = op
        {
            *self.owed.entry(position(*resolver)).or_default() += 1;
        }
        if let Op::Deliver { args, .. } = op {
            for desc in references(args) {
                if let Desc::Import(import) = desc {
                    self.shown.insert(position(import));
                }
            }
        }
    }

    /// What the vat has said, and what it should not have.
    fn hear(&mut self, verdict: &Verdict) {
        let said = self.stage.script.borrow_mut().sent.remove(&self.conn);
        let mut ended = None;
        for bytes in said.into_iter().flatten() {
            assert_eq!(ended, None, "said behind the end");
            match self.read(&bytes) {
                Op::Abort(reason) => ended = Some(reason),
                op => {
                    let wrong = rules::say(&op, &mut self.theirs, &mut self.ours, true);
                    let wrong = wrong.into_iter().filter(|_| verdict.wrong.is_empty());
                    assert_eq!(wrong.collect::<Vec<_>>(), [""; 0], "{op:?}");
                    self.note_told(&op);
                }
            }
        }
        let closed = self.stage.script.borrow().closed.contains(&self.conn);
        assert_eq!(ended.is_some(), closed, "the end and its reason");
        match ended {
            Some(reason) => {
                let heavy = verdict.heavy && reason.starts_with("too many ");
                let counts = reason == "too many handoff counts out of order";
                let known = verdict.wrong.contains(&reason) || heavy || counts;
                assert!(known, "{reason:?}, not {:?}", verdict.wrong);
                self.is_over = true;
            }
            None => {
                assert_eq!(verdict.wrong, [""; 0], "the session goes on");
                self.look();
            }
        }
    }

    fn read(&mut self, bytes: &[u8]) -> Op {
        let mut dialect = match self.mirror.name() {
            "A" => Box::new(A) as Box<dyn Dialect>,
            _ => Box::new(B),
        };
        let op = dialect
            .decode(bytes)
            .expect("the vat says what can be read");
        if !self.mirror.known() && A.decode(bytes).is_err() {
            // What must be said all the same is said in B: when more is dropped than a table holds. (CAP-16)
            let shown: u64 = self.ours.exports.values().map(|(sent, _)| sent).sum();
            let gone = matches!(op, Op::GcExports(_)) && shown > MOST as u64;
            assert!(gone, "said in one dialect alone");
            self.mirror.assume();
        }
        op
    }

    fn note_told(&mut self, op: &Op) {
        let Op::Deliver {
            to: Target::Export(at),
            args,
            ..
        } = op
        else {
            return;
        };
        if !is_outcome(args) {
            return;
        }
        if let (Some(name), [_, Value::Ref(Desc::Import(import))]) =
            (self.fetched.remove(at), args.as_slice())
        {
            self.peer.names.insert(name, position(*import));
        }
        if !self.shown.contains(at) {
            let owed = self.owed.get_mut(at).expect("it was asked for");
            *owed = owed.checked_sub(1).expect("it is answered once");
        }
    }

    /// What the vat holds is what the tables say.
    fn look(&self) {
        let sizes = self.stage.host.sizes();
        assert!(sizes.left <= self.left + MOST_WAITING, "{sizes:?}");
        assert_eq!(sizes.exports, self.theirs.exports.len(), "exports");
        assert_eq!(sizes.answers, self.theirs.answers.len(), "answers");
        let ours = self.ours.exports.len();
        assert!(
            sizes.imports <= ours,
            "imports: {} of {ours}",
            sizes.imports
        );
        if self.mirror.known() {
            assert_eq!(sizes.imports, ours, "imports");
        }
        assert!([sizes.exports, sizes.imports, sizes.answers] <= [MOST; 3]);
    }

    /// The session is over, by its own end or now, and nothing of it is left.
    fn finish(mut self) -> Stage {
        if !self.is_over {
            self.cut();
        }
        self.break_dials();
        let sizes = self.stage.host.sizes();
        let tables = [sizes.sessions, sizes.exports, sizes.imports, sizes.answers];
        assert_eq!(tables, [0; 4], "{sizes:?}");
        self.stage
    }
}

fn position(import: Import) -> Position {
    let (Import::Object(position) | Import::Promise(position)) = import;
    position
}

/// The keys of the peer in its dials, and what it says first with them.
static HELLOS: LazyLock<Vec<(SessionKey, Vec<u8>)>> = LazyLock::new(|| {
    (1..7)
        .map(|seed| {
            let (key, location) = (SessionKey::from_seed(&[seed; 32]), place("peer"));
            let hello = Op::StartSession {
                version: "1.0".to_owned(),
                key: key.public(),
                signature: sign_location(&key, &location),
                location,
            };
            let mut said = Vec::new();
            B.encode(&hello, &mut said).expect("it can be written");
            (key, said)
        })
        .collect()
});

fn greet(stage: &mut Stage, conn: Conn, hello: &[u8]) {
    let body = hello.to_vec();
    stage.arrive(Arrival::Message { conn, body });
}

/// The key in what the vat has said first and last.
fn hello_of(stage: &mut Stage, conn: Conn) -> PublicKey {
    let said = stage
        .script
        .borrow_mut()
        .sent
        .remove(&conn)
        .unwrap_or_default();
    match said.iter().map(|said| B.decode(said)).collect::<Vec<_>>()[..] {
        [Ok(Op::StartSession { key, .. })] => key,
        ref other => panic!("no hello: {other:?}"),
    }
}
