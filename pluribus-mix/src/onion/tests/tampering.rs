//! Somebody changes, doubles, swaps, replays or drops cells.

use super::rig::{Path, text};
use crate::crypto::aead::Backend;
use crate::onion::cipher::{HopCipher, Role};
use crate::onion::layers::Broken;
use crate::onion::{CELL, Cell, MAX_HOPS, SLOT, SLOTS};

fn flip(cell: &mut Cell, bit: usize) {
    cell[bit / 8] ^= 1 << (bit % 8);
}

/// Sends a cell to the last hop that is changed in one bit on its way to `at`, and says where it got to. All hops count it.
fn spoilt(path: &mut Path, at: usize, bit: usize) -> (usize, bool) {
    let hops = path.relays.len();
    let mut cell = path.sent(hops, Role::Through, &text(0));
    for relay in path.relays.iter_mut().take(at - 1) {
        assert_eq!(relay.peel(&mut cell), Some(Role::Relay));
    }
    flip(&mut cell, bit);
    let (stopped, delivered) = path.forward(at, cell);
    for relay in path.relays.iter_mut().skip(stopped) {
        relay.peel(&mut [0; CELL]);
    }
    (stopped, delivered.is_some())
}

/// ONI-6: whichever bit of a forward cell is changed, on whichever link, the next hop refuses it.
#[test]
fn a_forward_cell_with_one_bit_changed_is_refused_by_the_next_hop() {
    let mut path = Path::new(3, 0, 0, Backend::default());
    for bit in 0..8 * CELL {
        for at in 1..=3 {
            assert_eq!(spoilt(&mut path, at, bit), (at, false), "bit {bit}");
        }
    }
    for backend in Backend::ALL {
        for hops in 1..=MAX_HOPS {
            let mut path = Path::new(hops, 0, 0, *backend);
            for bit in (0..8 * CELL).step_by(331) {
                let at = 1 + bit % hops;
                assert_eq!(spoilt(&mut path, at, bit), (at, false), "{hops} {bit}");
            }
        }
    }
}

/// The last hop's cell, changed in one bit behind `at`, as the client hears it.
fn heard_spoilt(
    hops: usize,
    live: u8,
    backend: Backend,
    at: usize,
    bit: usize,
) -> Result<(), Broken> {
    let mut path = Path::new(hops, live, 0, backend);
    let mut cell = path.originated(hops, Role::Through, &text(7));
    path.backward(hops, at, &mut cell);
    flip(&mut cell, bit);
    path.backward(at, 1, &mut cell);
    let heard = path.heard(cell)?;
    assert_eq!(
        heard,
        (hops, Role::Through, text(7)),
        "what opens is what was sent"
    );
    Ok(())
}

/// Whether a changed bit behind hop `at` hits what the next hop or the client draws anew or passes over.
fn is_noise(at: usize, hops: usize, live: u8, bit: usize) -> bool {
    let live = usize::from(live) + hops - at;
    (SLOT..(SLOTS - live) * SLOT).contains(&(bit / 8))
}

/// ONI-8: whichever bit of a backward cell is changed, on whichever link, the two hops at that link are blamed, and nobody else; or it was a bit
/// that nobody answers for, and the payload is intact. So whether a bad relay changes what it got or what it sends, the pair that is blamed
/// has it in.
#[test]
fn a_backward_cell_with_one_bit_changed_is_blamed_on_the_link() {
    let check = |hops, live, backend, at, bit| {
        let expected = match is_noise(at, hops, live, bit) {
            true => Ok(()),
            false => Err(Broken { hop: at }),
        };
        let heard = heard_spoilt(hops, live, backend, at, bit);
        assert_eq!(
            heard, expected,
            "{hops} hops, {live} live, behind {at}, bit {bit}"
        );
    };
    for bit in 0..8 * CELL {
        (1..=3).for_each(|at| check(3, 1, Backend::default(), at, bit));
    }
    for backend in Backend::ALL {
        for hops in 1..=MAX_HOPS {
            for live in 0..=MAX_HOPS - hops {
                for bit in (0..SLOTS * SLOT * 8)
                    .step_by(61)
                    .chain([1100, 8 * CELL - 1])
                {
                    let live = u8::try_from(live).unwrap();
                    check(hops, live, *backend, 1 + bit % hops, bit);
                }
            }
        }
    }
}

/// What somebody on a link does to the cells on it.
type Mischief = fn(&[Cell]) -> Vec<Cell>;

/// Doubled, swapped, dropped, replayed later; and which of the cells that come out is the first one out of place.
const MISCHIEF: [(&str, Mischief, usize); 4] = [
    ("doubled", |cells| vec![cells[0], cells[0], cells[1]], 1),
    ("swapped", |cells| vec![cells[1], cells[0], cells[2]], 0),
    ("dropped", |cells| vec![cells[0], cells[2]], 1),
    ("replayed", |cells| vec![cells[0], cells[1], cells[0]], 2),
];

/// ONI-5, ONI-6: a forward cell that is doubled, swapped, dropped or replayed on a link is noticed by the next hop.
#[test]
fn forward_cells_out_of_their_order_are_refused_by_the_next_hop() {
    for (what, mischief, first) in MISCHIEF {
        for at in 1..=3 {
            let mut path = Path::new(3, 0, 1020, Backend::default());
            let cells = [0, 1, 2].map(|n| {
                let mut cell = path.sent(3, Role::Through, &text(n));
                for relay in path.relays.iter_mut().take(at - 1) {
                    relay.peel(&mut cell).unwrap();
                }
                cell
            });
            for (n, cell) in mischief(&cells).into_iter().take(first + 1).enumerate() {
                let (stopped, delivered) = path.forward(at, cell);
                let expected = if n == first { (at, false) } else { (3, true) };
                assert_eq!(
                    (stopped, delivered.is_some()),
                    expected,
                    "{what} before {at}"
                );
            }
        }
    }
}

/// ONI-5, ONI-8: a backward cell that is doubled, swapped, dropped or replayed on a link is blamed on the two hops at that link.
#[test]
fn backward_cells_out_of_their_order_are_blamed_on_the_link() {
    for (what, mischief, first) in MISCHIEF {
        for at in 1..=3 {
            let mut path = Path::new(3, 2, 1020, Backend::default());
            let cells = [0, 1, 2].map(|n| {
                let mut cell = path.originated(3, Role::Through, &text(n));
                path.backward(3, at, &mut cell);
                cell
            });
            for (n, mut cell) in mischief(&cells).into_iter().take(first + 1).enumerate() {
                path.backward(at, 1, &mut cell);
                let heard = path.heard(cell).map(|heard| heard.0);
                let expected = if n == first {
                    Err(Broken { hop: at })
                } else {
                    Ok(3)
                };
                assert_eq!(heard, expected, "{what} behind {at}");
            }
        }
    }
}

/// ONI-6, ONI-8: a cell of one direction is none of the other, and a layer sealed in one role does not open in another place.
#[test]
fn directions_and_roles_are_not_to_be_confused() {
    let mut path = Path::new(2, 0, 0, Backend::default());
    let cell = path.sent(2, Role::Through, &text(0));
    assert_eq!(path.heard(cell), Err(Broken { hop: 1 }));
    let cell = path.originated(1, Role::Message, &text(0));
    assert_eq!(path.forward(1, cell), (1, None));
    // Hop 1 is not the last: what it says in the last one's role is not heard.
    let mut path = Path::new(2, 0, 0, Backend::default());
    let cell = path.originated(1, Role::Through, &text(0));
    assert_eq!(path.heard(cell), Err(Broken { hop: 1 }));
    // The last one has nobody to pass cells on for.
    let mut path = Path::new(2, 0, 0, Backend::default());
    let mut cell = [0; CELL];
    path.relays[1].wrap(&mut cell);
    path.backward(2, 1, &mut cell);
    assert_eq!(path.heard(cell), Err(Broken { hop: 2 }));
}
