//! Relays that did not answer, and are passed over for a while where there are others. (ONI-18)
//!
//! Where cells go by the clock an answer can be lost on its way, and nobody is at fault. So a relay is passed over shortly at first there, for longer each
//! time, and forgiven when it answers.

use crate::id::RelayId;
use crate::time::{Duration, Instant};
use std::collections::BTreeMap;

/// For how long, at most.
const LONGEST: Duration = Duration::from_secs(60);
/// For how long at first, where answers can be lost.
const FIRST: Duration = Duration::from_secs(5);

/// Those that did not answer.
#[derive(Default)]
pub(super) struct Sulking(BTreeMap<RelayId, Sulk>);

struct Sulk {
    until: Instant,
    pause: Duration,
}

impl Sulking {
    /// It did not answer; `may_be_lost` says whether the answer could have been lost.
    pub(super) fn note(&mut self, now: Instant, relay: RelayId, may_be_lost: bool) {
        let first = if may_be_lost { FIRST } else { LONGEST };
        let sulk = self.0.entry(relay).or_insert(Sulk {
            until: now,
            pause: first / 2,
        });
        // What fails together counts once.
        if sulk.until <= now {
            sulk.pause = (sulk.pause * 2).clamp(first, LONGEST);
            sulk.until = now + sulk.pause;
        }
    }

    /// It has answered.
    pub(super) fn answered(&mut self, relay: &RelayId) {
        self.0.remove(relay);
    }

    /// Whether it is passed over.
    pub(super) fn has(&self, now: Instant, relay: &RelayId) -> bool {
        self.0.get(relay).is_some_and(|sulk| now < sulk.until)
    }

    /// Forgets those that have been asked again for long.
    pub(super) fn expire(&mut self, now: Instant) {
        self.0.retain(|_, sulk| now < sulk.until + LONGEST);
    }

    /// All that are remembered.
    pub(super) fn names(&self) -> impl Iterator<Item = &RelayId> {
        self.0.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::sign::SigningKey;

    fn relay(seed: u8) -> RelayId {
        RelayId::from(SigningKey::from_seed(&[seed; 32]).public())
    }

    /// For how many seconds it is passed over from now on.
    fn passed_over(sulking: &Sulking, now: Instant, relay: &RelayId) -> u64 {
        let after = |seconds| now + Duration::from_secs(seconds);
        let seconds = (0..100).take_while(|seconds| sulking.has(after(*seconds), relay));
        seconds.count() as u64
    }

    /// ONI-18: where answers are not lost, a relay that gave none is passed over for a minute.
    #[test]
    fn who_does_not_answer_is_passed_over_for_a_minute() {
        let (mut sulking, now) = (Sulking::default(), Instant::ZERO);
        sulking.note(now, relay(1), false);
        assert_eq!(passed_over(&sulking, now, &relay(1)), 60);
        assert_eq!(passed_over(&sulking, now, &relay(2)), 0);
    }

    /// ONI-18: where they can be, for 5 s, and for twice as long each further time, up to a minute; it is forgiven when it answers.
    #[test]
    fn where_answers_are_lost_it_is_passed_over_shortly_at_first() {
        let (mut sulking, mut now) = (Sulking::default(), Instant::ZERO);
        for wanted in [5, 10, 20, 40, 60, 60] {
            for _ in 0..3 {
                sulking.note(now, relay(1), true);
            }
            assert_eq!(passed_over(&sulking, now, &relay(1)), wanted);
            now = now + Duration::from_secs(wanted);
            sulking.expire(now);
        }
        sulking.answered(&relay(1));
        sulking.note(now, relay(1), true);
        assert_eq!(passed_over(&sulking, now, &relay(1)), 5);
        now = now + Duration::from_secs(5 + 60);
        sulking.expire(now);
        assert_eq!(sulking.names().count(), 0);
    }
}
