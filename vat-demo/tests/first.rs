//! Two and three vats of one thread: calls, pipelines, gifts.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::cell::RefCell;
use std::rc::Rc;

use pluribus_mix::time::Instant;
use vat_demo::captp::dialect::{B, Dialect};
use vat_demo::host::Host;
use vat_demo::netlayer::memory::Exchange;
use vat_demo::value::Value;
use vat_demo::vat::Outcome;

fn b() -> Box<dyn Dialect> {
    Box::new(B)
}

fn host(exchange: &Exchange, name: &str) -> Host {
    let mut last = name
        .bytes()
        .fold(7_u64, |sum, byte| sum * 31 + u64::from(byte));
    let entropy = move || {
        let mut out = [0; 32];
        for byte in &mut out {
            last = last.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (last >> 56) as u8;
        }
        out
    };
    Host::new(Box::new(exchange.join(name)), b, Box::new(entropy))
}

fn settle(hosts: &mut [&mut Host]) {
    for _ in 0..20 {
        for host in hosts.iter_mut() {
            host.poll(Instant::ZERO);
        }
    }
}

type Heard = Rc<RefCell<Vec<Outcome>>>;

#[test]
fn a_call_is_answered_and_a_pipeline_too() {
    let exchange = Exchange::default();
    let (mut alice, mut bob) = (host(&exchange, "alice"), host(&exchange, "bob"));
    let maker = bob.turn(|turn| {
        turn.spawn_fn(|turn, _| {
            let made = turn.spawn_fn(|_, args| Ok(Value::List(args)));
            Ok(made.into())
        })
    });
    let sturdyref = bob.register(b"maker", &maker);
    drop(maker);
    let heard = Heard::default();
    let maker = alice.enliven(&sturdyref);
    let hears = Rc::clone(&heard);
    alice.turn(|turn| {
        let made = turn.send(&maker, []);
        let echo = turn.send(&made, ["one".into(), 2.into()]);
        turn.when(&echo, move |_, outcome| {
            hears.borrow_mut().push(outcome.clone());
            outcome
        });
    });
    settle(&mut [&mut alice, &mut bob]);
    assert_eq!(
        *heard.borrow(),
        [Ok(Value::List(vec!["one".into(), 2.into()]))]
    );
    drop(maker);
    settle(&mut [&mut alice, &mut bob]);
    assert_eq!(alice.sizes().imports, 0);
    assert_eq!((alice.sizes().exports, bob.sizes().exports), (0, 0));
    assert_eq!((alice.sizes().answers, bob.sizes().answers), (0, 0));
}

#[test]
fn alice_introduces_bob_to_carol() {
    let exchange = Exchange::default();
    let [mut alice, mut bob, mut carol] =
        ["alice", "bob", "carol"].map(|name| host(&exchange, name));
    let heard = Heard::default();
    let hears = Rc::clone(&heard);
    let listener = carol.turn(|turn| {
        turn.spawn_fn(move |_, args| {
            hears.borrow_mut().push(Ok(Value::List(args)));
            Ok("heard".into())
        })
    });
    let greeter = bob.turn(|turn| {
        turn.spawn_fn(|turn, args| match args.as_slice() {
            [Value::Ref(whom)] => {
                turn.send_only(whom, ["first".into()]);
                Ok(turn.send(whom, ["second".into()]).into())
            }
            _ => Err("whom?".into()),
        })
    });
    let to_carol = alice.enliven(&carol.register(b"listener", &listener));
    let to_bob = alice.enliven(&bob.register(b"greeter", &greeter));
    settle(&mut [&mut alice, &mut bob, &mut carol]);
    let answers = Heard::default();
    let answered = Rc::clone(&answers);
    alice.turn(|turn| {
        let answer = turn.send(&to_bob, [Value::Ref(to_carol.clone())]);
        turn.when(&answer, move |_, outcome| {
            answered.borrow_mut().push(outcome.clone());
            outcome
        });
    });
    settle(&mut [&mut alice, &mut bob, &mut carol]);
    assert_eq!(*answers.borrow(), [Ok("heard".into())]);
    assert_eq!(
        *heard.borrow(),
        [
            Ok(Value::List(vec!["first".into()])),
            Ok(Value::List(vec!["second".into()]))
        ]
    );
    drop((to_carol, to_bob));
    settle(&mut [&mut alice, &mut bob, &mut carol]);
    for host in [&alice, &bob, &carol] {
        let sizes = host.sizes();
        assert_eq!(
            (sizes.exports, sizes.imports, sizes.answers, sizes.gifts),
            (0, 0, 0, 0)
        );
    }
}
