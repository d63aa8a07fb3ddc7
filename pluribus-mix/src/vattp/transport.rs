//! One transport beneath a connection: a pipe, fresh keys, and a peer that is alive.
//!
//! A [`Transport`] owns nothing of what is said; it packs frames of the connection's [`Outbound`] into records and hands
//! what comes to its [`Inbound`]. When it dies they do not.

use super::frame::{Ending, Frame, Frames};
use super::inbound::Inbound;
use super::initiator::Established;
use super::liveness::Liveness;
use super::outbound::Outbound;
use super::sending::Sending;
use super::{Exporter, Violation};
use crate::time::{Duration, Instant};

/// How a transport behaves where the specification leaves it a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// A sending key is used this long at most. (VTP-24)
    pub rekey_after: Duration,
    /// Silence after which the peer is asked. (VTP-28)
    pub ping_after: Duration,
    /// Records are padded so that their frames fill a multiple of this many bytes; 1 pads nothing. (VTP-30)
    pub pad_to: u16,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            rekey_after: Duration::from_secs(3600),
            ping_after: Duration::from_secs(5),
            pad_to: 1,
        }
    }
}

/// What a record said besides its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// The connection goes on.
    GoOn,
    /// The peer closed it.
    Close,
}

/// A pipe in use.
pub struct Transport {
    sending: Sending,
    established: Established,
    /// Our connection object's id, and the peer's.
    mine: u64,
    yours: u64,
    liveness: Liveness,
}

impl Transport {
    /// The transport that a handshake made, between our object `mine` and the peer's `yours`.
    pub const fn new(
        sending: Sending,
        established: Established,
        mine: u64,
        yours: u64,
        now: Instant,
    ) -> Self {
        let liveness = Liveness::new(sending.ping_after(), now);
        Self {
            sending,
            established,
            mine,
            yours,
            liveness,
        }
    }

    /// Counts a PING with this token as sent: the test vectors begin so. Otherwise tokens are chosen here.
    pub fn asked(&mut self, now: Instant, token: u64) {
        self.liveness.asked(token, now);
    }

    /// The channel binding.
    pub const fn exporter(&self) -> &Exporter {
        &self.established.exporter
    }

    /// Appends records to `out` until there is nothing to say or a batch is full.
    pub fn fill(
        &mut self,
        now: Instant,
        outbound: &mut Outbound,
        inbound: &mut Inbound,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        if self.sending.must_speak() || self.liveness.has_frame() || inbound.ack_is_due(now) {
            let liveness = &mut self.liveness;
            let control = |out: &mut Vec<u8>| say_control(liveness, inbound, now, out);
            self.sending
                .record(now, control, Some(&mut *outbound), out)?;
        }
        self.sending.fill(now, outbound, out)
    }

    /// Appends the last record: what is due, and CLOSE. (VTP-29)
    pub fn close(
        &mut self,
        now: Instant,
        inbound: &mut Inbound,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        let (liveness, id) = (&mut self.liveness, self.mine);
        let control = |out: &mut Vec<u8>| {
            say_control(liveness, inbound, now, out);
            Frame::Close {
                reason: Ending::Done,
                id,
            }
            .encode(out);
        };
        self.sending.last(control, out)
    }

    /// Opens a record where it lies and hands on what it says.
    pub fn handle(
        &mut self,
        now: Instant,
        record: &mut [u8],
        outbound: &mut Outbound,
        inbound: &mut Inbound,
    ) -> Result<Said, Violation> {
        let plain = self.established.opener.open(record)?;
        self.liveness.heard(now);
        let frames = Frames::of(plain)?;
        self.take(now, frames, outbound, inbound)
    }

    /// Hands on the frames of a record that is already open: those behind GOTOO.
    pub fn take(
        &mut self,
        now: Instant,
        mut frames: Frames<'_>,
        outbound: &mut Outbound,
        inbound: &mut Inbound,
    ) -> Result<Said, Violation> {
        let mut said = Said::GoOn;
        while let Some(frame) = frames.next()? {
            match frame {
                Frame::Msg {
                    more,
                    number,
                    bytes,
                } => {
                    inbound.handle(more, number, bytes)?;
                }
                Frame::Ack { taken } => outbound.acknowledge(taken)?,
                Frame::Ping(token) => self.liveness.ping(token)?,
                Frame::Pong(token) => self.liveness.pong(token, now)?,
                Frame::Rekey => self.established.opener.rekey(),
                Frame::Close {
                    reason: Ending::Done,
                    id,
                } if id == self.yours => said = Said::Close,
                Frame::Close { .. } => return Err(Violation::Close),
                _ => return Err(Violation::Frame),
            }
        }
        Ok(said)
    }

    /// When something is wanted: [`Transport::tick`], or an acknowledgement of `inbound` said.
    pub fn due(&self, inbound: Option<&Inbound>) -> Instant {
        let alive = self.liveness.due();
        let ack = inbound.and_then(Inbound::ack_due);
        ack.map_or(alive, |ack| ack.min(alive))
    }

    /// Lets time pass: asks a silent peer, or gives it up. (VTP-28)
    pub fn tick(&mut self, now: Instant) -> Result<(), Violation> {
        self.liveness.tick(now)
    }
}

/// Answers, acknowledgement, question.
fn say_control(liveness: &mut Liveness, inbound: &mut Inbound, now: Instant, out: &mut Vec<u8>) {
    while let Some(token) = liveness.poll_answer() {
        Frame::Pong(token).encode(out);
    }
    if let Some(taken) = inbound.acknowledge() {
        Frame::Ack { taken }.encode(out);
    }
    if let Some(token) = liveness.poll_ask(now) {
        Frame::Ping(token).encode(out);
    }
}
