//! What a numbered frame says, apart from its number: the unit that a connection keeps until the peer has it. (VTP-22)
//!
//! A body owns its bytes without copying them, so that it can be said again, and can be cut anew where a new carrier has
//! smaller records.

use super::frame::Frame;
use super::tickets::Purpose;
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
    /// A stream begins. (VTP-49)
    Open {
        /// Its id.
        stream: u32,
        /// What it is for; at most 512 bytes.
        head: Bytes,
    },
    /// A piece of a stream. (VTP-50)
    Stream {
        /// Its id.
        stream: u32,
        /// Whether its direction ends behind these bytes.
        fin: bool,
        /// The piece.
        bytes: Bytes,
    },
    /// The peer may send more of a stream. (VTP-51)
    Credit {
        /// Its id.
        stream: u32,
        /// So many bytes.
        more: u32,
    },
    /// A stream is given up. (VTP-50)
    Reset {
        /// Its id.
        stream: u32,
        /// Why, in words of those who use the stream.
        code: u8,
    },
    /// Tickets are wanted. (VTP-53)
    WantTickets {
        /// What for.
        purpose: Purpose,
        /// How many.
        count: u8,
    },
    /// Here is a ticket. (VTP-53)
    GiveTicket {
        /// What for.
        purpose: Purpose,
        /// The ticket; at most 400 bytes.
        ticket: Bytes,
    },
}

impl Body {
    /// Number and body of a numbered frame, with the bytes copied; `None` for any other frame.
    pub fn of(frame: &Frame<'_>) -> Option<(u64, Self)> {
        let owned = Bytes::copy_from_slice;
        Some(match *frame {
            Frame::Msg {
                more,
                number,
                bytes,
            } => {
                let bytes = owned(bytes);
                (number, Self::Msg { more, bytes })
            }
            Frame::Open {
                number,
                stream,
                head,
            } => {
                let head = owned(head);
                (number, Self::Open { stream, head })
            }
            Frame::Stream {
                fin,
                number,
                stream,
                bytes,
            } => {
                let bytes = owned(bytes);
                (number, Self::Stream { stream, fin, bytes })
            }
            Frame::Credit {
                number,
                stream,
                more,
            } => (number, Self::Credit { stream, more }),
            Frame::Reset {
                number,
                stream,
                code,
            } => (number, Self::Reset { stream, code }),
            Frame::WantTickets {
                number,
                purpose,
                count,
            } => (number, Self::WantTickets { purpose, count }),
            Frame::GiveTicket {
                number,
                purpose,
                ticket,
            } => {
                let ticket = owned(ticket);
                (number, Self::GiveTicket { purpose, ticket })
            }
            _ => return None,
        })
    }

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
            Self::WantTickets { purpose, count } => Frame::WantTickets {
                number,
                purpose: *purpose,
                count: *count,
            },
            Self::GiveTicket { purpose, ticket } => Frame::GiveTicket {
                number,
                purpose: *purpose,
                ticket,
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
            Self::WantTickets { .. } => Frame::WANT_LEN,
            Self::GiveTicket { ticket, .. } => Frame::GIVE_HEAD + ticket.len(),
        }
    }

    /// Cuts the first `len` bytes off into a piece of their own; `None` if it cannot be cut there.
    pub fn cut(&mut self, len: usize) -> Option<Self> {
        match self {
            Self::Msg { bytes, .. } if 0 < len && len < bytes.len() => Some(Self::Msg {
                more: true,
                bytes: bytes.split_to(len),
            }),
            Self::Stream { stream, bytes, .. } if 0 < len && len < bytes.len() => {
                Some(Self::Stream {
                    stream: *stream,
                    fin: false,
                    bytes: bytes.split_to(len),
                })
            }
            _ => None,
        }
    }

    /// Whether it is the last piece of a message, or the end of the messages.
    pub const fn ends_message(&self) -> bool {
        matches!(self, Self::Msg { more: false, .. })
    }

    /// Whether it has to do with tickets.
    pub const fn is_of_tickets(&self) -> bool {
        matches!(self, Self::WantTickets { .. } | Self::GiveTicket { .. })
    }

    /// What it weighs besides messages, which are weighed whole.
    pub const fn other_weight(&self) -> usize {
        match self {
            Self::Msg { .. } => 0,
            _ => self.weight(),
        }
    }

    /// Bytes of its frame besides what can be cut.
    pub const fn head(&self) -> usize {
        self.frame_len() - self.divisible()
    }

    const fn divisible(&self) -> usize {
        match self {
            Self::Msg { bytes, .. } | Self::Stream { bytes, .. } => bytes.len(),
            _ => 0,
        }
    }

    const fn carried(&self) -> usize {
        match self {
            Self::Msg { bytes, .. } | Self::Stream { bytes, .. } => bytes.len(),
            Self::Open { head, .. } => head.len(),
            Self::GiveTicket { ticket, .. } => ticket.len(),
            Self::Credit { .. } | Self::Reset { .. } | Self::WantTickets { .. } => 0,
        }
    }
}
