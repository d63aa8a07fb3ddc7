//! The client's side of a session with an exit.

use std::num::NonZeroU16;

use thiserror::Error;
use tokio::io::AsyncReadExt;

use crate::locator::Host;

use super::super::connection::Connection;
use super::super::error::OpenError;
use super::super::stream::MixStream;
use super::ask::{Ask, DONE, Refusal};

/// Why an exit did not give what it was asked for. (DIR-32)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ExitFault {
    /// Its policy forbids every address of the host. Another exit may allow one.
    #[error("the exit does not let this through; try another exit")]
    Policy,
    /// It knows no such name, or has no directory yet.
    #[error("the exit knows no such name")]
    NotFound,
    /// No address of the host can be reached from there.
    #[error("the exit cannot reach the host")]
    Unreachable,
    /// Nobody listens at the port.
    #[error("the host refused the connection")]
    Refused,
    /// The host did not answer.
    #[error("the host did not answer the exit in time")]
    TimedOut,
    /// It has as many streams as it may have.
    #[error("the exit has too much to do; try later, or another exit")]
    Busy,
    /// It does not understand what was asked.
    #[error("the exit does not understand what was asked of it")]
    Malformed,
    /// It gave the stream up and did not say why.
    #[error("the exit gave no reason")]
    Unexplained,
    /// It answered with what is no answer, or with more than was asked for.
    #[error("the exit's answer makes no sense")]
    Misbehaved,
    /// The session is over.
    #[error("the session with the exit is over")]
    Over,
    /// No stream could be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl From<Refusal> for ExitFault {
    fn from(why: Refusal) -> Self {
        match why {
            Refusal::Policy => Self::Policy,
            Refusal::NotFound => Self::NotFound,
            Refusal::Unreachable => Self::Unreachable,
            Refusal::Refused => Self::Refused,
            Refusal::TimedOut => Self::TimedOut,
            Refusal::Busy => Self::Busy,
            Refusal::Malformed => Self::Malformed,
        }
    }
}

/// Asks the exit at the other end of a session for a stream to a host, and waits until it has it. An exit takes at most 15 s; how long
/// the way there takes is for the caller to bound. Dropped, it gives up. (DIR-31)
///
/// # Errors
/// See [`ExitFault`].
pub async fn connect(
    session: &Connection,
    host: &Host,
    port: NonZeroU16,
) -> Result<MixStream, ExitFault> {
    open(session, &Ask::Connect(host.clone(), port)).await
}

/// Asks the exit at the other end of a session for the directory, of at most so many bytes. How long it may take is for the caller
/// to bound. Whether it is a directory is for the caller to judge. (DIR-31)
///
/// # Errors
/// See [`ExitFault`]; [`Misbehaved`](ExitFault::Misbehaved) if it is longer.
pub async fn directory(session: &Connection, at_most: usize) -> Result<Vec<u8>, ExitFault> {
    let mut stream = open(session, &Ask::Directory).await?;
    let mut told = Vec::new();
    let beyond = (at_most as u64).saturating_add(1);
    let read = (&mut stream).take(beyond).read_to_end(&mut told).await;
    read.map_err(|_| why(&stream))?;
    if told.len() > at_most {
        return Err(ExitFault::Misbehaved);
    }
    Ok(told)
}

async fn open(session: &Connection, ask: &Ask) -> Result<MixStream, ExitFault> {
    let mut stream = session.open_stream(&ask.encode()).await?;
    match stream.read_u8().await {
        Ok(DONE) => Ok(stream),
        Ok(_) => Err(ExitFault::Misbehaved),
        Err(end) if end.kind() == std::io::ErrorKind::UnexpectedEof => Err(ExitFault::Misbehaved),
        Err(_) => Err(why(&stream)),
    }
}

/// Why a stream broke.
fn why(stream: &MixStream) -> ExitFault {
    let Some(code) = stream.reset_code() else {
        return ExitFault::Over;
    };
    Refusal::from_code(code).map_or(ExitFault::Unexplained, ExitFault::from)
}
