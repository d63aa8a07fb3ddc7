//! This project's own transport under vats: it proves who is there, and what is said nobody else can read.
//!
//! Both sides of the seam have the same verbs, so there is little to do: a locator of one is a locator of the other, read
//! again. A vat that was proven is known by its VatId; where it says that it can be found must be that.

use std::cell::RefCell;

use pluribus_mix::id::VatId;
use pluribus_mix::locator::{Hints, Locator};
use pluribus_mix::netlayer::{ConnId, Event, Introductions, Netlayer, SendError, SendFault};

use crate::captp::locator::Peer;
use crate::carrier::{Arrival, Carrier, Conn, Introducer};

/// A netlayer as a carrier.
pub struct Mix<N> {
    netlayer: N,
    location: Peer,
}

impl<N: Netlayer> Mix<N> {
    /// Carries messages over `netlayer`.
    #[must_use]
    pub fn new(netlayer: N) -> Self {
        let location = location(netlayer.locator());
        Self { netlayer, location }
    }

    /// The netlayer, to wait for it.
    pub fn netlayer(&mut self) -> &mut N {
        &mut self.netlayer
    }

    /// The netlayer, for good.
    #[must_use]
    pub fn into_netlayer(self) -> N {
        self.netlayer
    }

    fn proven(&self, vat: VatId) -> Peer {
        Peer {
            transport: self.location.transport.clone(),
            designator: vat.to_string(),
            hints: None,
        }
    }

    fn arrival(&mut self, event: Event) -> Arrival {
        match event {
            Event::Opened { conn, peer } => Arrival::Opened {
                conn: Conn(conn.0),
                proven: Some(self.proven(peer)),
            },
            Event::Message { conn, body } => Arrival::Message {
                conn: Conn(conn.0),
                body,
            },
            Event::Writable { conn } => Arrival::Writable { conn: Conn(conn.0) },
            // A session of which only one side can still speak is over.
            Event::Ended { conn } => {
                self.netlayer.close(conn);
                Arrival::Closed {
                    conn: Conn(conn.0),
                    reason: "the other vat has ended the connection".to_owned(),
                }
            }
            Event::Closed { conn, reason } => Arrival::Closed {
                conn: Conn(conn.0),
                reason: reason.to_string(),
            },
        }
    }
}

fn location(locator: &Locator) -> Peer {
    Peer {
        transport: locator.transport().name().to_owned(),
        designator: locator.vat().to_string(),
        hints: None,
    }
    .with_hints(locator.hints())
}

impl Peer {
    /// The same vat, with these hints and no others.
    fn with_hints(self, hints: &Hints) -> Self {
        let all = hints.iter();
        let all = all.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            hints: Some(all.collect()).filter(|_| !hints.is_empty()),
            ..self
        }
    }
}

/// Says of introductions what its netlayer does. What the netlayer cannot read is passed on as it is.
impl<N: Netlayer + Introductions> Introducer for RefCell<Mix<N>> {
    fn offer(&self, exporter: &Peer, receiver: &Peer) -> Peer {
        let target = exporter.to_string().parse::<Locator>();
        let (Ok(target), Ok(receiver)) = (target, receiver.designator.parse::<VatId>()) else {
            return exporter.clone();
        };
        let hints = self.borrow_mut().netlayer.offer(&target, receiver);
        exporter.clone().with_hints(&hints)
    }

    fn expect(&self, exporter: &Peer) {
        if let Ok(target) = exporter.to_string().parse() {
            self.borrow_mut().netlayer.expect(&target);
        }
    }

    fn may_part(&self) -> bool {
        true
    }
}

impl<N: Netlayer> Carrier for Mix<N> {
    fn location(&self) -> Peer {
        self.location.clone()
    }

    fn connect(&mut self, to: &Peer) -> Result<Conn, String> {
        let locator: Locator = to
            .to_string()
            .parse()
            .map_err(|error| format!("this vat cannot go there: {error}"))?;
        let conn = self.netlayer.connect(&locator);
        conn.map(|ConnId(number)| Conn(number))
            .map_err(|error| error.to_string())
    }

    fn send(&mut self, conn: Conn, message: Vec<u8>) -> Result<(), Vec<u8>> {
        match self.netlayer.send(ConnId(conn.0), message) {
            Err(SendError {
                message,
                fault: SendFault::Full,
            }) => Err(message),
            // To nobody: the word of its end is on the way.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn close(&mut self, conn: Conn) {
        self.netlayer.close(ConnId(conn.0));
    }

    fn poll(&mut self) -> Option<Arrival> {
        let event = self.netlayer.poll_event()?;
        Some(self.arrival(event))
    }
}
