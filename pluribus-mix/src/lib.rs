//! A transport for object-capability vats: it finds a vat by who it is, proves it, and carries private messages in
//! order.

pub mod crypto;
pub mod id;
