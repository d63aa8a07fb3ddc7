//! What is asked of the relays that keep records: each question over a circuit of its own, and answered in time or not at all. (RDV-40)

use super::super::mix::{Answer, Question};
use super::super::pairs::PairKey;
use super::super::timers::Who;
use super::super::{LinkId, Node, Request};
use crate::id::{RelayId, VatId};
use crate::rendezvous::epoch::Epoch;
use crate::time::Instant;

/// A question that is out.
pub(super) struct Asked {
    pub(super) about: About,
    /// When nobody waits for the answer any more; `None` until it is taken.
    until: Option<Instant>,
}

/// What a question is about.
#[derive(Clone, Copy)]
pub(super) enum About {
    /// The record of ours for this epoch, with this revision.
    Ours(Epoch, RelayId, u64),
    /// That of a vat.
    Theirs(VatId, Epoch),
}

impl Node {
    /// Asks a keeper.
    pub(super) fn ask_keeper(&mut self, relay: RelayId, question: Question, about: About) {
        let end = self.fresh_link();
        self.meet.asked.insert(end, Asked { about, until: None });
        self.requests.push_back(Request::Ask {
            end,
            relay,
            question,
        });
    }

    /// The driver has taken a question.
    pub(in crate::node) fn put_question(
        &mut self,
        end: LinkId,
        relay: RelayId,
        question: Question,
    ) {
        let now = self.clock;
        let patience = self.flight_deadline * 3 + self.until_a_circuit();
        let Some(asked) = self.meet.asked.get_mut(&end) else {
            return;
        };
        asked.until = Some(now + patience);
        if let About::Theirs(vat, _) = asked.about {
            self.begin_wait(PairKey::with(vat, None));
        }
        self.with_mix(|mix, _| mix.ask_keeper(now, end, relay, question));
        self.arm_records();
    }

    /// A keeper has answered.
    pub(in crate::node) fn keeper_told(&mut self, end: LinkId, answer: Answer) {
        let Some(asked) = self.meet.asked.remove(&end) else {
            return;
        };
        match asked.about {
            About::Ours(epoch, relay, revision) => {
                let is_kept = matches!(answer, Answer::Kept);
                self.kept(epoch, relay, revision, is_kept);
            }
            About::Theirs(vat, epoch) => {
                let found = match answer {
                    Answer::Found(record) => Some(record),
                    Answer::Kept | Answer::NotHere => None,
                };
                self.found(vat, epoch, found);
            }
        }
        self.arm_records();
    }

    /// An end is gone. If it was that of a question, a keeper has not answered: that is as if it had nothing.
    pub(in crate::node) fn is_unanswered(&mut self, end: LinkId) -> bool {
        let was_asked = self.meet.asked.contains_key(&end);
        if was_asked {
            self.requests.push_back(Request::Close {
                link: end,
                is_end: true,
            });
            self.keeper_told(end, Answer::NotHere);
        }
        was_asked
    }

    /// Something of records is due.
    pub(in crate::node) fn records_due(&mut self) {
        let now = self.clock;
        self.timers.clear(Who::Records, &mut self.meet.timer);
        let is_late = |asked: &Asked| asked.until.is_some_and(|until| until <= now);
        let asked = self.meet.asked.iter().filter(|(_, it)| is_late(it));
        let late: Vec<_> = asked.map(|(end, _)| *end).collect();
        for end in late {
            self.is_unanswered(end);
        }
        self.publish();
        self.arm_records();
    }

    /// How many records of strangers it keeps, as a relay.
    pub fn records(&self) -> usize {
        self.mix.as_ref().map_or(0, |mix| mix.records())
    }

    /// Sees to it that [`Node::records_due`] comes in time.
    pub(super) fn arm_records(&mut self) {
        let asked = self.meet.asked.values().filter_map(|asked| asked.until);
        let due = asked.chain(self.publishing_due()).min();
        self.timers.set(Who::Records, &mut self.meet.timer, due);
    }
}
