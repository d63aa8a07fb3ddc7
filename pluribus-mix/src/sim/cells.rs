//! Links that carry cells.
//!
//! A link is a stream unless its pair of hosts is told otherwise *before* it is opened. A link of cells takes whole cells
//! of 896 bytes and numbers them, from 0, in each direction. Each travels on its own, behind those sent before it, and
//! comes with its number; so a receiver sees that one is missing, and can do nothing about it here.
//!
//! All weather befalls cells too, with three differences: they are never chopped; a cell that a partition swallows is one
//! lost cell and no hole, so the link outlives it; and only cells are lost one by one ([`World::lose`]). A
//! [meddler](World::meddle) is shown cell by cell, each with its index in [`Passing`](super::Passing). What it lets go on
//! has the index of the cell that it was shown, and nothing but whole cells goes on.

use super::link::Item;
use super::{Direction, LinkNo, Place, World};

pub(super) use crate::node::{CELL_LEN as CELL, Carrier};

impl World {
    /// Links opened from now on between `a` and `b` carry cells.
    pub fn cells(&mut self, a: impl Into<Place>, b: impl Into<Place>) {
        self.pair(a, b).rules.carrier = Carrier::Cells;
    }

    /// The same for all pairs.
    pub fn cells_everywhere(&mut self) {
        self.weather
            .all()
            .for_each(|rules| rules.carrier = Carrier::Cells);
    }

    /// Links opened from now on between `a` and `b` carry a stream again.
    pub fn no_cells(&mut self, a: impl Into<Place>, b: impl Into<Place>) {
        self.pair(a, b).rules.carrier = Carrier::Stream;
    }

    /// From now on each cell between `a` and `b` is lost with a probability of this many in a thousand, and nobody is
    /// told. Streams lose nothing, and neither does the opening or the end of a link.
    pub fn lose(&mut self, a: impl Into<Place>, b: impl Into<Place>, per_mille: u16) {
        self.pair(a, b).rules.loss = per_mille;
    }

    /// What a link that is opened now carries.
    pub(super) fn carrier_between(&mut self, from: Place, to: Place) -> Carrier {
        self.weather.pair(from, to).rules.carrier
    }

    /// Puts bytes on a lane as its link takes them: in one piece, or cell by cell.
    pub(super) fn put(&mut self, no: LinkNo, direction: Direction, bytes: Vec<u8>) {
        let Some(carrier) = self.links.get(&no).map(|link| link.carrier) else {
            return;
        };
        if carrier == Carrier::Stream {
            return self.carry(no, direction, Item::Bytes(bytes));
        }
        let (cells, rest) = bytes.as_chunks::<CELL>();
        debug_assert!(rest.is_empty(), "a link of cells takes whole cells");
        for cell in cells {
            let link = self.links.get_mut(&no);
            let Some(index) = link.map(|link| link.target_mut(direction).next_cell()) else {
                return;
            };
            let cell = Box::new(*cell);
            self.carry(no, direction, Item::Cell { index, cell });
        }
    }
}
