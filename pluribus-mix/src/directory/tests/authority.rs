//! Slots, proposals and signatures.

use super::rig::*;
use crate::ablation::{Check, without};
use crate::directory::{Authority, Proposed, Refused, Wall};

/// Three authorities, two of which must sign, that know the relays 1 to 3.
fn three() -> [Authority; 3] {
    [0, 1, 2].map(|i| {
        let mut authority = authority(i, 3, 2);
        for n in 1..=3 {
            authority.publish(NOW, &signed(&relay(n), n, NOW)).unwrap();
        }
        authority
    })
}

fn proposal(authority: &mut Authority, now: Wall) -> Vec<u8> {
    match authority.propose(now) {
        Some(Proposed::Proposal(proposal)) => proposal,
        other => panic!("{other:?}"),
    }
}

/// What authority 1 says to authority 0's proposal of relay 1 once this is done to its text.
fn changed(from: &str, to: &str) -> Result<Vec<u8>, Refused> {
    let [mut first, mut second, _] = three();
    let text = String::from_utf8(proposal(&mut first, NOW)).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    second.consider(NOW, text.replacen(from, to, 1).as_bytes())
}

/// DIR-13, DIR-14, DIR-15: two of three make a consensus while the third is down.
#[test]
fn two_of_three_are_enough() {
    let [mut first, mut second, _down] = three();
    let proposal = proposal(&mut first, NOW);
    let signature = second.consider(NOW, &proposal).unwrap();
    let signed = first.add_signature(&signature).unwrap().unwrap();
    for authority in [&mut first, &mut second] {
        let consensus = authority.adopt(NOW, &signed).unwrap();
        assert_eq!(
            (consensus.relays().len(), consensus.valid_after()),
            (3, NOW)
        );
    }
    let again = first.add_signature(&signature);
    assert_eq!(again, Err(Refused::NothingProposed { slot: NOW }));
}

/// DIR-15: with three needed one more is not enough, and the same one twice is one.
#[test]
fn a_consensus_waits_for_its_last_signature() {
    let [mut first, mut second, mut third] = [0, 1, 2].map(|i| authority(i, 3, 3));
    first.publish(NOW, &signed(&relay(1), 1, NOW)).unwrap();
    let proposal = proposal(&mut first, NOW);
    let signature = second.consider(NOW, &proposal).unwrap();
    assert_eq!(first.add_signature(&signature), Ok(None));
    assert_eq!(first.add_signature(&signature), Ok(None));
    let last = third.consider(NOW, &proposal).unwrap();
    let signed = first.add_signature(&last).unwrap().unwrap();
    assert!(third.adopt(NOW, &signed).is_ok());
    assert_eq!(third.relays(), 1, "descriptors travel");
}

/// DIR-15: signatures of strangers, for other slots, and that do not fit.
#[test]
fn signatures_are_checked_before_they_count() {
    let [mut first, mut second, _] = three();
    let proposal = proposal(&mut first, NOW);
    let signature = String::from_utf8(second.consider(NOW, &proposal).unwrap()).unwrap();
    let [by, stranger] = [second.id(), id(7)];
    let mut add = |text: String| first.add_signature(text.as_bytes());
    let strange = add(signature.replace(&by.to_string(), &stranger.to_string()));
    assert_eq!(strange, Err(Refused::Stranger { by: stranger }));
    let slot = NOW.plus(100);
    let other = add(signature.replace("1800000000", "1800000100"));
    assert_eq!(other, Err(Refused::NothingProposed { slot }));
    let third = authority(2, 3, 2).id();
    let what = "signature";
    let forged = add(signature.replace(&by.to_string(), &third.to_string()));
    assert_eq!(forged, Err(Refused::Signature { what, by: third }));
    assert!(add(signature).unwrap().is_some(), "the control");
}

/// DIR-13: one authority alone is done at once, in the middle of a slot, as soon as it knows enough relays.
#[test]
fn one_authority_alone_need_not_wait() {
    let key = authority_keys(1).remove(0);
    let of = authorities(1, 1);
    let mut one = Authority::new(key, of.clone(), params(), 2, None).unwrap();
    let now = NOW.plus(42);
    one.publish(now, &signed(&relay(1), 1, now)).unwrap();
    assert_eq!(one.propose(now), None);
    one.publish(now, &signed(&relay(2), 2, now)).unwrap();
    let Some(Proposed::Consensus(first)) = one.propose(now) else {
        panic!()
    };
    assert_eq!(of.verify(now, &first, None).unwrap().valid_after(), NOW);
    one.adopt(now, &first).unwrap();
    assert_eq!(one.propose(now), None, "once a slot");
    assert_eq!(one.next_turn(now), NOW.plus(100));
    assert!(one.propose(NOW.plus(100)).is_some());
}

/// DIR-13, DIR-14: once a slot, over restarts too; without the check it would sign two truths.
#[test]
fn an_authority_signs_once_a_slot() {
    let restarted = |last| {
        let key = authority_keys(1).remove(0);
        let mut one = Authority::new(key, authorities(1, 1), params(), 1, last).unwrap();
        one.publish(NOW, &signed(&relay(2), 2, NOW)).unwrap();
        one
    };
    let mut one = restarted(None);
    assert!(one.propose(NOW).is_some());
    assert_eq!(one.last_signed(), Some(NOW));
    assert_eq!(restarted(one.last_signed()).propose(NOW.plus(99)), None);
    assert!(
        restarted(None).propose(NOW.plus(99)).is_some(),
        "the control"
    );

    let [mut first, mut second, _] = three();
    let once = proposal(&mut first, NOW);
    let [mut twin, ..] = three();
    twin.publish(NOW, &signed(&relay(4), 4, NOW)).unwrap();
    let twice = proposal(&mut twin, NOW);
    assert!(second.consider(NOW, &once).is_ok());
    assert_eq!(second.last_signed(), Some(NOW));
    let (slot, last) = (NOW, NOW);
    for again in [&once, &twice] {
        let refused = second.consider(NOW, again);
        assert_eq!(refused, Err(Refused::SignedAlready { slot, last }));
    }
    assert!(without(Check::OncePerSlot, || second.consider(NOW, &twice)).is_ok());
}

/// DIR-13: each slot is the turn of one; if that one is down the slot passes and the next one speaks.
#[test]
fn turns_go_round() {
    let [mut first, mut second, mut third] = three();
    assert_eq!(second.propose(NOW), None);
    let turns = [&first, &second, &third].map(|one| one.next_turn(NOW.plus(1)));
    assert_eq!(turns, [NOW.plus(1), NOW.plus(100), NOW.plus(200)]);
    // The first is down in slot 0.
    let proposal = proposal(&mut second, NOW.plus(100));
    assert!(third.consider(NOW.plus(100), &proposal).is_ok());
    assert!(first.consider(NOW.plus(100), &proposal).is_ok());
    assert_eq!(third.next_turn(NOW.plus(100)), NOW.plus(200));
}

/// DIR-14: whose turn it is, and when.
#[test]
fn a_proposal_is_for_now_and_by_whose_turn_it_is() {
    let said = |now: Wall| {
        let [mut first, mut second, _] = three();
        let proposal = proposal(&mut first, NOW);
        second.consider(now, &proposal)
    };
    let slot = NOW;
    for now in [NOW.minus(25), NOW.plus(124)] {
        assert!(said(now).is_ok(), "{now:?}");
    }
    for now in [NOW.minus(26), NOW.plus(125)] {
        assert_eq!(said(now), Err(Refused::NotNow { slot, now }));
    }
    let off = changed("1800000000}", "1800000001}");
    assert!(matches!(off, Err(Refused::NotNow { .. })), "{off:?}");
    let [first, _, third] = three().map(|one| one.id());
    let other = changed(&format!("\"by\":\"{first}"), &format!("\"by\":\"{third}"));
    let (by, turn) = (third, first);
    assert_eq!(other, Err(Refused::NotItsTurn { by, turn }));
}

/// DIR-14: nothing is listed that its relay did not sign, nothing signed that does not follow, nothing under other rules.
#[test]
fn a_proposal_is_checked_word_by_word() {
    let heavier = changed(r#""weight":1000"#, r#""weight":1001"#);
    let what = "relay descriptor";
    let is_forged =
        matches!(&heavier, Err(Refused::Signature { what: named, .. }) if *named == what);
    assert!(is_forged, "{heavier:?}");
    assert!(
        without(Check::SelfSigned, || changed(
            r#""weight":1000"#,
            r#""weight":1001"#
        ))
        .is_err()
    );
    let params = changed(r#"{"interval":100}"#, r#"{"interval":100,"slots":9}"#);
    assert_eq!(params, Err(Refused::OtherParams));
    let [mut first, mut second, _] = three();
    let text = String::from_utf8(proposal(&mut first, NOW)).unwrap();
    let (head, rest) = text.split_once("{\"descriptor\"").unwrap();
    let (_, fewer) = rest.split_once(",{\"descriptor\"").unwrap();
    let fewer = format!("{head}{{\"descriptor\"{fewer}");
    let (what, by) = ("proposal", first.id());
    let refused = second.consider(NOW, fewer.as_bytes());
    assert_eq!(refused, Err(Refused::Signature { what, by }));
    assert_eq!(second.last_signed(), None, "nothing was used up");
    assert!(second.consider(NOW, text.as_bytes()).is_ok(), "the control");
}

/// DIR-14: nobody goes back to a descriptor older than one signed for, and a newer one held is no reason to refuse.
#[test]
fn a_relay_is_not_led_back_and_stops_nobody() {
    let [mut first, mut second, mut third] = three();
    // The relay gives a newer one to all but the authority whose turn it is.
    let newer = signed(&relay(1), 1, NOW.plus(1));
    for one in [&mut second, &mut third] {
        one.publish(NOW.plus(1), &newer).unwrap();
    }
    let proposal_0 = proposal(&mut first, NOW.plus(2));
    assert!(second.consider(NOW.plus(2), &proposal_0).is_ok());
    // Now the newer one is proposed, and signed for by the third.
    let proposal_1 = proposal(&mut second, NOW.plus(100));
    assert!(third.consider(NOW.plus(100), &proposal_1).is_ok());
    // The first goes on with the old one, three slots later: it heard nothing of the newer.
    let proposal_3 = proposal(&mut first, NOW.plus(300));
    let refused = third.consider(NOW.plus(300), &proposal_3);
    assert_eq!(refused, Err(Refused::Older { relay: id(1) }));
}

/// DIR-12: newer replaces older; old, older, future and twin are refused, each by its name, and the same is welcome.
#[test]
fn descriptors_are_fresh() {
    let mut one = authority(0, 1, 1);
    let relay_1 = id(1);
    let mut publish = |now: Wall, at: Wall| one.publish(now, &signed(&relay(1), 1, at));
    let (age, most) = (301, 300);
    let stale = Refused::Stale {
        relay: relay_1,
        age,
        most,
    };
    assert_eq!(publish(NOW, NOW.minus(301)), Err(stale));
    assert_eq!(
        publish(NOW, NOW.plus(301)),
        Err(Refused::Early {
            relay: relay_1,
            by: 301
        })
    );
    for at in [NOW.minus(300), NOW, NOW, NOW.plus(300)] {
        assert_eq!(publish(NOW, at), Ok(()));
    }
    assert_eq!(publish(NOW, NOW), Err(Refused::Older { relay: relay_1 }));
    let mut other = relay(1);
    other.weight = 7;
    let twin = one.publish(NOW, &signed(&other, 1, NOW.plus(300)));
    assert_eq!(twin, Err(Refused::Twin { relay: relay_1 }));
    // What is not renewed is forgotten.
    let end = NOW.plus(600);
    one.publish(end, &signed(&relay(2), 2, end)).unwrap();
    assert_eq!(one.relays(), 2);
    one.publish(end.plus(1), &signed(&relay(2), 2, end.plus(1)))
        .unwrap();
    assert_eq!(one.relays(), 1);
}

/// DIR-12: an address is nobody's proof, so a second claim throws nobody out.
#[test]
fn an_address_may_be_claimed_twice() {
    let mut squatter = relay(2);
    squatter.at = relay(1).at;
    let consensus = consensus_of(&[(1, relay(1)), (2, squatter)], &params());
    assert!(consensus.relay(&id(1)).is_some() && consensus.relay(&id(2)).is_some());
}

/// DIR-12, DIR-14: only an authority of the network is one.
#[test]
fn a_stranger_is_no_authority() {
    let by = id(7);
    let none = Authority::new(key(7), authorities(3, 2), params(), 1, None).err();
    assert_eq!(none, Some(Refused::Stranger { by }));
}
