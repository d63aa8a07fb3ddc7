//! The ways around an exit's policy, each of which must be closed.

use std::net::IpAddr;

use super::rig::exit;
use crate::directory::{BadPolicy, Policy, Reach, Summary, reach};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn policy(text: &str) -> Policy {
    text.parse().unwrap()
}

fn summary(text: &str) -> Summary {
    exit(1, text).exit.unwrap()
}

const OWN: [&str; 2] = ["9.9.9.9", "2600::9"];

fn allows(policy: &Policy, at: &str, port: u16) -> bool {
    policy.allows(ip(at), port, &OWN.map(ip))
}

/// Private, in every dress.
const PRIVATE: &[&str] = &[
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "::1",
    "fc00::1",
    "fdff::1",
    "9.9.9.9",
    "2600::9",
    "::ffff:9.9.9.9",
    "::ffff:127.0.0.1",
    "::ffff:0:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::9.9.9.9",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2002:909:909::1",
    "2001:0:a00:1::f7f7:f7f7",
    "2001:0:808:808::80ff:fffe",
    "2600::5efe:a00:1",
    "2600::200:5efe:7f00:1",
];

/// Never, whatever a rule says.
const NEVER: &[&str] = &[
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "169.254.169.254",
    "fe80::1",
    "febf::1",
    "224.0.0.1",
    "ff02::1",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "2001:db8::1",
    "3fff::1",
    "192.0.0.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "fec0::1",
    "100::1",
    "64:ff9b:1::a00:1",
    "64:ff9b:1:a00::1",
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "64:ff9b::169.254.169.254",
    "2002:a9fe:a9fe::",
    "2002:0:0::",
    "2001:0:808:808::5601:5601",
    "2600::5efe:a9fe:a9fe",
];

const PUBLIC: &[&str] = &[
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.0.1",
    "172.32.0.1",
    "169.253.0.1",
    "2600::1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
    "223.255.255.255",
];

/// DIR-16, DIR-17: what each address is, in every dress.
#[test]
fn an_address_is_what_it_leads_to() {
    let cases = [
        (PRIVATE, Reach::Private),
        (NEVER, Reach::Never),
        (PUBLIC, Reach::Public),
    ];
    for (list, is) in cases {
        for at in list {
            assert_eq!(reach(ip(at), &OWN.map(ip)), is, "{at}");
        }
    }
}

/// DIR-16, DIR-17, DIR-19: the whole list of ways around, against a policy open to the world and one open to home.
#[test]
fn nothing_private_without_the_word() {
    let world = policy("accept *:*\naccept 0.0.0.0/0:*\naccept [::]/0:*\naccept 10.0.0.0/8:*");
    let home = policy("accept private:*");
    let both = policy("accept *:*\naccept private:*");
    for at in PRIVATE {
        assert!(!allows(&world, at, 80), "{at}");
    }
    for at in [
        "10.0.0.1",
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "64:ff9b::a00:1",
        "9.9.9.9",
    ] {
        assert!(allows(&home, at, 80) && allows(&both, at, 80), "{at}");
    }
    for at in NEVER {
        assert!(!allows(&both, at, 80) && !allows(&home, at, 80), "{at}");
    }
    for at in PUBLIC {
        assert!(allows(&world, at, 80) && !allows(&home, at, 80), "{at}");
        assert!(
            !allows(&both, at, 0) && !allows(&Policy::default(), at, 80),
            "{at}"
        );
    }
}

/// DIR-19: the first rule that matches decides, and an address in another dress meets the same rules.
#[test]
fn the_first_rule_decides() {
    let some = policy(
        "# mail is for others\n\nreject *:25\nreject 8.8.0.0/16:*\naccept *:25,80,1000-2000\nreject 10.1.0.0/16:*\naccept private:80",
    );
    for (at, port, yes) in [
        ("1.1.1.1", 80, true),
        ("1.1.1.1", 25, false),
        ("1.1.1.1", 81, false),
        ("1.1.1.1", 1000, true),
        ("1.1.1.1", 2000, true),
        ("1.1.1.1", 2001, false),
        ("8.8.8.8", 80, false),
        ("8.9.0.0", 80, true),
        ("::ffff:8.8.8.8", 80, false),
        ("64:ff9b::808:808", 80, false),
        ("2002:808:808::1", 80, false),
        ("2002:101:101::1", 80, true),
        ("10.0.0.1", 80, true),
        ("10.1.0.1", 80, false),
        ("10.0.0.1", 443, false),
    ] {
        assert_eq!(allows(&some, at, port), yes, "{at} {port}");
    }
    let v4 = policy("accept 0.0.0.0/0:80");
    assert!(allows(&v4, "1.1.1.1", 80) && !allows(&v4, "2600::1", 80));
    let v6 = policy("accept [2600::]/16:80");
    assert!(allows(&v6, "2600::1", 80) && !allows(&v6, "2601::1", 80));
}

/// DIR-18: what is no rule, by its line.
#[test]
fn a_wrong_rule_is_named_by_its_line() {
    let at_3 = |rule: &str| format!("# one\naccept *:1\n{rule}\n").parse::<Policy>();
    for rule in [
        "allow *:80",
        "accept",
        "accept *",
        "accept\t*:80",
        "ACCEPT *:80",
    ] {
        assert_eq!(at_3(rule), Err(BadPolicy::Verb(3)), "{rule}");
    }
    for place in [
        "",
        "x",
        "10.0.0.0/33",
        "10.0.0.1/8",
        "10.0.0.0/08",
        "10.0.0.0/-1",
        "::1",
        "[::1",
        "[::]/129",
        "[2001:db8::1]/32",
        "[10.0.0.1]",
        "Private",
        "[::ffff:1.2.3.4]",
        "[64:ff9b::]/96",
        "10.1",
    ] {
        let rule = format!("accept {place}:80");
        assert_eq!(at_3(&rule), Err(BadPolicy::Where(3)), "{rule}");
    }
    let many = ["1"; 17].join(",");
    for ports in [
        "", "0", "65536", "2-1", "0-5", "1,", "080", "+1", "1 ,2", "a", "-", "1-2-3", &many,
    ] {
        let rule = format!("accept *:{ports}");
        assert_eq!(at_3(&rule), Err(BadPolicy::Ports(3)), "{rule}");
    }
    assert_eq!(at_3(&"#".repeat(513)), Err(BadPolicy::TooLong(3)));
    let rules = |n| "accept *:1\n".repeat(n).parse::<Policy>().map(drop);
    assert_eq!(
        (rules(256), rules(257)),
        (Ok(()), Err(BadPolicy::TooMany(257)))
    );
    for rule in [
        "reject *:*",
        "accept private:*",
        "accept 1.2.3.4:1",
        "accept [2001:db8::]/32:1-65535",
    ] {
        assert!(at_3(rule).is_ok(), "{rule}");
    }
}

/// DIR-20: clients learn the ports, and whether they are for the world or for home.
#[test]
fn a_summary_says_what_may_get_through() {
    let some = summary("reject *:25\naccept *:20-30,443\naccept private:8080");
    for (port, at, yes) in [
        (25, None, false),
        (24, None, true),
        (26, None, true),
        (443, None, true),
        (8080, None, true),
        (443, Some("1.1.1.1"), true),
        (8080, Some("1.1.1.1"), false),
        (443, Some("10.0.0.1"), false),
        (8080, Some("::ffff:10.0.0.1"), true),
        (8080, Some("169.254.1.1"), false),
        (443, Some("fe80::1"), false),
    ] {
        assert_eq!(some.may_allow(port, at.map(ip)), yes, "{port} {at:?}");
    }
    assert!(some.reaches_private() && !summary("accept *:80").reaches_private());
    assert_eq!(policy("reject *:*\naccept *:80").summary(), None);
    assert_eq!(Policy::default().summary(), None);
    let all = summary("accept *:*");
    assert!(all.may_allow(1, None) && all.may_allow(65535, None) && !all.may_allow(0, None));
}

/// DIR-20: with too many ranges the narrowest gaps are filled, never a port lost.
#[test]
fn a_long_summary_says_too_much_rather_than_too_little() {
    let text: String = (1..=20u16)
        .map(|n| format!("accept *:{}\n", n * n * 10))
        .collect();
    let some = summary(&text);
    assert!((1..=20).all(|n| some.may_allow(n * n * 10, None)));
    assert!(some.may_allow(25, None), "between 10 and 40");
    assert!(!some.may_allow(3700, None), "between 3610 and 4000");
}
