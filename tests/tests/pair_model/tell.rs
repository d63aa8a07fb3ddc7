//! Counterexamples, to be read.

use super::parts::{MASTER, Message, Wire};
use super::rule::Rule;
use super::world::{Action, State};
use core::fmt::Write;
use pluribus_mix::vattp::pair::{PairFields, UNKNOWN};

fn name(vat: usize) -> &'static str {
    if vat == MASTER {
        "the master"
    } else {
        "the slave"
    }
}

fn number(n: u64) -> String {
    if n == UNKNOWN {
        return "?".to_owned();
    }
    n.to_string()
}

fn message(message: Message) -> String {
    match message {
        Message::IWant => "IWANT".to_owned(),
        Message::Iam(incarnation) => format!("IAM (incarnation {incarnation})"),
        Message::Go(incarnation, said) => {
            format!("GO (incarnation {incarnation}: {})", fields(&said))
        }
        Message::GoToo(said) => format!("GOTOO ({})", fields(&said)),
        Message::Frame((_, object), n) => format!("frame {n} of {object}"),
        Message::Ack(n) => format!("an ACK of all before {n}"),
        Message::Done(id) => format!("CLOSE (done, {id})"),
        Message::Gone(id) => format!("CLOSE (gone, {id})"),
        Message::End => "the end".to_owned(),
    }
}

fn fields(said: &PairFields) -> String {
    let word = &said.word;
    let again = if word.again { ", again" } else { "" };
    format!(
        "{:?} mine {}{again}, yours {}, go {}, past {}, expect {}, first {}",
        word.verdict,
        word.mine,
        word.yours,
        number(word.go),
        number(word.past),
        said.expect,
        said.first
    )
}

pub(crate) fn action<R: Rule>(state: &State<R>, action: Action) -> String {
    match action {
        Action::Send(vat) => format!("{} sends a message", name(vat)),
        Action::Dial(vat) => format!("{} dials", name(vat)),
        Action::Deliver(wire, vat) => {
            let it = state.wires[wire].as_ref().unwrap();
            format!(
                "{} reads on wire {wire}: {}",
                name(vat),
                message(it.towards[vat][0])
            )
        }
        Action::Cut(wire, [true, true]) => format!("wire {wire} is cut"),
        Action::Cut(wire, [slave, _]) => {
            format!("wire {wire} is cut towards {}", name(usize::from(!slave)))
        }
        Action::Notice(wire, vat) => format!("{} notices that wire {wire} is dead", name(vat)),
        Action::Break(vat) => format!("{} is done with its object", name(vat)),
        Action::Restart(vat) => format!("{} starts anew", name(vat)),
        Action::Drop(vat) => format!("{} drops the pair", name(vat)),
        Action::GiveUpWaiting => "the slave waits no longer".to_owned(),
    }
}

pub(crate) fn state<R: Rule>(state: &State<R>) -> String {
    let mut out = String::new();
    for (vat, it) in state.vats.iter().enumerate() {
        writeln!(out, "  {}: {:?}", name(vat), it.rule).unwrap();
        writeln!(out, "    {:?}", it.object).unwrap();
    }
    for (n, wire) in state.wires() {
        writeln!(
            out,
            "  wire {n}, dialled by {}:{}",
            name(wire.dialler),
            show(wire)
        )
        .unwrap();
    }
    out
}

fn show(wire: &Wire) -> String {
    let mut out = format!(" {:?}", wire.stands);
    for (vat, queue) in wire.towards.iter().enumerate() {
        for it in queue {
            write!(out, "\n    towards {}: {}", name(vat), message(*it)).unwrap();
        }
    }
    out
}
