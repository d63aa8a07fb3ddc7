//! Cells that wait to be sent. (ONI-14)
//!
//! A relay holds the cells of all its circuits in one slab, and the queue of a circuit is three numbers: the first of its cells, the last, and
//! how many. A cell that was taken out leaves its place to the next one, so that once the slab has grown to what is needed nothing
//! is allocated any more. It grows by chunks: no cell is ever copied to make room for others.
//!
//! Whose cell leaves next is the link's affair.

use super::{CELL, Cell};

/// Cells that one circuit may have waiting in one direction. (ONI-14)
pub const LONGEST: usize = 1536;
/// Cells that all circuits of a relay together may have waiting, unless it is told otherwise. (ONI-14)
pub const DEFAULT_TOTAL: usize = 65_536;

/// Cells of a chunk of the slab.
const CHUNK: usize = 64;
/// Chunks that an empty slab keeps: one megabyte.
const KEPT: usize = 16;
/// No place.
const NONE: u32 = u32::MAX;

/// Why a cell found no place. (ONI-14)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// This queue holds 1536 cells: its circuit is to be closed.
    Queue,
    /// All queues together hold as many as they may: the circuit with the longest queue is to be closed.
    Total,
}

/// The cells of one circuit in one direction; they stand in a [`Cells`], always the same one.
///
/// To be emptied with [`Cells::clear`] before it is dropped.
#[derive(Debug)]
pub struct Queue {
    head: u32,
    tail: u32,
    len: u32,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            head: NONE,
            tail: NONE,
            len: 0,
        }
    }
}

impl Queue {
    /// How many cells wait.
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether none waits.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// All cells that wait at one node.
pub struct Cells {
    chunks: Vec<Box<[Place]>>,
    /// The first of the places that are free.
    free: u32,
    held: usize,
    most: usize,
}

#[derive(Clone)]
struct Place {
    cell: Cell,
    next: u32,
}

impl Cells {
    /// Room for `most` cells, none of it taken yet. More than 2³² − 1 are not kept.
    pub const fn new(most: usize) -> Self {
        Self {
            chunks: Vec::new(),
            free: NONE,
            held: 0,
            most,
        }
    }

    /// How many cells wait in all queues.
    pub const fn held(&self) -> usize {
        self.held
    }

    /// How many cells there is memory for just now.
    pub fn room(&self) -> usize {
        self.chunks.len() * CHUNK
    }

    /// Puts a cell behind the others of `queue`.
    ///
    /// # Errors
    /// Which of the two bounds was reached; the cell is not kept.
    pub fn push(&mut self, queue: &mut Queue, cell: &Cell) -> Result<(), Full> {
        if queue.len() >= LONGEST {
            return Err(Full::Queue);
        }
        let at = self.take().ok_or(Full::Total)?;
        let place = self.place(at).ok_or(Full::Total)?;
        place.cell.copy_from_slice(cell);
        place.next = NONE;
        match self.place(queue.tail) {
            Some(last) => last.next = at,
            None => queue.head = at,
        }
        queue.tail = at;
        queue.len += 1;
        self.held += 1;
        Ok(())
    }

    /// Appends the first cell of `queue` to `out`; `false` if there is none.
    pub fn pop_into(&mut self, queue: &mut Queue, out: &mut Vec<u8>) -> bool {
        let Some(place) = self.place(queue.head) else {
            return false;
        };
        out.extend_from_slice(&place.cell);
        self.drop_first(queue);
        true
    }

    /// Takes the first cell of `queue` out into `cell`; `false` if there is none.
    pub fn pop_to(&mut self, queue: &mut Queue, cell: &mut Cell) -> bool {
        let Some(place) = self.place(queue.head) else {
            return false;
        };
        cell.copy_from_slice(&place.cell);
        self.drop_first(queue);
        true
    }

    /// Takes all cells out of `queue`.
    pub fn clear(&mut self, queue: &mut Queue) {
        while !queue.is_empty() {
            self.drop_first(queue);
        }
    }

    fn drop_first(&mut self, queue: &mut Queue) {
        let (at, free) = (queue.head, self.free);
        let Some(place) = self.place(at) else {
            return;
        };
        queue.head = core::mem::replace(&mut place.next, free);
        queue.len -= 1;
        if queue.is_empty() {
            queue.tail = NONE;
        }
        self.free = at;
        self.held -= 1;
        if self.held == 0 && self.chunks.len() > KEPT {
            self.shrink();
        }
    }

    /// A free place, taken off the list of those.
    fn take(&mut self) -> Option<u32> {
        if self.held >= self.most {
            return None;
        }
        if self.free == NONE {
            self.grow();
        }
        let at = self.free;
        self.free = self.place(at)?.next;
        Some(at)
    }

    fn grow(&mut self) {
        let chunk = Place {
            cell: [0; CELL],
            next: NONE,
        };
        self.chunks.push(vec![chunk; CHUNK].into_boxed_slice());
        self.chain(self.chunks.len() - 1);
    }

    /// Gives back what is more than an empty slab keeps.
    fn shrink(&mut self) {
        self.chunks.truncate(KEPT);
        self.free = NONE;
        (0..KEPT).for_each(|chunk| self.chain(chunk));
    }

    /// Puts all places of a chunk before the free ones.
    fn chain(&mut self, chunk: usize) {
        let Ok(first) = u32::try_from(chunk * CHUNK) else {
            return;
        };
        let mut free = self.free;
        let places = self.chunks.get_mut(chunk).into_iter().flatten();
        for (at, place) in (first..).zip(places) {
            place.next = core::mem::replace(&mut free, at);
        }
        self.free = free;
    }

    fn place(&mut self, at: u32) -> Option<&mut Place> {
        let at = usize::try_from(at).ok()?;
        self.chunks.get_mut(at / CHUNK)?.get_mut(at % CHUNK)
    }
}
