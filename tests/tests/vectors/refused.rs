//! handshake_refused.json, group by group.

fn run(group: &str) {
    super::run("handshake_refused", group);
}

/// WIR-2, VTP-1: items too long, too short, or in the wrong order.
#[test]
fn items_have_their_lengths() {
    run("VTP-1");
}

/// VTP-2: lists of versions and suites that are none, and offers with nothing in common.
#[test]
fn offers_keep_their_rules() {
    run("VTP-2");
}

/// VTP-3: versions and suites that were not offered.
#[test]
fn a_choice_was_offered() {
    run("VTP-3");
}

/// VTP-4: targets that are for somebody else.
#[test]
fn a_target_is_for_one_vat_place_and_use() {
    run("VTP-4");
}

/// VTP-5: flights that were answered before.
#[test]
fn an_x_i_is_answered_once() {
    run("VTP-5");
}

/// WIR-5, WIR-6, VTP-6: X25519 keys of small order, ML-KEM keys that are not reduced.
#[test]
fn peers_contribute() {
    run("VTP-6");
}

/// WIR-4, VTP-8: items under another key or counter, or changed.
#[test]
fn sealed_items_open() {
    run("VTP-8");
}

/// WIR-7, VTP-9: all that is no proof of the vat wanted.
#[test]
fn the_responder_proves_itself() {
    run("VTP-9");
}

/// VTP-11: lengths beyond the field, bytes behind the hints.
#[test]
fn hints_are_padded_with_zeros() {
    run("VTP-11");
}

/// NAM-1, VTP-12: keys that are no VatIds, with signatures that hold.
#[test]
fn an_initiator_has_a_good_key() {
    run("NAM-1");
}

/// WIR-7, VTP-12: all that is no proof of the vat that it says it is.
#[test]
fn the_initiator_proves_itself() {
    run("VTP-12");
}

/// VTP-13: a responder with incarnation 0, and an initiator with incarnation 0 and hints.
#[test]
fn incarnation_0_is_anonymous_and_nothing_else() {
    run("VTP-13");
}

/// VTP-15, VTP-19, VTP-22: a record 0 without the whole of GOTOO.
#[test]
fn gotoo_comes_first() {
    run("VTP-15");
}

/// VTP-13, VTP-19: each rule of the pair fields broken once, in GO and in GOTOO, by masters, slaves and anonymous
/// initiators.
#[test]
fn pair_fields_say_what_a_first_meeting_can() {
    run("VTP-19");
}

/// VTP-15, VTP-21: a record 0 that is too long, too short, or does not open.
#[test]
fn record_0_opens() {
    run("VTP-21");
}

/// VTP-22: a record 0 with a frame that is none.
#[test]
fn frames_behind_gotoo_are_frames() {
    run("VTP-22");
}
