//! What it costs to send by the clock. (Chapter 5)
//!
//! Relays and clients on loopback TCP, all in this process, with all slots of all clients filled: so every link carries what it always carries,
//! and whether something is said makes no difference. A cell counts when it is sent and when it is received; the CPU time is that of everybody, and
//! nobody does anything else.

use super::super::super::Failure;
use super::super::loopback::ANYWHERE;
use super::super::meter::{Row, broken, cpu, waited, wall};
use super::super::progress;
use super::mesh::{Broken, Listed, RELAYS, agreed};
use super::network::threads;
use super::{crowd, up};
use clap::Args;
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::directory::Params;
use pluribus_mix::net::{Config, Endpoint, fresh_key};
use pluribus_mix::onion::CELL;
use pluribus_mix::pacing::Class;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Milliseconds of a quantum.
pub(super) const QUANTUM: u64 = 50;
/// Circuits that each client has when its slots are filled; one slot is left for others than sessions.
const SPARES: usize = 7;
/// Clients of the rows about work: as much as keeps most of one core busy.
const CLIENTS: usize = 3;
/// Networks that come up; the one in the middle counts.
const UPS: u32 = 5;
/// How long it may take until all slots are filled.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// What a cell is on a link.
const ON_LINK: u64 = 4 + CELL as u64;

/// How the rows about pacing are measured.
#[derive(Args)]
pub(in super::super) struct Paced {
    /// One JSON array of rows on standard output instead of a table
    #[arg(long)]
    pub(in super::super) json: bool,
    /// Seconds of each row
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
}

impl Paced {
    pub(in super::super) fn measure(&self) -> Result<Vec<Row>, Failure> {
        let time = Duration::from_secs(self.seconds);
        progress("a network that comes up");
        let mut rows = vec![up::row("paced.up_ms", "constant", UPS)?];
        progress("cells by the clock");
        rows.extend(work(time)?);
        for (name, class) in [
            ("paced.relay_1000_idle_cpu", Class::default()),
            ("paced.relay_1000_idle_cpu.idle", Class::Idle),
        ] {
            progress(&format!("a thousand circuits, {class}"));
            rows.push(crowd::row(name, class, time)?);
        }
        for class in Class::ALL {
            progress(&format!("a client that says nothing, {class}"));
            rows.push(idle(class, time)?);
        }
        Ok(rows)
    }
}

/// Cells for each second of CPU time, and the 99th percentile of lateness at whoever is latest, against a quarter of a quantum.
fn work(time: Duration) -> Result<Vec<Row>, Failure> {
    let runtime = threads(2)?;
    runtime.block_on(async {
        let town = Town::up(CLIENTS, Class::Bulk).await?;
        let (bytes, worked) = (town.bytes(), cpu());
        sleep(time).await;
        let cells = (town.bytes() - bytes) / ON_LINK;
        let worked = cpu().saturating_sub(worked).as_secs_f64();
        let p99 = town.all().map(|it| it.lateness().p99).max();
        let quarter = QUANTUM * 1000 / 4;
        Ok(vec![
            row("paced.cells_per_core_s", 2.0 * cells as f64 / worked, "1/s"),
            Row {
                reference: Some(quarter as f64),
                ..row("paced.lateness_p99_us", p99.unwrap_or(0) as f64, "us")
            },
        ])
    })
}

/// Bytes that the link of a client carries in a second, each way, while nothing is said.
fn idle(class: Class, time: Duration) -> Result<Row, Failure> {
    let runtime = threads(2)?;
    let rate = runtime.block_on(async {
        let town = Town::up(1, class).await?;
        let sent = || -> u64 { town.clients.iter().map(|it| it.lateness().bytes).sum() };
        let (before, begun) = (sent(), waited());
        sleep(time).await;
        let took = waited().saturating_sub(begun).as_secs_f64();
        Ok::<_, Failure>((sent() - before) as f64 / took)
    })?;
    let name = match class {
        Class::Idle => "paced.idle_client_Bps.idle",
        Class::Talk => "paced.idle_client_Bps.talk",
        Class::Fast => "paced.idle_client_Bps.fast",
        Class::Bulk => "paced.idle_client_Bps.bulk",
    };
    Ok(row(name, rate, "B/s"))
}

fn row(name: &'static str, value: f64, unit: &'static str) -> Row {
    Row {
        name,
        value,
        unit,
        reference: None,
        backend: Backend::default().name(),
    }
}

/// Relays on loopback that do not know each other yet, and what is said of them.
pub(super) async fn bring_up() -> Result<(Vec<Endpoint>, Vec<Listed>), Broken> {
    let (mut relays, mut listed) = (Vec::new(), Vec::<Listed>::new());
    for _ in 0..RELAYS {
        let key = Arc::new(fresh_key()?);
        let config = Config::new(Arc::clone(&key), 1).listening(ANYWHERE);
        let relay = Endpoint::bind(config.relay()?).await?;
        let onion = relay.onion_key().ok_or("no relay")?;
        listed.push((key, onion, relay.local_addr().ok_or("no address")?));
        relays.push(relay);
    }
    Ok((relays, listed))
}

/// Relays and clients, who live as long as this does.
struct Town {
    relays: Vec<Endpoint>,
    clients: Vec<Endpoint>,
}

impl Town {
    /// Brings everybody up, and waits until every slot is filled.
    async fn up(clients: usize, class: Class) -> Result<Self, Failure> {
        let town = Self::begin(clients, class).await.map_err(broken)?;
        let begun = waited();
        for client in &town.clients {
            while client.circuits().await.map_err(broken)?.spare < SPARES {
                if waited().saturating_sub(begun) > PATIENCE {
                    return Err(broken("clients do not fill their slots"));
                }
                sleep(LOOK).await;
            }
        }
        Ok(town)
    }

    async fn begin(clients: usize, class: Class) -> Result<Self, Broken> {
        let (relays, listed) = bring_up().await?;
        let mut town = Self {
            relays,
            clients: Vec::new(),
        };
        for _ in 0..clients {
            let config = Config::fresh()?.mix_client().class(class);
            town.clients.push(Endpoint::bind(config).await?);
        }
        let params = Params::local()
            .with("quantum", QUANTUM)?
            .with("pool_window", 1)?;
        let wall = wall();
        let consensus = Arc::new(agreed(wall, &listed, params)?);
        for party in town.all() {
            party.set_consensus(wall, Arc::clone(&consensus)).await;
        }
        Ok(town)
    }

    fn all(&self) -> impl Iterator<Item = &Endpoint> {
        self.relays.iter().chain(&self.clients)
    }

    /// Bytes that everybody has written so far.
    fn bytes(&self) -> u64 {
        self.all().map(|it| it.lateness().bytes).sum()
    }
}
