//! A transport for object-capability vats: it finds a vat by who it is, proves it, and carries private messages in
//! order.
//!
//! A vat is its key, and its locator says where to find it:
//!
//! ```
//! use pluribus_mix::{crypto::sign::SigningKey, id::VatId, locator::Locator};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = SigningKey::from_seed(&[7; 32]); // in earnest: 32 random bytes
//! let carol = Locator::new(VatId::from(key.public())).at("192.0.2.7:9000".parse()?);
//!
//! let told = carol.to_string();
//! assert!(told.starts_with("ocapn://") && told.ends_with(".mix?at=192.0.2.7:9000"));
//! assert_eq!(told.parse::<Locator>()?, carol);
//! # Ok(())
//! # }
//! ```
//!
//! Programs that use tokio bind a `net::Endpoint`, dial and accept. A vat runtime with a loop of its own drives a
//! [`node::Node`], a plain value that takes bytes and time, and sees its five [`netlayer::Netlayer`] methods; the
//! simulated world in [`sim`] drives the very same value.
//!
//! Each module is a room of the protocol, and imports go downward only, in this order: [`time`], [`wire`], [`crypto`], [`id`],
//! [`locator`], [`netlayer`], then [`vattp`], [`onion`], [`pacing`] and [`directory`] side by side, [`rendezvous`], [`node`], [`sim`] and `net`, and `face`. The specification in `spec/` numbers every rule; the
//! documentation here cites them as `VTP-7`.
//!
//! Features: `ring` (the quicker of two AEAD libraries), `net` (tokio, files, entropy) and `cli` (the program), all on by
//! default. The rooms below `net` build with none, and so do the readers of `face`.

mod ablation;
pub mod crypto;
pub mod directory;
pub mod face;
pub mod id;
pub mod locator;
#[cfg(feature = "net")]
pub mod net;
pub mod netlayer;
pub mod node;
pub mod onion;
pub mod pacing;
pub mod rendezvous;
pub mod sim;
pub mod time;
pub mod vattp;
pub mod wire;
