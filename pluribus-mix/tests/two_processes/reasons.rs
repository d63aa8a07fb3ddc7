//! What the program says when a connection ends: the sentence of the reason, and nothing of what is inside.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use pluribus_mix::crypto::rng::Seed;
use pluribus_mix::crypto::sign::SigningKey;
use pluribus_mix::locator::Locator;
use pluribus_mix::netlayer::CloseReason;
use pluribus_mix::vattp::frame::Frame;
use pluribus_mix::vattp::initiator::{self, Entropy};
use pluribus_mix::vattp::pair::PairFields;
use pluribus_mix::vattp::pipe::{Carried, Sealer};
use pluribus_mix::vattp::target::Wanted;
use pluribus_mix::vattp::{Hints, Local, Offers, Use};

use super::party::{Party, run};

/// A proven peer that a test plays by hand.
struct Puppet {
    line: TcpStream,
    sealer: Sealer,
}

impl Puppet {
    fn joined(to: &str) -> Self {
        let locator: Locator = to.parse().unwrap();
        let (key, place) = (*locator.vat().public_key(), locator.address().unwrap());
        let local = Local {
            key: Arc::new(SigningKey::from_seed(&[77; 32])),
            incarnation: 1,
            hints: Hints::default(),
            backend: Default::default(),
        };
        let wanted = Wanted {
            key,
            prekey: key.mapped(),
            for_use: Use::Vat,
            place: place.to_string().into_bytes(),
        };
        let entropy = Entropy::draw(&mut Seed::from_bytes([78; 32]).fork("puppet"));
        let mut line = TcpStream::connect(place.to_string()).unwrap();
        let mut out = Vec::new();
        let expect = initiator::start(wanted, local, Offers::default(), entropy, &mut out);
        line.write_all(&out).unwrap();
        let expect = expect.unwrap().handle(&item(&mut line)).unwrap();
        let proven = expect.handle(&item(&mut line)).unwrap();
        let fields = PairFields::go(proven.side(), 77, 78);
        let mut out = Vec::new();
        let (expect, sealer) = proven.go(&fields, Carried::Stream, &mut out).unwrap();
        line.write_all(&out).unwrap();
        assert!(expect.handle(&mut item(&mut line)).is_ok());
        Self { line, sealer }
    }

    fn say(&mut self, frame: &Frame<'_>) {
        let mut out = Vec::new();
        let begun = self.sealer.begin(&mut out);
        frame.encode(&mut out);
        self.sealer.seal(begun, &mut out).unwrap();
        self.line.write_all(&out).unwrap();
    }
}

fn item(line: &mut TcpStream) -> Vec<u8> {
    let mut len = [0; 2];
    line.read_exact(&mut len).unwrap();
    let mut item = vec![0; usize::from(u16::from_be_bytes(len))];
    line.read_exact(&mut item).unwrap();
    item
}

fn unreachable() -> (Option<i32>, String) {
    let (listener, locator) = Party::listen(&[]);
    drop(listener);
    let done = run(&["dial", &locator]);
    (done.status.code(), String::from_utf8(done.stderr).unwrap())
}

fn misbehaved() -> (Option<i32>, String) {
    let (mut listener, locator) = Party::listen(&[]);
    let mut puppet = Puppet::joined(&locator);
    // The control: what an honest peer says ends nothing.
    puppet.say(&Frame::Ping(1));
    sleep(Duration::from_millis(300));
    assert!(listener.is_running());
    puppet.say(&Frame::Pong(9));
    let (code, _, said) = listener.end();
    (code, said)
}

fn gone() -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let file = file.to_str().unwrap();
    assert!(run(&["keygen", file]).status.success());
    let (mut listener, locator) = Party::listen(&[]);
    let dial = ["dial", &locator, "--key", file];
    let mut dialler = Party::start(&dial);
    dialler.say("hello");
    listener.hear("hello");
    dialler.signal("KILL");
    let _again = Party::start(&dial);
    let (code, _, said) = listener.end();
    (code, said)
}

fn closed() -> (Option<i32>, String) {
    let (mut listener, mut dialler) = Party::pair();
    dialler.say("hello");
    listener.hear("hello");
    listener.signal("TERM");
    let (code, _, said) = dialler.end();
    (code, said)
}

/// VTP-55: `dial` and `listen` end with the sentence of the reason. The other reasons arise where vats hide, and these two commands have no
/// circuits.
#[test]
fn the_program_says_why_in_a_sentence() {
    type Deed = fn() -> (Option<i32>, String);
    let rows: [(CloseReason, Deed); 4] = [
        (CloseReason::Unreachable, unreachable),
        (CloseReason::Misbehaved, misbehaved),
        (CloseReason::Gone, gone),
        (CloseReason::Closed, closed),
    ];
    for (reason, deed) in rows {
        let (code, said) = deed();
        let last = said.lines().last().unwrap_or_default();
        assert_eq!(code, Some(1), "{said}");
        assert!(last.starts_with("pluribus-mix: "), "{said}");
        assert!(last.ends_with(&reason.to_string()), "{reason:?}: {said}");
        assert!(!said.contains(&format!("{reason:?}")), "{said}");
    }
}
