//! onion_cells.json, group by group.

fn run(group: &str) {
    super::run("onion_cells", group);
}

/// ONI-5, ONI-6, ONI-7, ONI-8: cells in every role, at every hop, across eras, on circuits that grow and shrink.
#[test]
fn cells_of_circuits_are_the_same_byte_for_byte() {
    run("circuit");
}

/// ONI-5, ONI-6: cells that were changed, doubled, lost before, or sealed otherwise, at the hop that notices.
#[test]
fn a_hop_opens_no_other_cell() {
    run("forward refused");
}

/// ONI-5, ONI-8: the client finds the layer that does not open.
#[test]
fn a_client_says_whose_layer_fails() {
    run("backward refused");
}
