//! `paced.relay_1000_idle_cpu`: what relays work for a thousand circuits over which nothing is said, where cells go by the clock.
//!
//! This process is three relays and nothing else, so its CPU time is theirs, with that of their threads that write and of the kernel that serves
//! them. The clients are processes of their own, each a `proxy` with all its slots filled. Their circuits go through two relays each: of all that
//! relays see of circuits, half is as a guard and half as the last hop.

use super::super::super::Failure;
use super::super::meter::{Row, broken, cpu, waited, wall};
use super::mesh::{AUTHORITY, Broken, agreed};
use super::network::threads;
use super::paced::{QUANTUM, bring_up};
use pluribus_mix::crypto::aead::{Aead as _, Backend, Key, TAG_LEN};
use pluribus_mix::crypto::sign::SigningKey;
use pluribus_mix::directory::Params;
use pluribus_mix::id::VatId;
use pluribus_mix::net::Endpoint;
use pluribus_mix::onion::CELL;
use pluribus_mix::pacing::Class;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::sleep;

/// Clients, and slots of each, of which one serves who asks the guard.
const CLIENTS: u16 = 8;
const SLOTS: u64 = 64;
/// How often all their circuits go through a relay.
const THROUGH: usize = CLIENTS as usize * (SLOTS as usize - 1) * 2;
/// Seconds of a window: no circuit ends while it is measured.
const WINDOW: u64 = 30;
/// How long it may take until all slots are filled: a window in which not every circuit was built, and two more.
const PATIENCE: Duration = Duration::from_secs(70);
/// What is enough then, on a machine that has much else to do: the row tells what one circuit takes, a thousand times.
const ENOUGH: usize = THROUGH / 2;
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How often a relay seals or opens for a circuit that sends one cell each way. As a guard it opens both from their links, one from its layer, seals the
/// other under it, and seals both for their links; as the last hop two of the four links are not there. On average:
const PASSES: f64 = 5.0;
/// How often the reference is done; the quickest counts.
const ROUNDS: usize = 7;

/// CPU milliseconds of relays in a second for a thousand circuits of this class, against the AEAD work of their cells.
pub(super) fn row(name: &'static str, class: Class, time: Duration) -> Result<Row, Failure> {
    let runtime = threads(2)?;
    let worked = runtime.block_on(async {
        let crowd = Crowd::up(class).await?;
        let (before, begun) = (cpu(), waited());
        sleep(time).await;
        let worked = cpu().saturating_sub(before).as_secs_f64();
        let took = waited().saturating_sub(begun).as_secs_f64();
        let through = crowd.through().await?;
        Ok::<_, Failure>(worked * 1e3 / took / through as f64 * 1e3)
    })?;
    let cells = 1e3 * class.burst() as f64 / class.every() as f64 * 1e3 / QUANTUM as f64;
    Ok(Row {
        name,
        value: worked,
        unit: "ms/s",
        reference: Some(alone(PASSES * cells)? * 1e3),
        backend: Backend::default().name(),
    })
}

/// CPU seconds for so many times sealing or opening a cell.
fn alone(passes: f64) -> Result<f64, Failure> {
    let key = Key::new(Backend::default(), &[7; 32]);
    let mut buffer = vec![0x5a; CELL + TAG_LEN];
    let pairs = (passes / 2.0) as u64;
    let mut quickest = f64::MAX;
    for _ in 0..ROUNDS {
        let begun = cpu();
        for counter in 0..pairs {
            let (text, place) = buffer.split_at_mut(CELL);
            let tag = key.seal(counter, b"", text).map_err(|_| broken("seal"))?;
            place.copy_from_slice(&tag);
            let opened = key.open(counter, b"", &mut buffer);
            opened.map_err(|_| broken("open"))?;
        }
        quickest = quickest.min(cpu().saturating_sub(begun).as_secs_f64());
    }
    Ok(quickest)
}

/// Relays, and clients that say nothing. They live as long as this does.
struct Crowd {
    relays: Vec<Endpoint>,
    _clients: Vec<Running>,
    _files: TempDir,
}

/// A process that ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // What is gone already needs no end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Crowd {
    /// Brings everybody up, and waits until the slots are filled.
    async fn up(class: Class) -> Result<Self, Failure> {
        let crowd = Self::begin(class).await.map_err(broken)?;
        let begun = waited();
        loop {
            let through = crowd.through().await?;
            let is_late = waited().saturating_sub(begun) > PATIENCE;
            if through >= THROUGH || is_late && through >= ENOUGH {
                return Ok(crowd);
            }
            if is_late {
                return Err(broken(format!(
                    "clients fill {through} places of {THROUGH} at relays"
                )));
            }
            sleep(LOOK).await;
        }
    }

    async fn begin(class: Class) -> Result<Self, Broken> {
        let (relays, listed) = bring_up().await?;
        let params = Params::local()
            .with("quantum", QUANTUM)?
            .with("slots", SLOTS)?
            .with("pool_window", WINDOW)?;
        let wall = wall();
        let consensus = Arc::new(agreed(wall, &listed, params)?);
        for relay in &relays {
            relay.set_consensus(wall, Arc::clone(&consensus)).await;
        }
        let files = tempfile::tempdir()?;
        fs::write(files.path().join("consensus.json"), consensus.signed())?;
        let clients = (0..CLIENTS).map(|number| client(files.path(), number, class));
        Ok(Self {
            relays,
            _clients: clients.collect::<Result<_, _>>()?,
            _files: files,
        })
    }

    /// How often circuits go through relays now.
    async fn through(&self) -> Result<usize, Failure> {
        let mut through = 0;
        for relay in &self.relays {
            through += relay.circuits().await.map_err(broken)?.through;
        }
        Ok(through)
    }
}

/// Starts a proxy that has the consensus, and whose authority nobody asks.
fn client(files: &Path, number: u16, class: Class) -> Result<Running, Broken> {
    let authority = VatId::from(SigningKey::from_seed(&AUTHORITY).public());
    let settings = format!(
        "socks = [\"127.0.0.1:0\"]\nstate = \"state{number}\"\nconsensus = \"consensus.json\"\nclass = \"{class}\"\n\
         [network]\nauthorities = [\"ocapn://{authority}.mix?at=127.0.0.1:1\"]\n",
    );
    let file = files.join(format!("proxy{number}.toml"));
    fs::write(&file, settings)?;
    let program = std::env::current_exe()?;
    let child = Command::new(program)
        .args(["proxy", "--config"])
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    Ok(Running(child))
}
