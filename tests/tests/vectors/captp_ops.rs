//! captp_ops.json, group by group.

fn run(group: &str) {
    super::run("captp_ops", group);
}

/// CAP-5, CAP-7, CAP-9, CAP-11, CAP-12, CAP-13: what is the same in both dialects.
#[test]
fn operations_are_the_same_in_both_dialects_byte_for_byte() {
    run("shared");
}

/// CAP-14, CAP-15: what differs.
#[test]
fn each_dialect_has_words_of_its_own() {
    run("own");
}

/// CAP-5: bad locators.
#[test]
fn bad_locators_are_refused() {
    run("refused CAP-5");
}

/// CAP-7: keys and signatures of other shapes.
#[test]
fn bad_keys_and_signatures_are_refused() {
    run("refused CAP-7");
}

/// CAP-9: ids, counts and gift ids of other lengths and sizes.
#[test]
fn malformed_certificates_are_refused() {
    run("refused CAP-9");
}

/// CAP-11: unknown operations, and fields too few, too many and of other kinds.
#[test]
fn malformed_operations_are_refused() {
    run("refused CAP-11");
}

/// CAP-12: unknown records, sets, and dictionaries that are no structs.
#[test]
fn what_cannot_be_passed_is_refused() {
    run("refused CAP-12");
}

/// CAP-13: malformed references, and a give without a signature.
#[test]
fn malformed_references_are_refused() {
    run("refused CAP-13");
}

/// CAP-14: an answer that nobody is told, and positions without deltas.
#[test]
fn what_a_has_no_words_for_is_refused_in_it() {
    run("refused CAP-14");
}

/// CAP-15: the words of one dialect in the other.
#[test]
fn the_words_of_the_other_dialect_are_refused() {
    run("refused CAP-15");
}

/// CAP-16: what peers say, and what is concluded from it.
#[test]
fn a_peer_is_known_by_what_it_says() {
    run("heard");
}
