//! How connections end, and what both sides hear of it.

use crate::kit::{MS, SECOND, join, joined};
use pluribus_mix::netlayer::{CloseReason, ConnId, Event, SendFault};
use pluribus_mix::sim::{Fault, HostId, World};

/// How a vat's runtime heard of the end of a connection: all of it behind the last message.
fn last_words(world: &World, vat: HostId, conn: ConnId) -> Vec<Event> {
    let of = |event: &&Event| matches!(event, Event::Ended { conn: of } | Event::Closed { conn: of, .. } if *of == conn);
    world.events(vat).iter().filter(of).cloned().collect()
}

fn closed(conn: ConnId, reason: CloseReason) -> Event {
    Event::Closed { conn, reason }
}

/// VTP-29, VTP-31: who closes hears nothing more; the other hears all that was sent, then the end, once: somebody was done.
#[test]
fn a_close_is_heard_behind_what_was_sent_and_once() {
    let mut world = World::seeded(1);
    let ([alice, bob], [there, back]) = joined(&mut world);
    world.send(alice, there, "last words").unwrap();
    world.close(alice, there);
    world.run_for(60 * SECOND);
    assert_eq!(world.heard_by(bob), ["last words"]);
    assert_eq!(
        last_words(&world, bob, back),
        [closed(back, CloseReason::Closed)]
    );
    assert_eq!(last_words(&world, alice, there), []);
    let again = world.send(bob, back, "hello?").unwrap_err();
    let Fault::Send(refused) = again else {
        panic!("{again:?}")
    };
    assert_eq!(
        (refused.fault, &refused.message[..]),
        (SendFault::NoConnection, &b"hello?"[..])
    );
}

/// VTP-29, VTP-40, VTP-48: a link that breaks without CLOSE is no end that anybody wanted: the connection goes on over the next
/// one. If there is none for 120 s it is unreachable, on both sides.
#[test]
fn a_broken_link_is_not_taken_for_a_close() {
    let mut world = World::seeded(2);
    let ([alice, bob], [there, back]) = joined(&mut world);
    world.cut(alice, bob);
    assert!(world.run_until_quiet());
    world.send(bob, back, "still there?").unwrap();
    world.run_for(SECOND);
    assert_eq!(world.heard_by(alice), ["still there?"]);
    world.partition(alice, bob);
    world.cut(alice, bob);
    world.run_for(119 * SECOND);
    assert_eq!(last_words(&world, alice, there), []);
    assert_eq!(last_words(&world, bob, back), []);
    world.run_for(2 * SECOND);
    let unreachable = CloseReason::Unreachable;
    assert_eq!(
        last_words(&world, alice, there),
        [closed(there, unreachable)]
    );
    assert_eq!(last_words(&world, bob, back), [closed(back, unreachable)]);
}

/// VTP-29: whoever sits on the wire can break a connection and cannot close it: changed, cut off or doubled bytes are
/// never taken for CLOSE.
#[test]
fn a_meddler_cannot_close() {
    type Deed = fn(Vec<u8>) -> Vec<Vec<u8>>;
    let deeds: [Deed; 3] = [
        |mut bytes| {
            bytes[2] ^= 1;
            vec![bytes]
        },
        |bytes| vec![bytes.clone(), bytes],
        |bytes| vec![[&[0, 17][..], &[0; 17]].concat(), bytes],
    ];
    for (number, deed) in deeds.into_iter().enumerate() {
        let mut world = World::seeded(3);
        let ([alice, bob], [there, back]) = joined(&mut world);
        world.meddle(alice, bob, Box::new(move |_, bytes| deed(bytes)));
        world.send(alice, there, "hello").unwrap();
        world.run_for(400 * SECOND);
        let unreachable = CloseReason::Unreachable;
        assert_eq!(
            last_words(&world, bob, back),
            [closed(back, unreachable)],
            "{number}"
        );
        assert_eq!(
            last_words(&world, alice, there),
            [closed(there, unreachable)],
            "{number}"
        );
        assert!(world.messages(bob).count() <= 1, "{number}");
    }
}

/// VTP-25, VTP-29, VTP-32: one direction ends behind what was queued, the other goes on as long as it likes; when both have
/// ended, both sides are told once that somebody was done.
#[test]
fn one_direction_ends_and_the_other_goes_on() {
    let mut world = World::seeded(4);
    let ([alice, bob], [there, back]) = joined(&mut world);
    world.send(alice, there, "all I have").unwrap();
    world.finish(alice, there);
    let late = world.send(alice, there, "and this").unwrap_err();
    let Fault::Send(refused) = late else {
        panic!("{late:?}")
    };
    assert_eq!(refused.fault, SendFault::Ended);
    world.run_for(60 * SECOND);
    assert_eq!(world.heard_by(bob), ["all I have"]);
    assert_eq!(last_words(&world, bob, back), [Event::Ended { conn: back }]);
    assert_eq!(last_words(&world, alice, there), []);
    for minute in ["one", "two", "three"] {
        world.send(bob, back, minute).unwrap();
        world.run_for(60 * SECOND);
    }
    world.finish(bob, back);
    world.run_for(SECOND);
    assert_eq!(world.heard_by(alice), ["one", "two", "three"]);
    let done = |conn| [Event::Ended { conn }, closed(conn, CloseReason::Closed)];
    assert_eq!(last_words(&world, alice, there), done(there));
    assert_eq!(last_words(&world, bob, back), done(back));
}

/// VTP-31: a connection that comes to nothing is told once, with its reason, and says nothing else.
#[test]
fn a_dial_that_fails_is_told_once() {
    let mut world = World::seeded(5);
    let [alice, bob] = world.vats(["alice", "bob"]);
    world.kill(bob);
    let conn = world.say(alice, bob, "anybody?").unwrap();
    world.run_for(60 * SECOND);
    assert_eq!(
        world.events(alice),
        [closed(conn, CloseReason::Unreachable)]
    );
}

/// VTP-31: whom somebody else dialled under our name: he who answers at the address is another vat, and the dial comes to
/// nothing on either side.
#[test]
fn another_vat_at_the_address_is_not_who_was_wanted() {
    let mut world = World::seeded(6);
    let [alice, bob, mallory] = world.vats(["alice", "bob", "mallory"]);
    let place = world.address(bob).unwrap().clone();
    world.listen(place, mallory);
    let conn = world.say(alice, bob, "for Bob's eyes").unwrap();
    world.run_for(60 * SECOND);
    assert_eq!(
        world.events(alice),
        [closed(conn, CloseReason::Unreachable)]
    );
    assert_eq!(world.events(mallory), []);
}

/// VTP-31, VTP-34: either side dies and comes back, the other hears of one end, and a new dial makes a new connection between
/// the same two vats.
#[test]
fn either_side_may_die_and_come_back() {
    for victim in [0, 1] {
        let mut world = World::seeded(7);
        let (vats, conns) = joined(&mut world);
        let (dead, other) = (vats[victim], 1 - victim);
        world.kill(dead);
        world.run_for(20 * MS);
        assert_eq!(last_words(&world, vats[other], conns[other]), []);
        world.restart(dead);
        // The survivor, if it knows an address, finds out by itself.
        world.run_for(30 * SECOND);
        let [there, back] = join(&mut world, vats[0], vats[1]);
        world.send(vats[0], there, "here again").unwrap();
        world.send(vats[1], back, "so I see").unwrap();
        assert!(world.run_until_quiet());
        assert_eq!(world.heard_by(vats[1]), ["here again"]);
        assert_eq!(world.heard_by(vats[0]), ["so I see"]);
        let end = closed(conns[other], CloseReason::Gone);
        assert_eq!(last_words(&world, vats[other], conns[other]), [end]);
    }
}

/// VTP-31: a vat that dies in the middle of a handshake leaves nothing behind: the other hears of a failed dial, or of
/// nothing.
#[test]
fn a_death_in_the_middle_of_a_handshake_opens_nothing() {
    for at in [5, 15, 25, 35, 45] {
        for victim in [0, 1] {
            let mut world = World::seeded(8);
            let vats = world.vats(["alice", "bob"]);
            let conn = world.say(vats[0], vats[1], "hello").unwrap();
            world.run_for(at * MS);
            world.kill(vats[victim]);
            world.run_for(200 * SECOND);
            assert_eq!(world.node(vats[1 - victim]).unwrap().half_open(), 0);
            let told = world.events(vats[1 - victim]);
            match victim {
                1 => assert_eq!(told, [closed(conn, CloseReason::Unreachable)], "{at}"),
                // Flight 3 is on its way when she dies at 45 ms: TCP delivers it, and then its end.
                _ if at == 45 => assert_eq!(told.len(), 3, "{at}"),
                _ => assert_eq!(told, [], "{at}"),
            }
        }
    }
}
