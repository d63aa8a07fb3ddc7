//! From a stream of bytes to items: `lp(item)` after `lp(item)`. (VTP-1, VTP-21)
//!
//! TCP gives bytes in any chopping. Items that lie whole in what came are handed on where they lie; only an item that the
//! chopping cut is kept here until its rest comes.

use super::Violation;
use core::mem;
use core::ops::{Deref, DerefMut, RangeInclusive};

/// One item, without its length.
pub enum Item<'i> {
    /// Lay whole in the input.
    Borrowed(&'i mut [u8]),
    /// Was put together from pieces.
    Owned(Vec<u8>),
}

impl Deref for Item<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl DerefMut for Item<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// What is known of an item that the input cut. Holds no memory while nothing is cut.
#[derive(Default)]
pub struct Splitter {
    /// The first byte of a length whose second has not come.
    half: Option<u8>,
    /// The length of the item, once known, and as much of it as has come.
    partial: Option<(usize, Vec<u8>)>,
}

impl Splitter {
    /// Takes the next item off the front of `input`, or all of `input` if that holds no whole item.
    ///
    /// # Errors
    /// If the item has a length that is not among `lengths`: known before its content is looked at.
    pub fn next<'i>(
        &mut self,
        input: &mut &'i mut [u8],
        lengths: &RangeInclusive<usize>,
    ) -> Result<Option<Item<'i>>, Violation> {
        let (len, mut partial) = match self.partial.take() {
            Some(begun) => begun,
            None => match self.length(input) {
                Some(len) if lengths.contains(&len) => (len, Vec::new()),
                Some(_) => return Err(Violation::Length),
                None => return Ok(None),
            },
        };
        let whole = mem::take(input);
        let missing = len.saturating_sub(partial.len());
        if whole.len() < missing {
            partial.extend_from_slice(whole);
            self.partial = Some((len, partial));
            return Ok(None);
        }
        let (item, rest) = whole.split_at_mut(missing);
        *input = rest;
        if partial.is_empty() {
            return Ok(Some(Item::Borrowed(item)));
        }
        partial.extend_from_slice(item);
        Ok(Some(Item::Owned(partial)))
    }

    /// Takes the two bytes of a length off the front of `input`, if both are there.
    fn length(&mut self, input: &mut &mut [u8]) -> Option<usize> {
        if self.half.is_none() {
            self.half = Some(take(input)?);
        }
        let low = take(input)?;
        let high = self.half.take()?;
        Some(usize::from(u16::from_be_bytes([high, low])))
    }
}

/// Takes one byte off the front of `input`.
fn take(input: &mut &mut [u8]) -> Option<u8> {
    let (first, rest) = mem::take(input).split_first_mut()?;
    *input = rest;
    Some(*first)
}
