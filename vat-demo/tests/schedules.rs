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
#[path = "common/sky.rs"]
mod sky;
#[path = "common/weather.rs"]
mod weather;

use model::{Dice, Model};
use sky::Sky;
use vat_demo::captp::dialect::{A, Auto, B, Dialect};
use vat_demo::host::Host;

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
    let mut dice = Dice::new(seed ^ 0x5eed);
    let sky = Sky::default();
    let parties = 2 + dice.below(4);
    let hosts = (0..parties).map(|number| {
        let entropy = Dice::new(dice.roll()).entropy();
        let carrier = sky.weather.join(&format!("party {number}"));
        let dialect = dialects[number % dialects.len()];
        Host::new(Box::new(carrier), dialect, entropy)
    });
    let hosts = hosts.collect();
    let mut model = Model::new(Dice::new(seed), sky, hosts, cuts == Cuts::Some);
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
