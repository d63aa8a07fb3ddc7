//! Conformance helpers.

pub mod house;
