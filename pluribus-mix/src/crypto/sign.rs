//! Ed25519: who somebody is, and how they prove it.
//!
//! A name in this protocol *is* a public key, so a key must have exactly one spelling. Plain Ed25519 is more generous:
//! it reads several encodings of one point, points of order 8 that anybody can sign for, and points with a torsion
//! component, which blinding and the map to Curve25519 would quietly move. [`PublicKey`] refuses them all once, at the
//! door; whoever holds one need not ask again.
//!
//! A [`SigningKey`] begins as a seed or, for keys that come from Tor, as the 64 bytes the seed expands to. It remembers
//! which, so that it can be written back as it was read. Its scalar also opens what was sealed to the vat's *mapped*
//! key: the same secret on the other shape of the curve.
//!
//! One corner: signing may use the scalar modulo the group order, X25519 may not. A stranger's point can carry torsion,
//! and only the scalar *as clamped* clears it, so [`SigningKey::mapped_secret`] gives those bytes.

use core::fmt;

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::clamp_integer;
use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha512};
use thiserror::Error;
use zeroize::Zeroizing;

/// An Ed25519 public key that obeys NAM-1: the canonical encoding of a point in the prime-order group.
///
/// Ordered as its 32 bytes are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

/// Why bytes are not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadKey {
    /// NAM-1: not the canonical encoding of a point of the curve.
    #[error("not the canonical encoding of an Ed25519 public key")]
    NotAPoint,
    /// NAM-1: a point of small order, for which anybody can sign.
    #[error("an Ed25519 point of small order")]
    SmallOrder,
    /// NAM-1: a point with a torsion component, the twin of another key.
    #[error("an Ed25519 point with a torsion component")]
    Torsion,
    /// NAM-4: the scalar of an expanded signing key is not clamped.
    #[error("an expanded Ed25519 key whose scalar is not clamped")]
    NotClamped,
}

impl PublicKey {
    /// Reads a key, refusing whatever NAM-1 refuses.
    ///
    /// # Errors
    /// [`BadKey::NotAPoint`], [`BadKey::SmallOrder`] or [`BadKey::Torsion`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, BadKey> {
        let point = CompressedEdwardsY(*bytes)
            .decompress()
            .ok_or(BadKey::NotAPoint)?;
        if point.compress().as_bytes() != bytes {
            return Err(BadKey::NotAPoint);
        }
        if point.is_small_order() {
            return Err(BadKey::SmallOrder);
        }
        if !point.is_torsion_free() {
            return Err(BadKey::Torsion);
        }
        Ok(Self(*bytes))
    }

    /// The 32 bytes of the key.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A copy of the 32 bytes of the key.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// Whether `signature` is this key's over `message`, by the strict rules of WIR-7.
    #[must_use]
    pub fn verify_strict(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = Signature::from_bytes(signature);
        VerifyingKey::from_bytes(&self.0)
            .is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
    }

    /// The mapped key (NAM-5): this point's u-coordinate on Curve25519.
    #[must_use]
    pub fn mapped(&self) -> [u8; 32] {
        self.point().to_montgomery().to_bytes()
    }

    /// `from_bytes` has decompressed these very bytes. Were that ever false, the neutral point maps to 0, which X25519
    /// refuses.
    fn point(&self) -> EdwardsPoint {
        CompressedEdwardsY(self.0).decompress().unwrap_or_default()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", data_encoding::HEXLOWER.encode(&self.0))
    }
}

/// An Ed25519 signing key (NAM-4), wiped when dropped.
pub struct SigningKey {
    seed: Option<Zeroizing<[u8; 32]>>,
    /// Clamped scalar ‖ prefix.
    expanded: Zeroizing<[u8; 64]>,
    verifying: VerifyingKey,
}

impl SigningKey {
    /// The key that grows from a 32-byte seed (RFC 8032). Every seed is good.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let mut expanded = Zeroizing::new([0; 64]);
        Sha512::new_with_prefix(seed).finalize_into((&mut *expanded).into());
        let clamped = Zeroizing::new(clamp_integer(first_half(&expanded)));
        expanded[..32].copy_from_slice(&*clamped);
        Self::assemble(Some(Zeroizing::new(*seed)), expanded)
    }

    /// Reads the expanded form `scalar (32) ‖ prefix (32)`, in which Tor exports keys.
    ///
    /// # Errors
    /// [`BadKey::NotClamped`] when the scalar is not clamped (NAM-4).
    pub fn from_expanded(expanded: &[u8; 64]) -> Result<Self, BadKey> {
        let scalar = Zeroizing::new(first_half(expanded));
        if *scalar != *Zeroizing::new(clamp_integer(*scalar)) {
            return Err(BadKey::NotClamped);
        }
        Ok(Self::assemble(None, Zeroizing::new(*expanded)))
    }

    fn assemble(seed: Option<Zeroizing<[u8; 32]>>, expanded: Zeroizing<[u8; 64]>) -> Self {
        let verifying = VerifyingKey::from(&ExpandedSecretKey::from_bytes(&expanded));
        Self {
            seed,
            expanded,
            verifying,
        }
    }

    /// The public key that this one signs for.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        // A clamped scalar is a multiple of 8 below 8 times the group order and not 0: the point obeys NAM-1.
        PublicKey(self.verifying.to_bytes())
    }

    /// Signs `message` (RFC 8032, pure, deterministic).
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let secret = ExpandedSecretKey::from_bytes(&self.expanded);
        raw_sign::<Sha512>(&secret, message, &self.verifying).to_bytes()
    }

    /// The secret of [`PublicKey::mapped`] (NAM-5): the clamped scalar, not reduced.
    #[must_use]
    pub fn mapped_secret(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(first_half(&self.expanded))
    }

    /// The expanded form `scalar (32) ‖ prefix (32)` of NAM-4, whichever form the key was read from.
    #[must_use]
    pub fn to_expanded(&self) -> Zeroizing<[u8; 64]> {
        self.expanded.clone()
    }

    /// The seed, when the key was read from one; a key read from its expanded form has none.
    #[must_use]
    pub fn seed(&self) -> Option<&[u8; 32]> {
        self.seed.as_deref()
    }
}

fn first_half(expanded: &[u8; 64]) -> [u8; 32] {
    let mut scalar = [0; 32];
    scalar.copy_from_slice(&expanded[..32]);
    scalar
}
