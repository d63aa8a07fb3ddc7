//! What changes where a handshake begins with a ticket: a word is said before the peer has proven anything. (RDV-11, RDV-14)

use super::{Effect, Numbers, Pair, Proof, TransportId, Word};

impl Pair {
    /// We call on our dial, with a ticket: the word for EARLY, before the peer has proven anything; or `None` if the transport is to be closed. As a ticket
    /// counts in one life of the vat that issued it only, the peer is the one that we know, if we know one. (RDV-11)
    pub fn early(
        &mut self,
        on: TransportId,
        ids: &mut dyn Numbers,
        effects: &mut Vec<Effect>,
    ) -> Option<Word> {
        let incarnation = self.incarnation;
        self.proven(on, Proof { incarnation }, ids, effects)
    }

    /// REPLYINFO has proven the peer that we called; [`Pair::answered`] is next. Whether it is one that there still is. (RDV-14)
    pub fn met(&mut self, on: TransportId, proof: Proof, effects: &mut Vec<Effect>) -> bool {
        if self.incarnation == 0 {
            self.incarnation = proof.incarnation;
        }
        let is_ours = self.live == Some(on) || self.dials.contains_key(&on);
        self.meet(proof, effects) && is_ours
    }
}
