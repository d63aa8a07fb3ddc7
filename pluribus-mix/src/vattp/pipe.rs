//! Records: what a pipe is made of. (VTP-14, VTP-21, VTP-24, VTP-43)
//!
//! A [`Sealer`] is one direction's near end, an [`Opener`] its far end. Records are sealed where they will be sent from and
//! opened where they came in: no byte is copied here.
//!
//! On a stream nothing is lost, so both ends count the records under a key, and go to the next key when the sender says so.
//! On cells any record may be lost, the one that would say so too; there each record is one cell, its counter is the index
//! that the carrier gives it, and the key follows from the index alone. An opener goes to a later key only with a cell that
//! opens under it: whoever makes up cells moves nothing, and costs the work of 64 keys at most.

use super::Violation;
use super::frame::pad;
use super::pair::PairFields;
use crate::crypto::aead::{Aead, Backend, Key, TAG_LEN};
use crate::crypto::kdf::{Label, Secret};
use core::ops::RangeInclusive;

/// Lengths that a sealed record on a stream can have. (VTP-21)
pub const RECORD_LEN: RangeInclusive<usize> = TAG_LEN + 1..=32_768;
/// The most bytes of frames in a record on a stream.
pub const MAX_PLAIN: usize = 32_768 - TAG_LEN;
/// Records under one key on a stream. (VTP-24)
pub const MAX_RECORDS: u64 = 1 << 20;
/// Bytes of a cell. (VTP-43)
pub const CELL_LEN: usize = 896;
/// Bytes of frames and PAD in a cell. (VTP-43)
pub const CELL_PLAIN: usize = CELL_LEN - TAG_LEN;
/// Cells from one change of key to the next. (VTP-43)
pub const CELLS_PER_KEY: u64 = 1024;
/// Changes of key that a cell may lie ahead. (VTP-43)
pub const MAX_BORDERS: u64 = 64;
/// What stands before the pair fields on cells. (VTP-44)
pub(super) const GO_TOO: u8 = 0x0d;
/// The length before a record on a stream.
const LEN: usize = 2;

/// What records travel on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Gives bytes in order, and loses nothing while it lives.
    Stream,
    /// Hands over single cells of [`CELL_LEN`] bytes, in order, each with its index; it may lose any of them.
    Cells,
}

impl Carrier {
    /// The most bytes of frames in a record.
    pub const fn max_plain(self) -> usize {
        match self {
            Self::Stream => MAX_PLAIN,
            Self::Cells => CELL_PLAIN,
        }
    }

    /// Bytes before the sealed part of a record.
    const fn head(self) -> usize {
        match self {
            Self::Stream => LEN,
            Self::Cells => 0,
        }
    }
}

/// What a pipe travels on, and where on it it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// A stream.
    Stream,
    /// Cells, with the index of the first cell of each direction's first flight. (VTP-43)
    Cells {
        /// Of flight 1.
        i_to_r: u64,
        /// Of flight 2.
        r_to_i: u64,
    },
}

impl Carried {
    /// What it travels on.
    pub const fn carrier(self) -> Carrier {
        match self {
            Self::Stream => Carrier::Stream,
            Self::Cells { .. } => Carrier::Cells,
        }
    }

    /// The initiator's direction.
    pub(super) const fn i_to_r(self) -> Way {
        match self {
            Self::Stream => Way::Stream,
            Self::Cells { i_to_r, .. } => Way::Cells { first: i_to_r },
        }
    }

    /// The responder's direction.
    pub(super) const fn r_to_i(self) -> Way {
        match self {
            Self::Stream => Way::Stream,
            Self::Cells { r_to_i, .. } => Way::Cells { first: r_to_i },
        }
    }
}

/// What one direction travels on, and where on it it began.
#[derive(Clone, Copy)]
pub(super) enum Way {
    Stream,
    Cells { first: u64 },
}

/// A traffic secret, its key, and how far the direction has come.
struct Direction {
    secret: Secret,
    key: Key,
    carrier: Carrier,
    /// On a stream the records that the key has seen, on cells the lowest index that rises.
    counter: u64,
    /// On cells, which 1024 of all indices are under this key.
    era: u64,
}

impl Direction {
    fn new(secret: Secret, way: Way, backend: Backend) -> Self {
        let key = Key::new(backend, secret.expand(Label::KEY, b"").as_bytes());
        let (carrier, counter) = match way {
            Way::Stream => (Carrier::Stream, 0),
            Way::Cells { first } => (Carrier::Cells, first),
        };
        Self {
            secret,
            key,
            carrier,
            counter,
            era: counter / CELLS_PER_KEY,
        }
    }

    /// As if so many records had passed under this key.
    #[cfg(test)]
    const fn age(&mut self, records: u64) {
        self.counter = records;
    }

    /// Goes to the next secret and forgets this one. On cells the index does that, and this does nothing. (VTP-24)
    fn rekey(&mut self) {
        if self.carrier == Carrier::Stream {
            let next = self.secret.expand(Label::REKEY, b"");
            *self = Self::new(next, Way::Stream, self.key.backend());
        }
    }

    /// Changes of key before the cell with this index; `None` for one that does not rise, is too far ahead, or the last that
    /// can be counted. (VTP-43)
    fn borders(&self, index: u64) -> Option<u64> {
        let rises = self.carrier == Carrier::Cells && index >= self.counter && index < u64::MAX;
        let borders = (index / CELLS_PER_KEY).checked_sub(self.era)?;
        (rises && borders <= MAX_BORDERS).then_some(borders)
    }

    /// The direction at the cell with this index, which lies so many changes of key ahead, one at least. (VTP-43)
    fn ahead(&self, borders: u64, index: u64) -> Self {
        let mut secret = self.secret.expand(Label::REKEY, b"");
        for _ in 1..borders {
            secret = secret.expand(Label::REKEY, b"");
        }
        Self::new(secret, Way::Cells { first: index }, self.key.backend())
    }
}

/// The near end of a direction.
pub struct Sealer {
    direction: Direction,
    head: Option<Box<PairFields>>,
    /// On cells, the index of the next record, once named.
    index: Option<u64>,
}

/// A record being written: where it begins in the buffer.
#[must_use = "a record that is begun must be sealed"]
pub struct Begun(usize);

impl Sealer {
    pub(super) fn new(secret: Secret, way: Way, backend: Backend) -> Self {
        let direction = Direction::new(secret, way, backend);
        Self {
            direction,
            head: None,
            index: None,
        }
    }

    /// A direction on a stream that starts from a traffic secret, as in the test vectors.
    pub fn from_secret(secret: [u8; 32], backend: Backend) -> Self {
        Self::new(Secret::from(secret), Way::Stream, backend)
    }

    /// A direction on cells that starts from a traffic secret; `first` is the first cell of its first flight. (VTP-43)
    pub fn of_cells(secret: [u8; 32], first: u64, backend: Backend) -> Self {
        Self::new(Secret::from(secret), Way::Cells { first }, backend)
    }

    /// What its records travel on.
    pub const fn carrier(&self) -> Carrier {
        self.direction.carrier
    }

    /// Names the index of the cell that the next record will be; those behind it follow it one by one until another is
    /// named. Without it no record is sealed on cells. (VTP-43)
    ///
    /// # Errors
    /// If a cell of this index or a higher one was sealed, if it is so far ahead that its receiver would take it for lost, or
    /// on a stream.
    pub fn at(&mut self, index: u64) -> Result<(), Violation> {
        self.direction.borders(index).ok_or(Violation::Index)?;
        self.index = Some(index);
        Ok(())
    }

    /// The first record will begin with these fields. (VTP-15)
    pub fn say_first(&mut self, pair: &PairFields) {
        self.head = Some(Box::new(*pair));
    }

    /// Whether a record must be sent though there may be no frame for it: GOTOO waits.
    pub const fn must_speak(&self) -> bool {
        self.head.is_some()
    }

    /// Whether the next record is the last that this key may seal; never so on cells.
    pub const fn is_worn(&self) -> bool {
        matches!(self.direction.carrier, Carrier::Stream)
            && self.direction.counter >= MAX_RECORDS - 1
    }

    /// Begins a record at the end of `out`; frames are appended to `out` next.
    pub fn begin(&mut self, out: &mut Vec<u8>) -> Begun {
        let begun = Begun(out.len());
        let carrier = self.direction.carrier;
        out.resize(out.len() + carrier.head(), 0);
        if let Some(pair) = self.head.take() {
            if carrier == Carrier::Cells {
                out.push(GO_TOO);
            }
            pair.encode(out);
        }
        begun
    }

    /// Bytes of frames that still fit into a record begun in `out`.
    pub fn room(&self, begun: &Begun, out: &[u8]) -> usize {
        let carrier = self.direction.carrier;
        let written = out.len().saturating_sub(begun.0 + carrier.head());
        carrier.max_plain().saturating_sub(written)
    }

    /// Seals what was appended since [`Sealer::begin`]. A record without content is taken back. On cells what is appended in
    /// all is [`CELL_LEN`] bytes: PAD fills the cell.
    ///
    /// # Errors
    /// If the caller wrote more than [`Sealer::room`], or named no index for a cell; nothing is left in `out` then.
    pub fn seal(&mut self, begun: Begun, out: &mut Vec<u8>) -> Result<(), Violation> {
        let Begun(start) = begun;
        let carrier = self.direction.carrier;
        let plain = out.len().saturating_sub(start + carrier.head());
        let sealed = match plain {
            0 => {
                out.truncate(start);
                return Ok(());
            }
            plain if plain > carrier.max_plain() => Err(Violation::Length),
            _ if carrier == Carrier::Stream => self.seal_record(start, out),
            _ => self.seal_cell(start, out),
        };
        if sealed.is_err() {
            out.truncate(start);
        }
        sealed
    }

    /// Seals what stands behind the two bytes at `start`, and puts its length there. (VTP-21)
    fn seal_record(&mut self, start: usize, out: &mut Vec<u8>) -> Result<(), Violation> {
        let direction = &mut self.direction;
        let plain = out.get_mut(start + LEN..).ok_or(Violation::Length)?;
        let tag = direction.key.seal(direction.counter, b"", plain);
        let tag = tag.map_err(|_| Violation::Length)?;
        direction.counter += 1;
        out.extend_from_slice(&tag);
        let sealed = out.len().saturating_sub(start + LEN);
        let len = u16::try_from(sealed).map_err(|_| Violation::Length)?;
        if let Some(place) = out.get_mut(start..start + LEN) {
            place.copy_from_slice(&len.to_be_bytes());
        }
        Ok(())
    }

    /// Makes a cell of what stands behind `start`, and goes to the next index. (VTP-43)
    fn seal_cell(&mut self, start: usize, out: &mut Vec<u8>) -> Result<(), Violation> {
        let direction = &mut self.direction;
        let index = self.index.ok_or(Violation::Index)?;
        let borders = direction.borders(index).ok_or(Violation::Index)?;
        if borders > 0 {
            *direction = direction.ahead(borders, index);
        }
        pad(out, start + CELL_PLAIN);
        let plain = out.get_mut(start..).ok_or(Violation::Length)?;
        let tag = direction.key.seal(index, b"", plain);
        out.extend_from_slice(&tag.map_err(|_| Violation::Length)?);
        direction.counter = index + 1;
        self.index = Some(direction.counter);
        Ok(())
    }

    /// As if so many records had been sealed under this key.
    #[cfg(test)]
    pub(super) const fn age(&mut self, records: u64) {
        self.direction.age(records);
    }

    /// Goes to the next key; the record sealed last ended with REKEY. On cells, where that does not occur, nothing. (VTP-24)
    pub fn rekey(&mut self) {
        self.direction.rekey();
    }
}

/// The far end of a direction.
pub struct Opener {
    direction: Direction,
}

impl Opener {
    pub(super) fn new(secret: Secret, way: Way, backend: Backend) -> Self {
        let direction = Direction::new(secret, way, backend);
        Self { direction }
    }

    /// A direction on a stream that starts from a traffic secret, as in the test vectors.
    pub fn from_secret(secret: [u8; 32], backend: Backend) -> Self {
        Self::new(Secret::from(secret), Way::Stream, backend)
    }

    /// A direction on cells that starts from a traffic secret; `first` is the first cell of its first flight. (VTP-43)
    pub fn of_cells(secret: [u8; 32], first: u64, backend: Backend) -> Self {
        Self::new(Secret::from(secret), Way::Cells { first }, backend)
    }

    /// What its records travel on.
    pub const fn carrier(&self) -> Carrier {
        self.direction.carrier
    }

    /// Opens the next record of a stream where it lies (without its length) and returns the frames.
    ///
    /// # Errors
    /// If it does not open, or the key has been used for too long. Nothing of the record may be looked at then. On cells
    /// always: see [`Opener::open_cell`].
    pub fn open<'r>(&mut self, record: &'r mut [u8]) -> Result<&'r [u8], Violation> {
        let direction = &mut self.direction;
        if direction.carrier != Carrier::Stream {
            return Err(Violation::Record);
        }
        if direction.counter >= MAX_RECORDS {
            return Err(Violation::WornKey);
        }
        let plain = direction.key.open(direction.counter, b"", record);
        let plain = plain.map_err(|_| Violation::Record)?;
        direction.counter += 1;
        Ok(plain)
    }

    /// Opens a cell where it lies and returns the frames and PAD in it. `None` means that it is as if it had been lost: its
    /// index does not rise or is more than [`MAX_BORDERS`] changes of key ahead, it has another length than [`CELL_LEN`], or
    /// it does not open. Nothing has changed then, and nothing of the cell may be looked at. (VTP-43)
    pub fn open_cell<'c>(&mut self, index: u64, cell: &'c mut [u8]) -> Option<&'c [u8]> {
        let borders = self.direction.borders(index)?;
        if cell.len() != CELL_LEN {
            return None;
        }
        let ahead = (borders > 0).then(|| self.direction.ahead(borders, index));
        let key = &ahead.as_ref().unwrap_or(&self.direction).key;
        let plain = key.open(index, b"", cell).ok()?;
        if let Some(ahead) = ahead {
            self.direction = ahead;
        }
        self.direction.counter = index + 1;
        Some(plain)
    }

    /// On cells: a flight came up to the cell with this index, so only those behind it can be records. (VTP-43)
    pub fn flight_came(&mut self, last: u64) {
        if self.direction.carrier == Carrier::Cells {
            self.direction.counter = self.direction.counter.max(last.saturating_add(1));
        }
    }

    /// As if so many records had been opened under this key.
    #[cfg(test)]
    pub(super) const fn age(&mut self, records: u64) {
        self.direction.age(records);
    }

    /// Whether the key has opened all the records that it may; never so on cells. (VTP-24)
    pub const fn is_worn(&self) -> bool {
        matches!(self.direction.carrier, Carrier::Stream) && self.direction.counter >= MAX_RECORDS
    }

    /// Goes to the next key: REKEY came. On cells, where that does not occur, nothing. (VTP-24)
    pub fn rekey(&mut self) {
        self.direction.rekey();
    }
}
