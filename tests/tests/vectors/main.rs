//! The test vectors, byte for byte, on every AEAD backend.
//!
//! A *group* is a set of cases that one test runs: those of a kind, or those that break one clause. The tests at the
//! end of this file see to it that no file, no case and no value goes untested.

mod calls;
mod captp_certificates;
mod captp_ops;
mod captp_syrup;
mod cells;
mod crypto;
mod handshake;
mod hop_handshake;
mod introduced;
mod links;
mod locations;
mod locators;
mod messages;
mod names;
mod onion_cells;
mod paced_cells;
mod pacing;
mod pair;
mod records;
mod refused;
mod streams;
mod tickets;

use conformance::house::clauses::{PREFIXES, ids, tests};
use conformance::house::{pages, source::Source};
use conformance::vectors::{Case, RUNNERS, load};
use pluribus_mix::crypto::aead::Backend;
use std::collections::{BTreeMap, BTreeSet};

/// Cases that are not run: the file, the name, and why.
const SKIPPED: &[(&str, &str, &str)] = &[];

/// Values that are not compared: the file, the path, and why.
const UNCOMPARED: &[(&str, &str, &str)] = &[(
    "crypto",
    "dk_sha256",
    "a decapsulation key never leaves its type; what it opens is compared",
)];

/// The group of a case.
#[cfg(test)]
fn group(case: &Case) -> String {
    let clauses = case.clauses();
    match case.kind() {
        "" if case.fields().names().any(|name| name == "flights") => "whole".to_owned(),
        "" => clauses[0].to_owned(),
        "refused" => format!("refused {}", clauses[0]),
        kind => kind.to_owned(),
    }
}

/// Runs the cases of a group on every backend.
#[cfg(test)]
fn run(file: &str, wanted: &str) {
    let (_, run) = RUNNERS.iter().find(|(name, _)| *name == file).unwrap();
    let cases = load(file).unwrap().cases;
    let (mut ran, mut wrong) = (0, Vec::new());
    for case in cases.iter().filter(|case| group(case) == wanted) {
        let skipped = |(of, name, _): &(&str, &str, &str)| *of == file && *name == case.name();
        if SKIPPED.iter().any(skipped) {
            continue;
        }
        for backend in Backend::ALL {
            if let Err(what) = run(case, *backend) {
                wrong.push(format!("\n  {} [{}]: {what}", case.name(), backend.name()));
            }
        }
        let mut uncompared = case.unread();
        uncompared.retain(|path| {
            let known = |(of, field, _): &(&str, &str, &str)| *of == file && field == path;
            !UNCOMPARED.iter().any(known)
        });
        if !uncompared.is_empty() {
            wrong.push(format!(
                "\n  {}: nobody compares {uncompared:?}",
                case.name()
            ));
        }
        ran += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
    assert!(ran > 0, "there is no {wanted} in {file}.json");
    println!("{ran} cases of {wanted} in {file}.json");
}

/// The sources of the tests, by the file of vectors.
const SOURCES: &[(&str, &str)] = &[
    ("names", include_str!("names.rs")),
    ("locators", include_str!("locators.rs")),
    ("crypto", include_str!("crypto.rs")),
    ("handshake", include_str!("handshake.rs")),
    ("handshake_refused", include_str!("refused.rs")),
    ("records", include_str!("records.rs")),
    ("streams", include_str!("streams.rs")),
    ("pair", include_str!("pair.rs")),
    ("cells", include_str!("cells.rs")),
    ("introduced", include_str!("introduced.rs")),
    ("onion_cells", include_str!("onion_cells.rs")),
    ("hop_handshake", include_str!("hop_handshake.rs")),
    ("links", include_str!("links.rs")),
    ("messages", include_str!("messages.rs")),
    ("pacing", include_str!("pacing.rs")),
    ("paced_cells", include_str!("paced_cells.rs")),
    ("tickets", include_str!("tickets.rs")),
    ("calls", include_str!("calls.rs")),
    ("locations", include_str!("locations.rs")),
    ("captp_syrup", include_str!("captp_syrup.rs")),
    ("captp_ops", include_str!("captp_ops.rs")),
    ("captp_certificates", include_str!("captp_certificates.rs")),
];

/// The clauses of the cases, by group.
#[cfg(test)]
fn groups(file: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut groups = BTreeMap::<_, BTreeSet<_>>::new();
    for case in &load(file).unwrap().cases {
        let clauses = case.clauses().into_iter().map(str::to_owned);
        groups.entry(group(case)).or_default().extend(clauses);
    }
    groups
}

#[test]
fn every_file_has_a_runner_and_tests() {
    let found = pages("spec/vectors", "json").unwrap();
    let found: BTreeSet<_> = found.iter().map(|page| page.path.as_str()).collect();
    let path = |name: &str| format!("spec/vectors/{name}.json");
    let run: BTreeSet<_> = RUNNERS.iter().map(|(name, _)| path(name)).collect();
    let tested: BTreeSet<_> = SOURCES.iter().map(|(name, _)| path(name)).collect();
    assert_eq!(found, run.iter().map(String::as_str).collect());
    assert_eq!(run, tested);
}

/// Clauses of chapters that are being built are written with a space, so that no other house test asks for them yet.
#[cfg(test)]
fn dashed(text: &str) -> String {
    let spaced =
        |text: String, prefix: &&str| text.replace(&format!("{prefix} "), &format!("{prefix}-"));
    PREFIXES.iter().fold(text.to_owned(), spaced)
}

#[test]
fn every_group_has_one_test_that_names_its_clauses() {
    for (file, source) in SOURCES {
        let tests = tests(&Source::read(source));
        let groups = groups(file);
        assert_eq!(tests.len(), groups.len(), "tests and groups of {file}");
        for (group, clauses) in groups {
            let call = format!("run(\"{group}\")");
            let test = tests.iter().find(|test| test.text.contains(&call));
            let test = test.unwrap_or_else(|| panic!("no test in {file} has {call}"));
            let clauses: BTreeSet<String> = clauses.iter().map(|it| dashed(it)).collect();
            let named: BTreeSet<String> = ids(PREFIXES, &dashed(&test.text))
                .iter()
                .map(|(clause, _)| clause.to_string())
                .collect();
            assert_eq!(named, clauses, "the clauses that {} names", test.name);
        }
    }
}

#[test]
fn every_clause_of_a_file_is_one_of_its_cases() {
    for (file, _) in RUNNERS {
        let claimed: BTreeSet<String> = load(file).unwrap().spec.into_iter().collect();
        let tested: BTreeSet<String> = groups(file).into_values().flatten().collect();
        assert_eq!(claimed, tested, "{file}");
    }
}

#[test]
fn what_is_skipped_exists() {
    for (file, name, reason) in SKIPPED {
        let cases = load(file).unwrap().cases;
        assert!(cases.iter().any(|case| case.name() == *name), "{name}");
        assert!(!reason.is_empty());
    }
    for (file, field, reason) in UNCOMPARED {
        let cases = load(file).unwrap().cases;
        let has = |case: &Case| case.unread().iter().any(|path| path == field);
        assert!(cases.iter().any(has), "{field}");
        assert!(!reason.is_empty());
    }
}

#[test]
fn both_backends_are_there() {
    let names: Vec<_> = Backend::ALL.iter().map(|backend| backend.name()).collect();
    assert_eq!(names, ["aes-gcm", "ring"]);
}
