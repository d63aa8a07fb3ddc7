//! What happened in a vat, and because of what.
//!
//! Everything that happens has a number, and all but the first name what caused them. So a trace can be read backwards from any
//! effect. Nothing in it says where a vat is.

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A turn began that nobody in the vat asked for.
    Entered,
    /// A message was sent.
    Sent,
    /// A message came from another vat.
    Arrived,
    /// A promise came to something, and somebody who waits for it is told.
    Resolved,
    /// A turn began: the message or the resolution that it handles is its cause.
    Turn,
}

/// A line of the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The number of this.
    pub id: u64,
    /// The number of what caused it; 0 for what comes from outside.
    pub cause: u64,
    /// What it is.
    pub happened: Happened,
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
