//! Meeting without knowing where anybody is: tickets, delegations, first messages, location records. Spec chapter 6.
//!
//! A vat that hides lets itself be met at relays: it keeps circuits *parked* there, and whoever knows the park's cookie may
//! JOIN one. What leads to it is a [`Ticket`], signed by the vat: where to JOIN, a key for one use, a secret, who may use
//! it, until when. Somebody who holds a ticket may pass it on with a certificate, each narrower than the last; ticket and
//! certificates together are an [`Introduction`], and one that exists has been checked.
//!
//! The callee remembers its tickets in [`Issued`], within the bounds of [`quota`]. Who calls ([`early::call`]) says with the first
//! flight who it is, by whose leave it calls, and first words; the callee's side is the row of states in [`early`]. Over the meeting
//! relay flights go in sealed cells ([`splice`]). A vat that lets itself be found by its VatId publishes a [`Record`] for each
//! [`epoch`], which some relays ([`keepers`](mod@keepers)) keep on a [`shelf`], and answers what comes by it ([`listed`]). Publishing, looking up
//! and the meeting relay's side of parks are in the node.
//!
//! All of it is values: bytes, time and randomness come in, nothing here has a socket, a clock or a table that a peer can
//! grow without bound.

mod delegation;
pub mod early;
pub mod epoch;
mod hints;
pub mod issued;
pub mod keepers;
pub mod listed;
pub mod quota;
pub mod record;
mod refused;
pub mod shelf;
pub mod splice;
#[cfg(test)]
mod tests;
mod ticket;
pub mod wallet;

pub use delegation::{Chain, Introduction, Link, MOST_LINKS, Root};
pub use issued::Issued;
pub use record::Record;
pub use refused::Refused;
pub use ticket::{Bearer, Cookie, Draft, Promised, Spot, Terms, Ticket, TicketId};
