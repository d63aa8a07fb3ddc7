//! Two nodes in memory, a carrier of cells between them that loses some, and a clock that jumps to whatever happens next.

use super::super::Failure;
use super::meter::broken;
use bytes::Bytes;
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::crypto::rng::Seed;
use pluribus_mix::crypto::sign::SigningKey;
use pluribus_mix::locator::Address;
use pluribus_mix::netlayer::{ConnId, Event, Netlayer as _};
use pluribus_mix::node::{
    CELL_LEN, Carrier, Config, LinkId, LinkRequest, Node, Source, StreamEvent,
};
use pluribus_mix::time::{Duration, Instant};
use std::collections::VecDeque;
use std::sync::Arc;

/// From one node to the other.
const DELAY: Duration = Duration::from_millis(1);
/// A node that wants to be woken in the past is woken this much later.
const SNOOZE: Duration = Duration::from_micros(1);
/// The rig's time within which a round is over, or the bench is broken.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Bytes given to the stream at once.
const PIECE: Bytes = Bytes::from_static(&[0x5a; 64 << 10]);

/// How many cells do not arrive.
#[derive(Clone, Copy)]
pub(super) enum Loss {
    None,
    OneInAHundred,
}

/// One end.
struct End {
    node: Node,
    link: Option<LinkId>,
    /// Cells given to the carrier.
    sent: u64,
}

/// Cells that travel together.
struct Batch {
    at: Instant,
    to: usize,
    /// The index of the first.
    index: u64,
    cells: Vec<u8>,
}

/// Writer and reader of one stream.
pub(super) struct Cells {
    ends: [End; 2],
    now: Instant,
    /// In the order in which they arrive, which is that in which they were sent.
    way: VecDeque<Batch>,
    /// Their buffers, to be used again.
    spare: Vec<Vec<u8>>,
    loss: Loss,
    dice: u64,
    stream: (ConnId, u32),
    /// What the writer has still to write.
    left: usize,
    /// What the reader has read.
    heard: usize,
}

impl Cells {
    /// Two nodes with a stream between them. What is lost is lost from then on.
    pub(super) fn joined(backend: Backend, loss: Loss) -> Result<Self, Failure> {
        let mut ends = [End::new(backend, 1)?, End::new(backend, 2)?];
        let [near, far] = &mut ends;
        let conn = near.node.connect(far.node.locator()).map_err(broken)?;
        let stream = near.node.open_stream(conn, b"bench").map_err(broken)?;
        let mut cells = Self {
            ends,
            now: Instant::from_nanos(1),
            way: VecDeque::new(),
            spare: Vec::new(),
            loss: Loss::None,
            dice: 0x9e37_79b9_7f4a_7c15,
            stream: (conn, stream),
            left: 0,
            heard: 0,
        };
        cells.carry(PIECE.len())?;
        cells.loss = loss;
        Ok(cells)
    }

    /// Carries this many bytes from the writer to the reader.
    pub(super) fn carry(&mut self, bytes: usize) -> Result<(), Failure> {
        let (target, deadline) = (self.heard + bytes, self.now + PATIENCE);
        self.left += bytes;
        self.write()?;
        self.pump(0)?;
        while self.heard < target {
            self.step()?;
            if self.now > deadline {
                return Err(broken("cells do not get through"));
            }
        }
        Ok(())
    }

    /// Jumps to what happens next.
    fn step(&mut self) -> Result<(), Failure> {
        let due = |end: &End| end.node.poll_timeout();
        let woken = self.ends.iter().filter_map(due).min();
        let woken = woken.map(|at| at.max(self.now + SNOOZE));
        let first = |batch: &&Batch| woken.is_none_or(|at| batch.at <= at);
        if self.way.front().filter(first).is_some()
            && let Some(batch) = self.way.pop_front()
        {
            self.now = self.now.max(batch.at);
            return self.arrive(batch);
        }
        self.now = woken.ok_or_else(|| broken("nothing more happens"))?;
        for end in &mut self.ends {
            end.node.handle_timeout(self.now);
        }
        self.pump(0)?;
        self.pump(1)
    }

    fn arrive(&mut self, mut batch: Batch) -> Result<(), Failure> {
        let to = batch.to;
        for (index, cell) in (batch.index..).zip(batch.cells.as_chunks_mut().0) {
            if self.loses() {
                continue;
            }
            if let Some(end) = self.ends.get_mut(to)
                && let Some(link) = end.link
            {
                end.node.handle_cell(self.now, link, index, cell);
            }
        }
        batch.cells.clear();
        self.spare.push(batch.cells);
        self.pump(to)
    }
}

impl Cells {
    /// Does what a node wants done, until it wants nothing.
    fn pump(&mut self, number: usize) -> Result<(), Failure> {
        self.open()?;
        loop {
            let moved = self.transmit(number) | self.hear(number)?;
            if !moved {
                return Ok(());
            }
        }
    }

    /// Opens the link that the first node asks for.
    fn open(&mut self) -> Result<(), Failure> {
        let [near, far] = &mut self.ends;
        match near.node.poll_link(self.now) {
            None => Ok(()),
            Some(LinkRequest::Open { link, .. }) if near.link.is_none() => {
                let other = (far.node).link_accepted(self.now, Source([0; 16]), Carrier::Cells);
                (near.link, far.link) = (Some(link), Some(other));
                near.node.link_opened(self.now, link, Carrier::Cells);
                Ok(())
            }
            Some(_) => Err(broken("the link is lost")),
        }
    }

    fn transmit(&mut self, number: usize) -> bool {
        let Some(end) = self.ends.get_mut(number) else {
            return false;
        };
        let mut cells = self.spare.pop().unwrap_or_default();
        let Some(link) = end.node.poll_transmit(self.now, &mut cells) else {
            self.spare.push(cells);
            return false;
        };
        end.node.link_ready(link);
        let index = end.sent;
        end.sent += (cells.len() / CELL_LEN) as u64;
        self.way.push_back(Batch {
            at: self.now + DELAY,
            to: 1 - number,
            index,
            cells,
        });
        true
    }

    /// Takes what a node tells. Whether it told anything.
    fn hear(&mut self, number: usize) -> Result<bool, Failure> {
        let Some(end) = self.ends.get_mut(number) else {
            return Ok(false);
        };
        while let Some(event) = end.node.poll_event() {
            if let Event::Closed { reason, .. } = event {
                return Err(broken(reason));
            }
        }
        match end.node.poll_stream() {
            None => return Ok(false),
            Some((_, StreamEvent::Writable { .. })) => self.write()?,
            Some((conn, StreamEvent::Readable { stream })) => self.read(conn, stream)?,
            Some((_, StreamEvent::Opened { .. })) => {}
            Some(_) => return Err(broken("the stream is over")),
        }
        Ok(true)
    }

    fn write(&mut self) -> Result<(), Failure> {
        let (conn, stream) = self.stream;
        let [near, _] = &mut self.ends;
        while self.left > 0 {
            let mut piece = PIECE;
            piece.truncate(self.left);
            let wrote = near.node.write_stream(conn, stream, &mut piece);
            self.left = self.left.saturating_sub(wrote.map_err(broken)?);
            if !piece.is_empty() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn read(&mut self, conn: ConnId, stream: u32) -> Result<(), Failure> {
        let [_, far] = &mut self.ends;
        while let Some(bytes) = (far.node)
            .read_stream(conn, stream, usize::MAX)
            .map_err(broken)?
        {
            self.heard += bytes.len();
        }
        Ok(())
    }

    fn loses(&mut self) -> bool {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        matches!(self.loss, Loss::OneInAHundred) && self.dice.is_multiple_of(100)
    }
}

impl End {
    fn new(backend: Backend, host: u8) -> Result<Self, Failure> {
        let mut config = Config::new(Arc::new(SigningKey::from_seed(&[host; 32])), 1);
        let place = format!("127.0.0.{host}:1").parse::<Address>();
        config.backend = backend;
        config.places.push(place.map_err(broken)?);
        Ok(Self {
            node: Node::new(config, &Seed::from_bytes([host; 32])),
            link: None,
            sent: 0,
        })
    }
}
