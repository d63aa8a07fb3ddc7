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
    /// What is left of each of them when it ends.
    homes: Vec<Home>,
    policy: Policy,
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
        let (mut all, mut homes) = (Vec::new(), Vec::new());
        let mut gates = JoinSet::new();
        for _ in 0..relays {
            let (home, endpoints) = Home::found(delay, &mut gates).await?;
            all.push(home.relay(endpoints, &network, policy)?);
            homes.push(home);
        }
        Ok(Self {
            network,
            authority,
            relays: all,
            homes,
            policy: policy.clone(),
            _gates: gates,
        })
    }

    /// Brings back the relay of this number, which has stopped: it has its key and its address, and all else is new. It says nothing before it runs.
    ///
    /// # Errors
    /// See [`PartyError`]; [`PartyError::NoRelay`] if there is none of this number.
    pub async fn restart(&mut self, number: usize) -> Result<Relay, PartyError> {
        let home = self.homes.get_mut(number).ok_or(PartyError::NoRelay)?;
        let endpoints = home.open().await?;
        let relay = home.relay(endpoints, &self.network, &self.policy)?;
        let place = self.relays.get_mut(number).ok_or(PartyError::NoRelay)?;
        place.clone_from(&relay);
        Ok(relay)
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

/// Where a relay lives, and as whom.
struct Home {
    key: Arc<SigningKey>,
    /// Where it listens, and where others find it.
    inner: SocketAddr,
    outer: SocketAddr,
    lives: u64,
}

impl Home {
    /// A new one, and who lives there.
    async fn found(
        delay: Duration,
        gates: &mut JoinSet<()>,
    ) -> Result<(Self, [Endpoint; 2]), PartyError> {
        let at = place()?;
        let mut home = Self {
            key: Arc::new(fresh_key()?),
            inner: at,
            outer: at,
            lives: 0,
        };
        let endpoints = home.open().await?;
        let [endpoint, _] = &endpoints;
        let at = endpoint.locator().address().and_then(Address::socket_addr);
        home.inner = at.ok_or(PartyError::NoPlace)?;
        home.outer = match delay {
            Duration::ZERO => home.inner,
            _ => distance::before(home.inner, delay, gates).await?,
        };
        Ok((home, endpoints))
    }

    /// The next life: its endpoint, and that from which it asks the authority.
    async fn open(&mut self) -> Result<[Endpoint; 2], PartyError> {
        self.lives += 1;
        let from = self.inner.ip();
        let config = Config::new(Arc::clone(&self.key), self.lives).listening(self.inner);
        let endpoint = Endpoint::bind(config.dialling_from(from).relay()?).await?;
        let asking = Config::fresh()?.anonymous().dialling_from(from);
        Ok([endpoint, Endpoint::bind(asking).await?])
    }

    fn relay(
        &self,
        [endpoint, asking]: [Endpoint; 2],
        network: &Network,
        policy: &Policy,
    ) -> Result<Relay, PartyError> {
        let rules = RelayRules {
            at: self.outer,
            from: Some(self.inner.ip()),
            weight: 1,
            family: Vec::new(),
            policy: policy.clone(),
            own: Vec::new(),
        };
        let keep = Keep::open(network.clone(), None)?;
        Relay::new(endpoint, asking, Arc::clone(&self.key), rules, keep)
    }
}

/// An address that means somebody.
fn place() -> Result<SocketAddr, PartyError> {
    let ip: IpAddr = loopback_address()?.into();
    Ok((ip, 0).into())
}
