//! Programs at a face, over real sockets. What lies behind the face here is plain TCP.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod torn;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pluribus_mix::face::{
    Dial, DialFault, Door, DoorError, Face, Isolation, Limits, Protocol, Reach, Target,
};
use pluribus_mix::locator::Host;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use torn::Torn;

/// Where each name leads; and who asked.
#[derive(Clone)]
struct Plain {
    server: SocketAddr,
    keys: Arc<Mutex<Vec<Isolation>>>,
}

impl Dial for Plain {
    type Stream = Torn;

    async fn dial(&self, isolation: Isolation, target: Target) -> Result<Torn, DialFault> {
        self.keys.lock().unwrap().push(isolation);
        let Target::Host(host, port) = target else {
            return Err(DialFault::NotFound);
        };
        match host {
            Host::Name(name) if name == "forbidden.test" => return Err(DialFault::Policy),
            Host::Name(name) if name == "slow.test" => std::future::pending().await,
            Host::Name(name) if name == "server.test" => assert_eq!(port.get(), 80),
            _ => return Err(DialFault::NotFound),
        }
        let stream = TcpStream::connect(self.server).await;
        let stream = stream.map_err(|_| DialFault::Refused)?;
        Ok(Torn::new(stream))
    }
}

/// A face, the server behind it, and how to stop it.
struct Stage {
    face: SocketAddr,
    server: TcpListener,
    keys: Arc<Mutex<Vec<Isolation>>>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

const SERVER: &str = "server.test";
const QUICK: Limits = Limits {
    seats: 2,
    half_done: 2,
    handshake: Duration::from_millis(500),
    dial: Duration::from_millis(500),
    grace: Duration::from_millis(300),
};

async fn stage(protocol: Protocol, limits: Limits) -> Stage {
    let door = Door::tcp("127.0.0.1:0".parse().unwrap(), Reach::Loopback);
    let door = door.await.unwrap();
    let face = door.local_addr().unwrap();
    stage_at(door, face, protocol, limits).await
}

async fn stage_at(door: Door, face: SocketAddr, protocol: Protocol, limits: Limits) -> Stage {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let keys = Arc::default();
    let dial = Plain {
        server: server.local_addr().unwrap(),
        keys: Arc::clone(&keys),
    };
    let stop = CancellationToken::new();
    let serve = Face::new(door, protocol, 7)
        .limits(limits)
        .serve(dial, stop.clone());
    Stage {
        face,
        server,
        keys,
        stop,
        serving: tokio::spawn(serve),
    }
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), work)
        .await
        .expect("it takes too long")
}

impl Stage {
    async fn knock(&self) -> TcpStream {
        TcpStream::connect(self.face).await.unwrap()
    }

    /// What is on the way to the server's name, both ends.
    async fn carried(&self) -> (TcpStream, TcpStream) {
        let mut ours = self.knock().await;
        ours.write_all(&socks_request(SERVER)).await.unwrap();
        let mut answer = [0; 12];
        soon(ours.read_exact(&mut answer)).await.unwrap();
        assert_eq!(answer, *b"\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00");
        let (theirs, _) = soon(self.server.accept()).await.unwrap();
        (ours, theirs)
    }
}

fn socks_request(host: &str) -> Vec<u8> {
    let length = [u8::try_from(host.len()).unwrap()];
    let name = host.as_bytes();
    [
        b"\x05\x01\x00\x05\x01\x00\x03",
        &length[..],
        name,
        b"\x00\x50",
    ]
    .concat()
}

async fn to_end(mut stream: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut all = Vec::new();
    soon(stream.read_to_end(&mut all)).await.unwrap();
    all
}

fn noise(length: usize) -> Vec<u8> {
    let bytes = (0..length as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8);
    bytes.collect()
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

/// FAC-1, FAC-10: everything at once, and behind the request bytes that nobody waited to send.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_the_request_is_carried_both_ways() {
    for (protocol, request, answer) in [
        (
            Protocol::Socks,
            socks_request(SERVER),
            b"\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00".to_vec(),
        ),
        (
            Protocol::Http,
            b"CONNECT server.test:80 HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
            b"HTTP/1.1 200 Connection established\r\n\r\n".to_vec(),
        ),
    ] {
        let stage = stage(protocol, Limits::default()).await;
        let (up, down) = (noise(3_000_000), noise(2_000_001));
        let ours = stage.knock().await;
        let ours = tokio::spawn(exchange(ours, [request, up.clone()].concat()));
        let (theirs, _) = soon(stage.server.accept()).await.unwrap();
        let theirs = tokio::spawn(exchange(theirs, down.clone()));
        assert!(soon(theirs).await.unwrap() == up);
        assert!(soon(ours).await.unwrap() == [answer, down].concat());
    }
}

/// FAC-10: either side may end first, and the other goes on.
#[tokio::test]
async fn each_direction_ends_by_itself() {
    let stage = stage(Protocol::Socks, Limits::default()).await;
    for program_first in [true, false] {
        let (ours, theirs) = stage.carried().await;
        let (mut first, mut last) = if program_first {
            (ours, theirs)
        } else {
            (theirs, ours)
        };
        first.write_all(b"that is all").await.unwrap();
        first.shutdown().await.unwrap();
        assert_eq!(to_end(&mut last).await, b"that is all");
        for _ in 0..3 {
            last.write_all(b"still here").await.unwrap();
            let mut heard = [0; 10];
            soon(first.read_exact(&mut heard)).await.unwrap();
        }
        last.shutdown().await.unwrap();
        assert_eq!(to_end(&mut first).await, b"");
    }
}

/// FAC-10: what was cut looks cut, in both directions.
#[tokio::test]
async fn a_broken_stream_is_no_end() {
    let stage = stage(Protocol::Socks, Limits::default()).await;
    for program_breaks in [true, false] {
        let (mut ours, mut theirs) = stage.carried().await;
        // Through once, so that nothing is left to be set up.
        ours.write_all(b"a").await.unwrap();
        assert_eq!(soon(theirs.read_u8()).await.unwrap(), b'a');
        let (breaks, mut hears) = if program_breaks {
            (ours, theirs)
        } else {
            (theirs, ours)
        };
        breaks.set_zero_linger().unwrap();
        drop(breaks);
        let heard = soon(hears.read_u8()).await.unwrap_err();
        assert_eq!(heard.kind(), ErrorKind::ConnectionReset, "{program_breaks}");
    }
}

/// FAC-10: a program that breaks when it has nothing more to say is noticed though nobody speaks to it.
#[tokio::test]
async fn a_break_behind_an_end_is_passed_on() {
    let stage = stage(Protocol::Socks, Limits::default()).await;
    let (mut ours, mut theirs) = stage.carried().await;
    ours.write_all(b"that is all").await.unwrap();
    ours.shutdown().await.unwrap();
    assert_eq!(to_end(&mut theirs).await, b"that is all");
    ours.set_zero_linger().unwrap();
    drop(ours);
    let broken = soon(theirs.ready(Interest::ERROR)).await.unwrap();
    assert!(broken.is_error());
}

/// FAC-6
#[tokio::test]
async fn what_cannot_be_dialled_is_told_and_then_it_ends() {
    let stage = stage(Protocol::Socks, QUICK).await;
    for (host, code) in [
        ("forbidden.test", 2),
        ("nowhere.test", 4),
        ("slow.test", 6),
        ("127.1", 4),
    ] {
        let mut ours = stage.knock().await;
        // More than is read: the answer must not drown in a reset.
        let said = [socks_request(host), vec![0; 20_000]].concat();
        ours.write_all(&said).await.unwrap();
        ours.shutdown().await.unwrap();
        let reply = [5, 0, 5, code, 0, 1, 0, 0, 0, 0, 0, 0];
        assert_eq!(to_end(ours).await, reply, "{host}");
    }
    drop(stage.server);
    let mut ours = TcpStream::connect(stage.face).await.unwrap();
    ours.write_all(&socks_request(SERVER)).await.unwrap();
    let reply = [5, 0, 5, 5, 0, 1, 0, 0, 0, 0, 0, 0];
    assert_eq!(to_end(ours).await, reply);
}

/// FAC-5: the same credentials at the same listener, and nothing else, give the same key.
#[tokio::test]
async fn credentials_keep_streams_apart() {
    let stage = stage(Protocol::Http, Limits::default()).await;
    for header in [
        "",
        "Proxy-Authorization: Basic YTpi\r\n",
        "Proxy-Authorization: Basic YTpj\r\n",
        "Proxy-Authorization: Basic YTpi\r\n",
        "",
    ] {
        let ours = stage.knock().await;
        let request = format!("CONNECT forbidden.test:1 HTTP/1.1\r\n{header}\r\n");
        let answer = exchange(ours, request.into_bytes()).await;
        assert!(answer.starts_with(b"HTTP/1.1 403 "));
    }
    let keys = stage.keys.lock().unwrap().clone();
    assert_eq!((keys[0] == keys[4], keys[1] == keys[3]), (true, true));
    assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
    assert!(keys[0] == Isolation::new(7, None) && keys[0] != Isolation::new(8, None));
    assert_eq!(format!("{:?}", keys[1]), "Isolation(..)");
}

/// FAC-7: who says nothing, or too slowly, has ten seconds (here less) and is not waited for.
#[tokio::test]
async fn the_slow_are_left() {
    let stage = stage(Protocol::Http, QUICK).await;
    let mut ours = stage.knock().await;
    let mut dripping = Box::pin(async move {
        while ours.write_all(b"C").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    });
    let early = timeout(QUICK.handshake * 4 / 5, &mut dripping).await;
    assert!(early.is_err(), "it has its time");
    let left = timeout(4 * QUICK.handshake, dripping).await;
    left.expect("it is not waited for");
}

/// FAC-7: of those that have said nothing the oldest gives way.
#[tokio::test]
async fn the_oldest_half_done_handshake_gives_way() {
    let limits = Limits {
        handshake: Duration::from_secs(60),
        ..QUICK
    };
    let stage = stage(Protocol::Socks, limits).await;
    let mut silent = Vec::new();
    for _ in 0..3 {
        let mut ours = stage.knock().await;
        ours.write_all(&[5, 1, 0]).await.unwrap();
        let mut answer = [0; 2];
        soon(ours.read_exact(&mut answer)).await.unwrap();
        silent.push(ours);
    }
    assert!(soon(silent[0].read_u8()).await.is_err());
    let (_ours, _theirs) = stage.carried().await;
    // That one needed a place too, and had it from the second; the third is still welcome.
    assert!(soon(silent[1].read_u8()).await.is_err());
    let request = socks_request(SERVER);
    silent[2].write_all(&request[3..]).await.unwrap();
    assert_eq!(soon(silent[2].read_u8()).await.unwrap(), 5);
}

/// FAC-7: without a seat there is an answer, and a seat that was left is given again.
#[tokio::test]
async fn who_finds_no_seat_is_told() {
    let stage = stage(Protocol::Socks, QUICK).await;
    let first = stage.carried().await;
    let _second = stage.carried().await;
    let mut third = stage.knock().await;
    third.write_all(&socks_request(SERVER)).await.unwrap();
    let reply = [5, 0, 5, 1, 0, 1, 0, 0, 0, 0, 0, 0];
    assert_eq!(to_end(third).await, reply);
    drop(first);
    let freed = async {
        loop {
            let mut again = stage.knock().await;
            again.write_all(&socks_request(SERVER)).await.unwrap();
            let mut reply = [0; 4];
            again.read_exact(&mut reply).await.unwrap();
            if reply[3] == 0 {
                return;
            }
        }
    };
    soon(freed).await;
}

/// FAC-7: a face that is told to stop lets nobody in, and ends what goes on.
#[tokio::test]
async fn a_face_stops() {
    let stage = stage(Protocol::Socks, QUICK).await;
    let (mut ends, theirs) = stage.carried().await;
    let (mut goes_on, mut other) = stage.carried().await;
    stage.stop.cancel();
    sleep(Duration::from_millis(50)).await;
    assert!(TcpStream::connect(stage.face).await.is_err());
    drop(theirs);
    assert_eq!(to_end(&mut ends).await, b"");
    goes_on.write_all(b"a").await.unwrap();
    assert_eq!(soon(other.read_u8()).await.unwrap(), b'a');
    let cut = soon(goes_on.read_u8()).await.unwrap_err();
    assert_eq!(cut.kind(), ErrorKind::ConnectionReset);
    soon(stage.serving).await.unwrap();
}

/// FAC-9
#[tokio::test]
async fn a_tcp_door_is_for_this_machine_unless_exposed() {
    for at in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let refused = Door::tcp(at.parse().unwrap(), Reach::Loopback).await;
        assert!(matches!(refused, Err(DoorError::Exposed(_))), "{at}");
    }
    let at = "0.0.0.0:0".parse().unwrap();
    assert!(Door::tcp(at, Reach::Exposed).await.is_ok());
    let at = "127.3.2.1:0".parse().unwrap();
    assert!(Door::tcp(at, Reach::Loopback).await.is_ok());
}

async fn unix_stage(path: &Path) -> Stage {
    let door = Door::unix(path).unwrap();
    assert_eq!(door.local_addr(), None);
    let nowhere = "127.0.0.1:1".parse().unwrap();
    stage_at(door, nowhere, Protocol::Socks, QUICK).await
}

/// FAC-9: a socket is its owner's alone, is there while it is listened at, and replaces only what nobody listens at.
#[tokio::test]
async fn a_unix_door_replaces_only_a_stale_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("face");
    let stale = std::os::unix::net::UnixListener::bind(&path).unwrap();
    assert!(matches!(Door::unix(&path), Err(DoorError::Taken(_))));
    drop(stale);
    let stage = unix_stage(&path).await;
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(matches!(Door::unix(&path), Err(DoorError::Taken(_))));

    let mut ours = UnixStream::connect(&path).await.unwrap();
    ours.write_all(&socks_request(SERVER)).await.unwrap();
    ours.write_all(b"hello").await.unwrap();
    let (mut theirs, _) = soon(stage.server.accept()).await.unwrap();
    let mut heard = [0; 5];
    soon(theirs.read_exact(&mut heard)).await.unwrap();
    assert_eq!(&heard, b"hello");
    drop((ours, theirs));

    stage.stop.cancel();
    soon(stage.serving).await.unwrap();
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");

    std::fs::write(&path, "a file of somebody's").unwrap();
    assert!(matches!(Door::unix(&path), Err(DoorError::NoSocket(_))));
    let no_folder = folder.path().join("no/face");
    assert!(matches!(
        Door::unix(&no_folder),
        Err(DoorError::Path { .. })
    ));
}

/// FAC-1, FAC-4: a program that exists. Needs `curl`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_finds_its_way() {
    for (protocol, scheme) in [
        (Protocol::Socks, "socks5h://"),
        (Protocol::Socks, "socks5h://alice:secret@"),
        (Protocol::Http, "http://"),
        (Protocol::Http, "http://alice:secret@"),
    ] {
        let stage = stage(protocol, Limits::default()).await;
        let proxy = format!("{scheme}{}", stage.face);
        let curl = Command::new("curl")
            .args(["--silent", "--show-error", "--proxytunnel", "--noproxy", ""])
            .args(["--max-time", "20", "--proxy", &proxy, "http://server.test/"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("this test runs curl, and there is none");
        let (mut theirs, _) = soon(stage.server.accept()).await.unwrap();
        let mut request = [0; 16];
        soon(theirs.read_exact(&mut request)).await.unwrap();
        assert_eq!(&request, b"GET / HTTP/1.1\r\n");
        let page = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        theirs.write_all(page).await.unwrap();
        let done = soon(curl.wait_with_output()).await.unwrap();
        assert!(done.status.success(), "{proxy}");
        assert_eq!(done.stdout, b"hello");
        let shown = scheme.contains("alice");
        let key = stage.keys.lock().unwrap()[0];
        assert_eq!(key != Isolation::new(7, None), shown);
    }
}
