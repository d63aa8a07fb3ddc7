//! Through the introducer: where the receiver of a gift cannot reach its exporter, the gifter passes on what is said to it. (CAP-42)
//!
//! ```text
//!   receiver Bob ── forward-gift id ──► gifter Alice ── every message ──► exporter (Carol's vat)
//! ```
//!
//! Only a gift of which nothing has been said to the exporter yet goes this way, so no message is handled twice. Its messages have waited for the
//! promise of it and go on in order. Alice reads what she passes on.

use std::collections::BTreeMap;
use std::rc::Rc;

use pluribus_mix::time::{Duration, Instant};

use super::comms::Comms;
use super::handoff::{MOST_GIFTS, MOST_GIFTS_OF_ONE};
use super::link::{Args, SessionNo};
use super::op::Target;
use super::session::Gift;
use crate::value::Value;
use crate::vat::{Outcome, Problem, Ref, Turn};

/// How long a gifter remembers what it gave: longer than a receiver looks for an exporter.
pub const REMEMBERED: Duration = Duration::from_secs(300);

/// What was given to peers, as long as they may ask to have it passed on.
#[derive(Default)]
pub(super) struct Given {
    all: BTreeMap<(SessionNo, Vec<u8>), (Ref, Instant)>,
}

impl Given {
    /// Remembers a gift, if there is room.
    fn note(&mut self, receiver: SessionNo, id: Vec<u8>, gift: Ref, until: Instant) {
        let of_one = self.all.range((receiver, Vec::new())..);
        let of_one = of_one.take_while(|((no, _), _)| *no == receiver).count();
        if self.all.len() < MOST_GIFTS && of_one < MOST_GIFTS_OF_ONE {
            self.all.insert((receiver, id), (gift, until));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.all.values().map(|(_, until)| *until).min()
    }

    pub(super) fn expire(&mut self, now: Instant) {
        self.all.retain(|_, (_, until)| *until > now);
    }

    /// Nobody of this session asks any more.
    pub(super) fn session_ended(&mut self, no: SessionNo) {
        self.all.retain(|(receiver, _), _| *receiver != no);
    }
}

/// As gifter.
impl Comms {
    /// Something was given to the peer of session `no`.
    pub(super) fn was_given(&mut self, no: SessionNo, id: &[u8], gift: &Ref) {
        if self.introducer.may_part() {
            let until = self.now + REMEMBERED;
            self.given.note(no, id.to_vec(), gift.clone(), until);
        }
    }

    /// `forward-gift`: an object that passes on what it is told, once for each gift.
    pub(super) fn forward_gift(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        id: Vec<u8>,
    ) -> Outcome {
        let given = self.given.all.remove(&(no, id));
        let (gift, _) = given.ok_or("no gift of this id is remembered")?;
        let passes_on = move |turn: &mut Turn<'_>, args: Vec<Value>| -> Outcome {
            Ok(turn.send(&gift, args).into())
        };
        Ok(turn.spawn(passes_on).into())
    }
}

/// As receiver.
impl Comms {
    /// The exporter of a gift was not reached, for this reason: asks whoever gave it to pass on.
    pub(super) fn ask_gifter(&mut self, turn: &mut Turn<'_>, gift: Gift, problem: &Problem) {
        let gifter = self.sessions.get(&gift.gifter);
        let gifter = gifter.filter(|session| session.live().is_some());
        let Some(gifter) = gifter.filter(|_| self.introducer.may_part()) else {
            return turn.resolve(gift.resolver, Err(problem.clone()));
        };
        let args = vec![
            Value::symbol("forward-gift"),
            Value::Bytes(gift.give.give.gift_id),
        ];
        let cause = turn.sent();
        let (to, args) = (Target::Export(0), Args::Wired(args));
        let link = Rc::clone(&gifter.link);
        link.deliver(turn, to, args, Some(gift.resolver), cause);
    }
}
