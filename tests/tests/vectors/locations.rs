//! locations.json, group by group.

fn run(group: &str) {
    super::run("locations", group);
}

/// RDV-29: both halves of the keys of an epoch, and what is signed with them.
#[test]
fn keys_of_an_epoch_are_the_same_byte_for_byte() {
    run("epoch key");
}

/// RDV-30, RDV-31: records, signed, kept and read.
#[test]
fn records_are_the_same_byte_for_byte() {
    run("record");
}

/// RDV-30, RDV-31: records with one fault, and whether who keeps it sees it.
#[test]
fn a_record_with_a_fault_is_refused() {
    run("record refused");
}

/// RDV-32: which epochs are published and looked up when.
#[test]
fn epochs_count_at_the_same_time() {
    run("epochs");
}

/// RDV-39: at which relays a record lies.
#[test]
fn records_lie_at_the_same_relays() {
    run("keepers");
}
