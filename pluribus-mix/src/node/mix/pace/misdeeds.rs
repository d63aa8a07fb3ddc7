//! What a relay can be told to do wrong, and what came of it, for tests: a real relay, that keeps to every other rule.

use super::super::Mix;
use super::flow::Kind;
use crate::id::RelayId;
use crate::node::{LinkId, Node};
use crate::onion::CircuitId;
use crate::onion::link::{PADDING, WORDS};

/// What a relay does to circuits that go through it.
#[derive(Default)]
pub(super) struct Misdeeds {
    omits: Option<Omits>,
    /// Of so many cells that it passes on it makes noise of one.
    spoils: Option<u32>,
}

/// It leaves out one circuit's cells.
struct Omits {
    /// In one batch of so many.
    one_in: u64,
    /// How often yet, on each link.
    left: Vec<(LinkId, usize)>,
}

impl Misdeeds {
    /// Puts padding in the places of one circuit, as an order stands before it is mingled: always of the same one.
    pub(super) fn omit(&mut self, link: LinkId, number: u64, order: &mut [CircuitId]) {
        let Some(omits) = &mut self.omits else { return };
        let mut left = omits.left.iter_mut();
        let left = left.find(|(of, left)| *of == link && *left > 0);
        let circuit = order.iter().find(|it| **it != WORDS && **it != PADDING);
        let (Some((_, left)), Some(circuit)) = (left, circuit.copied()) else {
            return;
        };
        if number.is_multiple_of(omits.one_in) {
            *left -= 1;
            let places = order.iter_mut().filter(|it| **it == circuit);
            places.for_each(|it| *it = PADDING);
        }
    }
}

impl Mix {
    /// Whether the cell that is being written becomes noise.
    pub(super) fn spoils(&mut self) -> bool {
        let Some(pace) = &mut self.pace else {
            return false;
        };
        let Some(one_in) = pace.misdeeds.spoils else {
            return false;
        };
        let mut drawn = [0; 4];
        pace.noise.fill(&mut drawn);
        u32::from_be_bytes(drawn) < u32::MAX / one_in
    }

    fn misdeeds(&mut self) -> &mut Misdeeds {
        &mut self.pace.as_mut().expect("a network with pacing").misdeeds
    }
}

/// A relay that is told to do wrong.
impl Node {
    /// How many links there are to a relay.
    pub(crate) fn links_to(&self, to: &RelayId) -> usize {
        let mix = self.mix.as_ref().expect("a relay");
        let flows = mix.wires.values().filter_map(|wire| wire.flow.as_ref());
        flows.filter(|flow| flow.kind == Kind::Peer(*to)).count()
    }

    /// Leaves out the cells of one circuit in one of so many batches to a relay, so often on each of its links with it.
    pub(crate) fn omit(&mut self, to: &RelayId, one_in: u64, times: &[usize]) {
        let mix = self.mix.as_mut().expect("a relay");
        let wires = mix.wires.iter();
        let there = wires.filter(|(_, wire)| {
            let flow = wire.flow.as_ref();
            flow.is_some_and(|flow| flow.kind == Kind::Peer(*to))
        });
        let links: Vec<_> = there.map(|(link, _)| *link).collect();
        assert_eq!(links.len(), times.len(), "links between the two");
        let left = links.into_iter().zip(times.iter().copied()).collect();
        mix.misdeeds().omits = Some(Omits { one_in, left });
    }

    /// Makes noise of one of so many cells that it passes on.
    pub(crate) fn spoil(&mut self, one_in: u32) {
        self.mix.as_mut().expect("a relay").misdeeds().spoils = Some(one_in);
    }

    /// Of each circuit that begins here, the relays that it goes through, and how many of the last 1000 cells were gaps.
    pub(crate) fn gaps(&self) -> Vec<(Vec<RelayId>, usize)> {
        let mix = self.mix.as_ref().expect("a client");
        let circuits = mix.client.circuits.iter();
        let gaps = circuits.map(|(_, it)| (it.circuit.hops().to_vec(), it.circuit.gaps()));
        gaps.collect()
    }

    /// Of each circuit that comes from this relay, how many of its cells have been missed here.
    pub(crate) fn missed_from(&self, from: &RelayId) -> Vec<u64> {
        let mix = self.mix.as_ref().expect("a relay");
        let hops = mix.relay.iter().flat_map(|relay| relay.hops.iter());
        let there = hops.filter(|(_, at)| {
            let flow = mix
                .wires
                .get(&at.back.0)
                .and_then(|wire| wire.flow.as_ref());
            flow.is_some_and(|flow| flow.kind == Kind::Peer(*from))
        });
        there.map(|(_, at)| at.hop.missed()).collect()
    }
}
