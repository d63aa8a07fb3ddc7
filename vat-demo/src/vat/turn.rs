//! What can be done in a turn.

use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use crate::value::{Symbol, Value};

use super::message::Message;
use super::object::{Object, Outcome, Problem};
use super::promise::{Forsaken, Promise, Resolver};
use super::reference::{Node, Ref, State};
use super::remote::Remote;
use super::trace::{Happened, Tracer};

/// What is called when a promise is resolved for good.
pub(super) type Watcher = Box<dyn FnOnce(&mut Turn<'_>, Outcome)>;

/// A turn to come.
pub(super) enum Job {
    /// The reference is near.
    Call(Ref, Message),
    Tell(Watcher, Outcome, u64),
}

/// What a vat is made of beside its objects: the turns to come.
#[derive(Default)]
pub(super) struct Agenda {
    pub(super) jobs: VecDeque<Job>,
    /// Messages on their way through promises, the next one first. Empty between turns.
    walking: VecDeque<(Ref, Message)>,
    /// Whether somebody further up the stack leads them on.
    led: bool,
    pub(super) tracer: Tracer,
    pub(super) forsaken: Forsaken,
}

/// A turn: one message is handled, and nothing else happens meanwhile. Everything sent in a turn is heard in a later one.
pub struct Turn<'vat> {
    pub(super) agenda: &'vat mut Agenda,
    /// What this turn handles, for the trace.
    pub(super) cause: u64,
}

/// For objects.
impl Turn<'_> {
    /// Makes an object.
    pub fn spawn(&mut self, object: impl Object + 'static) -> Ref {
        Ref::new(State::Near(Some(Box::new(object))))
    }

    /// Makes an object of a closure, whose arguments then need no types.
    pub fn spawn_fn(
        &mut self,
        object: impl FnMut(&mut Turn<'_>, Vec<Value>) -> Outcome + 'static,
    ) -> Ref {
        self.spawn(object)
    }

    /// Makes a promise, and the right to resolve it.
    pub fn promise(&mut self) -> (Ref, Resolver) {
        let promise = Ref::new(State::Promise(Box::new(Promise::here())));
        let resolver = Resolver::new(&promise, &self.agenda.forsaken);
        (promise, resolver)
    }

    /// Sends a message; the promise is of its answer. Messages to one reference arrive in the order sent.
    pub fn send(&mut self, to: &Ref, args: impl Into<Vec<Value>>) -> Ref {
        let (answer, resolver) = self.promise();
        self.post(to, args.into(), Some(resolver));
        answer
    }

    /// Sends a message that needs no answer.
    pub fn send_only(&mut self, to: &Ref, args: impl Into<Vec<Value>>) {
        self.post(to, args.into(), None);
    }

    /// Waits until a promise is resolved for good, and then calls `then`, in a turn of its own, with what it came to. For anything
    /// that is no promise the turn comes at once. The promise returned is of what `then` says.
    pub fn when(
        &mut self,
        promise: &Ref,
        then: impl FnOnce(&mut Turn<'_>, Outcome) -> Outcome + 'static,
    ) -> Ref {
        let (answer, resolver) = self.promise();
        self.watch(promise, move |turn, outcome| {
            let outcome = then(turn, outcome);
            turn.resolve(resolver, outcome);
        });
        answer
    }

    /// Resolves a promise: to a value, to what another promise comes to, or breaks it.
    pub fn resolve(&mut self, resolver: Resolver, outcome: Outcome) {
        let (promise, ahead_of) = resolver.spend();
        self.settled(&promise, ahead_of, outcome);
    }

    /// Breaks the promises that nobody can resolve any more.
    pub(super) fn break_forsaken(&mut self) {
        loop {
            let forsaken = self.agenda.forsaken.take();
            if forsaken.is_empty() {
                break;
            }
            for (promise, ahead_of) in forsaken {
                let problem = "nobody is left who could resolve it";
                self.settled(&promise, ahead_of, Err(problem.into()));
            }
        }
    }

    fn settled(&mut self, promise: &Rc<Node>, ahead_of: Option<Weak<Node>>, outcome: Outcome) {
        self.settle(promise, outcome);
        if let Some(sender) = ahead_of.and_then(|sender| sender.upgrade()) {
            self.answered(&sender);
        }
    }

    /// An object that resolves the promise for whoever sends it `fulfill` and a value, or `break` and a reason.
    pub fn resolver_object(&mut self, resolver: Resolver) -> Ref {
        let mut resolver = Some(resolver);
        self.spawn(move |turn: &mut Turn<'_>, args: Vec<Value>| {
            let outcome = outcome_said(args)?;
            if let Some(resolver) = resolver.take() {
                turn.resolve(resolver, outcome);
            }
            Ok(Value::Undefined)
        })
    }
}

/// What a resolver is told: `fulfill` and a value, or `break` and a reason.
pub(crate) fn outcome_said(args: Vec<Value>) -> Result<Outcome, Problem> {
    let mut args = args.into_iter();
    match (args.next(), args.next(), args.next()) {
        (Some(Value::Symbol(Symbol(verb))), Some(value), None) if verb == "fulfill" => {
            Ok(Ok(value))
        }
        (Some(Value::Symbol(Symbol(verb))), Some(reason), None) if verb == "break" => {
            Ok(Err(Problem(reason)))
        }
        _ => Err("a resolver takes 'fulfill and a value, or 'break and a reason".into()),
    }
}

/// For carriers.
impl Turn<'_> {
    /// Sends a message on behalf of somebody outside.
    pub(crate) fn post_message(&mut self, to: &Ref, message: Message) {
        self.carry(to, message);
    }

    /// The number for a message to the outside that no object has sent.
    pub(crate) fn sent(&mut self) -> u64 {
        self.agenda.tracer.note(self.cause, Happened::Sent)
    }

    /// The number for something else that happens now.
    pub(crate) fn note(&mut self, happened: Happened) -> u64 {
        self.agenda.tracer.note(self.cause, happened)
    }

    /// Does something that something else has caused.
    pub(crate) fn because<T>(&mut self, cause: u64, work: impl FnOnce(&mut Turn<'_>) -> T) -> T {
        let agenda = &mut *self.agenda;
        work(&mut Turn { agenda, cause })
    }

    /// What everything done now is caused by.
    pub(crate) fn cause(&self) -> u64 {
        self.cause
    }

    /// Calls `then` in a turn of its own when a promise is resolved for good.
    pub(crate) fn watch(
        &mut self,
        promise: &Ref,
        then: impl FnOnce(&mut Turn<'_>, Outcome) + 'static,
    ) {
        self.watch_boxed(&promise.shortened(), Box::new(then));
    }

    /// The answer to a message that was carried away will be kept by another vat: messages for it can go ahead.
    pub(crate) fn keep_elsewhere(&mut self, promise: &Ref, way: Rc<dyn Remote>) {
        let waiting = match &mut *promise.0.state.borrow_mut() {
            State::Promise(promise) => {
                promise.way = Some(way);
                promise.asked = true;
                std::mem::take(&mut promise.messages)
            }
            _ => return,
        };
        self.move_on(promise, waiting);
    }

    /// The other vat is gone: whatever was there is broken.
    pub(crate) fn sever(&mut self, reference: &Ref, problem: &Problem) {
        let node = &reference.0;
        let far = matches!(&*node.state.borrow(), State::Far(_));
        if far {
            *node.state.borrow_mut() = State::Broken(Box::new(problem.clone()));
            return;
        }
        self.settle(node, Err(problem.clone()));
    }

    /// Another vat has resolved its promise.
    pub(crate) fn resolved_elsewhere(&mut self, promise: &Ref, outcome: Outcome) {
        self.settle(&promise.0, outcome);
    }
}

/// What a step of a message found.
enum Next {
    Call,
    Away(Rc<dyn Remote>),
    /// Whether the other vat was asked for the resolution.
    Ahead(Rc<dyn Remote>, bool),
    On(Ref),
    Nowhere(Problem),
}

/// What somebody who watches found.
enum Watched {
    Ask(Rc<dyn Remote>),
    Known(Watcher, Outcome),
}

/// What a reference came to, if it is known.
fn plain(to: Ref) -> Outcome {
    match &*to.0.state.borrow() {
        State::Fulfilled(value) => return Ok(value.clone()),
        State::Broken(problem) => return Err((**problem).clone()),
        _ => {}
    }
    Ok(Value::Ref(to))
}

/// Has watchers wait for what a promise was resolved to, all at once if that goes. Returns those that do not wait.
fn pass_on(watchers: Vec<Watcher>, outcome: &Outcome) -> Vec<Watcher> {
    let Ok(Value::Ref(to)) = outcome else {
        return watchers;
    };
    match &mut *to.shortened().0.state.borrow_mut() {
        State::Promise(promise)
            if promise.outcome.is_none() && promise.asked && promise.watchers.is_empty() =>
        {
            promise.watchers = watchers;
            Vec::new()
        }
        _ => watchers,
    }
}

impl Turn<'_> {
    fn post(&mut self, to: &Ref, args: Vec<Value>, answer: Option<Resolver>) {
        let id = self.agenda.tracer.note(self.cause, Happened::Sent);
        let message = Message {
            args,
            answer,
            id,
            freight: None,
        };
        self.carry(to, message);
    }

    /// Takes a message as far as it goes now: to the agenda, to another vat, or to where it waits.
    ///
    /// A message that breaks or moves takes others along that waited for its answer, and a peer can make such chains as long as
    /// it likes. So each takes its steps one after the other, and none within another's.
    fn carry(&mut self, to: &Ref, message: Message) {
        self.agenda.walking.push_back((to.clone(), message));
        self.lead();
    }

    /// The same for messages that waited at a promise: ahead of all that came to it later.
    fn move_on(&mut self, to: &Ref, waiting: Vec<Message>) {
        if let State::Promise(promise) = &mut *to.way().0.state.borrow_mut()
            && promise.way.is_none()
            && promise.messages.is_empty()
        {
            // All at once, or long chains of promises would cost their length for each message.
            promise.messages = waiting;
            return;
        }
        for message in waiting.into_iter().rev() {
            self.agenda.walking.push_front((to.clone(), message));
        }
        self.lead();
    }

    fn lead(&mut self) {
        if std::mem::replace(&mut self.agenda.led, true) {
            return;
        }
        while let Some((to, message)) = self.agenda.walking.pop_front() {
            self.take_step(&to.way(), message);
        }
        self.agenda.led = false;
    }

    fn take_step(&mut self, to: &Ref, message: Message) {
        let next = match &mut *to.0.state.borrow_mut() {
            State::Near(_) => Next::Call,
            State::Far(remote) => Next::Away(Rc::clone(remote)),
            State::Promise(promise) => {
                let Some(way) = &promise.way else {
                    promise.messages.push(message);
                    return;
                };
                promise.ahead += 1;
                let asked = std::mem::replace(&mut promise.asked, true);
                Next::Ahead(Rc::clone(way), asked)
            }
            State::Resolved(next) => Next::On(next.clone()),
            State::Fulfilled(_) => Next::Nowhere("data takes no messages".into()),
            State::Broken(problem) => Next::Nowhere((**problem).clone()),
        };
        match next {
            Next::Call => self.agenda.jobs.push_back(Job::Call(to.clone(), message)),
            Next::Away(remote) => remote.deliver(self, message),
            Next::Ahead(way, asked) => {
                self.send_ahead(to, &way, message);
                // Without the resolution it would never take the shorter way.
                if !asked {
                    way.listen(self, to);
                }
            }
            Next::On(next) => self.move_on(&next, vec![message]),
            Next::Nowhere(problem) => {
                if let Some(answer) = message.answer {
                    self.resolve(answer, Err(problem));
                }
            }
        }
    }

    fn send_ahead(&mut self, from: &Ref, way: &Rc<dyn Remote>, mut message: Message) {
        let mut answer = message.answer.take().unwrap_or_else(|| self.promise().1);
        // An answer that already counts for another promise counts for this one too: chain them.
        if answer.ahead_of.is_some() {
            let (relayed, resolver) = self.promise();
            self.watch(&relayed, move |turn, outcome| turn.resolve(answer, outcome));
            answer = resolver;
        }
        answer.ahead_of = Some(Rc::downgrade(&from.0));
        message.answer = Some(answer);
        way.deliver(self, message);
    }

    /// A message sent ahead has been answered; perhaps it was the last.
    fn answered(&mut self, sender: &Rc<Node>) {
        let outcome = match &mut *sender.state.borrow_mut() {
            State::Promise(promise) => {
                promise.ahead = promise.ahead.saturating_sub(1);
                let last = promise.ahead == 0;
                promise.outcome.take_if(|_| last)
            }
            _ => None,
        };
        if let Some(outcome) = outcome {
            self.shorten(sender, outcome);
        }
    }

    fn settle(&mut self, node: &Rc<Node>, outcome: Outcome) {
        let outcome = match outcome {
            Ok(Value::Ref(to)) => {
                let to = to.shortened();
                if Rc::ptr_eq(&to.0, node) {
                    Err("a promise cannot be resolved to itself".into())
                } else {
                    plain(to)
                }
            }
            outcome => outcome,
        };
        let (watchers, now) = match &mut *node.state.borrow_mut() {
            State::Promise(promise) if promise.outcome.is_none() => {
                let now = promise.ahead == 0;
                if !now {
                    promise.outcome = Some(outcome.clone());
                }
                (std::mem::take(&mut promise.watchers), now)
            }
            _ => return,
        };
        for watcher in pass_on(watchers, &outcome) {
            self.tell(watcher, &outcome);
        }
        if now {
            self.shorten(node, outcome);
        }
    }

    /// The promise is its resolution from now on, and what waited goes there.
    fn shorten(&mut self, node: &Rc<Node>, outcome: Outcome) {
        let state = match outcome {
            Ok(Value::Ref(to)) => State::Resolved(to),
            Ok(value) => State::Fulfilled(value),
            Err(problem) => State::Broken(Box::new(problem)),
        };
        let was = node.state.replace(state);
        let State::Promise(promise) = was else { return };
        self.move_on(&Ref(Rc::clone(node)), promise.messages);
    }

    fn watch_boxed(&mut self, on: &Ref, then: Watcher) {
        let outcome = match &mut *on.0.state.borrow_mut() {
            State::Promise(promise) => match &promise.outcome {
                Some(outcome) => Watched::Known(then, outcome.clone()),
                None => {
                    promise.watchers.push(then);
                    let asked = std::mem::replace(&mut promise.asked, true);
                    match &promise.way {
                        Some(way) if !asked => Watched::Ask(Rc::clone(way)),
                        _ => return,
                    }
                }
            },
            State::Near(_) | State::Far(_) | State::Resolved(_) => {
                Watched::Known(then, Ok(Value::Ref(on.clone())))
            }
            State::Fulfilled(value) => Watched::Known(then, Ok(value.clone())),
            State::Broken(problem) => Watched::Known(then, Err((**problem).clone())),
        };
        match outcome {
            Watched::Ask(way) => way.listen(self, on),
            Watched::Known(then, outcome) => self.tell(then, &outcome),
        }
    }

    fn tell(&mut self, watcher: Watcher, outcome: &Outcome) {
        if let Ok(Value::Ref(to)) = outcome {
            let to = to.shortened();
            let unresolved = matches!(&*to.0.state.borrow(), State::Promise(_));
            if unresolved {
                self.watch_boxed(&to, watcher);
                return;
            }
        }
        let id = self.agenda.tracer.note(self.cause, Happened::Resolved);
        let job = Job::Tell(watcher, outcome.clone(), id);
        self.agenda.jobs.push_back(job);
    }
}
