//! The rule that keeps one connection per pair: each line of it has its story here. What many events in any order lead to
//! is explored in `tests/tests/pair_model`.

mod fields;
mod master;
mod slave;

use crate::vattp::Violation;
use crate::vattp::pair::{
    Answer, Effect, Heard, Numbers, Pair, Proof, Side, TransportId, UNKNOWN, Verdict, Word,
};

/// 101, 102, 103 …
struct Count(u64);

impl Numbers for Count {
    fn draw(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

/// A vat's end, with its numbers and all that it was told to do.
struct Vat {
    pair: Pair,
    ids: Count,
    effects: Vec<Effect>,
}

const PEER: Proof = Proof::in_a_model(7);
const NEWER: Proof = Proof::in_a_model(8);

const fn on(n: u64) -> TransportId {
    TransportId(n)
}

const fn word(verdict: Verdict, mine: u64, yours: u64, go: u64) -> Word {
    Word {
        verdict,
        again: false,
        mine,
        yours,
        go,
        past: 0,
    }
}

/// The slave's word.
const fn say(mine: u64, yours: u64, seen: u64) -> Word {
    word(Verdict::Say, mine, yours, seen)
}

const fn go(mine: u64, yours: u64, number: u64) -> Word {
    word(Verdict::Go, mine, yours, number)
}

impl Vat {
    fn of(side: Side, forgetful: bool) -> Self {
        Self {
            pair: Pair::new(side, forgetful),
            ids: Count(100),
            effects: Vec::new(),
        }
    }

    fn master() -> Self {
        Self::of(Side::Master, false)
    }

    fn slave() -> Self {
        Self::of(Side::Slave, false)
    }

    fn want(&mut self) -> u64 {
        self.pair.want(&mut self.ids)
    }

    fn proven(&mut self, on: TransportId, proof: Proof) -> Option<Word> {
        self.pair
            .proven(on, proof, &mut self.ids, &mut self.effects)
    }

    /// Dials, and says what it says behind the peer's proof.
    fn dial(&mut self, n: u64) -> Word {
        self.pair.dial(on(n));
        self.proven(on(n), PEER).unwrap()
    }

    fn asked_by(&mut self, n: u64, proof: Proof, said: &Word) -> Answer {
        let (pair, ids) = (&mut self.pair, &mut self.ids);
        pair.asked(on(n), proof, said, ids, &mut self.effects)
            .unwrap()
    }

    fn asked(&mut self, n: u64, said: &Word) -> Answer {
        self.asked_by(n, PEER, said)
    }

    fn answered(&mut self, n: u64, said: &Word) -> Result<Heard, Violation> {
        let (pair, ids) = (&mut self.pair, &mut self.ids);
        pair.answered(on(n), said, ids, &mut self.effects)
    }

    fn effects(&mut self) -> Vec<Effect> {
        core::mem::take(&mut self.effects)
    }

    fn break_off(&mut self) {
        self.pair.break_off(&mut self.effects);
    }

    /// A master joined to the slave's 9 over this transport.
    fn joined_master(n: u64) -> Self {
        let mut vat = Self::master();
        live(vat.asked(n, &say(9, 0, 0)));
        vat.effects();
        vat
    }

    /// A slave joined to the master's 5 by go 20, over this transport.
    fn joined_slave(n: u64) -> Self {
        let mut vat = Self::slave();
        live(vat.asked(n, &go(5, 0, 20)));
        vat.effects();
        vat
    }
}

/// The word of an answer that makes the transport live.
#[track_caller]
fn live(answer: Answer) -> Word {
    let Answer::Live(word) = answer else {
        panic!("{answer:?}");
    };
    word
}

#[track_caller]
fn refused(answer: Answer) -> (Verdict, u64) {
    let Answer::Refuse(word) = answer else {
        panic!("{answer:?}");
    };
    match word.verdict {
        Verdict::Gone => (Verdict::Gone, word.yours),
        verdict => (verdict, word.go),
    }
}

/// VTP-33: who wants a peer again has the object that is there, whoever made it; a broken one never returns, and is told of
/// once.
#[test]
fn there_is_one_object_and_it_breaks_once() {
    let mut vat = Vat::slave();
    let first = vat.want();
    assert_eq!(vat.want(), first);
    vat.break_off();
    vat.break_off();
    assert_eq!(vat.effects(), [Effect::Broke(first)]);
    live(vat.asked(1, &go(5, 0, 20)));
    let second = vat.want();
    assert!(second > first);
    let made = [Effect::Made(second), Effect::Joined(second)];
    assert_eq!(vat.effects(), made);
}

/// VTP-34: a lower incarnation is not answered and changes nothing, at either end of a dial.
#[test]
fn a_peer_that_is_no_more_is_not_answered() {
    let old = Proof::in_a_model(6);
    for mut vat in [Vat::joined_master(1), Vat::joined_slave(1)] {
        vat.pair.lost(on(1));
        let before = vat.pair.clone();
        let said = if vat.pair.side() == Side::Master {
            say(9, 0, 200)
        } else {
            go(5, 0, 200)
        };
        assert_eq!(vat.asked_by(2, old, &said), Answer::Close);
        vat.pair.dial(on(3));
        assert_eq!(vat.proven(on(3), old), None);
        assert_eq!(vat.pair, before);
    }
}

/// VTP-34: a higher incarnation ends what was joined or shown, and its numbers begin anew.
#[test]
fn a_peer_started_anew_breaks_what_the_old_one_knew() {
    let mut vat = Vat::joined_slave(1);
    vat.break_off();
    live(vat.asked(1, &go(6, 0, 21)));
    let mine = vat.want();
    vat.effects();
    // 3 ≤ 21, and 4 ≤ 5: of the old one this would be old, and gone.
    live(vat.asked_by(2, NEWER, &go(4, 0, 3)));
    let new = vat.want();
    let all = [
        Effect::Broke(mine),
        Effect::Close(on(1)),
        Effect::Made(new),
        Effect::Joined(new),
    ];
    assert_eq!(vat.effects(), all);
    assert_ne!(new, mine);
}

/// VTP-34: an object that nobody has heard of lives on, and so does a dial that the old one has not answered.
#[test]
fn a_peer_started_anew_finds_what_the_old_one_never_knew() {
    let mut vat = Vat::slave();
    vat.pair.dial(on(1));
    assert_eq!(vat.proven(on(1), PEER), None, "there is nothing to say yet");
    let mine = vat.want();
    vat.pair.dial(on(2));
    assert_eq!(vat.proven(on(2), NEWER).unwrap().mine, mine);
    assert_eq!(vat.effects(), []);
}

/// VTP-34: with the object that the old one knew go all dials (VTP-33), and its late `dup` holds up nothing.
#[test]
fn a_late_dup_of_the_old_one_is_not_waited_for() {
    let mut vat = Vat::slave();
    let mine = vat.want();
    vat.dial(3);
    vat.answered(3, &word(Verdict::Dup, 5, 0, 30)).unwrap();
    vat.dial(1);
    vat.pair.dial(on(2));
    vat.pair.dial(on(4));
    assert_eq!(vat.proven(on(2), NEWER), None);
    assert!(!vat.pair.waits(), "nor is one that came in time");
    assert!(vat.pair.is_idle(), "no dial is left");
    let closed = [
        Effect::Broke(mine),
        Effect::Close(on(1)),
        Effect::Close(on(4)),
    ];
    assert_eq!(vat.effects(), closed);
    let late = word(Verdict::Dup, 5, 0, 1_000_000);
    assert_eq!(vat.answered(1, &late), Ok(Heard::Close));
    assert!(!vat.pair.waits());
    live(vat.asked_by(3, NEWER, &go(6, 0, 3)));
}

/// VTP-35: a vat dials while it has an object and no live transport.
#[test]
fn a_vat_dials_while_it_has_an_object_and_nothing_live() {
    let mut vat = Vat::slave();
    assert!(!vat.pair.may_dial());
    vat.want();
    assert!(vat.pair.may_dial());
    live(vat.asked(1, &go(5, 0, 20)));
    assert!(!vat.pair.may_dial());
    vat.pair.lost(on(1));
    assert!(vat.pair.may_dial());
}

/// VTP-35: a vat that went live meanwhile, or lost its object, says nothing.
#[test]
fn a_dial_that_is_not_needed_any_more_closes() {
    let mut vat = Vat::slave();
    vat.want();
    vat.pair.dial(on(1));
    live(vat.asked(2, &go(5, 0, 20)));
    assert_eq!(vat.effects().last(), Some(&Effect::Joined(101)));
    assert_eq!(vat.proven(on(1), PEER), None);
    vat.break_off();
    vat.pair.dial(on(3));
    assert_eq!(vat.proven(on(3), PEER), None);
    assert!(vat.pair.is_idle());
}

/// VTP-40: with the object its dials and its transport close, and what it was joined to is remembered.
#[test]
fn what_breaks_closes_its_dials_and_leaves_a_memory() {
    let mut vat = Vat::joined_slave(1);
    let mine = vat.want();
    vat.break_off();
    let all = [Effect::Broke(mine), Effect::Close(on(1))];
    assert_eq!(vat.effects(), all);
    assert!(vat.pair.is_idle());
    let next = vat.want();
    vat.pair.dial(on(2));
    assert!(!vat.pair.is_idle() && vat.pair.is_dialling());
    assert_eq!(vat.proven(on(2), PEER).map(|it| it.past), Some(5));
    vat.pair.dial(on(3));
    vat.break_off();
    let all = [
        Effect::Broke(next),
        Effect::Close(on(2)),
        Effect::Close(on(3)),
    ];
    assert_eq!(vat.effects(), all);
}

/// VTP-40, VTP-41: who has dropped a pair, and who is asked by somebody without a name, begins with an unknown past, and
/// keeps it so.
#[test]
fn a_forgetful_vat_never_claims_to_know_its_past() {
    let mut vat = Vat::of(Side::Master, true);
    live(vat.asked(1, &say(9, 0, 0)));
    vat.break_off();
    let said = live(vat.asked(2, &say(10, 0, 102)));
    assert_eq!(said.past, UNKNOWN);
    let said = live(vat.asked_by(3, NEWER, &say(11, 0, 0)));
    assert_eq!(said.past, UNKNOWN);
    let mut fresh = Vat::master();
    assert_eq!(live(fresh.asked(1, &say(9, 0, 0))).past, 0);
}

/// VTP-41: a redial of the same key finds the object, and a second show of one that is gone finds nothing.
#[test]
fn an_anonymous_initiator_comes_back_to_its_object_and_to_no_other() {
    let nobody = Proof::in_a_model(0);
    let mut vat = Vat::of(Side::Master, true);
    let said = live(vat.asked_by(1, nobody, &say(9, 0, 0)));
    let back = Word {
        again: true,
        ..say(9, said.mine, said.go)
    };
    assert_eq!(live(vat.asked_by(2, nobody, &back)).mine, said.mine);
    vat.break_off();
    assert!(vat.pair.is_idle());
    let mut vat = Vat::of(Side::Master, true);
    let gone = refused(vat.asked_by(3, nobody, &Word { yours: 0, ..back }));
    assert_eq!(gone, (Verdict::Gone, 9));
}
