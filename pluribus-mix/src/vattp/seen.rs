//! The x_i that have been answered. (VTP-5)

use crate::time::{Duration, Instant};
use std::collections::{BTreeSet, VecDeque};

/// The most x_i kept for one vat.
pub const MAX_SEEN: usize = 65_536;

/// The x_i answered within some time, the oldest out first where there are too many.
pub struct Seen {
    life: Duration,
    known: BTreeSet<[u8; 32]>,
    by_age: VecDeque<(Instant, [u8; 32])>,
}

impl Seen {
    /// An empty memory that keeps each x_i for `life`.
    pub const fn new(life: Duration) -> Self {
        Self {
            life,
            known: BTreeSet::new(),
            by_age: VecDeque::new(),
        }
    }

    /// Whether `x_i` is new; it is remembered at once.
    pub fn is_new(&mut self, now: Instant, x_i: &[u8; 32]) -> bool {
        self.forget(now);
        if !self.known.insert(*x_i) {
            return false;
        }
        self.by_age.push_back((now, *x_i));
        if self.by_age.len() > MAX_SEEN {
            self.drop_oldest();
        }
        true
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.by_age.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.by_age.is_empty()
    }

    fn forget(&mut self, now: Instant) {
        while let Some((answered, _)) = self.by_age.front()
            && now.since(*answered) >= self.life
        {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, x_i)) = self.by_age.pop_front() {
            self.known.remove(&x_i);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(n: u32) -> [u8; 32] {
        let mut x_i = [0; 32];
        x_i[..4].copy_from_slice(&n.to_be_bytes());
        x_i
    }

    /// VTP-5: an x_i is new once within its life, and the memory is bounded, the oldest out first.
    #[test]
    fn an_x_i_is_new_once_and_the_memory_is_bounded() {
        let life = Duration::from_secs(40);
        let mut seen = Seen::new(life);
        let start = Instant::ZERO;
        assert!(seen.is_new(start, &numbered(0)));
        assert!(!seen.is_new(start + life / 2, &numbered(0)));
        assert!(seen.is_new(start + life, &numbered(0)));
        let most = u32::try_from(MAX_SEEN).unwrap();
        for n in 1..=most {
            assert!(seen.is_new(start + life, &numbered(n)));
        }
        assert_eq!((seen.len(), seen.known.len()), (MAX_SEEN, MAX_SEEN));
        assert!(!seen.is_new(start + life, &numbered(1)));
        assert!(
            seen.is_new(start + life, &numbered(0)),
            "the oldest went out"
        );
    }
}
