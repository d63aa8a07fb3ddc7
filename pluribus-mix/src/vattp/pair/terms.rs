//! What goes into the rule of a pair and comes out of it, besides words.

use super::Word;
use crate::vattp::Peer;

/// A transport, as its vat numbers them; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransportId(pub u64);

/// That the peer has proven itself, in this incarnation. The rule believes no word without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Proof {
    pub(super) incarnation: u64,
}

impl Proof {
    /// What a handshake has proven.
    pub const fn of(peer: &Peer) -> Self {
        Self::in_a_model(peer.incarnation)
    }

    /// What a handshake would have proven, where there is none: in models and fuzzers.
    pub const fn in_a_model(incarnation: u64) -> Self {
        Self { incarnation }
    }
}

/// What the owner of a pair has to do, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// An object came to be because the peer dialled.
    Made(u64),
    /// This object is joined, or joined again: its runtime may hear of it.
    Joined(u64),
    /// This object is no more: its runtime is told.
    Broke(u64),
    /// This transport is to be closed.
    Close(TransportId),
}

/// What to say to a peer that dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// This, and the transport is live.
    Live(Word),
    /// This, and the transport closes.
    Refuse(Word),
    /// Nothing; the transport closes.
    Close,
}

/// What a GOTOO means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Heard {
    /// The transport is live.
    Live,
    /// CLOSE (gone) is to be said of this object of the master's; then the transport closes.
    Gone(u64),
    /// The transport closes.
    Close,
}
