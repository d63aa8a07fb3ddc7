//! Two processes of the real program, joined through loopback.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod party;
mod proxy;
mod reasons;
mod torn;

use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::thread::{self, sleep};
use std::time::Duration;

use party::{MIB, Party, drain, pour, run};

#[test]
fn sixty_four_mebibytes_arrive_whole_both_ways() {
    let (mut listener, mut dialler) = Party::pair();
    let there = dialler.input.take().unwrap();
    let back = listener.input.take().unwrap();
    let there = thread::spawn(|| pour(there, 1, 64 * MIB));
    let back = thread::spawn(|| pour(back, 2, 64 * MIB));
    let arrived_there = listener.output.take().unwrap();
    let arrived_there = thread::spawn(|| drain(arrived_there));
    let arrived_back = drain(dialler.output.take().unwrap());
    assert_eq!(
        arrived_there.join().unwrap(),
        (64 * MIB, there.join().unwrap())
    );
    assert_eq!(arrived_back, (64 * MIB, back.join().unwrap()));
    for mut party in [listener, dialler] {
        assert_eq!(party.child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn the_end_of_input_ends_one_direction_only() {
    let (mut listener, mut dialler) = Party::pair();
    listener.say("that is all from here");
    listener.end_input();
    dialler.hear("that is all from here");
    sleep(Duration::from_millis(300));
    for word in ["still ", "here"] {
        dialler.say(word);
        listener.hear(word);
    }
    assert!(listener.is_running() && dialler.is_running());
    dialler.end_input();
    let ends = [listener.end(), dialler.end()];
    assert!(
        ends.iter()
            .all(|(code, rest, _)| *code == Some(0) && rest.is_empty()),
        "{ends:?}"
    );
}

#[test]
fn a_pair_that_says_nothing_ends_well() {
    let (mut listener, mut dialler) = Party::pair();
    dialler.end_input();
    listener.end_input();
    let ends = [listener.end(), dialler.end()];
    assert!(ends.iter().all(|(code, ..)| *code == Some(0)), "{ends:?}");
}

#[test]
fn a_command_without_sense_is_told_so_in_one_line() {
    let name = "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid";
    let dial = |locator: &str| vec!["dial".to_owned(), locator.to_owned()];
    let split = |line: &str| {
        line.split(' ')
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let cases: Vec<(Vec<String>, &str)> = vec![
        (split(""), "--help"),
        (split("sing"), "sing"),
        (split("dial"), "<LOCATOR>"),
        (split("listen --loudly"), "--loudly"),
        (split("listen --backend openssl"), "aes-gcm"),
        (split("listen --at nowhere"), "at: "),
        (split("listen --at 0.0.0.0:0"), "place"),
        (dial("http://example.org"), "scheme: "),
        (dial("ocapn://abc.mix?at=127.0.0.1:1"), "designator: "),
        (
            dial(&format!("ocapn://{name}.tcp?at=127.0.0.1:1")),
            "transport: ",
        ),
        (dial(&format!("ocapn://{name}.mix?at=127.0.0.1:0")), "at: "),
        (dial(&format!("ocapn://{name}.mix")), "at=host:port"),
    ];
    for (arguments, named) in cases {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let done = run(&arguments);
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(
            said.lines().count() == 1 && said.contains(named),
            "{arguments:?}: {said}"
        );
        assert!(done.stdout.is_empty());
    }
}

#[test]
fn help_and_version_are_no_mistakes() {
    for arguments in [&["--help"][..], &["--version"], &["dial", "--help"]] {
        let done = run(arguments);
        assert!(done.status.success() && !done.stdout.is_empty());
    }
}

#[test]
fn nobody_there_is_a_failure() {
    let (listener, locator) = Party::listen(&[]);
    drop(listener);
    let done = run(&["dial", &locator]);
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(
        said.lines().count() == 1 && said.contains("try again later"),
        "{said}"
    );
}

#[test]
fn an_address_in_use_is_a_failure() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let done = run(&["listen", "--at", &at]);
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.lines().count() == 1 && said.contains(&at), "{said}");
}

/// VTP-34: the listener waits for a peer whose link broke; one that comes again as a new process has forgotten the connection.
#[test]
fn a_peer_that_was_killed_and_started_again_is_a_failure() {
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
    sleep(Duration::from_millis(500));
    assert!(listener.is_running(), "it waits for the peer to come back");
    let again = Party::start(&dial);
    let (code, _, said) = listener.end();
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.lines().last().unwrap().contains("was restarted"),
        "{said}"
    );
    assert_eq!(again.end().0, Some(1), "it was turned away");
}

/// One listens for one: another vat is turned away, and the pair is not disturbed.
#[test]
fn a_third_is_turned_away() {
    let (mut listener, locator) = Party::listen(&[]);
    let mut dialler = Party::start(&["dial", &locator]);
    dialler.say("hello");
    listener.hear("hello");
    let (code, _, said) = Party::start(&["dial", &locator]).end();
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.lines().last().unwrap().contains("was closed"),
        "{said}"
    );
    listener.say("still here");
    dialler.hear("still here");
    listener.end_input();
    dialler.end_input();
    assert_eq!([listener.end().0, dialler.end().0], [Some(0); 2]);
}

#[test]
fn whoever_is_told_to_stop_says_goodbye() {
    let (mut listener, mut dialler) = Party::pair();
    dialler.say("hello");
    listener.hear("hello");
    dialler.signal("TERM");
    let (code, _, said) = dialler.end();
    assert_eq!(
        (code, said.lines().last()),
        (Some(1), Some("pluribus-mix: terminated"))
    );
    let (code, _, said) = listener.end();
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.lines().last().unwrap().contains("was closed"),
        "{said}"
    );
}

#[test]
fn a_slow_reader_holds_up_the_writer_and_costs_no_memory() {
    let (mut listener, mut dialler) = Party::pair();
    let input = dialler.input.take().unwrap();
    let poured = thread::spawn(|| pour(input, 3, 64 * MIB));
    sleep(Duration::from_secs(2));
    assert!(!poured.is_finished(), "64 MiB are nowhere to be");
    let arrived = drain(listener.output.as_mut().unwrap().take(64 * MIB as u64));
    assert_eq!(arrived, (64 * MIB, poured.join().unwrap()));
    for party in [&listener, &dialler] {
        let peak = party.peak_memory();
        assert!(peak < 40 * MIB, "{peak} bytes");
    }
    listener.end_input();
    for party in [listener, dialler] {
        assert_eq!(party.end().0, Some(0));
    }
}

#[test]
fn a_key_file_keeps_a_vat_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let file = file.to_str().unwrap();
    let made = run(&["keygen", file]);
    let name = String::from_utf8(made.stdout).unwrap();
    assert!(made.status.success() && name.trim().len() == 56);
    assert_eq!(
        run(&["keygen", file]).status.code(),
        Some(1),
        "never over an existing file"
    );
    for _ in 0..2 {
        let (_listener, locator) = Party::listen(&["--key", file]);
        assert!(locator.contains(name.trim()), "{locator}");
    }
    assert!(Path::new(&format!("{file}.incarnation")).exists());
}

#[test]
fn an_anonymous_caller_is_somebody_new() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let file = file.to_str().unwrap();
    let name = String::from_utf8(run(&["keygen", file]).stdout).unwrap();
    let joined_by = |dial: &[&str]| {
        let (mut listener, locator) = Party::listen(&[]);
        let mut dialler = Party::start(&[&["dial", &locator], dial].concat());
        listener.end_input();
        dialler.end_input();
        assert_eq!(dialler.end().0, Some(0));
        let (code, _, said) = listener.end();
        assert_eq!(code, Some(0));
        said.trim().trim_start_matches("joined by ").to_owned()
    };
    assert_eq!(joined_by(&["--key", file]), name.trim());
    assert_ne!(joined_by(&["--anonymous"]), joined_by(&["--anonymous"]));
}

#[test]
fn both_backends_understand_each_other() {
    for (here, there) in [("ring", "aes-gcm"), ("aes-gcm", "ring")] {
        let (mut listener, locator) = Party::listen(&["--backend", here]);
        let mut dialler = Party::start(&["dial", &locator, "--backend", there]);
        dialler.say("ping");
        listener.hear("ping");
        listener.say("pong");
        dialler.hear("pong");
    }
}
