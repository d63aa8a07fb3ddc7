//! Frames as the vectors write them.

use super::{Fields, Wrong, equal, good, some};
use pluribus_mix::vattp::frame::{Ending, Frame, Frames, pad};
use pluribus_mix::vattp::ranges::Ranges;

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

fn piece(fields: &Fields<'_>) -> Result<Vec<u8>, Wrong> {
    if fields.has("bytes") {
        fields.bytes("bytes")
    } else {
        Ok(Vec::new())
    }
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
        "CLOSE" => {
            equal("the reason", fields.number("reason")?, 1)?;
            let id = fields.u64("id")?;
            Frame::Close {
                reason: Ending::Done,
                id,
            }
        }
        _ => return some("an unknown frame", None),
    }))
}

/// Pairs of skip and run, if there are any.
fn ranges(fields: &Fields<'_>) -> Result<Ranges, Wrong> {
    let mut ranges = Ranges::default();
    if !fields.has("ranges") {
        return Ok(ranges);
    }
    let all = fields.u64s("ranges")?;
    for pair in all.chunks(2) {
        let [skip, run] = pair else {
            return some("a run", None);
        };
        let (skip, run) = (u16::try_from(*skip).ok(), u16::try_from(*run).ok());
        let said = skip.zip(run).filter(|(skip, run)| ranges.push(*skip, *run));
        some("a range", said)?;
    }
    Ok(ranges)
}
