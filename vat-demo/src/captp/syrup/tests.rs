use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A counted piece, written without the help of the writer.
fn counted(mark: char, bytes: &[u8]) -> Vec<u8> {
    [format!("{}{mark}", bytes.len()).as_bytes(), bytes].concat()
}

fn leaf() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::sample::select(vec![b"t".to_vec(), b"f".to_vec(), b"0+".to_vec()]),
        "[1-9][0-9]{0,40}[+-]".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..20).prop_map(|bytes| counted(':', &bytes)),
        ".{0,12}".prop_map(|text: String| counted('"', text.as_bytes())),
        "[a-z:é-]{0,12}".prop_map(|text: String| counted('\'', text.as_bytes())),
        any::<f64>()
            .prop_filter("the one NaN is tried elsewhere", |float| !float.is_nan())
            .prop_map(|float| [b"D".as_slice(), &float.to_be_bytes()].concat()),
        Just([b"D\x7f\xf8".as_slice(), &[0; 6]].concat()),
    ]
}

/// Any canonical encoding, made without the writer.
fn canonical() -> impl Strategy<Value = Vec<u8>> {
    leaf().prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(|items| in_brackets(b'[', items.concat(), b']')),
            vec(inner.clone(), 1..6).prop_map(|items| in_brackets(b'<', items.concat(), b'>')),
            vec(inner.clone(), 0..6).prop_map(|mut items| {
                items.sort();
                items.dedup();
                in_brackets(b'#', items.concat(), b'$')
            }),
            vec((inner.clone(), inner), 0..6).prop_map(|mut entries| {
                entries.sort();
                entries.dedup_by(|one, two| one.0 == two.0);
                let entries = entries
                    .into_iter()
                    .map(|(key, value)| [key, value].concat());
                let entries: Vec<_> = entries.collect();
                in_brackets(b'{', entries.concat(), b'}')
            }),
        ]
    })
}

fn in_brackets(open: u8, inside: Vec<u8>, close: u8) -> Vec<u8> {
    [vec![open], inside, vec![close]].concat()
}

fn encoded(term: &Term<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    term.encode(&mut out).unwrap();
    out
}

fn refused(bytes: &[u8]) -> String {
    Term::decode(bytes).unwrap_err().to_string()
}

/// Lists inside each other.
fn nested(depth: usize) -> Vec<u8> {
    [b"[".repeat(depth), b"]".repeat(depth)].concat()
}

/// Bytes whose encoding has this length.
fn bytes_of_length(length: usize) -> Vec<u8> {
    counted(':', &vec![7; length - 8])
}

proptest! {
    /// CAP-1, CAP-2
    #[test]
    fn a_value_is_written_as_it_was_read(bytes in canonical()) {
        let term = Term::decode(&bytes);
        prop_assert!(term.is_ok(), "{:?} of {}", term, bytes.escape_ascii());
        prop_assert_eq!(encoded(&term.unwrap()), bytes);
    }

    /// CAP-2
    #[test]
    fn there_are_no_two_spellings_of_a_value(
        bytes in canonical(),
        place in any::<prop::sample::Index>(),
        change in 0..3,
        byte in prop::sample::select(b"0123456789+-:\"'[]{}<>#$tfDF \x80\xff".to_vec()),
    ) {
        let mut changed = bytes;
        let place = place.index(changed.len());
        match change {
            0 => changed[place] = byte,
            1 => changed.insert(place, byte),
            _ => drop(changed.remove(place)),
        }
        if let Ok(term) = Term::decode(&changed) {
            prop_assert_eq!(encoded(&term), changed);
        }
    }

    /// CAP-4
    #[test]
    fn a_stream_cut_anywhere_has_the_same_values(
        values in vec(canonical(), 0..6),
        rest in canonical(),
        sizes in vec(1_usize..9, 1..50),
    ) {
        let stream = values.concat();
        let rest = &rest[..rest.len() - 1];
        let stream = [stream.as_slice(), rest].concat();
        let mut splitter = Splitter::new();
        let mut found = Vec::new();
        let mut left = stream.as_slice();
        for size in sizes.iter().cycle() {
            let (piece, behind) = left.split_at((*size).min(left.len()));
            splitter.push(piece);
            while let Some(value) = splitter.next().unwrap() {
                found.push(value);
            }
            left = behind;
            if left.is_empty() {
                break;
            }
        }
        prop_assert_eq!(found, values.clone());
        prop_assert_eq!(splitter.is_inside(), !rest.is_empty());
        if let Some(first) = values.first() {
            prop_assert_eq!(value_len(&stream), Ok(Some(first.len())));
        }
    }

    /// CAP-1
    #[test]
    fn numbers_of_any_size_are_the_numbers_they_say(one in any::<i128>(), two in any::<i128>()) {
        let (first, second) = (Int::from(one), Int::from(two));
        prop_assert_eq!(first.to_string(), one.to_string());
        prop_assert_eq!(one.to_string().parse::<Int>().unwrap(), first.clone());
        prop_assert_eq!(first.cmp(&second), one.cmp(&two));
        prop_assert_eq!(first.to_u64(), u64::try_from(one).ok());
        prop_assert_eq!(first.to_i64(), i64::try_from(one).ok());
        let sum = one.checked_add(two).map(Int::from);
        prop_assert!(sum.is_none_or(|sum| sum == first.plus(&second)));
    }

    /// CAP-2
    #[test]
    fn texts_are_sorted_as_their_encodings_are(one in ".{0,120}", two in ".{0,120}") {
        let keys = (counted('"', one.as_bytes()), counted('"', two.as_bytes()));
        prop_assert_eq!(Writer::text_order(&one, &two), keys.0.cmp(&keys.1));
    }
}

/// CAP-1: at the edges between words and larger numbers
#[test]
fn numbers_at_the_edge_of_a_word_have_one_form() {
    let edges = [
        i128::from(i64::MAX),
        i128::from(i64::MIN),
        i128::from(u64::MAX),
    ];
    for edge in edges {
        for number in edge - 1..=edge + 1 {
            let text = format!("{}{}", number.abs(), if number < 0 { '-' } else { '+' });
            let Term::Int(read) = Term::decode(text.as_bytes()).unwrap() else {
                panic!("{text} is a number");
            };
            assert_eq!(read, Int::from(number));
            assert_eq!(encoded(&Term::Int(read)), text.as_bytes());
        }
    }
    let numbers = [
        i128::MIN,
        i128::from(i64::MIN) - 1,
        -1,
        0,
        1,
        i128::from(i64::MAX) + 1,
    ];
    let numbers = numbers.map(Int::from);
    assert!(numbers.is_sorted_by(|one, two| one < two));
    assert!("".parse::<Int>().is_err());
    assert!("-".parse::<Int>().is_err());
    assert!("+1".parse::<Int>().is_err());
    assert!("1_0".parse::<Int>().is_err());
}

/// CAP-2
#[test]
fn a_dictionary_or_a_set_is_sorted_when_it_is_made() {
    let text = |text| Term::Text(text);
    let dict = Dict::new(vec![
        (text("0123456789"), Term::Bool(true)),
        (text("b"), Term::Bool(true)),
        (text("a"), Term::Bool(false)),
    ]);
    let dict = encoded(&Term::Dict(dict.unwrap()));
    assert_eq!(dict, b"{1\"af1\"bt10\"0123456789t}");
    let set = Set::new(vec![text("b"), Term::Int(Int::from(3_i64)), text("a")]);
    assert_eq!(encoded(&Term::Set(set.unwrap())), b"#1\"a1\"b3+$");
    let twice = Set::new(vec![text("a"), text("a")]);
    assert_eq!(twice, Err(TwiceTheSame));
    let twice = vec![
        (text("a"), Term::Bool(true)),
        (text("a"), Term::Bool(false)),
    ];
    assert_eq!(Dict::new(twice), Err(TwiceTheSame));
}

/// CAP-2
#[test]
fn all_nans_are_written_as_one() {
    let other = f64::from_bits(0xfff8_0000_0000_0001);
    assert!(other.is_nan());
    let written = encoded(&Term::Float(other));
    assert_eq!(written, b"D\x7f\xf8\x00\x00\x00\x00\x00\x00");
    assert_eq!(encoded(&Term::Float(-0.0))[1], 0x80);
}

/// CAP-3
#[test]
fn what_is_too_deep_is_neither_read_nor_written() {
    let deepest = nested(MAX_DEPTH);
    let term = Term::decode(&deepest).unwrap();
    assert_eq!(encoded(&term), deepest);
    assert_eq!(refused(&nested(MAX_DEPTH + 1)), "too deep at byte 64");
    let deeper = Term::List(vec![term]);
    let mut out = b"before".to_vec();
    assert_eq!(deeper.encode(&mut out), Err(EncodeError::TooDeep));
    assert_eq!(out, b"before");
    assert_eq!(value_len(&deepest), Ok(Some(2 * MAX_DEPTH)));
    let fault = value_len(&nested(MAX_DEPTH + 1)).unwrap_err();
    assert_eq!(fault.fault, Fault::TooDeep);
}

/// CAP-3
#[test]
fn what_is_too_long_is_neither_read_nor_written() {
    let longest = bytes_of_length(MAX_MESSAGE);
    assert_eq!(longest.len(), MAX_MESSAGE);
    let term = Term::decode(&longest).unwrap();
    assert_eq!(encoded(&term), longest);
    assert_eq!(value_len(&longest), Ok(Some(MAX_MESSAGE)));
    let longer = bytes_of_length(MAX_MESSAGE + 1);
    assert_eq!(refused(&longer), "too long at byte 1048576");
    assert_eq!(value_len(&longer).unwrap_err().fault, Fault::TooLong);
    let longer = vec![7; MAX_MESSAGE];
    let mut out = Vec::new();
    assert_eq!(
        Term::Bytes(&longer).encode(&mut out),
        Err(EncodeError::TooLong)
    );
    assert_eq!(out, b"");
}

/// CAP-3
#[test]
fn a_number_has_so_many_digits_and_no_more() {
    let longest = [b"9".repeat(MAX_DIGITS), b"-".to_vec()].concat();
    let term = Term::decode(&longest).unwrap();
    assert_eq!(encoded(&term), longest);
    assert_eq!(value_len(&longest), Ok(Some(MAX_DIGITS + 1)));
    let longer = [b"9", longest.as_slice()].concat();
    assert_eq!(refused(&longer), "too many digits at byte 0");
    assert_eq!(value_len(&longer).unwrap_err().fault, Fault::Digits);
    let Term::Int(number) = term else {
        panic!("it is a number");
    };
    let larger = Term::Int(number.plus(&number));
    let mut out = Vec::new();
    assert_eq!(larger.encode(&mut out), Err(EncodeError::Digits));
}

/// CAP-4: quadratic work would not come to an end here
#[test]
fn the_longest_value_may_come_byte_by_byte() {
    let many = [b"[".to_vec(), b"t".repeat(MAX_MESSAGE - 2), b"]".to_vec()].concat();
    let mut splitter = Splitter::new();
    for (at, byte) in many.iter().enumerate() {
        splitter.push(&[*byte]);
        let whole = splitter.next().unwrap();
        assert_eq!(whole.is_some(), at + 1 == many.len());
    }
}

/// CAP-4: what a peer promises to send is not waited for if it cannot be taken
#[test]
fn a_stream_that_cannot_become_a_value_is_given_up_at_once() {
    let fault = |stream: &[u8]| {
        let mut splitter = Splitter::new();
        splitter.push(stream);
        let error = splitter.next().unwrap_err();
        splitter.push(b"t");
        assert_eq!(splitter.next(), Err(error));
        error.fault
    };
    assert_eq!(fault(b"[1048577:"), Fault::TooLong);
    assert_eq!(
        fault(b"[1048567:"),
        Fault::TooLong,
        "the bracket and the length count"
    );
    let mut splitter = Splitter::new();
    splitter.push(b"[1048565:");
    assert_eq!(
        splitter.next(),
        Ok(None),
        "there is room for one bracket more"
    );
    let endless = [b"[".to_vec(), b"t".repeat(MAX_MESSAGE - 1)].concat();
    assert_eq!(fault(&endless), Fault::TooLong);
    assert_eq!(fault(b"[t}"), Fault::Bracket);
    assert_eq!(fault(b" t"), Fault::NotAValue);
}
