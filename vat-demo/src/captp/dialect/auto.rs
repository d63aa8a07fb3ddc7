//! Finding out which dialect a peer speaks.
//!
//! The first operations of a session are the same in all dialects, so a session can begin before anybody knows. Some
//! operations give their speaker away.

use super::super::certificate::KeyForm;
use super::super::op::Op;
use super::super::syrup::{DecodeError, EncodeError, Fault};
use super::{A, B, Dialect};

/// Understands [`A`] and [`B`], and answers in the one that the peer was heard to speak. (CAP-16)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Auto {
    heard: Option<Heard>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    A,
    B,
}

impl Auto {
    /// For a peer that was not heard yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Dialect for Auto {
    fn name(&self) -> &'static str {
        match self.heard {
            None => "A or B",
            Some(Heard::A) => A.name(),
            Some(Heard::B) => B.name(),
        }
    }

    fn known(&self) -> bool {
        self.heard.is_some()
    }

    fn assume(&mut self) {
        self.heard.get_or_insert(Heard::B);
    }

    fn keys(&self) -> KeyForm {
        KeyForm::Lists
    }

    fn encode(&self, op: &Op, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match self.heard {
            Some(Heard::A) => A.encode(op, out),
            Some(Heard::B) | None => B.encode(op, out),
        }
    }

    fn decode(&mut self, message: &[u8]) -> Result<Op, DecodeError> {
        match B.decode(message) {
            Ok(op) => {
                if self.heard.is_none() && is_of_b(&op) {
                    self.heard = Some(Heard::B);
                }
                Ok(op)
            }
            Err(error) if error.fault == Fault::Dialect => {
                let op = A.decode(message)?;
                self.heard = Some(Heard::A);
                Ok(op)
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether an operation that B reads would have been written otherwise in A.
fn is_of_b(op: &Op) -> bool {
    matches!(
        op,
        Op::Deliver { resolver: None, .. } | Op::GcExports(_) | Op::GcAnswers(_)
    )
}
