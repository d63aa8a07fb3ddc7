//! A vat: its node, its clock and its lives.
//!
//! This is the world's driver of a [`Node`], with as few opinions as the one that has sockets: tell the node what happened,
//! then fetch what it wants done until it wants nothing, then set its alarm. Times go through the host's clock on the way
//! in and out.
//!
//! A vat that is killed loses its node and its links; key, clock and address stay, and what it heard is kept. Started again
//! it is another incarnation with a fresh node.

use super::cells::{CELL, Carrier};
use super::clock::Clock;
use super::run::{Happening, Slot};
use super::talk::Runtime;
use super::{Direction, HostId, LinkNo, Place, World};
use crate::crypto::rng::Seed;
use crate::crypto::sign::SigningKey;
use crate::locator::{Address, Locator};
use crate::netlayer::Netlayer;
use crate::node::{Config, LinkId, LinkRequest, Node, Source, Trace};
use crate::time::{Duration, Instant};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A node that asks to be woken in the past is woken this much later, so that a slip in its timers costs steps and does not
/// stop the world's time.
const SNOOZE: Duration = Duration::from_micros(1);

/// What the world keeps of a vat.
pub(super) struct Vat {
    pub(super) name: String,
    pub(super) address: Address,
    pub(super) source: Source,
    pub(super) locator: Locator,
    pub(super) node: Option<Node>,
    pub(super) runtime: Runtime,
    pub(super) traces: Vec<Trace>,
    config: Config,
    seed: Seed,
    lives: u64,
    clock: Clock,
    pub(super) alarm: Option<Slot>,
    /// What waits for it to wake, while it sleeps.
    pub(super) asleep: Option<Vec<Happening>>,
    /// In one quantum of so many it writes so much too late.
    tardiness: Option<(u64, Duration)>,
    /// When it wrote its last batch, or will: the next never overtakes it.
    written: Instant,
    /// What the node calls its links, and the way that leads away from it.
    links: BTreeMap<LinkId, (LinkNo, Direction)>,
}

impl Vat {
    pub(super) fn born(
        world: &Seed,
        name: String,
        address: Address,
        source: Source,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let seed = world.seed(&format!("vat {name}"));
        let identity = Arc::new(SigningKey::from_seed(&seed.fork("key").draw()));
        let incarnation = 1 + seed.fork("incarnation").below(1 << 61);
        let mut config = Config::new(identity, incarnation);
        config.places = vec![address.clone()];
        change(&mut config);
        let node = new_life(&config, &seed, 0);
        Self {
            name,
            address,
            source,
            locator: node.locator().clone(),
            node: Some(node),
            runtime: Runtime::default(),
            traces: Vec::new(),
            config,
            seed,
            lives: 1,
            clock: Clock::true_one(),
            alarm: None,
            asleep: None,
            tardiness: None,
            written: Instant::ZERO,
            links: BTreeMap::new(),
        }
    }

    /// How much too late the batches of this moment are written.
    fn tardy(&self, due: Instant) -> Duration {
        let Some((one_in, by)) = self.tardiness else {
            return Duration::ZERO;
        };
        let moment = format!("tardy at {}", due.as_nanos());
        match self.seed.fork(&moment).below(one_in) {
            0 => by,
            _ => Duration::ZERO,
        }
    }

    pub(super) fn places(&self) -> &[Address] {
        &self.config.places
    }

    pub(super) const fn config(&self) -> &Config {
        &self.config
    }
}

fn new_life(config: &Config, seed: &Seed, life: u64) -> Node {
    Node::new(config.clone(), &seed.seed(&format!("life {life}")))
}

/// Lives and clocks.
impl World {
    /// Ends a vat's process. Its links end, as its peers see one latency later, behind what it had sent; what is on its way
    /// to it is lost; who asks for a link is refused. Nothing happens if it is down.
    pub fn kill(&mut self, vat: HostId) {
        let host = self.vat_mut(vat);
        if host.node.take().is_none() {
            return;
        }
        host.links.clear();
        host.runtime.forget_connections();
        host.asleep = None;
        if let Some(slot) = host.alarm.take() {
            self.agenda.strike(slot);
        }
        self.hang_up_all(vat.into());
    }

    /// Starts a vat's process again, after killing it if it runs: the same key and address, the next incarnation, nothing
    /// remembered.
    pub fn restart(&mut self, vat: HostId) {
        self.kill(vat);
        let host = self.vat_mut(vat);
        host.config.incarnation = host.config.incarnation.saturating_add(1);
        // An onion key lasts for one start. (ONI-9)
        let life = format!("onion of life {}", host.lives);
        if let Some(relay) = host.config.mix.as_mut().and_then(|it| it.relay.as_mut()) {
            relay.onion = host.seed.fork(&life).draw();
        }
        host.node = Some(new_life(&host.config, &host.seed, host.lives));
        host.lives += 1;
        self.pump(vat);
    }

    /// Whether a vat's process runs.
    pub fn is_up(&self, vat: HostId) -> bool {
        self.node(vat).is_some()
    }

    /// Which incarnation of itself a vat is, or was last.
    pub fn incarnation(&self, vat: HostId) -> u64 {
        self.vat_ref(vat).config.incarnation
    }

    /// From now on the vat's clock gains `ppm` parts in a million; it loses them if negative. It never jumps.
    pub fn drift(&mut self, vat: HostId, ppm: i32) {
        let now = self.now;
        self.vat_mut(vat).clock.drift(now, ppm);
        self.rearm(vat);
    }

    /// What the vat's clock shows.
    pub fn clock(&self, vat: HostId) -> Instant {
        self.vat_ref(vat).clock.shows(self.now)
    }
}

/// The driver: what happens to a vat, told to its node.
impl World {
    /// Does something with a vat's node, at the time its clock shows, and then whatever the node wants done. Nothing, if
    /// it is down.
    pub fn with_node<R>(
        &mut self,
        vat: HostId,
        deed: impl FnOnce(&mut Node, Instant) -> R,
    ) -> Option<R> {
        let result = self.on_node(vat, deed)?;
        self.pump(vat);
        Some(result)
    }

    /// Takes a link that has come. The caller pumps, once the opener has been told.
    pub(super) fn vat_link_accepted(
        &mut self,
        vat: HostId,
        no: LinkNo,
        from: Place,
        carrier: Carrier,
    ) -> Option<LinkId> {
        let source = self.source(from);
        let link = self.on_node(vat, |node, now| node.link_accepted(now, source, carrier))?;
        self.vat_mut(vat).links.insert(link, (no, Direction::Back));
        Some(link)
    }

    pub(super) fn vat_link_opened(&mut self, vat: HostId, link: Option<LinkId>, carrier: Carrier) {
        if let Some(link) = link {
            self.with_node(vat, |node, now| node.link_opened(now, link, carrier));
        }
    }

    pub(super) fn vat_link_lost(&mut self, vat: HostId, link: Option<LinkId>) {
        if let Some(link) = link {
            self.vat_mut(vat).links.remove(&link);
            self.with_node(vat, |node, now| node.link_lost(now, link));
        }
    }

    pub(super) fn vat_input(&mut self, vat: HostId, link: Option<LinkId>, mut bytes: Vec<u8>) {
        if let Some(link) = link {
            self.with_node(vat, |node, now| node.handle_input(now, link, &mut bytes));
        }
    }

    pub(super) fn vat_cell(
        &mut self,
        vat: HostId,
        link: Option<LinkId>,
        index: u64,
        cell: &mut [u8; CELL],
    ) {
        if let Some(link) = link {
            self.with_node(vat, |node, now| node.handle_cell(now, link, index, cell));
        }
    }

    pub(super) fn vat_link_ready(&mut self, vat: HostId, way: (LinkNo, Direction)) {
        let mut links = self.vat_ref(vat).links.iter();
        let link = links.find(|(_, of)| **of == way).map(|(link, _)| *link);
        if let Some(link) = link {
            self.with_node(vat, |node, _| node.link_ready(link));
        }
    }

    pub(super) fn vat_timeout(&mut self, vat: HostId) {
        self.vat_mut(vat).alarm = None;
        self.with_node(vat, |node, now| node.handle_timeout(now));
    }

    /// Fetches and does what the node wants done until it wants nothing more, and sets its alarm.
    pub(super) fn pump(&mut self, vat: HostId) {
        loop {
            let links = self.pump_links(vat);
            let bytes = self.pump_bytes(vat) | self.pump_batches(vat);
            let events = self.pump_events(vat);
            let streams = self.pump_streams(vat);
            if !(links || bytes || events || streams) {
                break;
            }
        }
        while let Some(trace) = self.on_node(vat, |node, _| node.poll_trace()).flatten() {
            self.vat_mut(vat).traces.push(trace);
        }
        self.rearm(vat);
    }

    fn pump_links(&mut self, vat: HostId) -> bool {
        let mut any = false;
        while let Some(request) = self.on_node(vat, |node, now| node.poll_link(now)).flatten() {
            any = true;
            match request {
                LinkRequest::Open { link, at } => {
                    let to = self.place_at(&at);
                    let no = self.open(vat.into(), Some(link), to);
                    self.vat_mut(vat).links.insert(link, (no, Direction::Out));
                }
                LinkRequest::Close { link } => {
                    if let Some((no, away)) = self.vat_mut(vat).links.remove(&link) {
                        self.hang_up(no, away);
                    }
                }
            }
        }
        any
    }

    fn pump_bytes(&mut self, vat: HostId) -> bool {
        let mut any = false;
        loop {
            let mut batch = Vec::new();
            let polled = self.on_node(vat, |node, now| node.poll_transmit(now, &mut batch));
            let Some(link) = polled.flatten() else {
                return any;
            };
            any = true;
            self.send_batch(vat, link, batch);
        }
    }

    /// Fetches the batches of a quantum, each to be written at its moment.
    fn pump_batches(&mut self, vat: HostId) -> bool {
        let mut any = false;
        loop {
            let mut bytes = Vec::new();
            let polled = self.on_node(vat, |node, now| node.poll_batch(now, &mut bytes));
            let Some(batch) = polled.flatten() else {
                return any;
            };
            any = true;
            let host = self.vat_mut(vat);
            let at = host.clock.reaches(batch.due) + host.tardy(batch.due);
            let at = at.max(host.written).max(self.now);
            self.vat_mut(vat).written = at;
            self.agenda
                .add(at, Happening::Writes(vat, batch.link, bytes));
        }
    }

    /// Writes a batch, if its link is still there.
    pub(super) fn write_batch(&mut self, vat: HostId, link: LinkId, batch: Vec<u8>) {
        if let Some(&(no, away)) = self.vat_ref(vat).links.get(&link) {
            self.put(no, away, batch);
        }
    }

    /// From now on the vat writes the batches of one quantum in so many by so much too late, drawn from its seed; those that are due
    /// meanwhile follow them.
    pub fn dawdle(&mut self, vat: HostId, one_in: u64, by: Duration) {
        self.vat_mut(vat).tardiness = Some((one_in, by));
    }

    fn send_batch(&mut self, vat: HostId, link: LinkId, batch: Vec<u8>) {
        let Some(&(no, away)) = self.vat_ref(vat).links.get(&link) else {
            return;
        };
        self.put(no, away, batch);
        let free = self.links.get(&no).map(|link| link.target(away).free);
        match free.filter(|free| *free > self.now) {
            Some(free) => {
                self.agenda.add(free, Happening::Ready(vat, no, away));
            }
            None => {
                self.on_node(vat, |node, _| node.link_ready(link));
            }
        }
    }

    pub(super) fn rearm(&mut self, vat: HostId) {
        let now = self.now;
        let host = self.vat_mut(vat);
        let wanted = host.node.as_ref().and_then(Node::poll_timeout);
        let wanted = wanted.map(|own| host.clock.reaches(own).max(now + SNOOZE));
        if host.alarm.map(|(at, _)| at) == wanted {
            return;
        }
        let before = host.alarm.take();
        before.map(|slot| self.agenda.strike(slot));
        self.vat_mut(vat).alarm = wanted.map(|at| self.agenda.add(at, Happening::Wakes(vat)));
    }

    /// Does something with the node and nothing after.
    pub(super) fn on_node<R>(
        &mut self,
        vat: HostId,
        deed: impl FnOnce(&mut Node, Instant) -> R,
    ) -> Option<R> {
        let now = self.clock(vat);
        self.vat_mut(vat).node.as_mut().map(|node| deed(node, now))
    }
}
