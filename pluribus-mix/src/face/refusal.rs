//! Why a program does not get what it asked for, in its own protocol's words. (FAC-6)
//!
//! The text of each refusal is the body of an HTTP answer; it says what to do and never names the target.

use thiserror::Error;

use super::target::TargetFault;

/// Why there is no stream to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DialFault {
    /// A policy forbids it.
    #[error("no exit lets this address and port through")]
    Policy,
    /// There is no such host, or no such vat.
    #[error("there is no such name")]
    NotFound,
    /// The way to it ends before it.
    #[error("the target cannot be reached")]
    Unreachable,
    /// It was reached, and nobody listens there.
    #[error("the target refused the connection")]
    Refused,
    /// No answer in time.
    #[error("the target did not answer in time")]
    TimedOut,
    /// There is no network here yet: no directory, or no way to any relay.
    #[error("the mix network cannot be reached yet; try again later")]
    NoNetwork,
    /// An address of a kind that nobody carries to.
    #[error("addresses of this kind cannot be reached")]
    AddressKind,
    /// Anything else.
    #[error("the connection failed on the way")]
    Failed,
}

/// Why a program is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The bytes break the protocol.
    #[error("this request is malformed")]
    Malformed,
    /// The target is none.
    #[error(transparent)]
    Target(#[from] TargetFault),
    /// Something other than CONNECT.
    #[error(
        "only CONNECT is served here: set this as a proxy for tunnels (for https), not for http"
    )]
    Method,
    /// An address type that SOCKS does not know.
    #[error("there are no addresses of this type")]
    AddressType,
    /// As many connections as there may be.
    #[error("too many connections here; close some first")]
    Busy,
    /// Nobody carries to it.
    #[error(transparent)]
    Dial(#[from] DialFault),
}

impl Refusal {
    /// The reply code of SOCKS5. (RFC 1928, 6)
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Malformed | Self::Busy | Self::Dial(DialFault::Failed) => 1,
            Self::Dial(DialFault::Policy) => 2,
            Self::Dial(DialFault::NoNetwork) => 3,
            Self::Target(_) | Self::Dial(DialFault::NotFound | DialFault::Unreachable) => 4,
            Self::Dial(DialFault::Refused) => 5,
            Self::Dial(DialFault::TimedOut) => 6,
            Self::Method => 7,
            Self::AddressType | Self::Dial(DialFault::AddressKind) => 8,
        }
    }

    /// The status of HTTP, with its words.
    pub(super) const fn status(self) -> &'static str {
        match self {
            Self::Malformed
            | Self::Target(_)
            | Self::AddressType
            | Self::Dial(DialFault::AddressKind) => "400 Bad Request",
            Self::Dial(DialFault::Policy) => "403 Forbidden",
            Self::Method => "405 Method Not Allowed",
            Self::Dial(
                DialFault::NotFound
                | DialFault::Unreachable
                | DialFault::Refused
                | DialFault::Failed,
            ) => "502 Bad Gateway",
            Self::Busy | Self::Dial(DialFault::NoNetwork) => "503 Service Unavailable",
            Self::Dial(DialFault::TimedOut) => "504 Gateway Timeout",
        }
    }
}
