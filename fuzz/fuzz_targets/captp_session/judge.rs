//! What must come of an operation, and what may: by the tables, by its weight, and by its certificates.

use std::collections::BTreeSet;

use vat_demo::captp::certificate::KeyForm;
use vat_demo::captp::op::{Desc, Op, Position, Target};
use vat_demo::captp::{ENVELOPE, MOST_WAITING};
use vat_demo::value::{Symbol, Value};

use crate::rules::{self, references};
use crate::{MOST, Session, position};

/// What may come of an operation.
#[derive(Default)]
pub struct Verdict {
    /// The session must end, for one of these.
    pub wrong: Vec<String>,
    /// It may.
    pub heavy: bool,
}

impl Session {
    pub fn judge(&mut self, op: &Op, len: usize, left: usize) -> Verdict {
        let imports = self.stage.host.sizes().imports;
        let new: BTreeSet<Position> = imported(op)
            .into_iter()
            .filter(|at| !self.ours.exports.contains_key(at))
            .collect();
        let mut wrong = self.certificates(op);
        let (least, most) = self.shares(op);
        let mut weight = len;
        if let Op::Deliver { args, .. } = op {
            weight = weight.max(args.iter().map(Value::weight).sum());
        }
        weight += ENVELOPE;
        wrong.extend(rules::say(op, &mut self.ours, &mut self.theirs, false));
        if left - self.left.min(left) + least * weight > MOST_WAITING {
            wrong.push("too many messages that wait".to_owned());
        }
        if imports + new.len() > MOST {
            wrong.push("too many imports".to_owned());
        }
        self.note_asked(op);
        let heavy = left + most * weight > MOST_WAITING || imports + imported(op).len() > MOST;
        Verdict { wrong, heavy }
    }

    /// How many shares of what the peer may leave here it takes, at least and at most.
    fn shares(&self, op: &Op) -> (usize, usize) {
        let Op::Deliver {
            to,
            args,
            answer,
            resolver,
        } = op
        else {
            return match op {
                Op::Listen { .. } => (1, 1),
                Op::Get { .. } | Op::Index { .. } | Op::Untag { .. } => (2, 2),
                _ => (0, 0),
            };
        };
        let takes = match to {
            Target::Export(0) => None,
            Target::Export(at) => self.theirs.exports.get(at).map(|(_, takes)| *takes),
            Target::Answer(_) => Some(rules::Takes::Anything),
        };
        let is_object = takes == Some(rules::Takes::Anything);
        let sure = usize::from(answer.is_some()) + usize::from(is_object);
        let resolver = usize::from(resolver.is_some());
        let gifts = references(args).into_iter();
        let gifts = gifts.filter(|desc| matches!(desc, Desc::Give(_))).count();
        let is_answer = takes.is_some() && !is_object && answer.is_none();
        match is_answer && !self.mirror.known() {
            true => (sure, sure + resolver + gifts),
            false => (sure + resolver, sure + resolver + gifts),
        }
    }

    /// What is wrong with the certificates in an operation.
    fn certificates(&mut self, op: &Op) -> Vec<String> {
        let Op::Deliver { to, args, .. } = op else {
            return Vec::new();
        };
        let mut wrong = Vec::new();
        if let (Target::Export(0), [Value::Symbol(Symbol(verb)), Value::Ref(Desc::Receive(wish))]) =
            (to, args.as_slice())
            && verb == "withdraw-gift"
        {
            let receive = &wish.receive;
            let count = receive.handoff_count;
            if receive.receiving_session != self.peer.session() {
                wrong.push("the wish is for another session");
            }
            if receive.receiving_side != self.peer.side() {
                wrong.push("the wish is for another side of the session");
            }
            if wish.verify(KeyForm::Lists).is_err() {
                wrong.push("the wish is not signed by the receiver of the gift");
            }
            let wrong: Vec<_> = wrong.into_iter().map(str::to_owned).collect();
            if wrong.is_empty() && !self.counts.insert(count) {
                return vec![format!("handoff count {count} was used before")];
            }
            return wrong;
        }
        for desc in references(args) {
            match desc {
                Desc::Give(give) if give.give.receiver_key != self.peer.their_key => {
                    wrong.push("the gift is for another receiver");
                }
                Desc::Receive(_) => {
                    wrong.push("a certificate of a wish stands where a value is wanted");
                }
                _ => {}
            }
        }
        wrong.into_iter().map(str::to_owned).collect()
    }
}

/// Everything of the peer's that the vat is shown.
fn imported(op: &Op) -> Vec<Position> {
    let (args, resolver) = match op {
        Op::Deliver { args, resolver, .. } => (args.as_slice(), *resolver),
        Op::Listen { resolver, .. } => (&[][..], Some(*resolver)),
        _ => return Vec::new(),
    };
    let shown = references(args).into_iter().filter_map(|desc| match desc {
        Desc::Import(import) => Some(import),
        _ => None,
    });
    shown.chain(resolver).map(position).collect()
}
