//! Vats that hide: tickets that are issued and held, parks that are kept, and calls over spliced circuits. Spec chapter 6.
//!
//! To the rest of the node a call is a dial like any other, over a link that carries cells: only that it begins with a ticket, whose first flight says
//! who calls and what, and that its flights are sealed once more against the relay that splices.
//!
//! ```text
//! caller.rs   we call, with an introduction    callee.rs   somebody has joined a park of ours
//! parks.rs    where we can be met              tickets.rs  what vats give each other so that they can meet again
//! lookup.rs   what leads to a vat              publish.rs  what leads to us
//! records.rs  what is asked of the relays that keep records
//! ```

mod callee;
mod caller;
mod lookup;
mod parks;
mod publish;
mod records;
#[cfg(test)]
mod tests;
mod tickets;

pub(super) use callee::Calling;
pub use tickets::CannotTell;

use super::mix::{Held, Knowledge};
use super::{LinkId, Node};
use crate::crypto::rng::Rng;
use crate::directory::Wall;
use crate::rendezvous::Issued;
use crate::rendezvous::issued::Moment;
use crate::rendezvous::wallet::Wallet;
use crate::time::{Duration, Instant};
use crate::vattp::seen::Seen;
use lookup::Lookups;
use parks::Park;
use publish::Publishing;
use records::Asked;
use std::collections::BTreeMap;

/// The most bytes of frames in EARLY and in ANSWER. (RDV-10, RDV-14)
const FIRST_WORDS: usize = 4096;

/// A vat that can be met at relays, and nowhere else if it has no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeetConfig {
    /// At how many relays it keeps parks. (RDV-37)
    pub parks: usize,
    /// How long a park stays, in seconds; so long do its tickets count at most. (RDV-37)
    pub epoch: u64,
    /// Whether it publishes records, so that whoever knows its VatId can meet it. (RDV-41)
    pub listed: bool,
}

impl Default for MeetConfig {
    fn default() -> Self {
        Self {
            parks: 3,
            epoch: 3 * 3600,
            listed: false,
        }
    }
}

/// How a vat that hides is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tickets {
    /// Tickets of its own that are out.
    pub issued: usize,
    /// Introductions to others that it holds.
    pub held: usize,
    /// Circuits of its own that wait in parks.
    pub parked: usize,
    /// Relays that keep a record of its own; of each, if it is in two epochs. (RDV-41)
    pub kept: usize,
}

/// What a node has of all this.
pub(super) struct Meet {
    config: Option<MeetConfig>,
    pub(super) wallet: Wallet,
    issued: Issued,
    parks: Vec<Park>,
    publishing: Publishing,
    lookups: Lookups,
    /// Questions that are out.
    asked: BTreeMap<LinkId, Asked>,
    timer: Option<Instant>,
    /// The time of day at some moment.
    pub(super) wall: Option<(Wall, Instant)>,
    rng: Rng,
}

impl Meet {
    pub(super) fn new(config: Option<MeetConfig>, rng: Rng) -> Self {
        Self {
            config,
            wallet: Wallet::default(),
            issued: Issued::default(),
            parks: Vec::new(),
            publishing: Publishing::new(),
            lookups: Lookups::default(),
            asked: BTreeMap::new(),
            timer: None,
            wall: None,
            rng,
        }
    }

    /// The x_i of those who have called by our record. (VTP-5, RDV-33)
    pub(super) const fn seen_by_record(&mut self) -> &mut Seen {
        &mut self.publishing.seen
    }

    /// Whom it leads to.
    pub(super) fn held(&self, out: &mut Knowledge) {
        let Self {
            config: _,
            wallet,
            // The bearers of our own tickets are peers of ours.
            issued: _,
            parks,
            publishing,
            lookups,
            // Which keeper is asked stands with its circuit.
            asked: _,
            timer: _,
            wall: _,
            rng: _,
        } = self;
        for (vat, relay) in lookups.held() {
            out.all.insert(Held::Vat(vat));
            out.all.extend(relay.map(|relay| Held::Meeting(vat, relay)));
        }
        out.all.extend(publishing.keepers().map(Held::Relay));
        for (vat, relay) in wallet.relays() {
            out.all.insert(Held::Vat(vat));
            out.all.insert(Held::Meeting(vat, relay));
        }
        let parks = || parks.iter().map(|park| Held::Relay(park.relay()));
        out.chosen.extend(parks());
        out.all.extend(parks());
    }
}

impl Node {
    /// The time by both clocks; `None` before the first consensus.
    pub(super) fn moment(&self) -> Option<Moment> {
        let (wall, since) = self.meet.wall?;
        let at = self.clock;
        let wall = wall.plus(at.since(since).as_secs());
        Some(Moment { at, wall })
    }

    /// How many tickets are out, how many introductions are held, how many circuits wait in parks, and how many relays keep our records.
    pub fn tickets(&self) -> Tickets {
        let parked = self.mix.as_ref().map(|mix| mix.parked());
        Tickets {
            issued: self.meet.issued.len(),
            held: self.meet.wallet.len(),
            parked: parked
                .unwrap_or_default()
                .iter()
                .map(|(_, count)| count)
                .sum(),
            kept: self.meet.publishing.kept(),
        }
    }

    /// The time of day, as far as it is known.
    fn wall(&self) -> Wall {
        self.moment().map_or(Wall(0), |moment| moment.wall)
    }

    /// How long a callee waits for first words of its runtime before it answers without. (RDV-14)
    const fn answer_within() -> Duration {
        Duration::from_millis(20)
    }
}
