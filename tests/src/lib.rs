//! Conformance helpers.

pub mod house;
pub mod vectors;
