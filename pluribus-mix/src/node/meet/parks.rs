//! Where this vat can be met. (RDV-37)

use super::super::Node;
use super::super::mix::ParkAt;
use crate::directory::Wall;
use crate::id::{RelayId, VatId};
use crate::onion::meet;
use crate::rendezvous::{Cookie, Spot};
use crate::vattp::tickets::Purpose;
use std::net::SocketAddr;
use zeroize::Zeroizing;

/// A park of ours.
pub(super) struct Park {
    relay: RelayId,
    at: SocketAddr,
    secret: Zeroizing<[u8; 32]>,
    /// From when on no ticket for it is issued, and from when on none counts.
    fresh_until: Wall,
    until: Wall,
}

impl Park {
    pub(super) const fn relay(&self) -> RelayId {
        self.relay
    }

    /// Where callers JOIN.
    pub(super) fn spot(&self) -> Spot {
        let cookie = meet::cookie(&self.relay, &self.secret);
        Spot {
            relay: self.relay,
            at: self.at,
            cookie: Cookie::from(cookie),
        }
    }

    pub(super) const fn until(&self) -> Wall {
        self.until
    }
}

impl Node {
    /// Sees to it that there are parks, at relays that the consensus lists: new ones when the old ones are no longer fresh. (RDV-37)
    pub(in crate::node) fn keep_parks(&mut self) {
        let now = self.wall();
        let (Some(config), Some(consensus)) = (self.meet.config, self.consensus.clone()) else {
            return;
        };
        let is_listed = |park: &Park| consensus.relay(&park.relay).is_some();
        self.meet
            .parks
            .retain(|park| now < park.until && is_listed(park));
        let fresh = self.meet.parks.iter().filter(|park| now < park.fresh_until);
        let missing = config.parks.saturating_sub(fresh.count());
        let mut others: Vec<_> = consensus.relays().iter().collect();
        others.retain(|relay| !self.meet.parks.iter().any(|park| park.relay == relay.id));
        for _ in 0..missing.min(others.len()) {
            let drawn = self.meet.rng.below(others.len().max(1) as u64);
            let relay = others.swap_remove(usize::try_from(drawn).unwrap_or(0));
            let secret = self.meet.rng.draw();
            self.meet.parks.push(Park {
                relay: relay.id,
                at: relay.at,
                secret,
                fresh_until: now.plus(config.epoch),
                until: now.plus(config.epoch * 2),
            });
        }
        let parks = self.meet.parks.iter().map(|park| ParkAt {
            relay: park.relay,
            secret: park.secret.clone(),
        });
        let parks: Vec<_> = parks.collect();
        let clock = self.clock;
        self.with_mix(|mix, _| mix.set_parks(clock, parks));
    }

    /// Whether a circuit of ours waits at this relay.
    pub(super) fn waits_at(&self, relay: &RelayId) -> bool {
        let parked = self.mix.as_ref().map(|mix| mix.parked());
        let mut parked = parked.unwrap_or_default().into_iter();
        parked.any(|(at, count)| at == *relay && count > 0)
    }

    /// The park of ours at this relay with this cookie.
    pub(super) fn park_at(&self, relay: RelayId, cookie: [u8; 16]) -> Option<Spot> {
        let mut spots = self.meet.parks.iter().map(Park::spot);
        spots.find(|spot| spot.relay == relay && *spot.cookie.as_bytes() == cookie)
    }

    /// A park for a new ticket, any of those that are fresh: rather one with a circuit that waits, and of these one that fewest tickets of this
    /// donor for this purpose lead to. (RDV-36, RDV-37)
    pub(super) fn draw_park(&mut self, donor: Option<(VatId, Purpose)>) -> Option<(Spot, Wall)> {
        let now = self.wall();
        let parked = self.mix.as_ref().map(|mix| mix.parked());
        let parked = parked.unwrap_or_default();
        let is_empty = |park: &Park| {
            let waits = |(relay, count): &(RelayId, usize)| *relay == park.relay && *count > 0;
            !parked.iter().any(waits)
        };
        let issued = &self.meet.issued;
        let out = |park: &Park| {
            donor.map_or(0, |(peer, purpose)| {
                issued.out_at(&park.relay, &peer, purpose == Purpose::HandOn)
            })
        };
        let fresh = self.meet.parks.iter().filter(|park| now < park.fresh_until);
        let ranked: Vec<_> = fresh
            .map(|park| ((is_empty(park), out(park)), park))
            .collect();
        let best = ranked.iter().map(|(rank, _)| *rank).min()?;
        let all: Vec<_> = ranked.iter().filter(|(rank, _)| *rank == best).collect();
        let drawn = self.meet.rng.below(all.len().max(1) as u64);
        let (_, park) = all.get(usize::try_from(drawn).unwrap_or(0))?;
        Some((park.spot(), park.until()))
    }
}
