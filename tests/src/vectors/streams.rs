//! streams.json: streams as one side of a connection hears them.
//!
//! What a stream has come to is not asked of it but tried: what its runtime may still write and read, what its peer may
//! still say, and how much of it.

use super::receiver::{Receiver, taken};
use super::records::seal;
use super::{Case, Fields, Wrong, bad, equal, frames, good, holds, same};
use bytes::Bytes;
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::vattp::Violation;
use pluribus_mix::vattp::frame::Frame;
use pluribus_mix::vattp::pair::Side;
use pluribus_mix::vattp::pipe::{Opener, Sealer};
use pluribus_mix::vattp::streams::{FIRST_CREDIT, MAX_CREDIT, StreamFault};
use std::collections::BTreeMap;

/// The secret of the direction that is heard.
const SECRET: [u8; 32] = [9; 32];
/// The longest piece that is said to try what may be said.
const PIECE: u32 = 16_384;
/// Bytes to say.
const ZEROS: [u8; PIECE as usize] = [0; PIECE as usize];

/// A side, and the peer that speaks to it.
struct Pipe {
    receiver: Receiver,
    sealer: Sealer,
    /// The number of the next frame that is heard.
    number: u64,
    /// The id of the next stream of ours.
    own_next: u64,
    resets: Vec<u32>,
}

/// How a stream stands.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stream {
    heard: u32,
    room: u32,
    in_end: Option<String>,
    out_end: Option<String>,
}

/// Runs one case.
///
/// # Errors
/// If the implementation differs; so with all here.
pub fn run(case: &Case, backend: Backend) -> Result<(), Wrong> {
    let fields = case.fields();
    let mut steps = fields.objects("steps")?;
    let mut pipe = Pipe::new(&fields, backend)?;
    match case.kind() {
        "accepted" => {
            for step in &steps {
                pipe.step(step)?;
            }
            let resets: Vec<u32> = fields.numbers("resets")?;
            equal("the streams answered with RESET", &pipe.resets, &resets)?;
            pipe.after(&fields.object("after")?)
        }
        "refused" => {
            let last = steps.pop().ok_or(Wrong::new("there is no step"))?;
            for step in &steps {
                pipe.step(step)?;
            }
            let violation = pipe.refused(&last)?;
            let clauses = case.clauses();
            holds(clauses.iter().all(|it| allows(it, &violation)), || {
                format!("refused with {violation:?}, which is no way to break {clauses:?}")
            })
        }
        kind => Err(Wrong::new(format!("unknown kind {kind:?}"))),
    }
}

/// Whether this is a violation that a breach of the clause can show as.
fn allows(clause: &str, violation: &Violation) -> bool {
    use Violation as V;
    match clause {
        "VTP-49" => matches!(violation, V::StreamId | V::TooManyStreams),
        "VTP-50" => matches!(violation, V::NoStream | V::StreamEnded),
        "VTP-51" => matches!(violation, V::Overdrawn | V::Grant),
        _ => false,
    }
}

impl Pipe {
    fn new(fields: &Fields<'_>, backend: Backend) -> Result<Self, Wrong> {
        let (side, own_next) = match fields.text("side")? {
            "master" => (Side::Master, 0),
            "slave" => (Side::Slave, 1),
            _ => return Err(Wrong::new("an unknown side")),
        };
        let opener = Opener::from_secret(SECRET, backend);
        Ok(Self {
            receiver: Receiver::at(side, opener, [2, 1], backend)?,
            sealer: Sealer::from_secret(SECRET, backend),
            number: 1,
            own_next,
            resets: Vec::new(),
        })
    }

    /// One record with these frames comes.
    fn hear(&mut self, plain: &[u8]) -> Result<Result<(), Violation>, Wrong> {
        let wire = seal(&mut self.sealer, plain)?;
        Ok(self.receiver.take(&wire))
    }

    /// One numbered frame comes.
    fn say(
        &mut self,
        frame: impl Fn(u64) -> Frame<'static>,
    ) -> Result<Result<(), Violation>, Wrong> {
        let mut plain = Vec::new();
        frame(self.number).encode(&mut plain);
        self.number += 1;
        self.hear(&plain)
    }

    /// What is due goes out; the streams of which a RESET was said.
    fn speak(&mut self) -> Result<Vec<u32>, Wrong> {
        self.receiver.says(|frame| match frame {
            Frame::Reset { stream, .. } => Some(*stream),
            _ => None,
        })
    }

    fn answer(&mut self) -> Result<(), Wrong> {
        let resets = self.speak()?;
        self.resets.extend(resets);
        Ok(())
    }

    fn step(&mut self, step: &Fields<'_>) -> Result<(), Wrong> {
        match step.text("step")? {
            "hears" => taken(self.hears(step)?)?,
            "opens" => {
                let first: u32 = step.small("stream")?;
                for stream in (first..).step_by(2).take(step.number("times")?) {
                    taken(self.say(opens(stream))?)?;
                }
            }
            "fills" => {
                let (stream, len) = (step.small("stream")?, step.small("length")?);
                for _ in 0..step.number("times")? {
                    taken(self.say(says(stream, false, len))?)?;
                }
            }
            "open" => {
                for _ in 0..step.number("times")? {
                    self.open()?;
                }
            }
            "write" => {
                let (stream, len) = (step.small("stream")?, step.number("length")?);
                self.write(stream, vec![0; len])?;
                if step.bool("fin")? {
                    good("fin", self.receiver.streams().finish(stream))?;
                }
            }
            "reset" => {
                let stream = step.small("stream")?;
                self.receiver.streams().reset(stream, 0);
                return equal("what is given up", self.speak()?, vec![stream]);
            }
            name => return Err(Wrong::new(format!("unknown step {name:?}"))),
        }
        self.answer()
    }

    /// The frames of the step come in one record.
    fn hears(&mut self, step: &Fields<'_>) -> Result<Result<(), Violation>, Wrong> {
        let (list, mut plain) = (step.objects("frames")?, Vec::new());
        frames::encode(&list, &mut plain)?;
        same("the frames", &plain, &step.bytes("plain")?)?;
        frames::compare(&plain, &list)?;
        for frame in &list {
            equal("a number", frame.u64("number")?, self.number)?;
            self.number += 1;
        }
        self.hear(&plain)
    }

    /// The frames come one by one: all but the last are taken.
    fn refused(&mut self, step: &Fields<'_>) -> Result<Violation, Wrong> {
        equal("the last step", step.text("step")?, "hears")?;
        let (mut list, mut plain) = (step.objects("frames")?, Vec::new());
        frames::encode(&list, &mut plain)?;
        same("the frames", &plain, &step.bytes("plain")?)?;
        let last = list.split_off(list.len().saturating_sub(1));
        for frame in list.chunks(1) {
            plain.clear();
            frames::encode(frame, &mut plain)?;
            taken(self.hear(&plain)?)?;
            self.answer()?;
        }
        plain.clear();
        frames::encode(&last, &mut plain)?;
        bad("the last frame", self.hear(&plain)?)
    }

    /// This side opens a stream, and says so.
    fn open(&mut self) -> Result<(), Wrong> {
        let opened = good("a stream of our own", self.receiver.streams().open(b""))?;
        equal("its id", u64::from(opened), self.own_next)?;
        self.own_next += 2;
        self.answer()
    }

    /// This side says these bytes; what may not be said waits.
    fn write(&mut self, stream: u32, bytes: Vec<u8>) -> Result<(), Wrong> {
        let mut bytes = Bytes::from(bytes);
        loop {
            let taken = self.receiver.streams().write(stream, &mut bytes);
            let more = good("a write", taken)? > 0 && !bytes.is_empty();
            self.answer()?;
            if !more {
                return holds(bytes.is_empty(), || "the write came to a stop".to_owned());
            }
        }
    }
}

fn opens(stream: u32) -> impl Fn(u64) -> Frame<'static> {
    move |number| Frame::Open {
        number,
        stream,
        head: b"",
    }
}

fn says(stream: u32, fin: bool, len: u32) -> impl Fn(u64) -> Frame<'static> {
    let len = usize::try_from(len).unwrap_or(0);
    let bytes = ZEROS.get(..len).unwrap_or(&ZEROS);
    move |number| Frame::Stream {
        fin,
        number,
        stream,
        bytes,
    }
}

fn grants(stream: u32, more: u32) -> impl Fn(u64) -> Frame<'static> {
    move |number| Frame::Credit {
        number,
        stream,
        more,
    }
}

/// What is tried of the streams at the end of a case.
impl Pipe {
    fn after(&mut self, after: &Fields<'_>) -> Result<(), Wrong> {
        let wanted = [after.small("own_next")?, after.small("peer_next")?];
        equal(
            "our next id, as the case goes",
            self.own_next,
            after.small("own_next")?,
        )?;
        let mut changed = BTreeMap::new();
        for fields in after.objects("changed")? {
            changed.insert(fields.small::<u32>("stream")?, Stream::read(&fields)?);
        }
        let count = after.number("count")?;
        let mut found = 0;
        let ids = wanted
            .into_iter()
            .flat_map(|next| (next % 2..next).step_by(2));
        for id in ids.collect::<Vec<u64>>() {
            let id = u32::try_from(id).map_err(|_| Wrong::new("an id too great"))?;
            let wanted = changed.remove(&id);
            if let Some(stream) = self.tried(id, wanted.as_ref())? {
                found += 1;
                equal("a stream", stream, wanted.unwrap_or_default())?;
            } else {
                holds(wanted.is_none(), || format!("stream {id} is gone"))?;
            }
        }
        holds(changed.is_empty(), || format!("never opened: {changed:?}"))?;
        equal("the streams that are there", found, count)?;
        self.ids(wanted)
    }

    /// Whether a stream is there, and how it stands. `wanted` only says what is tried first.
    fn tried(&mut self, id: u32, wanted: Option<&Stream>) -> Result<Option<Stream>, Wrong> {
        let fresh = Stream::default();
        let expected = wanted.unwrap_or(&fresh);
        let written = self.receiver.streams().write(id, &mut Bytes::new());
        // A grant that is too great by one is refused, and the one that just fits is not.
        let most = MAX_CREDIT.saturating_sub(expected.room);
        let refused = self.say(grants(id, most + 1))?;
        let room_is_at_least = refused == Err(Violation::Grant);
        let room_is_at_most = most == 0 || self.say(grants(id, most))?.is_ok();
        let heard = if wanted.is_some_and(|it| it.in_end.is_none()) {
            self.fill(id, FIRST_CREDIT.saturating_sub(expected.heard))?
        } else {
            self.read(id)
        };
        let is_open = self.say(says(id, true, 0))?.is_ok();
        let out_end = match written {
            Ok(_) => None,
            Err(StreamFault::Finished) => Some("fin"),
            Err(_) => Some("reset"),
        };
        if !is_open && out_end.is_some() {
            return Ok(None);
        }
        holds(room_is_at_least && room_is_at_most, || {
            format!("the room of stream {id} is not {}", expected.room)
        })?;
        Ok(Some(Stream {
            heard,
            room: expected.room,
            in_end: (!is_open).then(|| "fin".to_owned()),
            out_end: out_end.map(str::to_owned),
        }))
    }

    /// The peer says `left` bytes, and may not say one more. How many it had said before.
    fn fill(&mut self, id: u32, left: u32) -> Result<u32, Wrong> {
        let mut rest = left;
        while rest >= PIECE {
            good("what is granted", self.say(says(id, false, PIECE))?)?;
            rest -= PIECE;
        }
        let violation = bad("more than is granted", self.say(says(id, false, rest + 1))?)?;
        equal("the violation", violation, Violation::Overdrawn)?;
        if rest > 0 {
            good("what is granted", self.say(says(id, false, rest))?)?;
        }
        Ok(FIRST_CREDIT - left)
    }

    /// Bytes that wait for the runtime.
    fn read(&mut self, id: u32) -> u32 {
        let mut len = 0;
        while let Ok(Some(bytes)) = self.receiver.streams().read(id, usize::MAX) {
            len += u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        }
        len
    }

    /// The ids that are opened next, on either side, if there may be another stream.
    fn ids(&mut self, [ours, theirs]: [u64; 2]) -> Result<(), Wrong> {
        match self.receiver.streams().open(b"") {
            Ok(opened) => equal("our next id", u64::from(opened), ours)?,
            Err(fault) => equal("why there is none", fault, StreamFault::TooMany)?,
        }
        let theirs = u32::try_from(theirs).map_err(|_| Wrong::new("an id too great"))?;
        let violation = bad("an id left out", self.say(opens(theirs + 2))?)?;
        equal("the violation", violation, Violation::StreamId)?;
        match self.say(opens(theirs))? {
            Ok(()) => Ok(()),
            Err(violation) => equal("why there is none", violation, Violation::TooManyStreams),
        }
    }
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            heard: 0,
            room: FIRST_CREDIT,
            in_end: None,
            out_end: None,
        }
    }
}

impl Stream {
    fn read(fields: &Fields<'_>) -> Result<Self, Wrong> {
        let end = |name| {
            let there = fields.has(name).then(|| fields.text(name));
            there.transpose().map(|end| end.map(str::to_owned))
        };
        Ok(Self {
            heard: fields.small("heard")?,
            room: fields.small("room")?,
            in_end: end("in_end")?,
            out_end: end("out_end")?,
        })
    }
}
