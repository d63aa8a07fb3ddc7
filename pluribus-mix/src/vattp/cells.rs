//! Flights on cells. (VTP-44)
//!
//! A flight is what the states of a handshake write: `lp(item)` after `lp(item)`. On cells it is cut into cells as it
//! stands, the last one filled up with zeros ([`fill_flight`]). At the other end [`FlightCells`] puts the items together
//! again; it does what a [`Splitter`] does for a stream, and sees besides that no cell of a flight is missing.
//!
//! Nothing says in a cell where a flight ends: who waits for an item knows whether it is the last of its flight
//! ([`Place`]). With that item the rest of its cell is checked, before anything is done with the item, and the next flight
//! begins with another cell. Between two flights indices may be left out, for a flight may begin anywhere.

use super::Violation;
use super::pipe::CELL_LEN;
use super::split::{Item, Splitter};
use crate::wire::{DecodeError, Fault};
use core::mem;
use core::ops::RangeInclusive;

/// Fills the last cell of the flight in `out` up with zeros; then `out` is whole cells of [`CELL_LEN`] bytes. Called when the
/// flight is complete, before records follow it. (VTP-44)
pub fn fill_flight(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(CELL_LEN), 0);
}

/// Whether another item stands behind an item in its flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Another one does: IAM before REPLYINFO, GIVEINFO before GO.
    Before,
    /// None does: IWANT, REPLYINFO, GO.
    Last,
}

/// A cell that came, and what of it has not been looked at.
pub struct Incoming<'c> {
    /// Its index, until the first look at it.
    index: Option<u64>,
    rest: &'c mut [u8],
}

impl<'c> Incoming<'c> {
    /// A cell with its index, as the carrier hands it over.
    pub const fn new(index: u64, cell: &'c mut [u8; CELL_LEN]) -> Self {
        Self {
            index: Some(index),
            rest: cell,
        }
    }

    /// What was sealed in a cell with this index, where flights are sealed once more. (RDV-17)
    pub const fn opened(index: u64, plain: &'c mut [u8]) -> Self {
        Self {
            index: Some(index),
            rest: plain,
        }
    }
}

/// The flights of one direction, item by item. Holds no memory while no item is cut.
#[derive(Default)]
pub struct FlightCells {
    splitter: Splitter,
    /// The index of the first cell of the first flight.
    first: Option<u64>,
    /// The index of the cell that came last.
    last: Option<u64>,
    /// Whether a flight has begun and not ended.
    within: bool,
}

impl FlightCells {
    /// The index of the first cell of the direction's first flight, once it has come. (VTP-43)
    pub const fn first(&self) -> Option<u64> {
        self.first
    }

    /// The index of the cell that came last. (VTP-43)
    pub const fn last(&self) -> Option<u64> {
        self.last
    }

    /// Takes the awaited item off the front of `cell`, or all of `cell` if that does not complete the item. To be called
    /// until it gives `None`, with what is then awaited.
    ///
    /// # Errors
    /// If the index of the cell leaves a gap in the flight or does not rise; if the item has a length that is not among
    /// `lengths`, known before its content is looked at; or if behind the last item of a flight stands anything but zeros.
    /// Then nothing more may be asked of this value. (VTP-44)
    pub fn next<'c>(
        &mut self,
        cell: &mut Incoming<'c>,
        lengths: &RangeInclusive<usize>,
        place: Place,
    ) -> Result<Option<Item<'c>>, Violation> {
        if let Some(index) = cell.index.take() {
            self.enter(index)?;
        }
        let Some(item) = self.splitter.next(&mut cell.rest, lengths)? else {
            return Ok(None);
        };
        if place == Place::Last {
            self.within = false;
            if mem::take(&mut cell.rest).iter().any(|byte| *byte != 0) {
                return Err(DecodeError::new("rest of the cell", Fault::OutOfRange).into());
            }
        }
        Ok(Some(item))
    }

    /// Looks at the index of a new cell.
    fn enter(&mut self, index: u64) -> Result<(), Violation> {
        let fits = self.last.is_none_or(|last| {
            if self.within {
                last.checked_add(1) == Some(index)
            } else {
                last < index
            }
        });
        if !fits {
            return Err(Violation::Gap);
        }
        self.first.get_or_insert(index);
        self.last = Some(index);
        self.within = true;
        Ok(())
    }
}
