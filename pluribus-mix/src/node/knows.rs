//! What a node's tables say about who talks with whom. The story is told in `mix/knows.rs`.

use super::link::{How, Link, State};
use super::mix::{AllHeld, Held, Knowledge};
use super::{LinkId, Node, Request};

impl Node {
    /// Whom the tables of this node lead to, circuit by circuit and all together: for tests and for operators who audit. What it
    /// shows may pair names with links; it belongs in no log.
    #[doc(hidden)]
    pub fn knowledge(&self) -> Knowledge {
        let of_end = |end: LinkId, out: &mut AllHeld| self.held_of_link(end, out);
        let mix = self.mix.as_ref().map(|mix| mix.knowledge(&of_end));
        let mut knowledge = mix.unwrap_or_default();
        self.meet.held(&mut knowledge);
        self.held(&mut knowledge.all);
        knowledge
    }

    /// Whom the link that this number names leads to.
    fn held_of_link(&self, id: LinkId, out: &mut AllHeld) {
        let Some(link) = self.links.get(&id) else {
            return;
        };
        let Link {
            state,
            items: _,
            out: _,
            index: _,
            first: _,
            deadline: _,
            timer: _,
            is_busy: _,
            is_writing: _,
            is_end: _,
            is_paced: _,
            splice: _,
            said: _,
            with,
            by,
        } = link;
        if let Some(with) = with {
            let ticket = with.ticket();
            out.insert(Held::Meeting(ticket.vat(), ticket.spot().relay));
        }
        if let (Some(by), State::Dialling(key, _)) = (by, state) {
            out.insert(Held::Meeting(key.peer, by.spot.relay));
        }
        match state {
            State::Opening(intent) => {
                out.insert(Held::Vat(intent.key.peer));
                let at = match &intent.how {
                    How::Dial(_) => None,
                    How::Call(with) => Some(with.ticket().spot().relay),
                    How::Look(listing) => Some(listing.spot.relay),
                };
                out.extend(at.map(|at| Held::Meeting(intent.key.peer, at)));
            }
            State::Called(calling) => {
                out.extend(calling.key().map(|key| Held::Vat(key.peer)));
            }
            State::Dialling(key, _) | State::Silent(Some(key)) => {
                out.insert(Held::Vat(key.peer));
            }
            State::Live(conn, _) => {
                if let Some(conn) = self.conns.get(conn) {
                    conn.held(out);
                }
            }
            State::Answering(_) | State::Silent(None) | State::Closing => {}
        }
    }

    /// Whom the rest of the tables lead to.
    fn held(&self, out: &mut AllHeld) {
        let Self {
            hosted: _,
            locator: _,
            anonymous: _,
            flight_deadline: _,
            link_deadline: _,
            max_connections: _,
            max_waiting: _,
            tuning: _,
            clock: _,
            rng: _,
            ids: _,
            seen: _,
            half_open: _,
            links,
            conns,
            pairs,
            resting,
            waiting,
            is_forgetful: _,
            weight: _,
            starved: _,
            next_link: _,
            next_conn: _,
            timers: _,
            writers: _,
            tellers: _,
            streamers: _,
            struck: _,
            requests,
            undated: _,
            trace: _,
            mix: _,
            // Asked beside this.
            meet: _,
            is_relay: _,
            is_paced: _,
            consensus: _,
            scratch: _,
        } = self;
        links.keys().for_each(|link| self.held_of_link(*link, out));
        conns.values().for_each(|conn| conn.held(out));
        let resting = resting.iter().map(|(_, key)| key);
        let waiting = waiting.iter().map(|(_, key)| key);
        let pairs = pairs.keys().chain(resting).chain(waiting);
        out.extend(pairs.map(|key| Held::Vat(key.peer)));
        for request in requests {
            match request {
                Request::Open { link: _, to } => out.insert(to.held()),
                Request::Ask {
                    end: _,
                    relay,
                    question: _,
                } => out.insert(Held::Relay(*relay)),
                Request::Close { .. } => continue,
            };
        }
    }
}
