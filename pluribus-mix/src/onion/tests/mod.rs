//! The layers of a circuit end to end: client and relays in lockstep, and then somebody between them.

mod circuits;
mod crossings;
mod framing;
mod handshakes;
mod lockstep;
mod meetings;
mod questions;
mod rig;
mod steady;
mod strikes;
mod suspects;
mod tampering;
mod words;
mod world;
