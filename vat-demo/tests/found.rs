//! What the random schedules have found, each told alone.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use std::cell::RefCell;
use std::rc::Rc;

use pluribus_mix::time::Instant;
use vat_demo::captp::dialect::{Auto, B, Dialect};
use vat_demo::host::Host;
use vat_demo::netlayer::memory::Exchange;
use vat_demo::value::Value;
use vat_demo::vat::{Outcome, Ref, Resolver, Turn};

type Heard = Rc<RefCell<Vec<Outcome>>>;

fn b() -> Box<dyn Dialect> {
    Box::new(B)
}

fn auto() -> Box<dyn Dialect> {
    Box::new(Auto::default())
}

/// Alice, Bob, and what Alice holds of Bob's: an object that answers with the first thing it is sent, and the resolvers of
/// promises that it answers with if that is null.
struct Pair {
    alice: Host,
    bob: Host,
    echo: Ref,
    resolvers: Rc<RefCell<Vec<Resolver>>>,
}

impl Pair {
    fn meet(dialect: fn() -> Box<dyn Dialect>) -> Self {
        let exchange = Exchange::default();
        let [mut alice, mut bob] = ["alice", "bob"].map(|name| {
            let mut last = name.len() as u8;
            let entropy = move || {
                last += 16;
                [last; 32]
            };
            Host::new(Box::new(exchange.join(name)), dialect, Box::new(entropy))
        });
        let resolvers: Rc<RefCell<Vec<Resolver>>> = Rc::default();
        let keeps = Rc::clone(&resolvers);
        let echo = bob.turn(|turn| {
            turn.spawn(move |turn: &mut Turn<'_>, args: Vec<Value>| {
                if args[0] == Value::Null {
                    let (promise, resolver) = turn.promise();
                    keeps.borrow_mut().push(resolver);
                    // Not the promise itself, which would be the answer, but something that has it.
                    return Ok(Value::List(vec![promise.into()]));
                }
                Ok(args[0].clone())
            })
        });
        let echo = alice.enliven(&bob.register(b"echo", &echo));
        let mut pair = Self {
            alice,
            bob,
            echo,
            resolvers,
        };
        pair.settle();
        pair
    }

    fn settle(&mut self) {
        for _ in 0..20 {
            self.alice.poll(Instant::ZERO);
            self.bob.poll(Instant::ZERO);
        }
    }

    fn watch(&mut self, promise: &Ref) -> Heard {
        let heard = Heard::default();
        let hears = Rc::clone(&heard);
        self.alice.turn(|turn| {
            turn.when(promise, move |_, outcome| {
                hears.borrow_mut().push(outcome.clone());
                outcome
            });
        });
        heard
    }
}

/// A promise that was sent away and then became the answer to a later message: the peer is not told of an answer that it was not
/// asked for yet.
#[test]
fn a_promise_may_become_the_answer_to_a_later_message() {
    let mut pair = Pair::meet(b);
    let echo = pair.echo.clone();
    let (first, second) = pair.alice.turn(|turn| {
        let (promise, resolver) = turn.promise();
        let first = turn.send(&echo, [promise.into()]);
        let second = turn.send(&echo, [7.into()]);
        turn.resolve(resolver, Ok((&second).into()));
        (first, second)
    });
    let heard = [first, second].map(|promise| pair.watch(&promise));
    pair.settle();
    for heard in heard {
        assert_eq!(*heard.borrow(), [Ok(7.into())]);
    }
}

/// A message that is too long to be written breaks, and what was sent to its answer with it; the session goes on.
#[test]
fn a_message_that_is_too_long_breaks_alone() {
    let mut pair = Pair::meet(b);
    let echo = pair.echo.clone();
    let (answer, behind, later) = pair.alice.turn(|turn| {
        let answer = turn.send(&echo, [vec![0_u8; 2 << 20].into()]);
        let behind = turn.send(&answer, [1.into()]);
        (answer, behind, turn.send(&echo, [2.into()]))
    });
    let [answer, behind, later] = [answer, behind, later].map(|it| pair.watch(&it));
    pair.settle();
    assert!(answer.borrow()[0].is_err() && behind.borrow()[0].is_err());
    assert_eq!(*later.borrow(), [Ok(2.into())]);
    let again = pair.alice.turn(|turn| turn.send(&echo, [3.into()]));
    let again = pair.watch(&again);
    pair.settle();
    assert_eq!(*again.borrow(), [Ok(3.into())]);
}

/// Whoever watches a promise need not hold it.
#[test]
fn who_watches_a_promise_and_drops_it_is_told() {
    let mut pair = Pair::meet(b);
    let echo = pair.echo.clone();
    let answer = pair.alice.turn(|turn| turn.send(&echo, [Value::Null]));
    let list = pair.watch(&answer);
    drop(answer);
    pair.settle();
    let Ok(Value::List(items)) = list.borrow_mut().remove(0) else {
        panic!("the answer is a list");
    };
    let Value::Ref(promise) = &items[0] else {
        panic!("of a promise");
    };
    let heard = pair.watch(promise);
    drop(items);
    drop(list);
    pair.settle();
    let resolver = pair.resolvers.borrow_mut().remove(0);
    pair.bob.turn(|turn| turn.resolve(resolver, Ok(7.into())));
    pair.settle();
    assert_eq!(*heard.borrow(), [Ok(7.into())]);
    assert_eq!(
        (pair.alice.sizes().imports, pair.bob.sizes().exports),
        (1, 1)
    );
}

/// Two sides that listen for each other's dialect ask for answers that nobody wants, and do not answer the answers to those.
#[test]
fn two_that_do_not_know_each_others_dialect_fall_silent() {
    let mut pair = Pair::meet(auto);
    let echo = pair.echo.clone();
    pair.alice.turn(|turn| turn.send_only(&echo, [7.into()]));
    pair.settle();
    let sizes = (pair.alice.sizes(), pair.bob.sizes());
    pair.settle();
    assert_eq!((pair.alice.sizes(), pair.bob.sizes()), sizes);
}
