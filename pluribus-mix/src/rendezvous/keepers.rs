//! At which relays a location record lies. (RDV-39)
//!
//! Whoever publishes and whoever looks up work it out alike, from the record's index and the consensus, and ask nobody. Which relays these
//! are changes with the index, so with every epoch.

use crate::crypto::kdf::{Label, hash};
use crate::crypto::sign::PublicKey;
use crate::id::RelayId;

/// How many relays keep a record: one that dies, or lies, does not hide it.
pub const KEEPERS: usize = 3;

/// The relays of these that keep the record with this index, the nearest first: [`KEEPERS`] of them, or all. (RDV-39)
#[must_use]
pub fn keepers<'r>(
    index: &PublicKey,
    relays: impl IntoIterator<Item = &'r RelayId>,
) -> Vec<RelayId> {
    let label = Label::RECORD_KEEPER.as_bytes();
    let far = |relay: &RelayId| hash(&[label, index.as_bytes(), relay.as_bytes()]);
    let relays = relays.into_iter();
    let mut all: Vec<_> = relays.map(|relay| (far(relay), *relay)).collect();
    all.sort_unstable();
    all.truncate(KEEPERS);
    all.into_iter().map(|(_, relay)| relay).collect()
}
