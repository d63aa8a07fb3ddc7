//! What comes from other vats: operations.

use std::any::Any;
use std::rc::Rc;

use super::comms::Comms;
use super::link::SessionNo;
use super::misdeed::Misdeed;
use super::op::{Desc, Import, Op, Position, Target};
use super::session::{Session, Stage, Started};
use super::share::Share;
use super::tables::{Answer, Exported, MOST, Waiting};
use crate::value::Value;
use crate::vat::{Happened, Message, Outcome, Problem, Ref, Resolver, Turn, outcome_said};

/// Where a message goes.
enum Addressee {
    Bootstrap,
    Object(Ref),
    /// Somebody who waits for an answer.
    Resolver(Position),
}

impl Comms {
    /// Takes one message of a peer.
    pub(super) fn take_message(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        message: &[u8],
    ) -> Result<(), Misdeed> {
        let Some(session) = self.sessions.get_mut(&no) else {
            return Ok(());
        };
        let op = session.dialect.decode(message);
        let op = op.map_err(|error| Misdeed::Malformed(error.to_string()))?;
        let live = matches!(session.stage, Stage::Live(_));
        match op {
            Op::Abort(reason) => {
                let problem = Problem::new(format!("the other vat ended the session: {reason}"));
                self.end(turn, no, &problem);
                Ok(())
            }
            Op::StartSession {
                version,
                key,
                location,
                signature,
            } => {
                let started = Started { location, key };
                self.started(turn, no, &version, started, &signature)
            }
            // What comes right behind the start of a session that waits for the end of another: the carrier's order, so
            // it cannot be answered and must not be lost.
            op if matches!(session.stage, Stage::Doubled(..)) => {
                let (one, all) = (session.left.clone(), self.left.clone());
                let share = Share::of(&one, &all, self.bytes + op.weight())?;
                session.keep_for_later(op, share)
            }
            _ if !live => Err(Misdeed::NotStarted),
            op => self.take_op(turn, no, op),
        }
    }

    pub(super) fn take_op(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        op: Op,
    ) -> Result<(), Misdeed> {
        match op {
            Op::Deliver {
                to,
                args,
                answer,
                resolver,
            } => {
                let cause = self.cause_of(no, to)?;
                let session = no.0;
                let id = turn.because(cause, |turn| turn.note(Happened::Arrived { session }));
                turn.because(id, |turn| {
                    self.take_delivery(turn, no, to, args, answer, resolver)
                })
            }
            Op::Listen { to, resolver, .. } => {
                let promise = self.addressee_ref(turn, no, to)?;
                let session = no.0;
                let id = turn.note(Happened::Arrived { session });
                turn.because(id, |turn| {
                    self.tell_when_settled(turn, no, &promise, resolver)
                })
            }
            Op::Get { of, field, answer } => self.part(turn, no, of, answer, move |value| {
                match value {
                    Value::Struct(mut fields) => fields.remove(&field),
                    _ => None,
                }
                .ok_or_else(|| Problem::new("there is no such field"))
            }),
            Op::Index { of, index, answer } => self.part(turn, no, of, answer, move |value| {
                match (value, usize::try_from(index)) {
                    (Value::List(items), Ok(index)) => items.into_iter().nth(index),
                    _ => None,
                }
                .ok_or_else(|| Problem::new("there is no such item"))
            }),
            Op::Untag { of, tag, answer } => {
                self.part(turn, no, of, answer, move |value| match value {
                    Value::Tagged(said, value) if said == tag => Ok(*value),
                    _ => Err(Problem::new("there is no such tag")),
                })
            }
            Op::GcExports(given_back) => given_back
                .into_iter()
                .try_for_each(|(position, count)| self.take_back_export(turn, no, position, count)),
            Op::GcAnswers(positions) => {
                let answers = &mut self.session(no)?.tables.answers;
                positions.into_iter().try_for_each(|position| {
                    let gone = answers.remove(&position);
                    gone.map(drop).ok_or(Misdeed::NoAnswer(position))
                })
            }
            // Handled before.
            Op::Abort(_) | Op::StartSession { .. } => Ok(()),
        }
    }

    fn session(&mut self, no: SessionNo) -> Result<&mut Session, Misdeed> {
        self.sessions.get_mut(&no).ok_or(Misdeed::NotStarted)
    }

    fn take_delivery(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        to: Target,
        args: Vec<Value<Desc>>,
        answer: Option<Position>,
        resolver: Option<Import>,
    ) -> Result<(), Misdeed> {
        let addressee = self.addressee(no, to)?;
        let weight = args.iter().map(Value::weight).sum();
        self.bytes = self.bytes.max(weight);
        // Two that do not know each other's dialect ask for answers that they do not want, and would answer the answers.
        let answers_us = matches!(addressee, Addressee::Resolver(_)) && answer.is_none();
        let unwanted = answers_us && !self.session(no)?.dialect.known();
        if let Some(unwanted) = resolver.filter(|_| unwanted) {
            drop(self.import(no, unwanted)?);
        }
        let resolver = resolver.filter(|_| !unwanted);
        let waiting = self.promise_answer(turn, no, answer, resolver)?;
        match addressee {
            Addressee::Bootstrap => {
                let asked = self.ask_bootstrap(turn, no, args, waiting);
                // The session ends before anybody's turn, so who asked is told here.
                if let (Err(misdeed), Some(resolver)) = (&asked, resolver) {
                    self.session(no)?.say_broken(resolver, misdeed);
                }
                asked
            }
            Addressee::Resolver(position) => {
                let args = self.take_args(turn, no, args)?;
                let outcome = outcome_said(args).map_err(|_| Misdeed::NoOutcome(position))?;
                self.answered(turn, no, position, outcome)?;
                if let Some(waiting) = waiting {
                    turn.resolve(waiting, Ok(Value::Undefined));
                }
                Ok(())
            }
            Addressee::Object(object) => {
                let args = self.take_args(turn, no, args)?;
                let freight = self.share(no)?;
                let message = Message {
                    args,
                    answer: waiting,
                    id: turn.cause(),
                    freight: Some(freight),
                };
                turn.post_message(&object, message);
                Ok(())
            }
        }
    }

    /// What a message that comes is caused by: what it answers, or else the session.
    fn cause_of(&mut self, no: SessionNo, to: Target) -> Result<u64, Misdeed> {
        let session = self.session(no)?;
        let opened = session.opened;
        let Target::Export(position) = to else {
            return Ok(opened);
        };
        Ok(match session.tables.waiting(position) {
            Some(Waiting::Resolver(_, asked) | Waiting::Listener(_, asked)) => *asked,
            _ => opened,
        })
    }

    fn addressee(&mut self, no: SessionNo, to: Target) -> Result<Addressee, Misdeed> {
        let tables = &mut self.session(no)?.tables;
        Ok(match to {
            Target::Export(0) => Addressee::Bootstrap,
            Target::Export(position) => match tables.exported(position)? {
                Exported::Object(object, _) => Addressee::Object(object.clone()),
                Exported::Once(_) => Addressee::Resolver(position),
            },
            Target::Answer(position) => {
                let answer = tables.answers.get(&position);
                Addressee::Object(answer.ok_or(Misdeed::NoAnswer(position))?.promise.clone())
            }
        })
    }

    /// The same as a reference, for what is listened to or passed back.
    fn addressee_ref(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        to: Target,
    ) -> Result<Ref, Misdeed> {
        Ok(match self.addressee(no, to)? {
            Addressee::Object(object) => object,
            Addressee::Bootstrap => self.own_bootstrap(turn),
            // The peer was told of these as objects, and may do with them what it likes.
            Addressee::Resolver(_) => turn.spawn(|_: &mut Turn<'_>, _| {
                Err("a resolver that was sent back cannot be used here".into())
            }),
        })
    }

    /// The promise of the answer, where the peer wants it, and the right to resolve it.
    fn promise_answer(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        answer: Option<Position>,
        resolver: Option<Import>,
    ) -> Result<Option<Resolver>, Misdeed> {
        if answer.is_none() && resolver.is_none() {
            return Ok(None);
        }
        let (promise, waiting) = turn.promise();
        if let Some(position) = answer {
            let share = self.share(no)?;
            let answers = &mut self.session(no)?.tables.answers;
            if answers.len() >= MOST {
                return Err(Misdeed::TooMuch("answers"));
            }
            let answer = Answer {
                promise: promise.clone(),
                _share: share,
            };
            if answers.insert(position, answer).is_some() {
                return Err(Misdeed::AnswerInUse(position));
            }
        }
        if let Some(resolver) = resolver {
            self.tell_when_settled(turn, no, &promise, resolver)?;
        }
        Ok(Some(waiting))
    }

    /// The peer gives back references to an export. Who waits for it to be answered waits no more.
    fn take_back_export(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        position: Position,
        count: u64,
    ) -> Result<(), Misdeed> {
        let freed = self.session(no)?.tables.give_back(position, count)?;
        let problem = || Err("the other vat has forgotten who waits for the answer".into());
        match freed.map(|waiting| *waiting) {
            Some(Waiting::Resolver(Some(resolver), _)) => turn.resolve(resolver, problem()),
            Some(Waiting::Listener(Some(promise), _)) => {
                turn.resolved_elsewhere(&promise, problem());
            }
            _ => {}
        }
        Ok(())
    }

    /// Has a resolver of the peer's hear what a promise comes to.
    fn tell_when_settled(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        promise: &Ref,
        resolver: Import,
    ) -> Result<(), Misdeed> {
        let resolver = self.import(no, resolver)?;
        let share = self.share(no)?;
        turn.watch(promise, move |turn, outcome| {
            drop(share);
            tell(turn, &resolver, outcome);
        });
        Ok(())
    }

    /// A share for what the message that is being taken leaves in this vat.
    fn share(&mut self, no: SessionNo) -> Result<Rc<dyn Any>, Misdeed> {
        let (all, bytes) = (self.left.clone(), self.bytes);
        Share::of(&self.session(no)?.left, &all, bytes)
    }

    fn answered(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        position: Position,
        outcome: Outcome,
    ) -> Result<(), Misdeed> {
        let twice = Misdeed::AnsweredTwice(position);
        match self.session(no)?.tables.waiting(position) {
            Some(Waiting::Resolver(resolver, _)) => {
                let resolver = resolver.take().ok_or(twice)?;
                turn.resolve(resolver, outcome);
            }
            Some(Waiting::Listener(promise, _)) => {
                let promise = promise.take().ok_or(twice)?;
                turn.resolved_elsewhere(&promise, outcome);
            }
            Some(Waiting::Sink) | None => {}
        }
        Ok(())
    }

    /// A part of what a promise comes to, at an answer position.
    fn part(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        of: Target,
        answer: Position,
        cut: impl FnOnce(Value) -> Outcome + 'static,
    ) -> Result<(), Misdeed> {
        let whole = self.addressee_ref(turn, no, of)?;
        if let Some(resolver) = self.promise_answer(turn, no, Some(answer), None)? {
            let share = self.share(no)?;
            turn.watch(&whole, move |turn, outcome| {
                drop(share);
                let outcome = outcome.and_then(cut);
                turn.resolve(resolver, outcome);
            });
        }
        Ok(())
    }
}

/// What a peer says, for objects.
impl Comms {
    pub(super) fn take_args(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        args: Vec<Value<Desc>>,
    ) -> Result<Vec<Value>, Misdeed> {
        args.into_iter()
            .map(|arg| self.take_value(turn, no, arg))
            .collect()
    }

    pub(super) fn take_value(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        value: Value<Desc>,
    ) -> Result<Value, Misdeed> {
        value.try_map(&mut |desc| self.take_ref(turn, no, desc).map(Value::Ref))
    }

    fn take_ref(&mut self, turn: &mut Turn<'_>, no: SessionNo, desc: Desc) -> Result<Ref, Misdeed> {
        match desc {
            Desc::Import(import) => self.import(no, import),
            Desc::Target(to) => self.addressee_ref(turn, no, to),
            Desc::Give(give) => self.take_gift(turn, no, *give),
            Desc::Receive(_) => Err(Misdeed::Misplaced),
        }
    }

    fn import(&mut self, no: SessionNo, import: Import) -> Result<Ref, Misdeed> {
        let session = self.session(no)?;
        let link = Rc::clone(&session.link);
        session.tables.import(&link, import)
    }
}

/// Tells a resolver of the peer what came of something.
fn tell(turn: &mut Turn<'_>, resolver: &Ref, outcome: Outcome) {
    let args = match outcome {
        Ok(value) => [Value::symbol("fulfill"), value],
        Err(Problem(reason)) => [Value::symbol("break"), reason],
    };
    turn.send_only(resolver, args);
}

impl Session {
    fn say_broken(&mut self, resolver: Import, misdeed: &Misdeed) {
        let (Import::Object(position) | Import::Promise(position)) = resolver;
        let reason = Value::Error(misdeed.to_string());
        // As with every message while the dialect is not known: one that wants an answer is written the same in all of them.
        let resolver = match self.dialect.known() {
            true => None,
            false => self.tables.export_once(Waiting::Sink).ok(),
        };
        // Of bounded length.
        let _ = self.say(&Op::Deliver {
            to: Target::Export(position),
            args: vec![Value::symbol("break"), reason],
            answer: None,
            resolver: resolver.map(Import::Object),
        });
    }
}
