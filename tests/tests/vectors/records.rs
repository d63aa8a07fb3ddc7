//! records.json, group by group.

fn run(group: &str) {
    super::run("records", group);
}

/// VTP-14, VTP-21, VTP-22, VTP-23, VTP-24, VTP-25, VTP-26, VTP-27, VTP-29, VTP-30, VTP-39, VTP-49, VTP-50, VTP-52,
/// VTP-53, VTP-54: what is sealed and opened, and what the receiver knows afterwards.
#[test]
fn records_are_the_same_byte_for_byte() {
    run("accepted");
}

/// VTP-22: unknown types, flags and reasons, frames cut short.
#[test]
fn what_is_no_frame_is_refused() {
    run("refused VTP-22");
}

/// VTP-23: the number 0, and numbers too far ahead.
#[test]
fn numbers_are_near_the_next() {
    run("refused VTP-23");
}

/// VTP-24: whatever follows REKEY in its record.
#[test]
fn rekey_stands_last() {
    run("refused VTP-24");
}

/// VTP-25: empty pieces, and messages behind the end.
#[test]
fn pieces_make_messages() {
    run("refused VTP-25");
}

/// VTP-26: acknowledgements that go back or beyond, and empty ranges.
#[test]
fn an_ack_goes_forward() {
    run("refused VTP-26");
}

/// VTP-27: PONGs that nobody asked for, and too many PINGs.
#[test]
fn a_pong_was_asked_for() {
    run("refused VTP-27");
}

/// VTP-49: heads that are too long.
#[test]
fn a_head_has_its_bound() {
    run("refused VTP-49");
}

/// VTP-50: a piece of a stream that says nothing.
#[test]
fn a_piece_of_a_stream_is_not_empty() {
    run("refused VTP-50");
}

/// VTP-52: datagrams of no bytes, and of too many.
#[test]
fn a_datagram_has_its_bounds() {
    run("refused VTP-52");
}

/// VTP-53: kinds, purposes, counts and lengths that do not exist.
#[test]
fn tickets_are_asked_for_and_given_in_one_form() {
    run("refused VTP-53");
}

/// VTP-54: more said of tickets than was taken.
#[test]
fn what_is_said_of_tickets_is_taken_or_refused() {
    run("refused VTP-54");
}

/// VTP-29: other ids, and frames behind CLOSE.
#[test]
fn a_close_is_for_this_connection_and_last() {
    run("refused VTP-29");
}

/// VTP-21, VTP-22, VTP-24: records of wrong lengths, keys and counters.
#[test]
fn a_record_opens_in_its_turn_or_never() {
    run("refused wire");
}

/// VTP-24: REKEY in the last record that a key may seal.
#[test]
fn a_key_is_used_to_its_last_record() {
    run("accepted late");
}

/// VTP-25, VTP-26: a message of the greatest length and beyond, and more weight than may be.
#[test]
fn messages_and_what_is_unacknowledged_are_bounded() {
    run("built");
}
