//! How many circuits may be begun. (ONI-18)

use crate::time::{Duration, Instant};

/// So many at once, and then one after each pause.
pub(super) struct Budget {
    left: u32,
    most: u32,
    pause: Duration,
    since: Instant,
}

impl Budget {
    /// A full one.
    pub(super) const fn new(most: u32, pause: Duration) -> Self {
        Self {
            left: most,
            most,
            pause,
            since: Instant::ZERO,
        }
    }

    /// Takes one, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        while self.left < self.most && self.since + self.pause <= now {
            self.left += 1;
            self.since = self.since + self.pause;
        }
        if self.left == self.most {
            self.since = now;
        }
        let has = self.left > 0;
        self.left = self.left.saturating_sub(1);
        has
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ONI-18: what it holds at once, then one for each pause, and never more than it holds.
    #[test]
    fn a_budget_fills_with_time() {
        let pause = Duration::from_millis(100);
        let at = |millis| Instant::ZERO + Duration::from_millis(millis);
        let mut budget = Budget::new(2, pause);
        let mut take = |millis| budget.take(at(millis));
        assert_eq!([take(50), take(50), take(50)], [true, true, false]);
        assert_eq!(
            [take(149), take(150), take(249), take(250)],
            [false, true, false, true]
        );
        assert_eq!([take(9000), take(9000), take(9000)], [true, true, false]);
    }
}
