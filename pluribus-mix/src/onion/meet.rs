//! What circuits have to do with each other, or with a relay, where they end. Spec sections 6.5 and 6.6.
//!
//! A *callee* parks circuits at a relay under a secret; a *dialler* joins with the cookie that follows from it. The relay splices the two and
//! knows nothing of them but that. Any circuit can be used to have its last relay keep a location record, or say which it keeps; what stands in
//! one is not looked at here.

use crate::crypto::kdf::{Label, hash};
use crate::id::RelayId;

/// Bytes of the secret of a park.
pub const SECRET: usize = 32;
/// Bytes of its cookie.
pub const COOKIE: usize = 16;
/// Bytes of a location record. (RDV-30)
pub const RECORD: usize = 264;
/// Bytes of the index under which it lies. (RDV-29)
pub const INDEX: usize = 32;

/// By what a park is asked for.
pub type Cookie = [u8; COOKIE];

/// The cookie of the park that has this secret at this relay. (RDV-19)
pub fn cookie(relay: &RelayId, secret: &[u8; SECRET]) -> Cookie {
    let whole = hash(&[Label::PARK.as_bytes(), relay.as_bytes(), secret]);
    let mut cookie = [0; COOKIE];
    cookie
        .iter_mut()
        .zip(whole)
        .for_each(|(to, from)| *to = from);
    cookie
}

/// How the cells of two circuits that are spliced are counted: by the indices that those of the dialler have where they meet. (RDV-22)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// To the dialler: the number of its first cell that goes over.
    pub from: u64,
    /// To the callee: by how much the number of a cell that comes is more than its index.
    pub forth: i64,
    /// To the callee: by how much that of a cell it sends is more than its index.
    pub back: i64,
}

impl Counts {
    const BYTES: usize = 24;

    /// As JOINED bears them.
    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let numbers = [
            self.from.to_be_bytes(),
            self.forth.to_be_bytes(),
            self.back.to_be_bytes(),
        ];
        let all = numbers.iter().flatten();
        bytes.iter_mut().zip(all).for_each(|(to, from)| *to = *from);
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let mut numbers = bytes.as_chunks().0.iter().map(|it| u64::from_be_bytes(*it));
        let mut next = || numbers.next().unwrap_or(0);
        Self {
            from: next(),
            forth: next().cast_signed(),
            back: next().cast_signed(),
        }
    }

    /// Of these, what the dialler is told: it counts by itself.
    pub const fn for_dialler(self) -> Self {
        Self {
            from: self.from,
            forth: 0,
            back: 0,
        }
    }

    /// Of these, what the callee is told.
    pub const fn for_callee(self) -> Self {
        Self { from: 0, ..self }
    }
}
