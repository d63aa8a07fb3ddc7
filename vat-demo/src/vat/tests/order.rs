//! Messages to one reference arrive in the order sent, whatever the reference turns out to be.

use super::*;

/// Sends 1 and 2 to a promise, has it resolved, and sends 3 and 4.
fn around(turn: &mut Turn<'_>, outcome: impl FnOnce(&mut Turn<'_>) -> Outcome) -> Vec<Ref> {
    let (promise, resolver) = turn.promise();
    let mut answers: Vec<_> = [1, 2].map(|n| turn.send(&promise, [n.into()])).into();
    let outcome = outcome(turn);
    turn.resolve(resolver, outcome);
    answers.extend([3, 4].map(|n| turn.send(&promise, [n.into()])));
    answers
}

/// CAP-37
#[test]
fn a_promise_of_a_near_object_keeps_the_order() {
    let (_, heard) = run(|turn| {
        let (object, heard) = listener(turn);
        around(turn, |_| Ok(object.into()));
        heard
    });
    assert_eq!(*heard.borrow(), numbers(1..5));
}

/// CAP-37
#[test]
fn a_promise_of_a_far_object_keeps_the_order() {
    let fake = Rc::new(Fake::default());
    run(|turn| around(turn, |_| Ok(Ref::far(fake.way()).into())));
    assert_eq!(fake.heard(), numbers(1..5));
}

/// CAP-37: through two promises more, of which the last is resolved at the end; what was sent to each is in order, and so is what was
/// sent before and after it was resolved.
#[test]
fn a_promise_of_a_promise_keeps_the_order() {
    let mut vat = Vat::default();
    let (last, heard, object) = vat.turn(|turn| {
        let (object, heard) = listener(turn);
        let (middle, to_middle) = turn.promise();
        let (end, last) = turn.promise();
        around(turn, |_| Ok((&middle).into()));
        turn.send_only(&middle, [5.into()]);
        turn.resolve(to_middle, Ok((&end).into()));
        turn.send_only(&middle, [6.into()]);
        (last, heard, object)
    });
    vat.run();
    assert_eq!(*heard.borrow(), []);
    vat.turn(|turn| turn.resolve(last, Ok(object.into())));
    vat.run();
    assert_eq!(*heard.borrow(), numbers(1..7));
}

/// Nobody takes messages for data, or for what is broken: all answers break, in the order of sending.
#[test]
fn messages_to_what_takes_none_break_in_order() {
    let cases = [Ok(Value::from("data")), problem("broken")];
    let words = ["data takes no messages", "broken"];
    for (outcome, words) in cases.into_iter().zip(words) {
        let (_, heard) = run(|turn| {
            let heard = Heard::default();
            for answer in around(turn, |_| outcome) {
                let hears = Rc::clone(&heard);
                turn.when(&answer, move |_, outcome| {
                    hears.borrow_mut().push(outcome.clone());
                    outcome
                });
            }
            heard
        });
        assert_eq!(*heard.borrow(), vec![problem(words); 4]);
    }
}

/// CAP-37: messages to promises of answers wait for the answers, and go behind each other.
#[test]
fn what_is_sent_to_an_answer_follows_it() {
    let (_, heard) = run(|turn| {
        let (object, heard) = listener(turn);
        let maker = turn.spawn(move |_: &mut Turn<'_>, _: Vec<Value>| Ok((&object).into()));
        let made = turn.send(&maker, []);
        for number in 1..4 {
            turn.send_only(&made, [number.into()]);
        }
        turn.when(&made, |turn, made| match &made {
            Ok(Value::Ref(object)) => {
                turn.send_only(object, [4.into()]);
                made
            }
            _ => Err("no object".into()),
        });
        heard
    });
    assert_eq!(*heard.borrow(), numbers(1..5));
}

/// CAP-37: where a message breaks, those that waited for its answer break with it, and none of them is out of turn: the messages to
/// a promise move together, ahead of what is sent to it while they move.
#[test]
fn what_waited_goes_before_what_comes_later() {
    let (_, heard) = run(|turn| {
        let (object, heard) = listener(turn);
        let (one, to_one) = turn.promise();
        let (two, to_two) = turn.promise();
        turn.send_only(&two, [1.into()]);
        turn.send_only(&one, [2.into()]);
        turn.resolve(to_two, Ok((&one).into()));
        turn.send_only(&two, [3.into()]);
        turn.resolve(to_one, Ok(object.into()));
        turn.send_only(&two, [4.into()]);
        turn.send_only(&one, [5.into()]);
        heard
    });
    let heard = heard.borrow();
    let of = |numbers: &[i64]| -> Vec<_> {
        let is = |it: &&Outcome| numbers.iter().any(|n| **it == Ok((*n).into()));
        heard.iter().filter(is).cloned().collect()
    };
    assert_eq!(of(&[1, 3, 4]), numbers([1, 3, 4]));
    assert_eq!(of(&[2, 5]), numbers([2, 5]));
    assert_eq!(heard.len(), 5);
}
