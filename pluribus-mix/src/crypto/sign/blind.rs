//! Keys for an epoch. (RDV-29)
//!
//! A vat signs what it publishes of itself with a key that changes with time. Who knows the vat's own key can work out the
//! public keys of all epochs, as Tor's v3 services have it; who does not cannot tell two of them apart from those of two vats.

use super::{PublicKey, SigningKey, first_half};
use crate::crypto::kdf::{Label, hash};
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use ed25519_dalek::VerifyingKey;
use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign};
use sha2::Sha512;
use zeroize::Zeroizing;

/// What the keys of one vat are multiplied with in one epoch.
#[derive(Clone, Copy)]
pub struct Factor([u8; 32]);

impl Factor {
    /// Made of 32 bytes that follow from vat and epoch; clamped as a secret key is.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(clamp_integer(bytes))
    }

    fn scalar(self) -> Scalar {
        Scalar::from_bytes_mod_order(self.0)
    }
}

impl PublicKey {
    /// This key in the epoch of `factor`. It obeys NAM-1: the factor is a multiple of 8 below 8 times the group order and not 0,
    /// hence no multiple of the group order.
    #[must_use]
    pub fn blinded(&self, factor: Factor) -> Self {
        Self((factor.scalar() * self.point()).compress().to_bytes())
    }
}

/// The signing key of one epoch; wiped when dropped.
pub struct BlindedKey {
    secret: ExpandedSecretKey,
    verifying: VerifyingKey,
}

impl SigningKey {
    /// This key in the epoch of `factor`; the mirror of [`PublicKey::blinded`].
    #[must_use]
    pub fn blinded(&self, factor: Factor) -> BlindedKey {
        let scalar = Zeroizing::new(first_half(&self.expanded));
        let (_, prefix) = self.expanded.split_at(32);
        let label = Label::EPOCH_PREFIX.as_bytes();
        let secret = ExpandedSecretKey {
            scalar: factor.scalar() * Scalar::from_bytes_mod_order(*scalar),
            hash_prefix: hash(&[label, prefix, &factor.0]),
        };
        BlindedKey {
            verifying: VerifyingKey::from(&secret),
            secret,
        }
    }
}

impl BlindedKey {
    /// The public key that this one signs for.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.verifying.to_bytes())
    }

    /// Signs `message` (pure, deterministic).
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        raw_sign::<Sha512>(&self.secret, message, &self.verifying).to_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// RDV-29: both halves of a key come to the same in an epoch, the public one is a good key, and what is signed with the
        /// secret one verifies under it and under no other.
        #[test]
        fn both_halves_are_blinded_alike(seed: [u8; 32], bytes: [u8; 32], other: [u8; 32]) {
            let key = SigningKey::from_seed(&seed);
            let factor = Factor::new(bytes);
            let (blinded, public) = (key.blinded(factor), key.public().blinded(factor));
            prop_assert_eq!(blinded.public(), public);
            prop_assert_eq!(PublicKey::from_bytes(public.as_bytes()), Ok(public));
            let signature = blinded.sign(b"message");
            prop_assert!(public.verify_strict(b"message", &signature));
            prop_assert!(!public.verify_strict(b"massage", &signature));
            prop_assert!(!key.public().verify_strict(b"message", &signature));
            let elsewhere = key.public().blinded(Factor::new(other));
            prop_assert_eq!(elsewhere == public, factor.0 == Factor::new(other).0);
        }
    }
}
