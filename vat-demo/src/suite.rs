//! The objects that OCapN's public test suite asks for, by the numbers it knows them by.

use crate::captp::locator::Sturdyref;
use crate::host::Host;
use crate::value::{Symbol, Value};
use crate::vat::{Outcome, Turn};

/// Builds car factories.
pub const CAR_FACTORY_BUILDER: &str = "JadQ0++RzsD4M+40uLxTWVaVqM10DcBJ";
/// Says what it hears.
pub const ECHO: &str = "IO58l1laTyhcrgDKbEzFOO32MDd6zE5w";
/// Says "Hello" to whom it is shown.
pub const GREETER: &str = "VMDDd1voKWarCe2GvgLbxbVFysNzRPzx";
/// Makes promises.
pub const PROMISE_MAKER: &str = "IokCxYmMj04nos2JN1TDoY1bT8dXh6Lr";
/// Makes sturdyrefs live.
pub const ENLIVENER: &str = "gi02I1qghIwPiKGKleCQAOhpy3ZtYRpB";

/// Lets peers have the suite's objects. Returns where each is found, with the name of what it does.
pub fn offer(host: &mut Host) -> Vec<(&'static str, Sturdyref)> {
    let enlivener = host.enlivener();
    let [builder, echo, greeter, maker] = host.turn(|turn| {
        [
            turn.spawn(build_factory),
            turn.spawn(|_: &mut Turn<'_>, args| Ok(Value::List(args))),
            turn.spawn(greet),
            turn.spawn(make_promise),
        ]
    });
    [
        ("car-factory-builder", CAR_FACTORY_BUILDER, builder),
        ("echo", ECHO, echo),
        ("greeter", GREETER, greeter),
        ("promise-maker", PROMISE_MAKER, maker),
        ("enlivener", ENLIVENER, enlivener),
    ]
    .map(|(name, swissnum, object)| (name, host.register(swissnum.as_bytes(), &object)))
    .into()
}

/// () → a car factory, which makes cars of a colour and a model, which drive.
fn build_factory(turn: &mut Turn<'_>, args: Vec<Value>) -> Outcome {
    if !args.is_empty() {
        return Err("a car factory builder takes nothing".into());
    }
    Ok(turn.spawn(build_car).into())
}

fn build_car(turn: &mut Turn<'_>, args: Vec<Value>) -> Outcome {
    let [Value::List(order)] = args.as_slice() else {
        return Err("a car factory takes a list of a colour and a model".into());
    };
    let [Value::Symbol(Symbol(color)), Value::Symbol(Symbol(model))] = order.as_slice() else {
        return Err("a colour and a model are symbols".into());
    };
    let says = format!("Vroom! I am a {color} {model} car!");
    let car = turn.spawn(move |_: &mut Turn<'_>, _: Vec<Value>| Ok(says.as_str().into()));
    Ok(car.into())
}

/// (object) → sends it "Hello", and forgets the answer.
fn greet(turn: &mut Turn<'_>, args: Vec<Value>) -> Outcome {
    let [Value::Ref(whom)] = args.as_slice() else {
        return Err("a greeter takes whom to greet".into());
    };
    turn.send(whom, ["Hello".into()]);
    Ok(Value::Undefined)
}

/// () → a promise, and the object that resolves it.
fn make_promise(turn: &mut Turn<'_>, _: Vec<Value>) -> Outcome {
    let (promise, resolver) = turn.promise();
    let resolver = turn.resolver_object(resolver);
    Ok(Value::List(vec![promise.into(), resolver.into()]))
}
