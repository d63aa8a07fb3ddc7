//! Sending and arriving.
//!
//! Whatever a host does to a link becomes an item on a lane: the ask for a link, the answer, bytes, the end. Each passes the
//! same gates: the observer notes it, a partition loses it, a meddler changes it, the lane says when it arrives. On
//! arrival it meets the weather again, and then the host.

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
        self.links.insert(no, Link::new(from, handle, to));
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

    /// Puts an item on its lane.
    pub(super) fn carry(&mut self, no: LinkNo, direction: Direction, item: Item) {
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        let passing = Passing {
            at: self.now,
            link: no,
            direction,
            from: link.source(direction).place,
            to: link.target(direction).place,
        };
        self.observer.note(passing, &item);
        let pair = self.weather.pair(passing.from, passing.to);
        link.torn |= pair.parted;
        if link.torn {
            return;
        }
        for item in pair.pass(passing, item) {
            let late = pair.late();
            let lane = link.target_mut(direction);
            let at = lane.arrival(self.now, item.len(), pair.rules, late);
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
        let Some(link) = self.links.get_mut(&arrival.link) else {
            return;
        };
        let from = link.source(arrival.direction).place;
        let to = link.target(arrival.direction).place;
        let pair = self.weather.pair(from, to);
        link.torn |= pair.parted;
        // Behind a hole there is no stream; only the news of the hole goes on.
        if pair.parted || (link.torn && !matches!(arrival.item, Item::Broken)) {
            return;
        }
        let Some(arrival) = pair.keep(arrival) else {
            return;
        };
        let (no, direction) = (arrival.link, arrival.direction);
        match arrival.item {
            Item::Open => self.asked(no, from, to),
            Item::Stands => self.stands(no, to),
            Item::Bytes(bytes) => self.reached(no, direction, to, bytes),
            Item::Refused | Item::Over | Item::Broken => self.lost(no, direction),
        }
    }

    fn asked(&mut self, no: LinkNo, from: Place, to: Place) {
        let taken = match to {
            Place::Vat(vat) => self.vat_link_accepted(vat, no, from).map(Some),
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
        let handle = end.handle;
        match to {
            Place::Vat(vat) => self.vat_link_opened(vat, handle),
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

    /// The end to which `direction` leads has lost its link. What it still sends goes nowhere.
    fn lost(&mut self, no: LinkNo, direction: Direction) {
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
