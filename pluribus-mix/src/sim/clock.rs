//! Clocks that drift.
//!
//! The world's time is one number; a vat sees it through a clock that gains or loses some parts in a million. The clock
//! remembers when its rate was last set and what it showed then, so that a new rate bends it and never makes it jump.

use crate::time::{Duration, Instant};

const MILLION: u128 = 1_000_000;

/// One host's clock.
pub(super) struct Clock {
    /// Its own nanoseconds in a million of the world's; at least 1.
    rate: u128,
    /// World time of the last setting, and what the clock showed.
    set: Instant,
    shown: Instant,
}

impl Clock {
    /// A clock that runs with the world.
    pub(super) const fn true_one() -> Self {
        Self {
            rate: MILLION,
            set: Instant::ZERO,
            shown: Instant::ZERO,
        }
    }

    /// From `now` on it gains `ppm` parts in a million, or loses them.
    pub(super) fn drift(&mut self, now: Instant, ppm: i32) {
        (self.set, self.shown) = (now, self.shows(now));
        self.rate = u128::try_from(1_000_000 + i64::from(ppm)).map_or(1, |rate| rate.max(1));
    }

    /// What it shows at the world's `now`.
    pub(super) fn shows(&self, now: Instant) -> Instant {
        self.shown + nanos(now.since(self.set).as_nanos() * self.rate / MILLION)
    }

    /// The first moment of the world at which it shows `own` or later.
    pub(super) fn reaches(&self, own: Instant) -> Instant {
        let wait = own.since(self.shown).as_nanos() * MILLION;
        self.set + nanos(wait.div_ceil(self.rate))
    }
}

fn nanos(count: u128) -> Duration {
    Duration::from_nanos(u64::try_from(count).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn a_fast_clock_gains_and_a_slow_one_loses() {
        let midnight = Instant::ZERO + DAY;
        let mut clock = Clock::true_one();
        assert_eq!(clock.shows(midnight), midnight);
        clock.drift(Instant::ZERO, 100);
        assert_eq!(
            clock.shows(midnight),
            midnight + Duration::from_millis(8640)
        );
        clock.drift(Instant::ZERO, -100);
        assert_eq!(
            midnight.since(clock.shows(midnight)),
            Duration::from_millis(8640)
        );
    }

    #[test]
    fn a_new_rate_makes_no_jump() {
        let mut clock = Clock::true_one();
        clock.drift(Instant::ZERO, 500);
        let noon = Instant::ZERO + DAY / 2;
        let before = clock.shows(noon);
        clock.drift(noon, -500);
        assert_eq!(clock.shows(noon), before);
        assert_eq!(clock.shows(Instant::ZERO + DAY), Instant::ZERO + DAY);
    }

    #[test]
    fn what_it_reaches_it_shows_and_not_a_nanosecond_earlier() {
        for ppm in [-2_000_000, -999_999, -77, 0, 3, 100, 1_000_000] {
            let mut clock = Clock::true_one();
            clock.drift(Instant::from_nanos(5), ppm);
            for own in [6, 1000, 123_456_789, 5_000_000_007] {
                let own = Instant::from_nanos(own);
                let when = clock.reaches(own);
                let earlier = Instant::from_nanos(when.as_nanos() - 1);
                assert!(
                    clock.shows(when) >= own && clock.shows(earlier) < own,
                    "{ppm}"
                );
            }
        }
    }
}
