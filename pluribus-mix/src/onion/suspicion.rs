//! Who is not to be neighbours. (ONI-17)
//!
//! When a circuit fails, a client knows a pair of neighbours of which one did it, and no more. It remembers pairs, not relays: else a
//! relay could have others blamed by spoiling what it passes on to them. Only one that is in trouble with more than three different partners
//! is suspect itself.
//!
//! Everything is forgotten after a day, and there is a bound on all of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::ablation::check;
use crate::id::RelayId;
use crate::time::{Duration, Instant};

/// Pairs that are remembered at most; the oldest that is not suspect goes first.
pub const PAIRS: usize = 4096;
/// How long a pair or a relay is suspect. (ONI-17)
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The time within which lesser strikes add up. (ONI-17)
pub const WINDOW: Duration = Duration::from_secs(10 * 60);
/// Lesser strikes that a pair may have within [`WINDOW`]. (ONI-17)
pub const LESSER: usize = 8;
/// What happens to a pair within this time counts once: one death ends many circuits. (ONI-17)
pub const TOGETHER: Duration = Duration::from_secs(10);
/// The quanta within which a pair may have as many gaps as [`LESSER`]. (PAC-13, PAC-18)
pub const GAPS_WITHIN: u32 = 1000;
/// Partners with which a relay may be suspect before it is itself. (ONI-17)
pub const PARTNERS: usize = 3;

/// A failure that counts against a pair of neighbours. (ONI-17)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// The pair; without the first it is the client and its first hop, and counts against that hop alone.
    pub pair: (Option<RelayId>, RelayId),
    /// How much it says.
    pub grave: Grave,
}

/// How much a strike says. (ONI-17)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grave {
    /// Something was forged or made up: one of the two is at fault, at once.
    Forged,
    /// Something came to an end, as things do; only when it happens often.
    Ended,
    /// A cell was missing in a quantum of this length; only when it happens often. (PAC-13)
    Gap(Duration),
    /// A batch came whole and was not what it should be, where quanta have this length; only when it happens often. (PAC-18)
    Short(Duration),
}

/// All strikes of a client that still count.
#[derive(Default)]
pub struct Suspicion {
    pairs: BTreeMap<Pair, Record>,
    /// Relays that are suspect themselves, and until when.
    relays: BTreeMap<RelayId, Instant>,
}

/// Two neighbours, in the order of their names.
type Pair = (Option<RelayId>, RelayId);

struct Record {
    last: Instant,
    /// The lesser strikes, the newest last.
    lesser: VecDeque<Instant>,
    /// Quanta in which cells were missing, the newest last. (PAC-13, PAC-18)
    gaps: VecDeque<Instant>,
    /// Until when the pair is suspect.
    until: Option<Instant>,
    /// Until when it is so for something forged.
    forged: Option<Instant>,
    /// One of the two was named by somebody else: of the other this says nothing. (RDV-25)
    is_named: bool,
}

impl Record {
    fn is_suspect(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    fn is_forged(&self, now: Instant) -> bool {
        self.forged.is_some_and(|until| now < until)
    }

    fn counts(&self, now: Instant) -> bool {
        self.is_suspect(now) || now.since(self.last) < WINDOW
    }
}

impl Suspicion {
    /// Nobody is suspect.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a strike. (ONI-17)
    pub fn note(&mut self, now: Instant, strike: Strike) {
        self.count(now, strike, false);
    }

    /// Counts a strike against a pair of which one is a meeting relay: neither is suspect itself for how many such pairs it is in. (RDV-25)
    pub fn note_meeting(&mut self, now: Instant, strike: Strike) {
        self.count(now, strike, !check!(NamedByOthers, false));
    }

    fn count(&mut self, now: Instant, strike: Strike, is_named: bool) {
        self.forget(now);
        let pair = ordered(strike.pair);
        self.make_room(now, &pair);
        let record = self.pairs.entry(pair).or_insert_with(|| Record {
            last: now,
            lesser: VecDeque::new(),
            gaps: VecDeque::new(),
            until: None,
            forged: None,
            is_named: false,
        });
        record.last = now;
        record.is_named |= is_named;
        let is_too_much = match strike.grave {
            Grave::Forged => {
                record.forged = Some(now + DAY);
                true
            }
            Grave::Ended => adds_up(&mut record.lesser, now, WINDOW, TOGETHER),
            Grave::Gap(quantum) => adds_up(&mut record.gaps, now, quantum * GAPS_WITHIN, quantum),
            // Each batch is one quantum, whenever it comes.
            Grave::Short(quantum) => {
                let within = quantum * GAPS_WITHIN;
                adds_up(&mut record.gaps, now, within, Duration::ZERO)
            }
        };
        if !is_too_much {
            return;
        }
        record.until = Some(now + DAY);
        if let (Some(one), other) = pair {
            self.judge(now, one);
            self.judge(now, other);
        }
    }

    /// Whether a relay is suspect, whoever stands beside it. (ONI-17)
    pub fn is_suspect(&self, now: Instant, relay: &RelayId) -> bool {
        let itself = self.relays.get(relay).is_some_and(|until| now < *until);
        itself || self.is_suspect_as(now, (None, *relay))
    }

    /// Whether no circuit may go from one of these relays to the other, in either direction. (ONI-17)
    pub fn is_suspect_pair(&self, now: Instant, one: &RelayId, other: &RelayId) -> bool {
        self.is_suspect(now, one)
            || self.is_suspect(now, other)
            || self.is_suspect_as(now, ordered((Some(*one), *other)))
    }

    /// Whether no circuit may go between these relays at all: something was forged between them, or one of them is suspect with too many
    /// others for such things. (ONI-17)
    pub fn is_forger_pair(&self, now: Instant, one: &RelayId, other: &RelayId) -> bool {
        let record = self.pairs.get(&ordered((Some(*one), *other)));
        self.is_forger(now, one)
            || self.is_forger(now, other)
            || record.is_some_and(|record| record.is_forged(now))
    }

    /// Whether a relay is suspect for what was forged beside it. (ONI-17)
    pub fn is_forger(&self, now: Instant, relay: &RelayId) -> bool {
        let forged = |(_, record): &(&Pair, &Record)| record.is_forged(now);
        let alone = self.pairs.get(&(None, *relay));
        alone.is_some_and(|record| record.is_forged(now))
            || partners(self.pairs.iter().filter(forged), relay) > PARTNERS
    }

    /// How many pairs are suspect.
    pub fn suspects(&self, now: Instant) -> usize {
        let suspect = self.pairs.values().filter(|record| record.is_suspect(now));
        suspect.count()
    }

    /// How many pairs are remembered.
    pub fn pairs(&self) -> usize {
        self.pairs.len()
    }

    /// How many pairs are suspect now.
    pub fn suspect_pairs(&self, now: Instant) -> usize {
        let records = self.pairs.values();
        records.filter(|record| record.is_suspect(now)).count()
    }

    fn is_suspect_as(&self, now: Instant, pair: Pair) -> bool {
        let record = self.pairs.get(&pair);
        record.is_some_and(|record| record.is_suspect(now))
    }

    /// Makes a relay suspect that is so with too many partners.
    fn judge(&mut self, now: Instant, relay: RelayId) {
        let suspect = |(_, record): &(&Pair, &Record)| record.is_suspect(now);
        if partners(self.pairs.iter().filter(suspect), &relay) > PARTNERS {
            self.relays.insert(relay, now + DAY);
        }
        if self.relays.len() > PAIRS {
            let oldest = self.relays.iter().min_by_key(|(_, until)| **until);
            oldest
                .map(|(relay, _)| *relay)
                .map(|relay| self.relays.remove(&relay));
        }
    }

    fn forget(&mut self, now: Instant) {
        self.pairs.retain(|_, record| record.counts(now));
        self.relays.retain(|_, until| now < *until);
    }

    fn make_room(&mut self, now: Instant, pair: &Pair) {
        if self.pairs.len() < PAIRS || self.pairs.contains_key(pair) {
            return;
        }
        let age = |(_, record): &(&Pair, &Record)| (record.is_suspect(now), record.last);
        let oldest = self.pairs.iter().min_by_key(age).map(|(pair, _)| *pair);
        oldest.map(|pair| self.pairs.remove(&pair));
    }
}

/// With how many different partners a relay stands in these pairs.
fn partners<'p>(pairs: impl Iterator<Item = (&'p Pair, &'p Record)>, relay: &RelayId) -> usize {
    let partner = |((one, other), _): (&Pair, &Record)| match (*one, *other) {
        (Some(one), other) if one == *relay => Some(other),
        (Some(one), other) if other == *relay => Some(one),
        _ => None,
    };
    let pairs = pairs.filter(|(_, record)| !record.is_named);
    pairs.filter_map(partner).collect::<BTreeSet<_>>().len()
}

/// Notes a lesser strike, unless it counts together with the one before; whether there are too many now within `window`.
fn adds_up(
    lesser: &mut VecDeque<Instant>,
    now: Instant,
    window: Duration,
    together: Duration,
) -> bool {
    lesser.retain(|at| now.since(*at) < window);
    if lesser
        .back()
        .is_some_and(|last| now.since(*last) < together)
    {
        return false;
    }
    lesser.push_back(now);
    if lesser.len() <= LESSER {
        return false;
    }
    lesser.pop_front();
    true
}

fn ordered((one, other): Pair) -> Pair {
    match one {
        Some(one) if other < one => (Some(other), one),
        _ => (one, other),
    }
}
