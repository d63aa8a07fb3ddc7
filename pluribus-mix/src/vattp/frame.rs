//! Frames: what records carry. (VTP-22)

use super::Violation;
use crate::wire::{DecodeError, Fault, Put, Reader};

const PAD: u8 = 0x00;
const MSG: u8 = 0x01;
const ACK: u8 = 0x02;
const PING: u8 = 0x03;
const PONG: u8 = 0x04;
const REKEY: u8 = 0x05;
const CLOSE: u8 = 0x06;

/// The one flag of MSG.
const MORE: u8 = 1;
/// The one reason of CLOSE.
const DONE: u8 = 1;

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
    /// Every numbered frame up to this one has been taken. (VTP-26)
    Ack {
        /// The last one taken.
        taken: u64,
    },
    /// Are you there? (VTP-27)
    Ping(u64),
    /// Here. (VTP-27)
    Pong(u64),
    /// The next record is under the next key. (VTP-24)
    Rekey,
    /// The connection is done. (VTP-29)
    Close {
        /// The sender's connection object.
        id: u64,
    },
}

impl Frame<'_> {
    /// Bytes of a MSG frame besides its piece.
    pub const MSG_HEAD: usize = 12;
    /// Bytes of ACK, PING and REKEY together: what may stand beside MSG in any record.
    pub const CONTROL: usize = 19;

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
            Self::Ack { taken } => {
                out.put_u8(ACK);
                out.put_u64(taken);
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
            Self::Close { id } => {
                out.put_u8(CLOSE);
                out.put_u8(DONE);
                out.put_u64(id);
            }
        }
    }
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
            },
            PING => Frame::Ping(reader.u64("token")?),
            PONG => Frame::Pong(reader.u64("token")?),
            REKEY => {
                self.behind = Behind::Nothing;
                Frame::Rekey
            }
            CLOSE => {
                self.behind = Behind::OnlyPad;
                one_of(reader.u8("reason")?, &[DONE], "reason")?;
                Frame::Close {
                    id: reader.u64("id")?,
                }
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

/// Appends PAD up to `len` bytes; nothing if there is no room for it.
pub fn pad(out: &mut Vec<u8>, len: usize) {
    if out.len() < len {
        out.resize(len, PAD);
    }
}
