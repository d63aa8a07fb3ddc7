//! Two ends of a pair, words held and lost as the input likes, and words that no honest peer says. After each event the rule
//! has said and done what the clauses say, which `clauses.rs` has written down a second time.
#![no_main]

#[path = "pair/clauses.rs"]
mod clauses;

use clauses::{Clauses, Count};
use libfuzzer_sys::fuzz_target;
use pluribus_mix::vattp::Violation;
use pluribus_mix::vattp::pair::{
    Answer, Effect, Heard, Pair, PairFields, Proof, Side, TransportId, Verdict, Within, Word,
};

fuzz_target!(|data: &[u8]| {
    let mut world = World::new(data.first().copied().unwrap_or(0));
    for step in data.chunks_exact(4).take(200) {
        world.step(step);
        world.ends.iter().for_each(End::look);
    }
});

const SIDES: [Side; 2] = [Side::Slave, Side::Master];

/// The rule and the clauses side by side.
struct End {
    pair: Pair,
    ids: Count,
    clauses: Clauses,
    incarnation: u64,
    /// Transports that are over here.
    closed: Vec<TransportId>,
    broken: Vec<u64>,
}

/// In an order that does not matter: kind, number.
fn sorted(effects: &[Effect]) -> Vec<(u8, u64)> {
    let mut all: Vec<_> = effects.iter().map(key).collect();
    all.sort_unstable();
    all
}

fn key(effect: &Effect) -> (u8, u64) {
    match *effect {
        Effect::Broke(id) => (0, id),
        Effect::Made(id) => (1, id),
        Effect::Joined(id) => (2, id),
        Effect::Close(TransportId(n)) => (3, n),
    }
}

impl End {
    fn new(side: Side, forgetful: bool, incarnation: u64) -> Self {
        Self {
            pair: Pair::new(side, forgetful),
            ids: Count(0),
            clauses: Clauses::new(side, forgetful),
            incarnation,
            closed: Vec::new(),
            broken: Vec::new(),
        }
    }

    /// Does the same to both.
    fn both<T: PartialEq + core::fmt::Debug>(
        &mut self,
        rule: impl FnOnce(&mut Pair, &mut Count, &mut Vec<Effect>) -> T,
        clauses: impl FnOnce(&mut Clauses) -> T,
    ) -> T {
        let mut effects = Vec::new();
        let one = rule(&mut self.pair, &mut self.ids, &mut effects);
        let other = clauses(&mut self.clauses);
        assert_eq!(one, other, "what is said");
        let done = core::mem::take(&mut self.clauses.done);
        assert_eq!(sorted(&effects), sorted(&done), "what is done");
        let told = effects.iter().map(key).filter(|it| it.0 < 3);
        assert!(told.is_sorted_by_key(|it| it.0), "broke, made, joined");
        for effect in effects {
            match effect {
                Effect::Close(on) => {
                    assert!(!self.closed.contains(&on), "it is closed once");
                    self.closed.push(on);
                }
                Effect::Broke(id) => {
                    assert!(!self.broken.contains(&id), "it breaks once");
                    self.broken.push(id);
                }
                Effect::Made(_) | Effect::Joined(_) => {}
            }
        }
        one
    }

    /// What can be seen of it.
    fn look(&self) {
        let (pair, it) = (&self.pair, &self.clauses);
        assert_eq!(self.ids, it.ids);
        assert_eq!(pair.object(), it.id());
        let shown = it.object.is_some_and(|it| it.shown || it.partner.is_some());
        assert_eq!(pair.is_shown(), shown);
        assert_eq!(pair.live(), it.live);
        assert_eq!(pair.waits(), it.waits());
        assert_eq!(pair.is_dialling(), !it.dials.is_empty());
        let idle = it.object.is_none() && it.live.is_none() && it.dials.is_empty();
        assert_eq!(pair.is_idle(), idle);
        let dials = it.object.is_some() && it.live.is_none() && !it.waits();
        assert_eq!(pair.may_dial(), dials);
        assert!(pair.live().is_none() || pair.object().is_some());
        assert!(pair.live().is_none_or(|on| !self.closed.contains(&on)));
    }

    fn lost(&mut self, on: TransportId) {
        self.both(|pair, _, _| pair.lost(on), |it| it.lost(on));
        if !self.closed.contains(&on) {
            self.closed.push(on);
        }
    }

    fn asked(&mut self, on: TransportId, proof: u64, said: &Word) -> Result<Answer, Violation> {
        let with = Proof::in_a_model(proof);
        self.both(
            |pair, ids, effects| pair.asked(on, with, said, ids, effects),
            |it| it.asked(on, proof, said),
        )
    }

    fn answered(&mut self, on: TransportId, said: &Word) -> Result<Heard, Violation> {
        self.both(
            |pair, ids, effects| pair.answered(on, said, ids, effects),
            |it| it.answered(on, said),
        )
    }
}

/// Something on its way.
#[derive(Clone, Copy)]
enum Flight {
    /// REPLYINFO, with the incarnation.
    Proof(u64),
    Go(u64, Word),
    GoToo(Word),
    /// CLOSE (gone).
    Gone(u64),
}

struct World {
    ends: [End; 2],
    flights: Vec<(usize, TransportId, Flight)>,
    transports: u64,
    /// Whether somebody has said what no honest peer says.
    hostile: bool,
}

impl World {
    fn new(how: u8) -> Self {
        let forgetful = |bit| how & bit != 0;
        Self {
            ends: [
                End::new(SIDES[0], forgetful(1), 1),
                End::new(SIDES[1], forgetful(2), 1),
            ],
            flights: Vec::new(),
            transports: 0,
            hostile: false,
        }
    }

    fn step(&mut self, step: &[u8]) {
        let &[op, which, a, b] = step else {
            return;
        };
        let vat = usize::from(which & 1);
        let any = usize::from(which >> 1);
        match op % 16 {
            0 | 1 => {
                let want = |pair: &mut Pair, ids: &mut Count, _: &mut Vec<Effect>| pair.want(ids);
                self.ends[vat].both(want, |it| it.id().unwrap_or_else(|| it.make().id));
            }
            2 | 3 => self.dial(vat),
            4..=9 if !self.flights.is_empty() => {
                let (to, on, flight) = self.flights.remove(any % self.flights.len());
                if !self.ends[to].closed.contains(&on) {
                    self.fly(to, on, flight);
                }
            }
            10 => self.ends[vat].lost(TransportId(u64::from(a) % (self.transports + 1))),
            11 => {
                let end = &mut self.ends[vat];
                end.both(
                    |pair, _, effects| pair.break_off(effects),
                    Clauses::break_it,
                );
            }
            12 => self.ends[vat].both(
                |pair, _, _| pair.give_up_waiting(),
                |it| {
                    let told = core::mem::take(&mut it.told);
                    it.gos.extend(told);
                },
            ),
            13 => self.begin_anew(vat, a),
            14 | 15 => self.lie(vat, any, a, b),
            _ => {}
        }
    }

    fn dial(&mut self, vat: usize) {
        if !self.ends[vat].pair.may_dial() {
            return;
        }
        self.transports += 1;
        let on = TransportId(self.transports);
        let dialled = |it: &mut Clauses| it.dials.push((on, None));
        self.ends[vat].both(|pair, _, _| pair.dial(on), dialled);
        let proof = Flight::Proof(self.ends[1 - vat].incarnation);
        self.flights.push((vat, on, proof));
    }

    fn say(&mut self, from: usize, on: TransportId, within: Within, word: Word) {
        let fields = PairFields {
            word,
            expect: 1,
            first: 1,
        };
        let fits = fields.check(within, SIDES[from]);
        assert!(fits.is_ok() || self.hostile, "{fields:?}");
        let flight = match within {
            Within::Go => Flight::Go(self.ends[from].incarnation, word),
            Within::GoToo => Flight::GoToo(word),
        };
        self.flights.push((1 - from, on, flight));
    }

    fn fly(&mut self, to: usize, on: TransportId, flight: Flight) {
        match flight {
            Flight::Proof(proof) => {
                let with = Proof::in_a_model(proof);
                let word = self.ends[to].both(
                    |pair, ids, effects| pair.proven(on, with, ids, effects),
                    |it| it.proven(on, proof),
                );
                match word {
                    Some(word) => self.say(to, on, Within::Go, word),
                    None => self.ends[to].lost(on),
                }
            }
            Flight::Go(proof, said) => self.go(to, on, proof, &said),
            Flight::GoToo(said) => self.go_too(to, on, &said),
            Flight::Gone(id) => {
                let end = &mut self.ends[to];
                let heard = end.both(
                    |pair, _, effects| pair.gone(on, id, effects),
                    |it| it.gone(on, id),
                );
                assert!(heard.is_ok() || self.hostile);
                self.ends[to].lost(on);
            }
        }
    }

    fn go(&mut self, to: usize, on: TransportId, proof: u64, said: &Word) {
        match self.ends[to].asked(on, proof, said) {
            Ok(Answer::Live(word)) => self.say(to, on, Within::GoToo, word),
            Ok(Answer::Refuse(word)) => {
                self.say(to, on, Within::GoToo, word);
                self.ends[to].lost(on);
            }
            Ok(Answer::Close) => self.ends[to].lost(on),
            Err(_) => {
                assert!(self.hostile, "an honest peer is refused");
                self.ends[to].lost(on);
            }
        }
    }

    fn go_too(&mut self, to: usize, on: TransportId, said: &Word) {
        match self.ends[to].answered(on, said) {
            Ok(Heard::Live) => {}
            Ok(Heard::Gone(id)) => {
                self.flights.push((1 - to, on, Flight::Gone(id)));
                self.ends[to].lost(on);
            }
            Ok(Heard::Close) => self.ends[to].lost(on),
            Err(_) => {
                assert!(self.hostile, "an honest peer is refused");
                self.ends[to].lost(on);
            }
        }
    }

    /// The vat is started anew, or drops a pair of which nothing is left.
    fn begin_anew(&mut self, vat: usize, how: u8) {
        let incarnation = self.ends[vat].incarnation;
        if how & 1 == 0 {
            self.ends[vat] = End::new(SIDES[vat], false, incarnation + 1);
            // Its numbers may begin anywhere.
            let start = Count(u64::from(how) << 2);
            self.ends[vat].ids = start.clone();
            self.ends[vat].clauses.ids = start;
            self.ends[vat].closed = (0..=self.transports).map(TransportId).collect();
        } else if self.flights.is_empty() && self.ends[vat].pair.is_idle() {
            let ids = self.ends[vat].ids.clone();
            let closed = core::mem::take(&mut self.ends[vat].closed);
            let broken = core::mem::take(&mut self.ends[vat].broken);
            self.ends[vat] = End::new(SIDES[vat], true, incarnation);
            self.ends[vat].ids = ids.clone();
            self.ends[vat].clauses.ids = ids;
            self.ends[vat].closed = closed;
            self.ends[vat].broken = broken;
        }
    }

    /// A peer that has proven itself says what it likes, as long as it may be said here.
    fn lie(&mut self, vat: usize, any: usize, a: u8, b: u8) {
        let small = |n: u8| match n & 15 {
            15 => u64::MAX,
            14 => self.ends[vat].pair.object().unwrap_or(0),
            n => u64::from(n),
        };
        let verdicts = [Verdict::Go, Verdict::Dup, Verdict::Gone, Verdict::Say];
        let word = Word {
            verdict: verdicts[any & 3],
            again: any & 4 != 0,
            mine: small(a >> 4),
            yours: small(a),
            go: small(b >> 4),
            past: small(b),
        };
        let within = if any & 8 == 0 {
            Within::Go
        } else {
            Within::GoToo
        };
        let fields = PairFields {
            word,
            expect: 1,
            first: 1,
        };
        if fields.check(within, SIDES[1 - vat]).is_err() {
            return;
        }
        self.hostile = true;
        let end = &mut self.ends[vat];
        if within == Within::Go {
            self.transports += 1;
            let proof = end.clauses.incarnation + u64::from(any & 16 != 0);
            self.go(vat, TransportId(self.transports), proof, &word);
            return;
        }
        let waiting = end.clauses.dials.iter().find(|(_, shown)| shown.is_some());
        let on = waiting.map(|(on, _)| *on).or(end.pair.live());
        if let Some(on) = on {
            self.go_too(vat, on, &word);
        }
    }
}
