//! Writing. There is one way to write a value, and this is it.

use core::cmp::Ordering;

use super::{EncodeError, Int, MAX_DEPTH, MAX_DIGITS, MAX_MESSAGE};

const NAN: u64 = 0x7ff8_0000_0000_0000;

/// Puts a message together, behind what is in the buffer already. (CAP-1, CAP-2)
///
/// Brackets are the caller's to close. Keys of dictionaries must come in their order ([`Self::text_order`]).
/// What is too long or too deep shows in [`Self::finish`].
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    depth: usize,
    fault: Option<EncodeError>,
}

impl<'a> Writer<'a> {
    /// Writes behind what is in `out`.
    #[must_use]
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            start: out.len(),
            out,
            depth: 0,
            fault: None,
        }
    }

    /// Ends the message.
    ///
    /// # Errors
    /// If a peer would refuse it (CAP-3); then the buffer is as it was.
    pub fn finish(self) -> Result<(), EncodeError> {
        let length = self.out.len() - self.start;
        let long = (length > MAX_MESSAGE).then_some(EncodeError::TooLong);
        let Some(fault) = self.fault.or(long) else {
            return Ok(());
        };
        self.out.truncate(self.start);
        Err(fault)
    }

    /// True or false.
    pub fn bool(&mut self, truth: bool) {
        self.out.push(if truth { b't' } else { b'f' });
    }

    /// A whole number.
    pub fn int(&mut self, number: &Int) {
        match number.magnitude() {
            Ok(magnitude) => self.digits(magnitude),
            Err(digits) if digits.len() > MAX_DIGITS => self.refuse(EncodeError::Digits),
            Err(digits) => self.out.extend_from_slice(digits.as_bytes()),
        }
        self.out
            .push(if number.is_negative() { b'-' } else { b'+' });
    }

    /// A whole number from zero on.
    pub fn u64(&mut self, number: u64) {
        self.digits(number);
        self.out.push(b'+');
    }

    /// A double. All NaNs are written as one.
    pub fn float(&mut self, number: f64) {
        let bits = if number.is_nan() {
            NAN
        } else {
            number.to_bits()
        };
        self.out.push(b'D');
        self.out.extend_from_slice(&bits.to_be_bytes());
    }

    /// Bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.counted(b':', bytes);
    }

    /// Text.
    pub fn text(&mut self, text: &str) {
        self.counted(b'"', text.as_bytes());
    }

    /// A symbol.
    pub fn symbol(&mut self, name: &str) {
        self.counted(b'\'', name.as_bytes());
    }

    /// The beginning of a list.
    pub fn list(&mut self) {
        self.open(b'[');
    }

    /// The end of a list.
    pub fn end_list(&mut self) {
        self.close(b']');
    }

    /// The beginning of a dictionary. Keys and values follow in turn.
    pub fn dict(&mut self) {
        self.open(b'{');
    }

    /// The end of a dictionary.
    pub fn end_dict(&mut self) {
        self.close(b'}');
    }

    /// The beginning of a set.
    pub fn set(&mut self) {
        self.open(b'#');
    }

    /// The end of a set.
    pub fn end_set(&mut self) {
        self.close(b'$');
    }

    /// The beginning of a record, and its label.
    pub fn record(&mut self, label: &str) {
        self.open_record();
        self.symbol(label);
    }

    /// The end of a record.
    pub fn end_record(&mut self) {
        self.close(b'>');
    }

    /// The order of two texts as keys of a dictionary, which is that of their encodings. These begin with the length in
    /// decimal, so 10 characters come before 9.
    #[must_use]
    pub fn text_order(one: &str, two: &str) -> Ordering {
        if one.len() == two.len() {
            return one.cmp(two);
        }
        let lengths = (one.len().to_string(), two.len().to_string());
        lengths.0.cmp(&lengths.1)
    }

    /// Whether something is wrong already, so that there is no use in going on.
    pub(crate) fn is_lost(&self) -> bool {
        self.fault.is_some()
    }

    /// The beginning of a record of which the caller writes the label.
    pub(super) fn open_record(&mut self) {
        self.open(b'<');
    }

    fn open(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.refuse(EncodeError::TooDeep);
        }
    }

    fn close(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.depth = self.depth.saturating_sub(1);
    }

    fn refuse(&mut self, fault: EncodeError) {
        self.fault = self.fault.or(Some(fault));
    }

    fn counted(&mut self, mark: u8, bytes: &[u8]) {
        self.digits(bytes.len() as u64);
        self.out.push(mark);
        self.out.extend_from_slice(bytes);
    }

    fn digits(&mut self, number: u64) {
        if number < 10 {
            return self.out.push(b'0' + number as u8);
        }
        let mut digits = [0; 20];
        let mut left = number;
        let mut used = 0;
        for place in digits.iter_mut().rev() {
            if left == 0 {
                break;
            }
            *place = b'0' + (left % 10) as u8;
            left /= 10;
            used += 1;
        }
        let first = digits.len() - used;
        self.out
            .extend_from_slice(digits.get(first..).unwrap_or_default());
    }
}
