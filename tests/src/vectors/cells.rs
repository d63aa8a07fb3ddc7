//! cells.json: records of one cell each, and flights cut into cells.

use super::handshake::{Setup, base};
use super::receiver::{Receiver, established};
use super::{Case, Fields, Wrong, bad, equal, frames, good, holds, same, some};
use core::ops::RangeInclusive;
use pluribus_mix::crypto::aead::{Aead, Backend, Key};
use pluribus_mix::crypto::kdf::{Label, Secret};
use pluribus_mix::vattp::Violation;
use pluribus_mix::vattp::cells::{FlightCells, Incoming, Place, fill_flight};
use pluribus_mix::vattp::flight::{GIVEINFO_LEN, GO_LEN, IAM_LEN, IWANT_LEN, REPLYINFO_LEN};
use pluribus_mix::vattp::initiator::{Established, ExpectGoToo, GoToo};
use pluribus_mix::vattp::pair::{PairFields, Side};
use pluribus_mix::vattp::pipe::{CELL_LEN, Opener, Sealer};
use pluribus_mix::wire::Put;

/// Runs one case.
///
/// # Errors
/// If the implementation differs; so with all here.
pub fn run(case: &Case, backend: Backend) -> Result<(), Wrong> {
    let fields = &case.fields();
    match case.kind() {
        "records" => records(fields, backend),
        "refused" => refused(case, backend),
        "flight" => flight(fields, backend),
        "flight refused" => flight_refused(case, backend),
        kind => Err(Wrong::new(format!("unknown kind {kind:?}"))),
    }
}

/// A cell with its index.
type Cell = (u64, [u8; CELL_LEN]);

fn cell(fields: &Fields<'_>) -> Result<Cell, Wrong> {
    Ok((fields.u64("index")?, fields.array("cell")?))
}

fn cells(fields: &Fields<'_>) -> Result<Vec<Cell>, Wrong> {
    fields.objects("cells")?.iter().map(cell).collect()
}

/// Whether an item is the last of its flight, and the lengths that it can have.
type Item = (RangeInclusive<usize>, Place);

/// The far end of a direction: before GOTOO it is the state of an initiator.
enum Far {
    Waits(ExpectGoToo),
    Opens(Opener),
}

/// What was in a cell that was not lost.
struct Opened {
    gotoo: Option<PairFields>,
    plain: Vec<u8>,
}

impl Far {
    fn new(fields: &Fields<'_>, backend: Backend) -> Result<Self, Wrong> {
        let opener = opener(fields, backend)?;
        if !fields.bool("waits_for_gotoo")? {
            return Ok(Self::Opens(opener));
        }
        let established = Established {
            opener,
            ..established(backend)?
        };
        Ok(Self::Waits(ExpectGoToo::of(established)))
    }

    /// Takes a cell; `None` if it is as if lost.
    fn take(self, (index, mut cell): Cell) -> Result<(Self, Option<Opened>), Wrong> {
        Ok(match self {
            Self::Opens(mut opener) => {
                let plain = opener.open_cell(index, &mut cell);
                let plain = plain.map(<[u8]>::to_vec);
                let opened = plain.map(|plain| Opened { gotoo: None, plain });
                (Self::Opens(opener), opened)
            }
            Self::Waits(state) => match good("a cell", state.handle_cell(index, &mut cell))? {
                GoToo::Waits(state) => (Self::Waits(state), None),
                GoToo::Came(established, fields, plain) => {
                    let plain = plain.to_vec();
                    let gotoo = Some(fields);
                    (
                        Self::Opens(established.opener),
                        Some(Opened { gotoo, plain }),
                    )
                }
            },
        })
    }
}

/// Behind the flights that the case speaks of.
fn opener(fields: &Fields<'_>, backend: Backend) -> Result<Opener, Wrong> {
    let (secret, first) = (fields.array("traffic_secret")?, fields.u64("first")?);
    let mut opener = Opener::of_cells(secret, first, backend);
    opener.flight_came(fields.u64("last")?);
    Ok(opener)
}

fn sealer(fields: &Fields<'_>, backend: Backend) -> Result<Sealer, Wrong> {
    let (secret, first) = (fields.array("traffic_secret")?, fields.u64("first")?);
    Ok(Sealer::of_cells(secret, first, backend))
}

/// Seals what is before PAD: the cell is filled up. PAD alone has to be said.
fn seal(
    sealer: &mut Sealer,
    index: u64,
    gotoo: Option<&PairFields>,
    said: &[u8],
) -> Result<Vec<u8>, Wrong> {
    let mut out = Vec::new();
    good("the index", sealer.at(index))?;
    if let Some(gotoo) = gotoo {
        sealer.say_first(gotoo);
    }
    let begun = sealer.begin(&mut out);
    out.extend_from_slice(said);
    if out.is_empty() {
        out.put_u8(0);
    }
    good("the cell", sealer.seal(begun, &mut out))?;
    Ok(out)
}

fn records(fields: &Fields<'_>, backend: Backend) -> Result<(), Wrong> {
    let mut sealer = sealer(fields, backend)?;
    let mut far = Far::new(fields, backend)?;
    let mut last = None;
    for fields in fields.objects("cells")? {
        let (index, wire) = cell(&fields)?;
        let (next, opened) = far.take((index, wire))?;
        far = next;
        let Some(opened) = opened else {
            holds(!fields.has("frames"), || format!("cell {index} is lost"))?;
            holds(!fields.has("gotoo"), || "GOTOO is lost".to_owned())?;
            continue;
        };
        let list = fields.objects("frames")?;
        let (mut plain, mut said) = (Vec::new(), Vec::new());
        frames::encode(&list, &mut plain)?;
        same("the frames", &opened.plain, &plain)?;
        frames::compare(&opened.plain, &list)?;
        let gotoo = fields.has("gotoo").then(|| fields.bytes("gotoo"));
        let gotoo = gotoo.transpose()?.map(|bytes| PairFields::decode(&bytes));
        let gotoo = good("GOTOO", gotoo.transpose())?;
        equal("GOTOO", opened.gotoo, gotoo)?;
        let is_pad = |frame: &Fields<'_>| frame.text("frame").is_ok_and(|name| name == "PAD");
        let padded = list.last().is_some_and(is_pad);
        let unpadded = list.len() - usize::from(padded);
        frames::encode(list.get(..unpadded).unwrap_or_default(), &mut said)?;
        let sealed = seal(&mut sealer, index, gotoo.as_ref(), &said)?;
        same("the cell", &sealed, &wire)?;
        last = Some((index, wire));
    }
    let last = some("no cell was taken", last)?;
    after(&fields.object("after")?, last, far, sealer, backend)
}

/// The last cell taken opens under the key that the case ends with, and not again; the next one does.
fn after(
    after: &Fields<'_>,
    (index, wire): Cell,
    far: Far,
    mut sealer: Sealer,
    backend: Backend,
) -> Result<(), Wrong> {
    equal("the last cell", index, after.u64("last")?)?;
    let secret = Secret::from(after.array("secret")?);
    let key = secret.expand(Label::KEY, b"");
    same("the key", key.as_bytes(), &after.bytes("key")?)?;
    let mut cell = wire;
    let opened = Key::new(backend, key.as_bytes()).open(index, b"", &mut cell);
    good(
        "the last cell under its key",
        opened.map(drop).map_err(|_| "sealed"),
    )?;
    let (far, again) = far.take((index, wire))?;
    holds(again.is_none(), || "the last cell opens again".to_owned())?;
    let next = seal(&mut sealer, index + 1, None, b"")?.try_into();
    let next = next.map_err(|_| Wrong::new("a cell of another length"))?;
    let (_, opened) = far.take((index + 1, next))?;
    some("the next cell does not open", opened).map(drop)
}

/// Every cell but the last is taken by a transport.
fn refused(case: &Case, backend: Backend) -> Result<(), Wrong> {
    let fields = &case.fields();
    equal("whether it waits", fields.bool("waits_for_gotoo")?, false)?;
    let (opener, mut sealer) = (opener(fields, backend)?, sealer(fields, backend)?);
    let mut receiver = Receiver::at(Side::Slave, opener, [2, 1], backend)?;
    for fields in fields.objects("cells")? {
        let (index, mut wire) = cell(&fields)?;
        let (list, mut plain) = (fields.objects("frames")?, Vec::new());
        frames::encode(&list, &mut plain)?;
        holds(!fields.has("gotoo"), || "GOTOO came before".to_owned())?;
        same("a cell", &seal(&mut sealer, index, None, &plain)?, &wire)?;
        good("a cell", receiver.take_cell(index, &mut wire))?;
    }
    let last = fields.object("refused")?;
    let (index, mut wire) = cell(&last)?;
    let sealed = seal(&mut sealer, index, None, &last.bytes("plain")?)?;
    same("the last cell", &sealed, &wire)?;
    let violation = bad("the last cell", receiver.take_cell(index, &mut wire))?;
    allowed(case, &violation)
}

/// The items of a flight.
fn items(flight: usize) -> Result<Vec<Item>, Wrong> {
    Ok(match flight {
        1 => vec![(IWANT_LEN, Place::Last)],
        2 => vec![(IAM_LEN, Place::Before), (REPLYINFO_LEN, Place::Last)],
        3 => vec![(GIVEINFO_LEN, Place::Before), (GO_LEN, Place::Last)],
        _ => return Err(Wrong::new("there is no such flight")),
    })
}

/// The bytes of a flight and the index of its first cell, or what it broke.
type Flown = Result<(Vec<u8>, Option<u64>), Violation>;

/// The items as they stand in these cells, each with its length before it, and the first index.
fn joined(flight: usize, cells: Vec<Cell>) -> Result<Flown, Wrong> {
    let (mut all, mut awaited) = (Vec::new(), items(flight)?.into_iter());
    let (mut next, mut far) = (awaited.next(), FlightCells::default());
    for (index, mut cell) in cells {
        let mut cell = Incoming::new(index, &mut cell);
        while let Some((lengths, place)) = &next {
            match far.next(&mut cell, lengths, *place) {
                Ok(Some(item)) => all.put_lp(&item),
                Ok(None) => break,
                Err(violation) => return Ok(Err(violation)),
            }
            next = awaited.next();
        }
    }
    holds(next.is_none(), || "an item is missing".to_owned())?;
    Ok(Ok((all, far.first())))
}

fn flight(fields: &Fields<'_>, backend: Backend) -> Result<(), Wrong> {
    let setup = Setup::new(base(fields.text("base")?)?, backend)?;
    let flight = fields.number("flight")?;
    let bytes = said(&setup, flight)?;
    let (cells, first) = (cells(fields)?, fields.u64("first")?);
    let mut cut = bytes.clone();
    fill_flight(&mut cut);
    let wires: Vec<&[u8]> = cells.iter().map(|(_, cell)| &cell[..]).collect();
    same("the cells", &cut, &wires.concat())?;
    let indices = cells.iter().map(|(index, _)| *index);
    let rising = indices.eq((first..).take(cells.len()));
    holds(rising, || "the indices have a gap".to_owned())?;
    let (items, found) = good("the flight", joined(flight, cells)?)?;
    equal("the first index", found, Some(first))?;
    same("the items", &items, &bytes)
}

/// What the states say in a flight.
fn said(setup: &Setup<'_>, flight: usize) -> Result<Vec<u8>, Wrong> {
    let (expect, flight1) = setup.initiator()?;
    if flight == 1 {
        return Ok(flight1);
    }
    let (_, mut flight2) = setup.answer(&mut flight1.clone())?;
    if flight == 2 {
        return Ok(flight2);
    }
    Ok(setup.go(expect, &mut flight2)?.flight3)
}

fn flight_refused(case: &Case, backend: Backend) -> Result<(), Wrong> {
    let fields = case.fields();
    let setup = Setup::new(base(fields.text("base")?)?, backend)?;
    let (flight, cells) = (fields.number("flight")?, cells(&fields)?);
    if case.clauses() == ["VTP-44"] {
        one_fault(said(&setup, flight)?, &cells)?;
    }
    allowed(case, &bad("the flight", joined(flight, cells)?)?)
}

/// The cells are those of the flight, but for one byte or for their indices.
fn one_fault(mut flight: Vec<u8>, cells: &[Cell]) -> Result<(), Wrong> {
    fill_flight(&mut flight);
    let bytes = cells.iter().flat_map(|(_, cell)| cell);
    equal("the length", CELL_LEN * cells.len(), flight.len())?;
    let changed = bytes.zip(&flight).filter(|(a, b)| a != b).count();
    let rises = |(one, next): (&Cell, &Cell)| one.0.checked_add(1) == Some(next.0);
    let gaps = cells
        .iter()
        .zip(cells.iter().skip(1))
        .filter(|it| !rises(*it));
    equal("the faults", changed + gaps.count(), 1)
}

/// The violation is one of each clause that the case names.
fn allowed(case: &Case, violation: &Violation) -> Result<(), Wrong> {
    let clauses = case.clauses();
    holds(clauses.iter().all(|it| allows(it, violation)), || {
        format!("refused with {violation:?}, which is no way to break {clauses:?}")
    })
}

/// Whether this is a violation that a breach of the clause can show as.
fn allows(clause: &str, violation: &Violation) -> bool {
    use Violation as V;
    match clause {
        "VTP-1" => *violation == V::Length,
        "VTP-22" => matches!(violation, V::Malformed(_) | V::Frame),
        "VTP-43" => *violation == V::Frame,
        "VTP-44" => matches!(violation, V::Gap | V::Malformed(_)),
        _ => false,
    }
}
