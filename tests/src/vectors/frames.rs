//! Frames as the vectors write them.

use super::{Fields, Wrong, equal, good, holds, some};
use pluribus_mix::vattp::frame::{Ending, Frame, Frames, pad};
use pluribus_mix::vattp::ranges::Ranges;
use pluribus_mix::vattp::tickets::Purpose;

/// Appends the frames.
///
/// # Errors
/// If one of them is none that a vector may have.
pub fn encode(frames: &[Fields<'_>], out: &mut Vec<u8>) -> Result<(), Wrong> {
    for fields in frames {
        let bytes = piece(fields)?;
        match frame(fields, &bytes)? {
            Some(frame) => frame.encode(out),
            None => pad(out, out.len() + 1 + fields.number("zeros")?),
        }
    }
    Ok(())
}

/// These bytes are read as these frames; there may be none behind GOTOO.
///
/// # Errors
/// If they are not.
pub fn compare(plain: &[u8], frames: &[Fields<'_>]) -> Result<(), Wrong> {
    let mut ours = Frames::perhaps(plain);
    for fields in frames {
        let bytes = piece(fields)?;
        if let Some(wanted) = frame(fields, &bytes)? {
            equal("a frame", good("a frame", ours.next())?, Some(wanted))?;
        }
    }
    equal("the end of the frames", good("the end", ours.next())?, None)
}

/// Whether the record ends with REKEY.
///
/// # Errors
/// If its last frame has no name.
pub fn is_rekey(frames: &[Fields<'_>]) -> Result<bool, Wrong> {
    let last = frames.last().map(|frame| frame.text("frame"));
    Ok(last.transpose()? == Some("REKEY"))
}

/// The ranges of an ACK.
///
/// # Errors
/// If no ACK can have them.
pub fn ranges(fields: &Fields<'_>) -> Result<Ranges, Wrong> {
    let mut ranges = Ranges::default();
    for (skip, run) in fields.number_pairs("ranges")? {
        holds(ranges.push(skip, run), || "no such ranges".to_owned())?;
    }
    Ok(ranges)
}

/// What the tickets of TICKETS are for.
///
/// # Errors
/// If it is nothing that there is.
pub fn purpose(fields: &Fields<'_>) -> Result<Purpose, Wrong> {
    match fields.number("purpose")? {
        1 => Ok(Purpose::Dial),
        2 => Ok(Purpose::HandOn),
        _ => some("an unknown purpose", None),
    }
}

fn piece(fields: &Fields<'_>) -> Result<Vec<u8>, Wrong> {
    for name in ["bytes", "head", "ticket"] {
        if fields.has(name) {
            return fields.bytes(name);
        }
    }
    Ok(Vec::new())
}

/// The frame; PAD is none.
fn frame<'b>(fields: &Fields<'_>, bytes: &'b [u8]) -> Result<Option<Frame<'b>>, Wrong> {
    Ok(Some(match fields.text("frame")? {
        "PAD" => return Ok(None),
        "MSG" => Frame::Msg {
            more: fields.bool("more")?,
            number: fields.u64("number")?,
            bytes,
        },
        "ACK" => Frame::Ack {
            taken: fields.u64("taken")?,
            received: fields.u64("received")?,
            ranges: ranges(fields)?,
        },
        "PING" => Frame::Ping(fields.u64("token")?),
        "PONG" => Frame::Pong(fields.u64("token")?),
        "REKEY" => Frame::Rekey,
        "CLOSE" => Frame::Close {
            reason: match fields.number("reason")? {
                1 => Ending::Done,
                2 => Ending::Gone,
                _ => return some("an unknown reason", None),
            },
            id: fields.u64("id")?,
        },
        "OPEN" => Frame::Open {
            number: fields.u64("number")?,
            stream: fields.small("stream")?,
            head: bytes,
        },
        "STREAM" => Frame::Stream {
            fin: fields.bool("fin")?,
            number: fields.u64("number")?,
            stream: fields.small("stream")?,
            bytes,
        },
        "CREDIT" => Frame::Credit {
            number: fields.u64("number")?,
            stream: fields.small("stream")?,
            more: fields.small("more")?,
        },
        "RESET" => Frame::Reset {
            number: fields.u64("number")?,
            stream: fields.small("stream")?,
            code: fields.small("code")?,
        },
        "TICKETS" if fields.has("ticket") => Frame::GiveTicket {
            number: fields.u64("number")?,
            purpose: purpose(fields)?,
            ticket: bytes,
        },
        "TICKETS" => Frame::WantTickets {
            number: fields.u64("number")?,
            purpose: purpose(fields)?,
            count: fields.small("count")?,
        },
        "DATAGRAM" => Frame::Datagram(bytes),
        _ => return some("an unknown frame", None),
    }))
}
