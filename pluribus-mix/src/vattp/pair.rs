//! The pair fields of GO and GOTOO. (VTP-19)
//!
//! They have room for the rule that keeps one connection per pair over many transports. In this version each
//! connection is new and has one transport; what the fields may say is what that rule says of a first meeting.

use super::{Peer, Violation};
use crate::crypto::rng::Rng;
use crate::crypto::sign::PublicKey;
use crate::wire::{DecodeError, Fault, Put, Reader};

/// The ids of connection objects and the go numbers of one vat: one rising counter. (VTP-20)
pub struct Ids {
    rng: Rng,
    last: u64,
}

impl Ids {
    /// A counter with a random start below 2⁶².
    pub fn new(mut rng: Rng) -> Self {
        let last = rng.below(1 << 62);
        Self { rng, last }
    }

    /// The next number, 1 to 2¹⁶ above the last.
    pub fn draw(&mut self) -> u64 {
        self.last += 1 + self.rng.below(1 << 16);
        self.last
    }
}

/// Which of the two vats decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The vat with the greater key.
    Master,
    /// The other, and every anonymous initiator.
    Slave,
}

impl Side {
    /// The side of `one` towards `other`, neither of them anonymous.
    pub fn of(one: &PublicKey, other: &PublicKey) -> Self {
        if one > other {
            Self::Master
        } else {
            Self::Slave
        }
    }

    /// The side of an initiator with this key and incarnation towards `responder`.
    pub fn of_initiator(initiator: &PublicKey, incarnation: u64, responder: &PublicKey) -> Self {
        if incarnation == 0 {
            Self::Slave
        } else {
            Self::of(initiator, responder)
        }
    }

    /// The side of the peer that dialled us.
    pub fn of_dialler(peer: &Peer, ours: &PublicKey) -> Self {
        Self::of_initiator(&peer.key, peer.incarnation, ours)
    }

    /// The other side.
    pub const fn other(self) -> Self {
        match self {
            Self::Master => Self::Slave,
            Self::Slave => Self::Master,
        }
    }
}

/// What a side says of this transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The master: this one.
    Go = 1,
    /// The master: not this one.
    Dup = 2,
    /// The connection named is no more.
    Gone = 3,
    /// The slave: as you decide.
    Say = 4,
}

/// The fields as they travel. What they mean is decided elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PairFields {
    /// The sender's word on this transport.
    pub verdict: Verdict,
    /// Whether `mine` was shown before.
    pub again: bool,
    /// The sender's connection object. Not 0.
    pub mine: u64,
    /// The receiver's, 0 if not known.
    pub yours: u64,
    /// The go number given (master) or seen (slave).
    pub go: u64,
    /// The next frame number wanted. Not 0.
    pub expect: u64,
    /// The number of the first frame behind these fields. Not 0.
    pub first: u64,
    /// The greatest id of the peer's objects that the sender gave up; [`UNKNOWN`] here.
    pub past: u64,
}

/// A `past` that is not known.
pub const UNKNOWN: u64 = u64::MAX;

impl PairFields {
    /// Bytes on the wire.
    pub const LEN: usize = 50;

    /// What a first GO says, from the vat on `side`; a slave has no go number to give.
    pub const fn go(side: Side, mine: u64, go: u64) -> Self {
        let (verdict, go) = match side {
            Side::Master => (Verdict::Go, go),
            Side::Slave => (Verdict::Say, 0),
        };
        Self {
            verdict,
            again: false,
            mine,
            yours: 0,
            go,
            expect: 1,
            first: 1,
            past: UNKNOWN,
        }
    }

    /// What GOTOO says to a first GO, from the vat on `side`; a slave repeats the master's go number.
    pub const fn go_too(side: Side, mine: u64, go: u64, said: &Self) -> Self {
        let answer = Self::go(side, mine, go);
        Self {
            yours: said.mine,
            go: match side {
                Side::Master => go,
                Side::Slave => said.go,
            },
            ..answer
        }
    }

    /// The side that says this: only the master decides.
    pub const fn side(&self) -> Side {
        match self.verdict {
            Verdict::Go | Verdict::Dup => Side::Master,
            Verdict::Gone | Verdict::Say => Side::Slave,
        }
    }

    /// Refuses all but what a first GO can say, from the vat on `side`.
    pub fn check_go(&self, side: Side) -> Result<(), Violation> {
        let expected = Self::go(side, self.mine, self.go);
        let numbered = side == Side::Slave || self.go != 0;
        (*self == expected && numbered)
            .then_some(())
            .ok_or(Violation::PairFields)
    }

    /// Refuses all but what GOTOO can say to `said`, from the vat on `side`.
    pub fn check_go_too(&self, side: Side, said: &Self) -> Result<(), Violation> {
        let expected = Self::go_too(side, self.mine, self.go, said);
        (*self == expected && self.go != 0)
            .then_some(())
            .ok_or(Violation::PairFields)
    }

    /// Appends the 50 bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(self.verdict as u8);
        out.put_u8(u8::from(self.again));
        for field in [
            self.mine,
            self.yours,
            self.go,
            self.expect,
            self.first,
            self.past,
        ] {
            out.put_u64(field);
        }
    }

    /// Reads 50 bytes; values that the layout does not have are refused. (VTP-19)
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let wrong = |field| DecodeError::new(field, Fault::OutOfRange);
        let not_zero = |n, field| if n == 0 { Err(wrong(field)) } else { Ok(n) };
        let fields = Self {
            verdict: match reader.u8("verdict")? {
                1 => Verdict::Go,
                2 => Verdict::Dup,
                3 => Verdict::Gone,
                4 => Verdict::Say,
                _ => return Err(wrong("verdict")),
            },
            again: match reader.u8("again")? {
                0 => false,
                1 => true,
                _ => return Err(wrong("again")),
            },
            mine: not_zero(reader.u64("mine")?, "mine")?,
            yours: reader.u64("yours")?,
            go: reader.u64("go")?,
            expect: not_zero(reader.u64("expect")?, "expect")?,
            first: not_zero(reader.u64("first")?, "first")?,
            past: reader.u64("past")?,
        };
        reader.finish("past")?;
        Ok(fields)
    }
}
