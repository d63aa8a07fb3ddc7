//! Handshakes, from item to item, and what they end with.

use super::ends::Standing;
use super::link::{Answered, Answering, Dialled, Dialler, Dialling, Items, Pipe, State};
use super::pairs::PairKey;
use super::{LinkId, Node, Trace};
use crate::netlayer::CloseReason;
use crate::vattp::Violation;
use crate::vattp::cells::Incoming;
use crate::vattp::connection::Connection;
use crate::vattp::frame::{Ending, Frame};
use crate::vattp::initiator::Proven;
use crate::vattp::pair::{Answer, Heard, PairFields, Proof, Side, TransportId, Within, Word};
use crate::vattp::pipe::CELL_LEN;
use crate::vattp::redial::Failure;
use crate::vattp::responder::Accepted;
use crate::vattp::sending::Sending;
use core::mem;

impl Node {
    /// One whole item of a stream, or of a flight over cells.
    pub(super) fn item(&mut self, id: LinkId, item: &mut [u8]) {
        let now = self.clock;
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let handled = match mem::replace(&mut link.state, State::Silent(None)) {
            State::Live(conn, mut transport) => {
                let Some(it) = self.conns.get_mut(&conn) else {
                    return self.hang_up(id);
                };
                let said = transport.handle(now, item, &mut it.talk);
                link.state = State::Live(conn, transport);
                self.said(conn, said)
            }
            State::Dialling(key, state) => {
                link.state = State::Silent(Some(key));
                let dialled = state.handle(item);
                dialled.and_then(|dialled| self.dialled(id, key, dialled))
            }
            State::Answering(state) => {
                let (hosted, rng, mut flight) = (&self.hosted, &mut self.rng, Vec::new());
                let seen = [&mut self.seen, self.meet.seen_by_record()];
                let answered = state.handle(item, hosted, seen, now, rng, &mut flight);
                let said = answered.and_then(|answered| {
                    link.say_flight(&flight)?;
                    Ok(answered)
                });
                said.and_then(|answered| self.answered(id, answered))
            }
            state @ (State::Opening(_) | State::Called(_) | State::Silent(_) | State::Closing) => {
                link.state = state;
                Ok(())
            }
        };
        if let Err(violation) = handled {
            self.fail(id, violation);
        }
    }

    /// One cell that is a record, or may be R's first. (VTP-43, VTP-44)
    pub(super) fn cell(&mut self, id: LinkId, index: u64, cell: &mut [u8]) {
        let now = self.clock;
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let handled = match mem::replace(&mut link.state, State::Silent(None)) {
            State::Live(conn, mut transport) => {
                let Some(it) = self.conns.get_mut(&conn) else {
                    return self.hang_up(id);
                };
                let said = transport.handle_cell(now, index, cell, &mut it.talk);
                link.state = State::Live(conn, transport);
                self.said(conn, said)
            }
            State::Dialling(key, state) => {
                link.state = State::Silent(Some(key));
                let dialled = state.handle_cell(index, cell);
                dialled.and_then(|dialled| self.dialled(id, key, dialled))
            }
            state => {
                link.state = state;
                Ok(())
            }
        };
        if let Err(violation) = handled {
            self.fail(id, violation);
        }
    }

    /// One cell of a flight. (VTP-44)
    pub(super) fn flight_cell(&mut self, id: LinkId, index: u64, cell: &mut [u8; CELL_LEN]) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let cell = match &mut link.splice {
            None => Incoming::new(index, cell),
            Some(splice) => match splice.open(cell) {
                Ok(plain) => Incoming::opened(index, plain),
                Err(violation) => return self.fail(id, violation),
            },
        };
        self.flight_items(id, cell);
    }

    /// The items of a flight that end in this cell.
    pub(super) fn flight_items(&mut self, id: LinkId, mut cell: Incoming<'_>) {
        while let Some(link) = self.links.get_mut(&id) {
            let (lengths, place) = match &link.state {
                State::Dialling(_, state) => (state.lengths(), state.place()),
                State::Answering(state) => (state.lengths(), state.place()),
                _ => return,
            };
            let Items::Cells(cells) = &mut link.items else {
                return;
            };
            match cells.next(&mut cell, &lengths, place) {
                Ok(Some(mut item)) => self.item(id, &mut item),
                Ok(None) => return,
                Err(violation) => return self.fail(id, violation),
            }
        }
    }

    fn dialled(&mut self, id: LinkId, key: PairKey, dialled: Dialled<'_>) -> Result<(), Violation> {
        let next = match dialled {
            Dialled::Next(next) => next,
            Dialled::Proven(proven) => match self.go(id, key, proven)? {
                Some(next) => Box::new(next),
                None => return Ok(()),
            },
            Dialled::Answered(pipe) => return self.go_too(id, key, *pipe),
            Dialled::Met(answered) => return self.met(id, key, answered),
        };
        if let Some(link) = self.links.get_mut(&id) {
            // It is answered: it was not dropped.
            (link.said, link.with, link.by) = (Vec::new(), None, None);
            link.state = State::Dialling(key, next);
        }
        Ok(())
    }

    /// R is proven: GIVEINFO and GO, unless the rule has no use for this transport any more. GOTOO has as long as the flight
    /// before it had.
    fn go(
        &mut self,
        id: LinkId,
        key: PairKey,
        proven: Proven,
    ) -> Result<Option<Dialling>, Violation> {
        let (now, on) = (self.clock, TransportId(id.0));
        let expires = now + self.patience();
        let mut effects = Vec::new();
        let proof = Proof::of(proven.peer());
        let (was_live, word) = match self.pairs.get_mut(&key) {
            Some(entry) => {
                let (pair, ids) = entry.with_numbers(&mut self.ids);
                let was_live = pair.live().is_some();
                (was_live, pair.proven(on, proof, ids, &mut effects))
            }
            None => (false, None),
        };
        self.apply(key, effects, CloseReason::Gone);
        let is_live = self.is_live(key, id);
        let (Some(word), Some((_, conn))) = (word, self.conn_of(key)) else {
            self.depart(id, Failure::NotThisOne);
            return Ok(None);
        };
        conn.link = Some(id);
        if is_live {
            conn.talk.go_live();
        }
        let fields = PairFields {
            word,
            expect: conn.talk.expect(),
            first: conn.talk.first(),
        };
        let Some(link) = self.links.get_mut(&id) else {
            return Ok(None);
        };
        let mut flight = Vec::new();
        let (mut next, sealer) = proven.go(&fields, link.carried(Dialler::Us), &mut flight)?;
        link.say_flight(&flight)?;
        if let Some(last) = link.last_came() {
            next.flight_came(last);
        }
        link.deadline = Some(now + self.flight_deadline);
        let carrier = link.carrier();
        if let Some((conn_id, conn)) = self.conn_of(key) {
            if !(was_live && conn.talk.move_on()) {
                conn.talk.begin(carrier);
            }
            if was_live {
                // From now on the older one is only heard. (VTP-41)
                conn.expires.get_or_insert(expires);
                self.arm_conn(conn_id);
            }
        }
        let sending = Sending::new(sealer, self.tuning, now);
        Ok(Some(Dialling::GoToo(next, sending)))
    }

    /// R has answered GO.
    fn go_too(&mut self, id: LinkId, key: PairKey, pipe: Pipe<'_>) -> Result<(), Violation> {
        let on = TransportId(id.0);
        let mut effects = Vec::new();
        let Some(entry) = self.pairs.get_mut(&key) else {
            return Err(Violation::Late);
        };
        let side = entry.pair.side();
        let word = &pipe.fields.word;
        let checked = pipe.fields.check(Within::GoToo, side.other());
        let (pair, ids) = entry.with_numbers(&mut self.ids);
        let heard = checked.and_then(|()| pair.answered(on, word, ids, &mut effects));
        let mine = entry.pair.object().unwrap_or(0);
        self.apply(key, effects, CloseReason::Gone);
        let heard = match heard {
            Ok(heard) => heard,
            Err(violation) => {
                self.blame(id, key, violation);
                return Ok(());
            }
        };
        match heard {
            Heard::Live => {
                let confirmed = self.conn_of(key).map(|(_, conn)| {
                    if side == Side::Slave {
                        conn.talk.go_live();
                    }
                    confirm(&mut conn.talk, &pipe.fields)
                });
                if let Some(Err(violation)) = confirmed {
                    self.blame(id, key, violation);
                    return Ok(());
                }
                let standing = Standing {
                    mine,
                    yours: word.mine,
                    sending: pipe.sending,
                    established: pipe.established,
                    frames: pipe.frames,
                };
                self.stand(id, key, standing)?;
                self.met_by_record(id, key);
                Ok(())
            }
            Heard::Gone(theirs) => {
                let close = Frame::Close {
                    reason: Ending::Gone,
                    id: theirs,
                };
                self.last_words(id, pipe.sending, |out| close.encode(out));
                self.parted(key, id, Failure::NotThisOne);
                Ok(())
            }
            Heard::Close => {
                self.depart(id, Failure::NotThisOne);
                self.wait_for_go(key);
                Ok(())
            }
        }
    }

    fn answered(&mut self, id: LinkId, answered: Answered) -> Result<(), Violation> {
        let next = match answered {
            Answered::Next(next) => next,
            Answered::Asked(next) => {
                self.half_open.passed(id.0);
                next
            }
            Answered::Accepted(accepted) => return self.accept(id, accepted),
        };
        let deadline = self.clock + self.flight_deadline;
        let Some(link) = self.links.get_mut(&id) else {
            return Ok(());
        };
        if matches!(next, Answering::GiveInfo(_)) {
            link.deadline = Some(deadline);
        }
        link.state = State::Answering(Box::new(next));
        self.wake(id);
        Ok(())
    }

    /// I is proven: the rule decides, and GOTOO says it.
    fn accept(&mut self, id: LinkId, accepted: Accepted) -> Result<(), Violation> {
        let key = PairKey::of_dialler(accepted.peer());
        if !self.has_room_for(key) {
            self.note(Trace::TurnedAway { link: id });
            return Ok(());
        }
        let said = *accepted.fields();
        let side = key.side(&self.hosted.local.key.public());
        said.check(Within::Go, side.other())?;
        let (on, proof) = (TransportId(id.0), Proof::of(accepted.peer()));
        let mut effects = Vec::new();
        self.begin_pair(key);
        let Some(entry) = self.pairs.get_mut(&key) else {
            return Ok(());
        };
        let (pair, ids) = entry.with_numbers(&mut self.ids);
        let was_live = pair.live().is_some();
        let answer = pair.asked(on, proof, &said.word, ids, &mut effects);
        self.is_answered(id);
        self.apply(key, effects, CloseReason::Gone);
        match answer? {
            Answer::Live(word) => self.accept_live(id, key, (word, was_live), accepted),
            Answer::Refuse(word) => {
                self.refuse(id, word, accepted);
                self.rest(key);
                Ok(())
            }
            Answer::Close => {
                self.hang_up(id);
                self.rest(key);
                Ok(())
            }
        }
    }

    fn accept_live(
        &mut self,
        id: LinkId,
        key: PairKey,
        (word, was_live): (Word, bool),
        accepted: Accepted,
    ) -> Result<(), Violation> {
        let said = *accepted.fields();
        let Some(link) = self.links.get(&id) else {
            return Ok(());
        };
        let (carried, last) = (link.carried(Dialler::Them), link.last_came());
        let Some((_, conn)) = self.conn_of(key) else {
            return Ok(());
        };
        // A connection that was made just now has nothing to go on with.
        if !(was_live && conn.talk.move_on()) {
            conn.talk.begin(carried.carrier());
        }
        conn.talk.go_live();
        if let Err(violation) = confirm(&mut conn.talk, &said) {
            self.blame(id, key, violation);
            return Ok(());
        }
        let fields = PairFields {
            word,
            expect: conn.talk.expect(),
            first: conn.talk.first(),
        };
        let (mut established, sealer) = accepted.go_too(&fields, carried);
        if let Some(last) = last {
            established.opener.flight_came(last);
        }
        let standing = Standing {
            mine: word.mine,
            yours: said.word.mine,
            sending: Sending::new(sealer, self.tuning, self.clock),
            established,
            frames: &[],
        };
        self.stand(id, key, standing)?;
        self.met_by_record(id, key);
        Ok(())
    }

    /// GOTOO that grants nothing, and the end of the link behind it.
    fn refuse(&mut self, id: LinkId, word: Word, accepted: Accepted) {
        let Some(link) = self.links.get(&id) else {
            return;
        };
        let fields = PairFields {
            word,
            expect: 1,
            first: 1,
        };
        let (_, sealer) = accepted.go_too(&fields, link.carried(Dialler::Them));
        let sending = Sending::new(sealer, self.tuning, self.clock);
        self.last_words(id, sending, |_| ());
    }
}

/// The peer has said from where the numbers go on: where ours are wanted, and where its own begin. (VTP-45)
pub(super) fn confirm(talk: &mut Connection, said: &PairFields) -> Result<(), Violation> {
    if said.first > talk.expect() {
        return Err(Violation::Resume);
    }
    talk.confirm(said.expect)
}
