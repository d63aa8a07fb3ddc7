//! names.json, group by group.

fn run(group: &str) {
    super::run("names", group);
}

/// NAM-1, NAM-2, NAM-4, NAM-5: keys, texts, mapped keys and signatures, from the seed and from the expanded form.
#[test]
fn a_vat_is_its_key() {
    run("vat");
}

/// NAM-3: RelayIds and their texts.
#[test]
fn a_relay_has_its_own_text() {
    run("relay");
}

/// NAM-2, NAM-3: names in upper, lower and mixed case.
#[test]
fn names_are_read_in_either_case() {
    run("text");
}

/// NAM-1, NAM-2, NAM-3: texts that are no names, and what is wrong with them.
#[test]
fn a_wrong_text_is_no_name() {
    run("bad text");
}

/// NAM-1: strings of bytes that are no keys.
#[test]
fn a_bad_point_is_no_key() {
    run("bad key");
}

/// NAM-4: expanded keys that are not clamped.
#[test]
fn an_expanded_key_is_clamped() {
    run("bad expanded");
}

/// NAM-4, NAM-6: files of both forms.
#[test]
fn key_files_are_read_and_written() {
    run("key file");
}

/// NAM-4, NAM-6: what is no key file, or holds no key.
#[test]
fn any_other_key_file_is_refused() {
    run("bad key file");
}

/// NAM-6: the counter beside a key.
#[test]
fn incarnation_files_are_read_and_written() {
    run("incarnation file");
}

/// NAM-6: what is no such counter.
#[test]
fn any_other_incarnation_file_is_refused() {
    run("bad incarnation file");
}
