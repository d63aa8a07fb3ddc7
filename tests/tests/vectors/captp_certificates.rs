//! captp_certificates.json, group by group.

fn run(group: &str) {
    super::run("captp_certificates", group);
}

/// CAP-8: the ids of keys.
#[test]
fn an_id_is_the_hash_of_the_hash_of_the_key() {
    run("id");
}

/// CAP-8: the ids of sessions, in either order.
#[test]
fn a_session_has_one_id_on_both_sides() {
    run("session");
}

/// CAP-10: signatures of locations.
#[test]
fn locations_are_signed_byte_for_byte() {
    run("location");
}

/// CAP-10: locations that are not what was signed, other signers, and signatures that only a lenient verifier takes.
#[test]
fn a_location_that_was_not_signed_so_is_refused() {
    run("bad location");
}

/// CAP-9, CAP-10: gives with gift ids of many lengths.
#[test]
fn gives_are_written_and_signed_byte_for_byte() {
    run("give");
}

/// CAP-10: gives with one field changed.
#[test]
fn a_give_that_was_not_signed_so_is_refused() {
    run("bad give");
}

/// CAP-9, CAP-10: receives.
#[test]
fn receives_are_written_and_signed_byte_for_byte() {
    run("receive");
}

/// CAP-10: receives with one field changed, thieves, and gives inside that are not the gifter's.
#[test]
fn a_receive_that_was_not_signed_so_is_refused() {
    run("bad receive");
}
