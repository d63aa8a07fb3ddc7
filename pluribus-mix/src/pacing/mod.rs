//! When cells go: quanta, places and plays. Spec chapter 5.
//!
//! In a network with constant pacing every link carries in every quantum as many cells as in the one before, and every cell of a circuit has
//! its place: the batch and the position within it follow from the number of the cell alone. So nothing that is seen from outside depends on what is
//! said. Four plain values hold what has to be known for that:
//!
//! - [`Class`]: how many cells a circuit has, and which place the i-th has (PAC-3, PAC-5);
//! - [`Grid`]: the quanta of this node, and how it keeps pace with its neighbours (PAC-1, PAC-2);
//! - [`Intake`]: the batches that come over a link, and when what they bring goes on (PAC-6);
//! - [`Step`]: how many cells a link carries (PAC-8).

mod class;
mod grid;
mod intake;
mod step;

pub use class::{Class, NoClass};
pub use grid::Grid;
pub use intake::{Bad, Complete, Intake};
pub use step::Step;

#[cfg(test)]
mod tests;
