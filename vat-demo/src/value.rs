//! What a message can carry: OCapN's passable values.
//!
//! A value is data all the way down, except for the references in it. What a reference is depends on who looks: objects
//! hold a [`Ref`], the wire has a descriptor for it. So the type has it as a parameter, and
//! [`Value::try_map`] leads from one view to the other.

use std::collections::BTreeMap;
use std::fmt;

use crate::captp::locator::Sturdyref;
use crate::captp::syrup::Int;
use crate::vat::Ref;

/// A symbol: a name that is compared and never shown, such as that of a method.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(pub String);

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}", self.0)
    }
}

/// A passable value. `R` is what stands for a reference.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<R = Ref> {
    /// Nothing: what an object says that has nothing to say.
    Undefined,
    /// JSON's null.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number of any size.
    Int(Int),
    /// An IEEE 754 double. All NaNs are one.
    Float(f64),
    /// Text.
    Text(String),
    /// A symbol.
    Symbol(Symbol),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Values in a row.
    List(Vec<Self>),
    /// Values by name.
    Struct(BTreeMap<String, Self>),
    /// A value with a label that says how to read it.
    Tagged(String, Box<Self>),
    /// What went wrong, in words.
    Error(String),
    /// A reference to an object, near or far, or to the promise of a value.
    Ref(R),
    /// A reference as data: where an object can be had, and the secret that opens it.
    Sturdyref(Box<Sturdyref>),
}

impl<R> Value<R> {
    /// The same value with every reference looked at from the other side. Stops at the first that cannot be.
    ///
    /// # Errors
    /// What `translate` says.
    pub fn try_map<S, E>(
        self,
        translate: &mut impl FnMut(R) -> Result<Value<S>, E>,
    ) -> Result<Value<S>, E> {
        Ok(match self {
            Self::Undefined => Value::Undefined,
            Self::Null => Value::Null,
            Self::Bool(truth) => Value::Bool(truth),
            Self::Int(number) => Value::Int(number),
            Self::Float(number) => Value::Float(number),
            Self::Text(text) => Value::Text(text),
            Self::Symbol(symbol) => Value::Symbol(symbol),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::List(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| item.try_map(translate))
                    .collect::<Result<_, _>>()?,
            ),
            Self::Struct(fields) => Value::Struct(
                fields
                    .into_iter()
                    .map(|(name, value)| Ok((name, value.try_map(translate)?)))
                    .collect::<Result<_, _>>()?,
            ),
            Self::Tagged(tag, value) => Value::Tagged(tag, Box::new(value.try_map(translate)?)),
            Self::Error(words) => Value::Error(words),
            Self::Ref(reference) => translate(reference)?,
            Self::Sturdyref(sturdyref) => Value::Sturdyref(sturdyref),
        })
    }

    /// The bytes that this takes in memory, or a little less: what is in references is not counted.
    #[must_use]
    pub fn weight(&self) -> usize {
        let within = match self {
            Self::Text(text) | Self::Error(text) => text.len(),
            Self::Symbol(symbol) => symbol.0.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Int(number) => number.weight(),
            Self::List(items) => items.iter().map(Self::weight).sum(),
            Self::Struct(fields) => fields
                .iter()
                .map(|(name, value)| name.len() + size_of::<String>() + value.weight())
                .sum(),
            Self::Tagged(tag, value) => tag.len() + value.weight(),
            Self::Sturdyref(sturdyref) => size_of::<Sturdyref>() + sturdyref.weight(),
            _ => 0,
        };
        size_of::<Self>() + within
    }

    /// The symbol `name`.
    #[must_use]
    pub fn symbol(name: &str) -> Self {
        Self::Symbol(Symbol(name.to_owned()))
    }
}

impl<R> From<&str> for Value<R> {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<R> From<String> for Value<R> {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<R> From<bool> for Value<R> {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl<R> From<i64> for Value<R> {
    fn from(number: i64) -> Self {
        Self::Int(Int::from(number))
    }
}

impl<R> From<Vec<u8>> for Value<R> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl<R> From<Vec<Self>> for Value<R> {
    fn from(items: Vec<Self>) -> Self {
        Self::List(items)
    }
}

impl From<Ref> for Value {
    fn from(reference: Ref) -> Self {
        Self::Ref(reference)
    }
}

impl From<&Ref> for Value {
    fn from(reference: &Ref) -> Self {
        Self::Ref(reference.clone())
    }
}
