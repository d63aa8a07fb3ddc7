//! tickets.json, group by group.

fn run(group: &str) {
    super::run("tickets", group);
}

/// RDV-1, RDV-2, RDV-3: tickets, signed and read, and the place of each.
#[test]
fn tickets_are_the_same_byte_for_byte() {
    run("ticket");
}

/// RDV-1, RDV-2: tickets with one fault.
#[test]
fn a_ticket_with_a_fault_is_refused() {
    run("ticket refused");
}

/// RDV-4, RDV-5, RDV-6: tickets that are passed on, as bytes and in hints.
#[test]
fn introductions_are_the_same_byte_for_byte() {
    run("introduction");
}

/// RDV-2, RDV-4, RDV-5: introductions with one fault.
#[test]
fn an_introduction_with_a_fault_is_refused() {
    run("introduction refused");
}

/// RDV-6: hints with one fault.
#[test]
fn hints_with_a_fault_are_refused() {
    run("hints refused");
}
