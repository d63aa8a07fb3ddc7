//! What a network that fails no more leads to. Nothing is cut, restarted, given up or sent any more, and each vat redials as
//! VTP-48 says. Whatever comes first, both end with one common transport and all delivered, or both with nothing.

use super::parts::{Left, MASTER, Object, SLAVE, Stand, Wire};
use super::rule::Rule;
use super::tell;
use super::world::{Action, State};

/// Who is quick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Who comes first in the list, and nobody dials while anything else can happen.
    First,
    /// Who comes last, dials first of all.
    Last,
    /// What is cut is noticed at once.
    NoticeFirst,
    /// Wires and vats in turn.
    InTurn,
    /// Only the slave has an address to dial.
    SlaveDials,
    /// Only the master has.
    MasterDials,
}

const WAYS: [Way; 6] = [
    Way::First,
    Way::Last,
    Way::NoticeFirst,
    Way::InTurn,
    Way::SlaveDials,
    Way::MasterDials,
];

/// Redials that each vat has, and one more for each start anew: what the former self said may be taken first.
const REDIALS: u8 = 2;

/// More steps than any way takes.
const MOST: usize = 500;

/// Follows this state every way to its rest; else the story of a way that ends badly.
pub(crate) fn every_way<R: Rule>(state: &State<R>) -> Result<(), String> {
    for way in WAYS {
        if state.anonymous && way == Way::MasterDials {
            continue;
        }
        if let Err(why) = follow(state, way, &mut |_, _| ()) {
            let mut story = format!("{why}, with the network stable in the end and {way:?}");
            let mut tell = |state: &State<R>, action| {
                story.push_str("\n    then ");
                story.push_str(&tell::action(state, action));
            };
            follow(state, way, &mut tell).unwrap_err();
            return Err(story);
        }
    }
    Ok(())
}

fn follow<R: Rule>(
    state: &State<R>,
    way: Way,
    note: &mut dyn FnMut(&State<R>, Action),
) -> Result<(), &'static str> {
    let mut state = state.clone();
    state.left = Left {
        dials: [REDIALS + state.starts(); 2],
        ..Left::default()
    };
    rest(&mut state, way, note)?;
    judge(&mut state, way)
}

/// Goes on until nothing can happen any more.
fn rest<R: Rule>(
    state: &mut State<R>,
    way: Way,
    note: &mut dyn FnMut(&State<R>, Action),
) -> Result<(), &'static str> {
    let mut actions = Vec::new();
    for turn in 0..MOST {
        actions.clear();
        possible(state, way, &mut actions);
        let Some(action) = choose(&actions, way, turn) else {
            return Ok(());
        };
        if let Action::Dial(vat) = action
            && state.left.dials[vat] == 0
        {
            return Err("a vat dials again and again");
        }
        note(state, action);
        state.act(action);
        if let Some(fault) = state.fault {
            return Err(fault);
        }
    }
    Err("it never rests")
}

fn choose(actions: &[Action], way: Way, turn: usize) -> Option<Action> {
    let notices = |it: &&Action| matches!(it, Action::Notice(..));
    let chosen = match way {
        Way::First | Way::SlaveDials | Way::MasterDials => actions.first(),
        Way::Last => actions.last(),
        Way::NoticeFirst => actions.iter().find(notices).or(actions.first()),
        Way::InTurn => actions.get(turn % actions.len().max(1)),
    };
    chosen.copied()
}

/// Messages and ends, patience, dials, in this order.
fn possible<R: Rule>(state: &State<R>, way: Way, out: &mut Vec<Action>) {
    for (n, wire) in state.wires() {
        for vat in [SLAVE, MASTER] {
            if !wire.towards[vat].is_empty() {
                out.push(Action::Deliver(n, vat));
            }
            let early = way == Way::NoticeFirst || wire.towards[vat].is_empty();
            if wire.is_cut() && !wire.is_closed(vat) && early {
                out.push(Action::Notice(n, vat));
            }
        }
    }
    let handshake = |(_, wire): (usize, &Wire)| {
        matches!(
            wire.stands[SLAVE],
            Stand::Open | Stand::Dialled | Stand::Said
        )
    };
    if state.vats[SLAVE].rule.waits() && !state.wires().any(handshake) {
        out.push(Action::GiveUpWaiting);
    }
    for vat in [SLAVE, MASTER] {
        if !cannot_dial(state, way, vat)
            && state.may_dial(vat)
            && !state.vats[vat].rule.is_dialling()
        {
            out.push(Action::Dial(vat));
        }
    }
}

/// Whether this is a good end.
fn judge<R: Rule>(state: &mut State<R>, way: Way) -> Result<(), &'static str> {
    for vat in [SLAVE, MASTER] {
        let has = [vat, 1 - vat].map(|vat| state.vats[vat].object.is_some());
        // It cannot dial and nobody dials it: its deadline will pass.
        if has == [true, false] && cannot_dial(state, way, vat) && state.vats[vat].live().is_none()
        {
            state.deadline(vat);
        }
    }
    let [slave, master] = &state.vats;
    match (&slave.object, &master.object) {
        (None, None) if state.wires.is_empty() => {}
        (None, None) => return Err("a transport is left without an object"),
        (Some(one), Some(other)) => common(state, one, other)?,
        _ => return Err("one vat has a connection and the other has none"),
    }
    let alive = |vat: usize, name| state.vats[vat].name() == Some(name);
    let torn = |it: &[_; 2]| alive(SLAVE, it[SLAVE]) != alive(MASTER, it[MASTER]);
    if state.joined.iter().any(torn) {
        return Err("a connection is broken at one side only");
    }
    Ok(())
}

fn cannot_dial<R: Rule>(state: &State<R>, way: Way, vat: usize) -> bool {
    way == [Way::MasterDials, Way::SlaveDials][vat] || (state.anonymous && vat == MASTER)
}

/// One connection, one transport, nothing on its way.
fn common<R: Rule>(state: &State<R>, one: &Object, other: &Object) -> Result<(), &'static str> {
    if (one.partner, other.partner) != (other.id, one.id) {
        return Err("the objects are not joined with each other");
    }
    let wires: Vec<&Wire> = state.wires().map(|(_, wire)| wire).collect();
    let [wire] = &wires[..] else {
        return Err("there is not one transport");
    };
    if wire.stands != [Stand::Live; 2] {
        return Err("the transport is not live at both ends");
    }
    let arrived = |from: &Object, to: &Object| to.expect == from.next && from.kept == from.next;
    if !arrived(one, other) || !arrived(other, one) {
        return Err("something was not delivered");
    }
    Ok(())
}
