//! How links begin and end.

use super::super::Source;
use super::super::timers::Who;
use super::pace::{Flow, Kind};
use super::wire::{Stage, Wire};
use super::{Mix, News, WIRE};
use crate::crypto::sign::SigningKey;
use crate::id::RelayId;
use crate::locator::Address;
use crate::node::{LinkId, LinkRequest, Trace};
use crate::onion::link::Ids;
use crate::time::{Duration, Instant};
use crate::vattp::bare::{Answering, Bare, Came, Plain};
use crate::vattp::target::Wanted;
use crate::vattp::{Hints, Local, Peer, Use, Violation};
use std::sync::Arc;

/// A peer that takes nothing for so long is gone. (ONI-15)
const STUCK: Duration = Duration::from_secs(30);
/// A link without a circuit for so long is closed. (ONI-15)
const IDLE: Duration = Duration::from_secs(5 * 60);
/// How often a link is looked at.
const LOOK: Duration = Duration::from_secs(10);

impl Mix {
    fn fresh_wire(&mut self) -> LinkId {
        self.next_link += 1;
        LinkId(WIRE | self.next_link)
    }

    /// A link that somebody has opened to us. Only a relay answers on it.
    pub(in crate::node) fn accepted(&mut self, now: Instant, source: Source) -> LinkId {
        self.clock = now;
        let id = self.fresh_wire();
        if self.wires.len() >= self.max_links {
            self.requests.push_back(LinkRequest::Close { link: id });
            return id;
        }
        let mut wire = Wire::new(Stage::Standing(Box::new(Bare::answer())), Ids::accepter());
        wire.deadline = Some(now + self.flight_deadline);
        self.wires.insert(id, wire);
        self.arm_wire(id);
        if let Some(gives_way) = self.half_open.admit(id.0, source, &mut self.rng) {
            self.break_wire(LinkId(gives_way), Violation::GaveWay);
        }
        id
    }

    /// A link that was asked for stands.
    pub(in crate::node) fn opened(&mut self, now: Instant, id: LinkId) {
        self.clock = now;
        let local = self.dialler();
        let Some(wire) = self.wires.get_mut(&id) else {
            return;
        };
        let wanted = wire.relay.and_then(|relay| {
            let known = self.consensus.as_ref()?.relay(&relay)?;
            Some(Wanted {
                key: *relay.public_key(),
                prekey: known.onion,
                for_use: Use::Link,
                place: relay.as_bytes().to_vec(),
            })
        });
        let dialled =
            wanted.and_then(|wanted| Bare::dial(wanted, local, &mut self.rng, &mut wire.out).ok());
        let Some(bare) = dialled else {
            return self.close_wire(id);
        };
        wire.stage = Stage::Standing(Box::new(bare));
        wire.deadline = Some(now + self.flight_deadline);
        self.arm_wire(id);
        self.wake(id);
    }

    /// As whom links are dialled: a relay as itself, a client under a key made for this link. (ONI-1)
    fn dialler(&mut self) -> Local {
        if self.relay.is_some() {
            return self.local.clone();
        }
        Local {
            key: Arc::new(SigningKey::from_seed(&self.rng.draw())),
            incarnation: 0,
            hints: Hints::default(),
            backend: self.local.backend,
        }
    }

    /// The link is gone, or never came to stand.
    pub(in crate::node) fn lost(&mut self, now: Instant, id: LinkId) {
        self.clock = now;
        self.drop_wire(id);
    }

    /// The link to use for this relay: one that there is, or one that is asked for now. `None` if the consensus does not
    /// have the relay, or it is ourselves.
    pub(super) fn link_to(&mut self, relay: &RelayId) -> Option<LinkId> {
        if let Some(link) = self.to_relay.get(relay) {
            return Some(*link);
        }
        if *relay.public_key() == self.local.key.public() {
            return None;
        }
        let at = Address::try_from(self.consensus.as_ref()?.relay(relay)?.at).ok()?;
        let id = self.fresh_wire();
        let ids = match self.relay {
            Some(_) => Ids::dialler(),
            None => Ids::client(),
        };
        let mut wire = Wire::new(Stage::Opening, ids);
        wire.relay = Some(*relay);
        wire.deadline = Some(self.clock + self.flight_deadline);
        self.wires.insert(id, wire);
        self.to_relay.insert(*relay, id);
        self.arm_wire(id);
        self.requests.push_back(LinkRequest::Open { link: id, at });
        Some(id)
    }

    /// The next record of a link; what comes of the handshake before it is done on the way.
    pub(super) fn next_record<'i>(
        &mut self,
        id: LinkId,
        rest: &mut &'i mut [u8],
    ) -> Result<Option<Plain<'i>>, Violation> {
        loop {
            let Some(wire) = self.wires.get_mut(&id) else {
                return Ok(None);
            };
            let Stage::Standing(bare) = &mut wire.stage else {
                return Ok(None);
            };
            let answering = self.relay.as_ref().map(|relay| Answering {
                hosted: &relay.hosted,
                seen: &mut self.seen,
                rng: &mut self.rng,
            });
            match bare.next(rest, self.clock, answering, &mut wire.out)? {
                None => return Ok(None),
                Some(Came::Record(plain)) => return Ok(Some(plain)),
                Some(Came::Item) => {
                    wire.deadline = wire.deadline.filter(|_| !bare.is_live());
                    wire.used = self.clock;
                }
                Some(Came::Asked) => {
                    self.half_open.passed(id.0);
                    wire.deadline = Some(self.clock + self.flight_deadline);
                }
                Some(Came::Proven(peer)) => self.proven(id, &peer),
            }
            self.wake(id);
            self.arm_wire(id);
        }
    }

    /// The peer is proven, and the link can carry circuits.
    fn proven(&mut self, id: LinkId, peer: &Peer) {
        self.half_open.remove(id.0);
        self.begin_flow(id, peer);
        let Some(wire) = self.wires.get_mut(&id) else {
            return;
        };
        if wire.relay.is_some() {
            // Ours: GOTOO is still to come.
            wire.deadline = Some(self.clock + self.flight_deadline);
            self.client_link_live(id);
            return self.relay_link_live(id);
        }
        (wire.deadline, wire.used) = (None, self.clock);
        let relay = RelayId::from(peer.key);
        let is_known = self
            .consensus
            .as_ref()
            .is_some_and(|it| it.relay(&relay).is_some());
        if !peer.is_anonymous() && is_known {
            wire.relay = Some(relay);
            self.to_relay.entry(relay).or_insert(id);
        }
    }

    /// Where cells go by the clock: from now on the link's do. (PAC-4)
    fn begin_flow(&mut self, id: LinkId, peer: &Peer) {
        let is_relay = self.relay.is_some();
        let (Some(wire), Some(pace)) = (self.wires.get_mut(&id), &self.pace) else {
            return;
        };
        let kind = match wire.relay {
            Some(relay) if is_relay => Kind::Peer(relay),
            Some(_) => Kind::Guard,
            None if peer.is_anonymous() => Kind::Guest(None),
            None => Kind::Peer(RelayId::from(peer.key)),
        };
        wire.flow = Some(Box::new(Flow::new(kind, pace.class, &pace.rules)));
    }

    /// A peer broke a rule. Before the proof: silence until the deadline. (VTP-17)
    pub(super) fn silence_wire(&mut self, id: LinkId, violation: Violation) {
        let waits = self
            .wires
            .get(&id)
            .is_some_and(|wire| wire.deadline.is_some());
        if !waits {
            return self.break_wire(id, violation);
        }
        let trace = Trace::Violation {
            link: id,
            violation,
        };
        self.news.push_back(News::Trace(trace));
    }

    /// A peer broke a rule behind its proof.
    pub(super) fn break_wire(&mut self, id: LinkId, violation: Violation) {
        let trace = Trace::Violation {
            link: id,
            violation,
        };
        self.news.push_back(News::Trace(trace));
        self.close_wire(id);
    }

    pub(super) fn close_wire(&mut self, id: LinkId) {
        if self.wires.contains_key(&id) {
            self.requests.push_back(LinkRequest::Close { link: id });
            self.drop_wire(id);
        }
    }

    fn drop_wire(&mut self, id: LinkId) {
        self.half_open.remove(id.0);
        let Some(mut wire) = self.wires.remove(&id) else {
            return;
        };
        self.timers.clear(Who::Link(id), &mut wire.timer);
        let bore = self.client.borne_by(id);
        if let Some(relay) = wire.relay
            && self.to_relay.get(&relay) == Some(&id)
        {
            self.to_relay.remove(&relay);
        }
        for route in wire.close(&mut self.cells) {
            self.lane_lost(route);
        }
        self.client_link_lost(id, wire.relay, bore);
        if wire.relay.is_some() {
            self.relay_link_lost(id);
        }
    }

    /// A link's moment has come: its handshake is late, its peer takes nothing, or nobody needs it. (ONI-15)
    pub(super) fn wire_due(&mut self, id: LinkId) {
        let now = self.clock;
        let Some(wire) = self.wires.get_mut(&id) else {
            return;
        };
        wire.timer = None;
        if wire.len() > 0 {
            wire.used = now;
        }
        let is_late = wire.deadline.is_some_and(|deadline| deadline <= now);
        let is_stuck = wire.busy_since.is_some_and(|since| since + STUCK <= now);
        let is_idle = wire.deadline.is_none() && wire.used + IDLE <= now;
        if is_late || is_stuck || is_idle {
            return self.close_wire(id);
        }
        self.arm_wire(id);
    }

    fn arm_wire(&mut self, id: LinkId) {
        let look = self.clock + LOOK;
        if let Some(wire) = self.wires.get_mut(&id) {
            let due = wire.deadline.unwrap_or(look);
            self.timers.set(Who::Link(id), &mut wire.timer, Some(due));
        }
    }

    /// The link may have something to write.
    pub(super) fn wake(&mut self, id: LinkId) {
        if let Some(wire) = self.wires.get_mut(&id)
            && !wire.is_writing
            && !wire.is_busy()
        {
            wire.is_writing = true;
            self.writers.push_back(id);
        }
    }

    /// As [`Node::poll_transmit`](crate::node::Node::poll_transmit).
    pub(in crate::node) fn poll_transmit(
        &mut self,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Option<LinkId> {
        self.clock = now;
        while let Some(id) = self.writers.pop_front() {
            let Some(wire) = self.wires.get_mut(&id) else {
                continue;
            };
            wire.is_writing = false;
            if wire.is_busy() {
                continue;
            }
            let before = out.len();
            wire.fill(&mut self.cells, out, &mut self.thirsty);
            if out.len() > before {
                wire.busy_since = Some(now);
                return Some(id);
            }
        }
        None
    }

    /// As [`Node::link_ready`](crate::node::Node::link_ready).
    pub(in crate::node) fn link_ready(&mut self, id: LinkId) {
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.busy_since = None;
            if wire.has_more() {
                self.wake(id);
            }
        }
    }
}
