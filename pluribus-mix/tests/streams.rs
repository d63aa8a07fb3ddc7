//! Byte streams between the endpoints of one process, joined through loopback.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use std::io::ErrorKind;
use std::time::Duration;

use pluribus_mix::net::{Config, Connection, Cut, Endpoint, MixStream, OpenError};
use pluribus_mix::netlayer::CloseReason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

const KIB: usize = 1024;
/// What lies between a writer and a reader that sleeps, for each stream: the trays of both, what the writer's node takes,
/// and what is open at first. (VTP-51)
const ON_THE_WAY: usize = (128 + 256 + 64 + 128) * KIB;
/// What goes beyond: a trayful that the driver had in hand when the node was full, while the writer filled the tray again; and
/// a piece that the reader's tray takes although it is almost full.
const OVERHANG: usize = (128 + 64) * KIB;

async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), work)
        .await
        .expect("it takes too long")
}

/// Two connected vats. The endpoints go; connections stay.
async fn joined_by(configure: impl Fn(Config) -> Config) -> (Connection, Connection) {
    let config = || configure(Config::fresh().unwrap());
    let bob = Endpoint::bind(config().listening("127.0.0.1:0".parse().unwrap()));
    let bob = bob.await.unwrap();
    let alice = Endpoint::bind(config()).await.unwrap();
    let ours = soon(alice.connect(bob.locator())).await.unwrap();
    (ours, soon(bob.accept()).await.unwrap())
}

async fn joined() -> (Connection, Connection) {
    joined_by(|config| config).await
}

/// A stream, the opener's end first.
async fn stream(ours: &Connection, theirs: &Connection) -> (MixStream, MixStream) {
    let opened = soon(ours.open_stream(b"test")).await.unwrap();
    (opened, soon(theirs.streams().accept()).await.unwrap())
}

fn noise(length: usize) -> Vec<u8> {
    let mut word = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        word.to_be_bytes()
    });
    words.flatten().take(length).collect()
}

async fn to_end(stream: &mut MixStream) -> Vec<u8> {
    let mut all = Vec::new();
    soon(stream.read_to_end(&mut all)).await.unwrap();
    all
}

/// Reads until it fails: what came, and how it failed.
async fn to_failure(stream: &mut MixStream) -> (Vec<u8>, std::io::Error) {
    let mut all = Vec::new();
    let failure = soon(stream.read_to_end(&mut all)).await.unwrap_err();
    (all, failure)
}

/// Writes until nothing more fits; returns how many bytes did.
async fn stuff(stream: &mut MixStream) -> usize {
    let mut sent = 0;
    let piece = vec![7; 64 * KIB];
    while let Ok(wrote) = timeout(Duration::from_millis(500), stream.write(&piece)).await {
        sent += wrote.unwrap();
    }
    sent
}

/// VTP-49, VTP-50: either direction may end first; the other goes on.
#[tokio::test]
async fn each_direction_ends_by_itself() {
    let (ours, theirs) = joined().await;
    for opener_first in [true, false] {
        let (opened, taken) = stream(&ours, &theirs).await;
        assert_eq!((opened.head(), taken.head()), (&b"test"[..], &b"test"[..]));
        assert_eq!((opened.peer(), taken.peer()), (ours.peer(), theirs.peer()));
        let (mut first, mut last) = if opener_first {
            (opened, taken)
        } else {
            (taken, opened)
        };
        first.write_all(b"that is all from here").await.unwrap();
        first.shutdown().await.unwrap();
        assert_eq!(to_end(&mut last).await, b"that is all from here");
        let behind = first.write(b"more").await.unwrap_err();
        assert_eq!(behind.kind(), ErrorKind::BrokenPipe);
        for _ in 0..3 {
            last.write_all(b"still here").await.unwrap();
            let mut heard = [0; 10];
            soon(first.read_exact(&mut heard)).await.unwrap();
            assert_eq!(&heard, b"still here");
        }
        last.shutdown().await.unwrap();
        assert_eq!(to_end(&mut first).await, b"");
    }
}

/// VTP-50: the bytes of a stream, in order, both ways at once.
#[tokio::test]
async fn eight_megabytes_arrive_whole_both_ways() {
    let (ours, theirs) = joined().await;
    let (opened, taken) = stream(&ours, &theirs).await;
    let all = noise(8 * KIB * KIB);
    let carry = |stream| {
        let all = all.clone();
        tokio::spawn(async move {
            let (mut from, mut to) = tokio::io::split::<MixStream>(stream);
            let mut heard = Vec::new();
            let say = async {
                to.write_all(&all).await.unwrap();
                to.shutdown().await.unwrap();
            };
            let ((), read) = tokio::join!(say, from.read_to_end(&mut heard));
            read.unwrap();
            assert!(heard == all);
        })
    };
    for end in [carry(opened), carry(taken)] {
        soon(end).await.unwrap();
    }
}

/// VTP-50: the peer of a stream that is dropped is told, and so is that of one given up with a code.
#[tokio::test]
async fn a_stream_that_is_dropped_is_reset() {
    let (ours, theirs) = joined().await;
    for code in [0, 42] {
        let (mut opened, mut taken) = stream(&ours, &theirs).await;
        opened.write_all(b"lost perhaps").await.unwrap();
        match code {
            0 => drop(opened),
            code => opened.reset(code),
        }
        let (_, failure) = to_failure(&mut taken).await;
        assert_eq!(failure.kind(), ErrorKind::ConnectionReset);
        assert_eq!(taken.reset_code(), Some(code));
        for failure in [taken.write(b"x").await.err(), taken.shutdown().await.err()] {
            assert_eq!(failure.unwrap().kind(), ErrorKind::ConnectionReset);
        }
    }
}

/// VTP-50: a writer that shuts down and goes away takes nothing back; one that is then still written to
/// says that nobody reads.
#[tokio::test]
async fn behind_its_shutdown_a_dropped_stream_loses_nothing() {
    let (ours, theirs) = joined().await;
    let (mut opened, mut taken) = stream(&ours, &theirs).await;
    let all = noise(300 * KIB);
    opened.write_all(&all).await.unwrap();
    opened.shutdown().await.unwrap();
    drop(opened);
    assert!(to_end(&mut taken).await == all);
    taken.shutdown().await.unwrap();

    let (mut opened, mut taken) = stream(&ours, &theirs).await;
    opened.shutdown().await.unwrap();
    drop(opened);
    let piece = vec![1; 64 * KIB];
    let writing = async {
        loop {
            if let Err(failure) = taken.write(&piece).await {
                return failure;
            }
        }
    };
    assert_eq!(soon(writing).await.kind(), ErrorKind::ConnectionReset);
}

/// VTP-51: what a reader that sleeps keeps from being written is bounded, and that is all that it does.
#[tokio::test]
async fn a_sleeping_reader_stops_its_own_stream_and_nothing_else() {
    let (ours, theirs) = joined().await;
    let (mut to_sleeper, mut sleeper) = stream(&ours, &theirs).await;
    let sent = stuff(&mut to_sleeper).await;
    assert!(
        (ON_THE_WAY / 2..ON_THE_WAY + OVERHANG).contains(&sent),
        "{sent}"
    );

    let (mut beside, mut reader) = stream(&ours, &theirs).await;
    let all = noise(4 * KIB * KIB);
    let writer = tokio::spawn({
        let all = all.clone();
        async move {
            beside.write_all(&all).await.unwrap();
            beside.shutdown().await.unwrap();
            beside
        }
    });
    assert!(to_end(&mut reader).await == all);
    soon(writer).await.unwrap();
    ours.send(b"messages too".to_vec()).await.unwrap();
    assert_eq!(
        soon(theirs.recv()).await,
        Ok(Some(b"messages too".to_vec()))
    );

    to_sleeper.shutdown().await.unwrap();
    assert_eq!(to_end(&mut sleeper).await.len(), sent);
}

/// VTP-49, VTP-47: of a thousand streams one is not read; all others come to their end, whoever opened them. When none is
/// read, what the writers could lay down is bounded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_streams_with_one_asleep() {
    const STREAMS: usize = 1000;
    let (alice, bob) = joined().await;
    for (ours, theirs) in [(&alice, &bob), (&bob, &alice)] {
        let mut listener = theirs.streams();
        let all = noise(80_000);
        let mut writers = Vec::new();
        for number in 0..STREAMS {
            let mut opened = soon(ours.open_stream(&number.to_be_bytes())).await.unwrap();
            let all = all.clone();
            writers.push(tokio::spawn(async move {
                if number == 0 {
                    return stuff(&mut opened).await;
                }
                opened.write_all(&all).await.unwrap();
                opened.shutdown().await.unwrap();
                let mut answer = Vec::new();
                opened.read_to_end(&mut answer).await.unwrap();
                answer.len()
            }));
        }
        let mut asleep = None;
        let mut readers = Vec::new();
        for _ in 0..STREAMS {
            let mut taken = soon(listener.accept()).await.unwrap();
            if taken.head() == 0_usize.to_be_bytes() {
                asleep = Some(taken);
                continue;
            }
            let all = all.clone();
            readers.push(tokio::spawn(async move {
                assert!(to_end(&mut taken).await == all);
                taken.write_all(b"heard").await.unwrap();
                taken.shutdown().await.unwrap();
            }));
        }
        for reader in readers {
            soon(reader).await.unwrap();
        }
        for (number, writer) in writers.into_iter().enumerate() {
            let done = soon(writer).await.unwrap();
            match number {
                0 => assert!(done < ON_THE_WAY + OVERHANG, "{done}"),
                _ => assert_eq!(done, 5),
            }
        }
        drop(asleep);
    }
}

/// VTP-51: a hundred streams that nobody reads take what they may and no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_streams_hold_that_nobody_reads_is_bounded() {
    const STREAMS: usize = 100;
    let (ours, theirs) = joined().await;
    let mut writers = Vec::new();
    for _ in 0..STREAMS {
        let mut opened = soon(ours.open_stream(b"")).await.unwrap();
        writers.push(tokio::spawn(
            async move { (stuff(&mut opened).await, opened) },
        ));
    }
    let mut sent = 0;
    let mut kept = Vec::new();
    for writer in writers {
        let (wrote, opened) = soon(writer).await.unwrap();
        sent += wrote;
        kept.push(opened);
    }
    let most = STREAMS * (ON_THE_WAY + OVERHANG);
    assert!((STREAMS * ON_THE_WAY / 2..=most).contains(&sent), "{sent}");
    drop(theirs);
}

/// VTP-50: beyond its backlog a connection that nobody serves resets what comes; and all of it when its listener goes.
#[tokio::test]
async fn streams_that_nobody_takes_are_reset() {
    let (ours, theirs) = joined_by(|config| config.stream_backlog(2)).await;
    let mut opened = Vec::new();
    for _ in 0..3 {
        opened.push(soon(ours.open_stream(b"")).await.unwrap());
    }
    let (_, failure) = to_failure(opened.last_mut().unwrap()).await;
    assert_eq!(failure.kind(), ErrorKind::ConnectionReset);

    // Those that waited before anybody listened are served.
    let mut listener = theirs.streams();
    let mut first = soon(listener.accept()).await.unwrap();
    first.write_all(b"hello").await.unwrap();
    let mut heard = [0; 5];
    soon(opened[0].read_exact(&mut heard)).await.unwrap();

    drop(listener);
    let mut late = soon(ours.open_stream(b"")).await.unwrap();
    for stream in [&mut opened[1], &mut late] {
        let (_, failure) = to_failure(stream).await;
        assert_eq!(failure.kind(), ErrorKind::ConnectionReset);
    }
    first.write_all(b"again").await.unwrap();
    soon(opened[0].read_exact(&mut heard)).await.unwrap();
    assert_eq!(&heard, b"again");

    // Who listens again is heard again.
    let (_opened, taken) = stream(&ours, &theirs).await;
    assert_eq!(taken.head(), b"test");
}

/// VTP-49
#[tokio::test]
async fn what_cannot_be_opened_is_told_at_once() {
    let (ours, theirs) = joined().await;
    let refused = soon(ours.open_stream(&[0; 513])).await.unwrap_err();
    assert_eq!(refused, OpenError::HeadTooLong);
    let mut opened = Vec::new();
    for _ in 0..1024 {
        opened.push(soon(ours.open_stream(&[0; 512])).await.unwrap());
    }
    let refused = soon(ours.open_stream(b"")).await.unwrap_err();
    assert_eq!(refused, OpenError::TooMany);
    theirs.close();
    soon(ours.closed()).await;
    let refused = soon(ours.open_stream(b"")).await.unwrap_err();
    assert_eq!(refused, OpenError::Over(CloseReason::Closed));
}

/// VTP-50: a connection that ends cuts its streams off, behind what had come; that is never taken for their end.
#[tokio::test]
async fn the_end_of_the_connection_is_not_the_end_of_a_stream() {
    let (ours, theirs) = joined().await;
    let (mut opened, mut taken) = stream(&ours, &theirs).await;
    opened.write_all(b"half a sen").await.unwrap();
    let mut heard = [0; 4];
    soon(taken.read_exact(&mut heard)).await.unwrap();
    ours.close();
    let (rest, failure) = to_failure(&mut taken).await;
    assert_eq!((&heard, &rest[..]), (b"half", &b" a sen"[..]));
    assert_eq!(failure.kind(), ErrorKind::ConnectionAborted);
    let reason = CloseReason::Closed;
    let inner = failure.into_inner().unwrap().downcast::<Cut>();
    assert_eq!(*inner.unwrap(), Cut { reason });
    for failure in [
        taken.write(b"x").await.err(),
        opened.write(b"x").await.err(),
    ] {
        assert_eq!(failure.unwrap().kind(), ErrorKind::NotConnected);
    }
    assert!(soon(theirs.streams().accept()).await.is_none());
}

/// VTP-29, VTP-50: when both have finished and all streams have ended the connection closes by itself, and then everything
/// is there, also what the reader has not read, here and in the node; behind it comes the end of the stream and no fault.
#[tokio::test]
async fn when_all_has_ended_everything_has_arrived() {
    let (ours, theirs) = joined().await;
    let (mut opened, mut taken) = stream(&ours, &theirs).await;
    // More than the reader's tray, and less than what is open to the writer besides.
    let all = noise(150 * KIB);
    opened.write_all(&all).await.unwrap();
    opened.shutdown().await.unwrap();
    taken.shutdown().await.unwrap();
    assert_eq!(to_end(&mut opened).await, b"");
    ours.finish();
    theirs.finish();
    assert_eq!(soon(ours.closed()).await, CloseReason::Closed);
    assert_eq!(soon(theirs.closed()).await, CloseReason::Closed);
    assert!(to_end(&mut taken).await == all);
}

/// A stream is a handle: it keeps its connection.
#[tokio::test]
async fn a_connection_lasts_as_long_as_a_stream_of_it() {
    let (ours, theirs) = joined().await;
    let (mut opened, mut taken) = stream(&ours, &theirs).await;
    drop((ours, theirs));
    opened.write_all(b"and yet").await.unwrap();
    opened.shutdown().await.unwrap();
    assert_eq!(to_end(&mut taken).await, b"and yet");
    drop(taken);
    let (_, failure) = to_failure(&mut opened).await;
    assert_eq!(failure.kind(), ErrorKind::ConnectionAborted);
}
