//! Breaks: at a byte, and for one end only.

use super::{MS, at, linked, linked_in};
use crate::sim::{Direction, Fault, InFlight, LinkNo, News, Place, RawId, World};
use crate::time::{Duration, Instant};

/// What a host has noticed of a link.
fn news(world: &mut World, host: RawId, link: LinkNo) -> Vec<News> {
    let host = world.raw(host);
    let of = host.events().iter().filter(|event| event.link == link);
    of.map(|event| event.news).collect()
}

fn both_lost_at(world: &mut World, a: RawId, b: RawId, link: LinkNo) -> Option<Instant> {
    let (hers, his) = (world.raw(a).lost_at(link), world.raw(b).lost_at(link));
    assert_eq!(hers, his);
    hers
}

/// `a` says thirteen bytes in three pieces, two of them after the first has arrived, and `b` answers between; the
/// direction from `a` is cut after `bytes`. When that was, and what came.
fn cut_in_a_talk(bytes: usize, in_flight: InFlight) -> (Option<Instant>, Vec<u8>) {
    let (mut world, a, b, link) = linked(20);
    world.chop(a, b, 3);
    world.cut_after(a, b, bytes, in_flight);
    let _ = world.raw(a).send(link, *b"one ");
    world.run_for(5 * MS);
    let _ = world.raw(b).send(link, *b"back");
    world.run_for(7 * MS);
    let _ = world.raw(a).send(link, *b"two ");
    world.run_for(2 * MS);
    let _ = world.raw(a).send(link, *b"three");
    assert!(world.run_until_quiet());
    let cut = both_lost_at(&mut world, a, b, link);
    assert_eq!(world.cut_fired(a, b), cut.map(|_| link));
    let answer = world.raw(a).take(link);
    assert_eq!(answer, if cut.is_none() { &b"back"[..] } else { b"" });
    (cut, world.raw(b).take(link))
}

#[test]
fn before_the_byte_of_the_cut_all_arrives_and_behind_it_nothing() {
    let said = b"one two three";
    for bytes in 0..=said.len() {
        let moment = [20, 32, 34][usize::from(bytes > 4) + usize::from(bytes > 8)];
        let arrived = cut_in_a_talk(bytes, InFlight::Arrives);
        assert_eq!(arrived, (Some(at(moment)), said[..bytes].to_vec()));
        let delivered: &[u8] = if moment == 20 { b"" } else { b"one " };
        let lost = cut_in_a_talk(bytes, InFlight::Lost);
        assert_eq!(lost, (Some(at(moment)), delivered.to_vec()));
    }
    let never = cut_in_a_talk(said.len() + 1, InFlight::Lost);
    assert_eq!(never, (None, said.to_vec()));
}

#[test]
fn a_cut_counts_over_all_links_of_its_direction_and_breaks_one_once() {
    let (mut world, a, b, first) = linked(21);
    let second = world.raw(b).open(a);
    world.run_for(20 * MS);
    world.cut_after(a, b, 10, InFlight::Arrives);
    world.raw(b).send(first, *b"does not count").unwrap();
    world.raw(a).send(first, *b"sixsix").unwrap();
    world.run_for(MS);
    assert_eq!(world.cut_fired(a, b), None);
    world.raw(a).send(second, *b"fourtwo").unwrap();
    world.run_for(MS);
    assert_eq!(world.cut_fired(a, b), Some(second));
    assert_eq!(world.cut_fired(b, a), None);
    world
        .raw(a)
        .send(first, *b" and as much as you like")
        .unwrap();
    assert!(world.run_until_quiet());
    assert_eq!(world.raw(b).take(second), b"four");
    assert_eq!(world.raw(b).take(first), b"sixsix and as much as you like");
    assert_eq!(both_lost_at(&mut world, a, b, second), Some(at(41)));
    assert_eq!(both_lost_at(&mut world, a, b, first), None);
}

#[test]
fn behind_the_cut_nothing_goes_on_even_at_the_same_moment() {
    let (mut world, a, b, link) = linked(22);
    world.cut_after(a, b, 4, InFlight::Arrives);
    world.raw(a).send(link, *b"four").unwrap();
    // Neither has been told yet.
    world.raw(a).send(link, *b"more").unwrap();
    world.raw(b).send(link, *b"back").unwrap();
    world.raw(a).close(link);
    world.run_for(Duration::ZERO);
    assert_eq!(world.raw(b).lost_at(link), Some(at(20)));
    assert!(world.run_until_quiet());
    assert_eq!(world.raw(b).take(link), b"four");
    assert_eq!(world.raw(a).take(link), b"");
    assert_eq!(
        world.raw(a).lost_at(link),
        None,
        "it closed the link itself"
    );
}

#[test]
fn a_cut_of_a_link_that_is_being_opened_lets_the_ask_arrive_first() {
    let (mut world, a, b, _) = linked(23);
    for (in_flight, heard) in [(InFlight::Arrives, 3), (InFlight::Lost, 0)] {
        world.cut_after(a, b, 2, in_flight);
        let link = world.raw(a).open(b);
        world.raw(a).send(link, *b"hello").unwrap();
        assert!(world.run_until_quiet());
        let from = Place::Raw(a);
        let length = 2;
        let all = [News::Accepted { from }, News::Came { length }, News::Lost];
        assert_eq!(news(&mut world, b, link), all[..heard]);
        assert_eq!(news(&mut world, a, link), [News::Lost]);
    }
}

#[test]
fn what_waits_at_the_door_does_not_arrive_with_a_cut() {
    let (mut world, a, b, link) = linked(24);
    world.hold(a, b);
    world.raw(a).send(link, *b"waits").unwrap();
    world.run_for(20 * MS);
    world.cut_after(a, b, 5, InFlight::Arrives);
    world.raw(a).send(link, *b"flies").unwrap();
    world.run_for(MS);
    assert_eq!(both_lost_at(&mut world, a, b, link), Some(at(40)));
    world.release(a, b);
    assert!(world.run_until_quiet());
    assert_eq!(world.raw(b).take(link), b"");
}

#[test]
fn a_half_cut_is_seen_by_one_end_and_the_other_talks_into_nothing() {
    for one_sees in [Direction::Out, Direction::Back] {
        let (mut world, a, b, link) = linked(25);
        let c = world.raw_host("c");
        let elsewhere = world.raw(a).open(c);
        let (sees, other) = match one_sees {
            Direction::Out => (a, b),
            Direction::Back => (b, a),
        };
        world.raw(a).send(link, *b"on its way").unwrap();
        world.raw(b).send(link, *b"this too").unwrap();
        world.cut_half(a, b, sees);
        assert_eq!(world.raw(sees).lost_at(link), Some(at(20)));
        world.raw(other).send(link, *b"are you there?").unwrap();
        world.run_for(100_000 * MS);
        assert!(world.raw(other).holds(link) && !world.raw(sees).holds(link));
        assert_eq!(world.raw(other).lost_at(link), None);
        assert_eq!(world.raw(a).take(link), b"");
        assert_eq!(world.raw(b).take(link), b"");
        assert!(world.raw(c).holds(elsewhere));
        let again = world.raw(sees).open(other);
        world.raw(sees).send(again, *b"a new one").unwrap();
        assert!(world.run_until_quiet());
        assert_eq!(world.raw(other).take(again), b"a new one");
        world.raw(other).close(link);
        assert_eq!(world.raw(other).send(link, *b"?"), Err(Fault::NoLink));
    }
}

#[test]
fn a_half_cut_that_nobody_sees_is_told_by_a_later_cut() {
    let (mut world, a, b, link) = linked(26);
    world.cut_half(a, b, Place::Nowhere);
    world.cut_after(b, a, 3, InFlight::Arrives);
    world.partition(a, b);
    world.raw(b).send(link, *b"hello?").unwrap();
    world.repair(a, b);
    world.run_for(100_000 * MS);
    assert_eq!(world.cut_fired(b, a), None);
    assert!(world.raw(a).holds(link) && world.raw(b).holds(link));
    let now = world.now();
    world.cut(a, b);
    assert_eq!(both_lost_at(&mut world, a, b, link), Some(now));
}

#[test]
fn of_a_link_that_is_half_cut_while_it_opens_the_acceptor_never_hears() {
    for seen in [true, false] {
        let (mut world, a, b, _) = linked(27);
        let opening = world.raw(a).open(b);
        world.run_for(5 * MS);
        world.cut_half(b, a, if seen { a } else { b });
        world.run_for(1000 * MS);
        assert_eq!(news(&mut world, b, opening), []);
        assert_eq!(world.raw(a).lost_at(opening), seen.then_some(at(25)));
        assert_eq!(world.raw(a).holds(opening), !seen);
        world.raw(a).close(opening);
        assert_eq!(world.links.len(), 1, "it is forgotten when nobody holds it");
    }
}

#[test]
fn a_world_with_cuts_told_twice_is_the_same() {
    let told = |seed| {
        let weather = |world: &mut World, a, b| {
            world.jitter(a, b, 9 * MS);
            world.chop(a, b, 5);
        };
        let (mut world, a, b, mut link) = linked_in(seed, weather);
        let [alice, bob] = world.vats(["alice", "bob"]);
        world.jitter_everywhere(20 * MS);
        let mut fired = 0;
        for round in 0..20 {
            world.cut_after(a, b, 7 * round, InFlight::Arrives);
            world.cut_after(alice, bob, 300 * round, InFlight::Lost);
            world.cut_after(bob, alice, 500 * round, InFlight::Arrives);
            let _ = world.raw(a).send(link, *b"some bytes");
            let _ = world.say(alice, bob, "hello");
            world.run_for(60 * MS);
            fired += usize::from(world.cut_fired(alice, bob).is_some());
            if !world.raw(a).holds(link) {
                link = world.raw(a).open(b);
            }
            if round % 5 == 4 {
                world.cut_half(alice, bob, bob);
            }
        }
        assert!(fired > 2, "{fired}");
        (
            world.observer().transcript_hash(),
            world.raw(b).events().to_vec(),
        )
    };
    let (once, again, other) = (told(28), told(28), told(29));
    assert!(once == again && once.0 != other.0 && once.1 != other.1);
}
