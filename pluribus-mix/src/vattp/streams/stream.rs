//! One stream: its two halves, and what of it is to be said and told.

use super::event::{StreamEvent, StreamFault};
use super::pieces::Pieces;
use super::turns::Place;
use super::{CRUMB, FIRST_CREDIT, MAX_CREDIT, NO_REASON, SEND_BUFFER};
use crate::vattp::Violation;
use crate::vattp::body::Body;
use crate::vattp::frame::Frame;
use bytes::Bytes;

/// Who opened a stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Opener {
    Us,
    Them,
}

/// One stream as it is kept at one end.
pub(super) struct Stream {
    opener: Opener,
    /// Ours: OPEN is not said yet. Theirs: the runtime has not been told yet.
    head: Option<Bytes>,
    sending: Sending,
    receiving: Receiving,
    /// A RESET that is to be said.
    reset: Option<u8>,
    runtime: Runtime,
    /// Where it stands among those with an OPEN, RESET or CREDIT to say.
    pub(super) control: Place,
    /// Where it stands among those with bytes or fin to say.
    pub(super) data: Place,
    /// Where it stands among those of which the runtime is to be told.
    pub(super) events: Place,
}

struct Sending {
    pieces: Pieces,
    /// What may be sent. (VTP-51)
    open: u32,
    state: Writing,
    room: Room,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    Open,
    /// fin is to be said behind what waits.
    Finishing,
    /// fin or RESET is said.
    Ended,
}

/// What the runtime knows of the room there is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    Known,
    /// A write was cut short.
    Missed,
    /// It is to be told.
    Again,
}

struct Receiving {
    pieces: Pieces,
    /// What the peer may send, by what we have granted. (VTP-51)
    open: u32,
    /// What `open` and the bytes that wait may be together.
    window: u32,
    state: Reading,
    /// The runtime is to be told of bytes.
    readable: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Open,
    /// fin or RESET has come.
    Ended,
    /// And the runtime was told that it read to the end.
    Told,
}

/// Whether the runtime still takes part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Runtime {
    Present,
    /// The peer gave the stream up; the runtime is to be told.
    ToBeTold(u8),
    /// It gave up the stream, or has heard that the peer did.
    Absent,
}

/// What one stream adds to the sums of its connection.
#[derive(Clone, Copy, Default)]
pub(super) struct Share {
    /// Bytes to be said.
    pub(super) waiting: usize,
    /// Bytes to be read.
    pub(super) held: usize,
    /// What its window is above [`FIRST_CREDIT`].
    pub(super) extra: usize,
    /// One, if we opened it.
    pub(super) ours: usize,
    /// One, if the peer opened it and a direction is open.
    pub(super) theirs: usize,
    /// One, if the peer opened it and it is kept for the runtime only.
    pub(super) lingering: usize,
}

impl Stream {
    pub(super) fn new(opener: Opener, head: Bytes) -> Self {
        Self {
            opener,
            head: Some(head),
            sending: Sending {
                pieces: Pieces::default(),
                open: FIRST_CREDIT,
                state: Writing::Open,
                room: Room::Known,
            },
            receiving: Receiving {
                pieces: Pieces::default(),
                open: FIRST_CREDIT,
                window: FIRST_CREDIT,
                state: Reading::Open,
                readable: false,
            },
            reset: None,
            runtime: Runtime::Present,
            control: None,
            data: None,
            events: None,
        }
    }

    pub(super) fn share(&self) -> Share {
        let ours = usize::from(self.opener == Opener::Us);
        let gone = usize::from(self.is_gone());
        let unsaid = match self.opener {
            Opener::Us => self.head.as_ref().map_or(0, Bytes::len),
            Opener::Them => 0,
        };
        Share {
            waiting: self.sending.pieces.len() + unsaid,
            held: self.receiving.pieces.len(),
            extra: self.extra(),
            ours,
            theirs: (1 - ours) * (1 - gone),
            lingering: (1 - ours) * gone,
        }
    }

    fn extra(&self) -> usize {
        let read = self.receiving.state != Reading::Open && self.receiving.pieces.is_empty();
        if read || self.runtime != Runtime::Present {
            return 0;
        }
        (self.receiving.window - FIRST_CREDIT) as usize
    }

    /// Both directions have ended. (VTP-50)
    fn is_gone(&self) -> bool {
        self.sending.state == Writing::Ended && self.receiving.state != Reading::Open
    }

    /// It is gone, and the runtime knows.
    pub(super) fn is_over(&self) -> bool {
        let known = match self.runtime {
            Runtime::Present => self.receiving.state == Reading::Told,
            Runtime::ToBeTold(_) => false,
            Runtime::Absent => true,
        };
        known && self.is_gone()
    }

    /// Ours, and the peer cannot know of it yet.
    pub(super) fn is_unsaid(&self) -> bool {
        self.opener == Opener::Us && self.head.is_some()
    }

    /// Ours or theirs, and the runtime cannot know of it yet.
    fn is_untold(&self) -> bool {
        self.opener == Opener::Them && self.head.is_some()
    }
}

/// Towards the runtime.
impl Stream {
    fn present(&mut self) -> Result<(&mut Sending, &mut Receiving), StreamFault> {
        if self.runtime != Runtime::Present {
            return Err(StreamFault::Over);
        }
        Ok((&mut self.sending, &mut self.receiving))
    }

    pub(super) fn write(&mut self, bytes: &mut Bytes) -> Result<usize, StreamFault> {
        let (sending, _) = self.present()?;
        if sending.state != Writing::Open {
            return Err(StreamFault::Finished);
        }
        let len = bytes
            .len()
            .min(SEND_BUFFER.saturating_sub(sending.pieces.len()));
        if len < bytes.len() {
            sending.room = Room::Missed;
        }
        sending.pieces.push(bytes.split_to(len));
        Ok(len)
    }

    pub(super) fn finish(&mut self) -> Result<(), StreamFault> {
        let (sending, _) = self.present()?;
        if sending.state != Writing::Open {
            return Err(StreamFault::Finished);
        }
        sending.state = Writing::Finishing;
        sending.room = Room::Known;
        Ok(())
    }

    pub(super) fn read(&mut self, max: usize) -> Result<Option<Bytes>, StreamFault> {
        let (_, receiving) = self.present()?;
        let bytes = receiving.pieces.take(max);
        receiving.readable &= !receiving.pieces.is_empty();
        Ok(bytes)
    }

    /// The runtime neither writes nor reads any more.
    pub(super) fn give_up(&mut self, code: u8) {
        if self.runtime == Runtime::Absent {
            return;
        }
        self.runtime = Runtime::Absent;
        self.drop_bytes();
        if !self.is_gone() && self.reset.is_none() {
            self.reset = Some(code);
        }
        if self.opener == Opener::Them {
            self.head = None;
        }
    }

    fn drop_bytes(&mut self) {
        self.sending.pieces = Pieces::default();
        self.receiving.pieces = Pieces::default();
    }

    pub(super) fn has_event(&self) -> bool {
        match self.runtime {
            Runtime::Present => {
                let told_apart = self.receiving.readable || self.sending.room == Room::Again;
                self.is_untold() || told_apart || self.is_at_end()
            }
            Runtime::ToBeTold(_) => true,
            Runtime::Absent => false,
        }
    }

    /// Read to the end, and the runtime has not been told.
    fn is_at_end(&self) -> bool {
        self.receiving.state == Reading::Ended && self.receiving.pieces.is_empty()
    }

    /// The next thing to tell of it.
    pub(super) fn event(&mut self, stream: u32) -> Option<StreamEvent> {
        match self.runtime {
            Runtime::Present => {}
            Runtime::Absent => return None,
            Runtime::ToBeTold(code) => {
                self.runtime = Runtime::Absent;
                return Some(StreamEvent::Reset { stream, code });
            }
        }
        if self.is_untold() {
            let head = self.head.take()?;
            return Some(StreamEvent::Opened { stream, head });
        }
        if self.receiving.readable {
            self.receiving.readable = false;
            return Some(StreamEvent::Readable { stream });
        }
        if self.sending.room == Room::Again {
            self.sending.room = Room::Known;
            return Some(StreamEvent::Writable { stream });
        }
        if !self.is_at_end() {
            return None;
        }
        self.receiving.state = Reading::Told;
        Some(StreamEvent::Ended { stream })
    }
}

/// From the peer.
impl Stream {
    /// Bytes came, and behind them perhaps the end. (VTP-50, VTP-51)
    pub(super) fn hear(&mut self, fin: bool, bytes: &[u8]) -> Result<(), Violation> {
        let receiving = &mut self.receiving;
        if receiving.state != Reading::Open {
            return Err(Violation::StreamEnded);
        }
        if bytes.is_empty() && !fin {
            return Err(Violation::StreamEmpty);
        }
        let left = u32::try_from(bytes.len())
            .ok()
            .and_then(|len| receiving.open.checked_sub(len));
        receiving.open = left.ok_or(Violation::Overdrawn)?;
        if fin {
            receiving.state = Reading::Ended;
        }
        if self.runtime == Runtime::Present && !bytes.is_empty() {
            receiving.readable |= receiving.pieces.is_empty();
            receiving.pieces.copy(bytes);
        }
        self.forget_needless_reset();
        Ok(())
    }

    /// More was granted; too late if the stream is gone. (VTP-50, VTP-51)
    pub(super) fn hear_credit(&mut self, more: u32) -> Result<(), Violation> {
        if self.is_gone() {
            return Ok(());
        }
        let open = self.sending.open.checked_add(more);
        match open.filter(|open| more > 0 && *open <= MAX_CREDIT) {
            Some(open) => self.sending.open = open,
            None => return Err(Violation::Grant),
        }
        Ok(())
    }

    /// The peer gave up. Behind its fin that still says that it does not read. (VTP-50)
    pub(super) fn hear_reset(&mut self, code: u8) {
        if self.is_gone() {
            return;
        }
        if self.receiving.state == Reading::Open {
            self.receiving.state = Reading::Ended;
        }
        self.drop_bytes();
        self.reset = Some(NO_REASON);
        if self.runtime == Runtime::Present {
            self.runtime = if self.is_untold() {
                Runtime::Absent
            } else {
                Runtime::ToBeTold(code)
            };
        }
        self.forget_needless_reset();
    }

    /// When our end was said and the peer's has come, a RESET has nothing left to stop.
    fn forget_needless_reset(&mut self) {
        if self.is_gone() {
            self.reset = None;
        }
    }
}

/// Towards the peer.
impl Stream {
    pub(super) fn has_control(&self) -> bool {
        self.is_unsaid() || self.reset.is_some() || self.owes_credit()
    }

    fn owes_credit(&self) -> bool {
        let receiving = &self.receiving;
        let read = self.runtime == Runtime::Present && receiving.state == Reading::Open;
        read && self.creditable() >= receiving.window / 2
    }

    /// What the window has room for.
    fn creditable(&self) -> u32 {
        let receiving = &self.receiving;
        let held = u32::try_from(receiving.pieces.len()).unwrap_or(u32::MAX);
        let used = receiving.open.saturating_add(held);
        receiving.window.saturating_sub(used)
    }

    /// The next OPEN, RESET or CREDIT, if it fits; `spare` is what windows may still grow by.
    pub(super) fn say_control(&mut self, stream: u32, room: usize, spare: usize) -> Option<Body> {
        if self.is_unsaid() {
            let fits = |head: &mut Bytes| Frame::OPEN_HEAD + head.len() <= room;
            let head = self.head.take_if(fits)?;
            return Some(Body::Open { stream, head });
        }
        if self.reset.is_some() {
            let code = self.reset.take_if(|_| Frame::RESET_LEN <= room)?;
            self.sending.state = Writing::Ended;
            return Some(Body::Reset { stream, code });
        }
        if !self.owes_credit() || Frame::CREDIT_LEN > room {
            return None;
        }
        self.widen(spare);
        let more = self.creditable();
        self.receiving.open += more;
        Some(Body::Credit { stream, more })
    }

    /// Doubles the window of a reader that keeps up.
    fn widen(&mut self, spare: usize) {
        let receiving = &mut self.receiving;
        let fits = receiving.window < MAX_CREDIT && receiving.window as usize <= spare;
        if receiving.pieces.is_empty() && fits {
            receiving.window *= 2;
        }
    }

    pub(super) fn has_data(&self) -> bool {
        if self.is_unsaid() || self.reset.is_some() {
            return false;
        }
        if self.sending.pieces.is_empty() {
            return self.sending.state == Writing::Finishing;
        }
        self.sending.open > 0
    }

    /// The next piece, if it fits and is not a crumb of what could be said.
    pub(super) fn say_data(&mut self, stream: u32, room: usize) -> Option<Body> {
        let sending = &mut self.sending;
        let room = room
            .checked_sub(Frame::STREAM_HEAD)?
            .min(usize::from(u16::MAX));
        let sayable = sending.pieces.len().min(sending.open as usize);
        if room < sayable.min(CRUMB) {
            return None;
        }
        let bytes = sending.pieces.gather(sayable.min(room));
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        sending.open = sending.open.saturating_sub(len);
        let fin = sending.pieces.is_empty() && sending.state == Writing::Finishing;
        if fin {
            sending.state = Writing::Ended;
        }
        if sending.room == Room::Missed && sending.pieces.len() <= SEND_BUFFER / 2 {
            sending.room = Room::Again;
        }
        self.forget_needless_reset();
        Some(Body::Stream { stream, fin, bytes })
    }
}

impl Share {
    /// Puts one stream's share `after` a change in the place of that `before` it.
    pub(super) const fn change(&mut self, before: Self, after: Self) {
        self.waiting = self.waiting + after.waiting - before.waiting;
        self.held = self.held + after.held - before.held;
        self.extra = self.extra + after.extra - before.extra;
        self.ours = self.ours + after.ours - before.ours;
        self.theirs = self.theirs + after.theirs - before.theirs;
        self.lingering = self.lingering + after.lingering - before.lingering;
    }
}
