use super::super::choppings::{self, End};
use super::super::refusal::DialFault;
use super::*;

fn told(input: &[u8]) -> End {
    let (said, end) = choppings::told(ExpectBlock::default, input);
    assert!(said.is_empty(), "nothing is said before the end");
    end
}

fn wants(host: &str, port: u16, credentials: Option<Credentials>, left: &[u8]) -> End {
    let target = Target::named(host, NonZeroU16::new(port).unwrap()).unwrap();
    let request = Request {
        target,
        credentials,
    };
    End::Wants(request, left.to_vec())
}

fn first_line(answer: &End) -> String {
    let End::Refused(words) = answer else {
        return "no refusal".to_owned();
    };
    let text = String::from_utf8(words.clone()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Length: {}", body.len())));
    assert!(head.contains("Connection: close") && body.ends_with('\n'));
    head.lines().next().unwrap().to_owned()
}

/// FAC-2, FAC-3, FAC-4: what comes behind the empty line belongs to the target.
#[test]
fn connect_names_a_host_an_address_or_a_vat() {
    let vat = "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid.onion";
    for (authority, host, port) in [
        ("example.org:443", "example.org", 443),
        ("192.0.2.7:1", "192.0.2.7", 1),
        ("[2001:db8::1]:65535", "2001:db8::1", 65535),
        ("[::ffff:127.0.0.1]:80", "127.0.0.1", 80),
        (&format!("{vat}:80"), vat, 80),
    ] {
        for (version, headers) in [
            ("1.0", ""),
            ("1.1", "Host: whatever\r\nUser-Agent: a b\tc \u{fc}\r\n"),
            ("1.1", "content-length: 0\r\nx:\r\n"),
        ] {
            let block = format!("CONNECT {authority} HTTP/{version}\r\n{headers}\r\n");
            for left in [&b""[..], b"\x16\x03\x01\r\n\r\n\0"] {
                let end = told(&[block.as_bytes(), left].concat());
                assert!(end == wants(host, port, None, left), "{block}");
            }
            assert!(told(&block.as_bytes()[..block.len() - 1]) == End::Waits);
        }
    }
}

/// FAC-5
#[test]
fn basic_credentials_make_the_key() {
    for (value, user, password) in [
        ("Basic YWxpY2U6eA==", "alice", "x"),
        ("bAsIc   YWxpY2U6eA==  ", "alice", "x"),
        ("Basic YWxpY2U6eDp5", "alice", "x:y"),
        ("Basic Og==", "", ""),
    ] {
        let block = format!("CONNECT a:1 HTTP/1.1\r\nPROXY-Authorization:{value}\r\n\r\n");
        let shown = Credentials::new(user.as_bytes(), password.as_bytes());
        assert!(told(block.as_bytes()) == wants("a", 1, Some(shown), b""));
    }
}

/// FAC-4: anything but CONNECT is told what this is.
#[test]
fn other_methods_are_told_what_is_served_here() {
    for line in [
        "GET http://example.org/ HTTP/1.1",
        "POST / HTTP/1.1",
        "connect a:1 HTTP/1.1",
        "OPTIONS * HTTP/1.0",
    ] {
        let end = told(format!("{line}\r\nHost: a\r\n\r\n").as_bytes());
        assert_eq!(first_line(&end), "HTTP/1.1 405 Method Not Allowed");
        let End::Refused(words) = end else { continue };
        let text = String::from_utf8(words).unwrap();
        assert!(text.contains("\r\nAllow: CONNECT\r\n") && text.contains("only CONNECT"));
    }
}

/// FAC-4, FAC-6
#[test]
fn malformed_blocks_are_refused() {
    let ok = "CONNECT a:1 HTTP/1.1\r\n";
    let lines = [
        "",
        "CONNECT",
        "CONNECT a:1",
        "CONNECT  a:1 HTTP/1.1",
        " CONNECT a:1 HTTP/1.1",
        "CONNECT a:1 HTTP/1.1 ",
        "CONNECT a:1 HTTP/2.0",
        "CONNECT a:1 http/1.1",
        "CONNECT a HTTP/1.1",
        "CONNECT a: HTTP/1.1",
        "CONNECT a:0 HTTP/1.1",
        "CONNECT a:+1 HTTP/1.1",
        "CONNECT a:65536 HTTP/1.1",
        "CONNECT :1 HTTP/1.1",
        "CONNECT a:b:1 HTTP/1.1",
        "CONNECT ::1:1 HTTP/1.1",
        "CONNECT [::1:1 HTTP/1.1",
        "CONNECT [::1]1 HTTP/1.1",
        "CONNECT [a]:1 HTTP/1.1",
        "CONNECT [127.0.0.1]:1 HTTP/1.1",
        "CONNECT u@a:1 HTTP/1.1",
        "CONNECT http://a:1 HTTP/1.1",
        "CONNECT a:1/ HTTP/1.1",
        "CONNECT 127.1:1 HTTP/1.1",
        "CONNECT a.mix:1 HTTP/1.1",
        "CONNECT b\u{fc}cher.de:1 HTTP/1.1",
        "C@NNECT a:1 HTTP/1.1",
        "GET http://a/ HTTP/9",
    ];
    let blocks = lines.map(|line| format!("{line}\r\n\r\n"));
    let headers = [
        "no colon",
        ": no name",
        "a b: space in the name",
        " folded: line",
        "a : space before the colon",
        "Transfer-Encoding: chunked",
        "Content-Length: 5",
        "Proxy-Authorization: Bearer YTpi",
        "Proxy-Authorization: Basic",
        "Proxy-Authorization: Basic YTpi!",
        "Proxy-Authorization: Basic YWI=",
        "Proxy-Authorization: Basic YTpi\r\nProxy-Authorization: Basic YTpi",
    ];
    let with_headers = headers.map(|header| format!("{ok}{header}\r\n\r\n"));
    // Refused where it stands, with nothing behind it.
    let broken_off = [
        "\x05\x01",
        "\x16\x03",
        "CONNECT a:1 HTTP/1.1\n",
        "CONNECT a:1\0",
        "CONNECT a:1 HTTP/1.1\rX",
        "a\r\n\r\r",
        "\x7f",
    ];
    let broken_off = broken_off.map(str::to_owned);
    for block in blocks.iter().chain(&with_headers).chain(&broken_off) {
        assert_eq!(
            first_line(&told(block.as_bytes())),
            "HTTP/1.1 400 Bad Request",
            "{block:?}"
        );
    }
}

/// FAC-7: 8192 bytes and not one more.
#[test]
fn a_block_has_an_end() {
    let empty = "CONNECT a:1 HTTP/1.1\r\nx: \r\n\r\n";
    let block =
        |length: usize| empty.replace("x: ", &format!("x: {}", "y".repeat(length - empty.len())));
    assert!(told(block(8192).as_bytes()) == wants("a", 1, None, b""));
    for block in [block(8193), "y".repeat(8192), "y".repeat(20_000)] {
        assert_eq!(
            first_line(&told(block.as_bytes())),
            "HTTP/1.1 400 Bad Request"
        );
    }
    assert!(told("y".repeat(8191).as_bytes()) == End::Waits);
}

/// FAC-6
#[test]
fn each_fault_has_its_status() {
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
    let status = |why| {
        first_line(&End::Refused(refusal(why)))
            .split(' ')
            .nth(1)
            .map(str::to_owned)
    };
    let statuses = faults.map(|fault| status(fault.into()));
    let expected = ["403", "503", "502", "502", "502", "504", "400", "502"];
    assert_eq!(statuses, expected.map(|status| Some(status.to_owned())));
    assert_eq!(status(Refusal::Busy).as_deref(), Some("503"));
}
