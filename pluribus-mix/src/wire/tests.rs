use super::*;
use proptest::prelude::*;

/// WIR-1: integers are big-endian, variable fields have their length first.
#[test]
fn integers_are_big_endian_and_variable_fields_have_their_length_first() {
    let mut out = Vec::new();
    out.put_u8(1);
    out.put_u16(0x0203);
    out.put_u64(0x0405_0607_0809_0a0b);
    out.put_lp(b"\xaa\xbb");
    out.put(b"\xcc");
    assert_eq!(
        out,
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 2, 0xaa, 0xbb, 0xcc]
    );
}

/// WIR-2: what ends early and what goes on is refused by the field's name.
#[test]
fn input_that_ends_early_or_goes_on_is_refused_by_name() {
    assert_eq!(
        Reader::new(&[1]).u16("version"),
        Err(DecodeError::new("version", Fault::Truncated))
    );
    assert_eq!(
        Reader::new(&[0, 3, 1, 2]).lp("hints"),
        Err(DecodeError::new("hints", Fault::Truncated))
    );
    let mut reader = Reader::new(&[1, 2]);
    assert_eq!(reader.u8("first"), Ok(1));
    let error = reader.finish("first").unwrap_err();
    assert_eq!(error.to_string(), "first has bytes behind it");
}

/// WIR-2: a list is neither empty, nor too long, nor does it repeat itself.
#[test]
fn lists_are_bounded_and_do_not_repeat() {
    let read = |bytes: &[u8]| Reader::new(bytes).list(3, "suites", |r| r.u8("suites"));
    assert_eq!(read(&[2, 7, 8]), Ok(vec![7, 8]));
    for (bytes, fault) in [
        (&[0][..], Fault::OutOfRange),
        (&[4, 1, 2, 3, 4], Fault::OutOfRange),
        (&[2, 7, 7], Fault::Repeated),
        (&[2, 7], Fault::Truncated),
    ] {
        assert_eq!(read(bytes), Err(DecodeError::new("suites", fault)));
    }
}

proptest! {
    /// WIR-2: whatever is written is read back, and no prefix of it is.
    #[test]
    fn what_is_written_is_read_back_and_no_prefix_is(a: u8, b: u16, c: u64, d: Vec<u8>, cut: proptest::sample::Index) {
        let mut out = Vec::new();
        out.put_u8(a);
        out.put_u16(b);
        out.put_u64(c);
        out.put_lp(&d);
        let read = |bytes: &[u8]| -> Result<_, DecodeError> {
            let mut reader = Reader::new(bytes);
            let fields = (reader.u8("a")?, reader.u16("b")?, reader.u64("c")?, reader.lp("d")?.to_vec());
            reader.finish("end")?;
            Ok(fields)
        };
        prop_assert_eq!(read(&out), Ok((a, b, c, d)));
        let cut = cut.index(out.len());
        prop_assert!(read(&out[..cut]).is_err());
        out.push(0);
        prop_assert!(read(&out).is_err());
    }
}
