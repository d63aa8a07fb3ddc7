//! links.json, group by group.

fn run(group: &str) {
    super::run("links", group);
}

/// ONI-1: both ends of a link say the one thing that pair fields can say there.
#[test]
fn the_pair_fields_of_a_link_say_nothing() {
    run("pair fields");
}

/// ONI-1: other pair fields in GO or GOTOO, and anything behind those of GOTOO.
#[test]
fn a_link_takes_no_other_pair_fields() {
    run("pair fields refused");
}

/// ONI-2: records of one to 31 cells.
#[test]
fn records_of_links_hold_cells() {
    run("record");
}

/// ONI-2: records of another shape.
#[test]
fn a_record_of_another_shape_is_refused() {
    run("record refused");
}

/// ONI-2: records on the stream, and the key that changes without a word.
#[test]
fn the_key_of_a_link_changes_behind_its_last_record() {
    run("sealed");
}

/// ONI-2: the old key behind its last record.
#[test]
fn the_old_key_of_a_link_opens_nothing_more() {
    run("sealed refused");
}

/// ONI-3, ONI-4: whose ids are whose, which open circuits, and which are over.
#[test]
fn circuit_ids_rise_and_come_once() {
    run("ids");
}

/// ONI-3: ids that end the link.
#[test]
fn an_id_that_cannot_be_ends_the_link() {
    run("ids refused");
}

/// ONI-4: link words.
#[test]
fn link_words_name_circuits() {
    run("words");
}

/// ONI-4: link words of another shape.
#[test]
fn link_words_of_another_shape_are_refused() {
    run("words refused");
}
