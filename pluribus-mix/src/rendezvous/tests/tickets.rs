use super::rig::*;
use crate::ablation::{Check, without};
use crate::crypto::dh::Scalar;
use crate::directory::{NetworkId, Wall};
use crate::rendezvous::{Bearer, Draft, Promised, Refused, Ticket};
use crate::wire::{DecodeError, Fault};

fn refused(bytes: &[u8], promised: &Promised) -> Refused {
    Ticket::parse(bytes, promised).err().expect("a refusal")
}

/// The first byte of each field.
const FAMILY: usize = 32;
const ADDRESS: usize = 33;
const PORT: usize = 49;
const VERSION: usize = 67;
const SUITE: usize = 68;
const CLASS: usize = 70;
const PREKEY: usize = 79;
const BEARER: usize = 175;

/// RDV-1: a ticket is 295 bytes, and what is read is what was said.
#[test]
fn a_ticket_is_read_as_it_was_signed() {
    let (ticket, said) = (ticket(), draft());
    assert_eq!((ticket.as_bytes().len(), Ticket::LEN), (295, 295));
    let read = Ticket::parse(ticket.as_bytes(), &promised()).ok().unwrap();
    assert_eq!(read.as_bytes(), ticket.as_bytes());
    assert_eq!((read.spot(), read.terms()), (&said.spot, &said.terms));
    assert_eq!(read.prekey(), &said.prekey);
    assert_eq!(read.secret().as_bytes(), said.secret.as_bytes());
    assert_eq!((read.vat(), read.bearer()), (vat("carol"), bearer("alice")));
    assert_eq!((read.expiry(), read.id()), (EXPIRY, said.id));
}

/// RDV-1: an IPv6 address, and the other classes.
#[test]
fn every_address_and_class_has_its_spelling() {
    for at in ["[2001:db8::7]:1", "203.0.113.255:65535"] {
        for class in crate::pacing::Class::ALL {
            let mut draft = draft();
            (draft.spot.at, draft.terms.class) = (at.parse().unwrap(), class);
            let ticket = Ticket::sign(&key("carol"), draft);
            let read = Ticket::parse(ticket.as_bytes(), &promised()).ok().unwrap();
            assert_eq!(read.spot().at.to_string(), at);
            assert_eq!(read.terms().class, class);
        }
    }
}

/// RDV-1: every other length, and values that a field cannot have. They are refused before anybody looks for a signature.
#[test]
fn a_ticket_has_one_layout() {
    let good = ticket();
    let good = good.as_bytes();
    for len in 0..good.len() {
        let Refused::Malformed(error) = refused(&good[..len], &promised()) else {
            panic!("{len} bytes were read");
        };
        assert_eq!(error.fault, Fault::Truncated);
    }
    let long = [good, &[0]].concat();
    let trailing = DecodeError::new("sig", Fault::Trailing);
    assert_eq!(refused(&long, &promised()), trailing.into());
    let mut mapped = [0; 16];
    mapped[10..].copy_from_slice(&[0xff, 0xff, 192, 0, 2, 7]);
    let cases: [(&str, usize, &[u8]); 11] = [
        ("relay id", 0, &[0; 32]),
        ("address", FAMILY, &[0]),
        ("address", FAMILY, &[5]),
        ("address", ADDRESS, &[0; 4]),
        ("address", ADDRESS + 4, &[1]),
        ("address", ADDRESS + 15, &[1]),
        ("address", FAMILY, &[&[6][..], &mapped].concat()),
        ("address", FAMILY, &[&[6][..], &[0; 16]].concat()),
        ("port", PORT, &[0, 0]),
        ("class", CLASS, &[4]),
        // Of small order: anybody can sign for it.
        ("bearer", BEARER, &[&[1][..], &[0; 31]].concat()),
    ];
    for (field, at, bytes) in cases {
        let mut spoilt = good.to_vec();
        spoilt[at..at + bytes.len()].copy_from_slice(bytes);
        let wrong = DecodeError::new(field, Fault::OutOfRange);
        assert_eq!(refused(&spoilt, &promised()), wrong.into(), "{field}");
    }
}

/// RDV-1: a bearer of small order would let anybody sign as the bearer. Each of the eight points, whatever Carol signed.
#[test]
fn no_bearer_is_of_small_order() {
    for point in curve25519_dalek::constants::EIGHT_TORSION {
        let mut bytes = ticket().as_bytes().to_vec();
        bytes[BEARER..BEARER + 32].copy_from_slice(point.compress().as_bytes());
        let bytes = signed_anew(bytes);
        if point.compress().as_bytes() == &[0; 32] {
            // y = 0: these bytes mean anyone.
            let read = Ticket::parse(&bytes, &promised()).ok().unwrap();
            assert!(read.bearer() == Bearer::Anyone);
            continue;
        }
        let wrong = DecodeError::new("bearer", Fault::OutOfRange);
        assert_eq!(refused(&bytes, &promised()), wrong.into());
    }
}

/// The bytes with Carol's signature for what they now say.
fn signed_anew(mut bytes: Vec<u8>) -> Vec<u8> {
    let label = crate::crypto::kdf::Label::TICKET.as_bytes();
    bytes.truncate(Ticket::LEN - 64);
    let signature = key("carol").sign(&[label, &bytes].concat());
    [&bytes[..], &signature].concat()
}

/// RDV-2: a donor that hands Bob a ticket with a prekey of its own would read what Bob says.
#[test]
fn a_donor_cannot_put_in_a_prekey_of_its_own() {
    let own = Scalar::from_bytes([0xda; 32].into()).public();
    let mut forged = ticket().as_bytes().to_vec();
    forged[PREKEY..PREKEY + 32].copy_from_slice(&own);
    assert_eq!(refused(&forged, &promised()), Refused::Unsigned);

    let fooled = without(Check::TicketSigned, || Ticket::parse(&forged, &promised()));
    assert_eq!(fooled.ok().unwrap().prekey(), &own, "the control");
}

/// RDV-2: a ticket that the donor signed itself, for the vat that was promised or for its own.
#[test]
fn a_ticket_leads_to_the_vat_that_was_promised() {
    let own = Ticket::sign(&key("mallory"), draft());
    assert_eq!(refused(own.as_bytes(), &promised()), Refused::OtherVat);
    let mut dressed = own.as_bytes().to_vec();
    dressed[143..175].copy_from_slice(vat("carol").as_bytes());
    assert_eq!(refused(&dressed, &promised()), Refused::Unsigned);

    let mut promised = promised();
    promised.vat = vat("mallory");
    assert!(
        Ticket::parse(own.as_bytes(), &promised).is_ok(),
        "the control"
    );
}

/// RDV-2: every byte is covered by the signature.
#[test]
fn no_byte_of_a_ticket_can_be_changed() {
    let good = ticket();
    for at in 0..Ticket::LEN {
        let mut spoilt = good.as_bytes().to_vec();
        spoilt[at] ^= 1;
        assert!(Ticket::parse(&spoilt, &promised()).is_err(), "byte {at}");
    }
    assert!(Ticket::parse(good.as_bytes(), &promised()).is_ok());
}

/// RDV-2: another network, version or suite, though Carol has signed it.
#[test]
fn a_ticket_is_of_this_network_version_and_suite() {
    let other = Promised {
        network: NetworkId::from(*b"another!"),
        ..promised()
    };
    let good = ticket();
    assert_eq!(refused(good.as_bytes(), &other), Refused::OtherNetwork);
    for (at, value) in [(VERSION, 2), (VERSION, 0), (SUITE, 1), (SUITE + 1, 2)] {
        let mut bytes = good.as_bytes().to_vec();
        bytes[at] = value;
        let bytes = signed_anew(bytes);
        assert_eq!(refused(&bytes, &promised()), Refused::Unspoken);
    }
    let same = signed_anew(good.as_bytes().to_vec());
    assert!(Ticket::parse(&same, &promised()).is_ok(), "the control");
}

/// RDV-2: at its expiry, by the clock of whoever reads it, a ticket counts no more.
#[test]
fn an_expired_ticket_is_none() {
    let at = |now| Promised { now, ..promised() };
    let ticket = ticket();
    let last = at(EXPIRY.minus(1));
    assert!(Ticket::parse(ticket.as_bytes(), &last).is_ok());
    for now in [EXPIRY, EXPIRY.plus(1), Wall(u64::MAX)] {
        assert_eq!(refused(ticket.as_bytes(), &at(now)), Refused::Expired);
        let late = || Ticket::parse(ticket.as_bytes(), &at(now)).is_ok();
        assert!(without(Check::TicketExpiry, late), "the control");
    }
}

/// RDV-3: one place for one park, and no other park has it.
#[test]
fn a_place_is_one_park() {
    let same = spot().place();
    let mut moved = spot();
    moved.at = "192.0.2.8:9001".parse().unwrap();
    assert_eq!(moved.place(), same, "a relay may change its address");
    let mut other = spot();
    other.cookie = [0xc1; 16].into();
    assert_ne!(other.place(), same);
    let mut other = spot();
    other.relay = key("another relay").public().into();
    assert_ne!(other.place(), same);
}

/// THR-7: neither the secret nor the cookie of a ticket can be shown.
#[test]
fn a_cookie_is_not_shown() {
    let Draft { spot, .. } = draft();
    assert!(format!("{spot:?}").contains("Cookie(…)"));
    assert!(!format!("{spot:?}").contains("192, 192"));
}
