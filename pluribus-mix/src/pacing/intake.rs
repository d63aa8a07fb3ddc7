//! The batches that come over a link. (PAC-4, PAC-6)

use super::Grid;
use crate::time::Instant;

/// By how much a tick may be higher than the one before. (PAC-4)
const AHEAD: u32 = 1200;
/// Cells of a batch. (PAC-4)
const MOST: usize = 16_384;
/// Records of a batch. (PAC-4)
const RECORDS: u32 = 529;
/// Batches beyond J by which one may come before its turn: where the first of a link were held up, as all is when a network begins, those behind
/// them come earlier by as much. (PAC-6)
const AHEAD_OF_TURN: u64 = 12;
/// Batches of which the earliest counts: a stall makes some late, but none early. (PAC-2)
const BLOCK: u32 = 32;
/// Quanta of our own, one after the other, in which batches came and none in time: the two do not find their step again. (PAC-6)
const ASTRAY: u32 = 200;

/// Why a link ends. (PAC-4)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// A tick that does not begin with 1, does not rise, or by too much, or a record behind the last of its batch.
    Tick,
    /// More cells or records than a batch may have.
    Cells,
}

/// A batch that has come whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Complete {
    /// Its tick.
    pub tick: u32,
    /// Batches left out before it.
    pub skipped: u32,
    /// How many cells it has.
    pub cells: usize,
}

/// What one direction of a link has brought.
#[derive(Clone, Debug, Default)]
pub struct Intake {
    /// The tick of the batch that is coming, or came last.
    tick: u32,
    is_open: bool,
    skipped: u32,
    cells: usize,
    records: u32,
    /// The least by which the number of the batch that was to be made next was higher than the tick that was complete.
    least: Option<i64>,
    /// By how much it is played later than its tick says.
    shift: Option<i64>,
    jitter: u64,
    early: Early,
    astray: Astray,
}

/// How long nothing came in time.
#[derive(Clone, Debug, Default)]
struct Astray {
    quanta: u32,
    /// The last of them.
    at: u64,
}

/// How long before they are wanted batches come.
#[derive(Clone, Debug, Default)]
struct Early {
    /// Batches of the block that is coming, and the most of it.
    seen: u32,
    most: i64,
    /// Of the first block that was whole, and of the last.
    first: Option<i64>,
    last: i64,
}

impl Intake {
    /// A record has come, with the number of its batch and whether it is the last of it; the batch is complete with that.
    ///
    /// # Errors
    /// What ends the link.
    pub fn record(
        &mut self,
        number: u32,
        is_last: bool,
        cells: usize,
    ) -> Result<Option<Complete>, Bad> {
        if self.is_open {
            if number != self.tick {
                return Err(Bad::Tick);
            }
        } else {
            let ahead = number.checked_sub(self.tick).ok_or(Bad::Tick)?;
            let most = if self.tick == 0 { 1 } else { AHEAD };
            if ahead == 0 || ahead > most {
                return Err(Bad::Tick);
            }
            self.skipped = ahead - 1;
            (self.tick, self.cells, self.records) = (number, 0, 0);
            self.is_open = true;
        }
        self.cells += cells;
        self.records += 1;
        if self.cells > MOST || self.records > RECORDS {
            return Err(Bad::Cells);
        }
        if !is_last {
            return Ok(None);
        }
        self.is_open = false;
        Ok(Some(Complete {
            tick: number,
            skipped: self.skipped,
            cells: self.cells,
        }))
    }

    /// The batch that is complete has come now: the batch in which it is played, or `None` if it is late. Before [`Intake::fix`] none is
    /// late, and what it brings goes on as soon as it can. (PAC-6)
    pub fn played(&mut self, tick: u32, grid: &Grid, now: Instant) -> Option<u64> {
        let apart = signed(grid.next()).saturating_sub(i64::from(tick));
        let Some(shift) = self.shift else {
            self.least = Some(self.least.map_or(apart, |least| least.min(apart)));
            return None;
        };
        let played = unsigned(i64::from(tick).saturating_add(shift));
        self.early.note(grid.until(played, now));
        let wanted = grid.next()..=grid.next().saturating_add(self.jitter + AHEAD_OF_TURN);
        let is_in_time = wanted.contains(&played);
        self.astray.note(is_in_time, grid.next());
        is_in_time.then_some(played)
    }

    /// Whether nothing has come in time for so long that nothing will. What a stall held up comes in one quantum, and is no sign of that. (PAC-6)
    pub const fn is_astray(&self) -> bool {
        self.astray.quanta >= ASTRAY
    }

    /// The first circuit opens: from now on it is settled when batches are played. (PAC-6)
    pub fn fix(&mut self, jitter: u64, grid: &Grid) {
        if self.shift.is_none() {
            let apart = signed(grid.next()).saturating_sub(i64::from(self.tick));
            let least = self.least.unwrap_or(apart).min(apart);
            self.shift = Some(least.saturating_add(signed(jitter)).saturating_sub(1));
            (self.early, self.astray) = (Early::default(), Astray::default());
            self.jitter = jitter;
        }
    }

    /// There is no circuit any more: what is settled is settled anew with the next.
    pub fn release(&mut self) {
        (self.shift, self.least) = (None, None);
    }

    /// Whether it is settled.
    pub const fn is_fixed(&self) -> bool {
        self.shift.is_some()
    }

    /// The tick of the batch that is played in batch `n`, once settled.
    pub fn tick_at(&self, n: u64) -> Option<u64> {
        let tick = signed(n).checked_sub(self.shift?)?;
        u64::try_from(tick).ok()
    }

    /// The batch in which the one with this tick is played, once settled.
    pub fn batch_of(&self, tick: u64) -> Option<u64> {
        let n = signed(tick).checked_add(self.shift?)?;
        u64::try_from(n).ok()
    }

    /// How much earlier batches come than at first, in nanoseconds, once that can be said. (PAC-2)
    pub fn earlier(&self) -> Option<i64> {
        let early = &self.early;
        let first = early.first.filter(|_| self.shift.is_some())?;
        Some(early.last - first)
    }
}

impl Astray {
    const fn note(&mut self, is_in_time: bool, quantum: u64) {
        if is_in_time {
            self.quanta = 0;
        } else if quantum != self.at {
            self.quanta += 1;
        }
        self.at = quantum;
    }
}

impl Early {
    fn note(&mut self, early: i64) {
        self.most = match self.seen {
            0 => early,
            _ => self.most.max(early),
        };
        self.seen += 1;
        if self.seen == BLOCK {
            self.seen = 0;
            self.last = self.most;
            self.first.get_or_insert(self.most);
        }
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
