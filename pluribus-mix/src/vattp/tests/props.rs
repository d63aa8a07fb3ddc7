//! Properties that hold for whatever proptest thinks of.

use super::puppet::{Held, hints as padded, lp};
use crate::crypto::aead::Backend;
use crate::vattp::frame::{Ending, Frame, Frames, pad};
use crate::vattp::pair::{PairFields, Verdict, Word};
use crate::vattp::pipe::{Opener, Sealer};
use crate::vattp::ranges::Ranges;
use crate::vattp::split::Splitter;
use crate::vattp::{Hints, Offers};
use crate::wire::Reader;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;

/// A frame that owns its bytes.
#[derive(Clone, Debug)]
enum Owned {
    Msg(bool, u64, Vec<u8>),
    Ack(u64, u64, Vec<(u16, u16)>),
    Ping(u64),
    Pong(u64),
}

impl Owned {
    fn frame(&self) -> Frame<'_> {
        match self {
            Self::Msg(more, number, bytes) => Frame::Msg {
                more: *more,
                number: *number,
                bytes,
            },
            Self::Ack(taken, received, runs) => {
                let mut ranges = Ranges::default();
                assert!(runs.iter().all(|(skip, run)| ranges.push(*skip, *run)));
                Frame::Ack {
                    taken: *taken,
                    received: *received,
                    ranges,
                }
            }
            Self::Ping(token) => Frame::Ping(*token),
            Self::Pong(token) => Frame::Pong(*token),
        }
    }
}

fn frames() -> impl Strategy<Value = Vec<Owned>> {
    let any_frame = prop_oneof![
        (any::<bool>(), any::<u64>(), vec(any::<u8>(), 0..200))
            .prop_map(|(more, number, bytes)| Owned::Msg(more, number, bytes)),
        (
            any::<u64>(),
            any::<u64>(),
            vec((1..=u16::MAX, 1..=u16::MAX), 0..=32)
        )
            .prop_map(|(taken, received, runs)| Owned::Ack(taken, received, runs)),
        any::<u64>().prop_map(Owned::Ping),
        any::<u64>().prop_map(Owned::Pong),
    ];
    vec(any_frame, 1..12)
}

/// What may end a record.
fn last() -> impl Strategy<Value = Option<Frame<'static>>> {
    prop_oneof![
        Just(None),
        Just(Some(Frame::Rekey)),
        any::<u64>().prop_map(|id| Some(Frame::Close {
            reason: Ending::Done,
            id
        })),
    ]
}

fn encoded(frames: &[Owned], last: Option<Frame<'_>>, padding: usize) -> Vec<u8> {
    let mut out = Vec::new();
    frames.iter().for_each(|it| it.frame().encode(&mut out));
    if let Some(last) = last {
        last.encode(&mut out);
    }
    if last != Some(Frame::Rekey) {
        let len = out.len() + padding;
        pad(&mut out, len);
    }
    out
}

fn decoded(plain: &[u8]) -> Vec<Frame<'_>> {
    let mut frames = Frames::of(plain).unwrap();
    core::iter::from_fn(|| frames.next().unwrap()).collect()
}

fn fields() -> impl Strategy<Value = PairFields> {
    let verdict = prop_oneof![
        Just(Verdict::Go),
        Just(Verdict::Dup),
        Just(Verdict::Gone),
        Just(Verdict::Say)
    ];
    let not_zero = 1..=u64::MAX;
    let ids = (not_zero.clone(), any::<u64>(), any::<u64>());
    let rest = (not_zero.clone(), not_zero, any::<u64>());
    (verdict, any::<bool>(), ids, rest).prop_map(
        |(verdict, again, (mine, yours, go), (expect, first, past))| PairFields {
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
        },
    )
}

/// Every pair of libraries.
fn libraries() -> impl Iterator<Item = (Backend, Backend)> {
    let far = |near: &'static Backend| Backend::ALL.iter().map(|far| (*near, *far));
    Backend::ALL.iter().flat_map(far)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// VTP-1, VTP-21: however a stream is chopped, the same items come out of it.
    #[test]
    fn any_chopping_gives_the_same_items(
        items in vec(vec(any::<u8>(), 17..600), 1..8),
        cuts in vec(any::<prop::sample::Index>(), 0..40),
        tail in 0_usize..19,
    ) {
        let mut stream: Vec<u8> = items.iter().flat_map(|item| lp(item)).collect();
        stream.extend(&lp(&[7; 17])[..tail]);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let (mut splitter, mut heard) = (Splitter::default(), Vec::new());
        for pair in cuts.windows(2) {
            let mut piece = stream[pair[0]..pair[1]].to_vec();
            let mut rest = &mut piece[..];
            while let Some(item) = splitter.next(&mut rest, &(17..=600)).unwrap() {
                heard.push(item.to_vec());
            }
            prop_assert!(rest.is_empty());
        }
        prop_assert_eq!(heard, items);
    }

    /// VTP-22: what is encoded is decoded, whatever padding follows.
    #[test]
    fn frames_go_there_and_back(all in frames(), last in last(), padding in 0_usize..50) {
        let plain = encoded(&all, last, padding);
        let expected: Vec<Frame<'_>> = all.iter().map(Owned::frame).chain(last).collect();
        prop_assert_eq!(decoded(&plain), expected);
    }

    /// VTP-22: whatever bytes a record holds, reading it ends, with a violation or with frames that are written as they were
    /// read.
    #[test]
    fn any_bytes_are_frames_or_refused(plain in vec(prop_oneof![3 => 0..8_u8, 1 => any::<u8>()], 1..80)) {
        let mut frames = Frames::of(&plain).unwrap();
        let mut again = Vec::new();
        loop {
            match frames.next() {
                Ok(Some(frame)) => frame.encode(&mut again),
                Ok(None) => {
                    let len = plain.len();
                    pad(&mut again, len);
                    prop_assert_eq!(&again, &plain);
                    break;
                }
                Err(_) => break,
            }
        }
    }

    /// VTP-19: pair fields go there and back, and every byte of them is read.
    #[test]
    fn pair_fields_go_there_and_back(fields in fields(), place in 0_usize..50, flip in 1..=255_u8) {
        let mut bytes = super::puppet::fields(&fields);
        prop_assert_eq!(bytes.len(), PairFields::LEN);
        prop_assert_eq!(PairFields::decode(&bytes).unwrap(), fields);
        bytes[place] ^= flip;
        prop_assert_ne!(PairFields::decode(&bytes).ok(), Some(fields));
    }

    /// VTP-2: offers go there and back, in their order.
    #[test]
    fn offers_go_there_and_back(
        versions in subsequence((1..=255).collect::<Vec<u8>>(), 1..=16).prop_shuffle(),
        suites in subsequence((1..=999).collect::<Vec<u16>>(), 1..=16).prop_shuffle(),
    ) {
        let offers = Offers::new(versions.clone(), suites.clone()).unwrap();
        let mut bytes = Vec::new();
        offers.encode(&mut bytes);
        prop_assert_eq!(bytes.len(), 2 + versions.len() + 2 * suites.len());
        prop_assert_eq!(&bytes[1..=versions.len()], &versions[..]);
        let mut reader = Reader::new(&bytes);
        prop_assert_eq!(Offers::decode(&mut reader).unwrap(), offers);
        prop_assert!(reader.is_empty());
    }

    /// VTP-11: hints go there and back, and no other form of the same bytes is read.
    #[test]
    fn hints_go_there_and_back(bytes in vec(any::<u8>(), 0..=254), place in 0_usize..256, flip in 1..=255_u8) {
        let hints = Hints::new(&bytes).unwrap();
        let mut form = Vec::new();
        hints.encode(&mut form);
        let mut form: [u8; 256] = form.try_into().unwrap();
        prop_assert_eq!(form, padded(&bytes));
        prop_assert_eq!(Hints::decode(&form).unwrap(), hints.clone());
        form[place] ^= flip;
        prop_assert_ne!(Hints::decode(&form).ok(), Some(hints));
    }

    /// VTP-14, VTP-21, VTP-24: any records, rekeyed anywhere, are opened in their order by the other end, in either library.
    #[test]
    fn records_go_there_and_back(records in vec((frames(), last(), 0_usize..50), 1..10), secret in any::<[u8; 32]>()) {
        for (near, far) in libraries() {
            let mut held = Held {
                sealer: Sealer::from_secret(secret, near),
                opener: Opener::from_secret(secret, far),
                exporter: secret,
            };
            for (all, last, padding) in &records {
                let plain = encoded(all, *last, *padding);
                let record = held.record(&plain);
                prop_assert_eq!(record.len(), 2 + plain.len() + 16);
                prop_assert_eq!(held.open(&record), plain);
                if *last == Some(Frame::Rekey) {
                    held.sealer.rekey();
                    held.opener.rekey();
                }
            }
        }
    }
}
