//! pacing.json: places and ids of circuits, records and batches of links, when batches are played, steps.

use super::{Case, Fields, Wrong, bad, equal, good, holds, same};
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::onion::CircuitId;
use pluribus_mix::onion::link::{CELLS, Ids, Record, Tick, begin_paced, put_cell};
use pluribus_mix::pacing::{Bad, Class, Complete, Grid, Intake, Step};
use pluribus_mix::time::{Duration, Instant};

/// The first id of the half that is the accepter's. (ONI-3)
const HALF: u32 = 1 << 31;

/// Runs one case.
///
/// # Errors
/// If the implementation differs; so with all here.
pub fn run(case: &Case, _: Backend) -> Result<(), Wrong> {
    let fields = &case.fields();
    match case.kind() {
        "places" => places(fields),
        "class of ids" => class_of_ids(fields),
        "gives" => gives(fields),
        "record" => record(fields),
        "record refused" => {
            let refused = Record::parse_paced(&mut fields.bytes("plain")?).map(|_| ());
            bad("the record", refused).map(drop)
        }
        "batches" => batches(fields),
        "batches refused" => batches_refused(fields),
        "plays" => plays(fields),
        "client steps" => client_steps(fields),
        "steps" => steps(fields),
        kind => Err(Wrong::new(format!("unknown kind {kind:?}"))),
    }
}

/// The cells of a circuit in each batch. (PAC-3, PAC-5)
fn places(fields: &Fields<'_>) -> Result<(), Wrong> {
    let class = Class::of(fields.small("class")?);
    equal("the class", fields.text("word")?.parse(), Ok(class))?;
    let first: u64 = fields.small("first")?;
    for batch in fields.objects("batches")? {
        let tick: u64 = batch.small("tick")?;
        let since = tick.checked_sub(first);
        let due = since.filter(|since| class.is_due(*since));
        let cells = due.map(|since| (0..class.burst()).map(move |at| class.index(since, at)));
        let found: Vec<u64> = cells.into_iter().flatten().collect();
        let what = format!("the cells in tick {tick}");
        equal(&what, found, batch.numbers("indices")?)?;
    }
    Ok(())
}

fn class_of_ids(fields: &Fields<'_>) -> Result<(), Wrong> {
    let class: u8 = fields.small("class")?;
    for id in fields.numbers("ids")? {
        equal("the class", CircuitId(id).class(), class)?;
    }
    Ok(())
}

/// Ids that an end gives: of its half, of the class, and with a k above that before. (PAC-3)
fn gives(fields: &Fields<'_>) -> Result<(), Wrong> {
    let (mut ids, half) = match fields.text("side")? {
        "dialler" => (Ids::dialler(), 0),
        _ => (Ids::accepter(), HALF),
    };
    let mut before = None;
    for class in fields.numbers::<u8>("classes")? {
        let id = ids.next_of(class);
        let id = super::some("there is no id left", id)?;
        equal("the class", id.class(), class)?;
        equal("the half", id.0 & HALF, half)?;
        holds(id.0 != HALF && id.0 != 0, || "it is no circuit".to_owned())?;
        let k = Some((id.0 - half) / 4);
        holds(k > before, || format!("{k:?} does not rise"))?;
        before = k;
    }
    Ok(())
}

fn record(fields: &Fields<'_>) -> Result<(), Wrong> {
    let (mut plain, mut written) = (fields.bytes("plain")?, Vec::new());
    let cells = fields.objects("cells")?;
    holds(cells.len() <= CELLS, || "too many cells".to_owned())?;
    let tick = Tick {
        number: fields.small("tick")?,
        is_last: fields.bool("last")?,
    };
    begin_paced(&mut written, tick);
    for cell in &cells {
        let id = CircuitId(cell.small("id")?);
        put_cell(&mut written, id, &cell.array("cell")?);
    }
    same("the record", &written, &plain)?;
    let (found, record) = good("the record", Record::parse_paced(&mut plain))?;
    equal("the tick", found, tick)?;
    equal("how many cells", record.cells(), cells.len())?;
    for ((id, found), cell) in record.into_iter().zip(&cells) {
        equal("the id", id, CircuitId(cell.small("id")?))?;
        same("the cell", found, &cell.bytes("cell")?)?;
    }
    Ok(())
}

/// So many records, all the same; what the last of them completes. (PAC-4)
fn hear(intake: &mut Intake, record: &Fields<'_>) -> Result<Result<Option<Complete>, Bad>, Wrong> {
    let (tick, last) = (record.small("tick")?, record.bool("last")?);
    let cells = record.number("cells")?;
    let mut done = Ok(None);
    for _ in 0..record.number("times")? {
        good("the record before", done)?;
        done = intake.record(tick, last, cells);
    }
    Ok(done)
}

fn batches(fields: &Fields<'_>) -> Result<(), Wrong> {
    let mut intake = Intake::default();
    for record in fields.objects("records")? {
        let found = good("the record", hear(&mut intake, &record)?)?;
        let wanted = match record.has("complete") {
            false => None,
            true => {
                let complete = record.object("complete")?;
                Some(Complete {
                    tick: complete.small("tick")?,
                    skipped: complete.small("skipped")?,
                    cells: complete.number("cells")?,
                })
            }
        };
        equal("what is complete", found, wanted)?;
    }
    Ok(())
}

fn batches_refused(fields: &Fields<'_>) -> Result<(), Wrong> {
    let mut intake = Intake::default();
    for record in fields.objects("before")? {
        good("the record before", hear(&mut intake, &record)?)?;
    }
    bad("the record", hear(&mut intake, &fields.object("refused")?)?).map(drop)
}

/// A grid on which the batch with this number is made next, and the moment before it is.
fn before(grid: &mut Grid, next: u64) -> Result<Instant, Wrong> {
    while grid.next() < next {
        let now = grid.make_at();
        super::some("there is nothing to make", grid.take(now))?;
    }
    equal("the batch made next", grid.next(), next)?;
    Ok(Instant::from_nanos(grid.make_at().as_nanos() - 1))
}

/// Batches that come, and the own ones in which they are played. (PAC-6)
fn plays(fields: &Fields<'_>) -> Result<(), Wrong> {
    let mut grid = Grid::new(Instant::ZERO, Duration::from_millis(50));
    let (mut intake, jitter) = (Intake::default(), fields.small("jitter")?);
    for batch in fields.objects("batches")? {
        let tick = batch.small("tick")?;
        let now = before(&mut grid, batch.small("next")?)?;
        good("the batch", intake.record(tick, true, 1))?;
        if batch.bool("opens")? {
            intake.fix(jitter, &grid);
        }
        let found = intake.played(tick, &grid, now);
        let wanted = match batch.has("played") {
            true => batch.small("played").ok(),
            false => None,
        };
        equal("where it is played", found, wanted)?;
        let settled = wanted.is_some() || batch.text("played") == Ok("late");
        equal("whether it is settled", intake.is_fixed(), settled)?;
    }
    Ok(())
}

/// The step of a client's link, by class. (PAC-8)
fn client_steps(fields: &Fields<'_>) -> Result<(), Wrong> {
    let (slots, steps) = (fields.small("slots")?, fields.object("steps")?);
    for class in Class::ALL {
        let wanted = steps.number(class.name())?;
        let cells = usize::try_from(class.step(slots)).unwrap_or(usize::MAX);
        equal("the cells", cells, wanted)?;
        let mut step = Step::fixed(cells);
        holds(step.holds(wanted) && !step.holds(wanted + 1), || {
            format!("{} holds other than {wanted}", class.name())
        })?;
        equal("the step", step.of_batch(1, 0), wanted)?;
    }
    Ok(())
}

/// The steps of a link between relays. (PAC-8)
fn steps(fields: &Fields<'_>) -> Result<(), Wrong> {
    let epoch = fields.small("epoch")?;
    let mut step = match fields.bool("padding")? {
        true => Step::stepped(epoch),
        false => Step::loose(),
    };
    for batch in fields.objects("batches")? {
        if batch.has("wanted") {
            step.want(batch.number("wanted")?);
        }
        let (tick, cells) = (batch.small("tick")?, batch.number("cells")?);
        let found = step.of_batch(tick, cells);
        equal(
            &format!("the step in tick {tick}"),
            found,
            batch.number("step")?,
        )?;
    }
    Ok(())
}
