//! The consensus of a relay or a client: the one in use, and what is on the disk. (DIR-11)
//!
//! On the disk are the signed document and the floor. The floor is written first: were the process killed between the two, it would find a
//! document below its floor and fetch another, while the other order could let an older one in.

use std::path::Path;
use std::sync::Arc;

use crate::directory::{Authorities, Consensus, Floor, Guards};

use super::super::directory::{Network, wall};
use super::super::store::{Store, StoreError, read_file};
use super::PartyError;

const CONSENSUS: &str = "consensus";
const FLOOR: &str = "floor";
const GUARDS: &str = "guards";

/// What is kept of the directory.
#[derive(Debug)]
pub struct Keep {
    network: Network,
    store: Option<Store>,
    floor: Option<Floor>,
    current: Option<Arc<Consensus>>,
    guards: Option<Guards>,
}

impl Keep {
    /// What the store has; without one, nothing, and nothing outlives the process. A kept consensus that cannot be used any more is said
    /// in the log, and another is fetched.
    ///
    /// # Errors
    /// The floor or the guards cannot be read: going on without them would be what an attacker wants.
    pub fn open(network: Network, store: Option<Store>) -> Result<Self, StoreError> {
        let mut keep = Self {
            network,
            store,
            floor: None,
            current: None,
            guards: None,
        };
        if let Some(store) = &keep.store {
            let authorities = keep.network.authorities();
            keep.floor = kept(store, FLOOR, Floor::MOST, |stored| {
                Floor::import(authorities, stored)
            })?;
            keep.guards = kept(store, GUARDS, Guards::TEXT, |stored| {
                Guards::import(authorities, stored)
            })?;
            if let Some(signed) = store.read(CONSENSUS, Consensus::MOST)? {
                keep.recall(&signed);
            }
        }
        Ok(keep)
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    fn authorities(&self) -> &Authorities {
        self.network.authorities()
    }

    /// The consensus in use.
    #[must_use]
    pub fn current(&self) -> Option<&Arc<Consensus>> {
        self.current.as_ref()
    }

    /// What a newer consensus must not be older than.
    #[must_use]
    pub fn floor(&self) -> Option<&Floor> {
        self.floor.as_ref()
    }

    pub(super) fn guards(&self) -> Option<&Guards> {
        self.guards.as_ref()
    }

    fn recall(&mut self, signed: &[u8]) {
        let kept = self
            .authorities()
            .verify(wall(), signed, self.floor.as_ref());
        match kept {
            Ok(consensus) => self.current = Some(Arc::new(consensus)),
            Err(why) => tracing::warn!("what was kept is not used: {why}"),
        }
    }

    /// Takes a signed consensus from a file.
    ///
    /// # Errors
    /// It is refused, or cannot be read or kept.
    pub fn take_file(&mut self, path: &Path) -> Result<(), PartyError> {
        let missing = || StoreError::Content {
            path: path.to_owned(),
            wrong: "there is no such file".to_owned(),
        };
        let signed = read_file(path, Consensus::MOST)?.ok_or_else(missing)?;
        self.take_signed(&signed).map(|_| ())
    }

    /// Takes a signed consensus, from whoever it came.
    ///
    /// # Errors
    /// It is refused, or cannot be kept.
    pub fn take_signed(&mut self, signed: &[u8]) -> Result<Arc<Consensus>, PartyError> {
        let verified = self
            .authorities()
            .verify(wall(), signed, self.floor.as_ref());
        self.take(verified?)
    }

    /// Takes one that was verified against the floor.
    ///
    /// # Errors
    /// It cannot be used or kept.
    pub(super) fn take(&mut self, consensus: Consensus) -> Result<Arc<Consensus>, PartyError> {
        let floor = consensus.floor();
        if let Some(store) = &self.store {
            store.write(FLOOR, &floor.export())?;
            store.write(CONSENSUS, consensus.signed())?;
        }
        self.floor = Some(floor);
        Ok(Arc::clone(self.current.insert(Arc::new(consensus))))
    }

    /// Keeps the guards if they have changed.
    ///
    /// # Errors
    /// They cannot be kept.
    pub(super) fn keep_guards(&mut self, guards: Guards) -> Result<(), StoreError> {
        if self.guards.as_ref() == Some(&guards) {
            return Ok(());
        }
        if let Some(store) = &self.store {
            store.write(GUARDS, &guards.export())?;
        }
        self.guards = Some(guards);
        Ok(())
    }
}

fn kept<T>(
    store: &Store,
    name: &str,
    most: usize,
    import: impl FnOnce(&[u8]) -> Result<T, crate::directory::Refused>,
) -> Result<Option<T>, StoreError> {
    let stored = store.read(name, most)?;
    let imported = stored.map(|stored| import(&stored)).transpose();
    imported.map_err(|wrong| store.wrong(name, wrong))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use crate::crypto::sign::SigningKey;
    use crate::directory::{Authority, Descriptor, Params, Proposed, Refused, Relay};
    use crate::id::{RelayId, VatId};
    use crate::locator::Locator;

    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_seed(&[1; 32])
    }

    fn network() -> Network {
        let locator = Locator::new(VatId::from(key().public()));
        let locator = locator.at("192.0.2.1:9001".parse().unwrap());
        Network::new(vec![locator], 1).unwrap()
    }

    /// The consensus of one relay that is signed so many slots ago.
    fn signed(ago: u64, params: Params) -> Vec<u8> {
        let now = wall().minus(ago * params.interval());
        let authorities = network().authorities().clone();
        let mut authority = Authority::new(key(), authorities, params, 1, None).unwrap();
        let relay = SigningKey::from_seed(&[2; 32]);
        let descriptor = Descriptor {
            relay: Relay {
                id: RelayId::from(relay.public()),
                onion: [3; 32],
                at: "192.0.2.2:9002".parse().unwrap(),
                weight: 1,
                family: Vec::new(),
                exit: None,
            },
            published: now,
        };
        let descriptor = descriptor.sign(&relay).unwrap();
        authority.publish(now, &descriptor).unwrap();
        match authority.propose(now) {
            Some(Proposed::Consensus(signed)) => signed,
            other => panic!("{other:?}"),
        }
    }

    fn open(files: &TempDir) -> Result<Keep, StoreError> {
        let store = Store::open(&files.path().join("state")).unwrap();
        Keep::open(network(), Some(store))
    }

    /// DIR-11: over a restart too, and also when the document itself is lost or spoilt.
    #[test]
    fn nothing_older_than_the_floor_is_taken_after_a_restart() {
        let files = tempfile::tempdir().unwrap();
        let mut keep = open(&files).unwrap();
        let older = signed(1, Params::default());
        let newer = signed(0, Params::default());
        keep.take_signed(&older).unwrap();
        keep.take_signed(&newer).unwrap();
        drop(keep);
        let kept = files.path().join("state").join(CONSENSUS);
        let mut keep = open(&files).unwrap();
        assert_eq!(keep.current().map(|it| it.signed().to_vec()), Some(newer));
        drop(keep);
        for spoilt in [&older[..], b"{}"] {
            fs::write(&kept, spoilt).unwrap();
            keep = open(&files).unwrap();
            assert!(keep.current().is_none());
            let refused = keep.take_signed(&older).unwrap_err();
            assert!(
                matches!(refused, PartyError::Refused(Refused::RolledBack { .. })),
                "{refused}"
            );
            drop(keep);
        }
    }

    /// DIR-30: without its floor a client could be told anything old.
    #[test]
    fn a_floor_or_guards_that_cannot_be_read_are_named() {
        let files = tempfile::tempdir().unwrap();
        drop(open(&files).unwrap());
        for name in [FLOOR, GUARDS] {
            let path = files.path().join("state").join(name);
            fs::write(&path, "{}").unwrap();
            let refused = open(&files).unwrap_err().to_string();
            assert!(
                refused.contains(name) && !refused.contains('\n'),
                "{refused}"
            );
            fs::remove_file(&path).unwrap();
        }
        assert!(open(&files).is_ok());
    }
}
