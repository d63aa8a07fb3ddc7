//! Whom failures count against, and for how long.

use super::world::name;
use crate::onion::suspicion::{DAY, Grave, LESSER, PAIRS, Strike, Suspicion, TOGETHER, WINDOW};
use crate::time::{Duration, Instant};

const NOW: Instant = Instant::from_nanos(7);

fn strike(one: Option<u8>, other: u8, grave: Grave) -> Strike {
    Strike {
        pair: (one.map(name), name(other)),
        grave,
    }
}

fn forged(one: u8, other: u8) -> Strike {
    strike(Some(one), other, Grave::Forged)
}

fn ended(one: u8, other: u8) -> Strike {
    strike(Some(one), other, Grave::Ended)
}

fn is_pair(suspicion: &Suspicion, now: Instant, one: u8, other: u8) -> bool {
    let [one, other] = [name(one), name(other)];
    let both = suspicion.is_suspect_pair(now, &one, &other);
    assert_eq!(
        both,
        suspicion.is_suspect_pair(now, &other, &one),
        "in either order"
    );
    both
}

/// ONI-17: what was forged makes a pair suspect at once, in either order, for a day, and nobody else.
#[test]
fn what_was_forged_makes_a_pair_suspect_for_a_day() {
    let mut suspicion = Suspicion::new();
    suspicion.note(NOW, forged(2, 1));
    assert!(is_pair(&suspicion, NOW, 1, 2));
    assert_eq!(suspicion.suspect_pairs(NOW), 1);
    assert_eq!(suspicion.suspect_pairs(NOW + DAY), 0);
    assert!(!is_pair(&suspicion, NOW, 1, 3) && !is_pair(&suspicion, NOW, 2, 3));
    assert!(!suspicion.is_suspect(NOW, &name(1)) && !suspicion.is_suspect(NOW, &name(2)));
    let before = NOW + (DAY - Duration::from_nanos(1));
    assert!(is_pair(&suspicion, before, 1, 2) && !is_pair(&suspicion, NOW + DAY, 1, 2));
}

/// ONI-17: what ends makes a pair suspect when it does so more than 8 times within 10 minutes.
#[test]
fn what_only_ended_counts_from_the_ninth_time_on() {
    let mut suspicion = Suspicion::new();
    let nth = |n: usize| NOW + TOGETHER * u32::try_from(n).unwrap();
    for n in 0..LESSER {
        suspicion.note(nth(n), ended(1, 2));
    }
    assert!(!is_pair(&suspicion, nth(LESSER), 1, 2));
    assert_eq!(suspicion.suspect_pairs(nth(LESSER)), 0);
    let later = nth(LESSER) + WINDOW;
    suspicion.note(later, ended(1, 2));
    assert!(
        !is_pair(&suspicion, later, 1, 2),
        "the others are too long ago"
    );
    let last = (1..LESSER).fold(later, |at, _| {
        suspicion.note(at + TOGETHER, ended(2, 1));
        at + TOGETHER
    });
    assert!(!is_pair(&suspicion, last, 1, 2));
    suspicion.note(last + TOGETHER, ended(1, 2));
    let last = last + TOGETHER;
    assert!(is_pair(&suspicion, last, 1, 2) && !is_pair(&suspicion, last + DAY, 1, 2));
}

/// ONI-17: the ten minutes move along: what is older no longer counts, though it never was quiet for so long.
#[test]
fn what_only_ended_counts_for_ten_minutes() {
    let mut suspicion = Suspicion::new();
    for minute in (0..60).step_by(2) {
        let now = NOW + Duration::from_secs(60 * minute);
        suspicion.note(now, ended(1, 2));
        assert!(!is_pair(&suspicion, now, 1, 2), "minute {minute}");
    }
}

/// ONI-17: hop 1's neighbour is the client, so such a strike counts against hop 1 alone.
#[test]
fn a_strike_beside_the_client_counts_against_the_first_hop() {
    let mut suspicion = Suspicion::new();
    suspicion.note(NOW, strike(None, 1, Grave::Forged));
    assert!(suspicion.is_suspect(NOW, &name(1)) && !suspicion.is_suspect(NOW, &name(2)));
    assert!(is_pair(&suspicion, NOW, 1, 2), "no pair with it either");
    assert!(!suspicion.is_suspect(NOW + DAY, &name(1)));
}

/// ONI-17: three partners are not enough to make a relay suspect itself, four within a day are; and the partners stay as they were.
#[test]
fn a_relay_with_more_than_three_suspect_partners_is_suspect_itself() {
    let mut suspicion = Suspicion::new();
    let hour = |n: u64| NOW + Duration::from_secs(3600 * n);
    for (n, partner) in (0..).zip([2, 3, 4, 4, 3, 2]) {
        suspicion.note(hour(n), forged(1, partner));
        suspicion.note(hour(n), strike(None, 9, Grave::Forged));
    }
    assert!(!suspicion.is_suspect(hour(5), &name(1)));
    suspicion.note(hour(6), forged(5, 1));
    assert!(suspicion.is_suspect(hour(6), &name(1)) && is_pair(&suspicion, hour(6), 1, 7));
    assert!((2..=5).all(|partner| !suspicion.is_suspect(hour(6), &name(partner))));
    assert!(!suspicion.is_suspect(hour(6) + DAY, &name(1)));
}

/// ONI-17: partners of different days do not add up.
#[test]
fn partners_of_different_days_do_not_add_up() {
    let mut suspicion = Suspicion::new();
    for partner in [2, 3] {
        suspicion.note(NOW, forged(1, partner));
    }
    for partner in [4, 5] {
        suspicion.note(NOW + DAY, forged(1, partner));
    }
    assert!(!suspicion.is_suspect(NOW + DAY, &name(1)));
}

/// ONI-17: what is remembered is bounded; what is only counted goes before what is suspect, and the oldest first.
#[test]
fn what_is_remembered_is_bounded() {
    let mut suspicion = Suspicion::new();
    suspicion.note(NOW, forged(200, 201));
    suspicion.note(NOW, ended(200, 202));
    let names: Vec<_> = (0..=100).map(name).collect();
    let pairs = names
        .iter()
        .flat_map(|one| names.iter().map(move |other| (one, other)));
    let later = NOW + Duration::from_secs(1);
    for (one, other) in pairs.filter(|(one, other)| one < other).take(PAIRS + 500) {
        let pair = (Some(*one), *other);
        suspicion.note(
            later,
            Strike {
                pair,
                grave: Grave::Ended,
            },
        );
        assert!(suspicion.pairs() <= PAIRS);
    }
    assert_eq!(suspicion.pairs(), PAIRS);
    assert!(is_pair(&suspicion, later, 200, 201));
    suspicion.note(later + WINDOW, ended(1, 2));
    assert_eq!(suspicion.pairs(), 2, "what no longer counts is forgotten");
}

/// PAC-18: nine short batches within a thousand quanta make a neighbour suspect for a day, also if they came at one moment; eight do not, nor do nine
/// that are further apart.
#[test]
fn short_batches_count_one_by_one() {
    let quantum = Duration::from_millis(50);
    let short = strike(None, 1, Grave::Short(quantum));
    let noted = |apart: Duration, count: u32| {
        let mut suspicion = Suspicion::new();
        (0..count).for_each(|n| suspicion.note(NOW + apart * n, short));
        let last = NOW + apart * (count - 1);
        assert!(!suspicion.is_suspect(last, &name(2)));
        assert!(!suspicion.is_suspect(last + DAY, &name(1)));
        assert_eq!(
            suspicion.suspects(last) == 1,
            suspicion.is_suspect(last, &name(1))
        );
        suspicion.is_suspect(last, &name(1))
    };
    for apart in [0, 1, 50, 6249] {
        let apart = Duration::from_millis(apart);
        assert!(!noted(apart, 8) && noted(apart, 9), "{apart:?}");
    }
    assert!(!noted(quantum * 125, 100));
}
