//! What the peer says: bytes into operations, with positions that are mostly there.

use std::collections::BTreeMap;

use vat_demo::captp::certificate::{
    HandoffGive, HandoffReceive, KeyForm, PublicId, PublicKey, SessionId, SessionKey,
};
use vat_demo::captp::locator::Sturdyref;
use vat_demo::captp::op::{Desc, Import, Op, Position, Target};
use vat_demo::value::Value;

use crate::rules::{Side, Takes};
use crate::stage::{NAMES, place};

type Said = Value<Desc>;

/// The input.
pub struct Input<'a>(pub std::slice::Iter<'a, u8>);

impl Input<'_> {
    pub fn next(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    pub fn below(&mut self, most: usize) -> usize {
        usize::from(self.next()) % most.max(1)
    }

    pub fn is_over(&self) -> bool {
        self.0.len() == 0
    }

    pub fn take(&mut self, most: usize) -> Vec<u8> {
        self.0.by_ref().take(most).copied().collect()
    }
}

/// The keys of the peer and what it knows of the session.
pub struct Peer {
    pub key: &'static SessionKey,
    pub their_key: PublicKey,
    pub next: Position,
    pub next_count: u64,
    /// Where the objects are that were fetched, by name.
    pub names: BTreeMap<u8, Position>,
}

impl Peer {
    fn id(&self) -> PublicId {
        self.key.public().id(KeyForm::Lists)
    }

    pub fn their_id(&self) -> PublicId {
        self.their_key.id(KeyForm::Lists)
    }

    pub fn session(&self) -> SessionId {
        SessionId::of(self.id(), self.their_id())
    }

    pub fn side(&self) -> PublicId {
        self.id()
    }

    fn fresh(&mut self) -> Position {
        self.next += 1;
        self.next
    }
}

/// A number that is among these, or near them.
fn near(input: &mut Input<'_>, known: impl Iterator<Item = Position> + Clone) -> Position {
    let choice = input.next();
    let last = known.clone().max().unwrap_or(0);
    match choice {
        254 => last.wrapping_add(1),
        255 => u64::from(input.next()).wrapping_sub(1),
        _ => {
            let many = known.clone().count().max(1);
            let at = (usize::from(choice) * if many > 200 { 331 } else { 1 }) % many;
            known.clone().nth(at).unwrap_or(0)
        }
    }
}

/// What the peer says next, given what the vat has given out and what the peer has.
pub struct Words<'a, 'b> {
    pub input: &'a mut Input<'b>,
    pub peer: &'a mut Peer,
    pub theirs: &'a Side,
    pub ours: &'a Side,
}

impl Words<'_, '_> {
    fn export(&mut self) -> Position {
        let bootstrap = std::iter::once(0);
        near(
            self.input,
            bootstrap.chain(self.theirs.exports.keys().copied()),
        )
    }

    fn answer(&mut self) -> Position {
        near(self.input, self.theirs.answers.iter().copied())
    }

    fn target(&mut self) -> Target {
        match self.input.next() % 4 {
            0 if !self.theirs.answers.is_empty() => Target::Answer(self.answer()),
            _ => Target::Export(self.export()),
        }
    }

    /// Where an answer is to be kept: mostly a place that is free.
    fn place(&mut self) -> Position {
        match self.input.next() {
            255 => self.answer(),
            254 => u64::MAX,
            _ => self
                .theirs
                .answers
                .last()
                .map_or(0, |last| last.wrapping_add(1)),
        }
    }

    fn import(&mut self) -> Import {
        let by = self.input.next();
        let position = match by % 8 {
            0 | 1 => near(self.input, self.ours.exports.keys().copied()),
            _ => self.peer.fresh(),
        };
        match by / 8 % 4 {
            0 => Import::Promise(position),
            _ => Import::Object(position),
        }
    }

    pub fn op(&mut self) -> Op {
        match self.input.next() % 16 {
            0..=9 => self.deliver(),
            10 => Op::Listen {
                to: self.target(),
                resolver: self.import(),
                partial: self.input.next() == 0,
            },
            11 => self.part(),
            12 | 13 => {
                let many = 1 + self.input.below(3);
                let mut given = Vec::new();
                for _ in 0..many {
                    let at = self.export();
                    let sent = self.theirs.exports.get(&at).map_or(1, |(sent, _)| *sent);
                    given.push(match self.input.next() {
                        255 => (at, sent + 1),
                        254 => (at, u64::MAX),
                        by if by % 3 == 0 => (at, 1),
                        by if by % 3 == 1 => (at, 0),
                        _ => (at, sent),
                    });
                }
                Op::GcExports(given)
            }
            14 => {
                let many = 1 + self.input.below(3);
                Op::GcAnswers((0..many).map(|_| self.answer()).collect())
            }
            _ => match self.input.next() {
                0..16 => Op::Abort("enough".to_owned()),
                16..20 => Op::StartSession {
                    version: "1.0".to_owned(),
                    key: self.peer.key.public(),
                    location: place("peer"),
                    signature: vat_demo::captp::certificate::sign_location(
                        self.peer.key,
                        &place("peer"),
                    ),
                },
                _ => self.deliver(),
            },
        }
    }

    fn part(&mut self) -> Op {
        let (of, answer) = (self.target(), self.place());
        let name = || "a".to_owned();
        match self.input.next() % 3 {
            0 => Op::Get {
                of,
                answer,
                field: name(),
            },
            1 => Op::Index {
                of,
                answer,
                index: u64::from(self.input.next()),
            },
            _ => Op::Untag {
                of,
                answer,
                tag: name(),
            },
        }
    }

    fn deliver(&mut self) -> Op {
        let bootstrap = Target::Export(0);
        let (to, args) = match self.input.next() % 10 {
            0 | 1 => (self.target(), self.values(3)),
            2 => (bootstrap, vec![Value::symbol("fetch"), self.name()]),
            3 => (bootstrap, self.deposit()),
            4 => (bootstrap, self.withdraw()),
            5 => (bootstrap, self.values(4)),
            6 | 7 => (self.resolver(), self.outcome()),
            _ => {
                let named = self.input.below(self.peer.names.len());
                let found = self.peer.names.values().nth(named).copied();
                (Target::Export(found.unwrap_or(0)), self.values(2))
            }
        };
        let by = self.input.next();
        Op::Deliver {
            to,
            args,
            answer: (by % 2 == 1).then(|| self.place()),
            resolver: (by % 4 != 1).then(|| self.import()),
        }
    }

    /// Somebody who waits for an answer, if there is one.
    fn resolver(&mut self) -> Target {
        let waits = |(_, takes): &(u64, Takes)| *takes != Takes::Anything;
        let waiting = self.theirs.exports.iter().filter(|(_, it)| waits(it));
        Target::Export(near(self.input, waiting.map(|(at, _)| *at)))
    }

    fn outcome(&mut self) -> Vec<Said> {
        let verb = match self.input.next() {
            255 => "perhaps",
            by if by % 4 == 0 => "break",
            _ => "fulfill",
        };
        vec![Value::symbol(verb), self.value(1)]
    }

    fn name(&mut self) -> Said {
        let at = self.input.below(NAMES.len() + 1);
        Value::Bytes(NAMES.get(at).into_iter().copied().collect())
    }

    fn values(&mut self, most: usize) -> Vec<Said> {
        let many = self.input.below(most + 1);
        (0..many).map(|_| self.value(2)).collect()
    }

    fn value(&mut self, depth: usize) -> Said {
        match self.input.next() % 16 {
            0 => i64::from(self.input.next()).into(),
            1 => "text".into(),
            2 => {
                let verbs = ["fulfill", "break", "fetch", "deposit-gift", "withdraw-gift"];
                Value::symbol(verbs[self.input.below(verbs.len())])
            }
            3 => self.name(),
            4..=6 => Value::Ref(Desc::Import(self.import())),
            7..=9 => Value::Ref(Desc::Target(self.target())),
            10 if depth > 0 => {
                let many = self.input.below(4);
                Value::List((0..many).map(|_| self.value(depth - 1)).collect())
            }
            11 if depth > 0 => Value::Struct([("a".to_owned(), self.value(depth - 1))].into()),
            12 if depth > 0 => Value::Tagged("a".to_owned(), Box::new(self.value(depth - 1))),
            13 => [
                Value::Undefined,
                Value::Null,
                true.into(),
                Value::Float(0.5),
            ][self.input.below(4)]
            .clone(),
            14 => Value::Error("words".to_owned()),
            15 => self.rare(),
            _ => Value::Undefined,
        }
    }

    fn rare(&mut self) -> Said {
        match self.input.next() {
            0..60 => Value::Ref(Desc::Give(Box::new(self.give()))),
            60..90 => self.receive(),
            90..120 => Value::Sturdyref(Box::new(Sturdyref {
                peer: place(["vat", "peer", "third"][self.input.below(3)]),
                swissnum: NAMES[..1].to_vec(),
            })),
            120..200 => Value::Bytes(vec![7; 1 + 16 * self.input.below(256)]),
            200..240 => Value::Bytes(vec![7; 4096 * self.input.below(256)]),
            240..250 => 30_000.into(),
            _ => {
                let many = self.input.below(256) * 256 + self.input.below(256);
                let fresh = || Value::Ref(Desc::Import(Import::Object(self.peer.fresh())));
                Value::List(std::iter::repeat_with(fresh).take(many).collect())
            }
        }
    }
}

/// Certificates. The peer is its own gifter and receiver, so one session is enough.
impl Words<'_, '_> {
    fn gift_id(&mut self) -> Vec<u8> {
        vec![self.input.next() % 8; 8]
    }

    fn deposit(&mut self) -> Vec<Said> {
        let id = Value::Bytes(self.gift_id());
        vec![Value::symbol("deposit-gift"), id, self.value(1)]
    }

    fn withdraw(&mut self) -> Vec<Said> {
        vec![Value::symbol("withdraw-gift"), self.receive()]
    }

    /// As a gifter writes it, but for what a bit of `wrong` says.
    fn give(&mut self) -> vat_demo::captp::certificate::SignedGive {
        let wrong = self.input.next();
        let key = SessionKey::from_seed(&[9; 32]);
        let is = |bit: u8| wrong & 1 << bit != 0 && wrong < 128;
        let give = HandoffGive {
            // For the vat, if it stands where a value does.
            receiver_key: if is(0) {
                key.public()
            } else {
                self.peer.their_key
            },
            exporter_location: place(
                ["third", "vat", "peer", "fourth"][usize::from(wrong / 2 % 4)],
            ),
            session: self.peer.session(),
            gifter_side: self.peer.side(),
            gift_id: self.gift_id(),
        };
        give.sign(self.peer.key, KeyForm::Lists)
    }

    fn receive(&mut self) -> Said {
        let wrong = self.input.next();
        let is = |bit: u8| wrong & 1 << bit != 0 && wrong >= 128;
        let stranger = SessionKey::from_seed(&[9; 32]);
        let other = PublicId([1; 32]);
        let give = HandoffGive {
            receiver_key: self.peer.key.public(),
            exporter_location: place(if is(0) { "third" } else { "vat" }),
            session: if is(1) {
                SessionId([1; 32])
            } else {
                self.peer.session()
            },
            gifter_side: if is(2) { other } else { self.peer.side() },
            gift_id: self.gift_id(),
        };
        let gifter = if is(3) { &stranger } else { self.peer.key };
        let count = match self.input.next() {
            by @ 200.. => u64::from(by - 200),
            199 => u64::MAX,
            by => self.peer.next_count + u64::from(by / 64),
        };
        self.peer.next_count = self.peer.next_count.max(count.saturating_add(1).min(2000));
        let receive = HandoffReceive {
            receiving_session: if is(4) {
                SessionId([2; 32])
            } else {
                self.peer.session()
            },
            receiving_side: if is(5) {
                self.peer.their_id()
            } else {
                self.peer.side()
            },
            handoff_count: count,
            signed_give: give.sign(gifter, KeyForm::Lists),
        };
        let receiver = if is(6) { &stranger } else { self.peer.key };
        Value::Ref(Desc::Receive(Box::new(
            receive.sign(receiver, KeyForm::Lists),
        )))
    }
}
