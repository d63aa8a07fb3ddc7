//! Vats that hide, and vats that do not: each can reach each, and who hides is seen by nobody.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pluribus_mix::crypto::sign::SigningKey;
use pluribus_mix::directory::Params;
use pluribus_mix::locator::{Address, Locator};
use pluribus_mix::net::party::{Client, Keep, Local};
use pluribus_mix::net::{Config, Connection, DialError, Endpoint, fresh_key, loopback_address};
use pluribus_mix::netlayer::CloseReason;
use pluribus_mix::node::Held;
use pluribus_mix::rendezvous::Bearer;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Long enough for a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(60);
const LIFE: Duration = Duration::from_secs(600);

async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.unwrap()
}

fn place() -> SocketAddr {
    (loopback_address().unwrap(), 0).into()
}

/// A network whose relays let everything through.
struct Town {
    local: Local,
    _parties: JoinSet<()>,
    stop: CancellationToken,
    _stop: DropGuard,
}

impl Town {
    async fn begin() -> Self {
        let params = Params::local().with("pacing", "none").unwrap();
        let policy = "accept private:*".parse().unwrap();
        let local = Local::begin(params, 6, &policy).await.unwrap();
        let (mut parties, stop) = (JoinSet::new(), CancellationToken::new());
        local.work(&mut parties, &stop);
        soon(local.ready()).await;
        Self {
            local,
            _parties: parties,
            _stop: stop.clone().drop_guard(),
            stop,
        }
    }

    /// Has a client work for this endpoint.
    async fn join(&self, endpoint: Arc<Endpoint>) -> Client {
        let asking = Config::fresh().unwrap().anonymous();
        let asking = Endpoint::bind(asking).await.unwrap();
        let keep = Keep::open(self.local.network().clone(), None).unwrap();
        let client = Client::new(Arc::clone(&endpoint), asking, keep);
        let (running, stop) = (client.clone(), self.stop.clone());
        tokio::spawn(async move { running.run(stop).await });
        soon(client.ready()).await;
        client
    }

    /// A vat that hides.
    async fn hidden(&self) -> Hidden {
        self.hides(Config::hidden).await
    }

    /// One that lets itself be found by who knows its VatId, and can be.
    async fn listed(&self) -> Hidden {
        let listed = self.hides(Config::listed).await;
        soon(async {
            while listed.endpoint.tickets().await.unwrap().kept == 0 {
                sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        listed
    }

    async fn hides(&self, how: impl Fn(Config) -> Config) -> Hidden {
        let (key, at) = (Arc::new(fresh_key().unwrap()), place().ip());
        let config = how(Config::new(Arc::clone(&key), 1));
        let endpoint = Endpoint::bind(config.dialling_from(at)).await.unwrap();
        let endpoint = Arc::new(endpoint);
        let client = self.join(Arc::clone(&endpoint)).await;
        soon(async {
            while endpoint.tickets().await.unwrap().parked < 3 {
                sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        Hidden {
            key,
            endpoint,
            at,
            client,
        }
    }

    /// A vat that everybody can find, and that can go to those that hide.
    async fn public(&self) -> Public {
        let public = Public::begin(Config::fresh().unwrap().mix_client()).await;
        self.join(Arc::clone(&public.endpoint)).await;
        public
    }
}

/// A vat that hides, and where it is.
struct Hidden {
    key: Arc<SigningKey>,
    endpoint: Arc<Endpoint>,
    at: IpAddr,
    client: Client,
}

/// A vat with an address, and from where it is dialled: its locator tells the address of a gate that passes on what comes.
struct Public {
    endpoint: Arc<Endpoint>,
    callers: Arc<Mutex<BTreeSet<IpAddr>>>,
}

impl Public {
    async fn begin(config: Config) -> Self {
        let gate = TcpListener::bind(place()).await.unwrap();
        let told: Address = gate.local_addr().unwrap().try_into().unwrap();
        let config = config.listening(place()).known_at(told);
        let endpoint = Endpoint::bind(config).await.unwrap();
        let inner = endpoint.local_addr().unwrap();
        let callers = Arc::<Mutex<BTreeSet<IpAddr>>>::default();
        let sees = Arc::clone(&callers);
        tokio::spawn(async move {
            while let Ok((mut guest, from)) = gate.accept().await {
                sees.lock().unwrap().insert(from.ip());
                tokio::spawn(async move {
                    let mut inner = TcpStream::connect(inner).await.unwrap();
                    let _ = copy_bidirectional(&mut guest, &mut inner).await;
                });
            }
        });
        Self {
            endpoint: Arc::new(endpoint),
            callers,
        }
    }

    fn callers(&self) -> BTreeSet<IpAddr> {
        self.callers.lock().unwrap().clone()
    }
}

/// One says something to the other, who answers.
async fn they_talk(here: &Connection, there: &Connection) {
    for (from, to) in [(here, there), (there, here)] {
        from.send(b"a word".to_vec()).await.unwrap();
        let heard = soon(to.recv()).await.unwrap().unwrap();
        assert_eq!(&heard[..], b"a word");
    }
}

/// RDV-38: a vat that hides reaches one with an address by way of an exit: where it is, nobody sees there. The control: one that does not hide is seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hides_is_not_seen_by_whom_it_dials() {
    let town = Town::begin().await;
    let Hidden {
        endpoint: alice,
        at,
        client,
        ..
    } = town.hidden().await;
    let consensus = client.consensus().unwrap();
    let relays = consensus.relays().iter().map(|relay| relay.at.ip());
    let relays: BTreeSet<_> = relays.collect();
    let bob = Public::begin(Config::fresh().unwrap()).await;
    let here = soon(alice.connect(bob.endpoint.locator())).await.unwrap();
    let there = soon(bob.endpoint.accept()).await.unwrap();
    assert_eq!(there.peer(), alice.vat_id());
    they_talk(&here, &there).await;
    assert!(bob.callers().is_subset(&relays));
    assert!(!bob.callers().is_empty());
    let config = Config::fresh().unwrap().dialling_from(at);
    let open = Endpoint::bind(config).await.unwrap();
    soon(open.connect(bob.endpoint.locator())).await.unwrap();
    assert!(bob.callers().contains(&at));
}

/// RDV-38: without circuits of its own, or an exit that lets it through, it reaches nobody, rather than to be seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hides_and_has_no_circuits_reaches_nobody() {
    let bob = Public::begin(Config::fresh().unwrap()).await;
    let config = Config::fresh().unwrap().hidden();
    let alice = Endpoint::bind(config).await.unwrap();
    let dialled = soon(alice.connect(bob.endpoint.locator())).await;
    let unreachable = DialError::Failed(CloseReason::Unreachable);
    assert_eq!(dialled.err(), Some(unreachable));
    assert!(bob.callers().is_empty());
}

/// RDV-34, RDV-35: Alice, who hides or not, introduces Bob to Carol, each of whom hides or not; they meet, and who hides is seen by neither.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_is_introduced_to_each() {
    let town = Town::begin().await;
    let vats = [
        town.hidden().await,
        town.hidden().await,
        town.hidden().await,
    ];
    let [alice, bob, carol] = &vats;
    let (key, hides, carol) = (&alice.key, &alice.endpoint, &carol.endpoint);
    let (public_bob, public_carol) = (town.public().await, town.public().await);
    // Alice and Carol know each other.
    let ticket = carol.ticket(Bearer::Vat(hides.vat_id()), LIFE).await;
    let _line = soon(hides.connect(&ticket.unwrap().unwrap()))
        .await
        .unwrap();
    let _same_line = soon(carol.accept()).await.unwrap();
    for bob in [&bob.endpoint, &public_bob.endpoint] {
        let mut introduction = soon(async {
            loop {
                match hides.introduction_to(carol.vat_id()).await.unwrap() {
                    Some(introduction) => return introduction,
                    None => sleep(Duration::from_millis(20)).await,
                }
            }
        })
        .await;
        let expiry = introduction.expiry();
        introduction.delegate(key, bob.vat_id(), expiry).unwrap();
        let locator = Locator::new(carol.vat_id());
        let hints = introduction.to_hints();
        let there = hints.iter().try_fold(locator, |locator, (name, value)| {
            locator.with_hint(name, value)
        });
        let here = soon(bob.connect(&there.unwrap())).await.unwrap();
        let there = soon(carol.accept()).await.unwrap();
        assert_eq!(there.peer(), bob.vat_id());
        they_talk(&here, &there).await;
        // What has an address is introduced by it.
        let to = public_carol.endpoint.locator();
        let here = soon(bob.connect(to)).await.unwrap();
        let there = soon(public_carol.endpoint.accept()).await.unwrap();
        they_talk(&here, &there).await;
    }
    let seen = public_carol.callers();
    assert!(vats.iter().all(|hidden| !seen.contains(&hidden.at)));
}

/// RDV-40, RDV-41, RDV-42: who knows the VatId of a listed vat connects to it, and neither has a link to anybody but its guards, whoever keeps the record. One that is
/// not listed is not found.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_listed_is_found() {
    let town = Town::begin().await;
    let (bob, dave, carol) = (
        town.hidden().await,
        town.hidden().await,
        town.listed().await,
    );
    let nowhere = Locator::new(dave.endpoint.vat_id());
    let refused = soon(bob.endpoint.connect(&nowhere)).await.err();
    let not_found = DialError::Failed(CloseReason::NotFound);
    assert_eq!(refused, Some(not_found));
    assert_eq!(dave.endpoint.tickets().await.unwrap().kept, 0);
    let by_name = Locator::new(carol.endpoint.vat_id());
    let here = soon(bob.endpoint.connect(&by_name)).await.unwrap();
    let there = soon(carol.endpoint.accept()).await.unwrap();
    assert_eq!(there.peer(), bob.endpoint.vat_id());
    they_talk(&here, &there).await;
    let consensus = bob.client.consensus().unwrap();
    let relays = consensus.relays().iter().map(|relay| relay.at);
    let relays: BTreeSet<_> = relays.map(|at| Address::try_from(at).unwrap()).collect();
    for vat in [&bob, &carol] {
        let knows = vat.endpoint.knowledge().await.unwrap();
        let linked = knows.all.into_iter().filter_map(|held| match held {
            Held::Address(at) => Some(at),
            _ => None,
        });
        let linked: BTreeSet<_> = linked.collect();
        assert!(linked.is_subset(&relays), "{linked:?}");
        assert!((1..=2).contains(&linked.len()), "guards: {linked:?}");
    }
}
