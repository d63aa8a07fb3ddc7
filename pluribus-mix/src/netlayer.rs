//! The seam to a vat runtime: five verbs down, five events up.
//!
//! A runtime that is given a `dyn Netlayer` needs nothing else of this crate. The contract is E's and OCapN's: whole
//! messages, in order, each exactly once while the connection lives; one notice when it ends; the peer proven before the
//! runtime hears of it (VTP-31). Nothing here waits, and nothing here knows a clock or an executor.

use crate::id::VatId;
use crate::locator::{Hints, Locator};
use core::fmt;

/// The longest message, in bytes. (VTP-25)
pub const MAX_MESSAGE: usize = 1 << 20;

/// A connection, as this netlayer numbers them. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// What a vat runtime asks of its transport. Dyn-safe.
pub trait Netlayer {
    /// Where this vat can be found.
    fn locator(&self) -> &Locator;

    /// Starts a connection and names it at once; messages may be sent before it is open. How it goes comes as
    /// an [`Event`]: `Opened`, or `Closed` with the reason. Two vats have one connection: if there is one with this
    /// vat already, whoever began it, that is the one named, and nothing more is told of its opening (VTP-33).
    ///
    /// # Errors
    /// What can be told without asking the network; see [`ConnectError`].
    fn connect(&mut self, to: &Locator) -> Result<ConnId, ConnectError>;

    /// Queues one message of 1 to [`MAX_MESSAGE`] bytes.
    ///
    /// # Errors
    /// Hands the message back with the reason (VTP-32). After [`SendFault::Full`] an [`Event::Writable`] follows.
    fn send(&mut self, conn: ConnId, message: Vec<u8>) -> Result<(), SendError>;

    /// Ends a connection, and nothing more is heard of it: no event follows. Whether what was queued and not yet sent still goes
    /// out is the netlayer's affair: a node drops it, an endpoint gives it some seconds. Unknown ids are ignored.
    fn close(&mut self, conn: ConnId);

    /// What has happened, oldest first. Taking a message makes room for the peer to send more.
    fn poll_event(&mut self) -> Option<Event>;
}

/// What a vat runtime may ask of its transport when it hands references over: the optional second half of the seam.
///
/// In a handoff the gifter tells the receiver where the exporter is. A transport that hides where vats are has more to say there
/// than a name, and has to know of it in time. Dyn-safe; nothing here waits.
pub trait Introductions {
    /// A reference to something at `target` is about to be given to `receiver`: the hints that are to stand in the location of
    /// the target, and mean something to the receiver alone. Hints that are there already may be among them.
    fn offer(&mut self, target: &Locator, receiver: VatId) -> Hints;

    /// A reference to something at this vat was given to us: a connection will be wanted.
    fn expect(&mut self, target: &Locator);
}

/// What a netlayer tells its runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The peer is proven and messages can come. For connections asked for and for incoming ones.
    Opened {
        /// The connection.
        conn: ConnId,
        /// The vat at the other end, proven.
        peer: VatId,
    },
    /// One whole message.
    Message {
        /// The connection.
        conn: ConnId,
        /// 1 to [`MAX_MESSAGE`] bytes.
        body: Vec<u8>,
    },
    /// The peer has sent all that it will send; the other direction goes on. (VTP-25)
    Ended {
        /// The connection.
        conn: ConnId,
    },
    /// There is room again after [`SendFault::Full`].
    Writable {
        /// The connection.
        conn: ConnId,
    },
    /// The connection is over; nothing more will be heard of it.
    Closed {
        /// The connection.
        conn: ConnId,
        /// Why, by what one can do about it.
        reason: CloseReason,
    },
}

impl Event {
    /// The connection that it tells of.
    #[must_use]
    pub fn conn(&self) -> ConnId {
        let (Self::Opened { conn, .. }
        | Self::Message { conn, .. }
        | Self::Ended { conn }
        | Self::Writable { conn }
        | Self::Closed { conn, .. }) = self;
        *conn
    }
}

/// Why a connection ended, by what its user can do about it. (VTP-55)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// Nobody there, no answer, or no way to it for longer than a connection waits (VTP-40): try later.
    Unreachable,
    /// Nothing leads to the vat: it is hidden, there is no ticket for it, and no record of it is found. (RDV-34, RDV-42)
    NotFound,
    /// Every ticket for it is out of date by this vat's own clock. (RDV-2)
    Expired,
    /// What leads to it is of another network than this vat's. (RDV-2)
    WrongNetwork,
    /// The peer broke the protocol: trying again will not help.
    Misbehaved,
    /// What was given to dial it with leads to another vat, is for somebody else, or is nothing. (RDV-2, RDV-5)
    Refused,
    /// The peer no longer has this connection: it was started again, or gave the connection up while there was no way
    /// between the two. What it had not taken is lost; connect again.
    Gone,
    /// Someone was done.
    Closed,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => {
                "the vat could not be reached, or the link to it broke; try again later"
            }
            Self::NotFound => "nothing leads to this vat: ask somebody who knows it for a ticket",
            Self::Expired => "the ticket for this vat is out of date; ask for a new one",
            Self::WrongNetwork => "this vat is in another network than this one",
            Self::Misbehaved => "the peer broke the protocol",
            Self::Refused => {
                "what was given leads to another vat or is for somebody else; ask for a ticket of your own"
            }
            Self::Gone => "the peer was restarted or gave the connection up; connect again",
            Self::Closed => "the connection was closed",
        })
    }
}

/// Why a connection could not even be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The locator names this vat itself.
    #[error("this locator names the vat itself; use the object directly")]
    Oneself,
    /// The locator has no `at` hint, and nothing but that hint leads anywhere yet.
    #[error("this locator has no at=host:port hint, so there is no way to reach the vat")]
    NoAddress,
    /// There is no consensus yet, or it does not list the relay.
    #[error("the relay is not in the consensus")]
    NoRelay,
    /// As many connections as the node may have.
    #[error("this node has as many connections as it may have; close one first")]
    TooMany,
}

/// A message that was not taken, and why.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct SendError {
    /// The message, as it was given.
    pub message: Vec<u8>,
    /// What to do about it.
    pub fault: SendFault,
}

impl fmt::Debug for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.message.len();
        write!(f, "SendError({:?}, message of {len} bytes)", self.fault)
    }
}

/// Why a message was not taken. (VTP-32)
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendFault {
    /// An empty message means the end of a direction and is not sent as a message.
    #[error("a message has at least one byte; to end this direction use finish")]
    Empty,
    /// Beyond [`MAX_MESSAGE`].
    #[error("a message has at most {MAX_MESSAGE} bytes; split it")]
    TooLong,
    /// No connection of this id, or no longer.
    #[error("there is no such connection; connect again")]
    NoConnection,
    /// This direction was ended before.
    #[error("this direction has been ended")]
    Ended,
    /// The queue is full.
    #[error("the queue is full; wait for Writable")]
    Full,
}
