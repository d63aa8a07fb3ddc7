//! One transport beneath a connection: a pipe, fresh keys, and a peer that is alive.
//!
//! A [`Transport`] owns nothing of what is said; it packs frames of the connection's [`Outbound`] into records and hands
//! what comes to its [`Inbound`]. When it dies they do not.

use super::frame::{Frame, Frames, pad};
use super::inbound::Inbound;
use super::initiator::Established;
use super::liveness::Liveness;
use super::outbound::Outbound;
use super::pipe::{MAX_PLAIN, Opener, Sealer};
use super::{Exporter, Peer, Violation};
use crate::time::{Duration, Instant};

/// Bytes after which [`Transport::fill`] stops: what a driver writes in one go.
pub const BATCH: usize = 65_536;

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
    sealer: Sealer,
    opener: Opener,
    exporter: Exporter,
    peer: Peer,
    /// Our connection object's id, and the peer's.
    mine: u64,
    yours: u64,
    tuning: Tuning,
    liveness: Liveness,
    rekey_at: Instant,
    closing: bool,
}

impl Transport {
    /// The transport that a handshake made, between our object `mine` and the peer's `yours`.
    pub fn new(
        established: Established,
        mine: u64,
        yours: u64,
        tuning: Tuning,
        now: Instant,
    ) -> Self {
        Self {
            sealer: established.sealer,
            opener: established.opener,
            exporter: established.exporter,
            peer: established.peer,
            mine,
            yours,
            tuning,
            liveness: Liveness::new(tuning.ping_after, now),
            rekey_at: now + tuning.rekey_after,
            closing: false,
        }
    }

    /// Who is at the other end.
    pub const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The channel binding.
    pub const fn exporter(&self) -> &Exporter {
        &self.exporter
    }

    /// The next records carry CLOSE and nothing else after what is due. (VTP-29)
    pub const fn close(&mut self) {
        self.closing = true;
    }

    /// Whether [`Transport::fill`] would write something.
    pub fn has_record(&self, now: Instant, outbound: &Outbound, inbound: &Inbound) -> bool {
        self.closing
            || self.sealer.must_speak()
            || self.liveness.has_frame()
            || inbound.ack_is_due(now)
            || outbound.has_frame()
    }

    /// Appends records to `out` until there is nothing to say or a batch is full. After CLOSE is written there is nothing
    /// to say for ever.
    pub fn fill(
        &mut self,
        now: Instant,
        outbound: &mut Outbound,
        inbound: &mut Inbound,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        while out.len() < BATCH && self.has_record(now, outbound, inbound) {
            let before = out.len();
            self.record(now, outbound, inbound, out)?;
            if out.len() == before {
                break;
            }
        }
        Ok(())
    }

    /// One record: control first, then as much of the messages as fits.
    fn record(
        &mut self,
        now: Instant,
        outbound: &mut Outbound,
        inbound: &mut Inbound,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        let begun = self.sealer.begin(out);
        let start = out.len();
        self.control(now, inbound, out);
        if core::mem::take(&mut self.closing) {
            Frame::Close { id: self.mine }.encode(out);
        } else {
            // The room that REKEY may need is kept free.
            let room = |sealer: &Sealer, out: &[u8]| sealer.room(&begun, out).saturating_sub(1);
            while outbound.fill(room(&self.sealer, out), MAX_PLAIN - Frame::CONTROL, out) {}
        }
        let said = out.len() > start || self.sealer.room(&begun, out) < MAX_PLAIN;
        let rekey = said && (self.sealer.is_worn() || now >= self.rekey_at);
        if rekey {
            Frame::Rekey.encode(out);
        } else if said {
            self.pad(start, out);
        }
        self.sealer.seal(begun, out)?;
        if rekey {
            self.sealer.rekey();
            self.rekey_at = now + self.tuning.rekey_after;
        }
        Ok(())
    }

    /// Answers, acknowledgement, question.
    fn control(&mut self, now: Instant, inbound: &mut Inbound, out: &mut Vec<u8>) {
        while let Some(token) = self.liveness.poll_answer() {
            Frame::Pong(token).encode(out);
        }
        if let Some(taken) = inbound.acknowledge() {
            Frame::Ack { taken }.encode(out);
        }
        if let Some(token) = self.liveness.poll_ask(now) {
            Frame::Ping(token).encode(out);
        }
    }

    fn pad(&self, start: usize, out: &mut Vec<u8>) {
        let unit = usize::from(self.tuning.pad_to.max(1));
        let len = out.len().saturating_sub(start);
        let padded = len
            .next_multiple_of(unit)
            .min(MAX_PLAIN - super::pair::PairFields::LEN);
        pad(out, start + padded);
    }

    /// Opens a record where it lies and hands on what it says.
    pub fn handle(
        &mut self,
        now: Instant,
        record: &mut [u8],
        outbound: &mut Outbound,
        inbound: &mut Inbound,
    ) -> Result<Said, Violation> {
        let plain = self.opener.open(record)?;
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
                Frame::Rekey => self.opener.rekey(),
                Frame::Close { id } if id == self.yours => said = Said::Close,
                Frame::Close { .. } => return Err(Violation::Close),
            }
        }
        Ok(said)
    }

    /// When [`Transport::tick`] is wanted.
    pub fn due(&self, inbound: &Inbound) -> Instant {
        let alive = self.liveness.due();
        inbound.ack_due().map_or(alive, |ack| ack.min(alive))
    }

    /// Lets time pass: asks a silent peer, or gives it up. (VTP-28)
    pub fn tick(&mut self, now: Instant) -> Result<(), Violation> {
        self.liveness.tick(now)
    }
}
