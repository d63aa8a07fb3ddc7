//! How cells stand in the records of a link, and whose the circuit ids are. (ONI-2 to 4)
//!
//! A record is `tick (4) ‖ n × (circuit id (4) ‖ cell (1024))`. Two ids are no circuits: 0 is padding, and 2³¹ bears link words, the list
//! of circuits that are over. Each side of a link gives ids from its own half, rising and none twice: the end of a
//! circuit crosses cells that are still under way, and a late cell must not be taken for the first of a new circuit.

use super::{CELL, Cell, CircuitId};
use crate::wire::{DecodeError, Fault, Put};

/// Cells that a record holds at most. (ONI-2)
pub const CELLS: usize = 31;
/// Bytes of the longest record.
pub const RECORD: usize = TICK + CELLS * ENTRY;
/// The id of padding: the body is random and is dropped. (ONI-4)
pub const PADDING: CircuitId = CircuitId(0);
/// The id of link words. (ONI-4)
pub const WORDS: CircuitId = CircuitId(HALF);
/// Circuits that one cell of link words can end. (ONI-4)
pub const ENDED: usize = 255;

const TICK: usize = 4;
const ENTRY: usize = 4 + CELL;
const HALF: u32 = 1 << 31;
/// Classes of circuits. (PAC-3)
const CLASSES: u32 = 4;

/// What a tick is more in the last record of a batch. (PAC-4)
const LAST: u32 = 1 << 31;

/// Begins a record in `out`, whose cells [`put_cell`] adds. Without pacing the tick is 0.
pub fn begin_record(out: &mut Vec<u8>) {
    out.put_u32(0);
}

/// Begins a record of a batch. (PAC-4)
pub fn begin_paced(out: &mut Vec<u8>, tick: Tick) {
    let last = if tick.is_last { LAST } else { 0 };
    out.put_u32(tick.number & !LAST | last);
}

/// Of which batch a record is part. (PAC-4)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// The number of the batch, 1 to 2³¹ − 1.
    pub number: u32,
    /// Whether no other record of it follows.
    pub is_last: bool,
}

/// Adds a cell to a record; at most [`CELLS`] to one.
pub fn put_cell(out: &mut Vec<u8>, id: CircuitId, cell: &Cell) {
    out.put_u32(id.0);
    out.put(cell);
}

/// A record of a link, its cells still in place. (ONI-2)
pub struct Record<'r> {
    entries: &'r mut [[u8; ENTRY]],
}

impl<'r> Record<'r> {
    /// Reads a record.
    ///
    /// # Errors
    /// A tick other than 0, no cell, more than 31, or a length that is none of whole cells: the link is over.
    pub fn parse(plain: &'r mut [u8]) -> Result<Self, DecodeError> {
        let Some((tick, rest)) = plain.split_first_chunk_mut::<TICK>() else {
            return Err(DecodeError::new("tick", Fault::Truncated));
        };
        if *tick != [0; TICK] {
            return Err(DecodeError::new("tick", Fault::OutOfRange));
        }
        Self::of(rest)
    }

    /// Reads a record of a batch. (PAC-4)
    ///
    /// # Errors
    /// As [`Record::parse`]; a tick of 0.
    pub fn parse_paced(plain: &'r mut [u8]) -> Result<(Tick, Self), DecodeError> {
        let Some((tick, rest)) = plain.split_first_chunk_mut::<TICK>() else {
            return Err(DecodeError::new("tick", Fault::Truncated));
        };
        let tick = u32::from_be_bytes(*tick);
        let (number, is_last) = (tick & !LAST, tick & LAST != 0);
        if number == 0 {
            return Err(DecodeError::new("tick", Fault::OutOfRange));
        }
        Ok((Tick { number, is_last }, Self::of(rest)?))
    }

    fn of(rest: &'r mut [u8]) -> Result<Self, DecodeError> {
        let (entries, rest) = rest.as_chunks_mut::<ENTRY>();
        if !rest.is_empty() {
            return Err(DecodeError::new("cell", Fault::Truncated));
        }
        if entries.is_empty() || entries.len() > CELLS {
            return Err(DecodeError::new("cells", Fault::OutOfRange));
        }
        Ok(Self { entries })
    }

    /// The cells of several records, as [`Record::bytes`] gives them.
    pub fn whole(cells: &'r mut [u8]) -> Self {
        let (entries, _) = cells.as_chunks_mut::<ENTRY>();
        Self { entries }
    }

    /// Its cells with their circuits, one behind the other.
    pub fn bytes(&self) -> &[u8] {
        self.entries.as_flattened()
    }

    /// Its cells, in order, to be gone through more than once.
    pub fn iter_mut(&mut self) -> Entries<'_> {
        Entries(self.entries.iter_mut())
    }

    /// How many cells it holds, 1 to 31.
    pub fn cells(&self) -> usize {
        self.entries.len()
    }
}

impl<'r> IntoIterator for Record<'r> {
    type Item = (CircuitId, &'r mut Cell);
    type IntoIter = Entries<'r>;

    fn into_iter(self) -> Entries<'r> {
        Entries(self.entries.iter_mut())
    }
}

/// The cells of a record, in order.
pub struct Entries<'r>(core::slice::IterMut<'r, [u8; ENTRY]>);

impl<'r> Iterator for Entries<'r> {
    type Item = (CircuitId, &'r mut Cell);

    fn next(&mut self) -> Option<Self::Item> {
        let (id, cell) = self.0.next()?.split_first_chunk_mut()?;
        Some((CircuitId(u32::from_be_bytes(*id)), cell.try_into().ok()?))
    }
}

/// Writes the link words that end the first 255 of `ids` into `cell` and says how many those are. With no ids the cell is
/// not one to send. (ONI-4)
pub fn put_ended(ids: &[CircuitId], cell: &mut Cell) -> usize {
    let count = ids.len().min(ENDED);
    cell.fill(0);
    let [n, rest @ ..] = cell;
    *n = u8::try_from(count).unwrap_or(u8::MAX);
    for (place, id) in rest.as_chunks_mut::<4>().0.iter_mut().zip(ids).take(count) {
        *place = id.0.to_be_bytes();
    }
    count
}

/// Reads link words: the circuits that are over, both ways. (ONI-4)
///
/// # Errors
/// A count of 0, or other than zeros behind the last id: the link is over.
pub fn ended(cell: &Cell) -> Result<impl Iterator<Item = CircuitId>, DecodeError> {
    let [n, rest @ ..] = cell;
    let count = usize::from(*n);
    if count == 0 {
        return Err(DecodeError::new("n", Fault::OutOfRange));
    }
    let Some((ids, zeros)) = rest.split_at_checked(4 * count) else {
        return Err(DecodeError::new("circuit id", Fault::Truncated));
    };
    if zeros.iter().any(|byte| *byte != 0) {
        return Err(DecodeError::new("zeros", Fault::OutOfRange));
    }
    let ids = ids.as_chunks().0.iter();
    Ok(ids.map(|id| CircuitId(u32::from_be_bytes(*id))))
}

/// What a circuit id that was heard is. (ONI-3)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Id {
    /// The first cell of a circuit that the other side opens.
    New,
    /// One that this side has given; it may be over.
    Ours,
    /// One that the other side has used before; it may be over.
    Theirs,
    /// None that can be: the link is over. Also [`PADDING`] and [`WORDS`], which are no circuits; look for them before.
    Impossible,
}

/// The circuit ids of one link, at one of its sides. (ONI-3)
#[derive(Debug)]
pub struct Ids {
    /// What an id of our half has in its first bit.
    half: u32,
    /// The last we gave, less the half.
    given: u32,
    /// The highest that was heard, less the half.
    heard: u32,
    theirs: Theirs,
}

/// Whether the other side may open circuits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Theirs {
    Welcome,
    Refused,
}

impl Ids {
    /// The side that dialled, a relay.
    pub const fn dialler() -> Self {
        Self::new(0, Theirs::Welcome)
    }

    /// The side that dialled, a client: it lets nobody open circuits to it.
    pub const fn client() -> Self {
        Self::new(0, Theirs::Refused)
    }

    /// The side that was dialled.
    pub const fn accepter() -> Self {
        Self::new(HALF, Theirs::Welcome)
    }

    const fn new(half: u32, theirs: Theirs) -> Self {
        Self {
            half,
            given: 0,
            heard: 0,
            theirs,
        }
    }

    /// The next id of this side; `None` when all 2³¹ − 1 have been given, and the link has to be replaced.
    #[expect(
        clippy::should_implement_trait,
        reason = "giving an id is no iteration over ids"
    )]
    pub fn next(&mut self) -> Option<CircuitId> {
        if self.given == HALF - 1 {
            return None;
        }
        self.given += 1;
        Some(CircuitId(self.half | self.given))
    }

    /// The next id of this side for a circuit of this class, which its two last bits are. (PAC-3)
    pub fn next_of(&mut self, class: u8) -> Option<CircuitId> {
        let number = (self.given / CLASSES + 1) * CLASSES + u32::from(class) % CLASSES;
        if number >= HALF {
            return None;
        }
        self.given = number;
        Some(CircuitId(self.half | number))
    }

    /// What the id of a cell that came in is. A new one is taken note of.
    pub fn heard(&mut self, id: CircuitId) -> Id {
        let number = id.0 & !HALF;
        if number == 0 {
            return Id::Impossible;
        }
        if id.0 & HALF == self.half {
            return match number <= self.given {
                true => Id::Ours,
                false => Id::Impossible,
            };
        }
        if number <= self.heard {
            return Id::Theirs;
        }
        if self.theirs == Theirs::Refused {
            return Id::Impossible;
        }
        self.heard = number;
        Id::New
    }
}
