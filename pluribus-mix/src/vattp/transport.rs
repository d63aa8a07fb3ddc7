//! One transport beneath a connection: a pipe, fresh keys, and a peer that is alive.
//!
//! A [`Transport`] owns nothing of what is said; it packs frames of its [`Connection`] into records and hands it what comes.
//! When it dies the connection does not.

use super::connection::Connection;
use super::frame::{Ending, Frame, Frames};
use super::initiator::Established;
use super::liveness::Liveness;
use super::pipe::Carrier;
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
    /// The peer closed it: it is done, or our object is gone to it.
    Close(Ending),
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

    /// The id of our object.
    pub const fn mine(&self) -> u64 {
        self.mine
    }

    /// The id of the peer's object.
    pub const fn yours(&self) -> u64 {
        self.yours
    }

    /// The channel binding.
    pub const fn exporter(&self) -> &Exporter {
        &self.established.exporter
    }

    /// Appends records to `out` until there is nothing to say or a batch is full.
    ///
    /// # Errors
    /// If a record cannot be sealed.
    pub fn fill(
        &mut self,
        now: Instant,
        conn: &mut Connection,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        self.sending.fill_live(now, &mut self.liveness, conn, out)
    }

    /// On cells: appends the cell with this index if there is anything to say; whether there was. Exactly
    /// [`CELL_LEN`](super::pipe::CELL_LEN) bytes are appended, or nothing is said. (VTP-43)
    ///
    /// # Errors
    /// If the index cannot be sealed; then nothing was said.
    pub fn fill_cell(
        &mut self,
        now: Instant,
        index: u64,
        conn: &mut Connection,
        out: &mut Vec<u8>,
    ) -> Result<bool, Violation> {
        let liveness = &mut self.liveness;
        self.sending.fill_live_cell(now, index, liveness, conn, out)
    }

    /// On cells: names the index of the cell that [`Transport::close`] will make. (VTP-43)
    ///
    /// # Errors
    /// If the index cannot be sealed.
    pub fn at(&mut self, index: u64) -> Result<(), Violation> {
        self.sending.at(index)
    }

    /// Appends the last record: what is due, and CLOSE for the object `id`: ours if it is done, the peer's if it is gone.
    /// (VTP-29)
    ///
    /// # Errors
    /// If the record cannot be sealed.
    pub fn close(
        &mut self,
        now: Instant,
        reason: Ending,
        id: u64,
        conn: &mut Connection,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        let close = Frame::Close { reason, id };
        let liveness = &mut self.liveness;
        self.sending.close(now, liveness, conn, &close, out)
    }

    /// Opens a record where it lies and hands on what it says.
    ///
    /// # Errors
    /// If it does not open, or the peer may not say that.
    pub fn handle(
        &mut self,
        now: Instant,
        record: &mut [u8],
        conn: &mut Connection,
    ) -> Result<Said, Violation> {
        let plain = self.established.opener.open(record)?;
        self.liveness.heard(now);
        let frames = Frames::of(plain)?;
        self.take(now, frames, conn)
    }

    /// On cells: opens a cell where it lies and hands on what it says. A cell that does not open is as if it had been lost.
    /// (VTP-43)
    ///
    /// # Errors
    /// If the peer may not say that.
    pub fn handle_cell(
        &mut self,
        now: Instant,
        index: u64,
        cell: &mut [u8],
        conn: &mut Connection,
    ) -> Result<Said, Violation> {
        let Some(plain) = self.established.opener.open_cell(index, cell) else {
            return Ok(Said::GoOn);
        };
        self.liveness.heard(now);
        let frames = Frames::of(plain)?;
        self.take(now, frames, conn)
    }

    /// Hands on the frames of a record that is already open: those behind GOTOO.
    ///
    /// # Errors
    /// If the peer may not say that.
    pub fn take(
        &mut self,
        now: Instant,
        mut frames: Frames<'_>,
        conn: &mut Connection,
    ) -> Result<Said, Violation> {
        let mut said = Said::GoOn;
        while let Some(frame) = frames.next()? {
            match frame {
                Frame::Ping(token) => self.liveness.ping(token)?,
                Frame::Pong(token) => self.liveness.pong(token, now)?,
                Frame::Rekey if self.established.opener.carrier() == Carrier::Cells => {
                    return Err(Violation::Frame);
                }
                Frame::Rekey => self.established.opener.rekey(),
                Frame::Close { reason, id } if id == self.meant(reason) => {
                    said = Said::Close(reason);
                }
                Frame::Close { .. } => return Err(Violation::Close),
                frame => conn.handle(now, &frame)?,
            }
        }
        Ok(said)
    }

    /// Whose end a CLOSE tells: the peer says that its object is done, or that ours is gone.
    const fn meant(&self, reason: Ending) -> u64 {
        match reason {
            Ending::Done => self.yours,
            Ending::Gone => self.mine,
        }
    }

    /// When something is wanted: [`Transport::tick`], or, if something can be written now, an acknowledgement of `conn` said.
    pub fn due(&self, conn: &Connection, can_write: bool) -> Instant {
        let ack = conn.ack_due().filter(|_| can_write);
        let times = [ack, conn.due()];
        let alive = self.liveness.due();
        times.into_iter().flatten().fold(alive, Ord::min)
    }

    /// Lets time pass: asks a silent peer, or gives it up; says again what was lost. (VTP-28, VTP-46)
    ///
    /// # Errors
    /// If the peer is presumed dead.
    pub fn tick(&mut self, now: Instant, conn: &mut Connection) -> Result<(), Violation> {
        if conn.tick(now) {
            self.liveness.ask();
        }
        self.liveness.tick(now)
    }
}
