//! Frames: what records carry. (VTP-22)

use super::Violation;
use super::body::FRAME_WEIGHT;
use super::ranges::Ranges;
use super::tickets::{self, Purpose};
use crate::wire::{DecodeError, Fault, Put, Reader};

const PAD: u8 = 0x00;
const MSG: u8 = 0x01;
const ACK: u8 = 0x02;
const PING: u8 = 0x03;
const PONG: u8 = 0x04;
const REKEY: u8 = 0x05;
const CLOSE: u8 = 0x06;
const OPEN: u8 = 0x07;
const STREAM: u8 = 0x08;
const CREDIT: u8 = 0x09;
const RESET: u8 = 0x0a;
const TICKETS: u8 = 0x0b;
const DATAGRAM: u8 = 0x0c;

/// The one flag of MSG.
const MORE: u8 = 1;
/// The one flag of STREAM.
const FIN: u8 = 1;
/// What TICKETS says: it asks, or it gives.
const WANT: u8 = 0;
const GIVE: u8 = 1;

/// Why a connection is closed. (VTP-29)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its sender is done; the id is the sender's object.
    Done = 1,
    /// The receiver's object, whose id this is, has no partner any more. (VTP-39)
    Gone = 2,
}

/// One frame. PAD is not among them: it says nothing, and the decoder passes over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A piece of a message; an empty one without `more` ends the direction. (VTP-25)
    Msg {
        /// Whether more pieces of this message follow.
        more: bool,
        /// The number of this frame.
        number: u64,
        /// The piece.
        bytes: &'a [u8],
    },
    /// What has come and what has been taken. (VTP-26)
    Ack {
        /// No MSG frame up to this one waits for the receiver's runtime any more.
        taken: u64,
        /// Every numbered frame up to this one has come.
        received: u64,
        /// What has come behind gaps.
        ranges: Ranges,
    },
    /// Are you there? (VTP-27)
    Ping(u64),
    /// Here. (VTP-27)
    Pong(u64),
    /// The next record is under the next key. (VTP-24)
    Rekey,
    /// The connection is over. (VTP-29)
    Close {
        /// Why.
        reason: Ending,
        /// The object that is done or gone.
        id: u64,
    },
    /// A stream begins. (VTP-49)
    Open {
        /// The number of this frame.
        number: u64,
        /// The id of the stream.
        stream: u32,
        /// What it is for.
        head: &'a [u8],
    },
    /// A piece of a stream. (VTP-50)
    Stream {
        /// Whether this direction of the stream ends behind these bytes.
        fin: bool,
        /// The number of this frame.
        number: u64,
        /// The id of the stream.
        stream: u32,
        /// The piece.
        bytes: &'a [u8],
    },
    /// The receiver of this frame may send more of a stream. (VTP-51)
    Credit {
        /// The number of this frame.
        number: u64,
        /// The id of the stream.
        stream: u32,
        /// So many bytes more.
        more: u32,
    },
    /// A stream is given up. (VTP-50)
    Reset {
        /// The number of this frame.
        number: u64,
        /// The id of the stream.
        stream: u32,
        /// Why, in words of those who use the stream.
        code: u8,
    },
    /// TICKETS: some are wanted. (VTP-53)
    WantTickets {
        /// The number of this frame.
        number: u64,
        /// What for.
        purpose: Purpose,
        /// How many.
        count: u8,
    },
    /// TICKETS: here is one. (VTP-53)
    GiveTicket {
        /// The number of this frame.
        number: u64,
        /// What for.
        purpose: Purpose,
        /// The ticket.
        ticket: &'a [u8],
    },
    /// Comes once or not at all. (VTP-52)
    Datagram(&'a [u8]),
}

impl Frame<'_> {
    /// Bytes of a MSG frame besides its piece.
    pub const MSG_HEAD: usize = 12;
    /// Bytes of an OPEN frame besides its head.
    pub const OPEN_HEAD: usize = 15;
    /// Bytes of a STREAM frame besides its piece.
    pub const STREAM_HEAD: usize = 16;
    /// Bytes of a CREDIT frame.
    pub const CREDIT_LEN: usize = 17;
    /// Bytes of a RESET frame.
    pub const RESET_LEN: usize = 14;
    /// Bytes of a TICKETS frame that asks.
    pub const WANT_LEN: usize = 12;
    /// Bytes of a TICKETS frame that gives, besides the ticket.
    pub const GIVE_HEAD: usize = 13;
    /// Bytes of a CLOSE frame.
    pub const CLOSE_LEN: usize = 10;
    /// Bytes of a DATAGRAM frame besides what it carries.
    pub const DATAGRAM_HEAD: usize = 3;
    /// The most bytes of a DATAGRAM. (VTP-52)
    pub const MAX_DATAGRAM: usize = 800;
    /// The most bytes that OPEN says of its stream. (VTP-49)
    pub const MAX_HEAD: usize = 512;
    /// Bytes of an ACK without ranges.
    pub const ACK_HEAD: usize = 18;
    /// Bytes of a PING or a PONG.
    pub const PING_LEN: usize = 9;
    /// Bytes of the longest ACK, PONG, PING and REKEY together: what may stand beside a numbered frame in any record.
    pub const CONTROL: usize = Self::ACK_HEAD + Ranges::MAX * Ranges::LEN + 2 * Self::PING_LEN + 1;

    /// The number of a numbered frame.
    pub const fn number(&self) -> Option<u64> {
        match self {
            Self::Msg { number, .. }
            | Self::Open { number, .. }
            | Self::Stream { number, .. }
            | Self::Credit { number, .. }
            | Self::Reset { number, .. }
            | Self::WantTickets { number, .. }
            | Self::GiveTicket { number, .. } => Some(*number),
            _ => None,
        }
    }

    /// What it weighs, if it is numbered. (VTP-26)
    pub const fn weight(&self) -> usize {
        match self {
            Self::Msg { bytes, .. } | Self::Stream { bytes, .. } => bytes.len() + FRAME_WEIGHT,
            Self::Open { head, .. } => head.len() + FRAME_WEIGHT,
            Self::GiveTicket { ticket, .. } => ticket.len() + FRAME_WEIGHT,
            _ => FRAME_WEIGHT,
        }
    }

    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Msg {
                more,
                number,
                bytes,
            } => {
                out.put_u8(MSG);
                out.put_u8(if more { MORE } else { 0 });
                out.put_u64(number);
                out.put_lp(bytes);
            }
            Self::Ack {
                taken,
                received,
                ranges,
            } => {
                out.put_u8(ACK);
                out.put_u64(taken);
                out.put_u64(received);
                ranges.encode(out);
            }
            Self::Ping(token) => {
                out.put_u8(PING);
                out.put_u64(token);
            }
            Self::Pong(token) => {
                out.put_u8(PONG);
                out.put_u64(token);
            }
            Self::Rekey => out.put_u8(REKEY),
            Self::Close { reason, id } => {
                out.put_u8(CLOSE);
                out.put_u8(reason as u8);
                out.put_u64(id);
            }
            Self::Open {
                number,
                stream,
                head,
            } => {
                of_stream(OPEN, number, stream, out);
                out.put_lp(head);
            }
            Self::Stream {
                fin,
                number,
                stream,
                bytes,
            } => {
                out.put_u8(STREAM);
                out.put_u8(if fin { FIN } else { 0 });
                out.put_u64(number);
                out.put_u32(stream);
                out.put_lp(bytes);
            }
            Self::Credit {
                number,
                stream,
                more,
            } => {
                of_stream(CREDIT, number, stream, out);
                out.put_u32(more);
            }
            Self::Reset {
                number,
                stream,
                code,
            } => {
                of_stream(RESET, number, stream, out);
                out.put_u8(code);
            }
            Self::WantTickets {
                number,
                purpose,
                count,
            } => {
                of_tickets(WANT, number, purpose, out);
                out.put_u8(count);
            }
            Self::GiveTicket {
                number,
                purpose,
                ticket,
            } => {
                of_tickets(GIVE, number, purpose, out);
                out.put_lp(ticket);
            }
            Self::Datagram(bytes) => {
                out.put_u8(DATAGRAM);
                out.put_lp(bytes);
            }
        }
    }
}

/// The head of TICKETS.
fn of_tickets(kind: u8, number: u64, purpose: Purpose, out: &mut Vec<u8>) {
    out.put_u8(TICKETS);
    out.put_u64(number);
    out.put_u8(kind);
    out.put_u8(purpose as u8);
}

/// TICKETS behind its type.
fn tickets<'a>(reader: &mut Reader<'a>) -> Result<Frame<'a>, DecodeError> {
    let number = reader.u64("number")?;
    let kind = one_of(reader.u8("kind")?, &[WANT, GIVE], "kind")?;
    let purpose = match reader.u8("purpose")? {
        1 => Purpose::Dial,
        2 => Purpose::HandOn,
        _ => return Err(DecodeError::new("purpose", Fault::OutOfRange)),
    };
    if kind == WANT {
        let count = reader.u8("count")?;
        let frame = Frame::WantTickets {
            number,
            purpose,
            count,
        };
        let fits = tickets::COUNT.contains(&count);
        return fits
            .then_some(frame)
            .ok_or(DecodeError::new("count", Fault::OutOfRange));
    }
    let ticket = reader.lp("ticket")?;
    let frame = Frame::GiveTicket {
        number,
        purpose,
        ticket,
    };
    let fits = tickets::LEN.contains(&ticket.len());
    fits.then_some(frame)
        .ok_or(DecodeError::new("ticket", Fault::OutOfRange))
}

/// The head that OPEN, CREDIT and RESET share.
fn of_stream(kind: u8, number: u64, stream: u32, out: &mut Vec<u8>) {
    out.put_u8(kind);
    out.put_u64(number);
    out.put_u32(stream);
}

/// The frames of one record, in order. The mirror of [`Frame::encode`].
pub struct Frames<'a> {
    reader: Reader<'a>,
    /// What may stand behind the last frame read.
    behind: Behind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    Anything,
    OnlyPad,
    Nothing,
}

impl<'a> Frames<'a> {
    /// The frames in these bytes; there must be one at least.
    pub const fn of(plain: &'a [u8]) -> Result<Self, Violation> {
        if plain.is_empty() {
            return Err(Violation::Empty);
        }
        Ok(Self::perhaps(plain))
    }

    /// The frames in these bytes, if any: behind GOTOO there may be none.
    pub const fn perhaps(plain: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(plain),
            behind: Behind::Anything,
        }
    }

    /// The next frame, or `None` at the end.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator could go on after an error"
    )]
    pub fn next(&mut self) -> Result<Option<Frame<'a>>, Violation> {
        if self.reader.is_empty() {
            return Ok(None);
        }
        if self.behind == Behind::Nothing {
            return Err(Violation::Behind);
        }
        let kind = self.reader.u8("frame")?;
        if kind == PAD {
            return self.pad();
        }
        if self.behind == Behind::OnlyPad {
            return Err(Violation::Behind);
        }
        self.frame(kind).map(Some)
    }

    fn pad(&mut self) -> Result<Option<Frame<'a>>, Violation> {
        if self.reader.rest().iter().any(|byte| *byte != 0) {
            return Err(DecodeError::new("pad", Fault::OutOfRange).into());
        }
        self.reader = Reader::new(&[]);
        Ok(None)
    }

    fn frame(&mut self, kind: u8) -> Result<Frame<'a>, Violation> {
        let reader = &mut self.reader;
        Ok(match kind {
            MSG => Frame::Msg {
                more: one_of(reader.u8("flags")?, &[0, MORE], "flags")? == MORE,
                number: reader.u64("number")?,
                bytes: reader.lp("message")?,
            },
            ACK => Frame::Ack {
                taken: reader.u64("taken")?,
                received: reader.u64("received")?,
                ranges: Ranges::decode(reader)?,
            },
            PING => Frame::Ping(reader.u64("token")?),
            PONG => Frame::Pong(reader.u64("token")?),
            REKEY => {
                self.behind = Behind::Nothing;
                Frame::Rekey
            }
            CLOSE => {
                self.behind = Behind::OnlyPad;
                let reason = one_of(reader.u8("reason")?, &[1, 2], "reason")?;
                Frame::Close {
                    reason: if reason == 1 {
                        Ending::Done
                    } else {
                        Ending::Gone
                    },
                    id: reader.u64("id")?,
                }
            }
            OPEN => Frame::Open {
                number: reader.u64("number")?,
                stream: reader.u32("stream")?,
                head: no_longer(reader.lp("head")?, Frame::MAX_HEAD, "head")?,
            },
            STREAM => Frame::Stream {
                fin: one_of(reader.u8("flags")?, &[0, FIN], "flags")? == FIN,
                number: reader.u64("number")?,
                stream: reader.u32("stream")?,
                bytes: reader.lp("stream")?,
            },
            CREDIT => Frame::Credit {
                number: reader.u64("number")?,
                stream: reader.u32("stream")?,
                more: reader.u32("more")?,
            },
            RESET => Frame::Reset {
                number: reader.u64("number")?,
                stream: reader.u32("stream")?,
                code: reader.u8("code")?,
            },
            TICKETS => tickets(reader)?,
            DATAGRAM => {
                let bytes = no_longer(reader.lp("datagram")?, Frame::MAX_DATAGRAM, "datagram")?;
                if bytes.is_empty() {
                    return Err(DecodeError::new("datagram", Fault::OutOfRange).into());
                }
                Frame::Datagram(bytes)
            }
            _ => return Err(Violation::Frame),
        })
    }
}

/// `value`, if it is one of those that exist.
fn one_of(value: u8, known: &[u8], field: &'static str) -> Result<u8, DecodeError> {
    let known = known.contains(&value);
    known
        .then_some(value)
        .ok_or(DecodeError::new(field, Fault::OutOfRange))
}

/// `bytes`, if there are at most so many.
fn no_longer<'a>(
    bytes: &'a [u8],
    most: usize,
    field: &'static str,
) -> Result<&'a [u8], DecodeError> {
    (bytes.len() <= most)
        .then_some(bytes)
        .ok_or(DecodeError::new(field, Fault::OutOfRange))
}

/// Appends PAD up to `len` bytes; nothing if there is no room for it.
pub fn pad(out: &mut Vec<u8>, len: usize) {
    if out.len() < len {
        out.resize(len, PAD);
    }
}
