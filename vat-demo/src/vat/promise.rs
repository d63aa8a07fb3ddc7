//! Promises, and when they take the shorter way.
//!
//! A promise of this vat keeps its messages until it is resolved. One that another vat keeps sends them ahead, so that a chain
//! of messages costs one round trip. Such a promise may turn out to lead elsewhere than to the vat that kept it, while
//! messages are still on the long way through it; one sent on the short way could then overtake them. So a promise *takes the
//! shorter way only when every message it has sent ahead has been answered*. Whoever compares it or passes it on has the resolution
//! at once: for another holder it is another reference.
//!
//! A message sent ahead therefore always asks for an answer, also where nobody waits for it here.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use crate::value::Value;

use super::message::Message;
use super::object::Outcome;
use super::reference::{Kind, Node, Ref};
use super::remote::Remote;
use super::turn::Watcher;

/// A promise that is not resolved, or is and has messages on the long way.
pub(super) struct Promise {
    /// The long way, if another vat keeps the promise.
    pub(super) way: Option<Rc<dyn Remote>>,
    /// Whether the other vat was asked for the resolution.
    pub(super) asked: bool,
    /// Messages sent the long way and not answered.
    pub(super) ahead: u64,
    /// The resolution, while messages are on the long way.
    pub(super) outcome: Option<Outcome>,
    pub(super) messages: Vec<Message>,
    pub(super) watchers: Vec<Watcher>,
}

impl Promise {
    pub(super) fn here() -> Self {
        Self {
            way: None,
            asked: true,
            ahead: 0,
            outcome: None,
            messages: Vec::new(),
            watchers: Vec::new(),
        }
    }

    pub(super) fn elsewhere(way: Rc<dyn Remote>) -> Self {
        Self {
            way: Some(way),
            asked: false,
            ..Self::here()
        }
    }

    /// The reference it is resolved to.
    pub(super) fn resolution(&self) -> Option<Ref> {
        match &self.outcome {
            Some(Ok(Value::Ref(to))) => Some(to.clone()),
            _ => None,
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match &self.outcome {
            Some(Ok(value)) => Kind::Fulfilled(value.clone()),
            Some(Err(problem)) => Kind::Broken(problem.clone()),
            None => Kind::Promise(self.way.clone()),
        }
    }
}

/// The right to resolve a promise, once. Dropped without use, it breaks the promise: otherwise whoever waits would wait for ever, and
/// what waits with them would never be free.
pub struct Resolver {
    promise: Rc<Node>,
    /// The promise that sent a message ahead and waits for the answer before it takes the shorter way.
    pub(super) ahead_of: Option<Weak<Node>>,
    /// Where to say that it was dropped; none once it was used.
    forsaken: Option<Forsaken>,
}

/// Promises whose resolvers were dropped, in the middle of whatever it was, and are to be broken when there is time. With each the
/// promise that had sent a message ahead.
pub(super) type Forsaken = Rc<RefCell<Vec<(Rc<Node>, Option<Weak<Node>>)>>>;

impl Resolver {
    pub(super) fn new(promise: &Ref, forsaken: &Forsaken) -> Self {
        Self {
            promise: Rc::clone(&promise.0),
            ahead_of: None,
            forsaken: Some(Rc::clone(forsaken)),
        }
    }

    /// The promise.
    #[must_use]
    pub fn promise(&self) -> Ref {
        Ref(Rc::clone(&self.promise))
    }

    /// Uses it up.
    pub(super) fn spend(mut self) -> (Rc<Node>, Option<Weak<Node>>) {
        self.forsaken = None;
        (Rc::clone(&self.promise), self.ahead_of.take())
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        if let Some(forsaken) = self.forsaken.take() {
            let promise = Rc::clone(&self.promise);
            forsaken.borrow_mut().push((promise, self.ahead_of.take()));
        }
    }
}
