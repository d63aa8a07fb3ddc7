//! What waits at a relay, and who goes when it is too much. (ONI-14)

use super::super::wire::Route;
use super::super::{Lane, Mix};
use super::Next;
use crate::onion::Cell;
use crate::onion::queue::Full;

impl Mix {
    /// Queues a cell of a circuit; one that has too much waiting is closed. (ONI-14)
    pub(super) fn push_or_close(&mut self, key: usize, lane: Lane, cell: &Cell) {
        if self.pace.is_some() {
            // Everything has its place there, and what a hop says waits for one.
            return;
        }
        let Err(full) = self.push(lane, cell) else {
            return;
        };
        if full == Full::Total {
            // Not this one's fault, perhaps: the longest queue goes.
            let longest = self.wires.iter().filter_map(|(link, wire)| {
                let (len, circuit) = wire.longest()?;
                Some((len, (*link, circuit)))
            });
            if let Some((_, worst)) = longest.max()
                && worst != lane
            {
                self.cut(worst);
                // It may have been this circuit's other way.
                if self.hop(key).is_none() || self.push(lane, cell).is_ok() {
                    return;
                }
            }
        }
        self.cut_hop(key);
    }

    /// Closes the circuit that has a lane, with all that waits on it.
    fn cut(&mut self, (link, circuit): Lane) {
        let Some(wire) = self.wires.get_mut(&link) else {
            return;
        };
        match wire.route(circuit) {
            Some(Route::Forward(key) | Route::Backward(key)) => self.cut_hop(key),
            Some(route) => {
                wire.cut(&mut self.cells, circuit);
                self.wake(link);
                self.lane_lost(route);
            }
            None => {}
        }
    }

    /// Too much was queued.
    fn cut_hop(&mut self, key: usize) {
        let Some(at) = self.hop(key) else { return };
        let (back, next) = (at.back, core::mem::replace(&mut at.next, Next::Nothing));
        for lane in [Some(back), next.lane()].into_iter().flatten() {
            if let Some(wire) = self.wires.get_mut(&lane.0) {
                wire.cut(&mut self.cells, lane.1);
                self.wake(lane.0);
            }
        }
        self.remove_hop(key);
    }
}
