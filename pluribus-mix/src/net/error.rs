//! What can go wrong for the caller, and what to do about it.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

use crate::netlayer::{CloseReason, ConnectError};

use super::keyfile::KeyFileError;

/// Why an endpoint could not be made.
#[derive(Debug, Error)]
pub enum BindError {
    /// The operating system has no random bytes to give.
    #[error("the operating system gives no random bytes; nothing safe can be done without them")]
    Entropy,
    /// The key file cannot be used.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The address cannot be listened at.
    #[error("cannot listen at {at}: {why}; choose another address or port")]
    Listen {
        /// The address asked for.
        at: SocketAddr,
        /// What the operating system said.
        why: io::Error,
    },
    /// It listens at every address of the machine, or in one zone only: a locator cannot say so.
    #[error("{0} is no place where others could find the vat; name an address or a host")]
    NoPlace(SocketAddr),
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DialError {
    /// What can be told without asking the network.
    #[error(transparent)]
    Locator(#[from] ConnectError),
    /// It was tried.
    #[error("{0}")]
    Failed(CloseReason),
    /// The endpoint has been closed.
    #[error("this endpoint has been closed; bind another")]
    EndpointClosed,
}

/// The endpoint has been closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("this endpoint has been closed; bind another")]
pub struct EndpointClosed;

impl From<EndpointClosed> for DialError {
    fn from(EndpointClosed: EndpointClosed) -> Self {
        Self::EndpointClosed
    }
}

/// The connection ended before the peer had ended its direction: what came may not be all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("before the peer had sent everything: {reason}")]
pub struct Cut {
    /// Why.
    pub reason: CloseReason,
}

/// Why a stream could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OpenError {
    /// The head is longer than 512 bytes. (VTP-49)
    #[error("the head of a stream has at most 512 bytes; say the rest in the stream")]
    HeadTooLong,
    /// 1024 streams are open from here, or the endpoint holds all that it may for its peers. (VTP-49, VTP-32)
    #[error("too many streams, or too much that waits for peers; end some first")]
    TooMany,
    /// The connection is over.
    #[error("behind the end of the connection: {0}")]
    Over(CloseReason),
}

/// Why a datagram was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DatagramError {
    /// It is empty, or too long. (VTP-52)
    #[error("a datagram has 1 to 800 bytes; for more there are messages and streams")]
    Length,
    /// The connection is over.
    #[error("behind the end of the connection: {0}")]
    Over(CloseReason),
}
