//! Several mixes with links between them, and above each somebody who says and hears bare cells.

use crate::crypto::rng::Seed;
use crate::crypto::sign::SigningKey;
use crate::directory::{
    Authorities, Authority, Consensus, Descriptor, Params, Proposed, Relay, Wall,
};
use crate::id::RelayId;
use crate::node::mix::{Above, Mix, News, ParkAt};
use crate::node::{Class, Config, LinkId, LinkRequest, MixConfig, RelayConfig, Source, sessions};
use crate::onion::meet::Cookie;
use crate::onion::{PAYLOAD, Payload};
use crate::time::{Duration, Instant};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use zeroize::Zeroizing;

pub(super) const MS: Duration = Duration::from_millis(1);
pub(super) const SECOND: Duration = Duration::from_secs(1);
/// How long what is sent is under way.
const DELAY: Duration = Duration::from_millis(5);
const DAWN: Wall = Wall(1_800_000_000);

/// A host, by its number.
pub(super) type HostNo = usize;

/// Somebody above a mix.
#[derive(Default)]
pub(super) struct Raw {
    ends: u64,
    /// Cells of ends: their numbers and what they say.
    pub(super) heard: BTreeMap<LinkId, Vec<(u64, u64)>>,
    /// What ends say when they are asked for it.
    to_say: BTreeMap<LinkId, VecDeque<u64>>,
    /// The numbers of cells that ends have said.
    pub(super) said: BTreeMap<LinkId, Vec<(u64, u64)>>,
    /// Who joined which park.
    pub(super) joined: Vec<(RelayId, Cookie, LinkId)>,
    /// Sessions that began here.
    pub(super) accepted: usize,
    pub(super) opened: Vec<LinkId>,
    pub(super) lost: Vec<LinkId>,
    pub(super) again: Vec<LinkId>,
}

impl Raw {
    fn fresh(&mut self) -> LinkId {
        self.ends += 1;
        LinkId(self.ends)
    }
}

impl Above for Raw {
    fn accepted(&mut self, _: Source) -> LinkId {
        self.accepted += 1;
        self.fresh()
    }

    fn cell(&mut self, end: LinkId, index: u64, cell: &mut Payload) {
        let text = u64::from_be_bytes(*cell.first_chunk().unwrap());
        assert!(cell[8..].iter().all(|byte| *byte == 0x2a), "as it was said");
        self.heard.entry(end).or_default().push((index, text));
    }

    fn pull(&mut self, end: LinkId, index: u64, cell: &mut Payload) -> bool {
        let Some(text) = self.to_say.get_mut(&end).and_then(VecDeque::pop_front) else {
            return false;
        };
        self.said.entry(end).or_default().push((index, text));
        *cell = payload(text);
        true
    }

    fn joined(&mut self, relay: RelayId, cookie: Cookie) -> LinkId {
        let end = self.fresh();
        self.joined.push((relay, cookie, end));
        end
    }
}

fn payload(text: u64) -> Payload {
    let mut payload = [0x2a; PAYLOAD];
    payload[..8].copy_from_slice(&text.to_be_bytes());
    payload
}

pub(super) struct Host {
    pub(super) mix: Box<Mix>,
    pub(super) raw: Raw,
    config: Config,
    at: SocketAddr,
    is_up: bool,
}

enum Event {
    Asked { from: (HostNo, LinkId), to: HostNo },
    Opened(HostNo, LinkId),
    Bytes(HostNo, LinkId, Vec<u8>),
    Lost(HostNo, LinkId),
}

/// What somebody sees who watches a link: when, who sent, to whom, how many bytes.
pub(super) type Seen = (Instant, HostNo, HostNo, usize);

pub(super) struct World {
    pub(super) hosts: Vec<Host>,
    /// The other end of each link.
    links: BTreeMap<(HostNo, LinkId), (HostNo, LinkId)>,
    events: BTreeMap<(Instant, u64), Event>,
    sent: u64,
    pub(super) now: Instant,
    pub(super) seen: Vec<Seen>,
}

impl World {
    /// So many relays, and then so many clients with this configuration, in a network with these parameters.
    pub(super) fn new(
        relays: usize,
        clients: usize,
        params: &Params,
        change: impl Fn(&mut MixConfig),
    ) -> Self {
        let mut world = Self::unpublished(relays, clients, change);
        world.publish(params);
        world
    }

    /// The same, and nobody knows of the others yet.
    pub(super) fn unpublished(
        relays: usize,
        clients: usize,
        change: impl Fn(&mut MixConfig),
    ) -> Self {
        let seed = Seed::from_bytes([4; 32]);
        let mut hosts = Vec::new();
        for n in 0..relays + clients {
            let key = SigningKey::from_seed(&seed.fork(&format!("key {n}")).draw());
            let mut config = Config::new(Arc::new(key), 1);
            let mut mix = MixConfig {
                spares: 0,
                ..MixConfig::default()
            };
            if n < relays {
                mix.relay = Some(RelayConfig::new(seed.fork(&format!("onion {n}")).draw()));
            } else {
                change(&mut mix);
            }
            config.mix = Some(mix);
            let mix = sessions::mix(&config, &seed.seed(&format!("mix {n}"))).unwrap();
            hosts.push(Host {
                mix,
                raw: Raw::default(),
                config,
                at: format!("127.0.{n}.1:1").parse().unwrap(),
                is_up: true,
            });
        }
        Self {
            hosts,
            links: BTreeMap::new(),
            events: BTreeMap::new(),
            sent: 0,
            now: Instant::ZERO,
            seen: Vec::new(),
        }
    }

    pub(super) fn publish(&mut self, params: &Params) {
        let key = SigningKey::from_seed(&[6; 32]);
        let authorities = Authorities::new([RelayId::from(key.public())], 1).unwrap();
        let params = params.clone().with("networks", 0).unwrap();
        let mut authority = Authority::new(key, authorities, params, 1, None).unwrap();
        for host in &self.hosts {
            let Some(relay) = host.config.mix.as_ref().and_then(|mix| mix.relay.as_ref()) else {
                continue;
            };
            let relay = Relay {
                id: RelayId::from(host.config.identity.public()),
                onion: relay.public(),
                at: host.at,
                weight: 100,
                family: Vec::new(),
                exit: None,
            };
            let descriptor = Descriptor {
                relay,
                published: DAWN,
            };
            let signed = descriptor.sign(&host.config.identity).unwrap();
            authority.publish(DAWN, &signed).unwrap();
        }
        let Some(Proposed::Consensus(signed)) = authority.propose(DAWN) else {
            panic!("one authority is enough");
        };
        let consensus: Arc<Consensus> = Arc::new(authority.adopt(DAWN, &signed).unwrap().clone());
        for host in 0..self.hosts.len() {
            let now = self.now;
            let mix = &mut self.hosts[host].mix;
            mix.set_consensus(now, DAWN, Arc::clone(&consensus));
            self.pump(host);
        }
    }

    pub(super) fn id(&self, relay: HostNo) -> RelayId {
        RelayId::from(self.hosts[relay].config.identity.public())
    }

    /// Has a host keep these parks.
    pub(super) fn park(&mut self, host: HostNo, parks: &[(HostNo, [u8; 32])]) {
        let park = |(relay, secret): &(HostNo, [u8; 32])| ParkAt {
            relay: self.id(*relay),
            secret: Zeroizing::new(*secret),
        };
        let parks = parks.iter().map(park).collect();
        let now = self.now;
        self.hosts[host].mix.set_parks(now, parks);
        self.pump(host);
    }

    /// Has a host join a park.
    pub(super) fn join(&mut self, host: HostNo, relay: HostNo, cookie: Cookie) -> LinkId {
        let (now, relay) = (self.now, self.id(relay));
        let Host { mix, raw, .. } = &mut self.hosts[host];
        let end = raw.fresh();
        mix.open_meeting(now, end, relay, cookie);
        self.pump(host);
        end
    }

    pub(super) fn close(&mut self, host: HostNo, end: LinkId) {
        let now = self.now;
        self.hosts[host].mix.close_end(now, end);
        self.pump(host);
    }

    /// An end says these cells.
    pub(super) fn say(&mut self, host: HostNo, end: LinkId, texts: impl IntoIterator<Item = u64>) {
        let now = self.now;
        let Host { mix, raw, .. } = &mut self.hosts[host];
        if mix.pace.is_some() {
            raw.to_say.entry(end).or_default().extend(texts);
            return;
        }
        let said = raw.said.entry(end).or_default();
        let mut cells = Vec::new();
        for text in texts {
            said.push((said.len() as u64, text));
            cells.extend(payload(text));
        }
        mix.send(now, end, &cells);
        self.pump(host);
    }

    /// A host is gone, without a word.
    pub(super) fn kill(&mut self, host: HostNo) {
        self.hosts[host].is_up = false;
        let gone = self.links.iter().filter(|(end, _)| end.0 == host);
        let gone: Vec<_> = gone.map(|(end, peer)| (*end, *peer)).collect();
        for (end, peer) in gone {
            self.links.remove(&end);
            self.links.remove(&peer);
            self.later(DELAY, Event::Lost(peer.0, peer.1));
        }
    }

    fn later(&mut self, after: Duration, event: Event) {
        self.at(self.now + after, event);
    }

    fn at(&mut self, at: Instant, event: Event) {
        self.sent += 1;
        self.events.insert((at, self.sent), event);
    }

    pub(super) fn run_for(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let event = self.events.first_key_value().map(|((at, _), _)| *at);
            let up = || self.hosts.iter().enumerate().filter(|(_, it)| it.is_up);
            let due = up().filter_map(|(n, host)| Some((host.mix.poll_timeout()?, n)));
            let due = due.min();
            let next = [event, due.map(|(at, _)| at)].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else {
                break;
            };
            self.now = self.now.max(next);
            if event.is_some_and(|event| event <= next) {
                let (_, event) = self.events.pop_first().unwrap();
                self.happen(event);
            } else if let Some((_, host)) = due {
                let now = self.now;
                self.hosts[host].mix.handle_timeout(now);
                self.pump(host);
            }
        }
        self.now = until;
    }

    /// Runs until something holds.
    pub(super) fn until(&mut self, most: Duration, holds: impl Fn(&Self) -> bool) {
        let end = self.now + most;
        while !holds(self) {
            assert!(self.now < end, "in time");
            self.run_for(20 * MS);
        }
    }

    fn happen(&mut self, event: Event) {
        let now = self.now;
        let host = match event {
            Event::Asked { from, to } if self.hosts[to].is_up => {
                let source = Source([u8::try_from(from.0).unwrap(); 16]);
                let link = self.hosts[to].mix.accepted(now, source);
                self.links.insert(from, (to, link));
                self.links.insert((to, link), from);
                self.later(DELAY, Event::Opened(from.0, from.1));
                to
            }
            Event::Asked { from, .. } => return self.later(DELAY, Event::Lost(from.0, from.1)),
            Event::Opened(host, link) => {
                self.hosts[host].mix.opened(now, link);
                host
            }
            Event::Bytes(host, link, mut bytes) => {
                let Host {
                    mix, raw, is_up, ..
                } = &mut self.hosts[host];
                if *is_up {
                    mix.handle_input(now, link, &mut bytes, raw);
                }
                host
            }
            Event::Lost(host, link) => {
                self.links.remove(&(host, link));
                self.hosts[host].mix.lost(now, link);
                host
            }
        };
        self.pump(host);
    }

    /// Takes everything that a host has to say.
    fn pump(&mut self, host: HostNo) {
        if !self.hosts[host].is_up {
            return;
        }
        let now = self.now;
        loop {
            let Host { mix, raw, .. } = &mut self.hosts[host];
            let mut is_quiet = true;
            while let Some(news) = mix.poll_news() {
                is_quiet = false;
                match news {
                    News::Opened(end) => raw.opened.push(end),
                    News::Lost(end) => raw.lost.push(end),
                    News::Again(end) => raw.again.push(end),
                    News::Alone(_) | News::Ready(_) | News::Ending(_) | News::Told(..) => {}
                    News::Trace(trace) => {
                        let is_guard = matches!(trace, crate::node::Trace::Guard(_));
                        assert!(is_guard, "{trace}");
                    }
                }
            }
            let mut out = Vec::new();
            if let Some(link) = mix.poll_transmit(now, &mut out) {
                mix.link_ready(link);
                self.send(host, link, now, out);
                continue;
            }
            if let Some(batch) = mix.poll_batch(&mut out, raw) {
                self.send(host, batch.link, batch.due, out);
                continue;
            }
            match mix.poll_request() {
                Some(LinkRequest::Open { link, at }) => {
                    let at: SocketAddr = at.to_string().parse().unwrap();
                    let to = self.hosts.iter().position(|it| it.at == at).unwrap();
                    let from = (host, link);
                    self.later(DELAY, Event::Asked { from, to });
                }
                Some(LinkRequest::Close { link }) => {
                    if let Some(peer) = self.links.remove(&(host, link)) {
                        self.links.remove(&peer);
                        self.later(DELAY, Event::Lost(peer.0, peer.1));
                    }
                }
                None if is_quiet => return,
                None => {}
            }
        }
    }

    fn send(&mut self, host: HostNo, link: LinkId, due: Instant, bytes: Vec<u8>) {
        if let Some(&(to, at)) = self.links.get(&(host, link)) {
            self.seen.push((due, host, to, bytes.len()));
            self.at(due + DELAY, Event::Bytes(to, at, bytes));
        }
    }
}

/// A network without pacing.
pub(super) fn unpaced() -> Params {
    Params::default().with("pacing", "none").unwrap()
}

/// A network with constant pacing, with short windows.
pub(super) fn paced() -> Params {
    let params = Params::default().with("pacing", "constant").unwrap();
    let params = params.with("quantum", 20).unwrap();
    params.with("pool_window", 5).unwrap()
}

/// A vat in such a network.
pub(super) fn vat(class: Class) -> impl Fn(&mut MixConfig) {
    move |mix| (mix.meets, mix.class) = (2, class)
}
