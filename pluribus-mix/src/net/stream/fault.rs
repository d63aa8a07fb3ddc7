//! What can go wrong on a stream, as the errors of [`std::io`].

use std::io::{Error, ErrorKind};

use thiserror::Error as Describe;

use crate::netlayer::CloseReason;

use super::super::error::Cut;
use super::tray::Fate;

#[derive(Clone, Copy, Debug, Describe)]
enum Fault {
    #[error("the peer gave this stream up, with code {0}")]
    Reset(u8),
    #[error("behind the end of the connection: {0}")]
    Over(CloseReason),
    #[error("this direction of the stream has been shut down")]
    Ended,
}

pub(super) fn reading(fate: Fate) -> Error {
    match fate {
        Fate::Reset(_) => writing(fate),
        Fate::Over(reason) => Error::new(ErrorKind::ConnectionAborted, Cut { reason }),
    }
}

pub(super) fn writing(fate: Fate) -> Error {
    match fate {
        Fate::Reset(code) => Error::new(ErrorKind::ConnectionReset, Fault::Reset(code)),
        Fate::Over(reason) => Error::new(ErrorKind::NotConnected, Fault::Over(reason)),
    }
}

pub(super) fn ended() -> Error {
    Error::new(ErrorKind::BrokenPipe, Fault::Ended)
}
