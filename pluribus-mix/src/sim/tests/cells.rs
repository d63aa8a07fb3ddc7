//! Links that carry cells, and what befalls those.

use super::{MS, at, linked, linked_in};
use crate::sim::{Fault, InFlight, LinkNo, News, Passing, RawId, Sight, World};
use crate::time::Instant;

/// This many cells, each filled with its number.
fn cells(count: u8) -> Vec<u8> {
    (0..count).flat_map(|number| [number; 896]).collect()
}

/// Two raw hosts with a link of cells that stands, at 20 ms.
fn celled(seed: u64) -> (World, RawId, RawId, LinkNo) {
    linked_in(seed, |world, a, b| world.cells(a, b))
}

/// The cells that came to a host, and when.
fn came(world: &mut World, host: RawId) -> Vec<(Instant, u64)> {
    let host = world.raw(host);
    let came = host.events().iter().filter_map(|event| match event.news {
        News::Cell { index } => Some((event.at, index)),
        News::Came { .. } => panic!("bytes came on a link of cells"),
        _ => None,
    });
    came.collect()
}

fn indices(world: &mut World, host: RawId) -> Vec<u64> {
    let came = came(world, host).into_iter();
    came.map(|(_, index)| index).collect()
}

#[test]
fn cells_come_whole_numbered_each_way_and_in_order() {
    let (mut world, a, b, link) = celled(40);
    world.chop(a, b, 100);
    world.jitter(a, b, 30 * MS);
    world.raw(a).send(link, cells(20)).unwrap();
    world.run_for(7 * MS);
    world.raw(a).send(link, [9; 896]).unwrap();
    world.raw(b).send(link, [8; 1792]).unwrap();
    for length in [1, 895, 897] {
        let broken = world.raw(a).send(link, vec![0; length]);
        assert_eq!(broken, Err(Fault::NoCells));
    }
    assert!(world.run_until_quiet());
    assert_eq!(world.raw(b).take(link), [cells(20), vec![9; 896]].concat());
    assert!(indices(&mut world, b).into_iter().eq(0..21));
    assert_eq!(indices(&mut world, a), [0, 1]);
    let times: Vec<_> = came(&mut world, b).into_iter().map(|(at, _)| at).collect();
    assert!(times.is_sorted() && times.first() != times.last());
}

#[test]
fn a_link_keeps_the_carrier_with_which_it_was_opened() {
    let (mut world, a, b, stream) = linked(41);
    world.cells_everywhere();
    let cells = world.raw(b).open(a);
    world.no_cells(a, b);
    world.run_for(20 * MS);
    assert_eq!(world.raw(a).send(stream, *b"any bytes"), Ok(()));
    assert_eq!(world.raw(a).send(cells, *b"any bytes"), Err(Fault::NoCells));
    let later = world.raw(a).open(b);
    assert_eq!(world.raw(a).send(later, *b"any bytes"), Ok(()));
}

#[test]
fn as_many_cells_are_lost_as_was_said_and_the_others_keep_their_order() {
    let (mut world, a, b, link) = celled(42);
    world.jitter(a, b, 20 * MS);
    for (per_mille, bounds) in [
        (0, 0..=0),
        (50, 60..=140),
        (500, 900..=1100),
        (1000, 2000..=2000),
    ] {
        world.lose(a, b, per_mille);
        let before = indices(&mut world, b).len();
        for _ in 0..200 {
            world.raw(a).send(link, cells(10)).unwrap();
            world.run_for(MS);
        }
        assert!(world.run_until_quiet());
        let lost = 2000 - (indices(&mut world, b).len() - before);
        assert!(bounds.contains(&lost), "{lost} of {per_mille} per mille");
    }
    let indices = indices(&mut world, b);
    assert!(indices.is_sorted_by(|one, next| one < next));
    assert!(indices.iter().max().is_some_and(|last| *last > 5900));
}

#[test]
fn a_stream_loses_nothing_where_every_cell_is_lost() {
    let (mut world, a, b, stream) = linked(43);
    world.lose(a, b, 1000);
    world.raw(a).send(stream, [7; 3000]).unwrap();
    world.cells(a, b);
    let cells = world.raw(a).open(b);
    world.run_for(20 * MS);
    world.raw(b).send(cells, [7; 896]).unwrap();
    world.raw(a).close(cells);
    assert!(world.run_until_quiet());
    assert_eq!(world.raw(b).take(stream), [7; 3000]);
    assert_eq!(world.raw(b).lost_at(cells), Some(at(50)));
    assert!(indices(&mut world, a).is_empty());
}

#[test]
fn a_meddler_sees_cells_with_their_index_and_can_lose_or_double_them() {
    let (mut world, a, b, link) = celled(44);
    let meddler = |passing: Passing, cell: Vec<u8>| match passing.index {
        Some(1) => vec![],
        Some(2) => vec![cell.clone(), cell],
        Some(3) => vec![cell[1..].to_vec()],
        Some(4) => vec![vec![99; 896]],
        Some(_) => vec![cell],
        None => panic!("no bytes travel here"),
    };
    world.meddle(a, b, Box::new(meddler));
    world.raw(a).send(link, cells(6)).unwrap();
    assert!(world.run_until_quiet());
    assert_eq!(indices(&mut world, b), [0, 2, 2, 4, 5]);
    let first_bytes = world.raw(b).take(link).into_iter().step_by(896);
    assert!(first_bytes.eq([0, 2, 2, 99, 5]));
}

#[test]
fn a_link_of_cells_outlives_a_partition_unless_its_end_was_lost() {
    let (mut world, a, b, link) = celled(45);
    let ended = world.raw(a).open(b);
    world.run_for(20 * MS);
    world.hold(a, b);
    world.raw(a).send(link, cells(1)).unwrap();
    world.run_for(20 * MS);
    world.raw(a).send(link, cells(1)).unwrap();
    world.partition(a, b);
    world.release(a, b);
    world.raw(a).send(link, cells(1)).unwrap();
    world.raw(a).close(ended);
    world.run_for(1000 * MS);
    world.repair(a, b);
    world.raw(a).send(link, cells(1)).unwrap();
    assert!(world.run_until_quiet());
    assert_eq!(indices(&mut world, b), [3]);
    assert!(world.raw(a).holds(link) && world.raw(b).holds(link));
    assert_eq!(world.raw(b).lost_at(ended), Some(at(1070)));
}

#[test]
fn held_cells_wait_in_order() {
    let (mut world, a, b, link) = celled(46);
    world.raw(a).send(link, cells(2)).unwrap();
    world.hold(a, b);
    world.run_for(50 * MS);
    world.raw(a).send(link, cells(2)).unwrap();
    world.run_for(50 * MS);
    assert!(indices(&mut world, b).is_empty());
    world.release(a, b);
    assert_eq!(
        came(&mut world, b),
        [0, 1, 2, 3].map(|index| (at(120), index))
    );
}

#[test]
fn a_lost_cell_takes_its_time_on_a_narrow_wire() {
    let (mut world, a, b, link) = celled(47);
    world.bandwidth(a, b, Some(8960));
    world.lose(a, b, 1000);
    world.raw(a).send(link, cells(1)).unwrap();
    world.lose(a, b, 0);
    world.raw(a).send(link, cells(2)).unwrap();
    assert!(world.run_until_quiet());
    assert_eq!(came(&mut world, b), [(at(230), 1), (at(330), 2)]);
}

#[test]
fn of_a_cell_that_is_cut_in_the_middle_nothing_arrives() {
    for (bytes, arrive) in [(0, 0), (895, 0), (896, 1), (1000, 1), (1792, 2)] {
        let (mut world, a, b, link) = celled(48);
        world.cut_after(a, b, bytes, InFlight::Arrives);
        world.raw(a).send(link, cells(3)).unwrap();
        assert!(world.run_until_quiet());
        assert_eq!(world.cut_fired(a, b), Some(link));
        assert_eq!(indices(&mut world, b).len(), arrive);
        assert_eq!(world.raw(a).lost_at(link), Some(at(20)));
    }
}

#[test]
fn the_observer_sees_cell_by_cell_what_is_sent() {
    let (mut world, a, b, link) = celled(49);
    world.lose(a, b, 1000);
    world.raw(a).send(link, cells(2)).unwrap();
    let (length, bytes) = (896, None);
    let cell = Sight::Bytes { length, bytes };
    let seen = &world.observer().records()[2..];
    assert!(seen.iter().map(|record| &record.sight).eq([&cell, &cell]));
    assert_eq!(world.observer().volume(a, b), 1792);
}

#[test]
fn the_same_seed_loses_the_same_cells() {
    let told = |seed| {
        let (mut world, a, b, link) = celled(seed);
        world.lose(a, b, 200);
        world.jitter(a, b, 5 * MS);
        for _ in 0..50 {
            world.raw(a).send(link, cells(3)).unwrap();
            world.run_for(MS);
        }
        assert!(world.run_until_quiet());
        (world.observer().transcript_hash(), came(&mut world, b))
    };
    let (once, again, other) = (told(50), told(50), told(51));
    assert!(once == again && once.1 != other.1);
}
