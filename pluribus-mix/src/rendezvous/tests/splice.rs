use super::rig::*;
use super::stage::*;
use crate::crypto::aead::Backend;
use crate::rendezvous::early::MOST_FRAMES;
use crate::rendezvous::splice::{MOST_CELLS, Opening, Splice};
use crate::vattp::Violation;
use crate::vattp::cells::{FlightCells, Incoming, Place};
use crate::vattp::flight::{EARLY_LEN, IWANT_LEN};
use crate::vattp::pipe::CELL_LEN;

const DH: [u8; 32] = [0xd4; 32];
const SECRET: [u8; 32] = [0x5e; 32];

fn opening() -> Opening {
    Opening {
        selector: [0x5e; 16],
        x_i: [0x11; 32],
    }
}

/// Both ends, each with its own idea of what they share.
fn ends(
    theirs: (&[u8; 32], Option<&[u8; 32]>, Opening, [u8; 32]),
    backend: Backend,
) -> (Splice, Splice) {
    let place = spot().place();
    let caller = Splice::of_caller(&DH, Some(&SECRET), &opening(), &place, backend);
    let (dh, secret, opening, place) = theirs;
    (
        caller,
        Splice::of_callee(dh, secret, &opening, &place, backend),
    )
}

fn same() -> (
    &'static [u8; 32],
    Option<&'static [u8; 32]>,
    Opening,
    [u8; 32],
) {
    (&DH, Some(&SECRET), opening(), spot().place())
}

fn cells(sealed: &[u8]) -> Vec<[u8; CELL_LEN]> {
    let (cells, rest) = sealed.as_chunks::<CELL_LEN>();
    assert!(rest.is_empty(), "whole cells");
    cells.to_vec()
}

fn sealed(splice: &mut Splice, flight: &[u8]) -> Vec<[u8; CELL_LEN]> {
    let mut out = Vec::new();
    splice.seal(flight, &mut out).unwrap();
    cells(&out)
}

fn opened(splice: &mut Splice, cells: &mut [[u8; CELL_LEN]]) -> Result<Vec<u8>, Violation> {
    let mut flight = Vec::new();
    for cell in cells {
        flight.extend_from_slice(splice.open(cell)?);
    }
    Ok(flight)
}

/// RDV-17: whole cells, of which only the first shows selector and x_i; opened they are the flight and zeros, with either backend.
#[test]
fn flights_go_in_whole_sealed_cells() {
    for backend in Backend::ALL {
        let (mut caller, mut callee) = ends(same(), *backend);
        for (len, count) in [(832, 1), (833, 2), (832 + 880, 2), (6004, 7)] {
            let (mut caller, mut callee) = ends(same(), *backend);
            let flight = vec![7; len];
            let mut cells = sealed(&mut caller, &flight);
            assert_eq!(cells.len(), count, "{len} bytes");
            assert!(Opening::of(&cells[0]) == opening());
            assert!(
                cells
                    .iter()
                    .all(|cell| !cell.windows(8).any(|it| it == [7; 8]))
            );
            let heard = opened(&mut callee, &mut cells).unwrap();
            assert!(heard.starts_with(&flight) && heard[len..].iter().all(|byte| *byte == 0));
        }
        // One, two, three: each flight goes on where the last one of its direction ended.
        for (len, count) in [(2000, 3), (1535, 2), (478, 1), (1, 1)] {
            let flight = vec![9; len];
            let mut cells = sealed(&mut caller, &flight);
            assert_eq!(cells.len(), count);
            assert!(
                opened(&mut callee, &mut cells)
                    .unwrap()
                    .starts_with(&flight)
            );
            let mut cells = sealed(&mut callee, &flight);
            assert!(
                opened(&mut caller, &mut cells)
                    .unwrap()
                    .starts_with(&flight)
            );
        }
    }
}

/// RDV-17: another shared secret, ticket secret, none, selector, x_i or place, and nothing opens; nor does what comes back to its sender,
/// comes twice, late or changed.
#[test]
fn nobody_else_opens_a_flight() {
    let (mut caller, mut callee) = ends(same(), Backend::default());
    let flight = vec![7; 2000];
    let good = sealed(&mut caller, &flight);
    assert!(
        opened(&mut callee, &mut good.clone()).is_ok(),
        "the control"
    );
    let other = [1; 32];
    let mut selector = opening();
    selector.selector[15] ^= 1;
    let mut x_i = opening();
    x_i.x_i[31] ^= 1;
    let (dh, secret, head, place) = same();
    for theirs in [
        (&other, secret, head, place),
        (dh, Some(&other), head, place),
        (dh, Some(&[0; 32]), head, place),
        (dh, None, head, place),
        (dh, secret, head, other),
    ] {
        let (_, mut callee) = ends(theirs, Backend::default());
        let failed = opened(&mut callee, &mut good.clone()).err();
        assert_eq!(failed, Some(Violation::Unsealed));
    }
    // Who changes what stands in clear changes the key as well.
    for head in [selector, x_i] {
        let (_, mut callee) = ends((dh, secret, head, place), Backend::default());
        let mut cells = good.clone();
        cells[0][..16].copy_from_slice(&head.selector);
        cells[0][16..48].copy_from_slice(&head.x_i);
        assert!(opened(&mut callee, &mut cells).is_err());
    }
    let mut none = Splice::of_caller(dh, None, &opening(), &place, Backend::default());
    let (_, mut zero) = ends((dh, Some(&[0; 32]), head, place), Backend::default());
    let mut cells = sealed(&mut none, &flight);
    assert!(
        opened(&mut zero, &mut cells).is_err(),
        "no secret is not zeros"
    );
    assert!(opened(&mut caller, &mut good.clone()).is_err(), "reflected");
    for order in [&[1, 0, 2][..], &[0, 2, 1], &[0, 0], &[1]] {
        let (_, mut callee) = ends(same(), Backend::default());
        let mut cells: Vec<_> = order.iter().map(|at| good[*at]).collect();
        assert!(opened(&mut callee, &mut cells).is_err(), "{order:?}");
    }
    for (cell, at) in [(0, 0), (0, 16), (0, 48), (0, 895), (1, 0), (2, 895)] {
        let (_, mut callee) = ends(same(), Backend::default());
        let mut cells = good.clone();
        cells[cell][at] ^= 1;
        assert!(opened(&mut callee, &mut cells).is_err(), "{cell} {at}");
    }
}

/// RDV-10, RDV-17: the longest flight 1 has seven cells; a flight of more than eight is none.
#[test]
fn a_flight_is_bounded() {
    let mut carol = Carol::new();
    let mut longest = carol.introduction(bearer("alice"));
    for (giver, to) in [
        ("alice", "bob"),
        ("bob", "dave"),
        ("dave", "erin"),
        ("erin", "frank"),
    ] {
        assert_eq!(longest.delegate(&key(giver), vat(to), EXPIRY), Ok(()));
    }
    let words = vec![0; MOST_FRAMES];
    let mut call = Call::of("frank", longest).saying(&words).said();
    assert_eq!(call.items[1].len(), *EARLY_LEN.end());
    assert_eq!(sealed(&mut call.called.splice, &call.flight).len(), 7);
    let shortest = carol.introduction(bearer("alice"));
    let call = Call::of("alice", shortest).saying(&[]).said();
    assert_eq!(call.items[1].len(), *EARLY_LEN.start());

    let (mut caller, _) = ends(same(), Backend::default());
    let most = 832 + (MOST_CELLS - 1) * 880;
    let failed = caller.seal(&vec![0; most + 1], &mut Vec::new()).err();
    assert_eq!(failed, Some(Violation::Length));
    let (mut caller, _) = ends(same(), Backend::default());
    assert!(caller.seal(&vec![0; most], &mut Vec::new()).is_ok());
}

/// RDV-9, RDV-17: Carol finds a call by its first cell, and takes its items out of the cells.
#[test]
fn a_call_is_heard_out_of_its_cells() {
    let mut carol = Carol::new();
    let introduction = carol.introduction(bearer("alice"));
    let mut call = Call::of("alice", introduction).said();
    let mut cells = sealed(&mut call.called.splice, &call.flight);
    let opening = Opening::of(&cells[0]);
    assert!(opening == call.opening);
    let mut met = carol
        .issued
        .meet(&opening, &spot(), Backend::default())
        .unwrap();
    let (mut flights, mut heard) = (FlightCells::default(), Vec::new());
    for (index, cell) in (40..).zip(&mut cells) {
        let plain = met.splice.open(cell).unwrap();
        let mut incoming = Incoming::opened(index, plain);
        loop {
            let (lengths, place) = match heard.len() {
                0 => (IWANT_LEN, Place::Before),
                _ => (EARLY_LEN, Place::Last),
            };
            let item = flights.next(&mut incoming, &lengths, place).unwrap();
            let Some(item) = item else { break };
            heard.push(item.to_vec());
            if place == Place::Last {
                break;
            }
        }
    }
    assert_eq!(heard, call.items);
    assert!(carol.early(&call.items).is_ok());
}
