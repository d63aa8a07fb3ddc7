//! Attacks on the handshake and on the pipe.
//!
//! [`rig`] holds two honest ends and puts the wire into somebody's hand. [`puppet`] is a peer that says what it likes: it
//! computes everything from the primitives and the specification, and any value may be another. Where a check of ours is
//! what stops an attack, the test shows too that the attack works once that check is taken out.

pub(crate) mod bare;
mod beside;
mod cells;
mod faults;
mod flights;
mod identity;
mod introduced;
mod items;
mod meddler;
mod moves;
mod pairs;
mod props;
pub(crate) mod puppet;
mod records;
mod reliable;
mod resume;
mod rig;
mod secrets;
mod stream;
mod tickets;
