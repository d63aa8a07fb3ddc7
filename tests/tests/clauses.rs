//! Every clause of the specification is named by a test, and no other clause is named.

use conformance::house::clauses::{PREFIXES, check, defined, ids, tests};
use conformance::house::{Page, listed, pages};

/// The folders whose Rust files may name clauses.
const RUST: &[&str] = &["pluribus-mix", "vat-demo", "tests", "fuzz"];

#[test]
fn every_clause_is_named_by_a_test_and_every_name_is_a_clause() {
    let spec = pages("spec", "md").unwrap();
    let sources: Vec<Page> = RUST
        .iter()
        .flat_map(|folder| pages(folder, "rs").unwrap())
        .collect();
    assert!(sources.len() > 3, "hardly anything was read");
    let findings = check(PREFIXES, &spec, &sources);
    assert!(findings.is_empty(), "{}", listed(&findings));
    println!("{} clauses", defined(PREFIXES, &spec).len());
}

/// Prefixes of made-up clauses, which no page defines.
#[cfg(test)]
const MADE_UP: &[&str] = &["AAA", "BBB"];

#[cfg(test)]
mod made_up {
    use super::*;

    fn page(path: &str, text: &str) -> Page {
        Page {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    fn complaints(spec: &str, source: &str) -> Vec<String> {
        let findings = check(MADE_UP, &[page("spec/a.md", spec)], &[page("a.rs", source)]);
        findings.iter().map(ToString::to_string).collect()
    }

    fn named_by_tests(source: &str) -> Vec<String> {
        let source = conformance::house::source::Source::read(source);
        let named = tests(&source);
        named
            .iter()
            .flat_map(|it| ids(MADE_UP, &it.text))
            .map(|(id, _)| id.to_string())
            .collect()
    }

    const NAMES_BOTH: &str = "/// AAA-1 and AAA-2.\n#[test]\nfn f() {}\n";

    #[test]
    fn nothing_defined_and_nothing_named_is_fine() {
        assert_eq!(complaints("# A page", "#[test] fn f() {}"), [""; 0]);
        assert_eq!(check(MADE_UP, &[], &[]), []);
    }

    #[test]
    fn named_clauses_are_fine() {
        assert_eq!(
            complaints("**AAA-1** One.\n- **AAA-2** Two, see AAA-1.", NAMES_BOTH),
            [""; 0]
        );
    }

    #[test]
    fn a_clause_without_a_test_is_found() {
        let said = complaints("# A\n\n**AAA-1** One.\n", "// AAA-1\nfn f() {}");
        assert_eq!(said, ["spec/a.md:3: AAA-1 is named by no test"]);
    }

    #[test]
    fn a_clause_defined_twice_is_found() {
        let said = complaints("**AAA-1** x\n**AAA-2** x\n- **AAA-1** y", NAMES_BOTH);
        assert_eq!(
            said,
            ["spec/a.md:3: AAA-1 is defined already at spec/a.md:1"]
        );
    }

    #[test]
    fn a_gap_is_found() {
        let source = "#[test]\nfn f() { /* AAA-1 AAA-3 BBB-2 */ }";
        let said = complaints("**AAA-1**\n**AAA-3**\n**BBB-2**", source);
        assert_eq!(
            said,
            [
                "spec/a.md:2: AAA-3 follows a gap: AAA-2 is missing",
                "spec/a.md:3: BBB-2 follows a gap: BBB-1 is missing"
            ]
        );
    }

    #[test]
    fn a_name_of_nothing_is_found_in_source_and_page() {
        let said = complaints(
            "**AAA-1** x\nSee AAA-3.",
            "/// AAA-1\n#[test]\nfn f() {}\n// AAA-4",
        );
        assert_eq!(
            said,
            [
                "spec/a.md:2: AAA-3 is defined nowhere",
                "a.rs:4: AAA-4 is defined nowhere"
            ]
        );
    }

    #[test]
    fn only_bold_at_the_head_of_a_line_defines() {
        let text = "see **AAA-1**\n  **AAA-1**\n**AAA-1\n* **AAA-1**\n**AAA-01**\n**CCC-1**\n\
                    ```\n**AAA-1** in an example\n```\n- **BBB-1** x\n**BBB-2**: y\n";
        let found = defined(MADE_UP, &[page("a.md", text)]);
        let found: Vec<String> = found
            .iter()
            .map(|(id, _, line)| format!("{id} {line}"))
            .collect();
        assert_eq!(found, ["BBB-1 10", "BBB-2 11"]);
    }

    #[test]
    fn ids_stand_alone() {
        let text = "AAA-1, (BBB-22) `AAA-3`. XAAA-4 AAA-5x x-AAA-6 AAA- AAA_7 AAA-8_ AAA-9/BBB-10";
        let found: Vec<String> = ids(MADE_UP, text)
            .iter()
            .map(|(id, _)| id.to_string())
            .collect();
        assert_eq!(found, ["AAA-1", "AAA-3", "AAA-9", "BBB-22", "BBB-10"]);
    }

    #[test]
    fn comment_attribute_and_body_name_a_clause() {
        for source in [
            "/// AAA-1: so.\n#[test]\nfn f() {}",
            "fn g() {}\n\n// AAA-1\n/// More.\n#[test]\nfn f() {}",
            "/* AAA-1 */\n#[test]\nfn f() {}",
            "mod m {\n    /// AAA-1\n    #[allow(x)]\n    // why\n    #[test]\n    fn f() {}\n}",
            "#[test]\n// AAA-1\nfn f() {}",
            "#[test]\n#[expect(x, reason = \"AAA-1\")]\nfn f() {}",
            "#[doc = \"AAA-1\"]\n#[test]\nfn f() {}",
            "#[test]\nfn f() { assert!(x, \"AAA-1\") }",
            "#[test]\nfn f() {\n    // AAA-1 }\n    let x = '}';\n}",
            "#[test] fn f() { let x = \"}\"; let y = r#\"\"}\"#; { } /* AAA-1 */ }",
            "proptest! {\n    #![x]\n    /// AAA-1\n    #[test]\n    fn f(x in any::<u8>()) { }\n}",
            "proptest! { #[test] fn f(x in { 1 }, [y] in z) { \"AAA-1\" } }",
            "#[tokio::test(flavor = \"x\")]\nasync fn f() -> Result<(), [u8; 2]> { /* AAA-1 */ }",
        ] {
            assert_eq!(named_by_tests(source), ["AAA-1"], "{source}");
        }
    }

    #[test]
    fn an_id_elsewhere_names_nothing() {
        for source in [
            "//! AAA-1\n#[test]\nfn f() {}",
            "/// AAA-1\n\n#[test]\nfn f() {}",
            "fn g() {} // AAA-1\n#[test]\nfn f() {}",
            "/// AAA-1\nfn g() {}\n#[test]\nfn f() {}",
            "#[test]\nfn f() {}\n// AAA-1",
            "#[test]\nfn f() {}\n/// AAA-1\nfn g() {}",
            "#[test]\nfn f() { let x = '{'; \"{\"; }\nfn g() { /* AAA-1 */ }",
            "/// AAA-1\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn f() {}\n}",
            "// #[test]\n// fn f() { AAA-1 }\nfn g() {}",
            "const X: &str = \"#[test] fn f() { AAA-1 }\";",
            "/// AAA-1\n#[test]\n#[ignore]\nfn f() {}",
            "/// AAA-1\n#[ignore = \"slow\"]\n#[test]\nfn f() {}",
            "/// AAA-1\n#[test]\nconst X: u8 = 1;",
        ] {
            assert_eq!(named_by_tests(source), [""; 0], "{source}");
        }
    }

    #[test]
    fn each_test_has_its_own_text() {
        let source = "/// AAA-1\n#[test]\nfn f() {}\n/// AAA-2\n#[test]\nfn g() { x }\n";
        let found = tests(&conformance::house::source::Source::read(source));
        let found: Vec<_> = found
            .iter()
            .map(|it| (it.name.as_str(), it.text.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("f", "/// AAA-1\n#[test]\nfn f() {}"),
                ("g", "/// AAA-2\n#[test]\nfn g() { x }")
            ]
        );
    }
}
