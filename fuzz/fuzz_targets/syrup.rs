//! Bytes into values, streams and operations of CapTP: no panic, and what is taken is written again as the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vat_demo::captp::dialect::{A, Auto, B, Dialect};
use vat_demo::captp::syrup::{Splitter, Term, value_len};

fuzz_target!(|data: &[u8]| {
    let Some((pieces, bytes)) = data.split_first() else {
        return;
    };
    value(bytes);
    stream(bytes, usize::from(*pieces) + 1);
    operation(&mut A, bytes);
    operation(&mut B, bytes);
    let mut auto = Auto::new();
    if operation(&mut auto, bytes) {
        assert!(A.decode(bytes).is_ok() || B.decode(bytes).is_ok());
    }
});

fn value(bytes: &[u8]) {
    let Ok(term) = Term::decode(bytes) else {
        return;
    };
    let mut out = Vec::new();
    assert_eq!(term.encode(&mut out), Ok(()));
    assert_eq!(out, bytes);
    assert_eq!(value_len(bytes), Ok(Some(bytes.len())));
}

/// In pieces and as a whole the values are the same, and so is the end.
fn stream(bytes: &[u8], size: usize) {
    let split = |size| {
        let mut splitter = Splitter::new();
        let mut values = Vec::new();
        for piece in bytes.chunks(size) {
            splitter.push(piece);
            loop {
                match splitter.next() {
                    Ok(Some(value)) => values.push(value),
                    Ok(None) => break,
                    Err(error) => return (values, Err(error)),
                }
            }
        }
        (values, Ok(splitter.is_inside()))
    };
    let whole = split(bytes.len().max(1));
    assert_eq!(split(size), whole);
    let length: usize = whole.0.iter().map(Vec::len).sum();
    assert_eq!(whole.0.concat(), bytes[..length]);
}

fn operation(dialect: &mut dyn Dialect, bytes: &[u8]) -> bool {
    let Ok(op) = dialect.decode(bytes) else {
        return false;
    };
    let mut out = Vec::new();
    assert_eq!(dialect.encode(&op, &mut out), Ok(()));
    assert_eq!(out, bytes);
    true
}
