//! The world keeps its own promises: first between raw hosts, where no node is in the way, then between vats.

mod storm;
mod vats;
mod wires;
