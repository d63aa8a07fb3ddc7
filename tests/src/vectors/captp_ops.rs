//! captp_ops.json: operations in dialects A and B.

use super::captp_syrup::says;
use super::{Case, Fields, Wrong, captp_shown, equal, good, holds, same};
use pluribus_mix::crypto::aead::Backend;
use vat_demo::captp::dialect::{A, Auto, B, Dialect};
use vat_demo::captp::op::Op;
use vat_demo::captp::syrup::EncodeError;

/// Runs one case.
///
/// # Errors
/// If the implementation differs; so with all here.
pub fn run(case: &Case, _: Backend) -> Result<(), Wrong> {
    let fields = &case.fields();
    match case.kind() {
        "shared" => {
            let op = operation(&mut B, fields, "b")?;
            says_it(&A, &op, &fields.bytes("b")?)?;
            operation(&mut A, fields, "b").map(drop)
        }
        "own" => own(fields),
        "refused" => refused(fields),
        "heard" => heard(fields),
        kind => Err(Wrong::new(format!("unknown kind {kind:?}"))),
    }
}

/// The operation, which is the same when it is read and written.
fn operation(dialect: &mut dyn Dialect, fields: &Fields<'_>, wire: &str) -> Result<Op, Wrong> {
    let wire = fields.bytes(wire)?;
    let op = good("the operation", dialect.decode(&wire))?;
    equal(
        "the operation",
        captp_shown::op(&op).as_str(),
        fields.text("op")?,
    )?;
    says_it(dialect, &op, &wire)?;
    Ok(op)
}

fn says_it(dialect: &dyn Dialect, op: &Op, wire: &[u8]) -> Result<(), Wrong> {
    let mut out = Vec::new();
    good("the operation to be written", dialect.encode(op, &mut out))?;
    same("what is written", &out, wire)
}

fn own(fields: &Fields<'_>) -> Result<(), Wrong> {
    let op = operation(&mut B, fields, "b")?;
    if fields.has("a") {
        return operation(&mut A, fields, "a").map(drop);
    }
    let said = A.encode(&op, &mut Vec::new());
    equal("what A has no words for", said, Err(EncodeError::Dialect))
}

fn refused(fields: &Fields<'_>) -> Result<(), Wrong> {
    let wire = fields.bytes("wire")?;
    let taken = match fields.text("dialect")? {
        "A" => A.decode(&wire),
        _ => B.decode(&wire),
    };
    match taken {
        Ok(op) => Err(Wrong::new(format!("it was taken: {op:?}"))),
        Err(error) => says(fields, error),
    }
}

fn heard(fields: &Fields<'_>) -> Result<(), Wrong> {
    let mut auto = Auto::new();
    for step in fields.objects("steps")? {
        let taken = auto.decode(&step.bytes("wire")?);
        equal("whether it is taken", taken.is_ok(), step.bool("taken")?)?;
        let known = step.has("heard");
        equal("whether it is known", auto.known(), known)?;
        if known {
            equal("what was heard", auto.name(), step.text("heard")?)?;
        }
        says_it(&auto, &Op::GcAnswers(vec![1]), &step.bytes("says")?)?;
    }
    holds(Auto::new() != auto || !auto.known(), || {
        "nothing was heard".to_owned()
    })
}
