//! Looking up vats that nothing leads to here but their names. (RDV-42)
//!
//! ```text
//! nothing leads there ─► a keeper is asked ─a record─► a call by it ─► (stands)
//!                            ▲   │ nothing, or nonsense     │ nobody answers
//!                            └───┴──── the next keeper ◄────┘
//!                                      none is left: not for a while
//! ```
//!
//! What a keeper can do is to say nothing, or what it was given: a record shows whose it is, and for which epoch. So one that lies costs a look at
//! the next.

use super::super::Node;
use super::super::mix::Question;
use super::super::pairs::PairKey;
use super::records::About;
use crate::crypto::kdf::hash;
use crate::crypto::rng::Rng;
use crate::id::{RelayId, VatId};
use crate::netlayer::CloseReason;
use crate::onion::meet::RECORD;
use crate::rendezvous::Record;
use crate::rendezvous::epoch::Epoch;
use crate::rendezvous::keepers::keepers;
use crate::rendezvous::record::{Listing, index};
use crate::time::{Duration, Instant};
use std::collections::{BTreeMap, VecDeque};

/// Vats that are looked up at once, and how soon whoever comes later is tried again. (RDV-42)
const MOST: usize = 8;
const LATER: Duration = Duration::from_secs(1);
/// How often in all a look-up's records are called by again when nobody heard the call. (RDV-42)
const IDLE: u32 = 4;
/// A vat that was not found is not looked up again for so long; for so many vats that is remembered. (RDV-42)
const PAUSE: Duration = Duration::from_secs(30);
const MISSED: usize = 1024;

/// The vats that are looked up.
#[derive(Default)]
pub(super) struct Lookups {
    running: BTreeMap<VatId, Lookup>,
    /// Those that were not found, and until when they are not looked up again.
    missed: BTreeMap<VatId, Instant>,
}

/// One vat that is looked up, or called by what was found.
struct Lookup {
    /// Who is still to be asked, and for which epoch.
    steps: VecDeque<(Epoch, RelayId)>,
    is_out: bool,
    found: Option<Listing>,
    /// The records that were found, as digests.
    tried: Vec<[u8; 32]>,
    /// How often nobody was called by one after all.
    idle: u32,
}

/// What comes of wanting a vat.
enum Step {
    /// A keeper is asked.
    Asked,
    /// Others come first.
    Later,
    /// There is nothing, or nothing that anybody answers.
    Nothing(CloseReason),
}

impl Lookups {
    /// Those that lead to vats, and where to.
    pub(super) fn held(&self) -> impl Iterator<Item = (VatId, Option<RelayId>)> {
        let missed = self.missed.keys().map(|vat| (*vat, None));
        let running = self.running.iter();
        let running = running.map(|(vat, it)| (*vat, it.found.map(|found| found.spot.relay)));
        running.chain(missed)
    }

    /// Whether a vat is being looked up.
    pub(super) fn has(&self, vat: &VatId) -> bool {
        self.running.contains_key(vat)
    }

    /// What was found, to be called with once.
    pub(super) fn take(&mut self, vat: &VatId) -> Option<Listing> {
        self.running.get_mut(vat)?.found.take()
    }

    /// Nobody wants what is known of it.
    fn forget(&mut self, vat: &VatId) {
        self.running.remove(vat);
    }

    /// A vat was not found.
    fn miss(&mut self, vat: VatId, now: Instant) {
        self.running.remove(&vat);
        self.missed.retain(|_, until| now < *until);
        if self.missed.len() < MISSED {
            self.missed.insert(vat, now + PAUSE);
        }
    }
}

impl Node {
    /// Nothing leads to this vat: it is looked up, and dialled when something is found. (RDV-42)
    pub(in crate::node) fn look_up(&mut self, key: PairKey) {
        match self.step(key.peer) {
            Step::Asked => {}
            Step::Later => self.redial_in(key, LATER),
            // The connection waits for as long as it does: it may be found later, or come to us. (VTP-40)
            Step::Nothing(_) if self.is_shown(key) => self.redial_in(key, PAUSE),
            Step::Nothing(reason) => self.break_off(key, reason),
        }
    }

    /// Whether a call that has failed may be followed by another, by another record.
    pub(in crate::node) fn looks_up(&self, vat: &VatId) -> bool {
        self.meet.lookups.has(vat)
    }

    /// A record by which this vat can be called.
    pub(in crate::node) fn record_of(&mut self, vat: &VatId) -> Option<Listing> {
        self.meet.lookups.take(vat)
    }

    /// Nobody was called by a record after all, for there was no circuit, or nobody waited: it is as good as before, so many times. (RDV-42)
    pub(in crate::node) fn is_as_good(&mut self, vat: &VatId, listing: &Listing) {
        if let Some(lookup) = self.meet.lookups.running.get_mut(vat)
            && lookup.idle < IDLE
        {
            lookup.idle += 1;
            lookup.found = Some(*listing);
        }
    }

    /// A new connection is wanted: what a look-up for an earlier one came to is of no use.
    pub(super) fn look_anew(&mut self, vat: &VatId) {
        let running = &mut self.meet.lookups.running;
        if running.get(vat).is_some_and(|it| !it.is_out) {
            running.remove(vat);
        }
    }

    /// The vat is there.
    pub(in crate::node) fn found_it(&mut self, vat: &VatId) {
        self.meet.lookups.forget(vat);
    }

    fn step(&mut self, vat: VatId) -> Step {
        let now = self.clock;
        if self
            .meet
            .lookups
            .missed
            .get(&vat)
            .is_some_and(|until| now < *until)
        {
            return Step::Nothing(CloseReason::NotFound);
        }
        if !self.looks_up(&vat) {
            if !self.has_room_to_look() {
                return Step::Later;
            }
            let lookup = self.begin_lookup(&vat);
            self.meet.lookups.running.insert(vat, lookup);
        }
        let network = self.consensus.as_ref().map(|all| all.network());
        let lookup = self.meet.lookups.running.get_mut(&vat);
        let Some((lookup, network)) = lookup.zip(network) else {
            return Step::Nothing(CloseReason::NotFound);
        };
        if lookup.is_out {
            return Step::Asked;
        }
        let Some((epoch, keeper)) = lookup.steps.pop_front() else {
            let was_found = !lookup.tried.is_empty();
            self.meet.lookups.miss(vat, now);
            return Step::Nothing(match was_found {
                true => CloseReason::Unreachable,
                false => CloseReason::NotFound,
            });
        };
        lookup.is_out = true;
        let index = *index(&vat, network, epoch).as_bytes();
        self.ask_keeper(keeper, Question::Find(index), About::Theirs(vat, epoch));
        Step::Asked
    }

    /// Whether one more may be looked up; those are forgotten that nobody wants any more.
    fn has_room_to_look(&mut self) -> bool {
        let (pairs, running) = (&self.pairs, &mut self.meet.lookups.running);
        let is_wanted = |vat: &VatId| {
            let pair = pairs.get(&PairKey::with(*vat, None));
            pair.is_some_and(|pair| pair.conn.is_some())
        };
        running.retain(|vat, it| it.is_out || is_wanted(vat));
        running.len() < MOST
    }

    /// Whom to ask, in this order: by the epoch of our own clock first, and the keepers of each as they are drawn. (RDV-32)
    fn begin_lookup(&mut self, vat: &VatId) -> Lookup {
        let wall = self.wall();
        let mut steps = VecDeque::new();
        if let Some(consensus) = &self.consensus {
            for epoch in Epoch::looked_up(wall) {
                let index = index(vat, consensus.network(), epoch);
                let relays = consensus.relays().iter().map(|relay| &relay.id);
                let drawn = shuffled(keepers(&index, relays), &mut self.meet.rng);
                steps.extend(drawn.into_iter().map(|relay| (epoch, relay)));
            }
        }
        Lookup {
            steps,
            is_out: false,
            found: None,
            tried: Vec::new(),
            idle: 0,
        }
    }

    /// What a keeper has given: a record of this vat and this epoch, or what is as good as nothing. (RDV-30)
    pub(super) fn found(&mut self, vat: VatId, epoch: Epoch, record: Option<Box<[u8; RECORD]>>) {
        let (key, wall) = (PairKey::with(vat, None), self.wall());
        let network = self.consensus.as_ref().map(|all| all.network());
        let Some((lookup, network)) = self.meet.lookups.running.get_mut(&vat).zip(network) else {
            return;
        };
        lookup.is_out = false;
        if let Some(record) = record {
            let digest = hash(&[&*record]);
            let read = Record::read(&*record, &vat, network, epoch, wall);
            if let Ok(listing) = read
                && !lookup.tried.contains(&digest)
            {
                lookup.tried.push(digest);
                lookup.found = Some(listing);
            }
        }
        let waits = self.pairs.get(&key).is_some_and(|entry| {
            entry.conn.is_some() && entry.pair.may_dial() && !entry.pair.is_dialling()
        });
        match waits {
            true => self.dial(key),
            false => self.meet.lookups.forget(&vat),
        }
    }
}

fn shuffled(mut rest: Vec<RelayId>, rng: &mut Rng) -> Vec<RelayId> {
    let mut order = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let at = usize::try_from(rng.below(rest.len() as u64)).unwrap_or(0);
        order.push(rest.swap_remove(at));
    }
    order
}
