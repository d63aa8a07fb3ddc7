//! Records of one cell each, on a carrier that may lose, repeat, change or make up any of them. (VTP-43)

use crate::crypto::aead::{Backend, Key, seal_item};
use crate::crypto::kdf::{Label, Secret};
use crate::vattp::Violation;
use crate::vattp::pipe::{
    CELL_LEN, CELL_PLAIN, Carrier, MAX_BORDERS, MAX_PLAIN, MAX_RECORDS, Opener, Sealer,
};

const SECRET: [u8; 32] = [7; 32];

/// Both ends of a direction whose first flight began with cell `first`.
fn ends(first: u64) -> (Sealer, Opener) {
    let backend = Backend::default();
    let opener = Opener::of_cells(SECRET, first, backend);
    (Sealer::of_cells(SECRET, first, backend), opener)
}

/// What the sealer appends for these frames at its next index.
fn next_cell(sealer: &mut Sealer, frames: &[u8]) -> Result<Vec<u8>, Violation> {
    let mut out = b"before".to_vec();
    let begun = sealer.begin(&mut out);
    out.extend_from_slice(frames);
    let sealed = sealer.seal(begun, &mut out);
    let cell = out.split_off(b"before".len());
    assert_eq!(out, b"before");
    assert!(sealed.is_ok() || cell.is_empty(), "an error leaves nothing");
    sealed.map(|()| cell)
}

/// The same, at this index.
fn cell(sealer: &mut Sealer, index: u64, frames: &[u8]) -> Vec<u8> {
    sealer.at(index).unwrap();
    next_cell(sealer, frames).unwrap()
}

/// A cell made from the primitives: under the key so many borders on from the first.
fn made(borders: u64, index: u64, frames: &[u8]) -> Vec<u8> {
    let mut secret = Secret::from(SECRET);
    for _ in 0..borders {
        secret = secret.expand(Label::REKEY, b"");
    }
    let key = Key::new(
        Backend::default(),
        secret.expand(Label::KEY, b"").as_bytes(),
    );
    let mut plain = [0; CELL_PLAIN];
    plain[..frames.len()].copy_from_slice(frames);
    seal_item(&key, index, &plain).unwrap()
}

/// Whether the cell opens, and to these frames and PAD.
fn opens(opener: &mut Opener, index: u64, mut cell: Vec<u8>, frames: &[u8]) -> bool {
    let Some(plain) = opener.open_cell(index, &mut cell) else {
        return false;
    };
    let (said, rest) = plain.split_at(frames.len());
    assert_eq!((said, plain.len()), (frames, CELL_PLAIN));
    assert!(rest.iter().all(|byte| *byte == 0), "PAD");
    true
}

/// VTP-43: a record is 896 bytes, its counter the index of the cell, and its key the one after as many changes as there are
/// multiples of 1024 behind the first cell, itself not counted: as the specification has it, not only as the other end has it.
#[test]
fn every_cell_is_sealed_under_the_key_of_its_index() {
    let indices = [
        (
            0,
            vec![(0, 0), (1, 0), (1023, 0), (1024, 1), (2047, 1), (9000, 8)],
        ),
        (1000, vec![(1003, 0), (1024, 1), (1025, 1), (4096, 4)]),
        (1024, vec![(1024, 0), (2047, 0), (2048, 1)]),
        (5000, vec![(5001, 0), (5120 + 63 * 1024, 64)]),
        (
            5000,
            vec![(5119 + 64 * 1024, 64), (5120 + 128 * 1024 - 1, 128)],
        ),
    ];
    for (first, cells) in indices {
        let (mut sealer, mut opener) = ends(first);
        for (index, borders) in cells {
            let cell = cell(&mut sealer, index, b"frames");
            assert_eq!(cell.len(), 896);
            assert_eq!(cell, made(borders, index, b"frames"), "{first} {index}");
            assert!(opens(&mut opener, index, cell, b"frames"));
        }
    }
}

/// VTP-43: both libraries make and open the same cells, whatever is lost between them and on both sides of every border.
#[test]
fn what_one_library_seals_the_other_opens_whatever_is_lost() {
    for near in Backend::ALL {
        for far in Backend::ALL {
            let mut sealer = Sealer::of_cells(SECRET, 1, *near);
            let mut opener = Opener::of_cells(SECRET, 1, *far);
            let mut came = 0;
            sealer.at(4).unwrap();
            for index in 4..5000_u64 {
                let frames = index.to_be_bytes();
                let cell = next_cell(&mut sealer, &frames).unwrap();
                let near_border = (index + 2) % 1024 < 4;
                let lost = match index / 1024 {
                    1 => near_border,
                    2 => index % 3 != 0,
                    3 => true,
                    _ => false,
                };
                if !lost {
                    assert!(opens(&mut opener, index, cell, &frames), "{index}");
                    came += 1;
                }
            }
            assert!(came > 2000);
        }
    }
}

/// VTP-43: a cell with any bit flipped is as if it had been lost, also the first behind a border; as it was sent it opens
/// afterwards, and so does the next.
#[test]
fn a_cell_with_any_bit_flipped_is_as_if_lost() {
    let (mut sealer, mut opener) = ends(0);
    for index in [1020, 3000] {
        let good = cell(&mut sealer, index, b"frames");
        let next = next_cell(&mut sealer, b"more").unwrap();
        for bit in 0..CELL_LEN * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(opener.open_cell(index, &mut bad), None, "bit {bit}");
        }
        assert!(opens(&mut opener, index, good, b"frames"));
        assert!(opens(&mut opener, index + 1, next, b"more"));
    }
}

/// VTP-43: a cell that comes again, before its turn, under another index, sent back to who sealed it, or with a byte too
/// many or too few is as if it had been lost.
#[test]
fn a_cell_out_of_its_place_is_as_if_lost() {
    let (mut sealer, mut opener) = ends(10);
    let cells: Vec<_> = (20..26_u64).map(|n| cell(&mut sealer, n, b"x")).collect();
    let at = |n: usize| cells[n - 20].clone();
    assert!(opens(&mut opener, 21, at(21), b"x"));
    assert!(!opens(&mut opener, 21, at(21), b"x"), "again");
    assert!(!opens(&mut opener, 20, at(20), b"x"), "late");
    assert!(!opens(&mut opener, 22, at(21), b"x"), "another index");
    assert!(!opens(&mut opener, 22, at(23), b"x"), "another index");
    for len in [0, 16, CELL_LEN - 1] {
        assert!(
            !opens(&mut opener, 22, at(22)[..len].to_vec(), b"x"),
            "{len}"
        );
    }
    assert!(!opens(&mut opener, 22, [&at(22)[..], &[0]].concat(), b"x"));
    let short = seal_item(
        &Key::new(
            Backend::default(),
            Secret::from(SECRET).expand(Label::KEY, b"").as_bytes(),
        ),
        22,
        b"frames",
    );
    assert!(
        !opens(&mut opener, 22, short.unwrap(), b"frames"),
        "sealed short"
    );
    assert!(opens(&mut opener, 22, at(22), b"x"));
    assert!(opens(&mut opener, 25, at(25), b"x"), "two were lost");

    let (_, mut before) = ends(10);
    assert!(
        !opens(&mut before, 9, made(0, 9, b"x"), b"x"),
        "before the first flight"
    );
    let last = u64::MAX;
    let (mut sealer, mut opener) = ends(last - 3);
    let good = cell(&mut sealer, last - 1, b"x");
    assert_eq!(next_cell(&mut sealer, b"x"), Err(Violation::Index));
    assert!(
        !opens(&mut opener, last, made(0, last, b"x"), b"x"),
        "the last index"
    );
    assert!(opens(&mut opener, last - 1, good.clone(), b"x"));
    assert!(!opens(&mut opener, last - 1, good, b"x"));
}

/// VTP-43: 64 borders ahead a cell opens, 65 ahead it is as if lost; nothing that does not open moves the key.
#[test]
fn a_cell_more_than_64_borders_ahead_is_as_if_lost() {
    let beyond = (1 + MAX_BORDERS) * 1024;
    assert_eq!(beyond, 66_560);
    for first in [0, 5, 1023] {
        let (_, mut opener) = ends(first);
        assert!(opens(&mut opener, 1023, made(0, 1023, b"x"), b"x"));
        for (borders, index) in [(65, beyond), (65, beyond + 9), (1 << 20, 1 << 30)] {
            let cell = made(borders, index, b"x");
            assert!(!opens(&mut opener, index, cell, b"x"), "{index}");
        }
        for index in [1024, 4000, beyond - 1, u64::MAX - 1, u64::MAX] {
            let made_up = vec![9; CELL_LEN];
            assert!(!opens(&mut opener, index, made_up, b"x"), "{index}");
        }
        assert!(opens(&mut opener, 1024, made(1, 1024, b"x"), b"x"));
        assert!(opens(&mut opener, beyond, made(65, beyond, b"x"), b"x"));
    }
    let (_, mut opener) = ends(0);
    let cell = made(64, beyond - 1, b"x");
    assert!(opens(&mut opener, beyond - 1, cell, b"x"), "64 at once");
}

/// VTP-43, VTP-14: behind a border the old key opens and seals nothing more, under any index; before it, the next key.
#[test]
fn the_key_of_another_era_is_worth_nothing() {
    let (mut sealer, mut opener) = ends(0);
    assert!(
        !opens(&mut opener, 1000, made(1, 1000, b"x"), b"x"),
        "not yet"
    );
    assert!(
        !opens(&mut opener, 1024, made(0, 1024, b"x"), b"x"),
        "no more"
    );
    assert!(
        !opens(&mut opener, 1024, made(2, 1024, b"x"), b"x"),
        "too early"
    );
    let good = cell(&mut sealer, 1024, b"x");
    assert!(opens(&mut opener, 1024, good, b"x"));
    for index in [1000, 1023, 1024, 1025, 2000, 2048] {
        assert!(
            !opens(&mut opener, index, made(0, index, b"x"), b"x"),
            "{index}"
        );
    }
    assert_eq!(sealer.at(1023), Err(Violation::Index));
}

/// VTP-43: a sealer uses no index twice and none that its receiver would not take; without an index it seals nothing.
#[test]
fn a_sealer_uses_every_index_once() {
    let (mut sealer, _) = ends(10);
    assert_eq!(next_cell(&mut sealer, b"x"), Err(Violation::Index));
    for index in [0, 9, 65 * 1024, u64::MAX] {
        assert_eq!(sealer.at(index), Err(Violation::Index), "{index}");
    }
    sealer.at(65 * 1024 - 1).unwrap();
    sealer.at(12).unwrap();
    assert_eq!(next_cell(&mut sealer, b"x").unwrap(), made(0, 12, b"x"));
    for index in [0, 11, 12] {
        assert_eq!(sealer.at(index), Err(Violation::Index), "{index}");
    }
    assert_eq!(next_cell(&mut sealer, b"x").unwrap(), made(0, 13, b"x"));
    assert_eq!(next_cell(&mut sealer, b"").unwrap(), b"", "taken back");
    assert_eq!(next_cell(&mut sealer, b"x").unwrap(), made(0, 14, b"x"));
    let mut stream = Sealer::from_secret(SECRET, Backend::default());
    assert_eq!(stream.at(0), Err(Violation::Index));
}

/// VTP-43, VTP-21: a cell takes 880 bytes of frames and not one more, a record on a stream 32,752.
#[test]
fn a_record_takes_as_much_as_its_carrier_gives_room() {
    let backend = Backend::default();
    let room = |sealer: &mut Sealer, written: usize| {
        let mut out = vec![1; 33];
        let begun = sealer.begin(&mut out);
        out.resize(out.len() + written, 2);
        sealer.room(&begun, &out)
    };
    let (mut cells, mut opener) = ends(0);
    let mut stream = Sealer::from_secret(SECRET, backend);
    for (sealer, carrier, most) in [
        (&mut cells, Carrier::Cells, 880),
        (&mut stream, Carrier::Stream, 32_752),
    ] {
        assert_eq!((sealer.carrier(), carrier.max_plain()), (carrier, most));
        for written in [0, 1, most - 1, most, most + 1] {
            assert_eq!(room(sealer, written), most.saturating_sub(written));
        }
    }
    cells.at(5).unwrap();
    let too_long = vec![3; CELL_PLAIN + 1];
    assert_eq!(next_cell(&mut cells, &too_long), Err(Violation::Length));
    let full = &too_long[..CELL_PLAIN];
    let cell = next_cell(&mut cells, full).unwrap();
    assert!(opens(&mut opener, 5, cell, full));
    let too_long = vec![3; MAX_PLAIN + 1];
    assert_eq!(next_cell(&mut stream, &too_long), Err(Violation::Length));
}

/// VTP-43: the forms are not taken for each other, and on cells nothing but the index changes the key.
#[test]
fn on_cells_there_is_no_rekey_and_no_record_of_a_stream() {
    let (mut sealer, mut opener) = ends(0);
    sealer.age(MAX_RECORDS);
    assert!(!sealer.is_worn());
    let (mut sealer, _) = ends(0);
    sealer.rekey();
    opener.rekey();
    let mut good = cell(&mut sealer, 3, b"x");
    assert_eq!(good, made(0, 3, b"x"));
    let mut stream = Opener::from_secret(SECRET, Backend::default());
    let mut zeroth = made(0, 0, b"x");
    assert_eq!(opener.open(&mut zeroth.clone()), Err(Violation::Record));
    assert_eq!(stream.open_cell(0, &mut zeroth.clone()), None);
    assert!(stream.open(&mut zeroth).is_ok(), "the same key and counter");
    assert!(opener.open_cell(3, &mut good).is_some());
}
