//! One relay does something wrong. Clients find others, and nobody honest is suspect for it. (ONI-17)

use crate::kit::{MS, SECOND};
use crate::ledger::seeds;
use crate::mixkit::{Talk, at_once, no_spares, relays};
use crate::rogue::{Deed, Rogue, Way};
use pluribus_mix::id::RelayId;
use pluribus_mix::node::Reach;
use pluribus_mix::onion::CELL;
use pluribus_mix::sim::{HostId, World};
use std::collections::BTreeSet;

/// What came of several sessions past a rogue.
struct Outcome {
    /// How often the rogue did its deed.
    deeds: usize,
    /// Whether the rogue is suspect, by itself or beside somebody.
    is_suspect: bool,
}

/// Whom the client suspects: the rogue, at any rate nobody honest without it.
fn judged(world: &World, client: HostId, honest: &[RelayId], rogue: &RelayId) -> bool {
    let suspicion = world.node(client).unwrap().suspicion().unwrap();
    let now = world.now();
    for (n, one) in honest.iter().enumerate() {
        assert!(!suspicion.is_suspect(now, one), "an honest relay");
        for other in &honest[..n] {
            assert!(
                !suspicion.is_suspect_pair(now, one, other),
                "an honest pair"
            );
        }
    }
    let beside = |other: &RelayId| suspicion.is_suspect_pair(now, rogue, other);
    suspicion.is_suspect(now, rogue) || honest.iter().any(beside)
}

/// Several sessions of a client among four honest relays and the rogue; each comes whole.
fn past(seed: u64, deed: (Deed, Way)) -> Outcome {
    let mut world = at_once(seed);
    let honest = relays(&mut world, 4);
    let client = world.client("client");
    let told: Vec<_> = honest.iter().copied().chain([client]).collect();
    let mut rogue = Rogue::among(&mut world, &honest, deed);
    assert!(
        told.iter()
            .all(|it| world.node(*it).unwrap().consensus().is_some())
    );
    rogue.run(&mut world, 2 * SECOND);
    for tag in 0..4 {
        let mut talk = Talk::begin(&mut world, client, honest[3], tag);
        rogue.run(&mut world, SECOND);
        talk.say(&mut world, 20_000);
        for step in 0..200 {
            rogue.run(&mut world, 100 * MS);
            // Behind an answer that never came the first session may be a while.
            if talk.closed(&world).is_some() {
                assert!(
                    matches!(deed.0, Deed::NoReply | Deed::BadReply | Deed::Close),
                    "{deed:?}"
                );
                break;
            }
            if step == 5 {
                talk.say(&mut world, 20_000);
            }
            if step > 5 {
                talk.end(&mut world);
                if talk.is_whole(&world) {
                    break;
                }
            }
            assert!(step < 199, "{deed:?} {seed}: not whole");
        }
    }
    let names: Vec<_> = honest.iter().map(|it| world.relay_id(*it)).collect();
    Outcome {
        deeds: rogue.deeds,
        is_suspect: judged(&world, client, &names, &rogue.id),
    }
}

/// All worlds of a deed; the outcome of those together in which it was done.
fn everywhere(deed: (Deed, Way)) -> Vec<Outcome> {
    let outcomes = seeds().map(|seed| past(seed, deed));
    outcomes.filter(|outcome| outcome.deeds > 0).collect()
}

/// THR-11, ONI-6, ONI-8, ONI-13, ONI-17: whatever a relay does to a cell that it passes on, forward or back, the next honest party notices, the
/// rogue is suspect beside a neighbour, nobody honest is, and sessions come whole over others.
#[test]
fn a_cell_that_was_tampered_with_falls_back_on_who_did_it() {
    let flips = [0, 127, 128, 1023, 1024, 8 * CELL - 1].map(Deed::Flip);
    let others = [Deed::Double, Deed::Swap, Deed::Replay, Deed::Drop];
    for way in [Way::Forward, Way::Backward] {
        let mut done = 0;
        for deed in flips.into_iter().chain(others) {
            for outcome in everywhere((deed, way)) {
                done += 1;
                // A slot that the next hop throws away authenticates nothing, and changing it does nothing.
                let is_filler = way == Way::Backward && matches!(deed, Deed::Flip(127..=1023));
                assert!(outcome.is_suspect || is_filler, "{deed:?} {way:?}");
            }
        }
        assert!(done > 5, "the rogue was in the way {done} times");
    }
}

/// THR-10, ONI-1, VTP-13: a relay that a client comes to again and again meets somebody else each time, and never the client under its own name.
#[test]
fn no_two_links_of_a_client_share_a_key() {
    let mut world = at_once(4);
    let honest = relays(&mut world, 3);
    let client = world.client_with("client", no_spares);
    let mut rogue = Rogue::among(&mut world, &honest, (Deed::Nothing, Way::Forward));
    for _ in 0..4 {
        let asked = world.with_node(client, |node, _| node.connect_relay(rogue.id, Reach::Near));
        assert!(asked.unwrap().is_ok());
        rogue.run(&mut world, SECOND);
        world.cut(client, rogue.raw);
        rogue.run(&mut world, SECOND);
    }
    let own = *world.vat_id(client).public_key();
    assert!(rogue.met.len() >= 4);
    assert!(
        rogue
            .met
            .iter()
            .all(|peer| peer.is_anonymous() && peer.key != own)
    );
    let keys: BTreeSet<_> = rogue.met.iter().map(|peer| *peer.key.as_bytes()).collect();
    assert_eq!(keys.len(), rogue.met.len());
}

/// ONI-17: the same relay that does nothing wrong is not suspect.
#[test]
fn a_relay_that_does_nothing_wrong_is_not_suspect() {
    for seed in seeds() {
        assert!(!past(seed, (Deed::Nothing, Way::Forward)).is_suspect);
    }
}

/// ONI-9, ONI-10, ONI-17: a relay that answers requests wrongly, or not at all, or ends circuits, hurts only who goes over it.
#[test]
fn a_relay_that_answers_wrongly_or_not_hurts_nobody_honest() {
    for deed in [Deed::BadReply, Deed::NoReply, Deed::Close] {
        for way in [Way::Forward, Way::Backward] {
            for outcome in everywhere((deed, way)) {
                assert!(outcome.is_suspect || deed != Deed::BadReply);
            }
        }
    }
}
