//! Relays, clients, and the consensus that tells them of each other.
//!
//! A relay or a client is a vat whose node has a [mix](crate::node::MixConfig). The world is its own authority: [`World::publish`] has every
//! relay that is up sign its descriptor, makes a consensus of them, and gives it to everybody who is up; there is no directory protocol here.
//! A relay that is started again has another onion key, and clients can use it again when that was published.

use super::talk::Fault;
use super::{HostId, World};
use crate::crypto::sign::SigningKey;
use crate::directory::{
    Authorities, Authority, BadAuthorities, BadPolicy, Consensus, Descriptor, Params, Policy,
    Proposed, Refused, Relay, Wall,
};
use crate::id::RelayId;
use crate::netlayer::ConnId;
use crate::node::{Config, MixConfig, Reach, RelayConfig};
use std::sync::Arc;

/// The time of day at which a world begins: in 2027.
const DAWN: u64 = 1_800_000_000;

impl World {
    /// A new relay, running. Others learn of it with [`publish`](Self::publish).
    pub fn relay(&mut self, name: &str) -> HostId {
        self.relay_with(name, |_| {})
    }

    /// Several new relays.
    pub fn relays<const N: usize>(&mut self, names: [&str; N]) -> [HostId; N] {
        names.map(|name| self.relay(name))
    }

    /// A new relay, its configuration first changed by `change`.
    pub fn relay_with(&mut self, name: &str, change: impl FnOnce(&mut Config)) -> HostId {
        let onion = self.seed.fork(&format!("onion of {name}")).draw();
        self.vat_with(name, |config| {
            config.mix = Some(MixConfig {
                relay: Some(RelayConfig::new(onion)),
                spares: 0,
                ..MixConfig::default()
            });
            change(config);
        })
    }

    /// A new client of the mix, running. It has circuits once there is a consensus.
    pub fn client(&mut self, name: &str) -> HostId {
        self.client_with(name, |_| {})
    }

    /// A new client, its configuration first changed by `change`.
    pub fn client_with(&mut self, name: &str, change: impl FnOnce(&mut Config)) -> HostId {
        self.vat_with(name, |config| {
            config.places = Vec::new();
            config.mix = Some(MixConfig::default());
            change(config);
        })
    }

    /// What the network settles, from the next [`publish`](Self::publish) on.
    pub fn set_params(&mut self, params: Params) {
        self.params = params;
    }

    /// A relay's name.
    pub fn relay_id(&self, relay: HostId) -> RelayId {
        RelayId::from(*self.vat_id(relay).public_key())
    }

    /// The time of day.
    pub fn wall(&self) -> Wall {
        Wall(DAWN + self.now.since(crate::time::Instant::ZERO).as_secs())
    }

    /// Tells everybody who is up of the relays that are up. The consensus given.
    ///
    /// # Errors
    /// What the authority refused: there is no relay, or one lives at an address that none can have.
    pub fn publish(&mut self) -> Result<Arc<Consensus>, Unpublished> {
        let consensus = Arc::new(self.consensus()?);
        let wall = self.wall();
        for vat in self.every_vat() {
            let consensus = Arc::clone(&consensus);
            self.with_node(vat, |node, now| node.set_consensus(now, wall, consensus));
        }
        Ok(consensus)
    }

    /// A consensus of the relays that are up, signed by the world's authority.
    fn consensus(&mut self) -> Result<Consensus, Unpublished> {
        let key = SigningKey::from_seed(&self.seed.fork("authority").draw());
        let authorities = Authorities::new([RelayId::from(key.public())], 1)?;
        let params = self.params.clone().with("networks", 0)?;
        let wall = self.wall();
        let mut authority = Authority::new(key, authorities, params, 1, None)?;
        for vat in self.every_vat().filter(|vat| self.is_up(*vat)) {
            if let Some(descriptor) = self.descriptor(vat, wall)? {
                authority.publish(wall, &descriptor)?;
            }
        }
        match authority.propose(wall) {
            Some(Proposed::Consensus(signed)) => Ok(authority.adopt(wall, &signed)?.clone()),
            _ => Err(Unpublished::NoRelay),
        }
    }

    /// What a relay signs of itself; `None` if it is no relay.
    fn descriptor(&self, vat: HostId, published: Wall) -> Result<Option<Vec<u8>>, Unpublished> {
        let config = self.vat_ref(vat).config();
        let Some(relay) = config.mix.as_ref().and_then(|mix| mix.relay.as_ref()) else {
            return Ok(None);
        };
        let policy: Policy = "accept private:*\naccept *:*".parse()?;
        let Some(Ok(at)) = self.address(vat).map(|at| at.to_string().parse()) else {
            return Err(Unpublished::NoRelay);
        };
        let relay = Relay {
            id: self.relay_id(vat),
            onion: relay.public(),
            at,
            weight: 100,
            family: Vec::new(),
            exit: policy.summary(),
        };
        let signed = Descriptor { relay, published }.sign(&config.identity)?;
        Ok(Some(signed))
    }

    /// Starts a session of a client with a relay, over a circuit of its own.
    ///
    /// # Errors
    /// The client is down, or its node would not.
    pub fn session(
        &mut self,
        client: HostId,
        relay: HostId,
        reach: Reach,
    ) -> Result<ConnId, Fault> {
        let relay = self.relay_id(relay);
        let asked = self.with_node(client, |node, _| node.connect_relay(relay, reach));
        Ok(asked.ok_or(Fault::Down)??)
    }
}

/// Why there is no consensus.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unpublished {
    /// There is no relay, or the consensus of this moment was signed before.
    #[error("no relay is up")]
    NoRelay,
    /// The authority refused something.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The authority is none.
    #[error(transparent)]
    Authorities(#[from] BadAuthorities),
    /// The policy of the exits is none.
    #[error(transparent)]
    Policy(#[from] BadPolicy),
}
