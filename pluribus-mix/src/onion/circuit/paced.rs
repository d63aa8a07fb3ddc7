//! What a client's circuit does differently where cells go by the clock. (PAC-9 to PAC-13)
//!
//! The caller asks for one cell after the other, each with its index, and there is always one: part of a request, a message to a hop, a
//! cell of what the circuit ends in, a dummy, or noise while there is no hop. What comes has its index too, and the counters of all layers
//! follow from it: a hop's own index lies behind that of the first link by an offset that was learnt when the hop was added.

use super::{Circuit, Doing, Heard, NotNow, Plan, Strike};
use crate::crypto::aead::Backend;
use crate::crypto::rng::Rng;
use crate::onion::cipher::Role;
use crate::onion::layers::Offsets;
use crate::onion::message::ToRelay;
use crate::onion::suspicion::Grave;
use crate::onion::{Cell, Payload, payload_mut};
use crate::time::Duration;
use std::collections::VecDeque;
use zeroize::Zeroizing;

/// One of so many dummies is a LOOP. (PAC-12)
const LOOPS: u64 = 20;
/// Cells among which gaps are counted, and gaps beyond which a circuit is not used for anything new. (PAC-13)
const RECENT: u64 = 1000;
const MOST_GAPS: usize = 8;
/// Gaps at once that need to be counted: more say no more.
const ENOUGH: u64 = MOST_GAPS as u64 + 1;

/// What a circuit has besides where its cells go by the clock.
pub(super) struct Paced {
    pub(super) class: u8,
    quantum: Duration,
    /// The index of the backward cell that came last, and of the one wanted next.
    at: u64,
    next: u64,
    /// The index of EXTENDED 1, where the next hop's backward cells begin.
    answered: Option<u64>,
    /// Messages that wait, and for which hop.
    words: VecDeque<(usize, Box<Zeroizing<Payload>>)>,
    /// The token of the LOOP that is out.
    asked: Option<u64>,
    /// What the last hop said that it had missed.
    missed: u64,
    /// The indices of gaps, the newest last.
    gaps: VecDeque<u64>,
}

impl Paced {
    pub(super) const fn answered(&mut self) {
        self.answered = Some(self.at);
    }

    pub(super) fn wait(&mut self, hop: usize, words: &Payload) -> Result<(), NotNow> {
        // The secret of a park may stand in it.
        self.words
            .push_back((hop, Box::new(Zeroizing::new(*words))));
        Ok(())
    }

    /// What waits was for hops that are gone.
    pub(super) fn truncated(&mut self) {
        self.words.clear();
        (self.asked, self.missed) = (None, 0);
    }

    fn gap(&mut self) {
        let at = self.at;
        self.gaps.push_back(at);
        self.gaps.retain(|gap| gap + RECENT > at);
    }
}

impl Circuit {
    /// A circuit without hops, of this class, whose cells go by the clock. (PAC-3)
    pub fn paced(plan: Plan, class: u8, quantum: Duration, backend: Backend, rng: Rng) -> Self {
        let mut circuit = Self::new(plan, backend, rng);
        circuit.paced = Some(Box::new(Paced {
            class,
            quantum,
            at: 0,
            next: 0,
            answered: None,
            words: VecDeque::new(),
            asked: None,
            missed: 0,
            gaps: VecDeque::new(),
        }));
        circuit
    }

    /// Makes of `cell` the forward cell with this index. `end` writes a cell of what the circuit ends in, if there is one; it is told the index that the cell
    /// has at the last hop. Whether the cell bears layers: else the caller makes it noise. (PAC-9, PAC-12)
    pub fn fill_at(
        &mut self,
        index: u64,
        cell: &mut Cell,
        end: impl FnOnce(u64, &mut Payload) -> bool,
    ) -> bool {
        if self.hops.is_empty() || self.is_over() || !self.layers.seek_forward(index) {
            return false;
        }
        let last = self.hops.len();
        let words = self
            .paced
            .as_mut()
            .and_then(|paced| paced.words.pop_front());
        let at_last = index - self.layers.offsets().forward;
        let (hop, role) = match words {
            Some((hop, words)) => {
                *payload_mut(cell) = **words;
                (hop.min(last), Role::Message)
            }
            None if self.is_resting() && end(at_last, payload_mut(cell)) => {
                self.has_end = true;
                (last, Role::Through)
            }
            None => {
                self.idle().encode(payload_mut(cell));
                (last, Role::Message)
            }
        };
        self.layers.wrap(hop, role, cell).is_ok()
    }

    /// Whether no answer is due, and it is not over.
    pub const fn is_resting(&self) -> bool {
        matches!(self.doing, Doing::Resting)
    }

    /// A dummy, now and then one that is answered. (PAC-12)
    fn idle(&mut self) -> ToRelay<'static> {
        let chosen = self.rng.below(LOOPS) == 0 && self.is_resting();
        let Some(paced) = self.paced.as_mut().filter(|_| chosen) else {
            return ToRelay::Dummy;
        };
        let token = self.rng.below(u64::MAX);
        paced.asked = Some(token);
        ToRelay::Loop(token)
    }

    /// Takes the backward cell with this index. [`Heard::Through`] is a cell that has the index [`Circuit::end_index`] at the last hop. (PAC-9)
    pub fn handle_at(&mut self, index: u64, cell: &mut Cell) -> Heard {
        let missing = match &mut self.paced {
            Some(paced) if index >= paced.next => {
                let missing = index - paced.next;
                (paced.at, paced.next) = (index, index + 1);
                missing
            }
            _ => return Heard::Nothing,
        };
        // Against nobody: it was missing on every circuit of the link.
        if let Some(paced) = &mut self.paced {
            (0..missing.min(ENOUGH)).for_each(|_| paced.gap());
        }
        match self.doing {
            Doing::Creating(_) if missing > 0 => self.over(None),
            Doing::Creating(_) | Doing::Over => self.handle(cell),
            _ if self.layers.seek_backward(index) => self.handle(cell),
            _ => Heard::Nothing,
        }
    }

    /// The index that the last hop gave the backward cell that came last.
    pub fn end_index(&self) -> u64 {
        let at = self.paced.as_ref().map_or(0, |paced| paced.at);
        at.saturating_sub(self.layers.offsets().backward)
    }

    /// Whether so much was missing lately that nothing new should go over it. (PAC-13)
    pub fn is_leaky(&self) -> bool {
        let paced = self.paced.as_ref();
        paced.is_some_and(|paced| paced.gaps.len() > MOST_GAPS)
    }

    /// Whether this hop is asked for the next one, by the clock. (PAC-13)
    pub(super) fn is_asking(&self, hop: usize) -> bool {
        self.paced.is_some() && hop == self.hops.len() && matches!(self.doing, Doing::Extending(_))
    }

    /// How many of its last cells were gaps.
    #[cfg(test)]
    pub(crate) fn gaps(&self) -> usize {
        self.paced.as_ref().map_or(0, |paced| paced.gaps.len())
    }

    /// Counts a gap, and whom it counts against.
    pub(super) fn gap(&mut self, hop: usize) -> Option<Strike> {
        let paced = self.paced.as_mut()?;
        paced.gap();
        let quantum = paced.quantum;
        let before = self.before(hop)?;
        Some(Strike {
            grave: Grave::Gap(quantum),
            ..before
        })
    }

    /// The last hop answers LOOP: what it has missed since it said so last was lost on the way there. (PAC-13)
    pub(super) fn looped(&mut self, hop: usize, token: u64, missed: u64) -> Heard {
        let last = self.hops.len();
        let Some(paced) = &mut self.paced else {
            return Heard::Nothing;
        };
        if hop != last || paced.asked.take() != Some(token) {
            // It crossed a newer one, or the end of what lay beyond.
            return Heard::Nothing;
        }
        let lost = missed.saturating_sub(core::mem::replace(&mut paced.missed, missed));
        if lost == 0 {
            return Heard::Nothing;
        }
        let strike = self.gap(last);
        Heard::Gap { strike }
    }

    /// How far the indices at the hop that has just answered lie behind. `None` if what was said cannot be. (PAC-11)
    pub(super) fn offsets_of_next(&mut self, began: u64) -> Option<Offsets> {
        let Some(paced) = &mut self.paced else {
            return (began == 0).then(Offsets::default);
        };
        paced.missed = 0;
        let last = self.layers.offsets();
        let backward = paced.answered.take().unwrap_or(0);
        let forward = last.forward.checked_add(began)?;
        (began < 1 << 62).then_some(Offsets { forward, backward })
    }
}
