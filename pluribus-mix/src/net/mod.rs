//! Sockets, clock and entropy for a node: the tokio driver.
//!
//! The node is a value that wants bytes, time and nothing else. One task owns it (`driver`), two more serve each TCP
//! connection under it (`link`), and an application talks to it through [`Endpoint`] and [`Connection`], whose mailboxes
//! (`mailbox`) keep the slow from holding up the others.
//!
//! ```text
//!   application      driver                       link
//!   Connection ──► outbox ─► node ─► batch ──────► writer ─► socket
//!   Connection ◄── inbox ◄── node ◄─ buffer ◄───── reader ◄─ socket
//!                     bounded trays     bounded channels
//! ```
//!
//! Byte streams go the same way, with trays for each (`stream`). Everything between the two ends is bounded, so whoever is slow
//! is felt at the other end as a `send` or a write that waits.
//!
//! *What a reader that sleeps costs:* for a stream 128 KiB here and 64 KiB in the node, for a connection 8 MiB more in the node for
//! streams that were quick before, and a megabyte of messages.
//!
//! *One connection per pair.* The node names a connection that there is when one is asked for. So the driver keeps a weak
//! hold of what handles hold: it gives out one more, or, when the last is just being dropped, closes the old connection
//! first and asks again.
//!
//! The machine is met here and nowhere else: `clock` has the time, `entropy` the randomness, [`keyfile`] the files.
//!
//! What is logged never brings an address and an identity together, nor two names that another line would: links are
//! logged by number, and vats not at all.

mod buffers;
pub(crate) mod carry;
mod clock;
mod config;
mod connection;
mod datagrams;
mod dialer;
pub mod directory;
mod doorbell;
mod driver;
mod endpoint;
mod entropy;
mod error;
pub mod exit;
mod introductions;
pub mod keyfile;
mod link;
mod mailbox;
pub mod party;
mod seam;
mod store;
mod stream;
mod writer;

pub use crate::node::{Circuits, Health, Paced, Reach};
pub use carry::{Break, Carried};
pub use config::Config;
pub use connection::Connection;
pub use dialer::Dialer;
pub use endpoint::Endpoint;
pub use entropy::{fresh_key, loopback_address};
pub use error::{BindError, Cut, DatagramError, DialError, EndpointClosed, OpenError};
pub use seam::Seam;
pub use store::{Store, StoreError};
pub use stream::{MixListener, MixStream};
pub use writer::Lateness;
