//! What a client holds of its circuits: everything, and nobody else does.

use super::{Client, Origin, Want};
use crate::node::mix::knows::{AllHeld, CircuitHeld, Held, OfEnd, Wires, of_link};

impl Client {
    pub(in crate::node::mix) fn held(
        &self,
        wires: &Wires,
        of_end: OfEnd<'_>,
        out: &mut Vec<CircuitHeld>,
        all: &mut AllHeld,
    ) {
        let Self {
            circuits,
            wants,
            // See `chosen`.
            guards: _,
            wall: _,
            // Pairs of relays.
            suspicion: _,
            sulking: _,
            spares: _,
            budget: _,
            meets: _,
            rng: _,
            pool: _,
            window: _,
            look: _,
        } = self;
        out.extend(circuits.iter().map(|(_, it)| CircuitHeld {
            is_own: true,
            held: it.held(wires, of_end),
        }));
        wants.iter().for_each(|want| want.held(of_end, all));
    }

    /// The relays that circuits to come may go through.
    pub(in crate::node::mix) fn chosen(&self, out: &mut AllHeld) {
        let guards = self.guards.iter().flat_map(|guards| guards.names());
        let relays = guards.chain(self.sulking.names());
        out.extend(relays.copied().map(Held::Relay));
        self.meets.held(out);
    }
}

impl Origin {
    fn held(&self, wires: &Wires, of_end: OfEnd<'_>) -> AllHeld {
        let Self {
            circuit,
            link,
            lane: _,
            stage: _,
            path,
            end,
            // A cookie and numbers.
            meet: _,
            bare: _,
            leg_ends: _,
            served: _,
            asked: _,
            leaves: _,
            rests: _,
            came: _,
            dies: _,
            deadline: _,
            timer: _,
        } = self;
        let mut out = AllHeld::new();
        of_link(wires, *link, &mut out);
        out.extend(circuit.hops().iter().chain(path).copied().map(Held::Relay));
        if let Some(want) = end {
            want.held(of_end, &mut out);
        }
        out
    }
}

impl Want {
    fn held(&self, of_end: OfEnd<'_>, out: &mut AllHeld) {
        let Self {
            end,
            relay,
            reach: _,
            aim: _,
            of: _,
            since: _,
            tries: _,
        } = self;
        out.insert(Held::Relay(*relay));
        of_end(*end, out);
    }
}
