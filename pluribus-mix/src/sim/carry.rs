//! Sending and arriving.
//!
//! Whatever a host does to a link becomes an item on a lane: the ask for a link, the answer, bytes, cells, the end. Each
//! passes the same gates: the observer notes it, a dead link swallows it, a cut at a byte counts it, a partition loses it, a
//! meddler changes it, the lane says when it arrives, and if it is a cell, chance may lose it. On arrival it meets the
//! weather again, and then the host.

use super::cells::CELL;
use super::link::{Item, Link, State};
use super::{Direction, LinkNo, Passing, Place, World};
use crate::node::LinkId;

/// An item that has reached the end of its lane.
pub(super) struct Arrival {
    pub(super) link: LinkNo,
    pub(super) direction: Direction,
    pub(super) item: Item,
}

impl World {
    /// Asks for a link. A node's own name for it comes along.
    pub(super) fn open(&mut self, from: Place, handle: Option<LinkId>, to: Place) -> LinkNo {
        let no = LinkNo(self.links_made);
        self.links_made += 1;
        let carrier = self.carrier_between(from, to);
        self.links.insert(no, Link::new(from, handle, to, carrier));
        self.carry(no, Direction::Out, Item::Open);
        no
    }

    /// Ends a link at the end from which `direction` leads away. What was sent before still arrives.
    pub(super) fn hang_up(&mut self, no: LinkNo, direction: Direction) {
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        link.target_mut(direction.mirrored()).state = State::Over;
        self.carry(no, direction, Item::Over);
        self.forget_if_over(no);
    }

    /// Ends all links that a host holds.
    pub(super) fn hang_up_all(&mut self, place: Place) {
        let held = self.links.iter().flat_map(|(no, link)| {
            let mine = move |away: &Direction| link.source(*away).place == place;
            link.holders().filter(mine).map(|away| (*no, away))
        });
        for (no, away) in held.collect::<Vec<_>>() {
            self.hang_up(no, away);
        }
    }

    /// Sends an item on its way.
    pub(super) fn carry(&mut self, no: LinkNo, direction: Direction, item: Item) {
        let Some(link) = self.links.get(&no) else {
            return;
        };
        let passing = Passing {
            at: self.now,
            link: no,
            direction,
            from: link.source(direction).place,
            to: link.target(direction).place,
            index: item.index(),
        };
        let dead = link.dead;
        self.observer.note(passing, &item);
        if !dead {
            self.burn(passing, item);
        }
    }

    /// Puts on its lane what becomes of an item in this weather.
    pub(super) fn pass(&mut self, passing: Passing, item: Item) {
        let (no, direction) = (passing.link, passing.direction);
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        let pair = self.weather.pair(passing.from, passing.to);
        link.torn |= pair.parted && !item.is_cell();
        if pair.parted || link.torn {
            return;
        }
        for item in pair.pass(passing, item) {
            let late = pair.late();
            let lane = link.target_mut(direction);
            let at = lane.arrival(self.now, item.len(), pair.rules, late);
            if pair.loses(&item) {
                continue;
            }
            let arrival = Arrival {
                link: no,
                direction,
                item,
            };
            self.agenda.arrives(at, arrival);
        }
    }

    /// Hands an item that has arrived to its host, unless the weather says otherwise.
    pub(super) fn deliver(&mut self, arrival: Arrival) {
        let Some((from, to)) = self.ends_of(&arrival) else {
            return;
        };
        let Some(link) = self.links.get_mut(&arrival.link).filter(|link| !link.dead) else {
            return;
        };
        let pair = self.weather.pair(from, to);
        link.torn |= pair.parted && !arrival.item.is_cell();
        // Behind a hole there is no stream; only the news of the hole goes on.
        if pair.parted || (link.torn && !matches!(arrival.item, Item::Broken)) {
            return;
        }
        if let Some(arrival) = pair.keep(arrival) {
            self.arrive(arrival, from, to);
        }
    }

    /// Where an arrival comes from, and where to.
    pub(super) fn ends_of(&self, arrival: &Arrival) -> Option<(Place, Place)> {
        let link = self.links.get(&arrival.link)?;
        let (from, to) = (
            link.source(arrival.direction),
            link.target(arrival.direction),
        );
        Some((from.place, to.place))
    }

    /// Hands an item to its host.
    pub(super) fn arrive(&mut self, arrival: Arrival, from: Place, to: Place) {
        let (no, direction) = (arrival.link, arrival.direction);
        match arrival.item {
            Item::Open => self.asked(no, from, to),
            Item::Stands => self.stands(no, to),
            Item::Bytes(bytes) => self.reached(no, direction, to, bytes),
            Item::Cell { index, cell } => self.reached_by_cell(no, direction, index, cell),
            Item::Refused | Item::Over | Item::Broken => self.lost(no, direction),
        }
    }

    fn asked(&mut self, no: LinkNo, from: Place, to: Place) {
        let taken = match to {
            Place::Vat(vat) => {
                let carrier = self.links.get(&no).map(|link| link.carrier);
                let taken = carrier.and_then(|of| self.vat_link_accepted(vat, no, from, of));
                taken.map(Some)
            }
            Place::Raw(raw) => {
                self.raw_link_accepted(raw, no, from);
                Some(None)
            }
            Place::Nowhere => None,
        };
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        let end = link.target_mut(Direction::Out);
        let Some(handle) = taken else {
            end.state = State::Over;
            self.carry(no, Direction::Back, Item::Refused);
            self.forget_if_over(no);
            return;
        };
        (end.state, end.handle) = (State::Up, handle);
        self.carry(no, Direction::Back, Item::Stands);
        if let Place::Vat(vat) = to {
            self.pump(vat);
        }
    }

    fn stands(&mut self, no: LinkNo, to: Place) {
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        let end = link.target_mut(Direction::Back);
        if end.state != State::Opening {
            return;
        }
        end.state = State::Up;
        let (handle, carrier) = (end.handle, link.carrier);
        match to {
            Place::Vat(vat) => self.vat_link_opened(vat, handle, carrier),
            Place::Raw(raw) => self.raw_link_opened(raw, no),
            Place::Nowhere => {}
        }
    }

    fn reached(&mut self, no: LinkNo, direction: Direction, to: Place, bytes: Vec<u8>) {
        let Some(link) = self.links.get(&no) else {
            return;
        };
        let end = link.target(direction);
        if end.state != State::Up {
            return;
        }
        let handle = end.handle;
        match to {
            Place::Vat(vat) => self.vat_input(vat, handle, bytes),
            Place::Raw(raw) => self.raw_input(raw, no, bytes),
            Place::Nowhere => {}
        }
    }

    fn reached_by_cell(
        &mut self,
        no: LinkNo,
        direction: Direction,
        index: u64,
        mut cell: Box<[u8; CELL]>,
    ) {
        let Some(link) = self.links.get(&no) else {
            return;
        };
        let end = link.target(direction);
        if end.state != State::Up {
            return;
        }
        let handle = end.handle;
        match end.place {
            Place::Vat(vat) => self.vat_cell(vat, handle, index, &mut cell),
            Place::Raw(raw) => self.raw_cell(raw, no, index, &cell),
            Place::Nowhere => {}
        }
    }

    /// The end to which `direction` leads has lost its link. What it still sends goes nowhere.
    pub(super) fn lost(&mut self, no: LinkNo, direction: Direction) {
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        let end = link.target_mut(direction);
        let (place, handle) = (end.place, end.handle);
        let before = core::mem::replace(&mut end.state, State::Over);
        self.forget_if_over(no);
        if before != State::Over {
            self.tell_lost(no, place, handle);
        }
    }

    /// Tells a host that it has lost a link.
    pub(super) fn tell_lost(&mut self, no: LinkNo, place: Place, handle: Option<LinkId>) {
        match place {
            Place::Vat(vat) => self.vat_link_lost(vat, handle),
            Place::Raw(raw) => self.raw_link_lost(raw, no),
            Place::Nowhere => {}
        }
    }

    fn forget_if_over(&mut self, no: LinkNo) {
        if self.links.get(&no).is_some_and(Link::is_over) {
            self.links.remove(&no);
        }
    }
}
