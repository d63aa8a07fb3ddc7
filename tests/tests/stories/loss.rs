//! Cells are lost, and nothing that was said.

use crate::kit::{MS, SECOND};
use crate::ledger::{Talk, seeds};

/// How many cells in a thousand are lost.
const FIVE_PERCENT: u16 = 50;

/// Two vats that are connected over cells, of which some are lost from now on.
fn lossy(seed: u64) -> Talk {
    let mut talk = Talk::of(seed);
    talk.world.cells_everywhere();
    talk.say(0, 20);
    assert!(talk.world.run_until_quiet());
    let [alice, bob] = talk.vats;
    talk.world.lose(alice, bob, FIVE_PERCENT);
    talk
}

/// VTP-43, VTP-46, VTP-23, VTP-26, VTP-31: messages of all lengths, both ways.
#[test]
fn messages_outlive_the_loss_of_cells() {
    for seed in seeds() {
        let mut talk = lossy(seed);
        let (latency, jitter) = (talk.up_to(100), talk.up_to(50));
        talk.world.latency_everywhere(latency);
        talk.world.jitter_everywhere(jitter);
        talk.chat(5 * SECOND);
        talk.rest(120 * SECOND);
        talk.has_one_connection();
    }
}

/// VTP-44, VTP-45, VTP-46, VTP-48: links of cells that break too, so that handshakes lose cells.
#[test]
fn messages_outlive_loss_and_cuts() {
    for seed in seeds() {
        let mut talk = lossy(seed);
        let [alice, bob] = talk.vats;
        for _ in 0..6 {
            talk.chat(2 * SECOND);
            talk.world.cut(alice, bob);
        }
        talk.rest(120 * SECOND);
        talk.has_one_connection();
    }
}

/// VTP-45: the next transport has another carrier, and what was begun on one goes on on the other.
#[test]
fn a_connection_goes_from_one_carrier_to_the_other() {
    for seed in seeds() {
        let mut talk = lossy(seed);
        let [alice, bob] = talk.vats;
        for round in 0..6 {
            talk.say(0, 200_000);
            talk.say(1, 200_000);
            talk.chat(400 * MS);
            match round % 2 {
                0 => talk.world.no_cells(alice, bob),
                _ => talk.world.cells(alice, bob),
            }
            talk.world.cut(alice, bob);
        }
        talk.rest(120 * SECOND);
        talk.has_one_connection();
    }
}

/// VTP-46, VTP-49, VTP-50, VTP-51: streams opened at either side beside messages; every byte comes, in order, and the end behind them.
#[test]
fn streams_outlive_the_loss_of_cells() {
    for seed in seeds() {
        let mut talk = lossy(seed);
        let mut poured = Vec::new();
        for number in 0..6 {
            let (from, to) = (talk.vats[number % 2], talk.vats[1 - number % 2]);
            let (conn, there) = (talk.conn(number % 2), talk.conn(1 - number % 2));
            let conn = conn.unwrap();
            let len = talk.below(150_000);
            let bytes: Vec<u8> = (0..len).map(|at| (at % 249 + number) as u8).collect();
            let stream = talk.world.open_stream(from, conn, *b"a file").unwrap();
            talk.world.pour(from, conn, stream, bytes.clone());
            talk.world.finish_stream(from, conn, stream);
            poured.push((to, there.unwrap(), stream, bytes));
        }
        talk.chat(2 * SECOND);
        talk.rest(120 * SECOND);
        for (to, conn, stream, bytes) in poured {
            assert!(talk.world.stream_bytes(to, conn, stream) == bytes);
            assert!(talk.world.stream_ended(to, conn, stream));
        }
        talk.has_one_connection();
    }
}
