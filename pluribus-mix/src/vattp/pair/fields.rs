//! What the two ends of a pair say to each other in GO and GOTOO. (VTP-19)

use super::Side;
use crate::vattp::Violation;
use crate::wire::{DecodeError, Fault, Put, Reader};

/// A `past` that is not known.
pub const UNKNOWN: u64 = u64::MAX;

/// What a side says of a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The master: this one.
    Go = 1,
    /// The master: not this one.
    Dup = 2,
    /// The object named is no more.
    Gone = 3,
    /// The slave: as you decide.
    Say = 4,
}

/// Which of the two messages carries the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    /// The initiator's.
    Go,
    /// The responder's.
    GoToo,
}

/// The part of the pair fields that the rule speaks: who is meant, and the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Word {
    /// The sender's word on this transport.
    pub verdict: Verdict,
    /// Whether `mine` was shown before.
    pub again: bool,
    /// The sender's connection object; 0 if it has none.
    pub mine: u64,
    /// The receiver's object that `mine` is joined to, 0 if none is known; with `gone` the one that is gone.
    pub yours: u64,
    /// The go number given (master) or the greatest seen (slave).
    pub go: u64,
    /// The greatest id of the receiver's objects that the sender was joined to and no longer holds; [`UNKNOWN`] if it
    /// cannot say.
    pub past: u64,
}

/// The fields as they travel: the word, and where the numbered frames stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PairFields {
    /// What the rule says.
    pub word: Word,
    /// The next frame number wanted. Not 0.
    pub expect: u64,
    /// The number of the first frame behind these fields. Not 0.
    pub first: u64,
}

impl PairFields {
    /// Bytes on the wire.
    pub const LEN: usize = 50;

    /// What GO says where no pair is kept, from a vat on `side`: it has never met the peer and will not remember it. A slave has no
    /// go number to give.
    pub const fn go(side: Side, mine: u64, go: u64) -> Self {
        let (verdict, go) = match side {
            Side::Master => (Verdict::Go, go),
            Side::Slave => (Verdict::Say, 0),
        };
        Self {
            word: Word {
                verdict,
                again: false,
                mine,
                yours: 0,
                go,
                past: UNKNOWN,
            },
            expect: 1,
            first: 1,
        }
    }

    /// What GOTOO says to that, where no pair is kept; a slave repeats the master's go number.
    pub const fn go_too(side: Side, mine: u64, go: u64, said: &Self) -> Self {
        let mut answer = Self::go(side, mine, go);
        answer.word.yours = said.word.mine;
        if let Side::Slave = side {
            answer.word.go = said.word.go;
        }
        answer
    }

    /// The side that says this, unless it is `gone`, which either may say.
    pub const fn side(&self) -> Side {
        match self.word.verdict {
            Verdict::Go | Verdict::Dup => Side::Master,
            Verdict::Gone | Verdict::Say => Side::Slave,
        }
    }

    /// Refuses what the peer, being on `side`, cannot say here. (VTP-19)
    pub fn check(&self, within: Within, side: Side) -> Result<(), Violation> {
        let Word {
            verdict,
            mine,
            yours,
            go,
            ..
        } = self.word;
        let joined = mine != 0 && (within == Within::Go || yours != 0);
        let fits = match (verdict, side, within) {
            (Verdict::Go, Side::Master, _) => joined && go != 0,
            (Verdict::Say, Side::Slave, _) => joined,
            (Verdict::Dup, Side::Master, Within::GoToo) => go != 0,
            (Verdict::Gone, _, Within::GoToo) => yours != 0,
            _ => false,
        };
        fits.then_some(()).ok_or(Violation::PairFields)
    }

    /// Appends the 50 bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let word = &self.word;
        out.put_u8(word.verdict as u8);
        out.put_u8(u8::from(word.again));
        for field in [
            word.mine,
            word.yours,
            word.go,
            self.expect,
            self.first,
            word.past,
        ] {
            out.put_u64(field);
        }
    }

    /// Reads 50 bytes; values that the layout does not have are refused. (VTP-19)
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let wrong = |field| DecodeError::new(field, Fault::OutOfRange);
        let not_zero = |n, field| if n == 0 { Err(wrong(field)) } else { Ok(n) };
        let verdict = match reader.u8("verdict")? {
            1 => Verdict::Go,
            2 => Verdict::Dup,
            3 => Verdict::Gone,
            4 => Verdict::Say,
            _ => return Err(wrong("verdict")),
        };
        let again = match reader.u8("again")? {
            0 => false,
            1 => true,
            _ => return Err(wrong("again")),
        };
        let (mine, yours) = (reader.u64("mine")?, reader.u64("yours")?);
        let go = reader.u64("go")?;
        let expect = not_zero(reader.u64("expect")?, "expect")?;
        let first = not_zero(reader.u64("first")?, "first")?;
        let past = reader.u64("past")?;
        reader.finish("past")?;
        Ok(Self {
            word: Word {
                verdict,
                again,
                mine,
                yours,
                go,
                past,
            },
            expect,
            first,
        })
    }
}
