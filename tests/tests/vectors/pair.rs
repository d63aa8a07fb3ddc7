//! pair.json, group by group.

fn run(group: &str) {
    super::run("pair", group);
}

/// VTP-19: the 50 bytes and what they say.
#[test]
fn pair_fields_are_read_and_written() {
    run("fields");
}

/// VTP-19: what nobody may say anywhere.
#[test]
fn any_other_pair_fields_are_refused() {
    run("bad fields");
}

/// VTP-19: who may say what in GO and in GOTOO.
#[test]
fn either_side_has_its_words() {
    run("place");
}

/// VTP-33, VTP-34, VTP-35, VTP-36, VTP-37, VTP-38, VTP-39, VTP-40, VTP-41: each branch of the rule.
#[test]
fn the_rule_branches_alike() {
    run("scenario");
}

/// VTP-33, VTP-34, VTP-35, VTP-36, VTP-37, VTP-38, VTP-39, VTP-40, VTP-41: what vats went through beside others.
#[test]
fn lives_of_vats_go_alike() {
    run("run");
}
