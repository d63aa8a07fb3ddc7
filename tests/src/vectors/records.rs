//! records.json: one direction of a connection, sealed, opened, refused.

use super::handshake::{Setup, base};
use super::receiver::{Receiver, taken};
use super::{Case, Fields, Wrong, bad, equal, frames, good, holds, same, some};
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::crypto::kdf::{Label, Secret, hash};
use pluribus_mix::vattp::Violation;
use pluribus_mix::vattp::body::FRAME_WEIGHT;
use pluribus_mix::vattp::frame::{Ending, Frame};
use pluribus_mix::vattp::pipe::{Opener, Sealer};
use pluribus_mix::vattp::ranges::Ranges;
use pluribus_mix::vattp::tickets::Heard;

/// Runs one case.
pub fn run(case: &Case, backend: Backend) -> Result<(), Wrong> {
    let fields = &case.fields();
    let receiver = Receiver::new(fields, backend)?;
    match case.kind() {
        "accepted" => accepted(fields, receiver, backend),
        "refused" => refused(case, receiver, backend),
        "refused wire" => refused_wire(case, receiver, backend),
        "accepted late" => accepted_late(fields, receiver, backend),
        "built" => built(case, receiver, backend),
        kind => Err(Wrong::new(format!("unknown kind {kind:?}"))),
    }
}

/// A sealer that has sealed `counter` records under this secret.
fn sealer_at(secret: [u8; 32], counter: u64, backend: Backend) -> Result<Sealer, Wrong> {
    let mut sealer = Sealer::from_secret(secret, backend);
    for _ in 0..counter {
        seal(&mut sealer, &[0])?;
    }
    Ok(sealer)
}

/// A record with these frames.
pub(super) fn seal(sealer: &mut Sealer, plain: &[u8]) -> Result<Vec<u8>, Wrong> {
    let mut wire = Vec::new();
    let begun = sealer.begin(&mut wire);
    wire.extend_from_slice(plain);
    good("the record", sealer.seal(begun, &mut wire))?;
    Ok(wire)
}

/// The key that a vector says a record is under follows from its secret. (VTP-14)
fn key_of(record: &Fields<'_>) -> Result<Secret, Wrong> {
    let secret = Secret::from(record.array("secret")?);
    let key = secret.expand(Label::KEY, b"");
    same("the key", key.as_bytes(), &record.bytes("key")?)?;
    Ok(secret)
}

fn accepted(fields: &Fields<'_>, mut receiver: Receiver, backend: Backend) -> Result<(), Wrong> {
    let mut secret = Secret::from(fields.array("traffic_secret")?);
    let mut sealer = Sealer::from_secret(*secret.as_bytes(), backend);
    let mut opener = Opener::from_secret(*secret.as_bytes(), backend);
    let mut counter = 0;
    for record in fields.objects("records")? {
        let (list, wire) = (record.objects("frames")?, record.bytes("wire")?);
        same("the secret", key_of(&record)?.as_bytes(), secret.as_bytes())?;
        equal("the counter", record.u64("counter")?, counter)?;
        let mut plain = Vec::new();
        frames::encode(&list, &mut plain)?;
        same("the frames", &plain, &record.bytes("plain")?)?;
        same("the record", &seal(&mut sealer, &plain)?, &wire)?;
        let mut sealed = wire.get(2..).unwrap_or_default().to_vec();
        let opened = good("the record", opener.open(&mut sealed))?;
        same("the opened record", opened, &plain)?;
        frames::compare(opened, &list)?;
        taken(receiver.take(&wire))?;
        let answers = receiver.answers()?;
        equal("the answers", answers, record.u64s("answers")?)?;
        counter += 1;
        if frames::is_rekey(&list)? {
            sealer.rekey();
            opener.rekey();
            (secret, counter) = (secret.expand(Label::REKEY, b""), 0);
        }
    }
    let after = fields.object("after")?;
    same(
        "the secret after",
        secret.as_bytes(),
        &after.bytes("secret")?,
    )?;
    equal("the counter after", counter, after.u64("counter")?)?;
    state_after(fields, receiver, sealer)
}

/// The peer of a receiver at the end of a case.
struct Probe {
    receiver: Receiver,
    sealer: Sealer,
}

impl Probe {
    fn say(&mut self, frame: &Frame<'_>) -> Result<Result<(), Violation>, Wrong> {
        let mut plain = Vec::new();
        frame.encode(&mut plain);
        let wire = seal(&mut self.sealer, &plain)?;
        Ok(self.receiver.take(&wire))
    }

    /// Says ACK without ranges.
    fn acknowledge(&mut self, taken: u64, received: u64) -> Result<Result<(), Violation>, Wrong> {
        let ranges = Ranges::default();
        self.say(&Frame::Ack {
            taken,
            received,
            ranges,
        })
    }

    /// With a PONG goes an acknowledgement: of what the vector has, and of no less of the `messages`, which have these
    /// numbers, than was taken. Other numbers below those may be left unsaid. (VTP-26)
    fn ack(&mut self, wanted: &Fields<'_>, messages: &[u64]) -> Result<(), Wrong> {
        taken(self.say(&Frame::Ping(0))?)?;
        let (said, received, ranges) = self.receiver.ack()?;
        equal("received", received, wanted.u64("received")?)?;
        equal("the ranges", ranges, frames::ranges(wanted)?)?;
        let most = wanted.u64("taken")?;
        let unsaid = messages.iter().any(|it| (said + 1..=most).contains(it));
        holds(said <= most && !unsaid, || {
            format!("taken is {said}, wanted {most}")
        })
    }

    /// What the peer has acknowledged last it may say again, and nothing less.
    fn heard(&mut self, heard: &Fields<'_>, sent: u64) -> Result<(), Wrong> {
        let (taken_to, received) = (heard.u64("taken")?, heard.u64("received")?);
        equal(
            "received by the peer",
            self.receiver.sent_and_received(),
            received,
        )?;
        // Each message that was sent has one byte.
        let untaken = usize::try_from(sent.saturating_sub(taken_to)).unwrap_or(usize::MAX);
        let weight = untaken * (1 + FRAME_WEIGHT);
        equal(
            "what the peer has not taken",
            self.receiver.untaken(),
            weight,
        )?;
        taken(self.acknowledge(taken_to, received)?)?;
        let less = [
            (taken_to.checked_sub(1), Some(received)),
            (Some(taken_to), received.checked_sub(1)),
        ];
        for (taken_to, received) in less {
            let Some((taken_to, received)) = taken_to.zip(received) else {
                continue;
            };
            let violation = bad("an ACK going back", self.acknowledge(taken_to, received)?)?;
            equal("the violation", violation, Violation::Ack)?;
        }
        Ok(())
    }

    /// The PINGs that are out, and no other, may be answered, once.
    fn pings(&mut self, sent: &[u64], still_out: &[u64]) -> Result<(), Wrong> {
        for token in still_out {
            taken(self.say(&Frame::Pong(*token))?)?;
        }
        for token in sent {
            let violation = bad("a PONG too many", self.say(&Frame::Pong(*token))?)?;
            equal("the violation", violation, Violation::Pong)?;
        }
        Ok(())
    }

    /// The next number, and where the messages stand. What is held ahead of a gap is out of the way.
    fn next(&mut self, after: &Fields<'_>) -> Result<(), Wrong> {
        let number = after.u64("next_number")?;
        equal("the next number", self.receiver.expect(), number)?;
        let begun = after.has("unfinished").then(|| after.bytes("unfinished"));
        self.receiver.go_live();
        let next = self.say(&Frame::Msg {
            more: false,
            number,
            bytes: b"!",
        })?;
        if after.bool("ended")? {
            let violation = bad("a message behind the end", next)?;
            return equal("the violation", violation, Violation::AfterEnd);
        }
        taken(next)?;
        self.receiver.take_all();
        let whole = [begun.transpose()?.unwrap_or_default(), b"!".to_vec()].concat();
        let last = self.receiver.messages().last().cloned();
        equal("the next message", last, Some(whole))
    }
}

/// The numbers of the MSG frames in the records of a case.
fn messages_of(fields: &Fields<'_>) -> Result<Vec<u64>, Wrong> {
    let mut numbers = Vec::new();
    for record in fields.objects("records")? {
        for frame in record.objects("frames")? {
            if frame.text("frame")? == "MSG" {
                numbers.push(frame.u64("number")?);
            }
        }
    }
    Ok(numbers)
}

/// What is said of tickets.
fn tickets_of(after: &Fields<'_>) -> Result<Vec<Heard>, Wrong> {
    let heard = |fields: &Fields<'_>| {
        let purpose = frames::purpose(fields)?;
        Ok(if fields.has("ticket") {
            Heard::Give(purpose, fields.bytes("ticket")?)
        } else {
            Heard::Want(purpose, fields.small("count")?)
        })
    };
    after.objects("tickets")?.iter().map(heard).collect()
}

/// What a receiver says and refuses next shows its state.
fn state_after(fields: &Fields<'_>, receiver: Receiver, sealer: Sealer) -> Result<(), Wrong> {
    let after = fields.object("after")?;
    let closed = match receiver.closed() {
        None => None,
        Some(Ending::Done) => Some("done"),
        Some(Ending::Gone) => Some("gone"),
    };
    let wanted = after.has("closed").then(|| after.text("closed"));
    equal("how it closed", closed, wanted.transpose()?)?;
    let mut probe = Probe { receiver, sealer };
    probe.ack(&after.object("ack")?, &messages_of(fields)?)?;
    let receiver = &mut probe.receiver;
    receiver.take_all();
    let messages = after.byte_strings("messages")?;
    equal("the messages", receiver.messages(), &messages[..])?;
    let ended = after.bool("ended")?;
    equal("whether it ended", receiver.has_ended(), ended)?;
    equal("the tickets", receiver.tickets(), &tickets_of(&after)?[..])?;
    let datagrams = after.byte_strings("datagrams")?;
    equal("the datagrams", receiver.datagrams(), datagrams)?;
    probe.heard(&after.object("heard")?, fields.small("sent")?)?;
    probe.pings(&fields.u64s("pings")?, &after.u64s("pings")?)?;
    probe.next(&after)
}

/// The violation is one of each clause that the case names.
fn allowed(case: &Case, violation: Violation) -> Result<(), Wrong> {
    let clauses = case.clauses();
    holds(
        clauses.iter().all(|clause| allows(clause, &violation)),
        || format!("refused with {violation:?}, which is no way to break {clauses:?}"),
    )
}

fn refused(case: &Case, mut receiver: Receiver, backend: Backend) -> Result<(), Wrong> {
    let fields = case.fields();
    for wire in fields.byte_strings("before")? {
        taken(receiver.take(&wire))?;
    }
    let secret = *key_of(&fields)?.as_bytes();
    let mut sealer = sealer_at(secret, fields.u64("counter")?, backend)?;
    let wire = fields.bytes("wire")?;
    same(
        "the record",
        &seal(&mut sealer, &fields.bytes("plain")?)?,
        &wire,
    )?;
    allowed(case, bad("the record", receiver.take(&wire))?)
}

fn refused_wire(case: &Case, mut receiver: Receiver, backend: Backend) -> Result<(), Wrong> {
    let fields = case.fields();
    for wire in fields.byte_strings("before")? {
        taken(receiver.take(&wire))?;
    }
    if fields.has("counter") {
        let (secret, counter) = (fields.array("traffic_secret")?, fields.u64("counter")?);
        skip(&mut receiver, secret, counter, backend)?;
    }
    allowed(
        case,
        bad("the record", receiver.take(&fields.bytes("wire")?))?,
    )
}

/// Lets the receiver take `counter` records; the sealer after them.
fn skip(
    receiver: &mut Receiver,
    secret: [u8; 32],
    counter: u64,
    backend: Backend,
) -> Result<Sealer, Wrong> {
    let mut sealer = Sealer::from_secret(secret, backend);
    for _ in 0..counter {
        taken(receiver.take(&seal(&mut sealer, &[0])?))?;
    }
    Ok(sealer)
}

fn accepted_late(
    fields: &Fields<'_>,
    mut receiver: Receiver,
    backend: Backend,
) -> Result<(), Wrong> {
    let (secret, counter) = (fields.array("traffic_secret")?, fields.u64("counter")?);
    let sealer = skip(&mut receiver, secret, counter, backend)?;
    holds(sealer.is_worn(), || {
        "the sealer would not rekey now".to_owned()
    })?;
    for wire in fields.byte_strings("wires")? {
        taken(receiver.take(&wire))?;
    }
    let messages = fields.byte_strings("messages")?;
    equal("the messages", receiver.messages(), &messages[..])
}

fn built(case: &Case, receiver: Receiver, backend: Backend) -> Result<(), Wrong> {
    let fields = case.fields();
    let sealer = Sealer::from_secret(fields.array("traffic_secret")?, backend);
    let mut probe = Probe { receiver, sealer };
    let (mut number, mut refused, mut wires) = (fields.small("first")?, None, Vec::new());
    for piece in fields.objects("pieces")? {
        let bytes = piece.array::<1>("byte")?.repeat(piece.number("length")?);
        let more = piece.bool("more")?;
        for _ in 0..piece.number("times")? {
            holds(refused.is_none(), || {
                "pieces behind the refused one".to_owned()
            })?;
            let mut plain = Vec::new();
            let frame = Frame::Msg {
                more,
                number,
                bytes: &bytes,
            };
            frame.encode(&mut plain);
            let wire = seal(&mut probe.sealer, &plain)?;
            if let Err(violation) = probe.receiver.take(&wire) {
                allowed(case, violation)?;
                refused = Some(number);
            }
            wires.extend(wire);
            number += 1;
        }
    }
    let at = fields.has("refused_at").then(|| fields.small("refused_at"));
    equal("the frame refused", refused, at.transpose()?)?;
    let hash_of_all = fields.bytes("wire_sha256")?;
    same("the hash of all records", &hash(&[&wires]), &hash_of_all)?;
    if fields.has("ack") {
        let all: Vec<u64> = (fields.small("first")?..number).collect();
        probe.ack(&fields.object("ack")?, &all)?;
    }
    probe.receiver.take_all();
    whole(&fields.objects("messages")?, probe.receiver.messages())
}

/// These are the messages, by length and hash.
fn whole(wanted: &[Fields<'_>], messages: &[Vec<u8>]) -> Result<(), Wrong> {
    let mut messages = messages.iter();
    for wanted in wanted {
        for _ in 0..wanted.number("times")? {
            let message = some("a message is missing", messages.next())?;
            equal("a length", message.len(), wanted.number("length")?)?;
            same("a message", &hash(&[message]), &wanted.bytes("sha256")?)?;
        }
    }
    equal("the messages too many", messages.count(), 0)
}

/// Whether this is a violation that a breach of the clause can show as.
fn allows(clause: &str, violation: &Violation) -> bool {
    use Violation as V;
    match clause {
        "VTP-21" => matches!(violation, V::Length | V::Record),
        // An empty record is one that is too short as well.
        "VTP-22" => matches!(violation, V::Malformed(_) | V::Frame | V::Empty | V::Length),
        "VTP-23" => *violation == V::Number,
        "VTP-24" => matches!(violation, V::Behind | V::WornKey | V::Record),
        "VTP-25" => matches!(violation, V::Message | V::AfterEnd),
        "VTP-26" => matches!(violation, V::Ack | V::Window | V::Malformed(_)),
        "VTP-27" => matches!(violation, V::Pong | V::PingFlood),
        "VTP-29" => matches!(violation, V::Behind | V::Close),
        "VTP-49" => matches!(violation, V::StreamHead | V::Malformed(_)),
        "VTP-50" => *violation == V::StreamEmpty,
        "VTP-52" | "VTP-53" => matches!(violation, V::Malformed(_)),
        "VTP-54" => *violation == V::Tickets,
        _ => false,
    }
}

/// A setup whose handshake makes the pipes that receivers start from.
pub(super) fn any_setup(backend: Backend) -> Result<Setup<'static>, Wrong> {
    Setup::new(base("vat, master initiates")?, backend)
}
