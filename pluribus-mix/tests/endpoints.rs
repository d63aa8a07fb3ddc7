//! What an application can rely on: endpoints of one process, joined through loopback.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use pluribus_mix::crypto::sign::SigningKey;
use pluribus_mix::locator::Locator;
use pluribus_mix::net::{
    BindError, Config, Connection, Cut, DatagramError, DialError, Endpoint, fresh_key,
};
use pluribus_mix::netlayer::{CloseReason, ConnectError, SendFault};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

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
    let (alice, carol, bob) = (dialling().await, dialling().await, listening().await);
    let (to_sleeper, sleeper) = joined(&carol, &bob).await;
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
    // VTP-14
    let (alice, carol, bob) = (dialling().await, dialling().await, listening().await);
    let (ours, theirs) = joined(&alice, &bob).await;
    assert_eq!((ours.peer(), theirs.peer()), (bob.vat_id(), alice.vat_id()));
    let secret = soon(ours.exporter()).await.unwrap();
    assert_eq!(soon(theirs.exporter()).await, Some(secret));
    let (others, _theirs) = joined(&carol, &bob).await;
    assert_ne!(soon(others.exporter()).await.unwrap(), secret);
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
    let (alice, carol) = (dialling().await, dialling().await);
    let first = alice.connect(bob.locator()).await.unwrap();
    let second = carol.connect(bob.locator()).await.unwrap();
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
    sleep(Duration::from_millis(100)).await;
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

/// A vat that can be started again, in a runtime that can be killed: nothing is said when it dies.
struct Mortal {
    key: Arc<SigningKey>,
    at: SocketAddr,
    incarnation: u64,
    life: Option<Runtime>,
}

impl Mortal {
    fn new() -> Self {
        Self {
            key: Arc::new(fresh_key().unwrap()),
            at: "127.0.0.1:0".parse().unwrap(),
            incarnation: 1,
            life: None,
        }
    }

    /// Starts it, as one that echoes messages; its locator.
    async fn start(&mut self) -> Locator {
        let life = Builder::new_multi_thread().enable_all().build().unwrap();
        let (key, incarnation, at) = (Arc::clone(&self.key), self.incarnation, self.at);
        let (told, locator) = oneshot::channel();
        life.spawn(async move {
            let config = || Config::new(Arc::clone(&key), incarnation).listening(at);
            let endpoint = loop {
                // The one before may not be quite dead.
                match Endpoint::bind(config()).await {
                    Err(BindError::Listen { .. }) => sleep(Duration::from_millis(50)).await,
                    bound => break bound.unwrap(),
                }
            };
            let at = endpoint.local_addr().unwrap();
            told.send((at, endpoint.locator().clone())).unwrap();
            while let Some(connection) = endpoint.accept().await {
                tokio::spawn(echo(connection));
            }
        });
        let (at, locator) = soon(locator).await.unwrap();
        (self.at, self.life) = (at, Some(life));
        self.incarnation += 1;
        locator
    }

    /// Starts it, until the test is over.
    async fn start_for_good(mut self) -> Locator {
        let locator = self.start().await;
        std::mem::forget(self.life.take());
        locator
    }

    fn die(&mut self) {
        self.life.take().unwrap().shutdown_background();
    }
}

async fn echo(connection: Connection) {
    while let Ok(Some(message)) = connection.recv().await {
        connection.send(message).await.unwrap();
    }
}

/// Says something and hears it back.
async fn works(connection: &Connection) {
    connection.send(b"hello".to_vec()).await.unwrap();
    assert_eq!(soon(connection.recv()).await, Ok(Some(b"hello".to_vec())));
}

/// VTP-33: two asked for, one given; it ends with the last handle, and not before.
#[tokio::test]
async fn two_connects_to_one_vat_are_one_connection() {
    let (alice, bob) = (dialling().await, listening().await);
    let both = async { tokio::join!(alice.connect(bob.locator()), alice.connect(bob.locator())) };
    let (first, second) = soon(both).await;
    let (first, second) = (first.unwrap(), second.unwrap());
    let theirs = soon(bob.accept()).await.unwrap();
    first.send(vec![1]).await.unwrap();
    drop(first);
    second.send(vec![2]).await.unwrap();
    for byte in [1, 2] {
        assert_eq!(soon(theirs.recv()).await, Ok(Some(vec![byte])));
    }
    drop(second);
    assert_eq!(soon(theirs.closed()).await, CloseReason::Closed);
    let more = timeout(Duration::from_millis(200), bob.accept()).await;
    assert!(more.is_err(), "a second connection came");
}

/// VTP-33: whoever was dialled asks for the connection that there is.
#[tokio::test]
async fn a_connection_that_came_is_the_one_asked_for() {
    let (alice, bob) = (listening().await, listening().await);
    let (ours, theirs) = joined(&alice, &bob).await;
    let asked = soon(bob.connect(alice.locator())).await.unwrap();
    drop(theirs);
    asked.send(vec![3]).await.unwrap();
    assert_eq!(soon(ours.recv()).await, Ok(Some(vec![3])));
    asked.close();
    assert_eq!(soon(ours.closed()).await, CloseReason::Closed);
}

/// VTP-33, VTP-36, VTP-37: two vats that dial each other at once have one connection, and both know it as the one
/// they asked for or the one that came.
#[tokio::test]
async fn crossing_dials_give_one_connection() {
    for _ in 0..20 {
        let (alice, bob) = (listening().await, listening().await);
        let cross =
            async { tokio::join!(alice.connect(bob.locator()), bob.connect(alice.locator())) };
        let (ours, theirs) = soon(cross).await;
        let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
        for (from, to) in [(&ours, &theirs), (&theirs, &ours)] {
            from.send(b"across".to_vec()).await.unwrap();
            assert_eq!(soon(to.recv()).await, Ok(Some(b"across".to_vec())));
        }
        let more = async {
            tokio::select! { _ = alice.accept() => {}, _ = bob.accept() => {} }
        };
        assert!(timeout(Duration::from_millis(20), more).await.is_err());
        ours.finish();
        theirs.finish();
        assert_eq!(soon(ours.closed()).await, CloseReason::Closed);
    }
}

/// VTP-33: a connection whose last handle is just being dropped is never given out again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_while_the_last_handle_is_dropped_has_a_connection_that_works() {
    let alice = Arc::new(dialling().await);
    let locator = Mortal::new().start_for_good().await;
    let mut connection = alice.connect(&locator).await.unwrap();
    for round in 0..300 {
        let asking = {
            let (alice, locator) = (Arc::clone(&alice), locator.clone());
            tokio::spawn(async move { alice.connect(&locator).await })
        };
        // At every moment from before the question to behind the answer.
        for _ in 0..round % 10 {
            tokio::task::yield_now().await;
        }
        if round % 3 == 0 {
            connection.close();
        }
        drop(connection);
        connection = soon(asking).await.unwrap().unwrap();
        if round % 3 != 0 {
            works(&connection).await;
        }
    }
}

/// VTP-13, VTP-41: nobody, each time another one.
#[tokio::test]
async fn an_anonymous_vat_has_a_connection_for_each_connect() {
    let bob = listening().await;
    let nobody = Endpoint::bind(Config::fresh().unwrap().anonymous())
        .await
        .unwrap();
    let (first, one) = joined(&nobody, &bob).await;
    let (second, other) = joined(&nobody, &bob).await;
    assert!(one.peer() != other.peer() && one.peer() != nobody.vat_id());
    drop(first);
    assert_eq!(soon(one.closed()).await, CloseReason::Closed);
    second.send(vec![1]).await.unwrap();
    assert_eq!(soon(other.recv()).await, Ok(Some(vec![1])));
}

/// VTP-34: the peer was killed and started again; the old connection is gone, told once, and a new one works.
#[tokio::test]
async fn a_peer_that_was_started_again_no_longer_has_the_connection() {
    let (alice, mut bob) = (dialling().await, Mortal::new());
    let locator = bob.start().await;
    let connection = alice.connect(&locator).await.unwrap();
    works(&connection).await;
    bob.die();
    bob.start().await;
    let reason = CloseReason::Gone;
    assert_eq!(soon(connection.closed()).await, reason);
    assert_eq!(soon(connection.recv()).await, Err(Cut { reason }));
    let again = soon(alice.connect(&locator)).await.unwrap();
    works(&again).await;
    assert_eq!(connection.closed().await, reason, "the first reason stays");
    bob.die();
}

/// VTP-40: a peer that stays away is unreachable, but not before two minutes.
#[tokio::test]
async fn a_peer_that_stays_away_is_unreachable_in_the_end() {
    let (alice, mut bob) = (dialling().await, Mortal::new());
    let locator = bob.start().await;
    let connection = alice.connect(&locator).await.unwrap();
    works(&connection).await;
    bob.die();
    sleep(Duration::from_millis(100)).await;
    // From here on time passes as fast as nothing happens.
    tokio::time::pause();
    let early = timeout(Duration::from_secs(115), connection.closed()).await;
    assert!(early.is_err(), "given up early: {early:?}");
    let late = timeout(Duration::from_secs(10), connection.closed()).await;
    assert_eq!(late, Ok(CloseReason::Unreachable));
}

/// VTP-40: nobody waits two minutes for a peer to say goodbye to.
#[tokio::test]
async fn an_endpoint_closes_although_a_peer_is_away() {
    let (alice, mut bob) = (dialling().await, Mortal::new());
    let locator = bob.start().await;
    let connection = alice.connect(&locator).await.unwrap();
    works(&connection).await;
    bob.die();
    sleep(Duration::from_millis(100)).await;
    soon(alice.close()).await;
    assert_eq!(connection.closed().await, CloseReason::Closed);
}

/// VTP-52
#[tokio::test]
async fn datagrams_come_once_or_not_at_all() {
    let (alice, bob) = (dialling().await, listening().await);
    let (ours, theirs) = joined(&alice, &bob).await;
    assert_eq!(ours.send_datagram(&[]), Err(DatagramError::Length));
    assert_eq!(ours.send_datagram(&[1; 801]), Err(DatagramError::Length));
    for number in 0..200u8 {
        theirs.send_datagram(&[number; 800]).unwrap();
    }
    theirs.send(vec![1]).await.unwrap();
    assert_eq!(soon(ours.recv()).await, Ok(Some(vec![1])));
    theirs.close();
    soon(ours.closed()).await;
    let mut heard = Vec::new();
    while let Ok(datagram) = ours.recv_datagram().await {
        assert_eq!(datagram, [datagram[0]; 800]);
        heard.push(datagram[0]);
    }
    assert!((1..=64).contains(&heard.len()), "{heard:?}");
    assert!(heard.is_sorted_by(|one, next| one < next), "{heard:?}");
    let reason = CloseReason::Closed;
    assert_eq!(ours.recv_datagram().await, Err(reason));
    assert_eq!(ours.send_datagram(&[1]), Err(DatagramError::Over(reason)));
}
