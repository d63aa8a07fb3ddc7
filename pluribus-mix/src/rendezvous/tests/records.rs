use super::rig::*;
use super::stage::{chance_of_r, items, local};
use crate::ablation::{Check, without};
use crate::crypto::aead::Backend;
use crate::crypto::rng::Seed;
use crate::crypto::sign::SigningKey;
use crate::directory::{NetworkId, Wall};
use crate::id::RelayId;
use crate::pacing::Class;
use crate::rendezvous::epoch::Epoch;
use crate::rendezvous::keepers::keepers;
use crate::rendezvous::listed::{Listed, call_listed};
use crate::rendezvous::record::{Issue, Listing, Record, index};
use crate::rendezvous::shelf::Shelf;
use crate::rendezvous::{Refused, Terms};
use crate::time::{Duration, Instant};
use crate::vattp::initiator;
use crate::vattp::responder::ExpectIWant;
use crate::vattp::seen::Seen;

const EPOCH: Epoch = Epoch::of(NOW);

fn network() -> NetworkId {
    NetworkId::from(NETWORK)
}

fn listing() -> Listing {
    Listing {
        spot: spot(),
        terms: Terms {
            class: Class::Talk,
            network: network(),
        },
        prekey: b_t().public(),
    }
}

fn issue(epoch: Epoch, revision: u64) -> Issue {
    Issue {
        epoch,
        revision,
        salt: [0x5a; 16],
    }
}

fn of(name: &str, epoch: Epoch, revision: u64) -> Record {
    Record::sign(&key(name), &issue(epoch, revision), &listing()).unwrap()
}

fn next(epoch: Epoch) -> Epoch {
    Epoch(epoch.0 + 1)
}

fn read(bytes: &[u8], name: &str, epoch: Epoch) -> Result<Listing, Refused> {
    Record::read(bytes, &vat(name), network(), epoch, NOW)
}

/// RDV-29, RDV-30: who knows the VatId finds and reads it; 264 bytes, whatever it says.
#[test]
fn a_record_is_found_and_read_by_who_knows_the_vat() {
    let record = of("carol", EPOCH, 1);
    assert_eq!((record.as_bytes().len(), Record::LEN), (264, 264));
    assert_eq!(*record.index(), index(&vat("carol"), network(), EPOCH));
    let read = read(record.as_bytes(), "carol", EPOCH).ok().unwrap();
    assert_eq!((read.spot, read.terms), (spot(), listing().terms));
    assert_eq!(read.prekey, b_t().public());
    assert_ne!(record.index().as_bytes(), vat("carol").as_bytes());
    let shown = record.as_bytes();
    for hidden in [
        vat("carol").as_bytes(),
        &read.prekey,
        spot().relay.as_bytes(),
    ] {
        assert!(!shown.windows(32).any(|it| it == hidden));
    }
}

/// RDV-29: another epoch, another network, another vat: another key, and nobody sees which belong together.
#[test]
fn every_epoch_has_its_key() {
    let here = index(&vat("carol"), network(), EPOCH);
    assert_eq!(here, index(&vat("carol"), network(), EPOCH));
    assert_ne!(here, index(&vat("carol"), network(), next(EPOCH)));
    let other = NetworkId::from(*b"another!");
    assert_ne!(here, index(&vat("carol"), other, EPOCH));
    assert_ne!(here, index(&vat("bob"), network(), EPOCH));
}

/// RDV-30: a record of Mallory under Carol's name, one of another epoch, and one that is shown under another key.
#[test]
fn a_record_is_of_the_vat_and_the_epoch_looked_for() {
    for (name, epoch) in [("mallory", EPOCH), ("carol", next(EPOCH))] {
        let other = of(name, epoch, 1);
        let now = epoch.start();
        let read = || Record::read(other.as_bytes(), &vat("carol"), network(), EPOCH, now);
        assert_eq!(read().err(), Some(Refused::OtherVat), "{name}");
        // Without that check it does not open either: the seal follows from the vat, and from all that stands before it.
        let half = without(Check::RecordIndex, read);
        assert_eq!(half.is_ok(), name == "carol", "{name}");
    }
    assert!(
        read(of("carol", EPOCH, 1).as_bytes(), "carol", EPOCH).is_ok(),
        "the control"
    );
}

/// RDV-30, RDV-31: no byte can be changed, and it has one length.
#[test]
fn no_byte_of_a_record_can_be_changed() {
    let good = of("carol", EPOCH, 1);
    for at in 0..Record::LEN {
        let mut spoilt = *good.as_bytes();
        spoilt[at] ^= 1;
        assert!(Record::check(&spoilt, network(), NOW).is_err(), "byte {at}");
    }
    for len in 0..Record::LEN {
        assert!(Record::check(&good.as_bytes()[..len], network(), NOW).is_err());
    }
    let long = [&good.as_bytes()[..], &[0]].concat();
    assert!(Record::check(&long, network(), NOW).is_err());
    let mut forged = *good.as_bytes();
    forged[100] ^= 1;
    let unsigned = Record::check(&forged, network(), NOW).err();
    assert_eq!(unsigned, Some(Refused::Unsigned));
    let taken = without(Check::RecordSigned, || {
        Record::check(&forged, network(), NOW)
    });
    assert!(taken.is_ok(), "the control");
}

/// RDV-31: whoever keeps records takes them while they count, those of its network, and newer ones only.
#[test]
fn a_shelf_takes_what_is_good_and_newer() {
    let mut shelf = Shelf::new(network(), 2);
    let put = |shelf: &mut Shelf, record: &Record, now| shelf.put(record.as_bytes(), now);
    let (one, two) = (of("carol", EPOCH, 1), of("carol", EPOCH, 2));
    assert_eq!(put(&mut shelf, &two, NOW), Ok(()));
    assert_eq!(put(&mut shelf, &two, NOW), Ok(()), "again");
    assert_eq!(put(&mut shelf, &one, NOW), Err(Refused::Older));
    let back = without(Check::Newer, || put(&mut shelf, &one, NOW));
    assert_eq!(back, Ok(()), "the control");
    assert_eq!(put(&mut shelf, &two, NOW), Ok(()));
    let twin = Issue {
        salt: [1; 16],
        ..issue(EPOCH, 2)
    };
    let twin = Record::sign(&key("carol"), &twin, &listing()).unwrap();
    assert_eq!(put(&mut shelf, &twin, NOW), Err(Refused::Older));
    let found = shelf.find(one.index().as_bytes(), NOW);
    assert_eq!(found, Some(two.as_bytes()));
    assert_eq!((shelf.find(&[0; 32], NOW), shelf.len()), (None, 1));

    assert_eq!(put(&mut shelf, &of("bob", EPOCH, 1), NOW), Ok(()));
    let full = put(&mut shelf, &of("dave", EPOCH, 1), NOW);
    assert_eq!(full, Err(Refused::Full));
    assert_eq!(
        put(&mut shelf, &of("bob", EPOCH, 9), NOW),
        Ok(()),
        "who lies there may renew"
    );
    let late = EPOCH.end().plus(Epoch::OVERLAP);
    let after = of("dave", Epoch::of(late), 1);
    assert_eq!(put(&mut shelf, &after, late), Ok(()), "the others are over");
    assert_eq!(
        (shelf.len(), shelf.find(two.index().as_bytes(), late)),
        (1, None)
    );

    let mut elsewhere = Shelf::new(NetworkId::from(*b"another!"), 2);
    assert_eq!(put(&mut elsewhere, &two, NOW), Err(Refused::OtherNetwork));
}

/// RDV-31, RDV-32: a record counts from half an hour before its epoch to half an hour behind it.
#[test]
fn a_record_counts_around_its_epoch() {
    let record = of("carol", EPOCH, 1);
    let (from, to) = (EPOCH.start().minus(1800), EPOCH.end().plus(1800));
    for (now, counts) in [
        (from.minus(1), false),
        (from, true),
        (EPOCH.end(), true),
        (to.minus(1), true),
        (to, false),
        (Wall(u64::MAX), false),
    ] {
        assert_eq!(EPOCH.counts(now), counts);
        let checked = Record::check(record.as_bytes(), network(), now);
        assert_eq!(checked.is_ok(), counts, "{now:?}");
        let any = without(Check::RecordEpoch, || {
            Record::check(record.as_bytes(), network(), now)
        });
        assert!(any.is_ok(), "the control");
    }
}

/// RDV-32: with clocks up to half an hour apart, what is looked up has been published, but for the minutes in which the next epoch's
/// first record is still to come: then the other one is looked up as well, and is there.
#[test]
fn epochs_overlap() {
    let mut rng = Seed::from_bytes([8; 32]).fork("epochs");
    for minutes in 0..360_u64 {
        let now = EPOCH.start().plus(minutes * 60);
        let published: Vec<_> = Epoch::published(now).collect();
        assert!(published.contains(&Epoch::of(now)) && published.len() <= 2);
        let looked_up: Vec<_> = Epoch::looked_up(now).collect();
        assert!(looked_up[0] == Epoch::of(now) && looked_up.len() <= 2);
        for apart in (0..30).map(|minutes| minutes * 60) {
            for reader in [now.plus(apart), now.minus(apart)] {
                // Of the vat's records of this moment only that of its own epoch is sure to be out.
                let sure = Epoch::of(now);
                let found = Epoch::looked_up(reader).any(|epoch| epoch == sure);
                assert!(found, "{minutes} {apart}");
                assert!(sure.counts(reader));
            }
        }
        let first = next(EPOCH).first_publication(&mut rng);
        assert!(next(EPOCH).counts(first) && first.plus(300) <= next(EPOCH).start());
        let again = Epoch::refresh(now, &mut rng).since(now);
        assert!((2700..=4500).contains(&again));
    }
}

/// RDV-30: with one revision for two records no key seals twice, and the seal is not that of the other.
#[test]
fn a_revision_used_twice_seals_under_two_keys() {
    let [one, two] = [1, 2].map(|salt| {
        let issue = Issue {
            salt: [salt; 16],
            ..issue(EPOCH, 1)
        };
        Record::sign(&key("carol"), &issue, &listing()).unwrap()
    });
    let sealed = |record: &Record| record.as_bytes()[73..200].to_vec();
    let differ = sealed(&one)
        .iter()
        .zip(sealed(&two))
        .filter(|(a, b)| **a != *b)
        .count();
    assert!(differ > 100, "{differ} of 127 bytes");
}

/// RDV-33: Bob, who has looked Carol up, calls; she finds which of her prekeys is meant, at any of her parks, and both come to one secret.
#[test]
fn a_record_leads_to_a_handshake() {
    let mut rng = Seed::from_bytes([9; 32]).fork("listed");
    let mut listed = Listed::default();
    let border = EPOCH.end().minus(60);
    let terms = listing().terms;
    let records: Vec<_> = Epoch::published(border)
        .map(|epoch| {
            let record = listed.record(&key("carol"), (spot(), terms), epoch, border, &mut rng);
            (epoch, record.unwrap())
        })
        .collect();
    assert_eq!((records.len(), listed.len()), (2, 2));
    assert!(records[0].1.revision() < records[1].1.revision());
    for (epoch, record) in &records {
        let found = Record::read(record.as_bytes(), &vat("carol"), network(), *epoch, border);
        let (found, mut flight) = (found.ok().unwrap(), Vec::new());
        let entropy = initiator::Entropy::draw(&mut rng);
        let called = call_listed(
            &vat("carol"),
            &found,
            local("bob"),
            entropy,
            &mut rng,
            &mut flight,
        );
        let mut called = called.ok().unwrap();
        let mut sealed = Vec::new();
        called.splice.seal(&flight, &mut sealed).unwrap();
        let first = sealed.first_chunk().unwrap();
        let mut elsewhere = spot();
        elsewhere.cookie = [0xc1; 16].into();
        let backend = Backend::default();
        assert!(listed.meet(first, &elsewhere, border, backend).is_none());
        assert!(listed.meet(&[7; 896], &spot(), border, backend).is_none());
        let late = epoch.end().plus(Epoch::OVERLAP);
        assert!(listed.meet(first, &spot(), late, backend).is_none());
        let mut looked = listed.meet(first, &spot(), border, backend).unwrap();
        let mut plain = looked.first.clone();
        let (cells, _) = sealed[896..].as_chunks::<896>();
        for cell in cells {
            let mut cell = *cell;
            plain.extend_from_slice(looked.splice.open(&mut cell).unwrap());
        }
        let [iwant] = items(&plain[..flight.len()]).try_into().unwrap();
        let (mut seen, mut answer) = (Seen::new(Duration::from_secs(9)), Vec::new());
        let hosted = looked.hosted(local("carol"));
        let entropy = || chance_of_r();
        let answered = ExpectIWant.handle(
            &iwant,
            &hosted,
            &mut seen,
            Instant::ZERO,
            entropy,
            &mut answer,
        );
        assert!(answered.is_ok());
        let [iam, info] = items(&answer).try_into().unwrap();
        let proven = called.expect.handle(&iam).ok().unwrap().handle(&info);
        assert_eq!(proven.ok().unwrap().peer().key, key("carol").public());
    }
    listed.forget(EPOCH.end().plus(Epoch::OVERLAP));
    assert_eq!(listed.len(), 1, "its prekey is gone");
    let gone = listed.record(&key("carol"), (spot(), terms), EPOCH, Wall(0), &mut rng);
    assert!(gone.is_none());
}

/// RDV-31: over a restart, and where the clock stands still or goes back, revisions rise.
#[test]
fn revisions_rise() {
    let mut rng = Seed::from_bytes([9; 32]).fork("listed");
    let terms = listing().terms;
    let mut last = 0;
    let mut listed = Listed::default();
    for now in [NOW, NOW, NOW.minus(5), NOW.plus(9)] {
        let record = listed.record(&key("carol"), (spot(), terms), EPOCH, now, &mut rng);
        let revision = record.unwrap().revision();
        assert!(revision > last);
        last = revision;
    }
    let restarted = Listed::default().record(
        &key("carol"),
        (spot(), terms),
        EPOCH,
        NOW.plus(60),
        &mut rng,
    );
    assert!(restarted.unwrap().revision() > last);
}

/// RDV-39: three relays, or all, whatever order they stand in; with one gone the other two stay, and in the next epoch they are others.
#[test]
fn a_record_lies_at_three_relays() {
    let relay = |n: u8| RelayId::from(SigningKey::from_seed(&[n; 32]).public());
    let relays: Vec<_> = (1..=30).map(relay).collect();
    let here = index(&vat("carol"), network(), EPOCH);
    let kept_by = keepers(&here, &relays);
    assert_eq!(kept_by.len(), 3);
    assert_eq!(kept_by, keepers(&here, relays.iter().rev()));
    let without = |gone: &RelayId| {
        let left: Vec<_> = relays.iter().filter(|it| *it != gone).collect();
        keepers(&here, left)
    };
    let after = without(&kept_by[0]);
    assert_eq!(after[..2], kept_by[1..]);
    let bystander = relays.iter().find(|it| !kept_by.contains(it)).unwrap();
    assert_eq!(without(bystander), kept_by);
    for count in 0..3 {
        assert_eq!(keepers(&here, &relays[..count]).len(), count);
    }
    let later = index(&vat("carol"), network(), next(EPOCH));
    assert_ne!(keepers(&later, &relays), kept_by);
}

/// RDV-29, RDV-30: what lies for two vats, or for one in two epochs, has nothing in common but version, network and epoch; not even where they are met, or the
/// prekey, if those are the same.
#[test]
fn records_have_nothing_in_common() {
    let [carol, dave, later] =
        [("carol", EPOCH), ("dave", EPOCH), ("carol", next(EPOCH))].map(|(name, epoch)| {
            let salt = if name == "dave" { 2 } else { 1 + epoch.0 as u8 };
            let issue = Issue {
                salt: [salt; 16],
                ..issue(epoch, NOW.0)
            };
            Record::sign(&key(name), &issue, &listing()).unwrap()
        });
    // Epoch key, what is sealed, signature; the revision is the clock.
    let fields = [17..49, 73..184, 184..200, 200..264];
    for (one, other) in [(&carol, &dave), (&carol, &later)] {
        assert_eq!(one.as_bytes()[..9], other.as_bytes()[..9]);
        for field in fields.clone() {
            let pairs = one.as_bytes()[field.clone()].iter();
            let pairs = pairs.zip(&other.as_bytes()[field.clone()]);
            let same = pairs.filter(|(a, b)| a == b).count();
            assert!(same <= 5, "{field:?}: {same} bytes are the same");
        }
    }
}
