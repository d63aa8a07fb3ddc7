//! Neighbours that leave out cells. (PAC-18)
//!
//! A batch is late or left out when the network has weather, but none makes it short: it came whole and sealed, so its maker meant it. Who is
//! beyond a link can only be shunned for what it made itself, so nobody comes between two others with that.

use super::super::Mix;
use super::super::pace::Kind;
use crate::ablation::check;
use crate::id::RelayId;
use crate::node::LinkId;
use crate::onion::suspicion::{Grave, Strike};

impl Mix {
    /// A batch that came over this link is short: it counts against the relay that made it. (PAC-18)
    pub(in crate::node::mix) fn note_short(&mut self, link: LinkId) {
        let Some(neighbour) = self.neighbour(link) else {
            return;
        };
        // Else throwaway keys could have the others forgotten.
        let is_listed = self
            .consensus
            .as_ref()
            .is_some_and(|it| it.relay(&neighbour).is_some());
        if let (Some(relay), Some(pace)) = (&mut self.relay, &self.pace)
            && is_listed
        {
            let strike = Strike {
                pair: (None, neighbour),
                grave: Grave::Short(pace.rules.quantum),
            };
            relay.neighbours.note(self.clock, strike);
        }
    }

    /// Whether no circuit is begun with this relay. (PAC-18)
    pub(super) fn shuns(&self, relay: &RelayId) -> bool {
        let now = self.clock;
        let is_suspect = self
            .relay
            .as_ref()
            .is_some_and(|it| it.neighbours.is_suspect(now, relay));
        !check!(Shun, !is_suspect)
    }

    /// Whether no circuit is begun with the relay beyond this link.
    pub(super) fn shuns_link(&self, link: LinkId) -> bool {
        self.neighbour(link).is_some_and(|it| self.shuns(&it))
    }

    /// How many relays no circuit is begun with.
    pub(in crate::node::mix) fn shunned(&self) -> usize {
        let relay = self.relay.as_ref();
        relay.map_or(0, |relay| relay.neighbours.suspects(self.clock))
    }

    /// The relay beyond this link, if a relay is.
    fn neighbour(&self, link: LinkId) -> Option<RelayId> {
        match self.wires.get(&link)?.flow.as_ref()?.kind {
            Kind::Peer(relay) => Some(relay),
            Kind::Guard | Kind::Guest(_) => None,
        }
    }
}
