//! Numbered frames in the order of their numbers, and what has to be acknowledged of them. (VTP-23, VTP-26)
//!
//! On a stream frames come in order and pass through. On cells one may be missing: those behind it wait here, within the
//! window of the sender, and the sender is told at once. A frame that comes again is an acknowledgement that got lost.

use super::Violation;
use super::body::{Body, FRAME_WEIGHT};
use super::frame::Frame;
use super::outbound::WINDOW;
use super::ranges::NumberSet;
use crate::time::{Duration, Instant};
use std::collections::BTreeMap;

/// Weight come or taken after which an acknowledgement goes out at once. (VTP-26)
pub const ACK_WEIGHT: usize = 131_072;
/// The longest that something stays unacknowledged. (VTP-26)
pub const ACK_DELAY: Duration = Duration::from_millis(50);
/// How far ahead of the next a number may be: as many frames as fit the window. (VTP-23)
pub const AHEAD: u64 = 17_408;

/// What to do with a frame that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is the next: it is to be handled, and [`Arrival::poll_held`] behind it.
    Next,
    /// It is held, or was handled before.
    NotNext,
}

/// The far end of one direction's numbers.
pub struct Arrival {
    expect: u64,
    /// Frames ahead of a gap, their weight and their numbers.
    held: BTreeMap<u64, Body>,
    weight: usize,
    numbers: NumberSet,
    /// The last number taken by the runtime.
    taken: u64,
    /// What has come and what was taken since the last acknowledgement, by weight, and until when that may wait.
    unsaid: usize,
    untold: usize,
    due: Option<Instant>,
    /// An acknowledgement is due whatever the time.
    is_urgent: bool,
}

impl Default for Arrival {
    fn default() -> Self {
        Self {
            expect: 1,
            held: BTreeMap::new(),
            weight: 0,
            numbers: NumberSet::new(),
            taken: 0,
            unsaid: 0,
            untold: 0,
            due: None,
            is_urgent: false,
        }
    }
}

impl Arrival {
    /// The number of the next frame.
    pub const fn expect(&self) -> u64 {
        self.expect
    }

    /// Takes a numbered frame; any other is not next.
    ///
    /// # Errors
    /// If its number does not exist or is too far ahead, or too much waits ahead of a gap.
    pub fn admit(&mut self, now: Instant, frame: &Frame<'_>) -> Result<Place, Violation> {
        let Some(number) = frame.number() else {
            return Ok(Place::NotNext);
        };
        if number == 0 || number.saturating_sub(self.expect) > AHEAD {
            return Err(Violation::Number);
        }
        self.due.get_or_insert(now + ACK_DELAY);
        if number == self.expect {
            self.unsaid += frame.weight();
            self.expect += 1;
            // The gap shrinks or is filled.
            self.is_urgent |= !self.held.is_empty();
            return Ok(Place::Next);
        }
        if number < self.expect || self.held.contains_key(&number) {
            self.unsaid += FRAME_WEIGHT;
            return Ok(Place::NotNext);
        }
        self.hold(number, frame)?;
        Ok(Place::NotNext)
    }

    fn hold(&mut self, number: u64, frame: &Frame<'_>) -> Result<(), Violation> {
        let weight = frame.weight();
        if self.weight + weight > WINDOW {
            return Err(Violation::Window);
        }
        if let Some((number, body)) = Body::of(frame) {
            self.held.insert(number, body);
        }
        self.weight += weight;
        self.unsaid += weight;
        // Every gap is as it was if this one merely follows the last that came.
        self.is_urgent |= self.numbers.last() != Some(number - 1);
        self.numbers.insert(number..=number, |_| ());
        Ok(())
    }

    /// The next frame of those held, if it is there: it is to be handled.
    pub fn poll_held(&mut self) -> Option<(u64, Body)> {
        let body = self.held.remove(&self.expect)?;
        let number = self.expect;
        self.weight = self.weight.saturating_sub(body.weight());
        self.numbers.forget_to(number);
        self.expect += 1;
        Some((number, body))
    }

    /// A new transport is live: the peer may number anew what it knows us not to have. (VTP-45)
    pub fn drop_ahead(&mut self) {
        self.held.clear();
        self.numbers.clear();
        self.weight = 0;
        // An acknowledgement that was said may have been lost with the old one.
        self.is_urgent = self.expect > 1;
    }

    /// A new transport is live, and the peer numbers nothing anew. (VTP-45)
    pub const fn stay(&mut self) {
        self.is_urgent = self.expect > 1 || self.weight > 0;
    }

    /// The runtime has taken everything up to this number.
    pub fn taken(&mut self, now: Instant, number: u64, weight: usize) {
        self.taken = number;
        self.untold += weight;
        self.due.get_or_insert(now + ACK_DELAY);
    }

    /// Whether an acknowledgement has to go out by itself now.
    pub fn ack_is_due(&self, now: Instant) -> bool {
        self.is_urgent
            || self.unsaid.max(self.untold) >= ACK_WEIGHT
            || self.due.is_some_and(|due| due <= now)
    }

    /// When an acknowledgement has to go out by itself.
    pub const fn ack_due(&self) -> Option<Instant> {
        self.due
    }

    /// The acknowledgement, with so many ranges at most. It counts as said.
    pub fn acknowledge(&mut self, most: usize) -> Frame<'static> {
        (self.unsaid, self.untold, self.due, self.is_urgent) = (0, 0, None, false);
        let received = self.expect - 1;
        Frame::Ack {
            taken: self.taken,
            received,
            ranges: self.numbers.ranges(received, most),
        }
    }
}
