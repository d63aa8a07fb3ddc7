//! A relay's node, and a client that a test plays by hand at the other end of its link.

mod meetings;
mod named_relays;
mod paced_meetings;
mod rig;

use crate::crypto::rng::{Rng, Seed};
use crate::crypto::sign::SigningKey;
use crate::id::RelayId;
use crate::node::{Config, LinkId, LinkRequest, MixConfig, Node, RelayConfig, Source, Trace};
use crate::onion::link::{self, Ids};
use crate::onion::{CELL, Cell, CircuitId};
use crate::time::{Duration, Instant};
use crate::vattp::bare::Bare;
use crate::vattp::pipe::Carrier;
use crate::vattp::target::Wanted;
use crate::vattp::{Hints, Local, Use, Violation};
use std::sync::Arc;

struct Scene {
    node: Node,
    link: LinkId,
    bare: Bare,
    ids: Ids,
    now: Instant,
}

fn rng(name: &str) -> Rng {
    Seed::from_bytes([8; 32]).fork(name)
}

/// A relay, and a link to it that stands. `max` is how many circuits it takes.
fn linked(max: usize) -> Scene {
    let key = SigningKey::from_seed(&[1; 32]);
    let id = RelayId::from(key.public());
    let mut config = Config::new(Arc::new(key), 1);
    let mut relay = RelayConfig::new(rng("onion").draw());
    relay.max_circuits = max;
    let wanted = Wanted {
        key: *id.public_key(),
        prekey: relay.public(),
        for_use: Use::Link,
        place: id.as_bytes().to_vec(),
    };
    config.mix = Some(MixConfig {
        relay: Some(relay),
        spares: 0,
        ..MixConfig::default()
    });
    let mut node = Node::new(config, &Seed::from_bytes([2; 32]));
    let link = node.link_accepted(Instant::ZERO, Source([1; 16]), Carrier::Stream);
    let local = Local {
        key: Arc::new(SigningKey::from_seed(&[3; 32])),
        incarnation: 0,
        hints: Hints::default(),
        backend: Default::default(),
    };
    let mut out = Vec::new();
    let bare = Bare::dial(wanted, local, &mut rng("dials"), &mut out).unwrap();
    let mut scene = Scene {
        node,
        link,
        bare,
        ids: Ids::client(),
        now: Instant::ZERO,
    };
    for _ in 0..2 {
        scene.hear(&mut out);
        out.clear();
        let mut said = scene.says();
        let mut rest = &mut said[..];
        while scene
            .bare
            .next(&mut rest, scene.now, None, &mut out)
            .unwrap()
            .is_some()
        {}
    }
    assert!(scene.bare.is_live());
    scene
}

impl Scene {
    fn hear(&mut self, bytes: &mut [u8]) {
        self.node.handle_input(self.now, self.link, bytes);
    }

    /// What the relay writes, and it is taken.
    fn says(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while let Some(link) = self.node.poll_transmit(self.now, &mut out) {
            self.node.link_ready(link);
        }
        out
    }

    /// The client sends these cells.
    fn cells(&mut self, cells: &[(CircuitId, Cell)]) {
        for some in cells.chunks(link::CELLS) {
            let mut out = Vec::new();
            let fill = |out: &mut Vec<u8>| {
                link::begin_record(out);
                some.iter()
                    .for_each(|(id, cell)| link::put_cell(out, *id, cell));
            };
            self.bare.record(&mut out, fill).unwrap();
            self.hear(&mut out);
        }
    }

    /// The client begins so many circuits.
    fn begins(&mut self, count: usize) {
        let begun: Vec<_> = (0..count)
            .map(|_| (self.ids.next().unwrap(), [7; CELL]))
            .collect();
        self.cells(&begun);
    }

    fn violation(&mut self) -> Option<Violation> {
        match self.node.poll_trace()? {
            Trace::Violation { violation, .. } => Some(violation),
            _ => None,
        }
    }

    fn closes(&mut self) -> bool {
        self.node.poll_link(self.now) == Some(LinkRequest::Close { link: self.link })
    }

    fn at(&mut self, seconds: u64) {
        let until = Instant::ZERO + Duration::from_secs(seconds);
        while let Some(due) = self.node.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.node.handle_timeout(self.now);
        }
        self.now = until;
    }
}

/// ONI-15: a client that asks a relay for circuit after circuit and takes no answer makes it remember 16,385 ends, and then no link.
#[test]
fn who_takes_no_answer_loses_its_link() {
    let mut scene = linked(0);
    // The first answer is given out, and the driver never comes back for more.
    scene.begins(1);
    let mut out = Vec::new();
    assert_eq!(
        scene.node.poll_transmit(scene.now, &mut out),
        Some(scene.link)
    );
    scene.begins(16_385);
    assert_eq!((scene.violation(), scene.closes()), (None, false));
    scene.begins(1);
    assert_eq!(scene.violation(), Some(Violation::Circuits));
    assert!(scene.closes());
}

/// ONI-15: one that takes its answers may ask as often as it likes.
#[test]
fn who_takes_its_answers_keeps_its_link() {
    let mut scene = linked(0);
    for _ in 0..40 {
        scene.begins(1000);
        assert!(!scene.says().is_empty());
    }
    assert_eq!((scene.violation(), scene.closes()), (None, false));
}

/// ONI-15: a link whose peer takes nothing for half a minute is ended; so is one that nobody uses, after five minutes, and then nothing is left
/// to wake up for.
#[test]
fn a_link_that_is_stuck_or_idle_ends() {
    let mut stuck = linked(10);
    stuck.begins(1);
    stuck.at(11);
    let mut out = Vec::new();
    assert_eq!(
        stuck.node.poll_transmit(stuck.now, &mut out),
        Some(stuck.link)
    );
    stuck.at(40);
    assert!(!stuck.closes());
    stuck.at(52);
    assert!(stuck.closes());

    let mut idle = linked(10);
    idle.at(299);
    assert!(!idle.closes());
    idle.at(311);
    assert!(idle.closes());
    assert_eq!(idle.node.circuits(), Default::default());
    assert_eq!(idle.node.poll_timeout(), None);
}
