//! Tickets that are asked for and given, in order with everything else that is numbered. (VTP-53, VTP-54)
//!
//! What a ticket says is nobody's affair here: it is bytes. Whoever hears of one takes it in the same turn, before anything
//! is acknowledged; so as long as a sender has no more than [`MAX_WAITING`] of them on the way, no more can wait at the
//! other end, whatever was lost in between.

use super::Violation;
use super::body::Body;
use bytes::Bytes;
use core::fmt;
use core::ops::RangeInclusive;
use std::collections::VecDeque;

/// The most that wait to be said, are on the way, or wait to be taken. (VTP-54)
pub const MAX_WAITING: usize = 16;
/// Bytes of a ticket. (VTP-53)
pub const LEN: RangeInclusive<usize> = 1..=400;
/// How many tickets are asked for at once. (VTP-53)
pub const COUNT: RangeInclusive<u8> = 1..=8;

/// What a ticket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Whoever asks dials with it.
    Dial = 1,
    /// Whoever asks hands it on.
    HandOn = 2,
}

/// What the peer says of tickets.
#[derive(Clone, PartialEq, Eq)]
pub enum Heard {
    /// It wants so many.
    Want(Purpose, u8),
    /// Here is one.
    Give(Purpose, Vec<u8>),
}

/// A ticket is as good as what it opens, so it is not shown.
impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Want(purpose, count) => write!(f, "Want({purpose:?}, {count})"),
            Self::Give(purpose, _) => write!(f, "Give({purpose:?}, …)"),
        }
    }
}

/// Tickets of both directions.
#[derive(Default)]
pub struct Tickets {
    out: VecDeque<Body>,
    /// The numbers of what was said and is not known to have come, the oldest first; `None` for what has lost its number.
    under_way: VecDeque<Option<u64>>,
    heard: VecDeque<Heard>,
}

impl Tickets {
    /// Asks for so many; whether that was queued.
    pub fn want(&mut self, purpose: Purpose, count: u8) -> bool {
        COUNT.contains(&count) && self.push(Body::WantTickets { purpose, count })
    }

    /// Gives one; whether that was queued.
    pub fn give(&mut self, purpose: Purpose, ticket: Vec<u8>) -> bool {
        let ticket = Bytes::from(ticket);
        LEN.contains(&ticket.len()) && self.push(Body::GiveTicket { purpose, ticket })
    }

    fn push(&mut self, body: Body) -> bool {
        let has_room = self.out.len() < MAX_WAITING;
        if has_room {
            self.out.push_back(body);
        }
        has_room
    }

    /// Weight of what waits to be said.
    pub fn weight(&self) -> usize {
        self.out.iter().map(Body::weight).sum()
    }

    /// Whether something waits to be said.
    pub fn has_body(&self) -> bool {
        !self.out.is_empty()
    }

    /// The weight of the next to say, if it may be said now.
    pub fn next_weight(&self) -> Option<usize> {
        let next = self.out.front()?;
        (self.under_way.len() < MAX_WAITING).then(|| next.weight())
    }

    /// The next to say, if its frame fits `room`; then it is under way.
    pub fn poll_body(&mut self, room: usize) -> Option<Body> {
        self.next_weight()?;
        if self.out.front()?.frame_len() > room {
            return None;
        }
        self.under_way.push_back(None);
        self.out.pop_front()
    }

    /// The oldest that has no number was said under this one.
    pub fn said(&mut self, number: u64) {
        let numbered = self.under_way.partition_point(Option::is_some);
        if let Some(place) = self.under_way.get_mut(numbered) {
            *place = Some(number);
        }
    }

    /// Numbers from here on mean nothing any more. (VTP-45)
    pub fn unnumber(&mut self, from: u64) {
        for place in &mut self.under_way {
            *place = place.filter(|number| *number < from);
        }
    }

    /// Everything up to this number has come.
    pub fn received(&mut self, number: u64) {
        while let Some(Some(oldest)) = self.under_way.front()
            && *oldest <= number
        {
            self.under_way.pop_front();
        }
    }

    /// The peer says something.
    ///
    /// # Errors
    /// If as much as may wait was not taken.
    pub fn handle(&mut self, heard: Heard) -> Result<(), Violation> {
        if self.heard.len() >= MAX_WAITING {
            return Err(Violation::Tickets);
        }
        self.heard.push_back(heard);
        Ok(())
    }

    /// Whether something was heard that was not taken.
    pub fn is_heard(&self) -> bool {
        !self.heard.is_empty()
    }

    /// The next that was heard.
    pub fn take(&mut self) -> Option<Heard> {
        self.heard.pop_front()
    }
}
