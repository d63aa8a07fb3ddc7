//! Three vats of one thread that meet over sockets.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::cell::RefCell;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use pluribus_mix::net::{Config, Endpoint};
use pluribus_mix::time::Instant;
use tokio::time::{sleep, timeout};
use vat_demo::captp::dialect::{Auto, Dialect};
use vat_demo::carrier::{Arrival, Carrier};
use vat_demo::host::Host;
use vat_demo::netlayer::mix::Mix;
use vat_demo::netlayer::tcp::{Framing, Tcp};
use vat_demo::suite;
use vat_demo::value::Value;
use vat_demo::vat::{Outcome, Ref, Turn};

const ANYWHERE: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

fn auto() -> Box<dyn Dialect> {
    Box::new(Auto::new())
}

fn host(carrier: impl Carrier + 'static, seed: u64) -> Host {
    let mut last = seed;
    let entropy = move || {
        let mut out = [0; 32];
        for byte in &mut out {
            last = last.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (last >> 56) as u8;
        }
        out
    };
    Host::new(Box::new(carrier), auto, Box::new(entropy))
}

async fn tcp(seed: u64, framing: Framing) -> Host {
    let at = SocketAddr::from(ANYWHERE);
    let tcp = Tcp::bind(at, format!("vat{seed}"), framing).await.unwrap();
    host(tcp, seed)
}

async fn mix(seed: u64) -> Host {
    let config = Config::fresh().unwrap().listening(ANYWHERE.into());
    let endpoint = Endpoint::bind(config).await.unwrap();
    host(Mix::new(endpoint.into_netlayer()), seed)
}

/// What comes of a promise, while these vats do what they have to do.
async fn outcome(hosts: &mut [Host; 3], of: &Ref) -> Outcome {
    let told = Rc::<RefCell<Option<Outcome>>>::default();
    let tell = Rc::clone(&told);
    hosts[0].turn(|turn| {
        turn.when(of, move |_, outcome| {
            *tell.borrow_mut() = Some(outcome.clone());
            outcome
        })
    });
    soon(async {
        loop {
            for host in hosts.iter_mut() {
                host.poll(Instant::ZERO);
            }
            if let Some(outcome) = told.borrow_mut().take() {
                return outcome;
            }
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), work).await.unwrap()
}

/// Alice calls Bob, speaks ahead to what he will answer, and introduces him to Carol.
async fn story(mut hosts: [Host; 3]) {
    let [alice, bob, carol] = &mut hosts;
    let [builder, ..] = suite::offer(bob)
        .try_into()
        .unwrap_or_else(|_| unreachable());
    let [_, echo, ..] = suite::offer(carol)
        .try_into()
        .unwrap_or_else(|_| unreachable());
    let introducible = bob.turn(|turn| {
        turn.spawn(|turn: &mut Turn<'_>, args: Vec<Value>| match &args[..] {
            [Value::Ref(whom)] => Ok(turn.send(whom, ["Hello".into()]).into()),
            _ => Err("whom?".into()),
        })
    });
    let to_bob = bob.register(b"introducible", &introducible);
    let builder = alice.enliven(&builder.1);
    let drive = alice.turn(|turn| {
        let factory = turn.send(&builder, []);
        let order = Value::List(vec![Value::symbol("red"), Value::symbol("zoomracer")]);
        let car = turn.send(&factory, [order]);
        turn.send(&car, [])
    });
    let (to_bob, echo) = (alice.enliven(&to_bob), alice.enliven(&echo.1));
    let says = Ok("Vroom! I am a red zoomracer car!".into());
    assert_eq!(outcome(&mut hosts, &drive).await, says);
    outcome(&mut hosts, &echo).await.unwrap();
    let answer = hosts[0].turn(|turn| turn.send(&to_bob, [echo.into()]));
    let heard = Ok(Value::List(vec!["Hello".into()]));
    assert_eq!(outcome(&mut hosts, &answer).await, heard);
    // Alice with Bob and Carol, and those two with each other.
    assert_eq!(hosts.map(|host| host.sizes().sessions), [2, 2, 2]);
}

fn unreachable() -> [(&'static str, vat_demo::captp::locator::Sturdyref); 5] {
    panic!("there are five objects")
}

#[tokio::test]
async fn three_vats_over_bare_tcp() {
    let framing = Framing::None;
    story([
        tcp(1, framing).await,
        tcp(2, framing).await,
        tcp(3, framing).await,
    ])
    .await;
}

#[tokio::test]
async fn three_vats_over_bare_tcp_with_lengths() {
    let framing = Framing::Syrup;
    story([
        tcp(1, framing).await,
        tcp(2, framing).await,
        tcp(3, framing).await,
    ])
    .await;
}

#[tokio::test]
async fn three_vats_over_the_mix_transport() {
    story([mix(1).await, mix(2).await, mix(3).await]).await;
}

async fn next(tcp: &mut Tcp) -> Arrival {
    soon(async {
        loop {
            if let Some(arrival) = tcp.poll() {
                return arrival;
            }
            tcp.changed().await;
        }
    })
    .await
}

/// What was sent before the end arrives, also where the peer has sent what nobody has read; a peer that does not read is felt.
#[tokio::test]
async fn a_connection_of_bare_tcp_holds_back_and_ends_well() {
    let at = SocketAddr::from(ANYWHERE);
    let mut here = Tcp::bind(at, "here".to_owned(), Framing::None)
        .await
        .unwrap();
    let mut there = Tcp::bind(at, "there".to_owned(), Framing::None)
        .await
        .unwrap();
    let conn = here.connect(&there.location()).unwrap();
    assert_eq!(
        next(&mut here).await,
        Arrival::Opened { conn, proven: None }
    );
    let theirs = next(&mut there).await.conn();
    let body = || [b"65536:".as_slice(), &[7; 65536]].concat();
    there.send(theirs, b"t".to_vec()).unwrap();
    let mut sent = 0;
    while here.send(conn, body()).is_ok() {
        sent += 1;
        assert!(sent < 1000, "nobody reads, and all is taken");
        sleep(Duration::from_millis(5)).await;
    }
    let mut read = 0;
    let mut writable = false;
    while !writable {
        assert_eq!(next(&mut there).await.conn(), theirs);
        read += 1;
        while let Some(arrival) = here.poll() {
            writable |= arrival == Arrival::Writable { conn };
        }
    }
    here.send(conn, b"t".to_vec()).unwrap();
    here.close(conn);
    while read < sent {
        let (conn, body) = (theirs, body());
        assert_eq!(next(&mut there).await, Arrival::Message { conn, body });
        read += 1;
    }
    let (conn, body) = (theirs, b"t".to_vec());
    assert_eq!(next(&mut there).await, Arrival::Message { conn, body });
    let reason = "the other vat has ended the connection".to_owned();
    assert_eq!(next(&mut there).await, Arrival::Closed { conn, reason });
}
