//! Values and operations as the vectors show them: see `spec/vectors/README.md`.

use data_encoding::HEXLOWER;
use std::collections::BTreeMap;
use std::fmt::Display;
use vat_demo::captp::certificate::{SignedGive, SignedReceive};
use vat_demo::captp::locator::Peer;
use vat_demo::captp::op::{Desc, Import, Op, Target};
use vat_demo::captp::syrup::Term;
use vat_demo::value::{Symbol, Value};

/// A value of Syrup.
pub fn term(shown: &Term<'_>) -> String {
    match shown {
        Term::Bool(truth) => bool(*truth),
        Term::Int(number) => number.to_string(),
        Term::Float(number) => double(*number),
        Term::Bytes(these) => bytes(these),
        Term::Text(it) => text(it),
        Term::Symbol(name) => symbol(name),
        Term::List(items) => format!("[{}]", joined(items.iter().map(term))),
        Term::Dict(dict) => {
            let entry = |(key, value): &(Term<'_>, Term<'_>)| [term(key), term(value)].join(" ");
            format!("{{{}}}", joined(dict.entries().iter().map(entry)))
        }
        Term::Set(set) => format!("#{}$", joined(set.members().iter().map(term))),
        Term::Record(label, fields) => {
            let parts = std::iter::once(&**label).chain(fields);
            format!("<{}>", joined(parts.map(term)))
        }
    }
}

/// An operation.
pub fn op(shown: &Op) -> String {
    match shown {
        Op::StartSession {
            version,
            key,
            location,
            signature,
        } => named([
            "start-session".to_owned(),
            text(version),
            bytes(&key.0),
            peer(location),
            bytes(&signature.0),
        ]),
        Op::Deliver {
            to,
            args,
            answer,
            resolver,
        } => named([
            "deliver".to_owned(),
            target(*to),
            format!("[{}]", joined(args.iter().map(value))),
            answer.map_or("-".to_owned(), |answer| answer.to_string()),
            resolver.map_or("-".to_owned(), import),
        ]),
        Op::Listen {
            to,
            resolver,
            partial,
        } => named([
            "listen".to_owned(),
            target(*to),
            import(*resolver),
            bool(*partial),
        ]),
        Op::Get { of, field, answer } => part("get", *of, text(field), *answer),
        Op::Index { of, index, answer } => part("index", *of, index.to_string(), *answer),
        Op::Untag { of, tag, answer } => part("untag", *of, text(tag), *answer),
        Op::GcExports(gone) => {
            let pairs = gone
                .iter()
                .map(|(position, delta)| format!("[{position} {delta}]"));
            named(std::iter::once("gc-exports".to_owned()).chain(pairs))
        }
        Op::GcAnswers(gone) => {
            let positions = gone.iter().map(u64::to_string);
            named(std::iter::once("gc-answers".to_owned()).chain(positions))
        }
        Op::Abort(reason) => named(["abort".to_owned(), text(reason)]),
    }
}

fn part(name: &str, of: Target, which: String, answer: u64) -> String {
    named([name.to_owned(), target(of), which, answer.to_string()])
}

fn value(shown: &Value<Desc>) -> String {
    match shown {
        Value::Undefined => "(void)".to_owned(),
        Value::Null => "(null)".to_owned(),
        Value::Bool(truth) => bool(*truth),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => double(*number),
        Value::Text(it) => text(it),
        Value::Symbol(Symbol(name)) => symbol(name),
        Value::Bytes(these) => bytes(these),
        Value::List(items) => format!("[{}]", joined(items.iter().map(value))),
        Value::Struct(fields) => dictionary(fields, value),
        Value::Tagged(tag, it) => named(["tagged".to_owned(), symbol(tag), value(it)]),
        Value::Error(words) => named(["error".to_owned(), text(words)]),
        Value::Ref(it) => desc(it),
        Value::Sturdyref(it) => {
            named(["sturdyref".to_owned(), peer(&it.peer), bytes(&it.swissnum)])
        }
    }
}

fn desc(shown: &Desc) -> String {
    match shown {
        Desc::Import(it) => import(*it),
        Desc::Target(it) => target(*it),
        Desc::Give(it) => give(it),
        Desc::Receive(it) => receive(it),
    }
}

fn target(shown: Target) -> String {
    match shown {
        Target::Export(position) => place("export", position),
        Target::Answer(position) => place("answer", position),
    }
}

fn import(shown: Import) -> String {
    match shown {
        Import::Object(position) => place("object", position),
        Import::Promise(position) => place("promise", position),
    }
}

fn place(name: &str, position: u64) -> String {
    format!("({name} {position})")
}

/// A give with its signature.
pub fn give(shown: &SignedGive) -> String {
    let it = &shown.give;
    named([
        "give".to_owned(),
        bytes(&it.receiver_key.0),
        peer(&it.exporter_location),
        bytes(&it.session.0),
        bytes(&it.gifter_side.0),
        bytes(&it.gift_id),
        bytes(&shown.signature.0),
    ])
}

/// A receive with its signature.
pub fn receive(shown: &SignedReceive) -> String {
    let it = &shown.receive;
    named([
        "receive".to_owned(),
        bytes(&it.receiving_session.0),
        bytes(&it.receiving_side.0),
        it.handoff_count.to_string(),
        give(&it.signed_give),
        bytes(&shown.signature.0),
    ])
}

fn peer(shown: &Peer) -> String {
    let hints = shown.hints.as_ref();
    named([
        "peer".to_owned(),
        symbol(&shown.transport),
        text(&shown.designator),
        hints.map_or("-".to_owned(), |hints| dictionary(hints, |hint| text(hint))),
    ])
}

fn dictionary<T>(fields: &BTreeMap<String, T>, shown: impl Fn(&T) -> String) -> String {
    let field = |(name, value): (&String, &T)| [text(name), shown(value)].join(" ");
    format!("{{{}}}", joined(fields.iter().map(field)))
}

fn bool(truth: bool) -> String {
    if truth { "t" } else { "f" }.to_owned()
}

fn double(number: f64) -> String {
    format!("D{:016x}", number.to_bits())
}

fn bytes(these: &[u8]) -> String {
    format!(":{}", HEXLOWER.encode(these))
}

fn text(text: &str) -> String {
    format!("\"{}", HEXLOWER.encode(text.as_bytes()))
}

fn symbol(name: &str) -> String {
    format!("'{}", HEXLOWER.encode(name.as_bytes()))
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(" ")
}

fn named(parts: impl IntoIterator<Item = impl Display>) -> String {
    let parts = parts.into_iter().map(|part| part.to_string());
    format!("({})", joined(parts))
}
