use super::super::choppings::{self, End, Told};
use super::super::refusal::DialFault;
use super::*;

const VAT: &str = "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid";

fn told(input: &[u8]) -> Told {
    choppings::told(|| Expect::Methods, input)
}

/// A handshake without credentials, up to this request.
fn asking(request: &[u8]) -> Vec<u8> {
    [&[5, 1, 0], request].concat()
}

fn name_request(name: &[u8], port: u16) -> Vec<u8> {
    let length = [u8::try_from(name.len()).unwrap()];
    [&[5, 1, 0, 3], &length[..], name, &port.to_be_bytes()].concat()
}

fn host(text: &str, port: u16) -> Target {
    Target::named(text, NonZeroU16::new(port).unwrap()).unwrap()
}

fn wants(target: Target, credentials: Option<Credentials>, left: &[u8]) -> End {
    let request = Request {
        target,
        credentials,
    };
    End::Wants(request, left.to_vec())
}

/// FAC-1, FAC-2, FAC-3: each kind of address; what comes behind the request belongs to the target.
#[test]
fn a_request_names_an_address_a_host_or_a_vat() {
    let vat = format!("{VAT}.mix");
    for (request, target) in [
        (
            &b"\x05\x01\0\x01\xc0\0\x02\x07\x1f\x90"[..],
            host("192.0.2.7", 8080),
        ),
        (
            b"\x05\x01\0\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\x50",
            host("2001:db8::1", 80),
        ),
        (
            b"\x05\x01\0\x04\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\x01\0\x50",
            host("127.0.0.1", 80),
        ),
        (
            &name_request(b"Example.org.", 443),
            host("example.org", 443),
        ),
        (&name_request(b"192.0.2.7", 443), host("192.0.2.7", 443)),
        (&name_request(vat.as_bytes(), 65535), host(&vat, 65535)),
    ] {
        for left in [&b""[..], b"\x16\x03\x01 first bytes of another protocol"] {
            let (said, end) = told(&[&asking(request), left].concat());
            assert_eq!(said, [5, 0]);
            assert!(end == wants(target.clone(), None, left), "{request:?}");
        }
        // A byte less, and it waits.
        let short = asking(request);
        let (said, end) = told(&short[..short.len() - 1]);
        assert!(said == [5, 0] && end == End::Waits);
    }
}

/// FAC-1, FAC-5: who can show credentials is asked for them; whatever they are they are taken, and they make the key.
#[test]
fn credentials_are_asked_for_and_taken() {
    let request = name_request(b"a", 1);
    for (offered, user, password) in [
        (&[2][..], &b"alice"[..], &b"x"[..]),
        (&[0, 2], b"", b""),
        (&[2, 0, 1], &[b'u'; 255], &[b'p'; 255]),
    ] {
        let mut input = vec![5, u8::try_from(offered.len()).unwrap()];
        input.extend(offered);
        input.push(1);
        for part in [user, password] {
            input.push(u8::try_from(part.len()).unwrap());
            input.extend(part);
        }
        input.extend(&request);
        let (said, end) = told(&input);
        assert_eq!(said, [5, 2, 1, 0]);
        let shown = Some(Credentials::new(user, password));
        assert!(end == wants(host("a", 1), shown, b""));
    }
    let keys = [("ab", "c"), ("a", "bc"), ("abc", ""), ("", "")];
    let keys = keys.map(|(user, password)| Credentials::new(user.as_bytes(), password.as_bytes()));
    for (i, key) in keys.iter().enumerate() {
        assert!(keys[..i].iter().all(|other| other != key));
    }
}

/// FAC-1, FAC-6: what is refused, and in which bytes.
#[test]
fn malformed_input_has_one_answer_each() {
    let code = |code: u8| vec![5, code, 0, 1, 0, 0, 0, 0, 0, 0];
    let none = Vec::new;
    let spaced = name_request(b"a b", 80);
    let nul = name_request(b"a\0.org", 80);
    let binary = name_request(b"\xff\xfe", 80);
    let no_port = name_request(b"a", 0);
    let empty = name_request(b"", 80);
    let number = name_request(b"127.1", 80);
    let long = name_request(&[b'a'; 255], 80);
    let slip = name_request(format!("{}.onion", VAT.replace('n', "o")).as_bytes(), 80);
    for (input, said, answer) in [
        (vec![4, 1, 0, 80, 127, 0, 0, 1, 0], &[][..], none()),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), &[], none()),
        (vec![0], &[], none()),
        (vec![5, 0], &[], vec![5, 0xff]),
        (vec![5, 2, 1, 0x80], &[], vec![5, 0xff]),
        (vec![5, 1, 2, 5, 1, b'a', 1, b'b'], &[5, 2], vec![1, 1]),
        (asking(&[4]), &[5, 0], code(1)),
        (asking(&[5, 0]), &[5, 0], code(7)),
        (asking(&[5, 2]), &[5, 0], code(7)),
        (asking(&[5, 3]), &[5, 0], code(7)),
        (asking(&[5, 0xf0]), &[5, 0], code(7)),
        (asking(&[5, 1, 1]), &[5, 0], code(1)),
        (asking(&[5, 1, 0, 0]), &[5, 0], code(8)),
        (asking(&[5, 1, 0, 2]), &[5, 0], code(8)),
        (asking(&[5, 1, 0, 5]), &[5, 0], code(8)),
        (asking(&[5, 1, 0, 1, 127, 0, 0, 1, 0, 0]), &[5, 0], code(1)),
        (asking(&no_port), &[5, 0], code(1)),
        (asking(&empty), &[5, 0], code(4)),
        (asking(&spaced), &[5, 0], code(4)),
        (asking(&nul), &[5, 0], code(4)),
        (asking(&binary), &[5, 0], code(4)),
        (asking(&number), &[5, 0], code(4)),
        (asking(&long), &[5, 0], code(4)),
        (asking(&slip), &[5, 0], code(4)),
    ] {
        let (heard, end) = told(&input);
        assert_eq!(heard, said, "{input:?}");
        assert!(end == End::Refused(answer), "{input:?}");
    }
}

/// FAC-6: replies have ten bytes and name no address.
#[test]
fn each_fault_has_its_reply() {
    use DialFault::*;
    let faults = [
        Policy,
        NoNetwork,
        NotFound,
        Unreachable,
        Refused,
        TimedOut,
        AddressKind,
        Failed,
    ];
    let codes = faults.map(|fault| refusal(fault.into())[1]);
    assert_eq!(codes, [2, 3, 4, 4, 5, 6, 8, 1]);
    assert_eq!(refusal(Refusal::Busy), [5, 1, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(ESTABLISHED, [5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
}

/// FAC-8: what was read is gone, passwords included.
#[test]
fn what_was_read_is_wiped() {
    let mut input = BytesMut::with_capacity(64);
    input.extend_from_slice(b"\x01\x05alice\x06secret\x05");
    let place = input.as_ptr().addr();
    assert!(matches!(
        Expect::Password.advance(&mut input),
        Step::Say(..)
    ));
    assert_eq!(&input[..], [5]);
    assert_eq!(input.as_ptr().addr(), place + 14);
    input.clear();
    // What lies in front comes back when there is no room behind.
    assert!(input.try_reclaim(64));
    assert_eq!(input.as_ptr().addr(), place);
    let mut seen = input.clone();
    seen.resize(14, 0);
    assert_eq!(&seen[..], [0; 14]);
}
