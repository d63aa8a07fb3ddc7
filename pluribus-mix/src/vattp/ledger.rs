//! What has been said and is not known to have come: the memory of a connection's near end. (VTP-45, VTP-46)
//!
//! Every numbered frame that was said stays here, with its bytes, until the peer has it. Three things bring one out again:
//!
//! - *A new transport.* All is said again from the oldest ([`Ledger::begin`]); the frames said on it before the peer's
//!   `expect` came keep their numbers, for the peer may have them by then. When it comes ([`Ledger::confirm`]), the rest
//!   loses its numbers and waits as bodies to be cut and numbered anew. A frame that does not fit the new carrier, and so
//!   all behind it, waits for that moment.
//! - *Three later records.* Cells come in order, so a record is lost when later ones have been acknowledged. Only the first
//!   saying, or a saying after such a proof, tells which record an acknowledgement means; after a mere timeout nobody knows.
//! - *A timeout.* Then the two oldest are said again, not more: if the peer is slow, more would only make it slower.
//!
//! On a stream none of the last two happens, and what they need is not kept.

mod moved;
mod waits;

use super::Violation;
use super::body::Body;
use super::cut::{max_frame, piece};
use super::outbound::WINDOW;
use super::patience::Patience;
use super::pipe::Carrier;
use super::ranges::{NumberSet, Ranges};
use crate::crypto::rng::Rng;
use crate::time::Instant;
use core::ops::RangeInclusive;
pub use moved::Moved;
use std::collections::{BTreeSet, VecDeque};

/// Records acknowledged behind one that is not, after which it is lost. (VTP-46)
const LATER: usize = 3;

/// What came of an attempt to say something of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saying {
    /// A frame was appended.
    Said,
    /// There is one, but not in this record.
    Waits,
    /// There is none: new ones may be said.
    Nothing,
}

/// How far the transport of the moment has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// There is none.
    Idle,
    /// It sends, and the peer's `expect` has not come.
    Begun(Carrier),
    /// The peer's `expect` has come.
    Confirmed(Carrier),
}

struct Entry {
    body: Body,
    /// The record it went in last, and when.
    record: u64,
    at: Instant,
    state: State,
}

/// What is known of a frame that was said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Said once on this transport.
    Once,
    /// Said again because the first saying was lost.
    Again,
    /// Said again because of a timeout: an acknowledgement may mean either saying.
    Guessed,
    /// The peer has it, behind a gap.
    Received,
}

/// The numbered bodies of one direction.
pub struct Ledger {
    said: VecDeque<Entry>,
    /// The number of the oldest in `said`, and the weight of all.
    first: u64,
    weight: usize,
    /// What of the weight is not of messages.
    others: usize,
    stage: Stage,
    /// The next of `said` to be said on this transport.
    resume: u64,
    /// Bodies that have lost their numbers.
    anew: VecDeque<Body>,
    /// What of their weight is not of messages.
    anew_others: usize,
    cells: Cells,
    /// Whether what was said keeps its number for ever: in sessions. (VTP-45)
    keeps_numbers: bool,
    moved: Moved,
}

/// What only cells need.
struct Cells {
    patience: Patience,
    /// The record being filled.
    record: u64,
    /// The greatest records acknowledged, the greatest first.
    newest: [u64; LATER],
    /// Record and number of what was said, in that order; what has been said again since or has come is passed over.
    flight: VecDeque<(u64, u64)>,
    /// What has come behind gaps.
    received: NumberSet,
    /// What is to be said again.
    again: BTreeSet<u64>,
}

impl Cells {
    fn begin(&mut self) {
        self.patience.begin();
        (self.record, self.newest) = (0, [0; LATER]);
        self.flight.clear();
        self.received.clear();
        self.again.clear();
    }

    /// The peer has this frame.
    fn came(&mut self, number: u64, entry: &Entry, news: &mut News) {
        self.again.remove(&number);
        if entry.state == State::Received {
            return;
        }
        news.any = true;
        if entry.state == State::Once {
            news.said_once = news.said_once.max(Some(entry.at));
        }
        if entry.state != State::Guessed && !self.newest.contains(&entry.record) {
            self.is_acknowledged(entry.record);
        }
    }

    fn is_acknowledged(&mut self, record: u64) {
        let mut record = record;
        for newest in &mut self.newest {
            if record > *newest {
                core::mem::swap(newest, &mut record);
            }
        }
    }
}

impl Ledger {
    /// Nothing was said.
    pub const fn new(rng: Rng) -> Self {
        Self {
            said: VecDeque::new(),
            first: 1,
            weight: 0,
            others: 0,
            stage: Stage::Idle,
            resume: 1,
            anew: VecDeque::new(),
            anew_others: 0,
            cells: Cells {
                patience: Patience::new(rng),
                record: 0,
                newest: [0; LATER],
                flight: VecDeque::new(),
                received: NumberSet::new(),
                again: BTreeSet::new(),
            },
            keeps_numbers: false,
            moved: Moved::No,
        }
    }

    /// The oldest number that is not known to have come.
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// The number of the next frame.
    pub fn next(&self) -> u64 {
        self.first + count(self.said.len())
    }

    /// What is beneath, if there is anything.
    pub const fn carrier(&self) -> Option<Carrier> {
        match self.stage {
            Stage::Idle => None,
            Stage::Begun(carrier) | Stage::Confirmed(carrier) => Some(carrier),
        }
    }

    /// Whether all that was said has come.
    pub fn is_empty(&self) -> bool {
        self.said.is_empty() && self.anew.is_empty()
    }

    /// What is kept besides messages, by weight.
    pub const fn other_weight(&self) -> usize {
        self.others + self.anew_others
    }

    /// What may still be said, by weight. (VTP-26)
    pub const fn open(&self) -> usize {
        WINDOW.saturating_sub(self.weight)
    }

    /// A new transport begins to send: all is said again on it.
    pub fn begin(&mut self, carrier: Carrier) {
        (self.stage, self.moved) = (Stage::Begun(carrier), Moved::No);
        self.resume = self.first;
        for entry in &mut self.said {
            entry.state = State::Once;
        }
        self.cells.begin();
    }

    /// The peer wants `expect` next: what it has is forgotten, and what was not said again yet will be numbered anew.
    /// Returns the number from which numbers are new.
    ///
    /// # Errors
    /// If the peer has said that it had more, or that much was never said. (VTP-45)
    pub fn confirm(&mut self, expect: u64) -> Result<u64, Violation> {
        if !(self.first..=self.next()).contains(&expect) {
            return Err(Violation::Resume);
        }
        if let Stage::Begun(carrier) = self.stage {
            self.stage = Stage::Confirmed(carrier);
        }
        while self.first < expect {
            self.forget_oldest();
        }
        self.cells.again.retain(|number| *number >= expect);
        if self.keeps_numbers {
            self.resume = self.resume.max(expect);
            self.moved.confirm();
            return Ok(self.next());
        }
        let from = self.resume.max(expect);
        let tail = self.said.split_off(place(from - self.first));
        let sum =
            |weight: fn(&Body) -> usize| tail.iter().map(|it| weight(&it.body)).sum::<usize>();
        let (weight, others) = (sum(Body::weight), sum(Body::other_weight));
        self.weight = self.weight.saturating_sub(weight);
        self.others = self.others.saturating_sub(others);
        self.anew_others += others;
        let later = core::mem::take(&mut self.anew);
        self.anew = tail.into_iter().map(|it| it.body).collect();
        self.anew.extend(later);
        self.resume = from;
        Ok(from)
    }

    fn forget_oldest(&mut self) -> Option<Entry> {
        let entry = self.said.pop_front()?;
        self.first += 1;
        self.weight = self.weight.saturating_sub(entry.body.weight());
        self.others = self.others.saturating_sub(entry.body.other_weight());
        Some(entry)
    }

    /// The next record will be filled.
    pub const fn begin_record(&mut self) {
        self.cells.record += 1;
    }

    /// The number that is to be said before any new one.
    fn due_number(&self) -> Option<u64> {
        let lost = self.cells.again.first().copied();
        lost.or_else(|| (self.resume < self.next()).then_some(self.resume))
    }

    fn entry(&self, number: u64) -> Option<&Entry> {
        self.said.get(place(number.checked_sub(self.first)?))
    }

    fn entry_mut(&mut self, number: u64) -> Option<&mut Entry> {
        self.said.get_mut(place(number.checked_sub(self.first)?))
    }

    /// Bytes of the frame that is to be said again next; 0 if there is none.
    pub fn due_len(&self) -> usize {
        let number = self.due_number();
        let entry = number.and_then(|number| self.entry(number));
        entry.map_or(0, |entry| entry.body.frame_len())
    }

    /// Whether a fresh record could hold what has to be said next; `None` if there is nothing but new bodies.
    pub fn can_say_due(&self) -> Option<bool> {
        let most = self.carrier().map_or(0, max_frame);
        self.due_number()?;
        Some(self.due_len() <= most)
    }

    /// Whether a body that has lost its number could be said in a fresh record; `None` if there is none.
    pub fn can_say_anew(&self) -> Option<bool> {
        let body = self.anew.front()?;
        let carrier = self.carrier()?;
        Some(self.piece_of(body, carrier, max_frame(carrier)).is_some())
    }

    /// How much of a body can be said now, where `room` is left.
    fn piece_of(&self, body: &Body, carrier: Carrier, room: usize) -> Option<usize> {
        let (head, rest) = (body.head(), body.frame_len() - body.head());
        let len = piece(carrier, head, rest, room)?;
        self.fits(body.weight() - rest + len).then_some(len)
    }

    /// Whether so much may be said. (VTP-26)
    pub const fn fits(&self, weight: usize) -> bool {
        weight <= self.open()
    }

    /// Says what has to be said again, if there is anything.
    pub fn say_due(&mut self, now: Instant, room: usize, out: &mut Vec<u8>) -> Saying {
        let Some(number) = self.due_number() else {
            return Saying::Nothing;
        };
        let record = self.cells.record;
        let Some(entry) = self
            .entry_mut(number)
            .filter(|it| it.body.frame_len() <= room)
        else {
            return Saying::Waits;
        };
        (entry.record, entry.at) = (record, now);
        entry.body.frame(number).encode(out);
        if !self.cells.again.remove(&number) {
            self.resume = number + 1;
        }
        self.is_out(now, number);
        Saying::Said
    }

    /// The next piece of what has lost its number, if it fits.
    pub fn poll_anew(&mut self, carrier: Carrier, room: usize) -> Option<Body> {
        let body = self.anew.front()?;
        let len = self.piece_of(body, carrier, room)?;
        self.anew_others -= body.other_weight();
        let body = self.anew.front_mut()?;
        let cut = body.cut(len);
        if cut.is_some() {
            self.anew_others += body.other_weight();
            return cut;
        }
        self.anew.pop_front()
    }

    /// Says a new body; its number.
    pub fn say(&mut self, now: Instant, body: Body, out: &mut Vec<u8>) -> u64 {
        let number = self.next();
        body.frame(number).encode(out);
        self.weight += body.weight();
        self.others += body.other_weight();
        self.said.push_back(Entry {
            body,
            record: self.cells.record,
            at: now,
            state: State::Once,
        });
        self.resume = number + 1;
        self.is_out(now, number);
        number
    }

    /// What is said is awaited: on cells it may be lost.
    fn is_out(&mut self, now: Instant, number: u64) {
        if self.carrier() == Some(Carrier::Cells) {
            self.cells.flight.push_back((self.cells.record, number));
            self.cells.patience.start(now);
        }
    }

    /// Frames said on this transport that have not come.
    fn outstanding(&self) -> u64 {
        (self.resume - self.first).saturating_sub(self.cells.received.count())
    }

    /// Takes an acknowledgement. (VTP-26)
    ///
    /// # Errors
    /// If it goes back, or names what was not sent.
    pub fn acknowledge(
        &mut self,
        now: Instant,
        received: u64,
        ranges: &Ranges,
    ) -> Result<(), Violation> {
        let next = self.next();
        let was_sent = |run: Option<RangeInclusive<u64>>| run.is_some_and(|run| *run.end() < next);
        let goes_back = received.saturating_add(1) < self.first;
        if goes_back || received >= next || !ranges.runs(received).all(was_sent) {
            return Err(Violation::Ack);
        }
        let on_cells = self.carrier() == Some(Carrier::Cells);
        let mut news = News::default();
        while self.first <= received {
            let number = self.first;
            if let Some(entry) = self.forget_oldest()
                && on_cells
            {
                self.cells.came(number, &entry, &mut news);
            }
        }
        self.resume = self.resume.max(self.first);
        if on_cells {
            self.behind_gaps(received, ranges, &mut news);
            self.learn(now, &news);
            self.find_lost();
        }
        Ok(())
    }

    /// Notes what has come behind gaps.
    fn behind_gaps(&mut self, received: u64, ranges: &Ranges, news: &mut News) {
        self.cells.received.forget_to(received);
        let mut fresh = Vec::new();
        for run in ranges.runs(received).flatten() {
            self.cells.received.insert(run, |run| fresh.push(run));
        }
        for number in fresh.into_iter().flatten() {
            let offset = place(number.saturating_sub(self.first));
            if let Some(entry) = self.said.get_mut(offset) {
                self.cells.came(number, entry, news);
                entry.state = State::Received;
            }
        }
    }

    /// What an acknowledgement with news teaches: the round trip, and what is lost.
    fn learn(&mut self, now: Instant, news: &News) {
        if !news.any {
            return;
        }
        if let Some(at) = news.said_once {
            self.cells.patience.measure(now.since(at));
        }
        let awaits = self.outstanding() > 0;
        self.cells.patience.progress(now, awaits);
        let [.., horizon] = self.cells.newest;
        while let Some((record, number)) = self.cells.flight.front().copied()
            && record < horizon
        {
            self.cells.flight.pop_front();
            let entry = self.entry_mut(number);
            if let Some(entry) = entry
                && entry.record == record
                && entry.state != State::Received
            {
                entry.state = State::Again;
                self.cells.again.insert(number);
            }
        }
    }
}

/// What is new in an acknowledgement.
#[derive(Default)]
struct News {
    any: bool,
    /// When the last of those was said that were said once.
    said_once: Option<Instant>,
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
