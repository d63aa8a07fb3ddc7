//! The story as a program tells it, over a network that sends at once: by the clock it takes twenty seconds each time.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::{Command, Output};

use serde_json::{Value, json};

fn told(args: &[&str]) -> (Output, Value) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_vat-demo"));
    let told = program.args(["--json", "--messages", "12", "--pacing", "none"]);
    let told = told.args(args).output().unwrap();
    let out = String::from_utf8_lossy(&told.stdout);
    let last = out.lines().last().unwrap_or_default();
    let line = serde_json::from_str(last).unwrap_or_default();
    (told, line)
}

fn words(told: &Output) -> String {
    String::from_utf8_lossy(&told.stderr).into_owned()
}

/// Three vats meet, a relay dies, everything comes once and in order, and nobody knows more than was to be known.
#[test]
fn vats_meet_and_nobody_knows_where_they_are() {
    let (told, line) = told(&[]);
    assert!(told.status.success(), "{}", words(&told));
    assert_eq!(line["ok"], json!(true));
    let counted = ["messages", "lost", "doubled", "swapped"].map(|name| &line[name]);
    assert_eq!(counted, [24, 0, 0, 0].map(|count| json!(count)).each_ref());
    let knows = |who: &str| line["who_knows"][who].clone();
    let identities = |of: [&str; 2]| of.map(|of| json!({ "kind": "identity", "of": of }));
    assert_eq!(knows("alice"), json!(identities(["bob", "carol"])));
    assert_eq!(knows("bob"), json!(identities(["alice", "carol"])));
    assert_eq!(knows("carol"), json!(identities(["alice", "bob"])));
    // The control: the relays that they reach the network by are found to know where they are.
    let rows = line["who_knows"].as_object().unwrap();
    for vat in ["alice", "bob", "carol"] {
        let where_it_is = json!({ "kind": "address", "of": vat });
        let knows = |row: &Value| row.as_array().unwrap().contains(&where_it_is);
        let mut guards = rows.iter().filter(|(_, row)| knows(row));
        assert!(guards.all(|(name, _)| name.starts_with("relay ") || name == "authority"));
        assert!(rows.values().any(knows), "{vat}");
    }
    assert!(rows.contains_key(line["relay_killed"].as_str().unwrap()));
    assert!(line["handoff"]["ms"].as_f64().unwrap() > 0.0);
}

/// A vat that says where it is, is found out.
#[test]
fn a_vat_that_tells_its_address_is_found_out() {
    let (told, line) = told(&["--leak"]);
    assert_eq!(told.status.code(), Some(1), "{}", words(&told));
    assert_eq!(line["ok"], json!(false));
    let leak = json!({ "kind": "address", "of": "bob" });
    let knows = |who: &str| line["who_knows"][who].as_array().unwrap().contains(&leak);
    assert_eq!(["alice", "bob", "carol"].map(knows), [false, false, true]);
}

/// Four vats are introduced one after the other.
#[test]
fn further_vats_are_introduced_in_turn() {
    let (told, line) = told(&["--vats", "4"]);
    assert!(told.status.success(), "{}", words(&told));
    let carol = ["alice", "bob", "dave"].map(|of| json!({ "kind": "identity", "of": of }));
    assert_eq!(line["who_knows"]["carol"], json!(carol));
    let dave = ["alice", "carol"].map(|of| json!({ "kind": "identity", "of": of }));
    assert_eq!(line["who_knows"]["dave"], json!(dave));
}

#[test]
fn what_makes_no_sense_is_refused() {
    for args in [["--vats", "2"], ["--vats", "9"], ["--pacing", "fast"]] {
        let told = Command::new(env!("CARGO_BIN_EXE_vat-demo"))
            .args(args)
            .output();
        assert_eq!(told.unwrap().status.code(), Some(2));
    }
}
