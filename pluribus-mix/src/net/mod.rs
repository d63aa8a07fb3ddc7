//! The one place with IO: sockets, the clock, entropy and files.

pub mod keyfile;
