//! The sending half of a transport: frames into records, and a key that never grows old. (VTP-21, VTP-24, VTP-30)

use super::Violation;
use super::connection::Connection;
use super::frame::{Frame, pad};
use super::liveness::Liveness;
use super::pair::PairFields;
use super::pipe::{MAX_PLAIN, Sealer};
use super::transport::Tuning;
use crate::time::{Duration, Instant};

/// Bytes after which a batch is full: what a driver writes in one go.
pub const BATCH: usize = 65_536;

/// A sealer in use.
pub struct Sending {
    sealer: Sealer,
    tuning: Tuning,
    rekey_at: Instant,
}

impl Sending {
    /// Begins at `now`.
    pub fn new(sealer: Sealer, tuning: Tuning, now: Instant) -> Self {
        Self {
            sealer,
            tuning,
            rekey_at: now + tuning.rekey_after,
        }
    }

    /// Whether a record must be sent though there may be no frame for it: GOTOO waits.
    pub const fn must_speak(&self) -> bool {
        self.sealer.must_speak()
    }

    /// Silence after which the peer is asked. (VTP-28)
    pub(super) const fn ping_after(&self) -> Duration {
        self.tuning.ping_after
    }

    /// Appends the last record: what is due of control, and CLOSE. It ends the record, so no REKEY may, however worn the key.
    pub(super) fn close(
        &mut self,
        now: Instant,
        liveness: &mut Liveness,
        conn: &mut Connection,
        close: &Frame<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        let begun = self.sealer.begin(out);
        let start = out.len();
        say_control(now, liveness, conn, MAX_PLAIN, out);
        close.encode(out);
        self.pad(start, out);
        self.sealer.seal(begun, out)
    }

    /// Appends records with the frames of `conn` until there is none or the batch is full. Before a transport is live this is
    /// all that may be said.
    pub fn fill(
        &mut self,
        now: Instant,
        conn: &mut Connection,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        self.batch(now, None, conn, out)
    }

    /// The same, and each record begins with what is due of PONG, ACK and PING. (VTP 47)
    pub(super) fn fill_live(
        &mut self,
        now: Instant,
        liveness: &mut Liveness,
        conn: &mut Connection,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        self.batch(now, Some(liveness), conn, out)
    }

    fn batch(
        &mut self,
        now: Instant,
        mut liveness: Option<&mut Liveness>,
        conn: &mut Connection,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        while out.len() < BATCH {
            let is_due = |it: &&mut Liveness| it.has_frame() || conn.ack_is_due(now);
            let control = liveness.as_deref_mut().filter(is_due);
            if control.is_none() && !self.sealer.must_speak() && !conn.has_frame() {
                break;
            }
            let before = out.len();
            self.record(now, control, conn, out)?;
            if out.len() == before {
                break;
            }
        }
        conn.said_all(now);
        Ok(())
    }

    /// Appends one record: control, then as much of `conn` as fits. Nothing at all if that is nothing.
    fn record(
        &mut self,
        now: Instant,
        control: Option<&mut Liveness>,
        conn: &mut Connection,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        let begun = self.sealer.begin(out);
        let start = out.len();
        // The byte that REKEY may need is kept free.
        let room = |sealer: &Sealer, out: &[u8]| sealer.room(&begun, out).saturating_sub(1);
        conn.begin_record();
        if let Some(liveness) = control {
            say_control(now, liveness, conn, room(&self.sealer, out), out);
        }
        while conn.say(now, room(&self.sealer, out), out) {}
        let rekey = out.len() > start && (self.sealer.is_worn() || now >= self.rekey_at);
        if rekey {
            Frame::Rekey.encode(out);
        } else {
            self.pad(start, out);
        }
        self.sealer.seal(begun, out)?;
        if rekey {
            self.sealer.rekey();
            self.rekey_at = now + self.tuning.rekey_after;
        }
        Ok(())
    }

    fn pad(&self, start: usize, out: &mut Vec<u8>) {
        let unit = usize::from(self.tuning.pad_to.max(1));
        let len = out.len().saturating_sub(start);
        let padded = len.next_multiple_of(unit);
        pad(out, start + padded.min(MAX_PLAIN - PairFields::LEN));
    }
}

/// Answers, acknowledgement, question. With every answer goes an acknowledgement. (VTP-26)
fn say_control(
    now: Instant,
    liveness: &mut Liveness,
    conn: &mut Connection,
    room: usize,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    while let Some(token) = liveness.poll_answer() {
        Frame::Pong(token).encode(out);
    }
    if out.len() > start || conn.ack_due().is_some() || conn.ack_is_due(now) {
        let said = out.len() - start + Frame::PING_LEN;
        conn.acknowledge(room.saturating_sub(said)).encode(out);
    }
    if let Some(token) = liveness.poll_ask(now) {
        Frame::Ping(token).encode(out);
    }
}
