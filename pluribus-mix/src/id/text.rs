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
