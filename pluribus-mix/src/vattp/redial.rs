//! When to dial again. (VTP-48)
//!
//! A transport that dies costs its connection one dial at once. A peer that cannot be reached is asked less and less often, and
//! two vats that lost each other at the same moment do not keep step: chance stretches each pause.

use crate::crypto::rng::Rng;
use crate::time::Duration;

/// The first pause.
const SHORTEST: Duration = Duration::from_millis(100);
/// The longest pause, before chance stretches it.
const LONGEST: Duration = Duration::from_secs(10);
/// A transport that lived this long was worth its dial.
const WORTH: Duration = Duration::from_millis(100);
/// Dials in all for an object that the peer has never heard of, where links break.
const UNKNOWN_DIALS: u32 = 3;

/// How a dial failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No link came to stand.
    NoLink,
    /// The link broke.
    Broken,
    /// The peer kept silent until the deadline, or said what it must not.
    Silent,
    /// The peer was there, and this transport is not the one.
    NotThisOne,
}

/// How often a connection has been dialled since a transport was worth it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Redial {
    failures: u32,
}

impl Redial {
    /// A live transport has ended after `lived`; the pause before the next dial.
    pub fn after_life(&mut self, lived: Duration, rng: &mut Rng) -> Duration {
        if lived >= WORTH {
            self.failures = 0;
            return Duration::ZERO;
        }
        self.pause(rng)
    }

    /// A dial has failed; the pause before the next, or `None` if there is to be none. An object that was `shown` is dialled for until
    /// its deadline.
    pub fn after_failure(
        &mut self,
        failure: Failure,
        shown: bool,
        rng: &mut Rng,
    ) -> Option<Duration> {
        let hopeless = match failure {
            Failure::NoLink | Failure::Silent => !shown,
            Failure::Broken => !shown && self.failures + 1 >= UNKNOWN_DIALS,
            Failure::NotThisOne => false,
        };
        (!hopeless).then(|| self.pause(rng))
    }

    /// Nothing the first time, then from [`SHORTEST`] to [`LONGEST`], each stretched by 1 to 1.5.
    fn pause(&mut self, rng: &mut Rng) -> Duration {
        let before = self.failures;
        self.failures = before.saturating_add(1);
        let Some(doublings) = before.checked_sub(1) else {
            return Duration::ZERO;
        };
        let pause = SHORTEST.saturating_mul(1 << doublings.min(16)).min(LONGEST);
        let half = u64::try_from(pause.as_nanos() / 2).unwrap_or(u64::MAX);
        pause + Duration::from_nanos(rng.below(half.saturating_add(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rng::Seed;

    /// VTP-48: at once, then 100 ms doubled up to 10 s, stretched by up to a half; a worthy transport starts over.
    #[test]
    fn pauses_double_up_to_ten_seconds_and_chance_stretches_them() {
        let mut rng = Seed::from_bytes([1; 32]).fork("redial");
        let mut redial = Redial::default();
        let mut pauses = |redial: &mut Redial| {
            let pause = || {
                redial
                    .after_failure(Failure::NoLink, true, &mut rng)
                    .unwrap()
            };
            core::iter::repeat_with(pause).take(12).collect::<Vec<_>>()
        };
        let seen = pauses(&mut redial);
        assert_eq!(seen[0], Duration::ZERO);
        for (n, pause) in seen.iter().enumerate().skip(1) {
            let least = (SHORTEST * (1 << (n - 1))).min(LONGEST);
            assert!(
                *pause >= least && *pause <= least.mul_f64(1.5),
                "{n}: {pause:?}"
            );
        }
        assert_ne!(seen, pauses(&mut Redial::default()), "chance");
        let mut rng = Seed::from_bytes([2; 32]).fork("redial");
        assert!(redial.after_life(WORTH / 2, &mut rng) >= LONGEST);
        assert_eq!(redial.after_life(WORTH, &mut rng), Duration::ZERO);
        assert_eq!(redial.after_life(WORTH / 2, &mut rng), Duration::ZERO);
        assert!(redial.after_life(WORTH / 2, &mut rng) >= SHORTEST);
    }

    /// VTP-48: what the peer has never heard of is given up at once where nobody answers, and after three broken links.
    #[test]
    fn an_unknown_object_is_given_up_early() {
        let mut rng = Seed::from_bytes([3; 32]).fork("redial");
        for failure in [Failure::NoLink, Failure::Silent] {
            let mut redial = Redial::default();
            assert_eq!(redial.after_failure(failure, false, &mut rng), None);
        }
        let mut redial = Redial::default();
        let mut broken = || redial.after_failure(Failure::Broken, false, &mut rng);
        assert!(broken().is_some() && broken().is_some());
        assert_eq!(broken(), None);
    }
}
