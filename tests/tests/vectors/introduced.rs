//! introduced.json, group by group.

fn run(group: &str) {
    super::run("introduced", group);
}

/// RDV-13, RDV-12, RDV-10, RDV-14, RDV-15: all flights of both roles, the records behind them, and every value in between.
#[test]
fn handshakes_with_a_ticket_are_the_same_byte_for_byte() {
    run("whole");
}

/// VTP-4: a target without the ticket's secret, with another, or for another key or vat.
#[test]
fn only_who_has_the_ticket_is_answered() {
    run("refused VTP-4");
}

/// VTP-5: an x_i that was answered.
#[test]
fn a_flight_1_is_looked_at_once() {
    run("refused VTP-5");
}

/// VTP-8, RDV-13: REPLYINFO to somebody who said another EARLY.
#[test]
fn the_answer_is_to_what_was_said_early() {
    run("refused VTP-8");
}

/// VTP-12, RDV-13: a signature of I that leaves ANSWER out.
#[test]
fn a_signature_covers_what_was_answered() {
    run("refused VTP-12");
}

/// RDV-10: EARLY of no bytes, and of too many.
#[test]
fn early_has_its_bounds() {
    run("refused RDV-10");
}

/// RDV-14: ANSWER changed, elsewhere sealed, too short or too long.
#[test]
fn answer_is_sealed_in_its_place() {
    run("refused RDV-14");
}

/// RDV-15: flight 3 of another vat or incarnation than EARLY, and other pair fields in GO.
#[test]
fn flight_3_says_what_early_said() {
    run("refused RDV-15");
}
