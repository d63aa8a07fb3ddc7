//! Batches that come. (PAC-4, PAC-6, PAC-7)
//!
//! Nothing of a batch is looked at before it is complete: who leaves out a cell of one circuit must not have it missed on that one alone.

use super::super::wire::Route;
use super::super::{Above, Mix};
use super::{Inward, Pace};
use crate::node::LinkId;
use crate::onion::link::{self, Id, PADDING, Record, WORDS};
use crate::onion::{Cell, CircuitId};
use crate::pacing::{Bad, Complete};
use crate::vattp::Violation;
use std::collections::BTreeSet;

/// Where a cell came from, and where what it brings goes.
struct Came {
    route: Route,
    index: u64,
    place: u64,
    /// The batch in which it is played.
    played: u64,
}

impl From<Bad> for Violation {
    fn from(bad: Bad) -> Self {
        match bad {
            Bad::Tick => Self::Tick,
            Bad::Cells => Self::Batch,
        }
    }
}

impl Mix {
    /// One record of a batch.
    pub(in crate::node::mix) fn paced_record(
        &mut self,
        id: LinkId,
        plain: &mut [u8],
        above: &mut dyn Above,
    ) -> Result<(), Violation> {
        let (tick, mut record) = Record::parse_paced(plain)?;
        let Some(flow) = self.wires.get_mut(&id).and_then(|wire| wire.flow.as_mut()) else {
            return Err(Violation::Tick);
        };
        let complete = flow
            .intake
            .record(tick.number, tick.is_last, record.cells())?;
        let Some(complete) = complete else {
            flow.held.extend_from_slice(record.bytes());
            return Ok(());
        };
        if flow.held.is_empty() {
            return self.batch(id, complete, &mut record, above);
        }
        let mut held = core::mem::take(&mut flow.held);
        held.extend_from_slice(record.bytes());
        let heard = self.batch(id, complete, &mut Record::whole(&mut held), above);
        held.clear();
        if let Some(flow) = self.wires.get_mut(&id).and_then(|wire| wire.flow.as_mut()) {
            flow.held = held;
        }
        heard
    }

    /// A batch that is complete.
    fn batch(
        &mut self,
        id: LinkId,
        complete: Complete,
        record: &mut Record<'_>,
        above: &mut dyn Above,
    ) -> Result<(), Violation> {
        let Complete {
            tick,
            skipped,
            cells,
        } = complete;
        if !self.admits(id, cells) {
            return Err(Violation::Batch);
        }
        for (circuit, words) in record.iter_mut() {
            if circuit == WORDS {
                for over in link::ended(words)? {
                    self.heard_end(id, over);
                }
            }
        }
        self.begin_new(id, record)?;
        for (circuit, _) in record.iter_mut() {
            self.notice(id, circuit, tick);
        }
        let Some(played) = self.admitted(id, tick, skipped) else {
            return self.is_in_step(id);
        };
        for (circuit, cell) in record.iter_mut() {
            if let Some(came) = self.placed(id, circuit, tick, played) {
                self.paced_cell(&came, cell, above);
            }
        }
        Ok(())
    }

    fn admits(&mut self, id: LinkId, cells: usize) -> bool {
        let flow = self.wires.get_mut(&id).and_then(|wire| wire.flow.as_mut());
        let (Some(flow), Some(pace)) = (flow, &self.pace) else {
            return false;
        };
        flow.admits(cells, pace.class, &pace.rules)
    }

    /// Circuits that begin in this batch, where they stand in any order. (ONI-3)
    fn begin_new(&mut self, id: LinkId, record: &mut Record<'_>) -> Result<(), Violation> {
        let Some(wire) = self.wires.get(&id) else {
            return Ok(());
        };
        let is_unknown = |circuit: &CircuitId| {
            *circuit != WORDS && *circuit != PADDING && !wire.lanes.contains_key(circuit)
        };
        let unknown = record.iter_mut().map(|(circuit, _)| circuit);
        let unknown: BTreeSet<_> = unknown.filter(is_unknown).collect();
        for circuit in unknown {
            let Some(wire) = self.wires.get_mut(&id) else {
                return Ok(());
            };
            match wire.ids.heard(circuit) {
                Id::New if wire.is_flooded() => return Err(Violation::Circuits),
                Id::New => _ = self.begin_hop(id, circuit),
                Id::Ours | Id::Theirs => {}
                Id::Impossible => return Err(Violation::CircuitId),
            }
        }
        Ok(())
    }

    /// Counts a cell of a circuit, which may be its first.
    fn notice(&mut self, id: LinkId, circuit: CircuitId, tick: u32) {
        let Some(wire) = self.wires.get_mut(&id) else {
            return;
        };
        let Some(lane) = wire.lanes.get_mut(&circuit) else {
            return;
        };
        lane.places.came += 1;
        if lane.places.inward.is_none() {
            let first = u64::from(tick);
            lane.places.inward = Some(Inward { first, rests: 0 });
            let route = lane.route;
            if let (Some(flow), Some(pace)) = (&mut wire.flow, &self.pace) {
                flow.intake.fix(pace.rules.jitter, &pace.grid);
            }
            self.begin_back(id, circuit, route);
        }
    }

    /// The first cell of the next relay has come: those behind it wait for the circuit's turn on the link back. (PAC-11)
    fn begin_back(&mut self, id: LinkId, circuit: CircuitId, route: Route) {
        let Route::Backward(key) = route else { return };
        let back = self.relay.as_ref().and_then(|relay| relay.back(key));
        let outward = back.and_then(|(link, circuit)| {
            let lane = self.wires.get(&link)?.lanes.get(&circuit)?;
            lane.places.outward
        });
        let Some(wire) = self.wires.get_mut(&id) else {
            return;
        };
        let (Some(flow), Some(lane)) = (&wire.flow, wire.lanes.get_mut(&circuit)) else {
            return;
        };
        if let (Some(inward), Some(outward)) = (&mut lane.places.inward, outward)
            && let Some(played) = flow.intake.batch_of(inward.first)
        {
            let every = lane.places.class.every();
            inward.rests = (0..every)
                .find(|rests| (played + rests).abs_diff(outward).is_multiple_of(every))
                .unwrap_or(0);
        }
    }

    /// The batch in which what has come is played, unless it counts as late. (PAC-6, PAC-7)
    fn admitted(&mut self, id: LinkId, tick: u32, skipped: u32) -> Option<u64> {
        let now = self.clock;
        let Pace { grid, count, .. } = &mut **self.pace.as_mut()?;
        let wire = self.wires.get_mut(&id)?;
        let lanes = wire.lanes.values_mut();
        let mut is_whole = true;
        for lane in lanes {
            let whole = lane.places.is_whole(u64::from(tick));
            is_whole &= whole || lane.route == Route::Over;
        }
        let has_circuits = !wire.lanes.is_empty();
        let is_settled = wire.flow.as_ref()?.intake.is_fixed();
        let intake = &mut wire.flow.as_mut()?.intake;
        if !has_circuits {
            intake.release();
        }
        let played = intake.played(tick, grid, now);
        if has_circuits && is_settled {
            count.late += u64::from(skipped) + u64::from(played.is_none());
            count.short += u64::from(!is_whole);
        }
        if !is_whole {
            self.note_short(id);
        }
        played.filter(|_| crate::ablation::check!(Bulkhead, is_whole))
    }

    /// A link over which nothing comes in time any more is of no use to anybody, and begun anew it is. (PAC-6)
    fn is_in_step(&self, id: LinkId) -> Result<(), Violation> {
        let flow = self.wires.get(&id).and_then(|wire| wire.flow.as_ref());
        match flow.is_some_and(|flow| flow.intake.is_astray()) {
            true => Err(Violation::Astray),
            false => Ok(()),
        }
    }

    /// Where a cell stands, and whose it is.
    fn placed(&mut self, id: LinkId, circuit: CircuitId, tick: u32, played: u64) -> Option<Came> {
        if circuit == WORDS || circuit == PADDING {
            return None;
        }
        let lane = self.wires.get_mut(&id)?.lanes.get_mut(&circuit)?;
        let places = &mut lane.places;
        let inward = places.inward?;
        let since = u64::from(tick).checked_sub(inward.first)?;
        let place = places.came;
        places.came += 1;
        if place + 1 == places.class.burst() {
            places.came = 0;
        }
        Some(Came {
            route: lane.route,
            index: places.class.index(since, place),
            place,
            played: played + inward.rests,
        })
    }

    fn paced_cell(&mut self, came: &Came, cell: &mut Cell, above: &mut dyn Above) {
        let mark = (came.played, came.place);
        match came.route {
            Route::Origin(key) => self.origin_at(key, came.index, cell, above),
            Route::Forward(key) => self.forward_at(key, came.index, mark, cell, above),
            Route::Backward(key) => {
                let back = self.relay.as_ref().and_then(|relay| relay.back(key));
                if let Some(back) = back {
                    self.put_at(back, mark, cell);
                }
                self.heard_hop(key);
            }
            Route::Over => {}
        }
    }
}
