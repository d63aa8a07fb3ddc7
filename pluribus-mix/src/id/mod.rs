//! Names: a vat is its key, and so is a relay.
//!
//! There is no registry to ask and none to trust: whoever holds the signing key is the vat, and 32 bytes name it. People
//! and other programs see those bytes as 56 characters with a checksum. A vat's are exactly Tor's v3 service id, so a
//! program that knows `.onion` accepts them; a relay's look alike and are told apart by version and checksum, so neither
//! is ever taken for the other.
//!
//! The module `text` has that form, [`keyfile`] the words of the file in which a signing key rests.

use core::fmt;
use core::str::FromStr;

use crate::crypto::sign::{BadKey, PublicKey};

pub mod keyfile;
mod text;

pub use text::NameError;
use text::{RELAY, VAT};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $form:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(PublicKey);

        impl $name {
            /// Reads the 32 bytes of a name (NAM-1).
            ///
            /// # Errors
            /// What makes the bytes no key.
            pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, BadKey> {
                PublicKey::from_bytes(bytes).map(Self)
            }

            /// The 32 bytes of the name.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 32] {
                self.0.as_bytes()
            }

            /// The key that this name is.
            #[must_use]
            pub fn public_key(&self) -> &PublicKey {
                &self.0
            }
        }

        impl From<PublicKey> for $name {
            fn from(key: PublicKey) -> Self {
                Self(key)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            /// Reads the text form in either case.
            fn from_str(text: &str) -> Result<Self, NameError> {
                $form.decode(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            /// Writes the text form in lower case.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&$form.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

name! {
    /// The name of a vat (NAM-1): its Ed25519 public key. Ordered as its bytes are.
    ///
    /// Its text form (NAM-2) is a Tor v3 service id.
    VatId, VAT
}

name! {
    /// The name of a relay (NAM-3): its Ed25519 public key. Ordered as its bytes are.
    RelayId, RELAY
}
