use super::rig::*;
use crate::crypto::aead::Backend;
use crate::crypto::rng::{Rng, Seed};
use crate::directory::{NetworkId, Wall};
use crate::id::{RelayId, VatId};
use crate::pacing::Class;
use crate::rendezvous::issued::{
    CannotIssue, Issued, LONGEST_LIFE, MOST, MOST_A_DONOR, Moment, Wish,
};
use crate::rendezvous::quota::{PER_DONOR, PER_VAT, Quota};
use crate::rendezvous::splice::Opening;
use crate::rendezvous::wallet::Wallet;
use crate::rendezvous::{Bearer, Introduction, Spot, Terms, Ticket};
use crate::time::{Duration, Instant};
use crate::vattp::tickets::Purpose;

fn rng() -> Rng {
    Seed::from_bytes([4; 32]).fork("tickets")
}

fn now() -> Moment {
    after(0)
}

/// So many seconds later, by both clocks.
fn after(seconds: u64) -> Moment {
    Moment {
        at: Instant::ZERO + Duration::from_secs(seconds),
        wall: NOW.plus(seconds),
    }
}

fn wish(donor: Option<VatId>) -> Wish {
    Wish {
        spot: spot(),
        terms: Terms {
            class: Class::Talk,
            network: NetworkId::from(NETWORK),
        },
        bearer: bearer("alice"),
        life: 3600,
        donor,
        introduces: donor.is_some(),
    }
}

fn is_known(issued: &Issued, ticket: &Ticket) -> bool {
    let opening = Opening {
        selector: *ticket.id().as_bytes(),
        x_i: b_t().public(),
    };
    issued.meet(&opening, &spot(), Backend::default()).is_some()
}

/// RDV-7: every ticket has a key, a secret and a name of its own, is good for whoever gets it, and its callee knows it.
#[test]
fn every_ticket_is_new() {
    let (mut issued, mut rng) = (Issued::default(), rng());
    let mut issue = || {
        issued
            .issue(&key("carol"), &wish(None), now(), &mut rng)
            .ok()
            .unwrap()
    };
    let (one, two) = (issue(), issue());
    for ticket in [&one, &two] {
        let read = Ticket::parse(ticket.as_bytes(), &promised()).ok().unwrap();
        assert!(read.bearer() == bearer("alice") && read.expiry() == NOW.plus(3600));
        assert!(is_known(&issued, ticket));
    }
    assert!(one.prekey() != two.prekey() && one.id() != two.id());
    assert_ne!(one.secret().as_bytes(), two.secret().as_bytes());
    assert!(!is_known(&Issued::default(), &one), "a restart voids it");
}

/// RDV-7: expired ones go, first those that expire first, and leave nothing behind.
#[test]
fn what_has_expired_is_forgotten() {
    let (mut issued, mut rng) = (Issued::default(), rng());
    let mut of_life = |issued: &mut Issued, life| {
        let wish = Wish {
            life,
            ..wish(Some(vat("alice")))
        };
        issued
            .issue(&key("carol"), &wish, now(), &mut rng)
            .ok()
            .unwrap()
    };
    let [short, long] = [10, 20].map(|life| of_life(&mut issued, life));
    issued.forget(NOW.plus(9));
    assert!(is_known(&issued, &short) && is_known(&issued, &long));
    issued.forget(NOW.plus(10));
    assert!(!is_known(&issued, &short) && is_known(&issued, &long));
    issued.forget(Wall(u64::MAX));
    assert!(issued.is_empty());
    for life in [0, LONGEST_LIFE + 1] {
        let wish = Wish { life, ..wish(None) };
        let refused = issued.issue(&key("carol"), &wish, now(), &mut rng).err();
        assert_eq!(refused, Some(CannotIssue::Life));
    }
}

/// RDV-7: no more than 4096 are out, and with one donor 64; what was revoked or has expired makes room.
#[test]
fn only_so_many_are_out() {
    let (mut issued, mut rng) = (Issued::default(), rng());
    let carol = key("carol");
    for n in 0..MOST {
        let (hours, few) = (n / MOST_A_DONOR, n % MOST_A_DONOR);
        let wish = Wish {
            life: LONGEST_LIFE,
            ..wish(None)
        };
        let at = after(u64::try_from(hours + few).unwrap());
        assert!(issued.issue(&carol, &wish, at, &mut rng).is_ok(), "{n}");
    }
    let one = || wish(None);
    let full = issued.issue(&carol, &one(), after(200), &mut rng).err();
    assert_eq!((full, issued.len()), (Some(CannotIssue::Full), MOST));
    let ticket = issued.issue(&carol, &one(), after(LONGEST_LIFE), &mut rng);
    assert!(ticket.is_ok(), "the first one has expired");

    let mut issued = Issued::default();
    let alice = Some(vat("alice"));
    for n in 0..MOST_A_DONOR {
        let wish = Wish {
            life: LONGEST_LIFE,
            ..wish(alice)
        };
        let at = after(u64::try_from(n).unwrap() * 360);
        assert!(issued.issue(&carol, &wish, at, &mut rng).is_ok(), "{n}");
    }
    let at = after(u64::try_from(MOST_A_DONOR).unwrap() * 360);
    let full = issued.issue(&carol, &wish(alice), at, &mut rng).err();
    assert_eq!(full, Some(CannotIssue::Full));
    assert!(
        issued
            .issue(&carol, &wish(Some(vat("bob"))), at, &mut rng)
            .is_ok()
    );
    issued.revoke_all(&vat("alice"));
    assert_eq!(issued.len(), 1);
    assert!(issued.issue(&carol, &wish(alice), at, &mut rng).is_ok());
}

/// RDV-8: ten an hour for a donor, one more every six minutes, and what was refused takes nothing.
#[test]
fn a_donor_has_ten_introductions_an_hour() {
    let (mut issued, mut rng) = (Issued::default(), rng());
    let mut issue = |at: Moment| {
        let wish = Wish {
            bearer: Bearer::Anyone,
            ..wish(Some(vat("alice")))
        };
        issued.issue(&key("carol"), &wish, at, &mut rng)
    };
    for _ in 0..PER_DONOR {
        assert!(issue(now()).is_ok());
    }
    for _ in 0..3 {
        let Some(CannotIssue::TooMany(next)) = issue(after(1)).err() else {
            panic!("an eleventh");
        };
        assert_eq!(next.0, Duration::from_secs(359));
    }
    assert!(issue(after(359)).is_err() && issue(after(360)).is_ok());
    assert!(issue(after(361)).is_err() && issue(after(720)).is_ok());
    // A clock that goes back gives nothing.
    assert!(issue(now()).is_err());
}

/// RDV-8: sixty an hour for all donors together; buckets that are full again are no more.
#[test]
fn all_donors_together_have_sixty_an_hour() {
    let mut quota = Quota::default();
    let donors: Vec<_> = (0..100_u8).map(|n| vat(&format!("donor {n}"))).collect();
    let take = |quota: &mut Quota, seconds| {
        let at = after(seconds).at;
        let taken = donors.iter().filter(|donor| quota.take(at, donor).is_ok());
        taken.count()
    };
    let most = usize::try_from(PER_VAT).unwrap();
    assert_eq!(take(&mut quota, 0), most);
    assert_eq!((take(&mut quota, 59), take(&mut quota, 60)), (0, 1));
    let mut most_donors = 0;
    for minute in 2..600 {
        assert_eq!(take(&mut quota, minute * 60), 1);
        most_donors = most_donors.max(quota.donors());
    }
    assert!(most_donors <= 2 * most, "{most_donors}");
    assert_eq!(take(&mut quota, 40_000), most, "an idle hour fills it");
}

/// RDV-36: what is out is counted by relay, donor and purpose, so that the next leads elsewhere.
#[test]
fn what_a_donor_has_is_counted_by_relay() {
    let (mut issued, mut rng) = (Issued::default(), rng());
    let [alice, bob] = ["alice", "bob"].map(vat);
    let other = Spot {
        relay: RelayId::from(key("another relay").public()),
        ..spot()
    };
    let wish = |donor, spot, introduces| Wish {
        spot,
        introduces,
        ..wish(Some(donor))
    };
    let wishes = [
        wish(alice, spot(), false),
        wish(alice, spot(), true),
        wish(alice, other, false),
        wish(bob, spot(), false),
    ];
    let tickets = wishes.map(|wish| issued.issue(&key("carol"), &wish, now(), &mut rng).unwrap());
    let out = |issued: &Issued, donor, introduces| {
        [spot(), other].map(|spot| issued.out_at(&spot.relay, &donor, introduces))
    };
    assert_eq!(out(&issued, alice, false), [1, 1]);
    assert_eq!(out(&issued, alice, true), [1, 0]);
    assert_eq!(out(&issued, bob, false), [1, 0]);
    assert!(issued.revoke(&tickets[0].id()));
    assert_eq!(out(&issued, alice, false), [0, 1]);
}

/// RDV-34: an introduction that was of no use comes behind the others, and one to a relay that is good before them.
#[test]
fn a_wallet_gives_out_what_may_be_of_use() {
    let mut wallet = Wallet::default();
    let [first, second] = ["one relay", "another relay"].map(|name| Spot {
        relay: RelayId::from(key(name).public()),
        ..spot()
    });
    let (mut issued, mut rng) = (Issued::default(), rng());
    for spot in [first, second] {
        let wish = Wish { spot, ..wish(None) };
        let ticket = issued.issue(&key("carol"), &wish, now(), &mut rng).unwrap();
        assert!(wallet.put(Purpose::Dial, ticket.into()));
    }
    let carol = vat("carol");
    let relay = |it: &Introduction| it.ticket().spot().relay;
    let taken = wallet.take(&carol, Purpose::Dial, NOW).unwrap();
    assert_eq!(relay(&taken), first.relay);
    assert!(wallet.put(Purpose::Dial, taken));
    let mut rather = |good: RelayId| {
        let taken = wallet.take_rather(&carol, Purpose::Dial, NOW, |relay| *relay == good);
        taken.as_ref().map(relay)
    };
    assert_eq!(rather(first.relay), Some(first.relay));
    assert_eq!(rather(first.relay), Some(second.relay));
    assert_eq!(rather(first.relay), None);
}
