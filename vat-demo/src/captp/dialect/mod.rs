//! How operations are written. Peers in the field do not agree, so this is behind one trait.
//!
//! [`A`] and [`B`] differ in a few operations and agree in all the rest. [`Auto`] listens which of
//! the two a peer speaks. A further dialect is a file beside these and a line below.

mod a;
mod auto;
mod b;
mod operation;
mod passable;
#[cfg(test)]
mod tests;

use core::fmt;

pub use a::A;
pub use auto::Auto;
pub use b::B;

use super::certificate::KeyForm;
use super::op::Op;
use super::syrup::{DecodeError, EncodeError, Splitter};

/// One way of writing operations. (CAP-11 to CAP-16)
pub trait Dialect: fmt::Debug + Send {
    /// Its name, for logs.
    fn name(&self) -> &'static str;

    /// Whether the peer's dialect is certain. While it is not, a session must keep from operations that dialects write
    /// differently: a message that wants no answer, and what is said of garbage. (CAP-16)
    fn known(&self) -> bool {
        true
    }

    /// Takes the peer to speak what new peers speak, until it shows otherwise. (CAP-16)
    fn assume(&mut self) {}

    /// How keys and signatures are written. (CAP-7)
    fn keys(&self) -> KeyForm;

    /// Writes an operation behind what is in `out`, as it goes on a stream of bytes.
    ///
    /// # Errors
    /// If a peer would refuse it; then `out` is as it was.
    fn encode(&self, op: &Op, out: &mut Vec<u8>) -> Result<(), EncodeError>;

    /// Reads one message, as [`Self::splitter`] cuts it off a stream of bytes. Learns from it, if there is something to learn.
    ///
    /// # Errors
    /// If it is anything but one operation of this dialect in its only encoding. The peer's session must end then.
    fn decode(&mut self, message: &[u8]) -> Result<Op, DecodeError>;

    /// What cuts a stream of bytes into messages. (CAP-4)
    fn splitter(&self) -> Splitter {
        Splitter::new()
    }
}
