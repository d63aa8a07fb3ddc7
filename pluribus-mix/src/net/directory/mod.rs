//! The directory over the network: what is asked of authorities, and how. Spec 9.8.
//!
//! An authority is a public vat, so whoever asks it anything knows whom it asks, and authorities know each other. Each question is a
//! stream: the head says which, its bytes are the document if there is one, and the answer comes back on it.
//!
//! ```text
//! ask.rs      what is asked, and the answers, as bytes
//! network.rs  where the authorities of a network are, and asking them
//! ```

pub(super) mod ask;
mod network;

pub(super) use network::put;
pub use network::{AskFault, BadNetwork, Network};

use std::time::SystemTime;

use crate::directory::Wall;

/// The time of day.
#[expect(
    clippy::disallowed_methods,
    reason = "the directory's documents are dated, and this is where their time comes from"
)]
pub(super) fn wall() -> Wall {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Wall(since.map_or(0, |since| since.as_secs()))
}
