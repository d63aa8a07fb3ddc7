//! cells.json, group by group.

fn run(group: &str) {
    super::run("cells", group);
}

/// VTP-14, VTP-15, VTP-22, VTP-43, VTP-44: records of one cell, whatever is lost between them, and GOTOO.
#[test]
fn cells_are_the_same_byte_for_byte() {
    run("records");
}

/// VTP-22: cells that open and hold what is no frame.
#[test]
fn what_is_no_frame_in_a_cell_is_refused() {
    run("refused VTP-22");
}

/// VTP-43: REKEY in a cell.
#[test]
fn cells_know_no_rekey() {
    run("refused VTP-43");
}

/// VTP-44: flights cut into cells and put together again.
#[test]
fn flights_are_cut_into_cells() {
    run("flight");
}

/// VTP-1, VTP-44: flights with a gap, with anything behind the last item, or with an impossible length.
#[test]
fn a_flight_that_was_changed_is_refused() {
    run("flight refused");
}
