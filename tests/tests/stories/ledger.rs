//! Who said what, and what became of it: nothing lost, nothing doubled, order kept, or one clean break.
//!
//! The ledger numbers what is said at each *end*: a connection as one life of one vat calls it. When the world is at rest it
//! goes through all that every runtime was told and demands:
//!
//! - what is heard at an end was said at one other end, which hears nobody else either;
//! - it is what was said there, byte by byte, from the first message on, each once, without a gap;
//! - a runtime is told of a connection once that it is open and at most once that it is closed, and nothing behind that;
//! - if one end of two is over, so is the other; if it is not over, everything that was said at it was heard.

use crate::kit::{MS, SECOND};
use pluribus_mix::crypto::rng::{Rng, Seed};
use pluribus_mix::netlayer::{CloseReason, ConnId, Event, SendFault};
use pluribus_mix::sim::{Fault, HostId, World};
use pluribus_mix::time::Duration;
use std::collections::BTreeMap;
use std::ops::Range;

/// The seeds over which a story is told: few, or as many as `STORY_SEEDS` says.
pub(crate) fn seeds() -> Range<u64> {
    let number = |text: String| text.parse().expect("STORY_SEEDS is a number");
    0..std::env::var("STORY_SEEDS").map_or(3, number)
}

/// One vat's end of a connection, in one of its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct End {
    vat: HostId,
    life: usize,
    conn: ConnId,
}

/// What was heard at an end.
#[derive(Default)]
struct Heard {
    opened: bool,
    over: Option<CloseReason>,
    /// The end at which it was said, by its number in the ledger, and how many messages.
    voice: Option<usize>,
    count: u64,
}

#[derive(Default)]
struct Ledger {
    /// All ends at which something was said, and how many messages.
    said: Vec<(End, u64)>,
    /// How many events a vat had been told when each of its further lives began.
    lives: BTreeMap<HostId, Vec<usize>>,
    /// The ends that their own runtime has closed, and how many events it had been told by then.
    closed: BTreeMap<End, usize>,
}

impl Ledger {
    fn life(&self, vat: HostId, event: usize) -> usize {
        let starts = self.lives.get(&vat).map_or(&[][..], Vec::as_slice);
        starts.partition_point(|start| *start <= event)
    }

    fn end(&self, world: &World, vat: HostId, conn: ConnId) -> End {
        let life = self.life(vat, world.events(vat).len());
        End { vat, life, conn }
    }

    fn voice(&mut self, end: End) -> usize {
        let known = self.said.iter().position(|(of, _)| *of == end);
        known.unwrap_or_else(|| {
            self.said.push((end, 0));
            self.said.len() - 1
        })
    }

    fn heard(&self, world: &World, vats: &[HostId]) -> BTreeMap<End, Heard> {
        let mut heard = BTreeMap::new();
        for &vat in vats {
            for (number, event) in world.events(vat).iter().enumerate() {
                let (Event::Opened { conn, .. }
                | Event::Message { conn, .. }
                | Event::Ended { conn }
                | Event::Writable { conn }
                | Event::Closed { conn, .. }) = event;
                let (life, conn) = (self.life(vat, number), *conn);
                let end = End { vat, life, conn };
                let closed = self.closed.get(&end);
                assert!(closed.is_none_or(|told| number < *told), "{end:?}");
                heard.entry(end).or_insert_with(Heard::default).hear(event);
            }
        }
        heard
    }

    /// Whether nothing more can be heard or said at an end.
    fn is_over(&self, world: &World, heard: &BTreeMap<End, Heard>, end: End) -> bool {
        let told = heard.get(&end).is_some_and(|heard| heard.over.is_some());
        let lives = self.lives.get(&end.vat).map_or(0, Vec::len);
        told || self.closed.contains_key(&end) || end.life < lives || !world.is_up(end.vat)
    }

    fn check(&self, world: &World, vats: &[HostId]) {
        let heard = self.heard(world, vats);
        let mut partners = BTreeMap::new();
        for (&end, at_end) in &heard {
            let Some(voice) = at_end.voice else { continue };
            let (other, said) = self.said[voice];
            assert!(at_end.count <= said && other.vat != end.vat, "{end:?}");
            for (one, its) in [(end, other), (other, end)] {
                let known = *partners.entry(one).or_insert(its);
                assert_eq!(known, its, "{one:?} belongs to two ends");
            }
        }
        for (&one, &its) in &partners {
            let over = [one, its].map(|end| self.is_over(world, &heard, end));
            assert_eq!(over[0], over[1], "{one:?} and {its:?}: one is over");
        }
        for &(end, said) in &self.said {
            if said == 0 || self.is_over(world, &heard, end) {
                continue;
            }
            let there = partners.get(&end).and_then(|its| heard.get(its));
            let count = there.map_or(0, |there| there.count);
            assert_eq!(count, said, "said at {end:?}, and heard");
        }
    }
}

impl Heard {
    fn hear(&mut self, event: &Event) {
        assert_eq!(self.over, None, "{event:?} behind the end");
        match event {
            Event::Opened { .. } => assert!(!core::mem::replace(&mut self.opened, true)),
            Event::Closed { reason, .. } => self.over = Some(*reason),
            Event::Message { body, .. } => {
                assert!(self.opened, "a message before the connection was open");
                self.message(body);
            }
            Event::Ended { .. } | Event::Writable { .. } => {}
        }
    }

    fn message(&mut self, message: &[u8]) {
        let [voice, number, len] = numbers(message);
        assert_eq!(*self.voice.get_or_insert(voice), voice, "of two ends");
        assert_eq!(number as u64, self.count, "lost, doubled or out of order");
        assert!(
            message == body(voice, number as u64, len),
            "not what was said"
        );
        self.count += 1;
    }
}

fn body(voice: usize, number: u64, len: usize) -> Vec<u8> {
    let mut body = format!("{voice} {number} {len} ").into_bytes();
    body.resize(body.len().max(len), u8::try_from(number % 251).unwrap());
    body
}

fn numbers(body: &[u8]) -> [usize; 3] {
    let mut parts = body.splitn(4, |byte| *byte == b' ');
    [(); 3].map(|()| {
        str::from_utf8(parts.next().unwrap())
            .unwrap()
            .parse()
            .unwrap()
    })
}

/// Two vats who talk, and the ledger of it.
pub(crate) struct Talk {
    pub(crate) world: World,
    pub(crate) vats: [HostId; 2],
    pub(crate) rng: Rng,
    ledger: Ledger,
}

impl Talk {
    /// Two vats of a seed who have not met.
    pub(crate) fn of(seed: u64) -> Self {
        let mut world = World::seeded(seed);
        let vats = world.vats(["alice", "bob"]);
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        Self {
            world,
            vats,
            rng: Seed::from_bytes(bytes).fork("talk"),
            ledger: Ledger::default(),
        }
    }

    /// Two vats of a seed who are connected.
    pub(crate) fn joined(seed: u64) -> Self {
        let mut talk = Self::of(seed);
        talk.say(0, 20);
        assert!(talk.world.run_until_quiet());
        talk
    }

    /// Below this.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.rng.below(bound as u64)).unwrap()
    }

    /// A random time, in milliseconds, of at most this.
    pub(crate) fn up_to(&mut self, most: u32) -> Duration {
        u32::try_from(self.rng.below(u64::from(most) + 1)).unwrap() * MS
    }

    /// The connection that one of them has with the other.
    pub(crate) fn conn(&self, who: usize) -> Option<ConnId> {
        self.world.connection(self.vats[who], self.vats[1 - who])
    }

    /// One of them says something of at least `len` bytes to the other, and dials if need be. Nothing if the queue is full
    /// or the vat is down.
    pub(crate) fn say(&mut self, who: usize, len: usize) {
        let (from, to) = (self.vats[who], self.vats[1 - who]);
        if !self.world.is_up(from) {
            return;
        }
        let conn = self.conn(who);
        let conn = conn.unwrap_or_else(|| self.world.dial(from, to).unwrap());
        let end = self.ledger.end(&self.world, from, conn);
        let voice = self.ledger.voice(end);
        let number = self.ledger.said[voice].1;
        match self.world.send(from, conn, body(voice, number, len)) {
            Ok(()) => self.ledger.said[voice].1 += 1,
            Err(Fault::Send(refused)) if refused.fault == SendFault::Full => {}
            Err(fault) => panic!("{fault}"),
        }
    }

    /// Both say this and that, for a time.
    pub(crate) fn chat(&mut self, time: Duration) {
        let end = self.world.now() + time;
        while self.world.now() < end {
            let (who, most) = (self.below(2), [20, 300, 3000, 40_000][self.below(4)]);
            let len = self.below(most);
            self.say(who, len);
            let pause = self.up_to(60);
            self.world.run_for(pause.min(end.since(self.world.now())));
        }
    }

    /// One of them closes the connection.
    pub(crate) fn close(&mut self, who: usize) {
        let (vat, conn) = (self.vats[who], self.conn(who).unwrap());
        let end = self.ledger.end(&self.world, vat, conn);
        self.world.close(vat, conn);
        let told = self.world.events(vat).len();
        self.ledger.closed.insert(end, told);
    }

    /// One of them dies and comes back.
    pub(crate) fn restart(&mut self, who: usize) {
        let vat = self.vats[who];
        self.world.kill(vat);
        let told = self.world.events(vat).len();
        self.ledger.lives.entry(vat).or_default().push(told);
        self.world.restart(vat);
    }

    /// Runs on for `time`, waits until nothing is under way, and goes through the ledger.
    pub(crate) fn rest(&mut self, time: Duration) {
        self.world.run_for(time);
        assert!(self.world.run_until_quiet());
        self.ledger.check(&self.world, &self.vats);
    }

    /// The reasons with which connections of one of them were closed, oldest first.
    pub(crate) fn breaks(&self, who: usize) -> Vec<CloseReason> {
        let events = self.world.events(self.vats[who]).iter();
        let reason = |event: &Event| match event {
            Event::Closed { reason, .. } => Some(*reason),
            _ => None,
        };
        events.filter_map(reason).collect()
    }

    /// Each of them was told of one connection, with the other, and it is open.
    pub(crate) fn has_one_connection(&self) {
        for who in [0, 1] {
            let (vat, peer) = (self.vats[who], self.world.vat_id(self.vats[1 - who]));
            let opened = |event: &&Event| matches!(event, Event::Opened { .. });
            assert_eq!(self.world.events(vat).iter().filter(opened).count(), 1);
            assert_eq!(self.breaks(who), []);
            assert_eq!(self.world.peers(vat), [peer]);
        }
    }

    /// After whatever has befallen them they can talk, both ways, and lose nothing of it.
    pub(crate) fn can_talk(&mut self) {
        let before = self.vats.map(|vat| self.world.messages(vat).count());
        let breaks = [0, 1].map(|who| self.breaks(who));
        self.say(0, 50);
        self.rest(SECOND);
        self.say(1, 50);
        self.rest(SECOND);
        let after = self.vats.map(|vat| self.world.messages(vat).count());
        assert_eq!(after, before.map(|count| count + 1));
        assert_eq!([0, 1].map(|who| self.breaks(who)), breaks);
    }
}

/// VTP-31: the control of all these stories: a fair talk passes, and the ledger notices what is lost, doubled, out of order, changed,
/// said at one end and heard at two, over at one end only, or not heard at all.
#[test]
fn the_ledger_notices_what_is_wrong() {
    type Deed = fn(&mut Talk, ConnId);
    let deeds: [(&str, Deed); 7] = [
        ("", |talk, _| talk.chat(SECOND)),
        ("lost, doubled", |talk, conn| talk.forge(conn, 2)),
        ("lost, doubled", |talk, conn| talk.forge(conn, 0)),
        ("lost, doubled", |talk, conn| {
            talk.forge(conn, 2);
            talk.forge(conn, 1);
        }),
        ("not what was said", |talk, conn| {
            let (vat, mut wrong) = (talk.vats[0], body(0, 1, 30));
            wrong[29] ^= 1;
            talk.world.send(vat, conn, wrong).unwrap();
        }),
        ("one is over", |talk, _| {
            talk.ledger.lives.insert(talk.vats[0], vec![usize::MAX, 0]);
        }),
        ("said at", |talk, _| talk.ledger.said[0].1 += 1),
    ];
    for (complaint, deed) in deeds {
        let told = std::panic::catch_unwind(|| {
            let mut talk = Talk::joined(1);
            let conn = talk.conn(0).unwrap();
            deed(&mut talk, conn);
            talk.rest(SECOND);
        });
        let told = told.map_or_else(|panic| panic_text(&*panic), |()| String::new());
        assert_eq!(told.is_empty(), complaint.is_empty(), "{told}");
        assert!(told.contains(complaint), "{told}");
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap()
}

impl Talk {
    /// Alice sends what the ledger has not told her to send: her message of that number.
    fn forge(&mut self, conn: ConnId, number: u64) {
        self.world
            .send(self.vats[0], conn, body(0, number, 30))
            .unwrap();
    }
}
