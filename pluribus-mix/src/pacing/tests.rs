//! Quanta, places and plays, against what chapter 5 says.

use super::{Bad, Class, Complete, Grid, Intake, Step};
use crate::time::{Duration, Instant};

const Q: Duration = Duration::from_millis(50);
const MS: Duration = Duration::from_millis(1);

fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

/// PAC-3, PAC-5: the place of a cell follows from its index, and every class has its own.
#[test]
fn every_cell_has_its_place() {
    for (class, quanta, cells) in [
        (Class::Idle, 40, 10),
        (Class::Talk, 10, 10),
        (Class::Fast, 10, 40),
        (Class::Bulk, 10, 160),
    ] {
        let due = (0..quanta).filter(|since| class.is_due(*since));
        let places = due.flat_map(|since| (0..class.burst()).map(move |place| (since, place)));
        let indices: Vec<_> = places
            .map(|(since, place)| class.index(since, place))
            .collect();
        assert_eq!(indices, (0..cells).collect::<Vec<_>>(), "{class}");
        assert_eq!(Class::of(class as u8 + 4), class);
        assert_eq!(class.name().parse(), Ok(class));
    }
    assert_eq!(Class::ALL.map(|class| class.step(8)), [2, 8, 32, 128]);
    assert_eq!(
        Class::ALL.map(|class| class.cells_per_second(50)),
        [5, 20, 80, 320]
    );
    assert!("quick".parse::<Class>().is_err());
}

/// PAC-1: a batch is made half a quantum before it begins, one after the other.
#[test]
fn batches_are_made_half_a_quantum_ahead() {
    let mut grid = Grid::new(at(1000), Q);
    assert_eq!(grid.make_at(), at(1025));
    assert_eq!(grid.take(at(1024)), None);
    assert_eq!(grid.take(at(1025)), Some((1, at(1050))));
    assert_eq!(grid.take(at(1026)), None);
    assert_eq!(grid.take(at(1090)), Some((2, at(1100))));
    assert_eq!((grid.next(), grid.due()), (3, at(1150)));
}

/// PAC-1: what was slept through is left out, but for the last two, and the grid does not move for it.
#[test]
fn what_was_slept_through_is_left_out() {
    let mut grid = Grid::new(at(0), Q);
    for (number, begins) in [(198, 9_900), (199, 9_950), (200, 10_000)] {
        assert_eq!(grid.take(at(10_010)), Some((number, at(begins))));
    }
    assert_eq!(grid.take(at(10_010)), None);
    assert_eq!(grid.take(at(10_025)), Some((201, at(10_050))));
}

/// PAC-2: a node goes faster when batches come earlier than at first, slower when they come later, and never by more than 200 millionths.
#[test]
fn quanta_are_slewed_and_not_by_much() {
    for (earlier, quanta, expected) in [
        (0, 1000, 50_000_000_u64),
        (800_000, 1000, 49_995_000),
        (-800_000, 1000, 50_005_000),
        (i64::MAX, 1000, 49_990_000),
        (i64::MIN, 1000, 50_010_000),
    ] {
        let mut grid = Grid::new(at(0), Q);
        grid.steer(earlier);
        for _ in 0..quanta {
            let now = grid.make_at();
            grid.take(now).unwrap();
        }
        let took = grid.due().since(at(50)).as_nanos();
        assert_eq!(took, u128::from(expected) * quanta, "{earlier}");
    }
}

/// PAC-4: ticks begin with 1 and rise, by 1200 at most, and nothing follows the last record of a batch.
#[test]
fn ticks_rise_and_batches_end() {
    let mut intake = Intake::default();
    let whole = |tick, skipped, cells| {
        Ok(Some(Complete {
            tick,
            skipped,
            cells,
        }))
    };
    assert_eq!(intake.clone().record(0, true, 1), Err(Bad::Tick));
    assert_eq!(intake.clone().record(2, true, 1), Err(Bad::Tick));
    assert_eq!(intake.record(1, false, 31), Ok(None));
    assert_eq!(intake.clone().record(2, false, 31), Err(Bad::Tick));
    assert_eq!(intake.record(1, true, 1), whole(1, 0, 32));
    assert_eq!(intake.clone().record(1, true, 1), Err(Bad::Tick));
    assert_eq!(intake.clone().record(0, true, 1), Err(Bad::Tick));
    assert_eq!(intake.clone().record(1 + 1201, true, 1), Err(Bad::Tick));
    assert_eq!(
        intake.clone().record(1 + 1200, true, 1),
        whole(1201, 1199, 1)
    );
    for _ in 0..528 {
        assert_eq!(intake.record(2, false, 31), Ok(None));
    }
    assert_eq!(intake.clone().record(2, true, 16), whole(2, 0, 16_384));
    assert_eq!(intake.clone().record(2, true, 17), Err(Bad::Cells));
    assert_eq!(intake.record(2, false, 1), Ok(None));
    assert_eq!(intake.record(2, true, 1), Err(Bad::Cells));
}

/// An intake that has heard tick 1 at 60 ms, 10 ms after the grid's first batch began, and has its first circuit.
fn settled(jitter: u64) -> (Grid, Intake) {
    let mut grid = Grid::new(at(0), Q);
    grid.take(at(25)).unwrap();
    let mut intake = Intake::default();
    intake.record(1, true, 1).unwrap();
    assert_eq!(intake.played(1, &grid, at(40)), None);
    intake.fix(jitter, &grid);
    (grid, intake)
}

/// PAC-6: the batch that came earliest is played in the J-th made after it, and every later one as much after it as its tick says.
#[test]
fn batches_are_played_in_their_turn() {
    for jitter in 1..5 {
        let (grid, mut intake) = settled(jitter);
        assert_eq!(grid.next(), 2);
        assert_eq!(intake.played(1, &grid, at(40)), Some(1 + jitter));
        assert_eq!(intake.played(4, &grid, at(60)), Some(4 + jitter));
        assert_eq!(intake.tick_at(1 + jitter), Some(1));
        assert_eq!(intake.batch_of(1), Some(1 + jitter));
    }
}

/// PAC-6: a batch is late from the moment at which the one in which it is played has been made.
#[test]
fn a_batch_is_late_when_its_turn_has_been_made() {
    let (mut grid, mut intake) = settled(3);
    // Tick 2 is played in batch 5, which is made at 225 ms.
    for now in [75, 125, 175] {
        grid.take(at(now)).unwrap();
    }
    assert_eq!(intake.clone().played(2, &grid, at(224)), Some(5));
    grid.take(at(225)).unwrap();
    assert_eq!(intake.played(2, &grid, at(225)), None);
    assert_eq!(intake.played(3, &grid, at(226)), Some(6));
}

/// PAC-6: when in 200 quanta one after the other what came was late, or too early, nothing will be in time; one batch that is begins the count anew, and
/// what a stall held up counts once.
#[test]
fn who_has_lost_step_does_not_find_it() {
    for behind in [-19, 9] {
        let (mut grid, mut intake) = settled(3);
        let mut pass = |intake: &mut Intake, behind: i64| {
            let made = grid.make_at();
            grid.take(made).unwrap();
            let tick = i64::try_from(grid.next()).unwrap() - behind;
            let tick = u32::try_from(tick.max(1)).unwrap();
            intake.played(tick, &grid, made).is_some()
        };
        (0..20).for_each(|_| assert!(pass(&mut intake, 1)));
        for _ in 1..200 {
            assert!(!pass(&mut intake, behind) && !intake.is_astray());
        }
        assert!(pass(&mut intake, 1));
        for _ in 1..200 {
            assert!(!pass(&mut intake, behind) && !intake.is_astray());
        }
        assert!(!pass(&mut intake, behind) && intake.is_astray());
    }
    let (mut grid, mut intake) = settled(3);
    for _ in 0..500 {
        let made = grid.make_at();
        grid.take(made).unwrap();
    }
    (2..400).for_each(|tick| assert_eq!(intake.played(tick, &grid, grid.due()), None));
    assert!(!intake.is_astray());
}

/// PAC-2: how much earlier batches come is measured against the first 32.
#[test]
fn what_comes_earlier_is_noticed() {
    let (mut grid, mut intake) = settled(3);
    let mut tick = 1;
    let mut hear = |intake: &mut Intake, grid: &mut Grid, early: Duration, count: u32| {
        for _ in 0..count {
            tick += 1;
            let made = grid.make_at();
            grid.take(made).unwrap();
            let now = Instant::ZERO + (made + 20 * MS).since(Instant::ZERO + early);
            intake.played(tick, grid, now);
        }
    };
    hear(&mut intake, &mut grid, Duration::ZERO, 31);
    assert_eq!(intake.earlier(), None);
    hear(&mut intake, &mut grid, Duration::ZERO, 1);
    assert_eq!(intake.earlier(), Some(0));
    hear(&mut intake, &mut grid, MS, 1000);
    let earlier = intake.earlier().unwrap();
    assert!((990_000..=1_000_000).contains(&earlier), "{earlier}");
    intake.release();
    assert_eq!((intake.earlier(), intake.is_fixed()), (None, false));
}

/// PAC-8: a client's link has its step; one between relays changes its own at epochs only, to the next power of two.
#[test]
fn steps_change_at_epochs_only() {
    let mut fixed = Step::fixed(8);
    assert!(fixed.holds(8) && !fixed.holds(9));
    assert_eq!([0, 3, 8].map(|cells| fixed.of_batch(1, cells)), [8; 3]);

    let mut stepped = Step::stepped(10);
    assert_eq!(stepped.of_batch(1, 0), 64);
    assert!(stepped.holds(64) && !stepped.holds(65));
    stepped.want(65);
    assert!((2..10).all(|tick| stepped.of_batch(tick, 60) == 64));
    assert_eq!(stepped.of_batch(10, 60), 256);
    assert!((11..20).all(|tick| stepped.of_batch(tick, 3) == 256));
    // The most of the epoch before was the 60 at its beginning.
    assert_eq!(stepped.of_batch(20, 3), 128);
    assert!((21..30).all(|tick| stepped.of_batch(tick, 0) == 128));
    assert_eq!(stepped.of_batch(30, 0), 64);

    let mut loose = Step::loose();
    assert_eq!([0, 5].map(|cells| loose.of_batch(1, cells)), [1, 5]);
}
