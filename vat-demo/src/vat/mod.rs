//! Vats, their objects and their turns.
//!
//! A vat is a heap of objects and a queue of messages. It takes one message at a time and calls the object it is for; that is a
//! *turn*, and nothing else happens in the vat until it is over. What the object sends meanwhile is put behind
//! in the queue. So there is nothing to lock and nothing to wait for: an object that wants an answer is given a promise of it.
//!
//! ```
//! use vat_demo::value::Value;
//! use vat_demo::vat::{Turn, Vat};
//!
//! let mut vat = Vat::default();
//! vat.turn(|turn| {
//!     let greeter = turn.spawn_fn(|_, args| match args.as_slice() {
//!         [Value::Text(name)] => Ok(format!("Hello, {name}!").into()),
//!         _ => Err("whom shall I greet?".into()),
//!     });
//!     let answer = turn.send(&greeter, ["Alice".into()]);
//!     turn.when(&answer, |_, outcome| {
//!         assert_eq!(outcome, Ok("Hello, Alice!".into()));
//!         outcome
//!     });
//! });
//! vat.run();
//! ```

mod message;
mod object;
mod promise;
mod reference;
mod remote;
#[cfg(test)]
mod tests;
mod trace;
mod turn;

pub use message::Message;
pub use object::{Object, Outcome, Problem};
pub use promise::Resolver;
pub(crate) use reference::WeakRef;
pub use reference::{Kind, Ref};
pub use remote::Remote;
pub use trace::{Event, Happened};
pub use turn::Turn;
pub(crate) use turn::outcome_said;

use turn::{Agenda, Job};

/// A vat.
#[derive(Default)]
pub struct Vat {
    agenda: Agenda,
}

impl Vat {
    /// Does something in a turn that nobody in the vat has asked for: how everything starts.
    pub fn turn<T>(&mut self, work: impl FnOnce(&mut Turn<'_>) -> T) -> T {
        self.caused_by(0, Happened::Entered, work)
    }

    /// Does something on behalf of those outside: it is no turn, and what it does names its own cause.
    pub(crate) fn attend<T>(&mut self, work: impl FnOnce(&mut Turn<'_>) -> T) -> T {
        let agenda = &mut self.agenda;
        work(&mut Turn { agenda, cause: 0 })
    }

    /// Takes one turn. Whether there was one to take.
    pub fn step(&mut self) -> bool {
        if !self.agenda.forsaken.borrow().is_empty() {
            self.attend(|turn| turn.break_forsaken());
            return true;
        }
        match self.agenda.jobs.pop_front() {
            Some(Job::Call(object, message)) => {
                let Message {
                    args,
                    answer,
                    id,
                    freight,
                } = message;
                self.caused_by(id, Happened::Turn, |turn| {
                    let outcome = object.call(turn, args);
                    if let Some(answer) = answer {
                        turn.resolve(answer, outcome);
                    }
                });
                drop(freight);
                true
            }
            Some(Job::Tell(watcher, outcome, id)) => {
                self.caused_by(id, Happened::Turn, |turn| watcher(turn, outcome));
                true
            }
            None => false,
        }
    }

    /// Takes turns until there are none to take. Returns how many there were.
    pub fn run(&mut self) -> u64 {
        let mut turns = 0;
        while self.step() {
            turns += 1;
        }
        turns
    }

    /// Whether there are turns to take.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.agenda.jobs.is_empty() && self.agenda.forsaken.borrow().is_empty()
    }

    /// Tells everything that happens from now on to `sink`.
    pub fn trace(&mut self, sink: impl FnMut(Event) + 'static) {
        self.agenda.tracer.sink = Some(Box::new(sink));
    }

    fn caused_by<T>(
        &mut self,
        cause: u64,
        happened: Happened,
        work: impl FnOnce(&mut Turn<'_>) -> T,
    ) -> T {
        let cause = self.agenda.tracer.note(cause, happened);
        let agenda = &mut self.agenda;
        work(&mut Turn { agenda, cause })
    }
}
