//! References: how one object holds another.
//!
//! ```text
//!                  ┌─ near      an object of this vat
//!   promise ──────►├─ far       an object of another vat
//!   (its messages  ├─ fulfilled data: there is nobody to send to
//!    wait, or go   ├─ broken    with a reason
//!    ahead)        └─ resolved  to another reference
//! ```
//!
//! A reference starts as one of these and only promises change. Whoever holds a promise need not ask what has become of it:
//! a message sent to it goes to whatever it resolves to, in the order of sending.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::mem;
use std::rc::{Rc, Weak};

use crate::value::Value;

use super::Turn;
use super::object::{Object, Outcome, Problem};
use super::promise::Promise;
use super::remote::Remote;

/// A reference to an object, near or far, or to the promise of something.
///
/// Equal are those that lead to the same object. Promises are equal to themselves alone until they are resolved.
#[derive(Clone)]
pub struct Ref(pub(super) Rc<Node>);

/// A reference that keeps nothing alive.
#[derive(Clone)]
pub(crate) struct WeakRef(Weak<Node>);

pub(super) struct Node {
    pub(super) state: RefCell<State>,
}

thread_local! {
    /// What is to be dropped, while something is being dropped.
    static RUBBLE: Cell<Option<Vec<State>>> = const { Cell::new(None) };
}

impl Drop for Node {
    /// References hold objects and promises, which hold references: a peer can make such chains as long as it likes. So what a
    /// node held is not dropped within the drop of whatever held the node, but behind it.
    fn drop(&mut self) {
        let state = mem::replace(self.state.get_mut(), State::Fulfilled(Value::Undefined));
        if matches!(&state, State::Fulfilled(Value::Undefined)) {
            return;
        }
        // An error is the end of the thread: no vat runs on it any more.
        let _ = RUBBLE.try_with(|rubble| {
            if let Some(mut waiting) = rubble.take() {
                waiting.push(state);
                rubble.set(Some(waiting));
                return;
            }
            rubble.set(Some(Vec::new()));
            let mut next = Some(state);
            while let Some(state) = next {
                drop(state);
                let mut waiting = rubble.take().unwrap_or_default();
                next = waiting.pop();
                rubble.set(next.is_some().then_some(waiting));
            }
        });
    }
}

pub(super) enum State {
    /// The object; none while it is in the middle of a turn.
    Near(Option<Box<dyn Object>>),
    Far(Rc<dyn Remote>),
    /// In a box, for most references are no promises and are to be small.
    Promise(Box<Promise>),
    Resolved(Ref),
    Fulfilled(Value),
    /// In a box for the same reason.
    Broken(Box<Problem>),
}

/// What a reference is at this moment.
#[derive(Clone)]
pub enum Kind {
    /// An object of this vat.
    Near,
    /// An object elsewhere, and the way to it.
    Far(Rc<dyn Remote>),
    /// Not resolved; with the way ahead if the promise is somebody else's.
    Promise(Option<Rc<dyn Remote>>),
    /// Data; it takes no messages.
    Fulfilled(Value),
    /// Broken; it takes no messages.
    Broken(Problem),
}

impl Ref {
    pub(super) fn new(state: State) -> Self {
        let state = RefCell::new(state);
        Self(Rc::new(Node { state }))
    }

    /// A reference to an object of another vat.
    #[must_use]
    pub fn far(remote: Rc<dyn Remote>) -> Self {
        Self::new(State::Far(remote))
    }

    /// A promise that another vat keeps.
    #[must_use]
    pub fn promised(remote: Rc<dyn Remote>) -> Self {
        Self::new(State::Promise(Box::new(Promise::elsewhere(remote))))
    }

    /// A reference that was broken from the start.
    #[must_use]
    pub fn broken(problem: Problem) -> Self {
        Self::new(State::Broken(Box::new(problem)))
    }

    /// What this is at this moment, as far as it is resolved.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match &*self.shortened().0.state.borrow() {
            State::Near(_) => Kind::Near,
            State::Far(remote) => Kind::Far(Rc::clone(remote)),
            State::Promise(promise) => promise.kind(),
            State::Fulfilled(value) => Kind::Fulfilled(value.clone()),
            State::Broken(problem) => Kind::Broken((**problem).clone()),
            // Shortened references do not lead on.
            State::Resolved(_) => Kind::Promise(None),
        }
    }

    /// The reference that this one leads to, as far as that is known: what to compare and what to pass on.
    #[must_use]
    pub fn shortened(&self) -> Self {
        let mut at = self.way();
        while let Some(next) = at.settled_to() {
            at = next.way();
        }
        at
    }

    /// Where a message to this reference goes: not ahead of those that went before (see [`Promise`]).
    pub(super) fn way(&self) -> Self {
        let mut at = self.clone();
        while let Some(next) = at.resolved_to() {
            // Long chains are halved, or every message would walk them whole.
            if let Some(beyond) = next.resolved_to()
                && let Ok(mut state) = at.0.state.try_borrow_mut()
            {
                *state = State::Resolved(beyond);
            }
            at = next;
        }
        at
    }

    fn resolved_to(&self) -> Option<Self> {
        match &*self.0.state.borrow() {
            State::Resolved(next) => Some(next.clone()),
            _ => None,
        }
    }

    /// What a promise came to that does not take the shorter way yet.
    fn settled_to(&self) -> Option<Self> {
        match &*self.0.state.borrow() {
            State::Promise(promise) => promise.resolution(),
            _ => None,
        }
    }

    /// The way of its messages out of the vat, if they take one: also while what they go to is known to be elsewhere.
    pub(crate) fn way_out(&self) -> Option<Rc<dyn Remote>> {
        match &*self.0.state.borrow() {
            State::Far(way) => Some(Rc::clone(way)),
            State::Promise(promise) => promise.way.clone(),
            _ => None,
        }
    }

    /// A number that no other living reference of this process has, the same for all that lead to one object.
    pub(crate) fn identity(&self) -> usize {
        self.shortened().own_identity()
    }

    /// That number as it was when this had been shortened, whatever it leads to since.
    pub(crate) fn own_identity(&self) -> usize {
        Rc::as_ptr(&self.0).addr()
    }

    /// Has the object of this handle a message.
    pub(super) fn call(&self, turn: &mut Turn<'_>, args: Vec<Value>) -> Outcome {
        let taken = match &mut *self.0.state.borrow_mut() {
            State::Near(object) => object.take(),
            _ => None,
        };
        let Some(mut object) = taken else {
            return Err("the object is in the middle of another turn".into());
        };
        let outcome = object.call(turn, args);
        *self.0.state.borrow_mut() = State::Near(Some(object));
        outcome
    }

    pub(crate) fn downgrade(&self) -> WeakRef {
        WeakRef(Rc::downgrade(&self.0))
    }
}

impl WeakRef {
    pub(crate) fn upgrade(&self) -> Option<Ref> {
        self.0.upgrade().map(Ref)
    }
}

impl PartialEq for Ref {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.shortened().0, &other.shortened().0)
    }
}

impl Eq for Ref {}

impl fmt::Debug for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            Kind::Near => f.write_str("near"),
            Kind::Far(_) => f.write_str("far"),
            Kind::Promise(_) => f.write_str("promise"),
            Kind::Fulfilled(value) => write!(f, "fulfilled {value:?}"),
            Kind::Broken(problem) => write!(f, "broken {:?}", problem.0),
        }
    }
}
