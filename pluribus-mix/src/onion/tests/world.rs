//! A client's circuit and the relays on its way, with the links between them as queues that a test can reach into.

use std::collections::VecDeque;

use super::rig::rng;
use crate::crypto::aead::Backend;
use crate::crypto::dh::Scalar;
use crate::crypto::rng::Rng;
use crate::crypto::sign::SigningKey;
use crate::id::RelayId;
use crate::onion::cipher::Role;
use crate::onion::circuit::{Circuit, Heard, NotNow, Plan};
use crate::onion::handshake::{Answerer, REQUEST};
use crate::onion::hop::{Backward, Forward, Hop, Why};
use crate::onion::meet::{Cookie, INDEX, RECORD};
use crate::onion::message::Reason;
use crate::onion::{CELL, Cell, Payload, halves, payload, payload_mut};

/// A relay with its keys, and the one circuit that it has.
pub(super) struct Relay {
    pub(super) id: RelayId,
    pub(super) answerer: Answerer,
    pub(super) hop: Hop,
    pub(super) closed: Option<Closed>,
}

/// How a relay came to give a circuit up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    Blamed,
    For(Why),
    Broken,
}

/// What a client wants of a meeting relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meeting {
    Park([u8; 32]),
    Join(Cookie),
    Keep(Box<[u8; RECORD]>),
    Find([u8; INDEX]),
}

/// The name of relay number `n`.
pub(super) fn name(n: u8) -> RelayId {
    RelayId::from(SigningKey::from_seed(&[n; 32]).public())
}

impl Relay {
    pub(super) fn new(n: u8, backend: Backend) -> Self {
        let scalar = Scalar::from_bytes(rng(&format!("onion key {n}")).draw());
        Self {
            id: name(n),
            answerer: Answerer::new(name(n), scalar),
            hop: Hop::begin_with(backend),
            closed: None,
        }
    }
}

/// Everything; `forward[i]` goes to relay i, `backward[i]` comes from it.
pub(super) struct World {
    pub(super) circuit: Circuit,
    pub(super) relays: Vec<Relay>,
    pub(super) forward: Vec<VecDeque<Cell>>,
    pub(super) backward: Vec<VecDeque<Cell>>,
    /// What the circuit said of what it heard, without [`Heard::Nothing`].
    pub(super) heard: Vec<Heard>,
    /// The texts that came to the client.
    pub(super) texts: Vec<Payload>,
    /// The texts that came to an end, with the number of its relay.
    pub(super) delivered: Vec<(usize, Payload)>,
    /// The meetings that relays were asked for, with their numbers.
    pub(super) meetings: Vec<(usize, Meeting)>,
    /// The requests that relays were asked to pass on.
    pub(super) requests: Vec<[u8; REQUEST]>,
    rng: Rng,
}

impl World {
    pub(super) fn new(hops: usize, more: usize, backend: Backend) -> Self {
        let relays: Vec<_> = (1..=9).map(|n| Relay::new(n, backend)).collect();
        Self {
            circuit: Circuit::new(Plan::new(hops, more).unwrap(), backend, rng("circuit")),
            forward: relays.iter().map(|_| VecDeque::new()).collect(),
            backward: relays.iter().map(|_| VecDeque::new()).collect(),
            relays,
            heard: Vec::new(),
            texts: Vec::new(),
            delivered: Vec::new(),
            meetings: Vec::new(),
            requests: Vec::new(),
            rng: rng("relays"),
        }
    }

    /// A world whose circuit has these hops.
    pub(super) fn built(hops: usize, backend: Backend) -> Self {
        let mut world = Self::new(hops, 0, backend);
        (0..hops).for_each(|_| world.grow());
        world
    }

    /// Asks for one more hop.
    pub(super) fn ask(&mut self) -> Result<(), NotNow> {
        let hops = self.circuit.hops().len();
        let relay = &self.relays[hops];
        let (id, onion) = (relay.id, relay.answerer.onion());
        let out = &mut |cell: &Cell| self.forward[0].push_back(*cell);
        match hops {
            0 => self.circuit.create(&id, &onion, out),
            _ => self.circuit.extend(&id, &onion, out),
        }
    }

    /// Adds one more hop.
    pub(super) fn grow(&mut self) {
        self.ask().unwrap();
        self.run();
        assert_eq!(self.heard.pop(), Some(Heard::Grown));
    }

    pub(super) fn send(&mut self, text: &Payload) {
        let mut cell = [0; CELL];
        *payload_mut(&mut cell) = *text;
        self.circuit.send(&mut cell).unwrap();
        self.forward[0].push_back(cell);
    }

    /// A cell that `relay` makes, as it may or may not.
    pub(super) fn reply(&mut self, relay: usize, role: Role, text: &Payload) {
        let mut cell = [0; CELL];
        *payload_mut(&mut cell) = *text;
        assert!(self.relays[relay].hop.originate(role, &mut cell));
        self.backward[relay].push_back(cell);
    }

    pub(super) fn truncate(&mut self, to: usize) {
        let out = &mut |cell: &Cell| self.forward[0].push_back(*cell);
        self.circuit.truncate(to, out).unwrap();
    }

    /// What lies beyond `relay` has come to its end.
    pub(super) fn end_behind(&mut self, relay: usize, reason: Reason) {
        let mut cell = [0; CELL];
        assert!(self.relays[relay].hop.next_ended(reason, &mut cell));
        self.backward[relay].push_back(cell);
    }

    /// The relays behind `relay` know nothing of the circuit any more.
    pub(super) fn forget_behind(&mut self, relay: usize) {
        for at in relay + 1..self.relays.len() {
            self.relays[at].hop = Hop::begin();
            self.forward[at].clear();
            self.backward[at].clear();
        }
    }

    /// Until nothing is under way.
    pub(super) fn run(&mut self) {
        while self.step() {}
    }

    /// Lets one cell arrive.
    pub(super) fn step(&mut self) -> bool {
        for relay in 0..self.relays.len() {
            if let Some(cell) = self.forward[relay].pop_front() {
                self.arrive(relay, cell);
                return true;
            }
            if let Some(cell) = self.backward[relay].pop_front() {
                self.arrive_back(relay, cell);
                return true;
            }
        }
        false
    }

    fn arrive(&mut self, at: usize, mut cell: Cell) {
        let relay = &mut self.relays[at];
        match relay
            .hop
            .forward(&mut cell, &mut relay.answerer, &mut self.rng)
        {
            Forward::Nothing => {}
            Forward::Answer(cells) => self.backward[at].extend(*cells),
            Forward::Onward => self.forward[at + 1].push_back(cell),
            Forward::Through => self.delivered.push((at, *payload(&cell))),
            Forward::Extend(id, request) => {
                self.requests.push(*request);
                if self.relays[at + 1].id == id {
                    self.forward[at + 1].extend(halves(&request));
                } else {
                    self.end_behind(at, Reason::NoSuchRelay);
                }
            }
            Forward::Truncate => {
                self.backward[at].push_back(cell);
                self.forget_behind(at);
            }
            Forward::Back => self.backward[at].push_back(cell),
            Forward::Blame => {
                self.backward[at].push_back(cell);
                relay.closed = Some(Closed::Blamed);
            }
            Forward::Close(why) => relay.closed = Some(Closed::For(why)),
            Forward::Park(secret) => self.meetings.push((at, Meeting::Park(*secret))),
            Forward::Join(cookie) => self.meetings.push((at, Meeting::Join(cookie))),
            Forward::Keep(record) => self.meetings.push((at, Meeting::Keep(record))),
            Forward::Find(index) => self.meetings.push((at, Meeting::Find(index))),
        }
    }

    fn arrive_back(&mut self, from: usize, mut cell: Cell) {
        let Some(to) = from.checked_sub(1) else {
            let heard = self.circuit.handle(&mut cell);
            if matches!(heard, Heard::Through | Heard::Found) {
                self.texts.push(*payload(&cell));
            }
            if heard != Heard::Nothing {
                self.heard.push(heard);
            }
            return;
        };
        match self.relays[to].hop.backward(&mut cell) {
            Backward::Onward | Backward::Grown => self.backward[to].push_back(cell),
            Backward::Drop => {}
            Backward::Broken => {
                self.relays[to].closed = Some(Closed::Broken);
                self.end_behind(to, Reason::NextEnded);
            }
        }
    }
}
