//! A byte stream over a network whose connections break all the time. (VTP-45, VTP-48)

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use std::{env, thread};

use crate::party::{MIB, Party, drain, pour};
use crate::proxy::{Proxy, Weather};

/// `tests/soak/torn_gigabyte.sh` asks for more.
const BYTES: &str = "TORN_BYTES";

/// An address that nobody listens at just now.
fn free() -> SocketAddr {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    taken.local_addr().unwrap()
}

/// One that listens behind the proxy, and one that dials it through the proxy.
fn pair(weather: Weather) -> (Party, Party, Proxy) {
    let bound = free();
    let proxy = Proxy::start(bound, weather);
    let (at, bind) = (proxy.at.to_string(), bound.to_string());
    let (listener, locator) = Party::listen(&["--at", &at, "--bind", &bind]);
    assert!(locator.ends_with(&at), "{locator}");
    (listener, Party::start(&["dial", &locator]), proxy)
}

/// VTP-45, VTP-48, VTP-50: both ways, whole and in order, while every connection is reset after 200 ms.
#[test]
fn a_stream_survives_the_links_beneath_it() {
    let bytes = env::var(BYTES).map_or(32 * MIB, |bytes| bytes.parse().unwrap());
    let (mut listener, mut dialler, proxy) = pair(Weather {
        life: Duration::from_millis(200),
        bytes_per_ms: 16 * 1024,
    });
    let there = dialler.input.take().unwrap();
    let back = listener.input.take().unwrap();
    let there = thread::spawn(move || pour(there, 4, bytes));
    let back = thread::spawn(move || pour(back, 5, bytes));
    let arrived_there = listener.output.take().unwrap();
    let arrived_there = thread::spawn(|| drain(arrived_there));
    let arrived_back = drain(dialler.output.take().unwrap());
    assert_eq!(
        arrived_there.join().unwrap(),
        (bytes, there.join().unwrap())
    );
    assert_eq!(arrived_back, (bytes, back.join().unwrap()));
    for mut party in [listener, dialler] {
        assert_eq!(party.child.wait().unwrap().code(), Some(0));
    }
    let resets = proxy.resets();
    println!("{bytes} bytes each way, {resets} connections reset");
    assert!(resets > 3, "{resets} resets are no weather");
}
