//! What is said of a relay, in its descriptor and in the consensus alike (DIR-3).

use core::net::SocketAddr;

use serde_json::{Map, Value};

use super::canonical::{self, Fields};
use super::{Refused, Summary};
use crate::id::RelayId;
use crate::locator::Address;

/// A relay: who it is, where it is, and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// Its name.
    pub id: RelayId,
    /// Its X25519 key: links and circuits to it begin with that. Not zero.
    pub onion: [u8; 32],
    /// Where it listens; the port is not 0.
    pub at: SocketAddr,
    /// How often it wants to be drawn, 1 to 1,000,000, compared with the others.
    pub weight: u32,
    /// Up to 16 other relays that it says belong together with it. It is true where both say so.
    pub family: Vec<RelayId>,
    /// What it lets through to the world; `None` if it is no exit.
    pub exit: Option<Summary>,
}

impl Relay {
    /// How many relays may be named as family. (DIR-3)
    pub const FAMILY: usize = 16;
    /// The largest weight. (DIR-3)
    pub const HEAVIEST: u32 = 1_000_000;
    /// The version of the protocol that this program speaks. (DIR-3)
    const VERSION: u64 = 1;

    /// Whether each of the two names the other. (DIR-3)
    #[must_use]
    pub fn is_kin(&self, other: &Self) -> bool {
        self.family.contains(&other.id) && other.family.contains(&self.id)
    }

    /// The fields of DIR-3, without `published`.
    pub(super) fn write(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        let at = Address::try_from(self.at).map_or_else(|_| String::new(), |at| at.to_string());
        put("at", at.into());
        if let Some(exit) = &self.exit {
            put("exit", exit.write());
        }
        if !self.family.is_empty() {
            put("family", self.family.iter().map(canonical::name).collect());
        }
        put("id", canonical::name(&self.id));
        put("onion", canonical::bytes(&self.onion));
        put("version", Self::VERSION.into());
        put("weight", self.weight.into());
        fields
    }

    /// Takes the fields of DIR-3, `published` excepted, out of a document.
    pub(super) fn read(fields: &mut Fields) -> Result<Self, Refused> {
        if fields.number("version")? != Self::VERSION {
            return Err(fields.bad("version", "1"));
        }
        let id = fields.name("id")?;
        Ok(Self {
            id,
            onion: read_onion(fields)?,
            at: read_address(fields)?,
            weight: read_weight(fields)?,
            family: read_family(fields, &id)?,
            exit: fields.maybe("exit").map(Summary::read).transpose()?,
        })
    }
}

fn read_onion(fields: &mut Fields) -> Result<[u8; 32], Refused> {
    let must = "32 bytes in base64url, not all zero";
    let onion: [u8; 32] = fields.bytes("onion", must)?;
    if onion == [0; 32] {
        return Err(fields.bad("onion", must));
    }
    Ok(onion)
}

fn read_address(fields: &mut Fields) -> Result<SocketAddr, Refused> {
    let text = fields.text("at")?;
    let at: Option<Address> = text.parse().ok();
    at.and_then(|at| at.socket_addr())
        .ok_or_else(|| fields.bad("at", "an IP address and a port"))
}

fn read_weight(fields: &mut Fields) -> Result<u32, Refused> {
    let weight = u32::try_from(fields.number("weight")?).ok();
    weight
        .filter(|weight| (1..=Relay::HEAVIEST).contains(weight))
        .ok_or_else(|| fields.bad("weight", "1 to 1000000"))
}

fn read_family(fields: &mut Fields, own: &RelayId) -> Result<Vec<RelayId>, Refused> {
    let Some(family) = fields.maybe("family") else {
        return Ok(Vec::new());
    };
    let family: Option<Vec<RelayId>> = family.as_array().and_then(|list| {
        let names = list.iter().map(|name| canonical::as_name(name.as_str()?));
        names.collect()
    });
    family
        .filter(|family| (1..=Relay::FAMILY).contains(&family.len()))
        .filter(|family| family.is_sorted_by(|a, b| a < b) && !family.contains(own))
        .ok_or_else(|| fields.bad("family", "1 to 16 other relays, sorted, none twice"))
}
