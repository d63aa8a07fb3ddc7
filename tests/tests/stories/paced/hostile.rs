//! Clients that do not keep to the places and the clock.

use super::network;
use crate::kit::{MS, SECOND};
use crate::mixkit::circuits;
use crate::stranger::{Stranger, onion_of};
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::crypto::rng::Seed;
use pluribus_mix::node::Trace;
use pluribus_mix::onion::circuit::{Circuit, Plan};
use pluribus_mix::onion::link::{self, Ids, Tick};
use pluribus_mix::onion::{CELL, Cell, CircuitId};
use pluribus_mix::sim::{HostId, World};
use pluribus_mix::vattp::Violation;

/// A client that a test plays by hand, and the relay at the other end of its link. It runs as class 1, with eight slots.
struct Scene {
    world: World,
    relay: HostId,
    stranger: Stranger,
    ids: Ids,
}

const PADDING: (CircuitId, Cell) = (link::PADDING, [0; CELL]);

fn scene() -> Scene {
    let (mut world, relays) = network(1, 2, |params| params);
    world.publish().unwrap();
    let stranger = Stranger::joined(&mut world, relays[0]);
    Scene {
        world,
        relay: relays[0],
        stranger,
        ids: Ids::client(),
    }
}

impl Scene {
    /// Sends records with so many cells each, the last of which ends the batch.
    fn records(&mut self, number: u32, cells: &[(CircuitId, Cell)], is_whole: bool) {
        let mut records = cells.chunks(link::CELLS).peekable();
        while let Some(cells) = records.next() {
            let is_last = records.peek().is_none() && is_whole;
            let mut plain = Vec::new();
            link::begin_paced(&mut plain, Tick { number, is_last });
            for (id, cell) in cells {
                link::put_cell(&mut plain, *id, cell);
            }
            self.stranger.say_plain(&mut self.world, &plain);
        }
    }

    /// A batch of these cells, and padding up to eight.
    fn batch(&mut self, number: u32, cells: &[(CircuitId, Cell)]) {
        let mut cells = cells.to_vec();
        cells.resize(8, PADDING);
        self.records(number, &cells, true);
        self.world.run_for(50 * MS);
    }

    /// The rule that the relay says was broken, if the link is gone.
    fn broken(&mut self) -> Option<Violation> {
        self.world.run_for(SECOND);
        let held = self.stranger.is_held(&mut self.world);
        let violations: Vec<_> = self
            .world
            .traces(self.relay)
            .iter()
            .filter_map(|trace| match trace {
                Trace::Violation { violation, .. } => Some(*violation),
                _ => None,
            })
            .collect();
        assert_eq!(held, violations.is_empty());
        violations.first().copied()
    }

    fn short(&self) -> u64 {
        self.world.node(self.relay).unwrap().paced().unwrap().short
    }

    /// A circuit of this class that is not begun yet.
    fn circuit(&mut self, class: u8) -> Own {
        let id = self.ids.next_of(class).unwrap();
        let relay = self.world.relay_id(self.relay);
        let onion = onion_of(&self.world, relay, self.relay);
        let rng = Seed::from_bytes([5; 32]).fork(&format!("{id:?}"));
        let plan = Plan::new(1, 0).unwrap();
        let mut circuit = Circuit::paced(plan, class, 50 * MS, Backend::default(), rng);
        let mut request = Vec::new();
        let asked = circuit.create(&relay, &onion, &mut |cell| request.push(*cell));
        asked.unwrap();
        request.reverse();
        Own { id, request }
    }

    fn through(&self) -> usize {
        circuits(&self.world, self.relay).through
    }
}

/// A circuit that asks to be begun, and bears noise from then on.
struct Own {
    id: CircuitId,
    request: Vec<Cell>,
}

impl Own {
    fn cell(&mut self) -> (CircuitId, Cell) {
        (self.id, self.request.pop().unwrap_or([9; CELL]))
    }
}

/// PAC-4: a tick that stands still, falls or jumps by more than 1200 ends the link; one that jumps by as much as that does not.
#[test]
fn a_tick_that_does_not_rise_or_jumps_ends_the_link() {
    for (ticks, broken) in [
        (&[1, 2, 1202, 1203][..], None),
        (&[1, 2, 1203], Some(Violation::Tick)),
        (&[1, 2, 2], Some(Violation::Tick)),
        (&[1, 5, 4], Some(Violation::Tick)),
    ] {
        let mut scene = scene();
        ticks.iter().for_each(|tick| scene.batch(*tick, &[]));
        assert_eq!(scene.broken(), broken, "{ticks:?}");
    }
}

/// PAC-4: a record with another tick before the last of its batch ends the link, and so does a batch that never ends, when it has more cells than one may
/// have. What waits for its end is bounded by that.
#[test]
fn a_batch_that_does_not_end_ends_the_link() {
    let mut other = scene();
    other.batch(1, &[]);
    other.records(2, &[PADDING; 4], false);
    other.records(3, &[PADDING; 4], true);
    assert_eq!(other.broken(), Some(Violation::Tick));

    let mut endless = scene();
    endless.batch(1, &[]);
    let most = 16_384 / link::CELLS * link::CELLS;
    endless.records(2, &vec![PADDING; most], false);
    assert_eq!(endless.broken(), None);
    endless.records(2, &[PADDING; link::CELLS], false);
    assert_eq!(endless.broken(), Some(Violation::Batch));
}

/// PAC-8: a client's first batch is of a class, and all others are as long; else the link ends. The relay answers with as much.
#[test]
fn a_clients_batches_have_the_step_of_its_class() {
    for (first, next, broken) in [
        (2, 2, None),
        (8, 8, None),
        (32, 32, None),
        (128, 128, None),
        (9, 9, Some(Violation::Batch)),
        (8, 9, Some(Violation::Batch)),
        (8, 7, Some(Violation::Batch)),
        (8, 32, Some(Violation::Batch)),
    ] {
        let mut scene = scene();
        let since = scene.world.now();
        scene.records(1, &vec![PADDING; first], true);
        scene.world.run_for(50 * MS);
        scene.records(2, &vec![PADDING; next], true);
        assert_eq!(scene.broken(), broken, "{first} and {next}");
        if broken.is_none() {
            let records = scene.world.observer().records();
            let from = Some(scene.relay.into());
            let sent: Vec<_> = records
                .iter()
                .filter(|it| {
                    it.at > since && Some(it.from) == from && it.to == scene.stranger.raw.into()
                })
                .map(|it| it.length())
                .collect();
            let wanted = super::constant::batch(first);
            assert!(
                sent.len() > 10 && sent.iter().all(|sent| *sent == wanted),
                "{sent:?}"
            );
        }
    }
}

/// PAC-3, ONI-3: circuit ids rise: one that is lower than one before is not taken for a new circuit, and one of the other side ends the link.
#[test]
fn circuit_ids_rise() {
    let mut scene = scene();
    let [mut one, mut two, mut three] = [1, 1, 1].map(|class| scene.circuit(class));
    let cells = [two.cell()];
    scene.batch(1, &cells);
    assert_eq!(scene.through(), 1);
    let cells = [two.cell(), three.cell()];
    scene.batch(2, &cells);
    assert_eq!(scene.through(), 2);
    let cells = [one.cell(), two.cell(), three.cell()];
    scene.batch(3, &cells);
    assert_eq!((scene.through(), scene.broken()), (2, None));
    let of_relay = CircuitId(Ids::accepter().next_of(1).unwrap().0 + 400);
    scene.batch(50, &[(of_relay, [7; CELL])]);
    assert_eq!(scene.broken(), Some(Violation::CircuitId));
}

/// PAC-3: who asks for another class than the circuit has is refused.
#[test]
fn the_class_in_the_request_is_that_of_the_circuit() {
    for class in [0, 1] {
        let mut scene = scene();
        let mut asked = scene.circuit(class);
        asked.id = Ids::client().next_of(1).unwrap();
        for tick in 1..8 {
            let cells = [asked.cell()];
            scene.batch(tick, &cells);
        }
        assert_eq!(scene.through(), usize::from(class == 1));
        assert_eq!(scene.broken(), None);
    }
}

/// PAC-5, PAC-7, PAC-18: a cell too few, one too many, and one of a circuit that is not due make the batch short, and end nothing; a client's count against
/// nobody.
#[test]
fn a_batch_with_a_cell_too_few_or_too_many_is_short() {
    let mut scene = scene();
    let (mut talk, mut idle) = (scene.circuit(1), scene.circuit(0));
    // Which cells a batch has: of the one, of the other; and how many were short then.
    for (tick, talks, idles, short) in [
        (1, 1, 1, 0),
        (2, 1, 0, 0),
        (3, 1, 0, 0),
        (4, 1, 0, 0),
        (5, 1, 1, 0),
        (6, 1, 1, 1),
        (7, 0, 0, 2),
        (8, 2, 0, 3),
        (9, 1, 0, 4),
        (10, 1, 0, 4),
        (13, 1, 1, 4),
    ] {
        let mut cells: Vec<_> = (0..talks).map(|_| talk.cell()).collect();
        cells.extend((0..idles).map(|_| idle.cell()));
        scene.batch(tick, &cells);
        assert_eq!(scene.short(), short, "{tick}");
    }
    // It is no relay, and nobody is shunned for it.
    (14..30).for_each(|tick| scene.batch(tick, &[]));
    let paced = scene.world.node(scene.relay).unwrap().paced().unwrap();
    assert_eq!((paced.short, paced.shunned), (20, 0));
    assert_eq!((scene.through(), scene.broken()), (2, None));
}
