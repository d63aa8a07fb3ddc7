//! A vat that hides, and its one object: a door at which numbers are heard, and introductions.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use pluribus_mix::id::VatId;
use pluribus_mix::net::directory::Network;
use pluribus_mix::net::party::{Client, Keep};
use pluribus_mix::net::{Config, Endpoint, Seam, loopback_address};
use tokio::time::{Duration, sleep};

use super::Told;
use super::book::Book;
use crate::captp::dialect::{B, Dialect};
use crate::captp::locator::Sturdyref;
use crate::host::Host;
use crate::netlayer::entropy;
use crate::netlayer::mix::Mix;
use crate::value::Value;
use crate::vat::{Outcome, Ref, Turn};

/// How often something is asked for that is not there yet.
const AGAIN: Duration = Duration::from_millis(50);

/// One of the vats.
pub(super) struct Dweller {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) client: Client,
    pub(super) host: Host,
    /// What leads to its door for whoever can reach it.
    pub(super) door: Sturdyref,
    mix: Rc<RefCell<Mix<Seam>>>,
}

impl Dweller {
    /// A vat that is born now, the one of this number. It has no address that others could dial.
    pub(super) async fn born(
        number: usize,
        network: &Network,
        book: &Rc<RefCell<Book>>,
    ) -> Told<Self> {
        let address: IpAddr = loopback_address()?.into();
        let config = Config::fresh()?.hidden().dialling_from(address);
        let endpoint = Arc::new(Endpoint::bind(config).await?);
        let asking = Config::fresh()?.anonymous().dialling_from(address);
        let asking = Endpoint::bind(asking).await?;
        let keep = Keep::open(network.clone(), None)?;
        let client = Client::new(Arc::clone(&endpoint), asking, keep);
        let mix = Rc::new(RefCell::new(Mix::new(Arc::clone(&endpoint).netlayer())));
        let dialect = || Box::new(B) as Box<dyn Dialect>;
        let carrier = Box::new(Rc::clone(&mix));
        let mut host = Host::new(carrier, dialect, Box::new(entropy::system));
        host.introduce_by(Rc::<RefCell<Mix<Seam>>>::clone(&mix));
        let door = door(&mut host, number, book);
        let door = host.register(&entropy::system(), &door);
        Ok(Self {
            endpoint,
            client,
            host,
            door,
            mix,
        })
    }

    /// Waits until circuits wait for callers.
    pub(super) async fn can_be_met(&self) -> Told {
        while self.endpoint.tickets().await?.parked == 0 {
            sleep(AGAIN).await;
        }
        Ok(())
    }

    /// Whether it can introduce somebody to this vat.
    pub(super) fn can_introduce_to(&self, vat: &VatId) -> bool {
        self.mix.borrow_mut().netlayer().introductions_to(vat) > 0
    }

    /// Whether there may be something for its host.
    pub(super) fn poll_changed(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.mix.borrow_mut().netlayer().poll_changed(cx)
    }

    /// Says the next number over a line that begins here.
    pub(super) fn say(&mut self, line: usize, book: &Rc<RefCell<Book>>) {
        let mut noted = book.borrow_mut();
        let Some(it) = noted.lines.get_mut(line) else {
            return;
        };
        let Some(door) = it.door.clone() else { return };
        it.count.sent += 1;
        let (number, book) = (it.count.sent, Rc::clone(book));
        drop(noted);
        let line_number = i64::try_from(line).unwrap_or(i64::MAX);
        self.host.turn(|turn| {
            let answer = turn.send(&door, [line_number.into(), number.into()]);
            turn.when(&answer, move |_, outcome| {
                let mut book = book.borrow_mut();
                match &outcome {
                    Ok(Value::Int(said)) => book.answered(line, said.to_i64().unwrap_or(0)),
                    Ok(other) => {
                        book.refused(line, &format!("an answer that is no number: {other:?}"))
                    }
                    Err(problem) => book.refused(line, &literal(&problem.0)),
                }
                outcome
            });
        });
    }
}

/// A problem as people read it.
fn literal(problem: &Value) -> String {
    match problem {
        Value::Error(words) | Value::Text(words) => words.clone(),
        other => format!("{other:?}"),
    }
}

/// An object that says every number back, and has a line to whomever it is introduced to.
fn door(host: &mut Host, number: usize, book: &Rc<RefCell<Book>>) -> Ref {
    let book = Rc::clone(book);
    let call = move |_: &mut Turn<'_>, args: Vec<Value>| -> Outcome {
        let index = |value: &Value| match value {
            Value::Int(number) => number.to_i64().and_then(|it| usize::try_from(it).ok()),
            _ => None,
        };
        let mut book = book.borrow_mut();
        match args.as_slice() {
            [Value::Ref(other), of] => {
                let of = index(of).ok_or("an introduction says to whom")?;
                // Two may introduce the same at the same time.
                if !book.has(number, of) {
                    book.open(number, of, other.clone());
                }
                Ok(Value::Undefined)
            }
            [line, Value::Int(said)] => {
                let line = index(line).ok_or("a number comes over a line")?;
                let number = said.to_i64().ok_or("a number is not so long")?;
                book.heard(line, number);
                Ok(number.into())
            }
            _ => Err("a door takes a line and a number, or a reference and a number".into()),
        }
    };
    host.turn(|turn| turn.spawn_fn(call))
}
