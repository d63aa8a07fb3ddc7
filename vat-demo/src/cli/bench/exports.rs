//! What it costs to export an object, and what to hold one that another vat exports.
//!
//! Both vats are in one process, whose memory is all that can be asked for. So the exporter is measured alone first, with all that
//! it says lost on the way, and then beside a vat that holds what it is given.

use std::cell::RefCell;
use std::rc::Rc;

use vat_demo::host::Host;
use vat_demo::netlayer::memory::Exchange;
use vat_demo::value::Value;
use vat_demo::vat::{Ref, Turn};

use super::{Failure, Fate, echo, ensure, host, settle};

/// How many objects one vat exports to another.
const EXPORTS: usize = 60_000;

/// Bytes for each object.
pub(super) struct Bytes {
    /// The exporter's: the object, the reference to it, its places in the tables.
    pub(super) here: f64,
    /// The importer's: the way to it, the reference that goes it and a vector's place for that, its place in the table.
    pub(super) there: f64,
}

/// Measures both sides.
pub(super) fn bytes() -> Result<Bytes, Failure> {
    let mut alone = Pair::meet();
    alone.fate.lost.set(true);
    let here = alone.export()?;
    let mut pair = Pair::meet();
    let both = pair.export()?;
    ensure(pair.held.borrow().len() == EXPORTS, "an export is missing")?;
    // Until here, or its memory would be used again.
    drop(alone);
    let there = both - here;
    Ok(Bytes { here, there })
}

/// Bob, who exports, and Alice, who holds.
struct Pair {
    alice: Host,
    bob: Host,
    to_alice: Ref,
    held: Rc<RefCell<Vec<Ref>>>,
    fate: Rc<Fate>,
}

impl Pair {
    fn meet() -> Self {
        let (exchange, fate) = (Exchange::default(), Rc::default());
        let mut alice = host(&exchange, "alice", &fate);
        let mut bob = host(&exchange, "bob", &fate);
        let held: Rc<RefCell<Vec<Ref>>> = Rc::new(RefCell::new(Vec::with_capacity(EXPORTS)));
        let holds = Rc::clone(&held);
        let keeper = alice.turn(|turn| {
            turn.spawn(move |_: &mut Turn<'_>, args: Vec<Value>| {
                let given = args.into_iter().filter_map(|arg| match arg {
                    Value::Ref(given) => Some(given),
                    _ => None,
                });
                holds.borrow_mut().extend(given);
                Ok(Value::Null)
            })
        });
        let to_alice = bob.enliven(&alice.register(b"keeper", &keeper));
        settle(&mut [&mut alice, &mut bob]);
        Self {
            alice,
            bob,
            to_alice,
            held,
            fate,
        }
    }

    /// The bytes that each export has taken.
    fn export(&mut self) -> Result<f64, Failure> {
        let before = resident()?;
        for _ in 0..EXPORTS / 100 {
            self.bob.turn(|turn| {
                let objects: Vec<Value> = (0..100).map(|_| echo(turn).into()).collect();
                turn.send_only(&self.to_alice, objects);
            });
            settle(&mut [&mut self.alice, &mut self.bob]);
        }
        ensure(self.bob.sizes().exports >= EXPORTS, "an export is missing")?;
        Ok((resident()? - before) / EXPORTS as f64)
    }
}

/// Bytes of memory that this process holds.
fn resident() -> Result<f64, Failure> {
    let statm = std::fs::read_to_string("/proc/self/statm").map_err(Failure::failed)?;
    let pages = statm.split_whitespace().nth(1);
    let pages = pages.and_then(|pages| pages.parse::<f64>().ok());
    let pages = pages.ok_or_else(|| Failure::failed("/proc/self/statm has no second field"))?;
    Ok(pages * rustix::param::page_size() as f64)
}
