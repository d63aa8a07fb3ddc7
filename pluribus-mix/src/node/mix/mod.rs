//! Links and circuits: what a node is to a mix network. Spec chapter 4.
//!
//! Below are links of use 1, above are *ends*: what a circuit ends in here, a session. The mix looks like a driver to the part of the
//! node that has the sessions: for that part an end is a link that carries cells, which the mix opens, feeds and loses.
//!
//! ```text
//! wire.rs    one link and the lanes of circuits on it
//! relay.rs   circuits that go through us, or end here
//! client.rs  circuits that begin here: spares, what sessions want, whom to trust
//! links.rs   how links begin and end
//! pace/      links that send by the clock
//! knows.rs   what all of these say about who talks with whom
//! ```
//!
//! A cell is opened and changed where it lies in the driver's buffer, copied once into the slab of cells that wait, and once out of it.

mod client;
mod knows;
mod links;
mod pace;
mod relay;
mod wire;

pub use client::Reach;
pub(super) use client::{Answer, ParkAt, Question};
pub use knows::{AllHeld, CircuitHeld, Held, Knowledge};
pub(super) use relay::RelayParts;

use super::timers::{Timers, Who};
use super::{LinkId, LinkRequest, Source, Trace};
use crate::crypto::aead::Backend;
use crate::crypto::rng::{Rng, Seed};
use crate::directory::Consensus;
use crate::id::RelayId;
use crate::onion::link::{self, Id};
use crate::onion::meet::Cookie;
use crate::onion::queue::{Cells, Full};
use crate::onion::{Cell, CircuitId, Payload};
use crate::pacing::Class;
use crate::time::{Duration, Instant};
use crate::vattp::half_open::HalfOpen;
use crate::vattp::seen::Seen;
use crate::vattp::{Local, Violation};
use client::Client;
use pace::Pace;
use relay::Relay;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use wire::{Route, Wire};

/// Links of the mix have this bit, those of the rest of the node do not.
const WIRE: u64 = 1 << 63;

/// Whether a link is one of the mix.
pub(super) const fn is_wire(id: LinkId) -> bool {
    id.0 & WIRE != 0
}

/// What is above a mix: it has the ends.
pub(super) trait Above {
    /// A session begins here; what it is to be called.
    fn accepted(&mut self, source: Source) -> LinkId;
    /// A cell of a session.
    fn cell(&mut self, end: LinkId, index: u64, cell: &mut Payload);
    /// Writes the cell of a session that goes out with this index, if there is one. (PAC-10)
    fn pull(&mut self, end: LinkId, index: u64, cell: &mut Payload) -> bool;
    /// Somebody has joined the park of this cookie that we keep at this relay; what the end is to be called. (RDV-26)
    fn joined(&mut self, relay: RelayId, cookie: Cookie) -> LinkId;
}

/// What has happened to an end, or is wanted done with a link.
pub(super) enum News {
    /// The end that was asked for stands.
    Opened(LinkId),
    /// The end is gone, or never came to stand.
    Lost(LinkId),
    /// Nobody waited for this end where it went: nobody has seen what it said. It is lost next. (RDV-34)
    Alone(LinkId),
    /// Cells that this end has sent were not passed on: it says its flight again. (RDV-24)
    Again(LinkId),
    /// A keeper of records has answered, and the end is gone. (RDV-40)
    Told(LinkId, Answer),
    /// There is room for more of its cells.
    Ready(LinkId),
    /// It will be lost before long. (PAC-14)
    Ending(LinkId),
    /// Something for the operator.
    Trace(Trace),
}

/// What a mix is made from.
pub(super) struct Parts {
    pub(super) local: Local,
    pub(super) flight_deadline: Duration,
    pub(super) half_open: usize,
    pub(super) relay: Option<RelayParts>,
    pub(super) max_cells: usize,
    pub(super) max_links: usize,
    pub(super) spares: usize,
    pub(super) meets: usize,
    pub(super) parked_each: usize,
    pub(super) builds: (u32, Duration),
    pub(super) class: Class,
}

/// The links of use 1 of a node and all circuits on them.
pub(super) struct Mix {
    local: Local,
    flight_deadline: Duration,
    clock: Instant,
    rng: Rng,
    consensus: Option<Arc<Consensus>>,
    wires: BTreeMap<LinkId, Wire>,
    /// The link to use for a relay.
    to_relay: BTreeMap<RelayId, LinkId>,
    next_link: u64,
    seen: Seen,
    half_open: HalfOpen,
    max_links: usize,
    cells: Cells,
    /// Where each end's circuit goes out.
    ends: BTreeMap<LinkId, EndOf>,
    relay: Option<Relay>,
    client: Client,
    /// Of circuits that begin here, where cells go by the clock.
    class: Class,
    /// Where they do.
    pace: Option<Box<Pace>>,
    timers: Timers,
    writers: VecDeque<LinkId>,
    requests: VecDeque<LinkRequest>,
    news: VecDeque<News>,
    thirsty: VecDeque<LinkId>,
}

/// Whose end it is.
#[derive(Clone, Copy)]
enum EndOf {
    Origin(usize),
    Hop(usize),
}

impl Mix {
    pub(super) fn new(parts: Parts, seed: &Seed) -> Self {
        Self {
            local: parts.local,
            flight_deadline: parts.flight_deadline,
            clock: Instant::ZERO,
            relay: parts
                .relay
                .map(|relay| Relay::new(relay, &mut seed.fork("parks"))),
            rng: seed.fork("links"),
            consensus: None,
            wires: BTreeMap::new(),
            to_relay: BTreeMap::new(),
            next_link: 0,
            seen: Seen::new(parts.flight_deadline * 4),
            half_open: HalfOpen::new(parts.half_open),
            max_links: parts.max_links,
            cells: Cells::new(parts.max_cells),
            ends: BTreeMap::new(),
            client: Client::new(
                parts.spares,
                (parts.meets, parts.parked_each),
                parts.builds,
                seed.fork("circuits"),
            ),
            class: parts.class,
            pace: None,
            timers: Timers::default(),
            writers: VecDeque::new(),
            requests: VecDeque::new(),
            news: VecDeque::new(),
            thirsty: VecDeque::new(),
        }
    }

    /// Of circuits that begin here, where cells go by the clock.
    pub(super) const fn class(&self) -> Class {
        self.class
    }

    const fn backend(&self) -> Backend {
        self.local.backend
    }

    /// What has happened, oldest first.
    pub(super) fn poll_news(&mut self) -> Option<News> {
        if let Some(end) = self.thirsty.pop_front() {
            return Some(News::Ready(end));
        }
        self.news.pop_front()
    }

    pub(super) fn poll_request(&mut self) -> Option<LinkRequest> {
        self.requests.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.timers.first()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.clock = now;
        for who in self.timers.take_due(now) {
            match who {
                Who::Link(id) => self.wire_due(id),
                Who::Hop(key) => self.hop_due(key),
                Who::Origin(key) => self.origin_due(key),
                Who::Pool => self.client_due(),
                Who::Sweep => self.sweep(),
                Who::Parks => self.parks_due(),
                Who::Beat => self.beat(),
                Who::Conn(_) | Who::Records => {}
            }
        }
    }

    /// Bytes that came over a link.
    pub(super) fn handle_input(
        &mut self,
        now: Instant,
        id: LinkId,
        bytes: &mut [u8],
        above: &mut dyn Above,
    ) {
        self.clock = now;
        self.catch_up();
        let mut rest = bytes;
        loop {
            match self.next_record(id, &mut rest) {
                Ok(Some(mut plain)) => {
                    if let Err(violation) = self.record(id, plain.bytes(), above) {
                        return self.break_wire(id, violation);
                    }
                }
                Ok(None) => return,
                Err(violation) => return self.silence_wire(id, violation),
            }
        }
    }

    /// The cells of one record, each to where it goes.
    fn record(
        &mut self,
        id: LinkId,
        plain: &mut [u8],
        above: &mut dyn Above,
    ) -> Result<(), Violation> {
        if self.pace.is_some() {
            return self.paced_record(id, plain, above);
        }
        for (circuit, cell) in link::Record::parse(plain)? {
            match circuit {
                link::PADDING => {}
                link::WORDS => {
                    for over in link::ended(cell)? {
                        self.heard_end(id, over);
                    }
                }
                circuit => self.cell(id, circuit, cell, above)?,
            }
        }
        Ok(())
    }

    fn cell(
        &mut self,
        id: LinkId,
        circuit: CircuitId,
        cell: &mut Cell,
        above: &mut dyn Above,
    ) -> Result<(), Violation> {
        let Some(wire) = self.wires.get_mut(&id) else {
            return Ok(());
        };
        let route = match wire.route(circuit) {
            Some(route) => route,
            None => match wire.ids.heard(circuit) {
                // Who opens circuits faster than it takes their ends would have us remember them all. (ONI-15)
                Id::New if wire.is_flooded() => return Err(Violation::Circuits),
                Id::New => {
                    let Some(key) = self.begin_hop(id, circuit) else {
                        return Ok(());
                    };
                    Route::Forward(key)
                }
                Id::Ours | Id::Theirs => return Ok(()),
                Id::Impossible => return Err(Violation::CircuitId),
            },
        };
        match route {
            Route::Origin(key) => self.origin_cell(key, cell, above),
            Route::Forward(key) => self.forward(key, cell, above),
            Route::Backward(key) => self.backward(key, cell),
            Route::Over => {}
        }
        Ok(())
    }

    /// The peer says that a circuit is over.
    fn heard_end(&mut self, id: LinkId, circuit: CircuitId) {
        let Some(wire) = self.wires.get_mut(&id) else {
            return;
        };
        if let Some(route) = wire.forget(&mut self.cells, circuit) {
            self.lane_lost(route);
        }
    }

    /// A lane is gone, with its link or by the peer's word.
    fn lane_lost(&mut self, route: Route) {
        match route {
            Route::Origin(key) => self.origin_lost(key),
            Route::Forward(key) => self.came_from_lost(key),
            Route::Backward(key) => self.next_lost(key),
            Route::Over => {}
        }
    }

    /// Puts a cell into a circuit's queue.
    fn push(&mut self, (link, circuit): Lane, cell: &Cell) -> Result<(), Full> {
        let Some(wire) = self.wires.get_mut(&link) else {
            return Ok(());
        };
        let pushed = wire.push(&mut self.cells, circuit, cell);
        if !wire.is_writing && !wire.is_busy() {
            wire.is_writing = true;
            self.writers.push_back(link);
        }
        pushed
    }

    /// Ends a circuit on one link.
    fn end_lane(&mut self, (link, circuit): Lane) {
        if let Some(wire) = self.wires.get_mut(&link) {
            wire.end(circuit);
            self.wake(link);
        }
    }

    /// Cells of a session, whole ones. Its end is ready for more when it is told.
    pub(super) fn send(&mut self, now: Instant, end: LinkId, cells: &[u8]) {
        self.clock = now;
        let Some(of) = self.ends.get(&end).copied() else {
            return;
        };
        let mut out = [0; crate::onion::CELL];
        for payload in cells.chunks_exact(crate::onion::PAYLOAD) {
            if let Some(place) = out.last_chunk_mut::<{ crate::onion::PAYLOAD }>() {
                place.copy_from_slice(payload);
            }
            match of {
                EndOf::Origin(key) => self.origin_send(key, &mut out),
                EndOf::Hop(key) => self.hop_send(key, &mut out),
            }
        }
        let lane = match of {
            EndOf::Origin(key) => self.client.lane(key),
            EndOf::Hop(key) => self.relay.as_ref().and_then(|relay| relay.back(key)),
        };
        let queue = lane.and_then(|(link, circuit)| self.wires.get_mut(&link)?.lane(circuit));
        match queue {
            Some(lane) if lane.queue.len() >= wire::LOW => lane.thirsty = Some(end),
            _ => self.thirsty.push_back(end),
        }
    }

    /// The session has said all that it will: its circuit has served.
    pub(super) fn close_end(&mut self, now: Instant, end: LinkId) {
        self.clock = now;
        self.client.forget_want(end);
        self.forget_question(end);
        match self.ends.remove(&end) {
            Some(EndOf::Origin(key)) => self.end_origin(key),
            Some(EndOf::Hop(key)) => self.end_served(key),
            None => {}
        }
    }
}

/// A circuit on a link.
type Lane = (LinkId, CircuitId);

impl Mix {
    /// What pacing has come to so far.
    pub(super) fn paced(&self) -> Option<super::Paced> {
        let pace = self.pace.as_ref()?;
        Some(super::Paced {
            class: pace.class,
            quantum: pace.rules.quantum,
            slew: pace.grid.slew(),
            late: pace.count.late,
            short: pace.count.short,
            shunned: self.shunned(),
            free_slots: self.free_slots(),
        })
    }

    /// How many circuits there are.
    pub(super) fn count(&self) -> super::Circuits {
        let (own, spare) = self.client.count();
        super::Circuits {
            own,
            spare,
            through: self.relay.as_ref().map_or(0, Relay::len),
            links: self.wires.len(),
            cells: self.cells.held(),
        }
    }
}

#[cfg(test)]
mod tests;
