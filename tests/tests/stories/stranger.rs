//! A client that a test plays by hand, over one link to a relay: the link and the circuits are the library's, what is said on them is
//! the test's.

use crate::kit::MS;
use pluribus_mix::crypto::dh::Scalar;
use pluribus_mix::crypto::rng::{Noise, Rng, Seed};
use pluribus_mix::crypto::sign::SigningKey;
use pluribus_mix::id::RelayId;
use pluribus_mix::onion::cipher::Role;
use pluribus_mix::onion::circuit::{Circuit, Heard, Plan};
use pluribus_mix::onion::handshake::{Answerer, Entropy, HopSecrets, REPLY, Settings, ask};
use pluribus_mix::onion::layers::Layers;
use pluribus_mix::onion::link::{self, Ids};
use pluribus_mix::onion::{CELL, Cell, CircuitId, Payload, halves, joined, payload_mut};
use pluribus_mix::sim::{HostId, LinkNo, RawId, World};
use pluribus_mix::vattp::bare::{Bare, Came};
use pluribus_mix::vattp::target::Wanted;
use pluribus_mix::vattp::{Hints, Local, Use};
use std::sync::Arc;

/// The onion key under which everybody knows a relay.
pub(crate) fn onion_of(world: &World, relay: RelayId, told: HostId) -> [u8; 32] {
    let consensus = world.node(told).unwrap().consensus().unwrap();
    consensus.relay(&relay).unwrap().onion
}

/// How a relay is asked for a link.
pub(crate) fn wanted(relay: RelayId, onion: [u8; 32]) -> Wanted {
    Wanted {
        key: *relay.public_key(),
        prekey: onion,
        for_use: Use::Link,
        place: relay.as_bytes().to_vec(),
    }
}

/// Somebody who links under this key.
pub(crate) fn local(key: SigningKey, incarnation: u64) -> Local {
    Local {
        key: Arc::new(key),
        incarnation,
        hints: Hints::default(),
        backend: Default::default(),
    }
}

pub(crate) struct Stranger {
    pub(crate) raw: RawId,
    link: LinkNo,
    bare: Bare,
    ids: Ids,
    rng: Rng,
    /// The cells that came.
    inbox: Vec<(CircuitId, Cell)>,
}

/// A circuit of one hop on which a stranger says what it likes.
pub(crate) struct Bent {
    pub(crate) id: CircuitId,
    layers: Layers,
}

/// A circuit of a stranger.
pub(crate) struct Own {
    pub(crate) id: CircuitId,
    pub(crate) circuit: Circuit,
}

impl Stranger {
    /// Links to a relay under a throwaway key.
    pub(crate) fn joined(world: &mut World, relay: HostId) -> Self {
        let raw = world.raw_host("stranger");
        let mut rng = Seed::from_bytes([41; 32]).fork(world.name(raw));
        let id = world.relay_id(relay);
        let wanted = wanted(id, onion_of(world, id, relay));
        let local = local(SigningKey::from_seed(&rng.draw()), 0);
        let mut out = Vec::new();
        let bare = Bare::dial(wanted, local, &mut rng, &mut out).unwrap();
        let link = world.raw(raw).open(relay);
        world.raw(raw).send(link, out).unwrap();
        let mut it = Self {
            raw,
            link,
            bare,
            ids: Ids::client(),
            rng,
            inbox: Vec::new(),
        };
        for _ in 0..3 {
            world.run_for(50 * MS);
            it.hear(world);
        }
        assert!(it.bare.is_live());
        it
    }

    /// Whether the relay still holds the link.
    pub(crate) fn is_held(&self, world: &mut World) -> bool {
        world.raw(self.raw).holds(self.link)
    }

    /// The next circuit id of this side.
    pub(crate) fn id(&mut self) -> CircuitId {
        self.ids.next().unwrap()
    }

    /// Sends a record with this content.
    pub(crate) fn say_plain(&mut self, world: &mut World, plain: &[u8]) {
        let mut out = Vec::new();
        self.bare
            .record(&mut out, |out| out.extend_from_slice(plain))
            .unwrap();
        // Nobody may hold the link any more.
        let _ = world.raw(self.raw).send(self.link, out);
    }

    /// Sends these cells.
    pub(crate) fn say(&mut self, world: &mut World, cells: &[(CircuitId, Cell)]) {
        for some in cells.chunks(link::CELLS) {
            let mut plain = Vec::new();
            link::begin_record(&mut plain);
            some.iter()
                .for_each(|(id, cell)| link::put_cell(&mut plain, *id, cell));
            self.say_plain(world, &plain);
        }
    }

    fn hear(&mut self, world: &mut World) {
        let mut bytes = world.raw(self.raw).take(self.link);
        let (mut rest, mut out) = (&mut bytes[..], Vec::new());
        while let Some(came) = self
            .bare
            .next(&mut rest, world.now(), None, &mut out)
            .unwrap()
        {
            if let Came::Record(mut plain) = came {
                let record = link::Record::parse(plain.bytes()).unwrap();
                self.inbox
                    .extend(record.into_iter().map(|(id, cell)| (id, *cell)));
            }
        }
        if !out.is_empty() {
            world.raw(self.raw).send(self.link, out).unwrap();
        }
    }

    /// The cells that have come.
    pub(crate) fn take(&mut self, world: &mut World) -> Vec<(CircuitId, Cell)> {
        self.hear(world);
        core::mem::take(&mut self.inbox)
    }

    /// The circuits of which has been said that they are over.
    pub(crate) fn ended(&mut self, world: &mut World) -> Vec<CircuitId> {
        let cells = self.take(world);
        let words = cells.iter().filter(|(id, _)| *id == link::WORDS);
        words
            .flat_map(|(_, cell)| link::ended(cell).unwrap())
            .collect()
    }

    /// Takes what came for a circuit; the last thing that it meant. What came for others is dropped.
    pub(crate) fn heard(&mut self, world: &mut World, own: &mut Own) -> Heard {
        let mut heard = Heard::Nothing;
        for (id, mut cell) in self.take(world) {
            if id == own.id {
                match own.circuit.handle(&mut cell) {
                    Heard::Nothing => {}
                    told => heard = told,
                }
            }
        }
        heard
    }

    /// A circuit over these relays, the first of which the link leads to.
    pub(crate) fn circuit(&mut self, world: &mut World, path: &[HostId]) -> Own {
        let plan = Plan::new(path.len(), 2).unwrap();
        let rng = Seed::from_bytes(*self.rng.draw()).fork("circuit");
        let mut own = Own {
            id: self.id(),
            circuit: Circuit::new(plan, Default::default(), rng),
        };
        for relay in path {
            let id = world.relay_id(*relay);
            assert_eq!(self.asked(world, &mut own, id, *relay), Heard::Grown);
        }
        own
    }

    /// A circuit that ends in the relay that the link leads to.
    pub(crate) fn bent(&mut self, world: &mut World, relay: HostId) -> Bent {
        let id = world.relay_id(relay);
        let onion = onion_of(world, id, relay);
        let settings = Settings {
            live: 3,
            class: 0,
            start: 77,
        };
        let (asked, request) = ask(&id, &onion, settings, Entropy::draw(&mut self.rng)).unwrap();
        let id = self.id();
        let cells = halves(&request).map(|cell| (id, cell));
        self.say(world, &cells);
        world.run_for(100 * MS);
        let came = self.take(world);
        let reply: Box<[u8; REPLY]> = joined(&came[0].1, &came[1].1).unwrap();
        let mut layers = Layers::new(Default::default(), Noise::from(&mut self.rng));
        layers.push(asked.finish(&reply).unwrap(), settings.live, settings.start);
        Bent { id, layers }
    }

    /// What was agreed on with a hop that there is not.
    fn with_nobody(&mut self) -> HopSecrets {
        let id = RelayId::from(crate::kit::key(98).public());
        let mut nobody = Answerer::new(id, Scalar::from_bytes(self.rng.draw()));
        let settings = Settings {
            live: 2,
            class: 0,
            start: 0,
        };
        let entropy = Entropy::draw(&mut self.rng);
        let (asked, request) = ask(&id, &nobody.onion(), settings, entropy).unwrap();
        let (_, _, reply) = nobody
            .answer(&request, 0, Entropy::draw(&mut self.rng))
            .unwrap();
        asked.finish(&reply).unwrap()
    }

    /// Says this in this role to the hop of a bent circuit; the circuits that are over then.
    pub(crate) fn bends(
        &mut self,
        world: &mut World,
        bent: &mut Bent,
        role: Role,
        text: &Payload,
    ) -> Vec<CircuitId> {
        let mut cell = [0; CELL];
        *payload_mut(&mut cell) = *text;
        match role {
            // For somebody behind this hop, whoever that may be.
            Role::Relay => {
                let secrets = self.with_nobody();
                bent.layers.push(secrets, 0, 0);
                bent.layers.wrap(2, Role::Message, &mut cell).unwrap();
            }
            role => bent.layers.wrap(1, role, &mut cell).unwrap(),
        }
        self.say(world, &[(bent.id, cell)]);
        world.run_for(100 * MS);
        self.ended(world)
    }

    /// Asks for one more hop and waits a second; what came of it. `told` is a relay that knows the consensus.
    pub(crate) fn asked(
        &mut self,
        world: &mut World,
        own: &mut Own,
        relay: RelayId,
        told: HostId,
    ) -> Heard {
        let onion = onion_of(world, relay, told);
        self.asked_under(world, own, relay, onion)
    }

    /// The same, with an onion key that may be wrong.
    pub(crate) fn asked_under(
        &mut self,
        world: &mut World,
        own: &mut Own,
        relay: RelayId,
        onion: [u8; 32],
    ) -> Heard {
        let mut cells = Vec::new();
        let mut out = |cell: &Cell| cells.push((own.id, *cell));
        match own.circuit.hops().len() {
            0 => own.circuit.create(&relay, &onion, &mut out).unwrap(),
            _ => own.circuit.extend(&relay, &onion, &mut out).unwrap(),
        }
        self.say(world, &cells);
        world.run_for(1000 * MS);
        self.heard(world, own)
    }
}
