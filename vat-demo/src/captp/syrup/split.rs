//! Where a value ends in a stream of bytes.
//!
//! The protocol has no framing of its own: messages follow each other, and a netlayer may cut them anywhere. Whoever
//! looks for the end need not understand what is inside, only count brackets and skip what has a length. The place is
//! remembered, so that every byte is looked at once, in whatever pieces it comes.

use super::{DecodeError, Fault, MAX_DEPTH, MAX_DIGITS, MAX_MESSAGE};

/// Cuts a stream of bytes into values. (CAP-4)
///
/// It holds less than [`MAX_MESSAGE`] bytes and what was pushed since the last [`Self::next`].
#[derive(Clone, Debug, Default)]
pub struct Splitter {
    buffer: Vec<u8>,
    /// Where the value that is looked at begins.
    start: usize,
    scan: Scan,
    fault: Option<DecodeError>,
}

impl Splitter {
    /// At the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream. Ask for [`Self::next`] until there is none before you push more.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.fault.is_some() {
            return;
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole value, if it is all there. It need not be canonical.
    ///
    /// # Errors
    /// If the stream can be no row of values, or one is too long or too deep. The bytes are counted from the beginning of
    /// that value. There is no way back: it is said again whenever asked.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator that ends goes on here"
    )]
    pub fn next(&mut self) -> Result<Option<Vec<u8>>, DecodeError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let rest = self.buffer.get(self.start..).unwrap_or_default();
        match self.scan.end(rest) {
            Ok(Some(length)) => {
                let value = rest.get(..length).unwrap_or_default().to_vec();
                self.start += length;
                self.scan = Scan::default();
                Ok(Some(value))
            }
            Ok(None) => Ok(None),
            Err(fault) => {
                self.buffer = Vec::new();
                self.fault = Some(fault);
                Err(fault)
            }
        }
    }

    /// Whether a value has begun that is not all there.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        self.buffer.len() > self.start
    }
}

/// The length of the value at the front of `bytes`, or none if it is not all there. (CAP-4)
///
/// # Errors
/// If no value begins so, or it is too long or too deep.
pub fn value_len(bytes: &[u8]) -> Result<Option<usize>, DecodeError> {
    Scan::default().end(bytes)
}

/// How far a value has been looked at.
#[derive(Clone, Debug, Default)]
struct Scan {
    /// The byte to look at next; behind the bytes there are while something is skipped.
    at: usize,
    /// The brackets that are to come, the innermost last.
    closing: Vec<u8>,
    number: Option<Digits>,
    done: bool,
}

/// Digits that have been seen.
#[derive(Clone, Copy, Debug)]
struct Digits {
    start: usize,
    value: usize,
}

impl Scan {
    /// Goes on with the bytes of the value, from its first.
    fn end(&mut self, bytes: &[u8]) -> Result<Option<usize>, DecodeError> {
        while !self.done {
            if self.at >= MAX_MESSAGE {
                return Err(self.error(MAX_MESSAGE, Fault::TooLong));
            }
            let Some(byte) = bytes.get(self.at) else {
                return Ok(None);
            };
            match self.number.take() {
                None => self.begin(*byte)?,
                Some(digits) => self.go_on(digits, *byte)?,
            }
        }
        if self.at > MAX_MESSAGE {
            return Err(self.error(MAX_MESSAGE, Fault::TooLong));
        }
        Ok((self.at <= bytes.len()).then_some(self.at))
    }

    /// The first byte of a value, or a bracket behind the last.
    fn begin(&mut self, byte: u8) -> Result<(), DecodeError> {
        match byte {
            b't' | b'f' => self.skip(1),
            b'D' => self.skip(9),
            b'0'..=b'9' => {
                let start = self.at;
                self.go_on(Digits { start, value: 0 }, byte)?;
            }
            b'[' => self.open(b']')?,
            b'{' => self.open(b'}')?,
            b'#' => self.open(b'$')?,
            b'<' => self.open(b'>')?,
            b']' | b'}' | b'$' | b'>' => self.close(byte)?,
            b'F' => return Err(self.error(self.at, Fault::Single)),
            _ => return Err(self.error(self.at, Fault::NotAValue)),
        }
        Ok(())
    }

    /// A byte behind digits.
    fn go_on(&mut self, digits: Digits, byte: u8) -> Result<(), DecodeError> {
        match byte {
            b'0'..=b'9' if self.at - digits.start >= MAX_DIGITS => {
                return Err(self.error(digits.start, Fault::Digits));
            }
            b'0'..=b'9' => {
                let value = digits.value.saturating_mul(10);
                let value = value.saturating_add(usize::from(byte - b'0'));
                self.number = Some(Digits { value, ..digits });
                self.at += 1;
            }
            b'+' | b'-' => self.skip(1),
            b':' | b'"' | b'\'' if digits.value > MAX_MESSAGE => {
                return Err(self.error(digits.start, Fault::TooLong));
            }
            b':' | b'"' | b'\'' => self.skip(1 + digits.value),
            _ => return Err(self.error(self.at, Fault::NotAValue)),
        }
        Ok(())
    }

    /// A value without brackets, or its rest.
    fn skip(&mut self, length: usize) {
        self.at += length;
        self.done = self.closing.is_empty();
    }

    fn open(&mut self, closing: u8) -> Result<(), DecodeError> {
        if self.closing.len() >= MAX_DEPTH {
            return Err(self.error(self.at, Fault::TooDeep));
        }
        self.closing.push(closing);
        self.at += 1;
        Ok(())
    }

    fn close(&mut self, bracket: u8) -> Result<(), DecodeError> {
        if self.closing.pop() != Some(bracket) {
            return Err(self.error(self.at, Fault::Bracket));
        }
        self.skip(1);
        Ok(())
    }

    fn error(&self, at: usize, fault: Fault) -> DecodeError {
        DecodeError { fault, at }
    }
}
