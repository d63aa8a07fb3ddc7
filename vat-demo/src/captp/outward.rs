//! What goes to other vats: errands of references.

use std::convert::Infallible;

use super::comms::Comms;
use super::link::{Args, Away, Errand, SessionNo, Wish, gone};
use super::misdeed::Misdeed;
use super::op::{Desc, Import, Op, Position, Target};
use super::session::Session;
use super::tables::{MOST, Waiting};
use crate::value::Value;
use crate::vat::{Happened, Kind, Problem, Ref, Resolver, Turn};

/// How many are given back in one operation.
const MOST_DROPPED: usize = 4096;

impl Comms {
    pub(super) fn run_errand(&mut self, turn: &mut Turn<'_>, errand: Errand) {
        let Errand { session: no, wish } = errand;
        match (self.sessions.get_mut(&no), wish) {
            (Some(session), Wish::DropImport(position, received)) => {
                session.tables.forget(position);
                session.dropped_imports.push((position, received));
                if session.dropped_imports.len() > MOST {
                    session.dialect.assume();
                }
            }
            (Some(session), Wish::DropAnswer(position)) => session.dropped_answers.push(position),
            (Some(session), Wish::Listen { to, promise, cause }) => {
                turn.because(cause, |turn| session.listen(turn, to, promise));
            }
            (
                Some(_),
                Wish::Deliver {
                    to,
                    args,
                    answer,
                    cause,
                },
            ) => turn.because(cause, |turn| {
                let (position, resolver) = answer.unzip();
                let fulfils = args.fulfil();
                let said = self.deliver(turn, no, to, args, position, resolver);
                if let Some((session, position)) = self.sessions.get_mut(&no).zip(position) {
                    if said.is_err() {
                        session.ask_nothing(position);
                    }
                    session.asked_below = position + 1;
                }
                match said {
                    Err((problem, Some(resolver))) => turn.resolve(resolver, Err(problem)),
                    // Whoever waits for what cannot be said is told that.
                    Err((Problem(reason), None)) if fulfils => {
                        let args = Args::Said(vec![Value::symbol("break"), reason]);
                        let _ = self.deliver(turn, no, to, args, None, None);
                    }
                    _ => {}
                }
            }),
            (
                None,
                Wish::Deliver {
                    answer: Some((_, resolver)),
                    ..
                },
            ) => turn.resolve(resolver, Err(gone())),
            (None, _) => {}
        }
    }

    /// Says a message, or gives back who waits for the answer, with the reason.
    fn deliver(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        to: Target,
        args: Args,
        answer: Option<Position>,
        resolver: Option<Resolver>,
    ) -> Result<(), (Problem, Option<Resolver>)> {
        let args = match args {
            Args::Wired(args) => args,
            Args::Said(args) => match self.give_args(turn, no, args) {
                Ok(args) => args,
                Err(misdeed) => return Err((Problem::new(misdeed.to_string()), resolver)),
            },
        };
        let Some(session) = self.sessions.get_mut(&no) else {
            return Err((gone(), resolver));
        };
        let waits = match resolver {
            Some(resolver) => Some(Waiting::Resolver(Some(resolver), turn.cause())),
            // While the dialect is not known, every message wants an answer: that is written the same in all of them.
            None if !session.dialect.known() => Some(Waiting::Sink),
            None => None,
        };
        let mut op = Op::Deliver {
            to,
            args,
            answer,
            resolver: None,
        };
        if let Some(waits) = waits {
            match session.tables.export_once(waits) {
                Ok(position) => op.answer_to(position),
                Err((misdeed, mut waits)) => {
                    session.take_back(op);
                    let resolver = waits.take_resolver();
                    return Err((Problem::new(misdeed.to_string()), resolver));
                }
            }
        }
        session.say(&op).map_err(|error| {
            let resolver = session.take_back(op);
            (Problem::new(error.to_string()), resolver)
        })?;
        turn.note(Happened::Carried { session: no.0 });
        Ok(())
    }

    fn give_args(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        args: Vec<Value>,
    ) -> Result<Vec<Value<Desc>>, Misdeed> {
        let mut given = Vec::with_capacity(args.len());
        for arg in args {
            match self.give_value(turn, no, arg) {
                Ok(arg) => given.push(arg),
                Err(misdeed) => {
                    if let Some(session) = self.sessions.get_mut(&no) {
                        session.take_back_args(given);
                    }
                    return Err(misdeed);
                }
            }
        }
        Ok(given)
    }

    /// What an object says, for the peer.
    pub(super) fn give_value(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        value: Value,
    ) -> Result<Value<Desc>, Misdeed> {
        value.try_map(&mut |reference| self.give_ref(turn, no, &reference).map(Value::Ref))
    }

    fn has_asked(&self, no: SessionNo, position: Position) -> bool {
        let session = self.sessions.get(&no);
        session.is_some_and(|session| position < session.asked_below)
    }

    fn give_ref(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        reference: &Ref,
    ) -> Result<Desc, Misdeed> {
        let away = match reference.kind() {
            Kind::Far(way) | Kind::Promise(Some(way)) => Away::of(&*way),
            _ => None,
        };
        match away {
            Some(Away::Imported(link, position)) if link.session == no => {
                return Ok(Desc::Target(Target::Export(position)));
            }
            // What has become such a promise since the message was sent may be the answer to a later message; then it is ours.
            Some(Away::Asked(link, position))
                if link.session == no && self.has_asked(no, position) =>
            {
                return Ok(Desc::Target(Target::Answer(position)));
            }
            Some(Away::Imported(link, position)) if matches!(reference.kind(), Kind::Far(_)) => {
                if let Some(give) = self.give_away(turn, no, (&link, position), reference) {
                    return Ok(Desc::Give(Box::new(give)));
                }
            }
            _ => {}
        }
        // Ours, or a promise of somebody else's: the peer asks us what it comes to, and then it is what it has become.
        let session = self.sessions.get_mut(&no).ok_or(Misdeed::NotStarted)?;
        let near = matches!(reference.kind(), Kind::Near);
        let position = session.tables.export(reference)?;
        Ok(Desc::Import(if near {
            Import::Object(position)
        } else {
            Import::Promise(position)
        }))
    }
}

impl Session {
    /// Asks the peer what a promise of its comes to.
    fn listen(&mut self, turn: &mut Turn<'_>, to: Target, promise: Ref) {
        let listener = Waiting::Listener(Some(promise.clone()), turn.cause());
        let said = match self.tables.export_once(listener) {
            // Of bounded length, whatever the positions.
            Ok(position) => self
                .say(&Op::Listen {
                    to,
                    resolver: Import::Object(position),
                    partial: false,
                })
                .map_err(|error| error.to_string()),
            Err((misdeed, _)) => Err(misdeed.to_string()),
        };
        match said {
            Ok(()) => {
                turn.note(Happened::Carried { session: self.no.0 });
            }
            Err(words) => turn.resolved_elsewhere(&promise, Err(Problem::new(words))),
        }
    }

    /// A message was not sent, but what was sent to its answer follows: the peer must know of one. Its bootstrap object has
    /// nothing but a problem for this.
    fn ask_nothing(&mut self, answer: Position) {
        let sink = self.tables.export_once(Waiting::Sink).ok();
        let _ = self.say(&Op::Deliver {
            to: Target::Export(0),
            args: Vec::new(),
            answer: Some(answer),
            resolver: sink.map(Import::Object),
        });
    }

    /// A message is not sent: what it would have exported is not. Who waits for its answer is given back.
    fn take_back(&mut self, op: Op) -> Option<Resolver> {
        let Op::Deliver { args, resolver, .. } = op else {
            return None;
        };
        let waits = match resolver {
            Some(Import::Object(position)) => {
                let waits = self.tables.waiting(position);
                waits.and_then(Waiting::take_resolver)
            }
            _ => None,
        };
        if let Some(Import::Object(position) | Import::Promise(position)) = resolver {
            // It was exported for this message a moment ago.
            let _ = self.tables.give_back(position, 1);
        }
        self.take_back_args(args);
        waits
    }

    fn take_back_args(&mut self, args: Vec<Value<Desc>>) {
        let mut exported = Vec::new();
        for arg in args {
            let found = arg.try_map(&mut |desc| {
                if let Desc::Import(import) = desc {
                    exported.push(import);
                }
                Ok::<_, Infallible>(Value::<()>::Undefined)
            });
            let Ok(_) = found;
        }
        for Import::Object(position) | Import::Promise(position) in exported {
            // The same.
            let _ = self.tables.give_back(position, 1);
        }
    }

    /// Gives back to the peer what nobody here holds any more, once it is known how to say that.
    pub(super) fn give_back(&mut self) {
        if self.live().is_none() || !self.dialect.known() {
            return;
        }
        // In pieces that a message holds.
        let imports = std::mem::take(&mut self.dropped_imports);
        for dropped in imports.chunks(MOST_DROPPED) {
            let _ = self.say(&Op::GcExports(dropped.to_vec()));
        }
        let answers = std::mem::take(&mut self.dropped_answers);
        for dropped in answers.chunks(MOST_DROPPED) {
            let _ = self.say(&Op::GcAnswers(dropped.to_vec()));
        }
    }
}
