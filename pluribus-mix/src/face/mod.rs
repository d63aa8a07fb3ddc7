//! Faces for programs that exist: SOCKS5 and HTTP CONNECT. (spec chapter 8)
//!
//! A program that can use a proxy needs nothing else to speak through circuits. It names a [`Target`], a host or a vat, and a
//! face hands that to whoever carries bytes ([`Dial`]) and carries them.
//!
//! Whatever is said before the first byte of the target is read by [`socks`] and [`http`], which are plain values: bytes in, a
//! [`Step`] out. They know no sockets, read any chopping alike, and spend themselves, so that nothing is read behind a
//! decision. Sockets, deadlines and limits are in [`Face`], and a [`Door`] is where programs knock.
//!
//! *What is not told apart.* Credentials are no secret here: every pair is accepted. They say which streams may share a
//! circuit ([`Credentials`]), as programs have learnt to say with Tor.
//!
//! *What is not written down.* Nothing here logs a target or a credential, and neither can be printed with `{:?}`.

#[cfg(test)]
mod choppings;
#[cfg(feature = "net")]
mod dial;
#[cfg(feature = "net")]
mod door;
mod handshake;
pub mod http;
mod refusal;
#[cfg(feature = "net")]
mod serve;
pub mod socks;
mod target;
#[cfg(feature = "net")]
mod through;

#[cfg(feature = "net")]
pub use dial::{Dial, Isolation};
#[cfg(feature = "net")]
pub use door::{Door, DoorError, Reach};
pub use handshake::{Credentials, Handshake, MOST_INPUT, Request, Step};
pub use refusal::{DialFault, Refusal};
#[cfg(feature = "net")]
pub use serve::{Face, Limits, Protocol};
pub use target::{Target, TargetFault};
