//! How long a sender waits, and what it does then. (VTP-26, VTP-46)

use super::{Ledger, State, place};
use crate::time::Instant;
use crate::vattp::pipe::Carrier;

/// Frames said again after a timeout. (VTP-46)
const AFTER_TIMEOUT: usize = 2;

impl Ledger {
    /// Only `taken` is awaited, or no more: from now on, if `advanced`, or since it was first so. (VTP-26)
    pub fn await_taken(&mut self, now: Instant, awaits: bool, advanced: bool) {
        if self.carrier() != Some(Carrier::Cells) || self.outstanding() > 0 {
            return;
        }
        if advanced || !awaits {
            self.cells.patience.progress(now, awaits);
        } else {
            self.cells.patience.start(now);
        }
    }

    /// When [`Ledger::tick`] is wanted.
    pub fn due(&self) -> Option<Instant> {
        self.carrier().filter(|it| *it == Carrier::Cells)?;
        self.cells.patience.due()
    }

    /// Lets time pass: after a timeout the two oldest are to be said again. Whether the peer should be asked instead, because
    /// all has come and `awaits_taken`. (VTP-26, VTP-46)
    pub fn tick(&mut self, now: Instant, awaits_taken: bool) -> bool {
        if self.due().is_none() || !self.cells.patience.is_over(now) {
            return false;
        }
        // What waits for a record has not been in vain.
        if !self.cells.again.is_empty() {
            return false;
        }
        if self.outstanding() == 0 && !awaits_taken {
            self.cells.patience.progress(now, false);
            return false;
        }
        self.cells.patience.double();
        let said = place(self.resume - self.first);
        let waiting = (self.first..).zip(self.said.iter_mut().take(said));
        let lost = waiting.filter(|(_, entry)| entry.state != State::Received);
        for (number, entry) in lost.take(AFTER_TIMEOUT) {
            entry.state = State::Guessed;
            self.cells.again.insert(number);
        }
        self.cells.again.is_empty()
    }
}
