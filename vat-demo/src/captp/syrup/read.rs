//! Reading, piece by piece and without copies. What is not canonical is refused where it shows.

use core::str;

use super::{DecodeError, Fault, Int, MAX_DEPTH, MAX_DIGITS, MAX_MESSAGE};

const NAN: u64 = 0x7ff8_0000_0000_0000;

/// A length with more digits than this is that of no message.
const LENGTH_DIGITS: usize = 8;

/// What stands next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `t` or `f`.
    Bool,
    /// A whole number.
    Int,
    /// A double.
    Float,
    /// Bytes.
    Bytes,
    /// Text.
    Text,
    /// A symbol.
    Symbol,
    /// A list.
    List,
    /// A dictionary.
    Dict,
    /// A set.
    Set,
    /// A record.
    Record,
}

/// Takes one message apart. (CAP-1, CAP-2, CAP-3)
///
/// Every method takes what it is named after, or says why it cannot and at which byte. Behind an error the reader is of
/// no use.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

/// A run of digits and the byte behind it.
struct Number<'a> {
    digits: &'a [u8],
    mark: u8,
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`, which should be one message.
    ///
    /// # Errors
    /// [`Fault::TooLong`] for more than [`MAX_MESSAGE`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let reader = Self {
            bytes,
            at: 0,
            depth: 0,
        };
        if bytes.len() > MAX_MESSAGE {
            return Err(reader.error_at(MAX_MESSAGE, Fault::TooLong));
        }
        Ok(reader)
    }

    /// The byte that comes next, counted from 0.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// What was read from byte `start` on.
    #[must_use]
    pub fn since(&self, start: usize) -> &'a [u8] {
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    /// This fault, here.
    #[must_use]
    pub fn error(&self, fault: Fault) -> DecodeError {
        self.error_at(self.at, fault)
    }

    /// This fault, at byte `at`.
    #[must_use]
    pub fn error_at(&self, at: usize, fault: Fault) -> DecodeError {
        DecodeError { fault, at }
    }

    /// Ends the message.
    ///
    /// # Errors
    /// [`Fault::Behind`] if there is more of it.
    pub fn finish(&self) -> Result<(), DecodeError> {
        if self.at < self.bytes.len() {
            return Err(self.error(Fault::Behind));
        }
        Ok(())
    }

    /// What stands next, without taking it.
    ///
    /// # Errors
    /// If no value can begin so.
    pub fn kind(&self) -> Result<Kind, DecodeError> {
        Ok(match self.peek()? {
            b't' | b'f' => Kind::Bool,
            b'D' => Kind::Float,
            b'[' => Kind::List,
            b'{' => Kind::Dict,
            b'#' => Kind::Set,
            b'<' => Kind::Record,
            b'0'..=b'9' => match self.number()?.mark {
                b'+' | b'-' => Kind::Int,
                b':' => Kind::Bytes,
                b'"' => Kind::Text,
                _ => Kind::Symbol,
            },
            b'F' => return Err(self.error(Fault::Single)),
            b']' | b'}' | b'$' | b'>' => return Err(self.error(Fault::Bracket)),
            _ => return Err(self.error(Fault::NotAValue)),
        })
    }

    /// True or false.
    ///
    /// # Errors
    /// If something else stands here.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        let truth = match self.peek()? {
            b't' => true,
            b'f' => false,
            _ => return Err(self.other("a boolean")),
        };
        self.at += 1;
        Ok(truth)
    }

    /// Whether `f` stands next; then it is taken.
    pub fn no(&mut self) -> bool {
        let no = self.peek() == Ok(b'f');
        self.at += usize::from(no);
        no
    }

    /// A whole number.
    ///
    /// # Errors
    /// If something else stands here, or the number is not canonical or too long.
    pub fn int(&mut self) -> Result<Int, DecodeError> {
        let number = self.expect_number("a whole number", b"+-")?;
        let negative = number.mark == b'-';
        if negative && number.digits == b"0" {
            return Err(self.error(Fault::MinusZero));
        }
        let int = Int::of_digits(number.digits, negative);
        let int = int.ok_or_else(|| self.error(Fault::NotAValue))?;
        self.at = number.at;
        Ok(int)
    }

    /// A whole number from zero on that fits into 64 bits.
    ///
    /// # Errors
    /// If something else stands here, or the number is not canonical or does not fit.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        let start = self.at;
        let int = self.int()?;
        int.to_u64()
            .ok_or_else(|| self.error_at(start, Fault::Range))
    }

    /// A double.
    ///
    /// # Errors
    /// If something else stands here, or a NaN that is not the canonical one.
    pub fn float(&mut self) -> Result<f64, DecodeError> {
        if self.peek()? != b'D' {
            return Err(self.other("a float"));
        }
        let bits = self
            .bytes
            .get(self.at + 1..)
            .and_then(|rest| rest.first_chunk());
        let bits = u64::from_be_bytes(*bits.ok_or_else(|| self.cut_off())?);
        let float = f64::from_bits(bits);
        if float.is_nan() && bits != NAN {
            return Err(self.error(Fault::Nan));
        }
        self.at += 9;
        Ok(float)
    }

    /// Bytes.
    ///
    /// # Errors
    /// If something else stands here, or they are cut off.
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        self.counted(b':', "bytes")
    }

    /// 32 bytes.
    ///
    /// # Errors
    /// If something else stands here.
    pub fn bytes_32(&mut self) -> Result<[u8; 32], DecodeError> {
        let start = self.at;
        let bytes = self.bytes()?.try_into();
        bytes.map_err(|_| self.error_at(start, Fault::Length))
    }

    /// Text.
    ///
    /// # Errors
    /// If something else stands here, or it is cut off or not UTF-8.
    pub fn text(&mut self) -> Result<&'a str, DecodeError> {
        let start = self.at;
        let bytes = self.counted(b'"', "text")?;
        str::from_utf8(bytes).map_err(|_| self.error_at(start, Fault::Utf8))
    }

    /// A symbol.
    ///
    /// # Errors
    /// If something else stands here, or it is cut off or not UTF-8.
    pub fn symbol(&mut self) -> Result<&'a str, DecodeError> {
        let start = self.at;
        let bytes = self.counted(b'\'', "a symbol")?;
        str::from_utf8(bytes).map_err(|_| self.error_at(start, Fault::Utf8))
    }

    /// The symbol `name` and no other.
    ///
    /// # Errors
    /// If something else stands here.
    pub fn this_symbol(&mut self, name: &'static str) -> Result<(), DecodeError> {
        let start = self.at;
        if self.symbol()? != name {
            return Err(self.error_at(start, Fault::Expected(name)));
        }
        Ok(())
    }

    /// The beginning of a list.
    ///
    /// # Errors
    /// If something else stands here, or it would be too deep.
    pub fn list(&mut self) -> Result<(), DecodeError> {
        self.open(b'[', "a list")
    }

    /// Whether the list ends here; then the bracket is taken.
    ///
    /// # Errors
    /// If the message ends here.
    pub fn list_ends(&mut self) -> Result<bool, DecodeError> {
        self.closes(b']')
    }

    /// The end of a list.
    ///
    /// # Errors
    /// If it goes on.
    pub fn end_list(&mut self) -> Result<(), DecodeError> {
        if self.list_ends()? {
            return Ok(());
        }
        Err(self.error(Fault::Fields))
    }

    /// The beginning of a record, and its label.
    ///
    /// # Errors
    /// If something else stands here, the label is no symbol, or it would be too deep.
    pub fn record(&mut self) -> Result<&'a str, DecodeError> {
        self.open_record()?;
        self.symbol()
    }

    /// The beginning of a record with this label.
    ///
    /// # Errors
    /// If something else stands here.
    pub fn this_record(&mut self, label: &'static str) -> Result<(), DecodeError> {
        let start = self.at;
        if self.record()? != label {
            return Err(self.error_at(start, Fault::Expected(label)));
        }
        Ok(())
    }

    /// The end of a record.
    ///
    /// # Errors
    /// If it goes on.
    pub fn end_record(&mut self) -> Result<(), DecodeError> {
        if self.record_ends()? {
            return Ok(());
        }
        Err(self.error(Fault::Fields))
    }

    /// A dictionary whose keys are texts. `entry` takes the value of each.
    ///
    /// # Errors
    /// If something else stands here, its keys do not rise, or `entry` fails.
    pub fn dict(
        &mut self,
        mut entry: impl FnMut(&'a str, &mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.open_dict()?;
        let mut last = None;
        while !self.dict_ends()? {
            let start = self.at;
            let key = self.text()?;
            self.rises(&mut last, start, Fault::KeyOrder, Fault::KeyTwice)?;
            entry(key, self)?;
        }
        Ok(())
    }

    pub(super) fn open_dict(&mut self) -> Result<(), DecodeError> {
        self.open(b'{', "a dictionary")
    }

    pub(super) fn dict_ends(&mut self) -> Result<bool, DecodeError> {
        self.closes(b'}')
    }

    pub(super) fn open_set(&mut self) -> Result<(), DecodeError> {
        self.open(b'#', "a set")
    }

    pub(super) fn set_ends(&mut self) -> Result<bool, DecodeError> {
        self.closes(b'$')
    }

    pub(super) fn open_record(&mut self) -> Result<(), DecodeError> {
        self.open(b'<', "a record")?;
        if self.peek()? == b'>' {
            return Err(self.error(Fault::Label));
        }
        Ok(())
    }

    pub(super) fn record_ends(&mut self) -> Result<bool, DecodeError> {
        self.closes(b'>')
    }

    /// Whether what was read from `start` on comes behind `last`, byte by byte. Takes its place.
    pub(super) fn rises(
        &self,
        last: &mut Option<&'a [u8]>,
        start: usize,
        order: Fault,
        twice: Fault,
    ) -> Result<(), DecodeError> {
        let this = self.since(start);
        match last.replace(this) {
            Some(last) if last == this => Err(self.error_at(start, twice)),
            Some(last) if last > this => Err(self.error_at(start, order)),
            _ => Ok(()),
        }
    }

    fn peek(&self) -> Result<u8, DecodeError> {
        let next = self.bytes.get(self.at);
        next.copied().ok_or_else(|| self.cut_off())
    }

    /// Why a value of this kind is not what stands here.
    fn other(&self, expected: &'static str) -> DecodeError {
        match self.kind() {
            Ok(_) => self.error(Fault::Expected(expected)),
            Err(error) => error,
        }
    }

    fn cut_off(&self) -> DecodeError {
        self.error_at(self.bytes.len(), Fault::CutOff)
    }

    fn open(&mut self, bracket: u8, expected: &'static str) -> Result<(), DecodeError> {
        if self.peek()? != bracket {
            return Err(self.other(expected));
        }
        if self.depth >= MAX_DEPTH {
            return Err(self.error(Fault::TooDeep));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn closes(&mut self, bracket: u8) -> Result<bool, DecodeError> {
        let closes = self.peek()? == bracket;
        self.at += usize::from(closes);
        self.depth = self.depth.saturating_sub(usize::from(closes));
        Ok(closes)
    }

    /// The digits that stand here and the byte behind them, without taking them.
    fn number(&self) -> Result<Number<'a>, DecodeError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let count = rest
            .iter()
            .take(MAX_DIGITS + 1)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if count > MAX_DIGITS {
            return Err(self.error(Fault::Digits));
        }
        let (digits, behind) = rest.split_at(count);
        let mark = *behind.first().ok_or_else(|| self.cut_off())?;
        let at = self.at + count;
        if !matches!(mark, b'+' | b'-' | b':' | b'"' | b'\'') {
            return Err(self.error_at(at, Fault::NotAValue));
        }
        if count > 1 && digits.first() == Some(&b'0') {
            return Err(self.error(Fault::LeadingZero));
        }
        Ok(Number {
            digits,
            mark,
            at: at + 1,
        })
    }

    fn expect_number(
        &self,
        expected: &'static str,
        marks: &[u8],
    ) -> Result<Number<'a>, DecodeError> {
        if !self.peek()?.is_ascii_digit() {
            return Err(self.other(expected));
        }
        let number = self.number()?;
        if !marks.contains(&number.mark) {
            return Err(self.error(Fault::Expected(expected)));
        }
        Ok(number)
    }

    fn counted(&mut self, mark: u8, expected: &'static str) -> Result<&'a [u8], DecodeError> {
        let number = self.expect_number(expected, &[mark])?;
        if number.digits.len() > LENGTH_DIGITS {
            return Err(self.error(Fault::TooLong));
        }
        let length = number
            .digits
            .iter()
            .fold(0, |sum: usize, digit| sum * 10 + usize::from(digit - b'0'));
        if length > MAX_MESSAGE {
            return Err(self.error(Fault::TooLong));
        }
        let bytes = self.bytes.get(number.at..number.at + length);
        let bytes = bytes.ok_or_else(|| self.cut_off())?;
        self.at = number.at + length;
        Ok(bytes)
    }
}
