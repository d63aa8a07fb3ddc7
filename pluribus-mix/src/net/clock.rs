//! The one clock. Everything below the driver takes time as an argument; here it is read from the machine.

use tokio::time;

use crate::time::Instant;

/// A clock whose zero is the moment it was started.
#[derive(Clone, Copy)]
pub(super) struct Clock(time::Instant);

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the driver's clock is where time comes from"
    )]
    pub(super) fn start() -> Self {
        Self(time::Instant::now())
    }

    pub(super) fn now(&self) -> Instant {
        Instant::ZERO + self.0.elapsed()
    }

    /// The same moment as the timer of the runtime counts it; a year ahead where it cannot count so far.
    pub(super) fn to_runtime(self, at: Instant) -> time::Instant {
        const YEAR: time::Duration = time::Duration::from_secs(365 * 86_400);
        self.0 + at.since(Instant::ZERO).min(self.0.elapsed() + YEAR)
    }
}
