//! What a peer can do wrong.

use thiserror::Error;

use super::op::Position;

/// Why a session was aborted. Its words are what the peer is told.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Misdeed {
    /// Nothing: this side has had enough.
    #[error("session closed")]
    Done,
    /// Not an operation.
    #[error("malformed: {0}")]
    Malformed(String),
    /// Something before `op:start-session`.
    #[error("op:start-session must come first")]
    NotStarted,
    /// A second `op:start-session`.
    #[error("op:start-session came twice")]
    StartedTwice,
    /// Another version of the protocol.
    #[error("this side speaks version 1.0 of CapTP")]
    Version,
    /// The location is not signed by the key.
    #[error("the signature of the location is wrong")]
    LocationSignature,
    /// Another location than the one proven to the netlayer.
    #[error("the location is not that of the vat that was proven")]
    Impostor,
    /// There is a session with this location.
    #[error("there is a session with this location already")]
    Duplicate,
    /// Both dialled, and the other session stays.
    #[error("crossed hellos: the other session stays")]
    Crossed,
    /// Nothing was heard in time.
    #[error("op:start-session did not come in time")]
    Late,
    /// A message to something that was never exported, or was given back.
    #[error("there is no export {0}")]
    NoExport(Position),
    /// A message to an answer that was never asked for, or was given up.
    #[error("there is no answer {0}")]
    NoAnswer(Position),
    /// An answer position in use.
    #[error("answer {0} is in use")]
    AnswerInUse(Position),
    /// More given back than was sent.
    #[error("export {0} was given back more often than it was sent")]
    CountedBelowZero(Position),
    /// A second answer to one message.
    #[error("the message of resolver {0} was answered already")]
    AnsweredTwice(Position),
    /// A resolver was told something other than an answer.
    #[error("resolver {0} takes 'fulfill and a value, or 'break and a reason")]
    NoOutcome(Position),
    /// A certificate where none can stand.
    #[error("a certificate of a wish stands where a value is wanted")]
    Misplaced,
    /// A gift for somebody else.
    #[error("the gift is for another receiver")]
    NotTheReceiver,
    /// A wish for another session than this.
    #[error("the wish is for another session")]
    WrongSession,
    /// A wish for another side than the peer.
    #[error("the wish is for another side of the session")]
    WrongSide,
    /// A wish not signed by the receiver.
    #[error("the wish is not signed by the receiver of the gift")]
    ForgedWish,
    /// A handoff count that was used.
    #[error("handoff count {0} was used before")]
    CountUsed(u64),
    /// More than a bound.
    #[error("too many {0}")]
    TooMuch(&'static str),
    /// The peer does not read.
    #[error("what was sent is not read")]
    DoesNotRead,
}
