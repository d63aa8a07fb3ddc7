//! Links die and connections live.
//!
//! Whatever is done to links here, the two vats can reach each other again long before the deadline of VTP-40. So each of these
//! stories ends with the connection with which it began, unless it is about an end: then with one clean break.

use crate::kit::{MS, SECOND};
use crate::ledger::{Talk, seeds};
use pluribus_mix::netlayer::CloseReason;
use pluribus_mix::sim::{InFlight, Place};

const BOTH: [InFlight; 2] = [InFlight::Arrives, InFlight::Lost];

/// VTP-33, VTP-45, VTP-48, VTP-23, VTP-31: a link that is cut every second for a minute, in every way in which it can break.
#[test]
fn a_connection_lives_through_a_cut_a_second() {
    for seed in seeds() {
        let mut talk = Talk::joined(seed);
        let (jitter, chop) = (talk.up_to(40), 300 + talk.below(3000));
        talk.world.jitter_everywhere(jitter);
        talk.world.chop_everywhere(chop);
        let mut cuts = 0;
        for _ in 0..60 {
            talk.chat(SECOND);
            let (from, bytes) = (talk.below(2), talk.below(4000));
            let (there, back) = (talk.vats[from], talk.vats[1 - from]);
            let in_flight = BOTH[talk.below(2)];
            cuts += usize::from(talk.world.cut_fired(there, back).is_some());
            match talk.below(5) {
                0 => talk.world.cut(there, back),
                1 => talk.world.cut_half(there, back, back),
                _ => talk.world.cut_after(there, back, bytes, in_flight),
            }
        }
        assert!(cuts > 5, "{cuts}");
        talk.rest(60 * SECOND);
        talk.has_one_connection();
    }
}

/// One direction is cut at a byte, counted from the first that is ever sent, while both have something to say. How many
/// bytes went that way.
fn cut_at(seed: u64, way: usize, bytes: usize, in_flight: InFlight) -> usize {
    let mut talk = Talk::of(seed);
    let (from, to) = (talk.vats[way], talk.vats[1 - way]);
    talk.world.cut_after(from, to, bytes, in_flight);
    for pause in [0, 15, 35, 60, 100, 130] {
        talk.say(0, 100);
        talk.world.run_for(pause * MS);
        if talk.conn(1).is_some() {
            talk.say(1, 150);
        }
    }
    talk.rest(30 * SECOND);
    talk.has_one_connection();
    talk.world.observer().volume(from, to)
}

/// VTP-33, VTP-36, VTP-37, VTP-45, VTP-48: a cut at any byte of either direction, from the first of the first flight on, whether what
/// was in flight arrives or not. Few seeds take samples of the bytes; from 50 on it is every byte.
#[test]
fn a_cut_at_any_byte_loses_nothing() {
    let count = seeds().count();
    for (way, in_flight) in [(0, BOTH[0]), (0, BOTH[1]), (1, BOTH[0]), (1, BOTH[1])] {
        let seed = count as u64;
        let whole = cut_at(seed, way, usize::MAX, in_flight);
        let step = whole.div_ceil(30 * count).max(1);
        for bytes in (0..=whole).step_by(if count < 50 { step } else { 1 }) {
            cut_at(seed, way, bytes, in_flight);
        }
    }
}

/// VTP-28, VTP-36, VTP-37, VTP-45: a link that is dead for one end, or for both without either having been told. Whoever sees it
/// dials; if nobody sees it, whoever misses the answers to its PINGs first.
#[test]
fn a_half_open_death_loses_nothing() {
    for seed in seeds() {
        for seen_by in [Some(0), Some(1), None] {
            let mut talk = Talk::joined(seed);
            let [alice, bob] = talk.vats;
            for _ in 0..3 {
                let before = talk.up_to(2000);
                talk.chat(before);
                let place = seen_by.map_or(Place::Nowhere, |who| talk.vats[who].into());
                talk.world.cut_half(alice, bob, place);
                talk.chat(3 * SECOND);
                talk.rest(60 * SECOND);
            }
            talk.has_one_connection();
        }
    }
}

/// VTP-34, VTP-39, VTP-31: either side dies and comes back, whether its links are seen to end or not, and whoever speaks first. The
/// other is told of one end, and then they have a new connection.
#[test]
fn a_restart_is_one_clean_break() {
    for seed in seeds() {
        for (victim, silent, first) in [
            (0, false, 0),
            (1, false, 1),
            (0, true, 0),
            (0, true, 1),
            (1, true, 0),
            (1, true, 1),
        ] {
            let mut talk = Talk::joined(seed);
            let [alice, bob] = talk.vats;
            let before = talk.up_to(1000);
            talk.chat(before);
            if silent {
                talk.world.cut_half(alice, bob, Place::Nowhere);
            }
            talk.restart(victim);
            let pause = talk.up_to(300);
            talk.world.run_for(pause);
            talk.say(first, 1000);
            talk.chat(5 * SECOND);
            talk.rest(200 * SECOND);
            let told = talk.breaks(1 - victim);
            let clean = [CloseReason::Gone, CloseReason::Unreachable];
            assert!(told.len() == 1 && clean.contains(&told[0]), "{told:?}");
            assert_eq!(talk.breaks(victim), []);
            talk.can_talk();
        }
    }
}

/// VTP-29, VTP-36, VTP-37, VTP-39: one closes and dials again at once. The other is told of one end, of *gone* if CLOSE was lost, and the
/// new connection is another one.
#[test]
fn a_close_that_is_lost_is_heard_of_on_the_next_dial() {
    for seed in seeds() {
        for (closer, lost) in [(0, true), (1, true), (0, false), (1, false)] {
            let mut talk = Talk::joined(seed);
            let [alice, bob] = talk.vats;
            let before = talk.up_to(1000);
            talk.chat(before);
            talk.say(1 - closer, 2000);
            if lost {
                talk.world.cut_half(alice, bob, Place::Nowhere);
            }
            talk.close(closer);
            talk.say(closer, 500);
            talk.chat(2 * SECOND);
            talk.rest(200 * SECOND);
            let told = talk.breaks(1 - closer);
            let reason = if lost {
                CloseReason::Gone
            } else {
                CloseReason::Closed
            };
            assert_eq!(told, [reason]);
            assert_eq!(talk.breaks(closer), []);
            talk.can_talk();
        }
    }
}

/// VTP-40, VTP-48: two that cannot reach each other for two minutes are told so, each once, and a new dial makes a new connection.
#[test]
fn a_connection_without_a_link_breaks_at_its_deadline() {
    for seed in seeds() {
        for silent in [true, false] {
            let mut talk = Talk::joined(seed);
            let [alice, bob] = talk.vats;
            talk.chat(SECOND);
            talk.rest(SECOND);
            talk.world.partition(alice, bob);
            if !silent {
                talk.world.cut(alice, bob);
            }
            talk.world.run_for(100 * SECOND);
            assert_eq!([talk.breaks(0), talk.breaks(1)], [[], []]);
            talk.world.run_for(60 * SECOND);
            let unreachable = [CloseReason::Unreachable];
            assert_eq!([talk.breaks(0), talk.breaks(1)], [unreachable; 2]);
            talk.world.repair(alice, bob);
            talk.rest(SECOND);
            talk.can_talk();
        }
    }
}
