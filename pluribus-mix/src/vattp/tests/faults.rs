//! The faults of E's VatTP, one test each: the attack is refused here, and works once the defence is taken out.

use super::puppet::{Answer, Ask, Claim, Sig, items, lp};
use super::rig::{End, I, R, Stand, exchange, hosted, initiator, key, local, responder, wanted};
use crate::ablation::{Check, without};
use crate::crypto::aead::{open_item, seal_item};
use crate::crypto::kdf::Label;
use crate::crypto::sign::SigningKey;
use crate::vattp::flight::Info;
use crate::vattp::pair::Side;
use crate::vattp::{Hints, Offers, Use, Violation};
use std::sync::Arc;

/// Runs `i` against this answer up to GO, and says how it stands.
fn answered(answer: &Answer) -> Stand {
    answered_as(Offers::default(), answer)
}

fn answered_as(offers: Offers, answer: &Answer) -> Stand {
    let mut i = End::dials(wanted(Use::Vat), local(I), offers, 5);
    let flight = answer.to(&i.says()).0;
    i.hear(&flight);
    let stand = i.stand();
    assert_eq!(i.says().is_empty(), matches!(stand, Stand::Refused(_)));
    stand
}

/// Runs R against this claim, and says how it stands and whom it believes.
fn claimed(claim: &Claim) -> (Stand, Option<[u8; 32]>) {
    let mut r = responder(Use::Vat);
    let (flight, asked) = Ask::honest(wanted(Use::Vat)).flight();
    r.hear(&flight);
    let (flight, _) = asked.hear(&r.says()).give(claim);
    r.hear(&flight);
    let stand = r.stand();
    assert_eq!(r.says().is_empty(), matches!(stand, Stand::Refused(_)));
    (stand, r.peer.map(|peer| peer.key.to_bytes()))
}

/// A key of the attacker's, as much greater or smaller than R's as I's is, so that the pair fields are the same.
fn mallory() -> Arc<SigningKey> {
    let side = |n| Side::of(&key(n).public(), &key(R).public());
    key((0x66..=0xff).find(|n| side(*n) == side(I)).unwrap())
}

const REFUSED: fn(Violation) -> Stand = Stand::Refused;
const GOES_ON: Stand = Stand::Waits("GOTOO");

/// VTP-2, VTP-3: there is no null suite, neither to offer nor to choose. The control: without the rule R answers who offers
/// it, and I goes on under it, whoever R is.
#[test]
fn a_null_suite_is_refused() {
    let r = key(R);
    let mut null = Answer::honest(&r);
    null.suite = 0;
    assert_eq!(answered(&null), REFUSED(Violation::NotOffered));
    assert_eq!(without(Check::Offered, || answered(&null)), GOES_ON);
    null.suite = 1;
    null.version = 0;
    assert_eq!(answered(&null), REFUSED(Violation::NotOffered));
    assert_eq!(without(Check::Offered, || answered(&null)), GOES_ON);

    for offers in [[1, 1, 2, 0, 0, 0, 1].to_vec(), [2, 0, 1, 1, 0, 1].to_vec()] {
        let asks = || {
            let mut r = responder(Use::Vat);
            let mut ask = Ask::honest(wanted(Use::Vat));
            ask.offers = offers.clone();
            r.hear(&ask.flight().0);
            (r.stand(), r.says().is_empty())
        };
        let (stand, silent) = asks();
        assert!(matches!(stand, Stand::Refused(Violation::Malformed(_))) && silent);
        assert_eq!(
            without(Check::Null, asks),
            (Stand::Waits("GIVEINFO"), false)
        );
    }
    assert!(Offers::new(vec![1], vec![0]).is_err() && Offers::new(vec![0], vec![1]).is_err());
}

/// VTP-2, VTP-3: a version or suite that I did not offer, or that this code does not speak, is refused; so is an offer of
/// nothing that R speaks. The control: I goes on under what it never offered.
#[test]
fn an_unknown_suite_is_refused() {
    let r = key(R);
    for (version, suite) in [(1, 3), (1, 0xffff), (2, 1), (0xff, 1), (2, 2)] {
        let mut unknown = Answer::honest(&r);
        (unknown.version, unknown.suite) = (version, suite);
        assert_eq!(answered(&unknown), REFUSED(Violation::NotOffered));
        assert_eq!(without(Check::Offered, || answered(&unknown)), GOES_ON);
        let all = Offers::new(vec![1, 2, 0xff], vec![1, 3, 0xffff]).unwrap();
        assert_eq!(
            answered_as(all, &unknown),
            REFUSED(Violation::NotOffered),
            "not spoken"
        );
    }
    let only_first = Offers::new(vec![1], vec![1]).unwrap();
    let mut second = Answer::honest(&r);
    second.suite = 2;
    assert_eq!(answered(&second), GOES_ON);
    assert_eq!(
        answered_as(only_first, &second),
        REFUSED(Violation::NotOffered)
    );

    let asks = |offers: &[u8]| {
        let mut r = responder(Use::Vat);
        let mut ask = Ask::honest(wanted(Use::Vat));
        ask.offers = offers.to_vec();
        r.hear(&ask.flight().0);
        assert_eq!(r.says(), b"");
        r.stand()
    };
    assert_eq!(asks(&[1, 2, 1, 0, 1]), REFUSED(Violation::NoCommonVersion));
    assert_eq!(asks(&[1, 1, 1, 0, 3]), REFUSED(Violation::NoCommonSuite));
}

/// VTP-9, VTP-12: what one has signed in one handshake proves nothing in another: neither I's signature, which every vat it
/// has dialled knows, nor R's, which everybody who has dialled it knows.
#[test]
fn a_signature_from_another_handshake_is_refused() {
    // I dials a vat of the attacker's, who then claims to be I. Only R's name differs from what the attacker would need.
    let mallory = mallory();
    let mut asked = wanted(Use::Vat);
    asked.key = mallory.public();
    let mut i = End::dials(asked, local(I), Offers::default(), 5);
    let (flight, puppet) = Answer::honest(&mallory).to(&i.says());
    i.hear(&flight);
    let (info, ..) = puppet.hear(&i.says());
    let seen = Info::decode(&mut crate::wire::Reader::new(&info)).unwrap();
    let mut claim = Claim::honest(&mallory, key(R).public());
    (claim.vat, claim.hints, claim.incarnation) = (seen.vat, seen.hints, seen.incarnation);
    claim.sig = Sig::Pasted(seen.sig);
    assert_eq!(claim.vat, key(I).public().to_bytes());
    assert_eq!(
        claimed(&claim),
        (REFUSED(Violation::InitiatorUnproven), None)
    );
    let (stand, peer) = without(Check::SigI, || claimed(&claim));
    assert!(matches!(stand, Stand::Open(_)));
    assert_eq!(
        peer,
        Some(claim.vat),
        "the control: R takes the attacker for I"
    );

    // The attacker dials R, and shows what R signed to an I that wants R.
    let mut r = responder(Use::Vat);
    let (flight, asked) = Ask::honest(wanted(Use::Vat)).flight();
    r.hear(&flight);
    let info = asked.hear(&r.says()).info;
    let seen = Info::decode(&mut crate::wire::Reader::new(&info)).unwrap();
    let mut answer = Answer::honest(&mallory);
    (answer.vat, answer.hints, answer.incarnation) = (seen.vat, seen.hints, seen.incarnation);
    answer.sig = Sig::Pasted(seen.sig);
    assert_eq!(answered(&answer), REFUSED(Violation::ResponderUnproven));
    assert_eq!(
        without(Check::SigR, || answered(&answer)),
        GOES_ON,
        "the control"
    );
}

/// VTP-12: a signature that I made for one responder in this very handshake does not pass for another name of it.
#[test]
fn a_signature_for_another_responder_is_refused() {
    let mut claim = Claim::honest(&key(I), key(R).public());
    claim.to = key(9).public();
    assert_eq!(
        claimed(&claim),
        (REFUSED(Violation::InitiatorUnproven), None)
    );
    assert!(matches!(
        without(Check::SigI, || claimed(&claim)).0,
        Stand::Open(_)
    ));
}

/// VTP-9, VTP-12: who knows a vat's name and not its key is neither taken for it when it dials nor when it is dialled.
#[test]
fn a_key_without_proof_is_refused() {
    let mut claim = Claim::honest(&mallory(), key(R).public());
    claim.vat = key(I).public().to_bytes();
    assert_eq!(
        claimed(&claim),
        (REFUSED(Violation::InitiatorUnproven), None)
    );
    let (stand, peer) = without(Check::SigI, || claimed(&claim));
    assert!(matches!(stand, Stand::Open(_)));
    assert_eq!(
        peer,
        Some(claim.vat),
        "the control: R takes the attacker for I"
    );

    let impostor = Answer::impostor(&key(R));
    assert_eq!(answered(&impostor), REFUSED(Violation::ResponderUnproven));
    assert_eq!(
        without(Check::SigR, || answered(&impostor)),
        GOES_ON,
        "the control"
    );
}

/// VTP-12: bytes that are no key (NAM-1), and keys for which anybody can sign, are no vat.
#[test]
fn a_vat_that_is_no_key_is_refused() {
    let mut one = [0; 32];
    one[0] = 1;
    for vat in [[0; 32], one, [0xff; 32]] {
        let mut claim = Claim::honest(&key(I), key(R).public());
        claim.vat = vat;
        // R = the neutral point, S = 0: what "signs" anything for a key of order 1.
        let mut sig = [0; 64];
        sig[0] = 1;
        claim.sig = Sig::Pasted(sig);
        assert_eq!(
            claimed(&claim),
            (REFUSED(Violation::InitiatorUnproven), None)
        );
    }
}

/// VTP-9: a vat that is not the one wanted proves itself in vain, by its own name or by the one wanted. The control: I
/// believes it once I neither asks for the wanted vat's signature nor for its name.
#[test]
fn another_vat_than_the_one_wanted_is_refused() {
    let other = Answer::honest(&mallory());
    assert_eq!(answered(&other), REFUSED(Violation::ResponderUnproven));
    let one_out = without(Check::SigR, || answered(&other));
    assert_eq!(one_out, REFUSED(Violation::ResponderUnproven));
    let both_out = without(Check::SigR, || without(Check::Wanted, || answered(&other)));
    assert_eq!(both_out, GOES_ON, "the control");
}

/// VTP-2, VTP-4: who strips the better suite from an offer is met with silence. The control: with that check out R answers
/// under the worse suite, and with the transcript's share out too both ends open under it and neither notices.
#[test]
fn a_downgrade_is_refused() {
    let prefer_second = || Offers::new(vec![1], vec![2, 1]).unwrap();
    let met = |strip: bool| {
        let mut hosted = hosted(Use::Vat);
        hosted.offers = prefer_second();
        let mut r = End::hosts(hosted, 6);
        let mut i = End::dials(wanted(Use::Vat), local(I), prefer_second(), 5);
        let mut chosen = 0;
        let stands = exchange(&mut i, &mut r, |n, bytes| match n {
            1 if strip => {
                let iwant = &items(&bytes)[0];
                assert_eq!(iwant[..7], [1, 1, 2, 0, 2, 0, 1]);
                let offers = [1, 1, 2, 0, 1, 0, 3];
                lp(&[&offers[..], &iwant[7..]].concat())
            }
            2 if !bytes.is_empty() => {
                chosen = bytes[4];
                bytes
            }
            _ => bytes,
        });
        (stands, chosen)
    };
    let (stands, chosen) = met(false);
    assert!(matches!(stands, [Stand::Open(i), Stand::Open(r)] if i == r));
    assert_eq!(chosen, 2, "R's preference");
    let silence = [Stand::Waits("IAM"), REFUSED(Violation::NotForUs)];
    assert_eq!(met(true), (silence, 0));
    let noticed = [REFUSED(Violation::Unsealed), Stand::Waits("GIVEINFO")];
    assert_eq!(without(Check::Target, || met(true)), (noticed, 1));
    let (stands, chosen) = without(Check::Target, || without(Check::Heard, || met(true)));
    assert!(
        matches!(stands, [Stand::Open(i), Stand::Open(r)] if i == r),
        "{stands:?}"
    );
    assert_eq!(chosen, 1, "the control: both prefer 2 and speak 1");
}

/// VTP-12: somebody who has the key of I's sealed items, and nothing else, cannot make I's handshake his own: I would
/// take itself to speak with R, R with him. The control: without fin_i R does.
#[test]
fn an_unknown_key_share_is_refused() {
    let met = || {
        let mut r = responder(Use::Vat);
        let (flight, asked) = Ask::honest(wanted(Use::Vat)).flight();
        r.hear(&flight);
        let replied = asked.hear(&r.says());
        let stolen = replied.known.key(Label::I_HS);
        let said = [Label::INITIATOR.as_bytes(), &replied.known.h].concat();
        let (flight, _) = replied.give(&Claim::honest(&key(I), key(R).public()));

        let mallory = mallory();
        let head = Info::head(mallory.public().as_bytes(), 1, &Hints::default());
        let said = [&said, &key(R).public().as_bytes()[..], &head].concat();
        let info = [&head[..], &mallory.sign(&said)].concat();
        let his = seal_item(&stolen, 0, &info).unwrap();
        let go = items(&flight).remove(1);
        assert!(
            open_item(&stolen, 1, &go).is_ok(),
            "he could change GO as well"
        );
        r.hear(&[lp(&his), lp(&go)].concat());
        (r.stand(), r.peer.map(|peer| peer.key))
    };
    assert_eq!(met(), (REFUSED(Violation::InitiatorUnproven), None));
    let (stand, peer) = without(Check::FinI, met);
    assert!(matches!(stand, Stand::Open(_)));
    assert_eq!(peer, Some(mallory().public()), "the control");
}

/// VTP-10, VTP-12: nobody is met by himself: a vat does not dial its own name, and does not take its own name from a peer.
#[test]
fn ones_own_name_is_refused() {
    let r = key(R);
    let claim = Claim::honest(&r, r.public());
    assert_eq!(claimed(&claim), (REFUSED(Violation::Oneself), None));
    let (stand, peer) = without(Check::NotSelf, || claimed(&claim));
    assert!(matches!(stand, Stand::Open(_)));
    assert_eq!(peer, Some(r.public().to_bytes()), "the control");

    let dial = || {
        use crate::crypto::rng::Seed;
        use crate::vattp::initiator::{Entropy, start};
        let (mut out, mut rng) = (Vec::new(), Seed::from_bytes([1; 32]).fork("i"));
        let entropy = Entropy::draw(&mut rng);
        let started = start(
            wanted(Use::Vat),
            local(R),
            Offers::default(),
            entropy,
            &mut out,
        );
        (started.err(), out.len())
    };
    use crate::vattp::initiator::CannotDial;
    assert_eq!(dial(), (Some(CannotDial::Oneself), 0));
    assert!(without(Check::NotOwn, dial).1 > 0, "the control");
}

/// VTP-5: a flight 1 that was recorded and is played to R at another link is met with silence. The control: without the
/// memory R answers again, and whoever plays it learns that R is there.
#[test]
fn a_recorded_flight_1_is_not_answered_again() {
    let play = || {
        let flight = initiator(Use::Vat).says();
        let mut r = responder(Use::Vat);
        r.hear(&flight);
        assert_eq!(r.stand(), Stand::Waits("GIVEINFO"));
        let mut again = r.next_link();
        again.hear(&flight);
        (again.stand(), again.says().is_empty())
    };
    assert_eq!(play(), (REFUSED(Violation::Replayed), true));
    assert_eq!(
        without(Check::Fresh, play),
        (Stand::Waits("GIVEINFO"), false)
    );
}

/// VTP-5: what does not ask for us does not enter the memory, or anybody could fill it.
#[test]
fn what_is_not_for_us_is_not_remembered() {
    let mut elsewhere = wanted(Use::Vat);
    elsewhere.place = b"nowhere".to_vec();
    let ask = |wanted| Ask::honest(wanted).flight().0;
    let mut r = responder(Use::Vat);
    r.hear(&ask(elsewhere));
    assert_eq!(r.stand(), REFUSED(Violation::NotForUs));
    let mut next = r.next_link();
    next.hear(&ask(wanted(Use::Vat)));
    assert_eq!(next.stand(), Stand::Waits("GIVEINFO"), "the same x_i");
    let mut third = next.next_link();
    third.hear(&ask(wanted(Use::Vat)));
    assert_eq!(third.stand(), REFUSED(Violation::Replayed));
}

/// VTP-5, VTP-13: two dials of the same vat share neither x_i nor KEM key.
#[test]
fn every_attempt_has_fresh_keys() {
    use crate::crypto::rng::Seed;
    use crate::vattp::initiator::{Entropy, start};
    let mut rng = Seed::from_bytes([8; 32]).fork("handshakes");
    let mut dial = || {
        let (mut out, entropy) = (Vec::new(), Entropy::draw(&mut rng));
        start(
            wanted(Use::Vat),
            local(I),
            Offers::default(),
            entropy,
            &mut out,
        )
        .unwrap();
        out
    };
    let (one, two) = (dial(), dial());
    assert_eq!(one[..9], two[..9]);
    assert_ne!(one[9..41], two[9..41], "x_i");
    assert_ne!(one[41..73], two[41..73], "ek_i");
    assert_ne!(one[1225..], two[1225..], "target");
}
