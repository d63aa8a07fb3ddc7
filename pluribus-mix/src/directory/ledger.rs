//! The descriptors that an authority holds (DIR-12).
//!
//! Anybody can make keys, so anybody can fill a list. What is held has its place for as long as it is renewed, and a
//! newcomer gets what is left: a flood keeps others from joining, and cannot push anybody out.

use std::collections::BTreeMap;

use serde_json::Value;

use super::consensus::skew;
use super::{Consensus, Descriptor, Params, Refused, Wall, canonical};
use crate::id::RelayId;

/// Room in a consensus for everything that is no relay: times, parameters, 64 signatures.
pub(super) const FRAME: usize = 32 << 10;

/// Descriptors, one a relay, each as it was signed.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    held: BTreeMap<RelayId, Held>,
    /// What the entries come to in a consensus, if every family named were whole.
    bytes: usize,
}

#[derive(Clone, Debug)]
struct Held {
    entry: Entry,
    /// When the one was published that another authority proposed and this one signed for.
    settled: Option<Wall>,
}

/// A descriptor with its signature.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) descriptor: Descriptor,
    signed: Vec<u8>,
    /// How many bytes its relay takes in a consensus, at most.
    bytes: usize,
}

impl Entry {
    /// Reads a signed descriptor that is not stale at `from` and not of a time beyond `to`. (DIR-12, DIR-14)
    pub(super) fn read(
        params: &Params,
        from: Wall,
        to: Wall,
        signed: &[u8],
    ) -> Result<Self, Refused> {
        let descriptor = Descriptor::verify(signed)?;
        let (relay, published) = (descriptor.relay.id, descriptor.published);
        let (age, most) = (from.since(published), longest(params));
        if age > most {
            return Err(Refused::Stale { relay, age, most });
        }
        let by = published.since(to);
        if by > skew(params) {
            return Err(Refused::Early { relay, by });
        }
        let listed = Value::Object(descriptor.relay.write());
        Ok(Self {
            descriptor,
            signed: signed.to_vec(),
            bytes: canonical::write(&listed).len() + 1,
        })
    }

    /// The signed document, to stand within another.
    pub(super) fn document(&self) -> Value {
        serde_json::from_slice(&self.signed).unwrap_or_default()
    }
}

impl Ledger {
    /// What is held, in the order of the relays.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.held.values().map(|held| &held.entry)
    }

    /// How many relays are held.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Takes a descriptor from its relay, in the place of an older one if there is one. (DIR-12)
    pub(super) fn take(&mut self, entry: Entry) -> Result<(), Refused> {
        let relay = entry.descriptor.relay.id;
        if let Some(Held { entry: held, .. }) = self.held.get(&relay) {
            let (old, new) = (&held.descriptor, &entry.descriptor);
            if new.published < old.published {
                return Err(Refused::Older { relay });
            }
            if new.published == old.published && new != old {
                return Err(Refused::Twin { relay });
            }
        }
        self.put(entry)
    }

    /// Whether a descriptor of a proposal is at least as new as any that was signed for. (DIR-14)
    pub(super) fn admits(&self, entry: &Entry) -> Result<(), Refused> {
        let relay = entry.descriptor.relay.id;
        let settled = self.held.get(&relay).and_then(|held| held.settled);
        match settled {
            Some(settled) if entry.descriptor.published < settled => Err(Refused::Older { relay }),
            _ => Ok(()),
        }
    }

    /// Takes a descriptor of a proposal that is signed for; one for which there is no room is the proposer's to keep. (DIR-14)
    pub(super) fn settle(&mut self, entry: Entry) {
        let (relay, published) = (entry.descriptor.relay.id, entry.descriptor.published);
        let held = self.held.get(&relay);
        if held.is_none_or(|held| published >= held.entry.descriptor.published) {
            self.put(entry).ok();
        }
        if let Some(held) = self.held.get_mut(&relay) {
            held.settled = Some(published);
        }
    }

    /// Forgets what was not renewed in time.
    pub(super) fn forget_stale(&mut self, now: Wall, params: &Params) {
        let most = longest(params);
        self.held
            .retain(|_, held| now.since(held.entry.descriptor.published) <= most);
        self.bytes = self.entries().map(|entry| entry.bytes).sum();
    }

    fn put(&mut self, entry: Entry) -> Result<(), Refused> {
        let relay = entry.descriptor.relay.id;
        let held = self.held.get(&relay);
        let bytes = self.bytes - held.map_or(0, |held| held.entry.bytes) + entry.bytes;
        let relays = self.len() + usize::from(held.is_none());
        let settled = held.and_then(|held| held.settled);
        if relays > Consensus::RELAYS || bytes + FRAME > Consensus::MOST {
            return Err(Refused::Full { relay });
        }
        self.bytes = bytes;
        self.held.insert(relay, Held { entry, settled });
        Ok(())
    }
}

/// How many seconds a descriptor counts. (DIR-12)
fn longest(params: &Params) -> u64 {
    3 * params.interval()
}
