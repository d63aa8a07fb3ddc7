//! Records of batches, in any order: what makes a batch complete is what the clauses say, and when it is played depends on nothing but its tick from the
//! first circuit on. (PAC-4, PAC-6)
#![no_main]

use libfuzzer_sys::fuzz_target;
use pluribus_mix::onion::link::Record;
use pluribus_mix::pacing::{Complete, Grid, Intake};
use pluribus_mix::time::{Duration, Instant};

/// Cells and records that a batch may have, and by how much a tick may rise.
const CELLS: usize = 16_384;
const RECORDS: usize = 529;
const AHEAD: u32 = 1200;

fuzz_target!(|data: &[u8]| {
    match data.split_first() {
        Some((0..=31, rest)) => parsed(rest),
        Some((jitter, rest)) => heard(u64::from(*jitter % 16) + 1, rest),
        None => (),
    }
});

/// Bytes as they may stand in a record.
fn parsed(data: &[u8]) {
    let mut plain = data.to_vec();
    let Ok((tick, record)) = Record::parse_paced(&mut plain) else {
        return;
    };
    assert!(tick.number > 0 && tick.number < 1 << 31);
    assert!((1..=31).contains(&record.cells()));
    assert_eq!(data.len(), 4 + 1028 * record.cells());
    assert_eq!(tick.is_last, data[0] & 0x80 != 0);
}

/// What was heard before a record.
#[derive(Default)]
struct Before {
    tick: u32,
    is_open: bool,
    skipped: u32,
    cells: usize,
    records: usize,
}

impl Before {
    /// Whether this record may come, and what is complete with it.
    fn record(&mut self, tick: u32, is_last: bool, cells: usize) -> Option<Option<Complete>> {
        let most = if self.tick == 0 { 1 } else { AHEAD };
        if self.is_open && tick != self.tick {
            return None;
        }
        if !self.is_open {
            if tick <= self.tick || tick - self.tick > most {
                return None;
            }
            *self = Self {
                tick,
                skipped: tick - self.tick - 1,
                ..Self::default()
            };
        }
        (self.cells, self.records) = (self.cells + cells, self.records + 1);
        self.is_open = !is_last;
        let fits = self.cells <= CELLS && self.records <= RECORDS;
        fits.then(|| {
            is_last.then_some(Complete {
                tick,
                skipped: self.skipped,
                cells: self.cells,
            })
        })
    }
}

/// Records, and batches made here meanwhile; four bytes each.
fn heard(jitter: u64, data: &[u8]) {
    let mut grid = Grid::new(Instant::ZERO, Duration::from_millis(50));
    let (mut intake, mut before) = (Intake::default(), Before::default());
    let (mut least, mut shift) = (None, None);
    for &[made, rise, cells, how] in data.as_chunks::<4>().0 {
        for _ in 0..made % 8 {
            let now = grid.make_at();
            grid.take(now).expect("it is time");
        }
        let (tick, is_last) = (said(before.tick, rise, how), how & 2 != 0);
        for _ in 0..=(usize::from(how & 4) * 33) {
            let expected = before.record(tick, is_last, usize::from(cells % 31) + 1);
            let found = intake.record(tick, is_last, usize::from(cells % 31) + 1);
            assert_eq!(found.ok(), expected);
            let Some(complete) = expected else { return };
            let Some(_) = complete else { continue };
            let apart = i128::from(grid.next()) - i128::from(tick);
            least = Some(least.map_or(apart, |least: i128| least.min(apart)));
            if how & 8 != 0 && shift.is_none() {
                intake.fix(jitter, &grid);
                shift = least.map(|least| least + i128::from(jitter) - 1);
            }
            let played = intake.played(tick, &grid, grid.make_at());
            let expected = shift.map(|shift| i128::from(tick) + shift);
            let next = i128::from(grid.next());
            let turns = next..=next + i128::from(jitter) + 12;
            let expected = expected.filter(|played| turns.contains(played));
            assert_eq!(played.map(i128::from), expected);
        }
    }
}

/// A tick near the one before, on either side, or near the furthest that may be.
fn said(before: u32, rise: u8, how: u8) -> u32 {
    match how & 1 {
        0 => (before + u32::from(rise % 4)).saturating_sub(u32::from(how >> 7)),
        _ => before + u32::from(rise) * 8 + u32::from(how >> 5),
    }
}
