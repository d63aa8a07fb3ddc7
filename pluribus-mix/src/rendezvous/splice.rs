//! What the meeting relay sees of a handshake: a selector, a fresh key, and sealed cells. (RDV-17)
//!
//! Every flight goes in whole cells. Only the first one shows something, `selector ‖ x_i`, by which the callee finds the key
//! for the rest; whoever lacks B's secret and s_t sees noise. Behind the flights, records have seals of their own.

use zeroize::Zeroizing;

use crate::crypto::aead::{Aead, Backend, Key, TAG_LEN};
use crate::crypto::kdf::{Label, Secret};
use crate::vattp::Violation;
use crate::vattp::pipe::CELL_LEN;

/// Bytes of a selector.
pub const SELECTOR_LEN: usize = 16;
/// Bytes in clear before the first cell.
const HEAD: usize = SELECTOR_LEN + 32;
/// The most cells of a flight. Flight 1 with the longest EARLY has seven.
pub const MOST_CELLS: usize = 8;

/// What stands in clear at the head of flight 1.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// The ticket's id; with a location record, random.
    pub selector: [u8; SELECTOR_LEN],
    /// The caller's X25519 key, the same as in IWANT.
    pub x_i: [u8; 32],
}

impl Opening {
    /// What a cell says that is the first of a flight 1.
    #[must_use]
    pub fn of(cell: &[u8; CELL_LEN]) -> Self {
        let (selector, rest) = cell
            .split_first_chunk()
            .unwrap_or((&[0; SELECTOR_LEN], &[]));
        Self {
            selector: *selector,
            x_i: *rest.first_chunk().unwrap_or(&[0; 32]),
        }
    }

    fn bytes(&self) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        let parts = self.selector.iter().chain(&self.x_i);
        head.iter_mut()
            .zip(parts)
            .for_each(|(to, from)| *to = *from);
        head
    }
}

/// Which way a flight goes.
#[derive(Clone, Copy)]
enum Way {
    /// From the caller.
    Out = 0,
    /// To the caller.
    Back = 1,
}

/// One end of the seal: the flights of one's own, and those of the other.
pub struct Splice {
    own: Direction,
    other: Direction,
}

impl Splice {
    /// The caller's end. `dh` is X25519(x_i, B), `secret` s_t if there is a ticket.
    #[must_use]
    pub fn of_caller(
        dh: &[u8; 32],
        secret: Option<&[u8; 32]>,
        opening: &Opening,
        place: &[u8; 32],
        backend: Backend,
    ) -> Self {
        let prk = flight_secret(dh, secret);
        let way = |way| Direction::new(&prk, way, opening, place, backend);
        Self {
            own: way(Way::Out),
            other: way(Way::Back),
        }
    }

    /// The callee's end; the mirror of [`Splice::of_caller`].
    #[must_use]
    pub fn of_callee(
        dh: &[u8; 32],
        secret: Option<&[u8; 32]>,
        opening: &Opening,
        place: &[u8; 32],
        backend: Backend,
    ) -> Self {
        let Self { own, other } = Self::of_caller(dh, secret, opening, place, backend);
        Self {
            own: other,
            other: own,
        }
    }

    /// Appends the cells of a flight, which is what the states of a handshake wrote. (RDV-17)
    ///
    /// # Errors
    /// If the flight is longer than any flight is.
    pub fn seal(&mut self, flight: &[u8], out: &mut Vec<u8>) -> Result<(), Violation> {
        self.own.seal(flight, out)
    }

    /// Opens the next cell of the other's flights where it lies; the bytes are what [`crate::vattp::cells`] takes items from.
    ///
    /// # Errors
    /// If it does not open. Then no further cell of this handshake does.
    pub fn open<'c>(&mut self, cell: &'c mut [u8; CELL_LEN]) -> Result<&'c mut [u8], Violation> {
        self.other.open(cell)
    }
}

fn flight_secret(dh: &[u8; 32], secret: Option<&[u8; 32]>) -> Secret {
    let (len, none) = (32_u16.to_be_bytes(), 0_u16.to_be_bytes());
    let salt = Label::FLIGHT.as_bytes();
    match secret {
        Some(secret) => Secret::extract(salt, &[&len, dh, &len, secret]),
        None => Secret::extract(salt, &[&len, dh, &none]),
    }
}

struct Direction {
    key: Key,
    /// Counts cells.
    counter: u64,
    /// What stands in clear before the first cell; empty behind it, and on the way back.
    head: Option<[u8; HEAD]>,
}

impl Direction {
    fn new(prk: &Secret, way: Way, opening: &Opening, place: &[u8; 32], backend: Backend) -> Self {
        let head = opening.bytes();
        let context = [&[way as u8][..], &head, place].concat();
        let key = prk.expand(Label::FLIGHT, &context);
        Self {
            key: Key::new(backend, key.as_bytes()),
            counter: 0,
            head: match way {
                Way::Out => Some(head),
                Way::Back => None,
            },
        }
    }

    fn seal(&mut self, flight: &[u8], out: &mut Vec<u8>) -> Result<(), Violation> {
        let (mut rest, start) = (flight, out.len());
        while !rest.is_empty() || out.len() == start {
            let head = self.head.take();
            let clear = head.as_ref().map_or(&[][..], |head| &head[..]);
            let room = CELL_LEN - TAG_LEN - clear.len();
            let (now, later) = rest.split_at(rest.len().min(room));
            if out.len() - start >= MOST_CELLS * CELL_LEN {
                return Err(Violation::Length);
            }
            let mut plain = Zeroizing::new(now.to_vec());
            plain.resize(room, 0);
            let tag = self.key.seal(self.counter, b"", &mut plain);
            let tag = tag.map_err(|_| Violation::Length)?;
            self.counter += 1;
            out.extend_from_slice(clear);
            out.extend_from_slice(&plain);
            out.extend_from_slice(&tag);
            rest = later;
        }
        Ok(())
    }

    fn open<'c>(&mut self, cell: &'c mut [u8; CELL_LEN]) -> Result<&'c mut [u8], Violation> {
        let clear = self.head.take();
        let (head, sealed) = cell.split_at_mut(clear.map_or(0, |head| head.len()));
        if clear.is_some_and(|clear| clear != *head) {
            return Err(Violation::Unsealed);
        }
        let plain = self.key.open(self.counter, b"", sealed);
        self.counter += 1;
        plain.map_err(|_| Violation::Unsealed)
    }
}
