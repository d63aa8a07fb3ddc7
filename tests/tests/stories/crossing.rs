//! Both dial at once, and have one connection.

use crate::kit::{MS, SECOND};
use crate::ledger::{Talk, seeds};
use pluribus_mix::time::Duration;

/// One of them dials and says something, the other does so `offset` later, and both go on talking.
fn crossed(mut talk: Talk, first: usize, offset: Duration) {
    talk.say(first, 100);
    talk.say(first, 5000);
    talk.world.run_for(offset);
    talk.say(1 - first, 5000);
    talk.say(1 - first, 100);
    talk.chat(2 * SECOND);
    talk.rest(30 * SECOND);
    talk.has_one_connection();
}

/// VTP-33, VTP-35, VTP-36, VTP-37, VTP-38: dials at the same moment, in the middle of the other's handshake and just after it,
/// on short ways and on long ones: one connection at either side, and all that was said on it is heard.
#[test]
fn crossed_dials_make_one_connection() {
    for seed in seeds() {
        for offset in [0, 50, 400] {
            for latency in [10, 50, 150] {
                for first in [0, 1] {
                    let mut talk = Talk::of(seed);
                    talk.world.latency_everywhere(latency * MS);
                    crossed(talk, first, offset * MS);
                }
            }
        }
    }
}

/// VTP-33, VTP-36, VTP-37, VTP-38: whatever the delays of the dials and of the wire.
#[test]
fn dials_that_cross_at_random_make_one_connection() {
    for seed in seeds() {
        for round in 0..8 {
            let mut talk = Talk::of(seed * 8 + round);
            let (latency, jitter, offset) = (talk.up_to(200), talk.up_to(100), talk.up_to(900));
            talk.world.latency_everywhere(latency);
            talk.world.jitter_everywhere(jitter);
            let chop = talk.below(2000);
            talk.world.chop_everywhere(chop);
            let first = talk.below(2);
            crossed(talk, first, offset);
        }
    }
}

/// VTP-33: who dials a vat with which it has a connection, or is about to have one, has that one.
#[test]
fn who_dials_again_has_the_same_connection() {
    for seed in seeds() {
        let mut talk = Talk::of(seed);
        let [alice, bob] = talk.vats;
        let conn = talk.world.dial(alice, bob).unwrap();
        assert_eq!(talk.world.dial(alice, bob), Ok(conn));
        assert!(talk.world.run_until_quiet());
        assert_eq!(talk.world.dial(alice, bob), Ok(conn));
        let back = talk.world.connection(bob, alice).unwrap();
        assert_eq!(talk.world.dial(bob, alice), Ok(back));
        talk.can_talk();
        talk.has_one_connection();
    }
}
