//! What SOCKS and HTTP have in common: bytes in, one step out.

use bytes::{Buf, BytesMut};
use zeroize::Zeroize;

use crate::crypto::kdf;

use super::target::Target;

/// No handshake needs more than this many bytes to come to its next step. (FAC-7)
pub const MOST_INPUT: usize = 8192;

/// A handshake that waits for bytes. Handling some spends it.
pub trait Handshake: Sized + Send {
    /// Reads from the beginning of `input` what it needs, and leaves the rest. What was read is wiped.
    ///
    /// With [`MOST_INPUT`] bytes it never asks for more.
    fn advance(self, input: &mut BytesMut) -> Step<Self>;
}

/// What comes next.
pub enum Step<H> {
    /// Bytes are missing.
    More(H),
    /// These bytes go to the program; then on with what there is.
    Say(H, &'static [u8]),
    /// The program wants to get there. What is left of the input belongs to the target.
    Connect(Request),
    /// These are the last words, perhaps none.
    Refuse(Vec<u8>),
}

/// What a program asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Where it wants to go.
    pub target: Target,
    /// What it showed; `None` if nothing.
    pub credentials: Option<Credentials>,
}

/// User and password, equal exactly when both are equal. Not to be read back or printed. (FAC-5)
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Credentials([u8; 32]);

impl Credentials {
    /// Keeps a digest.
    #[must_use]
    pub fn new(user: &[u8], password: &[u8]) -> Self {
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        Self(kdf::hash(&[
            &(user.len() as u64).to_be_bytes(),
            user,
            password,
        ]))
    }
}

/// Takes bytes off the beginning of the input, and wipes them: passwords may stand there.
pub(super) fn spend(input: &mut BytesMut, bytes: usize) {
    let bytes = bytes.min(input.len());
    if let Some(read) = input.get_mut(..bytes) {
        read.zeroize();
    }
    input.advance(bytes);
}
