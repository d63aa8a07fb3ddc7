//! When the driver has to get up by itself.

use std::pin::Pin;

use tokio::time::{Sleep, sleep_until};

use crate::time::Instant;

use super::super::clock::Clock;

/// A timer that is moved rarely: deadlines mostly move later, and an alarm that rings early is only set again.
pub(super) struct Alarm {
    clock: Clock,
    sleep: Pin<Box<Sleep>>,
    at: Option<Instant>,
}

impl Alarm {
    pub(super) fn new(clock: Clock) -> Self {
        let sleep = Box::pin(sleep_until(clock.to_runtime(Instant::ZERO)));
        Self {
            clock,
            sleep,
            at: None,
        }
    }

    pub(super) fn set(&mut self, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return };
        if self.at.is_none_or(|at| deadline < at) {
            self.at = Some(deadline);
            self.sleep.as_mut().reset(self.clock.to_runtime(deadline));
        }
    }

    pub(super) async fn rung(&mut self) {
        if self.at.is_none() {
            return std::future::pending().await;
        }
        self.sleep.as_mut().await;
        self.at = None;
    }
}
