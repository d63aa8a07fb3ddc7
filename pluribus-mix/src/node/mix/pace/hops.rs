//! Circuits through this relay, or to it, by the clock. (PAC-9 to PAC-12)

use super::super::relay::{Meet, Next};
use super::super::wire::Route;
use super::super::{Above, Mix};
use super::Whose;
use crate::node::LinkId;
use crate::onion::hop::{Back, Forward};
use crate::onion::message::Reason;
use crate::onion::{Cell, halves};
use crate::pacing::Class;

impl Mix {
    /// A cell from the client's side, with its index here and the place where it goes on.
    pub(super) fn forward_at(
        &mut self,
        key: usize,
        index: u64,
        mark: (u64, u64),
        cell: &mut Cell,
        above: &mut dyn Above,
    ) {
        let now = self.clock;
        let Some(relay) = self.relay.as_mut() else {
            return;
        };
        let Some(at) = relay.hops.get_mut(key) else {
            return;
        };
        (at.heard, at.index) = (now, index);
        let meets = at.meet.is_any();
        let forward = at
            .hop
            .forward_at(index, cell, &mut relay.answerer, &mut self.rng);
        match forward {
            Forward::Nothing | Forward::Back | Forward::Blame => {}
            Forward::Onward => {
                if let Next::Lane(lane) = at.next {
                    self.put_at(lane, mark, cell);
                }
            }
            Forward::Through if meets => self.pass_at(key, mark, cell),
            Forward::Park(secret) => self.park(key, &secret),
            Forward::Join(cookie) => self.join(key, &cookie),
            Forward::Keep(record) => self.keep(key, &record),
            Forward::Find(index) => self.find(key, &index),
            Forward::Through => self.hop_through(key, Some(index), cell, above),
            Forward::Answer(cells) => {
                (at.deadline, at.reply) = (None, Some(cells));
                self.open_back(key);
            }
            Forward::Extend(relay, request) => self.extend_hop(key, &relay, request),
            Forward::Truncate => {
                self.drop_next(key);
                self.leave(key);
            }
            Forward::Close(_) => self.close_hop(key),
        }
    }

    /// The answer goes back, and from now on the circuit has its cells on that way too.
    fn open_back(&mut self, key: usize) {
        let Some((link, circuit)) = self.relay.as_ref().and_then(|relay| relay.back(key)) else {
            return;
        };
        let Some(begin) = self.room(link, Class::of(circuit.class()), Whose::Theirs, |_| true)
        else {
            return self.close_hop(key);
        };
        if let Some(lane) = self
            .wires
            .get_mut(&link)
            .and_then(|wire| wire.lane(circuit))
        {
            lane.places.outward = Some(begin);
        }
    }

    /// Begins the circuit beyond this hop, if its link stands and has room; else it is tried again in the next quantum. (PAC-8, PAC-11)
    pub(in crate::node::mix) fn ask_next_paced(&mut self, key: usize) {
        let Some((link, back)) = self.relay.as_ref().and_then(|relay| relay.wanted(key)) else {
            return;
        };
        let is_ready = self.wires.get(&link).is_some_and(|wire| wire.may_flow());
        let inward = self.wires.get(&back.0).and_then(|wire| {
            let lane = wire.lanes.get(&back.1)?;
            Some((wire.flow.as_ref()?.intake.clone(), lane.places.inward?))
        });
        let Some((intake, inward)) = inward else {
            return;
        };
        let class = Class::of(back.1.class());
        // The circuit's turn on the link onward is that of the cells that are played then.
        let since = |n: u64| intake.tick_at(n)?.checked_sub(inward.first);
        let fits = |n: u64| since(n).is_some_and(|since| class.is_due(since));
        let begin = match is_ready {
            true => self.room(link, class, Whose::Ours, fits),
            false => None,
        };
        let Some((begin, since)) = begin.and_then(|n| Some((n, since(n)?))) else {
            if let Some(pace) = &mut self.pace {
                pace.waiting.push(key);
            }
            return;
        };
        self.begin_next(key, link, begin, class.index(since, 0));
    }

    /// Begins it in this batch, in the place of the forward cell with this index.
    fn begin_next(&mut self, key: usize, link: LinkId, begin: u64, index: u64) {
        let (Some(relay), Some(wire)) = (self.relay.as_mut(), self.wires.get_mut(&link)) else {
            return;
        };
        let Some(at) = relay.hops.get_mut(key) else {
            return;
        };
        let class = at.back.1.class();
        let Next::Wanted(_, request) = &at.next else {
            return;
        };
        let cells = halves(request);
        let Some(circuit) = wire
            .ids
            .next_of(class)
            .filter(|_| wire.len() < super::super::relay::ON_ONE_LINK)
        else {
            (at.next, at.deadline) = (Next::Nothing, None);
            return self.truncated(key, Reason::Full);
        };
        wire.open(circuit, Route::Backward(key));
        if let Some(lane) = wire.lane(circuit) {
            lane.places.outward = Some(begin);
        }
        at.next = Next::Lane((link, circuit));
        at.hop.begins_next(index);
        let class = Class::of(class);
        let places = [
            (begin, 0),
            match class.burst() {
                1 => (begin + class.every(), 0),
                _ => (begin, 1),
            },
        ];
        for (mark, cell) in places.into_iter().zip(&cells) {
            self.put_at((link, circuit), mark, cell);
        }
    }

    /// Writes the backward cell with this index; if `came` it holds what the next relay sent for this place. (PAC-10)
    pub(super) fn hop_fill(
        &mut self,
        key: usize,
        index: u64,
        came: bool,
        cell: &mut Cell,
        above: &mut dyn Above,
    ) {
        let (Some(relay), Some(pace)) = (self.relay.as_mut(), self.pace.as_mut()) else {
            return;
        };
        let Some(at) = relay.hops.get_mut(key) else {
            return;
        };
        let bare = usize::try_from(index).ok();
        let bare = bare.and_then(|index| at.reply.as_ref()?.get(index));
        if let Some(bare) = bare {
            cell.copy_from_slice(bare);
            return;
        }
        at.reply = None;
        let end = at
            .end
            .as_ref()
            .filter(|end| !end.is_over)
            .map(|end| end.link);
        let is_spliced = matches!(at.meet, Meet::Spliced { .. });
        let back = at
            .hop
            .back_at(index, came, cell, &mut pace.noise, |payload| {
                // Of a splice it stands there already, if it has come.
                let ours = |end| above.pull(end, index, payload);
                (is_spliced && came) || end.is_some_and(ours)
            });
        match back {
            Back::Cell => {}
            Back::Grown => at.deadline = None,
            Back::Broken => {
                self.drop_next(key);
                self.truncated(key, Reason::NextEnded);
            }
        }
    }

    pub(super) fn heard_hop(&mut self, key: usize) {
        let now = self.clock;
        if let Some(at) = self
            .relay
            .as_mut()
            .and_then(|relay| relay.hops.get_mut(key))
        {
            at.heard = now;
        }
    }
}
