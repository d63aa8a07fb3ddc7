//! streams.json, group by group.

fn run(group: &str) {
    super::run("streams", group);
}

/// VTP-49, VTP-50, VTP-51: what is open, what has ended, and what may be said yet.
#[test]
fn streams_come_to_stand_alike() {
    run("accepted");
}

/// VTP-49: ids that are not the next, and streams too many.
#[test]
fn a_stream_is_opened_in_its_turn() {
    run("refused VTP-49");
}

/// VTP-50: frames for streams that were never opened, bytes for those that are gone or behind the end.
#[test]
fn nothing_is_said_where_no_stream_is_open() {
    run("refused VTP-50");
}

/// VTP-51: bytes beyond what was granted, and grants of nothing or too much.
#[test]
fn credit_is_kept_to() {
    run("refused VTP-51");
}
