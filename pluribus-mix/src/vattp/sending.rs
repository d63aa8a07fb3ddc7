//! The sending half of a transport: frames into records, and a key that never grows old. (VTP-21, VTP-24, VTP-30)

use super::Violation;
use super::connection::Connection;
use super::frame::{Frame, pad};
use super::liveness::Liveness;
use super::pair::PairFields;
use super::pipe::{Carrier, MAX_PLAIN, Sealer};
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
        let room = self.sealer.carrier().max_plain();
        let control = |out: &mut Vec<u8>| {
            say_control(now, liveness, conn, room, out);
            close.encode(out);
        };
        self.last(control, out)
    }

    /// Appends the last record, with what `control` writes into it and, where GOTOO waits, that before it. On cells its index was named by
    /// [`Sending::at`].
    ///
    /// # Errors
    /// If the record cannot be sealed.
    pub fn last(
        &mut self,
        control: impl FnOnce(&mut Vec<u8>),
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        let begun = self.sealer.begin(out);
        let start = out.len();
        control(out);
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

    /// The same, and each record begins with what is due of PONG, ACK and PING. (VTP-47)
    pub(super) fn fill_live(
        &mut self,
        now: Instant,
        liveness: &mut Liveness,
        conn: &mut Connection,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        self.batch(now, Some(liveness), conn, out)
    }

    /// On cells: appends the cell with this index if there is anything to say. Whether there was. Before a transport is live
    /// this is all that may be said. (VTP-43)
    ///
    /// # Errors
    /// If the sealer refuses the index; then nothing was said.
    pub fn fill_cell(
        &mut self,
        now: Instant,
        index: u64,
        conn: &mut Connection,
        out: &mut Vec<u8>,
    ) -> Result<bool, Violation> {
        self.cell(now, index, None, conn, out)
    }

    /// The same, and the cell begins with what is due of PONG, ACK and PING. (VTP-47)
    pub(super) fn fill_live_cell(
        &mut self,
        now: Instant,
        index: u64,
        liveness: &mut Liveness,
        conn: &mut Connection,
        out: &mut Vec<u8>,
    ) -> Result<bool, Violation> {
        self.cell(now, index, Some(liveness), conn, out)
    }

    /// On cells: names the index of the next record.
    pub fn at(&mut self, index: u64) -> Result<(), Violation> {
        self.sealer.at(index)
    }

    fn cell(
        &mut self,
        now: Instant,
        index: u64,
        liveness: Option<&mut Liveness>,
        conn: &mut Connection,
        out: &mut Vec<u8>,
    ) -> Result<bool, Violation> {
        self.at(index)?;
        let said = self.next(now, liveness, conn, out)?;
        conn.said_all(now);
        Ok(said)
    }

    fn batch(
        &mut self,
        now: Instant,
        mut liveness: Option<&mut Liveness>,
        conn: &mut Connection,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        while out.len() < BATCH && self.next(now, liveness.as_deref_mut(), conn, out)? {}
        conn.said_all(now);
        Ok(())
    }

    /// Appends the next record, if there is anything to say; whether there was.
    fn next(
        &mut self,
        now: Instant,
        liveness: Option<&mut Liveness>,
        conn: &mut Connection,
        out: &mut Vec<u8>,
    ) -> Result<bool, Violation> {
        let control = liveness.filter(|it| it.has_frame() || conn.ack_is_due(now));
        if control.is_none() && !self.sealer.must_speak() && !conn.has_frame() {
            return Ok(false);
        }
        let before = out.len();
        self.record(now, control, conn, out)?;
        Ok(out.len() > before)
    }

    /// Appends one record: control, then as much of `conn` as fits. Nothing at all if that is nothing.
    fn record(
        &mut self,
        now: Instant,
        control: Option<&mut Liveness>,
        conn: &mut Connection,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        let on_stream = self.sealer.carrier() == Carrier::Stream;
        // The byte that REKEY may need is kept free.
        let kept = usize::from(on_stream);
        let begun = self.sealer.begin(out);
        let start = out.len();
        let room = |sealer: &Sealer, out: &[u8]| sealer.room(&begun, out).saturating_sub(kept);
        conn.begin_record();
        if let Some(liveness) = control {
            say_control(now, liveness, conn, room(&self.sealer, out), out);
        }
        while conn.say(now, room(&self.sealer, out), out) {}
        let is_old = self.sealer.is_worn() || now >= self.rekey_at;
        let rekey = on_stream && out.len() > start && is_old;
        if rekey {
            Frame::Rekey.encode(out);
        } else if on_stream {
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
        if self.sealer.carrier() == Carrier::Cells {
            return;
        }
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
