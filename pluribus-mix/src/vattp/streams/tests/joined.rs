//! Two ends, any calls, any delays: what is read is what was written.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What may happen next. Streams are chosen among those that the end knows.
#[derive(Clone, Debug)]
enum Step {
    Open(usize),
    Write(usize, usize, usize),
    Finish(usize, usize),
    Reset(usize, usize),
    Read(usize, usize, usize),
    Event(usize),
    Say(usize, usize),
    Hear(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let end = 0..2_usize;
    let which = 0..64_usize;
    let len = prop_oneof![1..40_usize, 200..3000_usize, 20_000..300_000_usize];
    let room = prop_oneof![0..LEAST_ROOM, LEAST_ROOM..900, Just(32_000)];
    let (end, which, len) = (
        move || end.clone(),
        move || which.clone(),
        move || len.clone(),
    );
    let step = prop_oneof![
        2 => end().prop_map(Step::Open),
        6 => (end(), which(), len()).prop_map(|(e, w, l)| Step::Write(e, w, l)),
        1 => (end(), which()).prop_map(|(e, w)| Step::Finish(e, w)),
        1 => (end(), which()).prop_map(|(e, w)| Step::Reset(e, w)),
        6 => (end(), which(), len()).prop_map(|(e, w, l)| Step::Read(e, w, l)),
        6 => end().prop_map(Step::Event),
        12 => (end(), room).prop_map(|(e, r)| Step::Say(e, r)),
        12 => end().prop_map(Step::Hear),
    ];
    prop::collection::vec(step, 0..400)
}

/// What one end knows of one stream.
#[derive(Clone, Copy, Default)]
struct Seen {
    written: usize,
    said: usize,
    /// What the peer may have sent, and what we may send, by the grants said.
    granted: usize,
    read: usize,
    finished: bool,
    /// Given up here, or told that the peer did.
    over: bool,
    ended: bool,
}

struct World {
    ends: Ends,
    seen: [BTreeMap<u32, Seen>; 2],
    /// Streams that somebody gave up: what is under way of them may be lost.
    broken: BTreeMap<u32, ()>,
}

/// The byte of a direction at an offset.
fn byte(end: usize, stream: u32, at: usize) -> u8 {
    (at * 7 + at / 251 + end * 101 + stream as usize * 13) as u8
}

impl World {
    fn new() -> Self {
        Self {
            ends: Ends::new(),
            seen: Default::default(),
            broken: BTreeMap::new(),
        }
    }

    fn pick(&self, end: usize, which: usize) -> Option<u32> {
        let known: Vec<_> = self.seen[end].keys().collect();
        (!known.is_empty()).then(|| *known[which % known.len()])
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Open(end) => {
                let stream = self.ends.ends[end].open(b"head").unwrap();
                self.seen[end].insert(stream, Seen::default());
            }
            Step::Write(end, which, len) => {
                if let Some(stream) = self.pick(end, which) {
                    self.write(end, stream, len);
                }
            }
            Step::Finish(end, which) => {
                if let Some(stream) = self.pick(end, which) {
                    self.finish(end, stream);
                }
            }
            Step::Reset(end, which) => {
                let Some(stream) = self.pick(end, which) else {
                    return;
                };
                self.ends.ends[end].reset(stream, 3);
                self.broken.insert(stream, ());
                self.seen[end].get_mut(&stream).unwrap().over = true;
            }
            Step::Read(end, which, max) => {
                if let Some(stream) = self.pick(end, which) {
                    self.read(end, stream, max);
                }
            }
            Step::Event(end) => drop(self.event(end)),
            Step::Say(end, room) => drop(self.say(end, room)),
            Step::Hear(end) => drop(self.hear(end)),
        }
        self.check();
    }

    fn write(&mut self, end: usize, stream: u32, len: usize) {
        let seen = self.seen[end].get_mut(&stream).unwrap();
        let from = seen.written;
        let bytes = (from..from + len).map(|at| byte(end, stream, at));
        let mut bytes = Bytes::from_iter(bytes);
        match self.ends.ends[end].write(stream, &mut bytes) {
            Ok(took) => {
                assert!(!seen.finished && !seen.over);
                assert_eq!(took, len - bytes.len());
                assert_eq!(took, len.min(SEND_BUFFER - (seen.written - seen.said)));
                seen.written += took;
            }
            Err(StreamFault::Finished) => assert!(seen.finished),
            Err(fault) => self.allow(end, stream, fault),
        }
    }

    /// A stream is over only for who gave it up, has heard that the peer did, or has ended it both ways.
    fn allow(&self, end: usize, stream: u32, fault: StreamFault) {
        assert_eq!(fault, StreamFault::Over);
        let seen = self.seen[end][&stream];
        let ended = seen.finished && seen.ended;
        assert!(seen.over || ended || self.broken.contains_key(&stream));
    }

    fn finish(&mut self, end: usize, stream: u32) {
        match self.ends.ends[end].finish(stream) {
            Ok(()) => self.seen[end].get_mut(&stream).unwrap().finished = true,
            Err(StreamFault::Finished) => assert!(self.seen[end][&stream].finished),
            Err(fault) => self.allow(end, stream, fault),
        }
    }

    fn read(&mut self, end: usize, stream: u32, max: usize) -> usize {
        let seen = self.seen[end].get_mut(&stream).unwrap();
        match self.ends.ends[end].read(stream, max) {
            Ok(None) => 0,
            Ok(Some(bytes)) => {
                assert!(!bytes.is_empty() && bytes.len() <= max);
                assert!(!seen.ended && !seen.over);
                let expected = (seen.read..).map(|at| byte(1 - end, stream, at));
                assert!(bytes.iter().copied().zip(expected).all(|(a, b)| a == b));
                seen.read += bytes.len();
                bytes.len()
            }
            Err(fault) => {
                self.allow(end, stream, fault);
                0
            }
        }
    }

    fn event(&mut self, end: usize) -> Option<u32> {
        let event = self.ends.ends[end].poll_event()?;
        if let StreamEvent::Opened { stream, head } = event {
            assert_eq!(head, "head");
            assert!(self.seen[end].insert(stream, Seen::default()).is_none());
            return Some(stream);
        }
        let (StreamEvent::Readable { stream }
        | StreamEvent::Writable { stream }
        | StreamEvent::Ended { stream }
        | StreamEvent::Reset { stream, .. }) = event
        else {
            panic!("{event:?}");
        };
        let theirs = self.seen[1 - end].get(&stream).copied().unwrap_or_default();
        let seen = self.seen[end].get_mut(&stream).unwrap();
        assert!(!seen.over, "{event:?} behind the last");
        match event {
            StreamEvent::Readable { .. } => assert!(!seen.ended),
            StreamEvent::Writable { .. } => assert!(!seen.finished),
            StreamEvent::Ended { .. } => {
                assert!(!seen.ended && theirs.finished);
                assert_eq!(seen.read, theirs.written);
                seen.ended = true;
            }
            _ => {
                assert!(self.broken.contains_key(&stream));
                seen.over = true;
            }
        }
        Some(stream)
    }

    fn say(&mut self, end: usize, room: usize) -> Option<()> {
        let has_body = self.ends.ends[end].has_body();
        let Some(body) = self.ends.ends[end].poll_body(room) else {
            assert!(!has_body || room < LEAST_ROOM);
            return None;
        };
        assert!(has_body && body.frame_len() <= room);
        match &body {
            Body::Stream { stream, bytes, .. } => {
                let seen = self.seen[end].get_mut(stream).unwrap();
                seen.said += bytes.len();
                let open = FIRST_CREDIT as usize + seen.granted;
                assert!(seen.said <= open);
                let all = seen.said == seen.written || seen.said == open;
                assert!(bytes.len() >= CRUMB || all);
            }
            Body::Credit { more, .. } => assert!(*more >= FIRST_CREDIT / 2),
            _ => {}
        }
        self.ends.wires[end].push_back(body);
        Some(())
    }

    fn hear(&mut self, end: usize) -> Option<()> {
        let body = self.ends.wires[1 - end].pop_front()?;
        if let Body::Credit { stream, more } = &body {
            self.seen[end].get_mut(stream).unwrap().granted += *more as usize;
        }
        assert_eq!(handle(&mut self.ends.ends[end], &body), Ok(()));
        Some(())
    }

    /// The bounds that hold at each step.
    fn check(&self) {
        for end in &self.ends.ends {
            let streams = end.streams.len();
            assert!(end.held() <= MAX_EXTRA + FIRST_CREDIT as usize * streams);
            assert!(end.weight() <= (SEND_BUFFER + MAX_HEAD) * streams);
            let total = end.streams.values().map(|it| it.share());
            let sum = total.fold(Share::default(), |mut sum, share| {
                sum.change(Share::default(), share);
                sum
            });
            assert_eq!((sum.held, sum.waiting), (end.held(), end.weight()));
            assert!(sum.extra == end.total.extra && sum.extra <= MAX_EXTRA);
        }
    }

    /// Both runtimes finish, read what they are told of and nothing else, until nothing moves.
    fn wind_up(&mut self) {
        for end in [MASTER, SLAVE] {
            while self.event(end).is_some() {}
            for stream in Vec::from_iter(self.seen[end].keys().copied()) {
                self.finish(end, stream);
                while self.read(end, stream, 100_000) > 0 {}
            }
        }
        let mut moved = true;
        while moved {
            moved = false;
            for end in [MASTER, SLAVE] {
                while self.say(end, 32_000).or_else(|| self.hear(end)).is_some() {
                    moved = true;
                }
                while let Some(stream) = self.event(end) {
                    moved = true;
                    self.finish(end, stream);
                    while self.read(end, stream, 100_000) > 0 {}
                }
                self.check();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// VTP-47, VTP-49, VTP-50, VTP-51: whatever two runtimes do and however frames are delayed, nothing is refused, what is
    /// read is what was written, whole unless somebody gave the stream up, and in the end no stream is left.
    #[test]
    fn what_is_read_is_what_was_written(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        world.wind_up();
        prop_assert!(world.ends.is_empty());
        for (end, streams) in world.seen.iter().enumerate() {
            for (stream, seen) in streams {
                if world.broken.contains_key(stream) {
                    continue;
                }
                let theirs = world.seen[1 - end][stream];
                prop_assert!(seen.ended && theirs.written == seen.read);
            }
        }
    }
}
