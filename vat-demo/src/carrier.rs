//! The seam to what carries messages between vats.
//!
//! OCapN names a vat by a transport and a designator, and has many transports; a [`Carrier`] is one of them. That of this
//! project puts a [`Netlayer`](pluribus_mix::netlayer::Netlayer) into this form; the others are for
//! tests and for interoperation.

use std::cell::RefCell;
use std::rc::Rc;

use crate::captp::locator::Peer;

/// A connection, as its carrier numbers it. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conn(pub u64);

/// What carries messages to other vats. Dyn-safe; nothing here waits.
pub trait Carrier {
    /// Where this vat can be found.
    fn location(&self) -> Peer;

    /// Starts a connection and names it at once; how it goes comes as an [`Arrival`]. A carrier that keeps one connection for a pair
    /// names that.
    ///
    /// # Errors
    /// In words, what can be told without asking the network.
    fn connect(&mut self, to: &Peer) -> Result<Conn, String>;

    /// Takes a message, or hands it back when it cannot take it now; [`Arrival::Writable`] follows.
    ///
    /// # Errors
    /// The message.
    fn send(&mut self, conn: Conn, message: Vec<u8>) -> Result<(), Vec<u8>>;

    /// Ends a connection behind what was sent. No [`Arrival`] follows.
    fn close(&mut self, conn: Conn);

    /// What has happened, oldest first.
    fn poll(&mut self) -> Option<Arrival>;
}

/// A carrier that a host has, while somebody else waits for it.
impl<C: Carrier> Carrier for Rc<RefCell<C>> {
    fn location(&self) -> Peer {
        self.borrow().location()
    }

    fn connect(&mut self, to: &Peer) -> Result<Conn, String> {
        self.borrow_mut().connect(to)
    }

    fn send(&mut self, conn: Conn, message: Vec<u8>) -> Result<(), Vec<u8>> {
        self.borrow_mut().send(conn, message)
    }

    fn close(&mut self, conn: Conn) {
        self.borrow_mut().close(conn);
    }

    fn poll(&mut self) -> Option<Arrival> {
        self.borrow_mut().poll()
    }
}

/// What a carrier tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrival {
    /// Messages can come. Of connections asked for and of incoming ones.
    Opened {
        /// The connection.
        conn: Conn,
        /// Who the other vat is, if the carrier proves that.
        proven: Option<Peer>,
    },
    /// One whole message.
    Message {
        /// The connection.
        conn: Conn,
        /// The message.
        body: Vec<u8>,
    },
    /// There is room again.
    Writable {
        /// The connection.
        conn: Conn,
    },
    /// The connection is over.
    Closed {
        /// The connection.
        conn: Conn,
        /// Why, in words.
        reason: String,
    },
}

/// What a carrier may know about introductions: where one vat can be found by another to which a reference of it is given.
pub trait Introducer {
    /// The location of the exporter, as the receiver is to be told it. Only hints may differ from what the exporter says of itself.
    fn offer(&self, exporter: &Peer, receiver: &Peer) -> Peer;

    /// A gift of this exporter was given to us and is about to be fetched.
    fn expect(&self, exporter: &Peer);

    /// Whether one vat may be out of reach of another though a third one reaches both: then that one passes on what it has introduced them for.
    /// (CAP-42)
    fn may_part(&self) -> bool {
        false
    }
}

/// Tells receivers what the exporter says of itself.
pub struct AsItIs;

impl Introducer for AsItIs {
    fn offer(&self, exporter: &Peer, _: &Peer) -> Peer {
        exporter.clone()
    }

    fn expect(&self, _: &Peer) {}
}

impl Arrival {
    /// The connection that it tells of.
    #[must_use]
    pub fn conn(&self) -> Conn {
        let (Self::Opened { conn, .. }
        | Self::Message { conn, .. }
        | Self::Writable { conn }
        | Self::Closed { conn, .. }) = self;
        *conn
    }
}
