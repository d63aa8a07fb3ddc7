//! One spelling, and what a descriptor may say.

use super::rig::*;
use crate::ablation::{Check, without};
use crate::directory::{Descriptor, Refused, Relay, Wall};
use crate::id::RelayId;

const WHAT: &str = "relay descriptor";

/// Relay 1, as an exit with family, so that every field is there.
fn full() -> Relay {
    let mut relay = exit(1, "accept *:80,443\naccept private:*");
    relay.family = vec![id(2), id(3)];
    relay.family.sort();
    relay
}

/// Its inner object as text.
fn text() -> String {
    inner(&signed(&full(), 1, NOW), "descriptor")
}

/// What becomes of a descriptor whose text is changed so, and signed again.
fn changed(from: &str, to: &str) -> Result<Descriptor, Refused> {
    let text = text();
    assert_eq!(text.matches(from).count(), 1, "{from} in {text}");
    Descriptor::verify(&sign_descriptor(&text.replace(from, to), &key(1)))
}

/// DIR-2, DIR-3, DIR-4: what a relay says is read as it said it.
#[test]
fn a_descriptor_survives_its_text() {
    let signed = signed(&full(), 1, NOW);
    let read = Descriptor::verify(&signed).unwrap();
    assert_eq!(
        read,
        Descriptor {
            relay: full(),
            published: NOW
        }
    );
    assert_eq!(sign_descriptor(&text(), &key(1)), signed);
    let mut v6 = relay(1);
    v6.at = "[2001:db8::7]:9001".parse().unwrap();
    let read = Descriptor::verify(&super::rig::signed(&v6, 1, NOW)).unwrap();
    assert_eq!(read.relay, v6);
}

/// DIR-1, DIR-3: the text itself, letter for letter, computed by nobody's code.
#[test]
fn a_descriptor_is_spelled_as_the_chapter_says() {
    let (one, two) = (id(1), full().family[0]);
    let three = full().family[1];
    let onion = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
    let exit = r#"{"ports":[[80,80],[443,443]],"private":[[1,65535]]}"#;
    assert_eq!(
        text(),
        format!(
            r#"{{"at":"11.1.0.1:9000","exit":{exit},"family":["{two}","{three}"],"id":"{one}","onion":"{onion}","published":1800000000,"version":1,"weight":1000}}"#
        )
    );
}

/// DIR-1: every other way to write the same, each with a signature that fits what is written.
#[test]
fn a_document_has_one_spelling() {
    let not_canonical = Err(Refused::NotCanonical { what: WHAT });
    let id = id(1);
    let swapped = r#""weight":1000,"version":1}"#;
    for (from, to) in [
        (r#""weight":1000"#, r#""weight": 1000"#),
        (r#"{"at""#, r#"{ "at""#),
        (r#""version":1,"weight":1000}"#, swapped),
        (r#""weight":1000"#, r#""weight":1000,"weight":1000"#),
        (r#""weight":1000"#, r#""weight":7,"weight":1000"#),
        (r#""weight":1000"#, r#""weight":1000.0"#),
        (r#""weight":1000"#, r#""weight":1e3"#),
        (r#""weight":1000"#, r#""weight":-1000"#),
        (r#""weight":1000"#, r#""weight":-0"#),
        (r#""weight":1000"#, r#""weight":9007199254740992"#),
        (r#""weight":1000"#, r#""weight":18446744073709551616"#),
        (r#""weight":1000"#, r#""weight":true"#),
        (r#""weight":1000"#, r#""weight":null"#),
        (r#""at":"11"#, r#""at":"\u0031\u0031"#),
        (r#""at":"11"#, r#""at":"é"#),
        (r#""at":"11"#, r#""\u0061t":"11"#),
        (r#""at":"11"#, r#""at":"\/"#),
        (r#""at":"11"#, r#""at":"\""#),
        (r#""at":"11"#, r#""at":"\n"#),
        (r#""weight":1000"#, r#""weight":1000,"x":[[[[[[[]]]]]]]"#),
    ] {
        assert_eq!(changed(from, to), not_canonical, "{to}");
    }
    let not_json = Err(Refused::NotJson { what: WHAT });
    for (from, to) in [
        (r#""weight":1000"#, r#""weight":01000"#),
        (r#""weight":1000"#, r#""weight":+1000"#),
        (r#""weight":1000"#, r#""weight":0x3e8"#),
        (r#""weight":1000"#, r#""weight":1000,"#),
        (r#""weight":1000"#, r#"weight:1000"#),
    ] {
        assert_eq!(changed(from, to), not_json, "{to}");
    }
    assert!(
        changed(r#""weight":1000"#, r#""weight":1001"#).is_ok(),
        "the control"
    );
    let shouted = id.to_string().to_uppercase();
    let must = "the name of a relay";
    let refused = Refused::Field {
        what: WHAT,
        field: "id",
        must,
    };
    assert_eq!(changed(&id.to_string(), &shouted), Err(refused));
}

/// DIR-1: nothing stands around a document.
#[test]
fn a_document_is_all_there_is() {
    let good = signed(&full(), 1, NOW);
    for around in [[&good[..], b"\n"].concat(), [b" ", &good[..]].concat()] {
        let refused = Err(Refused::NotCanonical { what: WHAT });
        assert_eq!(Descriptor::verify(&around), refused);
    }
    for around in [
        [&good[..], b"{}"].concat(),
        [b"\xef\xbb\xbf", &good[..]].concat(),
        [&good[..], b"\xff"].concat(),
        good[..good.len() - 1].to_vec(),
        vec![],
    ] {
        assert_eq!(
            Descriptor::verify(&around),
            Err(Refused::NotJson { what: WHAT })
        );
    }
    let deep = [b"[".repeat(1000), b"]".repeat(1000)].concat();
    assert!(Descriptor::verify(&deep).is_err());
}

/// DIR-1: fields that the chapter does not name, and those that it does.
#[test]
fn no_field_is_too_much_and_none_too_little() {
    let unknown = |field: &str| {
        let field = field.to_owned();
        Err(Refused::Unknown { what: WHAT, field })
    };
    let more = r#""weight":1000,"zebra":1"#;
    assert_eq!(changed(r#""weight":1000"#, more), unknown("zebra"));
    for field in ["at", "id", "onion", "published", "version", "weight"] {
        let text = text();
        let (before, rest) = text.split_once(&format!("\"{field}\":")).unwrap();
        let after = rest
            .split_once(",\"")
            .map(|(_, after)| format!("\"{after}"));
        let without = format!("{before}{}", after.unwrap_or("}".to_owned()));
        let without = without.replace(",}", "}");
        let refused = Descriptor::verify(&sign_descriptor(&without, &key(1)));
        assert_eq!(
            refused,
            Err(Refused::Missing { what: WHAT, field }),
            "{without}"
        );
    }
    let outer = String::from_utf8(signed(&full(), 1, NOW)).unwrap();
    let outer = outer.replace(r#","signature""#, r#","sig":1,"signature""#);
    assert_eq!(Descriptor::verify(outer.as_bytes()), unknown("sig"));
}

/// DIR-3, DIR-4: each field within its bounds.
#[test]
fn a_field_out_of_bounds_is_named() {
    let family: Vec<String> = full().family.iter().map(|id| format!("\"{id}\"")).collect();
    let (first, second) = (&family[0], &family[1]);
    let both = format!("[{first},{second}]");
    let onion = r#""onion":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE""#;
    let zero = format!(r#""onion":"{}""#, "A".repeat(43));
    let public = "[[80,80],[443,443]]";
    let many: Vec<String> = (0..17).map(|n| format!("[{0},{0}]", 2 * n + 1)).collect();
    let many = format!("[{}]", many.join(","));
    let own = format!("[\"{}\"]", id(1));
    for (field, from, to) in [
        ("at", "11.1.0.1:9000", "relay.example:9000"),
        ("at", "11.1.0.1:9000", "11.1.0.1:0"),
        ("at", "11.1.0.1:9000", "11.1.0.1"),
        ("at", "11.1.0.1:9000", "[::ffff:11.1.0.1]:9000"),
        ("family", &both, "[]"),
        ("family", &both, &format!("[{second},{first}]")),
        ("family", &both, &format!("[{first},{first}]")),
        ("family", &both, &own),
        ("family", &both, r#"["x"]"#),
        ("family", &both, "[1]"),
        ("onion", onion, &zero),
        ("onion", onion, &onion.replace("EBAQE\"", "EBAQF\"")),
        ("onion", onion, &onion.replace("EBAQE\"", "EBAQE=\"")),
        ("onion", onion, r#""onion":"AQ""#),
        ("version", r#""version":1"#, r#""version":2"#),
        ("weight", r#""weight":1000"#, r#""weight":0"#),
        ("weight", r#""weight":1000"#, r#""weight":1000001"#),
        ("weight", r#""weight":1000"#, r#""weight":"1000""#),
        ("ports", public, "[]"),
        ("ports", public, "[[0,80]]"),
        ("ports", public, "[[80,79]]"),
        ("ports", public, "[[80,65536]]"),
        ("ports", public, "[[80,443],[443,443]]"),
        ("ports", public, "[[80,80],[81,81]]"),
        ("ports", public, "[[443,443],[80,80]]"),
        ("ports", public, "[[80,80,80]]"),
        ("ports", public, "[80]"),
        ("ports", public, &many),
    ] {
        let refused = changed(from, to).unwrap_err();
        let is_it = matches!(&refused, Refused::Field { field: named, .. } if *named == field);
        assert!(is_it, "{to}: {refused}");
    }
    let exit = r#"{"ports":[[80,80],[443,443]],"private":[[1,65535]]}"#;
    assert!(changed(exit, "{}").is_err());
    assert!(changed(r#""weight":1000"#, r#""weight":1000000"#).is_ok());
    let refused = changed(r#""weight":1000"#, r#""weight":0"#).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "relay descriptor: weight must be 1 to 1000000"
    );
}

/// DIR-3: sixteen may be named, not seventeen.
#[test]
fn a_family_is_small() {
    let with = |n: u8| {
        let mut relay = relay(1);
        relay.family = (2..2 + n).map(id).collect();
        let published = NOW;
        Descriptor { relay, published }.sign(&key(1))
    };
    assert!(with(16).is_ok());
    assert!(with(17).is_err());
}

/// DIR-2: nobody speaks for another relay; without the check anybody would.
#[test]
fn a_descriptor_is_signed_by_the_relay_that_it_names() {
    let forged = sign_descriptor(&text(), &key(2));
    let refused = Err(Refused::Signature {
        what: WHAT,
        by: id(1),
    });
    assert_eq!(Descriptor::verify(&forged), refused);
    assert!(without(Check::SelfSigned, || Descriptor::verify(&forged)).is_ok());
}

/// DIR-2: one byte changed, anywhere, and it is refused.
#[test]
fn every_byte_of_a_descriptor_counts() {
    let good = signed(&full(), 1, NOW);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(Descriptor::verify(&bad).is_err(), "byte {at}");
    }
}

/// DIR-2: the length is looked at before the text.
#[test]
fn a_long_descriptor_is_not_read() {
    let long = b"[".repeat(Descriptor::MOST + 1);
    let refused = Descriptor::verify(&long).unwrap_err();
    let words = "relay descriptor: too long: 2049 bytes, at most 2048";
    assert_eq!(refused.to_string(), words);
    let longest = Descriptor::verify(&b"[".repeat(Descriptor::MOST));
    assert_eq!(longest, Err(Refused::NotJson { what: WHAT }));
}

/// DIR-2, DIR-3, DIR-4: the fullest that a relay can say of itself has room.
#[test]
fn the_fullest_descriptor_fits() {
    let ports: Vec<String> = (0..16)
        .map(|n| format!("{}-{}", 10_002 + n * 3, 10_003 + n * 3))
        .collect();
    let ports = ports.join(",");
    let mut relay = exit(1, &format!("accept *:{ports}\naccept private:{ports}"));
    relay.family = (2..18).map(id).collect();
    relay.at = "[2001:db8:1111:1111:1111:1111:1111:1111]:65535"
        .parse()
        .unwrap();
    relay.weight = Relay::HEAVIEST;
    let published = Wall((1 << 53) - 1);
    let signed = Descriptor { relay, published }.sign(&key(1)).unwrap();
    assert!(Descriptor::verify(&signed).is_ok(), "{}", signed.len());
}

/// DIR-3, DIR-6: kin are those who say so of each other; the rest is left out of the list.
#[test]
fn families_are_mutual() {
    let mut relays = vec![(1, relay(1)), (2, relay(2)), (3, relay(3))];
    relays[0].1.family = vec![id(2), id(3), id(9)];
    relays[1].1.family = vec![id(1)];
    let consensus = consensus_of(&relays, &params());
    let relay = |n| consensus.relay(&id(n)).unwrap();
    let family = |n| -> Vec<RelayId> { relay(n).family.clone() };
    assert_eq!(
        (family(1), family(2), family(3)),
        (vec![id(2)], vec![id(1)], vec![])
    );
    assert!(relay(1).is_kin(relay(2)) && relay(2).is_kin(relay(1)));
    assert!(!relay(1).is_kin(relay(3)) && !relay(3).is_kin(relay(1)));
    assert!(!relays[0].1.is_kin(&relays[2].1), "one alone says nothing");
}
