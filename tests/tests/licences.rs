//! Every dependency has a licence that may enter, and the crypto stack is of one generation.

use conformance::house::licences::{Licence, allowed, doubled, once, refused};
use conformance::house::root;
use serde_json::Value;
use std::process::Command;

#[cfg(test)]
mod tree {
    use super::*;

    fn read(file: &str) -> String {
        std::fs::read_to_string(root().join(file)).unwrap()
    }

    fn metadata(filter: &[&str]) -> Result<Value, String> {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--offline", "--locked"])
            .args(filter)
            .current_dir(root())
            .output()
            .unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            return Err(complaint);
        }
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    }

    /// What this machine builds, when the packages of other platforms were never downloaded.
    fn metadata_of_this_machine(complaint: String) -> Value {
        println!("only the packages for this machine are checked, `cargo fetch` was not run");
        let version = Command::new(env!("CARGO"))
            .arg("-vV")
            .output()
            .unwrap()
            .stdout;
        let version = String::from_utf8(version).unwrap();
        let host = version
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .unwrap();
        metadata(&["--filter-platform", host])
            .unwrap_or_else(|again| panic!("cargo metadata failed: {complaint}{again}"))
    }

    #[test]
    fn every_dependency_is_under_an_allowed_licence() {
        let allowed = allowed(&read("deny.toml")).unwrap();
        let metadata = metadata(&[]).unwrap_or_else(metadata_of_this_machine);
        let refused = refused(&metadata, &allowed).unwrap();
        assert!(refused.is_empty(), "{}", refused.join("\n"));
    }

    #[test]
    fn the_crypto_stack_is_of_one_generation() {
        let once = once(&read("deny.toml")).unwrap();
        let stack = [
            "sha2",
            "hmac",
            "hkdf",
            "aes-gcm",
            "curve25519-dalek",
            "rand_core",
            "digest",
        ];
        for name in stack {
            assert!(once.contains(name), "deny.toml does not want {name} once");
        }
        let doubled = doubled(&read("Cargo.lock"), &once);
        assert!(doubled.is_empty(), "{}", doubled.join("\n"));
    }

    #[test]
    fn no_copyleft_stands_on_the_list() {
        let allowed = allowed(&read("deny.toml")).unwrap();
        assert!(allowed.contains("Apache-2.0 WITH LLVM-exception"));
        assert!(
            !allowed.iter().any(|name| name.contains("GPL")),
            "{allowed:?}"
        );
    }
}

#[cfg(test)]
mod made_up {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeSet;

    fn list(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn is_allowed(expression: &str) -> bool {
        let list = list(&["MIT", "ISC", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"]);
        Licence::parse(expression).unwrap().is_allowed_by(&list)
    }

    #[test]
    fn one_side_of_an_or_is_enough() {
        assert!(is_allowed("MIT"));
        assert!(is_allowed("MIT OR GPL-3.0-only"));
        assert!(is_allowed("GPL-3.0-only/MIT"));
        assert!(is_allowed("LGPL-2.1-or-later OR Zlib OR MIT"));
        assert!(!is_allowed("GPL-3.0-only OR LGPL-2.1-or-later"));
    }

    #[test]
    fn both_sides_of_an_and_are_needed() {
        assert!(is_allowed("MIT AND ISC"));
        assert!(!is_allowed("MIT AND LGPL-3.0-only"));
        assert!(!is_allowed("GPL-2.0-only AND MIT"));
    }

    #[test]
    fn and_binds_closer_than_or() {
        assert!(is_allowed("MIT OR ISC AND GPL-3.0-only"));
        assert!(is_allowed("GPL-3.0-only AND ISC OR MIT"));
        assert!(!is_allowed("(MIT OR ISC) AND GPL-3.0-only"));
        assert!(is_allowed(
            "(MIT OR GPL-3.0-only) AND (ISC OR GPL-3.0-only)"
        ));
        assert!(is_allowed("((MIT))AND(ISC)"));
    }

    #[test]
    fn an_exception_belongs_to_its_licence() {
        assert!(is_allowed("Apache-2.0 WITH LLVM-exception"));
        assert!(is_allowed(
            "GPL-3.0-only OR Apache-2.0 WITH LLVM-exception AND MIT"
        ));
        assert!(!is_allowed("MIT WITH LLVM-exception"));
        assert!(!is_allowed("GPL-3.0-only WITH Classpath-exception-2.0"));
    }

    #[test]
    fn names_are_matched_whole() {
        for name in [
            "GPL-3.0-only",
            "LGPL-2.1-or-later",
            "AGPL-3.0-only",
            "mit",
            "MIT-0",
            "BSD",
        ] {
            assert!(!is_allowed(name), "{name}");
        }
    }

    #[test]
    fn what_is_no_expression_is_an_error() {
        for text in [
            "", "MIT OR", "OR MIT", "(MIT", "MIT)", "MIT ISC", "MIT WITH", "()", "AND",
        ] {
            assert!(Licence::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn refused_packages_are_named() {
        let metadata = json!({ "packages": [
            { "name": "good", "version": "1.0.0", "license": "MIT" },
            { "name": "bare", "version": "2.0.0", "license": null },
            { "name": "file", "version": "2.1.0", "license_file": "COPYING" },
            { "name": "gnu", "version": "3.0.0", "license": "LGPL-3.0-only" },
            { "name": "odd", "version": "4.0.0", "license": "MIT OR" },
        ]});
        let refused = refused(&metadata, &list(&["MIT"])).unwrap();
        assert_eq!(
            refused,
            [
                "bare 2.0.0 states no licence",
                "file 2.1.0 states no licence",
                "gnu 3.0.0 is under LGPL-3.0-only, which deny.toml does not allow",
                "odd 4.0.0 has a licence that cannot be read: a licence is missing at the end",
            ]
        );
    }

    #[test]
    fn empty_metadata_is_an_error() {
        assert!(refused(&json!({}), &list(&["MIT"])).is_err());
        assert!(refused(&json!({ "packages": [] }), &list(&["MIT"])).is_err());
    }

    #[test]
    fn the_lists_are_read_from_their_tables() {
        let text = "[bans]\nallow = [\n    \"X\",\n]\ndeny = [\n    \
                    { crate = \"sha2\", deny-multiple-versions = true },\n    \
                    { crate = \"openssl\" },\n]\n\n[licenses]\n# all of it\nallow = [\n    \
                    \"MIT\", # short\n    # \"GPL-3.0-only\",\n    \"A WITH b\",\n]\n";
        assert_eq!(allowed(text).unwrap(), list(&["MIT", "A WITH b"]));
        assert_eq!(once(text).unwrap(), list(&["sha2"]));
        assert!(allowed("[licenses]\n[bans]\nallow = [\n\"X\",\n]").is_err());
        assert!(once("[licenses]\ndeny = [\n]").is_err());
    }

    #[test]
    fn a_second_version_is_found() {
        let lock = "version = 4\n\n[[package]]\nname = \"sha2\"\nversion = \"0.10.9\"\n\n\
                    [[package]]\nname = \"sha2\"\nversion = \"0.11.0\"\n\
                    dependencies = [\n \"x\",\n]\n\n\
                    [[package]]\nname = \"syn\"\nversion = \"1.0.0\"\n\n\
                    [[package]]\nname = \"syn\"\nversion = \"2.0.0\"\n\n\
                    [[package]]\nname = \"hkdf\"\nversion = \"0.13.0\"\n";
        assert_eq!(
            doubled(lock, &list(&["sha2", "hkdf"])),
            ["sha2: 0.10.9, 0.11.0"]
        );
    }
}
