//! How a circuit of ours grows, hop by hop. (ONI-10, ONI-18, PAC-14)

use super::super::wire::Route;
use super::super::{EndOf, Mix, News};
use super::{ANSWER, FAR, LIFE, Meet, Origin, Rest, Stage, Want};
use crate::crypto::rng::Seed;
use crate::directory::path::NoPath;
use crate::id::RelayId;
use crate::onion::Cell;
use crate::onion::circuit::{Circuit, Plan};
use crate::time::Duration;

impl Mix {
    /// Begins a circuit: for a session, or to spare. Whether a session may take it as soon as it stands. (PAC-14)
    pub(super) fn build(&mut self, want: Option<Want>, at_once: bool) -> Result<(), NoPath> {
        let consensus = self.consensus.clone().ok_or(NoPath::NoGuard)?;
        let path = self.draw_path(&consensus, want)?;
        let hops = if want.is_some() { path.len() } else { FAR };
        self.begin(path, hops, want, Meet::of(want), at_once)
    }

    /// Begins a circuit over these relays, that is to have so many hops in all.
    pub(super) fn begin(
        &mut self,
        path: Vec<RelayId>,
        hops: usize,
        want: Option<Want>,
        meet: Option<Box<Meet>>,
        at_once: bool,
    ) -> Result<(), NoPath> {
        let guard = path.first().ok_or(NoPath::NoGuard)?;
        let link = self.link_to(guard).ok_or(NoPath::NotListed(*guard))?;
        let plan = Plan::new(hops, 0).ok_or(NoPath::NoGuard)?;
        let rng = Seed::from_bytes(*self.client.rng.draw()).fork("circuit");
        let circuit = match &self.pace {
            Some(pace) => {
                let (class, quantum) = (pace.class as u8, pace.rules.quantum);
                Circuit::paced(plan, class, quantum, self.backend(), rng)
            }
            None => Circuit::new(plan, self.backend(), rng),
        };
        let life = match self.draw_life() {
            Some(life) => life,
            None => {
                let life = u64::try_from(LIFE.as_millis()).unwrap_or(u64::MAX);
                LIFE + Duration::from_millis(self.client.rng.below(life))
            }
        };
        let key = self.client.circuits.insert(Origin {
            circuit,
            link,
            lane: None,
            stage: Stage::Waiting,
            path,
            end: want,
            meet,
            bare: Vec::new(),
            leg_ends: None,
            served: None,
            asked: self.clock,
            leaves: None,
            rests: if at_once { Rest::Over } else { Rest::Undrawn },
            came: 0,
            dies: self.clock + life,
            deadline: None,
            timer: None,
        });
        if let Some(want) = want {
            self.ends.insert(want.end, EndOf::Origin(key));
        }
        self.ask(key);
        Ok(())
    }

    /// A relay has answered, and is a hop now.
    pub(in crate::node::mix) fn grown(&mut self, key: usize) {
        let it = self.client.circuits.get(key);
        if let Some(last) = it.and_then(|it| it.circuit.hops().last()).copied() {
            self.client.sulking.answered(&last);
        }
        self.ask(key);
    }

    /// Asks the next relay of a circuit's path, or gives the circuit to who wants it if it is complete.
    pub(in crate::node::mix) fn ask(&mut self, key: usize) {
        if !self.has_lane(key) {
            return;
        }
        let Some(it) = self.client.circuits.get_mut(key) else {
            return;
        };
        let done = it.circuit.hops().len();
        let Some(relay) = it.path.get(done).copied() else {
            return self.complete(key);
        };
        let known = self.consensus.as_ref().and_then(|all| all.relay(&relay));
        let Some(onion) = known.map(|relay| relay.onion) else {
            return self.fail_origin(key, None);
        };
        it.stage = Stage::Asking;
        it.deadline = Some(self.clock + ANSWER);
        let Some(lane) = it.lane else { return };
        let mut cells = Vec::with_capacity(2);
        let mut out = |cell: &Cell| cells.push(*cell);
        let asked = if done == 0 {
            it.circuit.create(&relay, &onion, &mut out)
        } else {
            it.circuit.extend(&relay, &onion, &mut out)
        };
        if asked.is_err() {
            return self.fail_origin(key, None);
        }
        if self.pace.is_some() {
            it.bare.append(&mut cells);
            return self.arm_origin(key);
        }
        for cell in &cells {
            if self.push(lane, cell).is_err() {
                return self.fail_origin(key, None);
            }
        }
        self.arm_origin(key);
    }

    /// Gives a circuit its lane, if its link stands. Whether it has one.
    fn has_lane(&mut self, key: usize) -> bool {
        let Some(it) = self.client.circuits.get_mut(key) else {
            return false;
        };
        if it.lane.is_some() {
            return true;
        }
        let link = it.link;
        let Some(wire) = self.wires.get_mut(&link).filter(|wire| wire.is_live()) else {
            return false;
        };
        if self.pace.is_some() {
            return self.open_origin(key, link);
        }
        let Some(circuit) = wire.ids.next() else {
            self.fail_origin(key, None);
            return false;
        };
        wire.open(circuit, Route::Origin(key));
        it.lane = Some((link, circuit));
        true
    }

    /// Every hop has answered.
    fn complete(&mut self, key: usize) {
        let rest = self.draw_rest();
        let Some(it) = self.client.circuits.get_mut(key) else {
            return;
        };
        if it.rests == Rest::Undrawn {
            it.rests = rest.map_or(Rest::Over, Rest::Until);
        }
        it.deadline = None;
        if it.meet.is_some() {
            return self.meeting_stands(key);
        }
        it.stage = Stage::Spare;
        if let Some(want) = it.end {
            it.stage = Stage::Used;
            self.news.push_back(News::Opened(want.end));
        }
        self.draw_leaving(key);
        self.arm_origin(key);
        self.serve_wants();
    }
}
