//! The one list that everybody has (DIR-6 to DIR-8).
//!
//! A [`Consensus`] comes out of [`Authorities::verify`] and from nowhere else, so whoever holds one need not ask again
//! who signed it. What goes in is a `Body`: authorities make it from descriptors, readers from the document, and
//! either way there is one text for it.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use super::canonical::{self, Fields};
use super::{Authorities, Descriptor, Floor, NetworkId, Params, Refused, Relay, Wall};
use crate::crypto::kdf;
use crate::id::RelayId;

/// What errors call it.
pub(super) const WHAT: &str = "consensus";

/// The relays of a network, as its authorities signed them, and its parameters.
#[derive(Clone, Debug)]
pub struct Consensus {
    network: NetworkId,
    body: Body,
    digest: [u8; 32],
    signed: Bytes,
}

impl Consensus {
    /// How many bytes a signed one may have. (DIR-6)
    pub const MOST: usize = 4 << 20;
    /// How many relays it may list. (DIR-6)
    pub const RELAYS: usize = 8192;
    /// How many signatures it may bear. (DIR-6)
    pub(super) const SIGNATURES: usize = 64;

    /// Made only by [`Authorities::verify`], which has checked all of it.
    pub(super) fn checked(network: NetworkId, body: Body, digest: [u8; 32], signed: &[u8]) -> Self {
        let signed = Bytes::copy_from_slice(signed);
        Self {
            network,
            body,
            digest,
            signed,
        }
    }

    /// The relay of this name.
    #[must_use]
    pub fn relay(&self, id: &RelayId) -> Option<&Relay> {
        let relays = &self.body.relays;
        let at = relays.binary_search_by_key(id, |relay| relay.id).ok()?;
        relays.get(at)
    }

    /// All relays, in the order of their names.
    #[must_use]
    pub fn relays(&self) -> &[Relay] {
        &self.body.relays
    }

    /// What the network decides for everybody.
    #[must_use]
    pub fn params(&self) -> &Params {
        &self.body.params
    }

    /// Of which network it is.
    #[must_use]
    pub fn network(&self) -> NetworkId {
        self.network
    }

    /// From when on it is valid, which also tells which of two is the newer.
    #[must_use]
    pub fn valid_after(&self) -> Wall {
        self.body.valid_after
    }

    /// When a newer one should be there: time to fetch it.
    #[must_use]
    pub fn fresh_until(&self) -> Wall {
        self.body.fresh_until()
    }

    /// Until when it is valid, the tolerance of DIR-10 not counted.
    #[must_use]
    pub fn valid_until(&self) -> Wall {
        self.body.valid_until
    }

    /// Whether it can be used at this time, with the tolerance of DIR-10.
    ///
    /// # Errors
    /// [`Refused::NotYetValid`] or [`Refused::Expired`].
    pub fn valid_at(&self, now: Wall) -> Result<(), Refused> {
        self.body.valid_at(now)
    }

    /// What to remember of it, so that nothing older is accepted later. (DIR-11)
    #[must_use]
    pub fn floor(&self) -> Floor {
        Floor {
            network: self.network,
            valid_after: self.body.valid_after,
            digest: self.digest,
        }
    }

    /// The signed document as it was received: what is stored, and handed on. (DIR-11)
    #[must_use]
    pub fn signed(&self) -> &Bytes {
        &self.signed
    }
}

/// The inner object of a consensus, not yet vouched for by anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) params: Params,
    pub(super) relays: Vec<Relay>,
    pub(super) valid_after: Wall,
    pub(super) valid_until: Wall,
}

impl Body {
    /// What follows from these descriptors: there is no choice in it. (DIR-6, DIR-13)
    pub(super) fn of<'a>(
        authorities: &Authorities,
        params: &Params,
        valid_after: Wall,
        descriptors: impl IntoIterator<Item = &'a Descriptor>,
    ) -> Self {
        let descriptors = descriptors.into_iter();
        let said = descriptors.map(|descriptor| (descriptor.relay.id, &descriptor.relay));
        let said: BTreeMap<RelayId, &Relay> = said.collect();
        let listed = said.values().map(|relay| {
            let mut relay = (*relay).clone();
            let is_mutual = |kin: &Relay| kin.family.contains(&relay.id);
            let mut family = relay.family.clone();
            family.retain(|kin| said.get(kin).is_some_and(|kin| is_mutual(kin)));
            relay.family = family;
            relay
        });
        Self {
            params: params.clone(),
            relays: listed.collect(),
            valid_after,
            valid_until: valid_after.plus(authorities.lifetime(params)),
        }
    }

    fn fresh_until(&self) -> Wall {
        self.valid_after.plus(self.params.interval())
    }

    /// The fields of DIR-6.
    pub(super) fn write(&self, network: NetworkId) -> Value {
        let relays = self.relays.iter().map(|relay| Value::Object(relay.write()));
        canonical::object([
            ("fresh_until", self.fresh_until().0.into()),
            ("network", canonical::bytes(network.as_bytes())),
            ("params", self.params.write()),
            ("relays", relays.collect()),
            ("valid_after", self.valid_after.0.into()),
            ("valid_until", self.valid_until.0.into()),
        ])
    }

    /// Reads the fields of DIR-6 of a consensus of this network.
    pub(super) fn read(authorities: &Authorities, inner: Value) -> Result<Self, Refused> {
        let mut fields = Fields::of(WHAT, inner)?;
        authorities.check_network(&mut fields)?;
        let params = Params::read(WHAT, &fields.take("params")?)?;
        let body = Self {
            params,
            relays: read_relays(&mut fields)?,
            valid_after: fields.time("valid_after")?,
            valid_until: fields.time("valid_until")?,
        };
        let fresh_until = fields.time("fresh_until")?;
        body.check_times(authorities, fresh_until, &fields)?;
        fields.end()?;
        Ok(body)
    }

    fn check_times(
        &self,
        authorities: &Authorities,
        fresh_until: Wall,
        fields: &Fields,
    ) -> Result<(), Refused> {
        let (after, interval) = (self.valid_after, self.params.interval());
        if after.0.checked_rem(interval) != Some(0) {
            return Err(fields.bad("valid_after", "the beginning of a slot"));
        }
        if fresh_until != self.fresh_until() {
            return Err(fields.bad("fresh_until", "one interval after valid_after"));
        }
        if self.valid_until != after.plus(authorities.lifetime(&self.params)) {
            return Err(fields.bad(
                "valid_until",
                "as many intervals after valid_after as DIR-8 says",
            ));
        }
        Ok(())
    }

    pub(super) fn valid_at(&self, now: Wall) -> Result<(), Refused> {
        let skew = skew(&self.params);
        if now.plus(skew) < self.valid_after {
            let by = self.valid_after.since(now);
            return Err(Refused::NotYetValid { by });
        }
        if now > self.valid_until.plus(skew) {
            let by = now.since(self.valid_until);
            return Err(Refused::Expired { by });
        }
        Ok(())
    }
}

/// H over the canonical bytes of the inner object. (DIR-11)
pub(super) fn digest(inner: &Value) -> [u8; 32] {
    kdf::hash(&[&canonical::write(inner)])
}

/// By how many seconds clocks may differ. (DIR-10)
pub(super) fn skew(params: &Params) -> u64 {
    (3 * params.interval()).min(600)
}

fn read_relays(fields: &mut Fields) -> Result<Vec<Relay>, Refused> {
    let list = fields.list("relays")?;
    if list.len() > Consensus::RELAYS {
        return Err(fields.bad("relays", "at most 8192"));
    }
    let relays = list.into_iter().map(|value| {
        let mut fields = Fields::of(WHAT, value)?;
        let relay = Relay::read(&mut fields)?;
        fields.end().map(|()| relay)
    });
    let relays: Vec<Relay> = relays.collect::<Result<_, _>>()?;
    if !relays.is_sorted_by(|a, b| a.id < b.id) {
        return Err(fields.bad("relays", "in the order of their names, none twice"));
    }
    Ok(relays)
}
