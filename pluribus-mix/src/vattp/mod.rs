//! VatTP: who is at the other end, and a pipe to it that nobody can read, forge or confuse. Spec chapter 3.
//!
//! The names of the messages are E's. I, the initiator, wants the vat R:
//!
//! ```text
//! I: initiator::start ─IWANT─► ExpectIam ─► ExpectReplyInfo ─► Proven ─GIVEINFO,GO─► ExpectGoToo ─► pipe
//! R: ExpectIWant ─IAM,REPLYINFO─► ExpectGiveInfo ─► ExpectGo ─► Accepted ─GOTOO─► pipe
//! ```
//!
//! Every state is a struct named for what it waits for, and handling a message spends it: the wrong order does not
//! compile, or is one named [`Violation`]. The states take bytes, randomness and time as arguments and return bytes; they
//! know no socket, no clock and no peer table. [`initiator`] and [`responder`] mirror each other, item by item.
//!
//! Who was given a ticket has a handshake with two more items: [`introduced`].
//!
//! On a stream the items of a handshake are cut out by [`split`], on a carrier of single cells by [`cells`].
//!
//! Behind the handshake lies the [`pipe`] (records) with the [`frame`]s in it. A connection is [`outbound`] and [`inbound`]: queues,
//! numbers, what is unacknowledged. The [`transport`] beneath it packs frames into records and keeps keys fresh and the
//! peer alive.

pub mod arrival;
pub mod bare;
pub mod body;
pub mod cells;
pub mod connection;
mod cut;
pub mod datagrams;
pub mod flight;
pub mod frame;
pub mod half_open;
pub mod inbound;
pub mod initiator;
pub mod introduced;
pub mod ledger;
mod liveness;
pub mod outbound;
pub mod pair;
mod patience;
pub mod pipe;
pub mod ranges;
pub mod redial;
pub mod responder;
mod schedule;
pub mod seen;
pub mod sending;
pub mod split;
pub mod streams;
pub mod target;
pub mod tickets;
mod transcript;
pub mod transport;
mod violation;

pub use schedule::Exporter;
pub use violation::Violation;

use crate::crypto::aead::Backend;
use crate::crypto::sign::{PublicKey, SigningKey};
use crate::wire::{DecodeError, Fault, Put};
use std::sync::Arc;

/// What a pipe is for. It is part of the transcript and of the target, so that no flight of one use passes in another.
/// (VTP-1, VTP-4)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// Between relays, and from a client to its relay.
    Link = 1,
    /// Between a client and an exit.
    Exit = 2,
    /// Between vats.
    Vat = 3,
}

/// This side of a handshake.
#[derive(Clone)]
pub struct Local {
    /// The key that proves who we are; for an anonymous initiator a throwaway.
    pub key: Arc<SigningKey>,
    /// How often we have been started; 0 for anonymous initiators. (VTP-13)
    pub incarnation: u64,
    /// What we tell the other side about us.
    pub hints: Hints,
    /// The library that seals and opens.
    pub backend: Backend,
}

/// The other side, proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Who it is.
    pub key: PublicKey,
    /// How often it has been started; 0 for anonymous initiators. (VTP-13)
    pub incarnation: u64,
    /// What it told us about itself.
    pub hints: Hints,
}

impl Peer {
    /// Whether it used a throwaway key. (VTP-13)
    pub const fn is_anonymous(&self) -> bool {
        self.incarnation == 0
    }
}

/// Up to 254 bytes that a side tells the other under seal. (VTP-11)
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints(Vec<u8>);

impl Hints {
    /// The most bytes that fit.
    pub const MAX: usize = 254;
    /// Bytes of the padded form.
    pub(crate) const PADDED: usize = 256;

    /// These bytes, or `None` if there are more than [`Hints::MAX`].
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() <= Self::MAX).then(|| Self(bytes.to_vec()))
    }

    /// The bytes, without padding.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Appends `len (2) ‖ bytes ‖ zeros`, 256 bytes in all.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.put_lp(&self.0);
        out.resize(out.len() + Self::MAX.saturating_sub(self.0.len()), 0);
    }

    /// The mirror of [`Hints::encode`].
    pub(crate) fn decode(padded: &[u8; Self::PADDED]) -> Result<Self, DecodeError> {
        let (len, rest) = padded.split_first_chunk::<2>().unwrap_or((&[0; 2], &[]));
        let len = usize::from(u16::from_be_bytes(*len));
        match rest.split_at_checked(len) {
            Some((bytes, zeros)) if zeros.iter().all(|byte| *byte == 0) => Ok(Self(bytes.to_vec())),
            _ => Err(DecodeError::new("hints", Fault::OutOfRange)),
        }
    }
}

/// The versions and suites that a side speaks: as an initiator what it offers, as a responder in the order of its
/// preference. 1 to 16 of each, none twice, none 0. (VTP-2)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offers {
    versions: Vec<u8>,
    suites: Vec<u16>,
}

/// The version this code speaks.
const VERSION: u8 = 1;
/// The suites this code speaks. The second exists for the downgrade tests only and does the same as the first.
const SUITES: &[u16] = &[
    0x0001,
    #[cfg(test)]
    0x0002,
];

impl Default for Offers {
    fn default() -> Self {
        Self {
            versions: vec![VERSION],
            suites: SUITES.to_vec(),
        }
    }
}

impl Offers {
    /// What a ticket or a location record of this version says that both sides speak. (RDV-1)
    pub fn of_tickets() -> Self {
        Self {
            versions: vec![VERSION],
            suites: SUITES.iter().copied().take(1).collect(),
        }
    }

    /// Such an offer, if it keeps the rules. One may offer what this code does not speak; it is never agreed on.
    pub fn new(versions: Vec<u8>, suites: Vec<u16>) -> Result<Self, DecodeError> {
        let mut bytes = Vec::new();
        Self { versions, suites }.encode(&mut bytes);
        Self::decode(&mut crate::wire::Reader::new(&bytes))
    }

    /// Whether version and suite are among these and this code speaks them. (VTP-3)
    fn include(&self, version: u8, suite: u16) -> bool {
        let offered = self.versions.contains(&version) && self.suites.contains(&suite);
        offered && version == VERSION && SUITES.contains(&suite)
    }

    /// The first of our own preferences that `theirs` has too. (VTP-2)
    fn choose(&self, theirs: &Self) -> Result<(u8, u16), Violation> {
        let mut versions = self.versions.iter().filter(|v| **v == VERSION);
        let version = versions.find(|v| theirs.versions.contains(v));
        let mut suites = self.suites.iter().filter(|s| SUITES.contains(s));
        let suite = suites.find(|s| theirs.suites.contains(s));
        Ok((
            *version.ok_or(Violation::NoCommonVersion)?,
            *suite.ok_or(Violation::NoCommonSuite)?,
        ))
    }
}

#[cfg(test)]
pub(crate) mod tests;
