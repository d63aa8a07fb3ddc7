//! Is the peer still there? (VTP-27, VTP-28)
//!
//! On cells a PONG may be lost, so PINGs that were never answered are no sign of anything; of too many the oldest is
//! forgotten, and its PONG passed over if it comes after all.

use super::Violation;
use crate::time::{Duration, Instant};
use std::collections::VecDeque;

/// PINGs without any record in between after which the transport is presumed dead. (VTP-28)
const MISSES: u32 = 3;
/// The longest period that a measured round trip makes. (VTP-28)
const LONGEST: Duration = Duration::from_secs(60);
/// Answers that may wait to be sent, and PINGs that may wait for theirs. (VTP-27)
const MAX_WAITING: usize = 16;

/// What has been heard lately, what was asked, and what has to be answered.
pub(super) struct Liveness {
    period: Duration,
    /// When something was last heard, or asked since.
    since: Instant,
    misses: u32,
    next_token: u64,
    asked: VecDeque<(u64, Instant)>,
    /// The last one forgotten; tokens rise.
    forgotten: u64,
    answers: VecDeque<u64>,
    ask: bool,
    round_trip: Duration,
}

impl Liveness {
    pub(super) const fn new(period: Duration, now: Instant) -> Self {
        Self {
            period,
            since: now,
            misses: 0,
            next_token: 1,
            asked: VecDeque::new(),
            forgotten: 0,
            answers: VecDeque::new(),
            ask: false,
            round_trip: Duration::ZERO,
        }
    }

    /// A PING with this token is out.
    pub(super) fn asked(&mut self, token: u64, now: Instant) {
        if self.asked.len() == MAX_WAITING
            && let Some((oldest, _)) = self.asked.pop_front()
        {
            self.forgotten = oldest;
        }
        self.asked.push_back((token, now));
    }

    /// A record came.
    pub(super) const fn heard(&mut self, now: Instant) {
        self.since = now;
        self.misses = 0;
    }

    /// A PING came; it will be answered.
    pub(super) fn ping(&mut self, token: u64) -> Result<(), Violation> {
        if self.answers.len() == MAX_WAITING {
            return Err(Violation::PingFlood);
        }
        self.answers.push_back(token);
        Ok(())
    }

    /// A PONG came.
    pub(super) fn pong(&mut self, token: u64, now: Instant) -> Result<(), Violation> {
        let place = self.asked.iter().position(|(asked, _)| *asked == token);
        let Some((_, at)) = place.and_then(|place| self.asked.remove(place)) else {
            let late = (1..=self.forgotten).contains(&token);
            return late.then_some(()).ok_or(Violation::Pong);
        };
        self.round_trip = now.since(at);
        Ok(())
    }

    /// When [`Liveness::tick`] is wanted.
    pub(super) fn due(&self) -> Instant {
        let scaled = self.round_trip.saturating_mul(4).min(LONGEST);
        self.since + self.period.max(scaled)
    }

    /// Asks, or gives up.
    pub(super) fn tick(&mut self, now: Instant) -> Result<(), Violation> {
        if now < self.due() {
            return Ok(());
        }
        if self.misses == MISSES {
            return Err(Violation::Silence);
        }
        self.misses += 1;
        self.since = now;
        self.ask = true;
        Ok(())
    }

    /// The peer is to be asked, silent or not.
    pub(super) const fn ask(&mut self) {
        self.ask = true;
    }

    /// Whether there is something to say.
    pub(super) fn has_frame(&self) -> bool {
        self.ask || !self.answers.is_empty()
    }

    /// The token of an answer to send.
    pub(super) fn poll_answer(&mut self) -> Option<u64> {
        self.answers.pop_front()
    }

    /// The token of a PING to send.
    pub(super) fn poll_ask(&mut self, now: Instant) -> Option<u64> {
        if !core::mem::take(&mut self.ask) {
            return None;
        }
        let token = self.next_token;
        self.next_token += 1;
        self.asked(token, now);
        Some(token)
    }
}
