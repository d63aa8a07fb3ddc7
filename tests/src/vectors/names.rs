//! names.json: VatIds, RelayIds, signing keys, and the files in which they rest.

use super::{Case, Fields, Wrong, bad, equal, good, holds, same};
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::crypto::dh::Scalar;
use pluribus_mix::crypto::sign::{BadKey, PublicKey, SigningKey};
use pluribus_mix::id::{NameError, RelayId, VatId, keyfile};

/// Runs one case. No AEAD takes part in any.
pub fn run(case: &Case, _: Backend) -> Result<(), Wrong> {
    let fields = &case.fields();
    match case.kind() {
        "vat" => vat(fields),
        "relay" => relay(fields),
        "text" => text(fields),
        "bad text" => bad_text(fields),
        "bad key" => bad_key(fields),
        "bad expanded" => bad_expanded(fields),
        "key file" => key_file(fields),
        "bad key file" => bad(
            "the key file",
            keyfile::parse(&fields.bytes("file")?).map(drop),
        )
        .map(drop),
        "incarnation file" => incarnation_file(fields),
        "bad incarnation file" => {
            let parsed = keyfile::parse_incarnation(&fields.bytes("file")?);
            bad("the incarnation file", parsed).map(drop)
        }
        kind => Err(Wrong::new(format!("unknown kind {kind:?}"))),
    }
}

/// The signing key in `expanded` and, where it is known, in `seed`; both must give `public`. (NAM-4)
pub fn signing_key(fields: &Fields<'_>) -> Result<SigningKey, Wrong> {
    let expanded = fields.array("expanded")?;
    let key = good("the expanded form", SigningKey::from_expanded(&expanded))?;
    let public = fields.bytes("public")?;
    same("the VatId", key.public().as_bytes(), &public)?;
    if !fields.has("seed") {
        return Ok(key);
    }
    let seeded = SigningKey::from_seed(&fields.array("seed")?);
    same("the VatId of the seed", seeded.public().as_bytes(), &public)?;
    same("the expanded seed", &*seeded.to_expanded(), &expanded)?;
    Ok(seeded)
}

fn vat(fields: &Fields<'_>) -> Result<(), Wrong> {
    let seeded = signing_key(fields)?;
    let expanded = SigningKey::from_expanded(&fields.array("expanded")?);
    let expanded = good("the expanded form", expanded)?;
    let id = good("the VatId", VatId::from_bytes(&fields.array("public")?))?;
    equal("the text", id.to_string().as_str(), fields.text("text")?)?;
    equal("the text read", fields.text("text")?.parse(), Ok(id))?;
    let mapped = fields.bytes("mapped")?;
    same("the mapped key", &id.public_key().mapped(), &mapped)?;
    let scalar = Scalar::from_bytes(seeded.mapped_secret());
    same("the key of the mapped secret", &scalar.public(), &mapped)?;
    for signed in fields.objects("signatures")? {
        let message = signed.bytes("message")?;
        let signature = signed.array::<64>("signature")?;
        same("the seed's signature", &seeded.sign(&message), &signature)?;
        let other = expanded.sign(&message);
        same("the expanded form's signature", &other, &signature)?;
        let verifies = id.public_key().verify_strict(&message, &signature);
        holds(verifies, || "a signature does not verify".to_owned())?;
    }
    Ok(())
}

fn relay(fields: &Fields<'_>) -> Result<(), Wrong> {
    let id = good("the RelayId", RelayId::from_bytes(&fields.array("public")?))?;
    equal("the text", id.to_string().as_str(), fields.text("text")?)?;
    equal("the text read", fields.text("text")?.parse(), Ok(id))
}

/// The key that a text names.
fn read(of: &str, text: &str) -> Result<PublicKey, NameError> {
    if of == "relay" {
        text.parse::<RelayId>().map(|id| *id.public_key())
    } else {
        text.parse::<VatId>().map(|id| *id.public_key())
    }
}

fn text(fields: &Fields<'_>) -> Result<(), Wrong> {
    let public = fields.bytes("public")?;
    for text in fields.texts("texts")? {
        let key = good(text, read(fields.text("of")?, text))?;
        same(text, key.as_bytes(), &public)?;
    }
    Ok(())
}

/// The reasons that the vectors give, of which `reason` is the best.
fn one_of(fields: &Fields<'_>, reason: &str, ours: &str) -> Result<(), Wrong> {
    let mut reasons = vec![fields.text(reason)?];
    if fields.has("or") {
        reasons.extend(fields.texts("or")?);
    }
    holds(reasons.contains(&ours), || {
        format!("refused for its {ours}, wanted {reasons:?}")
    })
}

fn bad_text(fields: &Fields<'_>) -> Result<(), Wrong> {
    let ours = match bad("the text", read(fields.text("of")?, fields.text("text")?))? {
        NameError::Length(_) => "length",
        NameError::Character => "alphabet",
        NameError::Checksum => "checksum",
        NameError::Version { .. } => "version",
        NameError::Key(_) => "key",
    };
    one_of(fields, "reason", ours)
}

fn bad_key(fields: &Fields<'_>) -> Result<(), Wrong> {
    let reason = fields.text("reason")?;
    let Ok(bytes) = fields.bytes("public")?.try_into() else {
        return equal("the reason", "length", reason);
    };
    let ours = bad("the key", VatId::from_bytes(&bytes))?;
    let as_relay = bad("the key of a relay", RelayId::from_bytes(&bytes))?;
    equal("the reason for a relay", as_relay, ours)?;
    let good = match ours {
        BadKey::NotAPoint => reason == "not on the curve" || reason == "not canonical",
        BadKey::SmallOrder => reason == "small order",
        BadKey::Torsion => reason == "torsion",
        BadKey::NotClamped => false,
    };
    holds(good, || format!("refused for {ours:?}, wanted {reason}"))
}

fn bad_expanded(fields: &Fields<'_>) -> Result<(), Wrong> {
    let expanded = fields.array("expanded")?;
    let ours = bad("the key", SigningKey::from_expanded(&expanded).map(drop))?;
    let reason = (ours == BadKey::NotClamped).then_some("not clamped");
    equal("the reason", reason, Some(fields.text("reason")?))
}

fn key_file(fields: &Fields<'_>) -> Result<(), Wrong> {
    let file = fields.bytes("file")?;
    let key = good("the key file", keyfile::parse(&file))?;
    same("the key", key.public().as_bytes(), &fields.bytes("public")?)?;
    let form = key.seed().map_or("expanded", |_| "seed");
    equal("the form", form, fields.text("form")?)?;
    same(
        "the file as we write it",
        keyfile::write(&key).as_bytes(),
        &file,
    )
}

fn incarnation_file(fields: &Fields<'_>) -> Result<(), Wrong> {
    let (file, number) = (fields.bytes("file")?, fields.u64("incarnation")?);
    let ours = good("the incarnation file", keyfile::parse_incarnation(&file))?;
    equal("the incarnation", ours, number)?;
    let written = keyfile::write_incarnation(number);
    same("the file as we write it", written.as_bytes(), &file)
}
