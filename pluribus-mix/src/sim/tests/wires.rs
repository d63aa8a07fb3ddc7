//! Wires and weather, between two raw hosts.

use super::{MS, at, linked};
use crate::sim::{Direction, Fault, News, Place, RawId, Sight, World};
use crate::time::Instant;
use std::cell::RefCell;
use std::rc::Rc;

fn came(world: &mut World, host: RawId) -> Vec<(Instant, usize)> {
    let host = world.raw(host);
    let came = host.events().iter().filter_map(|event| match event.news {
        News::Came { length } => Some((event.at, length)),
        _ => None,
    });
    came.collect()
}

#[test]
fn opening_takes_the_way_there_and_back() {
    let (mut world, a, b, link) = linked(1);
    let noticed = |host: &crate::sim::RawHost<'_>| -> Vec<_> {
        let events = host.events().iter();
        events
            .map(|event| (event.at, event.link, event.news))
            .collect()
    };
    let from = Place::Raw(a);
    assert_eq!(
        noticed(&world.raw(b)),
        [(at(10), link, News::Accepted { from })]
    );
    assert_eq!(noticed(&world.raw(a)), [(at(20), link, News::Stands)]);
    assert_eq!(world.raw(b).accepted(), [link]);
}

#[test]
fn bytes_take_the_latency_and_the_end_comes_behind_them() {
    let (mut world, a, b, link) = linked(2);
    world.raw(a).send(link, *b"last words").unwrap();
    world.raw(a).close(link);
    assert_eq!(world.raw(a).send(link, *b"more"), Err(Fault::NoLink));
    world.run_for(9 * MS);
    assert_eq!(world.raw(b).take(link), b"");
    world.run_for(MS);
    assert_eq!(world.raw(b).take(link), b"last words");
    assert_eq!(world.raw(b).lost_at(link), Some(at(30)));
    assert_eq!(world.raw(b).send(link, *b"hello?"), Err(Fault::NoLink));
    assert_eq!(world.raw(a).lost_at(link), None);
}

#[test]
fn jitter_spreads_and_never_reorders() {
    let (mut world, a, b, link) = linked(3);
    world.jitter(b, a, 40 * MS);
    let said: Vec<u8> = (0..=255).collect();
    for byte in &said {
        world.raw(a).send(link, [*byte]).unwrap();
        world.run_for(MS);
    }
    assert!(world.run_until_quiet());
    assert_eq!(world.raw(b).take(link), said);
    let late = came(&mut world, b).into_iter().zip(20..);
    let late: Vec<_> = late.map(|((came, _), sent)| came.since(at(sent))).collect();
    assert!(
        late.iter().all(|late| (10 * MS..=50 * MS).contains(late)),
        "{late:?}"
    );
    let spread = late
        .iter()
        .max()
        .unwrap()
        .saturating_sub(*late.iter().min().unwrap());
    assert!(spread > 10 * MS, "{spread:?}");
}

#[test]
fn chopped_bytes_come_in_pieces_and_nothing_is_lost() {
    let (mut world, a, b, link) = linked(4);
    world.chop(a, b, 7);
    world.jitter_everywhere(5 * MS);
    let said = vec![9; 1000];
    world.raw(a).send(link, said.clone()).unwrap();
    assert!(world.run_until_quiet());
    assert_eq!(world.raw(b).take(link), said);
    let pieces = came(&mut world, b);
    assert!((1..=7).all(|length| pieces.iter().any(|(_, piece)| *piece == length)));
    assert!(pieces.iter().all(|(_, piece)| (1..=7).contains(piece)));
}

#[test]
fn a_narrow_wire_takes_its_time() {
    let (mut world, a, b, link) = linked(5);
    world.bandwidth(a, b, Some(1000));
    world.raw(a).send(link, [1; 500]).unwrap();
    world.raw(a).send(link, [2; 250]).unwrap();
    world.raw(b).send(link, [3; 100]).unwrap();
    assert!(world.run_until_quiet());
    // 20 ms gone, half a second of sending, 10 ms of latency; the two directions are not in each other's way.
    assert_eq!(came(&mut world, b), [(at(530), 500), (at(780), 250)]);
    assert_eq!(came(&mut world, a), [(at(130), 100)]);
}

#[test]
fn a_partition_loses_in_silence_and_repair_tells() {
    let (mut world, a, b, link) = linked(6);
    world.raw(a).send(link, *b"on its way").unwrap();
    world.partition(b, a);
    world.run_for(MS);
    world.raw(b).send(link, *b"into the void").unwrap();
    world.raw(b).close(link);
    let asked = world.raw(a).open(b);
    world.run_for(1000 * MS);
    assert_eq!(world.raw(b).take(link), b"");
    assert!(world.raw(a).holds(link) && world.raw(a).holds(asked));
    world.repair(a, b);
    assert!(world.run_until_quiet());
    assert_eq!(world.raw(a).lost_at(link), Some(at(1031)));
    assert_eq!(world.raw(a).lost_at(asked), Some(at(1031)));
    assert_eq!(
        world.raw(b).lost_at(link),
        None,
        "it closed the link itself"
    );
    assert_eq!(world.raw(b).accepted(), [link]);
}

#[test]
fn a_link_that_lost_nothing_outlives_a_partition() {
    let (mut world, a, b, quiet) = linked(7);
    let busy = world.raw(b).open(a);
    world.run_for(20 * MS);
    world.partition(a, b);
    world.raw(b).send(busy, *b"lost").unwrap();
    world.run_for(1000 * MS);
    world.repair(a, b);
    // Too late: behind the hole nothing is delivered, though the news of it is still on its way.
    world.raw(b).send(busy, *b"behind the hole").unwrap();
    world.raw(a).send(quiet, *b"still here").unwrap();
    assert!(world.run_until_quiet());
    assert_eq!(world.raw(b).take(quiet), b"still here");
    assert_eq!(world.raw(a).take(busy), b"");
    assert!(world.raw(a).lost_at(busy).is_some() && world.raw(b).lost_at(busy).is_some());
}

#[test]
fn what_is_held_waits_in_order() {
    let (mut world, a, b, link) = linked(8);
    world.raw(a).send(link, *b"one ").unwrap();
    world.hold(a, b);
    world.raw(a).send(link, *b"two ").unwrap();
    let second = world.raw(a).open(b);
    world.raw(a).close(link);
    assert!(world.run_until_quiet());
    world.run_for(5000 * MS);
    assert_eq!(world.raw(b).take(link), b"");
    let last = world.raw(a).open(b);
    world.raw(a).send(last, *b"three").unwrap();
    world.run_for(5 * MS);
    world.release(a, b);
    assert_eq!(world.raw(b).take(link), b"one two ");
    assert_eq!(world.raw(b).lost_at(link), Some(world.now()));
    assert_eq!(world.raw(b).accepted(), [link, second]);
    world.run_for(15 * MS);
    assert_eq!(world.raw(b).take(last), b"three");
    assert!(world.raw(a).holds(second) && world.raw(a).holds(last));
}

#[test]
fn what_is_held_when_a_partition_comes_is_lost() {
    let (mut world, a, b, link) = linked(9);
    world.hold(a, b);
    world.raw(a).send(link, *b"lost").unwrap();
    world.run_for(100 * MS);
    world.partition(a, b);
    world.release(a, b);
    world.repair(a, b);
    assert!(world.run_until_quiet());
    assert_eq!(world.raw(b).take(link), b"");
    assert!(world.raw(a).lost_at(link).is_some() && world.raw(b).lost_at(link).is_some());
}

#[test]
fn a_cut_breaks_standing_and_opening_links_at_once() {
    let (mut world, a, b, link) = linked(10);
    let c = world.raw_host("c");
    let elsewhere = world.raw(a).open(c);
    let opening = world.raw(b).open(a);
    world.raw(a).send(link, *b"on its way").unwrap();
    world.cut(a, b);
    assert_eq!(world.raw(a).lost_at(link), Some(at(20)));
    assert_eq!(world.raw(b).lost_at(link), Some(at(20)));
    assert_eq!(world.raw(b).lost_at(opening), Some(at(20)));
    assert!(world.run_until_quiet());
    assert_eq!(world.raw(b).take(link), b"");
    assert_eq!(world.raw(a).accepted(), []);
    assert!(world.raw(c).holds(elsewhere));
}

#[test]
fn a_meddler_sees_each_transmission_and_says_what_goes_on() {
    let (mut world, a, b, link) = linked(11);
    let seen = Rc::new(RefCell::new(Vec::new()));
    let noted = Rc::clone(&seen);
    let meddler = move |passing: crate::sim::Passing, bytes: Vec<u8>| {
        noted.borrow_mut().push((passing.at, passing.direction));
        match bytes.as_slice() {
            b"swallow" => vec![],
            b"double" => vec![bytes.clone(), bytes],
            _ => vec![b"other".to_vec()],
        }
    };
    world.meddle(a, b, Box::new(meddler));
    for said in ["swallow", "double", "change"] {
        world.raw(a).send(link, said).unwrap();
    }
    world.raw(b).send(link, *b"back").unwrap();
    world.unmeddle(a, b);
    world.raw(a).send(link, *b"plain").unwrap();
    assert!(world.run_until_quiet());
    assert_eq!(world.raw(b).take(link), b"doubledoubleotherplain");
    assert_eq!(world.raw(a).take(link), b"other");
    let (out, back) = ((at(20), Direction::Out), (at(20), Direction::Back));
    assert_eq!(*seen.borrow(), [out, out, out, back]);
}

#[test]
fn nobody_refuses_and_a_squatter_accepts() {
    let (mut world, a, b, _) = linked(12);
    let nobody = "127.0.0.1:9".parse().unwrap();
    let refused = world.raw(a).open_at(&nobody);
    world.run_for(20 * MS);
    assert_eq!(world.raw(a).lost_at(refused), Some(at(40)));
    world.listen(nobody.clone(), b);
    let squatted = world.raw(a).open_at(&nobody);
    assert!(world.run_until_quiet());
    assert_eq!(world.raw(b).accepted().last(), Some(&squatted));
}

#[test]
fn the_observer_writes_down_what_is_sent_and_bytes_when_asked() {
    let (mut world, a, b, link) = linked(13);
    world.partition(a, b);
    world.raw(a).send(link, *b"unseen").unwrap();
    world.observer_mut().keep_bytes(true);
    world.raw(a).send(link, *b"seen").unwrap();
    let seen: Vec<_> = world
        .observer()
        .records()
        .iter()
        .map(|record| &record.sight)
        .collect();
    let bytes = |length, bytes| Sight::Bytes { length, bytes };
    let [one, two] = [bytes(6, None), bytes(4, Some(b"seen".to_vec()))];
    assert_eq!(seen, [&Sight::Asked, &Sight::Stands, &one, &two]);
    assert_eq!(world.observer().volume(a, b), 10);
    assert_eq!(world.observer().volume(b, a), 0);
}

#[test]
fn the_transcript_tells_bytes_apart_that_are_not_kept() {
    let told = |said: &'static str| {
        let (mut world, a, _, link) = linked(14);
        world.raw(a).send(link, said).unwrap();
        (
            world.observer().transcript_hash(),
            world.observer().records().to_vec(),
        )
    };
    assert_eq!(told("this"), told("this"));
    assert_eq!(told("this").1, told("that").1);
    assert_ne!(told("this").0, told("that").0);
}
