//! The vat without any transport: a test plays the other vats.

mod ahead;
mod long;
mod order;
mod turns;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::{Message, Outcome, Problem, Ref, Remote, Resolver, Turn, Vat};
use crate::value::Value;

/// What somebody heard, in order.
pub(super) type Heard = Rc<RefCell<Vec<Outcome>>>;

/// An object that writes down the first argument of each message and answers with it.
pub(super) fn listener(turn: &mut Turn<'_>) -> (Ref, Heard) {
    let heard = Heard::default();
    let hears = Rc::clone(&heard);
    let object = turn.spawn(move |_: &mut Turn<'_>, mut args: Vec<Value>| {
        let said = args.remove(0);
        hears.borrow_mut().push(Ok(said.clone()));
        Ok(said)
    });
    (object, heard)
}

/// Writes down what `promise` comes to.
pub(super) fn watch(turn: &mut Turn<'_>, promise: &Ref) -> Heard {
    let heard = Heard::default();
    let hears = Rc::clone(&heard);
    turn.when(promise, move |_, outcome| {
        hears.borrow_mut().push(outcome.clone());
        outcome
    });
    heard
}

pub(super) fn numbers(all: impl IntoIterator<Item = i64>) -> Vec<Outcome> {
    all.into_iter().map(|number| Ok(number.into())).collect()
}

pub(super) fn problem(words: &str) -> Outcome {
    Err(Problem::new(words))
}

/// A way to another vat that goes nowhere: the test answers.
#[derive(Default)]
pub(super) struct Fake {
    pub(super) came: RefCell<Vec<(Vec<Value>, Resolver)>>,
    pub(super) listened: Cell<u32>,
    pub(super) gone: Rc<Cell<bool>>,
}

impl Fake {
    /// The first arguments of what came, in order.
    pub(super) fn heard(&self) -> Vec<Outcome> {
        let came = self.came.borrow();
        came.iter().map(|(args, _)| Ok(args[0].clone())).collect()
    }

    /// Answers the oldest message.
    pub(super) fn answer(&self, turn: &mut Turn<'_>, outcome: Outcome) {
        let (_, resolver) = self.came.borrow_mut().remove(0);
        turn.resolve(resolver, outcome);
    }

    pub(super) fn way(self: &Rc<Self>) -> Rc<dyn Remote> {
        Rc::clone(self) as Rc<dyn Remote>
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.gone.set(true);
    }
}

impl Remote for Fake {
    fn deliver(&self, turn: &mut Turn<'_>, message: Message) {
        let answer = message.answer.unwrap_or_else(|| turn.promise().1);
        self.came.borrow_mut().push((message.args, answer));
    }

    fn listen(&self, _: &mut Turn<'_>, _: &Ref) {
        self.listened.set(self.listened.get() + 1);
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Runs a vat with `work` as the first turn.
pub(super) fn run<T>(work: impl FnOnce(&mut Turn<'_>) -> T) -> (Vat, T) {
    let mut vat = Vat::default();
    let made = vat.turn(work);
    vat.run();
    (vat, made)
}
