//! Guards stay.

use super::rig::*;
use crate::directory::{Avoid, GuardEvent, Guards, NoPath, Refused, Wall};
use crate::id::RelayId;

const DAY: u64 = 86_400;

fn names(guards: &Guards) -> Vec<RelayId> {
    guards.names().copied().collect()
}

/// Three guards of twelve relays.
fn three() -> Guards {
    let mut guards = Guards::new(consensus(12).network());
    let events = guards.refresh(NOW, &consensus(12), &Avoid::NOTHING, &mut rng());
    assert_eq!(
        events,
        names(&guards)
            .into_iter()
            .map(GuardEvent::Chosen)
            .collect::<Vec<_>>()
    );
    assert_eq!(names(&guards).len(), 3);
    guards
}

/// A consensus of twelve relays without these.
fn but(gone: &[RelayId]) -> crate::directory::Consensus {
    let relays = (1..=12).map(|n| (n, relay(n)));
    let relays: Vec<_> = relays
        .filter(|(_, relay)| !gone.contains(&relay.id))
        .collect();
    consensus_of(&relays, &params())
}

/// DIR-22, DIR-23: the same guards after a restart, whatever else the consensus lists by then.
#[test]
fn guards_stay_over_restarts_and_new_consensuses() {
    let mut guards = three();
    let first = names(&guards);
    guards.failed(NOW, &first[1]);
    for day in 0..100 {
        let stored = guards.export();
        let read = Guards::import(&authorities(1, 1), &stored).unwrap();
        assert_eq!(read, guards);
        guards = read;
        let now = NOW.plus(day * DAY);
        let events = guards.refresh(now, &consensus(12), &Avoid::NOTHING, &mut rng());
        assert_eq!((events, names(&guards)), (vec![], first.clone()));
    }
}

/// DIR-22: a guard that is gone for a week is given up, aloud; one that comes back in time has its old place.
#[test]
fn a_guard_is_given_up_after_a_week() {
    let mut guards = three();
    let first = names(&guards);
    let without = but(&first[..1]);
    let all = consensus(12);
    let look = |guards: &mut Guards, day: u64, consensus| {
        guards.refresh(NOW.plus(day), consensus, &Avoid::NOTHING, &mut rng())
    };
    let events = look(&mut guards, 0, &without);
    assert!(
        matches!(events[..], [GuardEvent::Chosen(_)]),
        "another in the meantime"
    );
    let order = |guards: &Guards| guards.usable(NOW, &consensus(12), &Avoid::NOTHING).unwrap();
    assert_eq!(look(&mut guards, 7 * DAY, &without), []);
    assert_eq!(order(&guards), first, "back in its place");
    assert_eq!(look(&mut guards, 7 * DAY, &all), []);
    assert_eq!(look(&mut guards, 8 * DAY, &without), []);
    assert_eq!(
        look(&mut guards, 15 * DAY + 1, &without),
        [GuardEvent::Gone(first[0])]
    );
    assert!(!names(&guards).contains(&first[0]));
}

/// DIR-22: suspicion replaces one guard a week, not all at once.
#[test]
fn suspicion_replaces_one_guard_a_week() {
    let mut guards = three();
    let first = names(&guards);
    let suspects = first.clone();
    let suspect = |id: &RelayId| suspects.contains(id);
    let avoid = Avoid {
        relay: &suspect,
        ..Avoid::NOTHING
    };
    let mut look = |now: Wall| guards.refresh(now, &consensus(12), &avoid, &mut rng());
    let events = look(NOW);
    let [GuardEvent::Suspect(gone), GuardEvent::Chosen(new)] = events[..] else {
        panic!("{events:?}")
    };
    assert!(gone == first[0] && !first.contains(&new));
    assert_eq!(look(NOW.plus(7 * DAY - 1)), []);
    assert_eq!(look(NOW.plus(7 * DAY)).len(), 2);
    let usable = guards.usable(NOW, &consensus(12), &avoid).unwrap();
    assert!(
        !usable.is_empty() && !usable.iter().any(suspect),
        "suspects only if nobody else is left"
    );
    let all = Avoid {
        relay: &|_| true,
        ..Avoid::NOTHING
    };
    assert_eq!(guards.usable(NOW, &consensus(12), &all).unwrap().len(), 3);
}

/// DIR-22: a guard that fails rests, twice as long each time, and the next one is asked; one that works is asked again.
#[test]
fn a_guard_that_fails_rests() {
    let mut guards = three();
    let first = names(&guards);
    let usable = |guards: &Guards, now| guards.usable(now, &consensus(12), &Avoid::NOTHING);
    let rests: Vec<u64> = (0..13)
        .map(|_| guards.failed(NOW, &first[0]).unwrap().since(NOW))
        .collect();
    assert_eq!(
        rests,
        [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1800, 1800]
    );
    assert_eq!(usable(&guards, NOW.plus(1799)).unwrap(), first[1..]);
    assert_eq!(usable(&guards, NOW.plus(1800)).unwrap(), first);
    guards.failed(NOW, &first[1]);
    guards.failed(NOW, &first[2]);
    let until = NOW.plus(1);
    assert_eq!(usable(&guards, NOW), Err(NoPath::GuardsRest { until }));
    guards.worked(&first[0]);
    assert_eq!(usable(&guards, NOW).unwrap(), first[..1]);
    assert_eq!(guards.failed(NOW, &first[0]), Some(NOW.plus(1)));
    assert_eq!(guards.failed(NOW, &key(99).public().into()), None);
}

/// DIR-22: never more than nine, however often the list changes.
#[test]
fn a_list_that_changes_makes_no_endless_guards() {
    let mut guards = three();
    for _ in 0..20 {
        let gone = names(&guards);
        guards.refresh(NOW, &but(&gone), &Avoid::NOTHING, &mut rng());
    }
    assert_eq!(names(&guards).len(), 9);
    assert!(Guards::import(&authorities(1, 1), &guards.export()).is_ok());
}

/// DIR-23: guards of another version or network are refused by name, and so is anything else.
#[test]
fn stored_guards_are_read_with_care() {
    let text = String::from_utf8(three().export()).unwrap();
    let import = |text: &str| Guards::import(&authorities(1, 1), text.as_bytes()).unwrap_err();
    let what = "guards";
    let newer = import(&text.replace(r#""version":1"#, r#""version":2"#));
    assert_eq!(newer, Refused::Version { what, version: 2 });
    let foreign = Guards::import(&authorities(3, 2), text.as_bytes());
    assert!(matches!(
        foreign,
        Err(Refused::OtherNetwork { what: "guards", .. })
    ));
    assert_eq!(
        import(&text.replace(',', ", ")),
        Refused::NotCanonical { what }
    );
    let (head, rest) = text.split_once('[').unwrap();
    let (list, tail) = rest.split_once(']').unwrap();
    let twice = format!("{head}[{list},{list}]{tail}");
    let must = "at most 9, none twice";
    assert_eq!(
        import(&twice),
        Refused::Field {
            what,
            field: "guards",
            must
        }
    );
}
