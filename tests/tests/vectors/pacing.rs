//! pacing.json, group by group.

fn run(group: &str) {
    super::run("pacing", group);
}

/// PAC-3, PAC-5: which cells of a circuit stand in which batch, for every class.
#[test]
fn every_cell_of_a_circuit_has_its_batch() {
    run("places");
}

/// PAC-3: the class in an id.
#[test]
fn an_id_tells_the_class() {
    run("class of ids");
}

/// PAC-3: ids that either end gives.
#[test]
fn ids_are_given_by_class_and_rise() {
    run("gives");
}

/// PAC-4, ONI-2: records with a tick.
#[test]
fn records_of_batches_hold_cells() {
    run("record");
}

/// PAC-4, ONI-2: tick 0, and records of another shape.
#[test]
fn a_record_of_no_batch_is_refused() {
    run("record refused");
}

/// PAC-4: records make batches, and some are left out.
#[test]
fn records_make_batches() {
    run("batches");
}

/// PAC-4: ticks that begin, rise or fall as they may not, and batches that are too large or go on behind their end.
#[test]
fn batches_of_another_order_end_the_link() {
    run("batches refused");
}

/// PAC-6: where what came is played, and what is late.
#[test]
fn batches_are_played_where_they_belong() {
    run("plays");
}

/// PAC-8: the step of a client's link.
#[test]
fn the_step_of_a_client_follows_from_slots_and_class() {
    run("client steps");
}

/// PAC-8: steps between relays.
#[test]
fn the_step_between_relays_changes_at_epochs() {
    run("steps");
}
