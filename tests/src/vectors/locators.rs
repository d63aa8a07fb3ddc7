//! locators.json: locators and sturdyrefs, read, written, refused, compared.

use super::{Case, Fields, Wrong, equal, good, holds, same, some};
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::locator::{Locator, LocatorError, Sturdyref};

/// Runs one case. No AEAD takes part in any.
pub fn run(case: &Case, _: Backend) -> Result<(), Wrong> {
    let fields = &case.fields();
    match case.kind() {
        "valid" => valid(fields),
        "malformed" => malformed(fields),
        "equal" => compared(fields),
        kind => Err(Wrong::new(format!("unknown kind {kind:?}"))),
    }
}

fn valid(fields: &Fields<'_>) -> Result<(), Wrong> {
    let (input, canonical) = (fields.text("input")?, fields.text("canonical")?);
    let locator = if fields.has("swissnum") {
        let sturdyref: Sturdyref = good("the sturdyref", input.parse())?;
        equal("the text", sturdyref.to_string().as_str(), canonical)?;
        let again = good("the canonical text", canonical.parse::<Sturdyref>())?;
        equal("the text again", again.to_string().as_str(), canonical)?;
        let swissnum = fields.bytes("swissnum")?;
        same("the swissnum", sturdyref.swissnum().as_bytes(), &swissnum)?;
        let as_locator = input.parse::<Locator>().err();
        equal("as a locator", as_locator, Some(LocatorError::Path))?;
        sturdyref.locator().clone()
    } else {
        let locator: Locator = good("the locator", input.parse())?;
        equal("the text", locator.to_string().as_str(), canonical)?;
        let again = good("the canonical text", canonical.parse::<Locator>())?;
        equal("the text again", again.to_string().as_str(), canonical)?;
        let as_sturdyref = input.parse::<Sturdyref>().err();
        equal("as a sturdyref", as_sturdyref, Some(LocatorError::Path))?;
        locator
    };
    let (vat, designator) = (locator.vat(), fields.text("designator")?);
    equal("the vat's text", vat.to_string().as_str(), designator)?;
    same("the vat", vat.as_bytes(), &fields.bytes("vat")?)?;
    let transport = locator.transport().name();
    equal("the transport", transport, fields.text("transport")?)?;
    let hints: Vec<_> = locator.hints().iter().collect();
    equal("the hints", hints, fields.pairs("hints")?)?;
    let place = locator.address().map(ToString::to_string);
    let wanted = fields.has("place").then(|| fields.text("place"));
    equal("the place", place.as_deref(), wanted.transpose()?)
}

/// The part for which the text is refused, if it is, read as what it can only be: with a path as a sturdyref.
fn refused(text: &str) -> Option<LocatorError> {
    match text.parse::<Locator>() {
        Ok(_) => None,
        Err(LocatorError::Path) => text.parse::<Sturdyref>().err(),
        Err(error) => {
            // What is wrong before the path is wrong in both.
            let other = text.parse::<Sturdyref>().err()?;
            Some(if other == LocatorError::Path {
                error
            } else {
                other
            })
        }
    }
}

fn malformed(fields: &Fields<'_>) -> Result<(), Wrong> {
    let ours = refused(fields.text("input")?);
    let part = some("it was accepted", ours)?.part();
    let mut parts = vec![fields.text("field")?];
    if fields.has("or") {
        parts.extend(fields.texts("or")?);
    }
    holds(parts.contains(&part), || {
        format!("refused for its {part}, wanted {parts:?}")
    })
}

fn compared(fields: &Fields<'_>) -> Result<(), Wrong> {
    let (a, b) = (fields.text("a")?, fields.text("b")?);
    let ours = if let (Ok(a), Ok(b)) = (a.parse::<Sturdyref>(), b.parse::<Sturdyref>()) {
        a == b
    } else {
        let a: Locator = good("a", a.parse())?;
        let b: Locator = good("b", b.parse())?;
        a == b
    };
    equal("whether they are equal", ours, fields.bool("equal")?)
}
