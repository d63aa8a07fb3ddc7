//! Flights on cells, and a handshake on them from end to end. (VTP-44, VTP-15)

use super::puppet::{fields, lp};
use super::rig::{I, hosted, local, wanted};
use crate::crypto::aead::Backend;
use crate::crypto::rng::Seed;
use crate::time::{Duration, Instant};
use crate::vattp::cells::{FlightCells, Incoming, Place, fill_flight};
use crate::vattp::flight::{GIVEINFO_LEN, GO_LEN, IAM_LEN, IWANT_LEN, REPLYINFO_LEN};
use crate::vattp::initiator::{self, Established, ExpectGoToo, GoToo};
use crate::vattp::pair::{PairFields, Side, Within};
use crate::vattp::pipe::{CELL_LEN, Carried, Sealer};
use crate::vattp::responder::{self, Accepted, ExpectIWant};
use crate::vattp::seen::Seen;
use crate::vattp::{Offers, Use, Violation};
use core::ops::RangeInclusive;

type Cell = [u8; CELL_LEN];
type Awaited = (RangeInclusive<usize>, Place);

const ANY: RangeInclusive<usize> = 0..=65_535;
const FLIGHT_1: [Awaited; 1] = [(IWANT_LEN, Place::Last)];
const FLIGHT_2: [Awaited; 2] = [(IAM_LEN, Place::Before), (REPLYINFO_LEN, Place::Last)];
const FLIGHT_3: [Awaited; 2] = [(GIVEINFO_LEN, Place::Before), (GO_LEN, Place::Last)];

/// A flight as cells, the first of them with this index.
fn cut(mut flight: Vec<u8>, first: u64) -> Vec<(u64, Cell)> {
    fill_flight(&mut flight);
    let (cells, rest) = flight.as_chunks::<CELL_LEN>();
    assert!(rest.is_empty());
    (first..).zip(cells.iter().copied()).collect()
}

/// The items that a flight of such items gives, and how it ended.
fn taken(
    flights: &mut FlightCells,
    cells: &[(u64, Cell)],
    awaited: &[Awaited],
) -> (Vec<Vec<u8>>, Result<(), Violation>) {
    let (mut items, none) = (Vec::new(), (ANY, Place::Before));
    for (index, cell) in cells {
        let mut cell = *cell;
        let mut cell = Incoming::new(*index, &mut cell);
        loop {
            let (lengths, place) = awaited.get(items.len()).unwrap_or(&none);
            match flights.next(&mut cell, lengths, *place) {
                Ok(Some(item)) => items.push(item.to_vec()),
                Ok(None) => break,
                Err(violation) => return (items, Err(violation)),
            }
        }
    }
    (items, Ok(()))
}

/// VTP-44: whatever the lengths of its items, a flight comes out of its cells as it went in; it takes no more cells than it
/// must, and the rest of the last is zeros.
#[test]
fn flights_of_every_length_come_out_of_their_cells() {
    let last = [(ANY, Place::Before), (ANY, Place::Last)];
    for len in 1..=2 * CELL_LEN + 3 {
        for other in [1, 600] {
            for lens in [[len, other], [other, len]] {
                let sent = lens.map(|len| vec![0xa5; len]);
                let flight = [lp(&sent[0]), lp(&sent[1])].concat();
                let cells = cut(flight.clone(), 7);
                assert_eq!(cells.len(), flight.len().div_ceil(896));
                let joined = cells.iter().flat_map(|(_, cell)| *cell);
                assert!(joined.eq(flight.into_iter().chain([0; 896]).take(cells.len() * 896)));
                let mut flights = FlightCells::default();
                let (items, end) = taken(&mut flights, &cells, &last);
                assert_eq!((&items[..], end), (&sent[..], Ok(())), "{lens:?}");
                assert_eq!(flights.first(), Some(7));
            }
        }
    }
    let mut nothing = Vec::new();
    fill_flight(&mut nothing);
    assert!(nothing.is_empty());
}

/// VTP-44: a byte that is not zero behind the last item of a flight is refused, wherever it stands, before the item is had.
#[test]
fn a_cell_that_is_not_filled_with_zeros_is_refused() {
    let flight = [lp(&[1; 376]), lp(&[2; 98])].concat();
    let cells = cut(flight.clone(), 0);
    for at in flight.len()..CELL_LEN {
        let mut cells = cells.clone();
        cells[0].1[at] = 0x80;
        let (items, end) = taken(&mut FlightCells::default(), &cells, &FLIGHT_3);
        assert!(matches!(end, Err(Violation::Malformed(_))), "{at}");
        assert_eq!(items, [[1; 376]], "{at}");
    }
}

/// VTP-44: cells of a flight that leave a gap, come again or come in another order are refused; before a flight indices may
/// be left out, but none may come again.
#[test]
fn cells_of_a_flight_follow_each_other() {
    let flight = |first| cut([lp(&[1; 1123]), lp(&[2; 408])].concat(), first);
    let ends = |cells: &[(u64, Cell)]| taken(&mut FlightCells::default(), cells, &FLIGHT_2).1;
    let [a, b] = flight(40).try_into().unwrap();
    assert_eq!(ends(&[a, b]), Ok(()));
    for wrong in [42, 41 + 1024, 40, 39, 0, u64::MAX] {
        assert_eq!(ends(&[a, (wrong, b.1)]), Err(Violation::Gap), "{wrong}");
    }
    assert_eq!(ends(&[a, a, b]), Err(Violation::Gap));
    assert_eq!(ends(&[(u64::MAX, a.1), (0, b.1)]), Err(Violation::Gap));
    assert_eq!(ends(&[b, a]), Err(Violation::Length), "the second alone");

    for (first, fits) in [(42, true), (99, true), (41, false), (40, false), (0, false)] {
        let mut flights = FlightCells::default();
        assert_eq!(taken(&mut flights, &flight(40), &FLIGHT_2).1, Ok(()));
        let (items, end) = taken(&mut flights, &flight(first), &FLIGHT_2);
        let expected = if fits {
            (2, Ok(()))
        } else {
            (0, Err(Violation::Gap))
        };
        assert_eq!((items.len(), end), expected, "{first}");
        assert_eq!(flights.first(), Some(40));
    }
}

/// VTP-44, VTP-1: an item of a length that it cannot have is refused with the cell that its length ends in.
#[test]
fn an_impossible_length_in_a_cell_is_refused_at_once() {
    for len in [0, 1, 1236, 1283, 65_535_u16] {
        let mut cell = [0; CELL_LEN];
        cell[..2].copy_from_slice(&len.to_be_bytes());
        let (items, end) = taken(&mut FlightCells::default(), &[(0, cell)], &FLIGHT_1);
        assert_eq!((items.len(), end), (0, Err(Violation::Length)), "{len}");
    }
}

/// A handshake on cells up to GOTOO, which R has still to say.
struct Met {
    i: ExpectGoToo,
    i_seals: Sealer,
    said: PairFields,
    r: Established,
    r_seals: Sealer,
    /// The next index of each direction.
    next: [u64; 2],
}

/// What flight 3 leads to, with the backends of both and the first indices of both directions. The initiator takes
/// `believed` for what the handshake is carried on, the responder what it saw.
fn meet([at_i, at_r]: [Backend; 2], firsts: [u64; 2], believed: Carried) -> Met {
    let (mut from_i, mut from_r) = (FlightCells::default(), FlightCells::default());
    let (mut host, mut dialler) = (hosted(Use::Vat), local(I));
    (host.local.backend, dialler.backend) = (at_r, at_i);
    let entropy = initiator::Entropy::draw(&mut Seed::from_bytes([5; 32]).fork("i"));
    let mut out = Vec::new();
    let wants = wanted(Use::Vat);
    let i = initiator::start(wants, dialler, Offers::default(), entropy, &mut out).unwrap();
    let flight = cut(out, firsts[0]);
    assert_eq!(flight.len(), 2);
    let (iwant, end) = taken(&mut from_i, &flight, &FLIGHT_1);
    assert_eq!(end, Ok(()));

    let draw = || responder::Entropy::draw(&mut Seed::from_bytes([6; 32]).fork("r"));
    let mut seen = Seen::new(Duration::from_secs(40));
    let (now, mut out) = (Instant::ZERO, Vec::new());
    let r = ExpectIWant.handle(&iwant[0], &host, &mut seen, now, draw, &mut out);
    let flight = cut(out, firsts[1]);
    assert_eq!(flight.len(), 2);
    let (answer, end) = taken(&mut from_r, &flight, &FLIGHT_2);
    assert_eq!(end, Ok(()));

    let proven = i.handle(&answer[0]).unwrap().handle(&answer[1]).unwrap();
    let said = PairFields::go(proven.side(), 11, 12);
    let mut out = Vec::new();
    let (i, i_seals) = proven.go(&said, believed, &mut out).unwrap();
    let flight = cut(out, firsts[0] + 2);
    assert_eq!(flight.len(), 1);
    let (proof, end) = taken(&mut from_i, &flight, &FLIGHT_3);
    assert_eq!(end, Ok(()));
    let accepted = r.unwrap().handle(&proof[0]).unwrap().handle(&proof[1]);
    let carried = Carried::Cells {
        i_to_r: from_i.first().unwrap(),
        r_to_i: firsts[1],
    };
    let (r, r_seals) = answers(accepted.unwrap(), carried);
    let next = [firsts[0] + 3, firsts[1] + 2];
    Met {
        i,
        i_seals,
        said,
        r,
        r_seals,
        next,
    }
}

/// R's GOTOO.
fn answers(accepted: Accepted, carried: Carried) -> (Established, Sealer) {
    let ours = hosted(Use::Vat).local.key.public();
    let side = Side::of_dialler(accepted.peer(), &ours).other();
    let pair = PairFields::go_too(side, 21, 22, accepted.fields());
    accepted.go_too(&pair, carried)
}

fn cells(firsts: [u64; 2]) -> Carried {
    let [i_to_r, r_to_i] = firsts;
    Carried::Cells { i_to_r, r_to_i }
}

/// A handshake between equals.
fn met(firsts: [u64; 2]) -> Met {
    meet([Backend::default(); 2], firsts, cells(firsts))
}

/// The next record of this sealer, with this content, as a cell.
fn record(sealer: &mut Sealer, content: &[u8]) -> Cell {
    let mut out = Vec::new();
    let begun = sealer.begin(&mut out);
    out.extend_from_slice(content);
    sealer.seal(begun, &mut out).unwrap();
    out.try_into().unwrap()
}

/// Whether I has GOTOO with this cell, and then what stood behind it.
fn hears(
    i: ExpectGoToo,
    index: u64,
    mut cell: Cell,
    said: &PairFields,
) -> Result<Vec<u8>, Box<ExpectGoToo>> {
    match i.handle_cell(index, &mut cell).unwrap() {
        GoToo::Waits(i) => Err(Box::new(i)),
        GoToo::Came(_, pair, frames) => {
            pair.check(Within::GoToo, said.side().other()).unwrap();
            Ok(frames.to_vec())
        }
    }
}

/// VTP-44, VTP-43, VTP-15: a handshake on cells comes to its end with either library at either side, wherever the indices of
/// the directions begin; records of I follow GO in the next cell, and in R's record 0 0x0d stands before the pair fields.
#[test]
fn a_handshake_on_cells_comes_to_its_end() {
    for at_i in Backend::ALL {
        for at_r in Backend::ALL {
            for firsts in [[0, 0], [1021, 1022], [1 << 40, 1023]] {
                let mut met = meet([*at_i, *at_r], firsts, cells(firsts));
                let [from_i, from_r] = met.next;
                met.i_seals.at(from_i).unwrap();
                for index in [from_i, from_i + 1] {
                    let mut cell = record(&mut met.i_seals, b"from i");
                    let plain = met.r.opener.open_cell(index, &mut cell).unwrap();
                    assert_eq!(plain[..7], *b"from i\0");
                }
                assert!(met.r_seals.must_speak());
                met.r_seals.at(from_r).unwrap();
                let mut first = record(&mut met.r_seals, b"from r");
                assert!(!met.r_seals.must_speak());
                let mut second = record(&mut met.r_seals, b"again");
                let came = met.i.handle_cell(from_r, &mut first).unwrap();
                let GoToo::Came(mut at_i, pair, frames) = came else {
                    panic!("record 0 is GOTOO");
                };
                assert_eq!(pair.check(Within::GoToo, met.said.side().other()), Ok(()));
                assert_eq!((&frames[..7], frames.len()), (&b"from r\0"[..], 880 - 51));
                let plain = at_i.opener.open_cell(from_r + 1, &mut second).unwrap();
                assert_eq!(plain[..6], *b"again\0");
                assert_eq!(at_i.exporter.as_bytes(), met.r.exporter.as_bytes());
            }
        }
    }
}

/// VTP-43: the keys are counted from the first cell of each direction's own first flight: an end that takes another for it
/// shares no key.
#[test]
fn keys_are_counted_from_the_first_flight_of_their_direction() {
    for (believed, agree) in [
        ([1000, 5], true),
        ([1023, 1023], true),
        ([1024, 5], false),
        ([1000, 1025], false),
    ] {
        let firsts = [1021, 1022];
        let mut met = meet([Backend::default(); 2], firsts, cells(believed));
        met.i_seals.at(1100).unwrap();
        met.r_seals.at(1100).unwrap();
        let mut from_i = record(&mut met.i_seals, b"x");
        let from_r = record(&mut met.r_seals, b"x");
        let at_r = met.r.opener.open_cell(1100, &mut from_i).is_some();
        let at_i = hears(met.i, 1100, from_r, &met.said).is_ok();
        assert_eq!(at_r && at_i, agree, "{believed:?}");
        assert!(at_r || at_i, "the directions count apart");
    }
}

/// VTP-44, VTP-15: who waits for GOTOO goes on waiting when record 0 is lost, whatever else comes: other records of R, or
/// cells that somebody made up. When it comes, it is heard.
#[test]
fn who_waits_for_gotoo_goes_on_waiting_until_it_comes() {
    let mut met = met([0, 0]);
    met.r_seals.at(2).unwrap();
    let first = record(&mut met.r_seals, b"");
    let mut i = met.i;
    for index in 3..1030 {
        let kind = u8::try_from(index % 256).unwrap();
        if kind == 0x0d {
            met.r_seals.at(index + 1).unwrap();
            continue;
        }
        let other = record(&mut met.r_seals, &[kind, 1, 0, 0]);
        i = *hears(i, index, other, &met.said).expect_err("another record");
        i = *hears(i, index + 1, [kind; CELL_LEN], &met.said).expect_err("made up");
    }
    i = *hears(i, 2, first, &met.said).expect_err("too late");
    let pair = PairFields::go_too(met.said.side().other(), 21, 22, &met.said);
    let again = [&[0x0d][..], &fields(&pair), b"frames"].concat();
    let again = record(&mut met.r_seals, &again);
    let heard = hears(i, 1030, again, &met.said).ok();
    assert_eq!(heard.unwrap()[..7], *b"frames\0");
}

/// VTP-44, VTP-19: behind 0x0d stand pair fields, or the handshake is over.
#[test]
fn a_gotoo_without_pair_fields_is_refused() {
    let met = met([0, 0]);
    let mut r = met.r_seals;
    r.at(2).unwrap();
    record(&mut r, b"");
    let mut cell = record(&mut r, &[0x0d, 9]);
    let refused = met.i.handle_cell(3, &mut cell).err();
    assert!(matches!(refused, Some(Violation::Malformed(_))));
}
