//! What a numbered frame says, apart from its number: the unit that a connection keeps until the peer has it. (VTP-22)
//!
//! A body owns its bytes without copying them, so that it can be said again, and can be cut anew where a new carrier has
//! smaller records.

use super::frame::Frame;
use bytes::Bytes;

/// What a frame weighs besides its bytes. (VTP-26)
pub const FRAME_WEIGHT: usize = 64;

/// A numbered frame without its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A piece of a message; an empty one without `more` ends the messages of the direction. (VTP-25)
    Msg {
        /// Whether more pieces of this message follow.
        more: bool,
        /// The piece.
        bytes: Bytes,
    },
    /// A stream begins. (VTP 49)
    Open {
        /// Its id.
        stream: u32,
        /// What it is for; at most 512 bytes.
        head: Bytes,
    },
    /// A piece of a stream. (VTP 50)
    Stream {
        /// Its id.
        stream: u32,
        /// Whether its direction ends behind these bytes.
        fin: bool,
        /// The piece.
        bytes: Bytes,
    },
    /// The peer may send more of a stream. (VTP 51)
    Credit {
        /// Its id.
        stream: u32,
        /// So many bytes.
        more: u32,
    },
    /// A stream is given up. (VTP 50)
    Reset {
        /// Its id.
        stream: u32,
        /// Why, in words of those who use the stream.
        code: u8,
    },
}

impl Body {
    /// The frame that says this under `number`.
    pub fn frame(&self, number: u64) -> Frame<'_> {
        match self {
            Self::Msg { more, bytes } => Frame::Msg {
                more: *more,
                number,
                bytes,
            },
            Self::Open { stream, head } => Frame::Open {
                number,
                stream: *stream,
                head,
            },
            Self::Stream { stream, fin, bytes } => Frame::Stream {
                fin: *fin,
                number,
                stream: *stream,
                bytes,
            },
            Self::Credit { stream, more } => Frame::Credit {
                number,
                stream: *stream,
                more: *more,
            },
            Self::Reset { stream, code } => Frame::Reset {
                number,
                stream: *stream,
                code: *code,
            },
        }
    }

    /// What it weighs until the peer has it. (VTP-26)
    pub const fn weight(&self) -> usize {
        self.carried() + FRAME_WEIGHT
    }

    /// Bytes of its frame.
    pub const fn frame_len(&self) -> usize {
        match self {
            Self::Msg { bytes, .. } => Frame::MSG_HEAD + bytes.len(),
            Self::Open { head, .. } => Frame::OPEN_HEAD + head.len(),
            Self::Stream { bytes, .. } => Frame::STREAM_HEAD + bytes.len(),
            Self::Credit { .. } => Frame::CREDIT_LEN,
            Self::Reset { .. } => Frame::RESET_LEN,
        }
    }

    const fn carried(&self) -> usize {
        match self {
            Self::Msg { bytes, .. } | Self::Stream { bytes, .. } => bytes.len(),
            Self::Open { head, .. } => head.len(),
            Self::Credit { .. } | Self::Reset { .. } => 0,
        }
    }
}
