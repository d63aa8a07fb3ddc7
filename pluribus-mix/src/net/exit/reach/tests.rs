use std::future::pending;
use std::sync::Mutex;

use tokio::net::{TcpListener, TcpSocket};
use tokio::time::sleep;

use super::*;

type Found = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Every name has these addresses.
struct Known(Vec<IpAddr>);

impl Resolve for Known {
    fn resolve(&self, _: String) -> Found {
        let found = self.0.clone();
        Box::pin(async { Ok(found) })
    }
}

struct Hangs;

impl Resolve for Hangs {
    fn resolve(&self, _: String) -> Found {
        Box::pin(pending())
    }
}

const PORT: NonZeroU16 = NonZeroU16::new(80).unwrap();

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn name() -> Host {
    Host::Name("name.test".to_owned())
}

fn open(resolver: impl Resolve) -> Ways {
    Ways::new(Arc::new(|_, _| true), Arc::new(resolver), 16)
}

async fn refused(ways: &Ways, host: Host, port: NonZeroU16) -> Refusal {
    let reached = ways.reach(host, port).await;
    reached.map(|_| ()).unwrap_err()
}

/// How it is refused at this time and not before.
async fn given_up_after(patience: Duration, ways: &Ways, port: NonZeroU16) -> Refusal {
    let margin = Duration::from_millis(100);
    let mut asked = Box::pin(refused(ways, name(), port));
    let early = timeout(patience - margin, &mut asked).await;
    assert!(early.is_err(), "{early:?} is too early");
    timeout(2 * margin, asked).await.expect("it takes too long")
}

/// A port at which 127.0.0.2 takes SYNs and never answers, and 127.0.0.1 does.
async fn a_silent_and_a_ready_host() -> (TcpListener, TcpListener, Vec<TcpStream>) {
    let ready = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    let at = SocketAddr::from(([127, 0, 0, 2], ready.local_addr().unwrap().port()));
    socket.bind(at).unwrap();
    let silent = socket.listen(1).unwrap();
    let mut fillers = Vec::new();
    while let Ok(filler) = timeout(Duration::from_millis(100), TcpStream::connect(at)).await {
        fillers.push(filler.unwrap());
    }
    (silent, ready, fillers)
}

/// DIR-33: the policy sees what an address is, and only the port asked for; families take turns, and eight are enough.
#[test]
fn addresses_are_judged_and_put_in_order() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::clone(&seen);
    let allows = move |ip: IpAddr, port| {
        asked.lock().unwrap().push((ip, port));
        ip != ips(&["10.0.0.1"])[0]
    };
    let ways = Ways::new(Arc::new(allows), Arc::new(Hangs), 1);
    let found = ips(&[
        "::1",
        "::ffff:10.0.0.1",
        "::2",
        "::3",
        "1.1.1.1",
        "10.0.0.1",
        "2.2.2.2",
    ]);
    let allowed = ways.allowed(&found, PORT).unwrap();
    let allowed: Vec<_> = allowed.iter().map(SocketAddr::ip).collect();
    assert_eq!(allowed, ips(&["::1", "1.1.1.1", "::2", "2.2.2.2", "::3"]));
    let second = seen.lock().unwrap()[1];
    assert_eq!(second, (ips(&["10.0.0.1"])[0], 80));
    assert_eq!(ways.allowed(&found[1..2], PORT), Err(Refusal::Policy));
    assert_eq!(ways.allowed(&[found[0]; 9], PORT).unwrap().len(), 8);
}

/// DIR-33: who does not answer costs its head start.
#[tokio::test]
async fn a_silent_address_does_not_hold_up_the_next() {
    let (_silent, ready, _fillers) = a_silent_and_a_ready_host().await;
    let port = NonZeroU16::new(ready.local_addr().unwrap().port()).unwrap();
    let ways = open(Known(ips(&["127.0.0.2", "127.0.0.1"])));
    let reached = timeout(ONE, ways.reach(name(), port)).await.unwrap();
    let (socket, held) = reached.ok().unwrap();
    assert_eq!(socket.peer_addr().unwrap(), ready.local_addr().unwrap());
    drop((socket, held));
    // The attempt that lost is given up soon.
    while ways.free_sockets() < 16 {
        sleep(Duration::from_millis(1)).await;
    }
}

/// DIR-32, DIR-33
#[tokio::test]
async fn an_address_has_five_seconds() {
    let (_silent, ready, _fillers) = a_silent_and_a_ready_host().await;
    let port = NonZeroU16::new(ready.local_addr().unwrap().port()).unwrap();
    tokio::time::pause();
    let ways = open(Known(ips(&["127.0.0.2"])));
    assert_eq!(given_up_after(ONE, &ways, port).await, Refusal::TimedOut);
}

/// DIR-33, DIR-35: a look-up has fifteen seconds, and keeps its place until it returns.
#[tokio::test(start_paused = true)]
async fn look_ups_that_hang_are_left_and_counted() {
    let ways = open(Hangs);
    assert_eq!(given_up_after(ALL, &ways, PORT).await, Refusal::TimedOut);
    for _ in 1..LOOK_UPS {
        let mut asked = Box::pin(ways.reach(name(), PORT));
        assert!(timeout(Duration::from_millis(1), &mut asked).await.is_err());
    }
    assert_eq!(refused(&ways, name(), PORT).await, Refusal::Busy);
}

/// DIR-33: without a socket for it, an address waits for the one before it.
#[tokio::test]
async fn addresses_share_the_sockets_that_there_are() {
    let ready = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = NonZeroU16::new(ready.local_addr().unwrap().port()).unwrap();
    let known = Known(ips(&["127.0.0.3", "127.0.0.4", "127.0.0.1"]));
    let ways = Ways::new(Arc::new(|_, _| true), Arc::new(known), 1);
    let held = ways.reach(name(), port).await.ok().unwrap();
    assert_eq!(ways.free_sockets(), 0);
    assert_eq!(refused(&ways, name(), port).await, Refusal::Busy);
    drop(held);
    assert!(ways.reach(name(), port).await.is_ok());
}
