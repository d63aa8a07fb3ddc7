//! Two vats and what is between them, all of it at the input's choice: who sends what to whom, what is dropped, resolved and watched,
//! in which order things arrive, and where a session is cut. What must come of it is written down in the model.
#![no_main]

#[path = "../../vat-demo/tests/common/model.rs"]
#[allow(dead_code, reason = "not all of it is of use here")]
mod model;
#[path = "../../vat-demo/tests/common/sky.rs"]
mod sky;
#[path = "../../vat-demo/tests/common/weather.rs"]
mod weather;

use libfuzzer_sys::fuzz_target;
use model::{Dice, Model};
use sky::Sky;
use vat_demo::captp::dialect::{A, Auto, B, Dialect};
use vat_demo::host::Host;

/// The most steps: what two hundred messages do not show, four hundred will not.
const MOST_STEPS: usize = 200;

type Speaks = fn() -> Box<dyn Dialect>;

fuzz_target!(|data: &[u8]| {
    let Some((mode, choices)) = data.split_first() else {
        return;
    };
    let b: Speaks = || Box::new(B);
    let speak: [Speaks; 2] = match mode / 2 % 4 {
        0 | 1 => [b, b],
        2 => [|| Box::new(A), || Box::new(A)],
        _ => [|| Box::new(Auto::new()), b],
    };
    let sky = Sky::default();
    let hosts = speak.iter().enumerate().map(|(number, speaks)| {
        let carrier = sky.weather.join(&format!("party {number}"));
        let entropy = Dice::new(number as u64).entropy();
        Host::new(Box::new(carrier), *speaks, entropy)
    });
    let hosts = hosts.collect();
    let mut model = Model::new(Dice::chosen(0, choices), sky, hosts, mode % 2 == 1);
    for _ in 0..MOST_STEPS {
        if model.dice.chosen.is_empty() {
            break;
        }
        model.step();
    }
    assert_eq!(model.finish(), Ok(()));
});
