//! Donors who want more introductions than they may have.

use crate::kit::SECOND;
use crate::meeting::{hears, hidden, ticket};
use crate::mixkit::{at_once, relays};
use pluribus_mix::rendezvous::Bearer;
use pluribus_mix::sim::{HostId, World};
use std::collections::BTreeMap;

/// Carol, who hides, and donors who are connected with her.
fn town(donors: usize) -> (World, HostId, Vec<HostId>, HostId) {
    let mut world = at_once(8);
    relays(&mut world, 8);
    let carol = hidden(&mut world, "carol");
    let bob = hidden(&mut world, "bob");
    let donors = (0..donors).map(|n| hidden(&mut world, &format!("donor {n}")));
    let donors: Vec<_> = donors.collect();
    world.publish().unwrap();
    world.run_for(10 * SECOND);
    for donor in &donors {
        call(&mut world, *donor, carol, "may I introduce you?");
    }
    (world, carol, donors, bob)
}

/// Calls somebody with a ticket that its owner gives out; whether it is heard within a few seconds.
fn call(world: &mut World, from: HostId, to: HostId, words: &str) {
    let bearer = Bearer::Vat(world.vat_id(from));
    let there = ticket(world, to, bearer);
    let conn = world.dial_locator(from, &there).unwrap();
    world.send(from, conn, words).unwrap();
    assert!(hears(world, to, words, 5 * SECOND), "{words}");
}

/// Every donor takes what it can, for so many seconds; how many each had.
fn grab(
    world: &mut World,
    carol: HostId,
    donors: &[HostId],
    seconds: u32,
) -> BTreeMap<HostId, usize> {
    let id = world.vat_id(carol);
    let mut had = BTreeMap::new();
    for _ in 0..seconds {
        for donor in donors {
            let taken = world.with_node(*donor, |node, _| node.introduction_to(id));
            *had.entry(*donor).or_default() += usize::from(taken.unwrap().is_some());
        }
        world.run_for(SECOND);
    }
    had
}

/// RDV-7, RDV-8, RDV-36: a donor has ten introductions in an hour and no more, however often it asks; then one every six minutes. What the owner gives out itself leads
/// to the vat all the while.
#[test]
fn a_donor_has_ten_in_an_hour() {
    let (mut world, carol, donors, bob) = town(1);
    let had = grab(&mut world, carol, &donors, 40);
    assert_eq!(had[&donors[0]], 10);
    call(&mut world, bob, carol, "the owner asked me");
    let had = grab(&mut world, carol, &donors, 300);
    assert_eq!(had[&donors[0]], 0);
    let had = grab(&mut world, carol, &donors, 120);
    assert_eq!(had[&donors[0]], 1);
}

/// RDV-8: all donors together have sixty in an hour, and then one a minute. What the owner gives out itself is not counted.
#[test]
fn all_donors_have_sixty_in_an_hour() {
    let (mut world, carol, donors, bob) = town(8);
    let had = grab(&mut world, carol, &donors, 20);
    assert!(had.values().all(|had| *had <= 10), "{had:?}");
    let all: usize = had.values().sum();
    assert!((60..=62).contains(&all), "{had:?}");
    call(&mut world, bob, carol, "the owner asked me");
    let more: usize = grab(&mut world, carol, &donors, 120).values().sum();
    assert!((1..=3).contains(&more), "{more}");
}
