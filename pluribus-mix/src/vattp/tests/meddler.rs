//! Somebody on the wire who changes, drops, doubles, swaps, replays, reflects and relays.
//!
//! What must hold whatever it does: two ends that are open have the same channel binding; an end that sees a change breaks
//! off with one named violation and says nothing more; an end that sees too little waits.

use super::puppet::{items, lp};
use super::rig::{
    End, Honest, I, R, Stand, exchange, hosted, initiator, key, local, responder, wanted,
};
use crate::ablation::{Check, without};
use crate::vattp::flight::IWANT_LEN;
use crate::vattp::pipe::RECORD_LEN;
use crate::vattp::{Offers, Use, Violation};
use proptest::prelude::*;
use std::thread;

const USES: [Use; 3] = [Use::Link, Use::Exit, Use::Vat];

/// Runs `each` for every number below `count`, on all the cores there are.
fn on_all_cores(count: usize, each: impl Fn(usize) + Sync) {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let each = &each;
    thread::scope(|scope| {
        for core in 0..cores {
            scope.spawn(move || (core..count).step_by(cores).for_each(each));
        }
    });
}

/// Flips every bit of flight `n`; `expected` says what becomes of its receiver when the bit lies in this byte. A receiver
/// that broke off or waits must have said nothing.
fn flip_every_bit(n: usize, expected: impl Fn(&Honest, usize, &[u8]) -> Vec<Stand> + Sync) {
    let honest = Honest::new(Use::Vat);
    let flight = &honest.flights[n - 1];
    on_all_cores(flight.len() * 8, |bit| {
        let (place, mut changed) = (bit / 8, flight.clone());
        changed[place] ^= 1 << (bit % 8);
        let mut end = honest.before(n);
        end.hear(&changed);
        let (stand, said) = (end.stand(), end.says());
        let fine = expected(&honest, place, &changed);
        assert!(
            fine.contains(&stand),
            "bit {bit} of flight {n}: {stand:?}, not {fine:?}"
        );
        if !matches!(stand, Stand::Open(_)) {
            assert_eq!(said, b"", "bit {bit} of flight {n}");
        }
    });
}

/// VTP-1, VTP-2, VTP-4, VTP-17: any bit of flight 1 changed, and R is silent.
#[test]
fn flight_1_with_any_bit_flipped_is_met_with_silence() {
    flip_every_bit(1, |honest, place, changed| {
        let len = honest.flights[0].len() - 2;
        let said = usize::from(u16::from_be_bytes([changed[0], changed[1]]));
        match place {
            0..2 if !IWANT_LEN.contains(&said) => vec![Stand::Refused(Violation::Length)],
            0..2 if said > len => vec![Stand::Waits("IWANT")],
            0..2 => vec![malformed("target", crate::wire::Fault::Truncated)],
            2..9 => {
                let offers = Offers::decode(&mut crate::wire::Reader::new(&changed[2..]));
                let iwant = crate::vattp::flight::IWant::decode(&changed[2..]);
                assert!(offers.is_ok() || iwant.is_err());
                vec![Stand::Refused(match iwant {
                    Ok(_) => Violation::NotForUs,
                    Err(error) => error.into(),
                })]
            }
            _ => vec![Stand::Refused(Violation::NotForUs)],
        }
    });
}

fn malformed(field: &'static str, fault: crate::wire::Fault) -> Stand {
    Stand::Refused(crate::wire::DecodeError::new(field, fault).into())
}

/// VTP-1, VTP-3, VTP-7, VTP-8, VTP-10: any bit of flight 2 changed, and I says nothing of itself.
#[test]
fn flight_2_with_any_bit_flipped_ends_the_dial_without_a_word() {
    flip_every_bit(2, |honest, place, _| {
        let reply = honest.bounds(2)[1];
        vec![Stand::Refused(match place {
            _ if place < 2 || (reply..reply + 2).contains(&place) => Violation::Length,
            2..5 => Violation::NotOffered,
            _ => Violation::Unsealed,
        })]
    });
}

/// VTP-1, VTP-8, VTP-12, VTP-21: any bit of flight 3 changed, and R does not answer; if it is a bit of a record behind GO, R
/// is open with the channel binding of the handshake that nobody touched, and breaks off at that record.
#[test]
fn flight_3_with_any_bit_flipped_proves_nobody() {
    flip_every_bit(3, |honest, place, changed| {
        let [_, go, record, _] = honest.bounds(3)[..] else {
            panic!("GIVEINFO, GO, a record");
        };
        let broke = |violation| vec![Stand::Broke(honest.exporter, violation)];
        let refused = |violation| vec![Stand::Refused(violation)];
        if place < 2 || (go..go + 2).contains(&place) {
            return refused(Violation::Length);
        }
        if place < record {
            return refused(Violation::Unsealed);
        }
        let said = usize::from(u16::from_be_bytes([changed[record], changed[record + 1]]));
        match said {
            _ if !RECORD_LEN.contains(&said) => broke(Violation::Length),
            _ if said > changed.len() - record - 2 => vec![Stand::Open(honest.exporter)],
            _ => broke(Violation::Record),
        }
    });
}

/// VTP-15, VTP-21: any bit of R's record 0 changed, and I does not open.
#[test]
fn flight_4_with_any_bit_flipped_opens_nothing() {
    flip_every_bit(4, |honest, _, changed| {
        let said = usize::from(u16::from_be_bytes([changed[0], changed[1]]));
        vec![match said {
            _ if !RECORD_LEN.contains(&said) => Stand::Refused(Violation::Length),
            _ if said > honest.flights[3].len() - 2 => Stand::Waits("GOTOO"),
            _ => Stand::Refused(Violation::Record),
        }]
    });
}

/// VTP-1, VTP-15: a flight cut anywhere leaves its receiver waiting for the item that is not whole; what has come is
/// neither refused nor believed. Cut to nothing, it was dropped.
#[test]
fn a_flight_cut_anywhere_leaves_its_receiver_waiting() {
    let honest = Honest::new(Use::Vat);
    let awaited: [&[&str]; 4] = [
        &["IWANT"],
        &["IAM", "REPLYINFO"],
        &["GIVEINFO", "GO"],
        &["GOTOO"],
    ];
    for n in 1..=4 {
        let (flight, bounds) = (&honest.flights[n - 1], honest.bounds(n));
        on_all_cores(flight.len(), |len| {
            let whole = bounds[1..].iter().filter(|end| **end <= len).count();
            let mut end = honest.before(n);
            end.hear(&flight[..len]);
            let expected = match awaited[n - 1].get(whole) {
                Some(item) => Stand::Waits(item),
                None => Stand::Open(honest.exporter),
            };
            assert_eq!(end.stand(), expected, "flight {n} cut to {len}");
            if expected != Stand::Open(honest.exporter) {
                assert_eq!(end.says(), b"", "flight {n} cut to {len}");
            }
        });
    }
}

/// VTP-1, VTP-15: a flight that comes twice breaks the end that hears it, once with its own copy and once by itself.
#[test]
fn a_doubled_flight_breaks_its_receiver() {
    let honest = Honest::new(Use::Vat);
    let exporter = honest.exporter;
    let expected = [
        Stand::Refused(Violation::Length),
        Stand::Refused(Violation::Record),
        Stand::Broke(exporter, Violation::Record),
        Stand::Broke(exporter, Violation::Record),
    ];
    for n in 1..=4 {
        let flight = &honest.flights[n - 1];
        let mut together = honest.before(n);
        together.hear(&[&flight[..], flight].concat());
        assert_eq!(together.stand(), expected[n - 1], "flight {n}");
        assert_eq!(together.says(), b"", "flight {n}");
        let mut apart = honest.before(n);
        apart.hear(flight);
        apart.says();
        apart.hear(flight);
        assert_eq!(apart.stand(), expected[n - 1], "flight {n}");
        assert_eq!(apart.says(), b"", "flight {n}");
    }
}

/// VTP-1: the items of a flight in another order are refused for their lengths; so is one that is left out.
#[test]
fn items_in_another_order_are_refused() {
    let honest = Honest::new(Use::Vat);
    for n in [2, 3] {
        let items = items(&honest.flights[n - 1]);
        let joined = |order: &[usize]| -> Vec<u8> {
            order.iter().flat_map(|place| lp(&items[*place])).collect()
        };
        for order in [&[1, 0, 2][..items.len()], &[1], &[0, 0, 1]] {
            let mut end = honest.before(n);
            end.hear(&joined(order));
            let stand = end.stand();
            assert_eq!(
                stand,
                Stand::Refused(Violation::Length),
                "flight {n}, {order:?}"
            );
            assert_eq!(end.says(), b"");
        }
    }
    let last = items(&honest.flights[2]);
    let mut end = honest.before(3);
    end.hear(&[lp(&last[0]), lp(&last[2])].concat());
    assert_eq!(end.stand(), Stand::Refused(Violation::Length), "no GO");
}

/// VTP-8, VTP-21: what an end has said comes back to it: the other direction has other keys, and other lengths.
#[test]
fn a_reflected_flight_is_refused_by_who_said_it() {
    let honest = Honest::new(Use::Vat);
    let reflected = |n: usize| {
        // Who said flight n waits for the one after it.
        let mut end = honest.before(n + 1);
        end.hear(&honest.flights[n - 1]);
        assert_eq!(end.says(), b"");
        end.stand()
    };
    assert_eq!(reflected(1), Stand::Refused(Violation::Length));
    assert_eq!(reflected(2), Stand::Refused(Violation::Length));
    assert_eq!(reflected(3), Stand::Refused(Violation::Record));
    let mut r = honest.before(3);
    r.hear(&honest.flights[2]);
    let own = r.says();
    r.hear(&own);
    let broke = Stand::Broke(honest.exporter, Violation::Record);
    assert_eq!((own == honest.flights[3], r.stand()), (true, broke));
}

/// VTP-5, VTP-7, VTP-8, VTP-14: every flight of one handshake is worthless in another of the same two.
#[test]
fn a_flight_replayed_into_another_handshake_is_refused() {
    let honest = Honest::new(Use::Vat);
    let refused = [
        Violation::Replayed,
        Violation::Unsealed,
        Violation::Unsealed,
        Violation::Record,
    ];
    for n in 1..=4 {
        let mut earlier = responder(Use::Vat);
        exchange(&mut initiator(Use::Vat), &mut earlier, |_, bytes| bytes);
        let mut r = earlier.next_link();
        let mut i = End::dials(wanted(Use::Vat), local(I), Offers::default(), 77);
        let stands = exchange(&mut i, &mut r, |m, bytes| {
            if m == n {
                honest.flights[n - 1].clone()
            } else {
                bytes
            }
        });
        let (receiver, other) = if n % 2 == 0 { (0, 1) } else { (1, 0) };
        assert_eq!(
            stands[receiver],
            Stand::Refused(refused[n - 1]),
            "flight {n}"
        );
        let open = matches!(stands[other], Stand::Open(_));
        assert_eq!(
            open,
            n == 4,
            "R opens on GO, I on nothing but GOTOO: {stands:?}"
        );
    }
}

/// VTP-1, VTP-4: a flight carried from one use to another, though one key answers for all three, is met with silence; the
/// control shows that R would answer, and that the transcript would then still keep the two apart.
#[test]
fn a_flight_carried_from_one_use_to_another_is_not_answered() {
    for (from, to) in USES.iter().flat_map(|from| USES.map(|to| (*from, to))) {
        let met = || exchange(&mut initiator(from), &mut responder(to), |_, bytes| bytes);
        let stands = met();
        if from == to {
            assert!(matches!(stands, [Stand::Open(i), Stand::Open(r)] if i == r));
            continue;
        }
        let silence = Stand::Refused(Violation::NotForUs);
        assert_eq!(stands, [Stand::Waits("IAM"), silence], "{from:?} to {to:?}");
        let answered = without(Check::Target, met);
        let apart = Stand::Refused(Violation::Unsealed);
        assert_eq!(
            answered,
            [apart, Stand::Waits("GIVEINFO")],
            "{from:?} to {to:?}"
        );
    }
}

/// VTP-1, VTP-4: later flights of one use are worthless in another, too.
#[test]
fn later_flights_of_one_use_are_refused_in_another() {
    let honest = USES.map(Honest::new);
    for (from, to) in (0..3).flat_map(|from| (0..3).map(move |to| (from, to))) {
        for n in 2..=4 {
            let mut end = honest[to].before(n);
            end.hear(&honest[from].flights[n - 1]);
            let refused = if n == 4 {
                Violation::Record
            } else {
                Violation::Unsealed
            };
            let expected = match n {
                _ if from != to => Stand::Refused(refused),
                2 => Stand::Waits("GOTOO"),
                _ => Stand::Open(honest[to].exporter),
            };
            assert_eq!(end.stand(), expected, "flight {n}, {from} to {to}");
        }
    }
}

/// VTP-4: whoever dials another place of the same vat, or the same place for another vat, is met with silence.
#[test]
fn another_place_and_another_vat_are_not_answered() {
    let silence = [Stand::Waits("IAM"), Stand::Refused(Violation::NotForUs)];
    let meets = |change: &dyn Fn(&mut crate::vattp::target::Wanted)| {
        let mut wanted = wanted(Use::Vat);
        change(&mut wanted);
        let mut i = End::dials(wanted, local(I), Offers::default(), 5);
        exchange(&mut i, &mut End::hosts(hosted(Use::Vat), 6), |_, bytes| {
            bytes
        })
    };
    let other = key(9).public();
    assert_eq!(
        meets(&|wanted| wanted.place = b"127.0.0.1:2".to_vec()),
        silence
    );
    assert_eq!(meets(&|wanted| wanted.place = Vec::new()), silence);
    assert_eq!(meets(&|wanted| wanted.key = other), silence);
    assert_eq!(meets(&|wanted| wanted.prekey = other.mapped()), silence);
    assert!(matches!(meets(&|_| ()), [Stand::Open(_), Stand::Open(_)]));
    let second = meets(&|wanted| wanted.place = b"elsewhere".to_vec());
    assert!(
        matches!(second, [Stand::Open(_), Stand::Open(_)]),
        "each place answers"
    );
}

/// What may be done with a flight.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Pass,
    Drop,
    Double,
    /// The same flight of another handshake between the two.
    Swap,
    /// Another flight of this handshake.
    Misplace(usize),
    Cut(usize),
    Flip(usize),
    /// Other bytes of the same length.
    Noise(u8),
}

impl Deed {
    fn to(self, n: usize, flight: Vec<u8>, others: &[Vec<u8>; 4], said: &[Vec<u8>]) -> Vec<u8> {
        let mut changed = flight.clone();
        match self {
            Self::Pass => flight,
            Self::Drop => Vec::new(),
            Self::Double => flight.repeat(2),
            Self::Swap => others[n - 1].clone(),
            Self::Misplace(which) => said[which % said.len()].clone(),
            Self::Cut(len) => flight[..len % (flight.len() + 1)].to_vec(),
            Self::Flip(_) if flight.is_empty() => flight,
            Self::Flip(bit) => {
                changed[bit / 8 % flight.len()] ^= 1 << (bit % 8);
                changed
            }
            Self::Noise(byte) => vec![byte; flight.len()],
        }
    }
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        8 => Just(Deed::Pass),
        1 => Just(Deed::Drop),
        1 => Just(Deed::Double),
        1 => Just(Deed::Swap),
        1 => any::<usize>().prop_map(Deed::Misplace),
        1 => any::<usize>().prop_map(Deed::Cut),
        1 => any::<usize>().prop_map(Deed::Flip),
        1 => any::<u8>().prop_map(Deed::Noise),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    /// VTP-1, VTP-12, VTP-14, VTP-15, VTP-17: whatever is done with any of the flights, who is open has the peer it believes
    /// to have, its channel binding and its use; I is open only if R is; and who refused says nothing more.
    #[test]
    fn whatever_is_done_open_ends_agree(
        deeds in [deed(), deed(), deed(), deed()],
        uses in [0..3_usize, 0..3],
    ) {
        let others = Honest::new(Use::Vat).flights;
        let mut i = End::dials(wanted(USES[uses[0]]), local(I), Offers::default(), 31);
        let mut r = End::hosts(hosted(USES[uses[1]]), 32);
        let mut said = Vec::new();
        let stands = exchange(&mut i, &mut r, |n, flight| {
            said.push(flight.clone());
            deeds[n - 1].to(n, flight, &others, &said)
        });
        let exporter = |stand| match stand {
            Stand::Open(exporter) | Stand::Broke(exporter, _) => Some(exporter),
            Stand::Waits(_) | Stand::Refused(_) => None,
        };
        let [at_i, at_r] = stands.map(exporter);
        prop_assert!(at_i.is_none() || at_i == at_r, "{stands:?}");
        prop_assert!(at_r.is_none() || uses[0] == uses[1], "{stands:?}");
        let honest = i.peer.iter().all(|peer| peer.key == key(R).public())
            && r.peer.iter().all(|peer| peer.key == key(I).public());
        prop_assert!(honest);
        for (end, stand) in [&mut i, &mut r].into_iter().zip(stands) {
            if matches!(stand, Stand::Refused(_) | Stand::Broke(..)) {
                end.hear(&others[0]);
                prop_assert!(end.says().is_empty());
            }
        }
    }
}
