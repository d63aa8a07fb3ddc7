//! The running hash of everything said. (VTP-1)

use super::Use;
use crate::crypto::kdf::{Label, hash};

/// `h` after some item.
#[derive(Clone, Copy)]
pub(super) struct Transcript([u8; 32]);

impl Transcript {
    /// h₀ of this use.
    pub(super) fn new(for_use: Use) -> Self {
        Self(hash(&[Label::VATTP.as_bytes(), &[for_use as u8]]))
    }

    /// `h` after one more item, as it was sent: h ← H(h ‖ lp(item)).
    pub(super) fn absorb(&mut self, item: &[u8]) {
        let len = u16::try_from(item.len()).unwrap_or(u16::MAX);
        self.0 = hash(&[&self.0, &len.to_be_bytes(), item]);
    }

    pub(super) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}
