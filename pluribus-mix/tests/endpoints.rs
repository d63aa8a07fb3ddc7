//! What an application can rely on: endpoints of one process, joined through loopback.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use std::net::TcpListener;
use std::time::Duration;

use pluribus_mix::locator::Locator;
use pluribus_mix::net::{Config, Connection, Cut, DialError, Endpoint};
use pluribus_mix::netlayer::{CloseReason, ConnectError, SendFault};
use tokio::time::timeout;

const KIB: usize = 1024;
/// More than all queues, trays and windows between two applications together.
const MORE_THAN_FITS: usize = 8 * KIB * KIB;

async fn listening() -> Endpoint {
    let config = Config::fresh().unwrap();
    Endpoint::bind(config.listening("127.0.0.1:0".parse().unwrap()))
        .await
        .unwrap()
}

async fn dialling() -> Endpoint {
    Endpoint::bind(Config::fresh().unwrap()).await.unwrap()
}

/// A connection of two endpoints: the dialler's end and the other.
async fn joined(dialler: &Endpoint, listener: &Endpoint) -> (Connection, Connection) {
    let ours = dialler.connect(listener.locator()).await.unwrap();
    let theirs = soon(listener.accept())
        .await
        .expect("an endpoint that listens");
    (ours, theirs)
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), work)
        .await
        .expect("it takes too long")
}

/// Sends until nothing more fits; returns how many bytes did.
async fn stuff(connection: &Connection) -> usize {
    let mut sent = 0;
    let piece = || vec![7; 64 * KIB];
    while let Ok(done) = timeout(Duration::from_millis(300), connection.send(piece())).await {
        done.unwrap();
        sent += 64 * KIB;
        assert!(sent < MORE_THAN_FITS, "nobody reads, and all is taken");
    }
    sent
}

#[tokio::test]
async fn a_reader_that_sleeps_holds_up_nobody_else() {
    let (alice, bob) = (dialling().await, listening().await);
    let (to_sleeper, sleeper) = joined(&alice, &bob).await;
    let sent = stuff(&to_sleeper).await;
    assert_eq!(
        to_sleeper.try_send(vec![1]).unwrap_err().fault,
        SendFault::Full
    );

    let (to_waking, waking) = joined(&alice, &bob).await;
    let echo = tokio::spawn(async move {
        while let Some(message) = waking.recv().await.unwrap() {
            waking.send(message).await.unwrap();
        }
    });
    for number in 0..100u8 {
        to_waking.send(vec![number; 64 * KIB]).await.unwrap();
        assert_eq!(
            soon(to_waking.recv()).await,
            Ok(Some(vec![number; 64 * KIB]))
        );
    }
    to_waking.finish();
    soon(echo).await.unwrap();

    to_sleeper.finish();
    let mut heard = 0;
    while let Some(message) = soon(sleeper.recv()).await.unwrap() {
        heard += message.len();
    }
    assert_eq!(heard, sent);
}

#[tokio::test]
async fn what_was_sent_arrives_although_the_endpoint_closes() {
    let (alice, bob) = (dialling().await, listening().await);
    let (ours, theirs) = joined(&alice, &bob).await;
    let sent = stuff(&ours).await;
    let reader = tokio::spawn(async move {
        let mut heard = 0;
        while let Some(message) = theirs.recv().await.unwrap() {
            heard += message.len();
        }
        theirs.finish();
        (heard, theirs.closed().await)
    });
    soon(alice.close()).await;
    assert_eq!(soon(reader).await.unwrap(), (sent, CloseReason::Closed));
    assert_eq!(ours.closed().await, CloseReason::Closed);
    let refused = alice.connect(bob.locator()).await;
    assert_eq!(refused.unwrap_err(), DialError::EndpointClosed);
    assert!(alice.accept().await.is_none());
}

#[tokio::test]
async fn a_peer_that_never_ends_is_not_waited_for_long() {
    let (alice, bob) = (dialling().await, listening().await);
    let (_ours, theirs) = joined(&alice, &bob).await;
    soon(alice.close()).await;
    assert_eq!(soon(theirs.closed()).await, CloseReason::Closed);
}

#[tokio::test]
async fn both_ends_know_who_and_share_a_secret() {
    let (alice, bob) = (dialling().await, listening().await);
    let (ours, theirs) = joined(&alice, &bob).await;
    assert_eq!((ours.peer(), theirs.peer()), (bob.vat_id(), alice.vat_id()));
    assert!(ours.exporter().is_some() && ours.exporter() == theirs.exporter());
    let (others, _) = joined(&alice, &bob).await;
    assert_ne!(ours.exporter(), others.exporter());
}

#[tokio::test]
async fn the_last_handle_dropped_closes_the_connection() {
    let (alice, bob) = (dialling().await, listening().await);
    let (ours, theirs) = joined(&alice, &bob).await;
    drop(ours.clone());
    ours.send(b"still here".to_vec()).await.unwrap();
    assert_eq!(soon(theirs.recv()).await, Ok(Some(b"still here".to_vec())));
    drop(ours);
    let reason = CloseReason::Closed;
    assert_eq!(soon(theirs.recv()).await, Err(Cut { reason }));
    assert_eq!(
        theirs.send(vec![1]).await.unwrap_err().fault,
        SendFault::NoConnection
    );
}

#[tokio::test]
async fn connections_outlive_an_endpoint_that_is_dropped() {
    let (alice, bob) = (dialling().await, listening().await);
    let (ours, theirs) = joined(&alice, &bob).await;
    drop((alice, bob));
    ours.send(b"and yet".to_vec()).await.unwrap();
    assert_eq!(soon(theirs.recv()).await, Ok(Some(b"and yet".to_vec())));
}

#[tokio::test]
async fn whoever_finds_no_place_in_the_backlog_is_turned_away() {
    let config = Config::fresh()
        .unwrap()
        .listening("127.0.0.1:0".parse().unwrap());
    let bob = Endpoint::bind(config.backlog(1)).await.unwrap();
    let alice = dialling().await;
    let first = alice.connect(bob.locator()).await.unwrap();
    let second = alice.connect(bob.locator()).await.unwrap();
    assert_eq!(soon(second.closed()).await, CloseReason::Closed);
    let accepted = soon(bob.accept()).await.unwrap();
    first.send(vec![1]).await.unwrap();
    assert_eq!(soon(accepted.recv()).await, Ok(Some(vec![1])));
}

#[tokio::test]
async fn nobody_new_comes_when_listening_has_stopped() {
    let (alice, bob) = (dialling().await, listening().await);
    bob.stop_listening().await;
    // The socket closes in a task of its own.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let refused = soon(alice.connect(bob.locator())).await;
    assert_eq!(
        refused.unwrap_err(),
        DialError::Failed(CloseReason::Unreachable)
    );
}

#[tokio::test]
async fn what_cannot_be_dialled_is_told_at_once() {
    let bob = listening().await;
    let refused = bob.connect(bob.locator()).await.unwrap_err();
    assert_eq!(refused, DialError::Locator(ConnectError::Oneself));
    let nowhere = Locator::new(dialling().await.vat_id());
    let refused = bob.connect(&nowhere).await.unwrap_err();
    assert_eq!(refused, DialError::Locator(ConnectError::NoAddress));
}

#[tokio::test]
async fn a_vat_can_be_known_by_the_name_of_its_host() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let place = format!("localhost:{}", free.port()).parse().unwrap();
    let config = Config::fresh().unwrap().listening(free).known_at(place);
    let bob = Endpoint::bind(config).await.unwrap();
    assert!(bob.locator().to_string().contains("?at=localhost:"));
    let (ours, _theirs) = joined(&dialling().await, &bob).await;
    assert_eq!(ours.peer(), bob.vat_id());
}
