//! hop_handshake.json, group by group.

fn run(group: &str) {
    super::run("hop_handshake", group);
}

/// ONI-9, PAC-3: request, reply, every value on the way, and the secrets of both sides.
#[test]
fn the_hop_handshake_is_the_same_byte_for_byte() {
    run("handshake");
}

/// ONI-9: nobody asks under an onion key of low order.
#[test]
fn a_client_asks_under_no_onion_key_of_low_order() {
    run("bad onion key");
}

/// ONI-9: requests with one fault, each refused for its own reason.
#[test]
fn a_relay_refuses_a_request_with_a_fault() {
    run("request refused");
}

/// ONI-9, PAC-3: a class in the settings that is not the one of the circuit's id.
#[test]
fn a_relay_refuses_another_class_than_the_circuits() {
    run("other class");
}

/// ONI-9: an X is kept only from when its settings have opened.
#[test]
fn a_request_that_did_not_open_spoils_no_other() {
    run("request accepted");
}

/// ONI-9: replies with one fault.
#[test]
fn a_client_refuses_a_reply_with_a_fault() {
    run("reply refused");
}

/// ONI-10: the cells in which a request and a reply travel on a link.
#[test]
fn a_circuit_begins_with_two_cells_and_is_answered_by_two() {
    run("on a link");
}

/// ONI-10: other than zeros behind a request or a reply.
#[test]
fn nothing_stands_behind_a_request_or_a_reply() {
    run("on a link refused");
}
