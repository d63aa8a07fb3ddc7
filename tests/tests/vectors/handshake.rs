//! handshake.json, group by group.

fn run(group: &str) {
    super::run("handshake", group);
}

/// VTP-1, VTP-2, VTP-4, VTP-7, VTP-8, VTP-9, VTP-11, VTP-12, VTP-13, VTP-14, VTP-15, VTP-19: all flights of both
/// roles, the records behind them, the exporter, and every value in between.
#[test]
fn handshakes_are_the_same_byte_for_byte() {
    run("whole");
}
