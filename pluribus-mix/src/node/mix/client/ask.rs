//! Questions about location records, each over a circuit of its own to the relay that keeps them. (RDV-40)
//!
//! Whoever makes relay keys has some say in which records lie with it, and so can have clients come to a relay of his as often as records are
//! published and looked up. So the circuits are those to meeting relays, over the hops that stay. (RDV-25)

use super::super::{Mix, News};
use super::meet::Aim;
use super::{Origin, Stage};
use crate::id::RelayId;
use crate::node::LinkId;
use crate::onion::circuit::{Heard, NotNow};
use crate::onion::meet::{INDEX, RECORD};
use crate::onion::message::found;
use crate::onion::{Cell, payload};
use crate::time::Instant;
use std::collections::BTreeMap;

/// What a relay is asked.
pub(in crate::node) enum Question {
    /// Keep this record.
    Keep(Box<[u8; RECORD]>),
    /// Which record lies under this index?
    Find([u8; INDEX]),
}

/// What it says.
pub(in crate::node) enum Answer {
    /// It keeps it.
    Kept,
    /// This is the record.
    Found(Box<[u8; RECORD]>),
    /// Neither.
    NotHere,
}

/// What is to be asked, by the end that wants to know.
#[derive(Default)]
pub(super) struct Questions(BTreeMap<LinkId, Question>);

impl Questions {
    /// Puts the question of the end that has this circuit: one cell.
    pub(super) fn put(&self, it: &mut Origin, out: &mut impl FnMut(&Cell)) -> Result<(), NotNow> {
        match it.end.and_then(|want| self.0.get(&want.end)) {
            Some(Question::Keep(record)) => it.circuit.keep(record, out),
            Some(Question::Find(index)) => it.circuit.find(index, out),
            None => Err(NotNow::Busy),
        }
    }
}

impl Mix {
    /// Asks a relay over a circuit of its own. The end is [`Told`](News::Told) the answer, or [`Lost`](News::Lost) if there is none; then it is to be
    /// [closed](Self::close_end).
    pub(in crate::node) fn ask_keeper(
        &mut self,
        now: Instant,
        end: LinkId,
        relay: RelayId,
        question: Question,
    ) {
        self.clock = now;
        self.client.meets.questions.0.insert(end, question);
        self.want_to(end, relay, Aim::Ask);
    }

    /// What the relay says: the circuit has served.
    pub(in crate::node::mix) fn keeper_said(&mut self, key: usize, heard: Heard, cell: &Cell) {
        let Some(it) = self.client.circuits.get_mut(key) else {
            return;
        };
        let stage = it.stage;
        let Some(want) = it.end.take_if(|_| stage == Stage::Used) else {
            return;
        };
        let answer = match (heard, found(payload(cell))) {
            (Heard::Kept, _) => Answer::Kept,
            (Heard::Found, Some(record)) => Answer::Found(Box::new(*record)),
            _ => Answer::NotHere,
        };
        self.forget_question(want.end);
        self.ends.remove(&want.end);
        self.news.push_back(News::Told(want.end, answer));
        self.end_origin(key);
    }

    /// Nobody wants to know it any more.
    pub(in crate::node::mix) fn forget_question(&mut self, end: LinkId) {
        self.client.meets.questions.0.remove(&end);
    }
}
