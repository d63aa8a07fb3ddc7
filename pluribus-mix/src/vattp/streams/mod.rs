//! Byte streams inside a connection. (VTP-49, VTP-50, VTP-51)
//!
//! A message is taken whole or not at all. Whoever has a file, or a pipe that never ends, wants bytes as they come, and wants
//! a reader that falls asleep to stop its own stream and nothing else. So each stream has its own credit, and streams that
//! have something to say take turns, piece by piece. (VTP-47)
//!
//! [`Streams`] is all streams of a connection at one end, as a value: calls of the runtime and frames of the peer go in,
//! events and bodies come out. Numbers, acknowledgement and saying again are somebody else's. What [`Streams::poll_body`] hands
//! out counts as said, and the `handle_*` hear every frame once and in order.
//!
//! *Who counts what.* An end counts a stream as gone when it has said the end of its own direction and heard the other, however
//! much of it waits for its runtime. So the two ends agree on the 1024 of VTP-49: when the opener takes a stream for gone, the peer
//! has said its end (it was heard), and will have heard the opener's end before whatever the opener says from then on, because
//! frames come in order. Whatever exists at the peer when an OPEN comes exists at the opener when it says it, and that is never more
//! than 1024.
//!
//! *Lingering.* A stream that is gone and has bytes which the runtime did not read is kept, and does not count. A peer could make such
//! streams without end where a runtime finishes first and reads later. Hence when [`MAX_LINGERING`] of them are kept, an OPEN is
//! answered with RESET, and the runtime hears nothing of it.
//!
//! *Giving up.* Behind our RESET the peer's bytes still come until it has heard it. The stream stays, discards them, and is
//! gone with the peer's fin or RESET. RESETs that cross answer each other. A RESET behind a fin says "I do not read"; what came before
//! that fin and was not read is dropped too, because one thing that is lost is easier to understand than two halves.
//!
//! *Credit.* A window is what may be open to the peer and wait for the reader together: 65,536 bytes at first. When half of it is
//! free, all that is free is granted. If the reader has read everything just then, the window doubles first, up to 1,048,576 bytes, as long
//! as the windows of a connection are together not more than [`MAX_EXTRA`] above their first size. So nothing that a peer does
//! makes us hold more than [`MAX_EXTRA`] and 65,536 bytes for each stream.
//!
//! *Order.* What has OPEN, RESET or CREDIT to say goes ahead of bytes: they are short, at most one of each per stream waits, and
//! the peer waits for them. OPENs go in the order of their ids.

mod event;
mod pieces;
mod stream;
mod turns;

pub use event::{StreamEvent, StreamFault};

use super::Violation;
use super::body::Body;
use super::frame::Frame;
use super::pair::Side;
use bytes::Bytes;
use std::collections::BTreeMap;
use stream::{Opener, Share, Stream};
use turns::Turns;

/// The most streams opened by one side at once. (VTP-49)
pub const MAX_STREAMS: usize = 1024;
/// The most bytes of a head. (VTP-49)
pub const MAX_HEAD: usize = 512;
/// Bytes open in each direction of a new stream. (VTP-51)
pub const FIRST_CREDIT: u32 = 65_536;
/// The most bytes open in a direction of a stream. (VTP-51)
pub const MAX_CREDIT: u32 = 1_048_576;
/// Bytes by which all windows of a connection together may be above [`FIRST_CREDIT`] each.
pub const MAX_EXTRA: usize = 8_388_608;
/// Bytes that a stream takes from its writer before they are said.
pub const SEND_BUFFER: usize = 262_144;
/// The most streams of the peer that are gone and kept only because the runtime has not heard all of them. (VTP-50)
pub const MAX_LINGERING: usize = 256;
/// A piece shorter than this is said only if it is all there is to say.
pub const CRUMB: usize = 256;
/// Room in which [`Streams::poll_body`] always finds something to say, if there is anything.
pub const LEAST_ROOM: usize = Frame::OPEN_HEAD + MAX_HEAD;
/// The code of a RESET that answers another, or an OPEN for which there is no room. (VTP-50)
pub const NO_REASON: u8 = 0;

/// All streams of a connection, at one end of it.
pub struct Streams {
    streams: BTreeMap<u32, Box<Stream>>,
    /// The next id of this side, and of the peer; beyond `u32` when there are no more.
    next_ours: u64,
    next_theirs: u64,
    total: Share,
    control: Turns,
    data: Turns,
    events: Turns,
}

impl Streams {
    /// No streams, at the end of `side`. (VTP-49)
    pub fn new(side: Side) -> Self {
        let first = |side| match side {
            Side::Master => 0,
            Side::Slave => 1,
        };
        Self {
            streams: BTreeMap::new(),
            next_ours: first(side),
            next_theirs: first(side.other()),
            total: Share::default(),
            control: Turns::default(),
            data: Turns::default(),
            events: Turns::default(),
        }
    }

    /// Whether no stream is left, at this end: every one is gone and the runtime has heard all of it.
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// Bytes that wait to be said, at most [`SEND_BUFFER`] and a head for each stream.
    pub const fn weight(&self) -> usize {
        self.total.waiting
    }

    /// Bytes that wait to be read, at most [`MAX_EXTRA`] and [`FIRST_CREDIT`] for each stream.
    pub const fn held(&self) -> usize {
        self.total.held
    }

    /// Changes a stream if it is there, and puts the sums and the queues in order behind it.
    fn change<T>(&mut self, stream: u32, change: impl FnOnce(&mut Stream) -> T) -> Option<T> {
        let entry = self.streams.get_mut(&stream)?;
        let before = entry.share();
        let outcome = change(entry);
        let after = entry.share();
        self.total.change(before, after);
        self.queue(stream);
        Some(outcome)
    }

    /// Has a stream stand where it has something to say or to tell, and nowhere else; drops it when it is over.
    fn queue(&mut self, stream: u32) {
        let Some(entry) = self.streams.get_mut(&stream) else {
            return;
        };
        if entry.has_control() {
            self.control.join(&mut entry.control, stream);
        } else {
            self.control.leave(&mut entry.control);
        }
        if entry.has_data() {
            self.data.join(&mut entry.data, stream);
        } else {
            self.data.leave(&mut entry.data);
        }
        if entry.has_event() {
            self.events.join(&mut entry.events, stream);
        } else {
            self.events.leave(&mut entry.events);
        }
        if entry.is_over() {
            self.total.change(entry.share(), Share::default());
            self.streams.remove(&stream);
        }
    }

    fn insert(&mut self, stream: u32, entry: Stream) {
        self.total.change(Share::default(), entry.share());
        self.streams.insert(stream, Box::new(entry));
        self.queue(stream);
    }
}

/// Towards the runtime.
impl Streams {
    /// Opens a stream for what `head` says, at most [`MAX_HEAD`] bytes; its id. One may write at once. (VTP-49)
    pub fn open(&mut self, head: &[u8]) -> Result<u32, StreamFault> {
        if head.len() > MAX_HEAD {
            return Err(StreamFault::HeadTooLong);
        }
        let id = u32::try_from(self.next_ours).map_err(|_| StreamFault::TooMany)?;
        if self.total.ours >= MAX_STREAMS {
            return Err(StreamFault::TooMany);
        }
        self.next_ours += 2;
        self.insert(id, Stream::new(Opener::Us, Bytes::copy_from_slice(head)));
        Ok(id)
    }

    /// Takes what there is room for off the front of `bytes`, and says how much; small pieces are copied. If it took less than
    /// all, [`StreamEvent::Writable`] follows when half of [`SEND_BUFFER`] is free.
    pub fn write(&mut self, stream: u32, bytes: &mut Bytes) -> Result<usize, StreamFault> {
        self.change(stream, |entry| entry.write(bytes))
            .unwrap_or(Err(StreamFault::Over))
    }

    /// Ends our direction behind what was written. (VTP-50)
    pub fn finish(&mut self, stream: u32) -> Result<(), StreamFault> {
        self.change(stream, Stream::finish)
            .unwrap_or(Err(StreamFault::Over))
    }

    /// Gives a stream up both ways, if it is there: what is unread or unsaid is dropped, and nothing more is told of it. (VTP-50)
    pub fn reset(&mut self, stream: u32, code: u8) {
        self.change(stream, |entry| entry.give_up(code));
    }

    /// The next bytes of the peer, at most `max`; `None` if there are none now. That there will be none any more is told by
    /// [`StreamEvent::Ended`].
    pub fn read(&mut self, stream: u32, max: usize) -> Result<Option<Bytes>, StreamFault> {
        self.change(stream, |entry| entry.read(max))
            .unwrap_or(Err(StreamFault::Over))
    }

    /// Whether the runtime has something to hear.
    pub fn has_event(&self) -> bool {
        self.events.front().is_some()
    }

    /// The next thing that the runtime has to hear. At most four wait for a stream, which has them told in a row.
    pub fn poll_event(&mut self) -> Option<StreamEvent> {
        let stream = self.events.front()?;
        self.change(stream, |entry| entry.event(stream)).flatten()
    }
}

/// Towards the transport.
impl Streams {
    /// The peer opens a stream. (VTP-49)
    pub fn handle_open(&mut self, stream: u32, head: &[u8]) -> Result<(), Violation> {
        if u64::from(stream) != self.next_theirs {
            return Err(Violation::StreamId);
        }
        if head.len() > MAX_HEAD {
            return Err(Violation::StreamHead);
        }
        if self.total.theirs >= MAX_STREAMS {
            return Err(Violation::TooManyStreams);
        }
        self.next_theirs += 2;
        let mut entry = Stream::new(Opener::Them, Bytes::copy_from_slice(head));
        if self.total.lingering >= MAX_LINGERING {
            entry.give_up(NO_REASON);
        }
        self.insert(stream, entry);
        Ok(())
    }

    /// A piece of a stream comes; behind a RESET of ours it is discarded. (VTP-50, VTP-51)
    pub fn handle_stream(&mut self, stream: u32, fin: bool, bytes: &[u8]) -> Result<(), Violation> {
        self.was_opened(stream)?;
        self.change(stream, |entry| entry.hear(fin, bytes))
            .unwrap_or(Err(Violation::NoStream))
    }

    /// The peer grants `more` bytes of a stream; for one that is gone that changes nothing. (VTP-50, VTP-51)
    pub fn handle_credit(&mut self, stream: u32, more: u32) -> Result<(), Violation> {
        self.was_opened(stream)?;
        self.change(stream, |entry| entry.hear_credit(more))
            .unwrap_or(Ok(()))
    }

    /// The peer gives a stream up; for one that is gone that changes nothing. (VTP-50)
    pub fn handle_reset(&mut self, stream: u32, code: u8) -> Result<(), Violation> {
        self.was_opened(stream)?;
        self.change(stream, |entry| entry.hear_reset(code));
        Ok(())
    }

    /// Refuses what the peer says of a stream that it cannot know. (VTP-50)
    fn was_opened(&self, stream: u32) -> Result<(), Violation> {
        let is_ours = u64::from(stream) % 2 == self.next_ours % 2;
        let next = if is_ours {
            self.next_ours
        } else {
            self.next_theirs
        };
        let unsaid = self.streams.get(&stream).is_some_and(|it| it.is_unsaid());
        if u64::from(stream) >= next || unsaid {
            return Err(Violation::NoStream);
        }
        Ok(())
    }

    /// Whether there is something to say now, for which [`LEAST_ROOM`] is enough.
    pub fn has_body(&self) -> bool {
        self.control.front().or(self.data.front()).is_some()
    }

    /// The next thing to say if its frame fits `room`; then it is said, and its stream goes to the end of the queue. (VTP-47)
    pub fn poll_body(&mut self, room: usize) -> Option<Body> {
        let spare = MAX_EXTRA.saturating_sub(self.total.extra);
        if let Some(stream) = self.control.front() {
            let say = |entry: &mut Stream| entry.say_control(stream, room, spare);
            return self.say(stream, say);
        }
        let stream = self.data.front()?;
        self.say(stream, |entry| entry.say_data(stream, room))
    }

    /// Has a stream say something, and lose its place if it did.
    fn say(&mut self, stream: u32, say: impl FnOnce(&mut Stream) -> Option<Body>) -> Option<Body> {
        let entry = self.streams.get_mut(&stream)?;
        let before = entry.share();
        let body = say(entry)?;
        if matches!(body, Body::Stream { .. }) {
            self.data.leave(&mut entry.data);
        } else {
            self.control.leave(&mut entry.control);
        }
        self.total.change(before, entry.share());
        self.queue(stream);
        Some(body)
    }
}

#[cfg(test)]
mod tests;
