//! A relay that a test plays by hand: it speaks the real protocol with the library's values, and does one thing wrong.

use crate::kit::{MS, key};
use crate::stranger::{local, onion_of, wanted};
use pluribus_mix::crypto::dh::Scalar;
use pluribus_mix::crypto::rng::{Rng, Seed};
use pluribus_mix::id::RelayId;
use pluribus_mix::onion::handshake::{Answerer, REQUEST};
use pluribus_mix::onion::hop::{Backward, Forward, Hop};
use pluribus_mix::onion::link::{self, Id, Ids};
use pluribus_mix::onion::message::Reason;
use pluribus_mix::onion::{CELL, Cell, CircuitId, halves};
use pluribus_mix::sim::{HostId, LinkNo, RawId, World};
use pluribus_mix::time::Duration;
use pluribus_mix::vattp::bare::{Answering, Bare, Came};
use pluribus_mix::vattp::responder::Hosted;
use pluribus_mix::vattp::seen::Seen;
use pluribus_mix::vattp::{Offers, Peer, Use};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The cell of a circuit and direction with which a rogue begins: behind those that build the circuit.
const WHICH: u64 = 8;

/// What a rogue does to cells that it passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Nothing,
    /// Flips this bit.
    Flip(usize),
    Double,
    /// Two that follow each other change places.
    Swap,
    /// One comes once more, two cells later.
    Replay,
    Drop,
    /// Answers requests with something else.
    BadReply,
    /// Answers no request.
    NoReply,
    /// Ends the circuit towards its client.
    Close,
}

/// Which cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Forward,
    Backward,
}

type Lane = (LinkNo, CircuitId);

struct Line {
    bare: Bare,
    ids: Ids,
    to: Option<RelayId>,
}

struct At {
    hop: Hop,
    back: Lane,
    next: Option<Lane>,
    wanted: Option<(LinkNo, Box<[u8; REQUEST]>)>,
    /// How many cells it has passed on each way.
    passed: [u64; 2],
    kept: Option<Cell>,
}

pub(crate) struct Rogue {
    pub(crate) id: RelayId,
    pub(crate) raw: RawId,
    told: HostId,
    others: BTreeMap<RelayId, HostId>,
    hosted: Hosted,
    answerer: Answerer,
    seen: Seen,
    rng: Rng,
    lines: BTreeMap<LinkNo, Line>,
    hops: Vec<At>,
    deed: (Deed, Way),
    /// How often it did it.
    pub(crate) deeds: usize,
    /// Whoever has proven to be somebody on a link with it.
    pub(crate) met: Vec<Peer>,
}

fn onion() -> Rng {
    Seed::from_bytes([66; 32]).fork("onion")
}

impl Rogue {
    /// Takes the place of a relay of which all of these are told with the others.
    pub(crate) fn among(world: &mut World, others: &[HostId], deed: (Deed, Way)) -> Self {
        let vat = world.relay_with("rogue", |config| {
            config.identity = Arc::new(key(66));
            let relay = config.mix.as_mut().and_then(|mix| mix.relay.as_mut());
            relay.unwrap().onion = onion().draw();
        });
        world.publish().unwrap();
        let id = world.relay_id(vat);
        assert_eq!(*id.public_key(), key(66).public());
        world.kill(vat);
        let raw = world.raw_host("rogue");
        let at = world.address(vat).unwrap().clone();
        world.listen(at, raw);
        let hosted = Hosted {
            local: local(key(66), 1),
            prekey: Scalar::from_bytes(onion().draw()),
            for_use: Use::Link,
            places: vec![id.as_bytes().to_vec()],
            offers: Offers::default(),
        };
        Self {
            id,
            raw,
            told: others[0],
            others: others.iter().map(|it| (world.relay_id(*it), *it)).collect(),
            hosted,
            answerer: Answerer::new(id, Scalar::from_bytes(onion().draw())),
            seen: Seen::new(Duration::from_secs(60)),
            rng: Seed::from_bytes([67; 32]).fork("rogue"),
            lines: BTreeMap::new(),
            hops: Vec::new(),
            deed,
            deeds: 0,
            met: Vec::new(),
        }
    }

    /// Lets the world go on for so long, with the rogue in it.
    pub(crate) fn run(&mut self, world: &mut World, time: Duration) {
        let end = world.now() + time;
        while world.now() < end {
            world.run_for(4 * MS);
            self.pump(world);
        }
    }

    fn pump(&mut self, world: &mut World) {
        for link in world.raw(self.raw).accepted() {
            self.lines.entry(link).or_insert_with(|| Line {
                bare: Bare::answer(),
                ids: Ids::accepter(),
                to: None,
            });
        }
        for link in self.lines.keys().copied().collect::<Vec<_>>() {
            for (id, cell) in self.hear(world, link) {
                self.cell(world, (link, id), cell);
            }
        }
        self.ask(world);
    }

    fn hear(&mut self, world: &mut World, link: LinkNo) -> Vec<(CircuitId, Cell)> {
        let mut bytes = world.raw(self.raw).take(link);
        let (mut rest, mut out, mut cells) = (&mut bytes[..], Vec::new(), Vec::new());
        let line = self.lines.get_mut(&link).unwrap();
        loop {
            let answering = Answering {
                hosted: &self.hosted,
                seen: &mut self.seen,
                rng: &mut self.rng,
            };
            match line
                .bare
                .next(&mut rest, world.now(), Some(answering), &mut out)
            {
                Ok(Some(Came::Record(mut plain))) => {
                    let record = link::Record::parse(plain.bytes()).unwrap();
                    cells.extend(record.into_iter().map(|(id, cell)| (id, *cell)));
                }
                Ok(Some(Came::Proven(peer))) => self.met.push(peer),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        let _ = world.raw(self.raw).send(link, out);
        cells
    }

    fn send(&mut self, world: &mut World, (link, id): Lane, cell: &Cell) {
        let mut out = Vec::new();
        let sealed = self
            .lines
            .get_mut(&link)
            .unwrap()
            .bare
            .record(&mut out, |out| {
                link::begin_record(out);
                link::put_cell(out, id, cell);
            });
        sealed.unwrap();
        let _ = world.raw(self.raw).send(link, out);
    }

    fn end(&mut self, world: &mut World, (link, id): Lane) {
        let mut words = [0; CELL];
        link::put_ended(&[id], &mut words);
        self.send(world, (link, link::WORDS), &words);
    }

    fn cell(&mut self, world: &mut World, lane: Lane, cell: Cell) {
        match lane.1 {
            link::PADDING => return,
            link::WORDS => {
                for id in link::ended(&cell).unwrap().collect::<Vec<_>>() {
                    self.ended(world, (lane.0, id));
                }
                return;
            }
            _ => {}
        }
        let forward = self.hops.iter().position(|at| at.back == lane);
        let backward = self.hops.iter().position(|at| at.next == Some(lane));
        match (forward, backward) {
            (Some(at), _) => self.forward(world, at, cell),
            (_, Some(at)) => self.backward(world, at, cell),
            _ if self.lines.get_mut(&lane.0).unwrap().ids.heard(lane.1) == Id::New => {
                self.hops.push(At {
                    hop: Hop::begin(),
                    back: lane,
                    next: None,
                    wanted: None,
                    passed: [0; 2],
                    kept: None,
                });
                self.forward(world, self.hops.len() - 1, cell);
            }
            _ => {}
        }
    }

    fn ended(&mut self, world: &mut World, lane: Lane) {
        if let Some(at) = self.hops.iter().position(|at| at.back == lane) {
            if let Some(next) = self.hops.remove(at).next {
                self.end(world, next);
            }
        } else if let Some(at) = self.hops.iter().position(|at| at.next == Some(lane)) {
            let (mut cell, back) = ([0; CELL], self.hops[at].back);
            self.hops[at].next = None;
            self.hops[at].hop.next_ended(Reason::NextEnded, &mut cell);
            self.send(world, back, &cell);
        }
    }

    fn forward(&mut self, world: &mut World, at: usize, mut cell: Cell) {
        let it = &mut self.hops[at];
        let (back, next) = (it.back, it.next);
        match it.hop.forward(&mut cell, &mut self.answerer, &mut self.rng) {
            Forward::Nothing | Forward::Through => {}
            Forward::Onward => self.pass(world, at, Way::Forward, next.unwrap(), cell),
            Forward::Answer(mut cells) => {
                match self.deed.0 {
                    Deed::NoReply => return self.deeds += 1,
                    Deed::BadReply => {
                        self.deeds += 1;
                        cells[1][40] ^= 1;
                    }
                    _ => {}
                }
                cells.iter().for_each(|cell| self.send(world, back, cell));
            }
            Forward::Extend(relay, request) => {
                let link = self.link_to(world, relay);
                self.hops[at].wanted = Some((link, request));
            }
            Forward::Truncate | Forward::Back | Forward::Blame => self.send(world, back, &cell),
            // It keeps no parks, and no records.
            Forward::Park(_)
            | Forward::Join(_)
            | Forward::Keep(_)
            | Forward::Find(_)
            | Forward::Close(_) => self.end(world, back),
        }
    }

    fn backward(&mut self, world: &mut World, at: usize, mut cell: Cell) {
        let it = &mut self.hops[at];
        let back = it.back;
        match it.hop.backward(&mut cell) {
            Backward::Onward | Backward::Grown => self.pass(world, at, Way::Backward, back, cell),
            Backward::Drop | Backward::Broken => {}
        }
    }

    /// Passes a cell on as the deed has it.
    fn pass(&mut self, world: &mut World, at: usize, way: Way, lane: Lane, mut cell: Cell) {
        let it = &mut self.hops[at];
        it.passed[way as usize] += 1;
        let n = it.passed[way as usize];
        let (deed, ours) = self.deed;
        let behind = n.checked_sub(WHICH).filter(|_| way == ours);
        if behind == Some(0) && deed != Deed::Nothing {
            self.deeds += 1;
        }
        let cells = match (deed, behind) {
            (Deed::Flip(bit), Some(0)) => {
                cell[bit / 8] ^= 1 << (bit % 8);
                vec![cell]
            }
            (Deed::Double, Some(0)) => vec![cell, cell],
            (Deed::Swap, Some(0)) => {
                it.kept = Some(cell);
                vec![]
            }
            (Deed::Replay, Some(0)) => {
                it.kept = Some(cell);
                vec![cell]
            }
            (Deed::Swap, Some(1)) | (Deed::Replay, Some(2)) => {
                core::iter::once(cell).chain(it.kept).collect()
            }
            (Deed::Drop, Some(0)) => vec![],
            (Deed::Close, Some(0)) => {
                let back = it.back;
                return self.end(world, back);
            }
            _ => vec![cell],
        };
        cells.iter().for_each(|cell| self.send(world, lane, cell));
    }

    fn link_to(&mut self, world: &mut World, relay: RelayId) -> LinkNo {
        let there = |(link, line): (&LinkNo, &Line)| (line.to == Some(relay)).then_some(*link);
        if let Some(link) = self.lines.iter().find_map(there) {
            return link;
        }
        let onion = onion_of(world, relay, self.told);
        let us = local(key(66), 1);
        let mut out = Vec::new();
        let bare = Bare::dial(wanted(relay, onion), us, &mut self.rng, &mut out).unwrap();
        let link = world.raw(self.raw).open(self.others[&relay]);
        world.raw(self.raw).send(link, out).unwrap();
        let (ids, to) = (Ids::dialler(), Some(relay));
        self.lines.insert(link, Line { bare, ids, to });
        link
    }

    /// Begins the circuits whose links have come to stand.
    fn ask(&mut self, world: &mut World) {
        for at in 0..self.hops.len() {
            let Some((link, request)) = self.hops[at].wanted.take() else {
                continue;
            };
            let line = self.lines.get_mut(&link).unwrap();
            if !line.bare.is_live() {
                self.hops[at].wanted = Some((link, request));
                continue;
            }
            let lane = (link, line.ids.next().unwrap());
            self.hops[at].next = Some(lane);
            halves(&request)
                .iter()
                .for_each(|cell| self.send(world, lane, cell));
        }
    }
}
