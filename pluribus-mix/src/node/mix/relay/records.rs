//! Location records of strangers that this relay keeps. (RDV-31, RDV-40)
//!
//! It sees whether a record is signed by the key under which it lies and whether it counts, and neither whose it is nor what it says. Who
//! has it keep one, and who asks for one, is at the other end of a circuit.

use super::super::Mix;
use crate::directory::{Consensus, Wall};
use crate::onion::meet::{INDEX, RECORD};
use crate::onion::message::ToClient;
use crate::rendezvous::Record;
use crate::rendezvous::shelf::Shelf;
use crate::time::Instant;

const _: () = assert!(Record::LEN == RECORD);

/// What a relay keeps, once it knows of which network it is.
#[derive(Default)]
pub(in crate::node::mix) struct Records {
    shelf: Option<Shelf>,
    /// The time of day at some moment.
    wall: (Wall, Instant),
}

impl Records {
    /// What the time is, and the network.
    pub(in crate::node::mix) fn heed(&mut self, now: Instant, wall: Wall, consensus: &Consensus) {
        self.wall = (wall, now);
        let network = consensus.network();
        let shelf = self
            .shelf
            .get_or_insert_with(|| Shelf::new(network, Shelf::MOST));
        shelf.forget(wall);
    }

    fn shelf(&mut self, now: Instant) -> Option<(&mut Shelf, Wall)> {
        let (wall, since) = self.wall;
        let wall = wall.plus(now.since(since).as_secs());
        Some((self.shelf.as_mut()?, wall))
    }
}

impl Mix {
    /// A circuit brings a record to be kept. (RDV-40)
    pub(in crate::node::mix) fn keep(&mut self, key: usize, record: &[u8; RECORD]) {
        let now = self.clock;
        let shelf = self.relay.as_mut().and_then(|it| it.records.shelf(now));
        let is_kept = shelf.is_some_and(|(shelf, wall)| shelf.put(record, wall).is_ok());
        self.answer(
            key,
            match is_kept {
                true => ToClient::Kept,
                false => ToClient::NotHere,
            },
        );
    }

    /// A circuit asks for the record under this index. (RDV-40)
    pub(in crate::node::mix) fn find(&mut self, key: usize, index: &[u8; INDEX]) {
        let now = self.clock;
        let shelf = self.relay.as_mut().and_then(|it| it.records.shelf(now));
        let found = shelf.and_then(|(shelf, wall)| shelf.find(index, wall).copied());
        self.answer(
            key,
            match &found {
                Some(record) => ToClient::Found(record),
                None => ToClient::NotHere,
            },
        );
    }

    /// Says it; the circuit has served.
    fn answer(&mut self, key: usize, said: ToClient<'_>) {
        self.tell(key, said);
        self.met(key);
    }

    /// How many records are kept here.
    pub(in crate::node) fn records(&self) -> usize {
        let relay = self.relay.as_ref();
        let shelf = relay.and_then(|relay| relay.records.shelf.as_ref());
        shelf.map_or(0, Shelf::len)
    }
}
