//! Two connections over transports that lose cells, break and change their kind. (VTP-23, VTP-26, VTP-27, VTP-45 to VTP-47)

use super::rig::{connection, local};
use crate::crypto::aead::Backend;
use crate::crypto::rng::{Rng, Seed};
use crate::netlayer::MAX_MESSAGE;
use crate::time::{Duration, Instant};
use crate::vattp::connection::Connection;
use crate::vattp::frame::{Frame, Frames};
use crate::vattp::inbound::Taken;
use crate::vattp::initiator::Established;
use crate::vattp::pair::Side;
use crate::vattp::pipe::{Carrier, Opener, RECORD_LEN, Sealer};
use crate::vattp::sending::Sending;
use crate::vattp::split::Splitter;
use crate::vattp::streams::StreamEvent;
use crate::vattp::tickets::{Heard, Purpose};
use crate::vattp::transport::{Said, Transport, Tuning};
use crate::vattp::{Exporter, Peer, Violation};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};

const LATENCY: Duration = Duration::from_millis(40);

/// One end, and what it has heard.
struct Vat {
    conn: Connection,
    transport: Option<Transport>,
    index: u64,
    takes: bool,
    heard: Vec<Vec<u8>>,
    ended: bool,
    streams: BTreeMap<u32, Vec<u8>>,
    tickets: Vec<Heard>,
    /// Cells it has made.
    made: usize,
}

impl Vat {
    fn new(side: Side, seed: u8) -> Self {
        Self {
            conn: connection(side, seed),
            transport: None,
            index: 0,
            takes: true,
            heard: Vec::new(),
            ended: false,
            streams: BTreeMap::new(),
            tickets: Vec::new(),
            made: 0,
        }
    }

    fn take(&mut self, now: Instant) {
        while self.takes
            && let Some(taken) = self.conn.take(now)
        {
            match taken {
                Taken::Message(body) => self.heard.push(body),
                Taken::End => self.ended = true,
            }
        }
        let tickets = core::iter::from_fn(|| self.conn.take_tickets());
        self.tickets.extend(tickets);
        while let Some(event) = self.conn.streams().poll_event() {
            let (StreamEvent::Opened { stream, .. } | StreamEvent::Readable { stream }) = event
            else {
                continue;
            };
            let heard = self.streams.entry(stream).or_default();
            while let Ok(Some(bytes)) = self.conn.streams().read(stream, 1 << 20) {
                if bytes.is_empty() {
                    break;
                }
                heard.extend_from_slice(&bytes);
            }
        }
    }
}

/// Both, and what is between them.
struct Pair {
    now: Instant,
    vats: [Vat; 2],
    carrier: Carrier,
    /// When, to whom, the index, and what.
    air: VecDeque<(Instant, usize, u64, Vec<u8>)>,
    rng: Rng,
    /// So many of 100 cells are lost.
    loss: u64,
}

impl Pair {
    fn new(seed: u8) -> Self {
        Self {
            now: Instant::ZERO,
            vats: [
                Vat::new(Side::Master, seed),
                Vat::new(Side::Slave, seed + 100),
            ],
            carrier: Carrier::Stream,
            air: VecDeque::new(),
            rng: Seed::from_bytes([seed; 32]).fork("weather"),
            loss: 0,
        }
    }

    /// A new transport; the first vat says up to so many records before it knows what the other expects.
    fn connect(&mut self, carrier: Carrier, early: usize) {
        self.carrier = carrier;
        self.air.clear();
        let expects = [1, 0].map(|other: usize| self.vats[other].conn.expect());
        for (n, vat) in self.vats.iter_mut().enumerate() {
            vat.conn.begin(carrier);
            vat.transport = Some(transport(carrier, n, self.now));
            vat.index = 0;
        }
        for _ in 0..early {
            self.say(0);
        }
        for (vat, expect) in self.vats.iter_mut().zip(expects) {
            vat.conn.go_live();
            vat.conn.confirm(expect).unwrap();
        }
    }

    /// One cell, or a batch of records; whether there was any.
    fn say(&mut self, n: usize) -> bool {
        let Vat {
            conn,
            transport,
            index,
            made,
            ..
        } = &mut self.vats[n];
        let transport = transport.as_mut().unwrap();
        let (mut out, at) = (Vec::new(), *index);
        match self.carrier {
            Carrier::Stream => transport.fill(self.now, conn, &mut out).unwrap(),
            Carrier::Cells => {
                let said = transport.fill_cell(self.now, at, conn, &mut out).unwrap();
                assert_eq!(out.len(), if said { 896 } else { 0 });
            }
        }
        if out.is_empty() {
            return false;
        }
        *index += 1;
        *made += 1;
        if self.carrier == Carrier::Stream || self.rng.below(100) >= self.loss {
            self.air.push_back((self.now + LATENCY, 1 - n, at, out));
        }
        true
    }

    fn hear(&mut self, n: usize, index: u64, mut bytes: Vec<u8>) {
        let Vat {
            conn, transport, ..
        } = &mut self.vats[n];
        let transport = transport.as_mut().unwrap();
        if self.carrier == Carrier::Cells {
            let said = transport.handle_cell(self.now, index, &mut bytes, conn);
            assert_eq!(said, Ok(Said::GoOn));
            return;
        }
        let (mut splitter, mut rest) = (Splitter::default(), &mut bytes[..]);
        while let Some(mut record) = splitter.next(&mut rest, &RECORD_LEN).unwrap() {
            let said = transport.handle(self.now, &mut record, conn);
            assert_eq!(said, Ok(Said::GoOn));
        }
    }

    /// Everything that happens in this time.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            for n in 0..2 {
                while self.say(n) {}
                let conn = &self.vats[n].conn;
                assert!(conn.due().is_none_or(|due| due > self.now), "stuck");
            }
            let arrives = self.air.front().map(|(at, ..)| *at);
            let due = |vat: &Vat| vat.transport.as_ref().unwrap().due(&vat.conn, true);
            let next = self.vats.iter().map(due).chain(arrives).fold(end, Ord::min);
            self.now = self.now.max(next);
            if self.now == end {
                return;
            }
            while let Some((at, ..)) = self.air.front()
                && *at <= self.now
            {
                let (_, to, index, bytes) = self.air.pop_front().unwrap();
                self.hear(to, index, bytes);
                self.vats[to].take(self.now);
            }
            for vat in &mut self.vats {
                vat.transport
                    .as_mut()
                    .unwrap()
                    .tick(self.now, &mut vat.conn)
                    .unwrap();
                vat.take(self.now);
            }
        }
    }
}

/// Vat `n`'s end of a transport.
fn transport(carrier: Carrier, n: usize, now: Instant) -> Transport {
    let backend = Backend::default();
    let [mine, theirs] = [n, 1 - n].map(|n| [n as u8 + 1; 32]);
    let (sealer, opener) = match carrier {
        Carrier::Stream => (
            Sealer::from_secret(mine, backend),
            Opener::from_secret(theirs, backend),
        ),
        Carrier::Cells => (
            Sealer::of_cells(mine, 0, backend),
            Opener::of_cells(theirs, 0, backend),
        ),
    };
    let local = local(9);
    let established = Established {
        peer: Peer {
            key: local.key.public(),
            incarnation: 9,
            hints: local.hints,
        },
        opener,
        exporter: Exporter::of([0; 32]),
    };
    let sending = Sending::new(sealer, Tuning::default(), now);
    Transport::new(sending, established, 1, 1, now)
}

/// Says something of tickets, if there is room for it.
fn say_ticket(conn: &mut Connection, given: u64, len: usize) -> Option<Heard> {
    let count = 1 + (given % 8) as u8;
    let (is_queued, said) = if given.is_multiple_of(2) {
        let said = Heard::Want(Purpose::HandOn, count);
        (conn.want_tickets(Purpose::HandOn, count), said)
    } else {
        let ticket = vec![count; len];
        let said = Heard::Give(Purpose::Dial, ticket.clone());
        (conn.give_ticket(Purpose::Dial, ticket), said)
    };
    is_queued.then_some(said)
}

/// VTP-23, VTP-25, VTP-45, VTP-46, VTP-54: over transports of both kinds that break at any moment and lose cells, every message,
/// every byte of a stream and every ticket comes once and in order, and in the end both are done.
#[test]
fn nothing_is_lost_doubled_or_swapped_over_many_transports() {
    for seed in 0..24 {
        let mut pair = Pair::new(seed);
        let mut sent = [const { Vec::new() }; 2];
        let mut written: [BTreeMap<u32, Vec<u8>>; 2] = Default::default();
        let mut tickets = [const { Vec::new() }; 2];
        for round in 0..8_u8 {
            let carrier = [Carrier::Stream, Carrier::Cells][pair.rng.below(2) as usize];
            pair.loss = pair.rng.below(30);
            let early = pair.rng.below(4) as usize;
            for n in 0..2 {
                for _ in 0..pair.rng.below(6) {
                    let bits = pair.rng.below(18);
                    let len = 1 + pair.rng.below(1 << bits) as usize;
                    let message = vec![round ^ sent[n].len() as u8; len];
                    if pair.vats[n].conn.send(message.clone()).is_ok() {
                        sent[n].push(message);
                    }
                }
                for given in 0..pair.rng.below(30) {
                    let len = 1 + pair.rng.below(400) as usize;
                    tickets[n].extend(say_ticket(&mut pair.vats[n].conn, given, len));
                }
                if pair.rng.below(3) == 0 {
                    let stream = pair.vats[n].conn.streams().open(b"head").unwrap();
                    written[n].insert(stream, Vec::new());
                }
                for (stream, all) in &mut written[n] {
                    let bytes = vec![round; pair.rng.below(50_000) as usize];
                    let mut rest = Bytes::from(bytes.clone());
                    let taken = pair.vats[n]
                        .conn
                        .streams()
                        .write(*stream, &mut rest)
                        .unwrap();
                    all.extend_from_slice(&bytes[..taken]);
                }
            }
            pair.connect(carrier, early);
            let bits = pair.rng.below(12);
            let time = pair.rng.below(1 << bits);
            pair.run(Duration::from_millis(time));
        }
        pair.loss = 10;
        pair.connect(Carrier::Cells, 0);
        for n in 0..2 {
            pair.vats[n].conn.finish();
            let streams: Vec<u32> = written[n].keys().copied().collect();
            for stream in streams {
                pair.vats[n].conn.streams().finish(stream).unwrap();
                let ids: Vec<u32> = written[1 - n].keys().copied().collect();
                assert!(!ids.contains(&stream));
            }
        }
        pair.run(Duration::from_secs(60));
        for n in 0..2 {
            for stream in written[1 - n].keys() {
                pair.vats[n].conn.streams().finish(*stream).unwrap();
            }
        }
        pair.run(Duration::from_secs(60));
        for n in 0..2 {
            let Vat {
                heard,
                ended,
                conn,
                streams,
                tickets: heard_tickets,
                ..
            } = &pair.vats[n];
            assert_eq!(heard.len(), sent[1 - n].len(), "seed {seed}");
            assert!(*heard == sent[1 - n] && *ended, "seed {seed}");
            assert!(*streams == written[1 - n], "seed {seed}");
            assert!(*heard_tickets == tickets[1 - n], "seed {seed}");
            assert!(conn.is_done(), "seed {seed} vat {n}");
        }
    }
}

/// VTP-26: a message of 1 MiB passes over cells, which it fills beyond the window, beside streams that have something to say all
/// the time.
#[test]
fn the_longest_message_passes_over_cells_beside_many_streams() {
    let mut pair = Pair::new(1);
    let streams: Vec<u32> = (0..20)
        .map(|_| pair.vats[0].conn.streams().open(b"").unwrap())
        .collect();
    pair.vats[0].conn.send(vec![5; MAX_MESSAGE]).unwrap();
    pair.loss = 5;
    pair.connect(Carrier::Cells, 0);
    for _ in 0..200 {
        for stream in &streams {
            let mut bytes = Bytes::from(vec![6; 30_000]);
            pair.vats[0]
                .conn
                .streams()
                .write(*stream, &mut bytes)
                .unwrap();
        }
        pair.run(Duration::from_millis(100));
        if !pair.vats[1].heard.is_empty() {
            break;
        }
    }
    assert_eq!(pair.vats[1].heard, [vec![5; MAX_MESSAGE]]);
    let bytes: usize = pair.vats[1].streams.values().map(Vec::len).sum();
    assert!(
        bytes > MAX_MESSAGE / 2,
        "{bytes}: the streams had their turns"
    );
}

/// VTP-26, VTP-46: a sender that waits for `taken` only asks, again and again, and learns it though every acknowledgement of it
/// was lost.
#[test]
fn a_sender_that_only_waits_for_taken_asks() {
    let mut pair = Pair::new(3);
    pair.connect(Carrier::Cells, 0);
    pair.vats[1].takes = false;
    pair.vats[0].conn.send(vec![5; 600_000]).unwrap();
    pair.run(Duration::from_secs(2));
    assert!(pair.vats[0].conn.send(vec![6; 600_000]).is_err());
    assert!(pair.vats[1].conn.is_ready(), "all has come");
    let before = pair.vats[0].made;
    pair.run(Duration::from_secs(4));
    let asked = pair.vats[0].made - before;
    assert!((2..=6).contains(&asked), "{asked}: the pauses double");
    // What is taken is told, and lost.
    pair.vats[1].takes = true;
    pair.loss = 100;
    pair.vats[1].take(pair.now);
    pair.run(Duration::from_millis(100));
    pair.loss = 0;
    pair.run(Duration::from_secs(10));
    assert!(pair.vats[0].conn.poll_writable());
    assert!(pair.vats[0].conn.send(vec![6; 600_000]).is_ok());
}

/// VTP-27, VTP-26, VTP-47: what is due of PONG, ACK and PING stands at the beginning of the next record, between the pieces of a
/// long message, and with every PONG goes an ACK.
#[test]
fn answers_pass_between_the_pieces_of_a_long_message() {
    let mut pair = Pair::new(4);
    pair.connect(Carrier::Stream, 0);
    pair.vats[0].conn.send(vec![5; MAX_MESSAGE]).unwrap();
    let mut opener = Opener::from_secret([1; 32], Backend::default());
    let mut batch = |pair: &mut Pair| {
        let Vat {
            conn, transport, ..
        } = &mut pair.vats[0];
        let mut out = Vec::new();
        transport
            .as_mut()
            .unwrap()
            .fill(pair.now, conn, &mut out)
            .unwrap();
        assert!(out.len() < 65_536 + 32_770);
        let mut splitter = Splitter::default();
        let (mut rest, mut kinds) = (&mut out[..], Vec::new());
        while let Some(mut record) = splitter.next(&mut rest, &RECORD_LEN).unwrap() {
            let mut frames = Frames::of(opener.open(&mut record).unwrap()).unwrap();
            while let Some(frame) = frames.next().unwrap() {
                kinds.push(match frame {
                    Frame::Pong(7) => "pong",
                    Frame::Ack { .. } => "ack",
                    Frame::Msg { more: true, .. } => "piece",
                    _ => "other",
                });
            }
        }
        kinds
    };
    assert!(batch(&mut pair).iter().all(|kind| *kind == "piece"));
    let Vat {
        conn, transport, ..
    } = &mut pair.vats[0];
    let mut ping = Vec::new();
    Frame::Ping(7).encode(&mut ping);
    let frames = Frames::of(&ping).unwrap();
    transport
        .as_mut()
        .unwrap()
        .take(pair.now, frames, conn)
        .unwrap();
    assert_eq!(batch(&mut pair)[..3], ["pong", "ack", "piece"]);
}

/// VTP-27, VTP-28: PINGs that are never answered do not end a transport on which something comes; a late PONG is passed over, one
/// that was never asked for is refused.
#[test]
fn lost_pongs_do_not_end_a_living_transport() {
    let mut pair = Pair::new(5);
    pair.connect(Carrier::Cells, 0);
    let Vat {
        conn, transport, ..
    } = &mut pair.vats[0];
    let transport = transport.as_mut().unwrap();
    for token in 1..=40 {
        transport.asked(pair.now, token);
    }
    let mut pong = |token| {
        let mut plain = Vec::new();
        Frame::Pong(token).encode(&mut plain);
        transport.take(pair.now, Frames::of(&plain).unwrap(), conn)
    };
    assert_eq!(pong(3), Ok(Said::GoOn), "forgotten");
    assert_eq!(pong(30), Ok(Said::GoOn));
    assert_eq!(pong(30), Err(Violation::Pong), "twice");
    assert_eq!(pong(41), Err(Violation::Pong), "never asked");
}

/// VTP-43: REKEY does not occur on cells.
#[test]
fn rekey_is_refused_on_cells() {
    for (carrier, expected) in [
        (Carrier::Stream, Ok(Said::GoOn)),
        (Carrier::Cells, Err(Violation::Frame)),
    ] {
        let mut transport = transport(carrier, 0, Instant::ZERO);
        let frames = Frames::of(&[5]).unwrap();
        let mut conn = connection(Side::Slave, 1);
        assert_eq!(transport.take(Instant::ZERO, frames, &mut conn), expected);
    }
}
