//! crypto.json: the labels and the primitives.

use super::{Case, Fields, Wrong, bad, equal, good, holds, same, some};
use pluribus_mix::crypto::aead::{Aead, Backend, Key};
use pluribus_mix::crypto::dh::Scalar;
use pluribus_mix::crypto::kdf::{Label, Secret, hash};
use pluribus_mix::crypto::kem::{DecapsulationKey, EncapsulationKey};
use pluribus_mix::crypto::sign::PublicKey;

/// Every label of the specification, by what stands behind `pluribus-mix/1 `.
pub const LABELS: &[(&str, Label)] = &[
    ("VatTP", Label::VATTP),
    ("target", Label::TARGET),
    ("r hs", Label::R_HS),
    ("r fin", Label::R_FIN),
    ("i hs", Label::I_HS),
    ("i fin", Label::I_FIN),
    ("VatTP responder", Label::RESPONDER),
    ("VatTP initiator", Label::INITIATOR),
    ("derived", Label::DERIVED),
    ("i to r", Label::I_TO_R),
    ("r to i", Label::R_TO_I),
    ("exporter", Label::EXPORTER),
    ("key", Label::KEY),
    ("rekey", Label::REKEY),
    ("hop key", Label::HOP_KEY),
    ("hop filler", Label::HOP_FILLER),
    ("hop next", Label::HOP_NEXT),
    ("hop settings", Label::HOP_SETTINGS),
    ("hop transcript", Label::HOP_TRANSCRIPT),
    ("hop", Label::HOP),
    ("hop auth", Label::HOP_AUTH),
    ("hop forward", Label::HOP_FORWARD),
    ("hop backward", Label::HOP_BACKWARD),
    ("hop settings back", Label::HOP_SETTINGS_BACK),
    ("ticket", Label::TICKET),
    ("place", Label::PLACE),
    ("delegation", Label::DELEGATION),
    ("early", Label::EARLY),
    ("early signature", Label::EARLY_SIGNATURE),
    ("flight", Label::FLIGHT),
    ("epoch key", Label::EPOCH_KEY),
    ("epoch prefix", Label::EPOCH_PREFIX),
    ("record", Label::RECORD),
    ("record key", Label::RECORD_KEY),
    ("record keeper", Label::RECORD_KEEPER),
    ("park", Label::PARK),
];

/// Runs one case.
pub fn run(case: &Case, backend: Backend) -> Result<(), Wrong> {
    let fields = &case.fields();
    match case.kind() {
        "label" => a_label(fields),
        "extract" => extract(fields),
        "expand" => expand(fields),
        "hmac" => hmac(fields),
        "hash" => same(
            "the hash",
            &hash(&[&fields.bytes("data")?]),
            &fields.bytes("hash")?,
        ),
        "aead" => aead(fields, backend),
        "aead refused" => aead_refused(fields, backend),
        "x25519" => {
            let shared = agreed(fields)?;
            let shared = some("the shared secret was refused", shared)?;
            same("the shared secret", &shared, &fields.bytes("shared")?)
        }
        "x25519 zero" => equal("the shared secret", agreed(fields)?, None),
        "kem" => kem(fields),
        "bad ek" => {
            let key = EncapsulationKey::from_bytes(&fields.array("ek")?);
            holds(key.is_none(), || "the key was accepted".to_owned())
        }
        "ed25519" => ed25519(fields),
        kind => Err(Wrong::new(format!("unknown kind {kind:?}"))),
    }
}

fn label(text: &str) -> Result<Label, Wrong> {
    let found = LABELS.iter().find(|(known, _)| *known == text);
    some("an unknown label", found).map(|(_, label)| *label)
}

fn a_label(fields: &Fields<'_>) -> Result<(), Wrong> {
    let label = label(fields.text("text")?)?;
    same("the label", label.as_bytes(), &fields.bytes("label")?)?;
    same(
        "its hash",
        &hash(&[label.as_bytes()]),
        &fields.bytes("hash")?,
    )
}

fn extract(fields: &Fields<'_>) -> Result<(), Wrong> {
    let (salt, ikm, prk) = (
        fields.bytes("salt")?,
        fields.bytes("ikm")?,
        fields.bytes("prk")?,
    );
    same("the key", Secret::extract(&salt, &[&ikm]).as_bytes(), &prk)?;
    let (head, tail) = ikm.split_at(ikm.len() / 2);
    let in_parts = Secret::extract(&salt, &[head, tail]);
    same("the key of the parts", in_parts.as_bytes(), &prk)
}

fn expand(fields: &Fields<'_>) -> Result<(), Wrong> {
    let prk = Secret::from(fields.array("prk")?);
    let (info, okm) = (fields.bytes("info")?, fields.bytes("okm")?);
    // The first block of the output is all there is of it here.
    same("the first block", &prk.mac(&[&info, &[1]]), &okm)?;
    if fields.has("text") {
        let (label, data) = (label(fields.text("text")?)?, fields.bytes("data")?);
        same("the info", &[label.as_bytes(), &data].concat(), &info)?;
        same("the output", prk.expand(label, &data).as_bytes(), &okm)?;
    }
    Ok(())
}

/// HMAC under a key of any length is what Extract is.
fn hmac(fields: &Fields<'_>) -> Result<(), Wrong> {
    let mac = Secret::extract(&fields.bytes("key")?, &[&fields.bytes("data")?]);
    same("the code", mac.as_bytes(), &fields.bytes("mac")?)
}

fn aead(fields: &Fields<'_>, backend: Backend) -> Result<(), Wrong> {
    let key = Key::new(backend, &fields.array("key")?);
    let (counter, aad) = (fields.u64("counter")?, fields.bytes("aad")?);
    let (plain, sealed) = (fields.bytes("plain")?, fields.bytes("sealed")?);
    let nonce = [&[0; 4], &counter.to_be_bytes()[..]].concat();
    same("the nonce", &nonce, &fields.bytes("nonce")?)?;
    let mut buffer = plain.clone();
    let tag = good("the plaintext", key.seal(counter, &aad, &mut buffer))?;
    buffer.extend_from_slice(&tag);
    same("the sealed text", &buffer, &sealed)?;
    let opened = good("the sealed text", key.open(counter, &aad, &mut buffer))?;
    same("the opened text", opened, &plain)
}

fn aead_refused(fields: &Fields<'_>, backend: Backend) -> Result<(), Wrong> {
    let key = Key::new(backend, &fields.array("key")?);
    let (counter, aad) = (fields.u64("counter")?, fields.bytes("aad")?);
    let mut sealed = fields.bytes("sealed")?;
    bad("the text", key.open(counter, &aad, &mut sealed)).map(drop)
}

fn agreed(fields: &Fields<'_>) -> Result<Option<[u8; 32]>, Wrong> {
    let scalar = Scalar::from_bytes(fields.array("secret")?.into());
    let shared = scalar.agree(&fields.array("public")?);
    Ok(shared.map(|shared| *shared))
}

fn kem(fields: &Fields<'_>) -> Result<(), Wrong> {
    let mut seed = [0; 64];
    let parts = [fields.bytes("d")?, fields.bytes("z")?].concat();
    holds(parts.len() == 64, || {
        "d and z are not 32 bytes each".to_owned()
    })?;
    seed.copy_from_slice(&parts);
    let key = || DecapsulationKey::generate(seed.into());
    let (dk, ek) = key();
    same("ek", &*ek, &fields.bytes("ek")?)?;
    same(
        "the hash of ek",
        &hash(&[&*ek]),
        &fields.bytes("ek_sha256")?,
    )?;
    let ours = some("ek was refused", EncapsulationKey::from_bytes(&ek))?;
    let (ct, secret) = ours.seal(fields.array("m")?.into());
    same("ct", &*ct, &fields.bytes("ct")?)?;
    same(
        "the hash of ct",
        &hash(&[&*ct]),
        &fields.bytes("ct_sha256")?,
    )?;
    same("the secret", &*secret, &fields.bytes("secret")?)?;
    same("the secret opened", &*dk.open(&ct), &*secret)?;
    for wrong in fields.objects("wrong")? {
        let opened = key().0.open(&wrong.array("ct")?);
        same(wrong.text("name")?, &*opened, &wrong.bytes("secret")?)?;
    }
    Ok(())
}

fn ed25519(fields: &Fields<'_>) -> Result<(), Wrong> {
    let (message, signature) = (fields.bytes("message")?, fields.array("signature")?);
    let accept = fields.bool("accept")?;
    match PublicKey::from_bytes(&fields.array("public")?) {
        Ok(key) => {
            equal("whether the key is good", true, fields.bool("vat_id")?)?;
            let verifies = key.verify_strict(&message, &signature);
            equal("whether it verifies", verifies, accept)
        }
        Err(_) => equal("whether the key is good", false, fields.bool("vat_id")?),
    }
}
