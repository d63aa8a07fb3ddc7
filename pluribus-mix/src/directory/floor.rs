//! What is remembered of the last consensus that was accepted, so that nothing older is taken later (DIR-11).

use super::canonical;
use super::{Authorities, NetworkId, Refused, Wall};
use crate::ablation::check;

const WHAT: &str = "floor";

/// The moment and the digest of a consensus that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floor {
    pub(super) network: NetworkId,
    pub(super) valid_after: Wall,
    pub(super) digest: [u8; 32],
}

impl Floor {
    /// How many bytes the stored form has at most.
    pub const MOST: usize = 256;
    const VERSION: u64 = 1;

    /// From when on that consensus was valid.
    #[must_use]
    pub fn valid_after(&self) -> Wall {
        self.valid_after
    }

    /// The stored form.
    #[must_use]
    pub fn export(&self) -> Vec<u8> {
        canonical::write(&canonical::object([
            ("digest", canonical::bytes(&self.digest)),
            ("network", canonical::bytes(self.network.as_bytes())),
            ("valid_after", self.valid_after.0.into()),
            ("version", Self::VERSION.into()),
        ]))
    }

    /// Reads the stored form of a floor of this network.
    ///
    /// # Errors
    /// Not canonical, of another version, of another network, or a field that is wrong.
    pub fn import(authorities: &Authorities, stored: &[u8]) -> Result<Self, Refused> {
        let mut fields = canonical::read(WHAT, stored, Self::MOST)?;
        let version = fields.number("version")?;
        if version != Self::VERSION {
            return Err(Refused::Version {
                what: WHAT,
                version,
            });
        }
        authorities.check_network(&mut fields)?;
        let floor = Self {
            network: authorities.network(),
            valid_after: fields.time("valid_after")?,
            digest: fields.bytes("digest", "32 bytes in base64url")?,
        };
        fields.end()?;
        Ok(floor)
    }

    /// Whether a consensus with this floor may follow.
    pub(super) fn admits(&self, next: &Self) -> Result<(), Refused> {
        let (held, offered) = (self.valid_after, next.valid_after);
        if !check!(Rollback, offered >= held) {
            return Err(Refused::RolledBack { held, offered });
        }
        if !check!(Rollback, offered > held || next.digest == self.digest) {
            return Err(Refused::Equivocation(held));
        }
        Ok(())
    }
}
