//! A vat of the story: it hides, and what it hears is kept, so that it can be searched.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use data_encoding::BASE64URL_NOPAD;
use pluribus_mix::directory::{NetworkId, Wall};
use pluribus_mix::id::{RelayId, VatId};
use pluribus_mix::locator::Locator;
use pluribus_mix::net::directory::Network;
use pluribus_mix::net::party::{Client, Keep};
use pluribus_mix::net::{Config, Endpoint, Seam, loopback_address};
use pluribus_mix::netlayer::Introductions as _;
use pluribus_mix::rendezvous::{Introduction, Promised};
use tokio::time::{Instant, sleep};

use super::{AGAIN, Told, now};
use crate::captp::dialect::{B, Dialect};
use crate::captp::locator::Peer;
use crate::carrier::{Arrival, Carrier, Conn, Introducer};
use crate::host::Host;
use crate::netlayer::entropy;
use crate::netlayer::mix::Mix;

type Shared = Rc<RefCell<Mix<Seam>>>;

/// What a vat has heard.
#[derive(Default)]
pub(super) struct Log {
    /// Every message, and every ticket.
    pub(super) heard: Vec<Vec<u8>>,
    /// The relays at which the tickets lead to others.
    pub(super) meetings: BTreeSet<RelayId>,
    /// When the first message of each peer came.
    pub(super) first: BTreeMap<String, Instant>,
    /// When a gift of each vat came.
    pub(super) gifts: BTreeMap<String, Instant>,
    peers: BTreeMap<Conn, String>,
}

/// One who plays in the story.
pub(super) struct Actor {
    pub(super) name: &'static str,
    pub(super) address: IpAddr,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) client: Client,
    pub(super) host: Host,
    pub(super) log: Rc<RefCell<Log>>,
    mix: Shared,
}

impl Actor {
    /// A vat that is born now. It has no address that others could dial.
    pub(super) async fn born(name: &'static str, network: &Network) -> Told<Self> {
        let address: IpAddr = loopback_address()?.into();
        let config = Config::fresh()?.hidden().dialling_from(address);
        let endpoint = Arc::new(Endpoint::bind(config).await?);
        let asking = Config::fresh()?.anonymous().dialling_from(address);
        let asking = Endpoint::bind(asking).await?;
        let keep = Keep::open(network.clone(), None)?;
        let client = Client::new(Arc::clone(&endpoint), asking, keep);
        let mix = Rc::new(RefCell::new(Mix::new(Arc::clone(&endpoint).netlayer())));
        let log = Rc::<RefCell<Log>>::default();
        let carrier = Overheard(Rc::clone(&mix), Rc::clone(&log));
        let dialect = || Box::new(B) as Box<dyn Dialect>;
        let mut host = Host::new(Box::new(carrier), dialect, Box::new(entropy::system));
        host.introduce_by(Rc::new(Noted(
            Rc::clone(&mix),
            Rc::clone(&log),
            network.id(),
        )));
        Ok(Self {
            name,
            address,
            endpoint,
            client,
            host,
            log,
            mix,
        })
    }

    /// Its name as locators have it.
    pub(super) fn id(&self) -> String {
        self.endpoint.vat_id().to_string()
    }

    /// Waits until so many circuits wait for callers.
    pub(super) async fn can_be_met(&self, circuits: usize) -> Told {
        while self.endpoint.tickets().await?.parked < circuits {
            sleep(AGAIN).await;
        }
        Ok(())
    }

    /// Keeps a further ticket for a vat that it will be connected with.
    pub(super) fn keep(&self, ticket: &Locator) {
        self.mix.borrow_mut().netlayer().expect(ticket);
    }

    /// How many introductions to this vat it can hand on.
    pub(super) fn introductions_to(&self, vat: &VatId) -> usize {
        self.mix.borrow_mut().netlayer().introductions_to(vat)
    }

    /// Whether there may be something for its host.
    pub(super) fn poll_changed(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.mix.borrow_mut().netlayer().poll_changed(cx)
    }
}

/// A carrier that keeps what it has carried here.
struct Overheard(Shared, Rc<RefCell<Log>>);

impl Carrier for Overheard {
    fn location(&self) -> Peer {
        self.0.location()
    }

    fn connect(&mut self, to: &Peer) -> Result<Conn, String> {
        self.0.connect(to)
    }

    fn send(&mut self, conn: Conn, message: Vec<u8>) -> Result<(), Vec<u8>> {
        self.0.send(conn, message)
    }

    fn close(&mut self, conn: Conn) {
        self.0.close(conn);
    }

    fn poll(&mut self) -> Option<Arrival> {
        let arrival = self.0.poll()?;
        let mut log = self.1.borrow_mut();
        match &arrival {
            Arrival::Opened { conn, proven } => {
                let peer = proven.as_ref().map(|peer| peer.designator.clone());
                log.peers.extend(peer.map(|peer| (*conn, peer)));
            }
            Arrival::Message { conn, body } => {
                if let Some(peer) = log.peers.get(conn).cloned() {
                    log.first.entry(peer).or_insert_with(now);
                }
                log.heard.push(body.clone());
            }
            Arrival::Writable { .. } | Arrival::Closed { .. } => {}
        }
        Some(arrival)
    }
}

impl Noted {
    /// The relay at which this vat can be met, by the ticket in its hints.
    fn meeting(&self, exporter: &Peer) -> Option<RelayId> {
        let locator: Locator = exporter.to_string().parse().ok()?;
        let promised = Promised {
            vat: locator.vat(),
            network: self.2,
            // Whether it is too old the transport decides.
            now: Wall(0),
        };
        let found = Introduction::from_hints(locator.hints(), &promised);
        Some(found.ok()??.ticket().spot().relay)
    }
}

/// Does what the carrier does for introductions, and keeps when, and the tickets.
struct Noted(Shared, Rc<RefCell<Log>>, NetworkId);

impl Introducer for Noted {
    fn offer(&self, exporter: &Peer, receiver: &Peer) -> Peer {
        self.0.offer(exporter, receiver)
    }

    fn expect(&self, exporter: &Peer) {
        let mut log = self.1.borrow_mut();
        let designator = exporter.designator.clone();
        log.gifts.insert(designator, now());
        // A ticket is in pieces, one a hint.
        let pieces = exporter.hints.iter().flat_map(BTreeMap::values);
        let ticket: String = pieces.map(String::as_str).collect();
        log.meetings.extend(self.meeting(exporter));
        log.heard.extend(BASE64URL_NOPAD.decode(ticket.as_bytes()));
        drop(log);
        self.0.expect(exporter);
    }

    fn may_part(&self) -> bool {
        self.0.may_part()
    }
}
