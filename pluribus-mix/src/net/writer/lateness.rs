//! How late batches are written.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::time::Duration;

/// Parts of each doubling: what is told is exact to an eighth.
const PARTS: u64 = 8;
/// Doublings that are told apart: up to 2^32 µs, more than an hour.
const DOUBLINGS: u64 = 32;
const BUCKETS: usize = (PARTS * DOUBLINGS) as usize;

/// How late the batches of an endpoint were written: from the moment that each was for until it was handed to its socket. (PAC-17)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    /// Batches that were written.
    pub batches: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Half of them were not later, in microseconds, rounded up by an eighth at most.
    pub median: u64,
    /// 99 of 100 were not later, likewise.
    pub p99: u64,
    /// None was later: in microseconds, exactly.
    pub most: u64,
}

/// Counts, in buckets that are made once.
pub(in crate::net) struct Record {
    buckets: [AtomicU64; BUCKETS],
    most: AtomicU64,
    bytes: AtomicU64,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
            most: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }
}

impl Record {
    pub(super) fn note(&self, late: Duration, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        let micros = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get(bucket(micros)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.most.fetch_max(micros, Ordering::Relaxed);
    }

    pub(in crate::net) fn so_far(&self) -> Lateness {
        let counts = self.buckets.iter().map(|it| it.load(Ordering::Relaxed));
        let counts: Vec<u64> = counts.collect();
        let batches: u64 = counts.iter().sum();
        let most = self.most.load(Ordering::Relaxed);
        let at = |hundredths: u64| {
            let wanted = (batches * hundredths).div_ceil(100);
            let mut seen = 0;
            let reached = |count: &u64| {
                seen += count;
                seen >= wanted
            };
            counts.iter().position(reached).map_or(0, last_of).min(most)
        };
        Lateness {
            batches,
            bytes: self.bytes.load(Ordering::Relaxed),
            median: at(50),
            p99: at(99),
            most,
        }
    }
}

/// The bucket of so many microseconds: itself below [`PARTS`], then the doubling and the part of it.
fn bucket(micros: u64) -> usize {
    let doubling = (micros.max(1).ilog2() + 1).saturating_sub(PARTS.ilog2());
    let part = micros >> doubling.saturating_sub(1);
    let bucket = match doubling {
        0 => micros,
        _ => u64::from(doubling) * PARTS + part - PARTS,
    };
    usize::try_from(bucket).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

/// The most microseconds that fall into a bucket.
fn last_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let (doubling, part) = (bucket / PARTS, bucket % PARTS);
    match doubling {
        0 => part,
        _ => ((PARTS + part + 1) << (doubling - 1)) - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_in_the_bucket_that_ends_with_it_or_little_above() {
        for micros in (0..100_000).chain([1 << 20, (1 << 31) + 5]) {
            let last = last_of(bucket(micros));
            assert!(
                last >= micros && last <= micros + micros / 8,
                "{micros}: {last}"
            );
            assert_eq!(bucket(last), bucket(micros));
            assert_eq!(bucket(last + 1), bucket(micros) + 1);
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    /// PAC-17
    #[test]
    fn half_and_ninety_nine_of_a_hundred_are_told_rightly() {
        let record = Record::default();
        assert_eq!(record.so_far(), Lateness::default());
        for micros in 1..=100 {
            record.note(Duration::from_micros(micros), 3);
        }
        let told = record.so_far();
        assert_eq!((told.batches, told.bytes, told.most), (100, 300, 100));
        assert!((50..=56).contains(&told.median), "{told:?}");
        assert!((99..=100).contains(&told.p99), "{told:?}");
    }
}
