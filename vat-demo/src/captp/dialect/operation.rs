//! Operations, as records of Syrup. Dialects A and B have the same but for a few [`Words`].

use super::super::certificate::{KeyForm, PublicKey, Signature};
use super::super::locator::Peer;
use super::super::op::{Import, Op, Position, Target};
use super::super::syrup::{DecodeError, EncodeError, Fault, Reader, Writer};
use super::passable;

/// What dialects call differently.
pub(super) struct Words {
    /// How keys and signatures are written.
    pub(super) keys: KeyForm,
    /// A message that wants no answer, where it has a name of its own. A message with the common name must then say who is
    /// to be told its answer.
    pub(super) deliver_only: Option<&'static str>,
    /// References that are gone.
    pub(super) gc_exports: &'static str,
    /// Answers that are gone.
    pub(super) gc_answers: &'static str,
}

/// Every word that some dialect has and another has not.
const WORDS_OF_SOME: [&str; 5] = [
    "op:deliver-only",
    "op:gc-export",
    "op:gc-answer",
    "op:gc-exports",
    "op:gc-answers",
];

impl Words {
    /// Writes an operation behind what is in `out`.
    pub(super) fn encode(&self, op: &Op, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if self.deliver_only.is_some() && is_answer_untold(op) {
            return Err(EncodeError::Dialect);
        }
        let mut to = Writer::new(out);
        self.write(op, &mut to);
        to.end_record();
        to.finish()
    }

    /// Reads one operation and nothing behind it.
    pub(super) fn decode(&self, message: &[u8]) -> Result<Op, DecodeError> {
        let mut from = Reader::new(message)?;
        let label = from.record()?;
        let op = self.read(label, &mut from)?;
        from.end_record()?;
        from.finish()?;
        Ok(op)
    }

    fn write(&self, op: &Op, to: &mut Writer<'_>) {
        match op {
            Op::StartSession {
                version,
                key,
                location,
                signature,
            } => {
                to.record("op:start-session");
                to.text(version);
                key.write(self.keys, to);
                location.write(to);
                signature.write(self.keys, to);
            }
            Op::Deliver { .. } => self.write_deliver(op, to),
            Op::Listen {
                to: promise,
                resolver,
                partial,
            } => {
                to.record("op:listen");
                write_target(*promise, to);
                write_import(*resolver, to);
                to.bool(*partial);
            }
            Op::Get { .. } | Op::Index { .. } | Op::Untag { .. } => write_selection(op, to),
            Op::GcExports(gone) => {
                to.record(self.gc_exports);
                write_positions(gone.iter().map(|(position, _)| *position), to);
                write_positions(gone.iter().map(|(_, delta)| *delta), to);
            }
            Op::GcAnswers(gone) => {
                to.record(self.gc_answers);
                write_positions(gone.iter().copied(), to);
            }
            Op::Abort(reason) => {
                to.record("op:abort");
                to.text(reason);
            }
        }
    }

    fn write_deliver(&self, op: &Op, to: &mut Writer<'_>) {
        let Op::Deliver {
            to: target,
            args,
            answer,
            resolver,
        } = op
        else {
            return;
        };
        let alone = self.deliver_only.filter(|_| is_answer_unwanted(op));
        to.record(alone.unwrap_or("op:deliver"));
        write_target(*target, to);
        to.list();
        args.iter()
            .for_each(|arg| passable::write(arg, self.keys, to));
        to.end_list();
        if alone.is_some() {
            return;
        }
        match answer {
            None => to.bool(false),
            Some(answer) => to.u64(*answer),
        }
        match resolver {
            None => to.bool(false),
            Some(resolver) => write_import(*resolver, to),
        }
    }

    fn read(&self, label: &str, from: &mut Reader<'_>) -> Result<Op, DecodeError> {
        Ok(match label {
            "op:start-session" => Op::StartSession {
                version: from.text()?.to_owned(),
                key: PublicKey::read(self.keys, from)?,
                location: Peer::read(from)?,
                signature: Signature::read(self.keys, from)?,
            },
            "op:deliver" => self.read_deliver(from)?,
            "op:listen" => Op::Listen {
                to: read_target(from)?,
                resolver: read_import(from)?,
                partial: from.bool()?,
            },
            "op:get" => Op::Get {
                of: read_target(from)?,
                field: from.text()?.to_owned(),
                answer: from.u64()?,
            },
            "op:index" => Op::Index {
                of: read_target(from)?,
                index: from.u64()?,
                answer: from.u64()?,
            },
            "op:untag" => Op::Untag {
                of: read_target(from)?,
                tag: from.text()?.to_owned(),
                answer: from.u64()?,
            },
            "op:abort" => Op::Abort(from.text()?.to_owned()),
            _ => self.read_own(label, from)?,
        })
    }

    /// What only some dialects call so.
    fn read_own(&self, label: &str, from: &mut Reader<'_>) -> Result<Op, DecodeError> {
        if label == self.gc_exports {
            return read_gc_exports(from);
        }
        if label == self.gc_answers {
            return read_positions(from).map(Op::GcAnswers);
        }
        if Some(label) == self.deliver_only {
            return Ok(Op::Deliver {
                to: read_target(from)?,
                args: self.read_args(from)?,
                answer: None,
                resolver: None,
            });
        }
        let known = WORDS_OF_SOME.contains(&label);
        Err(from.error_at(
            0,
            if known {
                Fault::Dialect
            } else {
                Fault::Operation
            },
        ))
    }

    fn read_deliver(&self, from: &mut Reader<'_>) -> Result<Op, DecodeError> {
        let to = read_target(from)?;
        let args = self.read_args(from)?;
        let answer = if from.no() { None } else { Some(from.u64()?) };
        let start = from.at();
        let resolver = if from.no() {
            None
        } else {
            Some(read_import(from)?)
        };
        if self.deliver_only.is_some() && resolver.is_none() {
            return Err(from.error_at(start, Fault::Dialect));
        }
        Ok(Op::Deliver {
            to,
            args,
            answer,
            resolver,
        })
    }

    fn read_args(&self, from: &mut Reader<'_>) -> Result<passable::Values, DecodeError> {
        from.list()?;
        passable::read_items(self.keys, from)
    }
}

/// A message of which nobody wants the answer.
fn is_answer_unwanted(op: &Op) -> bool {
    let Op::Deliver {
        answer, resolver, ..
    } = op
    else {
        return false;
    };
    answer.is_none() && resolver.is_none()
}

/// A message whose answer is kept, but nobody is told.
fn is_answer_untold(op: &Op) -> bool {
    let Op::Deliver {
        answer, resolver, ..
    } = op
    else {
        return false;
    };
    answer.is_some() && resolver.is_none()
}

/// What asks for a part of an answer.
fn write_selection(op: &Op, to: &mut Writer<'_>) {
    let (label, of, answer) = match op {
        Op::Get { of, answer, .. } => ("op:get", of, answer),
        Op::Index { of, answer, .. } => ("op:index", of, answer),
        Op::Untag { of, answer, .. } => ("op:untag", of, answer),
        _ => return,
    };
    to.record(label);
    write_target(*of, to);
    match op {
        Op::Get { field, .. } => to.text(field),
        Op::Untag { tag, .. } => to.text(tag),
        Op::Index { index, .. } => to.u64(*index),
        _ => {}
    }
    to.u64(*answer);
}

fn write_positions(positions: impl Iterator<Item = Position>, to: &mut Writer<'_>) {
    to.list();
    positions.for_each(|position| to.u64(position));
    to.end_list();
}

fn read_positions(from: &mut Reader<'_>) -> Result<Vec<Position>, DecodeError> {
    from.list()?;
    let mut positions = Vec::new();
    while !from.list_ends()? {
        positions.push(from.u64()?);
    }
    Ok(positions)
}

fn read_gc_exports(from: &mut Reader<'_>) -> Result<Op, DecodeError> {
    let positions = read_positions(from)?;
    let start = from.at();
    let deltas = read_positions(from)?;
    if positions.len() != deltas.len() {
        return Err(from.error_at(start, Fault::Deltas));
    }
    Ok(Op::GcExports(positions.into_iter().zip(deltas).collect()))
}

/// Writes a descriptor of what the receiver has.
pub(super) fn write_target(target: Target, to: &mut Writer<'_>) {
    let (label, position) = match target {
        Target::Export(position) => (EXPORT, position),
        Target::Answer(position) => (ANSWER, position),
    };
    to.record(label);
    to.u64(position);
    to.end_record();
}

/// Writes a descriptor of what the sender has.
pub(super) fn write_import(import: Import, to: &mut Writer<'_>) {
    let (label, position) = match import {
        Import::Object(position) => (IMPORT_OBJECT, position),
        Import::Promise(position) => (IMPORT_PROMISE, position),
    };
    to.record(label);
    to.u64(position);
    to.end_record();
}

pub(super) const EXPORT: &str = "desc:export";
pub(super) const ANSWER: &str = "desc:answer";
pub(super) const IMPORT_OBJECT: &str = "desc:import-object";
pub(super) const IMPORT_PROMISE: &str = "desc:import-promise";

fn read_target(from: &mut Reader<'_>) -> Result<Target, DecodeError> {
    let start = from.at();
    let target = match from.record()? {
        EXPORT => Target::Export(from.u64()?),
        ANSWER => Target::Answer(from.u64()?),
        _ => return Err(from.error_at(start, Fault::Expected("an export or an answer"))),
    };
    from.end_record()?;
    Ok(target)
}

fn read_import(from: &mut Reader<'_>) -> Result<Import, DecodeError> {
    let start = from.at();
    let import = match from.record()? {
        IMPORT_OBJECT => Import::Object(from.u64()?),
        IMPORT_PROMISE => Import::Promise(from.u64()?),
        _ => return Err(from.error_at(start, Fault::Expected("an import"))),
    };
    from.end_record()?;
    Ok(import)
}
