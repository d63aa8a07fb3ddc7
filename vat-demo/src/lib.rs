//! A capability runtime in the manner of E, that speaks OCapN's CapTP.
pub mod captp;
pub mod carrier;
pub mod host;
pub mod netlayer;
#[cfg(feature = "net")]
pub mod soak;
#[cfg(feature = "net")]
pub mod story;
pub mod suite;
pub mod value;
pub mod vat;
