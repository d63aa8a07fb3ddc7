//! Promises that another vat keeps: what is sent ahead, and when they take the shorter way.

use super::*;
use crate::vat::Kind;

/// A promise kept elsewhere, with a message on the long way.
fn sent_ahead(turn: &mut Turn<'_>) -> (Rc<Fake>, Ref, Heard) {
    let fake = Rc::new(Fake::default());
    let promise = Ref::promised(fake.way());
    let answer = turn.send(&promise, [1.into()]);
    let heard = watch(turn, &answer);
    (fake, promise, heard)
}

/// CAP-38: the rule of this vat: who sent messages ahead takes the shorter way when all are answered, and not before. Whoever asks what
/// the promise is knows at once.
#[test]
fn a_promise_takes_the_shorter_way_when_all_is_answered() {
    let mut vat = Vat::default();
    vat.turn(|turn| {
        let (fake, promise, answer) = sent_ahead(turn);
        turn.send_only(&promise, [2.into()]);
        let (object, heard) = listener(turn);
        turn.resolved_elsewhere(&promise, Ok((&object).into()));
        assert!(matches!(promise.kind(), Kind::Near));
        assert_eq!(promise, object);
        turn.send_only(&promise, [3.into()]);
        assert_eq!(fake.heard(), numbers([1, 2, 3]));
        fake.answer(turn, Ok("first".into()));
        fake.answer(turn, Err("second".into()));
        turn.send_only(&promise, [4.into()]);
        assert_eq!(fake.heard(), numbers([3, 4]));
        fake.answer(turn, Ok("third".into()));
        fake.answer(turn, Ok("fourth".into()));
        turn.send_only(&promise, [5.into()]);
        assert_eq!(fake.heard(), []);
        (answer, heard)
    });
    vat.run();
}

/// CAP-38: the same seen from the object: nothing that went the short way was there before what went the long way was answered.
#[test]
fn nothing_overtakes_what_was_sent_ahead() {
    let mut vat = Vat::default();
    let heard = vat.turn(|turn| {
        let (fake, promise, _) = sent_ahead(turn);
        let (object, heard) = listener(turn);
        turn.resolved_elsewhere(&promise, Ok((&object).into()));
        turn.send_only(&promise, [2.into()]);
        // The other vat sends both on to the object, and the object answers.
        for _ in 0..2 {
            let (args, resolver) = fake.came.borrow_mut().remove(0);
            let answer = turn.send(&object, args);
            turn.watch(&answer, |turn, outcome| turn.resolve(resolver, outcome));
        }
        turn.send_only(&promise, [3.into()]);
        let (args, resolver) = fake.came.borrow_mut().remove(0);
        turn.when(&promise, move |turn, outcome| {
            let answer = turn.send(&object, args);
            turn.watch(&answer, |turn, outcome| turn.resolve(resolver, outcome));
            outcome
        });
        heard
    });
    vat.run();
    assert_eq!(*heard.borrow(), numbers([1, 2, 3]));
}

/// CAP-38: if nothing was sent ahead, or all of it was answered first, the resolution is the shorter way at once; and the way to the
/// other vat is given up.
#[test]
fn a_promise_without_messages_takes_the_shorter_way_at_once() {
    run(|turn| {
        let (fake, promise, _) = sent_ahead(turn);
        fake.answer(turn, Ok(Value::Null));
        let gone = Rc::clone(&fake.gone);
        drop(fake);
        assert!(!gone.get());
        let (object, _) = listener(turn);
        turn.resolved_elsewhere(&promise, Ok((&object).into()));
        assert!(gone.get());
        assert!(matches!(promise.kind(), Kind::Near));
    });
}

/// CAP-38: the other vat is asked for the resolution once, by the first that needs it: a watcher, or a message.
#[test]
fn the_other_vat_is_asked_once() {
    run(|turn| {
        let (fake, promise, _) = sent_ahead(turn);
        assert_eq!(fake.listened.get(), 1);
        watch(turn, &promise);
        turn.send_only(&promise, [2.into()]);
        assert_eq!(fake.listened.get(), 1);
        let fake = Rc::new(Fake::default());
        let promise = Ref::promised(fake.way());
        assert_eq!(fake.listened.get(), 0);
        watch(turn, &promise);
        watch(turn, &promise);
        assert_eq!(fake.listened.get(), 1);
    });
}

/// A second resolution, of whatever kind, is nothing.
#[test]
fn the_first_resolution_counts() {
    let (_, heard) = run(|turn| {
        let (fake, promise, _) = sent_ahead(turn);
        let heard = watch(turn, &promise);
        turn.resolved_elsewhere(&promise, Ok(1.into()));
        turn.resolved_elsewhere(&promise, Ok(2.into()));
        turn.sever(&promise, &Problem::new("gone"));
        fake.answer(turn, Ok(Value::Null));
        turn.resolved_elsewhere(&promise, Ok(3.into()));
        heard
    });
    assert_eq!(*heard.borrow(), numbers([1]));
}

/// What waited for an answer goes ahead in order once another vat keeps the answer, and so does what comes later.
#[test]
fn what_waited_for_an_answer_goes_ahead() {
    let fake = Rc::new(Fake::default());
    run(|turn| {
        let (promise, _resolver) = turn.promise();
        turn.send_only(&promise, [1.into()]);
        turn.send_only(&promise, [2.into()]);
        turn.keep_elsewhere(&promise, fake.way());
        turn.send_only(&promise, [3.into()]);
    });
    assert_eq!(fake.heard(), numbers([1, 2, 3]));
    assert_eq!(fake.listened.get(), 0, "its answer comes unasked");
}

/// CAP-33: the other vat is gone: far references and promises break, watchers hear of it once, and what is sent later breaks too.
#[test]
fn what_was_in_a_vat_that_is_gone_is_broken() {
    let (_, [promised, early, late, far]) = run(|turn| {
        let (fake, promise, early) = sent_ahead(turn);
        let promised = watch(turn, &promise);
        let far = Ref::far(fake.way());
        let gone = Problem::new("gone");
        turn.sever(&promise, &gone);
        turn.sever(&far, &gone);
        fake.answer(turn, Err(gone));
        let late = turn.send(&promise, [2.into()]);
        let (late, far) = (watch(turn, &late), watch(turn, &far));
        assert_eq!(fake.heard(), []);
        [promised, early, late, far]
    });
    for heard in [promised, early, late, far] {
        assert_eq!(*heard.borrow(), [problem("gone")]);
    }
}
