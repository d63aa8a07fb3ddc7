//! A host on the machine: with its clock, its randomness and its sockets.

use std::cell::RefCell;
use std::fs::File;
use std::future::{pending, poll_fn, ready};
use std::io::{LineWriter, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use clap::{Args, ValueEnum};
use data_encoding::HEXLOWER;
use pluribus_mix::net::{Config, Dialer, Endpoint, Seam};
use pluribus_mix::time::Instant;
use tokio::time;
use vat_demo::captp::dialect::{A, Auto, B, Dialect};
use vat_demo::carrier::Carrier;
use vat_demo::host::Host;
use vat_demo::netlayer::entropy;
use vat_demo::netlayer::mix::Mix;
use vat_demo::netlayer::tcp::{Framing, Tcp};

use super::Failure;

/// What carries messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Network {
    /// Bare TCP, for tests of interoperation.
    TcpTestingOnly,
    /// This project's network: who is there is proven, and what is said is secret.
    Mix,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Spoken {
    A,
    B,
    Auto,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Framed {
    None,
    Syrup,
}

/// How a vat comes to its network.
#[derive(Args)]
pub(crate) struct Place {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value_t = Ipv4Addr::LOCALHOST.into())]
    host: IpAddr,
    /// The port to listen at; 0 takes any that is free.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// The dialect of CapTP that peers speak; auto finds out.
    #[arg(long, default_value = "auto")]
    dialect: Spoken,
    /// What stands around messages on bare TCP; the test suite wants none.
    #[arg(long, default_value = "none")]
    framing: Framed,
    /// The key that says who the vat is on the mix network; without it the vat is born now.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Write what happens and because of what, as lines of JSON.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

/// What waits for a carrier.
type Changed = Box<dyn FnMut(&mut Context<'_>) -> Poll<()>>;

/// Has a carrier end its connections behind what was sent.
type Farewell = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()>>>>;

/// A host, and what drives it.
pub(crate) struct Running {
    pub(crate) host: Host,
    changed: Changed,
    farewell: Farewell,
    start: time::Instant,
}

impl Place {
    /// Brings a vat to its network. One that has a way through others is found nowhere: what it says of itself would tell where it is.
    pub(crate) async fn run(
        &self,
        network: Network,
        through: Option<Dialer>,
    ) -> Result<Running, Failure> {
        let at = SocketAddr::new(self.host, self.port);
        match network {
            Network::TcpTestingOnly if through.is_some() => Err(Failure::usage(
                "bare TCP proves nobody, and does not go through a proxy",
            )),
            Network::TcpTestingOnly => {
                let framing = match self.framing {
                    Framed::None => Framing::None,
                    Framed::Syrup => Framing::Syrup,
                };
                let [random @ .., _, _, _, _, _, _, _, _] = entropy::system();
                let name = HEXLOWER.encode(&random);
                let tcp = Tcp::bind(at, name, framing).await;
                let refused = |why| Failure::failed(format!("cannot listen at {at}: {why}"));
                let farewell = |tcp: Tcp| Box::pin(tcp.farewell()) as Pin<Box<_>>;
                self.host(tcp.map_err(refused)?, Tcp::poll_changed, farewell)
            }
            Network::Mix => {
                let config = match &self.key {
                    Some(path) => Config::from_key_file(path),
                    None => Config::fresh(),
                };
                let config = config.map_err(Failure::failed)?;
                let config = match through {
                    Some(dialer) => config.through(dialer),
                    None => config.listening(at),
                };
                let endpoint = Endpoint::bind(config).await.map_err(Failure::failed)?;
                let mix = Mix::new(endpoint.into_netlayer());
                let farewell =
                    |mix: Mix<Seam>| Box::pin(mix.into_netlayer().farewell()) as Pin<Box<_>>;
                self.host(mix, |mix, cx| mix.netlayer().poll_changed(cx), farewell)
            }
        }
    }

    fn host<C: Carrier + 'static>(
        &self,
        carrier: C,
        poll_changed: fn(&mut C, &mut Context<'_>) -> Poll<()>,
        farewell: fn(C) -> Pin<Box<dyn Future<Output = ()>>>,
    ) -> Result<Running, Failure> {
        let carrier = Rc::new(RefCell::new(carrier));
        let shared = Rc::clone(&carrier);
        let dialect = match self.dialect {
            Spoken::A => || Box::new(A) as Box<dyn Dialect>,
            Spoken::B => || Box::new(B) as Box<dyn Dialect>,
            Spoken::Auto => || Box::new(Auto::new()) as Box<dyn Dialect>,
        };
        let mut host = Host::new(Box::new(shared), dialect, Box::new(entropy::system));
        if let Some(path) = &self.trace {
            let file = File::create(path);
            let refused = |why| Failure::failed(format!("{}: {why}", path.display()));
            let mut file = LineWriter::new(file.map_err(refused)?);
            host.trace(move |event| {
                // A vat goes on without its trace.
                let _ = writeln!(file, "{event}");
            });
        }
        let last = Rc::clone(&carrier);
        Ok(Running {
            host,
            farewell: Box::new(move || match Rc::try_unwrap(last) {
                Ok(carrier) => farewell(carrier.into_inner()),
                // Somebody still uses it, and it ends with that.
                Err(_) => Box::pin(ready(())),
            }),
            changed: Box::new(move |cx| poll_changed(&mut carrier.borrow_mut(), cx)),
            start: now(),
        })
    }
}

impl Running {
    /// Does what there is to do.
    pub(crate) fn poll(&mut self) {
        self.host.poll(Instant::ZERO + self.start.elapsed());
    }

    /// Tells the peers that this vat ends, and ends behind what was said.
    pub(crate) async fn farewell(mut self) {
        self.host.close();
        let Self {
            host,
            changed,
            farewell,
            ..
        } = self;
        drop((host, changed));
        farewell().await;
    }

    /// Waits until there may be more. Loses nothing when cancelled.
    pub(crate) async fn changed(&mut self) {
        let due = self.host.poll_timeout();
        let timer = async {
            match due {
                Some(due) => time::sleep_until(self.start + due.since(Instant::ZERO)).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = poll_fn(|cx| (self.changed)(cx)) => {}
            () = timer => {}
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the driver's clock is where time comes from"
)]
fn now() -> time::Instant {
    time::Instant::now()
}
