//! Circuits in the world: the thinnest path.

use super::super::World;
use crate::directory::Params;
use crate::netlayer::Event;
use crate::node::Reach;
use crate::time::Duration;

/// ONI-16, ONI-18: spare circuits come by themselves, and a session's stream goes through three relays.
#[test]
fn a_stream_goes_through_three_relays() {
    let mut world = World::seeded(1);
    world.set_params(Params::default().with("pacing", "none").unwrap());
    let [_, _, _, exit] = world.relays(["one", "two", "three", "exit"]);
    let client = world.client("client");
    world.publish().unwrap();
    world.run_for(Duration::from_secs(2));
    let circuits = world.node(client).unwrap().circuits();
    assert_eq!((circuits.own, circuits.spare), (4, 4));

    let conn = world.session(client, exit, Reach::Far).unwrap();
    let stream = world.open_stream(client, conn, b"a file").unwrap();
    world.pour(client, conn, stream, vec![7; 1_000_000]);
    world.finish_stream(client, conn, stream);
    world.run_for(Duration::from_secs(5));
    let opened = world.events(exit).iter().find_map(|event| match event {
        Event::Opened { conn, .. } => Some(*conn),
        _ => None,
    });
    let there = opened.expect("the session is open");
    assert_eq!(
        world.streams_opened(exit, there),
        [(stream, b"a file".to_vec())]
    );
    assert_eq!(world.stream_bytes(exit, there, stream), vec![7; 1_000_000]);
    assert!(world.stream_ended(exit, there, stream));
}
