//! A public vat that is dialled through exits: who it sees, and that there is no other way to it.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pluribus_mix::locator::Address;
use pluribus_mix::net::directory::Network;
use pluribus_mix::net::party::{Client, Keep};
use pluribus_mix::net::{Config, Connection, DialError, Dialer, Endpoint};
use pluribus_mix::netlayer::CloseReason;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::town::{PATIENCE, Running, Town};
use super::{everybody_is_listed, text};

async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.unwrap()
}

/// Stands before a vat, and sees from where it is dialled.
struct Gate {
    vat: Endpoint,
    seen: Arc<Mutex<Vec<IpAddr>>>,
    cut: Mutex<CancellationToken>,
    at: SocketAddr,
}

impl Gate {
    /// A vat behind a gate at this address; its locator tells this host.
    async fn open(at: IpAddr, host: &str) -> Arc<Self> {
        let listener = TcpListener::bind((at, 0)).await.unwrap();
        let at = listener.local_addr().unwrap();
        let place: Address = format!("{host}:{}", at.port()).parse().unwrap();
        let config = Config::fresh().unwrap().known_at(place);
        let vat = Endpoint::bind(config.listening("127.0.0.1:0".parse().unwrap())).await;
        let gate = Arc::new(Self {
            vat: vat.unwrap(),
            seen: Arc::default(),
            cut: Mutex::default(),
            at,
        });
        let keeper = Arc::clone(&gate);
        tokio::spawn(async move {
            loop {
                let (mut guest, from) = listener.accept().await.unwrap();
                keeper.seen.lock().unwrap().push(from.ip());
                let inner = keeper.vat.local_addr().unwrap();
                let cut = keeper.cut.lock().unwrap().clone();
                tokio::spawn(cut.run_until_cancelled_owned(async move {
                    let mut inner = TcpStream::connect(inner).await.unwrap();
                    let _ = copy_bidirectional(&mut guest, &mut inner).await;
                }));
            }
        });
        gate
    }

    /// Breaks what goes through it now.
    fn cut(&self) {
        std::mem::take(&mut *self.cut.lock().unwrap()).cancel();
    }

    fn seen(&self) -> Vec<IpAddr> {
        self.seen.lock().unwrap().clone()
    }

    /// It was dialled, and by relays only.
    fn has_seen_relays_only(&self, town: &Town) {
        let seen = self.seen();
        let is_relay = |ip: &IpAddr| (0..4).any(|n| town.relay_ip(n) == *ip);
        assert!(!seen.is_empty() && seen.iter().all(is_relay), "{seen:?}");
    }

    /// Connects a vat with the one behind the gate: both know each other, and what they say arrives.
    async fn meet(&self, caller: &Endpoint) -> (Connection, Connection) {
        let ours = soon(caller.connect(self.vat.locator())).await.unwrap();
        let theirs = soon(self.vat.accept()).await.unwrap();
        assert_eq!(ours.peer(), self.vat.vat_id());
        assert_eq!(theirs.peer(), caller.vat_id());
        say(&ours, &theirs).await;
        let mut stream = ours.open_stream(b"a stream").await.unwrap();
        let mut taken = soon(theirs.streams().accept()).await.unwrap();
        let (up, down) = (vec![1; 300_000], vec![2; 200_000]);
        let ((), mut heard) = tokio::join!(
            async {
                stream.write_all(&up).await.unwrap();
                stream.shutdown().await.unwrap();
            },
            async {
                let mut heard = Vec::new();
                soon(taken.read_to_end(&mut heard)).await.unwrap();
                heard
            }
        );
        assert!(heard == up);
        heard.clear();
        taken.write_all(&down).await.unwrap();
        taken.shutdown().await.unwrap();
        soon(stream.read_to_end(&mut heard)).await.unwrap();
        assert!(heard == down);
        (ours, theirs)
    }
}

async fn say(ours: &Connection, theirs: &Connection) {
    for (from, to) in [(ours, theirs), (theirs, ours)] {
        from.send(b"hello".to_vec()).await.unwrap();
        assert_eq!(soon(to.recv()).await, Ok(Some(b"hello".to_vec())));
    }
}

/// Four relays that all know each other: before that, some circuits fail.
fn started(town: &Town) -> Running {
    let running = town.start(1, 4);
    everybody_is_listed(town, &running.relays);
    running
}

async fn client(town: &Town) -> Client {
    let authorities = town.locators.iter().map(|it| it.parse().unwrap());
    let network = Network::new(authorities.collect(), 1).unwrap();
    let from = town.ip(150).into();
    let config = || Config::fresh().unwrap().dialling_from(from);
    let endpoint = Endpoint::bind(config().mix_client()).await.unwrap();
    let asking = Endpoint::bind(config().anonymous()).await.unwrap();
    Client::new(endpoint, asking, Keep::open(network, None).unwrap())
}

async fn through(dialer: Dialer) -> Endpoint {
    let config = Config::fresh().unwrap().through(dialer);
    Endpoint::bind(config).await.unwrap()
}

/// FAC-11: through a client in the same process, also when the way breaks; and never otherwise when there is no network any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vat_is_dialled_through_a_client() {
    let town = Town::found(1, 20);
    let _running = started(&town);
    let client = client(&town).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (client, stop) = (client.clone(), stop.clone());
        async move { client.run(stop).await }
    });
    soon(client.ready()).await;
    let ip: IpAddr = town.ip(200).into();
    let gate = Gate::open(ip, &ip.to_string()).await;
    let caller = through(Dialer::Mix(client.clone())).await;
    let (ours, theirs) = gate.meet(&caller).await;
    gate.has_seen_relays_only(&town);

    gate.cut();
    say(&ours, &theirs).await;
    let seen = gate.seen().len();
    assert!(seen >= 2);
    gate.has_seen_relays_only(&town);

    stop.cancel();
    running.await.unwrap();
    gate.cut();
    sleep(Duration::from_secs(2)).await;
    gate.has_seen_relays_only(&town);
    let other = through(Dialer::Mix(client)).await;
    let refused = soon(other.connect(gate.vat.locator())).await.unwrap_err();
    assert_eq!(refused, DialError::Failed(CloseReason::Unreachable));
    assert_eq!(gate.seen().len(), seen);
}

/// FAC-11: through the door of a proxy, by name, which the exit looks up; also from the command line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vat_is_dialled_through_a_proxy() {
    let town = Town::found(1, 20);
    let _running = started(&town);
    let proxy = town.proxy(0, "");
    let ready = proxy.ready();
    let socks = text(&ready, "socks").to_owned();
    let gate = Gate::open("127.0.0.1".parse().unwrap(), "localhost").await;
    let caller = through(Dialer::Socks(socks.parse().unwrap())).await;
    let (ours, theirs) = gate.meet(&caller).await;
    gate.cut();
    say(&ours, &theirs).await;
    assert!(gate.seen().len() >= 2);
    ours.close();

    let mut dial = Command::new(env!("CARGO_BIN_EXE_pluribus-mix"))
        .args(["dial", "--socks", &socks])
        .arg(gate.vat.locator().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = dial.stdin.take().unwrap();
    input.write_all(b"from a program").unwrap();
    drop(input);
    let called = soon(gate.vat.accept()).await.unwrap();
    let mut stream = soon(called.streams().accept()).await.unwrap();
    let mut heard = Vec::new();
    soon(stream.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(heard, b"from a program");
    stream.write_all(b"to it").await.unwrap();
    stream.shutdown().await.unwrap();
    called.finish();
    let output = tokio::task::spawn_blocking(|| dial.wait_with_output().unwrap());
    assert_eq!(soon(output).await.unwrap().stdout, b"to it");
    gate.has_seen_relays_only(&town);
}

/// FAC-11: what cannot be carried is not reached. A direct dial is the control: it would be seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_carrier_a_vat_dials_nobody() {
    let gate = Gate::open("127.0.0.1".parse().unwrap(), "127.0.0.1").await;
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = SocketAddr::new(mute.local_addr().unwrap().ip(), 1);
    let no_proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = no_proxy.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut guest, _)) = no_proxy.accept().await {
            let _ = guest.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let town = Town::found(1, 60);
    for dialer in [
        Dialer::Socks(nobody),
        Dialer::Socks(mute.local_addr().unwrap()),
        Dialer::Socks(at),
        Dialer::SocksUnix(town.path("nothing")),
        Dialer::Mix(client(&town).await),
    ] {
        let name = format!("{dialer:?}");
        let config = Config::fresh().unwrap().through(dialer);
        let patience = Duration::from_secs(1);
        let caller = Endpoint::bind(config.connect_within(patience))
            .await
            .unwrap();
        let refused = soon(caller.connect(gate.vat.locator())).await.unwrap_err();
        assert_eq!(
            refused,
            DialError::Failed(CloseReason::Unreachable),
            "{name}"
        );
    }
    sleep(Duration::from_millis(300)).await;
    assert!(gate.seen().is_empty());
    let caller = through(Dialer::Direct).await;
    soon(caller.connect(gate.vat.locator())).await.unwrap();
    assert_eq!(gate.seen().len(), 1);
    assert_eq!(gate.at.ip(), gate.seen()[0]);
}
