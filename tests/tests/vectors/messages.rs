//! messages.json, group by group.

fn run(group: &str) {
    super::run("messages", group);
}

/// ONI-11, PAC-12, RDV-19, RDV-20, RDV-40: what a client says to a hop.
#[test]
fn messages_to_a_relay_are_the_same_byte_for_byte() {
    run("to relay");
}

/// ONI-12, PAC-11, PAC-12, RDV-19, RDV-20, RDV-22, RDV-40: what a hop says to its client.
#[test]
fn messages_to_a_client_are_the_same_byte_for_byte() {
    run("to client");
}

/// ONI-11, PAC-12, RDV-19, RDV-20, RDV-40: other types, the client's among them, and other than zeros behind a body.
#[test]
fn a_relay_refuses_what_is_no_message_to_it() {
    run("to relay refused");
}

/// ONI-12, PAC-12, RDV-19, RDV-20, RDV-22, RDV-40: other types, the relay's among them, unknown reasons, and other than zeros behind a body.
#[test]
fn a_client_refuses_what_is_no_message_to_it() {
    run("to client refused");
}

/// RDV-19: the cookie of a park.
#[test]
fn cookies_are_the_same_byte_for_byte() {
    run("cookie");
}
