//! The thread that writes batches at their moment, and does nothing else. (PAC-16)
//!
//! The timer of the runtime is late by a millisecond or so, and later when its threads have work; how late, then, tells how much work there
//! is. So what goes by the clock is written by a thread of its own. It is given whole batches before their moment, sleeps until then as
//! exactly as the machine lets it, and writes them one after the other in the order of their links, the same each time. It looks into nothing,
//! and all that it decides depends on clocks and sockets.
//!
//! *What a socket does not take* waits in the link's lane and goes before the next batch. A peer that takes nothing holds up nobody: sockets do
//! not block. It is given up after a while, and sooner if all that waits here becomes too much; then whoever has the most waiting goes first.
//!
//! *How a link comes here.* It begins as any other, with two tasks (`link`), and its handshake is written by one of them. With its first batch
//! it gets a lane, and that task is told to write out what it has and to hand over the socket; batches wait in the lane until it has.
//! The other task goes on reading, and is the one to say that the link is lost.

mod lane;
mod lateness;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::node::{Batch, LinkId};
use crate::time::{Duration, Instant};

use super::buffers::Batches;
use super::clock::Clock;
use super::link::News;
use lane::{Fate, Lane};

pub(super) use lane::Socket;
pub use lateness::Lateness;
pub(super) use lateness::Record;

/// How long a closed link may take to say its last.
const LINGER: Duration = Duration::from_secs(3);
/// How often a closed link is tried that its socket holds up: no batch comes any more behind which it could follow.
const RETRY: Duration = Duration::from_millis(10);

/// The priority of the thread, as `nice` counts it.
#[cfg(target_os = "linux")]
const FIRST: i32 = -15;

/// What the thread puts up with.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// How long a socket may take nothing. (PAC-16)
    pub(super) patience: Duration,
    /// Bytes that wait, of all links together.
    pub(super) most: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(30),
            most: 256 << 20,
        }
    }
}

/// By what a link is known to the rest of the endpoint.
pub(super) struct Tie {
    /// Said when the link has broken.
    pub(super) lost: CancellationToken,
    /// Dropped when nothing more is written.
    pub(super) _news: mpsc::Sender<News>,
}

enum Order {
    Open(LinkId, Tie),
    /// The handshake is written. `None` if it could not be, or what it went over is no socket.
    Socket(LinkId, Option<Socket>),
    Write(Vec<(Batch, Vec<u8>)>),
    Close(LinkId),
}

/// All writing of an endpoint that goes by the clock. The thread begins with the first link that needs it.
pub(super) struct Writer {
    clock: Clock,
    buffers: Arc<Batches>,
    record: Arc<Record>,
    bounds: Bounds,
    orders: Option<Sender<Order>>,
}

impl Writer {
    pub(super) fn new(clock: Clock, record: Arc<Record>, bounds: Bounds) -> Self {
        Self {
            clock,
            buffers: Arc::default(),
            record,
            bounds,
            orders: None,
        }
    }

    /// An empty buffer for a batch.
    pub(super) fn buffer(&self) -> Vec<u8> {
        self.buffers.take()
    }

    /// Makes room for a link, whose socket is still to come.
    ///
    /// # Errors
    /// There can be no more threads.
    pub(super) fn open(&mut self, link: LinkId, tie: Tie) -> io::Result<(Open, Relief)> {
        let orders = match &self.orders {
            Some(orders) => orders.clone(),
            None => self.orders.insert(self.start()?).clone(),
        };
        let _ = orders.send(Order::Open(link, tie));
        let relief = Relief {
            link,
            orders: orders.clone(),
            socket: None,
        };
        Ok((Open { link, orders }, relief))
    }

    /// Writes these at their moments, to links that are open.
    pub(super) fn write(&self, batches: Vec<(Batch, Vec<u8>)>) {
        if let Some(orders) = &self.orders {
            let _ = orders.send(Order::Write(batches));
        }
    }

    fn start(&self) -> io::Result<Sender<Order>> {
        let (orders, to_do) = channel();
        let desk = Desk {
            clock: self.clock,
            buffers: Arc::clone(&self.buffers),
            record: Arc::clone(&self.record),
            bounds: self.bounds,
            lanes: BTreeMap::new(),
            agenda: BTreeMap::new(),
        };
        let thread = thread::Builder::new().name("writer".to_owned());
        thread.spawn(move || desk.work(&to_do))?;
        Ok(orders)
    }
}

/// A link that the thread writes. Dropped, it is flushed and closed.
pub(super) struct Open {
    link: LinkId,
    orders: Sender<Order>,
}

impl Drop for Open {
    fn drop(&mut self) {
        // A thread that is gone has nothing to close.
        let _ = self.orders.send(Order::Close(self.link));
    }
}

/// Takes over the socket of a link from whoever has written to it so far. Dropped without one, the link is lost.
pub(super) struct Relief {
    link: LinkId,
    orders: Sender<Order>,
    socket: Option<Socket>,
}

impl Relief {
    /// All that came before is in the socket.
    pub(super) fn take_over(mut self, socket: Option<Socket>) {
        self.socket = socket;
    }
}

impl Drop for Relief {
    fn drop(&mut self) {
        let socket = self.socket.take();
        let _ = self.orders.send(Order::Socket(self.link, socket));
    }
}

/// What the thread has.
struct Desk {
    clock: Clock,
    buffers: Arc<Batches>,
    record: Arc<Record>,
    bounds: Bounds,
    lanes: BTreeMap<LinkId, Lane>,
    /// What has its moment still to come.
    agenda: BTreeMap<(Instant, LinkId), Vec<u8>>,
}

impl Desk {
    /// Works until nobody can order anything any more and every link is closed.
    fn work(mut self, orders: &Receiver<Order>) {
        be_exact();
        let mut is_over = false;
        while !is_over || !self.lanes.is_empty() {
            let wait = self.next().map(|next| next.since(self.clock.now()));
            if is_over {
                thread::sleep(wait.unwrap_or(RETRY));
            } else {
                match hear(orders, wait) {
                    Ok(order) => self.obey(order),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => is_over = true,
                }
                orders.try_iter().for_each(|order| self.obey(order));
            }
            self.write_due();
            self.look_after();
        }
    }

    /// When there is something to do next.
    fn next(&self) -> Option<Instant> {
        let now = self.clock.now();
        let due = self.agenda.keys().next().map(|(due, _)| *due);
        let looks = self.lanes.values();
        let looks = looks.filter_map(|lane| lane.wants_a_look(now, self.bounds.patience));
        due.into_iter().chain(looks).min()
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Open(link, tie) => drop(self.lanes.insert(link, Lane::new(tie))),
            Order::Socket(link, Some(socket)) => {
                if let Some(lane) = self.lanes.get_mut(&link) {
                    lane.take_over(socket);
                }
            }
            Order::Socket(link, None) => self.lose(link),
            Order::Write(batches) => {
                for (batch, bytes) in batches {
                    self.note(batch, bytes);
                }
            }
            Order::Close(link) => {
                let until = self.clock.now() + LINGER;
                if let Some(lane) = self.lanes.get_mut(&link) {
                    lane.close(until);
                }
            }
        }
    }

    fn note(&mut self, batch: Batch, bytes: Vec<u8>) {
        match self.lanes.get_mut(&batch.link) {
            Some(lane) => {
                lane.expect();
                self.agenda.insert((batch.due, batch.link), bytes);
            }
            None => self.buffers.give(bytes),
        }
    }

    /// Writes what is due, in the order of links.
    fn write_due(&mut self) {
        while let Some(next) = self.agenda.first_entry() {
            let now = self.clock.now();
            let (due, link) = *next.key();
            if due > now {
                return;
            }
            let bytes = next.remove();
            // Its link may have broken meanwhile.
            let Some(lane) = self.lanes.get_mut(&link) else {
                self.buffers.give(bytes);
                continue;
            };
            self.record.note(now.since(due), bytes.len());
            lane.push(bytes);
            if lane.write(now, &self.buffers) == Fate::Broken {
                self.lose(link);
            }
        }
    }

    /// Ends what is closing, and gives up what has waited too long or for too much.
    fn look_after(&mut self) {
        let (now, patience) = (self.clock.now(), self.bounds.patience);
        let mut over = Vec::new();
        for (link, lane) in &mut self.lanes {
            match lane.look_after(now, patience, &self.buffers) {
                Fate::Stands => {}
                fate => over.push((*link, fate)),
            }
        }
        for (link, fate) in over {
            match fate {
                Fate::Broken => self.lose(link),
                _ => drop(self.lanes.remove(&link)),
            }
        }
        while self.lanes.values().map(Lane::waiting).sum::<usize>() > self.bounds.most {
            let heaviest = self.lanes.iter().max_by_key(|(_, lane)| lane.waiting());
            let Some(link) = heaviest.map(|(link, _)| *link) else {
                return;
            };
            self.lose(link);
        }
    }

    fn lose(&mut self, link: LinkId) {
        if let Some(lane) = self.lanes.remove(&link) {
            lane.lose();
        }
    }
}

fn hear(orders: &Receiver<Order>, wait: Option<Duration>) -> Result<Order, RecvTimeoutError> {
    match wait {
        Some(wait) => orders.recv_timeout(wait),
        None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
    }
}

/// Asks the system to wake this thread at once and before others: not to gather its wake-ups, which makes them 50 µs later, and to let it
/// run first, which not every user may ask.
fn be_exact() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::setpriority_process;
        use rustix::thread::set_current_timer_slack;
        if let Err(error) = set_current_timer_slack(std::num::NonZeroU64::new(1)) {
            tracing::debug!(%error, "wake-ups are gathered");
        }
        // On Linux a thread has a priority of its own.
        if let Err(error) = setpriority_process(None, FIRST) {
            tracing::debug!(%error, "writes wait for others that work");
        }
    }
}
