//! The primitives, each behind the few operations the protocol needs of it (chapter 2 of the specification).

pub mod sign;
