//! One link and the circuits on it. (ONI-1 to ONI-4, ONI-14)
//!
//! A circuit has a *lane* on each of its links: where its cells go that come from there, and those of its cells that wait to go
//! out there. Lanes take turns, cell by cell; the slab of all cells is the mix's.

use super::pace::{Flow, Places};
use crate::id::RelayId;
use crate::node::LinkId;
use crate::onion::link::{self, Ids};
use crate::onion::queue::{Cells, Full, Queue};
use crate::onion::{CELL, Cell, CircuitId};
use crate::pacing::Class;
use crate::time::Instant;
use crate::vattp::bare::Bare;
use std::collections::{BTreeMap, VecDeque};

/// Bytes that go out at a time, about.
const BATCH: usize = 64 * 1024;
/// Ends of circuits that may wait for the peer to take them. (ONI-15)
const MOST_ENDED: usize = 16_384;
/// A lane with fewer cells waiting than this asks its end for more.
pub(super) const LOW: usize = 16;

/// What a cell that came on a lane is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// A circuit of our own.
    Origin(usize),
    /// Forward, at a hop of ours.
    Forward(usize),
    /// Backward, at a hop of ours.
    Backward(usize),
    /// Nothing any more: the circuit is over, and its last cells wait to go out.
    Over,
}

/// One circuit on one link.
pub(super) struct Lane {
    pub(super) route: Route,
    pub(super) queue: Queue,
    /// The end that is to be told when there is room again.
    pub(super) thirsty: Option<LinkId>,
    pub(super) is_in_turn: bool,
    /// Where cells go by the clock.
    pub(super) places: Places,
}

/// How far a link has come.
pub(super) enum Stage {
    /// Asked for; does not stand yet.
    Opening,
    /// It stands, and speaks.
    Standing(Box<Bare>),
}

/// A link.
pub(super) struct Wire {
    pub(super) stage: Stage,
    /// Bytes of the handshake that wait to be written.
    pub(super) out: Vec<u8>,
    /// Whom we dialled, or who has proven to be a relay of the consensus.
    pub(super) relay: Option<RelayId>,
    pub(super) ids: Ids,
    pub(super) lanes: BTreeMap<CircuitId, Lane>,
    pub(super) turns: VecDeque<CircuitId>,
    /// Circuits of which the peer has to be told that they are over.
    pub(super) ended: VecDeque<CircuitId>,
    pub(super) deadline: Option<Instant>,
    /// When it last had a circuit.
    pub(super) used: Instant,
    /// Since when the driver holds a batch of it.
    pub(super) busy_since: Option<Instant>,
    pub(super) timer: Option<Instant>,
    pub(super) is_writing: bool,
    /// Where cells go by the clock, from the proof on.
    pub(super) flow: Option<Box<Flow>>,
}

impl Wire {
    pub(super) fn new(stage: Stage, ids: Ids) -> Self {
        Self {
            stage,
            out: Vec::new(),
            relay: None,
            ids,
            lanes: BTreeMap::new(),
            turns: VecDeque::new(),
            ended: VecDeque::new(),
            deadline: None,
            used: Instant::ZERO,
            busy_since: None,
            timer: None,
            is_writing: false,
            flow: None,
        }
    }

    /// Whether cells can go out.
    pub(super) const fn is_live(&self) -> bool {
        matches!(&self.stage, Stage::Standing(bare) if bare.is_live())
    }

    /// How many circuits are on it.
    pub(super) fn len(&self) -> usize {
        self.lanes.len()
    }

    /// Whether the peer opens circuits faster than it takes their ends.
    pub(super) fn is_flooded(&self) -> bool {
        self.ended.len() > MOST_ENDED
    }

    /// Whether the driver holds a batch of it.
    pub(super) const fn is_busy(&self) -> bool {
        self.busy_since.is_some()
    }

    /// Where a cell of this circuit goes, if there is such a circuit.
    pub(super) fn route(&self, id: CircuitId) -> Option<Route> {
        self.lanes.get(&id).map(|lane| lane.route)
    }

    /// A new circuit.
    pub(super) fn open(&mut self, id: CircuitId, route: Route) {
        let lane = Lane {
            route,
            queue: Queue::default(),
            thirsty: None,
            is_in_turn: false,
            places: Places {
                class: Class::of(id.class()),
                ..Places::default()
            },
        };
        self.lanes.insert(id, lane);
    }

    pub(super) fn lane(&mut self, id: CircuitId) -> Option<&mut Lane> {
        self.lanes.get_mut(&id)
    }

    /// Puts a cell into the queue of its circuit. For a circuit that is over it is dropped.
    ///
    /// # Errors
    /// What is full.
    pub(super) fn push(
        &mut self,
        cells: &mut Cells,
        id: CircuitId,
        cell: &Cell,
    ) -> Result<(), Full> {
        let Some(lane) = self.lanes.get_mut(&id) else {
            return Ok(());
        };
        if lane.route == Route::Over {
            return Ok(());
        }
        cells.push(&mut lane.queue, cell)?;
        if !lane.is_in_turn {
            lane.is_in_turn = true;
            self.turns.push_back(id);
        }
        Ok(())
    }

    /// The circuit is over here: what waits still goes out, then the peer is told.
    pub(super) fn end(&mut self, id: CircuitId) {
        let Some(lane) = self.lanes.get_mut(&id) else {
            return;
        };
        lane.route = Route::Over;
        lane.thirsty = None;
        if lane.places.outward.is_some() {
            // It is said in its next turn. (PAC-5)
            lane.places.is_ending = true;
        } else if lane.queue.is_empty() {
            self.lanes.remove(&id);
            self.ended.push_back(id);
        }
    }

    /// The peer has said that the circuit is over: nothing goes out any more.
    pub(super) fn forget(&mut self, cells: &mut Cells, id: CircuitId) -> Option<Route> {
        let mut lane = self.lanes.remove(&id)?;
        cells.clear(&mut lane.queue);
        Some(lane.route)
    }

    /// Gives up what waits on a circuit, and ends it.
    pub(super) fn cut(&mut self, cells: &mut Cells, id: CircuitId) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            cells.clear(&mut lane.queue);
        }
        self.end(id);
    }

    /// The longest queue on it.
    pub(super) fn longest(&self) -> Option<(usize, CircuitId)> {
        let lens = self.lanes.iter().map(|(id, lane)| (lane.queue.len(), *id));
        lens.max()
    }

    /// Puts every cell back and says where the circuits went.
    pub(super) fn close(&mut self, cells: &mut Cells) -> Vec<Route> {
        let lanes = core::mem::take(&mut self.lanes);
        let close = |mut lane: Lane| {
            cells.clear(&mut lane.queue);
            lane.route
        };
        lanes.into_values().map(close).collect()
    }

    /// Whether it has something to write.
    pub(super) fn has_more(&self) -> bool {
        !self.out.is_empty()
            || self.flow.is_none()
                && self.is_live()
                && !(self.turns.is_empty() && self.ended.is_empty())
    }

    /// Appends about 64 KiB at most to `out`; ends that can give more are added to `thirsty`.
    pub(super) fn fill(
        &mut self,
        cells: &mut Cells,
        out: &mut Vec<u8>,
        thirsty: &mut VecDeque<LinkId>,
    ) {
        out.append(&mut self.out);
        if let Stage::Standing(bare) = &mut self.stage
            && bare.is_live()
            && self.flow.is_none()
        {
            let start = out.len();
            let (lanes, turns, ended) = (&mut self.lanes, &mut self.turns, &mut self.ended);
            while out.len() < start + BATCH && !(turns.is_empty() && ended.is_empty()) {
                // Sealing refuses only what is longer than a record; this is not.
                let sealed = bare.record(out, |out| {
                    record(lanes, turns, ended, cells, out, thirsty);
                });
                if sealed.is_err() {
                    break;
                }
            }
        }
    }
}

/// Writes the content of one record: words of circuits that are over, then cells in turn.
fn record(
    lanes: &mut BTreeMap<CircuitId, Lane>,
    turns: &mut VecDeque<CircuitId>,
    ended: &mut VecDeque<CircuitId>,
    cells: &mut Cells,
    out: &mut Vec<u8>,
    thirsty: &mut VecDeque<LinkId>,
) {
    let start = out.len();
    link::begin_record(out);
    let mut room = link::CELLS;
    if !ended.is_empty() {
        let mut words = [0; CELL];
        let said = link::put_ended(ended.make_contiguous(), &mut words);
        ended.drain(..said);
        link::put_cell(out, link::WORDS, &words);
        room -= 1;
    }
    while room > 0
        && let Some(id) = turns.pop_front()
    {
        let Some(lane) = lanes.get_mut(&id) else {
            continue;
        };
        if lane.queue.is_empty() {
            // Cleared since it took its place.
            lane.is_in_turn = false;
            continue;
        }
        out.extend_from_slice(&id.0.to_be_bytes());
        cells.pop_into(&mut lane.queue, out);
        room -= 1;
        if lane.queue.len() < LOW
            && let Some(end) = lane.thirsty.take()
        {
            thirsty.push_back(end);
        }
        if !lane.queue.is_empty() {
            turns.push_back(id);
            continue;
        }
        lane.is_in_turn = false;
        if lane.route == Route::Over {
            lanes.remove(&id);
            ended.push_back(id);
        }
    }
    if room == link::CELLS {
        out.truncate(start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(n: u8) -> Cell {
        [n; CELL]
    }

    /// What one record holds: circuits, and the first byte of each cell.
    fn sent(wire: &mut Wire, cells: &mut Cells) -> Vec<(u32, u8)> {
        let (mut out, mut thirsty) = (Vec::new(), VecDeque::new());
        let (lanes, turns, ended) = (&mut wire.lanes, &mut wire.turns, &mut wire.ended);
        record(lanes, turns, ended, cells, &mut out, &mut thirsty);
        let record = link::Record::parse(&mut out).unwrap();
        let sent = record.into_iter().map(|(id, cell)| (id.0, cell[0]));
        sent.collect()
    }

    /// ONI-14: cells leave a link from its circuits in turn, one by one, those of each in order; a long queue delays nobody.
    #[test]
    fn circuits_send_in_turn() {
        let mut cells = Cells::new(1000);
        let mut wire = Wire::new(Stage::Opening, Ids::dialler());
        for (id, count) in [(1, 100), (2, 2), (3, 3)] {
            wire.open(CircuitId(id), Route::Origin(0));
            for n in 0..count {
                wire.push(&mut cells, CircuitId(id), &numbered(n)).unwrap();
            }
        }
        let first = sent(&mut wire, &mut cells);
        let head = [
            (1, 0),
            (2, 0),
            (3, 0),
            (1, 1),
            (2, 1),
            (3, 1),
            (1, 2),
            (3, 2),
            (1, 3),
        ];
        assert_eq!((first.len(), &first[..9]), (link::CELLS, &head[..]));
        assert!(first[9..].iter().all(|(id, _)| *id == 1));
    }

    /// ONI-4: a circuit that is over is told behind its last cell, and takes no more.
    #[test]
    fn an_end_comes_behind_the_last_cell() {
        let mut cells = Cells::new(1000);
        let mut wire = Wire::new(Stage::Opening, Ids::dialler());
        wire.open(CircuitId(5), Route::Origin(0));
        wire.push(&mut cells, CircuitId(5), &numbered(1)).unwrap();
        wire.end(CircuitId(5));
        wire.push(&mut cells, CircuitId(5), &numbered(2)).unwrap();
        assert_eq!(sent(&mut wire, &mut cells), [(5, 1)]);
        assert_eq!(sent(&mut wire, &mut cells), [(link::WORDS.0, 1)]);
        assert_eq!((wire.len(), cells.held()), (0, 0));
    }
}
