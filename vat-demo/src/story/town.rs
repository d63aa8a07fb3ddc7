//! The network of the story, and what its parties hold at some moments of it.

use std::collections::{BTreeMap, BTreeSet};

use pluribus_mix::directory::{Params, Policy};
use pluribus_mix::id::RelayId;
use pluribus_mix::net::party::Local;
use pluribus_mix::node::{Held, Knowledge};
use tokio::task::JoinSet;
use tokio::time::Duration;
use tokio_util::sync::CancellationToken;

use super::knows::Party;
use super::vat::Actor;
use super::{Pacing, Told};

/// How many relays there are.
pub(super) const RELAYS: u16 = 8;
/// Seconds from one list of relays to the next.
const INTERVAL: u64 = 60;
/// Seconds from one window in which circuits are begun to the next: what the vats begin with outlasts the story.
const WINDOW: u64 = 30;

impl Pacing {
    /// A vat that hides needs more circuits at a time than one that only calls: those that wait in its parks beside those that it calls over.
    fn params(self) -> Told<Params> {
        let params = Params::local()
            .with("interval", INTERVAL)?
            .with("slots", 24)?;
        Ok(match self {
            Self::None => params.with("pacing", "none")?,
            Self::Constant => params.with("pool_window", WINDOW)?,
        })
    }
}

/// An authority and relays at work, and what was seen of everybody.
pub(super) struct Town {
    pub(super) local: Local,
    parties: JoinSet<()>,
    stop: CancellationToken,
    /// One for each relay.
    relays: Vec<CancellationToken>,
    seen: BTreeMap<String, Party>,
}

impl Town {
    pub(super) async fn begin(pacing: Pacing, delay: Duration) -> Told<Self> {
        let policy = Policy::default();
        let local = Local::begin_apart(pacing.params()?, RELAYS, &policy, delay).await?;
        let (mut parties, stop) = (JoinSet::new(), CancellationToken::new());
        let tokens = local.work(&mut parties, &stop);
        Ok(Self {
            relays: tokens.into_iter().skip(1).collect(),
            local,
            parties,
            stop,
            seen: BTreeMap::new(),
        })
    }

    /// Has the clients of these vats work.
    pub(super) fn join(&mut self, actors: &[Actor]) {
        for actor in actors {
            let (client, token) = (actor.client.clone(), self.stop.clone());
            self.parties.spawn(async move { client.run(token).await });
        }
    }

    /// Looks at what everybody holds now.
    pub(super) async fn look(&mut self, actors: &[Actor]) -> Told {
        for actor in actors {
            let tables = actor.endpoint.knowledge().await?;
            let guards = actor.endpoint.guards().await?;
            let vat = actor.endpoint.vat_id();
            let party = self.party(actor.name);
            (party.address, party.vat) = (Some(actor.address), Some(vat));
            let guards = guards.iter().flat_map(|guards| guards.names().copied());
            party.guards.extend(guards);
            party.hops.extend(hops(&tables));
            party.tables.push(tables);
        }
        let relays: Vec<_> = self.local.relays().to_vec();
        for relay in relays {
            let party = self.party(&short(&relay.id()));
            party.relay = Some(relay.id());
            // One that was killed holds nothing any more.
            if let Ok(tables) = relay.knowledge().await {
                self.party(&short(&relay.id())).tables.push(tables);
            }
        }
        let authority = self.local.authority().knowledge().await?;
        self.party("authority").tables.push(authority);
        Ok(())
    }

    /// Everybody, with what was held whenever it was looked.
    pub(super) fn into_seen(mut self, actors: &[Actor]) -> Vec<Party> {
        for actor in actors {
            let (log, party) = (actor.log.borrow(), self.party(actor.name));
            party.heard.clone_from(&log.heard);
            party.meetings.clone_from(&log.meetings);
        }
        self.seen.into_values().collect()
    }

    /// What was seen of this party.
    fn party(&mut self, name: &str) -> &mut Party {
        self.seen.entry(name.to_owned()).or_insert_with(|| Party {
            name: name.to_owned(),
            ..Party::default()
        })
    }

    /// Kills a relay that the connection of these two goes through: none of their guards, if there is another.
    pub(super) async fn kill_between(&mut self, one: &Actor, other: &Actor) -> Told<RelayId> {
        let them = Held::Vat(other.endpoint.vat_id());
        let circuits = one.endpoint.knowledge().await?.circuits;
        let theirs = circuits
            .iter()
            .filter(|circuit| circuit.is_own && circuit.held.contains(&them));
        let through: BTreeSet<_> = theirs.flat_map(|it| relays(&it.held)).collect();
        let mut guards = BTreeSet::new();
        for actor in [one, other] {
            let all = actor.endpoint.guards().await?;
            guards.extend(all.iter().flat_map(|all| all.names().copied()));
        }
        let mut inner = through.difference(&guards).chain(&through);
        let relay = inner.next().copied();
        let relay = relay.ok_or("no circuit between Bob and Carol is known")?;
        let mut all = self.local.relays().iter().zip(&self.relays);
        let token = all.find(|(it, _)| it.id() == relay).map(|(_, token)| token);
        token
            .ok_or("it goes through a relay that is not there")?
            .cancel();
        Ok(relay)
    }
}

/// The first characters of a relay's name.
pub(super) fn short(relay: &RelayId) -> String {
    let name: String = relay.to_string().chars().take(8).collect();
    format!("relay {name}")
}

/// The relays that a party has chosen for itself.
fn hops(tables: &Knowledge) -> impl Iterator<Item = RelayId> {
    let own = tables.circuits.iter().filter(|circuit| circuit.is_own);
    let own = own.flat_map(|circuit| relays(&circuit.held));
    own.chain(relays(&tables.chosen))
}

fn relays(held: &BTreeSet<Held>) -> impl Iterator<Item = RelayId> {
    held.iter().filter_map(|held| match held {
        Held::Relay(relay) => Some(*relay),
        _ => None,
    })
}
