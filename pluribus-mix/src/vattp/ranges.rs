//! What has come behind gaps: as a frame says it, and as the two ends keep it. (VTP-22, VTP-26)
//!
//! An ACK names runs of numbers, each behind a gap. A peer may repeat the same long runs in every record, so neither end
//! walks over them: both keep a `NumberSet`, and only numbers that are new to it cost anything.

use crate::wire::{DecodeError, Fault, Put, Reader};
use core::fmt;
use core::ops::RangeInclusive;
use std::collections::BTreeMap;

/// The ranges of one ACK: in turn, so many numbers that have not come, and so many that have. None is 0.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Ranges {
    count: usize,
    list: [(u16, u16); Self::MAX],
}

impl Ranges {
    /// The most ranges in one ACK.
    pub const MAX: usize = 32;
    /// Bytes of one range.
    pub const LEN: usize = 4;

    /// Adds `skip` numbers that have not come and `run` that have; whether that can be said: neither is 0, and there is room.
    pub fn push(&mut self, skip: u16, run: u16) -> bool {
        let place = self.list.get_mut(self.count);
        let Some(place) = place.filter(|_| skip != 0 && run != 0) else {
            return false;
        };
        *place = (skip, run);
        self.count += 1;
        true
    }

    /// Every (skip, run), in order.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u16)> + '_ {
        self.list.iter().take(self.count).copied()
    }

    /// The numbers that have come, as runs, if everything up to `received` has; `None` if a number is beyond all numbers.
    pub fn runs(&self, received: u64) -> impl Iterator<Item = Option<RangeInclusive<u64>>> + '_ {
        let mut end = received;
        self.iter().map(move |(skip, run)| {
            let start = end.checked_add(u64::from(skip))?.checked_add(1)?;
            end = start.checked_add(u64::from(run) - 1)?;
            Some(start..=end)
        })
    }

    /// Appends `n (1) ‖ n × (skip (2) ‖ run (2))`.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(u8::try_from(self.count).unwrap_or(u8::MAX));
        for (skip, run) in self.iter() {
            out.put_u16(skip);
            out.put_u16(run);
        }
    }

    /// The mirror of [`Ranges::encode`].
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut ranges = Self::default();
        for _ in 0..reader.u8("ranges")? {
            let (skip, run) = (reader.u16("skip")?, reader.u16("run")?);
            if !ranges.push(skip, run) {
                return Err(DecodeError::new("ranges", Fault::OutOfRange));
            }
        }
        Ok(ranges)
    }
}

impl fmt::Debug for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Numbers, kept as runs that do not touch.
pub(super) struct NumberSet {
    /// First and last of each run.
    runs: BTreeMap<u64, u64>,
    count: u64,
}

impl NumberSet {
    /// None.
    pub(super) const fn new() -> Self {
        Self {
            runs: BTreeMap::new(),
            count: 0,
        }
    }

    /// How many numbers are in it.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// Adds these; tells `fresh` the runs that were not in it.
    pub(super) fn insert(
        &mut self,
        numbers: RangeInclusive<u64>,
        mut fresh: impl FnMut(RangeInclusive<u64>),
    ) {
        let (first, last) = numbers.into_inner();
        let (mut start, mut from) = (first, first);
        let before = self.runs.range(..first).next_back().map(|(s, e)| (*s, *e));
        if let Some((s, e)) = before
            && e.saturating_add(1) >= first
        {
            (start, from) = (s, from.max(e.saturating_add(1)));
        }
        let mut end = last.max(from.saturating_sub(1));
        while let Some((s, e)) = self.runs.range(first..).next().map(|(s, e)| (*s, *e))
            && s <= last.saturating_add(1)
        {
            if from < s {
                self.count += s - from;
                fresh(from..=s - 1);
            }
            from = from.max(e.saturating_add(1));
            end = end.max(e);
            self.runs.remove(&s);
        }
        if from <= last {
            self.count += last - from + 1;
            fresh(from..=last);
        }
        self.runs.insert(start, end);
    }

    /// Forgets every number up to `last`.
    pub(super) fn forget_to(&mut self, last: u64) {
        while let Some((s, e)) = self.runs.first_key_value().map(|(s, e)| (*s, *e))
            && s <= last
        {
            self.runs.remove(&s);
            self.count -= e.min(last) - s + 1;
            if e > last {
                self.runs.insert(last + 1, e);
            }
        }
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.runs.clear();
        self.count = 0;
    }

    /// The greatest number in it.
    pub(super) fn last(&self) -> Option<u64> {
        self.runs.last_key_value().map(|(_, last)| *last)
    }

    /// The runs as an ACK says them behind `received`, the lowest first, at most so many.
    pub(super) fn ranges(&self, received: u64, most: usize) -> Ranges {
        let (mut ranges, mut end) = (Ranges::default(), received);
        for (start, last) in self.runs.iter().take(most) {
            let skip = start.saturating_sub(end).saturating_sub(1);
            let run = last - start + 1;
            let said = u16::try_from(skip).ok().zip(u16::try_from(run).ok());
            if !said.is_some_and(|(skip, run)| ranges.push(skip, run)) {
                break;
            }
            end = *last;
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        /// VTP-26: the runs kept are the numbers put in, those that are new are told once, and ranges say the same back.
        #[test]
        fn a_set_of_runs_is_a_set_of_numbers(steps in vec((1_u64..60, 0_u64..12, any::<bool>()), 1..40)) {
            let (mut set, mut model) = (NumberSet::new(), BTreeSet::new());
            let mut received = 0;
            for (first, len, forgets) in steps {
                if forgets {
                    received = received.max(first.min(30));
                    set.forget_to(received);
                    model.retain(|number| *number > received);
                } else if first > received {
                    let mut fresh = BTreeSet::new();
                    set.insert(first..=first + len, |run| run.for_each(|n| assert!(fresh.insert(n))));
                    let new: BTreeSet<u64> = (first..=first + len).filter(|n| model.insert(*n)).collect();
                    prop_assert_eq!(fresh, new);
                }
                prop_assert_eq!(set.count(), model.len() as u64);
                prop_assert_eq!(set.last(), model.last().copied());
                if model.contains(&(received + 1)) {
                    continue;
                }
                let said: BTreeSet<u64> = set.ranges(received, 32).runs(received).flatten().flatten().collect();
                prop_assert_eq!(&said, &model);
            }
        }
    }
}
