//! What can be read from a trace.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::cell::RefCell;
use std::rc::Rc;

use pluribus_mix::time::Instant;
use vat_demo::captp::dialect::{B, Dialect};
use vat_demo::host::Host;
use vat_demo::netlayer::memory::Exchange;
use vat_demo::suite;
use vat_demo::value::Value;
use vat_demo::vat::{Event, Happened};

type Trace = Rc<RefCell<Vec<Event>>>;

fn b() -> Box<dyn Dialect> {
    Box::new(B)
}

fn host(exchange: &Exchange, name: &str, seed: u8) -> (Host, Trace) {
    let mut last = [seed; 32];
    let entropy = move || {
        last[0] += 1;
        last
    };
    let mut host = Host::new(Box::new(exchange.join(name)), b, Box::new(entropy));
    let trace = Trace::default();
    let sink = Rc::clone(&trace);
    host.trace(move |event| sink.borrow_mut().push(event));
    (host, trace)
}

/// From an effect back to where it began, by names.
fn origin(trace: &Trace, effect: Event) -> Vec<Happened> {
    let trace = trace.borrow();
    let mut at = Some(effect);
    let mut way = Vec::new();
    while let Some(event) = at {
        way.push(event.happened);
        assert!(event.cause < event.id, "causes come first");
        at = trace.iter().copied().find(|found| found.id == event.cause);
        assert_eq!(at.is_none(), event.cause == 0, "every cause is there");
    }
    way
}

#[test]
fn an_effect_leads_back_to_its_origin_and_nothing_says_where_or_who() {
    let exchange = Exchange::default();
    let (mut alice, at_alice) = host(&exchange, "alice", 1);
    let (mut bob, at_bob) = host(&exchange, "bob", 2);
    let (_, echo) = suite::offer(&mut bob).remove(1);
    let effect = Rc::<RefCell<Option<Event>>>::default();
    let echo = alice.enliven(&echo);
    let (seen, here) = (Rc::clone(&effect), Rc::clone(&at_alice));
    alice.turn(|turn| {
        let answer = turn.send(&echo, ["shout".into()]);
        turn.when(&answer, move |_, outcome| {
            assert_eq!(outcome, Ok(Value::List(vec!["shout".into()])));
            *seen.borrow_mut() = here.borrow().last().copied();
            outcome
        });
    });
    for _ in 0..20 {
        alice.poll(Instant::ZERO);
        bob.poll(Instant::ZERO);
    }
    let (session, effect) = (1, effect.borrow_mut().take().unwrap());
    assert_eq!(
        origin(&at_alice, effect),
        [
            Happened::Turn,
            Happened::Resolved,
            Happened::Arrived { session },
            Happened::Sent,
            Happened::Entered
        ]
    );
    // The last that Bob has said is the answer.
    let carried = |event: &&Event| event.happened == Happened::Carried { session };
    let answer = at_bob.borrow().iter().rfind(carried).copied().unwrap();
    assert_eq!(
        origin(&at_bob, answer),
        [
            Happened::Carried { session },
            Happened::Sent,
            Happened::Turn,
            Happened::Resolved,
            Happened::Turn,
            Happened::Arrived { session },
            Happened::Opened { session }
        ]
    );
    exchange.cut("alice", "bob");
    alice.poll(Instant::ZERO);
    let closed = at_alice
        .borrow()
        .iter()
        .copied()
        .find(|event| matches!(event.happened, Happened::Closed { .. }));
    let over = [Happened::Closed { session }, Happened::Opened { session }];
    assert_eq!(origin(&at_alice, closed.unwrap()), over);
    for event in at_alice.borrow().iter() {
        let line = event.to_string();
        let words = line.split(|byte: char| !byte.is_ascii_alphabetic());
        for word in words.filter(|word| !word.is_empty()) {
            let known = "id cause happened session entered sent carried arrived resolved turn opened closed";
            assert!(known.split(' ').any(|name| name == word), "{line}");
        }
    }
}
