//! Turns, answers, and what keeps what alive.

use super::*;
use crate::vat::{Event, Happened, Kind};

/// Whoever sends goes on, and what was sent is handled when it has finished.
#[test]
fn nothing_is_heard_in_the_turn_it_is_sent() {
    let mut vat = Vat::default();
    let heard = vat.turn(|turn| {
        let (object, heard) = listener(turn);
        turn.send_only(&object, [1.into()]);
        assert_eq!(*heard.borrow(), []);
        heard
    });
    assert!(!vat.is_quiet());
    assert_eq!((vat.run(), vat.run()), (1, 0));
    assert_eq!(*heard.borrow(), numbers([1]));
    assert!(vat.is_quiet());
}

/// One object at a time: what an object sends to itself comes after what was sent to it before.
#[test]
fn an_object_finishes_before_it_is_called_again() {
    let (_, heard) = run(|turn| {
        let (witness, heard) = listener(turn);
        let me: Rc<RefCell<Option<Ref>>> = Rc::default();
        let own = Rc::clone(&me);
        let object = turn.spawn(move |turn: &mut Turn<'_>, args: Vec<Value>| {
            let own = own.borrow().clone().unwrap();
            turn.send_only(&witness, args.clone());
            if args == [1.into()] {
                turn.send_only(&own, [3.into()]);
            }
            Ok(Value::Undefined)
        });
        *me.borrow_mut() = Some(object.clone());
        turn.send_only(&object, [1.into()]);
        turn.send_only(&object, [2.into()]);
        heard
    });
    assert_eq!(*heard.borrow(), numbers([1, 2, 3]));
}

/// An answer is what the object said; one that says no breaks the promise, and what is sent to that breaks the same way.
#[test]
fn answers_and_problems_reach_who_waits() {
    let (_, [yes, no, behind]) = run(|turn| {
        let object = turn.spawn(|_: &mut Turn<'_>, args: Vec<Value>| match args.as_slice() {
            [Value::Bool(true)] => Ok("yes".into()),
            _ => Err("no".into()),
        });
        let yes = turn.send(&object, [true.into()]);
        let no = turn.send(&object, [false.into()]);
        let behind = turn.send(&no, []);
        [yes, no, behind].map(|promise| watch(turn, &promise))
    });
    assert_eq!(*yes.borrow(), [Ok("yes".into())]);
    assert_eq!(*no.borrow(), [problem("no")]);
    assert_eq!(*behind.borrow(), [problem("no")]);
}

/// Who watches is told once, in a turn of its own, whenever it asked and however the promise came to it.
#[test]
fn a_watcher_is_told_once() {
    let mut vat = Vat::default();
    let (promise, resolver, early) = vat.turn(|turn| {
        let (promise, resolver) = turn.promise();
        let early = watch(turn, &promise);
        (promise, resolver, early)
    });
    vat.run();
    assert_eq!(*early.borrow(), []);
    let late = vat.turn(|turn| {
        turn.resolve(resolver, Ok(7.into()));
        assert_eq!(*early.borrow(), []);
        let late = watch(turn, &promise);
        assert_eq!(*late.borrow(), []);
        late
    });
    vat.run();
    vat.run();
    assert_eq!(*early.borrow(), numbers([7]));
    assert_eq!(*late.borrow(), numbers([7]));
}

/// What `then` says is what the promise of `when` comes to, also if that is another promise, or a problem.
#[test]
fn what_a_watcher_says_is_an_answer() {
    let (_, [said, broke, later]) = run(|turn| {
        let (promise, resolver) = turn.promise();
        turn.resolve(resolver, Ok(7.into()));
        let said = turn.when(&promise, |_, _| Ok(8.into()));
        let broke = turn.when(&promise, |_, _| Err("no".into()));
        let later = turn.when(&promise, |turn, _| {
            let (object, _) = listener(turn);
            Ok(turn.send(&object, [9.into()]).into())
        });
        [said, broke, later].map(|promise| watch(turn, &promise))
    });
    assert_eq!(*said.borrow(), numbers([8]));
    assert_eq!(*broke.borrow(), [problem("no")]);
    assert_eq!(*later.borrow(), numbers([9]));
}

/// Watchers wait for the end of a chain, not for its next link; and what is no promise is known at once.
#[test]
fn watchers_wait_for_the_end() {
    let mut vat = Vat::default();
    let (resolver, heard, object) = vat.turn(|turn| {
        let [(first, one), (second, two), (third, three)] = [(); 3].map(|()| turn.promise());
        let heard = watch(turn, &first);
        turn.resolve(two, Ok(third.into()));
        turn.resolve(one, Ok(second.into()));
        let (object, _) = listener(turn);
        let known = watch(turn, &object);
        (three, [heard, known], object)
    });
    vat.run();
    assert_eq!(*heard[0].borrow(), []);
    assert_eq!(*heard[1].borrow(), [Ok((&object).into())]);
    vat.turn(|turn| turn.resolve(resolver, Ok((&object).into())));
    vat.run();
    assert_eq!(*heard[0].borrow(), [Ok(object.into())]);
}

/// A resolver that went to others as an object takes the first word and no other; and nonsense is no word.
#[test]
fn a_resolver_object_takes_one_outcome() {
    let (_, (heard, nonsense)) = run(|turn| {
        let (promise, resolver) = turn.promise();
        let object = turn.resolver_object(resolver);
        let nonsense = turn.send(&object, ["perhaps".into()]);
        for (verb, value) in [("fulfill", 1), ("break", 2), ("fulfill", 3)] {
            turn.send_only(&object, [Value::symbol(verb), value.into()]);
        }
        (watch(turn, &promise), watch(turn, &nonsense))
    });
    assert_eq!(*heard.borrow(), numbers([1]));
    assert!(nonsense.borrow()[0].is_err());
}

/// A promise that would be what it is itself breaks, over any number of steps.
#[test]
fn promises_in_a_circle_break() {
    for length in 1..5 {
        let (_, heard) = run(|turn| {
            let all: Vec<_> = (0..length).map(|_| turn.promise()).collect();
            let (promises, resolvers): (Vec<_>, Vec<_>) = all.into_iter().unzip();
            let heard: Vec<_> = promises.iter().map(|it| watch(turn, it)).collect();
            for (number, resolver) in resolvers.into_iter().enumerate() {
                let next = &promises[(number + 1) % length];
                turn.resolve(resolver, Ok(next.into()));
            }
            turn.send_only(&promises[0], [1.into()]);
            heard
        });
        for heard in heard {
            let circle = problem("a promise cannot be resolved to itself");
            assert_eq!(*heard.borrow(), [circle]);
        }
    }
}

/// Equal is what leads to one object; a promise is equal to itself and, once it is resolved, to what it was resolved to.
#[test]
fn references_are_equal_if_they_lead_to_one_object() {
    run(|turn| {
        let ((one, _), (other, _)) = (listener(turn), listener(turn));
        assert_ne!(one, other);
        let (promise, resolver) = turn.promise();
        assert_ne!(promise, one);
        assert_eq!(promise, promise.clone());
        turn.resolve(resolver, Ok((&one).into()));
        assert_eq!((&promise, promise.identity()), (&one, one.identity()));
        assert!(matches!(promise.kind(), Kind::Near));
    });
}

struct Mortal(Rc<Cell<bool>>);

impl Drop for Mortal {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

/// An object is gone with the last reference, be it in a promise, a message or another object; a way to another vat too.
#[test]
fn what_nobody_holds_is_gone() {
    let mut vat = Vat::default();
    let gone = Rc::new(Cell::new(false));
    let fake = Rc::new(Fake::default());
    let away = Rc::clone(&fake.gone);
    let (kept, waiting, resolver) = vat.turn(|turn| {
        let mortal = Mortal(Rc::clone(&gone));
        let object = turn.spawn(move |_: &mut Turn<'_>, _: Vec<Value>| {
            let _holds = &mortal;
            Ok(Value::Undefined)
        });
        let far = Ref::far(fake.way());
        drop(fake);
        let holder = turn.spawn(move |_: &mut Turn<'_>, _: Vec<Value>| Ok((&far).into()));
        let (kept, first) = turn.promise();
        let (waiting, second) = turn.promise();
        turn.resolve(first, Ok(object.into()));
        turn.send_only(&waiting, [holder.into()]);
        (kept, waiting, second)
    });
    vat.run();
    assert!(!gone.get() && !away.get());
    drop(kept);
    assert!(gone.get() && !away.get());
    drop(waiting);
    assert!(!away.get(), "whoever may resolve it holds the message");
    drop(resolver);
    vat.run();
    assert!(away.get());
}

/// A trace can be read backwards from any turn to what came from outside.
#[test]
fn everything_has_a_cause() {
    let mut vat = Vat::default();
    let events: Rc<RefCell<Vec<Event>>> = Rc::default();
    let sink = Rc::clone(&events);
    vat.trace(move |event| sink.borrow_mut().push(event));
    vat.turn(|turn| {
        let (object, _) = listener(turn);
        let answer = turn.send(&object, [1.into()]);
        turn.when(&answer, |_, outcome| outcome);
    });
    vat.run();
    let events = events.borrow();
    let happened: Vec<_> = events.iter().map(|event| event.happened).collect();
    let expected = [
        Happened::Entered,
        Happened::Sent,
        Happened::Turn,
        Happened::Resolved,
        Happened::Turn,
    ];
    assert_eq!(happened, expected);
    let causes: Vec<_> = events.iter().map(|event| event.cause).collect();
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    assert_eq!(causes[0], 0);
    assert_eq!(causes[1..], ids[..4]);
}
