//! One session for each pair of vats, whoever dials whom and when.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod puppet;

use pluribus_mix::time::Duration;
use puppet::{Puppet, Stage, place};
use vat_demo::captp::certificate::{KeyForm, SessionKey};
use vat_demo::captp::locator::Sturdyref;
use vat_demo::captp::op::{Op, Target};
use vat_demo::value::Value;
use vat_demo::vat::Ref;

fn wants(stage: &mut Stage, name: &str) -> Ref {
    let sturdyref = Sturdyref {
        peer: place(name),
        swissnum: b"thing".to_vec(),
    };
    let wanted = stage.host.enliven(&sturdyref);
    stage.poll();
    wanted
}

fn asks_for_thing(heard: &[Op]) -> bool {
    heard.iter().any(|op| match op {
        Op::Deliver {
            to: Target::Export(0),
            args,
            ..
        } => args.first() == Some(&Value::symbol("fetch")),
        _ => false,
    })
}

/// The vat has dialled "bob" and was dialled by him. Bob's key is such that his dial is lower, or not.
fn crossed(bobs_is_lower: bool) -> (Stage, Puppet, Puppet, Ref) {
    let mut stage = Stage::new();
    let wanted = wants(&mut stage, "bob");
    let mut theirs_of_ours = stage.answers_dial("bob", 1, None);
    theirs_of_ours.hear(&mut stage);
    let ours = theirs_of_ours.their_key.unwrap().id(KeyForm::Lists);
    let lower = |seed: &u8| {
        let theirs = SessionKey::from_seed(&[*seed; 32])
            .public()
            .id(KeyForm::Lists);
        (theirs < ours) == bobs_is_lower
    };
    let seed = (2..=255).find(lower).unwrap();
    let mut theirs = stage.connected(seed, None);
    theirs.hear(&mut stage);
    theirs.start(&mut stage, "bob");
    (stage, theirs_of_ours, theirs, wanted)
}

/// CAP-19: when hellos have crossed, the dial of the lower public id gives way, and who waited for it gets the other.
#[test]
fn of_crossed_dials_the_lower_gives_way() {
    let (mut stage, mut ours, mut theirs, _wanted) = crossed(true);
    theirs.assert_aborted(&mut stage, "crossed hellos: the other session stays");
    ours.start(&mut stage, "bob");
    assert!(asks_for_thing(&ours.hear(&mut stage)));

    let (mut stage, mut ours, mut theirs, _wanted) = crossed(false);
    ours.assert_aborted(&mut stage, "crossed hellos: the other session stays");
    assert!(asks_for_thing(&theirs.hear(&mut stage)));
}

/// CAP-20: a second session with a vat is refused, but not before the first has had a moment to turn out to be over.
#[test]
fn a_second_session_waits_a_moment_for_the_end_of_the_first() {
    for first_ends in [true, false] {
        let mut stage = Stage::new();
        let first = stage.joined("bob", 1);
        let mut second = stage.connected(2, Some("bob"));
        second.hear(&mut stage);
        second.start(&mut stage, "bob");
        let fetch = vec![Value::symbol("fetch"), Value::Bytes(b"nothing".to_vec())];
        let at = second.ask(&mut stage, Target::Export(0), fetch);
        assert_eq!(second.hear(&mut stage), []);
        if first_ends {
            first.say(&mut stage, &Op::Abort("session closed".to_owned()));
            assert!(
                !second.answer(&mut stage, at).0,
                "what was said meanwhile is answered"
            );
        } else {
            stage.wait(Duration::from_secs(1));
            second.assert_aborted(&mut stage, "there is a session with this location already");
            assert_eq!(stage.host.sizes().sessions, 1);
        }
    }
}

/// CAP-18: a dial that ends at another vat than the one wanted is no session, whether the carrier says so or the peer.
#[test]
fn a_dial_that_ends_at_somebody_else_is_no_session() {
    let mut stage = Stage::new();
    let _wanted = wants(&mut stage, "bob");
    let mut peer = stage.answers_dial("bob", 1, Some("mallory"));
    peer.assert_aborted(
        &mut stage,
        "the location is not that of the vat that was proven",
    );
    let _wanted = wants(&mut stage, "carol");
    let mut peer = stage.answers_dial("carol", 1, None);
    peer.hear(&mut stage);
    peer.start(&mut stage, "mallory");
    peer.assert_aborted(
        &mut stage,
        "the location is not that of the vat that was proven",
    );
    stage.assert_empty();
}
