//! Vats on a carrier that delivers in any order it may: what is sent on a reference arrives in order and once, and what nobody
//! holds any more is kept by nobody. `VAT_SEEDS` says how many seeds are tried.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "common/model.rs"]
mod model;
#[path = "common/weather.rs"]
mod weather;

use model::{Air, Dice, Model};
use pluribus_mix::time::{Duration, Instant};
use vat_demo::captp::dialect::{A, Auto, B, Dialect};
use vat_demo::host::Host;
use weather::Weather;

struct Sky {
    weather: Weather,
    now: Instant,
}

impl Air for Sky {
    fn blow(&mut self, dice: &mut Dice) {
        self.now = self.now + Duration::from_millis(1);
        self.weather.release(|most| dice.below(most));
    }

    fn calm(&mut self, dice: &mut Dice) -> bool {
        let mut any = false;
        for _ in 0..1 + dice.below(8) {
            any |= self.weather.release(|most| dice.below(most));
        }
        any
    }

    fn cut(&mut self, dice: &mut Dice) {
        let lost = dice.one_in(2);
        self.weather.cut(lost, |most| dice.below(most));
    }

    fn now(&self) -> Instant {
        self.now
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
    }
}

fn b() -> Box<dyn Dialect> {
    Box::new(B)
}

fn a() -> Box<dyn Dialect> {
    Box::new(A)
}

fn auto() -> Box<dyn Dialect> {
    Box::new(Auto::default())
}

#[derive(Clone, Copy, PartialEq)]
enum Cuts {
    None,
    Some,
}

/// Runs one seed; what was wrong.
fn run(seed: u64, dialects: &[fn() -> Box<dyn Dialect>], cuts: Cuts) -> Result<usize, String> {
    let mut dice = Dice(seed ^ 0x5eed);
    let weather = Weather::default();
    let parties = 2 + dice.below(4);
    let hosts = (0..parties).map(|number| {
        let entropy = Dice(dice.roll()).entropy();
        let carrier = weather.join(&format!("party {number}"));
        let dialect = dialects[number % dialects.len()];
        Host::new(Box::new(carrier), dialect, entropy)
    });
    let hosts = hosts.collect();
    let now = Instant::ZERO;
    let mut model = Model::new(seed, Sky { weather, now }, hosts, cuts == Cuts::Some);
    for _ in 0..20 + dice.below(120) {
        model.step();
    }
    let arrived = model.arrived();
    model.finish().map(|()| arrived)
}

fn seeds(few: u64) -> u64 {
    let asked = std::env::var("VAT_SEEDS").ok();
    asked.map_or(few, |asked| asked.parse().unwrap())
}

fn all(few: u64, dialects: &[fn() -> Box<dyn Dialect>], cuts: Cuts) {
    let mut arrived = 0;
    for seed in 0..seeds(few) {
        match run(seed, dialects, cuts) {
            Ok(some) => arrived += some,
            Err(wrong) => panic!("seed {seed}: {wrong}"),
        }
    }
    assert!(arrived as u64 > seeds(few) * 3, "hardly anything arrived");
}

/// Nothing is cut: all of it, in order.
#[test]
fn everything_arrives_in_order_and_once() {
    all(500, &[b], Cuts::None);
    all(100, &[a], Cuts::None);
}

/// The same, where each side must find out what the other speaks.
#[test]
fn everything_arrives_between_dialects() {
    all(200, &[auto, b], Cuts::None);
}

/// Sessions are cut: what arrives arrives once, and everybody who waits is told once.
#[test]
fn nothing_comes_twice_and_nobody_waits_for_ever() {
    all(500, &[b], Cuts::Some);
}
