//! What can be wrong with a message.

use thiserror::Error;

/// Why bytes are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// CAP-1: the message ends before its value does.
    #[error("cut off")]
    CutOff,
    /// CAP-1: something stands behind the value.
    #[error("bytes behind the value")]
    Behind,
    /// CAP-1: no value begins with this byte.
    #[error("not a value")]
    NotAValue,
    /// CAP-1: a closing bracket where a value belongs, or the wrong one.
    #[error("a closing bracket out of place")]
    Bracket,
    /// CAP-1: text that is not UTF-8.
    #[error("text that is not UTF-8")]
    Utf8,
    /// CAP-1: a float of single precision.
    #[error("a float of single precision")]
    Single,
    /// CAP-1: a record without a label.
    #[error("a record without a label")]
    Label,
    /// CAP-2: a number or a length with a zero in front.
    #[error("not canonical: a zero in front of a number")]
    LeadingZero,
    /// CAP-2: zero has no sign but plus.
    #[error("not canonical: minus zero")]
    MinusZero,
    /// CAP-2: all NaNs are one.
    #[error("not canonical: another NaN")]
    Nan,
    /// CAP-2: the keys of a dictionary rise.
    #[error("not canonical: dictionary keys out of order")]
    KeyOrder,
    /// CAP-2: a key stands once.
    #[error("not canonical: a dictionary key twice")]
    KeyTwice,
    /// CAP-2: the members of a set rise.
    #[error("not canonical: set members out of order")]
    SetOrder,
    /// CAP-2: a member stands once.
    #[error("not canonical: a set member twice")]
    SetTwice,
    /// CAP-3: more bytes than a message may have.
    #[error("too long")]
    TooLong,
    /// CAP-3: more brackets than a value may be inside of.
    #[error("too deep")]
    TooDeep,
    /// CAP-3: more digits than a number may have.
    #[error("too many digits")]
    Digits,
    /// Something else should stand here.
    #[error("expected {0}")]
    Expected(&'static str),
    /// A record has fewer or more fields than its label says.
    #[error("wrong number of fields")]
    Fields,
    /// CAP-11: no operation of this name is known.
    #[error("unknown operation")]
    Operation,
    /// CAP-12: no value of this name is known.
    #[error("unknown record")]
    Record,
    /// CAP-11: a number that must fit into 64 bits without a sign.
    #[error("number out of range")]
    Range,
    /// CAP-11: positions and deltas are not of the same number.
    #[error("as many deltas as positions expected")]
    Deltas,
    /// CAP-5: a transport has a name without a dot.
    #[error("not the name of a transport")]
    Transport,
    /// CAP-7: a key, an id or a half of a signature of another length.
    #[error("32 bytes expected")]
    Length,
    /// CAP-9: a gift id is 1 to 64 bytes.
    #[error("not a gift id")]
    GiftId,
    /// CAP-14: this is how another dialect says it.
    #[error("not in this dialect")]
    Dialect,
}

/// Why bytes are refused, and at which byte it shows, counted from 0.
///
/// Its text is fit for the reason of an `op:abort`: short, the same for the same fault, and with nothing in it that the
/// peer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{fault} at byte {at}")]
pub struct DecodeError {
    /// What is wrong.
    pub fault: Fault,
    /// Where.
    pub at: usize,
}

/// Why an operation cannot be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// CAP-3: longer than [`MAX_MESSAGE`](super::MAX_MESSAGE).
    #[error("the message is too long")]
    TooLong,
    /// CAP-3: deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
    #[error("the message is too deep")]
    TooDeep,
    /// CAP-3: a number with more than [`MAX_DIGITS`](super::MAX_DIGITS) digits.
    #[error("a number is too long")]
    Digits,
    /// CAP-14: this dialect has no words for it.
    #[error("the peer's dialect cannot say this")]
    Dialect,
}
