//! What goes over circuits: sessions of a client with a relay. (ONI-16)
//!
//! To the rest of the node a session's transport is a link that carries cells. The [`Mix`] plays the driver of such links: it opens them,
//! hands over what comes, is given what goes, and loses them when their circuit is over. Then the connection dials again, as over any other
//! link.

use super::conn::{Dial, Where};
use super::mix::{Above, Mix, News, Parts, Reach};
use super::{Class, Config, LinkId, Node, Source, To};
use crate::crypto::dh::Scalar;
use crate::crypto::rng::Seed;
use crate::directory::{Consensus, Guards, NoPath, Pacing, Wall};
use crate::id::{RelayId, VatId};
use crate::netlayer::{ConnId, ConnectError};
use crate::node::mix::RelayParts;
use crate::onion::Payload;
use crate::onion::handshake::Answerer;
use crate::onion::meet::Cookie;
use crate::onion::suspicion::Suspicion;
use crate::time::{Duration, Instant};
use crate::vattp::pipe::Carrier;
use crate::vattp::responder::Hosted;
use crate::vattp::transport::Tuning;
use crate::vattp::{Local, Offers, Use};
use std::net::IpAddr;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What a node is to a mix network. [`MixConfig::default`] is a client.
#[derive(Clone)]
pub struct MixConfig {
    /// Set for a relay: the node's identity is its RelayId, and links and sessions are answered.
    pub relay: Option<RelayConfig>,
    /// Spare circuits that are kept. (ONI-18)
    pub spares: usize,
    /// Circuits that are built at once, and the time after which one more may be. (ONI-18)
    pub builds: (u32, Duration),
    /// Cells that wait, of all circuits together. (ONI-14)
    pub max_cells: usize,
    /// Links. (ONI-15)
    pub max_links: usize,
    /// Spare circuits that are kept for joining the parks of others; 0 for who only proxies. (RDV-26)
    pub meets: usize,
    /// Circuits that are kept in each park of ours. (RDV-26)
    pub parked_each: usize,
    /// The class of its circuits, where cells go by the clock. (PAC-3)
    pub class: Class,
}

/// What a relay has besides.
#[derive(Clone)]
pub struct RelayConfig {
    /// The secret of the onion key B; made for this start of the relay and never used again. (ONI-9)
    pub onion: Zeroizing<[u8; 32]>,
    /// Circuits through it. (ONI-15)
    pub max_circuits: usize,
}

impl Default for MixConfig {
    fn default() -> Self {
        Self {
            relay: None,
            spares: 4,
            builds: (32, Duration::from_millis(100)),
            max_cells: 65_536,
            max_links: 16_384,
            meets: 0,
            parked_each: 2,
            class: Class::default(),
        }
    }
}

impl RelayConfig {
    /// The defaults for this onion key.
    pub const fn new(onion: Zeroizing<[u8; 32]>) -> Self {
        Self {
            onion,
            max_circuits: 65_536,
        }
    }

    /// The public half of the onion key, for the descriptor.
    pub fn public(&self) -> [u8; 32] {
        Scalar::from_bytes(self.onion.clone()).public()
    }
}

/// How many circuits a node has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Circuits {
    /// That begin here.
    pub own: usize,
    /// Of these, spare and complete.
    pub spare: usize,
    /// That go through here, or end here.
    pub through: usize,
    /// Links that they use.
    pub links: usize,
    /// Cells that wait.
    pub cells: usize,
}

/// What pacing has come to at a node so far. (PAC-17)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paced {
    /// Of the circuits that begin here.
    pub class: Class,
    /// The network's quantum.
    pub quantum: Duration,
    /// How much faster than the network's our quanta go by, in millionths. (PAC-2)
    pub slew: i64,
    /// Batches of others that were late or left out, on links with circuits. (PAC-6)
    pub late: u64,
    /// Batches of others in which a circuit had a cell too few or too many. (PAC-7)
    pub short: u64,
    /// Relays with which no circuit is begun, for batches that were short. (PAC-18)
    pub shunned: usize,
    /// Circuits that may still be begun here. (PAC-14)
    pub free_slots: usize,
}

/// How a node is doing, in total: nothing of any circuit, user or session. (PAC-17)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// What pacing has come to; `None` in a network without it.
    pub paced: Option<Paced>,
    /// Pairs of neighbours that it suspects now. (ONI-17)
    pub suspects: usize,
}

/// What a relay answers as, for this use. (VTP-4)
fn hosted(config: &Config, relay: &RelayConfig, for_use: Use) -> Hosted {
    let id = RelayId::from(config.identity.public());
    Hosted {
        local: local(config),
        prekey: Scalar::from_bytes(relay.onion.clone()),
        for_use,
        places: vec![id.as_bytes().to_vec()],
        offers: Offers::default(),
    }
}

fn local(config: &Config) -> Local {
    Local {
        key: config.identity.clone(),
        incarnation: config.incarnation,
        hints: config.hints.clone(),
        backend: config.backend,
    }
}

/// As whom sessions are answered, if at all.
pub(super) fn host(config: &Config) -> Option<Hosted> {
    let relay = config.mix.as_ref()?.relay.as_ref()?;
    Some(hosted(config, relay, Use::Exit))
}

/// Sessions ask sooner whether the peer is there. (ONI-16)
const PING_AFTER: Duration = Duration::from_secs(2);

/// How the transports of a node behave.
pub(super) fn tuning(config: &Config) -> Tuning {
    let mut tuning = config.tuning;
    if config.mix.is_some() {
        tuning.ping_after = tuning.ping_after.min(PING_AFTER);
    }
    tuning
}

/// The mix of a node.
pub(super) fn mix(config: &Config, seed: &Seed) -> Option<Box<Mix>> {
    let it = config.mix.as_ref()?;
    let relay = it.relay.as_ref().map(|relay| RelayParts {
        hosted: hosted(config, relay, Use::Link),
        answerer: Answerer::new(
            RelayId::from(config.identity.public()),
            Scalar::from_bytes(relay.onion.clone()),
        ),
        max_circuits: relay.max_circuits,
    });
    let parts = Parts {
        local: local(config),
        flight_deadline: config.flight_deadline,
        half_open: config.half_open,
        relay,
        max_cells: it.max_cells,
        max_links: it.max_links,
        spares: it.spares,
        builds: it.builds,
        meets: it.meets,
        parked_each: it.parked_each,
        class: it.class,
    };
    Some(Box::new(Mix::new(parts, &seed.seed("mix"))))
}

impl To {
    /// How long it may take until it is known whether it can be reached: over a circuit, which may be a while away, several tries.
    pub(super) fn patience(&self, node: &Node) -> Duration {
        let tries = node.flight_deadline * 3;
        match self {
            Self::Address(_) => node.link_deadline,
            Self::Relay(_, Reach::Near) => tries,
            Self::Relay(_, Reach::Far) | Self::Spot(_) => tries + node.until_a_circuit(),
        }
    }
}

impl Above for Node {
    fn accepted(&mut self, source: Source) -> LinkId {
        self.answer(source, Carrier::Cells)
    }

    fn joined(&mut self, relay: RelayId, cookie: Cookie) -> LinkId {
        Self::joined(self, relay, cookie)
    }

    fn cell(&mut self, end: LinkId, index: u64, cell: &mut Payload) {
        self.handle_cell(self.clock, end, index, cell);
    }

    fn pull(&mut self, end: LinkId, index: u64, cell: &mut Payload) -> bool {
        self.answer_call(end);
        let mut cells = core::mem::take(&mut self.scratch);
        cells.clear();
        if let Some(link) = self.links.get_mut(&end)
            && link.index <= index
        {
            link.index = index;
            if !link.give_cell(&mut cells) {
                self.fill(end, &mut cells);
            }
        }
        if let Some(link) = self.links.get_mut(&end) {
            link.index = link.index.max(index + 1);
            link.first = link.first.or((!cells.is_empty()).then_some(index));
        }
        self.arm(end);
        let is_one = cells.len() == cell.len();
        if is_one {
            cell.copy_from_slice(&cells);
        }
        self.scratch = cells;
        is_one
    }
}

impl Node {
    /// How long one may have to wait for a circuit, where cells go by the clock: up to a window until it is begun, and up to
    /// another for which it rests. (PAC-14)
    pub(super) fn until_a_circuit(&self) -> Duration {
        let params = self.consensus.as_ref().map(|consensus| consensus.params());
        let paced = params.filter(|params| params.pacing() == Pacing::Constant);
        paced.map_or(Duration::ZERO, |params| {
            Duration::from_secs(2 * params.pool_window())
        })
    }

    /// Who the relays are, from now on; `wall` is the time of day. For nodes with [`Config::mix`].
    pub fn set_consensus(&mut self, now: Instant, wall: Wall, consensus: Arc<Consensus>) {
        self.clock = now;
        self.consensus = Some(Arc::clone(&consensus));
        self.is_paced = consensus.params().pacing() == Pacing::Constant;
        self.meet.wall = Some((wall, now));
        // Before circuits are begun: the first of them are for parks.
        self.keep_parks();
        self.with_mix(|mix, _| mix.set_consensus(now, wall, consensus));
        self.reassign();
    }

    /// The consensus in use.
    pub const fn consensus(&self) -> Option<&Arc<Consensus>> {
        self.consensus.as_ref()
    }

    /// Starts a session with a relay over a circuit, under a key made for it, and names it at once; each call starts another. What
    /// happens comes as events, as with [`connect`](crate::netlayer::Netlayer::connect).
    ///
    /// # Errors
    /// There is no consensus or the relay is not in it, it is this node, or there are too many connections.
    pub fn connect_relay(&mut self, relay: RelayId, reach: Reach) -> Result<ConnId, ConnectError> {
        let peer = VatId::from(*relay.public_key());
        if peer == self.vat_id() {
            return Err(ConnectError::Oneself);
        }
        let known = self.consensus.as_ref().and_then(|it| it.relay(&relay));
        if self.mix.is_none() || known.is_none() {
            return Err(ConnectError::NoRelay);
        }
        let local = self.throwaway();
        let at = Where::Relay(relay, reach);
        self.begin_conn(peer, true, Dial { at, local })
    }

    /// A relay that lets this through, by its own word, drawn by weight.
    ///
    /// # Errors
    /// Why there is none.
    pub fn choose_exit(&mut self, port: u16, at: Option<IpAddr>) -> Result<RelayId, NoPath> {
        let mix = self.mix.as_mut().ok_or(NoPath::NoGuard)?;
        mix.choose_exit(port, at)
    }

    /// A relay that can be asked for the consensus over a circuit of one hop: a guard.
    ///
    /// # Errors
    /// Why there is none.
    pub fn choose_guard(&mut self) -> Result<RelayId, NoPath> {
        let mix = self.mix.as_mut().ok_or(NoPath::NoGuard)?;
        mix.choose_guard()
    }

    /// The guards of this client, to be kept over a restart; `None` before the first consensus.
    pub fn guards(&self) -> Option<&Guards> {
        self.mix.as_ref()?.guards()
    }

    /// The guards that [`Node::guards`] gave before the restart; to be told before the first consensus.
    pub fn set_guards(&mut self, guards: Guards) {
        if let Some(mix) = &mut self.mix {
            mix.set_guards(guards);
        }
    }

    /// Whom this client suspects, and of which neighbours. (ONI-17)
    pub fn suspicion(&self) -> Option<&Suspicion> {
        Some(self.mix.as_ref()?.suspicion())
    }

    /// How many circuits there are.
    pub fn circuits(&self) -> Circuits {
        let count = self.mix.as_ref().map(|mix| mix.count());
        count.unwrap_or_default()
    }

    /// What pacing has come to so far; `None` in a network without it. (PAC-17)
    pub fn paced(&self) -> Option<Paced> {
        self.mix.as_ref()?.paced()
    }

    /// How it is doing now. (PAC-17)
    pub fn health(&self, now: Instant) -> Health {
        Health {
            paced: self.paced(),
            suspects: self.suspicion().map_or(0, |it| it.suspect_pairs(now)),
        }
    }

    /// Does something with the mix, and then what follows from it.
    pub(super) fn with_mix(&mut self, deed: impl FnOnce(&mut Mix, &mut Self)) {
        let Some(mut mix) = self.mix.take() else {
            return;
        };
        deed(&mut mix, self);
        self.mix = Some(mix);
        self.hear_mix();
    }

    /// Does what the mix has news of.
    pub(super) fn hear_mix(&mut self) {
        let now = self.clock;
        while let Some(news) = self.mix.as_mut().and_then(|mix| mix.poll_news()) {
            match news {
                News::Opened(end) => self.link_opened(now, end, Carrier::Cells),
                News::Lost(end) if self.is_unanswered(end) => {}
                News::Lost(end) => self.link_lost(now, end),
                News::Told(end, answer) => self.keeper_told(end, answer),
                News::Alone(end) => self.was_alone(end),
                News::Again(end) => self.say_again(end),
                News::Ready(end) => self.link_ready(end),
                News::Ending(end) => self.look_ahead(end),
                News::Trace(trace) => self.note(trace),
            }
        }
    }

    /// Gives a session's circuit what the session has to say, and takes more when the circuit has room again.
    pub(super) fn feed_end(&mut self, id: LinkId) {
        if self.links.get(&id).is_some_and(|link| link.is_paced) {
            return;
        }
        let now = self.clock;
        self.answer_call(id);
        let mut cells = core::mem::take(&mut self.scratch);
        cells.clear();
        if let Some(link) = self.links.get_mut(&id) {
            link.give(&mut cells);
            self.fill(id, &mut cells);
        }
        if !cells.is_empty() {
            if let Some(link) = self.links.get_mut(&id) {
                link.is_busy = true;
            }
            self.with_mix(|mix, _| mix.send(now, id, &cells));
        }
        self.scratch = cells;
    }
}
