//! A meddler at a carrier of cells: what of records comes through is what was sent at that index, in order, and none that
//! is whole and in its place is kept back; what of a flight comes through is its beginning.
#![no_main]

use core::ops::RangeInclusive;
use libfuzzer_sys::fuzz_target;
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::vattp::cells::{FlightCells, Incoming, Place, fill_flight};
use pluribus_mix::vattp::frame::Frame;
use pluribus_mix::vattp::pipe::{CELL_LEN, Opener, Sealer};

/// Cells sent: before, on and behind borders, and as far ahead as may be.
const SENT: [u64; 10] = [3, 4, 1023, 1024, 1025, 4096, 5000, 69_000, 70_655, 136_191];

fuzz_target!(|data: &[u8]| {
    match data.split_first() {
        Some((0..=99, rest)) => records(rest),
        Some((100..=199, rest)) => flight(rest),
        Some((_, rest)) => made_up(rest),
        None => (),
    }
});

/// Cells changed, dropped, repeated, swapped and with other indices.
fn records(data: &[u8]) {
    let mut sealer = Sealer::of_cells([1; 32], 2, Backend::AesGcm);
    let mut opener = Opener::of_cells([1; 32], 2, Backend::AesGcm);
    let sent = SENT.map(|index| (index, seal(&mut sealer, index)));
    let (mut lowest, mut era) = (2, 0);
    for step in data.chunks_exact(6) {
        let &[which, high, low, bit, how, shift] = step else {
            return;
        };
        let (own, mut cell) = sent[usize::from(which) % sent.len()].clone();
        let at = usize::from(u16::from_be_bytes([high, low])) % CELL_LEN;
        let mut index = own;
        match how % 5 {
            0 => cell[at] ^= 1 << (bit % 8),
            1 => cell.truncate(at),
            2 => cell.push(bit),
            3 => index = own.wrapping_add(u64::from(bit) << (shift % 64)),
            _ => {}
        }
        let whole = index == own && how % 5 > 2;
        let expected = whole && index >= lowest && index / 1024 - era <= 64;
        let opened = opener.open_cell(index, &mut cell);
        assert_eq!(opened.is_some(), expected, "{index}");
        let Some(plain) = opened else {
            continue;
        };
        let frames = frames_of(index);
        assert_eq!(plain[..frames.len()], frames);
        assert!(plain[frames.len()..].iter().all(|byte| *byte == 0));
        (lowest, era) = (index + 1, index / 1024);
    }
}

/// A flight of items as long as the input says, some of its cells dropped.
fn flight(data: &[u8]) {
    let Some((dropped, lens)) = data.split_first_chunk::<2>() else {
        return;
    };
    let dropped = u16::from_be_bytes(*dropped);
    let (mut bytes, mut items) = (Vec::new(), Vec::new());
    for (n, len) in lens.chunks_exact(2).take(3).enumerate() {
        let len = u16::from_be_bytes([len[0], len[1]]) % 2000;
        let item = vec![n as u8 + 1; usize::from(len)];
        bytes.extend(len.to_be_bytes());
        bytes.extend(&item);
        items.push(item);
    }
    fill_flight(&mut bytes);
    let (mut flights, mut heard, mut gap) = (FlightCells::default(), 0, false);
    for (n, cell) in bytes.chunks_exact_mut(CELL_LEN).enumerate() {
        if n > 0 && dropped >> (n % 16) & 1 == 1 {
            gap = true;
            continue;
        }
        let cell = cell.try_into().expect("a cell");
        let mut cell = Incoming::new(n as u64, cell);
        loop {
            let place = if heard + 1 == items.len() {
                Place::Last
            } else {
                Place::Before
            };
            match flights.next(&mut cell, &(0..=2000), place) {
                Ok(Some(item)) => {
                    assert!(!gap, "nothing comes out behind a gap");
                    assert_eq!(*item, items[heard]);
                    heard += 1;
                }
                Ok(None) => break,
                Err(violation) => {
                    assert!(gap, "{violation}");
                    return;
                }
            }
            if heard == items.len() {
                return;
            }
        }
        assert!(!gap, "a gap is refused");
    }
    assert!(gap || heard == items.len());
}

/// Cells that nobody sent.
fn made_up(data: &[u8]) {
    const LENGTHS: [RangeInclusive<usize>; 3] = [1237..=1282, 98..=98, 0..=65_535];
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    let lengths = &LENGTHS[usize::from(*kind) % 3];
    let mut flights = FlightCells::default();
    let mut index = 0_u64;
    for step in data.chunks(40) {
        let Some((&[skip, at], rest)) = step.split_first_chunk::<2>() else {
            return;
        };
        let mut cell = [0; CELL_LEN];
        for (byte, given) in cell.iter_mut().skip(usize::from(at)).zip(rest) {
            *byte = *given;
        }
        index = index.wrapping_add(u64::from(skip % 4));
        let place = if skip & 0x80 == 0 {
            Place::Before
        } else {
            Place::Last
        };
        let mut cell = Incoming::new(index, &mut cell);
        loop {
            match flights.next(&mut cell, lengths, place) {
                Ok(Some(item)) => assert!(lengths.contains(&item.len())),
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
}

fn frames_of(index: u64) -> Vec<u8> {
    let mut frames = Vec::new();
    Frame::Ping(index).encode(&mut frames);
    frames
}

fn seal(sealer: &mut Sealer, index: u64) -> Vec<u8> {
    let mut out = Vec::new();
    sealer.at(index).expect("indices that rise");
    let begun = sealer.begin(&mut out);
    out.extend(frames_of(index));
    sealer.seal(begun, &mut out).expect("a short record");
    assert_eq!(out.len(), CELL_LEN);
    out
}
