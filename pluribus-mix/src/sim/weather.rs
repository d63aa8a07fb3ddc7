//! What befalls a pair of hosts.
//!
//! A pair is the same whichever host is named first, and what is set for it holds in both directions, for links that
//! exist and links to come; what is already on its way keeps the time it was given. Each pair draws from a generator of its
//! own: traffic elsewhere never changes its jitter.

use super::carry::Arrival;
use super::cells::Carrier;
use super::link::{Item, State};
use super::{Direction, LinkNo, Place, World};
use crate::crypto::rng::{Rng, Seed};
use crate::time::{Duration, Instant};
use std::collections::BTreeMap;

/// Someone on the wire: is shown each transmission and says what goes on instead, in that order. Nothing at all swallows
/// it. What the pair's [`World::chop`] and [`World::lose`] do comes after.
pub type Meddler = Box<dyn FnMut(Passing, Vec<u8>) -> Vec<Vec<u8>>>;

/// What a meddler knows of a transmission besides its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passing {
    /// World time.
    pub at: Instant,
    /// The link.
    pub link: LinkNo,
    /// Which way.
    pub direction: Direction,
    /// Who sent it.
    pub from: Place,
    /// For whom it is.
    pub to: Place,
    /// Which cell of this direction it is, on a link of [cells](World::cells); none on a stream.
    pub index: Option<u64>,
}

/// The numbers of a pair.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub(super) latency: Duration,
    pub(super) jitter: Duration,
    /// Bytes in a second, for each direction of each link; 0 is no limit.
    bandwidth: u64,
    /// The longest piece; 0 is no chopping.
    chop: usize,
    /// What links opened from now on carry.
    pub(super) carrier: Carrier,
    /// Cells lost, of a thousand.
    pub(super) loss: u16,
}

impl Rules {
    /// How long the sender is busy with `len` bytes.
    pub(super) fn sending(self, len: usize) -> Duration {
        let bytes = u64::try_from(len).unwrap_or(u64::MAX);
        let nanos = u128::from(bytes) * 1_000_000_000;
        nanos
            .checked_div(u128::from(self.bandwidth))
            .map_or(Duration::ZERO, |nanos| {
                Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
            })
    }
}

/// A pair of hosts.
pub(super) struct Pair {
    pub(super) rules: Rules,
    pub(super) parted: bool,
    held: bool,
    waiting: Vec<Arrival>,
    meddler: Option<Meddler>,
    rng: Rng,
}

impl Pair {
    /// What becomes of something that is sent.
    pub(super) fn pass(&mut self, passing: Passing, item: Item) -> Vec<Item> {
        match item {
            Item::Bytes(bytes) => self.pass_bytes(passing, bytes),
            Item::Cell { index, ref cell } => {
                let Some(meddler) = &mut self.meddler else {
                    return vec![item];
                };
                let through = meddler(passing, cell.to_vec()).into_iter();
                let cells = through.filter_map(|bytes| bytes.try_into().ok());
                cells.map(|cell| Item::Cell { index, cell }).collect()
            }
            item => vec![item],
        }
    }

    fn pass_bytes(&mut self, passing: Passing, bytes: Vec<u8>) -> Vec<Item> {
        let through = match &mut self.meddler {
            Some(meddler) => meddler(passing, bytes),
            None => vec![bytes],
        };
        let pieces = through.into_iter().flat_map(|bytes| self.chopped(bytes));
        pieces
            .filter(|piece| !piece.is_empty())
            .map(Item::Bytes)
            .collect()
    }

    /// Whether this is a cell that is lost.
    pub(super) fn loses(&mut self, item: &Item) -> bool {
        let loss = u64::from(self.rules.loss);
        item.is_cell() && loss > 0 && self.rng.below(1000) < loss
    }

    /// Whether what arrives now gets to its host.
    pub(super) const fn lets_in(&self) -> bool {
        !self.parted && !self.held
    }

    fn chopped(&mut self, bytes: Vec<u8>) -> Vec<Vec<u8>> {
        if self.rules.chop == 0 {
            return vec![bytes];
        }
        let most = u64::try_from(self.rules.chop).unwrap_or(u64::MAX);
        let mut pieces = Vec::new();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let wanted = usize::try_from(1 + self.rng.below(most)).unwrap_or(usize::MAX);
            let (piece, behind) = rest.split_at(wanted.min(rest.len()));
            pieces.push(piece.to_vec());
            rest = behind;
        }
        pieces
    }

    /// How much beyond the latency the next item takes.
    pub(super) fn late(&mut self) -> Duration {
        let most = u64::try_from(self.rules.jitter.as_nanos()).unwrap_or(u64::MAX);
        match most {
            0 => Duration::ZERO,
            most => Duration::from_nanos(self.rng.below(most.saturating_add(1))),
        }
    }

    /// Keeps what arrives while the pair is held; gives back what may go on.
    pub(super) fn keep(&mut self, arrival: Arrival) -> Option<Arrival> {
        if self.held {
            self.waiting.push(arrival);
            return None;
        }
        Some(arrival)
    }
}

/// All pairs.
pub(super) struct Weather {
    seed: Seed,
    everywhere: Rules,
    pairs: BTreeMap<(Place, Place), Pair>,
}

impl Weather {
    /// 10 ms between any two, and nothing else.
    pub(super) fn fair(seed: Seed) -> Self {
        Self {
            seed,
            everywhere: Rules {
                latency: Duration::from_millis(10),
                jitter: Duration::ZERO,
                bandwidth: 0,
                chop: 0,
                carrier: Carrier::Stream,
                loss: 0,
            },
            pairs: BTreeMap::new(),
        }
    }

    pub(super) fn pair(&mut self, a: Place, b: Place) -> &mut Pair {
        let key = (a.min(b), a.max(b));
        self.pairs.entry(key).or_insert_with(|| Pair {
            rules: self.everywhere,
            parted: false,
            held: false,
            waiting: Vec::new(),
            meddler: None,
            rng: self.seed.fork(&format!("{key:?}")),
        })
    }

    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut Rules> {
        let pairs = self.pairs.values_mut().map(|pair| &mut pair.rules);
        core::iter::once(&mut self.everywhere).chain(pairs)
    }
}

/// Slow and narrow wires.
impl World {
    /// How long anything takes between `a` and `b`, one way. 10 ms unless said otherwise.
    pub fn latency(&mut self, a: impl Into<Place>, b: impl Into<Place>, latency: Duration) {
        self.pair(a, b).rules.latency = latency;
    }

    /// The same for all pairs, those included for which it was set before.
    pub fn latency_everywhere(&mut self, latency: Duration) {
        self.weather.all().for_each(|rules| rules.latency = latency);
    }

    /// What each item between `a` and `b` takes beyond the latency: something between nothing and this.
    pub fn jitter(&mut self, a: impl Into<Place>, b: impl Into<Place>, jitter: Duration) {
        self.pair(a, b).rules.jitter = jitter;
    }

    /// The same for all pairs, those included for which it was set before.
    pub fn jitter_everywhere(&mut self, jitter: Duration) {
        self.weather.all().for_each(|rules| rules.jitter = jitter);
    }

    /// How many bytes a second each direction of each link between `a` and `b` carries; `None` is no limit. A sender is
    /// not ready for its next batch before the last has left.
    pub fn bandwidth(
        &mut self,
        a: impl Into<Place>,
        b: impl Into<Place>,
        bytes_a_second: Option<u64>,
    ) {
        // Not even a byte a second would be a partition, which says what it means.
        let rate = bytes_a_second.map_or(0, |rate| rate.max(1));
        self.pair(a, b).rules.bandwidth = rate;
    }

    /// Delivers what is sent between `a` and `b` in random pieces of 1 to `max` bytes, each with a jitter of its own; 0
    /// is the end of it.
    pub fn chop(&mut self, a: impl Into<Place>, b: impl Into<Place>, max: usize) {
        self.pair(a, b).rules.chop = max;
    }

    /// The same for all pairs, those included for which it was set before.
    pub fn chop_everywhere(&mut self, max: usize) {
        self.weather.all().for_each(|rules| rules.chop = max);
    }

    pub(super) fn pair(&mut self, a: impl Into<Place>, b: impl Into<Place>) -> &mut Pair {
        self.weather.pair(a.into(), b.into())
    }
}

/// Bad days.
impl World {
    /// From now on whatever is sent or arrives between `a` and `b` is lost, and nobody is told. Cells are lost one by one;
    /// a stream has a hole then, and so has a link of which the opening or the end is lost.
    pub fn partition(&mut self, a: impl Into<Place>, b: impl Into<Place>) {
        let pair = self.pair(a, b);
        pair.parted = true;
        for lost in core::mem::take(&mut pair.waiting) {
            if let Some(link) = self.links.get_mut(&lost.link) {
                link.torn |= !lost.item.is_cell();
            }
        }
    }

    /// Ends a partition. Links that have a hole break, as their ends see one latency from now; a link whose opening
    /// was lost is refused.
    pub fn repair(&mut self, a: impl Into<Place>, b: impl Into<Place>) {
        let (a, b) = (a.into(), b.into());
        let pair = self.weather.pair(a, b);
        if !core::mem::replace(&mut pair.parted, false) {
            return;
        }
        let seen = self.now + pair.rules.latency;
        for (&link, torn) in self
            .links
            .iter_mut()
            .filter(|(_, link)| link.torn && link.joins(a, b))
        {
            for away in torn.holders() {
                let (direction, item) = (away.mirrored(), Item::Broken);
                self.agenda.arrives(
                    seen,
                    Arrival {
                        link,
                        direction,
                        item,
                    },
                );
            }
            // An acceptor that has not heard of the link never will.
            let acceptor = torn.target_mut(Direction::Out);
            if acceptor.state == State::Opening {
                acceptor.state = State::Over;
            }
        }
        self.links.retain(|_, link| !link.is_over());
    }

    /// From now on whatever arrives between `a` and `b` waits at the door, as in a long silence of the network.
    pub fn hold(&mut self, a: impl Into<Place>, b: impl Into<Place>) {
        self.pair(a, b).held = true;
    }

    /// Lets in at once, in order, whatever waits at the door, and holds no more.
    pub fn release(&mut self, a: impl Into<Place>, b: impl Into<Place>) {
        let pair = self.pair(a, b);
        pair.held = false;
        for arrival in core::mem::take(&mut pair.waiting) {
            self.deliver(arrival);
        }
    }

    /// Puts somebody on the wire between `a` and `b`, in the place of who was there before.
    pub fn meddle(&mut self, a: impl Into<Place>, b: impl Into<Place>, meddler: Meddler) {
        self.pair(a, b).meddler = Some(meddler);
    }

    /// Leaves the wire between `a` and `b` alone again.
    pub fn unmeddle(&mut self, a: impl Into<Place>, b: impl Into<Place>) {
        self.pair(a, b).meddler = None;
    }
}
