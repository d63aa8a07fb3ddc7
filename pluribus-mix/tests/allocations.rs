//! A cell costs no allocation: what a circuit needs is there before its cells come.

// The bench uses more of it.
#[allow(dead_code)]
#[path = "../src/cli/bench/circuit/mesh.rs"]
mod mesh;

use bytes::Bytes;
use mesh::{Mesh, Way};
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::node::CELL_LEN;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::hint::black_box;

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What is carried in each direction. A reader gets its bytes in pieces of many cells; these are what is allocated.
const CELLS: usize = 20_000;
/// Given to the stream at once.
const PIECE: Bytes = Bytes::from_static(&[0x5a; 64 << 10]);

/// Allocations while `deed` is done.
fn allocations(deed: impl FnOnce()) -> usize {
    let region = Region::new(COUNTING);
    deed();
    let change = region.change();
    change.allocations + change.reallocations
}

/// ONI-14: once there is memory for the cells that wait, those that follow use it again. The cells of a session go from the client through three
/// relays and back.
#[test]
fn cells_go_through_three_relays_without_allocations() {
    for backend in Backend::ALL {
        let mut mesh = Mesh::new(*backend).unwrap();
        let session = mesh.session().unwrap();
        let mut carry = |way, cells: usize| {
            mesh.carry(&session, way, cells * CELL_LEN, &PIECE).unwrap();
        };
        for way in [Way::Up, Way::Down] {
            carry(way, CELLS / 4);
            let none = allocations(|| {});
            let many = allocations(|| carry(way, CELLS));
            let one_each = allocations(|| {
                (0..CELLS).for_each(|_| drop(black_box(Box::new([0; CELL_LEN]))));
            });
            println!("{backend:?}: {many} allocations for {CELLS} cells");
            assert_eq!(none, 0);
            assert!(many < CELLS / 10, "{many} allocations for {CELLS} cells");
            assert!(one_each >= CELLS, "the counter counts: {one_each}");
        }
    }
}
