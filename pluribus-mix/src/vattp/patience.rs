//! How long a sender on cells waits before it says something again. (VTP-46)
//!
//! The wait follows the round trips measured, doubles each time it was in vain, and is stretched by chance, so that many
//! who lost the same cell do not all say it again at once.

use crate::crypto::rng::Rng;
use crate::time::{Duration, Instant};

/// What an acknowledgement may take at the other end, and a little more.
const GRANTED: Duration = Duration::from_millis(50);
/// The shortest wait.
pub(super) const SHORTEST: Duration = Duration::from_millis(200);
/// The longest wait, before it is stretched.
pub(super) const LONGEST: Duration = Duration::from_secs(60);
/// The wait before a round trip was measured.
pub(super) const UNMEASURED: Duration = Duration::from_secs(1);
/// A wait is stretched by 0 to this many of [`PARTS`].
const STRETCH: u64 = 512;
const PARTS: u32 = 1024;

/// The wait of one transport.
pub(super) struct Patience {
    rng: Rng,
    /// Smoothed round trip and its variation.
    measured: Option<(Duration, Duration)>,
    /// Waits in vain, in a row.
    in_vain: u32,
    /// What this wait is stretched by.
    stretch: u32,
    since: Option<Instant>,
}

impl Patience {
    /// A wait that has not begun.
    pub(super) const fn new(rng: Rng) -> Self {
        Self {
            rng,
            measured: None,
            in_vain: 0,
            stretch: 0,
            since: None,
        }
    }

    /// A new transport: nothing is known of it.
    pub(super) fn begin(&mut self) {
        (self.measured, self.in_vain, self.since) = (None, 0, None);
        self.draw();
    }

    /// A round trip took so long.
    pub(super) fn measure(&mut self, took: Duration) {
        let (srtt, var) = match self.measured {
            None => (took, took / 2),
            Some((srtt, var)) => {
                let off = srtt.abs_diff(took);
                ((srtt * 7 + took) / 8, (var * 3 + off) / 4)
            }
        };
        self.measured = Some((srtt, var));
    }

    /// How long this wait is.
    pub(super) fn wait(&self) -> Duration {
        let once = self
            .measured
            .map_or(UNMEASURED, |(srtt, var)| srtt + var * 4 + GRANTED);
        let times = 1_u32.checked_shl(self.in_vain).unwrap_or(u32::MAX);
        let wait = once.max(SHORTEST).saturating_mul(times).min(LONGEST);
        wait + wait * self.stretch / PARTS
    }

    /// Something is awaited from now on, if nothing was.
    pub(super) fn start(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// Something awaited has come; whether more is.
    pub(super) fn progress(&mut self, now: Instant, awaits: bool) {
        self.since = awaits.then_some(now);
        if self.in_vain > 0 {
            self.in_vain = 0;
            self.draw();
        }
    }

    /// When the wait is over.
    pub(super) fn due(&self) -> Option<Instant> {
        Some(self.since? + self.wait())
    }

    /// Whether the wait is over; then the next begins.
    pub(super) fn is_over(&mut self, now: Instant) -> bool {
        let over = self.due().is_some_and(|due| due <= now);
        if over {
            self.since = Some(now);
        }
        over
    }

    /// The last wait was in vain: this one is twice as long.
    pub(super) fn double(&mut self) {
        self.in_vain += 1;
        self.draw();
    }

    fn draw(&mut self) {
        self.stretch = u32::try_from(self.rng.below(STRETCH + 1)).unwrap_or(0);
    }
}
