//! What two peers say to each other, as types that cannot be wrong.
//!
//! Descriptors are from the receiver's view: who exports an object says `import`, for that is what it will be to the
//! other. Nothing here knows how an operation is written; that is the business of a [`Dialect`](super::dialect).

use super::certificate::{PublicKey, Signature, SignedGive, SignedReceive};
use super::locator::Peer;
use crate::value::Value;

/// A place in one of a session's tables. Peers choose them, so only their bounds are known.
pub type Position = u64;

/// Something that the sender exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Import {
    /// `desc:import-object`
    Object(Position),
    /// `desc:import-promise`
    Promise(Position),
}

/// Something that the receiver has, to which a message can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `desc:export`: what the receiver has exported.
    Export(Position),
    /// `desc:answer`: what will answer an earlier message of the sender.
    Answer(Position),
}

/// A reference, as the wire has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Desc {
    /// The sender's.
    Import(Import),
    /// The receiver's.
    Target(Target),
    /// A gift: an object of a third vat. (`desc:sig-envelope` around `desc:handoff-give`)
    Give(Box<SignedGive>),
    /// The wish for a gift. Only the bootstrap object takes it. (`desc:sig-envelope` around `desc:handoff-receive`)
    Receive(Box<SignedReceive>),
}

/// An operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// `op:start-session`
    StartSession {
        /// The version of the protocol.
        version: String,
        /// The key of this side for this session.
        key: PublicKey,
        /// Where the sender can be found.
        location: Peer,
        /// Of the location, by the key.
        signature: Signature,
    },
    /// `op:deliver`, and in a dialect that has it `op:deliver-only` for one that wants no answer.
    Deliver {
        /// To whom.
        to: Target,
        /// What.
        args: Vec<Value<Desc>>,
        /// Where the receiver keeps the promise of the answer.
        answer: Option<Position>,
        /// Who is to be told the answer.
        resolver: Option<Import>,
    },
    /// `op:listen`
    Listen {
        /// The promise.
        to: Target,
        /// Who is to be told.
        resolver: Import,
        /// Whether the sender wants to hear of promises that it resolves to; older dialects only.
        partial: bool,
    },
    /// `op:get`: a field of a struct that an answer will be.
    Get {
        /// The promise of the struct.
        of: Target,
        /// The field.
        field: String,
        /// Where the receiver keeps the promise of the field.
        answer: Position,
    },
    /// `op:index`: an item of a list that an answer will be.
    Index {
        /// The promise of the list.
        of: Target,
        /// Which item, from 0.
        index: u64,
        /// Where the receiver keeps the promise of the item.
        answer: Position,
    },
    /// `op:untag`: what stands under a tag.
    Untag {
        /// The promise of the tagged value.
        of: Target,
        /// The tag.
        tag: String,
        /// Where the receiver keeps the promise of the value.
        answer: Position,
    },
    /// `op:gc-exports`: so many references to each of these are gone.
    GcExports(Vec<(Position, u64)>),
    /// `op:gc-answers`: nothing more is said to these answers.
    GcAnswers(Vec<Position>),
    /// `op:abort`: the session is over.
    Abort(String),
}

impl Op {
    /// The bytes that this takes in memory beyond a fixed size, or a little less.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Deliver { args, .. } => args.iter().map(Value::weight).sum(),
            Self::GcExports(given) => size_of_val(given.as_slice()),
            Self::GcAnswers(given) => size_of_val(given.as_slice()),
            _ => 0,
        }
    }

    /// The answer to a message is to come to this export.
    pub(super) fn answer_to(&mut self, position: Position) {
        if let Self::Deliver { resolver, .. } = self {
            *resolver = Some(Import::Object(position));
        }
    }
}
