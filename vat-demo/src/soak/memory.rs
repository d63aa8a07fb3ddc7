//! How much memory the process has.

use std::fs;

use tokio::time::Duration;

/// How long the times are whose greatest values are compared.
const SPAN: Duration = Duration::from_secs(60);

/// The resident memory of this process in bytes; `None` where the system does not say.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes = line.trim().strip_suffix(" kB")?;
    Some(kilobytes.trim().parse::<u64>().ok()? * 1024)
}

/// What was seen of it, and when.
#[derive(Default)]
pub(super) struct Seen(Vec<(Duration, u64)>);

/// The greatest of the first minute and of the last one, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Of the first minute.
    pub first: u64,
    /// Of the last minute.
    pub last: u64,
}

impl Memory {
    /// How much more it is in the end.
    #[must_use]
    pub fn ratio(self) -> f64 {
        // Exact enough for a ratio.
        #[expect(
            clippy::cast_precision_loss,
            reason = "bytes of memory are fewer than 2^52"
        )]
        let ratio = self.last as f64 / self.first.max(1) as f64;
        ratio
    }
}

impl Seen {
    /// Looks, this long after the beginning.
    pub(super) fn look(&mut self, at: Duration) -> Option<u64> {
        let now = resident()?;
        self.0.push((at, now));
        Some(now)
    }

    /// What it comes to; `None` for less than two minutes, which say nothing.
    pub(super) fn sum(&self) -> Option<Memory> {
        let (end, _) = *self.0.last()?;
        let late = end.checked_sub(SPAN).filter(|late| *late >= SPAN)?;
        let most = |of: &dyn Fn(Duration) -> bool| {
            let all = self.0.iter().filter(|(at, _)| of(*at));
            all.map(|(_, bytes)| *bytes).max()
        };
        Some(Memory {
            first: most(&|at| at < SPAN)?,
            last: most(&|at| at >= late)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_minute_is_held_against_the_last() {
        let at = Duration::from_secs;
        let mut seen = Seen::default();
        assert!(seen.look(at(0)).is_some_and(|bytes| bytes > 1 << 16));
        seen.0 = vec![(at(0), 10), (at(59), 20), (at(61), 90), (at(118), 5)];
        assert_eq!(seen.sum(), None);
        seen.0.extend([(at(150), 30), (at(200), 25)]);
        let memory = seen.sum().unwrap();
        assert_eq!((memory.first, memory.last), (20, 30));
        assert!((memory.ratio() - 1.5).abs() < 1e-9);
    }
}
