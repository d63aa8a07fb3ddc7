//! A whole network on this machine, to try things with and to show them.
//!
//! Every party has its own key, its own random address in 127.0.0.0/8 and real sockets to the others; nothing takes a shortcut. All of it is
//! made now and forgotten in the end.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::Duration;
use tokio_util::sync::CancellationToken;

use crate::crypto::sign::SigningKey;
use crate::directory::{Authority as Core, Params, Policy};
use crate::locator::Address;

use super::super::config::Config;
use super::super::directory::Network;
use super::super::endpoint::Endpoint;
use super::super::entropy::{fresh_key, loopback_address};
use super::{Authority, Keep, PartyError, Relay, RelayRules, distance};

/// An authority and its relays.
pub struct Local {
    network: Network,
    authority: Authority,
    relays: Vec<Relay>,
    /// What makes links long.
    _gates: JoinSet<()>,
}

impl Local {
    /// Brings them to this machine. They say nothing yet.
    ///
    /// # Errors
    /// See [`PartyError`].
    pub async fn begin(params: Params, relays: u16, policy: &Policy) -> Result<Self, PartyError> {
        Self::begin_apart(params, relays, policy, Duration::ZERO).await
    }

    /// As if the relays were far from everybody and from each other: what goes over a link to one takes so much longer, each way.
    ///
    /// # Errors
    /// See [`PartyError`].
    pub async fn begin_apart(
        params: Params,
        relays: u16,
        policy: &Policy,
        delay: Duration,
    ) -> Result<Self, PartyError> {
        let key = Arc::new(fresh_key()?);
        let config = Config::new(Arc::clone(&key), 1).listening(place()?);
        let endpoint = Endpoint::bind(config).await?;
        let network = Network::new(vec![endpoint.locator().clone()], 1)?;
        // Its endpoint and what it signs with are one key in two places.
        let again = SigningKey::from_expanded(&key.to_expanded())?;
        let authorities = network.authorities().clone();
        let core = Core::new(again, authorities, params, usize::from(relays), None)?;
        let authority = Authority::new(endpoint, network.clone(), core, None)?;
        let mut all = Vec::with_capacity(usize::from(relays));
        let mut gates = JoinSet::new();
        for _ in 0..relays {
            all.push(relay(&network, policy, delay, &mut gates).await?);
        }
        Ok(Self {
            network,
            authority,
            relays: all,
            _gates: gates,
        })
    }

    /// What clients have to know of it.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// Who says who the relays are.
    #[must_use]
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The relays.
    #[must_use]
    pub fn relays(&self) -> &[Relay] {
        &self.relays
    }

    /// Has all of them work, each until its token says stop: the authority's first, then the relays' in order. Cancelling `stop` stops all.
    pub fn work(
        &self,
        parties: &mut JoinSet<()>,
        stop: &CancellationToken,
    ) -> Vec<CancellationToken> {
        let mut tokens = Vec::with_capacity(self.relays.len() + 1);
        let mut token = || {
            tokens.push(stop.child_token());
            tokens.last().cloned().unwrap_or_default()
        };
        let (authority, of_authority) = (self.authority.clone(), token());
        parties.spawn(async move { authority.run(of_authority).await });
        for relay in &self.relays {
            let (relay, of_relay) = (relay.clone(), token());
            parties.spawn(async move { relay.run(of_relay).await });
        }
        tokens
    }

    /// Waits until all relays know each other. Clients that ask sooner are turned away by some, and pass these over for a while.
    pub async fn ready(&self) {
        for relay in &self.relays {
            relay.ready().await;
        }
    }
}

async fn relay(
    network: &Network,
    policy: &Policy,
    delay: Duration,
    gates: &mut JoinSet<()>,
) -> Result<Relay, PartyError> {
    let key = Arc::new(fresh_key()?);
    let at = place()?;
    let from = at.ip();
    let config = Config::new(Arc::clone(&key), 1).listening(at);
    let config = config.dialling_from(from).relay()?;
    let asking = Config::fresh()?.anonymous().dialling_from(from);
    let endpoint = Endpoint::bind(config).await?;
    let asking = Endpoint::bind(asking).await?;
    let at = endpoint.locator().address().and_then(Address::socket_addr);
    let at = at.ok_or(PartyError::NoPlace)?;
    let at = match delay {
        Duration::ZERO => at,
        _ => distance::before(at, delay, gates).await?,
    };
    let rules = RelayRules {
        at,
        from: Some(from),
        weight: 1,
        family: Vec::new(),
        policy: policy.clone(),
        own: Vec::new(),
    };
    let keep = Keep::open(network.clone(), None)?;
    Relay::new(endpoint, asking, key, rules, keep)
}

/// An address that means somebody.
fn place() -> Result<SocketAddr, PartyError> {
    let ip: IpAddr = loopback_address()?.into();
    Ok((ip, 0).into())
}
