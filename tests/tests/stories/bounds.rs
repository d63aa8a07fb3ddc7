//! What a peer can make a node hold.

use crate::kit::{MS, Puppet, SECOND, joined, msg};
use pluribus_mix::netlayer::{CloseReason, Event, SendFault};
use pluribus_mix::sim::{Fault, HostId, World};
use pluribus_mix::vattp::frame::{Ending, Frame};
use pluribus_mix::vattp::outbound::{FRAME_WEIGHT, WINDOW};
use pluribus_mix::vattp::ranges::Ranges;

/// A vat whose runtime takes nothing, and a puppet proven to it.
fn stalled() -> (World, HostId, Puppet) {
    let mut world = World::seeded(1);
    let bob = world.vat("bob");
    let puppet = Puppet::joined(&mut world, bob);
    world.stall(bob);
    (world, bob, puppet)
}

/// Says messages that weigh `weight` together, none longer than fits a record. Their number.
fn load(world: &mut World, puppet: &mut Puppet, weight: usize) -> u64 {
    let (mut number, mut left) = (0, weight);
    while left > 0 {
        let len = left.saturating_sub(FRAME_WEIGHT).min(30_000);
        // Nothing lighter than a frame with one byte may remain.
        let rest = left - len - FRAME_WEIGHT;
        let len = if (1..=FRAME_WEIGHT).contains(&rest) {
            len - FRAME_WEIGHT
        } else {
            len
        };
        number += 1;
        assert!(puppet.say(world, &[msg(number, &vec![7; len])]));
        left -= len + FRAME_WEIGHT;
    }
    world.run_for(SECOND);
    number
}

/// What stands in a vat's trace, without the numbers of links.
fn blamed(world: &World, vat: HostId) -> Vec<String> {
    let texts = world.traces(vat).iter().map(ToString::to_string);
    texts
        .map(|text| text.split_once(": ").unwrap().1.to_owned())
        .collect()
}

fn reasons(world: &World, vat: HostId) -> Vec<CloseReason> {
    let reason = |event: &Event| match event {
        Event::Closed { reason, .. } => Some(*reason),
        _ => None,
    };
    world.events(vat).iter().filter_map(reason).collect()
}

/// THR-6, VTP-26: a peer that sends exactly the window to a runtime that takes nothing is within its rights; it gets its
/// acknowledgements when the runtime takes again.
#[test]
fn a_full_window_is_held_and_acknowledged_when_it_is_taken() {
    let (mut world, bob, mut puppet) = stalled();
    let count = load(&mut world, &mut puppet, WINDOW);
    assert_eq!(blamed(&world, bob), [""; 0]);
    assert!(world.raw(puppet.raw).holds(puppet.link));
    world.unstall(bob);
    world.run_for(SECOND);
    assert_eq!(world.messages(bob).count(), usize::try_from(count).unwrap());
    let last = puppet.heard(&mut world).concat().pop();
    assert_eq!(
        last,
        Some(format!(
            "Ack {{ taken: {count}, received: {count}, ranges: [] }}"
        ))
    );
}

/// THR-6, VTP-26: one byte beyond the window ends the connection: the peer misbehaved.
#[test]
fn a_byte_beyond_the_window_ends_the_connection() {
    let (mut world, bob, mut puppet) = stalled();
    load(&mut world, &mut puppet, WINDOW + FRAME_WEIGHT + 1);
    assert_eq!(
        blamed(&world, bob),
        ["more unacknowledged than there may be"]
    );
    assert!(!world.raw(puppet.raw).holds(puppet.link));
    world.unstall(bob);
    assert_eq!(reasons(&world, bob), [CloseReason::Misbehaved]);
}

/// THR-6, VTP-26: a thousand empty-looking messages weigh what they cost: the weight of a frame counts.
#[test]
fn small_messages_weigh_more_than_their_bytes() {
    let (mut world, bob, mut puppet) = stalled();
    let most = u64::try_from(WINDOW / (FRAME_WEIGHT + 1)).unwrap();
    for number in 1..=most + 1 {
        puppet.say(&mut world, &[msg(number, b"x")]);
    }
    world.run_for(SECOND);
    assert_eq!(
        blamed(&world, bob),
        ["more unacknowledged than there may be"]
    );
    world.unstall(bob);
    assert_eq!(world.messages(bob).count(), usize::try_from(most).unwrap());
}

/// THR-6, VTP-26, VTP-32: towards a peer that never takes, a sender queues the weight of the window and no more; when the
/// peer takes again it is told once that there is room, and nothing is lost.
#[test]
fn a_peer_that_never_takes_is_sent_the_window_and_no_more() {
    let mut world = World::seeded(2);
    let ([alice, bob], [there, _]) = joined(&mut world);
    world.stall(bob);
    let before = world.observer().volume(alice, bob);
    let mut accepted = Vec::new();
    let refused = loop {
        let message = vec![u8::try_from(accepted.len()).unwrap(); 10_000];
        match world.send(alice, there, message.clone()) {
            Ok(()) => accepted.push(message),
            Err(Fault::Send(refused)) => break refused,
            Err(other) => panic!("{other}"),
        }
        world.run_for(100 * MS);
    };
    assert_eq!(
        (refused.fault, refused.message.len()),
        (SendFault::Full, 10_000)
    );
    assert_eq!(accepted.len(), WINDOW / (10_000 + FRAME_WEIGHT));
    world.run_for(SECOND);
    // A hundredth is more than records and frames add.
    let sent = world.observer().volume(alice, bob) - before;
    assert!(sent <= WINDOW + WINDOW / 100, "{sent}");
    world.unstall(bob);
    world.run_for(SECOND);
    let heard: Vec<_> = world.messages(bob).map(<[u8]>::to_vec).collect();
    assert!(heard == accepted, "{} of {}", heard.len(), accepted.len());
    let writable = |event: &&Event| matches!(event, Event::Writable { .. });
    assert_eq!(world.events(alice).iter().filter(writable).count(), 1);
    world.send(alice, there, "room again").unwrap();
}

/// VTP-25, VTP-32: a message of the greatest length passes whole, a longer one is handed back, and so is an empty one.
#[test]
fn a_message_has_a_byte_at_least_and_a_mebibyte_at_most() {
    let mut world = World::seeded(3);
    let ([alice, bob], [there, _]) = joined(&mut world);
    let longest = vec![3; 1 << 20];
    world.send(alice, there, longest.clone()).unwrap();
    assert!(world.run_until_quiet());
    assert!(world.messages(bob).eq([&longest[..]]));
    for (message, wanted) in [
        (vec![3; (1 << 20) + 1], SendFault::TooLong),
        (vec![], SendFault::Empty),
    ] {
        let Err(Fault::Send(refused)) = world.send(alice, there, message.clone()) else {
            panic!("it was taken");
        };
        assert!(refused.fault == wanted && refused.message == message);
    }
}

/// THR-6, VTP-25: a message that never ends is refused when it grows beyond the limit.
#[test]
fn a_message_without_end_is_refused() {
    let (mut world, bob, mut puppet) = stalled();
    let piece = vec![1; 32_000];
    for number in 1..=33 {
        puppet.say(
            &mut world,
            &[Frame::Msg {
                more: true,
                number,
                bytes: &piece,
            }],
        );
    }
    world.run_for(SECOND);
    assert_eq!(
        blamed(&world, bob),
        ["a message that is too long or has an empty piece"]
    );
    world.unstall(bob);
    assert_eq!(world.messages(bob).count(), 0);
}

/// THR-6, VTP-1: before the proof a length that no flight 1 has is refused before anything that it announces has come; one
/// that it can have is waited for, 1282 bytes at most.
#[test]
fn before_the_proof_nothing_longer_than_a_flight_is_waited_for() {
    for (length, is_refused) in [
        (0, true),
        (1236, true),
        (1237, false),
        (1282, false),
        (1283, true),
        (65_535, true),
    ] {
        let mut world = World::seeded(4);
        let bob = world.vat("bob");
        let raw = world.raw_host("endless");
        let link = world.raw(raw).open(bob);
        world.raw(raw).send(link, u16::to_be_bytes(length)).unwrap();
        world.run_for(SECOND);
        let blame = blamed(&world, bob);
        assert_eq!(
            blame == ["an item of impossible length"],
            is_refused,
            "{length}: {blame:?}"
        );
        world
            .raw(raw)
            .send(link, vec![0; usize::from(length)])
            .unwrap();
        world.run_for(SECOND);
        assert_eq!(world.traces(bob).len(), 1, "{length}: all of it was judged");
    }
}

/// THR-6, VTP-17: a stranger that never stops sending is heard by nobody, answered nothing, and blamed once.
#[test]
fn endless_bytes_before_the_proof_are_discarded() {
    let mut world = World::seeded(5);
    let bob = world.vat("bob");
    let raw = world.raw_host("endless");
    let link = world.raw(raw).open(bob);
    for _ in 0..100 {
        world.raw(raw).send(link, vec![4; 100_000]).unwrap();
        world.run_for(50 * MS);
    }
    world.run_for(20 * SECOND);
    assert_eq!(world.traces(bob).len(), 1);
    assert_eq!(world.events(bob), []);
    assert_eq!(world.observer().volume(bob, raw), 0);
    assert!(!world.raw(raw).holds(link));
}

/// The answers among what a puppet has heard.
fn pongs(world: &mut World, puppet: &mut Puppet) -> Vec<String> {
    let mut heard = puppet.heard(world).concat();
    heard.retain(|frame| frame.starts_with("Pong"));
    heard
}

/// THR-6, VTP-27: sixteen questions at once get sixteen answers; a seventeenth ends the connection.
#[test]
fn a_seventeenth_ping_at_once_is_too_many() {
    let (mut world, bob, mut puppet) = stalled();
    let pings: Vec<_> = (100..117).map(Frame::Ping).collect();
    assert!(puppet.say(&mut world, &pings[..16]));
    world.run_for(SECOND);
    let answers: Vec<_> = (100..116).map(|token| format!("Pong({token})")).collect();
    assert_eq!(pongs(&mut world, &mut puppet), answers);
    puppet.say(&mut world, &pings);
    world.run_for(SECOND);
    assert_eq!(blamed(&world, bob), ["too many PINGs"]);
    world.unstall(bob);
    assert_eq!(reasons(&world, bob), [CloseReason::Misbehaved]);
    assert_eq!(puppet.heard(&mut world), [[""; 0]; 0]);
}

/// THR-6, VTP-27: answers do not wait one for the other's sake: a thousand questions in a row, each in its own turn, are
/// all answered.
#[test]
fn pings_that_come_one_by_one_are_all_answered() {
    let (mut world, bob, mut puppet) = stalled();
    for token in 0..1000 {
        assert!(puppet.say(&mut world, &[Frame::Ping(token)]));
    }
    world.run_for(SECOND);
    assert_eq!(pongs(&mut world, &mut puppet).len(), 1000);
    assert_eq!(blamed(&world, bob), [""; 0]);
}

/// THR-6, VTP-22, VTP-23, VTP-26, VTP-27, VTP-29: a proven peer that breaks a rule of records is cut off without a word, and the
/// runtime is told that it misbehaved.
#[test]
fn a_proven_peer_that_breaks_a_rule_is_cut_off() {
    let broken: [(&[Frame<'_>], &str); 7] = [
        (&[msg(17_410, b"far")], "a frame number too far ahead"),
        (&[msg(0, b"none")], "a frame number too far ahead"),
        (
            &[Frame::Ack {
                taken: 1,
                received: 1,
                ranges: Ranges::default(),
            }],
            "an impossible acknowledgement",
        ),
        (&[Frame::Pong(9)], "a PONG that nobody asked for"),
        (&[Frame::Rekey, Frame::Ping(1)], "a frame behind the last"),
        (
            &[Frame::Close {
                reason: Ending::Done,
                id: 1,
            }],
            "a CLOSE for another connection",
        ),
        (&[msg(1, b""), msg(2, b"more")], "a message behind the end"),
    ];
    for (frames, blame) in broken {
        let (mut world, bob, mut puppet) = stalled();
        world.unstall(bob);
        puppet.say(&mut world, frames);
        world.run_for(SECOND);
        assert_eq!(blamed(&world, bob), [blame]);
        assert_eq!(reasons(&world, bob), [CloseReason::Misbehaved], "{blame}");
        assert_eq!(puppet.heard(&mut world), [[""; 0]; 0], "{blame}");
        assert!(!world.raw(puppet.raw).holds(puppet.link), "{blame}");
    }
    let (mut world, bob, mut puppet) = stalled();
    world.unstall(bob);
    let id = puppet.mine;
    puppet.say(
        &mut world,
        &[
            msg(1, b"bye"),
            Frame::Close {
                reason: Ending::Done,
                id,
            },
        ],
    );
    world.run_for(SECOND);
    assert_eq!(reasons(&world, bob), [CloseReason::Closed], "the control");
    assert_eq!(world.heard_by(bob), ["bye"]);
}
