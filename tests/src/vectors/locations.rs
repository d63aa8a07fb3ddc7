//! locations.json: keys of an epoch, location records, which epochs count, and who keeps a record.

use super::{Case, Fields, Wrong, bad, equal, good, holds, same, some};
use pluribus_mix::crypto::aead::{Aead, Backend, Key};
use pluribus_mix::crypto::kdf::{Label, Secret, hash};
use pluribus_mix::crypto::sign::{Factor, PublicKey, SigningKey};
use pluribus_mix::directory::{NetworkId, Wall};
use pluribus_mix::id::{RelayId, VatId};
use pluribus_mix::pacing::Class;
use pluribus_mix::rendezvous::epoch::Epoch;
use pluribus_mix::rendezvous::keepers::keepers as keepers_of;
use pluribus_mix::rendezvous::record::{Issue, Listing, Record, index};
use pluribus_mix::rendezvous::shelf::Shelf;
use pluribus_mix::rendezvous::{Refused, Terms};

/// Runs one case.
pub fn run(case: &Case, backend: Backend) -> Result<(), Wrong> {
    let fields = &case.fields();
    match case.kind() {
        "epoch key" => epoch_key(fields),
        "record" => record(fields, backend),
        "record refused" => refused(case),
        "epochs" => epochs(fields),
        "keepers" => keepers(fields),
        kind => Err(Wrong::new(format!("unknown kind {kind:?}"))),
    }
}

fn vat(fields: &Fields<'_>) -> Result<VatId, Wrong> {
    good("the vat", VatId::from_bytes(&fields.array("vat")?))
}

fn network(fields: &Fields<'_>) -> Result<NetworkId, Wrong> {
    fields.array::<8>("network").map(NetworkId::from)
}

fn epoch(fields: &Fields<'_>) -> Result<Epoch, Wrong> {
    fields.u64("epoch").map(Epoch)
}

fn now(fields: &Fields<'_>) -> Result<Wall, Wrong> {
    fields.small("now").map(Wall)
}

fn epoch_key(fields: &Fields<'_>) -> Result<(), Wrong> {
    let (vat, network, epoch) = (vat(fields)?, network(fields)?, epoch(fields)?);
    let label = Label::EPOCH_KEY.as_bytes();
    let bytes = hash(&[
        label,
        vat.as_bytes(),
        &epoch.0.to_be_bytes(),
        network.as_bytes(),
    ]);
    let wanted: [u8; 32] = fields.array("factor")?;
    // Clamped: three bits below and two above.
    let [mut first, mut last] = [0, 31].map(|at: usize| bytes.get(at).copied().unwrap_or(0));
    (first, last) = (first & 248, last & 127 | 64);
    let middle = bytes.get(1..31).unwrap_or_default();
    same("the factor", &[&[first], middle, &[last]].concat(), &wanted)?;
    let (key, signature) = (fields.bytes("key")?, fields.array("signature")?);
    let public = index(&vat, network, epoch);
    same("the public key", public.as_bytes(), &key)?;
    let signing = good(
        "the key",
        SigningKey::from_expanded(&fields.array("expanded")?),
    )?;
    let blinded = signing.blinded(Factor::new(bytes));
    same("the public half", blinded.public().as_bytes(), &key)?;
    let message = fields.bytes("message")?;
    same("the signature", &blinded.sign(&message), &signature)?;
    holds(public.verify_strict(&message, &signature), || {
        "the signature does not verify".to_owned()
    })
}

fn record(fields: &Fields<'_>, backend: Backend) -> Result<(), Wrong> {
    let (vat, network, epoch) = (vat(fields)?, network(fields)?, epoch(fields)?);
    let class: usize = fields.number("class")?;
    let listing = Listing {
        spot: super::tickets::spot(fields)?,
        terms: Terms {
            class: *some("no class", Class::ALL.get(class))?,
            network,
        },
        prekey: fields.array("prekey")?,
    };
    let issue = Issue {
        epoch,
        revision: fields.u64("revision")?,
        salt: fields.array("salt")?,
    };
    let (bytes, now) = (fields.bytes("record")?, now(fields)?);
    let key = SigningKey::from_seed(&fields.array("seed")?);
    let signed = some("it cannot be sealed", Record::sign(&key, &issue, &listing))?;
    same("the record", signed.as_bytes(), &bytes)?;
    let checked = good("the record", Record::check(&bytes, network, now))?;
    equal("the epoch", checked.epoch(), epoch)?;
    equal("the revision", checked.revision(), issue.revision)?;
    same(
        "the index",
        checked.index().as_bytes(),
        &fields.bytes("index")?,
    )?;
    let read = good(
        "the record",
        Record::read(&bytes, &vat, network, epoch, now),
    )?;
    equal("the spot", read.spot, listing.spot)?;
    equal("the terms", read.terms, listing.terms)?;
    same("B", &read.prekey, &listing.prekey)?;
    let label = Label::RECORD_KEY;
    let (head, rest) = bytes.split_at(73);
    let key = Secret::extract(label.as_bytes(), &[vat.as_bytes()]).expand(label, head);
    same(
        "the key of the seal",
        key.as_bytes(),
        &fields.bytes("seal_key")?,
    )?;
    let mut sealed = rest.get(..127).unwrap_or_default().to_vec();
    let opened = Key::new(backend, key.as_bytes()).open(0, b"", &mut sealed);
    good("the seal", opened.map(|_| ()))?;
    let mut shelf = Shelf::new(network, 1);
    good("the record, to be kept", shelf.put(&bytes, now))?;
    let found = shelf.find(checked.index().as_bytes(), now);
    equal("what is kept", found, Some(signed.as_bytes()))
}

fn refused(case: &Case) -> Result<(), Wrong> {
    let fields = &case.fields();
    let (vat, network, epoch) = (vat(fields)?, network(fields)?, epoch(fields)?);
    let (bytes, now) = (fields.bytes("record")?, now(fields)?);
    let checked = Record::check(&bytes, network, now);
    equal(
        "who keeps it refuses it",
        checked.is_err(),
        fields.bool("keeper")?,
    )?;
    let why = bad(
        "the record",
        Record::read(&bytes, &vat, network, epoch, now),
    )?;
    let clauses = case.clauses();
    let clause = clauses.first().copied().unwrap_or_default();
    let keeper = checked.is_err();
    let fits = match why {
        Refused::Malformed(_) | Refused::OtherVat | Refused::Unsealed => clause == "RDV-30",
        Refused::Unsigned | Refused::Expired => clause == "RDV-31",
        Refused::OtherNetwork | Refused::Unspoken if keeper => clause == "RDV-31",
        Refused::OtherNetwork | Refused::Unspoken => clause == "RDV-30",
        _ => false,
    };
    holds(fits, || format!("refused for {why:?}, wanted {clause}"))
}

fn epochs(fields: &Fields<'_>) -> Result<(), Wrong> {
    let now = now(fields)?;
    equal("the epoch", Epoch::of(now), epoch(fields)?)?;
    let published: Vec<_> = Epoch::published(now).map(|epoch| epoch.0).collect();
    equal("what is published", published, fields.u64s("published")?)?;
    let looked_up: Vec<_> = Epoch::looked_up(now).map(|epoch| epoch.0).collect();
    equal("what is looked up", looked_up, fields.u64s("looked_up")?)
}

fn keepers(fields: &Fields<'_>) -> Result<(), Wrong> {
    let index = PublicKey::from_bytes(&fields.array("index")?);
    let index = good("the index", index)?;
    let relays = |name| -> Result<Vec<_>, Wrong> {
        let all = fields.byte_strings(name)?.into_iter();
        let named = all.map(|id| {
            let id = good("a relay", id.as_slice().try_into())?;
            good("a relay", RelayId::from_bytes(&id))
        });
        named.collect()
    };
    let (all, wanted) = (relays("relays")?, relays("keepers")?);
    equal("who keeps it", keepers_of(&index, &all), wanted.clone())?;
    // Whatever order they stand in.
    let backwards = keepers_of(&index, all.iter().rev());
    equal("who keeps it", backwards, wanted)
}
