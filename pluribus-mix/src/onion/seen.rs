//! The requests that a relay has answered, so that it answers none twice. (ONI-9)

use std::collections::{BTreeSet, VecDeque};

/// The X of requests that are remembered.
const REMEMBERED: usize = 65_536;

/// The X of the last requests to one onion key, by their first half.
///
/// Half is enough to know one again: nobody who could make a second X with the same half gains anything but a refusal.
#[derive(Default)]
pub(super) struct Seen {
    known: BTreeSet<[u8; 16]>,
    order: VecDeque<[u8; 16]>,
}

impl Seen {
    /// Whether `x` is new; it is not any more then. The oldest of 65,536 is forgotten for it. (ONI-9)
    pub(super) fn is_new(&mut self, x: &[u8; 32]) -> bool {
        let [half, _] = *x.as_chunks().0 else {
            return false;
        };
        if !self.known.insert(half) {
            return false;
        }
        self.order.push_back(half);
        if self.order.len() > REMEMBERED {
            let oldest = self.order.pop_front();
            oldest.map(|oldest| self.known.remove(&oldest));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ONI-9: the last 65,536 are known again, whatever their second half, and the one before them is forgotten.
    #[test]
    fn the_last_65536_are_known_again() {
        let x = |n: u32| {
            let mut x = [9; 32];
            x[..4].copy_from_slice(&n.to_be_bytes());
            x
        };
        let mut seen = Seen::default();
        assert!((0..=65_536).all(|n| seen.is_new(&x(n))));
        assert!(!seen.is_new(&x(1)) && !seen.is_new(&x(65_536)));
        assert_eq!((seen.known.len(), seen.order.len()), (65_536, 65_536));
        assert!(seen.is_new(&x(0)), "the oldest was forgotten");
        assert!(seen.is_new(&x(1)), "and then the next");
    }
}
