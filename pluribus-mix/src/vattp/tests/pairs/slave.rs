//! What the slave says, and what it makes of what it hears.

use super::{PEER, Vat, go, live, on, refused, say, word};
use crate::vattp::Violation;
use crate::vattp::pair::{Answer, Effect, Heard, Side, UNKNOWN, Verdict, Word};

/// VTP-35: a slave's GO says what it has seen, and nothing is live yet.
#[test]
fn a_slave_that_dialled_waits_for_the_verdict() {
    let mut vat = Vat::joined_slave(1);
    let mine = vat.want();
    vat.pair.lost(on(1));
    let said = vat.dial(2);
    assert_eq!((said.mine, said.yours, said.go), (mine, 5, 20));
    assert!(said.verdict == Verdict::Say && said.again);
    assert_eq!(vat.pair.live(), None);
}

/// VTP-37: a go that was seen, or given up, is worth nothing.
#[test]
fn a_slave_takes_no_go_twice() {
    let mut vat = Vat::joined_slave(1);
    for number in [19, 20] {
        assert_eq!(vat.asked(2, &go(5, 0, number)), Answer::Close);
    }
    assert_eq!(vat.pair.live(), Some(on(1)));
    let said = live(vat.asked(3, &go(5, 0, 21)));
    let right = Word {
        again: true,
        ..say(101, 5, 21)
    };
    assert_eq!(said, right);
}

/// VTP-37: a master that means an object that is no more hears so.
#[test]
fn a_slave_says_that_its_object_is_gone() {
    let mut vat = Vat::joined_slave(1);
    let mine = vat.want();
    vat.break_off();
    assert_eq!(refused(vat.asked(2, &go(5, mine, 21))), (Verdict::Gone, 5));
    vat.want();
    assert_eq!(refused(vat.asked(3, &go(5, mine, 22))), (Verdict::Gone, 5));
    assert_eq!(vat.asked(4, &go(5, mine, 22)), Answer::Close);
    assert_eq!(vat.pair.live(), None);
}

/// VTP-37, VTP-38: a go that is answered with `gone` was seen: nobody waits for it, and the next dial says so.
#[test]
fn a_slave_has_seen_the_go_that_it_refuses() {
    let mut vat = Vat::joined_slave(1);
    vat.break_off();
    vat.want();
    vat.dial(2);
    vat.dial(3);
    vat.answered(2, &word(Verdict::Dup, 5, 0, 21)).unwrap();
    assert_eq!(refused(vat.asked(4, &go(5, 0, 21))), (Verdict::Gone, 5));
    assert!(!vat.pair.waits());
    assert_eq!(vat.dial(5).go, 21);
}

/// VTP-37: an object of the master's that was given up is not joined again; without a past none that was shown, unless it
/// is held.
#[test]
fn a_slave_does_not_join_what_it_has_given_up() {
    let mut vat = Vat::joined_slave(1);
    vat.break_off();
    assert_eq!(refused(vat.asked(2, &go(5, 0, 21))), (Verdict::Gone, 5));
    live(vat.asked(3, &go(6, 0, 22)));

    let mut vat = Vat::of(Side::Slave, true);
    let again = |number| Word {
        again: true,
        ..go(5, 0, number)
    };
    assert_eq!(refused(vat.asked(1, &again(20))), (Verdict::Gone, 5));
    let mine = live(vat.asked(2, &go(5, 0, 21))).mine;
    assert_eq!(live(vat.asked(3, &again(22))).mine, mine);
}

/// VTP-37: what is joined to another breaks when the master comes with a new object.
#[test]
fn a_slave_breaks_what_was_joined_to_an_older_object() {
    let mut vat = Vat::joined_slave(1);
    let old = vat.want();
    let said = live(vat.asked(2, &go(6, 0, 21)));
    let all = [
        Effect::Broke(old),
        Effect::Close(on(1)),
        Effect::Made(said.mine),
        Effect::Joined(said.mine),
    ];
    assert_eq!(vat.effects(), all);
    assert_eq!((said.yours, said.past), (6, 5));
}

/// VTP-37: an unjoined object that the master has given up breaks; another is joined.
#[test]
fn a_slave_replaces_an_object_that_the_master_has_given_up() {
    for (past, shown, breaks) in [
        (100, true, false),
        (101, true, true),
        (UNKNOWN, true, true),
        (UNKNOWN, false, false),
    ] {
        let mut vat = Vat::slave();
        let mine = vat.want();
        if shown {
            vat.dial(1);
        }
        let word = Word {
            past,
            ..go(5, 0, 20)
        };
        let said = live(vat.asked(2, &word));
        let broke = vat.effects().contains(&Effect::Broke(mine));
        assert_eq!((broke, said.mine == mine), (breaks, !breaks), "{past}");
    }
}

/// VTP-37: the go comes in GOTOO as well; the older transport and the other dials close.
#[test]
fn a_slave_that_dialled_is_live_where_the_go_comes() {
    let mut vat = Vat::joined_slave(1);
    let mine = vat.want();
    vat.pair.lost(on(1));
    vat.dial(2);
    vat.dial(3);
    live(vat.asked(4, &go(5, mine, 21)));
    assert_eq!(
        vat.effects(),
        [2, 3]
            .map(|n| Effect::Close(on(n)))
            .into_iter()
            .chain([Effect::Joined(mine)])
            .collect::<Vec<_>>()
    );
    vat.pair.lost(on(4));
    vat.dial(5);
    vat.dial(6);
    assert_eq!(vat.answered(6, &go(5, mine, 22)), Ok(Heard::Live));
    assert_eq!(vat.pair.live(), Some(on(6)));
    let all = [Effect::Close(on(5)), Effect::Joined(mine)];
    assert_eq!(vat.effects(), all);
}

/// VTP-33, VTP-37: no honest master joins an object to a second of its own.
#[test]
fn a_slave_is_not_joined_to_two_objects() {
    let mut vat = Vat::joined_slave(1);
    let mine = vat.want();
    let said = go(6, mine, 21);
    let (pair, ids) = (&mut vat.pair, &mut vat.ids);
    let refused = pair.asked(on(2), PEER, &said, ids, &mut vat.effects);
    assert_eq!(refused, Err(Violation::PairFields));
}

/// VTP-38: a slave that hears of a go waits for it, and dials when it is given up.
#[test]
fn a_slave_waits_for_the_go_that_it_was_told_of() {
    let mut vat = Vat::slave();
    let mine = vat.want();
    vat.dial(1);
    let dup = word(Verdict::Dup, 5, 0, 30);
    assert_eq!(vat.answered(1, &dup), Ok(Heard::Close));
    assert!(vat.pair.waits() && !vat.pair.may_dial());
    assert!(!vat.pair.is_dialling());
    assert_eq!(vat.pair.object(), Some(mine));
    vat.pair.give_up_waiting();
    assert!(!vat.pair.waits() && vat.pair.may_dial());
    assert_eq!(vat.dial(2).go, 30, "and then it counts as seen");
    assert_eq!(vat.asked(3, &go(5, 0, 30)), Answer::Close);
}

/// VTP-38: the go that comes ends the waiting; an older one does not.
#[test]
fn a_slave_stops_waiting_when_the_go_comes() {
    let mut vat = Vat::slave();
    vat.want();
    vat.dial(1);
    vat.dial(2);
    vat.dial(3);
    for (n, number) in [(1, 30), (2, 29)] {
        vat.answered(n, &word(Verdict::Dup, 5, 0, number)).unwrap();
    }
    live(vat.asked(4, &go(5, 0, 29)));
    assert!(vat.pair.waits());
    live(vat.asked(5, &go(5, 0, 30)));
    assert!(!vat.pair.waits());
}

/// VTP-39: `gone` in GOTOO breaks the object that was shown on that transport, and no other.
#[test]
fn a_slave_breaks_the_object_it_showed_there() {
    let mut vat = Vat::slave();
    let mine = vat.want();
    vat.dial(1);
    let gone = |id| word(Verdict::Gone, 0, id, 0);
    assert_eq!(vat.answered(1, &gone(mine)), Ok(Heard::Close));
    assert_eq!(vat.effects(), [Effect::Broke(mine)]);
    assert!(vat.pair.is_idle());

    vat.want();
    vat.dial(2);
    assert_eq!(vat.answered(2, &gone(mine)), Err(Violation::PairFields));
    assert!(vat.pair.object().is_some());
}

/// VTP-39: a slave that dialled says `gone` by CLOSE, of the master's object.
#[test]
fn a_slave_that_dialled_closes_with_gone() {
    let mut vat = Vat::slave();
    let mine = vat.want();
    vat.dial(1);
    assert_eq!(vat.answered(1, &go(5, mine + 1, 20)), Ok(Heard::Gone(5)));
    assert_eq!((vat.pair.live(), vat.pair.is_dialling()), (None, false));
}

/// VTP-41: an anonymous initiator dials beside its live transport; from its GO on that is only heard, and the go closes it. Who has a name closes the dial
/// instead.
#[test]
fn an_anonymous_initiator_goes_over() {
    let mut vat = Vat::slave();
    vat.pair = vat.pair.clone().moving();
    let mine = vat.want();
    vat.dial(1);
    vat.answered(1, &go(5, mine, 20)).unwrap();
    assert!(vat.pair.may_move() && !vat.pair.may_dial());
    vat.effects();
    let said = vat.dial(2);
    assert_eq!((said.mine, said.yours, said.go), (mine, 5, 20));
    assert_eq!((vat.pair.live(), vat.effects()), (None, vec![]));
    assert_eq!(vat.answered(2, &go(5, mine, 21)), Ok(Heard::Live));
    assert_eq!(vat.pair.live(), Some(on(2)));
    assert!(vat.effects().contains(&Effect::Close(on(1))));

    // The other one fails: the older is heard, and closed by whatever comes next.
    vat.dial(3);
    vat.pair.lost(on(3));
    assert!(vat.pair.live().is_none() && vat.pair.may_dial());
    vat.dial(4);
    vat.answered(4, &go(5, mine, 22)).unwrap();
    assert_eq!(
        vat.effects()
            .iter()
            .filter(|it| **it == Effect::Close(on(2)))
            .count(),
        1
    );
    vat.dial(5);
    vat.break_off();
    let closed = [4, 5].map(|n| vat.effects.contains(&Effect::Close(on(n))));
    assert_eq!((closed, vat.pair.is_idle()), ([true; 2], true));

    let mut named = Vat::joined_slave(1);
    assert!(!named.pair.may_move());
    named.pair.dial(on(2));
    assert_eq!(named.proven(on(2), PEER), None);
    assert_eq!(named.pair.live(), Some(on(1)));
}
