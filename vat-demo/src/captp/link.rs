//! Ways to another vat: what far references are made of.
//!
//! Objects hold far references and drop them when they like, in the middle of a turn. So a reference does nothing but write down
//! what it wants: a message to be carried, a promise to be listened to, or that it is gone. The sessions take these
//! [`Errand`]s in the order given, and that order is the order of the operations on the wire.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::op::{Desc, Position, Target};
use crate::value::{Symbol, Value};
use crate::vat::{Message, Problem, Ref, Remote, Resolver, Turn};

/// A session, by a number that is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SessionNo(pub(super) u64);

/// Something a reference wants of its session.
pub(super) struct Errand {
    pub(super) session: SessionNo,
    pub(super) wish: Wish,
}

pub(super) enum Wish {
    Deliver {
        to: Target,
        args: Args,
        answer: Option<(Position, Resolver)>,
        cause: u64,
    },
    Listen {
        to: Target,
        promise: Ref,
        cause: u64,
    },
    /// The last reference to an import is gone; so often was it received.
    DropImport(Position, u64),
    DropAnswer(Position),
}

/// What a message says.
pub(super) enum Args {
    /// As objects said it.
    Said(Vec<Value>),
    /// As it goes onto the wire: certificates are nothing for objects.
    Wired(Vec<Value<Desc>>),
}

impl Args {
    /// Whether they answer somebody.
    pub(super) fn fulfil(&self) -> bool {
        let Self::Said(said) = self else {
            return false;
        };
        matches!(said.as_slice(), [Value::Symbol(Symbol(verb)), _] if verb == "fulfill")
    }
}

/// The errands of all sessions of a vat, in order.
pub(super) type Errands = Rc<RefCell<VecDeque<Errand>>>;

/// What all references of one session share.
pub(super) struct Link {
    pub(super) session: SessionNo,
    errands: Errands,
    next_answer: Cell<Position>,
    alive: Cell<bool>,
}

impl Link {
    pub(super) fn new(session: SessionNo, errands: Errands) -> Rc<Self> {
        Rc::new(Self {
            session,
            errands,
            next_answer: Cell::new(0),
            alive: Cell::new(true),
        })
    }

    /// Nothing is carried from now on.
    pub(super) fn cut(&self) {
        self.alive.set(false);
    }

    pub(super) fn is_alive(&self) -> bool {
        self.alive.get()
    }

    fn wish(&self, wish: Wish) {
        if self.is_alive() {
            let session = self.session;
            self.errands
                .borrow_mut()
                .push_back(Errand { session, wish });
        }
    }

    /// Writes down a message, with the promise of its answer kept by the other vat.
    pub(super) fn deliver(
        self: &Rc<Self>,
        turn: &mut Turn<'_>,
        to: Target,
        args: Args,
        answer: Option<Resolver>,
        cause: u64,
    ) {
        if !self.is_alive() {
            if let Some(answer) = answer {
                turn.resolve(answer, Err(gone()));
            }
            return;
        }
        let answer = answer.map(|resolver| {
            let position = self.next_answer.get();
            self.next_answer.set(position + 1);
            (position, resolver)
        });
        let asked = answer.as_ref().map(|(position, resolver)| {
            let link = Rc::clone(self);
            let asked = Asked {
                link,
                position: *position,
            };
            (resolver.promise(), asked)
        });
        self.wish(Wish::Deliver {
            to,
            args,
            answer,
            cause,
        });
        // Behind the message, for what waited for the promise goes ahead at once.
        if let Some((promise, asked)) = asked {
            turn.keep_elsewhere(&promise, Rc::new(asked));
        }
    }
}

/// Why references break when their session ends.
pub(super) fn gone() -> Problem {
    Problem::new("the session with the vat of this object is over")
}

/// Something the other vat exports.
pub(super) struct Imported {
    pub(super) link: Rc<Link>,
    pub(super) position: Position,
    /// How often it was received.
    received: Cell<u64>,
}

impl Imported {
    /// The way to something that was received so often.
    pub(super) fn way(link: &Rc<Link>, position: Position, received: u64) -> Rc<dyn Remote> {
        let link = Rc::clone(link);
        Rc::new(Self {
            link,
            position,
            received: Cell::new(received),
        })
    }

    /// One was received that is known already.
    pub(super) fn once_more(&self) {
        self.received.set(self.received.get() + 1);
    }
}

impl Remote for Imported {
    fn deliver(&self, turn: &mut Turn<'_>, message: Message) {
        let Message {
            args, answer, id, ..
        } = message;
        let to = Target::Export(self.position);
        self.link.deliver(turn, to, Args::Said(args), answer, id);
    }

    fn listen(&self, turn: &mut Turn<'_>, promise: &Ref) {
        let to = Target::Export(self.position);
        let promise = promise.clone();
        let cause = turn.sent();
        self.link.wish(Wish::Listen { to, promise, cause });
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for Imported {
    fn drop(&mut self) {
        let received = self.received.get();
        // The bootstrap object was never sent and is never given back.
        if received > 0 {
            self.link.wish(Wish::DropImport(self.position, received));
        }
    }
}

/// What will answer a message of ours.
pub(super) struct Asked {
    pub(super) link: Rc<Link>,
    pub(super) position: Position,
}

impl Remote for Asked {
    fn deliver(&self, turn: &mut Turn<'_>, message: Message) {
        let Message {
            args, answer, id, ..
        } = message;
        let to = Target::Answer(self.position);
        self.link.deliver(turn, to, Args::Said(args), answer, id);
    }

    /// Every question names a resolver, so there is nothing to ask.
    fn listen(&self, _: &mut Turn<'_>, _: &Ref) {}

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.link.wish(Wish::DropAnswer(self.position));
    }
}

/// What the sessions know of a reference that leads to another vat.
pub(super) enum Away {
    Imported(Rc<Link>, Position),
    Asked(Rc<Link>, Position),
}

impl Away {
    /// Every way out of the vat is one of ours.
    pub(super) fn of(remote: &dyn Remote) -> Option<Self> {
        let any = remote.as_any();
        if let Some(Imported { link, position, .. }) = any.downcast_ref() {
            return Some(Self::Imported(Rc::clone(link), *position));
        }
        let Asked { link, position } = any.downcast_ref()?;
        Some(Self::Asked(Rc::clone(link), *position))
    }
}
