//! One side of a pair as the clauses of spec 3.2 have it, with lists and no cleverness.

use pluribus_mix::vattp::Violation;
use pluribus_mix::vattp::pair::{
    Answer, Effect, Heard, Numbers, Side, TransportId, UNKNOWN, Verdict, Word,
};

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Count(pub(crate) u64);

impl Numbers for Count {
    fn draw(&mut self) -> u64 {
        self.0 += 3;
        self.0
    }
}

/// An object as the clauses speak of it.
#[derive(Clone, Copy)]
pub(crate) struct Object {
    pub(crate) id: u64,
    pub(crate) partner: Option<u64>,
    pub(crate) shown: bool,
}

/// One side, as the clauses have it.
pub(crate) struct Clauses {
    pub(crate) side: Side,
    /// Whether a pair was dropped before. (VTP-40)
    forgetful: bool,
    pub(crate) incarnation: u64,
    pub(crate) object: Option<Object>,
    /// What of the peer's it was joined to and no longer holds.
    parted: Vec<u64>,
    /// Go numbers: the master's given; those that the slave has seen or given up.
    pub(crate) gos: Vec<u64>,
    /// What the slave was told in `dup`.
    pub(crate) told: Vec<u64>,
    pub(crate) live: Option<TransportId>,
    /// Own dials, and what was shown there.
    pub(crate) dials: Vec<(TransportId, Option<u64>)>,
    pub(crate) ids: Count,
    pub(crate) done: Vec<Effect>,
}

impl Clauses {
    pub(crate) fn new(side: Side, forgetful: bool) -> Self {
        Self {
            side,
            forgetful,
            incarnation: 0,
            object: None,
            parted: Vec::new(),
            gos: Vec::new(),
            told: Vec::new(),
            live: None,
            dials: Vec::new(),
            ids: Count(0),
            done: Vec::new(),
        }
    }

    pub(crate) fn past(&self) -> u64 {
        let unknown = self.forgetful.then_some(UNKNOWN);
        unknown.or(self.parted.iter().max().copied()).unwrap_or(0)
    }

    pub(crate) fn go(&self) -> u64 {
        self.gos.iter().max().copied().unwrap_or(0)
    }

    pub(crate) fn waits(&self) -> bool {
        self.told.iter().any(|told| *told > self.go())
    }

    pub(crate) fn id(&self) -> Option<u64> {
        self.object.map(|it| it.id)
    }

    pub(crate) fn partner(&self) -> Option<u64> {
        self.object.and_then(|it| it.partner)
    }

    pub(crate) fn word(&self, verdict: Verdict, again: bool) -> Word {
        Word {
            verdict,
            again,
            mine: self.id().unwrap_or(0),
            yours: self.partner().unwrap_or(0),
            go: self.go(),
            past: self.past(),
        }
    }

    /// VTP-19: `again` tells of `mine` whatever the verdict.
    pub(crate) fn refusal(&self, verdict: Verdict) -> Word {
        self.word(verdict, self.object.is_some_and(|object| object.shown))
    }

    pub(crate) fn make(&mut self) -> Object {
        let id = self.ids.draw();
        let object = Object {
            id,
            partner: None,
            shown: false,
        };
        self.object = Some(object);
        object
    }

    pub(crate) fn forget_dial(&mut self, on: TransportId) {
        self.dials.retain(|(dial, _)| *dial != on);
    }

    pub(crate) fn close_everything_but(&mut self, but: Option<TransportId>) {
        let live = self.live.take();
        let dials = self.dials.drain(..).map(|(dial, _)| dial);
        let all = live.into_iter().chain(dials);
        let closed = all.filter(|on| Some(*on) != but).map(Effect::Close);
        self.done.extend(closed);
    }

    pub(crate) fn break_it(&mut self) {
        if let Some(object) = self.object.take() {
            self.parted.extend(object.partner);
            self.done.push(Effect::Broke(object.id));
        }
        self.close_everything_but(None);
    }

    /// VTP-34
    pub(crate) fn meet(&mut self, incarnation: u64) -> bool {
        if incarnation < self.incarnation {
            return false;
        }
        if incarnation == self.incarnation {
            return true;
        }
        self.incarnation = incarnation;
        // VTP-33: with the object close its live transport and its own dials.
        if self
            .object
            .is_some_and(|it| it.shown || it.partner.is_some())
        {
            self.break_it();
        }
        self.gos.clear();
        self.told.clear();
        self.parted.clear();
        true
    }

    /// VTP-35
    pub(crate) fn proven(&mut self, on: TransportId, incarnation: u64) -> Option<Word> {
        let known = self.dials.iter().any(|(dial, _)| *dial == on);
        self.forget_dial(on);
        let met = self.meet(incarnation);
        if !met || !known || self.live.is_some() {
            return None;
        }
        let object = self.object.as_mut()?;
        let again = object.shown;
        object.shown = true;
        let id = object.id;
        if self.side == Side::Master {
            let go = self.ids.draw();
            self.gos.push(go);
            self.close_everything_but(Some(on));
            self.live = Some(on);
            return Some(self.word(Verdict::Go, again));
        }
        self.dials.push((on, Some(id)));
        Some(self.word(Verdict::Say, again))
    }

    /// Whether the peer, who says this, has parted from our unjoined object.
    pub(crate) fn is_left(&self, said: &Word) -> bool {
        self.object.is_some_and(|it| {
            let left = if said.past == UNKNOWN {
                it.shown
            } else {
                it.id <= said.past
            };
            it.partner.is_none() && left
        })
    }

    pub(crate) fn has_parted_from(&self, said: &Word) -> bool {
        if self.past() == UNKNOWN {
            said.again
        } else {
            said.mine <= self.past()
        }
    }

    /// The object, made if there is none, joined to this; whether it was shown before.
    pub(crate) fn join(&mut self, on: TransportId, partner: u64) -> bool {
        let mut object = match self.object {
            Some(object) => object,
            None => {
                let made = self.make();
                self.done.push(Effect::Made(made.id));
                made
            }
        };
        let again = object.shown;
        object.shown = true;
        object.partner = Some(partner);
        self.object = Some(object);
        self.close_everything_but(Some(on));
        self.live = Some(on);
        self.done.push(Effect::Joined(object.id));
        again
    }

    /// VTP-36
    pub(crate) fn master_is_asked(&mut self, on: TransportId, said: &Word) -> Answer {
        let (x, m, seen) = (said.mine, said.yours, said.go);
        // 1
        if self.partner().is_some_and(|old| old < x) {
            self.break_it();
        }
        if self.partner().is_some_and(|newer| newer > x) {
            return Answer::Refuse(self.refusal(Verdict::Dup));
        }
        // 2
        let joined = self.partner() == Some(x);
        let of_none = m != 0 && self.id() != Some(m);
        let parted = m == 0 && !joined && self.has_parted_from(said);
        if of_none || parted {
            let word = self.refusal(Verdict::Gone);
            return Answer::Refuse(Word { yours: x, ..word });
        }
        // 3
        if seen < self.go() && (self.object.is_some() || self.past() != UNKNOWN) {
            return Answer::Refuse(self.refusal(Verdict::Dup));
        }
        // 4
        if m == 0 && self.is_left(said) {
            self.break_it();
        }
        let object = self.object.is_some();
        if !object {
            let made = self.make();
            self.done.push(Effect::Made(made.id));
        }
        let go = self.ids.draw();
        self.gos.push(go);
        let again = self.join(on, x);
        Answer::Live(self.word(Verdict::Go, again))
    }

    /// VTP-37: `Ok(None)` for a number that is old, else whether it is taken.
    pub(crate) fn take(
        &mut self,
        on: TransportId,
        said: &Word,
    ) -> Result<Option<Result<bool, ()>>, Violation> {
        let (c, m) = (said.mine, said.yours);
        if said.go <= self.go() {
            return Ok(None);
        }
        self.gos.push(said.go);
        if m != 0 && self.id() != Some(m) {
            return Ok(Some(Err(())));
        }
        let joined = self.partner() == Some(c);
        let to_another = self.partner().is_some() && !joined;
        if m != 0 && to_another {
            return Err(Violation::PairFields);
        }
        if m == 0 && !joined && self.has_parted_from(said) {
            return Ok(Some(Err(())));
        }
        if m == 0 && (to_another || self.is_left(said)) {
            self.break_it();
        }
        Ok(Some(Ok(self.join(on, c))))
    }

    pub(crate) fn asked(
        &mut self,
        on: TransportId,
        incarnation: u64,
        said: &Word,
    ) -> Result<Answer, Violation> {
        if !self.meet(incarnation) {
            return Ok(Answer::Close);
        }
        if self.side == Side::Master {
            return Ok(self.master_is_asked(on, said));
        }
        Ok(match self.take(on, said)? {
            None => Answer::Close,
            Some(Ok(again)) => Answer::Live(self.word(Verdict::Say, again)),
            Some(Err(())) => Answer::Refuse(Word {
                yours: said.mine,
                ..self.refusal(Verdict::Gone)
            }),
        })
    }

    pub(crate) fn answered(&mut self, on: TransportId, said: &Word) -> Result<Heard, Violation> {
        if self.side == Side::Master {
            return self.master_is_answered(on, said);
        }
        let dial = self.dials.iter().find(|(dial, _)| *dial == on);
        let Some((_, Some(shown))) = dial.copied() else {
            return Ok(Heard::Close);
        };
        if said.verdict == Verdict::Go {
            let heard = match self.take(on, said)? {
                Some(Ok(_)) => return Ok(Heard::Live),
                Some(Err(())) => Heard::Gone(said.mine),
                None => Heard::Close,
            };
            self.forget_dial(on);
            return Ok(heard);
        }
        self.forget_dial(on);
        match said.verdict {
            // VTP-38
            Verdict::Dup => self.told.push(said.go),
            // VTP-39
            _ if said.yours != shown => return Err(Violation::PairFields),
            _ if self.id() == Some(shown) => self.break_it(),
            _ => {}
        }
        Ok(Heard::Close)
    }

    pub(crate) fn master_is_answered(
        &mut self,
        on: TransportId,
        said: &Word,
    ) -> Result<Heard, Violation> {
        if self.live != Some(on) {
            return Ok(Heard::Close);
        }
        if said.verdict == Verdict::Gone {
            self.live = None;
            if self.id() == Some(said.yours) {
                self.break_it();
            }
            return Ok(Heard::Close);
        }
        let other = self.partner().is_some_and(|it| it != said.mine);
        if other || self.id() != Some(said.yours) {
            return Err(Violation::PairFields);
        }
        let object = self.object.as_mut().expect("its id was compared");
        object.partner = Some(said.mine);
        self.done.push(Effect::Joined(object.id));
        Ok(Heard::Live)
    }

    pub(crate) fn gone(&mut self, on: TransportId, id: u64) -> Result<(), Violation> {
        if self.live != Some(on) || self.id() != Some(id) {
            return Err(Violation::Close);
        }
        self.break_it();
        Ok(())
    }

    pub(crate) fn lost(&mut self, on: TransportId) {
        self.forget_dial(on);
        self.live.take_if(|live| *live == on);
    }
}
