//! Circuits that go through this relay, or end here. (ONI-6, ONI-8, ONI-11 to ONI-16)

mod full;
mod knows;
mod parks;
mod records;
mod shun;

pub(super) use parks::Meet;

use super::super::Source;
use super::super::timers::Who;
use super::wire::Route;
use super::{Above, EndOf, Lane, Mix, News};
use crate::crypto::rng::Rng;
use crate::id::RelayId;
use crate::node::LinkId;
use crate::onion::cipher::Role;
use crate::onion::handshake::{Answerer, REQUEST};
use crate::onion::hop::{Backward, Forward, Hop};
use crate::onion::message::Reason;
use crate::onion::suspicion::Suspicion;
use crate::onion::{CELL, Cell, CircuitId, PAYLOAD, halves};
use crate::time::{Duration, Instant};
use crate::vattp::responder::Hosted;
use parks::Parks;
use records::Records;
use slab::Slab;

/// What is asked has so long to be answered. (ONI-10, ONI-15)
const ANSWER: Duration = Duration::from_secs(10);
/// A circuit without a cell for so long is over. (ONI-15)
const IDLE: Duration = Duration::from_secs(20 * 60);
/// How often idle circuits are looked for.
const SWEEP: Duration = Duration::from_secs(60);
/// Circuits on one link. (ONI-15)
pub(super) const ON_ONE_LINK: usize = 8192;

/// What a relay has besides its links.
pub(super) struct Relay {
    /// As whom it is asked for a link.
    pub(super) hosted: Hosted,
    pub(super) answerer: Answerer,
    pub(super) hops: Slab<HopAt>,
    pub(super) parks: Parks,
    pub(super) records: Records,
    max_circuits: usize,
    sweeping: Option<Instant>,
    /// Relays whose batches are short. (PAC-18)
    pub(super) neighbours: Suspicion,
}

/// A circuit here: where its cells come from and where they go.
pub(super) struct HopAt {
    pub(super) hop: Hop,
    pub(super) back: Lane,
    pub(super) next: Next,
    pub(super) end: Option<End>,
    /// What it has to do with others here. (RDV-18)
    pub(super) meet: Meet,
    /// The index of the forward cell that came last, where cells go by the clock.
    pub(super) index: u64,
    /// The two cells of the answer, where they wait for their places. (PAC-9)
    pub(super) reply: Option<Box<[Cell; 2]>>,
    /// Until when what was asked has to be answered.
    pub(super) deadline: Option<Instant>,
    timer: Option<Instant>,
    pub(super) heard: Instant,
}

/// What lies beyond this hop.
pub(super) enum Next {
    Nothing,
    /// The link does not stand yet.
    Wanted(LinkId, Box<[u8; REQUEST]>),
    /// A circuit, answered or not.
    Lane(Lane),
}

/// A session that ends here, and how many of its cells have come.
pub(super) struct End {
    pub(super) link: LinkId,
    came: u64,
    /// Another does not follow it. (ONI-16)
    pub(super) is_over: bool,
}

/// What a relay is made from.
pub(in crate::node) struct RelayParts {
    pub(in crate::node) hosted: Hosted,
    pub(in crate::node) answerer: Answerer,
    pub(in crate::node) max_circuits: usize,
}

impl Relay {
    pub(super) fn new(parts: RelayParts, rng: &mut Rng) -> Self {
        Self {
            parks: Parks::new(rng),
            records: Records::default(),
            hosted: parts.hosted,
            answerer: parts.answerer,
            hops: Slab::new(),
            max_circuits: parts.max_circuits,
            sweeping: None,
            neighbours: Suspicion::new(),
        }
    }

    /// Circuits through it or to it.
    pub(super) fn len(&self) -> usize {
        self.hops.len()
    }

    /// Where a hop's backward cells go.
    pub(super) fn back(&self, key: usize) -> Option<Lane> {
        self.hops.get(key).map(|at| at.back)
    }

    /// The link over which a hop is to be extended, and where it came from.
    pub(super) fn wanted(&self, key: usize) -> Option<(LinkId, Lane)> {
        let at = self.hops.get(key)?;
        match &at.next {
            Next::Wanted(link, _) => Some((*link, at.back)),
            Next::Nothing | Next::Lane(_) => None,
        }
    }
}

impl Mix {
    fn hop(&mut self, key: usize) -> Option<&mut HopAt> {
        self.relay.as_mut()?.hops.get_mut(key)
    }

    /// A circuit begins here, if there is room for it.
    pub(super) fn begin_hop(&mut self, link: LinkId, circuit: CircuitId) -> Option<usize> {
        let (now, backend) = (self.clock, self.backend());
        let is_shunned = self.shuns_link(link);
        let (relay, wire) = (self.relay.as_mut()?, self.wires.get_mut(&link)?);
        let has_room =
            !is_shunned && relay.hops.len() < relay.max_circuits && wire.len() < ON_ONE_LINK;
        wire.open(circuit, Route::Over);
        if !has_room {
            self.end_lane((link, circuit));
            return None;
        }
        let hop = match self.pace {
            Some(_) => Hop::begin_paced(circuit.class(), backend),
            None => Hop::begin_with(backend),
        };
        let key = relay.hops.insert(HopAt {
            hop,
            reply: None,
            back: (link, circuit),
            next: Next::Nothing,
            end: None,
            meet: Meet::Nothing,
            index: 0,
            deadline: Some(now + ANSWER),
            timer: None,
            heard: now,
        });
        wire.open(circuit, Route::Forward(key));
        if relay.sweeping.is_none() {
            self.timers
                .set(Who::Sweep, &mut relay.sweeping, Some(now + SWEEP));
        }
        self.arm_hop(key);
        Some(key)
    }

    fn arm_hop(&mut self, key: usize) {
        let Some(at) = self.relay.as_mut().and_then(|it| it.hops.get_mut(key)) else {
            return;
        };
        self.timers.set(Who::Hop(key), &mut at.timer, at.deadline);
    }

    /// A cell that came from the client's side.
    pub(super) fn forward(&mut self, key: usize, cell: &mut Cell, above: &mut dyn Above) {
        let Some(relay) = self.relay.as_mut() else {
            return;
        };
        let Some(at) = relay.hops.get_mut(key) else {
            return;
        };
        at.heard = self.clock;
        let (back, meets) = (at.back, at.meet.is_any());
        let forward = at.hop.forward(cell, &mut relay.answerer, &mut self.rng);
        match forward {
            Forward::Nothing => {}
            Forward::Onward => match at.next {
                Next::Lane(lane) => self.push_or_close(key, lane, cell),
                Next::Nothing | Next::Wanted(..) => {}
            },
            Forward::Through if meets => self.pass(key, cell),
            Forward::Through => self.hop_through(key, None, cell, above),
            Forward::Answer(cells) => {
                at.deadline = None;
                for cell in &*cells {
                    self.push_or_close(key, back, cell);
                }
            }
            Forward::Extend(relay, request) => self.extend_hop(key, &relay, request),
            Forward::Truncate => {
                self.drop_next(key);
                self.leave(key);
                self.push_or_close(key, back, cell);
            }
            Forward::Back => self.push_or_close(key, back, cell),
            Forward::Park(secret) => self.park(key, &secret),
            Forward::Join(cookie) => self.join(key, &cookie),
            Forward::Keep(record) => self.keep(key, &record),
            Forward::Find(index) => self.find(key, &index),
            Forward::Blame => {
                self.push_or_close(key, back, cell);
                self.close_hop(key);
            }
            Forward::Close(_) => self.close_hop(key),
        }
    }

    /// A cell of what the circuit ends in here.
    pub(super) fn hop_through(
        &mut self,
        key: usize,
        at_index: Option<u64>,
        cell: &mut Cell,
        above: &mut dyn Above,
    ) {
        let Some(at) = self.hop(key) else { return };
        let (link, _) = at.back;
        let (end, index) = match &mut at.end {
            Some(end) if end.is_over => return,
            Some(end) => {
                end.came += 1;
                (end.link, end.came - 1)
            }
            empty => {
                let end = above.accepted(source_of(link));
                *empty = Some(End {
                    link: end,
                    came: 1,
                    is_over: false,
                });
                self.ends.insert(end, EndOf::Hop(key));
                (end, 0)
            }
        };
        if let Some(payload) = cell.last_chunk_mut::<PAYLOAD>() {
            above.cell(end, at_index.unwrap_or(index), payload);
        }
    }

    /// One cell of a session that ends here; the payload stands in its place.
    pub(super) fn hop_send(&mut self, key: usize, cell: &mut Cell) {
        let Some(at) = self.hop(key) else { return };
        let back = at.back;
        if at.hop.originate(Role::Through, cell) {
            self.push_or_close(key, back, cell);
        }
    }

    /// A cell that came from the far side.
    pub(super) fn backward(&mut self, key: usize, cell: &mut Cell) {
        let now = self.clock;
        let Some(at) = self.hop(key) else { return };
        at.heard = now;
        let back = at.back;
        match at.hop.backward(cell) {
            Backward::Drop => {}
            Backward::Onward => self.push_or_close(key, back, cell),
            Backward::Grown => {
                at.deadline = None;
                self.push_or_close(key, back, cell);
            }
            Backward::Broken => {
                self.drop_next(key);
                self.truncated(key, Reason::NextEnded);
            }
        }
    }

    /// The client wants a hop beyond this one. (ONI-11)
    pub(super) fn extend_hop(&mut self, key: usize, relay: &RelayId, request: Box<[u8; REQUEST]>) {
        if self.shuns(relay) {
            return self.truncated(key, Reason::Unreachable);
        }
        let is_known = self
            .consensus
            .as_ref()
            .is_some_and(|it| it.relay(relay).is_some());
        let Some(link) = self.link_to(relay).filter(|_| is_known) else {
            return self.truncated(key, Reason::NoSuchRelay);
        };
        let deadline = self.clock + ANSWER;
        if let Some(at) = self.hop(key) {
            at.next = Next::Wanted(link, request);
            at.deadline = Some(deadline);
        }
        self.arm_hop(key);
        self.ask_next(key);
    }

    /// Begins the circuit beyond this hop, if its link stands.
    pub(super) fn ask_next(&mut self, key: usize) {
        if self.pace.is_some() {
            return self.ask_next_paced(key);
        }
        let Some(at) = self.relay.as_mut().and_then(|it| it.hops.get_mut(key)) else {
            return;
        };
        let Next::Wanted(link, request) = &at.next else {
            return;
        };
        let link = *link;
        let Some(wire) = self.wires.get_mut(&link).filter(|wire| wire.is_live()) else {
            return;
        };
        let Some(circuit) = wire.ids.next().filter(|_| wire.len() < ON_ONE_LINK) else {
            (at.next, at.deadline) = (Next::Nothing, None);
            return self.truncated(key, Reason::Full);
        };
        let cells = halves(request);
        wire.open(circuit, Route::Backward(key));
        at.next = Next::Lane((link, circuit));
        for cell in &cells {
            self.push_or_close(key, (link, circuit), cell);
        }
    }

    /// A link has come to stand: circuits that waited for it go on.
    pub(super) fn relay_link_live(&mut self, id: LinkId) {
        for key in self.waiting_for(id) {
            self.ask_next(key);
        }
    }

    /// A link is gone: circuits that waited for it do not go on.
    pub(super) fn relay_link_lost(&mut self, id: LinkId) {
        for key in self.waiting_for(id) {
            self.drop_next(key);
            self.truncated(key, Reason::Unreachable);
        }
    }

    fn waiting_for(&self, id: LinkId) -> Vec<usize> {
        let hops = self.relay.iter().flat_map(|relay| relay.hops.iter());
        let waits = |at: &HopAt| matches!(at.next, Next::Wanted(link, _) if link == id);
        hops.filter(|(_, at)| waits(at))
            .map(|(key, _)| key)
            .collect()
    }

    /// Gives up what lies beyond a hop.
    pub(super) fn drop_next(&mut self, key: usize) {
        let Some(at) = self.hop(key) else { return };
        at.deadline = None;
        if let Next::Lane(lane) = core::mem::replace(&mut at.next, Next::Nothing) {
            self.end_lane(lane);
        }
    }

    /// Tells the client that this hop is the last one now.
    pub(super) fn truncated(&mut self, key: usize, reason: Reason) {
        let Some(at) = self.hop(key) else { return };
        let mut cell = [0; CELL];
        let back = at.back;
        if at.hop.next_ended(reason, &mut cell) {
            self.push_or_close(key, back, &cell);
        }
    }

    /// The way back is gone: so is the circuit.
    pub(super) fn came_from_lost(&mut self, key: usize) {
        self.remove_hop(key);
    }

    /// The way on is gone.
    pub(super) fn next_lost(&mut self, key: usize) {
        let Some(at) = self.hop(key) else { return };
        // An EXTEND that was not answered, or a circuit that ended.
        let asked = at.deadline.take().is_some();
        at.next = Next::Nothing;
        let reason = if asked {
            Reason::Unreachable
        } else {
            Reason::NextEnded
        };
        self.truncated(key, reason);
    }

    /// The session here is over, and with it the circuit, unless that goes by the clock.
    pub(super) fn end_served(&mut self, key: usize) {
        let is_paced = self.pace.is_some();
        let Some(at) = self.hop(key) else { return };
        if is_paced {
            // The circuit runs on to its end. (PAC-14)
            at.end.iter_mut().for_each(|end| end.is_over = true);
            return;
        }
        at.end = None;
        self.truncated(key, Reason::EndOver);
        self.close_hop(key);
    }

    /// Closes a circuit both ways, behind what waits.
    pub(super) fn close_hop(&mut self, key: usize) {
        let Some(at) = self.hop(key) else { return };
        let back = at.back;
        self.end_lane(back);
        self.remove_hop(key);
    }

    /// Takes a circuit out; what lies beyond is told.
    fn remove_hop(&mut self, key: usize) {
        self.drop_next(key);
        self.leave(key);
        let Some(relay) = self.relay.as_mut() else {
            return;
        };
        let Some(mut at) = relay.hops.try_remove(key) else {
            return;
        };
        self.timers.clear(Who::Hop(key), &mut at.timer);
        if let Some(end) = at.end {
            self.ends.remove(&end.link);
            self.news.push_back(News::Lost(end.link));
        }
    }

    /// What was asked was not answered in time.
    pub(super) fn hop_due(&mut self, key: usize) {
        let now = self.clock;
        let Some(at) = self.hop(key) else { return };
        at.timer = None;
        if at.deadline.is_none_or(|deadline| deadline > now) {
            return self.arm_hop(key);
        }
        if matches!(at.next, Next::Nothing) {
            return self.close_hop(key);
        }
        self.drop_next(key);
        self.truncated(key, Reason::Unreachable);
    }

    /// Closes the circuits on which nothing has come for too long.
    pub(super) fn sweep(&mut self) {
        let now = self.clock;
        let Some(relay) = self.relay.as_mut() else {
            return;
        };
        relay.sweeping = None;
        if relay.hops.is_empty() {
            return;
        }
        self.timers
            .set(Who::Sweep, &mut relay.sweeping, Some(now + SWEEP));
        let idle = relay.hops.iter().filter(|(_, at)| at.heard + IDLE <= now);
        let idle: Vec<_> = idle.map(|(key, _)| key).collect();
        for key in idle {
            self.close_hop(key);
        }
    }
}

impl Next {
    const fn lane(&self) -> Option<Lane> {
        match self {
            Self::Lane(lane) => Some(*lane),
            Self::Nothing | Self::Wanted(..) => None,
        }
    }
}

/// Sessions count by the link that they come over. (VTP-18)
fn source_of(link: LinkId) -> Source {
    let mut source = [0; 16];
    if let Some(place) = source.last_chunk_mut() {
        *place = link.0.to_be_bytes();
    }
    Source(source)
}
