//! Two vats: Alice sends to an object of Bob's before she has it, and to its answer before that has come.

use pluribus_mix::time::Instant;
use vat_demo::netlayer::memory::Exchange;
use vat_demo::value::Value;
use vat_demo::vat::{Object, Outcome, Turn};

/// Greets whoever comes, and counts.
struct Greeter(u32);

impl Object for Greeter {
    fn call(&mut self, turn: &mut Turn<'_>, args: Vec<Value>) -> Outcome {
        let [Value::Text(name)] = args.as_slice() else {
            return Err("whom shall I greet?".into());
        };
        self.0 += 1;
        let greeting = format!("Hello {name}, you are number {}.", self.0);
        Ok(turn
            .spawn_fn(move |_, _| Ok(greeting.clone().into()))
            .into())
    }
}

fn main() {
    let exchange = Exchange::default();
    let (mut alice, mut bob) = (exchange.host("alice"), exchange.host("bob"));
    let greeter = bob.turn(|turn| turn.spawn(Greeter(0)));
    let sturdyref = bob.register(b"whoever knows this may have it", &greeter);

    let greeter = alice.enliven(&sturdyref);
    alice.turn(|turn| {
        let card = turn.send(&greeter, ["Alice".into()]);
        let words = turn.send(&card, []);
        turn.when(&words, |_, outcome| {
            println!("Alice hears {outcome:?}");
            outcome
        });
    });
    exchange.settle(&mut [&mut alice, &mut bob], Instant::ZERO);
}
