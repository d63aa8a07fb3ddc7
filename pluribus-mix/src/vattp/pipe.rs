//! Records: what a pipe is made of. (VTP-14, VTP-21, VTP-24)
//!
//! A [`Sealer`] is one direction's near end, an [`Opener`] its far end; each counts the records under its key and goes to
//! the next key when told to. Records are sealed where they will be sent from and opened where they came in: no byte is
//! copied here.

use super::Violation;
use super::pair::PairFields;
use crate::crypto::aead::{Aead, Backend, Key, TAG_LEN};
use crate::crypto::kdf::{Label, Secret};
use core::ops::RangeInclusive;

/// Lengths that a sealed record can have. (VTP-21)
pub const RECORD_LEN: RangeInclusive<usize> = TAG_LEN + 1..=32_768;
/// The most bytes of frames in a record.
pub const MAX_PLAIN: usize = 32_768 - TAG_LEN;
/// Records under one key. (VTP-24)
pub const MAX_RECORDS: u64 = 1 << 20;
/// The length before a record.
const LEN: usize = 2;

/// What records travel on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Gives bytes in order, and loses nothing while it lives.
    Stream,
    /// Hands over single cells of 896 bytes, in order, each with its index; it may lose any of them.
    Cells,
}

/// A traffic secret, its key, and how many records the key has seen.
struct Direction {
    secret: Secret,
    key: Key,
    counter: u64,
}

impl Direction {
    fn new(secret: Secret, backend: Backend) -> Self {
        let key = Key::new(backend, secret.expand(Label::KEY, b"").as_bytes());
        Self {
            secret,
            key,
            counter: 0,
        }
    }

    /// As if so many records had passed under this key.
    #[cfg(test)]
    const fn age(&mut self, records: u64) {
        self.counter = records;
    }

    /// Goes to the next secret and forgets this one. (VTP-24)
    fn rekey(&mut self) {
        *self = Self::new(self.secret.expand(Label::REKEY, b""), self.key.backend());
    }
}

/// The near end of a direction.
pub struct Sealer {
    direction: Direction,
    head: Option<PairFields>,
}

/// A record being written: where it begins in the buffer.
#[must_use = "a record that is begun must be sealed"]
pub struct Begun(usize);

impl Sealer {
    pub(super) fn new(secret: Secret, backend: Backend) -> Self {
        let direction = Direction::new(secret, backend);
        Self {
            direction,
            head: None,
        }
    }

    /// A direction that starts from a traffic secret, as in the test vectors.
    pub fn from_secret(secret: [u8; 32], backend: Backend) -> Self {
        Self::new(Secret::from(secret), backend)
    }

    /// The first record will begin with these fields. (VTP-15)
    pub(super) const fn say_first(&mut self, pair: &PairFields) {
        self.head = Some(*pair);
    }

    /// Whether a record must be sent though there may be no frame for it: GOTOO waits.
    pub const fn must_speak(&self) -> bool {
        self.head.is_some()
    }

    /// Whether the next record is the last that this key may seal.
    pub const fn is_worn(&self) -> bool {
        self.direction.counter >= MAX_RECORDS - 1
    }

    /// Begins a record at the end of `out`; frames are appended to `out` next.
    pub fn begin(&mut self, out: &mut Vec<u8>) -> Begun {
        let begun = Begun(out.len());
        out.extend_from_slice(&[0; LEN]);
        if let Some(pair) = self.head.take() {
            pair.encode(out);
        }
        begun
    }

    /// Bytes of frames that still fit into a record begun in `out`.
    pub fn room(&self, begun: &Begun, out: &[u8]) -> usize {
        MAX_PLAIN.saturating_sub(out.len().saturating_sub(begun.0 + LEN))
    }

    /// Seals what was appended since [`Sealer::begin`]. A record without content is taken back.
    ///
    /// # Errors
    /// If the caller wrote more than [`Sealer::room`]; nothing is left in `out` then.
    pub fn seal(&mut self, begun: Begun, out: &mut Vec<u8>) -> Result<(), Violation> {
        let Begun(start) = begun;
        let sealed = out.len().saturating_sub(start + LEN) + TAG_LEN;
        let (Some(plain), true) = (out.get_mut(start + LEN..), RECORD_LEN.contains(&sealed)) else {
            out.truncate(start);
            return if sealed == TAG_LEN {
                Ok(())
            } else {
                Err(Violation::Length)
            };
        };
        let direction = &mut self.direction;
        let tag = direction.key.seal(direction.counter, b"", plain);
        let tag = tag.map_err(|_| Violation::Length)?;
        direction.counter += 1;
        out.extend_from_slice(&tag);
        let len = u16::try_from(sealed).unwrap_or(u16::MAX).to_be_bytes();
        if let Some(place) = out.get_mut(start..start + LEN) {
            place.copy_from_slice(&len);
        }
        Ok(())
    }

    /// As if so many records had been sealed under this key.
    #[cfg(test)]
    pub(super) const fn age(&mut self, records: u64) {
        self.direction.age(records);
    }

    /// Goes to the next key; the record sealed last ended with REKEY. (VTP-24)
    pub fn rekey(&mut self) {
        self.direction.rekey();
    }
}

/// The far end of a direction.
pub struct Opener {
    direction: Direction,
}

impl Opener {
    pub(super) fn new(secret: Secret, backend: Backend) -> Self {
        let direction = Direction::new(secret, backend);
        Self { direction }
    }

    /// A direction that starts from a traffic secret, as in the test vectors.
    pub fn from_secret(secret: [u8; 32], backend: Backend) -> Self {
        Self::new(Secret::from(secret), backend)
    }

    /// Opens the next record where it lies (without its length) and returns the frames.
    ///
    /// # Errors
    /// If it does not open, or the key has been used for too long. Nothing of the record may be looked at then.
    pub fn open<'r>(&mut self, record: &'r mut [u8]) -> Result<&'r [u8], Violation> {
        let direction = &mut self.direction;
        if direction.counter >= MAX_RECORDS {
            return Err(Violation::WornKey);
        }
        let plain = direction.key.open(direction.counter, b"", record);
        let plain = plain.map_err(|_| Violation::Record)?;
        direction.counter += 1;
        Ok(plain)
    }

    /// As if so many records had been opened under this key.
    #[cfg(test)]
    pub(super) const fn age(&mut self, records: u64) {
        self.direction.age(records);
    }

    /// Goes to the next key: REKEY came. (VTP-24)
    pub fn rekey(&mut self) {
        self.direction.rekey();
    }
}
