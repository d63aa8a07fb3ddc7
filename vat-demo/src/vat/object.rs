//! Objects: what a message ends at.

use crate::value::Value;

use super::Turn;

/// Why a promise broke: a value, as everything else that crosses between vats; most often [`Value::Error`].
#[derive(Clone, Debug, PartialEq)]
pub struct Problem(pub Value);

impl Problem {
    /// A problem in words.
    #[must_use]
    pub fn new(words: impl Into<String>) -> Self {
        Self(Value::Error(words.into()))
    }
}

impl From<&str> for Problem {
    fn from(words: &str) -> Self {
        Self::new(words)
    }
}

impl From<String> for Problem {
    fn from(words: String) -> Self {
        Self::new(words)
    }
}

/// What became of a message: the answer, or why there is none.
pub type Outcome = Result<Value, Problem>;

/// Something that takes messages, one in a turn.
///
/// An object sees nobody else's state and waits for nothing: what it wants of others it sends, and hears of the answer in
/// a later turn. So it needs no locks. Closures are objects too.
///
/// It lives as long as somebody holds a reference to it, here or in another vat. Objects that hold each other in a circle
/// live for ever.
pub trait Object {
    /// Handles one message.
    ///
    /// # Errors
    /// What the sender is to be told instead of an answer: the promise it holds breaks.
    fn call(&mut self, turn: &mut Turn<'_>, args: Vec<Value>) -> Outcome;
}

impl<F> Object for F
where
    F: FnMut(&mut Turn<'_>, Vec<Value>) -> Outcome,
{
    fn call(&mut self, turn: &mut Turn<'_>, args: Vec<Value>) -> Outcome {
        self(turn, args)
    }
}
