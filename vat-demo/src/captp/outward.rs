//! What goes to other vats: errands of references.

use std::convert::Infallible;

use super::comms::Comms;
use super::link::{Args, Away, Errand, SessionNo, Wish, gone};
use super::misdeed::Misdeed;
use super::op::{Desc, Import, Op, Position, Target};
use super::session::Session;
use super::syrup::EncodeError;
use super::tables::Exported;
use crate::value::Value;
use crate::vat::{Kind, Problem, Ref, Resolver, Turn};

/// How many are given back in one operation.
const MOST_DROPPED: usize = 4096;

impl Comms {
    pub(super) fn run_errand(
        &mut self,
        turn: &mut Turn<'_>,
        errand: Errand,
    ) -> Result<(), Misdeed> {
        let Errand { session: no, wish } = errand;
        let Some(session) = self.sessions.get_mut(&no) else {
            if let Wish::Deliver {
                answer: Some((_, resolver)),
                ..
            } = wish
            {
                turn.resolve(resolver, Err(gone()));
            }
            return Ok(());
        };
        match wish {
            Wish::DropImport(position, received) => {
                session.tables.forget(position);
                session.dropped_imports.push((position, received));
            }
            Wish::DropAnswer(position) => session.dropped_answers.push(position),
            Wish::Listen { to, promise } => {
                let listener = Exported::Listener(Some(promise));
                let position = session.tables.export_once(listener)?;
                // Of bounded length, whatever the positions.
                let _ = session.say(&Op::Listen {
                    to,
                    resolver: Import::Object(position),
                    partial: false,
                });
            }
            Wish::Deliver {
                to, args, answer, ..
            } => {
                let args = match args {
                    Args::Wired(args) => args,
                    Args::Said(args) => args
                        .into_iter()
                        .map(|arg| self.give_value(turn, no, arg))
                        .collect::<Result<_, _>>()?,
                };
                self.say_delivery(turn, no, to, args, answer)?;
            }
        }
        Ok(())
    }

    fn say_delivery(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        to: Target,
        args: Vec<Value<Desc>>,
        answer: Option<(Position, Resolver)>,
    ) -> Result<(), Misdeed> {
        let Some(session) = self.sessions.get_mut(&no) else {
            return Ok(());
        };
        let (answer, waits) = match answer {
            Some((position, resolver)) => {
                (Some(position), Some(Exported::Resolver(Some(resolver))))
            }
            // While the dialect is not known, every message wants an answer: that is written the same in all of them.
            None if !session.dialect.known() => (None, Some(Exported::Sink)),
            None => (None, None),
        };
        let resolver = match waits {
            Some(waits) => Some(Import::Object(session.tables.export_once(waits)?)),
            None => None,
        };
        let op = Op::Deliver {
            to,
            args,
            answer,
            resolver,
        };
        if let Err(error) = session.say(&op) {
            session.take_back(turn, op, &error);
        }
        Ok(())
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
            Some(Away::Asked(link, position)) if link.session == no => {
                return Ok(Desc::Target(Target::Answer(position)));
            }
            Some(Away::Imported(link, position)) if matches!(reference.kind(), Kind::Far(_)) => {
                if let Some(give) = self.give_away(turn, no, &link, position) {
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
    /// A message cannot be written: what it would have exported is not, and who waits for an answer hears why.
    fn take_back(&mut self, turn: &mut Turn<'_>, op: Op, error: &EncodeError) {
        let Op::Deliver { args, resolver, .. } = op else {
            return;
        };
        if let Some(Import::Object(position)) = resolver
            && let Ok(Exported::Resolver(waits)) = self.tables.exported(position)
            && let Some(waits) = waits.take()
        {
            turn.resolve(waits, Err(Problem::new(error.to_string())));
        }
        let mut exported = Vec::from_iter(resolver);
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
            // It was exported for this message a moment ago.
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
