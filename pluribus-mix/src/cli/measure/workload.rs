//! What clients do while they are watched, and what was true.
//!
//! Each client has a stream through its exit to a host, and by turns says much, hears much, asks little things or is quiet, by a schedule drawn for it. What goes a long time goes at three
//! quarters of what a circuit carries, so that nothing queues, and truth can be told in quanta. The host writes down what it reads and writes, and when: that is what an observer at the other end sees.
//! Afterwards sessions come and go too. All the time it is watched when circuits begin and end.

use super::network::{Client, Network};
use super::run::{Flow, Life, Moments, Run};
use super::tap::{Seen, now};
use super::trace::{Nanos, Record, Spans, Way};
use crate::cli::Failure;
use pluribus_mix::crypto::rng::{Rng, Seed};
use pluribus_mix::locator::Host;
use pluribus_mix::net::{Connection, MixStream, Reach, exit};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Bytes that are said at once: they go into one cell.
const PIECE: usize = 660;
/// How long a session may take to stand, and a stream, and when it is tried again.
const STANDING: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_millis(500);
/// Quanta from one look at circuits to the next: often enough for what takes a window, and seldom enough to disturb nobody.
const LOOK: u64 = 4;
/// A connection of nobody that is watched.
const NOBODY: u32 = u32::MAX;

/// How long what is done.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    /// A quantum, or what would be one.
    pub(super) quantum: Nanos,
    /// Before anything is watched.
    pub(super) settle: Duration,
    pub(super) traffic: Duration,
    pub(super) lives: Duration,
    /// Sessions of each client while lives are watched, at most.
    pub(super) sessions: usize,
}

type Shared<T> = Arc<Mutex<T>>;

fn with<T, R>(shared: &Shared<T>, f: impl FnOnce(&mut T) -> R) -> R {
    f(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A client at work, and what is written down of it.
#[derive(Clone)]
struct Watched {
    number: usize,
    client: Arc<Client>,
    truth: Shared<Truth>,
    lives: Shared<Lives>,
}

/// Has the clients do all of it, and tells what was seen and what was true.
pub(super) async fn run(
    network: Network,
    plan: Plan,
    seed: &Seed,
    seen: &Seen,
) -> Result<Run, Failure> {
    let hosts: Arc<Vec<Shared<Vec<Record>>>> =
        Arc::new(network.clients.iter().map(|_| Shared::default()).collect());
    let host = listen(Arc::clone(&hosts), plan).await?;
    let clients = network.clients.iter().cloned().map(Arc::new).enumerate();
    let watched: Vec<_> = clients
        .map(|(number, client)| Watched {
            number,
            client,
            truth: Shared::default(),
            lives: Shared::default(),
        })
        .collect();
    let (mut begun, mut work) = (JoinSet::new(), JoinSet::new());
    for one in &watched {
        work.spawn(watch(one.clone(), plan));
        let one = one.clone();
        begun.spawn(async move {
            let number = u32::try_from(one.number).unwrap_or(NOBODY);
            let line = line(&one.client, host, number).await;
            line.map(|line| (one, line))
        });
    }
    let mut lines = Vec::new();
    while let Some(line) = begun.join_next().await {
        lines.push(line.map_err(Failure::failed)??);
    }
    sleep(plan.settle).await;
    let from = now();
    for (one, line) in lines {
        with(&one.lives, |lives| lives.since = Some(from));
        let rng = seed.fork(&format!("client {}", one.number));
        work.spawn(act(one, line, host, plan, rng));
    }
    sleep(plan.traffic).await;
    let until = now();
    sleep(plan.lives).await;
    work.shutdown().await;
    let flow = |one: &Watched| {
        let host = hosts.get(one.number).map(|it| with(it, std::mem::take));
        one.flow(host.unwrap_or_default(), seen)
    };
    Ok(Run {
        quantum: plan.quantum,
        span: (from, until),
        flows: watched.iter().map(flow).collect(),
    })
}

impl Watched {
    fn flow(&self, host: Vec<Record>, seen: &Seen) -> Flow {
        let truth = with(&self.truth, std::mem::take);
        let lives = with(&self.lives, std::mem::take);
        Flow {
            link: seen.of(self.client.address),
            host,
            real_up: truth.up,
            real_down: truth.down,
            exit: lives.at_exit(),
            guard: lives.guard,
            sessions: lives.sessions,
        }
    }
}

/// When a client's cells bore something.
#[derive(Default)]
struct Truth {
    up: Spans,
    down: Spans,
}

/// What was seen of circuits.
#[derive(Default)]
struct Lives {
    guard: Moments,
    exit: Moments,
    sessions: Vec<(Nanos, Nanos)>,
    /// What began at the exit before is left out: then the network came up.
    since: Option<Nanos>,
}

impl Lives {
    /// The circuits of the exit, of which the first that begins is the first that ends.
    fn at_exit(&self) -> Vec<Life> {
        let since = self.since.unwrap_or(Nanos::MAX);
        let began = self.exit.began.iter().copied().filter(|it| *it > since);
        let mut ended = self.exit.ended.iter().copied().filter(|it| *it > since);
        began
            .map(|began| Life {
                began,
                ended: ended.find(|it| *it > began),
            })
            .collect()
    }
}

/// A session with the client's exit, and a stream to the host over it.
struct Line {
    stream: MixStream,
    _session: Connection,
}

/// Tries until there is one, for a while.
async fn line(client: &Client, host: SocketAddr, number: u32) -> Result<Line, Failure> {
    let mut why = Failure::failed("a client had no session in time");
    let trying = async {
        loop {
            match try_line(client, host, number).await {
                Ok(line) => return line,
                Err(fault) => why = fault,
            }
            sleep(AGAIN).await;
        }
    };
    let tried = timeout(STANDING, trying).await;
    tried.map_err(|_| why)
}

async fn try_line(client: &Client, host: SocketAddr, number: u32) -> Result<Line, Failure> {
    let session = client.endpoint.session(client.exit_id(), Reach::Far).await;
    let session = session.map_err(Failure::failed)?;
    let port = NonZeroU16::new(host.port()).ok_or_else(|| Failure::failed("no port"))?;
    let to = Host::V4(Ipv4Addr::LOCALHOST);
    let stream = exit::connect(&session, &to, port).await;
    let mut stream = stream.map_err(Failure::failed)?;
    stream.write_u32(number).await.map_err(Failure::failed)?;
    stream.flush().await.map_err(Failure::failed)?;
    Ok(Line {
        stream,
        _session: session,
    })
}

/// A client's part, until it is stopped: first traffic, then sessions that come and go.
async fn act(one: Watched, line: Line, host: SocketAddr, plan: Plan, mut rng: Rng) {
    let (reading, writing) = tokio::io::split(line.stream);
    let acting = async {
        // What cannot be said any more is missed where it is counted.
        let _ = talk(writing, &one.truth, plan, &mut rng).await;
        come_and_go(&one, host, plan, &mut rng).await;
    };
    tokio::join!(hear(reading, &one.truth, plan), acting);
}

/// Traffic, by turns of all kinds.
async fn talk(
    mut writing: WriteHalf<MixStream>,
    truth: &Shared<Truth>,
    plan: Plan,
    rng: &mut Rng,
) -> std::io::Result<WriteHalf<MixStream>> {
    let until = now() + Nanos::try_from(plan.traffic.as_nanos()).unwrap_or(0);
    while now() < until {
        let long = 16 + rng.below(40);
        match rng.below(8) {
            // Much is said.
            0..3 => say(&mut writing, truth, plan, (long, 0)).await?,
            // Much is heard.
            3..5 => say(&mut writing, truth, plan, (1, long)).await?,
            // Little things are asked.
            5 => {
                for _ in 0..2 + rng.below(5) {
                    say(&mut writing, truth, plan, (1, 1 + rng.below(3))).await?;
                    sleep(quanta(plan, 2 + rng.below(6))).await;
                }
            }
            // Both.
            _ => say(&mut writing, truth, plan, (long, long)).await?,
        }
        // Now and then for long, so that there is something to tell from being busy.
        let rest = match rng.below(3) {
            0 => 90 + rng.below(140),
            _ => 5 + rng.below(40),
        };
        sleep(quanta(plan, rest)).await;
    }
    Ok(writing)
}

fn quanta(plan: Plan, count: u64) -> Duration {
    Duration::from_nanos(plan.quantum.unsigned_abs() * count)
}

/// Says so many pieces, one in a quantum, and is answered with so many.
async fn say(
    writing: &mut WriteHalf<MixStream>,
    truth: &Shared<Truth>,
    plan: Plan,
    (pieces, answers): (u64, u64),
) -> std::io::Result<()> {
    for piece in 0..pieces {
        let answers = if piece == 0 { answers } else { 0 };
        let mut bytes = vec![0x5a; PIECE];
        if let Some(head) = bytes.first_chunk_mut() {
            *head = answers.to_be_bytes();
        }
        let at = now();
        writing.write_all(&bytes).await?;
        writing.flush().await?;
        // What is said in one quantum goes in the next.
        let (from, until) = (at + plan.quantum / 2, at + plan.quantum * 2);
        with(truth, |truth| truth.up.add(from, until));
        if piece + 1 < pieces {
            sleep(quanta(plan, 1)).await;
        }
    }
    Ok(())
}

/// Hears what comes until it is stopped.
async fn hear(mut reading: ReadHalf<MixStream>, truth: &Shared<Truth>, plan: Plan) {
    let mut buffer = vec![0; 64 << 10];
    while reading.read(&mut buffer).await.is_ok_and(|read| read > 0) {
        let at = now();
        let from = at - plan.quantum * 3 / 2;
        with(truth, |truth| truth.down.add(from, at));
    }
}

/// The hosts of all clients.
async fn listen(seen: Arc<Vec<Shared<Vec<Record>>>>, plan: Plan) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.map_err(Failure::failed)?;
    let at = listener.local_addr().map_err(Failure::failed)?;
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(answer(socket, Arc::clone(&seen), plan));
        }
    });
    Ok(at)
}

/// A host: writes down what it reads and writes, and answers as much as it is asked to.
async fn answer(
    mut socket: TcpStream,
    seen: Arc<Vec<Shared<Vec<Record>>>>,
    plan: Plan,
) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let number = socket.read_u32().await?;
    let seen = usize::try_from(number)
        .ok()
        .and_then(|it| seen.get(it).cloned());
    let note = move |bytes: usize, way| {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let record = Record {
            at: now(),
            bytes,
            way,
        };
        seen.iter().for_each(|it| with(it, |it| it.push(record)));
    };
    let (mut reading, mut writing) = socket.into_split();
    let (asked, mut wanted) = mpsc::unbounded_channel::<u64>();
    let said = note.clone();
    tokio::spawn(async move {
        while let Some(mut pieces) = wanted.recv().await {
            while pieces > 0 && writing.write_all(&[0xa5; PIECE]).await.is_ok() {
                said(PIECE, Way::Down);
                pieces -= 1;
                sleep(quanta(plan, 1)).await;
            }
        }
    });
    let (mut buffer, mut rest) = (vec![0; 64 << 10], Vec::new());
    loop {
        let read = reading.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        note(read, Way::Up);
        rest.extend_from_slice(buffer.get(..read).unwrap_or_default());
        while let Some((piece, more)) = rest.split_at_checked(PIECE) {
            let pieces = piece
                .first_chunk()
                .map_or(0, |head| u64::from_be_bytes(*head));
            let _ = asked.send(pieces);
            rest = more.to_vec();
        }
    }
}

/// Sessions come and go.
async fn come_and_go(one: &Watched, host: SocketAddr, plan: Plan, rng: &mut Rng) {
    for _ in 0..plan.sessions {
        sleep(Duration::from_millis(300 + rng.below(1500))).await;
        let asked = now();
        let Ok(line) = line(&one.client, host, NOBODY).await else {
            continue;
        };
        sleep(Duration::from_millis(300 + rng.below(2000))).await;
        drop(line);
        with(&one.lives, |lives| lives.sessions.push((asked, now())));
    }
}

/// Looks again and again how many circuits there are on the client's link and at its exit.
async fn watch(one: Watched, plan: Plan) {
    let Watched { client, lives, .. } = one;
    let mut last = None;
    loop {
        let (own, there) = tokio::join!(client.endpoint.circuits(), client.exit.circuits());
        let (Ok(own), Ok(there)) = (own, there) else {
            return;
        };
        let counts = (own.own, there.through);
        let before = last.replace(counts).unwrap_or(counts);
        with(&lives, |lives| {
            differ(before.0, counts.0, &mut lives.guard);
            differ(before.1, counts.1, &mut lives.exit);
        });
        sleep(quanta(plan, LOOK)).await;
    }
}

/// Notes what began and what ended.
fn differ(before: usize, after: usize, moments: &mut Moments) {
    let at = now();
    let began = std::iter::repeat_n(at, after.saturating_sub(before));
    let ended = std::iter::repeat_n(at, before.saturating_sub(after));
    moments.began.extend(began);
    moments.ended.extend(ended);
}
