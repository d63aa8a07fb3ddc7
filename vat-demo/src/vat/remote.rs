//! The seam to whatever carries messages to other vats.

use std::any::Any;

use super::Turn;
use super::message::Message;
use super::reference::Ref;

/// The way to something in another vat. When the last reference that goes it is dropped, the other vat may forget it:
/// implementations say so when they are dropped.
pub trait Remote: Any {
    /// Carries a message. Messages by one way arrive in the order given.
    fn deliver(&self, turn: &mut Turn<'_>, message: Message);

    /// Asks to be told what the promise at the other end resolves to, for the sake of the promise here that goes this way. Called
    /// at most once, and only for promises.
    fn listen(&self, turn: &mut Turn<'_>, promise: &Ref);

    /// For the carrier that made it, to know its own again.
    fn as_any(&self) -> &dyn Any;
}
