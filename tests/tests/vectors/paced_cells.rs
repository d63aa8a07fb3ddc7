//! paced_cells.json, group by group.

fn run(group: &str) {
    super::run("paced_cells", group);
}

/// PAC-9, PAC-10, PAC-11, PAC-13: counters follow from indices, each hop's own, across gaps and eras; where nothing came the client finds whose layer is missing.
#[test]
fn counters_follow_from_indices() {
    run("circuit");
}

/// PAC-9: cells in other places than theirs, at the hop that gets them.
#[test]
fn a_cell_opens_in_its_place_alone() {
    run("forward refused");
}

/// PAC-9, PAC-13: cells in other places than theirs, at the client.
#[test]
fn a_client_says_whose_cell_is_not_in_its_place() {
    run("backward refused");
}
