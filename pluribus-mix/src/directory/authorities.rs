//! Who may say what the network is (DIR-5), and whether they did (DIR-9).

use core::fmt;
use std::collections::BTreeSet;

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use thiserror::Error;

use super::canonical::{self, Fields};
use super::consensus::{Body, WHAT, digest};
use super::{Consensus, Floor, Params, Refused, Wall};
use crate::ablation::check;
use crate::crypto::kdf::{self, Label};
use crate::id::RelayId;

/// The name of a network: 8 bytes that follow from its authorities. (DIR-5)
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkId([u8; 8]);

impl NetworkId {
    /// The 8 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl From<[u8; 8]> for NetworkId {
    fn from(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for NetworkId {
    /// Writes it as documents do, in base64url.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&BASE64URL_NOPAD.encode(&self.0))
    }
}

impl fmt::Debug for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why keys and a threshold are no network. (DIR-5)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadAuthorities {
    /// None, or more than 16.
    #[error("a network has 1 to 16 authorities, not {0}")]
    Count(usize),
    /// One stands twice.
    #[error("the authority {0} stands twice")]
    Twice(RelayId),
    /// A threshold that two disjoint groups could both reach, or nobody.
    #[error("of {of} authorities more than half and at most all must sign, not {threshold}")]
    Threshold {
        /// The threshold asked for.
        threshold: usize,
        /// How many authorities there are.
        of: usize,
    },
}

/// The authorities of a network and how many of them must sign. (DIR-5)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities {
    /// Sorted.
    keys: Vec<RelayId>,
    threshold: usize,
    network: NetworkId,
}

impl Authorities {
    /// How many there may be.
    pub const MOST: usize = 16;

    /// A network of these authorities, in any order.
    ///
    /// # Errors
    /// What of DIR-5 does not hold.
    pub fn new(
        keys: impl IntoIterator<Item = RelayId>,
        threshold: usize,
    ) -> Result<Self, BadAuthorities> {
        let mut sorted = BTreeSet::new();
        for key in keys {
            if !sorted.insert(key) {
                return Err(BadAuthorities::Twice(key));
            }
        }
        let of = sorted.len();
        if !(1..=Self::MOST).contains(&of) {
            return Err(BadAuthorities::Count(of));
        }
        if threshold * 2 <= of || threshold > of {
            return Err(BadAuthorities::Threshold { threshold, of });
        }
        let keys: Vec<RelayId> = sorted.into_iter().collect();
        let network = network_id(&keys, threshold);
        Ok(Self {
            keys,
            threshold,
            network,
        })
    }

    /// The name of the network.
    #[must_use]
    pub fn network(&self) -> NetworkId {
        self.network
    }

    /// The keys, in order.
    #[must_use]
    pub fn keys(&self) -> &[RelayId] {
        &self.keys
    }

    /// How many must sign.
    #[must_use]
    pub fn threshold(&self) -> usize {
        self.threshold
    }

    /// Reads a signed consensus, from whoever it came: the network, a relay, a file.
    ///
    /// `floor` is that of the last one accepted, if there was one.
    ///
    /// # Errors
    /// The first thing that is wrong with it, by DIR-1, DIR-6 to DIR-11.
    pub fn verify(
        &self,
        now: Wall,
        signed: &[u8],
        floor: Option<&Floor>,
    ) -> Result<Consensus, Refused> {
        let mut outer = canonical::read(WHAT, signed, Consensus::MOST)?;
        let inner = outer.take("consensus")?;
        let named = inner.get("network").cloned();
        let named = named.map_or_else(
            || canonical::object([]),
            |id| canonical::object([("network", id)]),
        );
        self.check_network(&mut Fields::of(WHAT, named)?)?;
        self.check_signatures(&inner, &mut outer)?;
        outer.end()?;
        let digest = digest(&inner);
        let body = Body::read(self, inner)?;
        body.valid_at(now)?;
        let consensus = Consensus::checked(self.network, body, digest, signed);
        floor.map_or(Ok(()), |floor| floor.admits(&consensus.floor()))?;
        Ok(consensus)
    }

    /// Reads back what was stored: the signed consensus, and beside it the floor, if that was found. (DIR-11)
    ///
    /// An older consensus that somebody put in the place of the newest is noticed as long as the floor is there.
    ///
    /// # Errors
    /// As [`Self::verify`] and [`Floor::import`].
    pub fn restore(
        &self,
        now: Wall,
        signed: &[u8],
        floor: Option<&[u8]>,
    ) -> Result<Consensus, Refused> {
        let floor = floor.map(|floor| Floor::import(self, floor)).transpose()?;
        self.verify(now, signed, floor.as_ref())
    }

    /// Seconds for which a consensus is valid. (DIR-8)
    pub(super) fn lifetime(&self, params: &Params) -> u64 {
        let down = self.keys.len() - self.threshold;
        let intervals = u64::try_from(down + 2).unwrap_or(u64::MAX).max(3);
        params.interval().saturating_mul(intervals)
    }

    /// Whose turn it is in the slot that begins then. (DIR-13)
    pub(super) fn turn(&self, slot: Wall, params: &Params) -> Option<&RelayId> {
        let slot = slot.0.checked_div(params.interval())?;
        let among = u64::try_from(self.keys.len()).ok()?;
        let turn = usize::try_from(slot.checked_rem(among)?).ok()?;
        self.keys.get(turn)
    }

    /// What an authority signs of a consensus. (DIR-6)
    pub(super) fn signed_bytes(&self, inner: &Value) -> Vec<u8> {
        let inner = canonical::write(inner);
        [Label::CONSENSUS.as_bytes(), &self.network.0, &inner].concat()
    }

    /// Takes the field `network`, which must name this one.
    pub(super) fn check_network(&self, fields: &mut Fields) -> Result<(), Refused> {
        let theirs = NetworkId(fields.bytes("network", "8 bytes in base64url")?);
        if theirs == self.network {
            return Ok(());
        }
        Err(Refused::OtherNetwork {
            what: fields.what,
            theirs,
            ours: self.network,
        })
    }

    fn check_signatures(&self, inner: &Value, outer: &mut Fields) -> Result<(), Refused> {
        let list = outer.list("signatures")?;
        if list.len() > Consensus::SIGNATURES {
            return Err(outer.bad("signatures", "at most 64"));
        }
        let message = self.signed_bytes(inner);
        let mut valid = BTreeSet::new();
        for signature in list {
            let mut fields = Fields::of(WHAT, signature)?;
            let (by, signature) = (fields.name("by")?, fields.signature()?);
            fields.end()?;
            if !self.keys.contains(&by) {
                continue;
            }
            let fits = by.public_key().verify_strict(&message, &signature);
            if !check!(AuthoritySigned, fits) {
                return Err(Refused::Signature { what: WHAT, by });
            }
            valid.insert(by);
        }
        let (valid, needed) = (valid.len(), self.threshold);
        if !check!(Quorum, valid >= needed) {
            return Err(Refused::UnderSigned { valid, needed });
        }
        Ok(())
    }
}

fn network_id(keys: &[RelayId], threshold: usize) -> NetworkId {
    // At most 16 of either, so that both fit a byte.
    let [count, threshold] = [keys.len(), threshold].map(|n| u8::try_from(n).unwrap_or(u8::MAX));
    let numbers = [count, threshold];
    let mut parts: Vec<&[u8]> = vec![Label::NETWORK.as_bytes(), &numbers];
    parts.extend(keys.iter().map(|key| key.as_bytes().as_slice()));
    let [a, b, c, d, e, f, g, h, ..] = kdf::hash(&parts);
    NetworkId([a, b, c, d, e, f, g, h])
}
