//! A proven client that says anything to a relay, with a second relay behind it: never a panic, never more cells than a relay may hold,
//! and nothing left of it some time after it has gone. (ONI-2 to 4, ONI-11 to 15)
#![no_main]
// max_len = 512

use libfuzzer_sys::fuzz_target;
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::crypto::rng::{Rng, Seed};
use pluribus_mix::crypto::sign::SigningKey;
use pluribus_mix::directory::Params;
use pluribus_mix::node::{Circuits, LinkRequest};
use pluribus_mix::onion::circuit::{Circuit, Heard, Plan};
use pluribus_mix::onion::meet::cookie;
use pluribus_mix::onion::{CELL, Cell, CircuitId, link};
use pluribus_mix::sim::{HostId, LinkNo, RawId, World};
use pluribus_mix::time::{Duration, Instant};
use pluribus_mix::vattp::bare::{Bare, Came};
use pluribus_mix::vattp::target::Wanted;
use pluribus_mix::vattp::{Hints, Local, Use};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

fuzz_target!(|data: &[u8]| {
    let mut client = Client::new();
    let mut orders = Orders(data);
    while let Some(order) = orders.byte() {
        client.obey(order, &mut orders);
        client.hear();
    }
    client.leave();
});

/// What the input still says.
struct Orders<'d>(&'d [u8]);

impl Orders<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn small(&mut self) -> u8 {
        self.byte().unwrap_or(0)
    }

    /// A cell that repeats some bytes of the input.
    fn cell(&mut self) -> Cell {
        let some: Vec<u8> = (0..8).map(|_| self.small()).collect();
        core::array::from_fn(|at| some[at % 8])
    }
}

struct Client {
    world: World,
    relays: [HostId; 2],
    raw: RawId,
    link: LinkNo,
    bare: Bare,
    rng: Rng,
    given: u32,
    circuits: BTreeMap<CircuitId, Circuit>,
    /// Circuits on which something was said that the client of a circuit does not say.
    spoilt: BTreeSet<CircuitId>,
}

impl Client {
    /// Two relays, and a link to the first on which the client is proven.
    fn new() -> Self {
        let mut world = World::seeded(1);
        let at_once = Params::default().with("pacing", "none");
        world.set_params(at_once.expect("it is one of two"));
        let relays = world.relays(["one", "two"]);
        let consensus = world.publish().expect("two relays");
        let raw = world.raw_host("client");
        let id = world.relay_id(relays[0]);
        let wanted = Wanted {
            key: *id.public_key(),
            prekey: consensus.relay(&id).expect("it is listed").onion,
            for_use: Use::Link,
            place: id.as_bytes().to_vec(),
        };
        let local = Local {
            key: Arc::new(SigningKey::from_seed(&[9; 32])),
            incarnation: 0,
            hints: Hints::default(),
            backend: Backend::default(),
        };
        let mut rng = Seed::from_bytes([5; 32]).fork("client");
        let mut out = Vec::new();
        let bare = Bare::dial(wanted, local, &mut rng, &mut out).expect("somebody else");
        let link = world.raw(raw).open(relays[0]);
        world.run_for(Duration::from_millis(100));
        world.raw(raw).send(link, out).expect("it stands");
        let circuits = BTreeMap::new();
        let given = 0;
        let mut client = Self {
            world,
            relays,
            raw,
            link,
            bare,
            rng,
            given,
            circuits,
            spoilt: BTreeSet::new(),
        };
        client.hear();
        client.hear();
        assert!(client.bare.is_live(), "the handshake is done");
        client
    }

    /// Says this record, if the relay still listens.
    fn say(&mut self, cells: &[(CircuitId, Cell)]) {
        let mut out = Vec::new();
        let fill = |out: &mut Vec<u8>| {
            link::begin_record(out);
            cells
                .iter()
                .for_each(|(id, cell)| link::put_cell(out, *id, cell));
        };
        if self.bare.record(&mut out, fill).is_ok() {
            let _ = self.world.raw(self.raw).send(self.link, out);
        }
    }

    /// Lets time pass and takes what came.
    fn hear(&mut self) {
        self.world.run_for(Duration::from_millis(100));
        let mut bytes = self.world.raw(self.raw).take(self.link);
        let (mut rest, mut out) = (&mut bytes[..], Vec::new());
        while let Ok(Some(came)) = self.bare.next(&mut rest, Instant::ZERO, None, &mut out) {
            let Came::Record(mut plain) = came else {
                continue;
            };
            for (id, cell) in link::Record::parse(plain.bytes()).expect("a relay's record") {
                if let Some(circuit) = self.circuits.get_mut(&id) {
                    let heard = circuit.handle(cell);
                    assert!(
                        self.spoilt.contains(&id)
                            || !matches!(heard, Heard::Over { strike: Some(_) }),
                        "an honest relay's cell does not open"
                    );
                }
            }
        }
        if !out.is_empty() {
            let _ = self.world.raw(self.raw).send(self.link, out);
        }
        for relay in self.relays {
            assert!(self.count(relay).cells <= 65_536);
        }
    }

    fn count(&self, relay: HostId) -> Circuits {
        self.world.node(relay).expect("it is up").circuits()
    }

    fn obey(&mut self, order: u8, orders: &mut Orders<'_>) {
        let some = CircuitId(u32::from(orders.small()) % 4 + 1);
        match order % 9 {
            // A circuit as it should be.
            0 => self.begin(),
            1 => self.extend(some, orders.small()),
            2 => self.send(some, orders.cell(), None),
            // The same, and a bit of it changed.
            3 => self.send(some, orders.cell(), Some(u16::from(orders.small()) * 32)),
            // Any cell on any circuit.
            4 => {
                let id = [0, 1 << 31, 1, 2, 3, 1 << 31 | 1, u32::MAX, 77];
                let id = CircuitId(id[usize::from(orders.small()) % 8]);
                let cell = orders.cell();
                self.spoilt.insert(id);
                self.say(&[(id, cell)]);
            }
            // The end of circuits.
            5 => {
                let mut cell = [0; CELL];
                link::put_ended(&[some, CircuitId(some.0 + 1)], &mut cell);
                self.say(&[(link::WORDS, cell)]);
            }
            // A record that is none.
            6 => {
                let bytes = orders.cell();
                let len = usize::from(orders.small()) * 4;
                let mut out = Vec::new();
                if self
                    .bare
                    .record(&mut out, |out| out.extend_from_slice(&bytes[..len]))
                    .is_ok()
                {
                    let _ = self.world.raw(self.raw).send(self.link, out);
                }
            }
            7 => self.meet(some, orders.small()),
            _ => self
                .world
                .run_for(Duration::from_secs(u64::from(orders.small()))),
        }
    }

    fn begin(&mut self) {
        if self.given == 4 {
            return;
        }
        self.given += 1;
        let id = CircuitId(self.given);
        let plan = Plan::new(2, 1).expect("three hops");
        let rng = Seed::from_bytes(*self.rng.draw()).fork("circuit");
        let mut circuit = Circuit::new(plan, Backend::default(), rng);
        let cells = self.ask(0, |relay, onion, mut out| {
            circuit.create(relay, onion, &mut out).is_ok()
        });
        self.circuits.insert(id, circuit);
        cells.into_iter().for_each(|cell| self.say(&[(id, cell)]));
    }

    /// Parks a circuit, or has it join a park.
    fn meet(&mut self, id: CircuitId, which: u8) {
        let Some(circuit) = self.circuits.get_mut(&id) else {
            return;
        };
        let Some(relay) = circuit.hops().last().copied() else {
            return;
        };
        let secret = [which / 2 % 2; 32];
        let mut cells = Vec::new();
        let mut out = |cell: &Cell| cells.push(*cell);
        let _ = match which % 2 {
            0 => circuit.park(&secret, &mut out),
            _ => circuit.join(cookie(&relay, &secret), &mut out),
        };
        cells.into_iter().for_each(|cell| self.say(&[(id, cell)]));
    }

    fn extend(&mut self, id: CircuitId, to: u8) {
        let Some(mut circuit) = self.circuits.remove(&id) else {
            return;
        };
        let to = usize::from(to) % 2;
        let cells = self.ask(to, |relay, onion, mut out| {
            circuit.extend(relay, onion, &mut out).is_ok()
        });
        self.circuits.insert(id, circuit);
        cells.into_iter().for_each(|cell| self.say(&[(id, cell)]));
    }

    /// The cells that ask a relay.
    fn ask(
        &self,
        relay: usize,
        ask: impl FnOnce(&pluribus_mix::id::RelayId, &[u8; 32], &mut dyn FnMut(&Cell)) -> bool,
    ) -> Vec<Cell> {
        let id = self.world.relay_id(self.relays[relay]);
        let consensus = self
            .world
            .node(self.relays[0])
            .and_then(|node| node.consensus());
        let onion = consensus
            .and_then(|it| it.relay(&id))
            .expect("it is listed")
            .onion;
        let mut cells = Vec::new();
        let mut out = |cell: &Cell| cells.push(*cell);
        ask(&id, &onion, &mut out);
        cells
    }

    /// One cell of a session, perhaps with a bit changed.
    fn send(&mut self, id: CircuitId, mut cell: Cell, flip: Option<u16>) {
        let Some(circuit) = self.circuits.get_mut(&id) else {
            return;
        };
        if circuit.send(&mut cell).is_err() {
            return;
        }
        if let Some(bit) = flip {
            cell[usize::from(bit / 8) % CELL] ^= 1 << (bit % 8);
            self.spoilt.insert(id);
        }
        self.say(&[(id, cell)]);
    }

    /// Hangs up; some time later nothing is left.
    fn leave(mut self) {
        self.world.raw(self.raw).close(self.link);
        self.world.run_for(Duration::from_secs(60));
        for relay in self.relays {
            let left = self.count(relay);
            assert_eq!((left.through, left.cells), (0, 0), "something is left");
            let asked = self.world.with_node(relay, |node, now| node.poll_link(now));
            assert!(!matches!(asked, Some(Some(LinkRequest::Open { .. }))));
        }
    }
}
