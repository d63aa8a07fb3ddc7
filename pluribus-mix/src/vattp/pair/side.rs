//! Who decides, and the numbers of one vat. (VTP-20)

use crate::crypto::rng::Rng;
use crate::crypto::sign::PublicKey;
use crate::vattp::Peer;

/// Where a pair takes its numbers from: each greater than all before, none 0. (VTP-20)
pub trait Numbers {
    /// The next number.
    fn draw(&mut self) -> u64;
}

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
}

impl Numbers for Ids {
    /// The next number, 1 to 2¹⁶ above the last.
    fn draw(&mut self) -> u64 {
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
