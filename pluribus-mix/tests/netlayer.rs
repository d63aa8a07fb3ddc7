//! What a vat runtime can rely on that knows a netlayer and nothing else.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests"
)]

use std::time::Duration;

use pluribus_mix::locator::Locator;
use pluribus_mix::net::{Config, Endpoint, Seam};
use pluribus_mix::netlayer::{CloseReason, ConnId, ConnectError, Event, Netlayer, SendFault};
use tokio::time::timeout;

async fn seam() -> (Seam, Locator) {
    let config = Config::fresh()
        .unwrap()
        .listening("127.0.0.1:0".parse().unwrap());
    let endpoint = Endpoint::bind(config).await.unwrap();
    let locator = endpoint.locator().clone();
    (endpoint.into_netlayer(), locator)
}

async fn next(seam: &mut Seam) -> Event {
    let event = async {
        loop {
            if let Some(event) = seam.poll_event() {
                return event;
            }
            seam.changed().await;
        }
    };
    timeout(Duration::from_secs(20), event)
        .await
        .expect("it takes too long")
}

async fn opened(seam: &mut Seam) -> ConnId {
    match next(seam).await {
        Event::Opened { conn, .. } => conn,
        other => panic!("{other:?}"),
    }
}

async fn heard(seam: &mut Seam) -> Vec<u8> {
    match next(seam).await {
        Event::Message { body, .. } => body,
        other => panic!("{other:?}"),
    }
}

/// A connection, and its number at both ends.
async fn joined(ours: &mut Seam, theirs: &mut Seam, to: &Locator) -> (ConnId, ConnId) {
    let conn = ours.connect(to).unwrap();
    assert_eq!(opened(ours).await, conn);
    (conn, opened(theirs).await)
}

/// A runtime may send before the connection is open (VTP-31), and has one connection with each vat (VTP-33).
#[tokio::test]
async fn what_is_said_early_arrives_and_two_vats_have_one_connection() {
    let (mut alice, at_alice) = seam().await;
    let (mut bob, at_bob) = seam().await;
    let conn = alice.connect(&at_bob).unwrap();
    alice.send(conn, b"early".to_vec()).unwrap();
    assert_eq!(alice.connect(&at_bob), Ok(conn));
    assert_eq!(opened(&mut alice).await, conn);
    assert_eq!(next(&mut alice).await, Event::Writable { conn });
    let theirs = match next(&mut bob).await {
        Event::Opened { conn, peer } => {
            assert_eq!(peer, at_alice.vat());
            conn
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(heard(&mut bob).await, b"early");
    assert_eq!(bob.connect(&at_alice), Ok(theirs));
    bob.send(theirs, b"late".to_vec()).unwrap();
    assert_eq!(heard(&mut alice).await, b"late");
    assert_eq!(alice.connect(&at_alice), Err(ConnectError::Oneself));
}

/// What was said before the end arrives, and the pair can connect again at once (VTP-25, VTP-33).
#[tokio::test]
async fn the_last_words_arrive_and_the_next_connection_is_another() {
    let (mut alice, _) = seam().await;
    let (mut bob, at_bob) = seam().await;
    let (conn, theirs) = joined(&mut alice, &mut bob, &at_bob).await;
    for word in 0..100_u8 {
        alice.send(conn, vec![word; 1000]).unwrap();
    }
    alice.close(conn);
    let refused = alice.send(conn, b"no".to_vec()).unwrap_err();
    assert_eq!(refused.fault, SendFault::NoConnection);
    for word in 0..100_u8 {
        assert_eq!(heard(&mut bob).await, vec![word; 1000]);
    }
    assert_eq!(next(&mut bob).await, Event::Ended { conn: theirs });
    bob.close(theirs);
    let (again, there) = joined(&mut alice, &mut bob, &at_bob).await;
    assert!(again != conn && there != theirs);
    bob.send(there, b"again".to_vec()).unwrap();
    assert_eq!(heard(&mut alice).await, b"again");
}

/// Whoever does not read is felt (VTP-32), and there is word of new room.
#[tokio::test]
async fn a_full_connection_says_when_there_is_room() {
    let (mut alice, _) = seam().await;
    let (mut bob, at_bob) = seam().await;
    let (conn, _) = joined(&mut alice, &mut bob, &at_bob).await;
    let mut sent = 0;
    let full = loop {
        match alice.send(conn, vec![7; 64 * 1024]) {
            Ok(()) => sent += 1,
            Err(error) if alice.poll_event().is_none() => break error,
            Err(_) => {}
        }
        assert!(sent < 200, "nobody reads, and all is taken");
        tokio::task::yield_now().await;
    };
    assert_eq!((full.fault, full.message.len()), (SendFault::Full, 65536));
    let reads = async {
        for _ in 0..sent {
            heard(&mut bob).await;
        }
        sent
    };
    let (read, told) = tokio::join!(reads, next(&mut alice));
    assert_eq!((read, told), (sent, Event::Writable { conn }));
}

/// Nobody there: the connection that was named is over (VTP-31).
#[tokio::test]
async fn a_dial_that_leads_nowhere_ends() {
    let (mut alice, _) = seam().await;
    let (bob, at_bob) = seam().await;
    bob.farewell().await;
    let conn = alice.connect(&at_bob).unwrap();
    let reason = CloseReason::Unreachable;
    assert_eq!(next(&mut alice).await, Event::Closed { conn, reason });
}
