//! Location records: how a listed vat is found by who knows its VatId. (RDV-29 to RDV-31)
//!
//! A record is in effect a ticket for everybody: where to JOIN, and a prekey for an epoch. It lies with strangers. They see a key of
//! this epoch, which they cannot connect with the vat or with the next one, and sealed bytes; they can tell that it is genuine, and newer
//! than another one. Whoever knows the VatId works out key and seal.

use super::Refused;
use super::epoch::Epoch;
use super::ticket::{Spot, Terms};
use crate::ablation::check;
use crate::crypto::aead::{Aead, Backend, Key, TAG_LEN};
use crate::crypto::kdf::{Label, Secret, hash};
use crate::crypto::sign::{Factor, PublicKey, SigningKey};
use crate::directory::{NetworkId, Wall};
use crate::id::VatId;
use crate::wire::{DecodeError, Fault, Put, Reader};

const VERSION: u8 = 1;

/// The key of a vat in an epoch of a network: what its record is signed with and lies under. (RDV-29)
#[must_use]
pub fn index(vat: &VatId, network: NetworkId, epoch: Epoch) -> PublicKey {
    vat.public_key().blinded(factor(vat, network, epoch))
}

fn factor(vat: &VatId, network: NetworkId, epoch: Epoch) -> Factor {
    let (label, epoch) = (Label::EPOCH_KEY.as_bytes(), epoch.0.to_be_bytes());
    let parts = [label, vat.as_bytes(), &epoch, network.as_bytes()];
    Factor::new(hash(&parts))
}

/// What a record says.
#[derive(Clone, Copy)]
pub struct Listing {
    /// Where to JOIN.
    pub spot: Spot,
    /// How.
    pub terms: Terms,
    /// B: the prekey of the epoch.
    pub prekey: [u8; 32],
}

/// Which record it is.
#[derive(Clone, Copy)]
pub struct Issue {
    /// The epoch.
    pub epoch: Epoch,
    /// Rises with every record of an epoch, over restarts too.
    pub revision: u64,
    /// Drawn anew for every record, so that no key seals twice even where a revision is used twice.
    pub salt: [u8; 16],
}

/// A record that is signed by the key under which it lies.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    index: PublicKey,
    epoch: Epoch,
    revision: u64,
    bytes: [u8; Self::LEN],
}

impl Record {
    /// Bytes of a record. (RDV-30)
    pub const LEN: usize = Self::HEAD + Self::PLAIN + TAG_LEN + Self::SIGNATURE;
    const HEAD: usize = 1 + 8 + 8 + 32 + 8 + 16;
    const PLAIN: usize = Spot::LEN + Terms::LEN + 32;
    const SIGNATURE: usize = 64;

    /// Signs a record of the vat with this key. `None` if it cannot be sealed.
    #[must_use]
    pub fn sign(key: &SigningKey, issue: &Issue, listing: &Listing) -> Option<Self> {
        let vat = VatId::from(key.public());
        let (network, epoch) = (listing.terms.network, issue.epoch);
        let key = key.blinded(factor(&vat, network, epoch));
        let mut bytes = Vec::with_capacity(Self::LEN);
        bytes.put_u8(VERSION);
        bytes.put(network.as_bytes());
        bytes.put_u64(epoch.0);
        bytes.put(key.public().as_bytes());
        bytes.put_u64(issue.revision);
        bytes.put(&issue.salt);
        let seal = seal(&vat, &bytes);
        let mut plain = Vec::with_capacity(Self::PLAIN);
        listing.spot.encode(&mut plain);
        listing.terms.encode(&mut plain);
        plain.put(&listing.prekey);
        let tag = seal.seal(0, b"", &mut plain).ok()?;
        bytes.put(&plain);
        bytes.put(&tag);
        let signature = key.sign(&signed(&bytes));
        bytes.put(&signature);
        Some(Self {
            index: key.public(),
            epoch,
            revision: issue.revision,
            bytes: bytes.try_into().ok()?,
        })
    }

    /// What whoever keeps it can check: size, network, epoch, and the signature under its own index. (RDV-31)
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub fn check(bytes: &[u8], network: NetworkId, now: Wall) -> Result<Self, Refused> {
        let mut reader = Reader::new(bytes);
        if reader.u8("version")? != VERSION {
            return Err(Refused::Unspoken);
        }
        let of = NetworkId::from(reader.array::<8>("network id")?);
        let epoch = Epoch(reader.u64("epoch")?);
        let index = PublicKey::from_bytes(&reader.array("epoch key")?);
        let index = index.map_err(|_| DecodeError::new("epoch key", Fault::OutOfRange))?;
        let revision = reader.u64("revision")?;
        reader.bytes(16 + Self::PLAIN + TAG_LEN, "sealed")?;
        let signature = reader.array("sig")?;
        reader.finish("sig")?;
        if of != network {
            return Err(Refused::OtherNetwork);
        }
        if !check!(RecordEpoch, epoch.counts(now)) {
            return Err(Refused::Expired);
        }
        let bytes: [u8; Self::LEN] = reader_bytes(bytes)?;
        let (body, _) = bytes.split_at(Self::LEN - Self::SIGNATURE);
        if !check!(RecordSigned, index.verify_strict(&signed(body), &signature)) {
            return Err(Refused::Unsigned);
        }
        Ok(Self {
            index,
            epoch,
            revision,
            bytes,
        })
    }

    /// What whoever knows the VatId reads in a record that was kept for `epoch`. (RDV-30)
    ///
    /// # Errors
    /// If it is not this vat's, not of this epoch, or says what a record cannot say.
    pub fn read(
        bytes: &[u8],
        vat: &VatId,
        network: NetworkId,
        epoch: Epoch,
        now: Wall,
    ) -> Result<Listing, Refused> {
        let record = Self::check(bytes, network, now)?;
        let wanted = index(vat, network, epoch);
        if !check!(RecordIndex, record.index == wanted && record.epoch == epoch) {
            return Err(Refused::OtherVat);
        }
        let (head, rest) = record.bytes.split_at(Self::HEAD);
        let (sealed, _) = rest.split_at(Self::PLAIN + TAG_LEN);
        let mut sealed = sealed.to_vec();
        let plain = seal(vat, head).open(0, b"", &mut sealed);
        let plain = plain.map_err(|_| Refused::Unsealed)?;
        let mut reader = Reader::new(plain);
        let spot = Spot::decode(&mut reader)?;
        let (terms, spoken) = Terms::decode(&mut reader)?;
        let prekey = reader.array("prekey")?;
        reader.finish("prekey")?;
        if terms.network != network {
            return Err(Refused::OtherNetwork);
        }
        if !spoken {
            return Err(Refused::Unspoken);
        }
        Ok(Listing {
            spot,
            terms,
            prekey,
        })
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.bytes
    }

    /// Under what it lies.
    #[must_use]
    pub const fn index(&self) -> &PublicKey {
        &self.index
    }

    /// The epoch that it is for.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The higher of two of one index is the newer.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }
}

fn reader_bytes(bytes: &[u8]) -> Result<[u8; Record::LEN], DecodeError> {
    let wrong = |_| DecodeError::new("record", Fault::OutOfRange);
    bytes.try_into().map_err(wrong)
}

/// The key under which a record with this head is sealed. (RDV-30)
fn seal(vat: &VatId, head: &[u8]) -> Key {
    let label = Label::RECORD_KEY;
    let prk = Secret::extract(label.as_bytes(), &[vat.as_bytes()]);
    Key::new(Backend::AesGcm, prk.expand(label, head).as_bytes())
}

/// What the key of the epoch signs. (RDV-30)
fn signed(body: &[u8]) -> Vec<u8> {
    [Label::RECORD.as_bytes(), body].concat()
}
