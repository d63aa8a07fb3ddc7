//! What items may be: offers and lengths. (VTP-1, VTP-2)

use super::puppet::{Ask, items};
use super::rig::{End, I, R, Stand, exchange, hosted, key, local, responder, wanted};
use crate::vattp::flight::{GIVEINFO_LEN, GO_LEN, IAM_LEN, IWANT_LEN, REPLYINFO_LEN};
use crate::vattp::{Offers, Use, Violation};

/// What R makes of these offers, asked by somebody who asks for it rightly otherwise.
fn offered(offers: &[u8]) -> Stand {
    let mut r = responder(Use::Vat);
    let mut ask = Ask::honest(wanted(Use::Vat));
    ask.offers = offers.to_vec();
    r.hear(&ask.flight().0);
    assert_eq!(r.says().is_empty(), matches!(r.stand(), Stand::Refused(_)));
    r.stand()
}

/// VTP-2: 1 to 16 versions and suites, none twice, none 0.
#[test]
fn an_offer_has_1_to_16_of_each_and_none_twice() {
    let suites = |n: u8| -> Vec<u8> { (1..=n).flat_map(|suite| [0, suite]).collect() };
    let versions = |n: u8| -> Vec<u8> { (1..=n).collect() };
    let offer = |v: u8, s: u8| [&[v][..], &versions(v), &[s], &suites(s)].concat();
    for (v, s) in [(1, 1), (16, 1), (1, 16), (16, 16)] {
        assert_eq!(offered(&offer(v, s)), Stand::Waits("GIVEINFO"), "{v} {s}");
    }
    let wrong = [
        offer(0, 3),
        offer(3, 0),
        offer(17, 1),
        offer(1, 17),
        vec![2, 1, 1, 1, 0, 1],
        vec![1, 1, 2, 0, 1, 0, 1],
        vec![3, 1, 2, 1, 1, 0, 1],
        vec![1, 0, 1, 0, 1],
        vec![1, 1, 1, 0, 0],
    ];
    for offers in wrong {
        let stand = offered(&offers);
        let expected = matches!(
            stand,
            Stand::Refused(Violation::Malformed(_) | Violation::Length)
        );
        assert!(expected, "{offers:?}: {stand:?}");
    }
    let many: Vec<u16> = (1..=17).collect();
    assert!(Offers::new(vec![1], many[..16].to_vec()).is_ok());
    assert!(Offers::new(vec![1], many).is_err());
    assert!(Offers::new(vec![1, 1], vec![1]).is_err());
    assert!(Offers::new(vec![], vec![1]).is_err());
}

/// VTP-2: R answers with the first of its own preferences that was offered, in whatever order I offers.
#[test]
fn the_responders_preference_counts() {
    for (prefers, offers, chosen) in [
        ([1, 2], [2, 1], 1),
        ([2, 1], [1, 2], 2),
        ([7, 2], [2, 7], 2),
    ] {
        let mut hosted = hosted(Use::Vat);
        hosted.offers = Offers::new(vec![9, 1], prefers.to_vec()).unwrap();
        let offers = Offers::new(vec![1, 9], offers.to_vec()).unwrap();
        let mut i = End::dials(wanted(Use::Vat), local(I), offers, 5);
        let mut said = Vec::new();
        let stands = exchange(&mut i, &mut End::hosts(hosted, 6), |n, bytes| {
            if n == 2 {
                said = bytes[2..5].to_vec();
            }
            bytes
        });
        assert!(
            matches!(stands, [Stand::Open(_), Stand::Open(_)]),
            "{stands:?}"
        );
        assert_eq!(said, [1, 0, chosen], "what is not spoken is passed over");
    }
}

/// VTP-1: what honest ends say has the lengths of the table, and any other length is refused when its two bytes are there.
#[test]
fn items_have_the_lengths_of_the_table() {
    let (mut i, mut r) = (super::rig::initiator(Use::Vat), responder(Use::Vat));
    let mut lens = Vec::new();
    exchange(&mut i, &mut r, |_, bytes| {
        lens.extend(items(&bytes).iter().map(Vec::len));
        bytes
    });
    assert_eq!(
        lens[..5],
        [1239, 1123, 408, 376, 98],
        "two suites in unit tests"
    );
    let table = [IWANT_LEN, IAM_LEN, REPLYINFO_LEN, GIVEINFO_LEN, GO_LEN];
    let bounds = table.map(|lens| (*lens.start(), *lens.end()));
    let fixed = [1123, 408, 376, 98].map(|len| (len, len));
    assert_eq!((bounds[0], &bounds[1..]), ((1237, 1282), &fixed[..]));

    let honest = super::rig::Honest::new(Use::Vat);
    for n in 1..=3 {
        for (place, item) in items(&honest.flights[n - 1]).iter().take(2).enumerate() {
            let before = honest.bounds(n)[place];
            for len in 0..=u16::MAX {
                let right = match n {
                    1 => IWANT_LEN.contains(&usize::from(len)),
                    _ => usize::from(len) == item.len(),
                };
                // Those next to what is right, and some of the others.
                if right || (len % 997 != 0 && usize::from(len).abs_diff(item.len()) > 50) {
                    continue;
                }
                let mut end = honest.before(n);
                end.hear(&honest.flights[n - 1][..before]);
                end.hear(&len.to_be_bytes()[..1]);
                assert!(matches!(end.stand(), Stand::Waits(_)));
                end.hear(&len.to_be_bytes()[1..]);
                assert_eq!(
                    end.stand(),
                    Stand::Refused(Violation::Length),
                    "{n} {place} {len}"
                );
            }
        }
    }
}

/// VTP-1: the puppets, who share nothing with the roles but the primitives, agree with them on transcript and keys.
#[test]
fn roles_and_puppets_agree_on_every_key() {
    use super::puppet::{Answer, Claim};
    for for_use in [Use::Link, Use::Exit, Use::Vat] {
        let mut r = responder(for_use);
        let (flight, asked) = Ask::honest(wanted(for_use)).flight();
        r.hear(&flight);
        let (flight, held) = asked
            .hear(&r.says())
            .give(&Claim::honest(&key(I), key(R).public()));
        r.hear(&flight);
        assert_eq!(r.stand(), Stand::Open(held.exporter));

        let mut i = super::rig::initiator(for_use);
        let mut answer = Answer::honest(&key(R));
        answer.for_use = for_use;
        let (flight, puppet) = answer.to(&i.says());
        i.hear(&flight);
        let (info, go, mut held) = puppet.hear(&i.says());
        assert_eq!((info.len(), go.len()), (360, 82));
        let said = crate::vattp::pair::PairFields::decode(&go[..50]).unwrap();
        let side = said.side().other();
        let fields = crate::vattp::pair::PairFields::go_too(side, 3, 4, &said);
        i.hear(&held.record(&super::puppet::fields(&fields)));
        assert_eq!(i.stand(), Stand::Open(held.exporter));
    }
}
