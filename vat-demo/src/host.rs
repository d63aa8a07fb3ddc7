//! A vat, its sessions, and what carries them: everything that one process of a vat is.
//!
//! [`Host::poll`] is the whole driver: it takes what the carrier has, gives the vat its turns, and hands the carrier what was
//! said, until there is nothing left to do. It never waits; whoever owns the host waits for the carrier or for
//! [`Host::poll_timeout`], and calls again.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use pluribus_mix::time::{Duration, Instant};

use crate::captp::dialect::Dialect;
use crate::captp::locator::{Peer, Sturdyref};
use crate::captp::{Act, Comms, Sizes};
use crate::carrier::{Arrival, Carrier, Conn, Introducer};
use crate::vat::{Event, Ref, Turn, Vat};

/// The most bytes that wait for a peer that does not read.
pub const MOST_UNREAD: usize = 16 << 20;

/// How long the last words of a session may take to be taken.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How often everything is looked at before whoever owns the host gets to look at the rest of the world.
const ROUNDS_AT_ONCE: u32 = 256;

/// How many turns are taken before the carrier is looked at again.
const TURNS_AT_ONCE: u32 = 256;

/// A vat with its sessions and its carrier.
pub struct Host {
    vat: Vat,
    comms: Comms,
    carrier: Box<dyn Carrier>,
    unsent: BTreeMap<Conn, Unsent>,
    now: Instant,
    /// There is more to do, whatever the carrier says.
    busy: bool,
}

/// What the carrier could not take yet.
#[derive(Default)]
struct Unsent {
    messages: VecDeque<Vec<u8>>,
    weight: usize,
    /// The session is over; so is the connection, behind these or at this time.
    closing: Option<Instant>,
}

impl Host {
    /// A vat that `carrier` brings to others. It speaks what `dialect` gives for each peer; `entropy` gives 32 fresh random bytes
    /// at each call.
    #[must_use]
    pub fn new(
        carrier: Box<dyn Carrier>,
        dialect: fn() -> Box<dyn Dialect>,
        entropy: Box<dyn FnMut() -> [u8; 32]>,
    ) -> Self {
        Self {
            vat: Vat::default(),
            comms: Comms::new(carrier.location(), dialect, entropy),
            carrier,
            unsent: BTreeMap::new(),
            now: Instant::default(),
            busy: false,
        }
    }

    /// Has `introducer` say where the exporters of gifts are found, from now on.
    pub fn introduce_by(&mut self, introducer: Rc<dyn Introducer>) {
        self.comms.introduce_by(introducer);
    }

    /// Where this vat can be found.
    #[must_use]
    pub fn location(&self) -> Peer {
        self.carrier.location()
    }

    /// Does something in a turn of the vat.
    pub fn turn<T>(&mut self, work: impl FnOnce(&mut Turn<'_>) -> T) -> T {
        self.vat.turn(work)
    }

    /// Lets whoever knows the swissnum have the object. What they need to know is the sturdyref returned.
    pub fn register(&mut self, swissnum: &[u8], object: &Ref) -> Sturdyref {
        self.comms.register(swissnum, object);
        Sturdyref {
            peer: self.location(),
            swissnum: swissnum.to_vec(),
        }
    }

    /// The object that a sturdyref leads to: a promise at first, to which messages can be sent at once.
    pub fn enliven(&mut self, sturdyref: &Sturdyref) -> Ref {
        let Self { vat, comms, .. } = self;
        vat.turn(|turn| comms.enliven(turn, sturdyref))
    }

    /// An object that makes sturdyrefs live for whoever holds it.
    pub fn enlivener(&mut self) -> Ref {
        let Self { vat, comms, .. } = self;
        vat.turn(|turn| comms.enlivener(turn))
    }

    /// Tells everything that happens in the vat from now on to `sink`.
    pub fn trace(&mut self, sink: impl FnMut(Event) + 'static) {
        self.vat.trace(sink);
    }

    /// Does everything that can be done at this time.
    pub fn poll(&mut self, now: Instant) {
        self.now = now;
        let Self { vat, comms, .. } = self;
        if comms.poll_timeout().is_some_and(|due| due <= now) {
            vat.attend(|turn| comms.handle_timeout(turn, now));
        }
        self.give_up_unsent();
        self.busy = true;
        for round in 1..=ROUNDS_AT_ONCE {
            let arrival = self.carrier.poll();
            let arrived = arrival.is_some();
            if let Some(arrival) = arrival {
                self.arrived(arrival);
            }
            for _ in 0..TURNS_AT_ONCE {
                if !self.vat.step() {
                    break;
                }
            }
            let Self { vat, comms, .. } = self;
            vat.attend(|turn| comms.work(turn, now));
            let quiet = !arrived && vat.is_quiet();
            if quiet || round == ROUNDS_AT_ONCE {
                comms.give_back();
            }
            let acted = self.act();
            if quiet && !acted && self.vat.is_quiet() {
                self.busy = false;
                break;
            }
        }
    }

    /// When to call [`Host::poll`] again though nothing has come.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let busy = self.busy.then_some(self.now);
        let closing = self.unsent.values().filter_map(|unsent| unsent.closing);
        let due = closing.chain(busy).chain(self.comms.poll_timeout());
        due.min()
    }

    /// Ends all sessions, and says so to the peers.
    pub fn close(&mut self) {
        let Self { vat, comms, .. } = self;
        vat.attend(|turn| comms.close(turn));
        self.act();
    }

    /// How much the sessions hold.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        self.comms.sizes()
    }

    fn arrived(&mut self, arrival: Arrival) {
        let Self {
            vat, comms, now, ..
        } = self;
        let now = *now;
        match arrival {
            Arrival::Opened { conn, proven } => {
                vat.attend(|turn| comms.opened(turn, now, conn, proven));
            }
            Arrival::Message { conn, body } => {
                vat.attend(|turn| comms.heard(turn, now, conn, &body));
            }
            Arrival::Writable { conn } => self.send_unsent(conn),
            Arrival::Closed { conn, reason } => {
                self.unsent.remove(&conn);
                vat.attend(|turn| comms.closed(turn, now, conn, &reason));
            }
        }
    }

    /// Hands the carrier what the sessions want. Whether there was anything.
    fn act(&mut self) -> bool {
        let mut acted = false;
        while let Some(act) = self.comms.poll_act() {
            acted = true;
            match act {
                Act::Connect(dial, peer) => {
                    let conn = self.carrier.connect(&peer);
                    let Self { vat, comms, .. } = self;
                    vat.attend(|turn| comms.dialled(turn, dial, conn));
                }
                Act::Send(conn, message) => self.send(conn, message),
                Act::Close(conn) => match self.unsent.get_mut(&conn) {
                    Some(unsent) => unsent.closing = Some(self.now + LAST_WORDS),
                    None => self.carrier.close(conn),
                },
            }
        }
        acted
    }

    fn send(&mut self, conn: Conn, message: Vec<u8>) {
        let message = match self.unsent.contains_key(&conn) {
            true => message,
            false => match self.carrier.send(conn, message) {
                Ok(()) => return,
                Err(message) => message,
            },
        };
        let unsent = self.unsent.entry(conn).or_default();
        unsent.weight += message.len();
        unsent.messages.push_back(message);
        if unsent.weight > MOST_UNREAD && unsent.closing.is_none() {
            // Nobody would read the reason either.
            self.unsent.remove(&conn);
            self.carrier.close(conn);
            let Self { vat, comms, .. } = self;
            vat.attend(|turn| comms.choked(turn, conn));
        }
    }

    /// Closes what has not taken its last words in time.
    fn give_up_unsent(&mut self) {
        let now = self.now;
        let late = |unsent: &Unsent| unsent.closing.is_some_and(|by| by <= now);
        let due = self.unsent.iter().filter(|(_, unsent)| late(unsent));
        let due: Vec<_> = due.map(|(conn, _)| *conn).collect();
        for conn in due {
            self.unsent.remove(&conn);
            self.carrier.close(conn);
        }
    }

    fn send_unsent(&mut self, conn: Conn) {
        let Some(mut unsent) = self.unsent.remove(&conn) else {
            return;
        };
        while let Some(message) = unsent.messages.pop_front() {
            unsent.weight -= message.len();
            if let Err(message) = self.carrier.send(conn, message) {
                unsent.weight += message.len();
                unsent.messages.push_front(message);
                self.unsent.insert(conn, unsent);
                return;
            }
        }
        if unsent.closing.is_some() {
            self.carrier.close(conn);
        }
    }
}
