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
    assert_eq!(taken.len(), 3);
    assert!(
        taken
            .concat()
            .iter()
            .zip(0_u32..)
            .all(|(a, b)| *a == b as u8)
    );
    assert!(pieces.is_empty());
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
