//! What carries messages between vats: within a process, over this project's network, and over bare TCP for tests of
//! interoperation.

pub mod entropy;
pub mod memory;
pub mod mix;
#[cfg(feature = "net")]
pub mod tcp;
