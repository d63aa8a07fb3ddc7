//! Bytes in and out, bounded: a [`Reader`] that names the field that was wrong, and its mirror [`Put`].
//!
//! Spec chapter 2. A decoder takes exactly what is there: it refuses what ends early and what goes on, and allocates
//! nothing by a length that has not been seen to be present.

use core::fmt;

/// What was wrong with the input, and in which field. (WIR-2)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The field, as the specification calls it.
    pub field: &'static str,
    /// What was wrong with it.
    pub fault: Fault,
}

/// The ways in which a field can be wrong. (WIR-2)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The input ended before the field did.
    Truncated,
    /// The input went on after its last field.
    Trailing,
    /// A value or a length outside what the clause allows.
    OutOfRange,
    /// An element that may stand once stands twice.
    Repeated,
}

impl DecodeError {
    /// The error that says `field` suffers from `fault`.
    pub const fn new(field: &'static str, fault: Fault) -> Self {
        Self { field, fault }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fault = match self.fault {
            Fault::Truncated => "ends early",
            Fault::Trailing => "has bytes behind it",
            Fault::OutOfRange => "is out of range",
            Fault::Repeated => "repeats an element",
        };
        write!(f, "{} {fault}", self.field)
    }
}

impl core::error::Error for DecodeError {}

/// Appends fields to a buffer; the mirror of [`Reader`]. (WIR-1)
pub trait Put {
    /// One byte.
    fn put_u8(&mut self, value: u8);
    /// Two bytes, big-endian.
    fn put_u16(&mut self, value: u16);
    /// Four bytes, big-endian.
    fn put_u32(&mut self, value: u32);
    /// Eight bytes, big-endian.
    fn put_u64(&mut self, value: u64);
    /// The bytes, bare.
    fn put(&mut self, bytes: &[u8]);
    /// `lp(bytes)`: the length in two bytes, then the bytes. At most 65,535 of them; callers pass fields whose bound is
    /// far below, and what is beyond is cut off rather than written under a wrong length.
    fn put_lp(&mut self, bytes: &[u8]);
}

impl Put for Vec<u8> {
    fn put_u8(&mut self, value: u8) {
        self.push(value);
    }

    fn put_u16(&mut self, value: u16) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn put_lp(&mut self, bytes: &[u8]) {
        let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        self.put_u16(len);
        self.extend(bytes.iter().take(usize::from(len)));
    }
}

/// Takes fields from the front of a slice; every refusal names the field. (WIR-2)
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the start of `input`.
    pub const fn new(input: &'a [u8]) -> Self {
        Self { rest: input }
    }

    /// One byte.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    /// Two bytes, big-endian.
    pub fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.array(field).map(u16::from_be_bytes)
    }

    /// Four bytes, big-endian.
    pub fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.array(field).map(u32::from_be_bytes)
    }

    /// Eight bytes, big-endian.
    pub fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        self.array(field).map(u64::from_be_bytes)
    }

    /// A field of `N` bytes.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let Some((head, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(DecodeError::new(field, Fault::Truncated));
        };
        self.rest = rest;
        Ok(*head)
    }

    /// A field of `len` bytes.
    pub fn bytes(&mut self, len: usize, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let Some((head, rest)) = self.rest.split_at_checked(len) else {
            return Err(DecodeError::new(field, Fault::Truncated));
        };
        self.rest = rest;
        Ok(head)
    }

    /// A field with its length (2) before it.
    pub fn lp(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let len = self.u16(field)?;
        self.bytes(usize::from(len), field)
    }

    /// A list: count (1), then that many elements read by `element`. 1 to `most` of them, none twice.
    pub fn list<T: PartialEq>(
        &mut self,
        most: usize,
        field: &'static str,
        element: impl Fn(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let count = usize::from(self.u8(field)?);
        if count == 0 || count > most {
            return Err(DecodeError::new(field, Fault::OutOfRange));
        }
        let mut list = Vec::new();
        for _ in 0..count {
            let next = element(self)?;
            if list.contains(&next) {
                return Err(DecodeError::new(field, Fault::Repeated));
            }
            list.push(next);
        }
        Ok(list)
    }

    /// What has not been read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything has been read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The end: nothing may be left.
    pub const fn finish(self, field: &'static str) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::new(field, Fault::Trailing))
        }
    }
}

#[cfg(test)]
mod tests;
