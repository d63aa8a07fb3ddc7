//! `vat-demo bench`: what messages, pipelines, exports and gifts cost, with all vats in this process.
//!
//! Time is the CPU time of this process, for all vats together; of the rounds the quickest counts. A call costs both sides'
//! work. The reference of a row is the same bytes carried between the same vats without CapTP.

mod exports;
mod vattp;

use std::cell::Cell;
use std::io::Write as _;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use pluribus_mix::time::Instant;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value as Json, json};
use vat_demo::captp::dialect::{B, Dialect};
use vat_demo::captp::locator::Peer;
use vat_demo::carrier::{Arrival, Carrier, Conn};
use vat_demo::host::Host;
use vat_demo::netlayer::memory::{Exchange, Memory};
use vat_demo::value::Value;
use vat_demo::vat::{Ref, Turn, Vat};

use super::Failure;

/// How many calls are on the way at once where they are pipelined.
const WINDOW: usize = 256;

/// Measure what vats cost on this machine.
#[derive(Args)]
pub(crate) struct Bench {
    /// One JSON array of rows on standard output instead of a table
    #[arg(long)]
    json: bool,
    /// Rounds of each row; the quickest counts
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
}

struct Row {
    name: &'static str,
    value: f64,
    unit: &'static str,
    reference: Option<f64>,
    /// What carries the messages.
    backend: &'static str,
}

impl Row {
    fn json(&self) -> Json {
        json!({
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "reference": self.reference,
            "ratio": self.reference.map(|reference| self.value / reference),
            "backend": self.backend,
        })
    }

    fn line(&self) -> String {
        let against = self.reference.map_or_else(String::new, |reference| {
            format!(" of {reference:.1}: {:.2}", self.value / reference)
        });
        let Self {
            name, value, unit, ..
        } = self;
        format!("{name:<32} {value:>14.1} {unit}{against}")
    }
}

impl Bench {
    pub(crate) async fn run(&self) -> Result<(), Failure> {
        let rows = rows(self.rounds).await?;
        let text = if self.json {
            Json::Array(rows.iter().map(Row::json).collect()).to_string()
        } else {
            let lines: Vec<_> = rows.iter().map(Row::line).collect();
            lines.join("\n")
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{text}")
            .map_err(|error| Failure::failed(format!("standard output: {error}")))
    }
}

async fn rows(rounds: u32) -> Result<Vec<Row>, Failure> {
    // First, while no other row has left memory behind.
    let exports = exports::bytes()?;
    let rate = |name, per_round: usize, seconds: f64, reference| Row {
        name,
        value: per_round as f64 / seconds,
        unit: "1/s",
        reference,
        backend: "memory",
    };
    let bytes = |name, value| Row {
        name,
        value,
        unit: "B",
        reference: None,
        backend: "memory",
    };
    let (calls, trips, gifts) = (20_000, 5_000, 500);
    let local = quickest(rounds, || local_sends(200_000))?;
    let mut pair = Pair::meet()?;
    let trip = quickest(rounds, || pair.calls(trips, 1))?;
    let pipelined = quickest(rounds, || pair.calls(calls, WINDOW))?;
    pair.fate.bytes.set(0);
    pair.calls(calls, WINDOW)?;
    let per_call = pair.fate.bytes.get() as f64 / calls as f64;
    let raw = quickest(rounds, || echoes(calls, per_call as usize / 2))?;
    let mut three = Three::meet()?;
    let handoff = quickest(rounds, || three.gifts(gifts))?;
    let vattp = vattp::times(rounds, trips / 5, calls, per_call as usize / 2).await?;
    let over_vattp = |row| Row {
        backend: "vattp",
        ..row
    };
    Ok(vec![
        rate("captp.local_sends_per_s", 200_000, local, None),
        rate("captp.roundtrips_per_s", trips, trip, None),
        rate(
            "captp.pipelined_calls_per_s",
            calls,
            pipelined,
            Some(calls as f64 / raw),
        ),
        over_vattp(rate(
            "captp.roundtrips_per_s_vattp",
            trips / 5,
            vattp.trips,
            None,
        )),
        over_vattp(rate(
            "captp.pipelined_calls_per_s_vattp",
            calls,
            vattp.pipelined,
            Some(calls as f64 / vattp.raw),
        )),
        rate("captp.handoffs_per_s", gifts, handoff, None),
        bytes("captp.bytes_per_call", per_call),
        bytes("captp.bytes_per_export", exports.here),
        bytes("captp.bytes_per_import", exports.there),
        bytes(
            "captp.bytes_per_export_and_import",
            exports.here + exports.there,
        ),
    ])
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// CPU seconds of the quickest round, behind one that does not count.
fn quickest(rounds: u32, mut round: impl FnMut() -> Result<(), Failure>) -> Result<f64, Failure> {
    round()?;
    let mut best = f64::MAX;
    for _ in 0..rounds {
        let start = cpu();
        round()?;
        best = best.min(cpu().saturating_sub(start).as_secs_f64());
    }
    Ok(best)
}

fn ensure(is_so: bool, words: &str) -> Result<(), Failure> {
    is_so
        .then_some(())
        .ok_or_else(|| Failure::failed(format!("the bench is broken: {words}")))
}

fn echo(turn: &mut Turn<'_>) -> Ref {
    turn.spawn(|_: &mut Turn<'_>, mut args: Vec<Value>| Ok(args.pop().unwrap_or(Value::Null)))
}

fn local_sends(count: usize) -> Result<(), Failure> {
    let mut vat = Vat::default();
    let object = vat.turn(echo);
    let mut turns = 0;
    for _ in 0..count / WINDOW {
        vat.turn(|turn| (0..WINDOW).for_each(|_| turn.send_only(&object, [1.into()])));
        turns += vat.run();
    }
    ensure(
        turns as usize == count / WINDOW * WINDOW,
        "a message is missing",
    )
}

/// What has become of the messages of some carriers.
#[derive(Default)]
struct Fate {
    bytes: Cell<u64>,
    /// Whether they are lost from now on.
    lost: Cell<bool>,
}

/// A carrier that counts what it carries.
struct Counted(Memory, Rc<Fate>);

impl Carrier for Counted {
    fn location(&self) -> Peer {
        self.0.location()
    }

    fn connect(&mut self, to: &Peer) -> Result<Conn, String> {
        self.0.connect(to)
    }

    fn send(&mut self, conn: Conn, message: Vec<u8>) -> Result<(), Vec<u8>> {
        let fate = &self.1;
        fate.bytes.set(fate.bytes.get() + message.len() as u64);
        if fate.lost.get() {
            return Ok(());
        }
        self.0.send(conn, message)
    }

    fn close(&mut self, conn: Conn) {
        self.0.close(conn);
    }

    fn poll(&mut self) -> Option<Arrival> {
        self.0.poll()
    }
}

fn b() -> Box<dyn Dialect> {
    Box::new(B)
}

fn host(exchange: &Exchange, name: &str, fate: &Rc<Fate>) -> Host {
    // Nobody else is in this process to be kept from guessing.
    let mut last = name.bytes().map(u64::from).sum::<u64>();
    let entropy = move || {
        last += 1;
        let mut out = [0; 32];
        out.iter_mut()
            .zip(last.to_le_bytes())
            .for_each(|(out, byte)| *out = byte);
        out
    };
    let carrier = Counted(exchange.join(name), Rc::clone(fate));
    Host::new(Box::new(carrier), b, Box::new(entropy))
}

fn settle(hosts: &mut [&mut Host]) {
    for _ in 0..16 {
        hosts.iter_mut().for_each(|host| host.poll(Instant::ZERO));
    }
}

/// Two vats, of which one has an object of the other.
struct Pair {
    alice: Host,
    bob: Host,
    to_bob: Ref,
    fate: Rc<Fate>,
}

impl Pair {
    fn meet() -> Result<Self, Failure> {
        let (exchange, fate) = (Exchange::default(), Rc::default());
        let mut alice = host(&exchange, "alice", &fate);
        let mut bob = host(&exchange, "bob", &fate);
        let object = bob.turn(echo);
        let to_bob = alice.enliven(&bob.register(b"echo", &object));
        settle(&mut [&mut alice, &mut bob]);
        let mut pair = Self {
            alice,
            bob,
            to_bob,
            fate,
        };
        pair.calls(1, 1)?;
        Ok(pair)
    }

    /// Calls, of which so many are on the way at once, and whose answers all come.
    fn calls(&mut self, count: usize, at_once: usize) -> Result<(), Failure> {
        let Self {
            alice, bob, to_bob, ..
        } = self;
        let heard: Rc<Cell<usize>> = Rc::default();
        for _ in 0..count / at_once {
            alice.turn(|turn| {
                for number in 0..at_once {
                    let answer = turn.send(to_bob, [(number as i64).into()]);
                    let hears = Rc::clone(&heard);
                    turn.when(&answer, move |_, outcome| {
                        hears.set(hears.get() + usize::from(outcome.is_ok()));
                        outcome
                    });
                }
            });
            for _ in 0..2 {
                alice.poll(Instant::ZERO);
                bob.poll(Instant::ZERO);
            }
            alice.poll(Instant::ZERO);
        }
        ensure(
            heard.get() == count / at_once * at_once,
            "an answer is missing",
        )
    }
}

/// As many messages of `len` bytes there and back, without CapTP.
fn echoes(count: usize, len: usize) -> Result<(), Failure> {
    let exchange = Exchange::default();
    let (mut alice, mut bob) = (exchange.join("alice"), exchange.join("bob"));
    let conn = alice.connect(&bob.location()).map_err(Failure::failed)?;
    let mut back = 0;
    for _ in 0..count / WINDOW {
        for _ in 0..WINDOW {
            let _ = alice.send(conn, vec![1; len]);
        }
        while let Some(arrival) = bob.poll() {
            if let Arrival::Message { conn, body } = arrival {
                let _ = bob.send(conn, body);
            }
        }
        while let Some(arrival) = alice.poll() {
            back += usize::from(matches!(arrival, Arrival::Message { .. }));
        }
    }
    ensure(back == count / WINDOW * WINDOW, "an echo is missing")
}

/// Alice, who has an object of Bob's and one of Carol's.
struct Three {
    hosts: [Host; 3],
    to_bob: Ref,
    to_carol: Ref,
    heard: Rc<Cell<usize>>,
}

impl Three {
    fn meet() -> Result<Self, Failure> {
        let (exchange, fate) = (Exchange::default(), Rc::default());
        let [mut alice, mut bob, mut carol] =
            ["alice", "bob", "carol"].map(|name| host(&exchange, name, &fate));
        let heard: Rc<Cell<usize>> = Rc::default();
        let hears = Rc::clone(&heard);
        let of_bob = bob.turn(|turn| {
            turn.spawn(|turn: &mut Turn<'_>, args: Vec<Value>| {
                if let Some(Value::Ref(gift)) = args.first() {
                    turn.send_only(gift, []);
                }
                Ok(Value::Null)
            })
        });
        let of_carol = carol.turn(|turn| {
            turn.spawn(move |_: &mut Turn<'_>, _: Vec<Value>| {
                hears.set(hears.get() + 1);
                Ok(Value::Null)
            })
        });
        let to_bob = alice.enliven(&bob.register(b"bob", &of_bob));
        let to_carol = alice.enliven(&carol.register(b"carol", &of_carol));
        settle(&mut [&mut alice, &mut bob, &mut carol]);
        let mut three = Self {
            hosts: [alice, bob, carol],
            to_bob,
            to_carol,
            heard,
        };
        three.gifts(1)?;
        Ok(three)
    }

    /// Gives Carol's object to Bob so often, who sends to it each time.
    fn gifts(&mut self, count: usize) -> Result<(), Failure> {
        self.heard.set(0);
        let [alice, bob, carol] = &mut self.hosts;
        let (to_bob, to_carol) = (&self.to_bob, &self.to_carol);
        alice.turn(|turn| {
            (0..count).for_each(|_| turn.send_only(to_bob, [to_carol.into()]));
        });
        settle(&mut [alice, bob, carol]);
        ensure(self.heard.get() == count, "a gift is missing")
    }
}
