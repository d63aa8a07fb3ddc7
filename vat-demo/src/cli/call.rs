//! `vat-demo call`

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use pluribus_mix::net::Dialer;
use tokio::time::timeout;
use vat_demo::netlayer::tcp;
use vat_demo::value::Value;
use vat_demo::vat::{Outcome, Ref};

use super::Failure;
use super::literal::{self, Literal};
use super::running::{Network, Place, Running};

/// How long an answer may take, and how long one that comes through circuits.
const PATIENCE: Duration = Duration::from_secs(30);
const FAR: Duration = Duration::from_secs(120);

/// The word between a message and the next, which goes to its answer.
const THEN: &str = "--then";

#[derive(Args)]
pub(crate) struct Call {
    #[command(flatten)]
    place: Place,
    /// Through the circuits of the proxy at this door, SOCKS5, and in no other way: the other vat sees the address of an exit, and nobody
    /// can dial this one. Without --key it is born now, and nobody learns who calls either.
    #[arg(long, value_name = "ADDRESS:PORT|unix:PATH", value_parser = door, conflicts_with_all = ["host", "port"])]
    socks: Option<Dialer>,
    /// To whom: ocapn://…/s/…; options stand before it.
    sturdyref: String,
    /// What: 42, true, 'symbol, text, "text, [ a list ], a sturdyref, @ and a sturdyref for the object itself; behind --then what
    /// is said to the answer.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Call {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let to = literal::sturdyref(&self.sturdyref)?;
        let messages = self.args.split(|word| word == THEN).map(literal::read);
        let messages = messages.collect::<Result<Vec<_>, _>>()?;
        let network = match to.peer.transport.as_str() {
            tcp::TRANSPORT => Network::TcpTestingOnly,
            "mix" => Network::Mix,
            other => {
                return Err(Failure::usage(format!(
                    "there is no transport {other} here"
                )));
            }
        };
        let patience = self.socks.as_ref().map_or(PATIENCE, |_| FAR);
        let mut running = self.place.run(network, self.socks).await?;
        let answered = timeout(patience, async {
            let messages = running.enliven_all(messages).await?;
            let mut answer = running.host.enliven(&to);
            for args in messages {
                answer = running.host.turn(|turn| turn.send(&answer, args));
            }
            running.outcome(&answer).await
        });
        let outcome = answered.await;
        running.farewell().await;
        let silent = |_| format!("no answer came within {} s", patience.as_secs());
        let outcome = outcome.map_err(silent).map_err(Failure::failed)?;
        println!("{}", literal::show(&outcome?));
        Ok(())
    }
}

/// Where a proxy is knocked at.
fn door(text: &str) -> Result<Dialer, &'static str> {
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(Dialer::SocksUnix(path.into()));
    }
    let at = text.parse().map(Dialer::Socks);
    at.map_err(|_| "neither ADDRESS:PORT nor unix:PATH")
}

impl Running {
    /// Waits for what a promise comes to.
    async fn outcome(&mut self, promise: &Ref) -> Result<Value, Failure> {
        let told = Rc::<RefCell<Option<Outcome>>>::default();
        let tell = Rc::clone(&told);
        self.host.turn(|turn| {
            turn.when(promise, move |_, outcome| {
                *tell.borrow_mut() = Some(outcome.clone());
                outcome
            })
        });
        loop {
            self.poll();
            let outcome = told.borrow_mut().take();
            match outcome {
                Some(Ok(value)) => return Ok(value),
                Some(Err(problem)) => return Err(Failure::failed(literal::why(&problem))),
                None => self.changed().await,
            }
        }
    }

    /// The objects that are meant, in hand: what is not is given away as a promise, and then every message for it takes
    /// the way through this vat.
    async fn enliven_all(
        &mut self,
        messages: Vec<Vec<Literal>>,
    ) -> Result<Vec<Vec<Value>>, Failure> {
        let mut found = Vec::new();
        let mut enliven = |literal: Literal| {
            let value = literal.try_map(&mut |sturdyref| {
                let object = self.host.enliven(&sturdyref);
                found.push(object.clone());
                Ok::<_, Infallible>(Value::Ref(object))
            });
            let Ok(value) = value;
            value
        };
        let messages = messages.into_iter();
        let messages = messages
            .map(|args| args.into_iter().map(&mut enliven).collect())
            .collect();
        for object in found {
            self.outcome(&object).await?;
        }
        Ok(messages)
    }
}
