//! Keys of sessions, what is named after them, and what is signed with them.
//!
//! Every session has a fresh key on each side. It proves who speaks for a location ([`sign_location`]) and carries
//! references between three vats. The *gifter*, who has a reference to an object of the *exporter*, signs a
//! [`HandoffGive`]: whoever holds this key may have that gift. The *receiver* puts it into a [`HandoffReceive`], signs that
//! with the key that the give names, and shows it to the exporter. So the exporter learns that the one who asks is the one
//! that was meant, although it has seen neither of them under that key.
//!
//! A signature is over the encoding of a record, and an id is the hash of the encoding of a key. Dialects write keys
//! differently, so both depend on the [`KeyForm`]. As there is one encoding of everything, nothing else needs to be kept
//! of what was received: it is written again, and the same bytes come out.

use core::fmt;

use data_encoding::HEXLOWER;
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::locator::Peer;
use super::syrup::{DecodeError, Fault, Reader, Writer};

/// The bytes of the longest gift id. (CAP-9)
pub const MAX_GIFT_ID: usize = 64;

/// How a dialect writes keys and signatures. (CAP-7)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyForm {
    /// As lists in the manner of libgcrypt: `['public-key ['ecc …]]` and `['sig-val ['eddsa …]]`.
    Lists,
    /// As bytes and nothing else.
    Raw,
}

/// The public half of a [`SessionKey`]. Whether it is a good one shows when something is verified with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

/// An Ed25519 signature, of which nobody has said yet that it is right.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature(pub [u8; 64]);

/// The hash of a public key: who somebody is in one session. (CAP-8)
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicId(pub [u8; 32]);

/// The name of a session, the same on both sides. (CAP-8)
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub [u8; 32]);

/// One side's key for one session. Wiped when dropped.
pub struct SessionKey(SigningKey);

/// A signature is not one of this by that key. (CAP-10)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("bad signature")]
pub struct BadSignature;

/// The gifter's word that the receiver may have a gift. (CAP-9)
///
/// Two are equal if all is equal but the hints of the location, which do not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandoffGive {
    /// The receiver's key in its session with the gifter.
    pub receiver_key: PublicKey,
    /// Where the exporter is found.
    pub exporter_location: Peer,
    /// The session between gifter and exporter.
    pub session: SessionId,
    /// Who the gifter is in that session.
    pub gifter_side: PublicId,
    /// Which gift: 1 to [`MAX_GIFT_ID`] bytes.
    pub gift_id: Vec<u8>,
}

/// A give and a signature that should be the gifter's, by its key in the session with the exporter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedGive {
    /// What is signed.
    pub give: HandoffGive,
    /// The signature.
    pub signature: Signature,
}

/// The receiver's wish for a gift. (CAP-9)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandoffReceive {
    /// The session between receiver and exporter.
    pub receiving_session: SessionId,
    /// Who the receiver is in that session.
    pub receiving_side: PublicId,
    /// A number that was not used before in that session.
    pub handoff_count: u64,
    /// What the gifter said.
    pub signed_give: SignedGive,
}

/// A wish and a signature that should be the receiver's, by its key in the session with the gifter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedReceive {
    /// What is signed.
    pub receive: HandoffReceive,
    /// The signature.
    pub signature: Signature,
}

impl SessionKey {
    /// The key that this seed makes. A seed must be random, secret, and used once.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        Signature(self.0.sign(bytes).to_bytes())
    }
}

impl PublicKey {
    /// Who has this key. (CAP-8)
    #[must_use]
    pub fn id(&self, form: KeyForm) -> PublicId {
        PublicId(twice_hashed(&[&encoded(|to| self.write(form, to))]))
    }

    fn verify(&self, bytes: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| BadSignature)?;
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        key.verify_strict(bytes, &signature)
            .map_err(|_| BadSignature)
    }

    /// Writes the key. (CAP-7)
    pub(crate) fn write(&self, form: KeyForm, to: &mut Writer<'_>) {
        if form == KeyForm::Raw {
            return to.bytes(&self.0);
        }
        to.list();
        to.symbol("public-key");
        to.list();
        to.symbol("ecc");
        write_pair("curve", "Ed25519", to);
        write_pair("flags", "eddsa", to);
        write_half("q", &self.0, to);
        to.end_list();
        to.end_list();
    }

    /// Reads a key. (CAP-7)
    pub(crate) fn read(form: KeyForm, from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if form == KeyForm::Raw {
            return Ok(Self(from.bytes_32()?));
        }
        from.list()?;
        from.this_symbol("public-key")?;
        from.list()?;
        from.this_symbol("ecc")?;
        read_pair("curve", "Ed25519", from)?;
        read_pair("flags", "eddsa", from)?;
        let key = read_half("q", from)?;
        from.end_list()?;
        from.end_list()?;
        Ok(Self(key))
    }
}

impl Signature {
    /// Writes the signature. (CAP-7)
    pub(crate) fn write(&self, form: KeyForm, to: &mut Writer<'_>) {
        if form == KeyForm::Raw {
            return to.bytes(&self.0);
        }
        let (r, s) = self.0.split_at(32);
        to.list();
        to.symbol("sig-val");
        to.list();
        to.symbol("eddsa");
        write_half("r", r, to);
        write_half("s", s, to);
        to.end_list();
        to.end_list();
    }

    /// Reads a signature. (CAP-7)
    pub(crate) fn read(form: KeyForm, from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if form == KeyForm::Raw {
            let start = from.at();
            let bytes = from.bytes()?.try_into();
            let bytes = bytes.map_err(|_| from.error_at(start, Fault::Length))?;
            return Ok(Self(bytes));
        }
        from.list()?;
        from.this_symbol("sig-val")?;
        from.list()?;
        from.this_symbol("eddsa")?;
        let (r, s) = (read_half("r", from)?, read_half("s", from)?);
        from.end_list()?;
        from.end_list()?;
        let mut bytes = [0; 64];
        let (first, last) = bytes.split_at_mut(32);
        first.copy_from_slice(&r);
        last.copy_from_slice(&s);
        Ok(Self(bytes))
    }
}

fn write_pair(name: &str, value: &str, to: &mut Writer<'_>) {
    to.list();
    to.symbol(name);
    to.symbol(value);
    to.end_list();
}

fn read_pair(
    name: &'static str,
    value: &'static str,
    from: &mut Reader<'_>,
) -> Result<(), DecodeError> {
    from.list()?;
    from.this_symbol(name)?;
    from.this_symbol(value)?;
    from.end_list()
}

fn write_half(name: &str, bytes: &[u8], to: &mut Writer<'_>) {
    to.list();
    to.symbol(name);
    to.bytes(bytes);
    to.end_list();
}

fn read_half(name: &'static str, from: &mut Reader<'_>) -> Result<[u8; 32], DecodeError> {
    from.list()?;
    from.this_symbol(name)?;
    let bytes = from.bytes_32()?;
    from.end_list()?;
    Ok(bytes)
}

impl SessionId {
    /// The session between these two, in either order. (CAP-8)
    #[must_use]
    pub fn of(one: PublicId, two: PublicId) -> Self {
        let (lower, higher) = if one < two { (one, two) } else { (two, one) };
        Self(twice_hashed(&[b"prot0", &lower.0, &higher.0]))
    }
}

/// Signs where this side of a session is found. (CAP-10)
#[must_use]
pub fn sign_location(key: &SessionKey, location: &Peer) -> Signature {
    key.sign(&my_location(location))
}

/// Checks that whoever has `key` is found there.
///
/// # Errors
/// [`BadSignature`] (CAP-10)
pub fn verify_location(
    key: &PublicKey,
    location: &Peer,
    signature: &Signature,
) -> Result<(), BadSignature> {
    key.verify(&my_location(location), signature)
}

fn my_location(location: &Peer) -> Vec<u8> {
    encoded(|to| {
        to.record("my-location");
        location.write(to);
        to.end_record();
    })
}

impl HandoffGive {
    /// Signs it, with the gifter's key in its session with the exporter. (CAP-10)
    #[must_use]
    pub fn sign(self, key: &SessionKey, form: KeyForm) -> SignedGive {
        let signature = key.sign(&encoded(|to| self.write(form, to)));
        SignedGive {
            give: self,
            signature,
        }
    }

    fn write(&self, form: KeyForm, to: &mut Writer<'_>) {
        to.record("desc:handoff-give");
        self.receiver_key.write(form, to);
        self.exporter_location.write(to);
        to.bytes(&self.session.0);
        to.bytes(&self.gifter_side.0);
        to.bytes(&self.gift_id);
        to.end_record();
    }

    fn read_behind_label(form: KeyForm, from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let give = Self {
            receiver_key: PublicKey::read(form, from)?,
            exporter_location: Peer::read(from)?,
            session: SessionId(from.bytes_32()?),
            gifter_side: PublicId(from.bytes_32()?),
            gift_id: read_gift_id(from)?,
        };
        from.end_record()?;
        Ok(give)
    }
}

fn read_gift_id(from: &mut Reader<'_>) -> Result<Vec<u8>, DecodeError> {
    let start = from.at();
    let id = from.bytes()?;
    if !(1..=MAX_GIFT_ID).contains(&id.len()) {
        return Err(from.error_at(start, Fault::GiftId));
    }
    Ok(id.to_vec())
}

impl SignedGive {
    /// Checks that the gifter has signed it, whose key in its session with the exporter this is.
    ///
    /// # Errors
    /// [`BadSignature`] (CAP-10)
    pub fn verify(&self, gifter: &PublicKey, form: KeyForm) -> Result<(), BadSignature> {
        let signed = encoded(|to| self.give.write(form, to));
        gifter.verify(&signed, &self.signature)
    }

    /// Writes the envelope. (CAP-9)
    pub(crate) fn write(&self, form: KeyForm, to: &mut Writer<'_>) {
        to.record(ENVELOPE);
        self.give.write(form, to);
        self.signature.write(form, to);
        to.end_record();
    }

    fn read(form: KeyForm, from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.this_record(ENVELOPE)?;
        from.this_record("desc:handoff-give")?;
        let signed = Self::read_behind_labels(form, from)?;
        from.end_record()?;
        Ok(signed)
    }

    fn read_behind_labels(form: KeyForm, from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            give: HandoffGive::read_behind_label(form, from)?,
            signature: Signature::read(form, from)?,
        })
    }
}

impl HandoffReceive {
    /// Signs it, with the receiver's key in its session with the gifter. (CAP-10)
    #[must_use]
    pub fn sign(self, key: &SessionKey, form: KeyForm) -> SignedReceive {
        let signature = key.sign(&encoded(|to| self.write(form, to)));
        SignedReceive {
            receive: self,
            signature,
        }
    }

    fn write(&self, form: KeyForm, to: &mut Writer<'_>) {
        to.record("desc:handoff-receive");
        to.bytes(&self.receiving_session.0);
        to.bytes(&self.receiving_side.0);
        to.u64(self.handoff_count);
        self.signed_give.write(form, to);
        to.end_record();
    }

    fn read_behind_label(form: KeyForm, from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let receive = Self {
            receiving_session: SessionId(from.bytes_32()?),
            receiving_side: PublicId(from.bytes_32()?),
            handoff_count: from.u64()?,
            signed_give: SignedGive::read(form, from)?,
        };
        from.end_record()?;
        Ok(receive)
    }
}

impl SignedReceive {
    /// Checks that it is signed with the key that the give inside names. The signature of the give is another matter.
    ///
    /// # Errors
    /// [`BadSignature`] (CAP-10)
    pub fn verify(&self, form: KeyForm) -> Result<(), BadSignature> {
        let signed = encoded(|to| self.receive.write(form, to));
        let receiver = &self.receive.signed_give.give.receiver_key;
        receiver.verify(&signed, &self.signature)
    }

    /// Writes the envelope. (CAP-9)
    pub(crate) fn write(&self, form: KeyForm, to: &mut Writer<'_>) {
        to.record(ENVELOPE);
        self.receive.write(form, to);
        self.signature.write(form, to);
        to.end_record();
    }
}

/// The label of what is signed and its signature.
pub(crate) const ENVELOPE: &str = "desc:sig-envelope";

/// What can be in an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Signed {
    Give(SignedGive),
    Receive(SignedReceive),
}

impl Signed {
    /// Reads what stands behind the label of an envelope, but not its end. (CAP-9)
    pub(crate) fn read_behind_label(
        form: KeyForm,
        from: &mut Reader<'_>,
    ) -> Result<Self, DecodeError> {
        let start = from.at();
        match from.record()? {
            "desc:handoff-give" => SignedGive::read_behind_labels(form, from).map(Self::Give),
            "desc:handoff-receive" => Ok(Self::Receive(SignedReceive {
                receive: HandoffReceive::read_behind_label(form, from)?,
                signature: Signature::read(form, from)?,
            })),
            _ => Err(from.error_at(start, Fault::Expected("a certificate"))),
        }
    }
}

/// What is written, however much: nobody sends this as it is.
fn encoded(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write(&mut Writer::new(&mut out));
    out
}

fn twice_hashed(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    Sha256::digest(hash.finalize()).into()
}

fn show(name: &str, bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{name}({})", HEXLOWER.encode(bytes))
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show("PublicKey", &self.0, f)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show("Signature", &self.0, f)
    }
}

impl fmt::Debug for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show("PublicId", &self.0, f)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show("SessionId", &self.0, f)
    }
}

#[cfg(test)]
mod tests;
