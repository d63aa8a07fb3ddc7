//! Whole numbers of any size. Nearly all fit into a machine's word, and then they cost no more than one.

use core::cmp::Ordering;
use core::fmt;
use core::str::FromStr;

use num_bigint::{BigInt, Sign};
use thiserror::Error;

use super::MAX_DIGITS;

/// A whole number of any size.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Int(Repr);

/// Invariant: `Big` only what does not fit into `Small`, so that equal numbers are equal. In a box, for it is rare and every value
/// would be as large.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Repr {
    Small(i64),
    Big(Box<BigInt>),
}

impl Int {
    /// The bytes it takes beyond its own size.
    pub(crate) fn weight(&self) -> usize {
        match &self.0 {
            Repr::Small(_) => 0,
            Repr::Big(number) => usize::try_from(number.bits() / 8).unwrap_or(usize::MAX),
        }
    }
}

/// A text that is not a whole number, or one of more than [`MAX_DIGITS`] digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a whole number")]
pub struct BadInt;

impl Int {
    /// Zero.
    pub const ZERO: Self = Self(Repr::Small(0));

    /// The number, unless it is negative or too large for 64 bits.
    #[must_use]
    pub fn to_u64(&self) -> Option<u64> {
        match &self.0 {
            Repr::Small(small) => u64::try_from(*small).ok(),
            Repr::Big(big) => u64::try_from(&**big).ok(),
        }
    }

    /// The number, unless it is too large for 64 bits with a sign.
    #[must_use]
    pub fn to_i64(&self) -> Option<i64> {
        match &self.0 {
            Repr::Small(small) => Some(*small),
            Repr::Big(_) => None,
        }
    }

    /// Whether it is less than zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        match &self.0 {
            Repr::Small(small) => *small < 0,
            Repr::Big(big) => big.sign() == Sign::Minus,
        }
    }

    /// The sum.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        match (&self.0, &other.0) {
            (Repr::Small(one), Repr::Small(two)) => Self::from(i128::from(*one) + i128::from(*two)),
            _ => Self::of_big(self.to_big() + other.to_big()),
        }
    }

    /// A number from its decimal digits, which must be digits: at least one, and nothing else.
    pub(super) fn of_digits(digits: &[u8], negative: bool) -> Option<Self> {
        if let Some(magnitude) = small_magnitude(digits) {
            let magnitude = i128::from(magnitude);
            return Some(Self::from(if negative { -magnitude } else { magnitude }));
        }
        let magnitude = BigInt::parse_bytes(digits, 10)?;
        Some(Self::of_big(if negative { -magnitude } else { magnitude }))
    }

    /// The digits of its magnitude, if it fits into a word.
    pub(super) fn magnitude(&self) -> Result<u64, String> {
        match &self.0 {
            Repr::Small(small) => Ok(small.unsigned_abs()),
            Repr::Big(big) => Err(big.magnitude().to_str_radix(10)),
        }
    }

    fn of_big(big: BigInt) -> Self {
        i64::try_from(&big).map_or(Self(Repr::Big(Box::new(big))), |small| {
            Self(Repr::Small(small))
        })
    }

    fn to_big(&self) -> BigInt {
        match &self.0 {
            Repr::Small(small) => BigInt::from(*small),
            Repr::Big(big) => (**big).clone(),
        }
    }
}

/// The value of at most 18 digits, which always fits.
fn small_magnitude(digits: &[u8]) -> Option<u64> {
    if digits.len() > 18 {
        return None;
    }
    let value = |sum, digit: &u8| sum * 10 + u64::from(digit - b'0');
    Some(digits.iter().fold(0, value))
}

impl From<i64> for Int {
    fn from(number: i64) -> Self {
        Self(Repr::Small(number))
    }
}

impl From<u64> for Int {
    fn from(number: u64) -> Self {
        Self::from(i128::from(number))
    }
}

impl From<i128> for Int {
    fn from(number: i128) -> Self {
        i64::try_from(number).map_or_else(|_| Self::of_big(BigInt::from(number)), Self::from)
    }
}

impl FromStr for Int {
    type Err = BadInt;

    /// Reads decimal digits, with a `-` in front if the number is negative.
    fn from_str(text: &str) -> Result<Self, BadInt> {
        let (digits, negative) = text
            .strip_prefix('-')
            .map_or((text, false), |digits| (digits, true));
        let digits = digits.as_bytes();
        let fits = (1..=MAX_DIGITS).contains(&digits.len());
        if !fits || !digits.iter().all(u8::is_ascii_digit) {
            return Err(BadInt);
        }
        Self::of_digits(digits, negative).ok_or(BadInt)
    }
}

impl fmt::Display for Int {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Small(small) => small.fmt(f),
            Repr::Big(big) => big.fmt(f),
        }
    }
}

impl Ord for Int {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Repr::Small(one), Repr::Small(two)) => one.cmp(two),
            (Repr::Big(one), Repr::Big(two)) => one.cmp(two),
            (Repr::Small(_), Repr::Big(_)) if other.is_negative() => Ordering::Greater,
            (Repr::Small(_), Repr::Big(_)) => Ordering::Less,
            (Repr::Big(_), Repr::Small(_)) if self.is_negative() => Ordering::Less,
            (Repr::Big(_), Repr::Small(_)) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Int {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
