//! What makes a consensus one, and everything that does not.

use super::rig::*;
use crate::ablation::{Check, without};
use crate::crypto::sign::SigningKey;
use crate::directory::{
    Authorities, BadAuthorities, Consensus, Floor, NetworkId, Networks, Pacing, Padding, Param,
    Params, Refused, Wall,
};

const WHAT: &str = "consensus";

fn three() -> Vec<(u8, crate::directory::Relay)> {
    vec![(1, relay(1)), (2, relay(2)), (3, exit(3, "accept *:443"))]
}

/// The inner object of a consensus of relays 1 to 3 for these authorities, as text.
fn text(of: &Authorities, at: Wall) -> String {
    let text = inner(&listing(&three(), &params(), at), WHAT);
    let (own, theirs) = (authorities(1, 1).network(), of.network());
    text.replace(&own.to_string(), &theirs.to_string())
}

fn verify(of: &Authorities, text: &str, keys: &[&SigningKey]) -> Result<Consensus, Refused> {
    of.verify(NOW, &sign_consensus(text, of, keys), None)
}

/// What one authority's consensus becomes when its text is changed so, and signed again.
fn changed(from: &str, to: &str) -> Result<Consensus, Refused> {
    let (of, keys) = (authorities(1, 1), authority_keys(1));
    let text = text(&of, NOW);
    assert!(text.contains(from), "{from} in {text}");
    verify(&of, &text.replacen(from, to, 1), &[&keys[0]])
}

fn refusal(result: Result<Consensus, Refused>) -> Refused {
    result.map(|consensus| consensus.floor()).unwrap_err()
}

/// DIR-6: what was listed is read.
#[test]
fn a_consensus_lists_its_relays() {
    let params = params().with("pacing", "constant").unwrap();
    let params = params.with("later", "what it means").unwrap();
    let consensus = consensus_of(&three(), &params);
    for (n, relay) in three() {
        assert_eq!(consensus.relay(&id(n)), Some(&relay));
    }
    assert_eq!(consensus.relay(&id(9)), None);
    assert!(consensus.relays().is_sorted_by(|a, b| a.id < b.id));
    assert_eq!(consensus.params(), &params);
    assert_eq!(consensus.network(), authorities(1, 1).network());
    let times = [
        consensus.valid_after(),
        consensus.fresh_until(),
        consensus.valid_until(),
    ];
    assert_eq!(times, [NOW, NOW.plus(100), NOW.plus(300)]);
}

/// DIR-5: the name of a network, computed elsewhere, from each of its parts.
#[test]
fn a_network_is_named_by_its_authorities() {
    let names: Vec<NetworkId> = [(1, 1), (2, 2), (3, 2), (3, 3)]
        .map(|(n, m)| authorities(n, m).network())
        .to_vec();
    for (i, name) in names.iter().enumerate() {
        assert!(names[..i].iter().all(|other| other != name));
    }
    let keys = authority_keys(3);
    let backwards = keys.iter().rev().map(|key| key.public().into());
    assert_eq!(Authorities::new(backwards, 2).unwrap(), authorities(3, 2));
    let mut input = b"pluribus-mix/1 network id\x03\x02".to_vec();
    keys.iter()
        .for_each(|key| input.extend(key.public().as_bytes()));
    assert_eq!(
        names[2].as_bytes(),
        &crate::crypto::kdf::hash(&[&input])[..8]
    );
}

/// DIR-5: numbers that are no network.
#[test]
fn a_network_needs_more_than_half() {
    let new = |n: u8, threshold| Authorities::new((1..=n).map(id), threshold).map(drop);
    assert_eq!(new(0, 0), Err(BadAuthorities::Count(0)));
    assert_eq!(new(17, 9), Err(BadAuthorities::Count(17)));
    for (n, threshold) in [(1, 0), (1, 2), (2, 1), (3, 1), (4, 2), (16, 8), (3, 4)] {
        let of = usize::from(n);
        assert_eq!(
            new(n, threshold),
            Err(BadAuthorities::Threshold { threshold, of })
        );
    }
    for (n, threshold) in [(1, 1), (2, 2), (3, 2), (4, 3), (16, 9), (16, 16)] {
        assert_eq!(new(n, threshold), Ok(()));
    }
    let twice = Authorities::new([id(1), id(1)], 2).map(drop);
    assert_eq!(twice, Err(BadAuthorities::Twice(id(1))));
}

/// DIR-9: m − 1 signatures are not m, however often one of them stands there; and strangers count for nothing.
#[test]
fn too_few_signatures_are_counted() {
    let (of, keys) = (authorities(3, 2), authority_keys(3));
    let text = text(&of, NOW);
    let [one, two, three] = &keys[..] else {
        panic!()
    };
    let stranger = key(7);
    let under = |valid| Refused::UnderSigned { valid, needed: 2 };
    assert_eq!(refusal(verify(&of, &text, &[])), under(0));
    assert_eq!(refusal(verify(&of, &text, &[two])), under(1));
    assert_eq!(refusal(verify(&of, &text, &[two, two, two])), under(1));
    assert_eq!(refusal(verify(&of, &text, &[two, &stranger])), under(1));
    let words = "consensus: signed by 1 of the authorities, 2 needed";
    assert_eq!(under(1).to_string(), words);
    assert!(without(Check::Quorum, || verify(&of, &text, &[two])).is_ok());
    for enough in [
        &[one, two][..],
        &[three, one],
        &[&stranger, one, three, one],
    ] {
        assert!(verify(&of, &text, enough).is_ok());
    }
    let many = [one; 65];
    assert!(verify(&of, &text, &[&many[..63], &[two]].concat()).is_ok());
    assert!(matches!(
        refusal(verify(&of, &text, &[&many[..], &[two]].concat())),
        Refused::Field { .. }
    ));
}

/// DIR-9: one authority's signature that does not fit spoils the document.
#[test]
fn a_signature_that_does_not_fit_is_tampering() {
    let (of, keys) = (authorities(3, 2), authority_keys(3));
    let good = text(&of, NOW);
    let elsewhere = sign_consensus(&good, &authorities(3, 3), &[&keys[2]]);
    let elsewhere = String::from_utf8(elsewhere).unwrap();
    let (_, foreign) = elsewhere.split_once("\"signatures\":[").unwrap();
    let two = sign_consensus(&good, &of, &[&keys[0], &keys[1]]);
    let two = String::from_utf8(two).unwrap();
    let with = format!("{},{foreign}", two.strip_suffix("]}").unwrap());
    let by = keys[2].public().into();
    let refused = refusal(of.verify(NOW, with.as_bytes(), None));
    assert_eq!(refused, Refused::Signature { what: WHAT, by });
    let words = format!("consensus: the signature of {by} does not fit: it was tampered with");
    assert_eq!(refused.to_string(), words);
}

/// DIR-9: one byte changed, anywhere, and it is refused; without the signatures' check somebody's change gets through.
#[test]
fn every_byte_of_a_consensus_counts() {
    let (of, keys) = (authorities(3, 2), authority_keys(3));
    let good = sign_consensus(&text(&of, NOW), &of, &[&keys[0], &keys[2]]);
    assert!(of.verify(NOW, &good, None).is_ok());
    let mut through = 0;
    for at in 0..good.len() {
        for bit in [1, 2, 0x20] {
            let mut bad = good.clone();
            bad[at] ^= bit;
            assert!(of.verify(NOW, &bad, None).is_err(), "byte {at}");
            let unchecked = without(Check::AuthoritySigned, || of.verify(NOW, &bad, None));
            through += usize::from(unchecked.is_ok());
        }
    }
    assert!(through > 100, "{through}");
}

/// DIR-5, DIR-6: a consensus of another network, even where the same authorities made it.
#[test]
fn another_network_is_another_network() {
    let (three, all) = (authorities(3, 2), authorities(3, 3));
    let keys = authority_keys(3);
    let signed = sign_consensus(&text(&all, NOW), &all, &[&keys[0], &keys[1], &keys[2]]);
    assert!(all.verify(NOW, &signed, None).is_ok());
    let (theirs, ours) = (all.network(), three.network());
    let refused = refusal(three.verify(NOW, &signed, None));
    assert_eq!(
        refused,
        Refused::OtherNetwork {
            what: WHAT,
            theirs,
            ours
        }
    );
    let words = format!("consensus: of network {theirs}, and this is network {ours}");
    assert_eq!(refused.to_string(), words);
}

/// DIR-6: the name of the network is signed, not only said.
#[test]
fn a_signature_for_another_network_does_not_fit() {
    let (of, other) = (authorities(1, 1), authorities(2, 2));
    let keys = authority_keys(1);
    let signed = sign_consensus(&text(&of, NOW), &other, &[&keys[0]]);
    let by = keys[0].public().into();
    let refused = refusal(of.verify(NOW, &signed, None));
    assert_eq!(refused, Refused::Signature { what: WHAT, by });
}

/// DIR-1, DIR-6: what the authorities signed is still read with care.
#[test]
fn a_signed_consensus_is_canonical_too() {
    let not_canonical = Refused::NotCanonical { what: WHAT };
    for (from, to) in [
        (r#""params":{"#, r#""params": {"#),
        (r#""interval":100"#, r#""interval":100.0"#),
        (r#""interval":100"#, r#""interval":100,"interval":100"#),
        (r#""weight":1000"#, r#""w\u0065ight":1000"#),
    ] {
        assert_eq!(refusal(changed(from, to)), not_canonical, "{to}");
    }
    assert!(changed(r#""weight":1000"#, r#""weight":1001"#).is_ok());
    let unknown = |field: &str| Refused::Unknown {
        what: WHAT,
        field: field.to_owned(),
    };
    let more = refusal(changed(r#""relays""#, r#""pears":1,"relays""#));
    assert_eq!(more, unknown("pears"));
    let published = refusal(changed(
        r#""version":1"#,
        r#""published":1800000000,"version":1"#,
    ));
    assert_eq!(published, unknown("published"));
    let long = refusal(authorities(1, 1).verify(NOW, &vec![b'['; Consensus::MOST + 1], None));
    let words = "consensus: too long: 4194305 bytes, at most 4194304";
    assert_eq!(long.to_string(), words);
}

/// DIR-6: relays stand in order, none twice, and not too many.
#[test]
fn relays_stand_in_order() {
    let (of, keys) = (authorities(1, 1), authority_keys(1));
    let text = text(&of, NOW);
    let (head, rest) = text.split_once("\"relays\":[").unwrap();
    let (list, tail) = rest.split_once("],\"valid_after").unwrap();
    let with = |list: &str| {
        let text = format!("{head}\"relays\":[{list}],\"valid_after{tail}");
        verify(&of, &text, &[&keys[0]])
    };
    let mut relays: Vec<String> = list.split("},{\"at").map(str::to_owned).collect();
    relays[0] += "}";
    relays[1] = format!("{{\"at{}}}", relays[1]);
    relays[2] = format!("{{\"at{}", relays[2]);
    assert!(with(&relays.join(",")).is_ok());
    assert!(with("").is_ok());
    let must = "in the order of their names, none twice";
    let disorder = Refused::Field {
        what: WHAT,
        field: "relays",
        must,
    };
    assert_eq!(
        refusal(with(&[&*relays[0], &relays[0]].join(","))),
        disorder
    );
    assert_eq!(
        refusal(with(&[&*relays[2], &relays[1]].join(","))),
        disorder
    );
    let many = vec!["0"; Consensus::RELAYS + 1].join(",");
    let must = "at most 8192";
    assert_eq!(
        refusal(with(&many)),
        Refused::Field {
            what: WHAT,
            field: "relays",
            must
        }
    );
}

/// DIR-8: the three times hang together.
#[test]
fn times_follow_from_the_slot() {
    for (field, from, to) in [
        (
            "valid_after",
            r#""valid_after":1800000000"#,
            r#""valid_after":1800000001"#,
        ),
        (
            "fresh_until",
            r#""fresh_until":1800000100"#,
            r#""fresh_until":1800000200"#,
        ),
        (
            "valid_until",
            r#""valid_until":1800000300"#,
            r#""valid_until":1900000000"#,
        ),
        (
            "valid_until",
            r#""valid_until":1800000300"#,
            r#""valid_until":1800000200"#,
        ),
    ] {
        let refused = refusal(changed(from, to));
        let is_it = matches!(&refused, Refused::Field { field: named, .. } if *named == field);
        assert!(is_it, "{refused}");
    }
    for (n, m, intervals) in [(1, 1, 3), (3, 2, 3), (3, 3, 3), (5, 3, 4), (16, 9, 9)] {
        let of = authorities(n, m);
        assert_eq!(of.lifetime(&params()), intervals * 100, "{m} of {n}");
    }
}

/// DIR-10: the edges of the tolerance, in a network of slow slots and in one of quick ones.
#[test]
fn clocks_may_differ_by_so_much() {
    for (interval, skew) in [(100, 300), (3600, 600), (1, 3)] {
        let params = Params::default().with("interval", interval).unwrap();
        let of = authorities(1, 1);
        let signed = listing(&three(), &params, NOW);
        let (first, last) = (NOW.minus(skew), NOW.plus(3 * interval + skew));
        let consensus = of.verify(NOW, &signed, None).unwrap();
        for good in [first, NOW, last] {
            assert!(of.verify(good, &signed, None).is_ok());
            assert_eq!(consensus.valid_at(good), Ok(()));
        }
        let early = refusal(of.verify(first.minus(1), &signed, None));
        assert_eq!(early, Refused::NotYetValid { by: skew + 1 });
        let late = refusal(of.verify(last.plus(1), &signed, None));
        assert_eq!(late, Refused::Expired { by: skew + 1 });
        assert_eq!(consensus.valid_at(last.plus(1)), Err(late));
    }
    let early = Refused::NotYetValid { by: 301 }.to_string();
    assert_eq!(
        early,
        "consensus: valid only in 301 seconds: is the clock right?"
    );
    let late = Refused::Expired { by: 7 }.to_string();
    assert_eq!(late, "consensus: expired 7 seconds ago");
}

/// DIR-11: an older one is refused once a newer one was accepted; without the check it would be taken.
#[test]
fn nobody_is_rolled_back() {
    let of = authorities(1, 1);
    let later = NOW.plus(100);
    let [old, new] = [NOW, later].map(|at| listing(&three(), &params(), at));
    let floor = of.verify(later, &old, None).unwrap().floor();
    let floor = of.verify(later, &new, Some(&floor)).unwrap().floor();
    let back = || of.verify(later, &old, Some(&floor));
    let refused = refusal(back());
    let (held, offered) = (later, NOW);
    assert_eq!(refused, Refused::RolledBack { held, offered });
    let words = "consensus: rolled back: of 1800000000s, and one of 1800000100s is known";
    assert_eq!(refused.to_string(), words);
    assert!(without(Check::Rollback, back).is_ok());
}

/// DIR-11: two truths of one moment; the same truth with other signatures is none.
#[test]
fn authorities_that_say_two_things_are_caught() {
    let (of, keys) = (authorities(3, 2), authority_keys(3));
    let text = text(&of, NOW);
    let other = text.replacen(r#""weight":1000"#, r#""weight":999"#, 1);
    let floor = verify(&of, &text, &[&keys[0], &keys[1]]).unwrap().floor();
    let with = |text: &str| {
        let signed = sign_consensus(text, &of, &[&keys[1], &keys[2]]);
        of.verify(NOW, &signed, Some(&floor))
    };
    assert!(with(&text).is_ok());
    let refused = refusal(with(&other));
    assert_eq!(refused, Refused::Equivocation(NOW));
    let words = "consensus: another one of 1800000000s is known: the authorities have signed both";
    assert_eq!(refused.to_string(), words);
    assert!(without(Check::Rollback, || with(&other)).is_ok());
}

/// DIR-11: what was stored is read back, verified again, and held to its floor.
#[test]
fn a_stored_consensus_is_verified_again() {
    let of = authorities(1, 1);
    let later = NOW.plus(100);
    let [old, new] = [NOW, later].map(|at| listing(&three(), &params(), at));
    let consensus = of.verify(later, &new, None).unwrap();
    assert_eq!(consensus.signed(), &new[..]);
    let floor = consensus.floor().export();
    assert_eq!(
        of.restore(later, &new, Some(&floor)).unwrap().floor(),
        consensus.floor()
    );
    let (held, offered) = (later, NOW);
    let refused = refusal(of.restore(later, &old, Some(&floor)));
    assert_eq!(refused, Refused::RolledBack { held, offered });
    assert!(of.restore(later, &old, None).is_ok(), "the control");
    let mut spoiled = new.clone();
    spoiled[100] ^= 1;
    assert!(of.restore(later, &spoiled, Some(&floor)).is_err());
    let refused = refusal(of.restore(NOW.plus(10_000), &new, Some(&floor)));
    assert_eq!(refused, Refused::Expired { by: 9600 });
}

/// DIR-11: a floor is of one network and one version, and spelled one way.
#[test]
fn a_floor_is_read_with_care() {
    let floor = consensus(3).floor();
    let of = authorities(1, 1);
    let text = String::from_utf8(floor.export()).unwrap();
    assert_eq!(Floor::import(&of, text.as_bytes()), Ok(floor));
    let import = |text: &str| Floor::import(&of, text.as_bytes()).unwrap_err();
    let what = "floor";
    let other = import(&text.replace(r#""version":1"#, r#""version":2"#));
    assert_eq!(other, Refused::Version { what, version: 2 });
    let words = "floor: of version 2, which is not known here (1 is)";
    assert_eq!(other.to_string(), words);
    assert_eq!(
        import(&text.replace(':', ": ")),
        Refused::NotCanonical { what }
    );
    let foreign = Floor::import(&authorities(3, 2), text.as_bytes());
    assert!(matches!(
        foreign,
        Err(Refused::OtherNetwork { what: "floor", .. })
    ));
}

/// DIR-7: parameters that are known have ranges and defaults, those that are not are kept.
#[test]
fn parameters_are_in_range() {
    let none = Params::default();
    let known = [
        none.interval(),
        none.quantum(),
        none.slots(),
        none.pool_window(),
        none.jitter(),
        none.epoch(),
    ];
    assert_eq!(known, [3600, 50, 8, 60, 3, 600]);
    assert_eq!(
        (none.pacing(), none.networks(), none.padding()),
        (Pacing::Constant, Networks::Apart, Padding::Full)
    );
    let with = |name: &str, value: Param| Params::default().with(name, value);
    for (name, least, most) in [
        ("epoch", 1, 86_400),
        ("interval", 1, 86_400),
        ("jitter", 1, 16),
        ("networks", 0, 1),
        ("padding", 0, 1),
        ("pool_window", 1, 3600),
        ("quantum", 5, 1000),
        ("slots", 1, 64),
    ] {
        assert!(with(name, least.into()).is_ok() && with(name, most.into()).is_ok());
        assert!(with(name, (most + 1).into()).is_err() && with(name, "1".into()).is_err());
        assert!(least == 0 || with(name, (least - 1).into()).is_err());
    }
    let refused = with("pacing", "sometimes".into()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "parameter pacing must be none or constant"
    );
    assert!(with("pacing", 1.into()).is_err());
    let set = |pacing: &str| with("pacing", pacing.into()).unwrap().pacing();
    assert_eq!(set("constant"), Pacing::Constant);
    assert_eq!(set("none"), Pacing::None);
    let networks = with("networks", 0.into()).unwrap().networks();
    assert_eq!(networks, Networks::Any);
    for name in ["", "A", "a-b", "é", &"a".repeat(33)] {
        assert!(with(name, 1.into()).is_err(), "{name}");
    }
    assert!(with("x", (1 << 53).into()).is_err());
    for text in ["\"", "\\", "é", "\n", &"a".repeat(65)] {
        assert!(with("x", text.into()).is_err(), "{text}");
    }
    let many = (0..64).try_fold(Params::default(), |all, n| all.with(&format!("p{n}"), n));
    assert!(many.clone().unwrap().with("p0", 7).is_ok() && many.unwrap().with("q", 7).is_err());
}

/// DIR-7: what a network on one machine settles is within the ranges too.
#[test]
fn local_parameters_are_in_range() {
    let local = Params::local();
    let names = "epoch jitter networks pacing padding pool_window quantum slots";
    let again = names.split(' ').try_fold(Params::default(), |all, name| {
        all.with(name, local.value(name).unwrap().clone())
    });
    assert_eq!(again, Ok(local));
}

/// DIR-7: the ranges hold for what authorities sign, and one that does not name its pacing has the constant one.
#[test]
fn a_consensus_with_a_wild_parameter_is_refused() {
    let wild = refusal(changed(r#""interval":100"#, r#""interval":0"#));
    assert_eq!(wild.to_string(), "parameter interval must be 1 to 86400");
    assert!(changed(r#"{"interval":100}"#, r#"{"interval":100,"zebra":"x"}"#).is_ok());
    assert!(changed(r#"{"interval":100}"#, r#"{"interval":100,"zebra":[]}"#).is_err());
    assert!(changed(r#"{"interval":100}"#, "[]").is_err());
    let pacing = |params| {
        let signed = changed(r#"{"interval":100}"#, params);
        signed.unwrap().params().pacing()
    };
    assert_eq!(pacing(r#"{"interval":100}"#), Pacing::Constant);
    assert_eq!(pacing(r#"{"interval":100,"pacing":"none"}"#), Pacing::None);
}
