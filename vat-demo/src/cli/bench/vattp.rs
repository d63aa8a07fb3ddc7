//! The same calls over this project's transport, on loopback, beside the bytes alone.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use pluribus_mix::net::{Config, Endpoint, Seam};
use pluribus_mix::netlayer::{ConnId, Event, Netlayer, SendFault};
use pluribus_mix::time::Instant;
use vat_demo::host::Host;
use vat_demo::netlayer::entropy;
use vat_demo::netlayer::mix::Mix;
use vat_demo::vat::Ref;

use super::{Failure, WINDOW, b, cpu, echo, ensure};

/// CPU seconds of the quickest rounds.
pub(super) struct Times {
    /// Calls, one after the other.
    pub(super) trips: f64,
    /// Calls, many at once.
    pub(super) pipelined: f64,
    /// As many messages of the same length there and back, many at once.
    pub(super) raw: f64,
}

/// Measures so many trips and calls in each round; messages alone are of `len` bytes.
pub(super) async fn times(
    rounds: u32,
    trips: usize,
    calls: usize,
    len: usize,
) -> Result<Times, Failure> {
    let mut pair = Pair::meet().await?;
    let mut raw = Raw::meet().await?;
    let mut times = Times {
        trips: f64::MAX,
        pipelined: f64::MAX,
        raw: f64::MAX,
    };
    // The first does not count.
    for round in 0..=rounds {
        let start = cpu();
        pair.calls(trips, 1).await?;
        let tripped = cpu();
        pair.calls(calls, WINDOW).await?;
        let called = cpu();
        raw.echoes(calls, len).await?;
        let echoed = cpu();
        if round > 0 {
            let seconds = |from, to: std::time::Duration| to.saturating_sub(from).as_secs_f64();
            times.trips = times.trips.min(seconds(start, tripped));
            times.pipelined = times.pipelined.min(seconds(tripped, called));
            times.raw = times.raw.min(seconds(called, echoed));
        }
    }
    Ok(times)
}

async fn seam() -> Result<Seam, Failure> {
    let at = "127.0.0.1:0".parse().map_err(Failure::failed)?;
    let config = Config::fresh().map_err(Failure::failed)?.listening(at);
    let endpoint = Endpoint::bind(config).await.map_err(Failure::failed)?;
    Ok(endpoint.into_netlayer())
}

struct Party {
    host: Host,
    carrier: Rc<RefCell<Mix<Seam>>>,
}

impl Party {
    async fn new() -> Result<Self, Failure> {
        let carrier = Rc::new(RefCell::new(Mix::new(seam().await?)));
        let shared = Box::new(Rc::clone(&carrier));
        let host = Host::new(shared, b, Box::new(entropy::system));
        Ok(Self { host, carrier })
    }
}

/// Two vats, of which one has an object of the other.
struct Pair {
    alice: Party,
    bob: Party,
    to_bob: Ref,
}

impl Pair {
    async fn meet() -> Result<Self, Failure> {
        let (mut alice, mut bob) = (Party::new().await?, Party::new().await?);
        let object = bob.host.turn(echo);
        let to_bob = alice.host.enliven(&bob.host.register(b"echo", &object));
        let mut pair = Self { alice, bob, to_bob };
        pair.calls(1, 1).await?;
        Ok(pair)
    }

    async fn calls(&mut self, count: usize, at_once: usize) -> Result<(), Failure> {
        let heard: Rc<Cell<usize>> = Rc::default();
        for window in 1..=count / at_once {
            let to_bob = &self.to_bob;
            self.alice.host.turn(|turn| {
                for number in 0..at_once {
                    let answer = turn.send(to_bob, [(number as i64).into()]);
                    let hears = Rc::clone(&heard);
                    turn.when(&answer, move |_, outcome| {
                        hears.set(hears.get() + usize::from(outcome.is_ok()));
                        outcome
                    });
                }
            });
            self.until(|| heard.get() >= window * at_once).await;
        }
        ensure(
            heard.get() == count / at_once * at_once,
            "an answer is missing",
        )
    }

    async fn until(&mut self, done: impl Fn() -> bool) {
        let Self { alice, bob, .. } = self;
        loop {
            alice.host.poll(Instant::ZERO);
            bob.host.poll(Instant::ZERO);
            if done() {
                return;
            }
            poll_fn(|cx| {
                let ready = [&alice.carrier, &bob.carrier].map(|carrier| {
                    let mut carrier = carrier.borrow_mut();
                    carrier.netlayer().poll_changed(cx).is_ready()
                });
                if ready.contains(&true) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
        }
    }
}

/// Two netlayers and nothing above them.
struct Raw {
    alice: Seam,
    bob: Seam,
    conn: ConnId,
    back: usize,
}

impl Raw {
    async fn meet() -> Result<Self, Failure> {
        let (mut alice, bob) = (seam().await?, seam().await?);
        let conn = alice.connect(bob.locator()).map_err(Failure::failed)?;
        let back = 0;
        let mut raw = Self {
            alice,
            bob,
            conn,
            back,
        };
        raw.echoes(WINDOW, 1).await?;
        Ok(raw)
    }

    async fn echoes(&mut self, count: usize, len: usize) -> Result<(), Failure> {
        self.back = 0;
        for window in 1..=count / WINDOW {
            for _ in 0..WINDOW {
                let sent = self.alice.send(self.conn, vec![1; len]);
                let full = matches!(&sent, Err(error) if error.fault == SendFault::Full);
                ensure(!full, "the window is too wide")?;
                sent.map_err(Failure::failed)?;
            }
            while self.back < window * WINDOW {
                self.step().await?;
            }
        }
        Ok(())
    }

    async fn step(&mut self) -> Result<(), Failure> {
        let Self { alice, bob, .. } = self;
        poll_fn(|cx| {
            let ready = [alice.poll_changed(cx), bob.poll_changed(cx)];
            if ready.iter().any(Poll::is_ready) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        while let Some(event) = bob.poll_event() {
            if let Event::Message { conn, body } = event {
                bob.send(conn, body).map_err(Failure::failed)?;
            }
        }
        while let Some(event) = alice.poll_event() {
            self.back += usize::from(matches!(event, Event::Message { .. }));
        }
        Ok(())
    }
}
