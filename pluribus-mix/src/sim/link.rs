//! A link and its two ends.
//!
//! ```text
//! opener    Opening ──Stands──► Up ─┬─ closed here, ended there, or broken ─► Over
//! acceptor  Opening ──Open────► Up ─┘
//! ```
//!
//! Each end keeps the lane that leads *to* it: when the wire towards it is free again, and when the last thing put on it
//! will arrive. Nothing on a lane arrives before what was put there earlier; that is all the order there is, and it is
//! enough for a stream.

use super::Place;
use super::cells::{CELL, Carrier};
use super::weather::Rules;
use crate::node::LinkId;
use crate::time::{Duration, Instant};

/// A link of the world, numbered in the order in which links were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkNo(pub u64);

/// Which way along a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the host that opened the link.
    Out,
    /// From the host that accepted it.
    Back,
}

impl Direction {
    /// The other way.
    #[must_use]
    pub const fn mirrored(self) -> Self {
        match self {
            Self::Out => Self::Back,
            Self::Back => Self::Out,
        }
    }
}

/// What travels along a link.
pub(super) enum Item {
    /// Somebody asks for the link.
    Open,
    /// It stands.
    Stands,
    /// It will not stand.
    Refused,
    /// Some of the stream.
    Bytes(Vec<u8>),
    /// A cell, and which it is.
    Cell { index: u64, cell: Box<[u8; CELL]> },
    /// The sender has ended the link.
    Over,
    /// The link has lost something and can be no stream any more.
    Broken,
}

impl Item {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Cell { .. } => CELL,
            _ => 0,
        }
    }

    /// Which cell it is, if it is one.
    pub(super) const fn index(&self) -> Option<u64> {
        match self {
            Self::Cell { index, .. } => Some(*index),
            _ => None,
        }
    }

    pub(super) const fn is_cell(&self) -> bool {
        matches!(self, Self::Cell { .. })
    }

    /// What its first `len` bytes are by themselves. Part of a cell is nothing.
    pub(super) fn head(self, len: usize) -> Option<Self> {
        match self {
            Self::Bytes(mut bytes) => {
                bytes.truncate(len);
                Some(Self::Bytes(bytes))
            }
            Self::Cell { .. } if len < CELL => None,
            whole => Some(whole),
        }
    }
}

/// How far one end is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Opening,
    Up,
    Over,
}

/// One end of a link, and the lane that leads to it.
pub(super) struct End {
    pub(super) place: Place,
    /// What the node there calls the link.
    pub(super) handle: Option<LinkId>,
    pub(super) state: State,
    /// When the last byte sent so far has left the sender.
    pub(super) free: Instant,
    /// When the last item sent so far arrives.
    latest: Instant,
    /// How many cells have been put on the lane.
    cells: u64,
}

impl End {
    fn new(place: Place, handle: Option<LinkId>) -> Self {
        Self {
            place,
            handle,
            state: State::Opening,
            free: Instant::ZERO,
            latest: Instant::ZERO,
            cells: 0,
        }
    }

    /// The index of the next cell on this lane.
    pub(super) const fn next_cell(&mut self) -> u64 {
        let index = self.cells;
        self.cells += 1;
        index
    }

    /// When something of `len` bytes that is sent now will arrive here, `late` beyond the latency.
    pub(super) fn arrival(
        &mut self,
        now: Instant,
        len: usize,
        rules: Rules,
        late: Duration,
    ) -> Instant {
        self.free = self.free.max(now) + rules.sending(len);
        self.latest = self.latest.max(self.free + rules.latency + late);
        self.latest
    }
}

/// One link.
pub(super) struct Link {
    opener: End,
    acceptor: End,
    pub(super) carrier: Carrier,
    /// It has lost something in a partition.
    pub(super) torn: bool,
    /// It is cut, and not everybody who holds it knows: nothing goes along it any more.
    pub(super) dead: bool,
}

impl Link {
    /// A link that is asked for.
    pub(super) fn new(from: Place, handle: Option<LinkId>, to: Place, carrier: Carrier) -> Self {
        Self {
            opener: End::new(from, handle),
            acceptor: End::new(to, None),
            carrier,
            torn: false,
            dead: false,
        }
    }

    /// The end from which this direction leads away.
    pub(super) const fn source(&self, direction: Direction) -> &End {
        match direction {
            Direction::Out => &self.opener,
            Direction::Back => &self.acceptor,
        }
    }

    /// The end to which this direction leads.
    pub(super) const fn target(&self, direction: Direction) -> &End {
        self.source(direction.mirrored())
    }

    /// The end to which this direction leads, to be changed.
    pub(super) const fn target_mut(&mut self, direction: Direction) -> &mut End {
        match direction {
            Direction::Out => &mut self.acceptor,
            Direction::Back => &mut self.opener,
        }
    }

    /// Whether it runs between these two, either way.
    pub(super) fn joins(&self, a: Place, b: Place) -> bool {
        let ends = (self.opener.place, self.acceptor.place);
        ends == (a, b) || ends == (b, a)
    }

    /// The ways that lead from ends where a host holds the link. An acceptor holds it when it has heard of it.
    pub(super) fn holders(&self) -> impl Iterator<Item = Direction> + use<> {
        let opener = (self.opener.state != State::Over).then_some(Direction::Out);
        let acceptor = (self.acceptor.state == State::Up).then_some(Direction::Back);
        opener.into_iter().chain(acceptor)
    }

    /// Nobody holds an end any more.
    pub(super) fn is_over(&self) -> bool {
        self.opener.state == State::Over && self.acceptor.state == State::Over
    }
}
