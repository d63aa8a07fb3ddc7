//! Vats that do things at random, and what must come of it.
//!
//! The model is small. Each reference that a party holds has a number, and each message says on which reference it was sent and
//! as which. Whatever the references lead to, over however many vats:
//!
//! - what was sent on one reference arrives at one object, in order, all of it and once, or nothing of it arrives and every
//!   answer breaks;
//! - whoever watches a promise is told once, and not of another promise;
//! - when nobody holds anything any more, the tables of all sessions are empty.
//!
//! If sessions are cut, messages may be lost, but still nothing comes twice, every watcher is told once, and the tables are
//! empty at the end.
//!
//! Promises have a level, and are resolved to what depends on lower levels alone: a promise of its own answer would wait for ever.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use pluribus_mix::time::{Duration, Instant};
use vat_demo::captp::Sizes;
use vat_demo::captp::locator::Sturdyref;
use vat_demo::host::Host;
use vat_demo::value::Value;
use vat_demo::vat::{Kind, Outcome, Ref, Resolver, Turn};

/// How many references a party keeps; more are dropped as they come.
const MOST_HELD: usize = 12;

/// Numbers that look random and are the same for the same seed; but first those that somebody has chosen.
#[derive(Clone)]
pub(crate) struct Dice {
    seed: u64,
    pub(crate) chosen: VecDeque<u8>,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self::chosen(seed, &[])
    }

    pub(crate) fn chosen(seed: u64, first: &[u8]) -> Self {
        let chosen = first.iter().copied().collect();
        Self { seed, chosen }
    }

    pub(crate) fn roll(&mut self) -> u64 {
        if let Some(chosen) = self.chosen.pop_front() {
            return chosen.into();
        }
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `most`, which is not 0.
    pub(crate) fn below(&mut self, most: usize) -> usize {
        (self.roll() % most as u64) as usize
    }

    pub(crate) fn one_in(&mut self, most: usize) -> bool {
        self.below(most) == 0
    }

    pub(crate) fn entropy(mut self) -> Box<dyn FnMut() -> [u8; 32]> {
        Box::new(move || {
            let mut out = [0; 32];
            out.chunks_mut(8)
                .for_each(|part| part.copy_from_slice(&self.roll().to_le_bytes()));
            out
        })
    }
}

/// What is between the parties.
pub(crate) trait Air {
    /// Lets a little happen.
    fn blow(&mut self, dice: &mut Dice);
    /// Lets everything happen that can without the parties doing anything. Whether there was anything.
    fn calm(&mut self, dice: &mut Dice) -> bool;
    /// Cuts something, if there is anything to be cut.
    fn cut(&mut self, dice: &mut Dice);
    /// The time now.
    fn now(&self) -> Instant;
    /// Lets time go by.
    fn wait(&mut self, time: Duration);
}

/// A reference that somebody holds.
struct Held {
    reference: Ref,
    number: i64,
    sent: i64,
    level: i64,
}

/// What is known of a reference by its number.
#[derive(Default)]
struct Line {
    sent: i64,
    /// The object and the number of each message that arrived.
    arrived: Vec<(u64, i64)>,
    /// How many answers were not broken.
    good: i64,
}

#[derive(Default)]
struct Ledger {
    lines: BTreeMap<i64, Line>,
    /// How often each watcher was told.
    told: BTreeMap<u64, u32>,
    /// Told of a promise, which is nothing to be told of.
    of_promises: u32,
    last: u64,
}

/// What objects of a party have been given, for the party to hold.
#[derive(Default)]
struct Inbox {
    references: Vec<(Ref, i64)>,
    resolvers: Vec<(Resolver, i64)>,
}

type Shared<T> = Rc<RefCell<T>>;

struct Party {
    host: Host,
    held: Vec<Held>,
    inbox: Shared<Inbox>,
}

/// All parties, and what happened to them.
pub(crate) struct Model<A> {
    pub(crate) air: A,
    pub(crate) dice: Dice,
    parties: Vec<Party>,
    roots: Vec<Sturdyref>,
    ledger: Shared<Ledger>,
    cuts: bool,
}

impl Ledger {
    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn line(&mut self, number: i64) -> &mut Line {
        self.lines.entry(number).or_default()
    }
}

fn int(value: &Value) -> i64 {
    match value {
        Value::Int(number) => number.to_string().parse().unwrap(),
        _ => panic!("a number was sent, and this came: {value:?}"),
    }
}

/// What an object answers with.
const DATA: i64 = 0;
const OBJECT: i64 = 1;
const PROBLEM: i64 = 2;
const PROMISE: i64 = 3;
const WHAT_WAS_GIVEN: i64 = 4;

/// An object that writes down what comes, and hands its party what it is given.
fn object(turn: &mut Turn<'_>, ledger: &Shared<Ledger>, inbox: &Shared<Inbox>) -> Ref {
    let me = ledger.borrow_mut().number();
    let (ledger, inbox) = (Rc::clone(ledger), Rc::clone(inbox));
    turn.spawn(move |turn: &mut Turn<'_>, args: Vec<Value>| {
        let [number, sent, answer, level, given] = args.as_slice() else {
            panic!("{args:?}")
        };
        let arrival = (me, int(sent));
        let on = int(number);
        ledger.borrow_mut().line(on).arrived.push(arrival);
        let Value::List(given) = given else {
            panic!("{given:?}")
        };
        let mut last = None;
        for pair in given.chunks(2) {
            if let Value::Ref(reference) = &pair[0] {
                let taken = (reference.clone(), int(&pair[1]));
                inbox.borrow_mut().references.push(taken);
            }
            last = Some(pair[0].clone());
        }
        answer_with(turn, int(answer), int(level), last, &ledger, &inbox)
    })
}

fn answer_with(
    turn: &mut Turn<'_>,
    answer: i64,
    level: i64,
    last: Option<Value>,
    ledger: &Shared<Ledger>,
    inbox: &Shared<Inbox>,
) -> Outcome {
    match answer {
        DATA => Ok("data".into()),
        OBJECT => Ok(object(turn, ledger, inbox).into()),
        PROBLEM => Err("asked for".into()),
        PROMISE => {
            let (promise, resolver) = turn.promise();
            inbox.borrow_mut().resolvers.push((resolver, level));
            Ok(promise.into())
        }
        WHAT_WAS_GIVEN => Ok(last.unwrap_or(Value::Null)),
        _ => Err("no such answer".into()),
    }
}

impl<A: Air> Model<A> {
    /// Parties that hold each other's first objects. `cuts` says whether sessions may be cut.
    pub(crate) fn new(dice: Dice, air: A, mut hosts: Vec<Host>, cuts: bool) -> Self {
        let ledger: Shared<Ledger> = Rc::default();
        let inboxes: Vec<Shared<Inbox>> = hosts.iter().map(|_| Rc::default()).collect();
        let mut roots = Vec::new();
        for (host, inbox) in hosts.iter_mut().zip(&inboxes) {
            let root = host.turn(|turn| object(turn, &ledger, inbox));
            roots.push(host.register(b"root", &root));
        }
        let with_inbox = hosts.into_iter().zip(inboxes);
        let parties = with_inbox.map(|(host, inbox)| Party {
            host,
            held: Vec::new(),
            inbox,
        });
        let mut model = Self {
            air,
            dice,
            parties: parties.collect(),
            roots,
            ledger,
            cuts,
        };
        for party in 0..model.parties.len() {
            model.meet(party);
        }
        model
    }

    fn hold(&mut self, party: usize, reference: Ref, level: i64) {
        let held = &mut self.parties[party].held;
        if held.len() < MOST_HELD {
            let number = self.ledger.borrow_mut().number() as i64;
            held.push(Held {
                reference,
                number,
                sent: 0,
                level,
            });
        }
    }

    /// Makes a sturdyref of some party live.
    fn meet(&mut self, party: usize) {
        let root = self.dice.below(self.roots.len());
        let reference = self.parties[party].host.enliven(&self.roots[root]);
        self.hold(party, reference, 0);
    }

    /// One of the references that a party holds.
    fn choose(&mut self, party: usize) -> Option<usize> {
        match self.parties[party].held.len() {
            0 => None,
            held => Some(self.dice.below(held)),
        }
    }

    /// Has a party do something, and then lets things happen, or not.
    pub(crate) fn step(&mut self) {
        let party = self.dice.below(self.parties.len());
        match self.dice.below(20) {
            0..10 => self.send(party),
            10 | 11 => self.promise(party),
            12 | 13 => self.resolve(party, None),
            14 | 15 => self.drop_one(party),
            16 => self.watch(party),
            17 => self.meet(party),
            18 if self.cuts && self.dice.one_in(3) => self.air.cut(&mut self.dice),
            _ => {}
        }
        for _ in 0..self.dice.below(4) {
            self.air.blow(&mut self.dice);
            let party = self.dice.below(self.parties.len());
            self.poll(party);
        }
    }

    fn send(&mut self, party: usize) {
        let Some(slot) = self.choose(party) else {
            return self.meet(party);
        };
        // Several at once make trains.
        for _ in 0..=self.dice.below(3) {
            self.send_one(party, slot);
        }
    }

    fn send_one(&mut self, party: usize, slot: usize) {
        let answer = self.dice.below(5) as i64;
        let mut level = self.parties[party].held[slot].level;
        let promised = 1 + self.dice.below(3) as i64;
        if answer == PROMISE {
            level = level.max(promised);
        }
        let mut given = Vec::new();
        for _ in 0..self.dice.below(3) {
            let with = self.choose(party).unwrap_or(slot);
            let with = &self.parties[party].held[with];
            given.extend([(&with.reference).into(), with.level.into()]);
            level = level.max(with.level);
        }
        let keep = self.dice.one_in(2);
        let watched = self.dice.one_in(2);
        let only = !keep && !watched;
        let Party { host, held, .. } = &mut self.parties[party];
        let held = &mut held[slot];
        let (number, sent) = (held.number, held.sent);
        held.sent += 1;
        let args: Vec<Value> = vec![
            number.into(),
            sent.into(),
            answer.into(),
            promised.into(),
            Value::List(given),
        ];
        self.ledger.borrow_mut().line(number).sent += 1;
        if only {
            host.turn(|turn| turn.send_only(&held.reference, args));
            return;
        }
        let promise = host.turn(|turn| turn.send(&held.reference, args));
        if watched {
            self.watch_this(party, &promise, Some(number));
        }
        if keep {
            self.hold(party, promise, level);
        }
    }

    fn promise(&mut self, party: usize) {
        let level = 1 + self.dice.below(3) as i64;
        let (promise, resolver) = self.parties[party].host.turn(|turn| turn.promise());
        let inbox = &self.parties[party].inbox;
        inbox.borrow_mut().resolvers.push((resolver, level));
        self.hold(party, promise, level);
    }

    /// Resolves something, if there is something.
    fn resolve(&mut self, party: usize, which: Option<usize>) {
        let waiting = self.parties[party].inbox.borrow().resolvers.len();
        if waiting == 0 {
            return;
        }
        let which = which.unwrap_or_else(|| self.dice.below(waiting));
        let inbox = Rc::clone(&self.parties[party].inbox);
        let (resolver, level) = inbox.borrow_mut().resolvers.swap_remove(which);
        let slot = self.choose(party);
        let lower = slot.map(|slot| &self.parties[party].held[slot]);
        let lower = lower.filter(|held| held.level < level);
        let lower = lower.map(|held| held.reference.clone());
        let kind = self.dice.below(6);
        let ledger = Rc::clone(&self.ledger);
        self.parties[party].host.turn(|turn| {
            let outcome = match (kind, lower) {
                (0, _) => Ok("settled".into()),
                (1, _) => Err("broken on purpose".into()),
                (2..5, Some(lower)) => Ok(lower.into()),
                _ => Ok(object(turn, &ledger, &inbox).into()),
            };
            turn.resolve(resolver, outcome);
        });
    }

    fn drop_one(&mut self, party: usize) {
        if let Some(slot) = self.choose(party) {
            self.parties[party].held.swap_remove(slot);
        }
    }

    fn watch(&mut self, party: usize) {
        if let Some(slot) = self.choose(party) {
            let reference = self.parties[party].held[slot].reference.clone();
            self.watch_this(party, &reference, None);
        }
    }

    fn watch_this(&mut self, party: usize, promise: &Ref, answer_on: Option<i64>) {
        let number = self.ledger.borrow_mut().number();
        self.ledger.borrow_mut().told.insert(number, 0);
        let ledger = Rc::clone(&self.ledger);
        self.parties[party].host.turn(|turn| {
            turn.when(promise, move |_, outcome| {
                let mut ledger = ledger.borrow_mut();
                *ledger.told.entry(number).or_default() += 1;
                if let (Ok(_), Some(on)) = (&outcome, answer_on) {
                    ledger.line(on).good += 1;
                }
                if let Ok(Value::Ref(to)) = &outcome
                    && matches!(to.kind(), Kind::Promise(_))
                {
                    ledger.of_promises += 1;
                }
                outcome
            });
        });
    }

    fn poll(&mut self, party: usize) {
        let now = self.air.now();
        self.parties[party].host.poll(now);
        let inbox = std::mem::take(&mut self.parties[party].inbox.borrow_mut().references);
        for (reference, level) in inbox {
            self.hold(party, reference, level);
        }
    }

    fn run_until_calm(&mut self) {
        loop {
            for party in 0..self.parties.len() {
                self.poll(party);
            }
            if !self.air.calm(&mut self.dice) {
                return;
            }
        }
    }

    /// Resolves all promises, drops everything, and says what is wrong.
    pub(crate) fn finish(mut self) -> Result<(), String> {
        self.run_until_calm();
        while let Some(party) = self.unresolved() {
            self.resolve(party, Some(0));
            self.run_until_calm();
        }
        if self.cuts {
            // Gifts of sessions that are gone wait for their receivers until they wait no more.
            self.air.wait(Duration::from_secs(300));
            self.run_until_calm();
            while let Some(party) = self.unresolved() {
                self.resolve(party, Some(0));
                self.run_until_calm();
            }
        }
        self.check_ledger()?;
        for party in &mut self.parties {
            party.held.clear();
        }
        self.run_until_calm();
        // Who does not know how to speak of garbage keeps it for a while.
        self.air.wait(Duration::from_secs(60));
        self.run_until_calm();
        let all = self.parties.iter().map(|party| party.host.sizes());
        for (number, sizes) in all.enumerate() {
            let sessions = sizes.sessions;
            let empty = Sizes {
                sessions,
                ..Sizes::default()
            };
            if sizes != empty {
                return Err(format!("party {number} keeps {sizes:?}"));
            }
        }
        Ok(())
    }

    fn unresolved(&self) -> Option<usize> {
        let open = |party: &Party| !party.inbox.borrow().resolvers.is_empty();
        self.parties.iter().position(open)
    }

    fn check_ledger(&self) -> Result<(), String> {
        let ledger = self.ledger.borrow();
        for (number, line) in &ledger.lines {
            let Line {
                sent,
                arrived,
                good,
            } = line;
            let wrong = format!("reference {number}: sent {sent}, arrived {arrived:?}");
            let numbers: Vec<_> = arrived.iter().map(|(_, number)| *number).collect();
            let objects: BTreeSet<_> = arrived.iter().map(|(object, _)| object).collect();
            let different: BTreeSet<_> = numbers.iter().collect();
            let fine = if self.cuts {
                different.len() == numbers.len()
            } else if numbers.is_empty() {
                *good == 0
            } else {
                numbers.iter().copied().eq(0..*sent)
            };
            if !fine || objects.len() > 1 {
                return Err(wrong);
            }
        }
        let other = ledger.told.iter().find(|(_, times)| **times != 1);
        if let Some((watcher, times)) = other {
            return Err(format!("watcher {watcher} was told {times} times"));
        }
        if ledger.of_promises > 0 {
            return Err(format!("{} were told of promises", ledger.of_promises));
        }
        Ok(())
    }

    /// How many messages arrived.
    pub(crate) fn arrived(&self) -> usize {
        let ledger = self.ledger.borrow();
        ledger.lines.values().map(|line| line.arrived.len()).sum()
    }
}
