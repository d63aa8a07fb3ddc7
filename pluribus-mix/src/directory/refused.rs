//! Why a document was refused: one sentence each, for whoever runs the client, the relay or the authority.

use thiserror::Error;

use super::{NetworkId, Wall};
use crate::id::RelayId;

/// Why a descriptor, a consensus or anything else of the directory was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// DIR-1: longer than such a document may be.
    #[error("{what}: too long: {bytes} bytes, at most {most}")]
    TooLong {
        /// Which document.
        what: &'static str,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        most: usize,
    },
    /// DIR-1: not JSON at all.
    #[error("{what}: not JSON")]
    NotJson {
        /// Which document.
        what: &'static str,
    },
    /// DIR-1: JSON, but not the one spelling of what it says.
    #[error("{what}: not in canonical form")]
    NotCanonical {
        /// Which document.
        what: &'static str,
    },
    /// A field is missing.
    #[error("{what}: {field} is missing")]
    Missing {
        /// Which document.
        what: &'static str,
        /// Which field.
        field: &'static str,
    },
    /// DIR-1: a field that the chapter does not name.
    #[error("{what}: there is no field `{field}`")]
    Unknown {
        /// Which document.
        what: &'static str,
        /// Its name, cut to 32 characters.
        field: String,
    },
    /// A field has a value that it must not have.
    #[error("{what}: {field} must be {must}")]
    Field {
        /// Which document.
        what: &'static str,
        /// Which field.
        field: &'static str,
        /// What it must be.
        must: &'static str,
    },
    /// DIR-7: a parameter is out of its range.
    #[error("parameter {name} must be {must}")]
    Param {
        /// Its name, cut to 32 characters.
        name: String,
        /// What it must be.
        must: &'static str,
    },
    /// DIR-2, DIR-15: a signature does not fit what it stands under.
    #[error("{what}: the signature of {by} does not fit: it was tampered with")]
    Signature {
        /// Which document.
        what: &'static str,
        /// Who is said to have signed it.
        by: RelayId,
    },
    /// DIR-5: of another network.
    #[error("{what}: of network {theirs}, and this is network {ours}")]
    OtherNetwork {
        /// Which document.
        what: &'static str,
        /// Its network.
        theirs: NetworkId,
        /// The network of whoever reads it.
        ours: NetworkId,
    },
    /// DIR-9: too few authorities have signed.
    #[error("consensus: signed by {valid} of the authorities, {needed} needed")]
    UnderSigned {
        /// How many have.
        valid: usize,
        /// How many must.
        needed: usize,
    },
    /// DIR-10: too old.
    #[error("consensus: expired {by} seconds ago")]
    Expired {
        /// How long ago, in seconds, the tolerance not counted.
        by: u64,
    },
    /// DIR-10: from the future.
    #[error("consensus: valid only in {by} seconds: is the clock right?")]
    NotYetValid {
        /// In how many seconds, the tolerance not counted.
        by: u64,
    },
    /// DIR-11: older than one that was accepted before.
    #[error("consensus: rolled back: of {offered:?}, and one of {held:?} is known")]
    RolledBack {
        /// Of when the one known is.
        held: Wall,
        /// Of when this one is.
        offered: Wall,
    },
    /// DIR-11: another of the same moment was accepted before.
    #[error("consensus: another one of {0:?} is known: the authorities have signed both")]
    Equivocation(Wall),
    /// DIR-11, DIR-23: written by another version of this program.
    #[error("{what}: of version {version}, which is not known here (1 is)")]
    Version {
        /// Which document.
        what: &'static str,
        /// Its version.
        version: u64,
    },
    /// DIR-12: a descriptor from too long ago.
    #[error("relay descriptor of {relay}: published {age} seconds ago, at most {most}")]
    Stale {
        /// Whose.
        relay: RelayId,
        /// How long ago, in seconds.
        age: u64,
        /// How long ago it may be.
        most: u64,
    },
    /// DIR-12: a descriptor from the future.
    #[error("relay descriptor of {relay}: published {by} seconds from now: is its clock right?")]
    Early {
        /// Whose.
        relay: RelayId,
        /// By how many seconds.
        by: u64,
    },
    /// DIR-12, DIR-14: a descriptor older than the one held.
    #[error("relay descriptor of {relay}: a newer one is known")]
    Older {
        /// Whose.
        relay: RelayId,
    },
    /// DIR-12, DIR-14: another descriptor of the same moment is held.
    #[error("relay descriptor of {relay}: another one of the same second is known")]
    Twin {
        /// Whose.
        relay: RelayId,
    },
    /// DIR-12: there is no room for another relay.
    #[error("relay descriptor of {relay}: the directory is full")]
    Full {
        /// Whose.
        relay: RelayId,
    },
    /// DIR-14: a proposal of an authority whose turn it is not.
    #[error("proposal: by {by}, and it is the turn of {turn}")]
    NotItsTurn {
        /// Whose it is.
        by: RelayId,
        /// Whose it should be.
        turn: RelayId,
    },
    /// DIR-14: a proposal for a slot that is not now.
    #[error("proposal: for {slot:?}, and it is {now:?}")]
    NotNow {
        /// When the slot begins.
        slot: Wall,
        /// What time it is.
        now: Wall,
    },
    /// DIR-14: a proposal for a slot not later than the last one signed for.
    #[error("proposal: for {slot:?}, and the one of {last:?} is signed")]
    SignedAlready {
        /// When the slot begins.
        slot: Wall,
        /// When the last one signed for began.
        last: Wall,
    },
    /// DIR-14: a proposal with other parameters.
    #[error("proposal: its parameters are not ours")]
    OtherParams,
    /// DIR-15: a signature of somebody who is no authority.
    #[error("signature: {by} is no authority of this network")]
    Stranger {
        /// Of whom.
        by: RelayId,
    },
    /// DIR-15: a signature for a slot in which nothing is proposed.
    #[error("signature: for {slot:?}, for which nothing is proposed")]
    NothingProposed {
        /// When the slot begins.
        slot: Wall,
    },
}
