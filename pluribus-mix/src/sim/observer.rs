//! What a watcher of every wire writes down.

use super::link::Item;
use super::{Direction, LinkNo, Passing, Place};
use crate::crypto::kdf::hash;
use crate::time::Instant;

/// One thing that was seen on a wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// World time of the sending.
    pub at: Instant,
    /// The link.
    pub link: LinkNo,
    /// Which way.
    pub direction: Direction,
    /// Who sent it.
    pub from: Place,
    /// For whom it was.
    pub to: Place,
    /// What it was.
    pub sight: Sight,
}

/// What a wire shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// A link is asked for.
    Asked,
    /// The link is accepted.
    Stands,
    /// It is not.
    Refused,
    /// Part of the stream, or a cell.
    Bytes {
        /// How long.
        length: usize,
        /// The bytes, if [`Observer::keep_bytes`] asked for them.
        bytes: Option<Vec<u8>>,
    },
    /// The sender has ended the link.
    Over,
}

/// A watcher of every wire of a world.
///
/// It sees what somebody sees who can read all wires and open no box: when, from whom, to whom, on which link, how many
/// bytes. It notes what is *sent*; what the weather then does to it is not its business. Two uses:
///
/// - *Sameness.* Two worlds that differ only in a secret must give equal [`records`](Self::records). Bytes are not in them
///   unless asked for, since fresh keys make them differ anyway.
/// - *Replay.* [`transcript_hash`](Self::transcript_hash) is over everything, the bytes always included: two runs of one
///   seed agree on it, or something in them is not deterministic.
pub struct Observer {
    records: Vec<Record>,
    keeps_bytes: bool,
    transcript: [u8; 32],
}

impl Observer {
    pub(super) fn new() -> Self {
        Self {
            records: Vec::new(),
            keeps_bytes: false,
            transcript: [0; 32],
        }
    }

    /// All that was seen, oldest first.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Takes out all that was seen; it is not among the [`records`](Self::records) any more. For worlds that live long.
    pub fn take_records(&mut self) -> Vec<Record> {
        core::mem::take(&mut self.records)
    }

    /// Whether records have their bytes from now on.
    pub const fn keep_bytes(&mut self, keep: bool) {
        self.keeps_bytes = keep;
    }

    /// What was seen between two hosts, either way.
    pub fn between(
        &self,
        a: impl Into<Place>,
        b: impl Into<Place>,
    ) -> impl Iterator<Item = &Record> {
        let (a, b) = (a.into(), b.into());
        self.records
            .iter()
            .filter(move |record| [(a, b), (b, a)].contains(&(record.from, record.to)))
    }

    /// How many bytes `from` has sent to `to`.
    pub fn volume(&self, from: impl Into<Place>, to: impl Into<Place>) -> usize {
        let (from, to) = (from.into(), to.into());
        let sent = self.between(from, to).filter(|record| record.from == from);
        sent.map(Record::length).sum()
    }

    /// SHA-256, chained record by record, over all that was seen and every byte of it.
    pub const fn transcript_hash(&self) -> [u8; 32] {
        self.transcript
    }

    fn seen<'b>(&self, bytes: &'b [u8]) -> (Sight, &'b [u8]) {
        let sight = Sight::Bytes {
            length: bytes.len(),
            bytes: self.keeps_bytes.then(|| bytes.to_vec()),
        };
        (sight, bytes)
    }

    pub(super) fn note(&mut self, passing: Passing, item: &Item) {
        let (sight, bytes) = match item {
            Item::Open => (Sight::Asked, &[][..]),
            Item::Stands => (Sight::Stands, &[][..]),
            Item::Refused => (Sight::Refused, &[][..]),
            Item::Bytes(bytes) => self.seen(bytes),
            Item::Cell { cell, .. } => self.seen(cell.as_slice()),
            Item::Over | Item::Broken => (Sight::Over, &[][..]),
        };
        let record = Record {
            at: passing.at,
            link: passing.link,
            direction: passing.direction,
            from: passing.from,
            to: passing.to,
            sight,
        };
        self.transcript = hash(&[&self.transcript, &record.head(), bytes]);
        self.records.push(record);
    }
}

impl Record {
    /// How many bytes of the stream it was.
    pub const fn length(&self) -> usize {
        match self.sight {
            Sight::Bytes { length, .. } => length,
            _ => 0,
        }
    }

    /// `at (8) ‖ link (8) ‖ direction (1) ‖ from (5) ‖ to (5) ‖ sight (1)`; what stands behind it is the rest.
    fn head(&self) -> Vec<u8> {
        let direction = match self.direction {
            Direction::Out => 0,
            Direction::Back => 1,
        };
        let sight = match self.sight {
            Sight::Asked => 0,
            Sight::Stands => 1,
            Sight::Refused => 2,
            Sight::Bytes { .. } => 3,
            Sight::Over => 4,
        };
        let mut head = Vec::with_capacity(28);
        head.extend(self.at.as_nanos().to_be_bytes());
        head.extend(self.link.0.to_be_bytes());
        head.push(direction);
        head.extend(written(self.from));
        head.extend(written(self.to));
        head.push(sight);
        head
    }
}

fn written(place: Place) -> [u8; 5] {
    let (kind, number) = match place {
        Place::Vat(vat) => (0, vat.0),
        Place::Raw(raw) => (1, raw.0),
        Place::Nowhere => (2, 0),
    };
    let [a, b, c, d] = number.to_be_bytes();
    [kind, a, b, c, d]
}
