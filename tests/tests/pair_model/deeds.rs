//! What a vat does with a message: it asks its rule, does what the rule says, and carries the frames.

use super::parts::{MASTER, Message, Name, Object, SLAVE, Stand, number, side, transport};
use super::rule::Rule;
use super::world::State;
use pluribus_mix::vattp::pair::{Answer, Effect, Heard, PairFields, Within, Word};

/// Why something breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// This vat's runtime or deadline.
    Own,
    /// Something that the peer has said.
    Peer,
    /// The peer has proven that it was started anew.
    Newer,
}

impl<R: Rule> State<R> {
    pub(crate) fn deliver(&mut self, wire: usize, vat: usize) {
        let message = self.wire(wire).towards[vat].remove(0);
        let stand = self.stand(wire, vat);
        match (message, stand) {
            (Message::IWant, Stand::Open) => {
                let incarnation = self.vats[vat].incarnation;
                self.wire(wire).put(1 - vat, Message::Iam(incarnation));
            }
            (Message::Iam(proof), Stand::Dialled) => self.proven(wire, vat, proof),
            (Message::Go(proof, said), Stand::Open) => self.asked(wire, vat, proof, &said),
            (Message::GoToo(said), Stand::Said | Stand::Live) => self.answered(wire, vat, &said),
            (Message::Frame(from, number), Stand::Live | Stand::Heard) => {
                self.frame(wire, vat, from, number);
            }
            (Message::Ack(number), Stand::Live | Stand::Heard) => self.acked(vat, number),
            (Message::Done(id), Stand::Live | Stand::Heard) => self.done(vat, id),
            (Message::Gone(id), Stand::Live) => self.gone(wire, vat, id),
            (Message::End, _) => self.end(wire, vat),
            _ => self.fail("a message where none can be"),
        }
    }

    /// Whether this incarnation is newer than what the vat knew; then it knows it.
    fn meets(&mut self, vat: usize, proof: u64) -> Cause {
        let known = &mut self.vats[vat].known;
        let newer = proof > *known && *known != 0;
        *known = proof.max(*known);
        if newer { Cause::Newer } else { Cause::Peer }
    }

    fn proven(&mut self, wire: usize, vat: usize, proof: u64) {
        let cause = self.meets(vat, proof);
        let (it, mut effects) = (&mut self.vats[vat], Vec::new());
        let word = it
            .rule
            .proven(transport(wire), proof, &mut it.ids, &mut effects);
        self.apply(vat, &effects, cause, 0);
        let Some(word) = word else {
            return self.close(wire, vat);
        };
        let stand = if vat == MASTER {
            Stand::Live
        } else {
            Stand::Said
        };
        if stand == Stand::Said {
            self.leave_live(vat);
        }
        self.wire(wire).stands[vat] = stand;
        self.show(vat);
        let (fields, incarnation) = (self.fields(vat, word), self.vats[vat].incarnation);
        self.speak(vat, Within::Go, &fields);
        self.wire(wire)
            .put(1 - vat, Message::Go(incarnation, fields));
        self.say_from(wire, vat, fields.first);
        if vat == SLAVE {
            self.wire(wire).unsaid = self.vats[vat].object.as_ref().map_or(0, |it| it.next);
        }
    }

    /// What GO says is true up to there only if nothing is said any more on what was live. (VTP-41)
    fn leave_live(&mut self, vat: usize) {
        for wire in self.wires.iter_mut().flatten() {
            if wire.stands[vat] == Stand::Live {
                wire.stands[vat] = Stand::Heard;
            }
        }
    }

    fn asked(&mut self, wire: usize, vat: usize, proof: u64, said: &PairFields) {
        let cause = self.meets(vat, proof);
        let (it, mut effects) = (&mut self.vats[vat], Vec::new());
        let on = transport(wire);
        let answer = it
            .rule
            .asked(on, proof, &said.word, &mut it.ids, &mut effects);
        self.apply(vat, &effects, cause, said.word.mine);
        match answer {
            Ok(Answer::Live(word)) => {
                self.wire(wire).stands[vat] = Stand::Live;
                self.show(vat);
                self.resume(vat, said);
                let fields = self.fields(vat, word);
                self.speak(vat, Within::GoToo, &fields);
                self.wire(wire).put(1 - vat, Message::GoToo(fields));
                self.say_from(wire, vat, fields.first);
            }
            Ok(Answer::Refuse(word)) => {
                let fields = self.fields(vat, word);
                self.speak(vat, Within::GoToo, &fields);
                self.wire(wire).put(1 - vat, Message::GoToo(fields));
                self.close(wire, vat);
            }
            Ok(Answer::Close) => self.close(wire, vat),
            Err(_) => self.fail("an honest peer is called a violator, at its GO"),
        }
    }

    fn answered(&mut self, wire: usize, vat: usize, said: &PairFields) {
        let (it, mut effects) = (&mut self.vats[vat], Vec::new());
        let on = transport(wire);
        let heard = it.rule.answered(on, &said.word, &mut it.ids, &mut effects);
        let closed = self.apply(vat, &effects, Cause::Peer, said.word.mine);
        if closed.contains(&wire) {
            return;
        }
        match heard {
            Ok(Heard::Live) => {
                self.wire(wire).stands[vat] = Stand::Live;
                self.resume(vat, said);
                let unsaid = core::mem::take(&mut self.wire(wire).unsaid);
                if vat == SLAVE {
                    self.say_from(wire, vat, unsaid.max(said.expect));
                }
            }
            Ok(Heard::Gone(id)) => {
                self.wire(wire).put(1 - vat, Message::Gone(id));
                self.close(wire, vat);
            }
            Ok(Heard::Close) => self.close(wire, vat),
            Err(_) => self.fail("an honest peer is called a violator, at its GOTOO"),
        }
    }

    fn gone(&mut self, wire: usize, vat: usize, id: u64) {
        let mut effects = Vec::new();
        let rule = &mut self.vats[vat].rule;
        if rule.gone(transport(wire), id, &mut effects).is_err() {
            self.fail("an honest peer is called a violator, at its CLOSE");
        }
        let closed = self.apply(vat, &effects, Cause::Peer, 0);
        if !closed.contains(&wire) {
            self.close(wire, vat);
        }
    }

    fn done(&mut self, vat: usize, id: u64) {
        let partner = self.vats[vat].object.as_ref().map(|it| it.partner);
        if partner != Some(id) {
            return self.fail("CLOSE for another object");
        }
        let mut effects = Vec::new();
        self.vats[vat].rule.break_off(&mut effects);
        self.apply(vat, &effects, Cause::Peer, 0);
    }

    /// This vat closes a wire, unless its rule has had it closed already.
    fn close(&mut self, wire: usize, vat: usize) {
        if self.stand(wire, vat) != Stand::Closed {
            self.wire(wire).close(vat, true);
        }
    }

    fn show(&mut self, vat: usize) {
        if let Some(object) = &mut self.vats[vat].object {
            object.shown = true;
        }
    }

    fn fields(&self, vat: usize, word: Word) -> PairFields {
        let object = self.vats[vat].object.as_ref();
        PairFields {
            word,
            expect: object.map_or(1, |it| it.expect),
            first: object.map_or(1, |it| it.kept),
        }
    }

    /// What a vat says is what its place and side may say. (VTP-19)
    fn speak(&mut self, vat: usize, within: Within, fields: &PairFields) {
        if fields.check(within, side(vat)).is_err() {
            self.fail("a word that cannot be said here");
        }
    }

    /// Does what the rule wants done; the wires that it had closed.
    pub(crate) fn apply(
        &mut self,
        vat: usize,
        effects: &[Effect],
        cause: Cause,
        partner: u64,
    ) -> Vec<usize> {
        let mut closed = Vec::new();
        for effect in effects {
            match *effect {
                Effect::Made(id) => {
                    if self.vats[vat].object.replace(Object::new(id)).is_some() {
                        self.fail("an object is made beside another");
                    }
                }
                Effect::Joined(id) => self.join(vat, id, partner),
                Effect::Broke(id) => self.broke(vat, id, cause),
                Effect::Close(on) => {
                    let wire = number(on);
                    if self.stand(wire, vat) == Stand::Closed {
                        self.fail("the rule closes what is closed");
                    }
                    self.close(wire, vat);
                    closed.push(wire);
                }
            }
        }
        closed
    }

    fn broke(&mut self, vat: usize, id: u64, cause: Cause) {
        let name = (self.vats[vat].incarnation, id);
        let Some(object) = self.vats[vat].object.take_if(|it| it.id == id) else {
            return self.fail("a break is told of an object that is not there");
        };
        let left = |it: &[_; 2]| it[vat] == name && !self.is_alive(1 - vat, it[1 - vat]);
        let explained = match cause {
            Cause::Own => true,
            Cause::Newer => object.shown || object.partner != 0,
            Cause::Peer => self.joined.iter().any(left) || (self.murky && object.shown),
        };
        if !explained {
            self.fail("an object breaks without a cause");
        }
    }

    fn is_alive(&self, vat: usize, name: Name) -> bool {
        self.vats[vat].name() == Some(name)
    }

    fn join(&mut self, vat: usize, id: u64, partner: u64) {
        let object = self.vats[vat].object.as_mut().filter(|it| it.id == id);
        let Some(object) = object else {
            return self.fail("what is joined is not there");
        };
        object.partner = partner;
        let mut joint = [(self.vats[vat].known, partner); 2];
        joint[vat] = (self.vats[vat].incarnation, id);
        let one_of_two =
            |it: &[Name; 2]| (it[SLAVE] == joint[SLAVE]) != (it[MASTER] == joint[MASTER]);
        if self.joined.iter().any(one_of_two) {
            return self.fail("an object is joined to two of the peer's");
        }
        if let Err(place) = self.joined.binary_search(&joint) {
            self.joined.insert(place, joint);
        }
    }

    /// The peer says which frame it wants next, and which one comes. (VTP-45)
    fn resume(&mut self, vat: usize, said: &PairFields) {
        let Some(object) = &mut self.vats[vat].object else {
            return;
        };
        if said.expect < object.kept {
            return self.fail("the peer wants a frame that it has acknowledged");
        }
        if said.expect > object.next {
            return self.fail("the peer wants a frame beyond what was sent");
        }
        object.kept = said.expect;
        if said.first > object.expect {
            self.fail("the frames on a new transport begin behind a gap");
        }
    }

    /// Says again what the peer may lack, from this frame on.
    fn say_from(&mut self, wire: usize, vat: usize, first: u64) {
        let (it, incarnation) = (&self.vats[vat], self.vats[vat].incarnation);
        let Some((id, next)) = it.object.as_ref().map(|it| (it.id, it.next)) else {
            return;
        };
        for number in first..next {
            let frame = Message::Frame((incarnation, id), number);
            self.wire(wire).put(1 - vat, frame);
        }
    }

    fn frame(&mut self, wire: usize, vat: usize, from: Name, number: u64) {
        let Some(own) = self.vats[vat].name() else {
            return self.fail("a frame for nobody");
        };
        let mut joint = [from; 2];
        joint[vat] = own;
        if !self.joined.contains(&joint) {
            return self.fail("a frame of an object that ours is not joined to");
        }
        let object = self.vats[vat].object.as_mut().unwrap();
        if number > object.expect {
            return self.fail("a frame ahead of a gap");
        }
        object.expect += u64::from(number == object.expect);
        let ack = Message::Ack(object.expect);
        if self.talks_on || self.stand(wire, vat) == Stand::Live {
            self.wire(wire).put(1 - vat, ack);
        }
    }

    fn acked(&mut self, vat: usize, number: u64) {
        let Some(object) = &mut self.vats[vat].object else {
            return self.fail("an acknowledgement for nobody");
        };
        if number < object.kept || number > object.next {
            self.fail("an acknowledgement that goes back or beyond");
        } else {
            object.kept = number;
        }
    }
}
