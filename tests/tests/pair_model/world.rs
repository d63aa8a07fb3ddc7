//! Two vats, wires between them, and an adversary that decides what happens next.

use super::explore::Model;
use super::parts::{
    Counter, Left, MASTER, Message, Name, Object, SLAVE, Stand, Vat, Wire, transport,
};
use super::rule::Rule;
use super::settle;
use pluribus_mix::vattp::pair::Side;

/// What is explored.
pub(crate) struct Setting<R> {
    pub(crate) left: Left,
    /// Which vats have dropped a pair before.
    pub(crate) forgetful: [bool; 2],
    /// Whether the slave is an anonymous initiator. (VTP-41)
    pub(crate) anonymous: bool,
    /// Whether a vat goes on acknowledging on a transport that it has left, which it must not. (VTP-41)
    pub(crate) talks_on: bool,
    /// The rule to begin with.
    pub(crate) rule: fn(Side, bool) -> R,
}

/// Objects that were joined: the slave's, the master's.
pub(crate) type Joint = [Name; 2];

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State<R> {
    pub(crate) vats: [Vat<R>; 2],
    pub(crate) wires: Vec<Option<Wire>>,
    /// Every two objects that were ever joined, in order.
    pub(crate) joined: Vec<Joint>,
    pub(crate) left: Left,
    pub(crate) anonymous: bool,
    pub(crate) talks_on: bool,
    /// Whether a pair was ever dropped. A vat that cannot know breaks an object rather than join it wrongly.
    pub(crate) murky: bool,
    /// What went wrong.
    pub(crate) fault: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// The runtime of a vat says something.
    Send(usize),
    Dial(usize),
    /// What comes next on a wire reaches a vat.
    Deliver(usize, usize),
    /// What is sent on this wire from now on towards the slave, or towards the master, is lost.
    Cut(usize, [bool; 2]),
    /// A vat notices that a wire is cut.
    Notice(usize, usize),
    /// A vat gives its object up, or its runtime closes it.
    Break(usize),
    Restart(usize),
    /// A vat drops a pair of which nothing is in use.
    Drop(usize),
    /// The slave waits no longer.
    GiveUpWaiting,
}

impl<R: Rule> State<R> {
    pub(crate) fn fail(&mut self, fault: &'static str) {
        self.fault.get_or_insert(fault);
    }

    pub(crate) fn stand(&self, wire: usize, vat: usize) -> Stand {
        let wire = self.wires.get(wire).and_then(Option::as_ref);
        wire.map_or(Stand::Closed, |wire| wire.stands[vat])
    }

    /// The wires that are there.
    pub(crate) fn wires(&self) -> impl Iterator<Item = (usize, &Wire)> {
        let wires = self.wires.iter().enumerate();
        wires.filter_map(|(n, wire)| Some((n, wire.as_ref()?)))
    }

    pub(crate) fn wire(&mut self, wire: usize) -> &mut Wire {
        self.wires[wire].as_mut().unwrap()
    }

    pub(crate) fn may_dial(&self, vat: usize) -> bool {
        self.vats[vat].rule.may_dial() && !(self.anonymous && vat == MASTER)
    }

    /// How often a vat was started anew.
    pub(crate) fn starts(&self) -> u8 {
        let starts = self.vats.iter().map(|it| it.incarnation.saturating_sub(1));
        u8::try_from(starts.sum::<u64>()).unwrap()
    }

    /// Does it, and looks at what became of it.
    pub(crate) fn act(&mut self, action: Action) {
        match action {
            Action::Send(vat) => self.send(vat),
            Action::Dial(vat) => self.dial(vat),
            Action::Deliver(wire, vat) => self.deliver(wire, vat),
            Action::Cut(wire, cut) => {
                self.left.cuts -= 1;
                self.wire(wire).cut = cut;
            }
            Action::Notice(wire, vat) => self.end(wire, vat),
            Action::Break(vat) => self.give_up(vat),
            Action::Restart(vat) => self.restart(vat),
            Action::Drop(vat) => {
                self.left.drops -= 1;
                self.murky = true;
                self.forget(vat);
            }
            Action::GiveUpWaiting => self.vats[SLAVE].rule.give_up_waiting(),
        }
        if self.anonymous && self.vats[MASTER].rule.is_idle() {
            self.forget(MASTER);
        }
        self.sweep();
        self.look();
    }

    fn sweep(&mut self) {
        for wire in &mut self.wires {
            if wire
                .as_ref()
                .is_some_and(|it| it.is_closed(SLAVE) && it.is_closed(MASTER))
            {
                *wire = None;
            }
        }
        while self.wires.last().is_some_and(Option::is_none) {
            self.wires.pop();
        }
    }

    fn send(&mut self, vat: usize) {
        self.left.sends[vat] -= 1;
        let it = &mut self.vats[vat];
        let id = it.rule.want(&mut it.ids);
        let object = it.object.get_or_insert_with(|| Object::new(id));
        object.next += 1;
        let (number, from) = (object.next - 1, (it.incarnation, object.id));
        for wire in self.wires.iter_mut().flatten() {
            if matches!(wire.stands[vat], Stand::Live | Stand::Said) {
                wire.put(1 - vat, Message::Frame(from, number));
                wire.unsaid += u64::from(wire.stands[vat] == Stand::Said);
            }
        }
    }

    fn dial(&mut self, vat: usize) {
        self.left.dials[vat] -= 1;
        let free = self.wires.iter().position(Option::is_none);
        let on = free.unwrap_or(self.wires.len());
        if free.is_none() {
            self.wires.push(None);
        }
        self.wires[on] = Some(Wire::dialled_by(vat));
        self.vats[vat].rule.dial(transport(on));
    }

    /// A wire is no more, as far as this vat can see.
    pub(crate) fn end(&mut self, wire: usize, vat: usize) {
        self.wire(wire).close(vat, false);
        self.vats[vat].rule.lost(transport(wire));
    }

    fn give_up(&mut self, vat: usize) {
        self.left.breaks[vat] -= 1;
        self.deadline(vat);
    }

    /// The object breaks; the peer is told where there is a way.
    pub(crate) fn deadline(&mut self, vat: usize) {
        let Some(object) = &self.vats[vat].object else {
            return;
        };
        let done = Message::Done(object.id);
        if let Some(live) = self.vats[vat].live() {
            self.wire(live).put(1 - vat, done);
        }
        let mut effects = Vec::new();
        self.vats[vat].rule.break_off(&mut effects);
        self.apply(vat, &effects, super::deeds::Cause::Own, 0);
    }

    fn restart(&mut self, vat: usize) {
        self.left.restarts[vat] -= 1;
        let incarnation = self.vats[vat].incarnation + 1;
        let rule = self.vats[vat].rule.fresh(false);
        self.vats[vat] = Vat::new(incarnation, rule);
        for wire in self.wires.iter_mut().flatten() {
            wire.close(vat, false);
            wire.cut = [true; 2];
        }
    }

    fn forget(&mut self, vat: usize) {
        let it = &mut self.vats[vat];
        it.rule = it.rule.fresh(true);
        it.known = 0;
    }

    /// What must hold of every state.
    fn look(&mut self) {
        for vat in [SLAVE, MASTER] {
            let it = &self.vats[vat];
            let is = |stand| move |(_, wire): &(usize, &Wire)| wire.stands[vat] == stand;
            let lives: Vec<usize> = self
                .wires()
                .filter(is(Stand::Live))
                .map(|(n, _)| n)
                .collect();
            let under_way = |(_, wire): (usize, &Wire)| {
                wire.dialler == vat && matches!(wire.stands[vat], Stand::Dialled | Stand::Said)
            };
            let dialling = self.wires().any(under_way);
            let (live, object) = (it.live(), it.object.as_ref().map(|it| it.id));
            let fault = if lives.len() > 1 {
                "two transports are live at one vat"
            } else if live != lives.first().copied() {
                "the rule and its vat differ on what is live"
            } else if it.rule.object() != object {
                "the rule and its vat differ on the object"
            } else if live.is_some() && object.is_none() {
                "a transport is live without an object"
            } else if it.rule.is_dialling() != dialling {
                "the rule and its vat differ on what is dialled"
            } else {
                continue;
            };
            self.fail(fault);
        }
    }
}

impl<R: Rule> Model for Setting<R> {
    type State = State<R>;
    type Action = Action;

    fn start(&self) -> State<R> {
        let vat =
            |side, forgetful, incarnation| Vat::new(incarnation, (self.rule)(side, forgetful));
        State {
            vats: [
                vat(
                    Side::Slave,
                    self.forgetful[SLAVE],
                    u64::from(!self.anonymous),
                ),
                vat(Side::Master, self.forgetful[MASTER] || self.anonymous, 1),
            ],
            wires: Vec::new(),
            joined: Vec::new(),
            left: self.left,
            anonymous: self.anonymous,
            talks_on: self.talks_on,
            murky: self.anonymous || self.forgetful[SLAVE] || self.forgetful[MASTER],
            fault: None,
        }
    }

    fn actions(&self, state: &State<R>, out: &mut Vec<Action>) {
        if state.fault.is_some() {
            return;
        }
        for vat in [SLAVE, MASTER] {
            of_vat(state, vat, out);
        }
        if state.left.drops > 0 && state.wires.is_empty() && !state.anonymous {
            let droppable = |vat: &usize| {
                let it = &state.vats[*vat];
                it.rule.is_idle() && it.known != 0
            };
            out.extend(
                [SLAVE, MASTER]
                    .into_iter()
                    .filter(droppable)
                    .map(Action::Drop),
            );
        }
        if state.left.cuts > 0 {
            for (n, _) in state.wires().filter(|(_, wire)| !wire.is_cut()) {
                let ways = [[true, false], [false, true], [true, true]];
                out.extend(ways.map(|way| Action::Cut(n, way)));
            }
        }
        if state.vats[SLAVE].rule.waits() {
            out.push(Action::GiveUpWaiting);
        }
    }

    fn step(&self, state: &mut State<R>, action: Action) {
        state.act(action);
    }

    fn check(&self, state: &State<R>) -> Result<(), String> {
        if let Some(fault) = state.fault {
            return Err(fault.to_owned());
        }
        settle::every_way(state)
    }

    fn tell(&self, state: &State<R>, action: Action) -> String {
        super::tell::action(state, action)
    }

    fn show(&self, state: &State<R>) -> String {
        super::tell::state(state)
    }
}

/// What a vat, its runtime and its wires may do.
fn of_vat<R: Rule>(state: &State<R>, vat: usize, out: &mut Vec<Action>) {
    let (left, it) = (&state.left, &state.vats[vat]);
    // The throwaway key of an anonymous initiator belongs to its first object; nobody wants it.
    let may_want = !state.anonymous || (vat == SLAVE && it.ids == Counter::of(0));
    if left.sends[vat] > 0 && (it.object.is_some() || may_want) {
        out.push(Action::Send(vat));
    }
    if left.dials[vat] > 0 && (state.may_dial(vat) || it.rule.may_move()) {
        out.push(Action::Dial(vat));
    }
    if left.breaks[vat] > 0 && it.object.is_some() {
        out.push(Action::Break(vat));
    }
    if left.restarts[vat] > 0 {
        out.push(Action::Restart(vat));
    }
    for (n, wire) in state.wires() {
        if !wire.towards[vat].is_empty() {
            out.push(Action::Deliver(n, vat));
        }
        if wire.is_cut() && !wire.is_closed(vat) {
            out.push(Action::Notice(n, vat));
        }
    }
}
