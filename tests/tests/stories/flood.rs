//! A flood of half-open handshakes costs bounded memory and shuts nobody out.

use crate::kit::{MS, SECOND};
use pluribus_mix::sim::{HostId, RawId, World};
use pluribus_mix::time::Duration;

const LINKS: usize = 10_000;
const BOUND: usize = 1024;

/// A vat that is flooded, and the raw hosts from which it is.
struct Flood {
    world: World,
    bob: HostId,
    sources: Vec<RawId>,
    opened: usize,
    /// The most handshakes that were ever half open.
    peak: usize,
}

impl Flood {
    fn from(sources: usize, bound: usize) -> Self {
        let mut world = World::seeded(1);
        let bob = world.vat_with("bob", |config| config.half_open = bound);
        let sources = (0..sources)
            .map(|n| world.raw_host(&format!("source {n}")))
            .collect();
        Self {
            world,
            bob,
            sources,
            opened: 0,
            peak: 0,
        }
    }

    /// Opens `count` links in turn from all sources; every other one sends half a flight.
    fn pour(&mut self, count: usize) {
        for _ in 0..count {
            let source = self.sources[self.opened % self.sources.len()];
            let link = self.world.raw(source).open(self.bob);
            if self.opened.is_multiple_of(2) {
                self.world.raw(source).send(link, [4, 213, 1, 1]).unwrap();
            }
            self.opened += 1;
        }
    }

    /// Lets time pass and watches the bound at every step.
    fn run_for(&mut self, time: Duration) {
        let (bob, mut peak) = (self.bob, self.peak);
        let end = self.world.now() + time;
        let look = |world: &World| {
            peak = peak.max(world.node(bob).unwrap().half_open());
            false
        };
        assert!(!self.world.run_until(look, time));
        assert_eq!(self.world.now(), end);
        self.peak = peak;
    }

    fn half_open(&self) -> usize {
        self.world.node(self.bob).unwrap().half_open()
    }

    /// An honest vat dials over a link of two seconds while the flood goes on; whether it got through.
    fn serves_a_slow_dial(&mut self) -> bool {
        let alice = self.world.vat("alice");
        self.world.latency(alice, self.bob, 2 * SECOND);
        self.world.say(alice, self.bob, "it is me").unwrap();
        for _ in 0..100 {
            self.pour(LINKS / 100);
            self.run_for(110 * MS);
        }
        self.world.heard_by(self.bob) == ["it is me"]
    }
}

/// THR-5, VTP-16, VTP-18: ten thousand half-open handshakes from a few sources stay within the bound, an honest dial over
/// a link of two seconds is served meanwhile, and ten seconds after the last of them nothing is left.
#[test]
fn a_flood_from_few_sources_is_bounded_and_shuts_nobody_out() {
    for sources in [1, 40] {
        let mut flood = Flood::from(sources, BOUND);
        assert!(flood.serves_a_slow_dial(), "{sources} sources");
        assert_eq!(
            (flood.peak, flood.half_open()),
            (BOUND, BOUND),
            "{sources} sources"
        );
        flood.run_for(10 * SECOND);
        assert_eq!(flood.half_open(), 0, "{sources} sources");
    }
}

/// THR-5, VTP-18: a flood from as many sources as links stays within the bound too, and is gone after its deadline, not
/// before.
#[test]
fn a_flood_from_many_sources_is_bounded() {
    let mut flood = Flood::from(LINKS, BOUND);
    flood.pour(LINKS);
    flood.run_for(10 * SECOND);
    assert_eq!((flood.peak, flood.half_open()), (BOUND, BOUND));
    flood.run_for(10 * MS);
    assert_eq!(flood.half_open(), 0);
}

/// THR-5, VTP-18: the control: without the bound all of them are held.
#[test]
fn without_the_bound_a_flood_is_held_whole() {
    let mut flood = Flood::from(40, usize::MAX);
    flood.pour(LINKS);
    flood.run_for(SECOND);
    assert_eq!((flood.peak, flood.half_open()), (LINKS, LINKS));
    flood.run_for(10 * SECOND);
    assert_eq!(flood.half_open(), 0);
}

/// THR-5, VTP-18: what gives way to a flood is told to nobody but the operator: no connection was there to end.
#[test]
fn who_gives_way_leaves_no_trace_with_the_runtime() {
    let mut flood = Flood::from(3, 10);
    flood.pour(100);
    flood.run_for(SECOND);
    assert_eq!(flood.world.events(flood.bob), []);
    let gone = flood.world.traces(flood.bob).iter();
    let said = "too many half-open handshakes from this source";
    assert_eq!(
        gone.filter(|trace| trace.to_string().ends_with(said))
            .count(),
        90
    );
}
