//! A client and three relays in memory with nothing between them: all of the cores' path, and no socket.
//!
//! What one node writes another reads at once, out of the same buffer, and time goes on by a little each time. So what is counted is the work of
//! the nodes alone, and nothing of it waits.

use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::crypto::rng::Seed;
use pluribus_mix::crypto::sign::SigningKey;
use pluribus_mix::directory::{
    Authorities, Authority, Consensus, Descriptor, Params, Proposed, Relay, Wall,
};
use pluribus_mix::id::RelayId;
use pluribus_mix::locator::Address;
use pluribus_mix::netlayer::{ConnId, Event, Netlayer as _};
use pluribus_mix::node::{
    Carrier, Config, LinkId, LinkRequest, MixConfig, Node, Reach, RelayConfig, Source, StreamEvent,
};
use pluribus_mix::time::{Duration, Instant};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// What went wrong.
pub(crate) type Broken = Box<dyn std::error::Error>;

/// Relays, the first the client's guard and the last where its session ends.
pub(crate) const RELAYS: usize = 3;
/// The number of the client among the nodes; the relays stand before it.
pub(crate) const CLIENT: usize = RELAYS;
/// The relay where the session ends.
const EXIT: usize = RELAYS - 1;
/// By so much time goes on with every batch.
const TICK: Duration = Duration::from_micros(20);
/// The mesh's time within which what is asked for is done, or something is broken.
const PATIENCE: Duration = Duration::from_secs(3600);
/// What the key of the authority is made from.
pub(crate) const AUTHORITY: [u8; 32] = [0xa0; 32];
/// The time of day.
const WALL: Wall = Wall(1_800_000_000);

/// The nodes and the links between them.
pub(crate) struct Mesh {
    pub(crate) nodes: Vec<Node>,
    pub(crate) consensus: Arc<Consensus>,
    /// Where each link of a node ends. One that is not here belongs to a client of another kind, which sees to it.
    far: BTreeMap<(usize, LinkId), (usize, LinkId)>,
    pub(crate) now: Instant,
    buffer: Vec<u8>,
    /// What was written for links that belong to others.
    pub(crate) outside: Vec<u8>,
}

/// A session over a circuit, and one stream in it.
pub(crate) struct Session {
    /// What client and exit call the connection.
    conns: [ConnId; 2],
    stream: u32,
}

/// Which way bytes go.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// From the client to the exit.
    Up,
    /// From the exit to the client.
    Down,
}

impl Mesh {
    /// Three relays and a client, none with a circuit.
    pub(crate) fn new(backend: Backend) -> Result<Self, Broken> {
        let configs = (1..=RELAYS).map(|number| relay(backend, number));
        let configs = configs.collect::<Result<Vec<_>, _>>()?;
        let listed = (1..).zip(&configs).map(|(number, config)| {
            let mix = config.mix.as_ref().and_then(|mix| mix.relay.as_ref());
            let onion = mix.ok_or("no relay")?.public();
            Ok((Arc::clone(&config.identity), onion, place(number)))
        });
        let listed = listed.collect::<Result<Vec<_>, Broken>>()?;
        let consensus = Arc::new(consensus(WALL, &listed)?);
        let mut client = Config::new(key(0x50), 1);
        client.backend = backend;
        client.mix = Some(MixConfig {
            spares: 0,
            ..MixConfig::default()
        });
        let all = configs.into_iter().chain([client]);
        let nodes = (1..).zip(all).map(|(seed, config)| {
            let mut node = Node::new(config, &Seed::from_bytes([seed; 32]));
            node.set_consensus(Instant::from_nanos(1), WALL, Arc::clone(&consensus));
            node
        });
        Ok(Self {
            nodes: nodes.collect(),
            consensus,
            far: BTreeMap::new(),
            now: Instant::from_nanos(1),
            buffer: Vec::new(),
            outside: Vec::new(),
        })
    }

    /// The name of a relay.
    pub(crate) fn relay_id(&self, number: usize) -> Result<RelayId, Broken> {
        let node = self.nodes.get(number).ok_or("no such relay")?;
        Ok(RelayId::from(*node.vat_id().public_key()))
    }

    /// A session of the client with the last relay, over a circuit of three hops, and a stream in it.
    pub(crate) fn session(&mut self) -> Result<Session, Broken> {
        let exit = self.relay_id(EXIT)?;
        let client = self.node(CLIENT)?;
        let conn = client.connect_relay(exit, Reach::Far)?;
        let stream = client.open_stream(conn, b"bench")?;
        let deadline = self.now + PATIENCE;
        while self.now < deadline {
            self.step();
            let opened = self.node(EXIT)?.poll_stream();
            if let Some((there, StreamEvent::Opened { .. })) = opened {
                return Ok(Session {
                    conns: [conn, there],
                    stream,
                });
            }
        }
        Err("no session".into())
    }

    /// Carries this many bytes over a session, in pieces.
    pub(crate) fn carry(
        &mut self,
        session: &Session,
        way: Way,
        bytes: usize,
        piece: &bytes::Bytes,
    ) -> Result<(), Broken> {
        let [at_client, at_exit] = session.conns;
        let (from, to) = match way {
            Way::Up => ((CLIENT, at_client), (EXIT, at_exit)),
            Way::Down => ((EXIT, at_exit), (CLIENT, at_client)),
        };
        let (mut left, mut missing) = (bytes, bytes);
        let deadline = self.now + PATIENCE;
        while missing > 0 {
            left -= self.write(from, session.stream, left, piece)?;
            let moved = self.step();
            let came = self.read(to, session.stream)?;
            missing = missing.saturating_sub(came);
            if !moved && came == 0 && self.now > deadline {
                return Err("bytes do not get through".into());
            }
        }
        Ok(())
    }

    fn write(
        &mut self,
        (number, conn): (usize, ConnId),
        stream: u32,
        most: usize,
        piece: &bytes::Bytes,
    ) -> Result<usize, Broken> {
        let mut written = 0;
        while written < most {
            let mut more = piece.clone();
            more.truncate(most - written);
            written += self.node(number)?.write_stream(conn, stream, &mut more)?;
            if !more.is_empty() {
                break;
            }
        }
        Ok(written)
    }

    fn read(&mut self, (number, conn): (usize, ConnId), stream: u32) -> Result<usize, Broken> {
        let mut came = 0;
        while let Some(bytes) = (self.node(number)?).read_stream(conn, stream, usize::MAX)? {
            came += bytes.len();
        }
        Ok(came)
    }

    fn node(&mut self, number: usize) -> Result<&mut Node, Broken> {
        Ok(self.nodes.get_mut(number).ok_or("no such node")?)
    }

    /// Lets every node write what it has to write once; if none has anything, jumps to what happens next. Whether anything was
    /// written.
    fn step(&mut self) -> bool {
        let moved = self.pass();
        let due = self.nodes.iter().filter_map(Node::poll_timeout).min();
        if !moved {
            self.now = due.map_or(self.now, |due| due.max(self.now)) + TICK;
        }
        if due.is_some_and(|due| due <= self.now) {
            for node in &mut self.nodes {
                node.handle_timeout(self.now);
            }
        }
        moved
    }

    /// Lets every node write what it has to write once. Whether anything was written.
    pub(crate) fn pass(&mut self) -> bool {
        let numbers = 0..self.nodes.len();
        numbers.fold(false, |moved, number| self.pump(number) | moved)
    }

    /// Hands over what one node has to write, batch by batch.
    fn pump(&mut self, number: usize) -> bool {
        let mut moved = self.open(number);
        loop {
            self.now = self.now + TICK;
            let Some(node) = self.nodes.get_mut(number) else {
                return moved;
            };
            let Some(link) = node.poll_transmit(self.now, &mut self.buffer) else {
                break;
            };
            moved = true;
            match self.far.get(&(number, link)).copied() {
                Some((to, far)) => {
                    if let Some(other) = self.nodes.get_mut(to) {
                        other.handle_input(self.now, far, &mut self.buffer);
                    }
                    self.buffer.clear();
                }
                None => self.outside.append(&mut self.buffer),
            }
            if let Some(node) = self.nodes.get_mut(number) {
                node.link_ready(link);
            }
        }
        if let Some(node) = self.nodes.get_mut(number) {
            while let Some(event) = node.poll_event() {
                moved |= matches!(event, Event::Opened { .. });
            }
            if number != EXIT {
                while node.poll_stream().is_some() {}
            }
        }
        moved
    }

    /// Opens the links that a node asks for.
    fn open(&mut self, number: usize) -> bool {
        let mut moved = false;
        while let Some(node) = self.nodes.get_mut(number)
            && let Some(request) = node.poll_link(self.now)
        {
            moved = true;
            let LinkRequest::Open { link, at } = request else {
                continue;
            };
            let to = (1..=RELAYS).position(|relay| address(relay).is_ok_and(|it| it == at));
            let Some((to, other)) = to.and_then(|to| Some((to, self.nodes.get_mut(to)?))) else {
                continue;
            };
            let far = other.link_accepted(self.now, Source([0; 16]), Carrier::Stream);
            self.far.insert((number, link), (to, far));
            self.far.insert((to, far), (number, link));
            if let Some(node) = self.nodes.get_mut(number) {
                node.link_opened(self.now, link, Carrier::Stream);
            }
        }
        moved
    }
}

fn key(seed: u8) -> Arc<SigningKey> {
    Arc::new(SigningKey::from_seed(&[seed; 32]))
}

fn place(number: usize) -> SocketAddr {
    let last = u8::try_from(number).unwrap_or(u8::MAX);
    SocketAddr::from((Ipv4Addr::new(127, 0, last, 1), 1))
}

fn address(number: usize) -> Result<Address, Broken> {
    Ok(place(number).to_string().parse()?)
}

/// The configuration of a relay, the first of them number 1.
fn relay(backend: Backend, number: usize) -> Result<Config, Broken> {
    let seed = u8::try_from(number)?;
    let mut config = Config::new(key(seed), 1);
    config.backend = backend;
    config.places.push(address(number)?);
    config.mix = Some(MixConfig {
        relay: Some(RelayConfig::new([seed; 32].into())),
        spares: 0,
        ..MixConfig::default()
    });
    Ok(config)
}

/// A relay as the consensus has it: its key, its onion key, and where it is.
pub(crate) type Listed = (Arc<SigningKey>, [u8; 32], SocketAddr);

/// Who the relays are of a network that sends at once, signed by an authority made for it.
pub(crate) fn consensus(wall: Wall, relays: &[Listed]) -> Result<Consensus, Broken> {
    let params = Params::default().with("networks", 0)?;
    agreed(wall, relays, params.with("pacing", "none")?)
}

/// The same with what the network has settled besides.
pub(crate) fn agreed(wall: Wall, relays: &[Listed], params: Params) -> Result<Consensus, Broken> {
    let signer = SigningKey::from_seed(&AUTHORITY);
    let authorities = Authorities::new([RelayId::from(signer.public())], 1)?;
    let mut authority = Authority::new(signer, authorities, params, 1, None)?;
    for (key, onion, at) in relays {
        let relay = Relay {
            id: RelayId::from(key.public()),
            onion: *onion,
            at: *at,
            weight: 100,
            family: Vec::new(),
            exit: None,
        };
        let published = wall;
        let signed = Descriptor { relay, published }.sign(key)?;
        authority.publish(wall, &signed)?;
    }
    match authority.propose(wall) {
        Some(Proposed::Consensus(signed)) => Ok(authority.adopt(wall, &signed)?.clone()),
        _ => Err("no consensus".into()),
    }
}
