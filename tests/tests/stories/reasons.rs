//! Why connections end, each reason as what brings it about, and beside it the same without that.

use crate::kit::{Puppet, SECOND, join, joined, msg};
use crate::meeting::{hidden, ticket};
use crate::mixkit::{at_once, relays};
use pluribus_mix::locator::Locator;
use pluribus_mix::netlayer::{CloseReason, ConnId, Event};
use pluribus_mix::rendezvous::Bearer;
use pluribus_mix::sim::{HostId, World};
use std::collections::BTreeSet;

/// Whether that is there for which the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Here,
    Not,
}

impl Cause {
    const fn is_here(self) -> bool {
        matches!(self, Self::Here)
    }
}

/// Who looks, and at which connection.
struct Seen {
    world: World,
    vat: HostId,
    conn: ConnId,
}

/// What leads to a reason.
struct Row {
    reason: CloseReason,
    deed: fn(Cause) -> Seen,
}

const fn row(reason: CloseReason, deed: fn(Cause) -> Seen) -> Row {
    Row { reason, deed }
}

const ROWS: [Row; 13] = [
    row(CloseReason::Unreachable, nobody_listens),
    row(CloseReason::Unreachable, somebody_else_listens),
    row(CloseReason::Unreachable, no_consensus),
    row(CloseReason::Unreachable, the_way_is_gone),
    row(CloseReason::NotFound, no_ticket),
    row(CloseReason::Expired, too_late),
    row(CloseReason::WrongNetwork, of_another_network),
    row(CloseReason::Refused, for_somebody_else),
    row(CloseReason::Refused, to_somebody_else),
    row(CloseReason::Refused, no_ticket_at_all),
    row(CloseReason::Misbehaved, a_broken_rule),
    row(CloseReason::Gone, a_restart),
    row(CloseReason::Closed, a_close),
];

/// What people are shown, as the table of VTP-55 has it.
fn sentence(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Unreachable => {
            "the vat could not be reached, or the link to it broke; try again later"
        }
        CloseReason::NotFound => {
            "nothing leads to this vat: ask somebody who knows it for a ticket"
        }
        CloseReason::Expired => "the ticket for this vat is out of date; ask for a new one",
        CloseReason::WrongNetwork => "this vat is in another network than this one",
        CloseReason::Refused => {
            "what was given leads to another vat or is for somebody else; ask for a ticket of your own"
        }
        CloseReason::Misbehaved => "the peer broke the protocol",
        CloseReason::Gone => "the peer was restarted or gave the connection up; connect again",
        CloseReason::Closed => "the connection was closed",
    }
}

/// VTP-31, VTP-55, RDV-2, RDV-5, RDV-34, RDV-38: every reason is told, once and as the last of a connection, for what stands beside it in the table and for
/// nothing else: without that the connection opens, and is open at the end.
#[test]
fn each_reason_has_its_cause() {
    for (number, Row { reason, deed }) in ROWS.into_iter().enumerate() {
        let Seen { world, vat, conn } = deed(Cause::Here);
        let of = world.events(vat).iter().filter(|it| it.conn() == conn);
        let of: Vec<_> = of.cloned().collect();
        let closed = Event::Closed { conn, reason };
        let ends = of.iter().filter(|it| matches!(it, Event::Closed { .. }));
        assert_eq!(ends.count(), 1, "{number}: {of:?}");
        assert_eq!(of.last(), Some(&closed), "{number}");
        let Seen { world, vat, conn } = deed(Cause::Not);
        assert!(world.is_open(vat, conn), "{number}, the control");
        assert_eq!(world.closed(vat, conn), None, "{number}, the control");
    }
}

/// VTP-55: what people are shown of a reason is a sentence, another one for each, and all of them are in the specification.
#[test]
fn each_reason_is_a_sentence() {
    let spec = include_str!("../../../spec/3-vattp.md");
    let mut all = BTreeSet::new();
    for Row { reason, .. } in ROWS {
        let shown = reason.to_string();
        assert_eq!(shown, sentence(reason));
        assert!(shown.split(' ').count() >= 4 && !shown.contains('\n'));
        assert!(spec.contains(&format!("| {shown} |")), "{shown}");
        all.insert(shown);
    }
    assert_eq!(all.len(), 8);
}

fn dialled(mut world: World, vat: HostId, to: &Locator) -> Seen {
    let conn = world.dial_locator(vat, to).unwrap();
    world.run_for(5 * SECOND);
    Seen { world, vat, conn }
}

fn nobody_listens(cause: Cause) -> Seen {
    let mut world = World::seeded(1);
    let [alice, bob] = world.vats(["alice", "bob"]);
    if cause.is_here() {
        world.kill(bob);
    }
    let there = world.locator(bob).clone();
    dialled(world, alice, &there)
}

fn somebody_else_listens(cause: Cause) -> Seen {
    let mut world = World::seeded(1);
    let [alice, bob, mallory] = world.vats(["alice", "bob", "mallory"]);
    if cause.is_here() {
        let place = world.address(bob).unwrap().clone();
        world.listen(place, mallory);
    }
    let conn = world.dial(alice, bob).unwrap();
    world.run_for(30 * SECOND);
    Seen {
        world,
        vat: alice,
        conn,
    }
}

fn the_way_is_gone(cause: Cause) -> Seen {
    let mut world = World::seeded(1);
    let ([alice, bob], [there, _]) = joined(&mut world);
    world.partition(alice, bob);
    world.cut(alice, bob);
    world.run_for(if cause.is_here() { 121 } else { 30 } * SECOND);
    world.repair(alice, bob);
    world.run_for(30 * SECOND);
    Seen {
        world,
        vat: alice,
        conn: there,
    }
}

/// A network, and vats that hide in it.
fn town(seed: u64) -> (World, [HostId; 3]) {
    let mut world = at_once(seed);
    relays(&mut world, 8);
    let vats = ["bob", "carol", "dave"].map(|name| hidden(&mut world, name));
    world.publish().unwrap();
    world.run_for(5 * SECOND);
    (world, vats)
}

fn ticket_for(world: &mut World, to: HostId, bearer: HostId) -> Locator {
    let bearer = Bearer::Vat(world.vat_id(bearer));
    ticket(world, to, bearer)
}

fn no_consensus(cause: Cause) -> Seen {
    let (mut world, [bob, carol, _]) = town(2);
    let there = ticket_for(&mut world, carol, bob);
    if cause.is_here() {
        world.kill(bob);
        world.restart(bob);
    }
    dialled(world, bob, &there)
}

fn no_ticket(cause: Cause) -> Seen {
    let (mut world, [bob, carol, _]) = town(2);
    let there = match cause {
        Cause::Here => Locator::new(world.vat_id(carol)),
        Cause::Not => ticket_for(&mut world, carol, bob),
    };
    dialled(world, bob, &there)
}

fn too_late(cause: Cause) -> Seen {
    let (mut world, [bob, carol, _]) = town(2);
    let there = ticket_for(&mut world, carol, bob);
    world.run_for(if cause.is_here() { 601 } else { 590 } * SECOND);
    dialled(world, bob, &there)
}

fn of_another_network(cause: Cause) -> Seen {
    let (mut world, [bob, carol, _]) = town(2);
    let there = match cause {
        Cause::Here => {
            let (mut other, [_, carol, _]) = town(3);
            ticket(&mut other, carol, Bearer::Anyone)
        }
        Cause::Not => ticket(&mut world, carol, Bearer::Anyone),
    };
    dialled(world, bob, &there)
}

fn for_somebody_else(cause: Cause) -> Seen {
    let (mut world, [bob, carol, dave]) = town(2);
    let bearer = if cause.is_here() { dave } else { bob };
    let there = ticket_for(&mut world, carol, bearer);
    dialled(world, bob, &there)
}

/// These hints beside the name of a vat.
fn beside<'h>(to: Locator, hints: impl IntoIterator<Item = (&'h str, &'h str)>) -> Locator {
    hints
        .into_iter()
        .fold(to, |to, (name, value)| to.with_hint(name, value).unwrap())
}

fn to_somebody_else(cause: Cause) -> Seen {
    let (mut world, [bob, carol, dave]) = town(2);
    let to = if cause.is_here() { dave } else { carol };
    let there = ticket_for(&mut world, to, bob);
    let there = beside(Locator::new(world.vat_id(carol)), there.hints().iter());
    dialled(world, bob, &there)
}

fn no_ticket_at_all(cause: Cause) -> Seen {
    let (mut world, [bob, carol, _]) = town(2);
    let there = ticket_for(&mut world, carol, bob);
    let hints = match cause {
        Cause::Here => vec![("ticket1", "AAAA")],
        Cause::Not => there.hints().iter().collect(),
    };
    let there = beside(Locator::new(world.vat_id(carol)), hints);
    dialled(world, bob, &there)
}

fn a_broken_rule(cause: Cause) -> Seen {
    let mut world = World::seeded(1);
    let bob = world.vat("bob");
    let mut puppet = Puppet::joined(&mut world, bob);
    let number = if cause.is_here() { 0 } else { 1 };
    puppet.say(&mut world, &[msg(number, b"hello")]);
    world.run_for(SECOND);
    let conn = world.events(bob).first().unwrap().conn();
    Seen {
        world,
        vat: bob,
        conn,
    }
}

fn a_restart(cause: Cause) -> Seen {
    let mut world = World::seeded(7);
    let ([alice, bob], [there, _]) = joined(&mut world);
    if cause.is_here() {
        world.kill(bob);
        world.restart(bob);
    }
    world.cut(alice, bob);
    world.run_for(5 * SECOND);
    Seen {
        world,
        vat: alice,
        conn: there,
    }
}

fn a_close(cause: Cause) -> Seen {
    let mut world = World::seeded(1);
    let [alice, bob] = world.vats(["alice", "bob"]);
    let [there, back] = join(&mut world, alice, bob);
    if cause.is_here() {
        world.close(bob, back);
    }
    world.run_for(SECOND);
    Seen {
        world,
        vat: alice,
        conn: there,
    }
}
