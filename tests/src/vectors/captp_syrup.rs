//! captp_syrup.json: values of Syrup, and streams of them.

use super::{Case, Fields, Wrong, captp_shown, equal, good, holds, same};
use pluribus_mix::crypto::aead::Backend;
use vat_demo::captp::syrup::{DecodeError, Splitter, Term, value_len};

/// Runs one case.
///
/// # Errors
/// If the implementation differs; so with all here.
pub fn run(case: &Case, _: Backend) -> Result<(), Wrong> {
    let fields = &case.fields();
    match case.kind() {
        "valid" => valid(fields),
        "refused" => refused(fields, &fields.bytes("wire")?),
        "built" => built(fields),
        "stream" => stream(fields),
        "bad stream" => bad_stream(fields),
        kind => Err(Wrong::new(format!("unknown kind {kind:?}"))),
    }
}

fn valid(fields: &Fields<'_>) -> Result<(), Wrong> {
    let wire = fields.bytes("wire")?;
    let term = good("the value", Term::decode(&wire))?;
    equal(
        "the value",
        captp_shown::term(&term).as_str(),
        fields.text("value")?,
    )?;
    written(&term, &wire)?;
    equal("its length", value_len(&wire), Ok(Some(wire.len())))
}

fn written(term: &Term<'_>, wire: &[u8]) -> Result<(), Wrong> {
    let mut out = b"before".to_vec();
    good("the value to be written", term.encode(&mut out))?;
    same("what is written", &out, &[b"before", wire].concat())
}

fn refused(fields: &Fields<'_>, wire: &[u8]) -> Result<(), Wrong> {
    let Err(error) = Term::decode(wire) else {
        return Err(Wrong::new("it was taken"));
    };
    says(fields, error)
}

/// The fault and its byte.
pub(super) fn says(fields: &Fields<'_>, error: DecodeError) -> Result<(), Wrong> {
    equal(
        "the fault",
        error.fault.to_string().as_str(),
        fields.text("reason")?,
    )?;
    equal("the byte", error.at, fields.number("at")?)
}

fn built(fields: &Fields<'_>) -> Result<(), Wrong> {
    let (prefix, suffix) = (fields.bytes("prefix")?, fields.bytes("suffix")?);
    let part = fields.bytes("part")?.repeat(fields.number("times")?);
    let wire = [prefix, part, suffix].concat();
    if fields.has("reason") {
        return refused(fields, &wire);
    }
    holds(!fields.has("at"), || "a byte of no fault".to_owned())?;
    let term = good("the value", Term::decode(&wire))?;
    written(&term, &wire)
}

fn stream(fields: &Fields<'_>) -> Result<(), Wrong> {
    let (stream, values) = (fields.bytes("stream")?, fields.byte_strings("values")?);
    for size in 1..=stream.len().max(1) {
        let mut splitter = Splitter::new();
        let mut found = Vec::new();
        for piece in stream.chunks(size) {
            splitter.push(piece);
            while let Some(value) = good("the stream", splitter.next())? {
                found.push(value);
            }
        }
        holds(found == values, || {
            format!("in pieces of {size}: {found:?}")
        })?;
        let whole = values.iter().map(Vec::len).sum::<usize>() == stream.len();
        equal("a rest", splitter.is_inside(), !whole)?;
    }
    Ok(())
}

fn bad_stream(fields: &Fields<'_>) -> Result<(), Wrong> {
    let mut splitter = Splitter::new();
    splitter.push(&fields.bytes("stream")?);
    loop {
        match splitter.next() {
            Ok(Some(_)) => {}
            Ok(None) => return Err(Wrong::new("it was taken")),
            Err(error) => return says(fields, error),
        }
    }
}
