//! What the conformance tests stand on: [`vectors`] reads the specification's test vectors and runs the library against
//! them, [`house`] checks the project's own rules.

pub mod house;
pub mod vectors;
