//! An anonymous initiator, whom nobody dials, goes over from one transport to another without being without one. (VTP-41)

use super::{Pair, Side};

impl Pair {
    /// The same for an anonymous initiator: it may dial beside its live transport.
    pub const fn moving(mut self) -> Self {
        self.moves = matches!(self.side, Side::Slave);
        self
    }

    /// Whether it is an anonymous initiator's.
    pub const fn moves(&self) -> bool {
        self.moves
    }

    /// Whether a dial makes sense now though a transport is live.
    pub const fn may_move(&self) -> bool {
        self.moves && self.live.is_some() && !self.waits()
    }

    /// GO is out elsewhere: what it says is true up to here only if nothing is said any more on what was live.
    pub(super) const fn leave_live(&mut self) {
        if let Some(live) = self.live.take() {
            self.heard = Some(live);
        }
    }
}
