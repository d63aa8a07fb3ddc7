//! locators.json, group by group.

fn run(group: &str) {
    super::run("locators", group);
}

/// NAM-7, NAM-8: locators and sturdyrefs, their parts and their one spelling.
#[test]
fn locators_are_read_and_written() {
    run("valid");
}

/// NAM-7, NAM-8: what is refused, and for which part.
#[test]
fn the_wrong_part_is_named() {
    run("malformed");
}

/// NAM-9: which locators are equal.
#[test]
fn hints_take_no_part_in_equality() {
    run("equal");
}
