//! Circuits that meet at this relay. (RDV-18 to RDV-23)
//!
//! ```text
//!            PARK                     JOIN of another
//!   Nothing ──────→ Parked ────────────────────────────┐
//!      │                                               ↓       either ends, or says TRUNCATE
//!      └───────────────────────────────────────────→ Spliced ──────────────────────────────→ Over
//!      │     JOIN                     PARK of another  ↑                                      ↑
//!      └──────→ Waiting ───────────────────────────────┘        2 s                           │
//!                  └──────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! The relay opens nothing of what two circuits say to each other, and what it knows of them is that they share a park.

#[cfg(test)]
mod eyes;

use super::super::{Mix, Who};
use super::HopAt;
use crate::ablation::check;
use crate::crypto::kdf::Secret;
use crate::crypto::rng::Rng;
use crate::id::RelayId;
use crate::onion::meet::{self, Cookie, Counts, SECRET};
use crate::onion::message::{Reason, ToClient};
use crate::onion::{CELL, Cell};
use crate::time::{Duration, Instant};
use std::collections::{BTreeMap, VecDeque};

/// JOINs that wait for one cookie. (RDV-20)
const QUEUE: usize = 8;
/// JOINs that wait in all. (RDV-20)
const WAITING: usize = 4096;
/// How long one does. (RDV-20)
const PATIENCE: Duration = Duration::from_secs(2);
/// Classes of circuits. (PAC-3)
const CLASSES: usize = 4;

/// Where a cookie stands: what it is under a key of this start of the relay, so that who chooses cookies does not choose places.
type Slot = [u8; 32];

/// The parks of a relay: there is one for each cookie with which a circuit waits.
pub(in crate::node::mix) struct Parks {
    key: Secret,
    parks: BTreeMap<Slot, Park>,
    /// JOINs that wait, oldest first.
    waiting: BTreeMap<u64, usize>,
    /// PARKs and JOINs so far.
    count: u64,
    timer: Option<Instant>,
    #[cfg(test)]
    passed: Vec<eyes::Passed>,
}

/// The circuits that wait with one cookie.
#[derive(Default)]
struct Park {
    /// Those that have said PARK, by class, oldest first.
    idle: [BTreeMap<u64, usize>; CLASSES],
    /// Those that have said JOIN, with their classes, oldest first.
    queue: VecDeque<(usize, u8)>,
}

/// What a circuit has to do with others here.
pub(in crate::node::mix) enum Meet {
    /// Nothing.
    Nothing,
    /// It waits for a JOIN.
    Parked(Seat),
    /// It has said JOIN, and waits for a PARK.
    Waiting {
        seat: Seat,
        until: Instant,
        /// Its cells that came meanwhile and were dropped.
        came: u64,
    },
    /// What it sends goes to another, and the other way round.
    Spliced {
        other: usize,
        /// Quanta that its cells wait for the other's turn, where cells go by the clock. (RDV-28)
        rests: u64,
    },
    /// It met another, or nobody, or has asked what it had to ask, and nothing more comes of it.
    Over,
}

/// Where a circuit waits.
#[derive(Clone, Copy)]
pub(in crate::node::mix) struct Seat {
    slot: Slot,
    number: u64,
}

impl Parks {
    pub(super) fn new(rng: &mut Rng) -> Self {
        Self {
            key: Secret::from(*rng.draw()),
            parks: BTreeMap::new(),
            waiting: BTreeMap::new(),
            count: 0,
            timer: None,
            #[cfg(test)]
            passed: Vec::new(),
        }
    }

    fn seat(&mut self, cookie: &Cookie) -> Seat {
        self.count += 1;
        Seat {
            slot: self.key.mac(&[cookie]),
            number: self.count,
        }
    }

    /// Takes a circuit that waits for a JOIN, the newest: it is the most likely to stand yet.
    fn take_idle(&mut self, seat: &Seat, class: u8) -> Option<usize> {
        let idle = self
            .parks
            .get_mut(&seat.slot)?
            .idle
            .get_mut(usize::from(class))?;
        let (_, key) = idle.pop_last()?;
        self.tidy(&seat.slot);
        Some(key)
    }

    /// Takes a circuit whose JOIN waits, the oldest.
    fn take_waiting(&mut self, seat: &Seat, class: u8) -> Option<usize> {
        let queue = &self.parks.get(&seat.slot)?.queue;
        let (key, _) = queue.iter().find(|(_, of)| *of == class)?;
        Some(*key)
    }

    fn insert_idle(&mut self, seat: &Seat, class: u8, key: usize) {
        let park = self.parks.entry(seat.slot).or_default();
        if let Some(idle) = park.idle.get_mut(usize::from(class)) {
            idle.insert(seat.number, key);
        }
    }

    /// Has a JOIN wait; `false` if too many do.
    fn insert_waiting(&mut self, seat: &Seat, class: u8, key: usize) -> bool {
        let waiting = self.parks.get(&seat.slot).map_or(0, |it| it.queue.len());
        if waiting >= QUEUE || self.waiting.len() >= WAITING {
            return false;
        }
        let park = self.parks.entry(seat.slot).or_default();
        park.queue.push_back((key, class));
        self.waiting.insert(seat.number, key);
        true
    }

    /// Gives up a seat.
    fn vacate(&mut self, seat: &Seat, key: usize) {
        self.waiting.remove(&seat.number);
        if let Some(park) = self.parks.get_mut(&seat.slot) {
            for idle in &mut park.idle {
                idle.remove(&seat.number);
            }
            park.queue.retain(|(waits, _)| *waits != key);
        }
        self.tidy(&seat.slot);
    }

    /// A park in which nobody waits is none.
    fn tidy(&mut self, slot: &Slot) {
        let is_empty =
            |park: &Park| park.queue.is_empty() && park.idle.iter().all(BTreeMap::is_empty);
        if self.parks.get(slot).is_some_and(is_empty) {
            self.parks.remove(slot);
        }
    }

    /// Parks, circuits that wait in them, and JOINs that wait.
    #[cfg(test)]
    pub(in crate::node::mix) fn held(&self) -> [usize; 3] {
        let idle = self.parks.values().flat_map(|park| &park.idle);
        let idle = idle.map(BTreeMap::len).sum();
        [self.parks.len(), idle, self.waiting.len()]
    }
}

impl Meet {
    /// Whether what comes over the circuit is for another one. (RDV-21)
    pub(in crate::node::mix) const fn is_any(&self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

impl HopAt {
    /// The class of the circuit. Without pacing all are of class 0. (RDV-20)
    const fn class(&self, is_paced: bool) -> u8 {
        let (_, circuit) = self.back;
        if is_paced { circuit.class() } else { 0 }
    }
}

/// What the secret opens. (RDV-19)
fn cookie_of(relay: &RelayId, secret: &[u8; SECRET]) -> Cookie {
    if check!(ParkSecret, false) {
        return *secret.first_chunk().unwrap_or(&[0; meet::COOKIE]);
    }
    meet::cookie(relay, secret)
}

impl Mix {
    /// A circuit waits for somebody who joins it. (RDV-19)
    pub(in crate::node::mix) fn park(&mut self, key: usize, secret: &[u8; SECRET]) {
        let is_paced = self.pace.is_some();
        let id = RelayId::from(self.local.key.public());
        self.tell(key, ToClient::Parked);
        let Some(relay) = self.relay.as_mut() else {
            return;
        };
        let Some(at) = relay.hops.get_mut(key) else {
            return;
        };
        let class = at.class(is_paced);
        let seat = relay.parks.seat(&cookie_of(&id, secret));
        match relay.parks.take_waiting(&seat, class) {
            Some(dialler) => self.splice(dialler, key),
            None => {
                relay.parks.insert_idle(&seat, class, key);
                at.meet = Meet::Parked(seat);
            }
        }
    }

    /// A circuit wants one of a park. (RDV-20)
    pub(in crate::node::mix) fn join(&mut self, key: usize, cookie: &Cookie) {
        let (is_paced, until) = (self.pace.is_some(), self.clock + PATIENCE);
        let Some(relay) = self.relay.as_mut() else {
            return;
        };
        let Some(at) = relay.hops.get_mut(key) else {
            return;
        };
        let class = at.class(is_paced);
        let seat = relay.parks.seat(cookie);
        if let Some(callee) = relay.parks.take_idle(&seat, class) {
            return self.splice(key, callee);
        }
        if !relay.parks.insert_waiting(&seat, class, key) {
            return self.refuse(key);
        }
        at.meet = Meet::Waiting {
            seat,
            until,
            came: 0,
        };
        self.timers
            .set(Who::Parks, &mut relay.parks.timer, Some(until));
    }

    /// Nobody was there in time.
    pub(in crate::node::mix) fn parks_due(&mut self) {
        let now = self.clock;
        loop {
            let Some(relay) = self.relay.as_mut() else {
                return;
            };
            self.timers.clear(Who::Parks, &mut relay.parks.timer);
            let Some((number, key)) = relay.parks.waiting.first_key_value() else {
                return;
            };
            let (number, key) = (*number, *key);
            let until = match relay.hops.get(key).map(|at| &at.meet) {
                Some(Meet::Waiting { until, .. }) => *until,
                _ => {
                    relay.parks.waiting.remove(&number);
                    continue;
                }
            };
            if until > now {
                self.timers
                    .set(Who::Parks, &mut relay.parks.timer, Some(until));
                return;
            }
            self.leave(key);
            self.refuse(key);
        }
    }

    /// There is nobody for it; its circuit has served.
    fn refuse(&mut self, key: usize) {
        self.tell(key, ToClient::NotJoined);
        self.met(key);
    }

    /// The circuit meets nobody any more: it is closed, behind what waits, or runs on where cells go by the clock.
    pub(super) fn met(&mut self, key: usize) {
        let is_paced = self.pace.is_some();
        let Some(at) = self.hop(key) else { return };
        at.meet = Meet::Over;
        if !is_paced {
            self.close_hop(key);
        }
    }

    /// From now on what one sends goes to the other. (RDV-21, RDV-22)
    fn splice(&mut self, dialler: usize, callee: usize) {
        let came = match self.relay.as_ref().and_then(|it| it.hops.get(dialler)) {
            Some(HopAt {
                meet: Meet::Waiting { came, .. },
                ..
            }) => *came,
            _ => 0,
        };
        self.leave(dialler);
        let plain = Counts {
            from: came,
            forth: came.cast_signed(),
            back: 0,
        };
        let counted = match &self.pace {
            None => Some((plain, [0, 0])),
            Some(_) => self.counted(dialler, callee),
        };
        let Some((counts, [forth, back])) = counted else {
            // One of them has no places here, and so no circuit.
            self.close_hop(dialler);
            return self.close_hop(callee);
        };
        for (key, other, rests) in [(dialler, callee, forth), (callee, dialler, back)] {
            if let Some(at) = self.hop(key) {
                at.meet = Meet::Spliced { other, rests };
            }
        }
        self.tell(callee, ToClient::Joined(counts.for_callee()));
        self.tell(dialler, ToClient::Joined(counts.for_dialler()));
    }

    /// Where a cell of what a circuit ends in goes on: to this circuit, so many quanta after its own turn. (RDV-21)
    pub(in crate::node::mix) fn other(&mut self, key: usize) -> Option<(usize, u64)> {
        let at = self.hop(key)?;
        match &mut at.meet {
            Meet::Nothing | Meet::Over => None,
            // Nobody is there to whom it could be said.
            Meet::Parked(_) => {
                self.close_hop(key);
                None
            }
            Meet::Waiting { came, .. } => {
                *came += 1;
                None
            }
            Meet::Spliced { other, rests } => Some((*other, *rests)),
        }
    }

    /// A cell of what a circuit ends in, which is another circuit. (RDV-21)
    pub(super) fn pass(&mut self, key: usize, cell: &mut Cell) {
        if let Some((other, _)) = self.other(key) {
            #[cfg(test)]
            if let Some(relay) = &mut self.relay {
                relay.parks.saw((key, other), cell);
            }
            self.hop_send(other, cell);
        }
    }

    /// A circuit gives up its meeting: it ends, or its client says so. (RDV-23)
    pub(in crate::node::mix) fn leave(&mut self, key: usize) {
        let Some(relay) = self.relay.as_mut() else {
            return;
        };
        let Some(at) = relay.hops.get_mut(key) else {
            return;
        };
        match core::mem::replace(&mut at.meet, Meet::Over) {
            Meet::Nothing => at.meet = Meet::Nothing,
            Meet::Over => {}
            Meet::Parked(seat) | Meet::Waiting { seat, .. } => relay.parks.vacate(&seat, key),
            Meet::Spliced { other, .. } => {
                if let Some(at) = self.hop(other) {
                    at.meet = Meet::Over;
                }
                self.truncated(other, Reason::EndOver);
                self.met(other);
            }
        }
    }

    /// Says something to the client of a circuit.
    pub(super) fn tell(&mut self, key: usize, message: ToClient<'_>) {
        let Some(at) = self.hop(key) else { return };
        let (mut cell, back) = ([0; CELL], at.back);
        if at.hop.tell(message, &mut cell) {
            self.push_or_close(key, back, &cell);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rng::Seed;

    fn cookie(n: u64) -> Cookie {
        let mut cookie = [1; meet::COOKIE];
        cookie[..8].copy_from_slice(&n.to_be_bytes());
        cookie
    }

    /// RDV-20: eight JOINs wait for a cookie and 4096 in all, whatever their classes, and who goes makes room; a park in which nobody waits is none.
    #[test]
    fn what_waits_is_bounded() {
        let mut parks = Parks::new(&mut Seed::from_bytes([1; 32]).fork("parks"));
        let mut seats = Vec::new();
        for n in 0..4096 {
            let seat = parks.seat(&cookie(n / 8));
            let class = u8::try_from(n % 4).unwrap();
            let key = usize::try_from(n).unwrap();
            assert!(parks.insert_waiting(&seat, class, key), "{n}");
            seats.push((seat, key));
            if n % 8 == 7 {
                let ninth = parks.seat(&cookie(n / 8));
                assert!(!parks.insert_waiting(&ninth, 0, 9999));
            }
        }
        assert_eq!(parks.held(), [512, 0, 4096]);
        let more = parks.seat(&cookie(9999));
        assert!(!parks.insert_waiting(&more, 0, 4096));
        let (seat, key) = seats.pop().unwrap();
        parks.vacate(&seat, key);
        assert!(parks.insert_waiting(&more, 0, 4096));
        parks.vacate(&more, 4096);
        for (seat, key) in seats {
            parks.vacate(&seat, key);
        }
        assert_eq!(parks.held(), [0, 0, 0]);
    }

    /// RDV-20: of a park, a JOIN takes the newest circuit of its class, and a PARK the oldest JOIN of its.
    #[test]
    fn classes_meet_their_own() {
        let mut parks = Parks::new(&mut Seed::from_bytes([1; 32]).fork("parks"));
        for (key, class) in [(1, 0), (2, 1), (3, 0), (4, 1)] {
            let seat = parks.seat(&cookie(0));
            parks.insert_idle(&seat, class, key);
            let seat = parks.seat(&cookie(1));
            assert!(parks.insert_waiting(&seat, class, key));
        }
        let (idle, waits) = (parks.seat(&cookie(0)), parks.seat(&cookie(1)));
        assert_eq!(parks.take_idle(&idle, 2), None);
        assert_eq!(parks.take_waiting(&waits, 2), None);
        assert_eq!(parks.take_waiting(&idle, 0), None);
        assert_eq!(parks.take_waiting(&waits, 0), Some(1));
        assert_eq!(parks.take_waiting(&waits, 1), Some(2));
        let taken = [0, 0, 0, 1, 1, 1].map(|class| parks.take_idle(&idle, class));
        assert_eq!(taken, [Some(3), Some(1), None, Some(4), Some(2), None]);
        assert_eq!(parks.held(), [1, 0, 4]);
    }
}
