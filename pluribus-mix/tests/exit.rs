//! Sessions with an exit: two real endpoints, and hosts on loopback behind one of them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pluribus_mix::locator::Host;
use pluribus_mix::net::exit::{self, Exit, ExitFault, ExitLimits, Resolve};
use pluribus_mix::net::{Break, Carried, Config, Connection, Endpoint, MixStream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), work)
        .await
        .expect("it takes too long")
}

/// Knows a few names.
struct Names;

impl Resolve for Names {
    fn resolve(
        &self,
        name: String,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        Box::pin(async move {
            let addresses: &[&str] = match name.as_str() {
                "server.test" => &["127.0.0.1"],
                // The first is forbidden, behind the second nobody listens.
                "three.test" => &["127.0.0.66", "127.0.0.3", "127.0.0.1"],
                "forbidden.test" => &["127.0.0.66", "::ffff:127.0.0.66"],
                "empty.test" => &[],
                "hanging.test" => std::future::pending().await,
                _ => return Err(ErrorKind::NotFound.into()),
            };
            Ok(addresses.iter().map(|ip| ip.parse().unwrap()).collect())
        })
    }
}

/// A session, the exit in it, and a host.
struct Stage {
    session: Connection,
    exit: Exit,
    directory: watch::Sender<Option<Bytes>>,
    host: TcpListener,
    serving: JoinHandle<()>,
}

async fn stage(limits: ExitLimits) -> Stage {
    let config = || Config::fresh().unwrap();
    let bob = Endpoint::bind(config().listening("127.0.0.1:0".parse().unwrap()));
    let bob = bob.await.unwrap();
    let alice = Endpoint::bind(config()).await.unwrap();
    let session = soon(alice.connect(bob.locator())).await.unwrap();
    let theirs = soon(bob.accept()).await.unwrap();

    let host = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let forbidden: IpAddr = "127.0.0.66".parse().unwrap();
    let (directory, told) = watch::channel(None);
    let exit = Exit::new(
        Arc::new(move |ip, port| ip != forbidden && port != 25),
        told,
    );
    let exit = exit.resolver(Arc::new(Names)).limits(limits);
    let serving = tokio::spawn({
        let exit = exit.clone();
        async move { exit.serve(theirs).await }
    });
    Stage {
        session,
        exit,
        directory,
        host,
        serving,
    }
}

impl Stage {
    fn port(&self) -> NonZeroU16 {
        NonZeroU16::new(self.host.local_addr().unwrap().port()).unwrap()
    }

    async fn connect(&self, host: &str) -> Result<MixStream, ExitFault> {
        let host = Host::asked_for(host).unwrap();
        soon(exit::connect(&self.session, &host, self.port())).await
    }

    async fn carried(&self) -> (MixStream, TcpStream) {
        let ours = self.connect("server.test").await.unwrap();
        (ours, soon(self.host.accept()).await.unwrap().0)
    }

    /// The exit holds no more sockets than this, sooner or later.
    async fn settles_at(&self, sockets: usize) {
        let settled = async {
            while self.exit.sockets() != sockets {
                sleep(Duration::from_millis(5)).await;
            }
        };
        soon(settled).await;
    }
}

fn noise(length: usize) -> Vec<u8> {
    let bytes = (0..length as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8);
    bytes.collect()
}

async fn to_end(mut stream: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut all = Vec::new();
    soon(stream.read_to_end(&mut all)).await.unwrap();
    all
}

/// Says all this, then ends, and reads to the end.
async fn exchange<S: AsyncRead + AsyncWrite + Send + 'static>(stream: S, say: Vec<u8>) -> Vec<u8> {
    let (from, mut to) = tokio::io::split(stream);
    let say = async {
        to.write_all(&say).await.unwrap();
        to.shutdown().await.unwrap();
    };
    let ((), heard) = tokio::join!(say, to_end(from));
    heard
}

/// DIR-31, DIR-34
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_megabytes_go_both_ways() {
    let stage = stage(ExitLimits::default()).await;
    let (ours, theirs) = stage.carried().await;
    let (up, down) = (noise(10_000_000), noise(10_000_001));
    let ours = tokio::spawn(exchange(ours, up.clone()));
    let theirs = tokio::spawn(exchange(theirs, down.clone()));
    assert!(soon(theirs).await.unwrap() == up);
    assert!(soon(ours).await.unwrap() == down);
    stage.settles_at(0).await;
}

/// DIR-31, DIR-35: many at once, by name and by address; when they have ended nothing of them is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_streams_at_once_leave_nothing_behind() {
    let stage = stage(ExitLimits::default()).await;
    let mut asked = Vec::new();
    for number in 0..200 {
        let session = stage.session.clone();
        let (host, port) = (["server.test", "127.0.0.1"][number % 2], stage.port());
        asked.push(tokio::spawn(async move {
            let host = Host::asked_for(host).unwrap();
            let ours = exit::connect(&session, &host, port).await.unwrap();
            exchange(ours, noise(10_000 + number)).await.len()
        }));
    }
    let mut hosts = Vec::new();
    for _ in 0..200 {
        hosts.push(soon(stage.host.accept()).await.unwrap().0);
    }
    assert_eq!(stage.exit.sockets(), 200);
    for theirs in hosts {
        tokio::spawn(async move {
            let (mut from, mut to) = theirs.into_split();
            tokio::io::copy(&mut from, &mut to).await.unwrap();
            to.shutdown().await.unwrap();
        });
    }
    for (number, ours) in asked.into_iter().enumerate() {
        assert_eq!(soon(ours).await.unwrap(), 10_000 + number);
    }
    stage.settles_at(0).await;
}

/// DIR-34: either side may end first, and the other goes on.
#[tokio::test]
async fn each_direction_ends_by_itself() {
    let stage = stage(ExitLimits::default()).await;
    let (mut ours, mut theirs) = stage.carried().await;
    ours.write_all(b"a question").await.unwrap();
    ours.shutdown().await.unwrap();
    assert_eq!(to_end(&mut theirs).await, b"a question");
    theirs.write_all(b"an answer").await.unwrap();
    theirs.shutdown().await.unwrap();
    assert_eq!(to_end(&mut ours).await, b"an answer");

    let (mut ours, mut theirs) = stage.carried().await;
    theirs.write_all(b"a greeting").await.unwrap();
    theirs.shutdown().await.unwrap();
    assert_eq!(to_end(&mut ours).await, b"a greeting");
    ours.write_all(b"thanks").await.unwrap();
    ours.shutdown().await.unwrap();
    assert_eq!(to_end(&mut theirs).await, b"thanks");
    stage.settles_at(0).await;
}

/// DIR-34: what was cut looks cut at both ends.
#[tokio::test]
async fn what_breaks_on_one_side_breaks_on_the_other() {
    let stage = stage(ExitLimits::default()).await;
    let (mut ours, theirs) = stage.carried().await;
    theirs.set_zero_linger().unwrap();
    drop(theirs);
    let cut = soon(ours.read_u8()).await.unwrap_err();
    assert_eq!(cut.kind(), ErrorKind::ConnectionReset);
    assert_eq!(ours.reset_code(), Some(0));

    let (ours, mut theirs) = stage.carried().await;
    drop(ours);
    let cut = soon(theirs.read_u8()).await.unwrap_err();
    assert_eq!(cut.kind(), ErrorKind::ConnectionReset);
    stage.settles_at(0).await;

    // With the session go all.
    let (_ours, mut theirs) = stage.carried().await;
    stage.session.close();
    let cut = soon(theirs.read_u8()).await.unwrap_err();
    assert_eq!(cut.kind(), ErrorKind::ConnectionReset);
    stage.settles_at(0).await;
    soon(stage.serving).await.unwrap();
}

/// DIR-34: whoever has ended its direction, or waits for room, notices a break as well as one who reads.
#[tokio::test]
async fn a_break_is_noticed_though_nobody_speaks() {
    let stage = stage(ExitLimits::default()).await;
    // The host has said all, and the client says nothing.
    let (mut ours, mut theirs) = stage.carried().await;
    theirs.write_all(b"all").await.unwrap();
    theirs.shutdown().await.unwrap();
    assert_eq!(to_end(&mut ours).await, b"all");
    theirs.set_zero_linger().unwrap();
    drop(theirs);
    stage.settles_at(0).await;
    let how = soon(poll_fn(|cx| ours.poll_broken(cx))).await;
    assert_eq!((how, ours.reset_code()), (Break::BehindEnd, Some(0)));

    // The client has said all, and the host says nothing.
    let (mut ours, mut theirs) = stage.carried().await;
    ours.write_all(b"all").await.unwrap();
    ours.shutdown().await.unwrap();
    assert_eq!(to_end(&mut theirs).await, b"all");
    ours.reset(9);
    stage.settles_at(0).await;

    // The host does not read.
    let (mut ours, theirs) = stage.carried().await;
    let piece = vec![1; 256 * 1024];
    while let Ok(wrote) = timeout(Duration::from_millis(500), ours.write(&piece)).await {
        wrote.unwrap();
    }
    ours.reset(9);
    stage.settles_at(0).await;
    let broken = soon(theirs.ready(Interest::ERROR)).await.unwrap();
    assert!(broken.is_error());

    // With the session go also those that have ended on one side.
    let (mut ours, mut theirs) = stage.carried().await;
    ours.shutdown().await.unwrap();
    assert_eq!(to_end(&mut theirs).await, b"");
    stage.session.close();
    stage.settles_at(0).await;
}

/// DIR-34: a host that does not read holds up the client that writes to it.
#[tokio::test]
async fn who_does_not_read_is_felt_at_the_other_end() {
    let stage = stage(ExitLimits::default()).await;
    let (mut ours, theirs) = stage.carried().await;
    let piece = vec![1; 256 * 1024];
    let mut sent = 0;
    while let Ok(wrote) = timeout(Duration::from_millis(500), ours.write(&piece)).await {
        sent += wrote.unwrap();
        assert!(sent < 64 << 20, "nothing holds it up");
    }
    ours.shutdown().await.unwrap();
    assert_eq!(to_end(theirs).await.len(), sent);
}

/// DIR-32
#[tokio::test]
async fn what_is_refused_has_a_reason() {
    let mut stage = stage(ExitLimits::default()).await;
    for (host, fault) in [
        ("forbidden.test", ExitFault::Policy),
        ("127.0.0.66", ExitFault::Policy),
        ("::ffff:127.0.0.66", ExitFault::Policy),
        ("nowhere.test", ExitFault::NotFound),
        ("empty.test", ExitFault::NotFound),
        // Nobody listens at this port there.
        ("127.0.0.3", ExitFault::Refused),
    ] {
        assert_eq!(stage.connect(host).await.unwrap_err(), fault, "{host}");
    }
    let server = Host::asked_for("server.test").unwrap();
    let mail = NonZeroU16::new(25).unwrap();
    let refused = soon(exit::connect(&stage.session, &server, mail)).await;
    assert_eq!(refused.unwrap_err(), ExitFault::Policy);

    let mut confused = stage.session.open_stream(b"\x03").await.unwrap();
    soon(confused.read_u8()).await.unwrap_err();
    assert_eq!(confused.reset_code(), Some(7));

    stage.host = TcpListener::bind("127.0.0.1:0").await.unwrap();
    stage.settles_at(0).await;
    stage.session.close();
    let over = stage.connect("server.test").await.unwrap_err();
    assert!(
        matches!(over, ExitFault::Over | ExitFault::Open(_)),
        "{over}"
    );
}

/// DIR-33: forbidden addresses of a name are passed over, and so is one where nobody listens.
#[tokio::test]
async fn each_address_of_a_name_is_judged_by_itself() {
    let stage = stage(ExitLimits::default()).await;
    let mut ours = stage.connect("three.test").await.unwrap();
    let (mut theirs, _) = soon(stage.host.accept()).await.unwrap();
    theirs.write_all(b"here").await.unwrap();
    let mut heard = [0; 4];
    soon(ours.read_exact(&mut heard)).await.unwrap();
    assert_eq!(&heard, b"here");
    stage.settles_at(1).await;
}

/// DIR-35
#[tokio::test]
async fn beyond_its_limits_an_exit_is_busy() {
    let limits = ExitLimits {
        sockets: 2,
        streams: 1024,
    };
    let scarce = stage(limits).await;
    let (ours, _theirs) = scarce.carried().await;
    let _more = scarce.carried().await;
    let refused = scarce.connect("server.test").await.unwrap_err();
    assert_eq!(refused, ExitFault::Busy);
    drop(ours);
    scarce.settles_at(1).await;
    scarce.carried().await;

    let limits = ExitLimits {
        sockets: 1024,
        streams: 2,
    };
    let narrow = stage(limits).await;
    let (first, _theirs) = narrow.carried().await;
    let mut second = narrow
        .session
        .open_stream(b"\x01\x00\x50hanging.test")
        .await
        .unwrap();
    let refused = narrow.connect("server.test").await.unwrap_err();
    assert_eq!(refused, ExitFault::Busy);
    drop(first);
    narrow.settles_at(0).await;
    let (third, _theirs) = narrow.carried().await;
    drop(third);
    // Who goes away while the exit looks for a way is not waited for.
    assert!(
        timeout(Duration::from_millis(100), second.read_u8())
            .await
            .is_err()
    );
    drop(second);
    narrow.settles_at(0).await;
    let (_third, _theirs) = narrow.carried().await;
    let (_fourth, _theirs) = narrow.carried().await;
}

/// DIR-31: the directory of the moment, whole.
#[tokio::test]
async fn the_directory_is_told_to_whoever_asks() {
    let stage = stage(ExitLimits::default()).await;
    let ask = |at_most| soon(exit::directory(&stage.session, at_most));
    assert_eq!(ask(10).await, Err(ExitFault::NotFound));
    let consensus = noise(500_000);
    stage.directory.send_replace(Some(consensus.clone().into()));
    assert!(ask(500_000).await == Ok(consensus));
    assert_eq!(ask(499_999).await, Err(ExitFault::Misbehaved));
    stage.directory.send_replace(Some(Bytes::new()));
    assert_eq!(ask(0).await, Ok(Vec::new()));
}
