//! A node: one vat's end of everything, as a plain value with two faces.
//!
//! Below are links, bytes and time: [`Node::handle_input`], [`Node::poll_transmit`], [`Node::poll_timeout`] and their
//! few relatives, called by whoever drives it: the tokio driver, the simulated world, a fuzzer. Above is the runtime's [`Netlayer`]. Any
//! interleaving of calls is legal; after any of them a driver polls until everything answers `None`.
//!
//! The node only routes. Handshakes, queues, records, the rule of who gives way and the rule of which connection a pair of vats has are values of
//! [`crate::vattp`].
//!
//! ```text
//! lower.rs    the face towards the links      upper.rs    the face towards the runtime
//! link.rs     how far a link has come         streams.rs  the same for streams and datagrams
//! shake.rs    handshakes, item by item        conn.rs     what a runtime sees of a connection
//! ends.rs     how transports begin and end    pairs.rs    whom we know, when we dial, what breaks
//! write.rs    what goes out                   timers.rs   when to look again
//! mix/        links and circuits              sessions.rs what goes over circuits
//! meet/       vats that hide, and tickets
//! ```

mod conn;
mod ends;
mod knows;
mod link;
mod lower;
mod meet;
mod mix;
mod pairs;
mod sessions;
mod shake;
mod streams;
mod timers;
mod upper;
mod write;

pub use crate::pacing::Class;
pub use crate::vattp::half_open::Source;
pub use crate::vattp::pipe::{CELL_LEN, Carrier};
pub use crate::vattp::streams::{StreamEvent, StreamFault};
pub use crate::vattp::tickets::Purpose;
pub use meet::{CannotTell, MeetConfig, Tickets};
pub use mix::{AllHeld, CircuitHeld, Held, Knowledge, Reach};
pub use sessions::{Circuits, Health, MixConfig, Paced, RelayConfig};

use crate::crypto::aead::Backend;
use crate::crypto::dh::Scalar;
use crate::crypto::rng::{Rng, Seed};
use crate::crypto::sign::SigningKey;
use crate::directory::{Consensus, GuardEvent};
use crate::id::{RelayId, VatId};
use crate::locator::{Address, Locator};
use crate::netlayer::{ConnId, Netlayer};
use crate::rendezvous::Spot;
use crate::time::{Duration, Instant};
use crate::vattp::half_open::HalfOpen;
use crate::vattp::pair::Ids;
use crate::vattp::responder::Hosted;
use crate::vattp::seen::Seen;
use crate::vattp::transport::Tuning;
use crate::vattp::{Hints, Local, Offers, Use, Violation};
use conn::Conn;
use core::fmt;
use link::Link;
use meet::Meet;
use mix::{Mix, Question};
use pairs::{Entry, PairKey};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use timers::Timers;

/// The most entries that the trace keeps; the oldest go first.
const MAX_TRACE: usize = 1024;

/// A link, as this node numbers them. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// Who a node is and how it behaves. [`Config::new`] gives the defaults.
#[derive(Clone)]
pub struct Config {
    /// The vat's key.
    pub identity: Arc<SigningKey>,
    /// How often the vat has been started, at least 1. (VTP-13)
    pub incarnation: u64,
    /// The addresses at which it can be dialled, as locators write them. Empty for a vat that only dials. (VTP-4)
    pub places: Vec<Address>,
    /// Told to every proven peer.
    pub hints: Hints,
    /// Whether it dials under throwaway keys. (VTP-13)
    pub anonymous: bool,
    /// The library that seals and opens.
    pub backend: Backend,
    /// How long each flight of a handshake may take. (VTP-16)
    pub flight_deadline: Duration,
    /// How long a link to an address may take to stand.
    pub link_deadline: Duration,
    /// The most half-open handshakes with diallers. (VTP-18)
    pub half_open: usize,
    /// The most connections, half-made ones included.
    pub max_connections: usize,
    /// The most weight that all connections together keep for peers that have not received or taken it; beyond it `send`
    /// hands messages back. (VTP-32)
    pub max_waiting: usize,
    /// Keys, liveness and padding.
    pub tuning: Tuning,
    /// What it is to a mix network; `None` for a vat with plain links only.
    pub mix: Option<MixConfig>,
    /// Whether it can be met at relays; `None` for a vat that keeps no parks. (chapter 6)
    pub meet: Option<MeetConfig>,
}

impl Config {
    /// The defaults for this vat.
    pub fn new(identity: Arc<SigningKey>, incarnation: u64) -> Self {
        Self {
            identity,
            incarnation,
            places: Vec::new(),
            hints: Hints::default(),
            anonymous: false,
            backend: Backend::default(),
            flight_deadline: Duration::from_secs(10),
            link_deadline: Duration::from_secs(10),
            half_open: 1024,
            max_connections: 65_536,
            max_waiting: 256 << 20,
            tuning: Tuning::default(),
            mix: None,
            meet: None,
        }
    }
}

/// What a node wants done with its links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkRequest {
    /// Open a link to this address, then say [`Node::link_opened`] or [`Node::link_lost`].
    Open {
        /// What to call it.
        link: LinkId,
        /// Where it leads.
        at: Address,
    },
    /// Write what was given for it, then close it. The node has forgotten it.
    Close {
        /// Which.
        link: LinkId,
    },
}

/// Whom a link to an address leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// A relay of the network that this node is a client of.
    Relay,
    /// A vat, in this connection if that is under a key of its own: links for different ones should not be seen to come from the same.
    Vat(VatId, Option<ConnId>),
}

/// What a link carries in one quantum; its bytes stand in the buffer that was handed in. (PAC-1)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Over which link.
    pub link: LinkId,
    /// When its first byte is to be written, not before.
    pub due: Instant,
}

/// What happened, for the operator. Nothing here goes to the network, and nothing pairs an identity with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    /// A peer broke a rule.
    Violation {
        /// On which link.
        link: LinkId,
        /// Which rule.
        violation: Violation,
    },
    /// A proven peer was turned away: there are as many connections as there may be.
    TurnedAway {
        /// On which link.
        link: LinkId,
    },
    /// A guard came or went. (DIR-22)
    Guard(GuardEvent),
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violation { link, violation } => write!(f, "link {}: {violation}", link.0),
            Self::TurnedAway { link } => write!(f, "link {}: too many connections", link.0),
            Self::Guard(GuardEvent::Chosen(_)) => f.write_str("a guard was chosen"),
            Self::Guard(GuardEvent::Gone(_)) => {
                f.write_str("a guard was not listed for a week and is given up")
            }
            Self::Guard(GuardEvent::Suspect(_)) => {
                f.write_str("a guard is suspect and is given up")
            }
        }
    }
}

/// One vat's end of everything.
pub struct Node {
    hosted: Hosted,
    locator: Locator,
    anonymous: bool,
    flight_deadline: Duration,
    link_deadline: Duration,
    max_connections: usize,
    max_waiting: usize,
    tuning: Tuning,

    /// The latest moment that a driver has told.
    clock: Instant,
    rng: Rng,
    ids: Ids,
    seen: Seen,
    half_open: HalfOpen,

    links: BTreeMap<LinkId, Link>,
    conns: BTreeMap<ConnId, Conn>,
    pairs: BTreeMap<PairKey, Entry>,
    /// Pairs out of use, and since when, oldest first. (VTP-40)
    resting: VecDeque<(Instant, PairKey)>,
    /// Slaves that wait for a go, and the last link that had begun when they were told. (VTP-38)
    waiting: BTreeSet<(LinkId, PairKey)>,
    /// Whether a pair was ever dropped. (VTP-40)
    is_forgetful: bool,
    /// What all connections weigh, and those that were sent away for it. (VTP-32)
    weight: usize,
    starved: VecDeque<ConnId>,
    next_link: u64,
    next_conn: u64,
    timers: Timers,
    /// Links that may have something to write.
    writers: VecDeque<LinkId>,
    /// Connections that may have something to tell.
    tellers: VecDeque<ConnId>,
    /// Connections whose streams or datagrams may have something to tell.
    streamers: VecDeque<ConnId>,
    /// Connections on which datagrams have come.
    struck: VecDeque<ConnId>,
    requests: VecDeque<Request>,
    /// Links that close, and whose time begins when the driver tells it.
    undated: Vec<LinkId>,
    trace: VecDeque<Trace>,
    /// Links and circuits, and who the relays are. Taken out while it hands cells up.
    mix: Option<Box<Mix>>,
    /// What a vat has that hides.
    meet: Meet,
    is_relay: bool,
    /// Whether the network sends by the clock.
    is_paced: bool,
    consensus: Option<Arc<Consensus>>,
    /// Cells of a session on their way to its circuit.
    scratch: Vec<u8>,
}

/// Where a link is to lead.
enum To {
    Address(Address),
    Relay(RelayId, Reach),
    Spot(Spot),
}

/// What is wanted done with links, below or inside.
enum Request {
    Open {
        link: LinkId,
        to: To,
    },
    Close {
        link: LinkId,
        is_end: bool,
    },
    /// A question about a record, for this relay.
    Ask {
        end: LinkId,
        relay: RelayId,
        question: Question,
    },
}

impl Node {
    /// A node with no links. All its randomness comes from `seed`, which is not used elsewhere.
    pub fn new(config: Config, seed: &Seed) -> Self {
        let key = config.identity.public();
        let mix = sessions::mix(&config, seed);
        let meet = Meet::new(config.meet, seed.fork("meetings"));
        let tuning = sessions::tuning(&config);
        let session_host = sessions::host(&config);
        let is_relay = session_host.is_some();
        let mut locator = Locator::new(VatId::from(key));
        if let Some(place) = config.places.first() {
            locator = locator.at(place.clone());
        }
        let hosted = session_host.unwrap_or_else(|| Hosted {
            prekey: Scalar::from_bytes(config.identity.mapped_secret()),
            local: Local {
                key: config.identity,
                incarnation: config.incarnation,
                hints: config.hints,
                backend: config.backend,
            },
            for_use: Use::Vat,
            places: config
                .places
                .iter()
                .map(|place| place.to_string().into_bytes())
                .collect(),
            offers: Offers::default(),
        });
        Self {
            hosted,
            locator,
            anonymous: config.anonymous,
            flight_deadline: config.flight_deadline,
            link_deadline: config.link_deadline,
            max_connections: config.max_connections,
            max_waiting: config.max_waiting,
            tuning,
            clock: Instant::ZERO,
            rng: seed.fork("handshakes"),
            ids: Ids::new(seed.fork("ids")),
            // Two flights to a handshake, and twice as long as one lasts. (VTP-5)
            seen: Seen::new(config.flight_deadline * 4),
            half_open: HalfOpen::new(config.half_open),
            links: BTreeMap::new(),
            conns: BTreeMap::new(),
            pairs: BTreeMap::new(),
            resting: VecDeque::new(),
            waiting: BTreeSet::new(),
            is_forgetful: false,
            weight: 0,
            starved: VecDeque::new(),
            next_link: 0,
            next_conn: 0,
            timers: Timers::default(),
            writers: VecDeque::new(),
            tellers: VecDeque::new(),
            streamers: VecDeque::new(),
            struck: VecDeque::new(),
            requests: VecDeque::new(),
            undated: Vec::new(),
            trace: VecDeque::new(),
            mix,
            meet,
            is_relay,
            is_paced: false,
            consensus: None,
            scratch: Vec::new(),
        }
    }

    /// The vat's name.
    pub fn vat_id(&self) -> VatId {
        self.locator.vat()
    }

    /// How many handshakes with diallers are half open.
    pub fn half_open(&self) -> usize {
        self.half_open.len()
    }

    /// What happened, oldest first.
    pub fn poll_trace(&mut self) -> Option<Trace> {
        self.trace.pop_front()
    }

    fn note(&mut self, trace: Trace) {
        if self.trace.len() == MAX_TRACE {
            self.trace.pop_front();
        }
        self.trace.push_back(trace);
    }
}

#[cfg(test)]
mod tests;
