//! How long frames are. (VTP-22, VTP-26)
//!
//! No frame is so long that it would not fit a fresh record beside what may be due of control: one that has to be said again
//! cannot be cut, and would wait for ever while the peer always has something to be acknowledged.

use super::frame::Frame;
use super::pipe::Carrier;
use super::ranges::Ranges;

/// Ranges that an ACK on cells may name though a frame waits to be said again.
pub(super) const FEW_RANGES: usize = 4;

/// The longest frame on this carrier: one that fits a record beside what is usual of ACK, PING and PONG.
pub(super) const fn max_frame(carrier: Carrier) -> usize {
    let control = match carrier {
        Carrier::Stream => Frame::CONTROL,
        Carrier::Cells => Frame::ACK_HEAD + FEW_RANGES * Ranges::LEN + 2 * Frame::PING_LEN,
    };
    carrier.max_plain() - control
}

/// A frame is not cut to fill less than this of a record: crumbs weigh more than they carry, and take a turn.
pub(super) const fn crumb(carrier: Carrier) -> usize {
    match carrier {
        Carrier::Stream => 1024,
        Carrier::Cells => 64,
    }
}

/// How many of `rest` bytes a frame with a head of so many bytes takes, where `room` is left in the record. `None`: the
/// next record will do better. A frame that would fit a fresh record of a stream whole is not cut to fill this one.
pub(super) fn piece(carrier: Carrier, head: usize, rest: usize, room: usize) -> Option<usize> {
    let fresh = max_frame(carrier);
    let room = room.min(fresh).checked_sub(head)?;
    let whole_later = carrier == Carrier::Stream && head + rest <= fresh;
    if rest <= room {
        return Some(rest);
    }
    (room >= crumb(carrier) && !whole_later).then_some(room)
}
