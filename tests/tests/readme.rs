//! What the README shows is what the repository has.

use std::path::Path;

/// The echo of the README is the example, to the letter but for its opening line, and at most 40 lines a side.
#[test]
fn the_echo_of_the_readme_is_the_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let example = root.join("pluribus-mix/examples/echo.rs");
    let example = std::fs::read_to_string(example).unwrap();
    let (_, shown) = readme.split_once("```rust\n").unwrap();
    let (shown, _) = shown.split_once("```\n").unwrap();
    let (_, code) = example.split_once("\n\n").unwrap();
    assert_eq!(shown, code);
    assert!(code.lines().count() <= 80);
}

/// So is the greeter of the vats, which is short enough to be read at once.
#[test]
fn the_greeter_of_the_readme_is_the_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let example = root.join("vat-demo/examples/greeter.rs");
    let example = std::fs::read_to_string(example).unwrap();
    let (_, code) = example.split_once("\n\n").unwrap();
    assert!(readme.contains(&format!("```rust\n{code}```\n")));
    assert!(code.lines().count() <= 40);
}

/// And the vats that hide.
#[test]
fn the_hidden_vats_of_the_readme_are_the_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let example = root.join("pluribus-mix/examples/hidden.rs");
    let example = std::fs::read_to_string(example).unwrap();
    let (_, code) = example.split_once("\n\n").unwrap();
    assert!(readme.contains(&format!("```rust\n{code}```\n")));
    assert!(code.lines().count() <= 60);
}
