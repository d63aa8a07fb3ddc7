//! Networks of real processes: authorities, relays and proxies, each with its own address, and programs that speak through them.
//!
//! Bounds on time are wide: what is tested is that everything arrives, not how soon.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "what the tests need goes wrong loudly, and processes take the time of the world"
)]

mod town;
mod vat;
mod web;

use std::fs;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use town::{PATIENCE, Party, Running, Town, refused, run};

const MIB: usize = 1 << 20;

fn text<'a>(said: &'a Value, field: &str) -> &'a str {
    said[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field} in {said}"))
}

/// PAC-17: a status is one number for each of these words, and nothing else is in it.
fn nothing_is_shown_of_anybody(status: &Value) {
    const WORDS: &str = "role client relays circuits own spare through links cells_waiting guards consensus age_s sockets listed \
        lateness batches median_us p99_us most_us pacing late short slew_millionths shunned free_slots suspect_pairs";
    match status {
        Value::Object(fields) => {
            for (name, value) in fields {
                let is_known = WORDS.split_whitespace().any(|word| word == name);
                assert!(is_known, "what is {name}?");
                nothing_is_shown_of_anybody(value);
            }
        }
        Value::Array(parties) => parties.iter().for_each(nothing_is_shown_of_anybody),
        Value::String(role) => assert!(["up", "proxy", "relay"].contains(&role.as_str())),
        Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let late = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < late, "{what}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// What is dialled, within three tries: while a machine does much else batches are late, and circuits with gaps are used for nothing new. (PAC-13)
fn in_time<C: std::fmt::Debug>(mut dial: impl FnMut() -> Result<TcpStream, C>) -> TcpStream {
    let dialled = dial().or_else(|_| dial()).or_else(|_| dial());
    dialled.unwrap()
}

/// PAC-17: a whole network, which sends by the clock if nothing is said about it, carries what programs say, and tells how it is doing.
#[test]
fn one_command_brings_a_network_up() {
    let files = tempfile::tempdir().unwrap();
    let state = files.path().join("state");
    let state = state.to_str().unwrap();
    let words = "up --relays 4 --json --state";
    let words: Vec<_> = words.split(' ').chain([state]).collect();
    let up = Party::start(&words, &files.path().join("log"));
    let ready = up.ready();
    assert_eq!(ready["relays"].as_array().unwrap().len(), 4);
    let web = web::serve();
    let (socks, http) = (text(&ready, "socks"), text(&ready, "http"));
    let mut stream = in_time(|| web::socks(socks, "127.0.0.1", web.port(), None));
    web::fetch(&mut stream, 30_000, |_| {}).unwrap();
    let mut stream = in_time(|| web::connect_http(http, &web.to_string()));
    web::fetch(&mut stream, 30_000, |_| {}).unwrap();

    let status = run(&["status", "--json", state]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert!(
        status["client"]["circuits"]["own"].as_u64().unwrap() >= 1,
        "{status}"
    );
    for party in [&status["client"], &status["relays"][0]] {
        let late = &party["lateness"];
        assert!(late["batches"].as_u64() > Some(10), "{status}");
        assert!(late["median_us"].as_u64() <= late["p99_us"].as_u64());
        assert!(late["p99_us"].as_u64() <= late["most_us"].as_u64());
        assert!(party["pacing"]["slew_millionths"].as_i64().unwrap().abs() <= 200);
    }
    let spare = &status["client"]["circuits"]["spare"];
    let [spare, free] = [spare, &status["client"]["free_slots"]].map(|it| it.as_u64().unwrap());
    // Of eight slots one is kept for those who ask the guard.
    assert!(spare + free <= 8 && free >= 1, "{status}");
    let people = String::from_utf8(run(&["status", state]).stdout).unwrap();
    for party in ["client", "relays.0", "relays.3"] {
        for number in ["pacing.late", "pacing.short", "lateness.p99_us"] {
            let line = format!("\n{party}.{number}: ");
            assert!(people.contains(&line), "no {line} in {people}");
        }
    }
    nothing_is_shown_of_anybody(&status);
    // Nobody and no place is named. (FAC-8)
    for name in ready["relays"].as_array().unwrap() {
        assert!(!status.to_string().contains(name.as_str().unwrap()));
    }
    assert!(!status.to_string().contains("127."), "{status}");

    let began = Instant::now();
    assert_eq!(up.stop(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn programs_are_told_why_not() {
    // FAC-6
    let files = tempfile::tempdir().unwrap();
    let state = files.path().join("state");
    let state = state.to_str().unwrap();
    let words = "up --relays 3 --pacing none --json --state";
    let words: Vec<_> = words.split(' ').chain([state]).collect();
    let up = Party::start(&words, &files.path().join("log"));
    let ready = up.ready();
    let (socks, http) = (text(&ready, "socks"), text(&ready, "http"));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    assert_eq!(
        web::socks(socks, "127.0.0.1", nobody.port(), None).err(),
        Some(5)
    );
    assert_eq!(
        web::connect_http(http, &nobody.to_string()).err(),
        Some(502)
    );
    // Link-local addresses are never let through. (DIR-17)
    assert_eq!(web::socks(socks, "169.254.1.1", 80, None).err(), Some(2));
    assert_eq!(web::connect_http(http, "169.254.1.1:80").err(), Some(403));
    assert_eq!(
        web::socks(socks, "no-such-host.invalid", 80, None).err(),
        Some(4)
    );
    let vat = "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid.mix";
    assert_eq!(web::socks(socks, vat, 80, None).err(), Some(4));
    // Nothing else was disturbed.
    let web = web::serve();
    let mut stream = web::socks(socks, "127.0.0.1", web.port(), Some("a")).unwrap();
    web::fetch(&mut stream, MIB, |_| {}).unwrap();
    // Where cells go at once there is nothing to be late for. (PAC-17)
    let status = run(&["status", "--json", state]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    for name in ["lateness", "pacing", "free_slots"] {
        assert!(status["client"][name].is_null(), "{status}");
    }
    assert_eq!(status["client"]["suspect_pairs"], 0);
}

#[test]
fn what_makes_no_sense_is_refused_in_one_line() {
    assert_eq!(refused(&["up", "--class", "fastest"]).0, Some(2));
    assert_eq!(refused(&["up", "--relays", "2"]).0, Some(2));
    assert_eq!(refused(&["up", "--socks", "192.0.2.1:1"]).0, Some(2));
    assert_eq!(refused(&["proxy"]).0, Some(2));
    assert_eq!(refused(&["relay", "--config", "/nowhere.toml"]).0, Some(1));
    assert_eq!(refused(&["status", "/nowhere"]).0, Some(1));
    for role in ["authority", "relay", "proxy"] {
        let printed = run(&[role, "--print-default-config"]);
        assert_eq!(printed.status.code(), Some(0));
        let files = tempfile::tempdir().unwrap();
        let file = files.path().join("it.toml");
        let spoilt = String::from_utf8(printed.stdout).unwrap() + "colour = \"red\"\n";
        fs::write(&file, &spoilt).unwrap();
        let (code, said) = refused(&[role, "--config", file.to_str().unwrap()]);
        assert_eq!(code, Some(2));
        let line = format!("it.toml, line {}:", spoilt.lines().count());
        assert!(said.contains(&line) && said.contains("colour"), "{said}");
    }
}

#[test]
fn a_consensus_that_cannot_be_trusted_is_refused_in_one_line() {
    // DIR-9, DIR-10, DIR-11
    let town = Town::found(1, 4);
    let running = town.start(1, 3);
    let proxy = town.proxy(0, "");
    proxy.ready();
    let kept = town.path("proxy0").join("consensus");
    let first = fs::read_to_string(&kept).unwrap();
    eventually("a newer consensus comes from a guard", || {
        fs::read_to_string(&kept).unwrap() != first
    });
    let newer = fs::read_to_string(&kept).unwrap();
    assert_eq!(proxy.stop(), Some(0));

    let given = |name: &str, signed: &str| {
        fs::write(town.path("given.json"), signed).unwrap();
        let file = town.path("given.toml");
        let settings = town.proxy_settings(9, "consensus = \"given.json\"");
        fs::write(&file, settings.replace("\"proxy9\"", &format!("{name:?}"))).unwrap();
        refused(&["proxy", "--config", file.to_str().unwrap()])
    };
    let tampered = newer.replacen("\"weight\":100", "\"weight\":101", 1);
    let (code, said) = given("proxy9", &tampered);
    assert_eq!(code, Some(1));
    assert!(said.contains("tampered"), "{said}");
    let at = newer.find("\"signatures\":[").unwrap();
    let (code, said) = given("proxy9", &format!("{}\"signatures\":[]}}", &newer[..at]));
    assert_eq!(code, Some(1));
    assert!(said.contains("signed by 0"), "{said}");
    // The state of the first proxy knows a newer one.
    let (code, said) = given("proxy0", &first);
    assert_eq!(code, Some(1));
    assert!(said.contains("rolled back"), "{said}");
    drop(running);
    thread::sleep(Duration::from_secs(26));
    let (code, said) = given("proxy9", &newer);
    assert_eq!(code, Some(1));
    assert!(said.contains("expired"), "{said}");
}

/// FAC-6: whoever dials as soon as a proxy is ready is not turned away, though all of the network has just begun.
#[test]
fn a_proxy_that_is_ready_carries_at_once() {
    let web = web::serve();
    for _ in 0..3 {
        let town = Town::found(1, 20);
        let _running = town.start(1, 4);
        let proxy = town.proxy(0, "");
        let ready = proxy.ready();
        let socks = text(&ready, "socks");
        let mut stream = web::socks(socks, "127.0.0.1", web.port(), None).unwrap();
        web::fetch(&mut stream, 1000, |_| {}).unwrap();
    }
}

/// A network that has just begun carries nothing yet: proxies may know its relays before these know each other.
fn everybody_is_listed(town: &Town, relays: &[Party]) {
    eventually("every relay is listed", || {
        let is_listed = |relay: &Party| town.status(relay.name())["listed"] == true;
        relays.iter().all(is_listed)
    });
}

/// Fetches 5 MiB through a proxy, slowly, and treats the busiest relay badly that is neither exit nor guard.
fn fetch_while(
    town: &Town,
    relays: &[Party],
    proxy: &str,
    mut stream: TcpStream,
    signal: &str,
) -> usize {
    let fetching = thread::spawn(move || web::fetch(&mut stream, 5 * MIB, |_| {}));
    thread::sleep(Duration::from_millis(500));
    let victim = middle(town, relays, proxy);
    relays[victim].signal(signal);
    assert!(
        !fetching.is_finished(),
        "the relay was treated badly too late"
    );
    fetching.join().unwrap().unwrap();
    victim
}

/// The relay that works most while bytes flow and is neither the exit nor the guard.
fn middle(town: &Town, relays: &[Party], proxy: &str) -> usize {
    let before: Vec<u64> = relays.iter().map(Party::work).collect();
    thread::sleep(Duration::from_secs(1));
    let guards = fs::read_to_string(town.path(proxy).join("guards")).unwrap();
    let guards: Value = serde_json::from_str(&guards).unwrap();
    let guard = text(&guards["guards"][0], "id");
    let is_middle = |n: &usize| {
        let relay = relays[*n].name();
        let name = fs::read_to_string(town.path(&format!("{relay}.name"))).unwrap();
        name != guard && town.status(relay)["sockets"] == 0
    };
    let busiest = (0..relays.len()).filter(is_middle);
    busiest
        .max_by_key(|n| relays[*n].work() - before[*n])
        .unwrap()
}

/// ONI-16, DIR-27, DIR-28, DIR-29: what is on its way arrives though a relay dies and another freezes; two of three authorities go on signing,
/// relays stay listed because they publish again, and clients get what is newer.
#[test]
fn bytes_arrive_though_relays_die_and_freeze() {
    let town = Town::found(3, 8);
    let Running {
        mut authorities,
        mut relays,
    } = town.start(3, 8);
    let proxies = [town.proxy(0, ""), town.proxy(1, "")];
    let ready = proxies.each_ref().map(Party::ready);
    everybody_is_listed(&town, &relays);
    let web = web::serve_slowly(Duration::from_millis(60));
    let slow = |n: usize| match n {
        0 => web::socks(text(&ready[0], "socks"), "localhost", web.port(), None).unwrap(),
        _ => web::connect_http(text(&ready[1], "http"), &web.to_string()).unwrap(),
    };
    let dead = fetch_while(&town, &relays, "proxy0", slow(0), "KILL");
    relays.remove(dead);
    drop(authorities.remove(0));
    let age = || town.status("proxy1")["consensus"]["age_s"].as_u64();
    eventually("two of three authorities go on", || {
        // Younger than the one before it can be.
        age().is_some_and(|age| age < 8)
    });
    let frozen = fetch_while(&town, &relays, "proxy1", slow(1), "STOP");
    relays[frozen].signal("CONT");
    for proxy in proxies {
        let said = proxy.said();
        assert_eq!(proxy.stop(), Some(0), "{said}");
    }
}
