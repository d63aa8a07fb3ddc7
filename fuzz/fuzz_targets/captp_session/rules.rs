//! What a side of a session may say (CAP-21 to CAP-24): a second time, as tables of numbers that both directions share.

use std::collections::{BTreeMap, BTreeSet};

use vat_demo::captp::op::{Desc, Import, Op, Position, Target};
use vat_demo::value::{Symbol, Value};

/// What an export is there for.
#[derive(Clone, Copy, PartialEq)]
pub enum Takes {
    Anything,
    /// One answer.
    Answer,
    /// As many answers as there are.
    Answers,
    /// Nothing more: it was answered.
    Nothing,
}

/// What a side has given out and not got back.
#[derive(Default)]
pub struct Side {
    pub exports: BTreeMap<Position, (u64, Takes)>,
    /// Answers that it keeps for the other.
    pub answers: BTreeSet<Position>,
}

impl Side {
    fn give(&mut self, import: Import, takes: Takes) {
        let (Import::Object(position) | Import::Promise(position)) = import;
        self.exports.entry(position).or_insert((0, takes)).0 += 1;
    }

    fn take_back(&mut self, position: Position, count: u64) -> Result<(), String> {
        let Some((sent, _)) = self.exports.get_mut(&position) else {
            return Err(format!("there is no export {position}"));
        };
        *sent = sent.checked_sub(count).ok_or_else(|| {
            format!("export {position} was given back more often than it was sent")
        })?;
        if *sent == 0 {
            self.exports.remove(&position);
        }
        Ok(())
    }

    fn check(&self, target: Target) -> Result<(), String> {
        match target {
            Target::Export(at) if at != 0 && !self.exports.contains_key(&at) => {
                Err(format!("there is no export {at}"))
            }
            Target::Answer(at) if !self.answers.contains(&at) => {
                Err(format!("there is no answer {at}"))
            }
            _ => Ok(()),
        }
    }

    fn ask(&mut self, at: Position) -> Result<(), String> {
        match self.answers.insert(at) {
            true => Ok(()),
            false => Err(format!("answer {at} is in use")),
        }
    }

    fn told(&mut self, at: Position, args: &[Value<Desc>]) -> Result<(), String> {
        let Some((_, takes)) = self.exports.get_mut(&at) else {
            return Ok(());
        };
        if *takes == Takes::Anything {
            return Ok(());
        }
        if !is_outcome(args) {
            return Err(format!(
                "resolver {at} takes 'fulfill and a value, or 'break and a reason"
            ));
        }
        match takes {
            Takes::Nothing => Err(format!("the message of resolver {at} was answered already")),
            Takes::Answer => {
                *takes = Takes::Nothing;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

pub fn is_outcome(args: &[Value<Desc>]) -> bool {
    let said = |verb: &str| ["fulfill", "break"].contains(&verb);
    matches!(args, [Value::Symbol(Symbol(verb)), _] if said(verb))
}

/// The references in what is said.
pub fn references(args: &[Value<Desc>]) -> Vec<Desc> {
    let mut found = Vec::new();
    for arg in args {
        let _ = arg.clone().try_map(&mut |desc| {
            found.push(desc);
            Ok::<_, ()>(Value::<()>::Null)
        });
    }
    found
}

/// One side says it, the other hears it. What is wrong with it; after that the tables mean nothing.
pub fn say(op: &Op, from: &mut Side, to: &mut Side, strict: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |result: Result<(), String>| wrong.extend(result.err());
    let answer_to = |takes| if strict { takes } else { Takes::Anything };
    match op {
        Op::Deliver {
            to: target,
            args,
            answer,
            resolver,
        } => {
            check(to.check(*target));
            if let Some(answer) = answer {
                check(to.ask(*answer));
            }
            if let Some(resolver) = resolver {
                // Where nobody waits, nothing is said ahead, or nothing was asked.
                let asks = answer.is_some() && !(*target == Target::Export(0) && args.is_empty());
                let takes = if asks { Takes::Answer } else { Takes::Answers };
                from.give(*resolver, answer_to(takes));
            }
            for desc in references(args) {
                match desc {
                    Desc::Import(import) => from.give(import, Takes::Anything),
                    Desc::Target(target) => check(to.check(target)),
                    Desc::Give(_) | Desc::Receive(_) => {}
                }
            }
            if let Target::Export(at) = target {
                check(to.told(*at, args));
            }
        }
        Op::Listen {
            to: target,
            resolver,
            ..
        } => {
            check(to.check(*target));
            from.give(*resolver, answer_to(Takes::Answer));
        }
        Op::Get { of, answer, .. }
        | Op::Index { of, answer, .. }
        | Op::Untag { of, answer, .. } => {
            check(to.check(*of));
            check(to.ask(*answer));
        }
        Op::GcExports(given) => check(
            given
                .iter()
                .try_for_each(|(position, count)| to.take_back(*position, *count)),
        ),
        Op::GcAnswers(given) => check(given.iter().try_for_each(|at| {
            let known = to.answers.remove(at);
            known
                .then_some(())
                .ok_or(format!("there is no answer {at}"))
        })),
        Op::StartSession { .. } => check(Err("op:start-session came twice".to_owned())),
        Op::Abort(_) => {}
    }
    wrong
}
