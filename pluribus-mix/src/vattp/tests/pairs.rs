//! The pair fields, each of them wrong. (VTP-19, VTP-20)

use super::puppet::{Answer, Ask, Claim, fields};
use super::rig::{I, R, Stand, initiator, key, responder, wanted};
use crate::crypto::rng::Seed;
use crate::vattp::pair::{Ids, PairFields, Side, UNKNOWN, Verdict};
use crate::vattp::{Peer, Use, Violation};
use crate::wire::Fault;

/// Fields that differ from `right` in one place, each of which no first meeting can have.
fn wrong(right: &PairFields) -> Vec<PairFields> {
    let mut all = Vec::new();
    for verdict in [Verdict::Go, Verdict::Dup, Verdict::Gone, Verdict::Say] {
        all.push(PairFields { verdict, ..*right });
    }
    all.retain(|fields| fields.verdict != right.verdict);
    all.extend([
        PairFields {
            again: true,
            ..*right
        },
        PairFields {
            yours: right.yours ^ 1,
            ..*right
        },
        PairFields {
            go: if right.go == 0 { 1 } else { 0 },
            ..*right
        },
        PairFields {
            expect: 2,
            ..*right
        },
        PairFields { first: 2, ..*right },
        PairFields { past: 0, ..*right },
        PairFields {
            past: UNKNOWN - 1,
            ..*right
        },
    ]);
    all
}

/// Bytes that differ from `right` in one field whose value the layout does not have; and bytes of another length.
fn malformed(right: &PairFields) -> Vec<(Vec<u8>, Fault)> {
    let bytes = fields(right);
    let with = |place: usize, len: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[place..place + len].fill(value);
        (bytes, Fault::OutOfRange)
    };
    vec![
        with(0, 1, 0),
        with(0, 1, 5),
        with(0, 1, 255),
        with(1, 1, 2),
        with(1, 1, 255),
        with(2, 8, 0),
        with(26, 8, 0),
        with(34, 8, 0),
        (bytes[..49].to_vec(), Fault::Truncated),
        ([&bytes[..], &[0]].concat(), Fault::Trailing),
    ]
}

/// R after this GO, from `dialler`.
fn went(dialler: u8, pair: Vec<u8>) -> Stand {
    let mut r = responder(Use::Vat);
    let (flight, asked) = Ask::honest(wanted(Use::Vat)).flight();
    r.hear(&flight);
    let mut claim = Claim::honest(&key(dialler), key(R).public());
    claim.pair = pair;
    let flight = asked.hear(&r.says()).give(&claim).0;
    r.hear(&flight);
    assert_eq!(r.says().is_empty(), matches!(r.stand(), Stand::Refused(_)));
    r.stand()
}

/// Numbers of keys greater and smaller than R's.
fn greater_and_smaller() -> [u8; 2] {
    let r = key(R).public();
    let find = |side| {
        (3..99)
            .find(|n| Side::of(&key(*n).public(), &r) == side)
            .unwrap()
    };
    [find(Side::Master), find(Side::Slave)]
}

/// VTP-19: R takes a GO that says what a first meeting says, from the greater key as master and from the smaller as slave,
/// and nothing else.
#[test]
fn a_go_that_no_first_meeting_can_say_is_refused() {
    for (dialler, side) in greater_and_smaller()
        .into_iter()
        .zip([Side::Master, Side::Slave])
    {
        let right = PairFields::go(side, 7, 9);
        assert!(matches!(went(dialler, fields(&right)), Stand::Open(_)));
        for wrong in wrong(&right) {
            let stand = went(dialler, fields(&wrong));
            assert_eq!(stand, Stand::Refused(Violation::PairFields), "{wrong:?}");
        }
        let other = PairFields::go(side.other(), 7, 9);
        assert_eq!(
            went(dialler, fields(&other)),
            Stand::Refused(Violation::PairFields)
        );
        for (bytes, fault) in malformed(&right) {
            assert_eq!(PairFields::decode(&bytes).unwrap_err().fault, fault);
            if bytes.len() == PairFields::LEN {
                let stand = went(dialler, bytes);
                assert!(
                    matches!(stand, Stand::Refused(Violation::Malformed(_))),
                    "{stand:?}"
                );
            }
        }
    }
}

/// I after this GOTOO, which is made of what GO said.
fn answered(make: impl FnOnce(&PairFields) -> Vec<u8>) -> Stand {
    let mut i = initiator(Use::Vat);
    let (flight, puppet) = Answer::honest(&key(R)).to(&i.says());
    i.hear(&flight);
    let (_, go, mut held) = puppet.hear(&i.says());
    let said = PairFields::decode(&go[..50]).unwrap();
    assert_eq!(
        said,
        PairFields::go(Side::of(&key(I).public(), &key(R).public()), 11, 12)
    );
    i.hear(&held.record(&make(&said)));
    i.stand()
}

/// VTP-19: I takes a GOTOO that answers its GO and nothing else.
#[test]
fn a_gotoo_that_does_not_answer_the_go_is_refused() {
    let right = |said: &PairFields| PairFields::go_too(said.side().other(), 7, 9, said);
    assert!(matches!(
        answered(|said| fields(&right(said))),
        Stand::Open(_)
    ));
    let count = wrong(&PairFields::go(Side::Master, 1, 1)).len();
    for n in 0..count {
        let stand = answered(|said| fields(&wrong(&right(said))[n]));
        assert_eq!(stand, Stand::Refused(Violation::PairFields), "{n}");
    }
    for n in 0..8 {
        let stand = answered(|said| malformed(&right(said))[n].0.clone());
        assert!(
            matches!(stand, Stand::Refused(Violation::Malformed(_))),
            "{n} {stand:?}"
        );
    }
}

/// VTP-19: what GOTOO may say to a master and to a slave: the slave repeats the master's go number, and no other.
#[test]
fn the_go_number_is_the_masters() {
    for side in [Side::Master, Side::Slave] {
        let said = PairFields::go(side.other(), 5, 6);
        let right = PairFields::go_too(side, 7, 9, &said);
        assert_eq!(right.check_go_too(side, &said), Ok(()));
        assert_eq!(
            (right.yours, right.go),
            (5, if side == Side::Slave { 6 } else { 9 })
        );
        for wrong in wrong(&right) {
            let refused = wrong.check_go_too(side, &said);
            assert_eq!(refused, Err(Violation::PairFields), "{wrong:?}");
        }
        let another = PairFields { go: 1234, ..right };
        let fine = another.check_go_too(side, &said).is_ok();
        assert_eq!(fine, side == Side::Master);
        assert!(right.check_go_too(side.other(), &said).is_err());
    }
}

/// VTP-13, VTP-19: an anonymous initiator is slave whatever its key.
#[test]
fn an_anonymous_initiator_is_slave() {
    let r = key(R).public();
    for n in greater_and_smaller() {
        let peer = |incarnation| Peer {
            key: key(n).public(),
            incarnation,
            hints: crate::vattp::Hints::default(),
        };
        assert_eq!(Side::of_dialler(&peer(0), &r), Side::Slave);
        assert_eq!(
            Side::of_dialler(&peer(1), &r),
            Side::of(&key(n).public(), &r)
        );
    }
    let [greater, smaller] = greater_and_smaller().map(|n| key(n).public());
    assert!(greater.as_bytes() > r.as_bytes() && r.as_bytes() > smaller.as_bytes());
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
