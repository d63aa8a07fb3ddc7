//! What lies behind a face.

use core::fmt;

use crate::net::Carried;

use super::handshake::Credentials;
use super::refusal::DialFault;
use super::target::Target;

/// Who carries the bytes.
///
/// A stream that breaks has to fail, in reading or in writing, and not to end: the face tells the program the difference.
/// Dropped before it was shut down, it has to let the target know.
pub trait Dial: Clone + Send + Sync + 'static {
    /// Bytes to a target and back.
    type Stream: Carried + Send + Unpin + 'static;

    /// Opens a stream. Whatever has another isolation must not share a circuit with it. Gives up when dropped. (FAC-5)
    fn dial(
        &self,
        isolation: Isolation,
        target: Target,
    ) -> impl Future<Output = Result<Self::Stream, DialFault>> + Send;
}

/// Which streams may be seen together: those that came through the same listener with the same credentials, or all with
/// none. A key and nothing more: it cannot be read or printed. (FAC-5)
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Isolation {
    listener: u16,
    shown: Option<Credentials>,
}

impl Isolation {
    /// The key of what came through this listener with these credentials.
    #[must_use]
    pub fn new(listener: u16, shown: Option<Credentials>) -> Self {
        Self { listener, shown }
    }
}

impl fmt::Debug for Isolation {
    /// Nothing: what keeps programs apart is not for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Isolation(..)")
    }
}
