//! Vats, their objects and their turns.

/// A reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Ref;
