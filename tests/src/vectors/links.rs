//! links.json: the pair fields of a link, its records, circuit ids, link words.

use super::records::seal;
use super::{Case, Fields, Wrong, bad, equal, good, holds, link_ends, same, some};
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::crypto::kdf::{Label, Secret};
use pluribus_mix::onion::link::{CELLS, Id, Ids, Record, begin_record, ended, put_cell, put_ended};
use pluribus_mix::onion::{CELL, Cell, CircuitId};
use pluribus_mix::vattp::Violation;
use pluribus_mix::vattp::pipe::{MAX_RECORDS, Opener, Sealer};
use std::collections::BTreeSet;

/// Runs one case.
///
/// # Errors
/// If the implementation differs; so with all here.
pub fn run(case: &Case, backend: Backend) -> Result<(), Wrong> {
    let fields = &case.fields();
    match case.kind() {
        "pair fields" => link_ends::good_fields(fields, backend),
        "pair fields refused" => link_ends::bad_fields(fields, backend),
        "record" => record(fields),
        "record refused" => bad("the record", Record::parse(&mut fields.bytes("plain")?)).map(drop),
        "sealed" => sealed(fields, backend),
        "sealed refused" => sealed_refused(fields, backend),
        "ids" => End::new(fields)?.steps(fields).map(drop),
        "ids refused" => ids_refused(fields),
        "words" => words(fields),
        "words refused" => bad("the words", ended(&fields.array("cell")?)).map(drop),
        kind => Err(Wrong::new(format!("unknown kind {kind:?}"))),
    }
}

fn record(fields: &Fields<'_>) -> Result<(), Wrong> {
    let (mut plain, mut written) = (fields.bytes("plain")?, Vec::new());
    let cells = fields.objects("cells")?;
    holds(cells.len() <= CELLS, || "too many cells".to_owned())?;
    begin_record(&mut written);
    for cell in &cells {
        let id = CircuitId(cell.small("id")?);
        put_cell(&mut written, id, &cell.array("cell")?);
    }
    same("the record", &written, &plain)?;
    let found = good("the record", Record::parse(&mut plain))?;
    equal("how many cells", found.cells(), cells.len())?;
    for ((id, found), cell) in found.into_iter().zip(&cells) {
        equal("the id", id, CircuitId(cell.small("id")?))?;
        same("the cell", found, &cell.bytes("cell")?)?;
    }
    Ok(())
}

/// Both ends of a direction, behind `counter` records.
fn direction(fields: &Fields<'_>, backend: Backend) -> Result<(Sealer, Opener, Secret), Wrong> {
    let secret: [u8; 32] = fields.array("traffic_secret")?;
    let counter = fields.u64("counter")?;
    let mut sealer = Sealer::from_secret(secret, backend);
    let mut opener = Opener::from_secret(secret, backend);
    for _ in 0..counter {
        let mut wire = seal(&mut sealer, &[0])?;
        let sealed = wire.get_mut(2..).unwrap_or_default();
        good("a record", opener.open(sealed))?;
    }
    Ok((sealer, opener, Secret::from(secret)))
}

fn key_is(secret: &Secret, record: &Fields<'_>) -> Result<(), Wrong> {
    let key = secret.expand(Label::KEY, b"");
    same("the key", key.as_bytes(), &record.bytes("key")?)
}

fn sealed(fields: &Fields<'_>, backend: Backend) -> Result<(), Wrong> {
    let (mut sealer, mut opener, mut secret) = direction(fields, backend)?;
    let mut counter = fields.u64("counter")?;
    for record in fields.objects("records")? {
        equal("the counter", record.u64("counter")?, counter)?;
        key_is(&secret, &record)?;
        let (plain, mut wire) = (record.bytes("plain")?, record.bytes("wire")?);
        let last = sealer.is_worn();
        same("the record", &seal(&mut sealer, &plain)?, &wire)?;
        let opened = opener.open(wire.get_mut(2..).unwrap_or_default());
        same("the record opened", good("the record", opened)?, &plain)?;
        equal("whether the key is worn", last, counter + 1 == MAX_RECORDS)?;
        equal("whether both agree", opener.is_worn(), last)?;
        counter += 1;
        if last {
            sealer.rekey();
            opener.rekey();
            (secret, counter) = (secret.expand(Label::REKEY, b""), 0);
        }
    }
    Ok(())
}

fn sealed_refused(fields: &Fields<'_>, backend: Backend) -> Result<(), Wrong> {
    let (_, mut opener, secret) = direction(fields, backend)?;
    let mut before = fields.bytes("before")?;
    good(
        "the record before",
        opener.open(before.get_mut(2..).unwrap_or_default()),
    )?;
    let refused = fields.object("refused")?;
    key_is(&secret, &refused)?;
    equal("the counter", refused.u64("counter")?, MAX_RECORDS)?;
    let (mut wire, plain) = (refused.bytes("wire")?, refused.bytes("plain")?);
    equal("the length", wire.len(), plain.len() + 18)?;
    let mut again = wire.clone();
    let late = opener.open(wire.get_mut(2..).unwrap_or_default());
    equal("the record", late.map(drop), Err(Violation::WornKey))?;
    opener.rekey();
    let late = opener.open(again.get_mut(2..).unwrap_or_default());
    equal(
        "the record under the next key",
        late.map(drop),
        Err(Violation::Record),
    )
}

/// One end of a link, with the circuits that it has. Whoever uses [`Ids`] keeps those.
struct End {
    ids: Ids,
    in_use: BTreeSet<CircuitId>,
}

impl End {
    fn new(fields: &Fields<'_>) -> Result<Self, Wrong> {
        let ids = match (fields.text("side")?, fields.bool("opens")?) {
            ("dialler", true) => Ids::dialler(),
            ("dialler", false) => Ids::client(),
            ("accepter", true) => Ids::accepter(),
            (side, _) => return Err(Wrong::new(format!("{side} is no such side"))),
        };
        Ok(Self {
            ids,
            in_use: BTreeSet::new(),
        })
    }

    fn steps(mut self, fields: &Fields<'_>) -> Result<Self, Wrong> {
        for step in fields.objects("steps")? {
            match step.text("step")? {
                "gives" => self.gives(&step)?,
                "hears" => self.hears(&step)?,
                "words" => self.words(&step)?,
                other => return Err(Wrong::new(format!("unknown step {other:?}"))),
            }
        }
        Ok(self)
    }

    fn gives(&mut self, step: &Fields<'_>) -> Result<(), Wrong> {
        let id = some("there is no id left", self.ids.next())?;
        self.in_use.insert(id);
        equal("the id given", id, CircuitId(step.small("id")?))
    }

    fn hears(&mut self, step: &Fields<'_>) -> Result<(), Wrong> {
        let id = CircuitId(step.small("id")?);
        let known = self.in_use.contains(&id);
        let outcome = match self.ids.heard(id) {
            Id::New if !known => "opens",
            Id::Ours | Id::Theirs if known => "goes on",
            Id::Ours | Id::Theirs => "dropped",
            other => return Err(Wrong::new(format!("{id:?} is {other:?}"))),
        };
        if outcome == "opens" {
            self.in_use.insert(id);
        }
        equal("the outcome", outcome, step.text("outcome")?)
    }

    fn words(&mut self, step: &Fields<'_>) -> Result<(), Wrong> {
        let said: Vec<CircuitId> = ids(step, "ids")?;
        let mut cell = [0xa5; CELL];
        put_ended(&said, &mut cell);
        let found = good("the words", ended(&cell))?;
        let over: Vec<CircuitId> = found.filter(|id| self.in_use.remove(id)).collect();
        equal("what is over", over, ids(step, "ended")?)
    }
}

fn ids(fields: &Fields<'_>, name: &str) -> Result<Vec<CircuitId>, Wrong> {
    let ids = fields.numbers(name)?;
    Ok(ids.into_iter().map(CircuitId).collect())
}

fn ids_refused(fields: &Fields<'_>) -> Result<(), Wrong> {
    let mut end = End::new(fields)?.steps(fields)?;
    let found = end.ids.heard(CircuitId(fields.small("refused")?));
    equal("the id", found, Id::Impossible)
}

fn words(fields: &Fields<'_>) -> Result<(), Wrong> {
    let (cell, ids): (Cell, _) = (fields.array("cell")?, ids(fields, "ids")?);
    let mut written = [0xa5; CELL];
    equal("how many", put_ended(&ids, &mut written), ids.len())?;
    same("the words", &written, &cell)?;
    let found: Vec<CircuitId> = good("the words", ended(&cell))?.collect();
    equal("the ids", found, ids)
}
