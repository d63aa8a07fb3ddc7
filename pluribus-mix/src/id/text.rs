//! The text form of names (NAM-2, NAM-3): base32 over `key (32) ‖ checksum (2) ‖ version (1)`.
//!
//! 35 bytes are exactly 56 characters, so there are no bits left over and every text has one meaning. The checksum binds
//! the kind of name as well as the key; it catches slips of the hand, not forgers.

use data_encoding::BASE32_NOPAD_NOCASE;
use sha3::{Digest, Sha3_256};
use thiserror::Error;

use crate::crypto::sign::{BadKey, PublicKey};

/// Why a text is not a name of the kind asked for (NAM-2, NAM-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// Not 56 characters.
    #[error("a name has 56 characters, this text has {0} bytes")]
    Length(usize),
    /// A character outside `a-z2-7`.
    #[error("a name has only the characters a-z and 2-7")]
    Character,
    /// The checksum does not fit the key: a slip, most likely.
    #[error("the checksum does not fit: is the name complete and copied right?")]
    Checksum,
    /// The version byte of another kind of name.
    #[error("this is version {found} where {wanted} was wanted: another kind of name")]
    Version {
        /// The version byte of the kind asked for.
        wanted: u8,
        /// The version byte in the text.
        found: u8,
    },
    /// The checksum fits, and the key in it is none (NAM-1).
    #[error("the name holds no good key: {0}")]
    Key(#[from] BadKey),
}

/// One kind of text form.
pub(super) struct TextForm {
    checksum: &'static [u8],
    version: u8,
}

/// NAM-2.
pub(super) const VAT: TextForm = TextForm {
    checksum: b".onion checksum",
    version: 3,
};
/// NAM-3.
pub(super) const RELAY: TextForm = TextForm {
    checksum: b".relay checksum",
    version: 1,
};

const CHARACTERS: usize = 56;

impl TextForm {
    pub(super) fn encode(&self, key: &PublicKey) -> String {
        let mut bytes = [0; 35];
        bytes[..32].copy_from_slice(key.as_bytes());
        bytes[32..34].copy_from_slice(&self.sum(key.as_bytes()));
        bytes[34] = self.version;
        BASE32_NOPAD_NOCASE.encode(&bytes).to_ascii_lowercase()
    }

    pub(super) fn decode(&self, text: &str) -> Result<PublicKey, NameError> {
        if text.len() != CHARACTERS {
            return Err(NameError::Length(text.len()));
        }
        let mut bytes = [0; 35];
        BASE32_NOPAD_NOCASE
            .decode_mut(text.as_bytes(), &mut bytes)
            .map_err(|_| NameError::Character)?;
        let [key @ .., sum_0, sum_1, found] = bytes;
        if found != self.version {
            return Err(NameError::Version {
                wanted: self.version,
                found,
            });
        }
        if [sum_0, sum_1] != self.sum(&key) {
            return Err(NameError::Checksum);
        }
        Ok(PublicKey::from_bytes(&key)?)
    }

    fn sum(&self, key: &[u8; 32]) -> [u8; 2] {
        let hash = Sha3_256::new()
            .chain_update(self.checksum)
            .chain_update(key)
            .chain_update([self.version])
            .finalize();
        let [sum_0, sum_1, ..] = hash.0;
        [sum_0, sum_1]
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE32_NOPAD;
    use proptest::prelude::*;

    use super::*;
    use crate::crypto::sign::SigningKey;
    use crate::id::{RelayId, VatId};

    /// The key of RFC 8032's first test, as a vat and as a relay; the texts were computed elsewhere.
    const AS_VAT: &str = "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid";
    const AS_RELAY: &str = "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkeni3cib";

    /// The text form of any 32 bytes, key or not.
    fn forged(form: &TextForm, key: &[u8; 32]) -> String {
        let mut bytes = key.to_vec();
        bytes.extend(form.sum(key));
        bytes.push(form.version);
        BASE32_NOPAD.encode(&bytes)
    }

    #[test]
    fn a_vat_is_named_as_an_onion_service_is() {
        // NAM-2: names in use on Tor.
        for onion in [
            "duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad",
            "2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid",
            "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd",
            AS_VAT,
        ] {
            let id: VatId = onion.parse().unwrap();
            assert_eq!(id.to_string(), onion);
            assert_eq!(format!("{id:?}"), onion);
            assert_eq!(
                onion.to_ascii_uppercase().parse(),
                Ok(id),
                "read in either case"
            );
        }
    }

    #[test]
    fn a_relay_has_its_own_form() {
        // NAM-3
        let vat: VatId = AS_VAT.parse().unwrap();
        let relay: RelayId = AS_RELAY.parse().unwrap();
        assert_eq!(relay.as_bytes(), vat.as_bytes());
        assert_eq!(relay.to_string(), AS_RELAY);
        assert_eq!(AS_RELAY.to_ascii_uppercase().parse(), Ok(relay));
    }

    #[test]
    fn neither_form_parses_as_the_other() {
        // NAM-3
        let as_vat = AS_RELAY.parse::<VatId>();
        assert_eq!(
            as_vat,
            Err(NameError::Version {
                wanted: 3,
                found: 1
            })
        );
        let as_relay = AS_VAT.parse::<RelayId>();
        assert_eq!(
            as_relay,
            Err(NameError::Version {
                wanted: 1,
                found: 3
            })
        );
    }

    #[test]
    fn a_relay_is_no_vat_with_another_version() {
        // NAM-3: the checksum string differs as well, so that no change of the version byte alone is enough.
        let key = *AS_VAT.parse::<VatId>().unwrap().as_bytes();
        let hybrid = TextForm {
            checksum: VAT.checksum,
            version: RELAY.version,
        };
        assert_eq!(
            forged(&hybrid, &key).parse::<RelayId>(),
            Err(NameError::Checksum)
        );
    }

    #[test]
    fn a_wrong_length_is_named() {
        // NAM-2
        for text in [
            "",
            AS_VAT.split_at(55).0,
            &format!("{AS_VAT}a"),
            &format!("{AS_VAT}.mix"),
            "é",
        ] {
            assert_eq!(text.parse::<VatId>(), Err(NameError::Length(text.len())));
        }
    }

    #[test]
    fn a_wrong_character_is_named() {
        // NAM-2
        for wrong in ["0", "1", "8", "9", "=", " ", "-", "\n"] {
            let text = AS_VAT.replacen('n', wrong, 1);
            assert_eq!(
                text.parse::<VatId>(),
                Err(NameError::Character),
                "{wrong:?}"
            );
        }
        let text = AS_VAT.replacen("nj", "é", 1);
        assert_eq!(text.parse::<VatId>(), Err(NameError::Character));
    }

    #[test]
    fn a_wrong_checksum_is_named() {
        // NAM-2: a slip in the key, and one in the checksum itself.
        let slip_in_key = AS_VAT.replacen("25n", "25m", 1);
        assert_eq!(slip_in_key.parse::<VatId>(), Err(NameError::Checksum));
        let slip_in_sum = AS_VAT.replace("l5sid", "l5cid");
        assert_eq!(slip_in_sum.parse::<VatId>(), Err(NameError::Checksum));
    }

    #[test]
    fn every_slip_of_one_character_is_noticed() {
        // NAM-2
        for (at, right) in AS_VAT.char_indices() {
            for wrong in "abcdefghijklmnopqrstuvwxyz234567"
                .chars()
                .filter(|c| *c != right)
            {
                let mut slipped = AS_VAT.to_owned();
                slipped.replace_range(at..=at, wrong.encode_utf8(&mut [0; 4]));
                assert!(slipped.parse::<VatId>().is_err(), "{slipped}");
            }
        }
    }

    #[test]
    fn a_wrong_version_is_named() {
        // NAM-2
        let other = AS_VAT.replace("sid", "sic");
        assert_eq!(
            other.parse::<VatId>(),
            Err(NameError::Version {
                wanted: 3,
                found: 2
            })
        );
    }

    #[test]
    fn a_name_holds_a_good_key() {
        // NAM-1, NAM-2, NAM-3: the neutral point, with all else in order.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let refused = Err(NameError::Key(BadKey::SmallOrder));
        assert_eq!(forged(&VAT, &neutral).parse::<VatId>(), refused);
        assert_eq!(
            forged(&RELAY, &neutral).parse::<RelayId>().map(drop),
            refused.map(drop)
        );
        assert_eq!(VatId::from_bytes(&neutral), Err(BadKey::SmallOrder));
    }

    proptest! {
        /// NAM-2, NAM-3: what is written is read, in any mixture of cases.
        #[test]
        fn names_survive_their_text(seed: [u8; 32], upper: u64) {
            let key = SigningKey::from_seed(&seed).public();
            let mix = |text: String| -> String {
                let cased = text.chars().enumerate();
                cased.map(|(i, c)| if upper >> i & 1 == 1 { c.to_ascii_uppercase() } else { c }).collect()
            };
            let (vat, relay) = (VatId::from(key), RelayId::from(key));
            prop_assert_eq!(mix(vat.to_string()).parse(), Ok(vat));
            prop_assert_eq!(mix(relay.to_string()).parse(), Ok(relay));
            prop_assert_eq!(VatId::from_bytes(vat.as_bytes()), Ok(vat));
        }
    }
}
