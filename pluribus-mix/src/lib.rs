//! A transport for object-capability vats: it finds a vat by who it is, proves it, and carries private messages in
//! order.

mod ablation;
pub mod crypto;
pub mod id;
pub mod locator;
#[cfg(feature = "net")]
pub mod net;
pub mod netlayer;
pub mod node;
pub mod sim;
pub mod time;
pub mod vattp;
pub mod wire;
