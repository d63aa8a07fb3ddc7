//! Cells that wait, and a path that is used for long.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::rig::{Path, text};
use crate::crypto::aead::Backend;
use crate::onion::cipher::{HopCipher, Role};
use crate::onion::queue::{Cells, Full, LONGEST, Queue};
use crate::onion::{CELL, Cell};

fn numbered(n: u64) -> Cell {
    let mut cell = [0x33; CELL];
    cell[..8].copy_from_slice(&n.to_be_bytes());
    cell
}

fn pop(cells: &mut Cells, queue: &mut Queue) -> Option<Cell> {
    let mut out = Vec::new();
    let popped = cells.pop_into(queue, &mut out);
    assert_eq!(popped, !out.is_empty());
    popped.then(|| out.try_into().unwrap())
}

/// ONI-14: a queue holds 1536 cells; one more is refused, and the others stay and come out in order.
#[test]
fn a_queue_holds_1536_cells() {
    let (mut cells, mut queue) = (Cells::new(10_000), Queue::default());
    for n in 0..1536 {
        assert_eq!(cells.push(&mut queue, &numbered(n)), Ok(()));
    }
    assert_eq!(cells.push(&mut queue, &numbered(9)), Err(Full::Queue));
    assert_eq!((queue.len(), cells.held(), LONGEST), (1536, 1536, 1536));
    for n in 0..1536 {
        assert_eq!(pop(&mut cells, &mut queue), Some(numbered(n)));
    }
    assert!(pop(&mut cells, &mut queue).is_none() && queue.is_empty());
}

/// ONI-14: all queues together hold as many cells as was said, and places that are given back are used again.
#[test]
fn all_queues_together_are_bounded() {
    let mut cells = Cells::new(100);
    let mut queues: [Queue; 7] = Default::default();
    for round in 0..5 {
        for n in 0..100 {
            let queue = &mut queues[n % 7];
            assert_eq!(cells.push(queue, &numbered(n as u64)), Ok(()));
        }
        assert_eq!(cells.push(&mut queues[0], &numbered(0)), Err(Full::Total));
        assert_eq!((cells.held(), cells.room()), (100, 128), "round {round}");
        queues.iter_mut().for_each(|queue| cells.clear(queue));
        assert!(cells.held() == 0 && queues.iter().all(Queue::is_empty));
    }
}

/// ONI-14: memory that a burst took is given back when nothing waits, but for a little.
#[test]
fn memory_is_given_back_behind_a_burst() {
    let mut cells = Cells::new(65_536);
    let mut queues: Vec<_> = (0..10).map(|_| Queue::default()).collect();
    for _ in 0..2 {
        for n in 0..10_000u64 {
            let queue = &mut queues[n as usize % 10];
            cells.push(queue, &numbered(n)).unwrap();
        }
        assert!(cells.room() >= 10_000 && cells.room() < 10_100);
        for n in 0..10_000u64 {
            assert_eq!(
                pop(&mut cells, &mut queues[n as usize % 10]),
                Some(numbered(n))
            );
        }
        assert_eq!(cells.room(), 1024);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// ONI-14: the slab does what as many separate queues would.
    #[test]
    fn the_slab_is_many_queues(steps in proptest::collection::vec((0..4usize, 0..8u8), 0..400)) {
        let mut cells = Cells::new(150);
        let mut queues: [Queue; 4] = Default::default();
        let mut model: [VecDeque<u64>; 4] = Default::default();
        for (n, (at, what)) in (0..).zip(steps) {
            let held: usize = model.iter().map(VecDeque::len).sum();
            match what {
                0 if n % 5 == 0 => {
                    cells.clear(&mut queues[at]);
                    model[at].clear();
                }
                0..=2 => {
                    let expected = model[at].pop_front().map(numbered);
                    prop_assert_eq!(pop(&mut cells, &mut queues[at]), expected);
                }
                _ => {
                    let pushed = cells.push(&mut queues[at], &numbered(n));
                    prop_assert_eq!(pushed.is_ok(), held < 150);
                    pushed.into_iter().for_each(|()| model[at].push_back(n));
                }
            }
            let lens = queues.iter().map(Queue::len);
            prop_assert!(lens.eq(model.iter().map(VecDeque::len)));
        }
    }
}

/// ONI-5, ONI-6, ONI-8, ONI-14: many cells through three hops and their queues and back, over many eras; once warm nothing grows.
#[test]
fn a_path_runs_for_long_without_growing() {
    let mut path = Path::new(3, 2, 1000, Backend::default());
    let (mut cells, mut queue) = (Cells::new(1000), Queue::default());
    let mut out = Vec::with_capacity(CELL);
    let mut through = |cell: &mut Cell| {
        cells.push(&mut queue, cell).unwrap();
        out.clear();
        assert!(cells.pop_into(&mut queue, &mut out));
        cell.copy_from_slice(&out);
        assert_eq!((cells.room(), out.capacity()), (64, CELL));
    };
    for n in 0..10_000 {
        let mut cell = path.sent(3, Role::Through, &text(n));
        for relay in &mut path.relays {
            assert!(relay.peel(&mut cell).is_some());
            through(&mut cell);
        }
        let [one, two, three] = &mut path.relays[..] else {
            panic!("three hops");
        };
        three.originate(Role::Through, &mut cell);
        for relay in [two, one] {
            through(&mut cell);
            relay.wrap(&mut cell);
        }
        assert_eq!(path.heard(cell), Ok((3, Role::Through, text(n))));
    }
}
