use proptest::prelude::*;

use super::*;

fn wire(peer: &Peer) -> Vec<u8> {
    let mut out = Vec::new();
    peer.write(&mut Writer::new(&mut out));
    out
}

fn read(bytes: &[u8]) -> Result<Peer, DecodeError> {
    let mut from = Reader::new(bytes)?;
    let peer = Peer::read(&mut from)?;
    from.finish()?;
    Ok(peer)
}

fn peer() -> impl Strategy<Value = Peer> {
    let hints = prop::collection::btree_map(".{1,12}", ".{0,12}", 1..4);
    let hints = prop::option::of(hints);
    ("[^.]{1,8}", ".{1,20}", hints).prop_map(|(transport, designator, hints)| Peer {
        transport,
        designator,
        hints,
    })
}

proptest! {
    /// CAP-5, CAP-6
    #[test]
    fn a_peer_comes_back_from_wire_and_paper(peer in peer(), swissnum in prop::collection::vec(any::<u8>(), 1..40)) {
        let back = read(&wire(&peer)).unwrap();
        prop_assert_eq!(&back, &peer);
        prop_assert_eq!(&back.hints, &peer.hints);
        let back = Peer::parse(&peer.to_string()).unwrap();
        prop_assert_eq!(&back, &peer);
        prop_assert_eq!(&back.hints, &peer.hints);
        let sturdyref = Sturdyref { peer, swissnum };
        let uri = sturdyref.to_string();
        let back = Sturdyref::parse(&uri).unwrap();
        prop_assert_eq!(&back, &sturdyref);
        prop_assert_eq!(back.to_string(), uri);
    }
}

/// CAP-5
#[test]
fn hints_are_kept_as_they_came() {
    for hints in ["f", "{}", "{1\"b0\"2\"aa0\"}"] {
        let bytes = format!("<10'ocapn-peer3'mix1\"x{hints}>");
        let peer = read(bytes.as_bytes()).unwrap();
        assert_eq!(wire(&peer), bytes.as_bytes());
    }
}

/// CAP-5
#[test]
fn a_bad_record_is_refused_for_what_is_bad_in_it() {
    let refused = |bytes: &str| read(bytes.as_bytes()).unwrap_err().to_string();
    let cases = [
        (
            "<10'ocapn-peer3'm.x1\"xf>",
            "not the name of a transport at byte 14",
        ),
        (
            "<10'ocapn-peer0'1\"xf>",
            "not the name of a transport at byte 14",
        ),
        ("<10'ocapn-peer3\"mix1\"xf>", "expected a symbol at byte 14"),
        ("<10'ocapn-peer3'mix1'xf>", "expected text at byte 19"),
        (
            "<10'ocapn-peer3'mix1\"xt>",
            "expected a dictionary at byte 22",
        ),
        (
            "<10'ocapn-peer3'mix1\"x{1'a0\"}>",
            "expected text at byte 23",
        ),
        (
            "<10'ocapn-peer3'mix1\"x{1\"a1+}>",
            "expected text at byte 26",
        ),
        (
            "<10'ocapn-peer3'mix1\"xff>",
            "wrong number of fields at byte 23",
        ),
        ("<10'ocapn-node3'mix1\"xf>", "expected ocapn-peer at byte 0"),
    ];
    for (bytes, reason) in cases {
        assert_eq!(refused(bytes), reason, "{bytes}");
    }
}

/// CAP-6
#[test]
fn a_bad_uri_is_refused_for_what_is_bad_in_it() {
    let peers = [
        ("http://a.mix", BadUri::Scheme),
        ("ocapn:a.mix", BadUri::Scheme),
        ("ocapn://.mix", BadUri::Designator),
        ("ocapn://a@b.mix", BadUri::Designator),
        ("ocapn://é.mix", BadUri::Designator),
        ("ocapn://a%2.mix", BadUri::Designator),
        ("ocapn://%ff.mix", BadUri::Designator),
        ("ocapn://amix", BadUri::Transport),
        ("ocapn://a.", BadUri::Transport),
        ("ocapn://a.m%2Ex", BadUri::Transport),
        ("ocapn://a.mix:80", BadUri::Transport),
        ("ocapn://a.mix#x", BadUri::Transport),
        ("ocapn://a.mix/", BadUri::Path),
        ("ocapn://a.mix/s/AA", BadUri::Path),
        ("ocapn://a.mix?", BadUri::Hints),
        ("ocapn://a.mix?a", BadUri::Hints),
        ("ocapn://a.mix?=a", BadUri::Hints),
        ("ocapn://a.mix?a=1&a=1", BadUri::Hints),
        ("ocapn://a.mix?a=1+1", BadUri::Hints),
        ("ocapn://a.mix?a=1#", BadUri::Hints),
    ];
    for (uri, reason) in peers {
        assert_eq!(Peer::parse(uri).unwrap_err(), reason, "{uri}");
    }
    let sturdyrefs = [
        ("ocapn://a.mix", BadUri::Path),
        ("ocapn://a.mix/x/AA", BadUri::Path),
        ("ocapn://a.mix/s/", BadUri::Swissnum),
        ("ocapn://a.mix/s/AB", BadUri::Swissnum),
        ("ocapn://a.mix/s/AA==", BadUri::Swissnum),
        ("ocapn://a.mix/s/+/8", BadUri::Swissnum),
    ];
    for (uri, reason) in sturdyrefs {
        assert_eq!(Sturdyref::parse(uri).unwrap_err(), reason, "{uri}");
    }
}

/// CAP-6
#[test]
fn the_last_dot_separates_and_what_is_encoded_is_decoded() {
    let peer = Peer::parse("ocapn://a.b%2F.tcp-testing-only?host=127.0.0.1&port=22045").unwrap();
    assert_eq!(peer.designator, "a.b/");
    assert_eq!(peer.transport, "tcp-testing-only");
    let hints = peer.hints.unwrap();
    assert_eq!(hints["host"], "127.0.0.1");
    assert_eq!(hints["port"], "22045");
    let same = ["ocapn://x.mix?at=[::1]:9&t=%2B%20a/b", "ocapn://x.mix?e="];
    for uri in same {
        assert_eq!(Peer::parse(uri).unwrap().to_string(), uri);
    }
}

/// CAP-6
#[test]
fn hints_do_not_say_who_a_peer_is() {
    let read = |uri| Peer::parse(uri).unwrap();
    assert_eq!(read("ocapn://x.mix?at=a"), read("ocapn://x.mix"));
    assert_ne!(read("ocapn://x.mix"), read("ocapn://y.mix"));
    assert_ne!(read("ocapn://x.mix"), read("ocapn://x.onion"));
    let order = read("ocapn://x.mix?at=a").cmp(&read("ocapn://x.mix?at=b"));
    assert_eq!(order, Ordering::Equal);
}

/// CAP-6: logs do not open objects
#[test]
fn the_secret_of_an_object_shows_only_where_it_is_asked_for() {
    let sturdyref = Sturdyref::parse("ocapn://x.mix/s/c2VjcmV0?at=a").unwrap();
    assert_eq!(format!("{sturdyref:?}"), "Sturdyref(ocapn://x.mix?at=a, …)");
    assert_eq!(sturdyref.to_string(), "ocapn://x.mix/s/c2VjcmV0?at=a");
}
