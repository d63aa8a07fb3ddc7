//! What counts against whom. (ONI-17)

use super::rig::rng;
use crate::crypto::sign::SigningKey;
use crate::id::RelayId;
use crate::onion::suspicion::{Grave, LESSER, PARTNERS, Strike, Suspicion, TOGETHER};
use crate::time::{Duration, Instant};

fn relays<const N: usize>() -> [RelayId; N] {
    let mut rng = rng("relays");
    [(); N].map(|()| RelayId::from(SigningKey::from_seed(&rng.draw()).public()))
}

fn strike(one: RelayId, other: RelayId, grave: Grave) -> Strike {
    let pair = (Some(one), other);
    Strike { pair, grave }
}

fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

/// ONI-17: what happens to a pair within ten seconds counts once, however much it is; what keeps happening adds up.
#[test]
fn what_happens_together_counts_once() {
    let [one, other] = relays();
    let gap = u64::try_from(TOGETHER.as_millis()).unwrap();
    let mut suspicion = Suspicion::new();
    let strike = strike(one, other, Grave::Ended);
    for burst in 0..=LESSER as u64 {
        let began = at(burst * gap);
        assert!(!suspicion.is_suspect_pair(began, &one, &other), "{burst}");
        for millis in 0..gap.min(100) {
            suspicion.note(began + Duration::from_millis(millis), strike);
        }
    }
    let end = at((LESSER as u64 + 1) * gap);
    assert!(suspicion.is_suspect_pair(end, &one, &other));
    assert!(!suspicion.is_suspect(end, &one) && !suspicion.is_suspect(end, &other));
    assert!(!suspicion.is_forger_pair(end, &one, &other));
}

/// ONI-17: one forged layer is enough for a pair, and four partners for a relay; that is told apart from what only ends often.
#[test]
fn what_was_forged_is_told_apart() {
    let all: [RelayId; PARTNERS + 2] = relays();
    let (bad, others) = all.split_first().unwrap();
    let mut suspicion = Suspicion::new();
    for (n, other) in others.iter().enumerate() {
        assert!(!suspicion.is_forger(at(0), bad), "{n}");
        suspicion.note(at(0), strike(*other, *bad, Grave::Forged));
        assert!(suspicion.is_forger_pair(at(0), bad, other));
        assert!(!suspicion.is_forger(at(0), other));
    }
    assert!(suspicion.is_forger(at(0), bad) && suspicion.is_suspect(at(0), bad));
    let day = at(24 * 60 * 60 * 1000);
    assert!(!suspicion.is_forger(day, bad) && !suspicion.is_suspect(day, bad));
}
