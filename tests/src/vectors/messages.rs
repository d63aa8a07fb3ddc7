//! messages.json: messages to a hop and to the client.

use super::{Case, Fields, Wrong, bad, good, holds, same};
use core::fmt::Debug;
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::id::RelayId;
use pluribus_mix::onion::PAYLOAD;
use pluribus_mix::onion::meet::{Counts, cookie};
use pluribus_mix::onion::message::{Reason, ToClient, ToRelay};

/// Runs one case.
///
/// # Errors
/// If the implementation differs; so with all here.
pub fn run(case: &Case, _: Backend) -> Result<(), Wrong> {
    let fields = &case.fields();
    if case.kind() == "cookie" {
        let relay = RelayId::from_bytes(&fields.array("relay")?);
        let found = cookie(&good("the relay", relay)?, &fields.array("secret")?);
        return same("the cookie", &found, &fields.bytes("cookie")?);
    }
    let payload = fields.array::<PAYLOAD>("payload")?;
    let mut written = [0xa5; PAYLOAD];
    match case.kind() {
        "to relay" => {
            let message = good("the message", ToRelay::parse(&payload))?;
            to_relay(fields, &message)?;
            message.encode(&mut written);
            same("the message written", &written, &payload)
        }
        "to client" => {
            let message = good("the message", ToClient::parse(&payload))?;
            to_client(fields, &message)?;
            message.encode(&mut written);
            same("the message written", &written, &payload)
        }
        "to relay refused" => bad("the message", ToRelay::parse(&payload)).map(drop),
        "to client refused" => bad("the message", ToClient::parse(&payload)).map(drop),
        kind => Err(Wrong::new(format!("unknown kind {kind:?}"))),
    }
}

fn is(fields: &Fields<'_>, found: &impl Debug, right: bool) -> Result<(), Wrong> {
    let wanted = fields.text("message")?;
    holds(right, || format!("{found:?} is no {wanted}"))
}

fn to_relay(fields: &Fields<'_>, found: &ToRelay<'_>) -> Result<(), Wrong> {
    let body = || fields.bytes("body");
    let right = match (fields.text("message")?, found) {
        ("extend 1", ToRelay::Extend1(part)) => body()? == *part,
        ("extend 2", ToRelay::Extend2(rest)) => body()? == *rest,
        ("truncate", ToRelay::Truncate) | ("dummy", ToRelay::Dummy) => body()?.is_empty(),
        ("loop", ToRelay::Loop(token)) => fields.u64("token")? == *token,
        ("park", ToRelay::Park(secret)) => fields.bytes("secret")? == *secret,
        ("join", ToRelay::Join(cookie, class)) => {
            fields.bytes("cookie")? == *cookie && fields.number("class")? == usize::from(*class)
        }
        ("keep", ToRelay::Keep(record)) => body()? == *record,
        ("find", ToRelay::Find(index)) => body()? == *index,
        _ => false,
    };
    is(fields, found, right)
}

fn to_client(fields: &Fields<'_>, found: &ToClient<'_>) -> Result<(), Wrong> {
    let right = match (fields.text("message")?, found) {
        ("extended 1", ToClient::Extended1(part)) => fields.bytes("body")? == *part,
        ("extended 2", ToClient::Extended2(rest, index)) => {
            fields.bytes("body")? == *rest && fields.u64("index")? == *index
        }
        ("dummy back", ToClient::Dummy) => fields.bytes("body")?.is_empty(),
        ("loop back", ToClient::Loop(token, missed)) => {
            fields.u64("token")? == *token && fields.u64("missed")? == *missed
        }
        ("truncated", ToClient::Truncated(reason)) => fields.number("reason")? == number(*reason),
        ("blame", ToClient::Blame(counter)) => fields.u64("counter")? == *counter,
        ("parked", ToClient::Parked)
        | ("not joined", ToClient::NotJoined)
        | ("kept", ToClient::Kept)
        | ("not here", ToClient::NotHere) => fields.bytes("body")?.is_empty(),
        ("found", ToClient::Found(record)) => fields.bytes("body")? == *record,
        ("joined", ToClient::Joined(counts)) => {
            let [from, forth, back] = ["from", "forth", "back"].map(|name| fields.u64(name));
            *counts
                == Counts {
                    from: from?,
                    forth: forth?.cast_signed(),
                    back: back?.cast_signed(),
                }
        }
        _ => false,
    };
    is(fields, found, right)
}

/// The reasons as ONI-12 numbers them.
fn number(reason: Reason) -> usize {
    match reason {
        Reason::Asked => 1,
        Reason::NextEnded => 2,
        Reason::Unreachable => 3,
        Reason::NoSuchRelay => 4,
        Reason::Full => 5,
        Reason::TooMuchQueued => 6,
        Reason::EndOver => 7,
    }
}
