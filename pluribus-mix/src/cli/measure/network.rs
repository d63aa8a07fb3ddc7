//! A network to be watched, in this process, on loopback: relays that carry, an exit for each client, and taps before the relays that clients dial.
//!
//! Everybody has a key, an address and real sockets. Clients and relays are told of each other by two signed lists that differ only in where relays are: that of the clients says where the taps are. The
//! exits are so light that no path leads through one but as its last hop: so what an exit sees belongs to one client, and the truth is known.

use super::tap::{self, Seen};
use crate::cli::Failure;
use pluribus_mix::crypto::sign::SigningKey;
use pluribus_mix::directory::{
    Authorities, Authority, Consensus, Descriptor, Params, Proposed, Relay, Wall,
};
use pluribus_mix::id::RelayId;
use pluribus_mix::net::exit::Exit;
use pluribus_mix::net::{Config, Endpoint, fresh_key, loopback_address};
use rustix::time::{ClockId, clock_gettime};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::watch;

/// Relays that carry.
const CARRIERS: usize = 4;
/// How often they are drawn, and how often an exit is, of a million.
const HEAVY: u32 = 1_000_000;
const LIGHT: u32 = 1;

/// Everybody. They live as long as this does.
pub(super) struct Network {
    pub(super) clients: Vec<Client>,
    _carriers: Vec<Member>,
}

/// A client, and the exit that nobody else uses.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) address: IpAddr,
    pub(super) exit: Arc<Endpoint>,
}

impl Client {
    /// The name of its exit.
    pub(super) fn exit_id(&self) -> RelayId {
        RelayId::from(*self.exit.vat_id().public_key())
    }
}

struct Member {
    endpoint: Arc<Endpoint>,
    key: Arc<SigningKey>,
    at: SocketAddr,
    weight: u32,
}

impl Network {
    /// Brings so many clients and their network up, with these parameters.
    pub(super) async fn up(clients: usize, params: Params, seen: &Seen) -> Result<Self, Failure> {
        let mut relays = Vec::new();
        for number in 0..CARRIERS + clients {
            let weight = if number < CARRIERS { HEAVY } else { LIGHT };
            relays.push(Member::begin(weight).await?);
        }
        let authority = fresh_key().map_err(Failure::to_bind)?;
        let list = |places: &[SocketAddr]| consensus(&authority, &params, &relays, places);
        let places: Vec<_> = relays.iter().map(|it| it.at).collect();
        let true_list = list(&places)?;
        let mut taps = Vec::new();
        for place in places {
            taps.push(tap::before(place, seen.clone()).await?);
        }
        let tapped_list = list(&taps)?;
        for relay in &relays {
            let list = Arc::clone(&true_list);
            relay.endpoint.set_consensus(wall(), list).await;
        }
        let exits = relays.split_off(CARRIERS);
        let mut begun = Vec::new();
        for exit in exits {
            tokio::spawn(serve(Arc::clone(&exit.endpoint)));
            begun.push(Client::begin(exit.endpoint, &tapped_list).await?);
        }
        Ok(Self {
            clients: begun,
            _carriers: relays,
        })
    }
}

impl Client {
    async fn begin(exit: Arc<Endpoint>, list: &Arc<Consensus>) -> Result<Self, Failure> {
        let address: IpAddr = loopback_address().map_err(Failure::to_bind)?.into();
        let config = Config::fresh().map_err(Failure::to_bind)?.mix_client();
        let endpoint = Endpoint::bind(config.dialling_from(address)).await;
        let endpoint = endpoint.map_err(Failure::to_bind)?;
        endpoint.set_consensus(wall(), Arc::clone(list)).await;
        Ok(Self {
            endpoint: Arc::new(endpoint),
            address,
            exit,
        })
    }
}

impl Member {
    async fn begin(weight: u32) -> Result<Self, Failure> {
        let ip: IpAddr = loopback_address().map_err(Failure::to_bind)?.into();
        let key = Arc::new(fresh_key().map_err(Failure::to_bind)?);
        let config = Config::new(Arc::clone(&key), 1).listening((ip, 0).into());
        let config = config.dialling_from(ip).relay().map_err(Failure::to_bind)?;
        let endpoint = Endpoint::bind(config).await.map_err(Failure::to_bind)?;
        let at = endpoint.local_addr().unwrap_or((ip, 0).into());
        Ok(Self {
            endpoint: Arc::new(endpoint),
            key,
            at,
            weight,
        })
    }
}

/// Serves the sessions that end at this exit; whatever is asked for is let through.
async fn serve(exit: Arc<Endpoint>) {
    let (_nothing, directory) = watch::channel(None);
    let through = Exit::new(Arc::new(|_, _| true), directory);
    while let Some(session) = exit.accept().await {
        let through = through.clone();
        tokio::spawn(async move { through.serve(session).await });
    }
}

/// The list of these relays, each at its place.
fn consensus(
    signer: &SigningKey,
    params: &Params,
    relays: &[Member],
    places: &[SocketAddr],
) -> Result<Arc<Consensus>, Failure> {
    let now = wall();
    let authorities = Authorities::new([RelayId::from(signer.public())], 1).map_err(broken)?;
    let again = SigningKey::from_expanded(&signer.to_expanded()).map_err(broken)?;
    let authority = Authority::new(again, authorities, params.clone(), 1, None);
    let mut authority = authority.map_err(broken)?;
    for (relay, at) in relays.iter().zip(places) {
        let said = Relay {
            id: RelayId::from(relay.key.public()),
            onion: relay.endpoint.onion_key().unwrap_or_default(),
            at: *at,
            weight: relay.weight,
            family: Vec::new(),
            exit: None,
        };
        let said = Descriptor {
            relay: said,
            published: now,
        };
        let said = said.sign(&relay.key).map_err(broken)?;
        authority.publish(now, &said).map_err(broken)?;
    }
    let Some(Proposed::Consensus(signed)) = authority.propose(now) else {
        return Err(broken("no list of relays"));
    };
    let adopted = authority.adopt(now, &signed).map_err(broken)?;
    Ok(Arc::new(adopted.clone()))
}

/// What went wrong with something that cannot.
fn broken(what: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("the network to be watched: {what}"))
}

fn wall() -> Wall {
    Wall(u64::try_from(clock_gettime(ClockId::Realtime).tv_sec).unwrap_or(0))
}
