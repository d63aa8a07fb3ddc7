//! What goes out in a quantum. (PAC-1, PAC-4, PAC-10)

use super::super::wire::{Route, Stage};
use super::super::{Above, Mix};
use super::Scratch;
use crate::node::{Batch, LinkId};
use crate::onion::link::{self, PADDING, Tick, WORDS};
use crate::onion::{CELL, Cell, CircuitId};

/// Bytes of a cell with its circuit id.
const ENTRY: usize = 4 + CELL;

impl Mix {
    /// As [`Node::poll_batch`](crate::node::Node::poll_batch).
    pub(in crate::node) fn poll_batch(
        &mut self,
        out: &mut Vec<u8>,
        above: &mut dyn Above,
    ) -> Option<Batch> {
        loop {
            let making = &mut self.pace.as_mut()?.making;
            let (link, number, due) = (making.links.pop()?, making.number, making.due);
            let before = out.len();
            self.make(link, number, out, above);
            if out.len() > before {
                return Some(Batch { link, due });
            }
        }
    }

    /// Makes one link's batch, whole and sealed.
    fn make(&mut self, id: LinkId, number: u64, out: &mut Vec<u8>, above: &mut dyn Above) {
        let Some(pace) = &mut self.pace else { return };
        let mut scratch = core::mem::take(&mut pace.scratch);
        let Scratch {
            order,
            entries,
            shuffle,
        } = &mut scratch;
        let wire = self.wires.get_mut(&id);
        if let Some(tick) = wire.and_then(|wire| wire.plan(number, &mut self.cells, order)) {
            #[cfg(test)]
            pace.misdeeds.omit(id, number, order);
            pace.noise_into(shuffle, order.len());
            mingle(order, shuffle);
            entries.clear();
            for circuit in order {
                entries.extend_from_slice(&circuit.0.to_be_bytes());
                entries.resize(entries.len() + CELL, 0);
                if let Some(cell) = entries.last_chunk_mut::<CELL>() {
                    self.fill(id, *circuit, number, cell, above);
                }
            }
            self.seal(id, tick, entries, out);
        }
        if let Some(pace) = &mut self.pace {
            pace.scratch = scratch;
        }
    }

    /// Seals the cells of a batch, record by record.
    fn seal(&mut self, id: LinkId, number: u32, entries: &[u8], out: &mut Vec<u8>) {
        let Some(wire) = self.wires.get_mut(&id) else {
            return;
        };
        let Stage::Standing(bare) = &mut wire.stage else {
            return;
        };
        let mut records = entries.chunks(link::CELLS * ENTRY).peekable();
        while let Some(cells) = records.next() {
            let is_last = records.peek().is_none();
            // Sealing refuses only what is longer than a record; this is not.
            let sealed = bare.record(out, |out| {
                link::begin_paced(out, Tick { number, is_last });
                out.extend_from_slice(cells);
            });
            if sealed.is_err() {
                return;
            }
        }
    }

    /// Writes the cell of one place.
    fn fill(
        &mut self,
        id: LinkId,
        circuit: CircuitId,
        number: u64,
        cell: &mut Cell,
        above: &mut dyn Above,
    ) {
        let Some(wire) = self.wires.get_mut(&id) else {
            return;
        };
        if circuit == WORDS {
            let said = link::put_ended(wire.ended.make_contiguous(), cell);
            wire.ended.drain(..said);
            return;
        }
        let lane = wire.lanes.get_mut(&circuit).filter(|_| circuit != PADDING);
        let placed = lane.and_then(|lane| {
            let (index, place) = lane.places.place(number)?;
            let came = lane.take(&mut self.cells, (number, place), cell);
            Some((lane.route, index, came))
        });
        #[cfg(test)]
        let passes = matches!(placed, Some((Route::Forward(_) | Route::Backward(_), ..)));
        let is_filled = match placed {
            Some((Route::Origin(key), index, _)) => self.origin_fill(key, index, cell, above),
            Some((Route::Forward(key), index, came)) => {
                self.hop_fill(key, index, came, cell, above);
                true
            }
            Some((Route::Backward(_), _, came)) => came,
            Some((Route::Over, ..)) | None => false,
        };
        #[cfg(test)]
        let is_filled = is_filled && !(passes && self.spoils());
        if !is_filled && let Some(pace) = &mut self.pace {
            pace.noise.fill(cell);
        }
    }
}

impl super::Pace {
    /// Draws four bytes for each of `count` places.
    fn noise_into(&mut self, shuffle: &mut Vec<u8>, count: usize) {
        shuffle.resize(4 * count, 0);
        self.noise.fill(shuffle);
    }
}

/// Puts the places in an order that is drawn; what belongs together keeps its own. (PAC-4)
fn mingle(order: &mut [CircuitId], drawn: &[u8]) {
    let draws = drawn
        .as_chunks::<4>()
        .0
        .iter()
        .map(|it| u32::from_be_bytes(*it));
    for (at, draw) in (0..order.len()).zip(draws).skip(1) {
        // Below at + 1, as evenly as 32 bits allow.
        let with = (u64::from(draw) * (at as u64 + 1)) >> 32;
        order.swap(at, usize::try_from(with).unwrap_or(at));
    }
}
