//! What the master says, and what it makes of what it hears.

use super::{NEWER, Vat, go, live, on, refused, say, word};
use crate::vattp::Violation;
use crate::vattp::pair::{Effect, Heard, Side, UNKNOWN, Verdict, Word};

/// VTP-35: a master's GO is a go with a new number, live at once; its older dials close.
#[test]
fn a_master_that_dialled_is_live_with_its_go() {
    let mut vat = Vat::master();
    let mine = vat.want();
    vat.pair.dial(on(1));
    let said = vat.dial(2);
    assert_eq!(said, go(mine, 0, 102));
    assert_eq!(vat.pair.live(), Some(on(2)));
    assert_eq!(vat.effects(), [Effect::Close(on(1))]);
    vat.pair.lost(on(2));
    let again = vat.dial(3);
    assert_eq!((again.again, again.go), (true, 103));
}

/// VTP-36 (1): a slave that comes with a newer object has given the older one up.
#[test]
fn a_master_breaks_what_was_joined_to_an_older_object() {
    let mut vat = Vat::joined_master(1);
    let old = vat.want();
    let said = live(vat.asked(2, &say(10, 0, 102)));
    assert_eq!(said.yours, 10);
    let all = [
        Effect::Broke(old),
        Effect::Close(on(1)),
        Effect::Made(said.mine),
        Effect::Joined(said.mine),
    ];
    assert_eq!(vat.effects(), all);
    assert_eq!(said.past, 9, "and says so");
}

/// VTP-36 (1): a slave that comes with an older object has said this before it made the newer one.
#[test]
fn a_master_refuses_an_older_object() {
    let mut vat = Vat::joined_master(1);
    let number = refused(vat.asked(2, &say(8, 0, 102)));
    assert_eq!(number, (Verdict::Dup, 102));
    assert_eq!(vat.pair.live(), Some(on(1)));
    assert_eq!(vat.effects(), []);
}

/// VTP-36 (2): who speaks of an object that is no more hears so, whatever it has seen.
#[test]
fn a_master_says_that_its_object_is_gone() {
    let mut vat = Vat::joined_master(1);
    let mine = vat.want();
    for seen in [0, 102] {
        let gone = refused(vat.asked(2, &say(9, mine + 50, seen)));
        assert_eq!(gone, (Verdict::Gone, 9));
    }
    vat.break_off();
    let gone = refused(vat.asked(3, &say(9, mine, 102)));
    assert_eq!(gone, (Verdict::Gone, 9));
}

/// VTP-36 (2): an object of the slave's that the master was joined to is not joined again, nor an older one.
#[test]
fn a_master_does_not_join_what_it_has_given_up() {
    let mut vat = Vat::joined_master(1);
    vat.break_off();
    for x in [9, 8] {
        let gone = refused(vat.asked(2, &say(x, 0, 102)));
        assert_eq!(gone, (Verdict::Gone, x));
    }
    assert_eq!(live(vat.asked(3, &say(10, 0, 102))).yours, 10);
}

/// VTP-36 (2), VTP-40: a master that does not know its past joins no object that was shown before, unless it holds it.
#[test]
fn a_master_without_a_past_joins_only_what_is_new_or_its_own() {
    let mut vat = Vat::of(Side::Master, true);
    let again = Word {
        again: true,
        ..say(9, 0, 0)
    };
    assert_eq!(refused(vat.asked(1, &again)), (Verdict::Gone, 9));
    let said = live(vat.asked(2, &say(9, 0, 0)));
    assert_eq!(said.past, UNKNOWN);
    let seen = Word {
        go: said.go,
        ..again
    };
    assert_eq!(live(vat.asked(3, &seen)).mine, said.mine);
}

/// VTP-36 (3): a slave that has not seen the last go is told of it, and what is live stays.
#[test]
fn a_master_points_to_the_go_it_has_given() {
    let mut vat = Vat::joined_master(1);
    assert_eq!(refused(vat.asked(2, &say(9, 0, 101))), (Verdict::Dup, 102));
    assert_eq!(vat.pair.live(), Some(on(1)));
    vat.break_off();
    assert_eq!(
        refused(vat.asked(3, &say(10, 0, 101))),
        (Verdict::Dup, 102),
        "without an object too"
    );
    assert_eq!(live(vat.asked(4, &say(10, 0, 102))).go, 104);
}

/// VTP-36 (3): a master that has no object and does not know its past has nothing to point to.
#[test]
fn a_master_without_a_past_or_an_object_points_to_no_go() {
    let mut vat = Vat::of(Side::Master, true);
    live(vat.asked(1, &say(9, 0, 0)));
    assert_eq!(refused(vat.asked(2, &say(9, 0, 0))), (Verdict::Dup, 102));
    vat.break_off();
    live(vat.asked(3, &say(10, 0, 0)));
}

/// VTP-36 (3), VTP-34: the number counts for the incarnation that it was given to.
#[test]
fn a_slave_started_anew_has_no_go_to_see() {
    let mut vat = Vat::joined_master(1);
    live(vat.asked_by(2, NEWER, &say(9, 0, 0)));
}

/// VTP-36 (4): the newest transport is the one, and older ones close however alive they look.
#[test]
fn a_master_moves_to_the_transport_it_grants() {
    let mut vat = Vat::joined_master(1);
    let mine = vat.want();
    let said = live(vat.asked(2, &say(9, mine, 102)));
    let right = Word {
        again: true,
        ..go(mine, 9, 103)
    };
    assert_eq!(said, right);
    assert_eq!(vat.pair.live(), Some(on(2)));
    assert_eq!(vat.effects(), [Effect::Close(on(1)), Effect::Joined(mine)]);
}

/// VTP-36 (4): an object that the slave was joined to and has given up is not joined to another of its.
#[test]
fn a_master_replaces_an_object_that_the_slave_has_given_up() {
    for (past, breaks) in [(100, false), (101, true), (UNKNOWN, true)] {
        let mut vat = Vat::master();
        let mine = vat.want();
        let number = vat.dial(1).go;
        vat.pair.lost(on(1));
        let word = Word {
            past,
            ..say(9, 0, number)
        };
        let said = live(vat.asked(2, &word));
        let broke = vat.effects().contains(&Effect::Broke(mine));
        assert_eq!((broke, said.mine == mine), (breaks, !breaks), "{past}");
    }
}

/// VTP-36 (4): an object that was never shown is unknown to a slave that does not know its past.
#[test]
fn a_master_keeps_an_object_that_it_never_showed() {
    let mut vat = Vat::master();
    let mine = vat.want();
    let word = Word {
        past: UNKNOWN,
        ..say(9, 0, 0)
    };
    assert_eq!(live(vat.asked(1, &word)).mine, mine);
    assert_eq!(vat.effects(), [Effect::Joined(mine)]);
}

/// VTP-35: a master takes the answer to its go, of the object it is joined to and with its own.
#[test]
fn a_master_joins_the_object_that_answers_its_go() {
    let mut vat = Vat::master();
    let mine = vat.want();
    vat.dial(1);
    for wrong in [say(9, mine + 1, 102), say(9, 0, 102)] {
        assert_eq!(vat.answered(1, &wrong), Err(Violation::PairFields));
    }
    assert_eq!(vat.answered(1, &say(9, mine, 102)), Ok(Heard::Live));
    assert_eq!(vat.effects(), [Effect::Joined(mine)]);
    vat.pair.lost(on(1));
    assert_eq!(vat.dial(2).yours, 9);
    let other = say(10, mine, 103);
    assert_eq!(vat.answered(2, &other), Err(Violation::PairFields));
}

/// VTP-35: an answer on a transport that is no longer the one changes nothing.
#[test]
fn a_master_hears_only_where_it_is_live() {
    let mut vat = Vat::master();
    let mine = vat.want();
    let number = vat.dial(1).go;
    live(vat.asked(2, &say(9, 0, number)));
    vat.effects();
    let late = word(Verdict::Gone, 0, mine, number);
    assert_eq!(vat.answered(1, &late), Ok(Heard::Close));
    assert_eq!(vat.pair.object(), Some(mine));
}

/// VTP-39: a master breaks when `gone` answers its go, and when CLOSE says it where it is live.
#[test]
fn a_master_that_hears_gone_breaks_its_object() {
    let mut vat = Vat::master();
    let mine = vat.want();
    vat.dial(1);
    let gone = word(Verdict::Gone, 0, mine, 0);
    assert_eq!(vat.answered(1, &gone), Ok(Heard::Close));
    assert_eq!(vat.effects(), [Effect::Broke(mine)]);

    let mut vat = Vat::joined_master(2);
    let mine = vat.want();
    let effects = &mut vat.effects;
    for (n, id) in [(2, mine + 1), (3, mine)] {
        assert_eq!(vat.pair.gone(on(n), id, effects), Err(Violation::Close));
    }
    assert_eq!(vat.pair.gone(on(2), mine, effects), Ok(()));
    assert_eq!(*effects, [Effect::Broke(mine), Effect::Close(on(2))]);
}
