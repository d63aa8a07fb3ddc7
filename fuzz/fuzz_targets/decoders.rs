//! Bytes into flights, frames and items: no panic, and what decodes encodes back to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pluribus_mix::vattp::flight::{IAm, IWant};
use pluribus_mix::vattp::frame::Frames;
use pluribus_mix::vattp::pair::PairFields;
use pluribus_mix::vattp::pipe::RECORD_LEN;
use pluribus_mix::vattp::split::Splitter;

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    match kind % 5 {
        0 => drop(IWant::decode(data)),
        1 => drop(IAm::decode(data)),
        2 => pair_fields(data),
        3 => frames(data),
        _ => items(data),
    }
});

fn pair_fields(data: &[u8]) {
    if let Ok(fields) = PairFields::decode(data) {
        let mut out = Vec::new();
        fields.encode(&mut out);
        assert_eq!(out, data);
    }
}

fn frames(data: &[u8]) {
    let Ok(mut frames) = Frames::of(data) else {
        return assert!(data.is_empty());
    };
    let mut out = Vec::new();
    loop {
        match frames.next() {
            Ok(Some(frame)) => frame.encode(&mut out),
            Ok(None) => break,
            Err(_) => return,
        }
    }
    assert!(data.starts_with(&out));
    assert!(
        data[out.len()..].iter().all(|byte| *byte == 0),
        "only PAD may be left"
    );
}

/// Two choppings of one stream give the same items.
fn items(data: &[u8]) {
    let Some((chop, data)) = data.split_first() else {
        return;
    };
    assert_eq!(
        split(data, usize::from(*chop) + 1),
        split(data, data.len().max(1))
    );
}

fn split(data: &[u8], chop: usize) -> (Vec<Vec<u8>>, bool) {
    let mut splitter = Splitter::default();
    let (mut stream, mut items) = (data.to_vec(), Vec::new());
    for mut piece in stream.chunks_mut(chop) {
        loop {
            match splitter.next(&mut piece, &RECORD_LEN) {
                Ok(Some(item)) => items.push(item.to_vec()),
                Ok(None) => break,
                Err(_) => return (items, true),
            }
        }
    }
    (items, false)
}
