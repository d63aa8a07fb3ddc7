//! Rules that lack one thing each. If the model did not notice, it would prove nothing.

use super::rule::Rule;
use pluribus_mix::vattp::Violation;
use pluribus_mix::vattp::pair::{
    Answer, Effect, Heard, Numbers, Pair, Side, TransportId, Verdict, Word,
};

/// What a spoilt rule lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lack {
    /// It does not say which objects of the peer it has given up. (VTP-36, 4; VTP-37)
    Past,
    /// The master does not look at the go number that the slave has seen. (VTP-36, 3)
    Seen,
    /// The slave takes every go, also one that it has seen or given up. (VTP-37)
    Stale,
    /// It does not hear which of its objects the peer means. (VTP-36, 2; VTP-37)
    Yours,
    /// It does not close what was live before. (VTP-36, 4; VTP-37)
    Closing,
    /// It hears no `gone`. (VTP-39)
    Gone,
    /// The slave does not note the number in a `dup`. (VTP-38)
    Told,
    /// A restarted peer is the old one to it. (VTP-34)
    Newer,
    /// A peer that is no more is the present one to it. (VTP-34)
    Older,
    /// It does not say that it has shown its object before. (VTP-19)
    Again,
}

/// The production rule, with what goes in or comes out of it spoilt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Spoilt {
    pair: Pair,
    lack: Lack,
    /// The greatest proof heard.
    proof: u64,
    /// The greatest go number heard.
    go: u64,
}

impl Spoilt {
    pub(crate) fn new(side: Side, forgetful: bool, lack: Lack) -> Self {
        Self {
            pair: Pair::new(side, forgetful),
            lack,
            proof: 0,
            go: 0,
        }
    }

    fn heard_proof(&mut self, proof: u64) -> u64 {
        if self.proof == 0 || (self.lack == Lack::Older && proof > self.proof) {
            self.proof = proof;
        }
        match self.lack {
            Lack::Older | Lack::Newer => self.proof,
            _ => proof,
        }
    }

    /// What it makes of what the peer says.
    fn heard(&mut self, said: &Word) -> Word {
        let mut said = *said;
        match self.lack {
            Lack::Past => said.past = 0,
            Lack::Seen if self.pair.side() == Side::Master => said.go = u64::MAX,
            Lack::Stale if said.verdict == Verdict::Go => {
                self.go = said.go.max(self.go + 1);
                said.go = self.go;
            }
            Lack::Yours if said.verdict == Verdict::Say => said.yours = 0,
            _ => {}
        }
        said
    }

    /// What it says instead of this.
    fn says(&self, word: Word) -> Word {
        match self.lack {
            Lack::Again => Word {
                again: false,
                ..word
            },
            _ => word,
        }
    }

    /// What it does of these, when this transport was live before.
    fn spoil(&self, before: Option<TransportId>, effects: &mut Vec<Effect>) {
        if self.lack == Lack::Closing && self.pair.live().is_some() {
            effects.retain(|effect| before.map(Effect::Close) != Some(*effect));
        }
    }
}

impl Rule for Spoilt {
    fn fresh(&self, forgetful: bool) -> Self {
        Self::new(self.pair.side(), forgetful, self.lack)
    }

    fn object(&self) -> Option<u64> {
        self.pair.object()
    }

    fn live(&self) -> Option<TransportId> {
        self.pair.live()
    }

    fn is_idle(&self) -> bool {
        self.pair.is_idle()
    }

    fn is_dialling(&self) -> bool {
        self.pair.is_dialling()
    }

    fn may_dial(&self) -> bool {
        self.pair.may_dial()
    }

    fn may_move(&self) -> bool {
        self.pair.may_move()
    }

    fn waits(&self) -> bool {
        self.pair.waits()
    }

    fn want(&mut self, ids: &mut dyn Numbers) -> u64 {
        self.pair.want(ids)
    }

    fn dial(&mut self, on: TransportId) {
        self.pair.dial(on);
    }

    fn proven(
        &mut self,
        on: TransportId,
        proof: u64,
        ids: &mut dyn Numbers,
        effects: &mut Vec<Effect>,
    ) -> Option<Word> {
        let (proof, before) = (self.heard_proof(proof), self.live());
        let word = Rule::proven(&mut self.pair, on, proof, ids, effects);
        self.spoil(before, effects);
        word.map(|word| self.says(word))
    }

    fn asked(
        &mut self,
        on: TransportId,
        proof: u64,
        said: &Word,
        ids: &mut dyn Numbers,
        effects: &mut Vec<Effect>,
    ) -> Result<Answer, Violation> {
        let (proof, said) = (self.heard_proof(proof), self.heard(said));
        let before = self.live();
        let answer = Rule::asked(&mut self.pair, on, proof, &said, ids, effects)?;
        self.spoil(before, effects);
        Ok(match answer {
            Answer::Live(word) => Answer::Live(self.says(word)),
            Answer::Refuse(word) => Answer::Refuse(self.says(word)),
            Answer::Close => Answer::Close,
        })
    }

    fn answered(
        &mut self,
        on: TransportId,
        said: &Word,
        ids: &mut dyn Numbers,
        effects: &mut Vec<Effect>,
    ) -> Result<Heard, Violation> {
        let said = self.heard(said);
        let deaf = match said.verdict {
            Verdict::Gone => self.lack == Lack::Gone,
            Verdict::Dup => self.lack == Lack::Told,
            _ => false,
        };
        if deaf {
            self.pair.lost(on);
            return Ok(Heard::Close);
        }
        let before = self.live();
        let heard = self.pair.answered(on, &said, ids, effects);
        self.spoil(before, effects);
        heard
    }

    fn gone(
        &mut self,
        on: TransportId,
        id: u64,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Violation> {
        if self.lack == Lack::Gone {
            self.pair.lost(on);
            return Ok(());
        }
        self.pair.gone(on, id, effects)
    }

    fn lost(&mut self, on: TransportId) {
        self.pair.lost(on);
    }

    fn break_off(&mut self, effects: &mut Vec<Effect>) {
        self.pair.break_off(effects);
    }

    fn give_up_waiting(&mut self) {
        self.pair.give_up_waiting();
    }
}
