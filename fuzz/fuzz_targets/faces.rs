//! What programs say to the faces: however it is cut, it means the same, and no reader asks for more than it may. (FAC-7)
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use pluribus_mix::face::{Handshake, MOST_INPUT, Request, Step, http, socks};

fuzz_target!(|data: &[u8]| {
    let Some(([order, cut], said)) = data.split_first_chunk::<2>() else {
        return;
    };
    let cut = usize::from(*cut) * said.len() / 256;
    let pieces = said.split_at(cut);
    match order % 2 {
        0 => both(|| socks::Expect::Methods, said, pieces),
        _ => both(http::ExpectBlock::default, said, pieces),
    }
});

/// How it ended: what is wanted and what is left for the target, or the last words.
#[derive(PartialEq)]
enum End {
    Waits,
    Wants(Request, Vec<u8>),
    Refused(Vec<u8>),
}

fn both<H: Handshake>(new: impl Fn() -> H, said: &[u8], (one, two): (&[u8], &[u8])) {
    let whole = tell(new(), &[said]);
    assert!(tell(new(), &[one, two]) == whole, "the cut changes it");
}

fn tell<H: Handshake>(mut waiting: H, pieces: &[&[u8]]) -> (Vec<u8>, End) {
    let (mut input, mut heard) = (BytesMut::new(), Vec::new());
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
                    heard.extend_from_slice(words);
                    waiting = next;
                }
                Step::Connect(request) => {
                    let left = [&input[..], &pieces[number + 1..].concat()].concat();
                    return (heard, End::Wants(request, left));
                }
                Step::Refuse(words) => return (heard, End::Refused(words)),
            }
        }
    }
    (heard, End::Waits)
}
