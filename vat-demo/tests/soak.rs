//! The soak, for seconds.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

use serde_json::{Value, json};

/// Six vats introduce each other and talk while relays die: all comes once and in order, and whoever has a reference that broke was told.
#[test]
fn vats_talk_while_relays_die() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_vat-demo"));
    let args = [
        "soak",
        "--vats",
        "6",
        "--minutes",
        "0.25",
        "--kill-every",
        "6",
        "--json",
    ];
    let done = program.args(args).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    let line: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&line["ok"], &line["faults"]), (&json!(true), &json!([])));
    assert!(line["relays_killed"].as_u64().unwrap() >= 1, "{line}");
    assert!(line["introduced"].as_u64().unwrap() >= 3, "{line}");
    assert!(line["messages"].as_u64().unwrap() >= 100, "{line}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    for args in [
        ["--vats", "2"],
        ["--minutes", "0"],
        ["--relays", "3"],
        ["--kill-every", "0"],
    ] {
        let told = Command::new(env!("CARGO_BIN_EXE_vat-demo"))
            .arg("soak")
            .args(args)
            .output();
        assert_eq!(told.unwrap().status.code(), Some(2));
    }
}
