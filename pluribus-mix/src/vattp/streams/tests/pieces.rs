//! How bytes are kept while they wait.

use super::super::pieces::Pieces;
use super::*;

/// VTP-51: what a peer sends in single bytes is not kept in single bytes.
#[test]
fn small_pieces_are_put_together() {
    let mut pieces = Pieces::default();
    for n in 0..10_000_u32 {
        pieces.copy(&[n as u8]);
    }
    assert_eq!(pieces.len(), 10_000);
    let taken: Vec<_> = std::iter::from_fn(|| pieces.take(usize::MAX)).collect();
    assert_eq!(taken.len(), 2);
    assert!(
        taken
            .concat()
            .iter()
            .zip(0_u32..)
            .all(|(a, b)| *a == b as u8)
    );
    assert!(pieces.is_empty());
}

/// VTP-51: where much comes between two reads it is put together to more, up to 64 KiB, and where little comes to 4 KiB again.
#[test]
fn what_is_put_together_follows_what_comes() {
    let mut pieces = Pieces::default();
    let mut round = |count: usize| {
        (0..count).for_each(|_| pieces.copy(&[7; 800]));
        let taken: Vec<_> = std::iter::from_fn(|| pieces.take(usize::MAX)).collect();
        let (lens, held) = (taken.iter().map(Bytes::len), taken.len());
        (held, lens.max().unwrap())
    };
    assert!(round(160).0 > 4, "4 + 8 + 16 + 32 KiB, and the rest");
    assert_eq!(round(160), (2, 81 * 800));
    for _ in 0..4 {
        assert_eq!(round(1), (1, 800));
    }
    assert_eq!(round(7), (2, 5 * 800));
}

/// VTP-51: big pieces lie where they were written, until they are said.
#[test]
fn big_pieces_are_not_copied() {
    let big = Bytes::from(vec![7; 10_000]);
    let mut pieces = Pieces::default();
    pieces.push(big.clone());
    assert_eq!(pieces.gather(5000).as_ptr(), big.as_ptr());
    assert_eq!(pieces.take(5000).unwrap().as_ptr(), big[5000..].as_ptr());
}

/// VTP-47: what lies in many small pieces goes in one frame.
#[test]
fn small_pieces_are_said_together() {
    let mut pieces = Pieces::default();
    for len in [1500, 10, 1500, 5000] {
        pieces.push(Bytes::from(vec![len as u8; len]));
    }
    let all = [vec![220; 1500], vec![10; 10], vec![220; 1500]].concat();
    assert_eq!(pieces.gather(3010), all);
    assert_eq!(pieces.gather(9000).len(), 5000);
}
