//! What a node's tables say about who talks with whom: for tests, and for operators who audit.
//!
//! Every type that holds a name, an address or the way to one takes itself apart here field by field, without `..`. So a field
//! that somebody adds is asked about before anything compiles: does it say who is at either end?
//!
//! Not counted are what is the same for everybody (the consensus), our own keys, and where half-open handshakes come from, which
//! is forgotten with the proof (VTP-18).

use super::wire::{Lane, Stage, Wire};
use super::{EndOf, Mix, News};
use crate::id::{RelayId, VatId};
use crate::locator::Address;
use crate::node::{LinkId, LinkRequest};
use std::collections::{BTreeMap, BTreeSet};

/// Somebody, as a table can hold them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    /// Who is at the other end of a link, unnamed: the link's address is as good as a name.
    Stranger(LinkId),
    /// A relay.
    Relay(RelayId),
    /// A vat, or a throwaway key of a session.
    Vat(VatId),
    /// An address.
    Address(Address),
    /// Where a vat can be met, as a ticket of its says.
    Meeting(VatId, RelayId),
}

/// All that is held, without saying for what.
pub type AllHeld = BTreeSet<Held>;

/// What a node holds of one circuit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CircuitHeld {
    /// Whether it begins here.
    pub is_own: bool,
    /// Everybody to whom the tables lead from it.
    pub held: AllHeld,
}

/// What a node's tables hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Knowledge {
    /// Circuit by circuit.
    pub circuits: Vec<CircuitHeld>,
    /// The relays that were chosen here, for any circuit: guards, lasting hops, parks, and those that did not answer.
    pub chosen: AllHeld,
    /// All together, and what belongs to no circuit.
    pub all: AllHeld,
}

/// The links, for whoever has the number of one.
pub(super) type Wires = BTreeMap<LinkId, Wire>;
/// Who is at the other end of a session.
pub(in crate::node) type OfEnd<'f> = &'f dyn Fn(LinkId, &mut AllHeld);

/// Everybody whom the number of a link leads to.
pub(super) fn of_link(wires: &Wires, link: LinkId, out: &mut AllHeld) {
    if let Some(wire) = wires.get(&link) {
        wire.held(link, out);
    }
}

impl Wire {
    fn held(&self, link: LinkId, out: &mut AllHeld) {
        let Self {
            stage,
            out: _,
            relay,
            ids: _,
            lanes,
            turns: _,
            ended: _,
            deadline: _,
            used: _,
            busy_since: _,
            timer: _,
            is_writing: _,
            flow,
        } = self;
        match stage {
            // A handshake knows whom it asks for, or that somebody asks.
            Stage::Opening | Stage::Standing(_) => {}
        }
        out.insert(relay.map_or(Held::Stranger(link), Held::Relay));
        if let Some(flow) = flow {
            flow.held(out);
        }
        for lane in lanes.values() {
            let Lane {
                route: _,
                queue: _,
                thirsty: _,
                is_in_turn: _,
                places: _,
            } = lane;
        }
    }
}

impl Mix {
    /// What the tables of links and circuits hold.
    pub(in crate::node) fn knowledge(&self, of_end: OfEnd<'_>) -> Knowledge {
        let Self {
            local: _,
            flight_deadline: _,
            clock: _,
            rng: _,
            consensus: _,
            wires,
            to_relay,
            next_link: _,
            seen: _,
            half_open: _,
            max_links: _,
            cells: _,
            ends,
            relay,
            client,
            class: _,
            // Which hops wait for room; they are asked themselves.
            pace: _,
            timers: _,
            writers: _,
            requests,
            news,
            thirsty: _,
        } = self;
        let mut circuits = Vec::new();
        if let Some(relay) = relay {
            relay.held(wires, of_end, &mut circuits);
        }
        let (mut all, mut chosen) = (AllHeld::new(), AllHeld::new());
        client.held(wires, of_end, &mut circuits, &mut all);
        client.chosen(&mut chosen);
        all.extend(chosen.iter().cloned());
        wires
            .iter()
            .for_each(|(link, wire)| wire.held(*link, &mut all));
        all.extend(to_relay.keys().copied().map(Held::Relay));
        for (end, of) in ends {
            of_end(*end, &mut all);
            match of {
                EndOf::Origin(_) | EndOf::Hop(_) => {}
            }
        }
        for request in requests {
            match request {
                LinkRequest::Open { link: _, at } => drop(all.insert(Held::Address(at.clone()))),
                LinkRequest::Close { link: _ } => {}
            }
        }
        for news in news {
            match news {
                // A trace pairs nobody with anybody.
                News::Opened(_)
                | News::Lost(_)
                | News::Alone(_)
                | News::Again(_)
                | News::Told(..)
                | News::Ready(_)
                | News::Ending(_)
                | News::Trace(_) => {}
            }
        }
        for circuit in &circuits {
            all.extend(circuit.held.iter().cloned());
        }
        Knowledge {
            circuits,
            chosen,
            all,
        }
    }
}
