//! A sender goes over to another transport while the one before it is live, and says nothing again. (VTP-45)
//!
//! What it said on the older one is on its way, and most of it comes. The peer hears nothing there any more from when the newer one is live for it;
//! so its first acknowledgement on the newer one names all that ever came of the older, and what it does not name is lost.

use super::{Ledger, Stage, State, place};
use crate::vattp::pipe::Carrier;

/// How far a sender has gone over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// It has not, or all is known.
    No,
    /// Records up to this went over the older transport; the peer has not answered on the newer.
    Asks(u64),
    /// The next acknowledgement names what has come of them.
    Awaits(u64),
}

impl Moved {
    /// The newer transport is live at both ends.
    pub(super) const fn confirm(&mut self) {
        if let Self::Asks(last) = *self {
            *self = Self::Awaits(last);
        }
    }
}

impl Ledger {
    /// From now on what was said keeps its number, whatever it is said over. (VTP-45)
    pub const fn keep_numbers(&mut self) {
        self.keeps_numbers = true;
    }

    /// Whether it does.
    pub const fn keeps_numbers(&self) -> bool {
        self.keeps_numbers
    }

    /// Goes on over another transport of cells, if that can be: the older one is live, and numbers stay. Else it has to be begun.
    pub fn move_on(&mut self) -> bool {
        let can = self.keeps_numbers && self.stage == Stage::Confirmed(Carrier::Cells);
        if can {
            self.moved = Moved::Asks(self.cells.record);
        }
        can
    }

    /// The peer has acknowledged something: if that was on a newer transport, what is missing of the older is lost.
    pub(super) fn find_lost(&mut self) {
        let Moved::Awaits(last) = self.moved else {
            return;
        };
        self.moved = Moved::No;
        let said = place(self.resume - self.first);
        for (number, entry) in (self.first..).zip(self.said.iter_mut().take(said)) {
            if entry.record <= last && entry.state != State::Received {
                entry.state = State::Again;
                self.cells.again.insert(number);
            }
        }
    }
}
