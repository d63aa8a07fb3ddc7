//! calls.json, group by group.

fn run(group: &str) {
    super::run("calls", group);
}

/// RDV-4, RDV-9, RDV-10, RDV-11, RDV-12, RDV-13, RDV-14, RDV-15, RDV-17: handshakes that begin with a ticket: items, cells, the values in between, and what
/// both ends have at the end.
#[test]
fn calls_are_the_same_byte_for_byte() {
    run("call");
}

/// RDV-4, RDV-9, RDV-10, RDV-11, VTP-19: first words with one fault, by one who knows every secret.
#[test]
fn first_words_with_a_fault_are_refused() {
    run("early refused");
}

/// RDV-17: a cell of a flight with one bit changed.
#[test]
fn a_changed_cell_of_a_flight_does_not_open() {
    run("cell refused");
}
