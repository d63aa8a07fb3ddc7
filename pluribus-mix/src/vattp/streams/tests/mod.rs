//! Streams between two ends that are joined by queues, and at one end against a peer that says what it likes.

mod flow;
mod joined;
mod life;
mod pieces;
mod refusals;

use super::*;
use std::collections::VecDeque;

/// The ends by name.
const MASTER: usize = 0;
const SLAVE: usize = 1;

/// Two ends, and what is under way from each.
struct Ends {
    ends: [Streams; 2],
    wires: [VecDeque<Body>; 2],
}

impl Ends {
    fn new() -> Self {
        Self {
            ends: [Streams::new(Side::Master), Streams::new(Side::Slave)],
            wires: [VecDeque::new(), VecDeque::new()],
        }
    }

    /// A pair with one stream that the master opened, of which both ends know.
    fn with_stream() -> (Self, u32) {
        let mut ends = Self::new();
        let stream = ends.ends[MASTER].open(b"file").unwrap();
        ends.settle();
        assert_eq!(ends.ends[SLAVE].poll_event(), Some(opened(stream, b"file")));
        (ends, stream)
    }

    /// Everything that `end` has to say goes under way.
    fn say(&mut self, end: usize) {
        while let Some(body) = self.ends[end].poll_body(LEAST_ROOM) {
            self.wires[end].push_back(body);
        }
        assert!(!self.ends[end].has_body());
    }

    /// Everything under way to `end` comes.
    fn hear(&mut self, end: usize) {
        while let Some(body) = self.wires[1 - end].pop_front() {
            handle(&mut self.ends[end], &body).unwrap();
        }
    }

    /// Until nobody has anything to say.
    fn settle(&mut self) {
        while self.ends.iter().any(Streams::has_body) || self.wires.iter().any(|w| !w.is_empty()) {
            for end in [MASTER, SLAVE] {
                self.say(end);
                self.hear(1 - end);
            }
        }
    }

    fn write(&mut self, end: usize, stream: u32, bytes: &[u8]) {
        let mut bytes = Bytes::copy_from_slice(bytes);
        self.ends[end].write(stream, &mut bytes).unwrap();
        assert!(bytes.is_empty(), "there was no room");
    }

    /// Reads all there is.
    fn read(&mut self, end: usize, stream: u32) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(bytes) = self.ends[end].read(stream, usize::MAX).unwrap() {
            all.extend_from_slice(&bytes);
        }
        all
    }

    fn is_empty(&self) -> bool {
        self.ends.iter().all(Streams::is_empty)
    }
}

fn events(end: &mut Streams) -> Vec<StreamEvent> {
    std::iter::from_fn(|| end.poll_event()).collect()
}

fn bodies(end: &mut Streams) -> Vec<Body> {
    std::iter::from_fn(|| end.poll_body(LEAST_ROOM)).collect()
}

fn handle(end: &mut Streams, body: &Body) -> Result<(), Violation> {
    match body {
        Body::Open { stream, head } => end.handle_open(*stream, head),
        Body::Stream { stream, fin, bytes } => end.handle_stream(*stream, *fin, bytes),
        Body::Credit { stream, more } => end.handle_credit(*stream, *more),
        Body::Reset { stream, code } => end.handle_reset(*stream, *code),
        body => panic!("streams do not say {body:?}"),
    }
}

fn opened(stream: u32, head: &[u8]) -> StreamEvent {
    let head = Bytes::copy_from_slice(head);
    StreamEvent::Opened { stream, head }
}

fn piece(stream: u32, fin: bool, bytes: &[u8]) -> Body {
    let bytes = Bytes::copy_from_slice(bytes);
    Body::Stream { stream, fin, bytes }
}
