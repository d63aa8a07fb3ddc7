//! What happened in a vat, and because of what.
//!
//! Everything that happens has a number, and names the number of what caused it. So a trace can be read backwards from any
//! effect to where it began: a turn that somebody outside asked for, or a session.
//!
//! ```text
//! entered ◄─ sent ◄─ carried                 a message, and how it left
//!              ▲
//!              └── arrived ◄─ resolved ◄─ turn   its answer, and what that led to
//! ```
//!
//! A message that comes is caused by its session, unless it is an answer: that is caused by what was asked. Sessions have
//! numbers and nothing else. Nothing here says where a vat is or who, so that a trace can be shown around.

use core::fmt;

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A turn began that nobody in the vat asked for.
    Entered,
    /// A message was sent.
    Sent,
    /// A message left for another vat: the sending of it is the cause.
    Carried {
        /// The number of the session.
        session: u64,
    },
    /// A message came from another vat.
    Arrived {
        /// The number of the session.
        session: u64,
    },
    /// A promise came to something, and somebody who waits for it is told.
    Resolved,
    /// A turn began: the message or the resolution that it handles is its cause.
    Turn,
    /// A session with another vat is live.
    Opened {
        /// The number of the session.
        session: u64,
    },
    /// A session is over: its opening is the cause, if it was ever live.
    Closed {
        /// The number of the session.
        session: u64,
    },
}

/// A line of the trace. It is written as a line of JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The number of this.
    pub id: u64,
    /// The number of what caused it; 0 for what comes from outside.
    pub cause: u64,
    /// What it is.
    pub happened: Happened,
}

impl Happened {
    fn name(self) -> &'static str {
        match self {
            Self::Entered => "entered",
            Self::Sent => "sent",
            Self::Carried { .. } => "carried",
            Self::Arrived { .. } => "arrived",
            Self::Resolved => "resolved",
            Self::Turn => "turn",
            Self::Opened { .. } => "opened",
            Self::Closed { .. } => "closed",
        }
    }

    fn session(self) -> Option<u64> {
        match self {
            Self::Entered | Self::Sent | Self::Resolved | Self::Turn => None,
            Self::Carried { session }
            | Self::Arrived { session }
            | Self::Opened { session }
            | Self::Closed { session } => Some(session),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            cause,
            happened,
        } = self;
        let name = happened.name();
        write!(f, r#"{{"id":{id},"cause":{cause},"happened":"{name}""#)?;
        if let Some(session) = happened.session() {
            write!(f, r#","session":{session}"#)?;
        }
        f.write_str("}")
    }
}

/// Numbers what happens, and tells it to whoever listens.
#[derive(Default)]
pub(super) struct Tracer {
    last: u64,
    pub(super) sink: Option<Box<dyn FnMut(Event)>>,
}

impl Tracer {
    pub(super) fn note(&mut self, cause: u64, happened: Happened) -> u64 {
        self.last += 1;
        let id = self.last;
        if let Some(sink) = &mut self.sink {
            sink(Event {
                id,
                cause,
                happened,
            });
        }
        id
    }
}
