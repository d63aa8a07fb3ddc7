//! Syrup: how values are written, each in one way only.
//!
//! Certificates are signed over what is written, so two peers must write the same value in the same bytes. Syrup says
//! how; readers in the wild are kinder than that and take spaces, other brackets and unsorted dictionaries. This one is
//! not: what it takes, it would have written itself, byte for byte. So nothing needs to remember the bytes it came from,
//! and no peer can show one thing to us and another to the one we pass it on to.
//!
//! The pieces: [`Reader`] takes a message apart piece by piece and copies nothing; [`Writer`] puts one together;
//! [`Term`] is a whole value as a tree, for those who do not know what they will get; [`Splitter`] finds where a value
//! ends in a stream of bytes. [`Int`] is a whole number. Everything a peer sends is bounded by [`MAX_MESSAGE`] and
//! [`MAX_DEPTH`].

mod error;
mod int;
mod read;
mod split;
mod term;
#[cfg(test)]
mod tests;
mod write;

pub use error::{DecodeError, EncodeError, Fault};
pub use int::{BadInt, Int};
pub use read::{Kind, Reader};
pub use split::{Splitter, value_len};
pub use term::{Dict, Set, Term, TwiceTheSame};
pub use write::Writer;

/// The bytes of the longest message. (CAP-3)
pub const MAX_MESSAGE: usize = 1 << 20;

/// How many brackets a value may be inside of. (CAP-3)
pub const MAX_DEPTH: usize = 64;

/// The decimal digits of the longest whole number. (CAP-3)
pub const MAX_DIGITS: usize = 4096;
