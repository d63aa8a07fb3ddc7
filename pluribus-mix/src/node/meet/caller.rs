//! We call a vat that hides. The mirror of [`super::callee`].
//!
//! What a dial decides when the peer is proven is decided here with the first flight, on the word of the ticket: the pair fields in EARLY are
//! those of GO. (RDV-15)

use super::super::ends::Standing;
use super::super::link::{Dialler, Dialling, State};
use super::super::pairs::PairKey;
use super::super::{LinkId, Node};
use super::FIRST_WORDS;
use crate::netlayer::CloseReason;
use crate::rendezvous::early::{CannotCall, call};
use crate::rendezvous::listed::call_listed;
use crate::rendezvous::record::Listing;
use crate::rendezvous::{Introduction, Refused};
use crate::vattp::frame::{Ending, Frame};
use crate::vattp::initiator::{Entropy, Established};
use crate::vattp::introduced::initiator::Answered;
use crate::vattp::pair::{Heard, PairFields, Proof, Side, TransportId, Within};
use crate::vattp::pipe::{Carrier, Sealer};
use crate::vattp::redial::Failure;
use crate::vattp::sending::Sending;
use crate::vattp::{Local, Violation};

impl Node {
    /// The circuit stands at the relay of a ticket: flight 1, with who we are and what waits to be said. (RDV-10)
    pub(in crate::node) fn call(
        &mut self,
        id: LinkId,
        (key, local): (PairKey, Local),
        with: Box<Introduction>,
    ) {
        let (now, on) = (self.clock, TransportId(id.0));
        let mut effects = Vec::new();
        let word = self.pairs.get_mut(&key).and_then(|entry| {
            let (pair, ids) = entry.with_numbers(&mut self.ids);
            pair.early(on, ids, &mut effects)
        });
        self.apply(key, effects, CloseReason::Gone);
        let is_live = self.is_live(key, id);
        let (Some(word), Some((_, conn))) = (word, self.conn_of(key)) else {
            return self.depart(id, Failure::NotThisOne);
        };
        conn.link = Some(id);
        conn.talk.begin(Carrier::Cells);
        if is_live {
            conn.talk.go_live();
        }
        let fields = PairFields {
            word,
            expect: conn.talk.expect(),
            first: conn.talk.first(),
        };
        let mut frames = Vec::new();
        conn.talk.say_in_flight(now, FIRST_WORDS, &mut frames);
        let (wall, entropy) = (self.wall(), Entropy::draw(&mut self.rng));
        let mut flight = Vec::new();
        let called = call(&with, local, wall, entropy, &fields, &frames, &mut flight);
        let called = match called {
            Ok(called) => called,
            Err(why) => return self.cannot_call(id, key, why),
        };
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let mut splice = Box::new(called.splice);
        if splice.seal(&flight, &mut link.out).is_err() {
            return self.cannot_call(id, key, CannotCall::TooLong);
        }
        link.said.clone_from(&link.out);
        link.with = Some(with);
        link.splice = Some(splice);
        link.state = State::Dialling(key, Box::new(Dialling::Called(called.expect)));
        link.deadline = Some(now + self.flight_deadline);
        self.arm(id);
        self.wake(id);
    }

    /// The circuit stands at the relay of a record: flight 1 as of any dial, sealed against who splices. (RDV-33)
    pub(in crate::node) fn call_by_record(
        &mut self,
        id: LinkId,
        (key, local): (PairKey, Local),
        listing: Box<Listing>,
    ) {
        let (entropy, mut flight) = (Entropy::draw(&mut self.rng), Vec::new());
        let rng = &mut self.meet.rng;
        let called = call_listed(&key.peer, &listing, local, entropy, rng, &mut flight);
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let said = called.and_then(|called| {
            link.splice = Some(Box::new(called.splice));
            let said = link.say_flight(&flight).map_err(|_| CannotCall::TooLong);
            said.map(|()| called.expect)
        });
        match said {
            Ok(expect) => {
                link.said.clone_from(&link.out);
                link.by = Some(listing);
                link.state = State::Dialling(key, Box::new(Dialling::Iam(expect)));
                link.deadline = Some(self.clock + self.flight_deadline);
                self.arm(id);
                self.wake(id);
            }
            Err(why) => self.cannot_call(id, key, why),
        }
    }

    /// A handshake has come to its end. If it was by a record, tickets take its place. (RDV-36)
    pub(in crate::node) fn met_by_record(&mut self, id: LinkId, key: PairKey) {
        if self
            .links
            .get(&id)
            .is_some_and(|link| link.splice.is_some())
        {
            self.found_it(&key.peer);
            self.want_tickets(key);
        }
    }

    fn cannot_call(&mut self, id: LinkId, key: PairKey, why: CannotCall) {
        let reason = match why {
            CannotCall::Introduction(Refused::Expired) => CloseReason::Expired,
            _ => CloseReason::Refused,
        };
        self.hang_up(id);
        self.break_off(key, reason);
    }

    /// Cells of the first flight were dropped where they were to be passed on: it is said again. (RDV-24)
    pub(in crate::node) fn say_again(&mut self, id: LinkId) {
        if let Some(link) = self.links.get_mut(&id)
            && !link.said.is_empty()
        {
            link.out.clone_from(&link.said);
            link.first = None;
            self.wake(id);
        }
    }

    /// R has answered: it is proven, it has decided, and its first words are here. (RDV-14)
    pub(in crate::node) fn met(
        &mut self,
        id: LinkId,
        key: PairKey,
        answered: Box<Answered>,
    ) -> Result<(), Violation> {
        let on = TransportId(id.0);
        let mut effects = Vec::new();
        let Some(entry) = self.pairs.get_mut(&key) else {
            return Err(Violation::Late);
        };
        let (side, said) = (entry.pair.side(), *answered.said());
        let checked = said.check(Within::GoToo, side.other());
        let (pair, ids) = entry.with_numbers(&mut self.ids);
        let heard = checked.and_then(|()| {
            if !pair.met(on, Proof::of(answered.peer()), &mut effects) {
                return Ok(Heard::Close);
            }
            pair.answered(on, &said.word, ids, &mut effects)
        });
        let mine = entry.pair.object().unwrap_or(0);
        self.apply(key, effects, CloseReason::Gone);
        match heard {
            Err(violation) => {
                self.blame(id, key, violation);
                Ok(())
            }
            Ok(Heard::Live) => self.met_live(id, key, mine, *answered),
            Ok(Heard::Gone(theirs)) => {
                let (_, sealer) = self.prove(id, *answered)?;
                let sending = Sending::new(sealer, self.tuning, self.clock);
                let close = Frame::Close {
                    reason: Ending::Gone,
                    id: theirs,
                };
                self.last_words(id, sending, |out| close.encode(out));
                self.parted(key, id, Failure::NotThisOne);
                Ok(())
            }
            Ok(Heard::Close) => {
                self.depart(id, Failure::NotThisOne);
                self.wait_for_go(key);
                Ok(())
            }
        }
    }

    fn met_live(
        &mut self,
        id: LinkId,
        key: PairKey,
        mine: u64,
        mut answered: Answered,
    ) -> Result<(), Violation> {
        let (now, said) = (self.clock, *answered.said());
        let frames = answered.take_frames();
        let heard = self.conn_of(key).map(|(_, conn)| {
            if answered.side() == Side::Slave {
                conn.talk.go_live();
            }
            super::super::shake::confirm(&mut conn.talk, &said)?;
            conn.talk.hear_in_flight(now, &frames)
        });
        if let Some(Err(violation)) = heard {
            self.blame(id, key, violation);
            return Ok(());
        }
        let (established, sealer) = self.prove(id, answered)?;
        let standing = Standing {
            mine,
            yours: said.word.mine,
            sending: Sending::new(sealer, self.tuning, now),
            established,
            frames: &[],
        };
        self.stand(id, key, standing)?;
        self.found_it(&key.peer);
        self.heard_in_flight(key);
        self.want_tickets(key);
        Ok(())
    }

    /// Flight 3: who we are, proven. (VTP-12)
    fn prove(
        &mut self,
        id: LinkId,
        answered: Answered,
    ) -> Result<(Established, Sealer), Violation> {
        let Some(link) = self.links.get_mut(&id) else {
            return Err(Violation::Late);
        };
        let (carried, last) = (link.carried(Dialler::Us), link.last_came());
        let mut flight = Vec::new();
        let (mut established, sealer) = answered.go(carried, &mut flight)?;
        if let Some(last) = last {
            established.opener.flight_came(last);
        }
        let splice = link.splice.as_mut().ok_or(Violation::Late)?;
        splice.seal(&flight, &mut link.out)?;
        Ok((established, sealer))
    }

    /// What came in a flight may have to be told.
    pub(super) fn heard_in_flight(&mut self, key: PairKey) {
        if let Some((conn, _)) = self.conn_of(key) {
            self.count(conn);
            self.tell(conn);
            self.tell_streams(conn);
            self.hear_tickets(conn);
        }
    }
}
