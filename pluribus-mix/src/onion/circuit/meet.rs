//! A client's circuit that is to meet another, or by which its last relay is asked for a record. (RDV-18 to RDV-22, RDV-40)

use super::{Circuit, Doing, Heard, NotNow};
use crate::onion::Cell;
use crate::onion::meet::{Cookie, Counts, INDEX, RECORD, SECRET};
use crate::onion::message::{ToClient, ToRelay};
use crate::onion::suspicion::{Grave, Strike};

/// How far that has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Meeting {
    /// It meets nobody.
    None,
    /// PARK was said.
    Parking,
    /// It waits in the park.
    Parked,
    /// JOIN was said.
    Joining,
    /// It is spliced, or was.
    Joined,
    /// Nobody was there.
    NotJoined,
    /// KEEP was said.
    Keeping,
    /// FIND was said.
    Finding,
    /// Either was answered.
    Answered,
}

impl Circuit {
    /// Asks the last hop to keep the circuit in the park of this secret: one cell. (RDV-19)
    ///
    /// # Errors
    /// There is no hop yet; an answer is due, the circuit serves something already, or it is over.
    pub fn park(
        &mut self,
        secret: &[u8; SECRET],
        out: &mut impl FnMut(&Cell),
    ) -> Result<(), NotNow> {
        self.meet(Meeting::Parking, ToRelay::Park(secret), out)
    }

    /// Asks the last hop for a circuit of the park with this cookie: one cell. What the circuit is to carry may be sent at once. (RDV-20)
    ///
    /// # Errors
    /// As with [`Circuit::park`].
    pub fn join(&mut self, cookie: Cookie, out: &mut impl FnMut(&Cell)) -> Result<(), NotNow> {
        let class = self.paced.as_ref().map_or(0, |paced| paced.class);
        self.meet(Meeting::Joining, ToRelay::Join(cookie, class), out)
    }

    /// Asks the last hop to keep this location record: one cell. (RDV-40)
    ///
    /// # Errors
    /// As with [`Circuit::park`].
    pub fn keep(
        &mut self,
        record: &[u8; RECORD],
        out: &mut impl FnMut(&Cell),
    ) -> Result<(), NotNow> {
        self.meet(Meeting::Keeping, ToRelay::Keep(record), out)
    }

    /// Asks the last hop which record it keeps under this index: one cell. (RDV-40)
    ///
    /// # Errors
    /// As with [`Circuit::park`].
    pub fn find(&mut self, index: &[u8; INDEX], out: &mut impl FnMut(&Cell)) -> Result<(), NotNow> {
        self.meet(Meeting::Finding, ToRelay::Find(index), out)
    }

    fn meet(
        &mut self,
        meeting: Meeting,
        said: ToRelay<'_>,
        out: &mut impl FnMut(&Cell),
    ) -> Result<(), NotNow> {
        if !matches!(self.doing, Doing::Resting) || self.has_end || self.meeting != Meeting::None {
            return Err(NotNow::Busy);
        }
        self.say(self.hops.len(), said, out)?;
        self.meeting = meeting;
        Ok(())
    }

    /// What `hop` says of a meeting, or of a record. (RDV-19, RDV-20, RDV-22, RDV-40)
    pub(super) fn met(&mut self, hop: usize, said: &ToClient<'_>) -> Heard {
        if hop != self.hops.len() {
            return self.over(self.before(hop));
        }
        let may_skip = self.paced.is_some();
        let (meeting, heard) = match (said, self.meeting) {
            (ToClient::Parked, Meeting::Parking) => (Meeting::Parked, Heard::Parked),
            (ToClient::Joined(counts), Meeting::Parked) if is_for_callee(*counts) => {
                (Meeting::Joined, Heard::Joined(*counts))
            }
            // By the clock a cell may be missing, and PARKED with it.
            (ToClient::Joined(counts), Meeting::Parking) if may_skip && is_for_callee(*counts) => {
                (Meeting::Joined, Heard::Joined(*counts))
            }
            (ToClient::Joined(counts), Meeting::Joining) if is_for_dialler(*counts) => {
                (Meeting::Joined, Heard::Joined(*counts))
            }
            (ToClient::NotJoined, Meeting::Joining) => (Meeting::NotJoined, Heard::NotJoined),
            (ToClient::Kept, Meeting::Keeping) => (Meeting::Answered, Heard::Kept),
            (ToClient::Found(_), Meeting::Finding) => (Meeting::Answered, Heard::Found),
            (ToClient::NotHere, Meeting::Keeping | Meeting::Finding) => {
                (Meeting::Answered, Heard::NotHere)
            }
            _ => return self.over(self.before(hop)),
        };
        self.meeting = meeting;
        self.has_end |= meeting == Meeting::Joined;
        heard
    }

    /// Whether a meeting may be over of which nothing was heard yet. (RDV-23)
    pub(super) const fn may_have_met(&self) -> bool {
        matches!(
            self.meeting,
            Meeting::Parking | Meeting::Parked | Meeting::Joining
        )
    }

    /// Whom it counts against that what was asked is not answered. (RDV-18, RDV-40)
    pub(super) fn unmet(&self) -> Option<Strike> {
        use Meeting::{Finding, Joining, Keeping, Parking};
        if !matches!(self.meeting, Parking | Joining | Keeping | Finding) {
            return None;
        }
        let before = self.before(self.hops.len())?;
        Some(Strike {
            grave: Grave::Ended,
            ..before
        })
    }

    /// A cell of what the circuit ends in, sent by `hop`.
    pub(super) fn through(&mut self, hop: usize) -> Heard {
        match self.meeting {
            Meeting::None if self.has_end => Heard::Through,
            Meeting::Joined => Heard::Through,
            // JOINED was lost. How cells are counted is not known to the callee, and never will be.
            Meeting::Parking | Meeting::Parked if self.paced.is_some() => Heard::NotJoined,
            Meeting::Joining if self.paced.is_some() => Heard::Nothing,
            _ => self.over(self.before(hop)),
        }
    }
}

/// Whether it says something of a meeting, or of a record.
pub(super) const fn is_answer(said: &ToClient<'_>) -> bool {
    use ToClient::{Found, Joined, Kept, NotHere, NotJoined, Parked};
    matches!(
        said,
        Parked | Joined(_) | NotJoined | Kept | Found(_) | NotHere
    )
}

/// The dialler counts by itself. (RDV-22)
const fn is_for_dialler(counts: Counts) -> bool {
    counts.forth == 0 && counts.back == 0
}

/// The callee has said nothing before. (RDV-22)
const fn is_for_callee(counts: Counts) -> bool {
    counts.from == 0
}
