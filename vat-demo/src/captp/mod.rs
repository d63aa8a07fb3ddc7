//! CapTP: what two vats say to each other so that references can cross between them.

mod bootstrap;
pub mod certificate;
mod comms;
pub mod dialect;
mod forward;
mod greeting;
mod handoff;
mod inward;
mod link;
pub mod locator;
mod misdeed;
pub mod op;
mod outward;
mod registry;
mod session;
mod share;
pub mod syrup;
mod tables;

pub use comms::{Act, Comms, Dial, GREETING, MOST_SESSIONS, Sizes};
pub use forward::REMEMBERED;
pub use handoff::{MOST_DIALS, MOST_GIFTS, MOST_GIFTS_OF_ONE, PATIENCE};
pub use misdeed::Misdeed;
pub use share::{ENVELOPE, MOST_WAITING, MOST_WAITING_IN_ALL};
