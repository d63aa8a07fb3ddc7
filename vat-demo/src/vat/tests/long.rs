//! What a peer can make as long as it likes: chains. They cost their length, and no stack.

use super::*;
use std::time::{Duration, Instant};

const LONG: i64 = 100_000;

#[expect(
    clippy::disallowed_methods,
    reason = "what is measured is this machine's time"
)]
fn now() -> Instant {
    Instant::now()
}

/// Does something on a small stack, and fails if that takes longer than anything of the length of the chain can take.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    let start = now();
    let thread = std::thread::Builder::new().stack_size(256 << 10);
    thread.spawn(work).unwrap().join().unwrap();
    assert!(now() - start < Duration::from_secs(20), "it is quadratic");
}

/// Promises that are resolved to each other, the first first; each of them is watched and was sent a message.
#[test]
fn a_long_chain_of_promises_costs_its_length() {
    on_a_small_stack(|| {
        let mut vat = Vat::default();
        let (first, heard, told) = vat.turn(|turn| {
            let (object, heard) = listener(turn);
            let told = Rc::new(Cell::new(0));
            let (first, mut resolver) = turn.promise();
            for number in 0..LONG {
                let (next, following) = turn.promise();
                let promise = resolver.promise();
                turn.send_only(&promise, [number.into()]);
                let counts = Rc::clone(&told);
                turn.watch(&promise, move |_, _| counts.set(counts.get() + 1));
                turn.resolve(resolver, Ok(next.into()));
                resolver = following;
            }
            turn.resolve(resolver, Ok(object.into()));
            (first, heard, told)
        });
        vat.run();
        assert_eq!((heard.borrow().len(), told.get()), (100_000, 100_000));
        drop(first);
    });
}

/// The same with the last resolved first, and then sent to through its whole length.
#[test]
fn a_long_chain_is_not_walked_for_every_message() {
    on_a_small_stack(|| {
        let (_, heard) = run(|turn| {
            let (object, heard) = listener(turn);
            let (first, mut resolver) = turn.promise();
            for _ in 0..LONG {
                let (next, following) = turn.promise();
                turn.resolve(resolver, Ok(next.into()));
                resolver = following;
            }
            turn.resolve(resolver, Ok(object.into()));
            for number in 0..LONG {
                turn.send_only(&first, [number.into()]);
            }
            heard
        });
        assert_eq!(*heard.borrow(), numbers(0..LONG));
    });
}

/// A message to the answer to a message to the answer …, waiting at one promise.
fn pipeline(turn: &mut Turn<'_>) -> (Resolver, Heard) {
    let (promise, resolver) = turn.promise();
    let mut last = promise;
    for number in 0..LONG {
        last = turn.send(&last, [number.into()]);
    }
    (resolver, watch(turn, &last))
}

#[test]
fn a_long_pipeline_breaks_from_end_to_end() {
    on_a_small_stack(|| {
        let (_, heard) = run(|turn| {
            let (resolver, heard) = pipeline(turn);
            turn.resolve(resolver, Err("broken".into()));
            heard
        });
        assert_eq!(*heard.borrow(), [problem("broken")]);
    });
}

#[test]
fn a_long_pipeline_that_nobody_resolves_is_dropped() {
    on_a_small_stack(|| {
        let (vat, (resolver, heard)) = run(pipeline);
        drop((resolver, vat));
        assert_eq!(*heard.borrow(), []);
    });
}

/// As sessions do it: who takes a message away also says who keeps its answer.
struct Keeper(Rc<Cell<i64>>);

impl Remote for Keeper {
    fn deliver(&self, turn: &mut Turn<'_>, message: Message) {
        assert_eq!(message.args, [self.0.get().into()]);
        self.0.set(self.0.get() + 1);
        let promise = message.answer.unwrap().promise();
        turn.keep_elsewhere(&promise, Rc::new(Self(Rc::clone(&self.0))));
    }

    fn listen(&self, _: &mut Turn<'_>, _: &Ref) {}

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[test]
fn a_long_pipeline_goes_ahead_from_end_to_end() {
    on_a_small_stack(|| {
        let came = Rc::new(Cell::new(0));
        let keeper = Rc::new(Keeper(Rc::clone(&came)));
        run(|turn| {
            let (resolver, _) = pipeline(turn);
            turn.resolve(resolver, Ok(Ref::far(keeper).into()));
        });
        assert_eq!(came.get(), LONG);
    });
}

/// Objects, each of which holds the next.
#[test]
fn a_long_chain_of_objects_is_dropped() {
    on_a_small_stack(|| {
        let gone = Rc::new(Fake::default());
        let told = Rc::clone(&gone.gone);
        run(|turn| {
            let mut last = Ref::far(gone.way());
            drop(gone);
            for _ in 0..LONG {
                let holds = last;
                last = turn.spawn(move |_: &mut Turn<'_>, _: Vec<Value>| Ok((&holds).into()));
            }
        });
        assert!(told.get());
    });
}
