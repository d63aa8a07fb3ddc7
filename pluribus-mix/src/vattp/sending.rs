//! The sending half of a transport: frames into records, and a key that never grows old. (VTP-21, VTP-24, VTP-30)

use super::Violation;
use super::frame::{Frame, pad};
use super::outbound::Outbound;
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

    /// Appends a record with what `control` writes and nothing else. CLOSE ends it, so no REKEY may, however worn the key.
    pub(super) fn last(
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

    /// Appends records with the frames of `outbound` until there is none or the batch is full.
    pub fn fill(
        &mut self,
        now: Instant,
        outbound: &mut Outbound,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        while out.len() < BATCH && outbound.has_frame() {
            let before = out.len();
            self.record(now, |_| (), Some(&mut *outbound), out)?;
            if out.len() == before {
                break;
            }
        }
        Ok(())
    }

    /// Appends one record: what `control` writes, then as much of `outbound` as fits. Nothing at all if that is nothing.
    pub fn record(
        &mut self,
        now: Instant,
        control: impl FnOnce(&mut Vec<u8>),
        outbound: Option<&mut Outbound>,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        let begun = self.sealer.begin(out);
        let start = out.len();
        control(out);
        if let Some(outbound) = outbound {
            // The byte that REKEY may need is kept free.
            let room = |sealer: &Sealer, out: &[u8]| sealer.room(&begun, out).saturating_sub(1);
            let fresh = MAX_PLAIN - Frame::CONTROL;
            while outbound.fill(room(&self.sealer, out), fresh, out) {}
        }
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
