//! CapTP over circuits that go by the clock: a vat calls another, and nobody learns where it is.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pluribus_mix::crypto::sign::SigningKey;
use pluribus_mix::directory::{Authority as Core, Params};
use pluribus_mix::locator::Address;
use pluribus_mix::net::directory::Network;
use pluribus_mix::net::party::{Authority, Client, Keep, Relay, RelayRules};
use pluribus_mix::net::{Config, Dialer, Endpoint, Health, fresh_key, loopback_address};
use pluribus_mix::time::Instant;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use vat_demo::captp::dialect::B;
use vat_demo::host::Host;
use vat_demo::netlayer::entropy;
use vat_demo::netlayer::mix::Mix;
use vat_demo::suite;
use vat_demo::value::Value;
use vat_demo::vat::{Outcome, Ref, Turn};

const RELAYS: usize = 4;
/// Long enough for a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(90);

async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.unwrap()
}

fn place() -> SocketAddr {
    (loopback_address().unwrap(), 0).into()
}

/// An authority, relays and a client on this machine. They stop with it.
struct Town {
    client: Client,
    client_at: IpAddr,
    relays: BTreeSet<IpAddr>,
    _stop: DropGuard,
}

impl Town {
    async fn begin() -> Self {
        let stop = CancellationToken::new();
        let key = Arc::new(fresh_key().unwrap());
        let endpoint = Config::new(Arc::clone(&key), 1).listening(place());
        let endpoint = Endpoint::bind(endpoint).await.unwrap();
        let network = Network::new(vec![endpoint.locator().clone()], 1).unwrap();
        let again = SigningKey::from_expanded(&key.to_expanded()).unwrap();
        let authorities = network.authorities().clone();
        let core = Core::new(again, authorities, Params::local(), RELAYS, None).unwrap();
        let authority = Authority::new(endpoint, network.clone(), core, None).unwrap();
        let token = stop.clone();
        tokio::spawn(async move { authority.run(token).await });
        let mut begun = Vec::new();
        for _ in 0..RELAYS {
            begun.push(relay(&network, &stop).await);
        }
        for (relay, _) in &begun {
            soon(relay.ready()).await;
        }
        let client_at = place().ip();
        let config = || Config::fresh().unwrap().dialling_from(client_at);
        let endpoint = Endpoint::bind(config().mix_client()).await.unwrap();
        let asking = Endpoint::bind(config().anonymous()).await.unwrap();
        let client = Client::new(endpoint, asking, Keep::open(network, None).unwrap());
        let (running, token) = (client.clone(), stop.clone());
        tokio::spawn(async move { running.run(token).await });
        soon(client.ready()).await;
        Self {
            client,
            client_at,
            relays: begun.into_iter().map(|(_, at)| at).collect(),
            _stop: stop.drop_guard(),
        }
    }
}

/// A relay that lets everything through, and where it is.
async fn relay(network: &Network, stop: &CancellationToken) -> (Relay, IpAddr) {
    let key = Arc::new(fresh_key().unwrap());
    let ip = place().ip();
    let config = Config::new(Arc::clone(&key), 1).listening((ip, 0).into());
    let config = config.dialling_from(ip).relay().unwrap();
    let asking = Config::fresh().unwrap().anonymous().dialling_from(ip);
    let endpoint = Endpoint::bind(config).await.unwrap();
    let asking = Endpoint::bind(asking).await.unwrap();
    let rules = RelayRules {
        at: endpoint.local_addr().unwrap(),
        from: Some(ip),
        weight: 1,
        family: Vec::new(),
        policy: "accept private:*".parse().unwrap(),
        own: Vec::new(),
    };
    let keep = Keep::open(network.clone(), None).unwrap();
    let relay = Relay::new(endpoint, asking, key, rules, keep).unwrap();
    let (running, token) = (relay.clone(), stop.clone());
    tokio::spawn(async move { running.run(token).await });
    (relay, ip)
}

fn host(endpoint: Endpoint) -> Host {
    let mix = Mix::new(endpoint.into_netlayer());
    Host::new(Box::new(mix), || Box::new(B), Box::new(entropy::system))
}

/// A public vat, and from where it is dialled: its locator tells the address of a gate that passes on what comes.
async fn public_vat() -> (Host, Arc<Mutex<BTreeSet<IpAddr>>>) {
    let gate = TcpListener::bind(place()).await.unwrap();
    let told: Address = gate.local_addr().unwrap().try_into().unwrap();
    let config = Config::fresh().unwrap().listening(place()).known_at(told);
    let vat = Endpoint::bind(config).await.unwrap();
    let inner = vat.local_addr().unwrap();
    let seen = Arc::<Mutex<BTreeSet<IpAddr>>>::default();
    let sees = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut guest, from)) = gate.accept().await {
            sees.lock().unwrap().insert(from.ip());
            tokio::spawn(async move {
                let mut inner = TcpStream::connect(inner).await.unwrap();
                let _ = copy_bidirectional(&mut guest, &mut inner).await;
            });
        }
    });
    (host(vat), seen)
}

/// What comes of a promise of the first of these vats, while both do what they have to do.
async fn outcome(hosts: &mut [Host; 2], of: &Ref) -> Outcome {
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

/// FAC-11: Alice, who is found nowhere, calls Bob through three relays that send by the clock: she speaks ahead to what he will answer, he calls
/// what she gives him, and all that he or his network sees of her is an exit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vat_calls_another_by_the_clock_and_is_not_seen() {
    let town = Town::begin().await;
    let (mut bob, seen) = public_vat().await;
    let offered = suite::offer(&mut bob);
    let [(_, builder), (_, echo), ..] = &offered[..] else {
        panic!("there are five objects")
    };
    let introducible = bob.turn(|turn| {
        turn.spawn(|turn: &mut Turn<'_>, args: Vec<Value>| match &args[..] {
            [Value::Ref(whom)] => Ok(turn.send(whom, ["Hello".into()]).into()),
            _ => Err("whom?".into()),
        })
    });
    let introducible = bob.register(b"introducible", &introducible);
    let config = Config::fresh().unwrap();
    let config = config.through(Dialer::Mix(town.client.clone()));
    let alice = host(Endpoint::bind(config).await.unwrap());
    assert_eq!(alice.location().hints, None);
    let mut hosts = [alice, bob];

    let builder = hosts[0].enliven(builder);
    let drive = hosts[0].turn(|turn| {
        let factory = turn.send(&builder, []);
        let order = Value::List(vec![Value::symbol("red"), Value::symbol("zoomracer")]);
        let car = turn.send(&factory, [order]);
        turn.send(&car, [])
    });
    let says = Ok("Vroom! I am a red zoomracer car!".into());
    assert_eq!(outcome(&mut hosts, &drive).await, says);

    let echo = hosts[0].enliven(echo);
    let said = vec![Value::from(42), "again".into()];
    let answer = hosts[0].turn(|turn| turn.send(&echo, said.clone()));
    assert_eq!(outcome(&mut hosts, &answer).await, Ok(Value::List(said)));

    let introducible = hosts[0].enliven(&introducible);
    let heard = Rc::<RefCell<Vec<Value>>>::default();
    let hears = Rc::clone(&heard);
    let answer = hosts[0].turn(|turn| {
        let mine = turn.spawn(move |_: &mut Turn<'_>, args: Vec<Value>| {
            hears.borrow_mut().extend(args);
            Ok("and to you".into())
        });
        turn.send(&introducible, [mine.into()])
    });
    let says = Ok("and to you".into());
    assert_eq!(outcome(&mut hosts, &answer).await, says);
    assert_eq!(*heard.borrow(), ["Hello".into()]);

    assert_eq!(hosts.each_ref().map(|host| host.sizes().sessions), [1, 1]);
    let so_far = seen.lock().unwrap().clone();
    assert!(!so_far.is_empty() && so_far.is_subset(&town.relays));
    // The control: whoever dials by itself is seen.
    let config = Config::fresh().unwrap().dialling_from(town.client_at);
    hosts[0] = host(Endpoint::bind(config).await.unwrap());
    let echo = hosts[0].enliven(&offered[1].1);
    outcome(&mut hosts, &echo).await.unwrap();
    assert!(seen.lock().unwrap().contains(&town.client_at));
    let Health { paced, .. } = town.client.state().await.unwrap().health;
    assert!(paced.is_some(), "nothing goes by the clock");
}
