//! Nobody interferes.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::rig::{Path, text};
use crate::crypto::aead::{Aead, Backend, Key};
use crate::crypto::kdf::{Label, Secret};
use crate::onion::cipher::{ERA, HopCipher, Role};
use crate::onion::layers::NoSuchHop;
use crate::onion::{CELL, Cell, MAX_HOPS, SLOT, SLOTS, payload};

/// The role that `hop` of a path can have besides relay.
fn role(hop: usize, hops: usize) -> Role {
    match hop == hops {
        true => Role::Through,
        false => Role::Message,
    }
}

/// ONI-6, ONI-7, ONI-8: on paths of 1 to 8 hops with every live count that fits, every hop gets what is for it, and what it
/// sends back is heard as its own, on both backends.
#[test]
fn every_hop_is_reached_and_heard_on_paths_of_every_length() {
    for backend in Backend::ALL {
        for hops in 1..=MAX_HOPS {
            for live in 0..=MAX_HOPS - hops {
                let mut path = Path::new(hops, u8::try_from(live).unwrap(), 0, *backend);
                for hop in (1..=hops).chain(1..=hops) {
                    there_and_back(&mut path, hop, role(hop, hops));
                }
            }
        }
    }
}

fn there_and_back(path: &mut Path, hop: usize, role: Role) {
    let (there, back) = (text(hop as u64), text(100 + hop as u64));
    let cell = path.sent(hop, role, &there);
    assert_eq!(path.forward(1, cell), (hop, Some((role, there))));
    let mut cell = path.originated(hop, role, &back);
    path.backward(hop, 1, &mut cell);
    assert_eq!(path.heard(cell), Ok((hop, role, back)));
}

/// ONI-5: keys change behind every 1024th counter at both ends, wherever a circuit starts, and hops that got fewer cells change
/// later.
#[test]
fn cells_pass_from_one_era_into_the_next() {
    for start in [0, ERA - 3, 7 * ERA - 1, (1 << 62) - 2, (1 << 61) + 1000] {
        let mut path = Path::new(3, 2, start, Backend::default());
        for n in 0..ERA + 10 {
            let hop = 1 + usize::try_from(n % 3).unwrap();
            there_and_back(&mut path, hop, role(hop, 3));
        }
        let counters: Vec<_> = path.relays.iter().map(HopCipher::forward_counter).collect();
        assert!(counters[0] == start + ERA + 10 && counters[0] > counters[1]);
    }
}

/// ONI-5, ONI-6: the first cell, its filler and the first of the next era are sealed as the clauses say, worked out here from the
/// secret alone.
#[test]
fn a_forward_layer_is_what_the_clauses_say() {
    let expand = |secret: &Secret, label| secret.expand(label, b"");
    for (start, cells) in [(5, 1), (ERA - 1, 2)] {
        let mut path = Path::new(2, 0, start, Backend::AesGcm);
        let mut rng = super::rig::rng("path");
        let _ = crate::crypto::rng::Noise::from(&mut rng);
        let mut secret = Secret::from(*rng.draw());
        for n in 0..cells {
            if n > 0 {
                secret = expand(&secret, Label::HOP_NEXT);
            }
            let key = |label| Key::new(Backend::AesGcm, expand(&secret, label).as_bytes());
            let cell = path.sent(2, Role::Through, &text(n));
            let mut opened = [&cell[SLOT..], &cell[..SLOT]].concat();
            let plain = key(Label::HOP_KEY).open(start + n, &[1, 0, 0], &mut opened);
            let mut filler = [0; SLOT];
            key(Label::HOP_FILLER)
                .seal(start + n, b"", &mut filler)
                .unwrap();
            let mut expected = plain.unwrap().to_vec();
            expected.splice(7 * SLOT..7 * SLOT, filler);
            let mut peeled = cell;
            assert_eq!(path.relays[0].peel(&mut peeled), Some(Role::Relay));
            assert_eq!(peeled[..], expected[..]);
            assert_eq!(path.relays[1].peel(&mut peeled), Some(Role::Through));
        }
    }
}

/// ONI-8: a hop seals its live slots and the payload, and nothing else, and puts the tag of the next hop before them.
#[test]
fn a_backward_layer_is_what_the_clauses_say() {
    let mut rng = super::rig::rng("path");
    let _ = crate::crypto::rng::Noise::from(&mut rng);
    let _forward = rng.draw::<32>();
    let secret = Secret::from(*rng.draw()).expand(Label::HOP_KEY, b"");
    for live in 0..=6u8 {
        let mut path = Path::new(2, live, 9, Backend::AesGcm);
        let cell = path.originated(2, Role::Through, &text(1));
        let mut wrapped = cell;
        path.backward(2, 1, &mut wrapped);
        let from = (SLOTS - usize::from(live) - 1) * SLOT;
        let mut sealed = [&wrapped[from..], &wrapped[..SLOT]].concat();
        let opened = Key::new(Backend::AesGcm, secret.as_bytes()).open(9, &[1, 1, 0], &mut sealed);
        let expected = [&cell[..SLOT], &cell[from + SLOT..]].concat();
        assert_eq!(opened.unwrap(), &expected[..], "live count {}", live + 1);
    }
}

/// ONI-7: there is no sending to a hop that there is not, nor with the role of what is passed on; nothing is counted then.
#[test]
fn nothing_is_wrapped_for_a_hop_that_is_not_there() {
    let mut path = Path::new(2, 0, 0, Backend::default());
    let mut cell = [0; CELL];
    for (hop, role) in [(0, Role::Message), (3, Role::Through), (2, Role::Relay)] {
        assert_eq!(path.client.wrap(hop, role, &mut cell), Err(NoSuchHop));
    }
    there_and_back(&mut path, 2, Role::Through);
}

/// ONI-8: what hops behind a cut send no longer counts, and the circuit goes on with the hops that are left.
#[test]
fn a_path_that_was_cut_goes_on_with_the_hops_that_are_left() {
    let mut path = Path::new(4, 1, 0, Backend::default());
    there_and_back(&mut path, 4, Role::Through);
    path.client.pop_to(2);
    assert_eq!((path.client.len(), path.client.is_empty()), (2, false));
    there_and_back(&mut path, 2, Role::Through);
    there_and_back(&mut path, 1, Role::Message);
    path.client.pop_to(0);
    assert!(path.client.is_empty() && path.heard([0; CELL]).is_err());
}

/// Every byte of a cell takes many values, half its bits are set, and no slot stands in it twice.
fn look_random(cells: &[Cell], what: &str) {
    for at in 0..CELL {
        let values: BTreeSet<_> = cells.iter().map(|cell| cell[at]).collect();
        assert!(
            values.len() > cells.len() / 2,
            "{what}: byte {at} {values:?}"
        );
    }
    let ones: u32 = cells.iter().flatten().map(|byte| byte.count_ones()).sum();
    let share = f64::from(ones) / (cells.len() * CELL * 8) as f64;
    assert!((share - 0.5).abs() < 0.01, "{what}: {share}");
    let mut blocks = BTreeSet::new();
    let all = cells.iter().flat_map(|cell| cell.as_chunks::<SLOT>().0);
    assert!(
        all.into_iter().all(|block| blocks.insert(*block)),
        "{what}: a block twice"
    );
}

/// ONI-6, ONI-7, ONI-8: on any link of the path, in either direction, for any hop, role and era, with any live count, a cell is 1024 bytes
/// that look random, though all payloads are the same zeros.
#[test]
fn cells_look_alike_whatever_they_are() {
    let zeros = [0; crate::onion::PAYLOAD];
    for (hops, live, start) in [(3, 0, 0), (3, 5, ERA - 30), (8, 0, 0), (1, 0, 1 << 40)] {
        let mut path = Path::new(hops, live, start, Backend::default());
        for hop in 1..=hops {
            let mut seen = vec![Vec::new(); 2 * hops];
            for _ in 0..60 {
                let mut cell = path.sent(hop, role(hop, hops), &zeros);
                for (relay, seen) in path.relays.iter_mut().zip(&mut seen).take(hop) {
                    seen.push(cell);
                    relay.peel(&mut cell).unwrap();
                }
                let mut cell = path.originated(hop, role(hop, hops), &zeros);
                for at in (1..=hop).rev() {
                    seen[hops + at - 1].push(cell);
                    path.backward(at, at.max(2) - 1, &mut cell);
                }
                let last = *seen[hops].last().unwrap();
                assert_eq!(path.heard(last).map(|heard| heard.0), Ok(hop));
            }
            for (link, cells) in seen
                .iter()
                .enumerate()
                .filter(|(_, cells)| !cells.is_empty())
            {
                look_random(cells, &format!("{hops} hops, to {hop}, link {link}"));
            }
        }
    }
}

fn blocks(cell: &[u8]) -> BTreeSet<[u8; SLOT]> {
    cell.as_chunks().0.iter().copied().collect()
}

/// ONI-6, ONI-8: a hop leaves no block of a cell as it was, forward or backward, whatever its live count: nothing of a cell can be
/// known again on the other side of it.
#[test]
fn no_block_of_a_cell_is_the_same_on_both_sides_of_a_hop() {
    for live in 0..=5 {
        let mut path = Path::new(3, live, 0, Backend::default());
        let mut cell = path.sent(3, Role::Through, &text(0));
        for relay in &mut path.relays {
            let before = blocks(&cell);
            relay.peel(&mut cell).unwrap();
            assert!(before.is_disjoint(&blocks(&cell)));
        }
        let mut cell = path.originated(3, Role::Through, &text(0));
        for hop in [3, 2] {
            let before = blocks(&cell);
            path.backward(hop, hop - 1, &mut cell);
            assert!(before.is_disjoint(&blocks(&cell)), "live count {live}");
        }
    }
}

/// ONI-7: what the hop that a cell is for finds in its slots tells it nothing: no block twice, in whatever many cells, and no zeros, however
/// many hops there are before it.
#[test]
fn the_slots_of_an_opened_cell_say_nothing() {
    for hops in 1..=MAX_HOPS {
        let mut path = Path::new(hops, 0, 0, Backend::default());
        let mut seen = BTreeSet::from([[0; SLOT]]);
        for n in 0..20 {
            let mut cell = path.sent(hops, role(hops, hops), &text(n));
            for relay in &mut path.relays {
                relay.peel(&mut cell).unwrap();
            }
            let slots = cell[..SLOTS * SLOT].as_chunks::<SLOT>().0;
            assert!(slots.iter().all(|slot| seen.insert(*slot)), "{hops} hops");
        }
    }
}

/// What may happen on a path.
#[derive(Clone, Debug)]
enum Step {
    Forward(prop::sample::Index, bool),
    Backward(prop::sample::Index, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let way = (any::<prop::sample::Index>(), any::<bool>());
    (any::<bool>(), way).prop_map(|(forward, (hop, through))| match forward {
        true => Step::Forward(hop, through),
        false => Step::Backward(hop, through),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// ONI-5 to 8: whatever is sent to whomever in whatever order, client and hops stay in step, across eras, on either backend.
    #[test]
    fn client_and_hops_stay_in_step(
        hops in 1..=MAX_HOPS,
        live: prop::sample::Index,
        start in prop_oneof![0..3 * ERA, ERA - 20..ERA, 0..1u64 << 62],
        soft: bool,
        steps in proptest::collection::vec(step(), 1..80),
    ) {
        let backend = if soft { Backend::AesGcm } else { Backend::default() };
        let live = u8::try_from(live.index(MAX_HOPS - hops + 1)).unwrap();
        let mut path = Path::new(hops, live, start, backend);
        let kind = |hop, through| match through && hop == hops {
            true => Role::Through,
            false => Role::Message,
        };
        for (n, step) in (0..).zip(steps) {
            match step {
                Step::Forward(hop, through) => {
                    let hop = 1 + hop.index(hops);
                    let cell = path.sent(hop, kind(hop, through), &text(n));
                    prop_assert_eq!(path.forward(1, cell), (hop, Some((kind(hop, through), text(n)))));
                }
                Step::Backward(hop, through) => {
                    let hop = 1 + hop.index(hops);
                    let mut cell = path.originated(hop, kind(hop, through), &text(n));
                    path.backward(hop, 1, &mut cell);
                    prop_assert_eq!(path.heard(cell), Ok((hop, kind(hop, through), text(n))));
                }
            }
        }
    }
}

/// ONI-6: a payload arrives as it was, not only its beginning.
#[test]
fn the_whole_payload_arrives() {
    let mut path = Path::new(3, 0, 0, Backend::default());
    let mut full = text(3);
    full.iter_mut()
        .zip(0u16..)
        .for_each(|(byte, n)| *byte = n.to_le_bytes()[0]);
    let mut cell = path.sent(3, Role::Through, &full);
    path.relays
        .iter_mut()
        .for_each(|relay| assert!(relay.peel(&mut cell).is_some()));
    assert_eq!(*payload(&cell), full);
}
