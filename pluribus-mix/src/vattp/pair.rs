//! The rule that keeps one connection per pair of vats, whoever dials, over whatever transports. (VTP-33 to VTP-41)
//!
//! Both vats may dial at once, and any transport may die at any moment, also right after a word was written on it and
//! without either side noticing at the same time. Still the two must agree on one connection and one transport, deliver
//! nothing twice, and break a connection at both ends or at none. What makes this possible: only one of the two decides
//! (the *master*), every transport it grants bears a rising *go number*, and each side says which of the other's
//! connection objects it has given up (*past*).
//!
//! A [`Pair`] is one vat's end, for one peer. It has no secrets, no clock and no network: what others have proven comes
//! in as a [`Proof`], transports are numbers, and what is to be done comes out as [`Effect`]s. The node uses it as it is, and
//! the model checker explores it as it is. Times are its owner's: when an object has been without transport for too
//! long it says [`Pair::break_off`], when nothing is left to wait for [`Pair::give_up_waiting`].
//!
//! ```text
//! object:     none ─want, dialled─► unjoined ─go─► joined ─break, gone, restart─► none (its id in the peer's past)
//! transport:  dialled ─proven─► (master: live) (slave: said) ─go─► live ─► closed
//! ```

mod calling;
mod fields;
mod moving;
mod side;
mod terms;

pub use fields::{PairFields, UNKNOWN, Verdict, Within, Word};
pub use side::{Ids, Numbers, Side};
pub use terms::{Answer, Effect, Heard, Proof, TransportId};

use super::Violation;
use std::collections::BTreeMap;

/// One vat's end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Object {
    id: u64,
    /// The peer's object that it is joined to, 0 if none.
    partner: u64,
    /// Whether a GO or GOTOO has named it.
    shown: bool,
}

/// One vat's end of a pair.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pair {
    side: Side,
    /// Whether this vat has dropped a pair before, so that it cannot know what an earlier one held.
    forgetful: bool,
    /// The peer's, 0 before it has proven one.
    incarnation: u64,
    object: Option<Object>,
    past: u64,
    /// The master's last go number given; the slave's greatest seen, or given up.
    go: u64,
    /// The slave's greatest go number heard of in a `dup`.
    told: u64,
    live: Option<TransportId>,
    /// What was live when GO went out on another: only heard from then on. (VTP-41)
    heard: Option<TransportId>,
    /// Whether it may dial beside its live transport. (VTP-41)
    moves: bool,
    /// Our own handshakes, and the object that we showed there, 0 before.
    dials: BTreeMap<TransportId, u64>,
}

/// How a slave takes a `go`.
enum Taken {
    Live { again: bool },
    Gone,
    Stale,
}

impl Pair {
    /// A pair that nobody has heard of. A vat that has ever dropped one is `forgetful` (VTP-40), and so is one that is dialled
    /// anonymously (VTP-41).
    pub const fn new(side: Side, forgetful: bool) -> Self {
        Self {
            side,
            forgetful,
            incarnation: 0,
            object: None,
            past: if forgetful { UNKNOWN } else { 0 },
            go: 0,
            told: 0,
            live: None,
            heard: None,
            moves: false,
            dials: BTreeMap::new(),
        }
    }

    /// Our side.
    pub const fn side(&self) -> Side {
        self.side
    }

    /// The object, if there is one.
    pub fn object(&self) -> Option<u64> {
        self.object.map(|object| object.id)
    }

    /// The peer's object that ours is joined to, if it is.
    pub fn partner(&self) -> Option<u64> {
        let partner = self.object.map(|object| object.partner);
        partner.filter(|partner| *partner != 0)
    }

    /// Whether the object was named to the peer, or by it.
    pub fn is_shown(&self) -> bool {
        self.object.is_some_and(|it| it.shown || it.partner != 0)
    }

    /// The live transport, if there is one.
    pub const fn live(&self) -> Option<TransportId> {
        self.live
    }

    /// Whether nothing of it is in use: what is left is memory. (VTP-40)
    pub fn is_idle(&self) -> bool {
        let is_used = self.live.is_some() || self.heard.is_some();
        self.object.is_none() && !is_used && self.dials.is_empty()
    }

    /// Whether own handshakes are under way.
    pub fn is_dialling(&self) -> bool {
        !self.dials.is_empty()
    }

    /// The object for this peer, made if there is none. (VTP-33)
    pub fn want(&mut self, ids: &mut dyn Numbers) -> u64 {
        self.object.get_or_insert_with(|| Object::new(ids)).id
    }

    /// Whether a dial makes sense now. (VTP-35, VTP-38)
    pub fn may_dial(&self) -> bool {
        self.object.is_some() && self.live.is_none() && !self.waits()
    }

    /// We dial on this transport.
    pub fn dial(&mut self, on: TransportId) {
        self.dials.insert(on, 0);
    }

    /// REPLYINFO has proven the peer on our dial; the word for GO, or `None` if the transport is to be closed. (VTP-35)
    pub fn proven(
        &mut self,
        on: TransportId,
        proof: Proof,
        ids: &mut dyn Numbers,
        effects: &mut Vec<Effect>,
    ) -> Option<Word> {
        let is_ours = self.dials.remove(&on).is_some();
        let usable = self.meet(proof, effects) && is_ours && (self.moves || self.live.is_none());
        let object = self.object.as_mut().filter(|_| usable)?;
        let again = core::mem::replace(&mut object.shown, true);
        let id = object.id;
        if self.side == Side::Master {
            self.go = ids.draw();
            self.go_live(on, effects);
            return Some(self.word(Verdict::Go, again));
        }
        self.dials.insert(on, id);
        self.leave_live();
        Some(self.word(Verdict::Say, again))
    }

    /// GO has come on a transport that the peer dialled. (VTP-36, VTP-37)
    ///
    /// # Errors
    /// If no honest peer says this.
    pub fn asked(
        &mut self,
        on: TransportId,
        proof: Proof,
        said: &Word,
        ids: &mut dyn Numbers,
        effects: &mut Vec<Effect>,
    ) -> Result<Answer, Violation> {
        if !self.meet(proof, effects) {
            return Ok(Answer::Close);
        }
        if self.side == Side::Master {
            return Ok(self.decide(on, said, ids, effects));
        }
        Ok(match self.take(on, said, ids, effects)? {
            Taken::Live { again } => Answer::Live(self.word(Verdict::Say, again)),
            Taken::Gone => Answer::Refuse(Word {
                yours: said.mine,
                ..self.refusal(Verdict::Gone)
            }),
            Taken::Stale => Answer::Close,
        })
    }

    /// GOTOO has come on a transport that we dialled. (VTP-37, VTP-38, VTP-39)
    ///
    /// # Errors
    /// If no honest peer says this.
    pub fn answered(
        &mut self,
        on: TransportId,
        said: &Word,
        ids: &mut dyn Numbers,
        effects: &mut Vec<Effect>,
    ) -> Result<Heard, Violation> {
        if self.side == Side::Master {
            return self.heard_by_master(on, said, effects);
        }
        let Some(shown) = self.dials.get(&on).copied().filter(|shown| *shown != 0) else {
            return Ok(Heard::Close);
        };
        if said.verdict == Verdict::Go {
            return Ok(match self.take(on, said, ids, effects)? {
                Taken::Live { .. } => Heard::Live,
                Taken::Gone => self.leave(on, Heard::Gone(said.mine)),
                Taken::Stale => self.leave(on, Heard::Close),
            });
        }
        self.dials.remove(&on);
        if said.verdict == Verdict::Dup {
            self.told = self.told.max(said.go);
            return Ok(Heard::Close);
        }
        if said.yours != shown {
            return Err(Violation::PairFields);
        }
        self.break_if(shown, effects);
        Ok(Heard::Close)
    }

    /// CLOSE (gone) has come on the live transport, for this object of ours. (VTP-39)
    ///
    /// # Errors
    /// If that is not what we have there.
    pub fn gone(
        &mut self,
        on: TransportId,
        id: u64,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Violation> {
        if self.live != Some(on) || self.object() != Some(id) {
            return Err(Violation::Close);
        }
        self.break_off(effects);
        Ok(())
    }

    /// A transport is no more, whoever ended it.
    pub fn lost(&mut self, on: TransportId) {
        self.dials.remove(&on);
        for it in [&mut self.live, &mut self.heard] {
            it.take_if(|it| *it == on);
        }
    }

    /// Breaks the object: the runtime or the peer is done with it, or its deadline has passed. (VTP-40)
    pub fn break_off(&mut self, effects: &mut Vec<Effect>) {
        if let Some(object) = self.object.take() {
            self.past = self.past.max(object.partner);
            effects.push(Effect::Broke(object.id));
        }
        self.close_all(effects);
    }

    /// Whether a slave waits for a go that it was told of. (VTP-38)
    pub const fn waits(&self) -> bool {
        self.told > self.go
    }

    /// No handshake is left on which that go could come. (VTP-38)
    pub fn give_up_waiting(&mut self) {
        self.go = self.go.max(self.told);
    }

    /// The peer is proven. False if it is one that is no more. (VTP-34)
    fn meet(&mut self, proof: Proof, effects: &mut Vec<Effect>) -> bool {
        if proof.incarnation <= self.incarnation {
            return proof.incarnation == self.incarnation;
        }
        // Whatever is live, and every dial on which the old one was proven, goes with an object that was shown. A `dup` that
        // comes late from the old one would have us wait for a go that the new one never gives.
        if self.is_shown() {
            self.break_off(effects);
        }
        self.incarnation = proof.incarnation;
        (self.go, self.told) = (0, 0);
        self.past = if self.forgetful { UNKNOWN } else { 0 };
        true
    }

    /// The master's decision. (VTP-36)
    fn decide(
        &mut self,
        on: TransportId,
        said: &Word,
        ids: &mut dyn Numbers,
        effects: &mut Vec<Effect>,
    ) -> Answer {
        let x = said.mine;
        match self.object {
            Some(it) if it.partner != 0 && it.partner < x => self.break_off(effects),
            Some(it) if it.partner > x => return Answer::Refuse(self.refusal(Verdict::Dup)),
            _ => {}
        }
        if self.is_gone(said) {
            let word = self.refusal(Verdict::Gone);
            return Answer::Refuse(Word { yours: x, ..word });
        }
        let knows = self.object.is_some() || self.past != UNKNOWN;
        if said.go < self.go && knows {
            return Answer::Refuse(self.refusal(Verdict::Dup));
        }
        if let Some(it) = self.object
            && it.partner == 0
            && said.yours == 0
            && it.was_given_up(said.past)
        {
            self.break_off(effects);
        }
        let (id, again) = self.show(ids, effects);
        self.go = ids.draw();
        self.go_live(on, effects);
        self.join(id, x, effects);
        Answer::Live(self.word(Verdict::Go, again))
    }

    /// Whether the slave speaks of an object of ours, or with one of its own, that is no more. (VTP-36, 2)
    fn is_gone(&self, said: &Word) -> bool {
        let ours = self.object();
        let joined = self.object.is_some_and(|it| it.partner == said.mine);
        if said.yours != 0 {
            return ours != Some(said.yours);
        }
        !joined && self.has_given_up(said)
    }

    /// Whether the peer's object is one that we were joined to and no longer hold, as far as we can know.
    const fn has_given_up(&self, said: &Word) -> bool {
        match self.past {
            UNKNOWN => said.again,
            past => said.mine <= past,
        }
    }

    /// The slave's side of a `go`. (VTP-37)
    fn take(
        &mut self,
        on: TransportId,
        said: &Word,
        ids: &mut dyn Numbers,
        effects: &mut Vec<Effect>,
    ) -> Result<Taken, Violation> {
        let (c, m) = (said.mine, said.yours);
        if said.go <= self.go {
            return Ok(Taken::Stale);
        }
        // Taken or refused, it is not waited for any more, and the next dial has seen it.
        self.go = said.go;
        let partner = self.object.map_or(0, |it| it.partner);
        if m != 0 {
            if self.object() != Some(m) {
                return Ok(Taken::Gone);
            }
            if partner != 0 && partner != c {
                return Err(Violation::PairFields);
            }
        } else {
            if partner != c && self.has_given_up(said) {
                return Ok(Taken::Gone);
            }
            self.yield_object(c, said.past, effects);
        }
        let (id, again) = self.show(ids, effects);
        self.go_live(on, effects);
        self.join(id, c, effects);
        Ok(Taken::Live { again })
    }

    /// The master speaks with `c` and knows nothing of our object: what cannot be joined to it breaks.
    fn yield_object(&mut self, c: u64, past: u64, effects: &mut Vec<Effect>) {
        let stays = |it: &Object| match it.partner {
            0 => !it.was_given_up(past),
            partner => partner == c,
        };
        if self.object.is_some_and(|it| !stays(&it)) {
            self.break_off(effects);
        }
    }

    /// The slave's answer to our `go`. (VTP-35, VTP-39)
    fn heard_by_master(
        &mut self,
        on: TransportId,
        said: &Word,
        effects: &mut Vec<Effect>,
    ) -> Result<Heard, Violation> {
        let Some(object) = self.object.filter(|_| self.live == Some(on)) else {
            return Ok(Heard::Close);
        };
        if said.verdict == Verdict::Gone {
            self.lost(on);
            self.break_if(said.yours, effects);
            return Ok(Heard::Close);
        }
        let joins = object.partner == 0 || object.partner == said.mine;
        if !joins || said.yours != object.id {
            return Err(Violation::PairFields);
        }
        self.join(object.id, said.mine, effects);
        Ok(Heard::Live)
    }

    /// The object to speak with, made if there is none and counted as shown; whether it was shown before.
    fn show(&mut self, ids: &mut dyn Numbers, effects: &mut Vec<Effect>) -> (u64, bool) {
        let object = self.object.get_or_insert_with(|| {
            let object = Object::new(ids);
            effects.push(Effect::Made(object.id));
            object
        });
        let again = core::mem::replace(&mut object.shown, true);
        (object.id, again)
    }

    fn join(&mut self, id: u64, partner: u64, effects: &mut Vec<Effect>) {
        if let Some(object) = &mut self.object {
            object.partner = partner;
            effects.push(Effect::Joined(id));
        }
    }

    /// One transport is live; every other, however alive it looks, is closed.
    fn go_live(&mut self, on: TransportId, effects: &mut Vec<Effect>) {
        self.lost(on);
        self.close_all(effects);
        self.live = Some(on);
    }

    fn close_all(&mut self, effects: &mut Vec<Effect>) {
        let others = [self.live.take(), self.heard.take()];
        effects.extend(others.into_iter().flatten().map(Effect::Close));
        let dials = core::mem::take(&mut self.dials);
        effects.extend(dials.into_keys().map(Effect::Close));
    }

    fn break_if(&mut self, id: u64, effects: &mut Vec<Effect>) {
        if self.object() == Some(id) {
            self.break_off(effects);
        }
    }

    fn leave(&mut self, on: TransportId, heard: Heard) -> Heard {
        self.dials.remove(&on);
        heard
    }

    /// A word that shows no object.
    fn refusal(&self, verdict: Verdict) -> Word {
        self.word(verdict, self.object.is_some_and(|it| it.shown))
    }

    fn word(&self, verdict: Verdict, again: bool) -> Word {
        let object = self.object.as_ref();
        Word {
            verdict,
            again,
            mine: object.map_or(0, |it| it.id),
            yours: object.map_or(0, |it| it.partner),
            go: self.go,
            past: self.past,
        }
    }
}

impl Object {
    fn new(ids: &mut dyn Numbers) -> Self {
        Self {
            id: ids.draw(),
            partner: 0,
            shown: false,
        }
    }

    /// Whether the peer, whose past this is, has given this object up. (VTP-36, 4; VTP-37)
    const fn was_given_up(&self, past: u64) -> bool {
        match past {
            UNKNOWN => self.shown,
            past => self.id <= past,
        }
    }
}
