//! What the objects of the story say to each other, and the counting of it.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::time::Instant;

use super::now;
use crate::host::Host;
use crate::value::Value;
use crate::vat::{Outcome, Ref, Turn};

/// How a talk of two vats goes.
#[derive(Default)]
pub(super) struct Talk {
    /// The object of the one called, as the caller has it.
    pub(super) friend: Option<Ref>,
    /// When that object was called, and when the caller had its answer.
    pub(super) called: Option<Instant>,
    pub(super) answered: Option<Instant>,
    /// Why there will be no answer.
    pub(super) broken: Option<String>,
    /// The numbers that came there, and those that came back.
    pub(super) there: Vec<i64>,
    pub(super) back: Vec<i64>,
}

impl Talk {
    /// The caller is given whom to call, perhaps once more.
    pub(super) fn begin_anew(&mut self) {
        (self.called, self.answered, self.broken) = (None, None, None);
    }
}

pub(super) type Shared = Rc<RefCell<Talk>>;

/// An object that calls whoever it is given, says these words to it and listens from then on to the numbers that come back.
pub(super) fn guest(host: &mut Host, talk: &Shared, words: String) -> Ref {
    let talk = Rc::clone(talk);
    let call = move |turn: &mut Turn<'_>, args: Vec<Value>| -> Outcome {
        let [Value::Ref(friend)] = args.as_slice() else {
            return Err("a guest takes whom to call".into());
        };
        let hears = Rc::clone(&talk);
        let ear = turn.spawn_fn(move |_, args| {
            hears.borrow_mut().back.extend(number(&args));
            Ok(Value::Undefined)
        });
        let answer = turn.send(friend, [words.as_str().into(), Value::from(&ear)]);
        let tells = Rc::clone(&talk);
        turn.when(&answer, move |_, outcome| {
            let mut talk = tells.borrow_mut();
            match &outcome {
                Ok(_) => talk.answered = Some(now()),
                Err(problem) => talk.broken = Some(format!("{problem:?}")),
            }
            outcome
        });
        talk.borrow_mut().friend = Some(friend.clone());
        Ok(Value::Undefined)
    };
    host.turn(|turn| turn.spawn_fn(call))
}

/// An object that welcomes whoever calls, and says back every number that it hears.
pub(super) fn friend(host: &mut Host, talk: &Shared) -> Ref {
    let talk = Rc::clone(talk);
    let mut ear: Option<Ref> = None;
    let call = move |turn: &mut Turn<'_>, args: Vec<Value>| -> Outcome {
        if let [Value::Text(_), Value::Ref(caller)] = args.as_slice() {
            talk.borrow_mut().called.get_or_insert_with(now);
            ear = Some(caller.clone());
            return Ok("Welcome.".into());
        }
        let (Some(number), Some(ear)) = (number(&args), &ear) else {
            return Err("a friend takes words and an ear, and then numbers".into());
        };
        talk.borrow_mut().there.push(number);
        turn.send_only(ear, [number.into()]);
        Ok(Value::Undefined)
    };
    host.turn(|turn| turn.spawn_fn(call))
}

fn number(args: &[Value]) -> Option<i64> {
    match args {
        [Value::Int(number)] => number.to_i64(),
        _ => None,
    }
}

/// How messages arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many there were, both ways.
    pub messages: u64,
    /// How many did not come.
    pub lost: u64,
    /// How many came once more.
    pub doubled: u64,
    /// How many came before one that was sent earlier.
    pub swapped: u64,
}

impl Tally {
    /// Of the numbers from 1 to `sent`, in the order in which they came.
    #[must_use]
    pub fn of(sent: u32, came: &[i64]) -> Self {
        let times = |number: i64| came.iter().filter(|it| **it == number).count() as u64;
        let all: Vec<_> = (1..=i64::from(sent)).map(times).collect();
        let swapped = came.windows(2).filter(|two| matches!(two, [a, b] if a > b));
        Self {
            messages: u64::from(sent),
            lost: all.iter().filter(|times| **times == 0).count() as u64,
            doubled: all.iter().map(|times| times.saturating_sub(1)).sum(),
            swapped: swapped.count() as u64,
        }
    }

    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            messages: self.messages + other.messages,
            lost: self.lost + other.lost,
            doubled: self.doubled + other.doubled,
            swapped: self.swapped + other.swapped,
        }
    }

    /// Whether all came once and in order.
    #[must_use]
    pub const fn is_fine(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.swapped == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn what_is_lost_doubled_or_swapped_is_counted() {
        let tally = |came: &[i64]| {
            let Tally {
                lost,
                doubled,
                swapped,
                ..
            } = Tally::of(4, came);
            [lost, doubled, swapped]
        };
        assert_eq!(tally(&[1, 2, 3, 4]), [0, 0, 0]);
        assert_eq!(tally(&[1, 2, 4]), [1, 0, 0]);
        assert_eq!(tally(&[1, 2, 2, 2, 3, 4]), [0, 2, 0]);
        assert_eq!(tally(&[1, 3, 2, 4]), [0, 0, 1]);
        assert_eq!(tally(&[]), [4, 0, 0]);
    }
}
