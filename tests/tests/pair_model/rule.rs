//! The rule as the model uses it: the production [`Pair`], or one that a test has spoilt.

use core::fmt::Debug;
use core::hash::Hash;
use pluribus_mix::vattp::Violation;
use pluribus_mix::vattp::pair::{Answer, Effect, Heard, Numbers, Pair, Proof, TransportId, Word};

/// What decides at one vat. The methods are those of [`Pair`].
pub(crate) trait Rule: Clone + Eq + Hash + Debug {
    /// Another for the same pair, of which nobody has heard.
    fn fresh(&self, forgetful: bool) -> Self;
    fn object(&self) -> Option<u64>;
    fn live(&self) -> Option<TransportId>;
    fn is_idle(&self) -> bool;
    fn is_dialling(&self) -> bool;
    fn may_dial(&self) -> bool;
    fn may_move(&self) -> bool;
    fn waits(&self) -> bool;
    fn want(&mut self, ids: &mut dyn Numbers) -> u64;
    fn dial(&mut self, on: TransportId);
    fn proven(
        &mut self,
        on: TransportId,
        proof: u64,
        ids: &mut dyn Numbers,
        effects: &mut Vec<Effect>,
    ) -> Option<Word>;
    fn asked(
        &mut self,
        on: TransportId,
        proof: u64,
        said: &Word,
        ids: &mut dyn Numbers,
        effects: &mut Vec<Effect>,
    ) -> Result<Answer, Violation>;
    fn answered(
        &mut self,
        on: TransportId,
        said: &Word,
        ids: &mut dyn Numbers,
        effects: &mut Vec<Effect>,
    ) -> Result<Heard, Violation>;
    fn gone(
        &mut self,
        on: TransportId,
        id: u64,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Violation>;
    fn lost(&mut self, on: TransportId);
    fn break_off(&mut self, effects: &mut Vec<Effect>);
    fn give_up_waiting(&mut self);
}

impl Rule for Pair {
    fn fresh(&self, forgetful: bool) -> Self {
        let fresh = Self::new(self.side(), forgetful);
        if self.moves() { fresh.moving() } else { fresh }
    }

    fn object(&self) -> Option<u64> {
        self.object()
    }

    fn live(&self) -> Option<TransportId> {
        self.live()
    }

    fn is_idle(&self) -> bool {
        self.is_idle()
    }

    fn is_dialling(&self) -> bool {
        self.is_dialling()
    }

    fn may_dial(&self) -> bool {
        self.may_dial()
    }

    fn may_move(&self) -> bool {
        self.may_move()
    }

    fn waits(&self) -> bool {
        self.waits()
    }

    fn want(&mut self, ids: &mut dyn Numbers) -> u64 {
        self.want(ids)
    }

    fn dial(&mut self, on: TransportId) {
        self.dial(on);
    }

    fn proven(
        &mut self,
        on: TransportId,
        proof: u64,
        ids: &mut dyn Numbers,
        effects: &mut Vec<Effect>,
    ) -> Option<Word> {
        self.proven(on, Proof::in_a_model(proof), ids, effects)
    }

    fn asked(
        &mut self,
        on: TransportId,
        proof: u64,
        said: &Word,
        ids: &mut dyn Numbers,
        effects: &mut Vec<Effect>,
    ) -> Result<Answer, Violation> {
        self.asked(on, Proof::in_a_model(proof), said, ids, effects)
    }

    fn answered(
        &mut self,
        on: TransportId,
        said: &Word,
        ids: &mut dyn Numbers,
        effects: &mut Vec<Effect>,
    ) -> Result<Heard, Violation> {
        self.answered(on, said, ids, effects)
    }

    fn gone(
        &mut self,
        on: TransportId,
        id: u64,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Violation> {
        self.gone(on, id, effects)
    }

    fn lost(&mut self, on: TransportId) {
        self.lost(on);
    }

    fn break_off(&mut self, effects: &mut Vec<Effect>) {
        self.break_off(effects);
    }

    fn give_up_waiting(&mut self) {
        self.give_up_waiting();
    }
}
