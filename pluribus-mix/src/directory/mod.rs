//! Who the relays are: descriptors, the consensus of the authorities, and which path to take. Spec chapter 9.
//!
//! A client that has a list of relays of its own is recognised by it, and one that believes whoever brings the list goes
//! where it is led. So a relay signs what it says of itself ([`Descriptor`]), a few authorities sign one list of all
//! that ([`Authority`]), and everybody checks that list against the authorities' keys and nothing else
//! ([`Authorities::verify`]). What comes out is a [`Consensus`], and there is no other way to one. [`Guards`] and
//! [`path`] draw paths from it; a [`Policy`] is what an exit decides by, long after, when a name has become an address.
//!
//! All of it is values: bytes, [`Wall`] time and randomness come in. Sockets and files are elsewhere.
//!
//! One odd corner: every document has exactly one spelling (DIR-1). Two authorities that know the same descriptors must
//! sign the same bytes, and a document that somebody can spell anew is one whose hash means nothing.

use core::fmt;

mod address;
mod authorities;
mod authority;
mod canonical;
mod consensus;
mod descriptor;
mod floor;
mod guards;
mod ledger;
mod params;
pub mod path;
mod policy;
mod refused;
mod relay;
mod summary;
#[cfg(test)]
mod tests;

pub use address::{Reach, reach};
pub use authorities::{Authorities, BadAuthorities, NetworkId};
pub use authority::{Authority, Proposed};
pub use consensus::Consensus;
pub use descriptor::Descriptor;
pub use floor::Floor;
pub use guards::{GuardEvent, Guards};
pub use params::{Networks, Pacing, Padding, Param, Params};
pub use path::{Avoid, Last, NoPath, Target};
pub use policy::{BadPolicy, Policy};
pub use refused::Refused;
pub use relay::Relay;
pub use summary::Summary;

/// A moment as the world tells it: whole seconds since 1970 in UTC. (DIR-1)
///
/// It comes in as an argument, from a clock that may be wrong; DIR-10 says by how much.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Wall(pub u64);

impl Wall {
    /// The moment `seconds` later; stops at the end of time.
    #[must_use]
    pub const fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// The moment `seconds` earlier; stops at 1970.
    #[must_use]
    pub const fn minus(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }

    /// Seconds gone by since `earlier`; zero if that is in the future.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Debug for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0)
    }
}
