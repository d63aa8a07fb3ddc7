//! Every value between the flights of a handshake, computed from the primitives once more.
//!
//! The states show flights and nothing else. These values say where an implementation goes wrong whose flights differ,
//! so they have to be right as well.

use super::{Case, Fields, Wrong, equal, good, holds, same, some};
use pluribus_mix::crypto::aead::{Backend, Key, open_item};
use pluribus_mix::crypto::dh::Scalar;
use pluribus_mix::crypto::kdf::{Label, Secret, hash};
use pluribus_mix::crypto::kem::DecapsulationKey;
use pluribus_mix::vattp::Use;
use std::collections::BTreeMap;

/// Values by name.
type Values = BTreeMap<&'static str, Vec<u8>>;

/// `lp(x)`.
pub fn lp(bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&len.to_be_bytes(), bytes].concat()
}

/// Compares `values`, `items` and `plain` of a case with what follows from its secrets.
///
/// # Errors
/// If they differ.
pub fn check(case: &Case, for_use: Use, backend: Backend) -> Result<(), Wrong> {
    let fields = case.fields();
    let (wanted, items) = (fields.object("values")?, fields.object("items")?);
    let ours = values(&fields, &items, for_use)?;
    let names: Vec<&str> = wanted.names().collect();
    equal("the names of values", ours.keys().copied().collect(), names)?;
    for (name, value) in &ours {
        same(name, value, &wanted.bytes(name)?)?;
    }
    let plain = fields.object("plain")?;
    for (item, key, counter) in [
        ("replyinfo", "k_rh", 0),
        ("answer", "k_rh", 1),
        ("giveinfo", "k_ih", 0),
        ("go", "k_ih", 1),
    ] {
        if !items.has(item) {
            continue;
        }
        let key = Key::new(backend, &wanted.array(key)?);
        let opened = good(
            item,
            open_item(&key, counter, &items.bytes(item)?).map_err(|_| "sealed"),
        )?;
        same(item, &opened, &plain.bytes(item)?)?;
    }
    let iam = items.bytes("iam")?;
    let version = u8::try_from(fields.number("version")?).unwrap_or(0);
    let chosen = [&[version], &fields.bytes("suite")?[..]].concat();
    same("what was chosen", iam.get(..3).unwrap_or_default(), &chosen)
}

fn values(fields: &Fields<'_>, items: &Fields<'_>, for_use: Use) -> Result<Values, Wrong> {
    let (i, r) = (fields.object("initiator")?, fields.object("responder")?);
    let mut all = Values::new();
    let mut h = hash(&[Label::VATTP.as_bytes(), &[for_use as u8]]);
    all.insert("h0", h.to_vec());
    for (item, after) in [
        ("iwant", "h_iwant"),
        ("early", "h_early"),
        ("iam", "h_iam"),
        ("replyinfo", "h_replyinfo"),
        ("answer", "h_answer"),
        ("giveinfo", "h_giveinfo"),
        ("go", "h_go"),
    ] {
        if items.has(item) {
            h = hash(&[&h, &lp(&items.bytes(item)?)]);
            all.insert(after, h.to_vec());
        }
    }
    target(&i, items, for_use, &mut all)?;
    let x_i = Scalar::from_bytes(i.array("x_secret")?.into());
    same("x_i", &x_i.public(), &i.bytes("x_public")?)?;
    let x_r = Scalar::from_bytes(r.array("x_secret")?.into());
    same("x_r", &x_r.public(), &r.bytes("x_public")?)?;
    let dh = some("X25519(x_i, x_r) is zero", x_i.agree(&x_r.public()))?;
    let iam = items.bytes("iam")?;
    let ct = iam.last_chunk().ok_or(Wrong::new("IAM is too short"))?;
    let (dk, _) = kem(&i)?;
    let secret = dk.open(ct);
    let mut ikm = [lp(&*dh), lp(&*secret)].concat();
    if i.has("ticket_secret") {
        ikm.extend(lp(value(&all, "target_secret")?));
        ikm.extend(lp(&i.bytes("ticket_secret")?));
    }
    let hs = Secret::extract(value(&all, "h_iam")?, &[&ikm]);
    all.insert("dh", dh.to_vec());
    all.insert("kem_secret", secret.to_vec());
    keys(&hs, &mut all)?;
    let master = if i.bool("master")? { &i } else { &r };
    all.insert("go_number", master.bytes("go")?);
    Ok(all)
}

fn value<'v>(all: &'v Values, name: &str) -> Result<&'v [u8], Wrong> {
    some("a value is missing", all.get(name)).map(Vec::as_slice)
}

fn keys(hs: &Secret, all: &mut Values) -> Result<(), Wrong> {
    let after = |name| value(all, name).map(<[u8]>::to_vec);
    let h_flight2 = after("h_answer").or_else(|_| after("h_replyinfo"))?;
    let (h_iam, h_go) = (after("h_iam")?, after("h_go")?);
    let derived = hs.expand(Label::DERIVED, b"");
    let ms = Secret::extract(&h_go, &[derived.as_bytes()]);
    let (i_to_r, r_to_i) = (ms.expand(Label::I_TO_R, b""), ms.expand(Label::R_TO_I, b""));
    for (name, secret) in [
        ("k_rh", hs.expand(Label::R_HS, &h_iam)),
        ("f_r", hs.expand(Label::R_FIN, &h_iam)),
        ("k_ih", hs.expand(Label::I_HS, &h_flight2)),
        ("f_i", hs.expand(Label::I_FIN, &h_flight2)),
        ("exporter", ms.expand(Label::EXPORTER, b"")),
        ("key_i_to_r", i_to_r.expand(Label::KEY, b"")),
        ("key_r_to_i", r_to_i.expand(Label::KEY, b"")),
        ("s_i_to_r", i_to_r),
        ("s_r_to_i", r_to_i),
        ("derived", derived),
        ("ms", ms),
    ] {
        all.insert(name, secret.as_bytes().to_vec());
    }
    all.insert("hs", hs.as_bytes().to_vec());
    Ok(())
}

/// The KEM key of an initiator.
///
/// # Errors
/// If d and z are not there.
pub fn kem(i: &Fields<'_>) -> Result<(DecapsulationKey, Box<[u8; 1184]>), Wrong> {
    Ok(DecapsulationKey::generate(kem_seed(i)?.into()))
}

/// d ‖ z.
///
/// # Errors
/// If they are not there.
pub fn kem_seed(i: &Fields<'_>) -> Result<[u8; 64], Wrong> {
    let seed = [i.bytes("kem_d")?, i.bytes("kem_z")?].concat();
    let seed = seed.try_into();
    seed.map_err(|_| Wrong::new("d and z are not 32 bytes each"))
}

/// VTP-4, by hand.
fn target(i: &Fields<'_>, items: &Fields<'_>, for_use: Use, all: &mut Values) -> Result<(), Wrong> {
    let x_i = Scalar::from_bytes(i.array("x_secret")?.into());
    let secret = some("X25519(x_i, B) is zero", x_i.agree(&i.array("b")?))?;
    let iwant = items.bytes("iwant")?;
    let (asked, target) = iwant.split_last_chunk::<16>().unwrap_or((&[], &[0; 16]));
    let (head, ek) = asked
        .split_last_chunk::<1184>()
        .unwrap_or((&[], &[0; 1184]));
    let (offers, x) = head.split_last_chunk::<32>().unwrap_or((&[], &[0; 32]));
    same("x_i in IWANT", x, &x_i.public())?;
    same("ek_i in IWANT", ek, &*kem(i)?.1)?;
    let (versions, suites) = (i.numbers::<u8>("versions")?, i.numbers::<u16>("suites")?);
    let mut offered = vec![u8::try_from(versions.len()).unwrap_or(0)];
    offered.extend(&versions);
    offered.push(u8::try_from(suites.len()).unwrap_or(0));
    offered.extend(suites.iter().flat_map(|suite| suite.to_be_bytes()));
    same("the offers in IWANT", offers, &offered)?;
    let mut ikm = [&*secret, &i.bytes("wanted")?[..]].concat();
    let place = if i.has("ticket_secret") {
        ikm.extend(i.bytes("ticket_secret")?);
        i.bytes("place")?
    } else {
        super::handshake::place(for_use, i.text("place")?)?
    };
    let key = Secret::extract(Label::TARGET.as_bytes(), &[&ikm]);
    let mac = key.mac(&[&[for_use as u8], offers, x, &hash(&[ek]), &lp(&place)]);
    holds(mac.starts_with(target), || {
        "the target is another".to_owned()
    })?;
    all.insert("target", target.to_vec());
    all.insert("target_secret", secret.to_vec());
    Ok(())
}
