//! Two circuits that meet at this relay, by the clock. (RDV-28)
//!
//! Both are of one class, so that each place of the one has a place of the other, always the same number of cells and quanta away. Nothing is
//! sent that would not be sent otherwise: what the one brings stands in the other's cell instead of a dummy.

use super::super::{Lane, Mix};
use crate::onion::Cell;
use crate::onion::meet::Counts;
use crate::pacing::Class;

/// When a circuit has its turns.
struct Turns {
    class: Class,
    /// The batch in which its forward cell 0 is played, or would have been.
    comes: i64,
    /// The batch in which its backward cell 0 went out.
    goes: i64,
}

impl Turns {
    /// How many quanta what this circuit brings waits for the other's turn, and the index that its forward cell 0 has, or would have had, there.
    fn onto(&self, other: &Self) -> (u64, i64) {
        let every = self.class.every().cast_signed();
        let rests = (other.goes - self.comes).rem_euclid(every);
        let turns = (self.comes + rests - other.goes) / every;
        let index = turns * self.class.burst().cast_signed();
        (rests.cast_unsigned(), index)
    }

    /// The index of the first cell that goes out in batch `n` or behind it.
    fn first_at(&self, n: u64) -> i64 {
        let since = n.cast_signed().saturating_sub(self.goes).max(0);
        let turns = since.cast_unsigned().div_ceil(self.class.every());
        (turns * self.class.burst()).cast_signed()
    }
}

impl Mix {
    /// How the cells of two circuits are counted that are spliced now, and how many quanta they wait, there and back. `None` if one of them has no
    /// places. (RDV-22, RDV-28)
    pub(in crate::node::mix) fn counted(
        &self,
        dialler: usize,
        callee: usize,
    ) -> Option<(Counts, [u64; 2])> {
        let relay = self.relay.as_ref()?;
        let (one, other) = (relay.hops.get(dialler)?, relay.hops.get(callee)?);
        let (there, back) = (self.turns(one.back)?, self.turns(other.back)?);
        let (rests_there, ahead) = there.onto(&back);
        let (rests_back, behind) = back.onto(&there);
        // What the callee is told takes places too, this included.
        let told = i64::try_from(other.hop.waiting() + 1).unwrap_or(i64::MAX);
        let next = self.pace.as_ref()?.grid.next();
        let free = back.first_at(next) + told - ahead;
        let counts = Counts {
            from: (one.index + 1).max(u64::try_from(free).unwrap_or(0)),
            forth: -ahead,
            back: behind,
        };
        Some((counts, [rests_there, rests_back]))
    }

    fn turns(&self, (link, circuit): Lane) -> Option<Turns> {
        let wire = self.wires.get(&link)?;
        let places = &wire.lanes.get(&circuit)?.places;
        let comes = wire.flow.as_ref()?.intake.batch_of(places.inward?.first)?;
        Some(Turns {
            class: places.class,
            comes: comes.cast_signed(),
            goes: places.outward?.cast_signed(),
        })
    }

    /// A cell of what a circuit ends in, which is another circuit, with the place where it would go on. (RDV-21)
    pub(super) fn pass_at(&mut self, key: usize, (batch, place): (u64, u64), cell: &Cell) {
        let Some((other, rests)) = self.other(key) else {
            return;
        };
        if let Some(back) = self.relay.as_ref().and_then(|relay| relay.back(other)) {
            self.put_at(back, (batch + rests, place), cell);
        }
    }
}
