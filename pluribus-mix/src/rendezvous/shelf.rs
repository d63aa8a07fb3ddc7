//! Where records of strangers lie. (RDV-31)
//!
//! Anybody can make keys, so anybody can fill a shelf. What lies there has its place for as long as it counts and can be renewed; a newcomer
//! gets what is left.

use std::collections::{BTreeMap, BTreeSet};

use super::epoch::Epoch;
use super::{Record, Refused};
use crate::ablation::check;
use crate::crypto::sign::PublicKey;
use crate::directory::{NetworkId, Wall};

/// The records that are kept for a network.
pub struct Shelf {
    network: NetworkId,
    most: usize,
    records: BTreeMap<PublicKey, Record>,
    by_epoch: BTreeSet<(Epoch, PublicKey)>,
}

impl Shelf {
    /// How many records are kept, if nobody says otherwise.
    pub const MOST: usize = 65_536;

    /// An empty one with room for so many records.
    #[must_use]
    pub const fn new(network: NetworkId, most: usize) -> Self {
        Self {
            network,
            most,
            records: BTreeMap::new(),
            by_epoch: BTreeSet::new(),
        }
    }

    /// Takes a record, in the place of an older one if there is one. The same one again is taken and changes nothing. (RDV-31)
    ///
    /// # Errors
    /// If it is not good, not newer, or there is no room.
    pub fn put(&mut self, bytes: &[u8], now: Wall) -> Result<(), Refused> {
        self.forget(now);
        let record = Record::check(bytes, self.network, now)?;
        if let Some(held) = self.records.get(record.index()) {
            if *held == record {
                return Ok(());
            }
            if !check!(Newer, record.revision() > held.revision()) {
                return Err(Refused::Older);
            }
            self.by_epoch.remove(&(held.epoch(), *held.index()));
        } else if self.records.len() >= self.most {
            return Err(Refused::Full);
        }
        self.by_epoch.insert((record.epoch(), *record.index()));
        self.records.insert(*record.index(), record);
        Ok(())
    }

    /// The record under this key, if it counts.
    #[must_use]
    pub fn find(&self, index: &[u8; 32], now: Wall) -> Option<&[u8; Record::LEN]> {
        let index = PublicKey::from_bytes(index).ok()?;
        let record = self.records.get(&index)?;
        record.epoch().counts(now).then_some(record.as_bytes())
    }

    /// Forgets those that count no more.
    pub fn forget(&mut self, now: Wall) {
        while let Some((epoch, index)) = self.by_epoch.first().copied()
            && epoch.end().plus(Epoch::OVERLAP) <= now
        {
            self.by_epoch.remove(&(epoch, index));
            self.records.remove(&index);
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}
