//! tickets.json: tickets, what they are passed on with, and how that stands in hints.

use super::{Case, Fields, Wrong, bad, equal, good, holds, same, some};
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::crypto::kdf::Secret;
use pluribus_mix::crypto::sign::SigningKey;
use pluribus_mix::directory::{NetworkId, Wall};
use pluribus_mix::id::{RelayId, VatId};
use pluribus_mix::locator::Locator;
use pluribus_mix::pacing::Class;
use pluribus_mix::rendezvous::{
    Bearer, Cookie, Draft, Introduction, Promised, Refused, Spot, Terms, Ticket, TicketId,
};
use std::net::{IpAddr, SocketAddr};

/// Runs one case. No AEAD takes part in any.
pub fn run(case: &Case, _: Backend) -> Result<(), Wrong> {
    let fields = &case.fields();
    let clause = case.clauses().first().copied().unwrap_or_default();
    match case.kind() {
        "ticket" => ticket(fields),
        "ticket refused" => {
            let read = Ticket::parse(&fields.bytes("bytes")?, &promised(fields)?);
            refused("the ticket", read, clause)
        }
        "introduction" => introduction(fields),
        "introduction refused" => {
            let read = Introduction::parse(&fields.bytes("bytes")?, &promised(fields)?);
            refused("the introduction", read, clause)
        }
        "hints refused" => {
            let locator = locator(fields)?;
            let read = Introduction::from_hints(locator.hints(), &promised(fields)?);
            refused("the hints", read, clause)
        }
        kind => Err(Wrong::new(format!("unknown kind {kind:?}"))),
    }
}

/// It was refused for this clause.
fn refused<T>(what: &str, read: Result<T, Refused>, clause: &str) -> Result<(), Wrong> {
    let why = bad(what, read)?;
    let fits = match why {
        // Which field it is tells the clause: RDV-1 those of a ticket, RDV-4 those of a link, RDV-5 what is left.
        Refused::Malformed(error) => match error.field {
            "to" => clause == "RDV-4",
            "delegation" | "delegations" => clause == "RDV-5",
            "hints" => clause == "RDV-6",
            _ => clause == "RDV-1",
        },
        Refused::OtherVat | Refused::OtherNetwork | Refused::Unspoken | Refused::Unsigned => {
            clause == "RDV-2"
        }
        Refused::Expired => clause == "RDV-2" || clause == "RDV-4",
        _ => clause == "RDV-4",
    };
    holds(fits, || format!("{what}: {why}, wanted {clause}"))
}

fn vat(fields: &Fields<'_>, name: &str) -> Result<VatId, Wrong> {
    good(name, VatId::from_bytes(&fields.array(name)?))
}

/// What was promised.
///
/// # Errors
/// If the case says nothing that can be understood; so with all that follow.
pub fn promised(fields: &Fields<'_>) -> Result<Promised, Wrong> {
    let fields = fields.object("promised")?;
    Ok(Promised {
        vat: vat(&fields, "vat")?,
        network: NetworkId::from(fields.array::<8>("network")?),
        now: Wall(fields.small("now")?),
    })
}

fn bearer(fields: &Fields<'_>) -> Result<Bearer, Wrong> {
    if fields.array("bearer")? == [0; 32] {
        return Ok(Bearer::Anyone);
    }
    vat(fields, "bearer").map(Bearer::Vat)
}

/// A spot.
///
/// # Errors
/// If there is none; so with all that follow.
pub fn spot(fields: &Fields<'_>) -> Result<Spot, Wrong> {
    let address = fields.bytes("address")?;
    let v4 = <[u8; 4]>::try_from(&address[..]).map(IpAddr::from);
    let v6 = <[u8; 16]>::try_from(&address[..]).map(IpAddr::from);
    let ip = some("an address of another length", v4.or(v6).ok())?;
    Ok(Spot {
        relay: good("relay", RelayId::from_bytes(&fields.array("relay")?))?,
        at: SocketAddr::new(ip, fields.small("port")?),
        cookie: Cookie::from(fields.array::<16>("cookie")?),
    })
}

fn ticket(fields: &Fields<'_>) -> Result<(), Wrong> {
    let class: usize = fields.number("class")?;
    let class = some("no class", Class::ALL.get(class))?;
    let said = Draft {
        spot: spot(fields)?,
        terms: Terms {
            class: *class,
            network: NetworkId::from(fields.array::<8>("network")?),
        },
        prekey: fields.array("prekey")?,
        secret: Secret::from(fields.array::<32>("secret")?),
        bearer: bearer(fields)?,
        expiry: Wall(fields.u64("expiry")?),
        id: TicketId::from(fields.array::<16>("id")?),
    };
    let (spot, terms) = (said.spot, said.terms);
    same("the place", &spot.place(), &fields.bytes("place")?)?;
    let bytes = fields.bytes("ticket")?;
    let key = SigningKey::from_seed(&fields.array("seed")?);
    let signed = Ticket::sign(&key, said);
    same("the ticket", signed.as_bytes(), &bytes)?;
    let read = good("the ticket", Ticket::parse(&bytes, &promised(fields)?))?;
    equal("the spot", read.spot(), &spot)?;
    equal("the terms", read.terms(), &terms)?;
    same("B_t", read.prekey(), &fields.bytes("prekey")?)?;
    same("s_t", read.secret().as_bytes(), &fields.bytes("secret")?)?;
    equal("the vat", read.vat(), vat(fields, "vat")?)?;
    equal("the bearer", read.bearer(), bearer(fields)?)?;
    equal("the expiry", read.expiry().0, fields.u64("expiry")?)?;
    same("the id", read.id().as_bytes(), &fields.bytes("id")?)
}

fn introduction(fields: &Fields<'_>) -> Result<(), Wrong> {
    let (promised, bytes) = (promised(fields)?, fields.bytes("bytes")?);
    let ticket = Ticket::parse(&fields.bytes("ticket")?, &promised);
    let mut said = Introduction::from(good("the ticket", ticket)?);
    for step in fields.objects("steps")? {
        let giver = SigningKey::from_seed(&step.array("giver")?);
        let expiry = Wall(step.small("expiry")?);
        let done = said.delegate(&giver, vat(&step, "to")?, expiry);
        good("a link", done)?;
    }
    same("the introduction", &said.to_bytes(), &bytes)?;
    let hints = said.to_hints();
    let ours = hints.iter().map(|(name, value)| (*name, value.as_str()));
    equal("the hints", ours.collect(), fields.pairs("hints")?)?;
    let heard = Introduction::from_hints(locator(fields)?.hints(), &promised);
    let heard = some("no hints", good("the hints", heard)?)?;
    let read = good("the introduction", Introduction::parse(&bytes, &promised))?;
    for read in [said, heard, read] {
        same("the introduction again", &read.to_bytes(), &bytes)?;
        equal("the bearer", read.bearer(), bearer(fields)?)?;
        equal("the expiry", read.expiry().0, fields.u64("expiry")?)?;
    }
    Ok(())
}

/// A locator with the hints of the case, and one more.
fn locator(fields: &Fields<'_>) -> Result<Locator, Wrong> {
    let hints = fields.pairs("hints")?;
    let hints = hints.iter().map(|(name, value)| format!("{name}={value}"));
    let hints: Vec<_> = hints.chain(["at=192.0.2.1:9".to_owned()]).collect();
    let text = format!("ocapn://{}.mix?{}", promised(fields)?.vat, hints.join("&"));
    good("the locator", text.parse())
}
