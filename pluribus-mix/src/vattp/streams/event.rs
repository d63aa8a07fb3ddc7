//! What the runtime hears of its streams, and why a call of it is turned down.

use bytes::Bytes;

/// What the runtime hears of a stream.
///
/// Each is told once per edge: the runtime goes on until the call it is told of finds nothing more to do. Nothing is told of a
/// stream that the runtime gave up, nor behind [`StreamEvent::Reset`], nor when the stream has ended both ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEvent {
    /// The peer opened a stream; always the first of its stream. (VTP-49)
    Opened {
        /// Its id.
        stream: u32,
        /// What it is for; at most 512 bytes.
        head: Bytes,
    },
    /// Bytes came where none had waited; read until there are none.
    Readable {
        /// Its id.
        stream: u32,
    },
    /// There is room again after a write that was cut short.
    Writable {
        /// Its id.
        stream: u32,
    },
    /// The peer's direction ended with fin, and its last byte was read. (VTP-50)
    Ended {
        /// Its id.
        stream: u32,
    },
    /// The peer neither writes nor reads any more; what was not read or not said is lost. Always the last. (VTP-50)
    Reset {
        /// Its id.
        stream: u32,
        /// Why, in words of those who use the stream; 0 says nothing.
        code: u8,
    },
}

/// Why a call of the runtime is turned down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamFault {
    /// As many streams are open from here as there may be at once, or the ids are used up. (VTP-49)
    #[error("too many streams")]
    TooMany,
    /// The head is longer than 512 bytes. (VTP-49)
    #[error("a head of more than 512 bytes")]
    HeadTooLong,
    /// The stream was never opened, was given up at either end, or is over.
    #[error("no such stream")]
    Over,
    /// The direction was finished from here.
    #[error("behind the end of the stream")]
    Finished,
}
