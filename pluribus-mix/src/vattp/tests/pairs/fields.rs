//! The pair fields, byte by byte and verdict by verdict; who is master; the numbers of a vat.

use super::super::rig::{R, key};
use super::{go, say, word};
use crate::crypto::rng::Seed;
use crate::vattp::pair::{Ids, Numbers, PairFields, Side, UNKNOWN, Verdict, Within, Word};
use crate::vattp::{Hints, Peer};
use crate::wire::Fault;

const FIELDS: PairFields = PairFields {
    word: Word {
        verdict: Verdict::Say,
        again: true,
        mine: 0x0102_0304_0506_0708,
        yours: 2,
        go: 3,
        past: UNKNOWN,
    },
    expect: 4,
    first: 5,
};

fn bytes(fields: &PairFields) -> Vec<u8> {
    let mut out = Vec::new();
    fields.encode(&mut out);
    out
}

/// VTP-19: the fields stand in their order, fifty bytes, and are read as they were written.
#[test]
fn the_fields_are_fifty_bytes_in_their_order() {
    let bytes = bytes(&FIELDS);
    let mut right = vec![4, 1, 1, 2, 3, 4, 5, 6, 7, 8];
    for n in [2_u64, 3, 4, 5, UNKNOWN] {
        right.extend(n.to_be_bytes());
    }
    assert_eq!(bytes, right);
    assert_eq!(PairFields::decode(&bytes), Ok(FIELDS));
}

/// VTP-19: values that the layout does not have, and other lengths, are refused.
#[test]
fn fields_that_the_layout_does_not_have_are_refused() {
    let fault = |bytes: &[u8]| PairFields::decode(bytes).unwrap_err().fault;
    let right = bytes(&FIELDS);
    for (place, len, value) in [(0, 1, 0), (0, 1, 5), (1, 1, 2), (26, 8, 0), (34, 8, 0)] {
        let mut wrong = right.clone();
        wrong[place..place + len].fill(value);
        assert_eq!(fault(&wrong), Fault::OutOfRange, "{place}");
    }
    assert_eq!(fault(&right[..49]), Fault::Truncated);
    assert_eq!(fault(&[&right[..], &[0]].concat()), Fault::Trailing);
}

/// VTP-19: who may say what where.
#[test]
fn each_verdict_has_its_side_and_its_message() {
    let fits = |verdict, within, side| {
        let word = word(verdict, 1, 2, 3);
        let fields = PairFields { word, ..FIELDS };
        fields.check(within, side).is_ok()
    };
    let mut fitting = Vec::new();
    for verdict in [Verdict::Go, Verdict::Dup, Verdict::Gone, Verdict::Say] {
        for within in [Within::Go, Within::GoToo] {
            for side in [Side::Master, Side::Slave] {
                if fits(verdict, within, side) {
                    fitting.push((verdict, within, side));
                }
            }
        }
    }
    let right = [
        (Verdict::Go, Within::Go, Side::Master),
        (Verdict::Go, Within::GoToo, Side::Master),
        (Verdict::Dup, Within::GoToo, Side::Master),
        (Verdict::Gone, Within::GoToo, Side::Master),
        (Verdict::Gone, Within::GoToo, Side::Slave),
        (Verdict::Say, Within::Go, Side::Slave),
        (Verdict::Say, Within::GoToo, Side::Slave),
    ];
    assert_eq!(fitting, right);
}

/// VTP-19: mine is 0 only with dup and gone; yours is not in GOTOO with go, say and gone; the go of go and dup never.
#[test]
fn what_a_verdict_speaks_of_is_there() {
    let fits = |word, within, side| PairFields { word, ..FIELDS }.check(within, side).is_ok();
    let (first, too) = (Within::Go, Within::GoToo);
    let (master, slave) = (Side::Master, Side::Slave);
    for (word, within, side, right) in [
        (go(1, 0, 3), first, master, true),
        (go(0, 0, 3), first, master, false),
        (go(1, 0, 0), first, master, false),
        (go(1, 2, 3), too, master, true),
        (go(0, 2, 3), too, master, false),
        (go(1, 0, 3), too, master, false),
        (go(1, 2, 0), too, master, false),
        (say(1, 0, 0), first, slave, true),
        (say(0, 2, 3), first, slave, false),
        (say(1, 2, 0), too, slave, true),
        (say(1, 0, 3), too, slave, false),
        (say(0, 2, 3), too, slave, false),
        (word(Verdict::Dup, 0, 0, 3), too, master, true),
        (word(Verdict::Dup, 1, 2, 0), too, master, false),
        (word(Verdict::Gone, 0, 2, 0), too, master, true),
        (word(Verdict::Gone, 1, 0, 3), too, slave, false),
    ] {
        assert_eq!(fits(word, within, side), right, "{word:?}");
    }
}

/// VTP-13, VTP-19: of two vats the one with the greater key is master, and an anonymous initiator is slave whatever its key.
#[test]
fn the_greater_key_decides_unless_it_is_anonymous() {
    let ours = key(R).public();
    let mut sides = Vec::new();
    for n in 3..40 {
        let peer = |incarnation| Peer {
            key: key(n).public(),
            incarnation,
            hints: Hints::default(),
        };
        let greater = peer(1).key.as_bytes() > ours.as_bytes();
        let right = if greater { Side::Master } else { Side::Slave };
        assert_eq!(Side::of_dialler(&peer(1), &ours), right);
        assert_eq!(Side::of(&ours, &peer(1).key), right.other());
        assert_eq!(Side::of_dialler(&peer(0), &ours), Side::Slave);
        sides.push(right);
    }
    assert!(sides.contains(&Side::Master) && sides.contains(&Side::Slave));
}

/// VTP-20: ids rise from a random start below 2⁶² in random steps of 1 to 2¹⁶, and two vats draw others.
#[test]
fn ids_rise_in_random_steps_from_a_random_start() {
    let ids = |seed: u8| Ids::new(Seed::from_bytes([seed; 32]).fork("ids"));
    let mut starts = Vec::new();
    for seed in 0..64 {
        let mut ids = ids(seed);
        let drawn: Vec<u64> = (0..1000).map(|_| ids.draw()).collect();
        assert!(drawn[0] <= (1 << 62) + (1 << 16));
        let steps: Vec<u64> = drawn.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(steps.iter().all(|step| (1..=1 << 16).contains(step)));
        let mean = steps.iter().sum::<u64>() / 999;
        assert!((1 << 14..3 << 14).contains(&mean), "a mean step of {mean}");
        starts.push(drawn[0]);
    }
    starts.sort_unstable();
    assert!(
        starts[0] < 1 << 60 && starts[63] > 3 << 60,
        "starts fill the range"
    );
    assert!(starts.windows(2).all(|pair| pair[0] != pair[1]));
}
