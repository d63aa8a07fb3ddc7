//! What a peer proves of itself and what it may say: VTP-9 to VTP-15, against puppets.

use super::puppet::{Answer, Ask, Claim, hints};
use super::rig::{End, I, R, Stand, ack, initiator, key, local, responder, wanted};
use crate::ablation::{Check, without};
use crate::vattp::frame::Frame;
use crate::vattp::pair::{PairFields, Side};
use crate::vattp::{Hints, Local, Offers, Use, Violation};
use crate::wire::{DecodeError, Fault};

/// How I stands after this answer, and how much it has said since.
fn answered(answer: &Answer) -> (Stand, usize) {
    let mut i = initiator(Use::Vat);
    let flight = answer.to(&i.says()).0;
    i.hear(&flight);
    (i.stand(), i.says().len())
}

/// How R stands after this claim, and how much it has said since.
fn claimed(claim: &Claim) -> (Stand, usize) {
    let mut r = responder(Use::Vat);
    let (flight, asked) = Ask::honest(wanted(Use::Vat)).flight();
    r.hear(&flight);
    let flight = asked.hear(&r.says()).give(claim).0;
    r.hear(&flight);
    (r.stand(), r.says().len())
}

fn refused(violation: Violation) -> (Stand, usize) {
    (Stand::Refused(violation), 0)
}

fn bad_hints() -> Violation {
    DecodeError::new("hints", Fault::OutOfRange).into()
}

/// VTP-9: signature, fin and name each fail alone, and in any mixture the verdict is the same; with exactly those checks
/// taken out that fail, I goes on.
#[test]
fn each_proof_of_the_responder_is_needed_and_the_verdict_is_one() {
    for wrong in 0..8_u8 {
        let [sig, fin, name] = [wrong & 1 != 0, wrong & 2 != 0, wrong & 4 != 0];
        let mut answer = Answer::honest(&key(if sig { 0x66 } else { R }));
        answer.bad_fin = fin;
        answer.vat = key(if name { 9 } else { R }).public().to_bytes();
        let stand = answered(&answer);
        if wrong == 0 {
            assert_eq!(stand.0, Stand::Waits("GOTOO"));
        } else {
            assert_eq!(stand, refused(Violation::ResponderUnproven), "{wrong}");
        }
        let none = |body: &dyn Fn() -> (Stand, usize)| body();
        let out = |check, is: bool, body: &dyn Fn() -> (Stand, usize)| {
            if is { without(check, body) } else { none(body) }
        };
        let all = out(Check::SigR, sig, &|| {
            out(Check::FinR, fin, &|| {
                out(Check::Wanted, name, &|| answered(&answer))
            })
        });
        assert_eq!(all.0, Stand::Waits("GOTOO"), "the control {wrong}");
    }
}

/// VTP-9: a REPLYINFO that proves nothing and says impossible things as well gets the same verdict as one that proves nothing.
#[test]
fn the_verdict_hides_what_else_is_wrong() {
    let mut answer = Answer::impostor(&key(R));
    answer.incarnation = 0;
    answer.hints = [0xff; 256];
    assert_eq!(answered(&answer), refused(Violation::ResponderUnproven));
}

/// VTP-10: I says nothing after IWANT while anything of flight 2 is missing, and then speaks at once.
#[test]
fn the_initiator_says_nothing_before_the_responder_is_proven() {
    let (mut i, mut r) = (initiator(Use::Vat), responder(Use::Vat));
    r.hear(&i.says());
    let flight = r.says();
    for byte in &flight[..flight.len() - 1] {
        i.hear(&[*byte]);
        assert_eq!(i.says(), b"");
    }
    i.hear(&flight[flight.len() - 1..]);
    assert!(!i.says().is_empty());
}

/// VTP-11: 254 bytes of hints arrive on either side; a length beyond, or a byte behind them that is not zero, is refused.
#[test]
fn hints_have_one_form() {
    let full = [7; Hints::MAX];
    let mut answer = Answer::honest(&key(R));
    let mut claim = Claim::honest(&key(I), key(R).public());
    (answer.hints, claim.hints) = (hints(&full), hints(&full));
    assert_eq!(answered(&answer).0, Stand::Waits("GOTOO"));
    assert!(matches!(claimed(&claim).0, Stand::Open(_)));

    let (mut long, mut trailing, mut first) = ([0; 256], hints(b"abc"), hints(b""));
    long[..2].copy_from_slice(&[0, 255]);
    trailing[255] = 1;
    first[2] = 1;
    for wrong in [long, trailing, first, [0xff; 256]] {
        (answer.hints, claim.hints) = (wrong, wrong);
        assert_eq!(answered(&answer), refused(bad_hints()));
        assert_eq!(claimed(&claim), refused(bad_hints()));
    }
    assert!(Hints::new(&full).is_some() && Hints::new(&[0; 255]).is_none());
}

/// VTP-12: signature and fin_i are needed both, and nothing is said between GIVEINFO and a GO that holds.
#[test]
fn each_proof_of_the_initiator_is_needed() {
    let mut claim = Claim::honest(&key(I), key(R).public());
    claim.bad_fin = true;
    assert_eq!(claimed(&claim), refused(Violation::InitiatorUnproven));
    assert!(matches!(
        without(Check::FinI, || claimed(&claim)).0,
        Stand::Open(_)
    ));
    claim.bad_fin = false;
    assert!(matches!(claimed(&claim).0, Stand::Open(_)));
    claim.vat = key(9).public().to_bytes();
    assert_eq!(claimed(&claim), refused(Violation::InitiatorUnproven));
    assert!(matches!(
        without(Check::SigI, || claimed(&claim)).0,
        Stand::Open(_)
    ));

    let mut r = responder(Use::Vat);
    let (flight, asked) = Ask::honest(wanted(Use::Vat)).flight();
    r.hear(&flight);
    let claim = Claim::honest(&key(I), key(R).public());
    let (flight, _) = asked.hear(&r.says()).give(&claim);
    r.hear(&flight[..378]);
    assert_eq!((r.stand(), r.says().len()), (Stand::Waits("GO"), 0));
    assert!(r.peer.is_none());
}

/// VTP-13: a responder has an incarnation; an initiator without one is anonymous and has no hints.
#[test]
fn incarnation_0_is_for_anonymous_initiators() {
    let mut answer = Answer::honest(&key(R));
    answer.incarnation = 0;
    assert_eq!(answered(&answer), refused(Violation::Incarnation));

    let mut claim = Claim::honest(&key(I), key(R).public());
    claim.incarnation = 0;
    claim.pair = super::puppet::fields(&PairFields::go(Side::Slave, 1, 0));
    assert!(matches!(claimed(&claim).0, Stand::Open(_)));
    claim.hints = hints(b"x");
    assert_eq!(claimed(&claim), refused(Violation::Incarnation));
    claim.incarnation = 1;
    claim.pair = Claim::honest(&key(I), key(R).public()).pair;
    assert!(matches!(claimed(&claim).0, Stand::Open(_)));
}

/// VTP-12, VTP-13: what an anonymous initiator seals differs from another's in nothing but the throwaway key and what
/// depends on it, and both are as long as anybody's.
#[test]
fn anonymous_initiators_say_the_same() {
    let says = |n: u8, incarnation: u64| {
        let local = Local {
            key: key(n),
            incarnation,
            hints: Hints::default(),
            ..local(I)
        };
        let mut i = End::dials(wanted(Use::Vat), local, Offers::default(), 5);
        let (flight, puppet) = Answer::honest(&key(R)).to(&i.says());
        i.hear(&flight);
        let flight = i.says();
        let len = flight.len();
        let (info, go, _) = puppet.hear(&flight);
        (info[32..296].to_vec(), go[..50].to_vec(), len)
    };
    let (one, two, named) = (says(0x71, 0), says(0x72, 0), says(0x71, 5));
    assert_eq!(one, two);
    assert_eq!(one.0, [0; 264], "incarnation and hints");
    assert_eq!(one.2, named.2);
}

/// VTP-15: I is open when it has GOTOO and not before; frames behind GOTOO count, and a record 0 that is too short for it is
/// refused.
#[test]
fn the_initiator_opens_on_gotoo() {
    let met = |record: &dyn Fn(&[u8]) -> Vec<u8>| {
        let mut i = initiator(Use::Vat);
        let (flight, puppet) = Answer::honest(&key(R)).to(&i.says());
        i.hear(&flight);
        let (_, go, mut held) = puppet.hear(&i.says());
        assert_eq!(i.stand(), Stand::Waits("GOTOO"));
        assert!(i.peer.is_none());
        let said = PairFields::decode(&go[..50]).unwrap();
        let fields = PairFields::go_too(said.side().other(), 21, 22, &said);
        let record = held.record(&record(&super::puppet::fields(&fields)));
        i.hear(&record);
        (i, held)
    };
    let (i, held) = met(&<[u8]>::to_vec);
    assert_eq!(i.stand(), Stand::Open(held.exporter));
    assert_eq!(i.peer.unwrap().key, key(R).public());

    let (mut i, _) = met(&|fields| {
        let mut plain = fields.to_vec();
        Frame::Msg {
            more: false,
            number: 1,
            bytes: b"hi",
        }
        .encode(&mut plain);
        ack(1).encode(&mut plain);
        plain
    });
    assert!(matches!(i.stand(), Stand::Open(_)));
    assert_eq!(i.takes(), [b"hi"]);

    let (i, _) = met(&|fields| fields[..49].to_vec());
    let short = DecodeError::new("pair fields", Fault::Truncated);
    assert_eq!(i.stand(), Stand::Refused(short.into()));
    let (i, held) = met(&|fields| [fields, &[0x77]].concat());
    assert_eq!(i.stand(), Stand::Broke(held.exporter, Violation::Frame));
}

/// VTP-15: R is open on GO, and records of I that follow at once are heard.
#[test]
fn records_follow_go_at_once() {
    let mut r = responder(Use::Vat);
    let (flight, asked) = Ask::honest(wanted(Use::Vat)).flight();
    r.hear(&flight);
    let claim = Claim::honest(&key(I), key(R).public());
    let (mut flight, mut held) = asked.hear(&r.says()).give(&claim);
    let mut frames = Vec::new();
    Frame::Msg {
        more: false,
        number: 1,
        bytes: b"early",
    }
    .encode(&mut frames);
    flight.extend(held.record(&frames));
    r.hear(&flight);
    assert_eq!(r.stand(), Stand::Open(held.exporter));
    assert_eq!(r.takes(), [b"early"]);
    let peer = r.peer.as_ref().unwrap();
    assert_eq!((peer.key, peer.incarnation), (key(I).public(), 1));
}
