//! Calls with tickets, from the first cell to the open connection, and those that try to make one without right.

use super::rig::*;
use super::stage::*;
use crate::ablation::{Check, without};
use crate::rendezvous::early::{CannotCall, Ruling};
use crate::rendezvous::issued::Spent;
use crate::rendezvous::{Bearer, Introduction, Refused};
use crate::vattp::Violation;
use crate::vattp::initiator::CannotDial;

/// RDV-9, RDV-10, RDV-11, RDV-12: Bob, to whom Alice passed it on, calls; his first words are heard with the first flight, and both
/// end with one secret.
#[test]
fn a_ticket_leads_to_a_connection() {
    for ruling in [Ruling::Live, Ruling::Not] {
        let mut carol = Carol::new();
        let mut introduction = carol.introduction(bearer("alice"));
        let done = introduction.delegate(&key("alice"), vat("bob"), EXPIRY);
        assert_eq!(done, Ok(()));
        let call = Call::of("bob", introduction).said();
        let early = carol.early(&call.items).ok().unwrap();
        let held = carol.issued.spend(early).ok().unwrap();
        assert!(held.claim().vat == vat("bob") && held.claim().fields == call.fields);
        let Met { ends, words } = carol.finish(call, held, ruling).ok().unwrap();
        let [ours, theirs] = ends;
        assert_eq!(ours.exporter.as_bytes(), theirs.exporter.as_bytes());
        assert_eq!(theirs.peer.key, key("bob").public());
        assert_eq!(ours.peer.key, key("carol").public());
        let heard = (ruling == Ruling::Live).then(|| words_of("bob"));
        assert_eq!(words, heard, "{ruling:?}");
    }
}

/// RDV-5, RDV-11: a thief that has read Alice's ticket cannot call with it, not even by its own rules, and spoils it for nobody.
#[test]
fn a_stolen_ticket_is_no_use() {
    let mut carol = Carol::new();
    let ticket = carol.issued_once(bearer("alice"));
    let refused = Call::of("mallory", again(&ticket)).try_said().err();
    let not_for_you = CannotCall::Introduction(Refused::NotForYou);
    assert_eq!(refused, Some(not_for_you));
    let call = without(Check::ForUs, || Call::of("mallory", again(&ticket)).said());
    assert_eq!(
        carol.early(&call.items).err(),
        Some(Failed::Refused(Refused::NotForYou))
    );
    let fooled = without(Check::EarlyBearer, || carol.early(&call.items));
    assert!(fooled.is_ok(), "the control");

    let call = Call::of("alice", again(&ticket)).said();
    let early = carol.early(&call.items).ok().unwrap();
    assert!(
        carol.issued.spend(early).is_ok(),
        "it costs the ticket nothing"
    );
}

/// RDV-11: one use, whoever comes first; also where both were met before either was judged.
#[test]
fn a_ticket_is_spent_once() {
    let mut carol = Carol::new();
    let ticket = carol.issued_once(bearer("alice"));
    let [one, two, three] =
        [1, 2, 3].map(|chance| Call::of("alice", again(&ticket)).by_chance(chance).said());
    let one = carol.early(&one.items).ok().unwrap();
    let two = carol.early(&two.items).ok().unwrap();
    assert!(carol.issued.spend(one).is_ok());
    assert_eq!(carol.issued.spend(two).err(), Some(Spent));
    assert_eq!(carol.early(&three.items).err(), Some(Failed::Unknown));
    assert!(carol.issued.is_empty());

    let mut carol = Carol::new();
    let ticket = carol.issued_once(bearer("alice"));
    let calls = [1, 2].map(|chance| Call::of("alice", again(&ticket)).by_chance(chance).said());
    let [one, two] = calls.map(|call| carol.early(&call.items).ok().unwrap());
    assert!(carol.issued.spend(one).is_ok());
    let twice = without(Check::SpentOnce, || carol.issued.spend(two));
    assert!(twice.is_ok(), "the control");
}

/// RDV-7, RDV-11: one that was revoked, and one whose time is over by Carol's clock, though the caller's is behind.
#[test]
fn a_revoked_and_an_expired_ticket_are_no_use() {
    let mut carol = Carol::new();
    let ticket = carol.issued_once(bearer("alice"));
    let call = Call::of("alice", again(&ticket)).said();
    carol.wall = EXPIRY;
    assert_eq!(
        carol.early(&call.items).err(),
        Some(Failed::Refused(Refused::Expired))
    );
    let late = without(Check::EarlyExpiry, || carol.early(&call.items));
    assert!(late.is_ok(), "the control");
    carol.wall = NOW;
    assert!(carol.early(&call.items).is_ok(), "the control");
    assert!(carol.issued.revoke(&ticket.id()) && !carol.issued.revoke(&ticket.id()));
    assert_eq!(carol.early(&call.items).err(), Some(Failed::Unknown));

    let late = Call::of("alice", again(&ticket)).at(EXPIRY).try_said();
    assert_eq!(late.err(), Some(CannotCall::Introduction(Refused::Expired)));
}

/// RDV-10: whoever takes b_t before the call can read it, but not say anything else in the caller's name.
#[test]
fn who_has_the_prekey_cannot_say_other_words() {
    let mut carol = Carol::new();
    let ticket = carol.issued_once(bearer("alice"));
    let call = Call::of("alice", again(&ticket)).said();
    let thief = Thief::of(&carol, &ticket, &call);
    let plain = thief.open(&call.items[1]);
    assert!(plain.ends_with_words(&words_of("alice")), "it can read");
    // Every byte that is sealed: who, when started, by whose leave, what of the pair, which words.
    let len = plain.0.len();
    for at in (0..len - 64).chain([len - 64, len - 1]) {
        let mut other = plain.0.clone();
        other[at] ^= 1;
        let items = [call.items[0].clone(), thief.seal(&other)];
        assert!(carol.early(&items).is_err(), "byte {at}");
    }
    let mut other = plain.0.clone();
    other[len - 65] ^= 1;
    let items = [call.items[0].clone(), thief.seal(&other)];
    assert_eq!(
        carol.early(&items).err(),
        Some(Failed::Refused(Refused::Forged))
    );
    let fooled = without(Check::EarlySigned, || carol.early(&items));
    assert!(fooled.is_ok(), "the control");
    // In its own name it may speak, and is not the bearer.
    let own = thief.signed_by("mallory", &plain.0, &call);
    let items = [call.items[0].clone(), thief.seal(&own)];
    assert_eq!(
        carol.early(&items).err(),
        Some(Failed::Refused(Refused::NotForYou))
    );
}

/// RDV-10: first words belong to one handshake: behind another IWANT they do not open, and sealed anew by a thief of b_t they are
/// not signed.
#[test]
fn first_words_are_of_one_handshake() {
    let mut carol = Carol::new();
    let ticket = carol.issued_once(bearer("alice"));
    let [one, two] =
        [1, 2].map(|chance| Call::of("alice", again(&ticket)).by_chance(chance).said());
    let mixed = [two.items[0].clone(), one.items[1].clone()];
    assert_eq!(
        carol.early_of(&mixed, &two).err(),
        Some(Failed::Refused(Refused::Unsealed))
    );
    let plain = Thief::of(&carol, &ticket, &one).open(&one.items[1]);
    let moved = Thief::of(&carol, &ticket, &two).seal(&plain.0);
    let moved = [two.items[0].clone(), moved];
    assert_eq!(
        carol.early_of(&moved, &two).err(),
        Some(Failed::Refused(Refused::Forged))
    );
    let fooled = without(Check::EarlySigned, || carol.early_of(&moved, &two));
    assert!(fooled.is_ok(), "the control");
}

/// RDV-10: EARLY of another ticket of the same bearer.
#[test]
fn first_words_are_of_one_ticket() {
    let mut carol = Carol::new();
    let (a, b) = (
        carol.issued_once(bearer("alice")),
        carol.issued_once(bearer("alice")),
    );
    let one = Call::of("alice", again(&a)).said();
    let two = Call::of("alice", again(&b)).said();
    let mixed = [two.items[0].clone(), one.items[1].clone()];
    let failed = carol.early_of(&mixed, &two).err();
    assert_eq!(failed, Some(Failed::Refused(Refused::OtherTicket)));
}

/// What is done to opened first words.
type Change<'c> = &'c dyn Fn(&mut Vec<u8>);

/// RDV-4, RDV-11: Carol goes through the delegations herself, against what she remembers of her ticket.
#[test]
fn the_callee_checks_every_delegation() {
    let mut carol = Carol::new();
    let ticket = carol.issued_once(bearer("alice"));
    let mut to_bob = again(&ticket);
    assert_eq!(to_bob.delegate(&key("alice"), vat("bob"), EXPIRY), Ok(()));
    let call = Call::of("bob", to_bob).said();
    let thief = Thief::of(&carol, &ticket, &call);
    let plain = thief.open(&call.items[1]).0;
    let link = 41..161;
    let spoilt = |change: Change<'_>| {
        let mut other = plain.clone();
        change(&mut other);
        let own = thief.signed_by("bob", &other, &call);
        [call.items[0].clone(), thief.seal(&own)]
    };
    assert!(carol.early(&spoilt(&|_| ())).is_ok(), "the control");
    let wider = |plain: &mut Vec<u8>| plain[link.start + 48] ^= 0x80;
    let forged = |plain: &mut Vec<u8>| plain[link.end - 1] ^= 1;
    let left_out = |plain: &mut Vec<u8>| {
        plain[40] = 0;
        plain.drain(link.clone());
    };
    let five = |plain: &mut Vec<u8>| {
        plain[40] = 5;
        let one = plain[link.clone()].to_vec();
        (0..4).for_each(|_| drop(plain.splice(link.start..link.start, one.clone())));
    };
    let cases: [(Change<'_>, Refused); 4] = [
        (&wider, Refused::Wider),
        (&forged, Refused::Forged),
        (&left_out, Refused::NotForYou),
        (&five, Refused::TooOften),
    ];
    for (change, why) in cases {
        let failed = carol.early(&spoilt(change)).err();
        assert_eq!(failed, Some(Failed::Refused(why)));
    }
}

/// RDV-11: a ticket for whoever holds it: who calls is who it says it is, under a throwaway key too.
#[test]
fn whoever_holds_an_open_ticket_may_call() {
    for name in ["mallory", ANONYMOUS] {
        let mut carol = Carol::new();
        let open = carol.introduction(Bearer::Anyone);
        let call = Call::of(name, open).said();
        let early = carol.early(&call.items).ok().unwrap();
        let held = carol.issued.spend(early).ok().unwrap();
        assert!(held.claim().vat == vat(name));
        let met = carol.finish(call, held, Ruling::Live).ok().unwrap();
        assert_eq!(met.ends[1].peer.is_anonymous(), name == ANONYMOUS);
    }
}

/// RDV-15: who ends the handshake is who began it: Bob signs first words for a handshake that Mallory goes on with.
#[test]
fn the_handshake_ends_with_who_began_it() {
    let end = |began: &str| {
        let mut carol = Carol::new();
        let introduction = carol.introduction(bearer(began));
        let call = without(Check::ForUs, || {
            Call::of("mallory", introduction).forged(began, &fields_of("mallory"))
        });
        let early = carol.early(&call.items).ok().unwrap();
        let held = carol.issued.spend(early).ok().unwrap();
        carol.finish(call, held, Ruling::Live).map(drop)
    };
    assert_eq!(end("bob"), Err(Violation::OtherBearer));
    assert_eq!(end("mallory"), Ok(()), "the control");
    let fooled = without(Check::SameBearer, || end("bob"));
    assert_eq!(fooled, Ok(()), "the control");
}

/// RDV-15: GO says of the pair what EARLY said: the verdict was given on that.
#[test]
fn go_repeats_what_early_said_of_the_pair() {
    let end = |change: u64| {
        let mut carol = Carol::new();
        let introduction = carol.introduction(bearer("alice"));
        let mut go = fields_of("alice");
        go.word.mine += change;
        let call = Call::of("alice", introduction).forged("alice", &go);
        let early = carol.early(&call.items).ok().unwrap();
        let held = carol.issued.spend(early).ok().unwrap();
        carol.finish(call, held, Ruling::Live).map(drop)
    };
    assert_eq!(end(1), Err(Violation::OtherFields));
    assert_eq!(end(0), Ok(()), "the control");
    let fooled = without(Check::SameFields, || end(1));
    assert_eq!(fooled, Ok(()), "the control");
}

/// RDV-9, RDV-12: who does not know s_t is not answered, nor who shows another x_i than that of IWANT, nor the same x_i again.
#[test]
fn the_target_knows_the_tickets_secret() {
    let mut carol = Carol::new();
    let ticket = carol.issued_once(bearer("alice"));
    let call = Call::of("alice", again(&ticket)).said();
    let wrong = Call::of("alice", again(&ticket))
        .with_secret([1; 32])
        .said();
    let not_ours = Some(Failed::Violation(Violation::NotForUs));
    assert_eq!(carol.early_of(&wrong.items, &wrong).err(), not_ours);
    let bare = Call::of("alice", again(&ticket)).without_secret();
    assert_eq!(
        carol.early_of(&[bare, call.items[1].clone()], &call).err(),
        not_ours
    );
    let other = Call::of("alice", again(&ticket)).by_chance(9).said();
    assert_eq!(carol.early_of(&call.items, &other).err(), not_ours);

    carol.forgets = false;
    assert!(carol.early(&call.items).is_ok(), "the control");
    let replayed = Some(Failed::Violation(Violation::Replayed));
    assert_eq!(carol.early(&call.items).err(), replayed);
}

/// RDV-9: no ticket of that name, another park of the same vat, and a key of low order: nobody is met.
#[test]
fn nobody_is_met_without_a_ticket_for_this_park() {
    let mut carol = Carol::new();
    let ticket = carol.issued_once(bearer("alice"));
    let call = Call::of("alice", again(&ticket)).said();
    let mut opening = call.opening;
    assert!(carol.meets(&opening, &spot()));
    let mut elsewhere = spot();
    elsewhere.cookie = [0xc1; 16].into();
    assert!(!carol.meets(&opening, &elsewhere));
    opening.x_i = [0; 32];
    assert!(!carol.meets(&opening, &spot()));
    opening = call.opening;
    opening.selector[0] ^= 1;
    assert!(!carol.meets(&opening, &spot()));
}

/// RDV-10: 4096 bytes of first words and no more; a prekey of low order and a ticket to oneself lead nowhere.
#[test]
fn what_cannot_be_called_is_not_called() {
    let mut carol = Carol::new();
    let ticket = carol.issued_once(bearer("alice"));
    let long = vec![0; 4097];
    let call = Call::of("alice", again(&ticket)).saying(&long).try_said();
    assert_eq!(call.err(), Some(CannotCall::TooLong));
    let call = Call::of("alice", again(&ticket)).saying(&long[1..]).said();
    assert!(carol.early(&call.items).is_ok());

    let mut draft = draft();
    draft.prekey = [0; 32];
    let useless = crate::rendezvous::Ticket::sign(&key("carol"), draft);
    let call = Call::of("alice", Introduction::from(useless)).try_said();
    assert_eq!(call.err(), Some(CannotCall::Dial(CannotDial::Prekey)));
    let own = carol.introduction(Bearer::Anyone);
    let call = Call::of("carol", own).try_said();
    assert_eq!(call.err(), Some(CannotCall::Dial(CannotDial::Oneself)));
}
