//! The quanta of a node. (PAC-1, PAC-2)

use crate::time::{Duration, Instant};

/// By how much a node's quanta may differ from the network's, in billionths. (PAC-2)
const SLEW: i64 = 200_000;
/// In how many seconds it would catch up with what it is behind. (PAC-2)
const CATCH_UP: i64 = 8;
/// Quanta for which a batch may be made too late: it rests at the next relay for longer. (PAC-1)
const BEHIND: u64 = 2;
/// A billion.
const BILLION: i64 = 1_000_000_000;

/// One node's own count of quanta: the next batch to be made, and when it begins.
#[derive(Clone, Debug)]
pub struct Grid {
    /// Nanoseconds.
    quantum: u64,
    next: u64,
    due: Instant,
    /// How much faster than the network's its quanta go by, in billionths.
    ahead: i64,
    /// Billionths of nanoseconds that were rounded off.
    rest: i64,
}

impl Grid {
    /// A grid whose batch 1 begins one quantum after `now`. A quantum has at least a millisecond.
    pub fn new(now: Instant, quantum: Duration) -> Self {
        let quantum = quantum.max(Duration::from_millis(1));
        Self {
            quantum: u64::try_from(quantum.as_nanos()).unwrap_or(u64::MAX),
            next: 1,
            due: now + quantum,
            ahead: 0,
            rest: 0,
        }
    }

    /// The number of the batch that is made next.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// When the batch that is made next begins, and is written.
    pub const fn due(&self) -> Instant {
        self.due
    }

    /// When it is to be made: half a quantum before it begins.
    pub const fn make_at(&self) -> Instant {
        Instant::from_nanos(self.due.as_nanos().saturating_sub(self.quantum / 2))
    }

    /// How much faster than the network's its quanta go by, in millionths.
    pub const fn slew(&self) -> i64 {
        self.ahead / 1000
    }

    /// The batch that is to be made now, if one is; those that were slept through are left out, but for the last. (PAC-1)
    pub fn take(&mut self, now: Instant) -> Option<(u64, Instant)> {
        if now < self.make_at() {
            return None;
        }
        let behind = now.since(self.due).as_nanos() / u128::from(self.quantum);
        let left_out = u64::try_from(behind).unwrap_or(u64::MAX);
        for _ in 0..left_out.saturating_sub(BEHIND).min(1 << 20) {
            self.pass();
        }
        let taken = (self.next, self.due);
        self.pass();
        Some(taken)
    }

    fn pass(&mut self) {
        self.next += 1;
        // At most 2^64 ns · 2·10^5 in 128 bits.
        let exact =
            i128::from(self.quantum) * i128::from(BILLION - self.ahead) + i128::from(self.rest);
        let whole = exact / i128::from(BILLION);
        self.rest = i64::try_from(exact % i128::from(BILLION)).unwrap_or(0);
        self.due = self.due + Duration::from_nanos(u64::try_from(whole).unwrap_or(self.quantum));
    }

    /// Nanoseconds from `now` until batch `n` begins; negative if it has begun.
    pub fn until(&self, n: u64, now: Instant) -> i64 {
        let nanos = |at: u64| i128::from(at);
        let ahead = (nanos(n) - nanos(self.next)) * nanos(self.quantum);
        let until = nanos(self.due.as_nanos()) - nanos(now.as_nanos()) + ahead;
        i64::try_from(until).unwrap_or(if until < 0 { i64::MIN } else { i64::MAX })
    }

    /// Batches come so many nanoseconds earlier than at first, in the median: goes faster, or slower if that is negative. (PAC-2)
    pub fn steer(&mut self, earlier: i64) {
        self.ahead = (earlier / CATCH_UP).clamp(-SLEW, SLEW);
    }
}
