//! What a relay says of itself, and signs (DIR-2, DIR-3).

use serde_json::Value;

use super::canonical::{self, Fields};
use super::{Refused, Relay, Wall};
use crate::ablation::check;
use crate::crypto::kdf::Label;
use crate::crypto::sign::SigningKey;
use crate::id::RelayId;

const WHAT: &str = "relay descriptor";

/// A relay's word about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// What it says.
    pub relay: Relay,
    /// When it says so.
    pub published: Wall,
}

impl Descriptor {
    /// How many bytes a signed one may have. (DIR-2)
    pub const MOST: usize = 2048;

    /// The signed document of the relay whose key this is; the name in it becomes that of the key, and the family is put in order.
    ///
    /// # Errors
    /// The first field that DIR-3 does not allow, as every reader would refuse it.
    pub fn sign(&self, key: &SigningKey) -> Result<Vec<u8>, Refused> {
        let mut said = self.clone();
        said.relay.id = key.public().into();
        said.relay.family.sort();
        said.relay.family.dedup();
        let inner = said.write();
        let signature = key.sign(&signed_bytes(&inner));
        let signed = canonical::write(&canonical::object([
            ("descriptor", inner),
            ("signature", canonical::bytes(&signature)),
        ]));
        Self::verify(&signed).map(|_| signed)
    }

    /// Reads a signed document; whether it is fresh is for the reader to say. (DIR-2, DIR-3)
    ///
    /// # Errors
    /// Too long, not canonical, a field that is not allowed, or a signature that does not fit.
    pub fn verify(signed: &[u8]) -> Result<Self, Refused> {
        let mut outer = canonical::read(WHAT, signed, Self::MOST)?;
        let inner = outer.take("descriptor")?;
        let signature = outer.signature()?;
        outer.end()?;
        let message = signed_bytes(&inner);
        let descriptor = Self::read(inner)?;
        let by = descriptor.relay.id;
        let fits = by.public_key().verify_strict(&message, &signature);
        if !check!(SelfSigned, fits) {
            return Err(Refused::Signature { what: WHAT, by });
        }
        Ok(descriptor)
    }

    /// Whose it is.
    #[must_use]
    pub fn id(&self) -> &RelayId {
        &self.relay.id
    }

    fn write(&self) -> Value {
        let mut fields = self.relay.write();
        fields.insert("published".to_owned(), self.published.0.into());
        Value::Object(fields)
    }

    fn read(inner: Value) -> Result<Self, Refused> {
        let mut fields = Fields::of(WHAT, inner)?;
        let descriptor = Self {
            relay: Relay::read(&mut fields)?,
            published: fields.time("published")?,
        };
        fields.end()?;
        Ok(descriptor)
    }
}

fn signed_bytes(inner: &Value) -> Vec<u8> {
    [Label::DESCRIPTOR.as_bytes(), &canonical::write(inner)].concat()
}
