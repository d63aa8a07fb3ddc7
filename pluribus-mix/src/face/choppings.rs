//! A handshake told to in every way: whole, byte by byte, and cut once at each place.

use bytes::BytesMut;

use super::handshake::{Handshake, MOST_INPUT, Request, Step};

/// How a handshake ended.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum End {
    /// It wants more.
    Waits,
    /// What is asked for, and what is left for the target.
    Wants(Request, Vec<u8>),
    /// The last words.
    Refused(Vec<u8>),
}

/// What was said on the way, and the end.
pub(super) type Told = (Vec<u8>, End);

fn tell<H: Handshake>(mut waiting: H, pieces: &[&[u8]]) -> Told {
    let mut input = BytesMut::new();
    let mut said = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        input.extend_from_slice(piece);
        loop {
            match waiting.advance(&mut input) {
                Step::More(same) => {
                    assert!(input.len() < MOST_INPUT, "it never asks for more");
                    waiting = same;
                    break;
                }
                Step::Say(next, words) => {
                    said.extend(words);
                    waiting = next;
                }
                Step::Connect(request) => {
                    let left = [&input[..], &pieces[number + 1..].concat()].concat();
                    return (said, End::Wants(request, left));
                }
                Step::Refuse(words) => return (said, End::Refused(words)),
            }
        }
    }
    (said, End::Waits)
}

/// The same in every way that the bytes can come.
pub(super) fn told<H: Handshake>(new: impl Fn() -> H, input: &[u8]) -> Told {
    let whole = tell(new(), &[input]);
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    assert!(tell(new(), &bytes) == whole, "byte by byte: {input:?}");
    // Long ones at fewer places: each is read again up to its end.
    for cut in (0..=input.len()).step_by(input.len() / 512 + 1) {
        let (one, two) = input.split_at(cut);
        assert!(tell(new(), &[one, two]) == whole, "{one:?} {two:?}");
    }
    whole
}
