//! records.json: one direction of a connection, sealed, opened, refused.

use super::handshake::{Setup, base};
use super::receiver::{Receiver, taken};
use super::{Case, Fields, Wrong, bad, equal, frames, good, holds, same};
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::crypto::kdf::{Label, Secret, hash};
use pluribus_mix::vattp::Violation;
use pluribus_mix::vattp::frame::Frame;
use pluribus_mix::vattp::pipe::{Opener, Sealer};
use pluribus_mix::vattp::ranges::Ranges;

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

fn seal(sealer: &mut Sealer, plain: &[u8]) -> Result<Vec<u8>, Wrong> {
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
    state_after(&after, receiver, sealer)
}

/// What a receiver does next shows its state.
fn state_after(
    after: &Fields<'_>,
    mut receiver: Receiver,
    mut sealer: Sealer,
) -> Result<(), Wrong> {
    equal(
        "the messages",
        receiver.messages(),
        &after.byte_strings("messages")?[..],
    )?;
    let ended = after.bool("ended")?;
    equal("whether it ended", receiver.has_ended(), ended)?;
    equal(
        "whether it closed",
        receiver.has_closed(),
        after.bool("closed")?,
    )?;
    let (acked, pings) = (after.u64("acked")?, after.u64s("pings")?);
    let (number, open) = (after.u64("next_number")?, after.has("unfinished"));
    let mut whole = if open {
        after.bytes("unfinished")?
    } else {
        Vec::new()
    };
    if receiver.has_closed() {
        return Ok(());
    }
    let mut say = |receiver: &mut Receiver, frame: Frame<'_>| {
        let mut plain = Vec::new();
        frame.encode(&mut plain);
        let wire = seal(&mut sealer, &plain)?;
        Ok::<_, Wrong>(receiver.take(&wire))
    };
    taken(say(&mut receiver, ack(acked))?)?;
    for token in pings {
        taken(say(&mut receiver, Frame::Pong(token))?)?;
    }
    let next = Frame::Msg {
        more: false,
        number,
        bytes: b"!",
    };
    if ended {
        let violation = bad("a message behind the end", say(&mut receiver, next)?)?;
        return equal("the violation", violation, Violation::AfterEnd);
    }
    taken(say(&mut receiver, next)?)?;
    whole.extend_from_slice(b"!");
    let last = receiver.messages().last().cloned();
    equal("the next message", last, Some(whole))?;
    if let Some(taken) = acked.checked_sub(1) {
        let violation = bad("an ACK going back", say(&mut receiver, ack(taken))?)?;
        equal("the violation", violation, Violation::Ack)?;
    }
    Ok(())
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

fn built(case: &Case, mut receiver: Receiver, backend: Backend) -> Result<(), Wrong> {
    let fields = case.fields();
    let mut sealer = Sealer::from_secret(fields.array("traffic_secret")?, backend);
    let (mut number, mut refused, mut wires) = (0, None, Vec::new());
    for piece in fields.objects("pieces")? {
        let bytes = piece.array::<1>("byte")?.repeat(piece.number("length")?);
        let more = piece.bool("more")?;
        for _ in 0..piece.number("times")? {
            holds(refused.is_none(), || {
                "pieces behind the refused one".to_owned()
            })?;
            number += 1;
            let (mut plain, bytes) = (Vec::new(), &bytes[..]);
            let frame = Frame::Msg {
                more,
                number,
                bytes,
            };
            frame.encode(&mut plain);
            let wire = seal(&mut sealer, &plain)?;
            if let Err(violation) = receiver.take(&wire) {
                allowed(case, violation)?;
                refused = Some(number);
            }
            wires.extend(wire);
        }
    }
    let at = fields
        .has("refused_at")
        .then(|| fields.number("refused_at"));
    let at = at.transpose()?.and_then(|at| u64::try_from(at).ok());
    equal("the frame refused", refused, at)?;
    same(
        "the hash of all records",
        &hash(&[&wires]),
        &fields.bytes("wire_sha256")?,
    )?;
    let wanted = fields.objects("messages")?;
    equal(
        "the number of messages",
        receiver.messages().len(),
        wanted.len(),
    )?;
    for (message, wanted) in receiver.messages().iter().zip(wanted) {
        equal("a length", message.len(), wanted.number("length")?)?;
        same("a message", &hash(&[message]), &wanted.bytes("sha256")?)?;
    }
    Ok(())
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
        "VTP-26" => matches!(violation, V::Ack | V::Window),
        "VTP-27" => matches!(violation, V::Pong | V::PingFlood),
        "VTP-29" => matches!(violation, V::Behind | V::Close),
        _ => false,
    }
}

/// A setup whose handshake makes the pipes that receivers start from.
pub(super) fn any_setup(backend: Backend) -> Result<Setup<'static>, Wrong> {
    Setup::new(base("vat, master initiates")?, backend)
}

/// An acknowledgement of everything up to `taken`, without gaps.
fn ack(taken: u64) -> Frame<'static> {
    Frame::Ack {
        taken,
        received: taken,
        ranges: Ranges::default(),
    }
}
