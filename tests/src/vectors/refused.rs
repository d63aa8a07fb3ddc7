//! handshake_refused.json: flights with one fault, refused in silence by the state that waits for them.

use super::flights::{self, Stop};
use super::handshake::{Setup, base};
use super::{Case, Wrong, equal, holds};
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::time::{Duration, Instant};
use pluribus_mix::vattp::Violation;
use pluribus_mix::vattp::seen::Seen;
use pluribus_mix::wire::DecodeError;

/// Runs one case.
pub fn run(case: &Case, backend: Backend) -> Result<(), Wrong> {
    let fields = case.fields();
    let setup = Setup::new(base(fields.text("base")?)?, backend)?;
    let (at, flight) = (fields.text("at")?, fields.number("flight")?);
    let role = if flight % 2 == 1 {
        "responder"
    } else {
        "initiator"
    };
    equal("the role", at, role)?;
    let mut wire = fields.bytes("wire")?;
    let taken = match flight {
        1 => flight1(case, &setup, &mut wire),
        2 => flight2(&setup, &mut wire),
        3 => flight3(&setup, &mut wire),
        4 => flight4(&setup, &mut wire),
        _ => Err(Wrong::new("there is no such flight").into()),
    };
    let (state, violation) = match taken {
        Ok(()) => return Err(Wrong::new("it was accepted")),
        Err(Stop::Wrong(wrong)) => return Err(wrong),
        Err(Stop::Refused { state, violation }) => (state, violation),
    };
    equal("the state that refuses", state, fields.text("state")?)?;
    let clauses = case.clauses();
    holds(
        clauses.iter().all(|clause| allows(clause, &violation)),
        || format!("refused with {violation:?}, which is no way to break {clauses:?}"),
    )
}

fn flight1(case: &Case, setup: &Setup<'_>, wire: &mut [u8]) -> Result<(), Stop> {
    let mut seen = Seen::new(Duration::from_secs(40));
    if case.fields().has("kept") {
        for x_i in case.fields().byte_strings("kept")? {
            let x_i = x_i
                .try_into()
                .map_err(|_| Wrong::new("a kept x_i is no key"))?;
            seen.is_new(Instant::ZERO, &x_i);
        }
    }
    let (hosted, entropy, mut out) = (setup.hosted()?, setup.entropy()?, Vec::new());
    let taken = flights::iwant(&hosted, &mut seen, entropy, wire, &mut out);
    if taken.is_err() {
        holds(out.is_empty(), || "something was said".to_owned())?;
    }
    taken.map(drop)
}

fn flight2(setup: &Setup<'_>, wire: &mut [u8]) -> Result<(), Stop> {
    let (expect, _) = setup.initiator()?;
    flights::iam_replyinfo(expect, wire).map(drop)
}

fn flight3(setup: &Setup<'_>, wire: &mut [u8]) -> Result<(), Stop> {
    let (_, mut flight1) = setup.initiator()?;
    let (expect, _) = setup.answer(&mut flight1)?;
    flights::giveinfo_go(expect, &setup.responder_key()?, wire).map(drop)
}

fn flight4(setup: &Setup<'_>, wire: &mut [u8]) -> Result<(), Stop> {
    let (expect, mut flight1) = setup.initiator()?;
    let (_, mut flight2) = setup.answer(&mut flight1)?;
    let gone = setup.go(expect, &mut flight2)?;
    flights::gotoo(gone.expect, gone.side, wire).map(drop)
}

/// Whether this is a violation that a breach of the clause can show as. Where a case names several clauses, it must be
/// one of each.
fn allows(clause: &str, violation: &Violation) -> bool {
    use Violation as V;
    match clause {
        "WIR-2" | "VTP-1" => matches!(violation, V::Length | V::Malformed(_)),
        "WIR-4" => matches!(violation, V::Unsealed | V::Record),
        "WIR-5" => *violation == V::LowOrder,
        "WIR-6" => *violation == V::KemKey,
        "WIR-7" => matches!(violation, V::ResponderUnproven | V::InitiatorUnproven),
        "NAM-1" => *violation == V::InitiatorUnproven,
        "VTP-2" => {
            matches!(violation, V::NoCommonVersion | V::NoCommonSuite)
                || of_field(violation, &["versions", "suites"])
        }
        "VTP-3" => *violation == V::NotOffered,
        "VTP-4" => *violation == V::NotForUs,
        "VTP-5" => *violation == V::Replayed,
        "VTP-6" => matches!(violation, V::LowOrder | V::KemKey),
        "VTP-8" => *violation == V::Unsealed,
        "VTP-9" => *violation == V::ResponderUnproven,
        "VTP-11" => of_field(violation, &["hints"]),
        "VTP-12" => matches!(violation, V::InitiatorUnproven | V::Oneself),
        "VTP-13" => matches!(violation, V::Incarnation | V::PairFields),
        "VTP-15" => *violation == V::Record || is_pair(violation),
        "VTP-19" => is_pair(violation),
        "VTP-21" => matches!(violation, V::Length | V::Record),
        "VTP-22" => matches!(violation, V::Malformed(_) | V::Frame | V::Empty),
        _ => false,
    }
}

fn is_pair(violation: &Violation) -> bool {
    let fields = ["pair fields", "verdict", "again", "mine", "expect", "first"];
    *violation == Violation::PairFields || of_field(violation, &fields)
}

fn of_field(violation: &Violation, fields: &[&str]) -> bool {
    let Violation::Malformed(DecodeError { field, .. }) = violation else {
        return false;
    };
    fields.contains(field)
}
