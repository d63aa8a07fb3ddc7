//! Paths: nobody twice, nobody beside their kin, each as often as they weigh.

use proptest::prelude::*;

use super::rig::*;
use crate::crypto::rng::Seed;
use crate::directory::path::{exit_for, middle, through};
use crate::directory::{Avoid, Consensus, Guards, Last, NoPath, Relay, Target, Wall, path};

const WEB: Target = Target {
    port: 443,
    ip: None,
};

fn any_network() -> crate::directory::Params {
    params().with("networks", 0).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// DIR-21: whatever relays there are, a path has nobody twice, no kin, and nobody of one network or address.
    #[test]
    fn a_path_keeps_its_relays_apart(
        nets in prop::collection::vec(0..6u8, 4..14),
        kin in prop::collection::vec((1..14u8, 1..14u8), 0..12),
        strict: bool,
        seed: [u8; 32],
    ) {
        let mut relays: Vec<(u8, Relay)> = (1u8..).zip(&nets).map(|(n, net)| {
            let mut relay = exit(n, "accept *:443");
            relay.at = ([11, *net, n / 2, 1], 9000).into();
            (n, relay)
        }).collect();
        for (a, b) in kin {
            let most = u8::try_from(nets.len()).unwrap();
            if a != b && a <= most && b <= most {
                relays[usize::from(a) - 1].1.family.push(id(b));
                relays[usize::from(b) - 1].1.family.push(id(a));
            }
        }
        let params = if strict { params() } else { any_network() };
        let consensus = consensus_of(&relays, &params);
        let mut rng = Seed::from_bytes(seed).fork("paths");
        for _ in 0..20 {
            let path = through(&consensus, &id(1), Last::Exit(WEB), 3, &Avoid::NOTHING, &mut rng);
            let Ok(path) = path else { continue };
            prop_assert_eq!(path.len(), 3);
            let path: Vec<&Relay> = path.iter().map(|id| consensus.relay(id).unwrap()).collect();
            for (i, a) in path.iter().enumerate() {
                for b in &path[..i] {
                    prop_assert!(a.id != b.id && a.at != b.at && !a.is_kin(b));
                    let net = |relay: &Relay| relay.at.to_string().split('.').nth(1).map(str::to_owned);
                    prop_assert!(!strict || net(a) != net(b));
                }
            }
        }
    }
}

fn count(consensus: &Consensus, n: u8, others: &[u8]) -> usize {
    let others: Vec<_> = others.iter().copied().map(id).collect();
    let mut rng = rng();
    let mut draw = || {
        middle(consensus, &others, &Avoid::NOTHING, &mut rng)
            .unwrap()
            .id
    };
    (0..4000).filter(|_| draw() == id(n)).count()
}

/// DIR-21: a relay of three times the weight is drawn three times as often, and one of equal weight equally.
#[test]
fn weights_are_respected() {
    let mut relays: Vec<_> = (1..=4).map(|n| (n, relay(n))).collect();
    let even = consensus_of(&relays, &params());
    relays[1].1.weight = 3000;
    let heavy = consensus_of(&relays, &params());
    let (even, heavy) = (count(&even, 2, &[1]), count(&heavy, 2, &[1]));
    assert!((1200..1470).contains(&even), "{even} of 4000, a third");
    assert!(
        (2260..2540).contains(&heavy),
        "{heavy} of 4000, three fifths"
    );
}

/// DIR-21: relays of one /16, or one /32 of IPv6, share a path only where the network allows it.
#[test]
fn networks_are_kept_apart_where_the_network_says_so() {
    let at = |a: &str, b: &str, params| {
        let mut relays = vec![(1, relay(1)), (2, relay(2))];
        relays[0].1.at = a.parse().unwrap();
        relays[1].1.at = b.parse().unwrap();
        let consensus = consensus_of(&relays, &params);
        middle(&consensus, &[id(1)], &Avoid::NOTHING, &mut rng()).is_ok()
    };
    for (a, b, apart) in [
        ("11.1.0.1:1", "11.1.255.1:1", false),
        ("11.1.0.1:1", "11.2.0.1:1", true),
        ("[2600:1:2::]:1", "[2600:1:3::]:1", false),
        ("[2600:1::]:1", "[2600:2::]:1", true),
        ("11.1.0.1:1", "[b:1::]:1", true),
    ] {
        assert_eq!(at(a, b, params()), apart, "{a} {b}");
        assert!(at(a, b, any_network()), "{a} {b}");
    }
    assert!(
        !at("11.1.0.1:1", "11.1.0.1:1", any_network()),
        "one address"
    );
}

/// DIR-21: who is suspect is left out, alone and in pairs, in either order.
#[test]
fn suspects_are_left_out() {
    let consensus = consensus(3);
    let alone = Avoid {
        relay: &|relay| *relay == id(2),
        ..Avoid::NOTHING
    };
    let pair = Avoid {
        pair: &|a, b| (*a, *b) == (id(1), id(2)),
        ..Avoid::NOTHING
    };
    let riap = Avoid {
        pair: &|a, b| (*a, *b) == (id(2), id(1)),
        ..Avoid::NOTHING
    };
    let mut rng = rng();
    for avoid in [alone, pair, riap] {
        let drawn = (0..50).map(|_| middle(&consensus, &[id(1)], &avoid, &mut rng).unwrap().id);
        assert!(
            drawn
                .collect::<Vec<_>>()
                .iter()
                .all(|drawn| *drawn == id(3))
        );
    }
    let drawn: Vec<_> = (0..50)
        .map(|_| {
            middle(&consensus, &[id(1)], &Avoid::NOTHING, &mut rng)
                .unwrap()
                .id
        })
        .collect();
    assert!(
        drawn.contains(&id(2)) && drawn.contains(&id(3)),
        "the control"
    );
}

/// DIR-21: what was missing is said.
#[test]
fn no_path_says_what_was_missing() {
    let mut rng = rng();
    let relays = [(1, relay(1)), (2, exit(2, "accept *:443"))];
    let two = consensus_of(&relays, &params());
    let [named, first, unknown] = [2, 1, 9].map(id);
    let mut from = |first, last, hops| {
        through(&two, &first, last, hops, &Avoid::NOTHING, &mut rng).map_err(|no| no.to_string())
    };
    let said = from(id(1), Last::Exit(WEB), 3);
    assert_eq!(
        said,
        Err("only 2 relays in the consensus, 3 needed".to_owned())
    );
    assert_eq!(from(id(1), Last::Exit(WEB), 2), Ok(vec![id(1), id(2)]));
    let mail = Target { port: 25, ip: None };
    assert_eq!(
        from(id(1), Last::Exit(mail), 2),
        Err("no relay allows port 25".to_owned())
    );
    let home = Target {
        port: 443,
        ip: Some([10, 0, 0, 1].into()),
    };
    let said = from(id(1), Last::Exit(home), 2);
    assert_eq!(said, Err("no relay allows port 443 of 10.0.0.1".to_owned()));
    let said = from(id(2), Last::Exit(WEB), 2);
    let words = "no exit is left: 1 are suspect, or of one family, network or address with the rest of the path";
    assert_eq!(said, Err(words.to_owned()));
    assert_eq!(
        from(id(9), Last::Any, 1),
        Err(format!("the relay {} is not in the consensus", id(9)))
    );
    assert_eq!(from(id(1), Last::Relay(&named), 2), Ok(vec![id(1), id(2)]));
    assert_eq!(
        from(id(1), Last::Relay(&unknown), 2),
        Err(NoPath::NotListed(id(9)).to_string())
    );
    assert!(from(id(1), Last::Relay(&first), 2).is_err());
    let few = middle(&two, &[id(1), id(2)], &Avoid::NOTHING, &mut self::rng());
    assert_eq!(
        few.map(|relay| relay.id),
        Err(NoPath::TooFew { have: 2, needed: 3 })
    );
}

/// DIR-21, DIR-22: where the first guard is the only exit, the next one begins the path.
#[test]
fn a_guard_that_is_needed_at_the_end_does_not_begin() {
    let relays = [(1, exit(1, "accept *:443")), (2, relay(2)), (3, relay(3))];
    let consensus = consensus_of(&relays, &params());
    for seed in 0..8 {
        let mut rng = Seed::from_bytes([seed; 32]).fork("guards");
        let mut guards = Guards::new(consensus.network());
        guards.refresh(NOW, &consensus, &Avoid::NOTHING, &mut rng);
        let last = Last::Exit(WEB);
        let path = path::choose(&consensus, &guards, NOW, last, 3, &Avoid::NOTHING, &mut rng);
        assert_eq!(path.unwrap()[2], id(1));
    }
    let none = Guards::new(consensus.network());
    let path = path::choose(
        &consensus,
        &none,
        Wall(0),
        Last::Any,
        3,
        &Avoid::NOTHING,
        &mut rng(),
    );
    assert_eq!(path, Err(NoPath::NoGuard));
    assert!(exit_for(&consensus, WEB, &[id(2)], &Avoid::NOTHING, &mut rng()).is_ok());
}
