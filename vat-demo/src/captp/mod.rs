//! CapTP: what two vats say to each other so that references can cross between them.

pub mod certificate;
pub mod dialect;
pub mod locator;
pub mod op;
pub mod syrup;
