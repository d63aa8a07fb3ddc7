//! captp_syrup.json, group by group.

fn run(group: &str) {
    super::run("captp_syrup", group);
}

/// CAP-1, CAP-2: every kind of value, at the edges of words and lengths, and in the order of the encodings.
#[test]
fn values_are_read_and_written_byte_for_byte() {
    run("valid");
}

/// CAP-1: what is cut off, what has something behind it, and what no value begins with.
#[test]
fn what_is_no_value_is_refused() {
    run("refused CAP-1");
}

/// CAP-2: other spellings of numbers and lengths, other NaNs, keys and members out of order or twice.
#[test]
fn a_second_spelling_is_refused() {
    run("refused CAP-2");
}

/// CAP-3: lengths that no message has.
#[test]
fn a_length_is_refused_before_its_bytes_come() {
    run("refused CAP-3");
}

/// CAP-3: values at the bounds and one beyond them.
#[test]
fn the_bounds_are_where_they_are() {
    run("built");
}

/// CAP-4: streams in pieces of every length.
#[test]
fn a_stream_is_cut_into_its_values() {
    run("stream");
}

/// CAP-4: streams that no value can come of.
#[test]
fn a_stream_that_is_none_is_given_up() {
    run("bad stream");
}
