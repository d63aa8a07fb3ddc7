//! The face towards the links.

use super::link::{Answering, Dialling, How, Intent, Items, Link, State};
use super::mix::is_wire;
use super::timers::Who;
use super::{Batch, Bound, LinkId, LinkRequest, Node, Request, Source, To};
use crate::netlayer::CloseReason;
use crate::time::Instant;
use crate::vattp::initiator;
use crate::vattp::pipe::{CELL_LEN, Carrier, RECORD_LEN};
use crate::vattp::redial::Failure;
use crate::vattp::{Offers, Violation};
use core::mem;

impl Node {
    /// A link that a peer has opened to us, and what it is made of. `source` says from where, as far as it counts (VTP-18).
    pub fn link_accepted(&mut self, now: Instant, source: Source, carrier: Carrier) -> LinkId {
        self.clock = now;
        if self.is_relay
            && let Some(mix) = &mut self.mix
        {
            return mix.accepted(now, source);
        }
        self.answer(source, carrier)
    }

    /// Somebody is there who wants a vat, or a session.
    pub(super) fn answer(&mut self, source: Source, carrier: Carrier) -> LinkId {
        let now = self.clock;
        let id = self.fresh_link();
        let mut link = Link::new(State::Answering(Box::new(Answering::IWant)));
        link.is_end = self.is_relay;
        link.set_paced(self.is_relay && self.is_paced);
        link.carries(carrier);
        link.deadline = Some(now + self.flight_deadline);
        self.links.insert(id, link);
        self.arm(id);
        if let Some(gives_way) = self.half_open.admit(id.0, source, &mut self.rng) {
            self.violated(LinkId(gives_way), Violation::GaveWay);
            self.hang_up(LinkId(gives_way));
        }
        id
    }

    /// A link that was asked for stands, and is made of this.
    pub fn link_opened(&mut self, now: Instant, id: LinkId, carrier: Carrier) {
        self.clock = now;
        if is_wire(id) {
            return self.with_mix(|mix, _| mix.opened(now, id));
        }
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let State::Opening(intent) = mem::replace(&mut link.state, State::Silent(None)) else {
            return;
        };
        link.carries(carrier);
        link.set_paced(link.is_end && self.is_paced);
        let Intent { key, local, how } = *intent;
        let wanted = match how {
            How::Dial(wanted) => wanted,
            How::Call(with) => return self.call(id, (key, local), with),
            How::Look(listing) => return self.call_by_record(id, (key, local), listing),
        };
        let entropy = initiator::Entropy::draw(&mut self.rng);
        let offers = Offers::default();
        match initiator::start(wanted, local, offers, entropy, &mut link.out) {
            Ok(next) => {
                link.state = State::Dialling(key, Box::new(Dialling::Iam(next)));
                link.deadline = Some(now + self.flight_deadline);
                self.arm(id);
                self.wake(id);
            }
            Err(_) => {
                self.hang_up(id);
                self.break_off(key, CloseReason::Refused);
            }
        }
    }

    /// The link is gone, or never came to stand. Unknown ids are ignored.
    pub fn link_lost(&mut self, now: Instant, id: LinkId) {
        self.clock = now;
        if is_wire(id) {
            return self.with_mix(|mix, _| mix.lost(now, id));
        }
        let failure = match self.links.get(&id).map(|link| &link.state) {
            Some(State::Opening(_)) => Failure::NoLink,
            Some(State::Silent(_)) => Failure::Silent,
            _ => Failure::Broken,
        };
        self.depart(id, failure);
    }

    /// Bytes that came over a stream, in order, in any chopping. They are opened where they lie: afterwards the buffer's
    /// content is undefined.
    pub fn handle_input(&mut self, now: Instant, id: LinkId, bytes: &mut [u8]) {
        self.clock = now;
        if is_wire(id) {
            return self.with_mix(|mix, node| mix.handle_input(now, id, bytes, node));
        }
        let mut rest = bytes;
        while let Some(link) = self.links.get_mut(&id) {
            let lengths = match &link.state {
                State::Dialling(_, state) => state.lengths(),
                State::Answering(state) => state.lengths(),
                State::Live(..) => RECORD_LEN,
                State::Opening(_) | State::Called(_) | State::Silent(_) | State::Closing => return,
            };
            let Items::Stream(splitter) = &mut link.items else {
                return;
            };
            match splitter.next(&mut rest, &lengths) {
                Ok(Some(mut item)) => self.item(id, &mut item),
                Ok(None) => break,
                Err(violation) => self.fail(id, violation),
            }
        }
        self.settle(id);
    }

    /// A cell that came over a carrier of cells, with its index: 0 is the first that was sent on the link in this
    /// direction, and some may be missing. It is opened where it lies. (VTP-43)
    pub fn handle_cell(&mut self, now: Instant, id: LinkId, index: u64, cell: &mut [u8; CELL_LEN]) {
        self.clock = now;
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        match &link.state {
            State::Live(..) => self.cell(id, index, cell),
            State::Dialling(_, state) if state.awaits_record() => self.cell(id, index, cell),
            State::Called(_) => self.called_cell(id, index, cell),
            State::Dialling(..) | State::Answering(_) => self.flight_cell(id, index, cell),
            State::Opening(_) | State::Silent(_) | State::Closing => return,
        }
        self.settle(id);
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.clock = now;
        // All at once: what is due and cannot be done before something is sent is set again for the same moment.
        for who in self.timers.take_due(now) {
            match who {
                Who::Link(id) => self.link_due(id),
                Who::Conn(id) => self.conn_due(id),
                Who::Records => self.records_due(),
                Who::Hop(_) | Who::Origin(_) | Who::Pool | Who::Sweep | Who::Parks | Who::Beat => {}
            }
        }
        self.forget_pairs();
        self.with_mix(|mix, _| mix.handle_timeout(now));
    }

    fn link_due(&mut self, id: LinkId) {
        let now = self.clock;
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        link.timer = None;
        if link.deadline.is_some_and(|deadline| deadline <= now) {
            if !matches!(link.state, State::Silent(_) | State::Closing) {
                self.violated(id, Violation::Late);
            }
            return self.depart(id, Failure::Silent);
        }
        if let State::Live(conn, transport) = &mut link.state
            && let Some(it) = self.conns.get_mut(conn)
            && let Err(violation) = transport.tick(now, &mut it.talk)
        {
            return self.fail(id, violation);
        }
        self.wake(id);
        self.arm(id);
    }

    /// When [`Node::handle_timeout`] is wanted next. May be earlier than needed, never later.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let mix = self.mix.as_ref().and_then(|mix| mix.poll_timeout());
        let due = [self.timers.first(), self.memory_due(), mix];
        due.into_iter().flatten().min()
    }

    /// Appends bytes to `out`, about 64 KiB at most, for the link returned; on a carrier of cells whole cells, which
    /// follow those given before. That link is then busy: nothing more is given for it until [`Node::link_ready`].
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<LinkId> {
        self.clock = now;
        while let Some(id) = self.writers.pop_front() {
            let Some(link) = self.links.get_mut(&id) else {
                continue;
            };
            link.is_writing = false;
            if link.is_busy {
                continue;
            }
            if link.is_end {
                self.feed_end(id);
                continue;
            }
            let before = out.len();
            link.give(out);
            self.fill(id, out);
            if out.len() > before {
                if let Some(link) = self.links.get_mut(&id) {
                    link.is_busy = true;
                }
                return Some(id);
            }
        }
        let written = self.mix.as_mut()?.poll_transmit(now, out);
        self.hear_mix();
        written
    }

    /// Appends one link's batch of the coming quantum to `out`. To be asked until it gives `None`, whenever [`Node::poll_transmit`] is; a
    /// link that has given a batch gives nothing to [`Node::poll_transmit`] any more, whose bytes go before it. What stands in a batch changes
    /// no more: it is to be written at its moment, and [`Node::link_ready`] is not said for it. (PAC-1)
    pub fn poll_batch(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Batch> {
        self.clock = now;
        let mut mix = self.mix.take()?;
        let batch = mix.poll_batch(out, self);
        self.mix = Some(mix);
        self.hear_mix();
        batch
    }

    /// The driver has written the last batch of this link and can take another.
    pub fn link_ready(&mut self, id: LinkId) {
        if is_wire(id) {
            return self.with_mix(|mix, _| mix.link_ready(id));
        }
        if let Some(link) = self.links.get_mut(&id) {
            link.is_busy = false;
            self.wake(id);
            self.arm(id);
        }
    }

    /// Whom a link leads to that is being opened; `None` if none is.
    pub fn bound_for(&self, id: LinkId) -> Option<Bound> {
        if is_wire(id) {
            return Some(Bound::Relay);
        }
        let State::Opening(intent) = &self.links.get(&id)?.state else {
            return None;
        };
        Some(Bound::Vat(intent.key.peer, intent.key.throwaway()))
    }

    /// What is to be done with links.
    pub fn poll_link(&mut self, now: Instant) -> Option<LinkRequest> {
        self.clock = now;
        for id in mem::take(&mut self.undated) {
            if let Some(link) = self.links.get_mut(&id) {
                link.deadline = Some(now + self.flight_deadline);
                self.arm(id);
            }
        }
        while let Some(request) = self.requests.pop_front() {
            let (id, to) = match request {
                Request::Close { link, is_end: true } => {
                    self.with_mix(|mix, _| mix.close_end(now, link));
                    continue;
                }
                Request::Close { link, .. } => return Some(LinkRequest::Close { link }),
                Request::Ask {
                    end,
                    relay,
                    question,
                } => {
                    self.put_question(end, relay, question);
                    continue;
                }
                Request::Open { link, to } => (link, to),
            };
            let patience = to.patience(self);
            // Unless it was given up before anybody began to open it.
            let Some(link) = self.links.get_mut(&id) else {
                continue;
            };
            link.deadline = Some(now + patience);
            let mut of = None;
            if let State::Opening(intent) = &link.state {
                let key = intent.key;
                of = key.throwaway();
                self.begin_wait(key);
            }
            self.arm(id);
            match to {
                To::Address(at) => return Some(LinkRequest::Open { link: id, at }),
                To::Relay(relay, reach) => {
                    self.with_mix(|mix, _| mix.open_end(now, id, (relay, reach), of));
                }
                To::Spot(spot) => {
                    let cookie = *spot.cookie.as_bytes();
                    self.with_mix(|mix, _| mix.open_meeting(now, id, spot.relay, cookie));
                }
            }
        }
        self.mix.as_mut()?.poll_request()
    }
}
