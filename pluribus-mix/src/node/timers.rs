//! When something wants to be looked at. One ordered set for links and connections; each stands in it once at most.

use super::LinkId;
use crate::netlayer::ConnId;
use crate::time::{Duration, Instant};
use std::collections::BTreeSet;

/// Who wants to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    Link(LinkId),
    Conn(ConnId),
    Hop(usize),
    Origin(usize),
    Pool,
    Sweep,
    Parks,
    Records,
    Beat,
}

/// The moments that are set.
#[derive(Default)]
pub(super) struct Timers(BTreeSet<(Instant, Who)>);

impl Timers {
    /// The next moment; it may be earlier than is wanted, never later.
    pub(super) fn first(&self) -> Option<Instant> {
        self.0.first().map(|(due, _)| *due)
    }

    /// How many stand in it.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes out those whose moment has come.
    pub(super) fn take_due(&mut self, now: Instant) -> impl Iterator<Item = Who> + use<> {
        let later = now + Duration::from_nanos(1);
        let later = self.0.split_off(&(later, Who::Link(LinkId(0))));
        let due = core::mem::replace(&mut self.0, later);
        due.into_iter().map(|(_, who)| who)
    }

    /// Sees to it that `who`, for whom `set` stands, is looked at not later than at `due`.
    pub(super) fn set(&mut self, who: Who, set: &mut Option<Instant>, due: Option<Instant>) {
        let Some(due) = due else { return };
        if set.is_some_and(|set| set <= due) {
            return;
        }
        self.clear(who, set);
        *set = Some(due);
        self.0.insert((due, who));
    }

    /// Takes `who` out.
    pub(super) fn clear(&mut self, who: Who, set: &mut Option<Instant>) {
        if let Some(set) = set.take() {
            self.0.remove(&(set, who));
        }
    }
}
