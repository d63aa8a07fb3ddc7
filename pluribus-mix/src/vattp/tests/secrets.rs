//! What can be learnt or forced with public values alone: who is asked for (VTP-4), and keys of low order (VTP-6).

use super::puppet::{Answer, Ask, Claim, items};
use super::rig::{End, I, PLACE, R, Stand, initiator, key, local, responder, wanted};
use crate::ablation::{Check, without};
use crate::crypto::kdf::{Label, Secret, hash};
use crate::crypto::sign::PublicKey;
use crate::vattp::{Offers, Use, Violation};
use crate::wire::Put;

/// Every encoding of a point of order 1, 2, 4 or 8 on Curve25519 or its twist, by its u-coordinate, little-endian: 0, 1,
/// the two of order 8, −1, and what is the same modulo p.
fn low_order_points() -> Vec<[u8; 32]> {
    let hex = |text: &str| -> [u8; 32] {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        bytes.try_into().unwrap()
    };
    let middle = "ff".repeat(30);
    let near_p = |low: &str| hex(&format!("{low}{middle}7f"));
    let mut points = vec![
        hex(&"00".repeat(32)),
        hex(&format!("01{}", "00".repeat(31))),
        hex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        hex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
        near_p("ec"),
        near_p("ed"),
        near_p("ee"),
    ];
    for low in points.clone() {
        let mut high = low;
        high[31] |= 0x80;
        points.push(high);
    }
    points
}

/// VTP-6: an x_i of low order is refused. The control: without the check R answers, and somebody who has no secret of x_i
/// reads REPLYINFO and is let in, having contributed nothing to the X25519 half of the secret.
#[test]
fn an_initiator_with_a_key_of_low_order_is_refused() {
    for low in low_order_points() {
        let mut ask = Ask::honest(wanted(Use::Vat));
        ask.x_i = Some(low);
        let (flight, _) = ask.flight();
        let mut r = responder(Use::Vat);
        r.hear(&flight);
        let refused = (Stand::Refused(Violation::LowOrder), Vec::new());
        assert_eq!((r.stand(), r.says()), refused);

        let (info, stand) = without(Check::LowOrder, || {
            let (flight, asked) = ask.flight();
            let mut r = responder(Use::Vat);
            r.hear(&flight);
            let replied = asked.hear(&r.says());
            let info = replied.info.clone();
            r.hear(&replied.give(&Claim::honest(&key(I), key(R).public())).0);
            (info, r.stand())
        });
        assert_eq!(
            info[..32],
            key(R).public().to_bytes(),
            "the control reads who R is"
        );
        assert!(matches!(stand, Stand::Open(_)));
    }
}

/// VTP-6: an x_r of low order is refused. The control: without the check I opens what was sealed under a secret whose X25519
/// half everybody knows, and goes on.
#[test]
fn a_responder_with_a_key_of_low_order_is_refused() {
    for low in low_order_points() {
        let mut answer = Answer::honest(&key(R));
        answer.x_r = Some(low);
        let mut i = initiator(Use::Vat);
        let flight = answer.to(&i.says()).0;
        i.hear(&flight);
        let refused = (Stand::Refused(Violation::LowOrder), Vec::new());
        assert_eq!((i.stand(), i.says()), refused);

        let info = without(Check::LowOrder, || {
            let mut i = initiator(Use::Vat);
            let (flight, puppet) = answer.to(&i.says());
            i.hear(&flight);
            assert_eq!(i.stand(), Stand::Waits("GOTOO"));
            puppet.hear(&i.says()).0
        });
        assert_eq!(
            info[..32],
            key(I).public().to_bytes(),
            "the control reads who I is"
        );
    }
}

/// VTP-6: a prekey of low order cannot be dialled: everybody could tell who is asked for.
#[test]
fn a_prekey_of_low_order_is_not_dialled() {
    use crate::crypto::rng::Seed;
    use crate::vattp::initiator::{CannotDial, Entropy, start};
    for low in low_order_points() {
        let mut wanted = wanted(Use::Vat);
        wanted.prekey = low;
        let mut out = Vec::new();
        let entropy = Entropy::draw(&mut Seed::from_bytes([3; 32]).fork("i"));
        let started = start(wanted, local(I), Offers::default(), entropy, &mut out);
        assert_eq!((started.err(), out.len()), (Some(CannotDial::Prekey), 0));
    }
}

/// VTP-6: a KEM key that is not reduced is refused by R, who is silent; the control answers it.
#[test]
fn an_unreduced_kem_key_is_met_with_silence() {
    let mut ask = Ask::honest(wanted(Use::Vat));
    ask.unreduced = true;
    let asks = || {
        let mut r = responder(Use::Vat);
        r.hear(&ask.flight().0);
        (r.stand(), r.says().len())
    };
    assert_eq!(asks(), (Stand::Refused(Violation::KemKey), 0));
    let (stand, said) = without(Check::Modulus, asks);
    assert!(stand == Stand::Waits("GIVEINFO") && said > 0, "the control");
}

/// What somebody who watches has: IWANT, and every name and public key there is.
struct Prober {
    iwant: Vec<u8>,
    dictionary: Vec<PublicKey>,
}

impl Prober {
    /// The vats of the dictionary for whom one of the keys that can be made of public values gives the target.
    fn finds(&self) -> Vec<usize> {
        let x_i = &self.iwant[self.iwant.len() - 1232..][..32];
        let target = &self.iwant[self.iwant.len() - 16..];
        let mut found = Vec::new();
        for (n, vat) in self.dictionary.iter().enumerate() {
            let mapped = self.dictionary.iter().map(PublicKey::mapped);
            let public = [[0; 32], x_i.try_into().unwrap()].into_iter().chain(mapped);
            let label = Label::TARGET.as_bytes();
            let keyed = public.map(|dh| Secret::extract(label, &[&dh, vat.as_bytes()]));
            let bare = Secret::extract(label, &[vat.as_bytes()]);
            let mut keys = keyed.chain([bare, Secret::from(vat.to_bytes())]);
            if keys.any(|key| self.uses().any(|head| self.mac(&key, &head) == target)) {
                found.push(n);
            }
        }
        found
    }

    /// use ‖ versions ‖ suites ‖ x_i ‖ H(ek_i) ‖ lp(place), for every use.
    fn uses(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        let end = self.iwant.len() - 16;
        let ek = hash(&[&self.iwant[end - 1184..end]]);
        (1..=3).map(move |for_use| {
            let mut said = [&[for_use], &self.iwant[..end - 1184], &ek].concat();
            said.put_lp(PLACE);
            said
        })
    }

    fn mac(&self, key: &Secret, said: &[u8]) -> [u8; 16] {
        key.mac(&[said])[..16].try_into().unwrap()
    }
}

/// VTP-4: a prober with the name and the public keys of every vat cannot tell from flight 1 which is asked for. It tries every
/// key that can be made of what is public. The control: were the target keyed with the name alone, it would know at once.
#[test]
fn a_dictionary_of_names_does_not_tell_who_is_asked_for() {
    let dictionary: Vec<PublicKey> = (1..=20).map(|n| key(n).public()).collect();
    let asked = usize::from(R) - 1;
    for for_use in [Use::Link, Use::Exit, Use::Vat] {
        let flight = initiator(for_use).says();
        let mut prober = Prober {
            iwant: items(&flight).remove(0),
            dictionary: dictionary.clone(),
        };
        assert_eq!(prober.finds(), [0; 0]);

        let said = prober.uses().nth(for_use as usize - 1).unwrap();
        let end = prober.iwant.len() - 16;
        for weak in [
            Secret::extract(Label::TARGET.as_bytes(), &[key(R).public().as_bytes()]),
            Secret::from(key(R).public().to_bytes()),
        ] {
            let target = prober.mac(&weak, &said);
            prober.iwant.splice(end.., target);
            assert_eq!(prober.finds(), [asked], "the control");
        }
    }
}

/// VTP-4: two flights that ask for different vats differ in nothing that the keys of the attempt do not make random: the same
/// length, the same offers, and with the same chance the same x_i and ek_i.
#[test]
fn flights_that_ask_for_different_vats_look_alike() {
    let ask = |n: u8, place: &[u8]| {
        let mut wanted = wanted(Use::Vat);
        wanted.key = key(n).public();
        wanted.prekey = wanted.key.mapped();
        wanted.place = place.to_vec();
        End::dials(wanted, local(I), Offers::default(), 5).says()
    };
    let (one, two, there) = (
        ask(R, PLACE),
        ask(9, PLACE),
        ask(R, b"a.much.longer.name:65535"),
    );
    let before = one.len() - 16;
    for other in [two, there] {
        assert_eq!(one[..before], other[..before]);
        assert_ne!(one[before..], other[before..]);
    }
}

/// VTP-4: who holds B's secret and not the vat's name finds nothing either: a target names the vat too.
#[test]
fn the_target_names_the_vat_besides_its_prekey() {
    let mut wanted = wanted(Use::Link);
    wanted.key = key(9).public();
    let mut i = End::dials(wanted, local(I), Offers::default(), 5);
    let mut r = responder(Use::Link);
    r.hear(&i.says());
    assert_eq!(r.stand(), Stand::Refused(Violation::NotForUs));
}
