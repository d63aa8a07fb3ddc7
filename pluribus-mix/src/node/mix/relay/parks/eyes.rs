//! A meeting relay that looks, and plays what it has seen once more: for tests.

use super::{Meet, Parks};
use crate::crypto::rng::Seed;
use crate::crypto::sign::SigningKey;
use crate::directory::Wall;
use crate::id::RelayId;
use crate::locator::Locator;
use crate::node::Node;
use crate::node::mix::Mix;
use crate::onion::cipher::Role;
use crate::onion::meet::{Cookie, Counts};
use crate::onion::message::ToClient;
use crate::onion::{CELL, Cell, Payload, payload_mut};
use crate::rendezvous::early::call;
use crate::rendezvous::{Bearer, Introduction};
use crate::vattp::frame::Frame;
use crate::vattp::initiator::Entropy;
use crate::vattp::pair::{PairFields, Side};
use crate::vattp::{Hints, Local};
use std::sync::Arc;

/// A cell that went over, and on which of its circuits it came.
#[derive(Clone)]
pub(crate) struct Passed {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) payload: Payload,
}

impl Parks {
    pub(in crate::node::mix) fn saw(&mut self, (from, to): (usize, usize), cell: &Cell) {
        let mut cell = *cell;
        let payload = *payload_mut(&mut cell);
        self.passed.push(Passed { from, to, payload });
    }
}

impl Mix {
    fn parks(&self) -> &Parks {
        &self.relay.as_ref().unwrap().parks
    }

    /// Joins a park as if somebody had, and says these; the circuit.
    fn play(&mut self, cookie: &Cookie, payloads: &[Payload]) -> usize {
        let until = self.clock + super::PATIENCE;
        let relay = self.relay.as_mut().unwrap();
        let seat = relay.parks.seat(cookie);
        let key = relay.parks.take_idle(&seat, 0).expect("a circuit waits");
        relay.hops[key].meet = Meet::Waiting {
            seat,
            until,
            came: 0,
        };
        self.tell(key, ToClient::Joined(Counts::default()));
        for payload in payloads {
            let mut cell = [0; CELL];
            *payload_mut(&mut cell) = *payload;
            assert!(
                self.hop(key)
                    .unwrap()
                    .hop
                    .originate(Role::Through, &mut cell)
            );
            let back = self.hop(key).unwrap().back;
            self.push_or_close(key, back, &cell);
        }
        key
    }

    /// How many cells came back over it, if it still stands.
    fn came(&self, key: usize) -> Option<u64> {
        match self.relay.as_ref()?.hops.get(key)?.meet {
            Meet::Waiting { came, .. } => Some(came),
            _ => None,
        }
    }
}

impl Node {
    /// What went over this relay.
    pub(crate) fn passed(&self) -> &[Passed] {
        &self.mix.as_ref().unwrap().parks().passed
    }

    /// Has the relay say these to whoever parks with this cookie; the circuit.
    pub(crate) fn play(&mut self, cookie: &Cookie, payloads: &[Payload]) -> usize {
        self.mix.as_mut().unwrap().play(cookie, payloads)
    }

    /// How many cells were said in answer.
    pub(crate) fn came(&self, circuit: usize) -> Option<u64> {
        self.mix.as_ref().unwrap().came(circuit)
    }
}

/// What somebody has who can call a vat once, at one relay.
pub(crate) struct Means {
    pub(crate) cookie: Cookie,
    with: Introduction,
}

impl Node {
    /// A ticket of this vat for whoever holds it.
    pub(crate) fn open_locator(&mut self) -> Locator {
        self.ticket_locator(Bearer::Anyone, 600).unwrap()
    }

    /// The same, that leads to this relay, where there is a park.
    pub(crate) fn call_at(&mut self, relay: RelayId) -> Means {
        let mut all = core::iter::repeat_with(|| self.issue_ticket(Bearer::Anyone, 600).unwrap());
        let with = all.find(|it| it.ticket().spot().relay == relay).unwrap();
        let cookie = *with.ticket().spot().cookie.as_bytes();
        Means { cookie, with }
    }
}

impl Means {
    /// Flight 1 of somebody under a throwaway key, as it goes over the splice: it says `call` and this number.
    pub(crate) fn flight(&self, number: u8) -> Vec<Payload> {
        let key = Arc::new(SigningKey::from_seed(&[number; 32]));
        let callee = self.with.ticket().vat();
        let side = Side::of_initiator(&key.public(), 0, callee.public_key());
        let local = Local {
            key,
            incarnation: 0,
            hints: Hints::default(),
            backend: Default::default(),
        };
        let (mut words, said) = (Vec::new(), format!("call {number}"));
        let message = Frame::Msg {
            more: false,
            number: 1,
            bytes: said.as_bytes(),
        };
        message.encode(&mut words);
        let entropy = Entropy::draw(&mut Seed::from_bytes([number; 32]).fork("call"));
        let (fields, now) = (PairFields::go(side, 11, 12), Wall(0));
        let (mut flight, mut cells) = (Vec::new(), Vec::new());
        let called = call(
            &self.with,
            local,
            now,
            entropy,
            &fields,
            &words,
            &mut flight,
        );
        let mut called = called.ok().unwrap();
        called.splice.seal(&flight, &mut cells).unwrap();
        cells.as_chunks().0.to_vec()
    }
}
