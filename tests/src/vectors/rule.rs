//! The rule of one connection per pair, driven as its owner drives it, event by event of a log of pair.json.

use super::pair::{After, Event, Log, Outcome, Step, Transport};
use super::{Wrong, equal, holds};
use pluribus_mix::vattp::Violation;
use pluribus_mix::vattp::pair::{
    Answer, Effect, Heard, Numbers, Pair, PairFields, Proof, Side, TransportId, UNKNOWN, Within,
    Word,
};
use std::collections::VecDeque;

/// Numbers as a log gives them.
struct Replay {
    left: VecDeque<u64>,
    /// Draws beyond them.
    missing: usize,
}

impl Numbers for Replay {
    fn draw(&mut self) -> u64 {
        self.left.pop_front().unwrap_or_else(|| {
            self.missing += 1;
            0
        })
    }
}

/// Who has a pair, closes transports and speaks.
struct Owner {
    pair: Pair,
    side: Side,
    anonymous: bool,
}

/// What an event made the pair say.
enum Reply {
    Nothing,
    Says(Word),
    /// And the transport closes.
    Refuses(Word),
    /// CLOSE with the reason gone, for this object, and the transport closes.
    Gone(u64),
    Closes,
}

/// Runs a log.
///
/// # Errors
/// If the rule differs somewhere.
pub fn run(log: &Log) -> Result<(), Wrong> {
    let forgetful = log.past == UNKNOWN || log.anonymous;
    let mut owner = Owner {
        pair: Pair::new(log.side, forgetful),
        side: log.side,
        anonymous: log.anonymous,
    };
    for (n, step) in log.steps.iter().enumerate() {
        let ran = owner.run(step);
        ran.map_err(|wrong| Wrong::new(format!("step {n}, {:?}: {wrong}", step.event)))?;
    }
    Ok(())
}

impl Owner {
    fn run(&mut self, step: &Step) -> Result<(), Wrong> {
        let mut numbers = Replay {
            left: step.draws.iter().copied().collect(),
            missing: 0,
        };
        let outcome = self.step(&step.event, &mut numbers)?;
        equal("what comes of it", &outcome, &step.outcome)?;
        let left = (numbers.left.len(), numbers.missing);
        equal("draws too few and too many", left, (0, 0))?;
        let after = After {
            object: self.pair.object().unwrap_or(0),
            joined: self.pair.partner().unwrap_or(0),
            live: self.pair.live().map(|TransportId(live)| live),
            dials: self.pair.may_dial() && !self.anonymous,
        };
        equal("how it stands", after, step.after)
    }

    fn step(&mut self, event: &Event, numbers: &mut Replay) -> Result<Outcome, Wrong> {
        let before = self.pair.object().zip(self.pair.partner());
        let had = self.pair.object();
        let (mut effects, mut outcome) = (Vec::new(), Outcome::default());
        match self.handle(event, numbers, &mut effects) {
            Ok(Reply::Nothing) => {}
            Ok(Reply::Says(word)) => outcome.said = Some(fields(word)),
            Ok(Reply::Refuses(word)) => {
                outcome.said = Some(fields(word));
                outcome.closed.extend(transport(event));
            }
            Ok(Reply::Gone(id)) => {
                outcome.close = Some(id);
                outcome.closed.extend(transport(event));
            }
            Ok(Reply::Closes) => outcome.closed.extend(transport(event)),
            Err(_) => {
                outcome.refused = true;
                outcome.closed.extend(transport(event));
                self.misbehaved(event, &mut effects);
            }
        }
        if let Event::Want = event
            && had.is_none()
        {
            outcome.made = self.pair.object();
        }
        let joined = self.pair.partner();
        let is_new = before != self.pair.object().zip(joined);
        apply(&effects, joined.filter(|_| is_new), &mut outcome)?;
        if self.anonymous && self.pair.is_idle() {
            self.pair = Pair::new(self.side, true);
        }
        Ok(outcome)
    }

    /// What a peer may not say ends the transport and the object.
    fn misbehaved(&mut self, event: &Event, effects: &mut Vec<Effect>) {
        if let Some(on) = transport(event) {
            self.pair.lost(TransportId(on));
        }
        self.pair.break_off(effects);
    }

    fn handle(
        &mut self,
        event: &Event,
        numbers: &mut Replay,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Violation> {
        let pair = &mut self.pair;
        match *event {
            Event::Want => _ = pair.want(numbers),
            Event::Dial(on) => pair.dial(TransportId(on)),
            Event::Proven(on, incarnation) => {
                let proof = Proof::in_a_model(incarnation);
                let word = pair.proven(TransportId(on), proof, numbers, effects);
                return Ok(word.map_or(Reply::Closes, Reply::Says));
            }
            Event::Go(on, incarnation, said) => {
                said.check(Within::Go, self.side.other())?;
                let proof = Proof::in_a_model(incarnation);
                let asked = pair.asked(TransportId(on), proof, &said.word, numbers, effects)?;
                return Ok(match asked {
                    Answer::Live(word) => Reply::Says(word),
                    Answer::Refuse(word) => Reply::Refuses(word),
                    Answer::Close => Reply::Closes,
                });
            }
            Event::GoToo(on, said) => {
                said.check(Within::GoToo, self.side.other())?;
                let heard = pair.answered(TransportId(on), &said.word, numbers, effects)?;
                return Ok(match heard {
                    Heard::Live => Reply::Nothing,
                    Heard::Gone(id) => Reply::Gone(id),
                    Heard::Close => Reply::Closes,
                });
            }
            Event::Gone(on, id) => pair.gone(TransportId(on), id, effects)?,
            Event::Lost(on) => pair.lost(TransportId(on)),
            Event::Ends => pair.break_off(effects),
            Event::Patience => pair.give_up_waiting(),
            Event::Drop => self.pair = Pair::new(self.side, true),
        }
        Ok(Reply::Nothing)
    }
}

const fn fields(word: Word) -> PairFields {
    PairFields {
        word,
        expect: 1,
        first: 1,
    }
}

/// The transport of an event.
const fn transport(event: &Event) -> Option<Transport> {
    match event {
        Event::Dial(on)
        | Event::Proven(on, _)
        | Event::Go(on, _, _)
        | Event::GoToo(on, _)
        | Event::Gone(on, _)
        | Event::Lost(on) => Some(*on),
        Event::Want | Event::Ends | Event::Patience | Event::Drop => None,
    }
}

/// Writes down what is to be done: an object breaks before another is made, which is made before it is joined.
fn apply(effects: &[Effect], joined: Option<u64>, outcome: &mut Outcome) -> Result<(), Wrong> {
    for effect in effects {
        let (place, value, none_behind) = match *effect {
            Effect::Close(TransportId(on)) => {
                outcome.closed.push(on);
                continue;
            }
            Effect::Broke(id) => {
                let behind = outcome.made.is_some() || outcome.joined.is_some();
                (&mut outcome.broken, Some(id), !behind)
            }
            Effect::Made(id) => (&mut outcome.made, Some(id), outcome.joined.is_none()),
            Effect::Joined(_) => (&mut outcome.joined, joined, true),
        };
        holds(place.is_none() && none_behind, || format!("{effects:?}"))?;
        *place = value;
    }
    outcome.closed.sort_unstable();
    outcome.closed.dedup();
    Ok(())
}
