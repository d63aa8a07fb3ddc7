//! The primitives of spec chapter 2, each behind a type that cannot be misused quietly, and nothing of any protocol.
//!
//! - [`kdf`]: SHA-256, HMAC, HKDF, and every [`kdf::Label`] of the specification in one place;
//! - [`aead`]: AES-256-GCM by counter, two backends, the same bytes;
//! - [`dh`]: X25519 that refuses zero; [`kem`]: ML-KEM-768; [`sign`]: strict Ed25519;
//! - [`rng`]: one seed, forked by label.
//!
//! Secrets have neither `Debug` nor `Clone` and are wiped when dropped. What the libraries beneath keep unwiped is listed in
//! spec chapter 0.

pub mod aead;
pub mod dh;
pub mod kdf;
pub mod kem;
pub mod rng;
pub mod sign;
