//! Vats that sleep.
//!
//! A closed lid stops everything: the node does nothing, what is due to be written is not written, and what arrives waits. Whether the vat's clock
//! counts meanwhile is another matter, as it is with real machines: one that does not is made with [`World::drift`].

use super::run::Happening;
use super::{HostId, Place, World};

impl World {
    /// From now on a vat sleeps. Nothing happens if it sleeps already.
    pub fn sleep(&mut self, vat: HostId) {
        self.vat_mut(vat).asleep.get_or_insert_default();
    }

    /// Wakes a vat: what came and what was to be done meanwhile is there at once, in its order.
    pub fn wake(&mut self, vat: HostId) {
        let now = self.now;
        for what in self.vat_mut(vat).asleep.take().unwrap_or_default() {
            self.agenda.add(now, what);
        }
        self.rearm(vat);
    }

    /// Puts aside what is to happen to a vat that sleeps; gives back what may happen.
    pub(super) fn unless_asleep(&mut self, what: Happening) -> Option<Happening> {
        let vat = match &what {
            Happening::Wakes(vat) | Happening::Ready(vat, ..) | Happening::Writes(vat, ..) => *vat,
            Happening::Arrives(arrival) => match self.ends_of(arrival) {
                Some((_, Place::Vat(vat))) => vat,
                _ => return Some(what),
            },
            Happening::Snaps(..) => return Some(what),
        };
        let host = self.vat_mut(vat);
        let Some(waiting) = &mut host.asleep else {
            return Some(what);
        };
        match what {
            // It is set anew when the vat wakes.
            Happening::Wakes(_) => host.alarm = None,
            what => waiting.push(what),
        }
        None
    }
}
